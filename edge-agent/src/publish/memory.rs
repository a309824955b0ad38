//! An outbox in memory, for tests: it can be told to fail.

use super::outbox::{Outbox, OutboxError, Queued};
use std::collections::BTreeMap;
use std::sync::Mutex;
use tokio::sync::watch;
use visit_core::event::{
    Body, Confidence, Event, EventId, Identity, PrivacyMode, VisitEvent, VisitFact, VisitId,
};
use visit_core::observation::Pseudonym;
use visit_core::time::Timestamp;

/// Events in a map. Public because the integration tests use it; not for the daemon, which must not lose events.
#[derive(Debug)]
pub struct MemoryOutbox {
    inner: Mutex<Inner>,
    newest: watch::Sender<Option<u64>>,
}

#[derive(Debug, Default)]
struct Inner {
    events: BTreeMap<u64, Queued>,
    dead: BTreeMap<u64, String>,
    failures: u32,
}

impl Default for MemoryOutbox {
    fn default() -> Self {
        Self { inner: Mutex::default(), newest: watch::channel(None).0 }
    }
}

impl MemoryOutbox {
    /// Events with the sequences 1 … `n`.
    pub fn with_events(n: u64) -> Self {
        let outbox = Self::default();
        outbox.push(n);
        outbox
    }

    /// `n` more events.
    pub fn push(&self, n: u64) {
        for _ in 0..n {
            let seq = self.newest.borrow().unwrap_or(0) + 1;
            self.store(arrival(seq, "F1-Z01"), false);
        }
    }

    /// One more event; returns its sequence.
    pub fn store(&self, event: Event, recovered: bool) -> u64 {
        let seq = self.newest.borrow().unwrap_or(0) + 1;
        self.lock().events.insert(seq, Queued { seq, event, recovered });
        self.newest.send_replace(Some(seq));
        seq
    }

    /// The next `n` calls fail.
    pub fn fail(&self, n: u32) {
        self.lock().failures = n;
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.lock().events.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The dead letters with their reasons.
    pub fn dead(&self) -> BTreeMap<u64, String> {
        self.lock().dead.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn check(&self) -> Result<std::sync::MutexGuard<'_, Inner>, OutboxError> {
        let mut inner = self.lock();
        match inner.failures.checked_sub(1) {
            Some(left) => {
                inner.failures = left;
                Err(OutboxError("told to fail".into()))
            }
            None => Ok(inner),
        }
    }
}

impl Outbox for MemoryOutbox {
    async fn read_after(&self, after: Option<u64>, limit: usize) -> Result<Vec<Queued>, OutboxError> {
        let from = after.map_or(0, |a| a + 1);
        Ok(self.check()?.events.range(from..).take(limit).map(|(_, q)| q.clone()).collect())
    }

    async fn acknowledge(&self, seqs: Vec<u64>) -> Result<(), OutboxError> {
        let mut inner = self.check()?;
        for seq in seqs {
            inner.events.remove(&seq);
        }
        Ok(())
    }

    async fn dead_letter(&self, seq: u64, reason: String) -> Result<(), OutboxError> {
        let mut inner = self.check()?;
        if inner.events.remove(&seq).is_some() {
            inner.dead.insert(seq, reason);
        }
        Ok(())
    }

    fn newest(&self) -> watch::Receiver<Option<u64>> {
        self.newest.subscribe()
    }
}

/// An arrival whose id follows from `n`.
pub fn arrival(n: u64, zone: &str) -> Event {
    Event {
        id: EventId::of("joy", &n.to_be_bytes(), "visit.arrived", 1),
        site: "joy".into(),
        time: Timestamp::from_micros(1_763_688_600_000_000),
        detected_at: Timestamp::from_micros(1_763_688_601_000_000),
        privacy_mode: PrivacyMode::Pseudonymous,
        config_version: 1,
        body: Body::Visit(VisitEvent {
            visit: VisitId(u128::from(n)),
            seq: 1,
            device: Pseudonym(u128::from(n)),
            identity: Identity::Session,
            confidence: Confidence::new(0.9),
            fact: VisitFact::Arrived(visit_core::event::Arrived { zone: zone.into(), floor: "F1".into() }),
        }),
    }
}
