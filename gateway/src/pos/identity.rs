//! Which receipts are the same: reprints, retries, revisions; and what a refund takes back.
//!
//! A receipt is store | till | business date | number | type. Its bytes are not: two prints of one sale differ.
//! Numbers begin again every day, and a sale, its refund and its void may share one. Where the number could not
//! be read, till | minute | total | items stand for it, which two equal coffees in one minute share: such a
//! verdict is of [`Confidence::Low`].
//!
//! Under one key, the same content again is a copy (a reprint, or a sender that tries again), other content a
//! revision. Content is what was sold and paid; not times, which a reprint has its own of, and not the marks.
//!
//! Pure: time comes with the receipts. Invariants: at most `capacity` receipts are remembered, the oldest go
//! first and are counted; of a receipt only hashes and what links need are kept, no member and no text.

use super::receipt::Receipt;
use std::collections::{HashMap, VecDeque};
use visit_core::observation::ReceiptKind;

mod skew;
pub use skew::Skew;

/// Which receipt, as 128 bits of BLAKE3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReceiptId(pub u128);

/// How sure it is that two receipts with one id are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confidence {
    /// The number says so.
    High,
    /// There is no number.
    Low,
}

/// What a receipt is to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The first of its key.
    New,
    /// One that was there: a reprint, or a sender that tried again.
    Copy,
    /// The same key with other content.
    Revision {
        /// 1 for the first one.
        number: u32,
    },
}

/// What is known of a receipt's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Which receipt.
    pub id: ReceiptId,
    /// How sure that is.
    pub confidence: Confidence,
    /// What it is to those before it.
    pub verdict: Verdict,
    /// Of a refund or void: the sale it takes back, if that was remembered.
    pub takes_back: Option<ReceiptId>,
}

/// Counters of a [`Book`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// First of their key.
    pub new: u64,
    /// Copies.
    pub copies: u64,
    /// Revisions.
    pub revisions: u64,
    /// Without a number.
    pub low_confidence: u64,
    /// Refunds and voids whose sale was found.
    pub linked: u64,
    /// Refunds and voids whose sale is not remembered.
    pub unlinked: u64,
    /// Forgotten for want of room.
    pub forgotten: u64,
}

/// The receipts that were seen.
#[derive(Debug)]
pub struct Book {
    known: HashMap<ReceiptId, Known>,
    /// In the order they came; each key once.
    order: VecDeque<ReceiptId>,
    /// Sales by store, till and number: the latest day's. For links without a date.
    latest: HashMap<ReceiptId, ReceiptId>,
    capacity: usize,
    counts: Counts,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    content: u128,
    revisions: u32,
    undated: Option<ReceiptId>,
}

impl Book {
    /// Remembers at most `capacity` receipts, 1 or more; ~200 bytes each.
    pub fn new(capacity: usize) -> Self {
        Self {
            known: HashMap::new(),
            order: VecDeque::new(),
            latest: HashMap::new(),
            capacity: capacity.max(1),
            counts: Counts::default(),
        }
    }

    /// Tells what a receipt is and remembers it. `store` and `till` are those of the site map, since feeds give
    /// one till several names; `day` is the business date by the site's calendar, where the receipt has none.
    pub fn enter(&mut self, receipt: &Receipt, store: &str, till: &str, day: i32) -> Identity {
        let (id, confidence) = identify(receipt, store, till, day);
        let content = content(receipt);
        let takes_back = self.sale_of(receipt, store, till, day);
        let verdict = match self.known.get_mut(&id) {
            // A copy may lack what the first one had: a marker is enough.
            Some(known) if known.content == content || receipt.flags.reprint => Verdict::Copy,
            Some(known) => {
                known.content = content;
                known.revisions = known.revisions.saturating_add(1);
                Verdict::Revision { number: known.revisions }
            }
            None => {
                self.remember(id, receipt, store, till, content);
                Verdict::New
            }
        };
        self.count(receipt, confidence, verdict, takes_back);
        Identity { id, confidence, verdict, takes_back }
    }

    /// Counters since the beginning.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Receipts that are remembered.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    fn count(&mut self, receipt: &Receipt, sure: Confidence, verdict: Verdict, sale: Option<ReceiptId>) {
        let n = &mut self.counts;
        n.low_confidence += u64::from(sure == Confidence::Low);
        match verdict {
            Verdict::New => n.new += 1,
            Verdict::Copy => n.copies += 1,
            Verdict::Revision { .. } => n.revisions += 1,
        }
        if receipt.kind != ReceiptKind::Sale && verdict == Verdict::New {
            n.linked += u64::from(sale.is_some());
            n.unlinked += u64::from(sale.is_none());
        }
    }

    fn remember(&mut self, id: ReceiptId, receipt: &Receipt, store: &str, till: &str, content: u128) {
        let undated = receipt
            .number
            .as_deref()
            .filter(|_| receipt.kind == ReceiptKind::Sale)
            .map(|number| undated(store, till, number));
        if let Some(key) = undated {
            self.latest.insert(key, id);
        }
        self.known.insert(id, Known { content, revisions: 0, undated });
        self.order.push_back(id);
        while self.order.len() > self.capacity {
            let Some(oldest) = self.order.pop_front() else { break };
            self.counts.forgotten += 1;
            let Some(known) = self.known.remove(&oldest) else { continue };
            if let Some(key) = known.undated
                && self.latest.get(&key) == Some(&oldest)
            {
                self.latest.remove(&key);
            }
        }
    }

    /// The sale a refund or void refers to; a void without a reference takes back the sale of its own number.
    fn sale_of(&self, receipt: &Receipt, store: &str, till: &str, day: i32) -> Option<ReceiptId> {
        let own = match receipt.kind {
            ReceiptKind::Sale => return None,
            ReceiptKind::Refund => None,
            ReceiptKind::Void => receipt.number.as_deref(),
        };
        let link = receipt.refers_to.as_ref();
        let number = link.and_then(|l| l.number.as_deref()).or(own)?;
        // The link speaks the feed's names: they mean this till where they are the receipt's own.
        let place = |theirs: Option<&String>, own: Option<&String>, ours: &str| match theirs {
            Some(name) if Some(name) != own => name.clone(),
            _ => ours.to_owned(),
        };
        let store = place(link.and_then(|l| l.store.as_ref()), receipt.store.as_ref(), store);
        let till = place(link.and_then(|l| l.till.as_ref()), receipt.till.as_ref(), till);
        let dated = link.and_then(|l| l.business_date).or(receipt.business_date).unwrap_or(day);
        let wanted = numbered(&store, &till, dated, number, ReceiptKind::Sale);
        if self.known.contains_key(&wanted) {
            return Some(wanted);
        }
        // A link with a date means that date and no other.
        if link.is_some_and(|l| l.business_date.is_some()) {
            return None;
        }
        self.latest.get(&undated(&store, &till, number)).copied()
    }
}

/// The key of a receipt, and how sure it is.
pub fn identify(receipt: &Receipt, store: &str, till: &str, day: i32) -> (ReceiptId, Confidence) {
    let day = receipt.business_date.unwrap_or(day);
    if let Some(number) = &receipt.number {
        return (numbered(store, till, day, number, receipt.kind), Confidence::High);
    }
    let minute =
        receipt.end.or(receipt.begin).map_or(i64::from(day), |t| t.as_micros().div_euclid(60_000_000));
    let mut hash = Hash::new("receipt without a number");
    hash.text(store).text(till).number(minute).option(receipt.total).number(receipt.kind as i64);
    items(receipt, &mut hash);
    (ReceiptId(hash.end()), Confidence::Low)
}

fn numbered(store: &str, till: &str, day: i32, number: &str, kind: ReceiptKind) -> ReceiptId {
    let mut hash = Hash::new("receipt");
    hash.text(store).text(till).number(i64::from(day)).text(number.trim()).number(kind as i64);
    ReceiptId(hash.end())
}

fn undated(store: &str, till: &str, number: &str) -> ReceiptId {
    let mut hash = Hash::new("sale of any day");
    hash.text(store).text(till).text(number.trim());
    ReceiptId(hash.end())
}

fn content(receipt: &Receipt) -> u128 {
    let mut hash = Hash::new("content");
    hash.option(receipt.total).text(receipt.currency.as_ref().map_or("", |c| c.as_str()));
    items(receipt, &mut hash);
    hash.number(receipt.tenders.len() as i64);
    for tender in &receipt.tenders {
        hash.text(&tender.kind).number(tender.amount);
    }
    let link = receipt.refers_to.as_ref().and_then(|l| l.number.as_deref());
    hash.text(link.unwrap_or(""));
    hash.end()
}

fn items(receipt: &Receipt, hash: &mut Hash) {
    hash.number(receipt.items.len() as i64);
    for item in &receipt.items {
        let quantity = item.quantity.map(|q| q.to_string());
        hash.text(item.code.as_deref().or(item.name.as_deref()).unwrap_or(""));
        hash.text(quantity.as_deref().unwrap_or("")).option(item.amount);
    }
}

/// BLAKE3 over fields that cannot run into each other: each with its length before it.
struct Hash(blake3::Hasher);

impl Hash {
    fn new(domain: &str) -> Self {
        let mut hash = Self(blake3::Hasher::new());
        hash.text(domain);
        hash
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.0.update(&(text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
        self
    }

    fn number(&mut self, number: i64) -> &mut Self {
        self.0.update(&number.to_le_bytes());
        self
    }

    fn option(&mut self, number: Option<i64>) -> &mut Self {
        self.0.update(&[u8::from(number.is_some())]);
        self.number(number.unwrap_or(0))
    }

    fn end(&self) -> u128 {
        let mut first = [0; 16];
        first.copy_from_slice(&self.0.finalize().as_bytes()[..16]);
        u128::from_le_bytes(first)
    }
}

#[cfg(test)]
mod tests;
