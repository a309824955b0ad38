//! Receipt feeds: what tills print, push and drop, on its way to the pipeline.
//!
//! A feed hands what it received to the [`Intake`] and waits: when [`Intake::deliver`] returns, it is durable, and the
//! feed may acknowledge (answer 2xx, send PUBACK, move the file). If we die before that, the sender tries again, and
//! the engine recognises the copy. What a feed is doing it tells the [`Board`].
//!
//! Raw texts live in memory between a feed and `privacy`; nothing here writes or logs one.

mod board;
mod desk;
pub mod documents;
pub mod folder;
pub mod followed;
pub mod http;
pub mod mqtt;
pub mod port;
pub mod silence;
pub mod start;
pub mod tap;

pub use board::{Board, FeedState, Reporter};
pub use desk::Desk;
pub use port::why as why_not;

use gateway::door;
use gateway::pos::receipt::{NotObserved, Receipt};
use gateway::pos::totals::DayTotals;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use visit_core::site::TillIx;
use visit_core::time::Timestamp;

/// What a feed received, one of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Paper {
    /// A receipt.
    Receipt(Box<Receipt>),
    /// What was sold in a day.
    Totals(DayTotals),
    /// What a door counter counted, in its own words.
    Door(Box<door::Message>),
}

/// One paper with how it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// What.
    pub paper: Paper,
    /// The till that the feed belongs to, or that stands for tills the site map does not have.
    pub till: Option<TillIx>,
    /// When it reached the gateway, by our clock.
    pub captured: Timestamp,
    /// It was printed at that moment: no queue and no sender that tries again was in between.
    pub prompt: bool,
}

/// What became of an arrival: it is durable, or it is nothing to record.
pub type Verdict = Result<(), NotObserved>;

/// Papers of one feed on their way, with where to tell what became of them.
#[derive(Debug)]
pub struct Delivery {
    /// The feed's name on the board.
    pub feed: Arc<str>,
    /// The papers, at most [`MAX_DELIVERY`].
    pub arrivals: Vec<Arrival>,
    /// One verdict for each, once all are durable. Dropped when we stop or have no room: nothing is durable then.
    pub done: oneshot::Sender<Vec<Verdict>>,
}

/// Papers in one delivery, at most.
pub const MAX_DELIVERY: usize = 256;
/// Deliveries that wait for the pipeline; beyond, feeds wait.
const WAITING: usize = 256;

/// What was delivered was not kept: the agent is stopping, or has no room. It may be delivered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not kept: the agent is stopping, or has no room")]
pub struct NotKept;

/// Where feeds deliver.
#[derive(Clone, Debug)]
pub struct Intake(mpsc::Sender<Delivery>);

impl Intake {
    /// An intake and the pipeline's end of it.
    pub fn new() -> (Self, mpsc::Receiver<Delivery>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self(sender), receiver)
    }

    /// Delivers papers, any number; one verdict for each when all are durable. Waits for its turn only.
    pub async fn deliver(&self, feed: &Arc<str>, arrivals: Vec<Arrival>) -> Result<Vec<Verdict>, NotKept> {
        let mut verdicts = Vec::with_capacity(arrivals.len());
        let mut arrivals = arrivals.into_iter();
        loop {
            let some: Vec<Arrival> = arrivals.by_ref().take(MAX_DELIVERY).collect();
            if some.is_empty() {
                return Ok(verdicts);
            }
            let papers = some.len();
            let (done, verdict) = oneshot::channel();
            let delivery = Delivery { feed: Arc::clone(feed), arrivals: some, done };
            self.0.send(delivery).await.map_err(|_| NotKept)?;
            verdicts.extend(verdict.await.map_err(|_| NotKept)?);
            tracing::trace!(feed = &**feed, papers, "durable, the sender may be told");
        }
    }
}
