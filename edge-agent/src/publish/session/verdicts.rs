//! What becomes of an event once the broker has spoken, or has hung up.
//!
//! Taken: out of the outbox. Not now: again after a pause. Never: to the dead letters. Where the store fails,
//! what it should have done is kept and tried again.

use super::super::link::Verdict;
use super::super::outbox::{Outbox, OutboxError};
use super::super::poison::Death;
use super::super::stats::PublishStats;
use super::{Over, Session, Tracked};
use std::time::Duration;
use tokio::time::Instant;
use tracing::{error, warn};

/// Wait after a failed call of the outbox.
const STORE_PAUSE: Duration = Duration::from_secs(1);

impl<O: Outbox> Session<'_, O> {
    pub(super) async fn judge(&mut self, seq: u64, verdict: Verdict) {
        self.memory.suspects.acquit(seq);
        match verdict {
            Verdict::Taken => self.taken(seq),
            Verdict::NobodyListens => {
                PublishStats::add(&self.cx.stats.no_subscribers, 1);
                self.taken(seq);
            }
            Verdict::Later(reason) => {
                let wait = self.pause.next().max(Duration::from_millis(100));
                warn!(seq, reason, ?wait, "the broker refused an event for now");
                PublishStats::add(&self.cx.stats.refused, 1);
                self.cx.stats.failed(format!("event {seq} refused for now: {reason}"));
                self.retries.insert(seq);
                self.paused_until = Some(Instant::now() + wait);
            }
            Verdict::Never(reason) => self.bury(seq, reason.into()).await,
        }
    }

    fn taken(&mut self, seq: u64) {
        PublishStats::add(&self.cx.stats.acknowledged, 1);
        self.memory.acks.push(seq);
        self.pause.reset();
    }

    pub(super) fn answered(&mut self, tracked: Tracked, verdict: Verdict) -> Result<(), Over> {
        if let Verdict::Later(reason) | Verdict::Never(reason) = verdict {
            warn!(?tracked, reason, "the broker refused a message about this gateway");
            self.cx.stats.failed(format!("{tracked:?} message refused: {reason}"));
        }
        match tracked {
            Tracked::Birth => self.birth_answered = true,
            Tracked::Farewell => return Err(Over::Stopped),
            Tracked::Health | Tracked::Event(_) => {}
        }
        Ok(())
    }

    /// To the dead letters.
    pub(super) async fn bury(&mut self, seq: u64, reason: String) {
        error!(seq, reason, "no broker will take this event: moved to the dead letters");
        self.cx.stats.failed(format!("event {seq}: {reason}"));
        match self.cx.outbox.dead_letter(seq, reason).await {
            Ok(()) => PublishStats::add(&self.cx.stats.dead_lettered, 1),
            // It is still in the outbox: the next connection comes to it again.
            Err(e) => self.store_failed(&e),
        }
    }

    pub(super) async fn store_acks(&mut self) {
        if self.memory.acks.is_empty() || self.store_paused_until.is_some_and(|t| Instant::now() < t) {
            return;
        }
        match self.cx.outbox.acknowledge(self.memory.acks.clone()).await {
            Ok(()) => self.memory.acks.clear(),
            Err(e) => self.store_failed(&e),
        }
    }

    pub(super) fn store_failed(&mut self, e: &OutboxError) {
        error!("{e}");
        PublishStats::add(&self.cx.stats.store_errors, 1);
        self.cx.stats.failed(e.to_string());
        self.store_paused_until = Some(Instant::now() + STORE_PAUSE);
    }

    pub(super) async fn look_for_poison(&mut self, by_broker: bool) {
        let death = Death {
            by_broker: by_broker && self.birth_answered,
            lived: self.began.elapsed(),
            in_flight: self.events_out().collect(),
        };
        if let Some(seq) = self.memory.suspects.connection_died(&death) {
            self.bury(seq, "the broker hangs up on it, every time".into()).await;
        }
    }
}
