//! Whose receipt is it.
//!
//! A receipt waits [`AFTER`] so that what is heard just after the sale counts too. Candidates are the visits that
//! were in the till's zone within [`BEFORE`] before and [`AFTER`] after it; the posterior has a place for "nobody
//! we heard". Weights are simple and fixed; calibration against truth is a matter of its own.

use crate::event::{DeclaredTotals, EventId, RecordedTotals, VisitId};
use crate::observation::{Receipt, ReceiptKind};
use crate::site::{TillIx, ZoneIx};
use crate::time::{Span, Timestamp};
use crate::visit::{Device, Stay};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

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
/// Receipts remembered to recognise repeats and refunds.
const REMEMBERED: usize = 8192;

/// Receipts that wait for a decision, and those decided lately.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Purchases {
    /// By time of sale.
    waiting: VecDeque<Receipt>,
    decided: VecDeque<Decided>,
}

/// What is remembered of a decided receipt.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Decided {
    id: EventId,
    till: u16,
    number: Option<String>,
    bag: Option<EventId>,
}

/// What survives a restart of the receipts that were recorded: one record of the book.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BookRecord {
    /// Under which it is kept. Only increases; the same number again replaces the record.
    pub number: u64,
    /// What is kept.
    pub entry: BookEntry,
}

/// What a record of the book is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum BookEntry {
    /// A receipt.
    Receipt(ReceiptEntry),
    /// The receipts of a till in a business day, added up.
    Totals(TotalsEntry),
}

/// A receipt that was recorded, as far as reprints, revisions and refunds need it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReceiptEntry {
    /// Id of its first `receipt.recorded`.
    pub id: EventId,
    /// The till.
    pub till: TillIx,
    /// Business date, days since 1970-01-01.
    pub business_date: i32,
    /// Sale, refund or void.
    pub kind: ReceiptKind,
    /// Hash of its number: for refunds that do not say the date. `None` without a number.
    pub number: Option<u64>,
    /// What was sold and paid; see [`Receipt::content`].
    pub content: u64,
    /// Total of the last revision, minor units.
    pub amount_minor: Option<i64>,
    /// Revisions so far.
    pub revision: u32,
    /// The `bag_carried` it made and nobody took back.
    pub bag: Option<EventId>,
    /// The visit it was attributed to.
    pub visit: Option<VisitId>,
}

/// The receipts of one till in one business day, added up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TotalsEntry {
    /// The till.
    pub till: TillIx,
    /// Business date, days since 1970-01-01.
    pub business_date: i32,
    /// What was recorded.
    pub recorded: RecordedTotals,
    /// What the till or its store said.
    pub declared: Option<DeclaredTotals>,
    /// Times this was published.
    pub said: u32,
}

/// Who may have bought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Posterior {
    /// The likeliest buyer: slot in the device table, and probability.
    pub best: Option<(u32, f32)>,
    /// How many visits could have been the buyer.
    pub candidates: u32,
    /// Probability of nobody we heard.
    pub none: f32,
}

impl Purchases {
    /// When the next receipt must be decided.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.waiting.front().map(|r| r.at + AFTER)
    }

    /// A receipt came in; gives back one that must be decided now for want of room.
    pub fn add(&mut self, receipt: Receipt) -> Option<Receipt> {
        let at = self.waiting.partition_point(|r| r.at <= receipt.at);
        self.waiting.insert(at, receipt);
        if self.waiting.len() > WAITING { self.waiting.pop_front() } else { None }
    }

    /// The next receipt that is due at `now`.
    pub fn due(&mut self, now: Timestamp) -> Option<Receipt> {
        if self.next_deadline()? > now {
            return None;
        }
        self.waiting.pop_front()
    }

    /// Whether this receipt was recorded before.
    pub fn is_known(&self, id: EventId) -> bool {
        self.decided.iter().any(|d| d.id == id)
    }

    /// Remembers a decision.
    pub fn decided(&mut self, id: EventId, receipt: &Receipt, bag: Option<EventId>) {
        if self.decided.len() == REMEMBERED {
            self.decided.pop_front();
        }
        self.decided.push_back(Decided { id, till: receipt.till.0, number: receipt.number.clone(), bag });
    }

    /// The `bag_carried` that a refund or void takes back, once.
    pub fn take_back(&mut self, refund: &Receipt) -> Option<EventId> {
        let sale = refund.refers_to.as_ref().map(|r| r.number.as_str()).or(refund.number.as_deref())?;
        let same = |d: &&mut Decided| {
            d.till == refund.till.0 && d.number.as_deref() == Some(sale) && d.bag.is_some()
        };
        self.decided.iter_mut().rev().find(same)?.bag.take()
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
