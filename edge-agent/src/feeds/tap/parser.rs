//! From the bytes of a line to papers in the queue, beside the path the bytes take to the printer.
//!
//! The line hands over copies by a bounded channel and never waits: when the parser lags behind, the copy is cut, the
//! paper that misses it is marked as partial, and the printer gets every byte all the same.

use super::queue::Queue;
use crate::feeds::Reporter;
use crate::pipeline::wall_clock;
use gateway::pos::escpos::end::Receipts;
use gateway::pos::template::Template;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;
use visit_core::time::Timestamp;

/// Copies that wait for the parser, of up to 16 KiB each.
const COPIES: usize = 128;

/// What the lines of one feed share.
#[derive(Clone)]
pub(super) struct Feed {
    pub template: Arc<Template>,
    pub queue: Queue,
    pub report: Reporter,
}

/// The line's end: takes copies.
pub(super) struct Copies {
    sender: mpsc::Sender<Piece>,
    gap: Arc<AtomicBool>,
    report: Reporter,
}

enum Piece {
    Bytes(Timestamp, Vec<u8>),
    /// The line was cut off, possibly within a paper.
    CutOff,
}

impl Copies {
    /// A copy of what goes to the printer.
    pub(super) fn take(&self, bytes: &[u8]) {
        self.report.change(|state| state.bytes += bytes.len() as u64);
        if self.sender.try_send(Piece::Bytes(wall_clock(), bytes.to_vec())).is_err() {
            self.gap.store(true, Ordering::Relaxed);
        }
    }

    /// The line was cut off: what is on the paper is all there will be of it.
    pub(super) fn cut_off(&self) {
        if self.sender.try_send(Piece::CutOff).is_err() {
            self.gap.store(true, Ordering::Relaxed);
        }
    }
}

impl Feed {
    /// A parser for one connection; it ends when the copies end.
    pub(super) fn parser(&self) -> Copies {
        let (sender, pieces) = mpsc::channel(COPIES);
        let gap = Arc::new(AtomicBool::new(false));
        tokio::spawn(self.clone().parse(pieces, Arc::clone(&gap)));
        Copies { sender, gap, report: self.report.clone() }
    }

    async fn parse(self, mut pieces: mpsc::Receiver<Piece>, gap: Arc<AtomicBool>) {
        let mut receipts = Receipts::new(self.template.printer.clone(), self.template.limits);
        let mut last = wall_clock();
        loop {
            let piece = if receipts.is_open() {
                match tokio::time::timeout(self.template.idle, pieces.recv()).await {
                    Ok(piece) => piece,
                    Err(_) => {
                        receipts.idle();
                        self.drain(&mut receipts, last, &gap);
                        continue;
                    }
                }
            } else {
                pieces.recv().await
            };
            match piece {
                Some(Piece::Bytes(at, bytes)) => {
                    receipts.received(&bytes);
                    // A paper comes out with the first ink of the next: it ended before these bytes.
                    let ended = if receipts.is_open() { last } else { at };
                    self.drain(&mut receipts, ended, &gap);
                    last = at;
                }
                Some(Piece::CutOff) => {
                    gap.fetch_or(receipts.is_open(), Ordering::Relaxed);
                    receipts.closed();
                    self.drain(&mut receipts, last, &gap);
                }
                None => {
                    receipts.closed();
                    self.drain(&mut receipts, last, &gap);
                    return;
                }
            }
        }
    }

    fn drain(&self, receipts: &mut Receipts, at: Timestamp, gap: &AtomicBool) {
        while let Some(mut printed) = receipts.next() {
            if gap.swap(false, Ordering::Relaxed) {
                printed.partial = true;
                self.report.change(|state| state.lost += 1);
            }
            for feed in self.queue.push(self.report.name(), at, printed) {
                tracing::error!(%feed, "a paper was lost: too many wait for the daemon");
                self.report.lost(&feed);
            }
        }
    }
}
