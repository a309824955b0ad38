//! Publishing over MQTT: the only user of MQTT, and the one that empties the outbox.
//!
//! What it promises: an event leaves the [`Outbox`] only when a broker has acknowledged it (or can never take
//! it, and then it is a dead letter with a reason); until then it is sent again on every connection. So delivery
//! is at least once, and the id of the event makes it once for a consumer that drops known ids.
//!
//! - `link`: one connection, of either protocol version, as a stream of notices.
//! - `session`: what is done with a connection: birth, events, health, farewell.
//! - `feed`: live events first, the backlog at a limited rate.
//! - `poison`: the event that makes a broker hang up.
//! - `message`: topics, payloads, properties.

pub mod asyncapi;
mod backoff;
mod config;
pub mod contract;
mod feed;
mod link;
#[doc(hidden)]
pub mod memory;
mod message;
mod outbox;
mod parting;
mod poison;
pub mod probe;
mod session;
mod stats;

pub use config::{ConfigProblem, MqttConfig, Password, Protocol, TlsConfig, TlsError, default_client_id};
pub use message::{GatewayStatus, Identity, OfflineReason, Presence};
pub use outbox::{Outbox, OutboxError, Queued};
pub use parting::{Leave, Parting};
pub use stats::{PublishSnapshot, PublishStats};

use crate::supervise::Beat;
use backoff::Backoff;
use serde_json::Value;
use session::{Context, End, Memory};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// A connection that lasted so long was a good one: the next failure starts the waits from the beginning.
const STABLE: Duration = Duration::from_secs(30);

/// Why there is no publisher.
#[derive(Debug, thiserror::Error)]
pub enum PublisherError {
    /// Settings are wrong.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Config(Vec<ConfigProblem>),
    /// A TLS file is wrong.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// Site or gateway cannot be part of a topic.
    #[error("{what} {id:?} cannot be one level of a topic: it must not be empty or hold / + # or NUL")]
    Identity {
        /// `site` or `gateway`.
        what: &'static str,
        /// Its id.
        id: String,
    },
}

/// Moves events from an outbox to a broker.
pub struct Publisher {
    config: MqttConfig,
    who: Identity,
    stats: Arc<PublishStats>,
    seed: Option<u64>,
    parting: Parting,
    announced: bool,
    beat: Beat,
}

/// What a publisher did in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublisherReport {
    /// The counters at the end.
    pub stats: PublishSnapshot,
    /// Nothing was left to publish, and the broker knows that we stopped.
    pub drained: bool,
    /// The broker was left with `online`, and with no last will that would take it back.
    pub left_online: bool,
}

impl Publisher {
    /// A publisher; checks the settings and reads the TLS files, connects nowhere yet.
    pub fn new(config: MqttConfig, who: Identity) -> Result<Self, PublisherError> {
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(PublisherError::Config(problems));
        }
        for (what, id) in [("site", &who.site), ("gateway", &who.gateway)] {
            if id.is_empty() || id.contains(['/', '+', '#', '\0']) {
                return Err(PublisherError::Identity { what, id: id.clone() });
            }
        }
        if let Some(tls) = &config.tls {
            tls.load()?;
        }
        Ok(Self {
            config,
            who,
            stats: Arc::default(),
            seed: None,
            parting: Parting::default(),
            announced: false,
            beat: Beat::default(),
        })
    }

    /// Decides the random waits, for tests.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Takes over from a publisher of this process. `announced`: that one was [`PublisherReport::left_online`], so
    /// that even if we are stopped at once somebody has to say `offline`. `parting` says how we leave in turn.
    #[must_use]
    pub fn taking_over(mut self, announced: bool, parting: Parting) -> Self {
        (self.announced, self.parting) = (announced, parting);
        self
    }

    /// The counters, for the status page and the metrics.
    pub fn stats(&self) -> Arc<PublishStats> {
        Arc::clone(&self.stats)
    }

    /// The life of its loop, connected or not.
    pub fn beat(&self) -> Beat {
        self.beat.clone()
    }

    /// Publishes until `cancel`, then drains the outbox within `drain_timeout`, publishes `offline` and
    /// disconnects. `health` holds the report for the health topic; while it is `null` none is published.
    pub async fn run<O: Outbox>(
        self,
        outbox: O,
        health: watch::Receiver<Value>,
        cancel: CancellationToken,
    ) -> PublisherReport {
        let seed = self.seed.or_else(|| getrandom::u64().ok()).unwrap_or(0);
        let mut backoff = Backoff::new(self.config.reconnect_min, self.config.reconnect_max, seed);
        let mut memory = Memory::default();
        memory.owes_farewell = self.announced;
        let cx = Context {
            config: &self.config,
            who: &self.who,
            outbox: &outbox,
            health: &health,
            stats: &self.stats,
            cancel: &cancel,
            parting: &self.parting,
            beat: &self.beat,
        };
        let drained = loop {
            match session::run(&cx, &mut memory).await {
                End::Stopped { drained } => break drained,
                End::Lost { why, lived } => {
                    memory.interrupted = true;
                    if lived >= STABLE {
                        backoff.reset();
                    }
                    let wait = backoff.next();
                    warn!(host = self.config.host, port = self.config.port, ?wait, "no broker: {why}");
                    self.stats.failed(why);
                    let stop =
                        self.beat.while_waiting(tokio::time::timeout(wait, cancel.cancelled())).await.is_ok();
                    if stop {
                        break false;
                    }
                }
            }
        };
        self.beat.finish();
        PublisherReport { stats: self.stats.snapshot(), drained, left_online: memory.owes_farewell }
    }
}
