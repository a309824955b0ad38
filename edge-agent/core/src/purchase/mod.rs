//! Whose receipt is it, and which one.
//!
//! A receipt waits [`AFTER`] (or as long as the configuration says) so that what is heard just after the sale counts too. Candidates are the visits that
//! were in the till's zone within [`BEFORE`] before and [`AFTER`] after it; the posterior has a place for "nobody
//! we heard". Weights are simple and fixed; calibration against truth is a matter of its own.

use crate::observation::{DayTotals, Receipt};
use crate::site::ZoneIx;
use crate::time::{Span, Timestamp};
use crate::visit::{Device, Stay};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

mod book;
pub use book::{Book, BookEntry, BookRecord, Buyer, ReceiptEntry, TotalsEntry, Verdict};
pub(crate) use book::{is_unreadable, number_hash};

/// A buyer was in the zone at most this long before the receipt was printed …
pub const BEFORE: Span = Span::from_secs(300);
/// … and is still heard there at most this long after it.
pub const AFTER: Span = Span::from_secs(60);
/// An attribution at least this sure makes a `bag_carried`.
pub const ATTRIBUTED: f32 = 0.8;
/// Weight of "the buyer carries nothing we hear".
const NONE: f32 = 0.12;
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
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Purchases {
    waiting: VecDeque<Paper>,
}

/// Who may have bought.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Posterior {
    /// The likeliest buyer: slot in the device table, and probability.
    pub best: Option<(u32, f32)>,
    /// How many visits could have been the buyer.
    pub candidates: u32,
    /// Probability of nobody we heard.
    pub none: f32,
}

impl Purchases {
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

    /// The next paper that is due at `now`.
    pub fn due(&mut self, now: Timestamp, wait: Span) -> Option<Paper> {
        if self.next_deadline(wait)? > now {
            return None;
        }
        self.waiting.pop_front()
    }
}

/// Weighs all devices as buyers of a receipt printed in `zone` at `at`.
pub fn posterior<'a>(
    zone: ZoneIx,
    at: Timestamp,
    devices: impl Iterator<Item = (u32, &'a Device)>,
) -> Posterior {
    let mut p = Posterior::default();
    let mut total = NONE;
    for (slot, device) in devices {
        let weight = presence(device, zone, at);
        if weight <= 0.0 {
            continue;
        }
        p.candidates += 1;
        total += weight;
        if p.best.is_none_or(|(_, w)| weight > w) {
            p.best = Some((slot, weight));
        }
    }
    p.best = p.best.map(|(slot, w)| (slot, w / total));
    p.none = NONE / total;
    p
}

/// How much speaks for the device having been at the till.
fn presence(d: &Device, zone: ZoneIx, at: Timestamp) -> f32 {
    let stay = |s: &&Stay| s.zone == zone && s.since <= at + AFTER && s.until >= at - BEFORE;
    if let Some(s) = d.stays.current().into_iter().chain(d.stays.previous()).find(stay) {
        // Present at the very moment, with the silences that phones have, or some time before it.
        let missed = at.since(s.until).as_secs_f32().max(s.since.since(at).as_secs_f32()).max(0.0);
        let lasted = (s.length().as_secs_f32() / 120.0).clamp(0.1, 1.0);
        return lasted / (1.0 + missed / 60.0);
    }
    if d.last_heard < at - BEFORE || d.first_heard > at + AFTER {
        return 0.0;
    }
    let belief = d.belief.of(zone);
    if belief < 0.05 { 0.0 } else { 0.3 * belief }
}
