//! Whose receipt is it, and which one.
//!
//! A receipt waits [`WAIT`] (or as long as the configuration says): whoever paid leaves the shop soon, and that has to
//! be heard. [`candidates`] are the visits that may have been in the till's zone when it was printed; [`share_out`] says
//! who bought, when several receipts of one zone within `TOGETHER` have different buyers.

use crate::event::VisitId;
use crate::observation::{DayTotals, Receipt, ReceiptKind};
use crate::site::ZoneIx;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

mod book;
mod buyer;
mod share_out;

pub use buyer::{Candidate, candidates};
pub(crate) use share_out::shares;
pub use share_out::{Posterior, share_out};

pub use book::{Book, BookEntry, BookRecord, Buyer, ReceiptEntry, TotalsEntry, Verdict};
pub(crate) use book::{is_unreadable, number_hash};

/// How long a receipt waits for its decision.
pub const WAIT: Span = Span::from_secs(180);
/// Receipts of one zone within this time have different buyers.
const TOGETHER: Span = Span::from_secs(300);
/// An attribution at least this sure makes a `bag_carried`.
pub const ATTRIBUTED: f32 = 0.8;
/// Share of buyers that are heard: at first, at least, at most …
const HEARD: (f32, f32, f32) = (0.8, 0.1, 0.95);
/// … and how much of it one receipt changes.
const LEARNS: f32 = 0.01;
/// Receipts that wait at most; beyond, the oldest is decided early.
const WAITING: usize = 4096;

/// What waits for its decision.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Paper {
    /// A receipt.
    Receipt(Receipt),
    /// What was sold in a day. It waits as long as receipts do, so that it is compared after those before it.
    Totals(DayTotals),
}

impl Paper {
    fn at(&self) -> Timestamp {
        match self {
            Self::Receipt(r) => r.at,
            Self::Totals(t) => t.at,
        }
    }
}

/// Papers that wait for a decision, by time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Purchases {
    waiting: VecDeque<Paper>,
    /// What was decided lately: zone, when, which visit, how surely; oldest first.
    decided: VecDeque<(ZoneIx, Timestamp, VisitId, f32)>,
    /// Share of buyers that are heard at all, learnt from receipts.
    heard: f32,
}

impl Default for Purchases {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), decided: VecDeque::new(), heard: HEARD.0 }
    }
}

impl Purchases {
    /// Share of buyers that are heard at all, as far as is known.
    pub fn heard(&self) -> f32 {
        self.heard
    }

    /// A sale was nobody's we heard with this probability.
    pub fn learn(&mut self, none: f32) {
        self.heard = (self.heard + (1.0 - none - self.heard) * LEARNS).clamp(HEARD.1, HEARD.2);
    }

    /// When the next paper must be decided, if each waits for `wait`.
    pub fn next_deadline(&self, wait: Span) -> Option<Timestamp> {
        self.waiting.front().map(|paper| paper.at() + wait)
    }

    /// A paper came in; gives back one that must be decided now for want of room.
    pub fn add(&mut self, paper: Paper) -> Option<Paper> {
        let at = self.waiting.partition_point(|p| p.at() <= paper.at());
        self.waiting.insert(at, paper);
        if self.waiting.len() > WAITING { self.waiting.pop_front() } else { None }
    }

    /// The sales that wait and were printed within `TOGETHER` of `at`.
    pub fn sales_around(&self, at: Timestamp) -> impl Iterator<Item = &Receipt> {
        let sale = |p: &Paper| matches!(p, Paper::Receipt(r) if r.kind == ReceiptKind::Sale);
        let around = self.waiting.iter().take_while(move |p| p.at() <= at + TOGETHER);
        around.filter(move |p| sale(p)).filter_map(|p| match p {
            Paper::Receipt(r) => Some(r),
            Paper::Totals(_) => None,
        })
    }

    /// A sale in `zone` was found to be a visit's.
    pub fn decide(&mut self, zone: ZoneIx, at: Timestamp, visit: VisitId, sure: f32) {
        self.decided.push_back((zone, at, visit, sure));
        let old = |d: &(ZoneIx, Timestamp, VisitId, f32)| d.1 < at - TOGETHER;
        while self.decided.len() > WAITING || self.decided.front().is_some_and(old) {
            self.decided.pop_front();
        }
    }

    /// With what probability a visit bought something else in `zone` about `at`, as far as it is decided.
    pub fn bought(&self, zone: ZoneIx, at: Timestamp, visit: VisitId) -> f32 {
        let same = |d: &&(ZoneIx, Timestamp, VisitId, f32)| {
            d.0 == zone && d.2 == visit && d.1.since(at).as_micros().abs() <= TOGETHER.as_micros()
        };
        self.decided.iter().filter(same).map(|d| d.3).fold(0.0, f32::max)
    }

    /// Forgets what was decided about a visit.
    pub(crate) fn forget_visit(&mut self, visit: VisitId) {
        self.decided.retain(|d| d.2 != visit);
    }

    /// The receipts that wait.
    pub(crate) fn receipts_mut(&mut self) -> impl Iterator<Item = &mut Receipt> {
        self.waiting.iter_mut().filter_map(|p| match p {
            Paper::Receipt(r) => Some(r),
            Paper::Totals(_) => None,
        })
    }

    /// The sales in `zone` about `at` whose buyers are known: when, who, how surely.
    pub(crate) fn decided_around(&self, zone: ZoneIx, at: Timestamp) -> Vec<(Timestamp, VisitId, f32)> {
        let near = |d: &&(ZoneIx, Timestamp, VisitId, f32)| {
            d.0 == zone && d.1.since(at).as_micros().abs() <= TOGETHER.as_micros()
        };
        self.decided.iter().filter(near).map(|d| (d.1, d.2, d.3)).collect()
    }

    /// The next paper that is due at `now`.
    pub fn due(&mut self, now: Timestamp, wait: Span) -> Option<Paper> {
        if self.next_deadline(wait)? > now {
            return None;
        }
        self.waiting.pop_front()
    }
}
