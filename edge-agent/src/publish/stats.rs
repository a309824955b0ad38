//! What the publisher did, as counters that anyone may read at any time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Live counters; share it in an `Arc`.
#[derive(Debug, Default)]
pub struct PublishStats {
    pub(super) published: AtomicU64,
    pub(super) acknowledged: AtomicU64,
    pub(super) resent: AtomicU64,
    pub(super) dead_lettered: AtomicU64,
    pub(super) no_subscribers: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) connections: AtomicU64,
    pub(super) store_errors: AtomicU64,
    pub(super) in_flight: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    connected_since: Option<Instant>,
    last_error: Option<String>,
}

/// [`PublishStats`] at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishSnapshot {
    /// Events submitted to a broker, every attempt counted.
    pub published: u64,
    /// Events a broker acknowledged.
    pub acknowledged: u64,
    /// Of `published`: those marked `resent`.
    pub resent: u64,
    /// Events no broker will take, kept apart.
    pub dead_lettered: u64,
    /// Events acknowledged with "no matching subscribers": nobody is listening.
    pub no_subscribers: u64,
    /// Events refused for now, to be tried again.
    pub refused: u64,
    /// Connections after the first one.
    pub reconnects: u64,
    /// Failed calls of the outbox.
    pub store_errors: u64,
    /// Events submitted on this connection and not yet acknowledged.
    pub in_flight: u64,
    /// For how long there has been a connection; `None` while there is none.
    pub connected_for: Option<Duration>,
    /// The last thing that went wrong.
    pub last_error: Option<String>,
}

impl PublishStats {
    /// The counters now.
    pub fn snapshot(&self) -> PublishSnapshot {
        let (connected_for, last_error) = {
            let state = self.lock();
            (state.connected_since.map(|t| t.elapsed()), state.last_error.clone())
        };
        PublishSnapshot {
            published: self.published.load(Relaxed),
            acknowledged: self.acknowledged.load(Relaxed),
            resent: self.resent.load(Relaxed),
            dead_lettered: self.dead_lettered.load(Relaxed),
            no_subscribers: self.no_subscribers.load(Relaxed),
            refused: self.refused.load(Relaxed),
            reconnects: self.connections.load(Relaxed).saturating_sub(1),
            store_errors: self.store_errors.load(Relaxed),
            in_flight: self.in_flight.load(Relaxed),
            connected_for,
            last_error,
        }
    }

    /// Whether there is a connection now.
    pub fn is_connected(&self) -> bool {
        self.lock().connected_since.is_some()
    }

    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Relaxed);
        self.lock().connected_since = Some(Instant::now());
    }

    pub(super) fn disconnected(&self) {
        self.in_flight.store(0, Relaxed);
        self.lock().connected_since = None;
    }

    pub(super) fn failed(&self, error: impl Into<String>) {
        self.lock().last_error = Some(error.into());
    }

    pub(super) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Relaxed);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
