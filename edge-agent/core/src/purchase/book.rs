//! The book of receipts: which were recorded, so that a copy is recognised, a revision told from it, a refund finds
//! its sale, and a day's receipts can be compared with what the till says of it.
//!
//! A receipt is store | till | business date | number | type. Its bytes are not: two prints of one sale differ.
//! Numbers begin again every day, and a sale, its refund and its void may share one. Where there is no number, till,
//! minute, total and content stand for it.
//!
//! Every record has a number that only increases; a change of a record keeps it. Changes are given back as
//! [`LedgerChange`]s: a shell that stores them can restore the book with [`Book::restore`].
//!
//! Invariants: at most `capacity` receipts, the oldest go first; at most [`DAYS`] days a place, likewise; of a receipt
//! only hashes and what links need are kept, no member and no text.

use crate::engine::LedgerChange;
use crate::event::{Confidence, DeclaredTotals, EventId, RecordedTotals, VisitId};
use crate::observation::{Currency, Receipt, ReceiptKind, SaleRef};
use crate::site::TillIx;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

mod forget;

/// Business days that are compared with what is declared for them, of each till and store.
const DAYS: usize = 8;

/// One record of the book.
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
    /// The receipts of a business day, added up.
    Totals(TotalsEntry),
}

/// A receipt that was recorded, as far as copies, revisions and refunds need it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReceiptEntry {
    /// Id of its first `receipt.recorded`.
    pub id: EventId,
    /// The till.
    pub till: TillIx,
    /// Business date, days since 1970-01-01.
    pub business_date: i32,
    /// Sale, refund or void.
    pub kind: ReceiptKind,
    /// Hash of its number; `None` without one.
    pub number: Option<u64>,
    /// What was sold and paid; see [`Receipt::content`].
    pub content: u64,
    /// Total of the last revision, minor units.
    pub amount_minor: Option<i64>,
    /// Neither its number nor its total was read.
    pub unreadable: bool,
    /// Revisions so far.
    pub revision: u32,
    /// The `bag_carried` it made and nobody took back.
    pub bag: Option<EventId>,
    /// Whose it is.
    pub buyer: Buyer,
}

/// Whose a receipt is, as it was decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Buyer {
    /// The visit, unless nobody we heard is likelier.
    pub visit: Option<VisitId>,
    /// Probability of that visit; of nobody where there is no visit.
    pub confidence: Confidence,
    /// How many visits could have been the buyer.
    pub candidates: u32,
    /// Probability of nobody we heard.
    pub none: Confidence,
}

/// The receipts of one till, or what a store declared for all its tills, in one business day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TotalsEntry {
    /// The store.
    pub store: String,
    /// The till; `None`: all tills of the store. Then only what was declared is kept here.
    pub till: Option<TillIx>,
    /// Business date, days since 1970-01-01.
    pub business_date: i32,
    /// Currency of the amounts: that of the first receipt with one. Amounts in others are not added.
    pub currency: Option<Currency>,
    /// What was recorded.
    pub recorded: RecordedTotals,
    /// What was declared.
    pub declared: Option<DeclaredTotals>,
    /// Times this was published.
    pub said: u32,
}

/// What a receipt is to those before it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// The first of its key.
    New,
    /// One that was there: a reprint, or a sender that tried again.
    Copy,
    /// The same key with other content.
    Revision {
        /// 1 for the first one.
        revision: u32,
        /// Whose the receipt is.
        buyer: Buyer,
    },
}

/// Place and day of totals.
type DayKey = (String, Option<TillIx>, i32);

/// The receipts and days that are remembered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Book {
    next: u64,
    receipts: BTreeMap<u64, ReceiptEntry>,
    totals: BTreeMap<DayKey, (u64, TotalsEntry)>,
    /// Records by id.
    #[serde(skip)]
    ids: BTreeMap<EventId, u64>,
    /// Sales by till, number and business date.
    #[serde(skip)]
    sales: BTreeMap<(TillIx, u64, i32), u64>,
}

impl Book {
    /// What a receipt with this id is to those that were recorded.
    pub fn verdict(&self, id: EventId, receipt: &Receipt) -> Verdict {
        let Some(known) = self.get(id) else { return Verdict::New };
        let unknown = known.content == 0 || receipt.content == 0;
        let same =
            known.content == receipt.content || (unknown && known.amount_minor == receipt.amount_minor);
        // A copy may lack what the first one had: a marker is enough.
        if same || receipt.marks.reprint {
            return Verdict::Copy;
        }
        Verdict::Revision { revision: known.revision.saturating_add(1), buyer: known.buyer }
    }

    /// Remembers a receipt, at most `capacity` of them.
    pub fn record(&mut self, entry: ReceiptEntry, capacity: usize, changes: &mut Vec<LedgerChange>) {
        let number = self.number();
        self.index(number, &entry);
        self.receipts.insert(number, entry);
        changes.push(keep_receipt(number, entry));
        while self.receipts.len() > capacity.max(1) {
            let Some((oldest, entry)) = self.receipts.pop_first() else { break };
            self.unindex(oldest, &entry);
            changes.push(LedgerChange::Drop(oldest));
        }
    }

    /// The receipt with this id has other content now. Gives back what it was before.
    pub fn revise(
        &mut self,
        id: EventId,
        receipt: &Receipt,
        changes: &mut Vec<LedgerChange>,
    ) -> Option<ReceiptEntry> {
        let number = *self.ids.get(&id)?;
        let entry = self.receipts.get_mut(&number)?;
        let before = *entry;
        entry.content = receipt.content;
        entry.amount_minor = receipt.amount_minor;
        entry.unreadable = is_unreadable(receipt);
        entry.revision = entry.revision.saturating_add(1);
        changes.push(keep_receipt(number, *entry));
        Some(before)
    }

    /// The sale that a refund or void takes back; a void without a reference means the sale of its own number.
    pub fn sale_of(&self, receipt: &Receipt) -> Option<EventId> {
        let own =
            SaleRef { till: None, number: receipt.number.clone().unwrap_or_default(), business_date: None };
        let sale = match (&receipt.refers_to, receipt.kind) {
            (_, ReceiptKind::Sale) => return None,
            (Some(sale), _) => sale,
            (None, ReceiptKind::Void) if receipt.number.is_some() => &own,
            (None, _) => return None,
        };
        let (till, number) = (sale.till.unwrap_or(receipt.till), number_hash(&sale.number));
        let found = match sale.business_date {
            // A link with a date means that date and no other.
            Some(day) => self.sales.get(&(till, number, day)),
            None => {
                let any_day = (till, number, i32::MIN)..=(till, number, receipt.business_date);
                self.sales.range(any_day).next_back().map(|(_, number)| number)
            }
        };
        self.receipts.get(found?).map(|entry| entry.id)
    }

    /// Takes the bag of a sale back: its event and the visit that carried it, once.
    pub fn take_bag(
        &mut self,
        sale: EventId,
        changes: &mut Vec<LedgerChange>,
    ) -> Option<(EventId, Option<VisitId>)> {
        let number = *self.ids.get(&sale)?;
        let entry = self.receipts.get_mut(&number)?;
        let bag = entry.bag.take()?;
        changes.push(keep_receipt(number, *entry));
        Some((bag, entry.buyer.visit))
    }

    /// Adds a receipt to the totals of its till and day, or, with what it was `before`, changes it there.
    pub fn add_up(
        &mut self,
        store: &str,
        receipt: &Receipt,
        before: Option<&ReceiptEntry>,
        changes: &mut Vec<LedgerChange>,
    ) {
        let key = (store.to_owned(), Some(receipt.till), receipt.business_date);
        let (number, entry) = self.totals_of(key, changes);
        if let Some(old) = before {
            tally(&mut entry.recorded, old.kind, old.unreadable, old.amount_minor, -1);
        }
        entry.currency = entry.currency.or(receipt.currency);
        let foreign = receipt.currency.is_some() && receipt.currency != entry.currency;
        let amount = receipt.amount_minor.filter(|_| !foreign);
        tally(&mut entry.recorded, receipt.kind, is_unreadable(receipt), amount, 1);
        changes.push(keep_totals(number, entry));
    }

    /// A till, or a store for all its tills, says what it sold in a day. Whether that is news.
    pub fn declare(
        &mut self,
        key: DayKey,
        currency: Option<Currency>,
        declared: DeclaredTotals,
        changes: &mut Vec<LedgerChange>,
    ) -> bool {
        let (number, entry) = self.totals_of(key, changes);
        if entry.declared == Some(declared) {
            return false;
        }
        entry.declared = Some(declared);
        entry.currency = entry.currency.or(currency);
        changes.push(keep_totals(number, entry));
        true
    }

    /// A comparison is about to be published: the declared totals of a place and day, what was recorded there, and
    /// the number of the comparison. `None` when nothing was declared.
    pub fn compare(
        &mut self,
        key: &DayKey,
        changes: &mut Vec<LedgerChange>,
    ) -> Option<(TotalsEntry, DeclaredTotals)> {
        let recorded = self.recorded(key);
        let (number, entry) = self.totals.get_mut(key)?;
        let declared = entry.declared?;
        entry.said = entry.said.saturating_add(1);
        changes.push(keep_totals(*number, entry));
        Some((TotalsEntry { recorded, ..entry.clone() }, declared))
    }

    /// Builds the indices anew, after the book was read from a snapshot.
    pub fn reindex(&mut self) {
        (self.ids, self.sales) = Default::default();
        for (number, entry) in self.receipts.clone() {
            self.index(number, &entry);
        }
    }

    /// The book as it was when these records were stored, in any order. What does not fit is left out.
    pub fn restore(&mut self, mut records: Vec<BookRecord>, capacity: usize) {
        records.sort_by_key(|record| record.number);
        let mut forgotten = Vec::new();
        for BookRecord { number, entry } in records {
            self.next = self.next.max(number.saturating_add(1));
            match entry {
                BookEntry::Receipt(entry) => {
                    self.index(number, &entry);
                    self.receipts.insert(number, entry);
                }
                BookEntry::Totals(entry) => {
                    let key = (entry.store.clone(), entry.till, entry.business_date);
                    self.totals.insert(key, (number, entry));
                }
            }
        }
        while self.receipts.len() > capacity.max(1) {
            let Some((oldest, entry)) = self.receipts.pop_first() else { break };
            self.unindex(oldest, &entry);
            forgotten.push(oldest);
        }
    }

    /// Receipts that are remembered.
    pub fn len(&self) -> usize {
        self.receipts.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.receipts.is_empty()
    }

    fn get(&self, id: EventId) -> Option<&ReceiptEntry> {
        self.receipts.get(self.ids.get(&id)?)
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn index(&mut self, number: u64, entry: &ReceiptEntry) {
        self.ids.insert(entry.id, number);
        if let (ReceiptKind::Sale, Some(printed)) = (entry.kind, entry.number) {
            self.sales.insert((entry.till, printed, entry.business_date), number);
        }
    }

    fn unindex(&mut self, number: u64, entry: &ReceiptEntry) {
        if self.ids.get(&entry.id) == Some(&number) {
            self.ids.remove(&entry.id);
        }
        if let Some(printed) = entry.number {
            let key = (entry.till, printed, entry.business_date);
            if self.sales.get(&key) == Some(&number) {
                self.sales.remove(&key);
            }
        }
    }

    fn totals_of(&mut self, key: DayKey, changes: &mut Vec<LedgerChange>) -> (u64, &mut TotalsEntry) {
        if !self.totals.contains_key(&key) {
            self.forget_a_day(&key, changes);
        }
        let next = &mut self.next;
        let (number, entry) = self.totals.entry(key.clone()).or_insert_with(|| {
            *next += 1;
            let (store, till, business_date) = key;
            let entry = TotalsEntry {
                store,
                till,
                business_date,
                currency: None,
                recorded: RecordedTotals::default(),
                declared: None,
                said: 0,
            };
            (*next, entry)
        });
        (*number, entry)
    }

    /// Makes room for one more day of a place: the one that was begun first goes.
    fn forget_a_day(&mut self, (store, till, _): &DayKey, changes: &mut Vec<LedgerChange>) {
        let place = (store.clone(), *till, i32::MIN)..=(store.clone(), *till, i32::MAX);
        let days = self.totals.range(place);
        if days.clone().count() < DAYS {
            return;
        }
        if let Some((key, number)) = days.min_by_key(|(_, (n, _))| *n).map(|(key, (n, _))| (key.clone(), *n))
        {
            self.totals.remove(&key);
            changes.push(LedgerChange::Drop(number));
        }
    }

    /// What was recorded at a till, or at all tills of a store.
    fn recorded(&self, (store, till, day): &DayKey) -> RecordedTotals {
        let mut sum = RecordedTotals::default();
        let of_store = (store.clone(), None, i32::MIN)..;
        let of_store = self.totals.range(of_store).take_while(|((of, ..), _)| of == store);
        for (_, (_, entry)) in of_store {
            if entry.business_date == *day && (till.is_none() || entry.till == *till) {
                let r = entry.recorded;
                sum.sales += r.sales;
                sum.refunds += r.refunds;
                sum.voids += r.voids;
                sum.unreadable += r.unreadable;
                sum.net_minor = sum.net_minor.saturating_add(r.net_minor);
            }
        }
        sum
    }
}

/// Adds a receipt to totals (`sign` 1) or takes it off (-1).
fn tally(t: &mut RecordedTotals, kind: ReceiptKind, unreadable: bool, amount: Option<i64>, sign: i64) {
    let count = match kind {
        _ if unreadable => &mut t.unreadable,
        ReceiptKind::Sale => &mut t.sales,
        ReceiptKind::Refund => &mut t.refunds,
        ReceiptKind::Void => &mut t.voids,
    };
    *count = count.saturating_add_signed(sign as i32);
    let worth = if kind == ReceiptKind::Sale { sign } else { -sign };
    t.net_minor = t.net_minor.saturating_add(amount.unwrap_or(0).saturating_mul(worth));
}

/// Whether neither number nor total was read.
pub(crate) fn is_unreadable(receipt: &Receipt) -> bool {
    receipt.number.is_none() && receipt.amount_minor.is_none()
}

/// 64 bits of BLAKE3 over a receipt's number.
pub(crate) fn number_hash(number: &str) -> u64 {
    let hash = blake3::hash(number.trim().as_bytes());
    u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("32 bytes hold 8"))
}

fn keep_receipt(number: u64, entry: ReceiptEntry) -> LedgerChange {
    LedgerChange::Keep(BookRecord { number, entry: BookEntry::Receipt(entry) })
}

fn keep_totals(number: u64, entry: &TotalsEntry) -> LedgerChange {
    LedgerChange::Keep(BookRecord { number, entry: BookEntry::Totals(entry.clone()) })
}
