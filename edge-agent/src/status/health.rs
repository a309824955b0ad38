//! The health of a gateway: the retained message on `…/gateway/{gateway}/health`, and the source of every metric.
//!
//! Counters begin at zero with each start of the daemon. What this machine cannot tell is absent, never zero. There is no
//! pseudonym, visit, address or network name in it.

use super::Stamp;
use super::machine::{ClockHealth, MachineHealth};
use crate::ears::EarState;
use crate::feeds::FeedState;
use crate::privacy::lists::ListState;
use crate::publish::PublishSnapshot;
use crate::reload::{InForce, MapInForce};
use crate::store::{ByKind, Stats};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use visit_core::time::Timestamp;

/// Numbers by name.
pub type Counted = BTreeMap<String, u64>;

/// How a gateway is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Health {
    /// When this was put together.
    pub at: Stamp,
    /// Version of the daemon.
    pub version: String,
    /// Counts the runs of the daemon on this store.
    pub session: u64,
    /// When this run began.
    pub started_at: Stamp,
    /// What the pipeline says of itself.
    #[serde(flatten)]
    pub pipeline: PipelineHealth,
    /// How fast sources deliver.
    pub rates: Rates,
    /// What waits for the broker.
    pub outbox: OutboxHealth,
    /// Where it waits.
    pub store: StoreHealth,
    /// The broker, and what it took.
    pub broker: BrokerHealth,
    /// The clock.
    pub clock: ClockHealth,
    /// The machine.
    pub machine: MachineHealth,
    /// The configuration in force, and what stood in the way of the last new one.
    pub config: InForce,
    /// The operators' page and `/metrics`; absent where they are switched off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web: Option<WebHealth>,
}

/// What the pipeline says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct PipelineHealth {
    /// When it said so: every ten seconds at least, unless it is stuck.
    pub progress_at: Stamp,
    /// The time of what it hears: now for live sources, then for recordings.
    pub source_at: Option<Stamp>,
    /// What the source yielded, and what of it could not be used.
    pub source: Counted,
    /// How each receipt feed is doing; null where the source is a recording.
    pub feeds: Option<BTreeMap<String, FeedState>>,
    /// How each radio and node is doing; null where the source is a recording.
    pub ears: Option<BTreeMap<String, EarState>>,
    /// Receipts that are durable and wait for their decision.
    pub receipts_waiting: u64,
    /// Observations that may not be kept, by reason.
    pub privacy_dropped: Counted,
    /// Facts that may not be told, and were stopped.
    pub privacy_stopped: u64,
    /// Facts that waited too long, and became numbers.
    pub privacy_degraded: u64,
    /// The lists of people who opted out or agreed.
    pub privacy_lists: BTreeMap<String, ListState>,
    /// Devices of staff, and things, that are remembered.
    pub staff_remembered: u64,
    /// Members whose visits are counted up.
    pub members_remembered: u64,
    /// What the engine did with observations.
    pub engine: Counted,
    /// Devices followed now.
    pub devices: u64,
    /// The key of the day is on disk. When not, that of a day before still is.
    pub key_saved: bool,
}

/// How fast sources deliver, over the last minute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Rates {
    /// Sightings a second, by radio or node.
    pub ears_per_s: BTreeMap<String, f64>,
    /// Papers a minute, by feed.
    pub feeds_per_min: BTreeMap<String, f64>,
}

/// What waits for the broker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct OutboxHealth {
    /// Events queued.
    pub depth: u64,
    /// The same by kind.
    pub depth_by_kind: Counted,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that they may take.
    pub max_bytes: u64,
    /// When the oldest of them was queued.
    pub oldest_queued_at: Option<Stamp>,
    /// How long it has waited, seconds; 0 when nothing waits.
    pub oldest_age_s: f64,
    /// Events dropped to make room, by kind.
    pub dropped: Counted,
    /// Events kept apart because no broker takes them.
    pub dead_letters: u64,
    /// Events queued since the start.
    pub committed: u64,
    /// The disk is, or was lately, full.
    pub low_space: bool,
}

/// Where events wait.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct StoreHealth {
    /// Size of the database file.
    pub file_bytes: u64,
    /// Bytes handed to the database. The device sees several times that.
    pub bytes_written: u64,
    /// Times it was opened anew after an error.
    pub reopened: u64,
    /// Times it was rebuilt to give space back.
    pub rebuilt: u64,
    /// Events and records that were too large, and dropped.
    pub oversized: u64,
    /// Queued records that could not be read.
    pub unreadable: u64,
    /// Damaged databases that were set aside and lie in the store's folder.
    pub quarantines: u64,
}

/// The broker, and what it took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct BrokerHealth {
    /// There is a connection.
    pub connected: bool,
    /// For how long, seconds.
    pub connected_for_s: Option<f64>,
    /// What went wrong last, in words.
    pub last_error: Option<String>,
    /// Connections after the first.
    pub reconnects: u64,
    /// Events submitted, every attempt counted.
    pub published: u64,
    /// Events acknowledged.
    pub acknowledged: u64,
    /// Of `published`: those marked `resent`.
    pub resent: u64,
    /// Events refused for now.
    pub refused: u64,
    /// Events set aside because no broker takes them.
    pub dead_lettered: u64,
    /// Events acknowledged for which there was no subscriber: nobody is listening.
    pub no_subscribers: u64,
    /// Events submitted and not acknowledged yet.
    pub in_flight: u64,
}

/// The operators' page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct WebHealth {
    /// It is being served.
    pub up: bool,
    /// Why not, in words.
    pub problem: Option<String>,
    /// Pages that are open and follow live.
    pub listeners: u64,
    /// Requests answered.
    pub requests: u64,
    /// Requests refused, by reason.
    pub refused: Counted,
    /// Pages that did not keep up, and were let go.
    pub slow_dropped: u64,
}

impl OutboxHealth {
    /// From the store's own figures.
    pub(super) fn of(stats: &Stats, max_bytes: u64, now: Timestamp) -> Self {
        let age = stats.oldest_queued_at.map_or(0.0, |at| now.since(at).as_secs_f64().max(0.0));
        Self {
            depth: stats.depth.total(),
            depth_by_kind: by_kind(stats.depth),
            bytes: stats.bytes,
            max_bytes,
            oldest_queued_at: stats.oldest_queued_at.map(Stamp),
            oldest_age_s: age,
            dropped: by_kind(stats.dropped),
            dead_letters: stats.dead_letters,
            committed: stats.committed,
            low_space: stats.low_space,
        }
    }
}

impl StoreHealth {
    pub(super) fn of(stats: &Stats, quarantines: u64) -> Self {
        Self {
            file_bytes: stats.file_bytes,
            bytes_written: stats.bytes_written,
            reopened: stats.reopened,
            rebuilt: stats.rebuilt,
            oversized: stats.oversized,
            unreadable: stats.unreadable,
            quarantines,
        }
    }
}

impl From<PublishSnapshot> for BrokerHealth {
    fn from(p: PublishSnapshot) -> Self {
        Self {
            connected: p.connected_for.is_some(),
            connected_for_s: p.connected_for.map(|d| d.as_secs_f64().round()),
            last_error: p.last_error,
            reconnects: p.reconnects,
            published: p.published,
            acknowledged: p.acknowledged,
            resent: p.resent,
            refused: p.refused,
            dead_lettered: p.dead_lettered,
            no_subscribers: p.no_subscribers,
            in_flight: p.in_flight,
        }
    }
}

/// As a map by name.
pub(crate) fn counted<'a>(names: impl IntoIterator<Item = (&'a str, u64)>) -> Counted {
    names.into_iter().map(|(name, n)| (name.to_owned(), n)).collect()
}

fn by_kind(n: ByKind) -> Counted {
    counted(n.named())
}

impl Health {
    /// A health of a gateway with a node and a feed, for the contract's documents.
    pub fn sample() -> Self {
        let at = Stamp(Timestamp::from_micros(1_763_688_600_000_000));
        let ear = EarState {
            sensor: "F2-S01".into(),
            kind: "node",
            up: true,
            since: Some(at.0),
            heard: 48_112,
            last_heard_at: Some(at.0),
            ..EarState::default()
        };
        let feed = FeedState {
            kind: "printer".into(),
            up: true,
            bytes: 91_220,
            delivered: 212,
            refused: 3,
            last_delivered_at: Some(at.0),
            ..FeedState::default()
        };
        let pipeline = PipelineHealth {
            progress_at: at,
            source_at: Some(at),
            source: counted([("heard", 48_112), ("received", 215)]),
            ears: Some(BTreeMap::from([("node F2-S01".to_owned(), ear)])),
            feeds: Some(BTreeMap::from([("printer till-F2-Z03".to_owned(), feed)])),
            privacy_dropped: counted([("opted_out", 4)]),
            engine: counted([("accepted", 48_210), ("late", 2)]),
            devices: 311,
            key_saved: true,
            ..PipelineHealth::default()
        };
        let rate = |name: &str, n| BTreeMap::from([(name.to_owned(), n)]);
        Self {
            at,
            version: "0.1.0".into(),
            session: 42,
            started_at: at,
            pipeline,
            rates: Rates {
                ears_per_s: rate("node F2-S01", 13.4),
                feeds_per_min: rate("printer till-F2-Z03", 0.2),
            },
            outbox: OutboxHealth {
                depth_by_kind: by_kind(ByKind::default()),
                max_bytes: 512 << 20,
                dropped: by_kind(ByKind::default()),
                committed: 9_120,
                ..OutboxHealth::default()
            },
            store: StoreHealth { file_bytes: 6 << 20, bytes_written: 40 << 20, ..StoreHealth::default() },
            broker: BrokerHealth {
                connected: true,
                connected_for_s: Some(7_200.0),
                published: 9_120,
                acknowledged: 9_120,
                ..BrokerHealth::default()
            },
            clock: ClockHealth { synchronised: Some(true), synchronised_at: Some(at) },
            machine: MachineHealth {
                cpu_s: Some(61.2),
                cpu_share: Some(0.008),
                rss_bytes: Some(24 << 20),
                open_fds: Some(31),
                disk_free_bytes: Some(21 << 30),
                disk_size_bytes: Some(29 << 30),
                temperature_c: Some(52.1),
                throttling: Some(super::machine::Throttling::default()),
            },
            config: InForce {
                version: "5eedcafe".into(),
                since: at.0.to_string(),
                site_map: MapInForce {
                    from: "topic".into(),
                    version: Some(7),
                    sha256: "61faabe9fc6b19b7ea5a9d8a2dcd7ae1a5d10a7ee6a0b3c9c1a2ef3cbd6a1d1f".into(),
                    signed_off_by: Some("Li Wei".into()),
                    signed_off_at: Some("2025-11-21T09:00:00.000Z".into()),
                    ..MapInForce::default()
                },
                ..InForce::default()
            },
            // Every field of the sample is one that is always there.
            web: None,
        }
    }
}
