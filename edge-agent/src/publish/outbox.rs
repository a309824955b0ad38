//! The one seam between the publisher and what is stored.
//!
//! Invariants a store keeps: sequences only increase; an event stays until it is acknowledged, moved to the
//! dead letters, or dropped by the store's own bounds; every call is idempotent.

use crate::store::{OutboxSeq, Store, StoreError};
use std::future::Future;
use tokio::sync::watch;
use visit_core::event::Event;

/// An event that waits to be published.
#[derive(Clone, Debug, PartialEq)]
pub struct Queued {
    /// Its place in the outbox.
    pub seq: u64,
    /// The event.
    pub event: Event,
    /// It was stored by an earlier run of the daemon, and may have been published then.
    pub recovered: bool,
}

/// The store failed; the text says what and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("outbox: {0}")]
pub struct OutboxError(pub String);

/// Events in the order they were stored.
pub trait Outbox: Send + Sync + 'static {
    /// The first `limit` events with sequences above `after` (`None`: from the beginning), ascending.
    fn read_after(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Queued>, OutboxError>> + Send;

    /// The broker has them: forget them. Sequences that are not there are no error.
    fn acknowledge(&self, seqs: Vec<u64>) -> impl Future<Output = Result<(), OutboxError>> + Send;

    /// The broker will never take it: keep it apart for a person to look at.
    fn dead_letter(&self, seq: u64, reason: String) -> impl Future<Output = Result<(), OutboxError>> + Send;

    /// The highest sequence stored so far; `None` in an outbox that never held any.
    fn newest(&self) -> watch::Receiver<Option<u64>>;
}

impl<T: Outbox> Outbox for std::sync::Arc<T> {
    fn read_after(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Queued>, OutboxError>> + Send {
        T::read_after(self, after, limit)
    }

    fn acknowledge(&self, seqs: Vec<u64>) -> impl Future<Output = Result<(), OutboxError>> + Send {
        T::acknowledge(self, seqs)
    }

    fn dead_letter(&self, seq: u64, reason: String) -> impl Future<Output = Result<(), OutboxError>> + Send {
        T::dead_letter(self, seq, reason)
    }

    fn newest(&self) -> watch::Receiver<Option<u64>> {
        T::newest(self)
    }
}

impl Outbox for Store {
    async fn read_after(&self, after: Option<u64>, limit: usize) -> Result<Vec<Queued>, OutboxError> {
        let queued = self.read_outbox(after.map(OutboxSeq), limit).await?;
        Ok(queued
            .into_iter()
            .map(|q| Queued { seq: q.seq.0, event: q.event, recovered: q.recovered })
            .collect())
    }

    async fn acknowledge(&self, seqs: Vec<u64>) -> Result<(), OutboxError> {
        Ok(Self::acknowledge(self, seqs.into_iter().map(OutboxSeq).collect()).await?)
    }

    async fn dead_letter(&self, seq: u64, reason: String) -> Result<(), OutboxError> {
        Ok(Self::dead_letter(self, OutboxSeq(seq), &reason).await?)
    }

    fn newest(&self) -> watch::Receiver<Option<u64>> {
        Self::newest(self)
    }
}

impl From<StoreError> for OutboxError {
    fn from(e: StoreError) -> Self {
        Self(e.to_string())
    }
}
