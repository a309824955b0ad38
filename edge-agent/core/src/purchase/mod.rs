//! Whose receipt is it, and which one.
//!
//! A receipt waits [`WAIT`] (or as long as the configuration says): whoever paid leaves the shop soon, and that has to
//! be heard. Candidates are the visits that may have been in the till's zone when it was printed. Each weighs as much as
//! its stays there do ([`weight`]): how likely it was there, long enough to buy, and left soon after. One place is for
//! "nobody we heard". Of several receipts of one zone within [`TOGETHER`] each takes its buyer from the others, and
//! people who came and stayed together are one party, which buys once.

use crate::event::VisitId;
use crate::observation::{DayTotals, Receipt, ReceiptKind};
use crate::site::ZoneIx;
use crate::time::{Span, Timestamp};
use crate::visit::Device;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

mod book;
pub use book::{Book, BookEntry, BookRecord, Buyer, ReceiptEntry, TotalsEntry, Verdict};
pub(crate) use book::{is_unreadable, number_hash};

/// How long a receipt waits for its decision.
pub const WAIT: Span = Span::from_secs(180);
/// A buyer is heard at most this long before the receipt was printed.
const BEFORE: Span = Span::from_secs(900);
/// Receipts of one zone within this time have different buyers.
const TOGETHER: Span = Span::from_secs(300);
/// An attribution at least this sure makes a `bag_carried`.
pub const ATTRIBUTED: f32 = 0.8;
/// Weight of "the buyer carries nothing we hear".
const NONE: f32 = 0.06;
/// Weight of "the buyer is heard, but taken to be elsewhere".
const ELSEWHERE: f32 = 0.02;
/// Choosing takes about so long, and so does paying, seconds.
const BUYING_S: f32 = 150.0;
/// Share of buyers who leave the shop soon after they paid, and how soon, seconds; the others stay as long as people
/// who do not buy.
const LEAVES: f32 = 0.9;
const SOON_S: f32 = 40.0;
const STAY_S: f32 = 900.0;
/// The end of a stay is known to about so many seconds: it may seem to lie before the receipt.
const UNSURE_S: f32 = 15.0;
/// People of one party come in, come into the shop and are heard last within this time of each other.
const PARTY: Span = Span::from_secs(45);
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
    /// What was decided lately: zone, when, which visit, how surely; oldest first.
    decided: VecDeque<(ZoneIx, Timestamp, VisitId, f32)>,
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

    /// The sales that wait and were printed within [`TOGETHER`] of `at`.
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

    /// The next paper that is due at `now`.
    pub fn due(&mut self, now: Timestamp, wait: Span) -> Option<Paper> {
        if self.next_deadline(wait)? > now {
            return None;
        }
        self.waiting.pop_front()
    }
}

/// What speaks for a device being the buyer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Its slot in the device table.
    pub slot: u32,
    /// How much.
    pub weight: f32,
    /// When it came into the mall and into the zone.
    came: [Timestamp; 2],
}

/// All devices that may have bought in `zone` at `at`.
pub fn candidates<'a>(
    zone: ZoneIx,
    at: Timestamp,
    devices: impl Iterator<Item = (u32, &'a Device)>,
) -> Vec<Candidate> {
    devices.filter_map(|(slot, d)| candidate(zone, at, slot, d)).collect()
}

fn candidate(zone: ZoneIx, at: Timestamp, slot: u32, d: &Device) -> Option<Candidate> {
    if d.last_heard < at - BEFORE || d.first_heard > at {
        return None;
    }
    let [ms, last] = [at, d.last_heard].map(|t| t.since(d.first_heard).as_secs_f32());
    let (mut total, mut most, mut came) = (0.0, 0.0, 0);
    d.stretches_in(zone, |since, until, p| {
        let seconds = |ms: u32| ms as f32 / 1000.0;
        let w = p * weight(ms - seconds(since), until.map(|u| seconds(u) - ms), last - ms);
        total += w;
        if w > most {
            (most, came) = (w, since);
        }
    });
    let came = [d.came_in(), d.moment(came)];
    (total > LEAST).then_some(Candidate { slot, weight: total, came })
}

/// A candidate that weighs less is none.
const LEAST: f32 = 0.01;

/// How much likelier a stay is if its visitor bought at some moment than if not: the stay had lasted `elapsed` seconds
/// by then, and ended `left` seconds after it, or was going on when the visitor was heard last, `heard` seconds after.
fn weight(elapsed: f32, left: Option<f32>, heard: f32) -> f32 {
    if elapsed <= 0.0 {
        return 0.0;
    }
    let long_enough = 1.0 - (1.0 + elapsed / BUYING_S) * libm::expf(-elapsed / BUYING_S);
    let leaving = match left {
        Some(left) if left < 0.0 => LEAVES * STAY_S / SOON_S * libm::expf(left / UNSURE_S),
        Some(left) => LEAVES * STAY_S / SOON_S * libm::expf(-left / SOON_S) + (1.0 - LEAVES),
        // Not heard since: nothing is known of how it went on.
        None => LEAVES * libm::expf(-heard.max(0.0) * (1.0 / SOON_S - 1.0 / STAY_S)) + (1.0 - LEAVES),
    };
    long_enough * leaving
}

/// Who bought, of the candidates, when `taken` says for each with what probability it bought something else meanwhile.
pub fn posterior(candidates: &[Candidate], taken: impl Fn(u32) -> f32) -> Posterior {
    let weights: Vec<f32> = candidates.iter().map(|c| c.weight * (1.0 - taken(c.slot))).collect();
    let total: f32 = NONE + ELSEWHERE + weights.iter().sum::<f32>();
    let mut p = Posterior { best: None, candidates: candidates.len() as u32, none: NONE / total };
    let Some(best) = (0..weights.len()).max_by(|a, b| weights[*a].total_cmp(&weights[*b]).then(b.cmp(a)))
    else {
        return p;
    };
    let together = |c: &Candidate| {
        let apart = |i: usize| c.came[i].since(candidates[best].came[i]).as_micros().abs();
        apart(0).max(apart(1)) <= PARTY.as_micros()
    };
    let party: f32 = candidates.iter().zip(&weights).filter(|(c, _)| together(c)).map(|(_, w)| w).sum();
    p.best = Some((candidates[best].slot, party / total));
    p
}
