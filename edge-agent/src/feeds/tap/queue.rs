//! Papers that the daemon has not on its disk yet, in memory, numbered.
//!
//! Numbers only increase within one run of the tap; an acknowledgement is cumulative. Bounded by [`MAX_BYTES`]: beyond,
//! the oldest paper goes, and is counted as lost.

use gateway::pos::escpos::end::Printed;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use visit_core::time::Timestamp;

/// Bytes of papers that wait, about. A receipt has 1 to 3 KB: several thousand of them.
pub const MAX_BYTES: usize = 16 << 20;

/// A paper that was printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tapped {
    /// Its number.
    pub seq: u64,
    /// The line it was printed on, by its name on the board.
    pub feed: Arc<str>,
    /// When its last byte came.
    pub at: Timestamp,
    /// The paper. Its lines are as printed: nothing is cut.
    pub printed: Printed,
}

/// A handle to the queue.
#[derive(Clone, Debug, Default)]
pub struct Queue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    more: Notify,
}

#[derive(Debug, Default)]
struct State {
    papers: VecDeque<Tapped>,
    bytes: usize,
    last: u64,
}

impl Queue {
    /// Adds a paper; gives the names of the lines whose oldest papers went for it.
    pub fn push(&self, feed: &Arc<str>, at: Timestamp, printed: Printed) -> Vec<Arc<str>> {
        let mut state = self.lock();
        state.last += 1;
        let tapped = Tapped { seq: state.last, feed: Arc::clone(feed), at, printed };
        state.bytes += size(&tapped);
        state.papers.push_back(tapped);
        let mut lost = Vec::new();
        while state.bytes > MAX_BYTES && state.papers.len() > 1 {
            if let Some(oldest) = state.papers.pop_front() {
                state.bytes -= size(&oldest);
                lost.push(oldest.feed);
            }
        }
        drop(state);
        self.0.more.notify_waiters();
        lost
    }

    /// The first `limit` papers after `seq`.
    pub fn after(&self, seq: u64, limit: usize) -> Vec<Tapped> {
        self.lock().papers.iter().filter(|paper| paper.seq > seq).take(limit).cloned().collect()
    }

    /// Papers up to `seq` are durable.
    pub fn acknowledge(&self, seq: u64) {
        let mut state = self.lock();
        while state.papers.front().is_some_and(|paper| paper.seq <= seq) {
            if let Some(paper) = state.papers.pop_front() {
                state.bytes -= size(&paper);
            }
        }
    }

    /// Waits until there is a paper after `seq`.
    pub async fn wait_after(&self, seq: u64) {
        loop {
            let more = self.0.more.notified();
            tokio::pin!(more);
            more.as_mut().enable();
            if self.lock().papers.back().is_some_and(|paper| paper.seq > seq) {
                return;
            }
            more.await;
        }
    }

    /// Papers that wait.
    pub fn len(&self) -> usize {
        self.lock().papers.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a paper takes up, about.
fn size(paper: &Tapped) -> usize {
    256 + paper.printed.lines.iter().map(|line| line.len() + 24).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paper(bytes: usize) -> Printed {
        Printed { lines: vec!["x".repeat(bytes)], ..Printed::default() }
    }

    #[test]
    fn what_is_not_acknowledged_is_given_again_and_too_much_drops_the_oldest() {
        let (queue, feed, at) = (Queue::default(), Arc::from("printer t"), Timestamp::from_micros(1));
        for _ in 0..3 {
            assert_eq!(queue.push(&feed, at, paper(10)), Vec::<Arc<str>>::new());
        }
        let seqs = |after| queue.after(after, 9).iter().map(|p| p.seq).collect::<Vec<_>>();
        assert_eq!((seqs(0), seqs(0), seqs(2)), (vec![1, 2, 3], vec![1, 2, 3], vec![3]));
        queue.acknowledge(2);
        queue.acknowledge(1);
        assert_eq!(seqs(0), [3]);
        assert_eq!(queue.push(&feed, at, paper(MAX_BYTES)), std::slice::from_ref(&feed));
        assert_eq!(seqs(0), [4], "the newest stays, however large");
    }
}
