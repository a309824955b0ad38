//! From the queue of a tap to the intake: the template reads the paper, and what is durable is acknowledged.

use super::queue::{Queue, Tapped};
use crate::feeds::{Arrival, Intake, NotKept, Paper, Reporter};
use gateway::pos::template::{Reading, Template};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use visit_core::site::TillIx;

/// Papers delivered at once.
const TOGETHER: usize = 64;
/// Waits between attempts to deliver: the first, doubled up to the last.
const AGAIN: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// How the papers of each line are read, by its name.
pub type Readers = BTreeMap<Arc<str>, Reader>;

/// How the papers of a line are read.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Its template.
    pub template: Arc<Template>,
    /// Its till.
    pub till: TillIx,
    /// Its hand on the board.
    pub report: Reporter,
}

/// Drains a queue of this process until `cancel`.
pub async fn drain(queue: Queue, readers: Readers, intake: Intake, cancel: CancellationToken) {
    loop {
        tokio::select! {
            () = queue.wait_after(0) => {}
            () = cancel.cancelled() => return,
        }
        let papers = queue.after(0, TOGETHER);
        let Some(last) = papers.last().map(|paper| paper.seq) else { continue };
        tokio::select! {
            () = deliver(papers, &readers, &intake) => queue.acknowledge(last),
            () = cancel.cancelled() => return,
        }
    }
}

/// Delivers papers; returns when all are durable, or nothing to record. Tries again for as long as it takes.
pub(super) async fn deliver(papers: Vec<Tapped>, readers: &Readers, intake: &Intake) {
    let mut by_feed: BTreeMap<Arc<str>, Vec<Arrival>> = BTreeMap::new();
    for Tapped { feed, at, printed, .. } in papers {
        let Some(reader) = readers.get(&feed) else {
            tracing::error!(%feed, "a paper of a line that the configuration does not have; restart the tap");
            continue;
        };
        for reading in reader.template.read(&printed) {
            let paper = match reading {
                Reading::Receipt(receipt) => Paper::Receipt(receipt),
                Reading::Totals(totals) => Paper::Totals(totals),
                Reading::Skipped(_) => {
                    reader.report.change(|state| state.refused += 1);
                    continue;
                }
            };
            let arrival = Arrival { paper, till: Some(reader.till), captured: at, prompt: true };
            by_feed.entry(Arc::clone(&feed)).or_default().push(arrival);
        }
    }
    for (feed, arrivals) in by_feed {
        let mut wait = AGAIN.0;
        while let Err(NotKept) = intake.deliver(&feed, arrivals.clone()).await {
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(AGAIN.1);
        }
    }
}
