//! A receipt as a feed delivers it: everything the formats have in common, in one shape.
//!
//! Invariants: amounts are minor units of [`Receipt::currency`]; texts are at most [`MAX_TEXT`] bytes, lists at
//! most [`MAX_ITEMS`] and [`MAX_TENDERS`] entries, and what was cut says so in [`Flags::cut`]; free texts hold no
//! card and no phone number; a member number shows in no `Debug`.

use super::aliases::Aliases;
use super::money::Decimal;
use super::{content, digits};
use crate::names::Names;
use crate::observation;
use core::fmt;
use visit_core::observation::{Currency, Marks, ReceiptKind, SaleRef};
use visit_core::site::TillIx;
use visit_core::time::Timestamp;

/// The longest text that is kept, bytes.
pub const MAX_TEXT: usize = 256;
/// Items of a receipt that are kept.
pub const MAX_ITEMS: usize = 2_000;
/// Tenders of a receipt that are kept.
pub const MAX_TENDERS: usize = 100;
/// Doubts about a receipt that are kept.
pub const MAX_DOUBTS: usize = 16;

/// One receipt (小票).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Receipt {
    /// The store as the feed calls it.
    pub store: Option<String>,
    /// The till as the feed calls it.
    pub till: Option<String>,
    /// Number as printed. Numbers begin again every business day, and tills leave some out.
    pub number: Option<String>,
    /// Other numbers of it, by which a refund may mean it: the sequence number of the till's log, the transaction's id.
    pub aliases: Vec<String>,
    /// Sale, refund or void.
    pub kind: ReceiptKind,
    /// Business date, days since 1970-01-01. A sale after midnight may belong to the day before.
    pub business_date: Option<i32>,
    /// When the till began.
    pub begin: Option<Timestamp>,
    /// When the till was done, by its own clock.
    pub end: Option<Timestamp>,
    /// ISO 4217 code of all amounts.
    pub currency: Option<Currency>,
    /// What the customer paid or, for a refund or void, was given back: never negative there.
    pub total: Option<i64>,
    /// Tax within or on top of the total, as the feed says it.
    pub tax: Option<i64>,
    /// What the customer handed over.
    pub tendered: Option<i64>,
    /// What the customer was given as change, never negative.
    pub change: Option<i64>,
    /// Ways of payment. Change is not one of them.
    pub tenders: Vec<Tender>,
    /// What was sold or returned; without what was voided.
    pub items: Vec<Item>,
    /// Lines that the cashier voided.
    pub voided_items: u32,
    /// The member who identified themselves.
    pub member: Option<Member>,
    /// For a refund or void: the sale it takes back.
    pub refers_to: Option<Link>,
    /// What else is known.
    pub flags: Flags,
    /// The format it came in.
    pub feed: Feed,
    /// Hash of the print, of a printed receipt: all there is of one that cannot be read.
    pub print_hash: Option<u64>,
    /// What was wrong with single fields; the rest of the receipt holds.
    pub doubts: Vec<Doubt>,
}

/// The format a receipt came in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Feed {
    /// A printer's bytes, read with a template.
    EscPos,
    /// ARTS/OMG POSLog.
    PosLog,
    /// The malls' `postsalescreate`.
    PostSales,
    /// Our own JSON.
    #[default]
    Json,
    /// A row of a table.
    Table,
}

/// Part of a payment.
#[derive(Clone, Debug, PartialEq)]
pub struct Tender {
    /// How it was paid, as the feed says it (Cash, CreditDebit, CH …).
    pub kind: String,
    /// Minor units; negative where money was given back.
    pub amount: i64,
}

/// A line of goods.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Description; card and phone numbers are cut.
    pub name: Option<String>,
    /// Article number.
    pub code: Option<String>,
    /// How many, or how much.
    pub quantity: Option<Decimal>,
    /// Of the whole line, minor units; negative where it was returned.
    pub amount: Option<i64>,
}

/// The sale that a refund or void takes back. What is left out is that of the refund itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Store.
    pub store: Option<String>,
    /// Till.
    pub till: Option<String>,
    /// Business date, days since 1970-01-01.
    pub business_date: Option<i32>,
    /// Number.
    pub number: Option<String>,
    /// The number may be another than the one that the sale goes by: that of the till's log, the transaction's id.
    pub by_alias: bool,
}

/// Marks of a receipt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// It says of itself that it is a copy.
    pub reprint: bool,
    /// Made in training mode: nothing was sold.
    pub training: bool,
    /// Put aside to be resumed: nothing was sold yet.
    pub suspended: bool,
    /// Broken off before payment: nothing was sold.
    pub cancelled: bool,
    /// Neither number nor total could be read.
    pub unreadable: bool,
    /// Tenders and total disagree.
    pub unbalanced: bool,
    /// Texts or lists were longer than is kept.
    pub cut: bool,
}

/// Something wrong with one field. Never repeats its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Which field, as the feed calls it.
    pub field: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.what)
    }
}

/// A member number in clear. It goes to the pseudonymising of `edge-agent` and nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct Member(String);

impl Member {
    /// A number that is not blank and at most [`MAX_TEXT`] bytes long.
    pub fn new(number: &str) -> Option<Self> {
        let number = number.trim();
        (!number.is_empty() && number.len() <= MAX_TEXT).then(|| Self(number.to_owned()))
    }

    /// The number itself, to be turned into a token.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Hides the number.
impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Member(hidden)")
    }
}

/// Why a receipt is not an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotObserved {
    /// Training mode.
    #[error("made in training mode: nothing was sold")]
    Training,
    /// Suspended.
    #[error("put aside to be resumed: nothing was sold yet")]
    Suspended,
    /// Broken off.
    #[error("broken off before payment: nothing was sold")]
    Cancelled,
    /// The site map has no such till.
    #[error(
        "its till is not in the site map; give the till of the map its id or its store, or name it (--till ID)"
    )]
    UnknownTill,
    /// The feed gave no time and the caller none.
    #[error("has no time")]
    NoTime,
    /// A door counter's message that cannot be used.
    #[error("is no count: give `entered`, `left` or `inside`, and the id of a zone or floor of the site map")]
    NoCount,
}

impl Receipt {
    /// Amounts and texts were read: sees to what depends on all of them.
    pub fn settle(&mut self) {
        if self.total.is_some_and(|t| t < 0) && self.kind == ReceiptKind::Sale {
            self.kind = ReceiptKind::Refund;
        }
        if self.kind != ReceiptKind::Sale {
            self.total = self.total.map(i64::saturating_abs);
        }
        self.flags.unreadable = self.number.is_none() && self.total.is_none();
        self.flags.unbalanced = !self.balances();
    }

    /// Whether what was tendered, less change where it is not yet taken off, is the total.
    fn balances(&self) -> bool {
        let (Some(total), Some(tendered)) = (self.total, self.tendered) else { return true };
        let (total, tendered) = (total.saturating_abs(), tendered.saturating_abs());
        tendered == total || tendered.saturating_sub(self.change.unwrap_or(0)) == total
    }

    /// Keeps a doubt, up to [`MAX_DOUBTS`].
    pub fn doubt(&mut self, field: &str, what: impl fmt::Display) {
        if self.doubts.len() < MAX_DOUBTS {
            self.doubts.push(Doubt { field: field.to_owned(), what: what.to_string() });
        }
    }

    /// Minor units of an amount in the currency of the receipt; a doubt where it has none.
    pub fn minor(&mut self, field: &str, amount: Decimal) -> Option<i64> {
        let Some(currency) = self.currency else {
            self.doubt(field, "is in no known currency; give the feed one (ISO 4217)");
            return None;
        };
        match amount.minor(currency) {
            Ok(minor) => Some(minor),
            Err(e) => {
                self.doubt(field, e);
                None
            }
        }
    }

    /// A text of the feed, trimmed and cut to [`MAX_TEXT`]; nothing where it is blank.
    pub fn text(&mut self, text: &str) -> Option<String> {
        let text = text.trim();
        let cut = text.floor_char_boundary(MAX_TEXT.min(text.len()));
        self.flags.cut |= cut < text.len();
        (cut > 0).then(|| text[..cut].to_owned())
    }

    /// As [`Self::text`], of a text that people write: card and phone numbers are cut.
    pub fn free_text(&mut self, text: &str) -> Option<String> {
        // Numbers are cut before the text is: half a card number has no Luhn sum.
        let wide = &text[..text.floor_char_boundary(text.len().min(4 * MAX_TEXT))];
        self.flags.cut |= wide.len() < text.len();
        let clean = digits::cut_free_text(wide);
        self.text(&clean)
    }

    /// Adds an item, up to [`MAX_ITEMS`].
    pub fn add_item(&mut self, item: Item) {
        if self.items.len() < MAX_ITEMS {
            self.items.push(item);
        } else {
            self.flags.cut = true;
        }
    }

    /// Adds a tender, up to [`MAX_TENDERS`].
    pub fn add_tender(&mut self, tender: Tender) {
        if self.tenders.len() < MAX_TENDERS {
            self.tenders.push(tender);
        } else {
            self.flags.cut = true;
        }
    }

    /// The receipt as sources yield it. `captured` is when it reached the gateway; without it, the till's time
    /// counts. `till` is where it belongs when the names of the feed are not in the site map and its store has
    /// not exactly one till there; of a printed receipt it is the till in any case. Such a till may stand for several of the feed's, each of which counts from
    /// one: the feed's name of the till goes before the number (`3/86`), or two sales would be taken for one.
    ///
    /// What other numbers it goes by is learnt, and a link that means its sale by one is given the sale's own.
    pub fn observe(
        &self,
        names: &Names,
        till: Option<TillIx>,
        captured: Option<Timestamp>,
        aliases: &mut Aliases,
    ) -> Result<observation::Receipt, NotObserved> {
        match self.flags {
            Flags { training: true, .. } => return Err(NotObserved::Training),
            Flags { cancelled: true, .. } => return Err(NotObserved::Cancelled),
            Flags { suspended: true, .. } => return Err(NotObserved::Suspended),
            _ => {}
        }
        let at = captured.or(self.end).or(self.begin).ok_or(NotObserved::NoTime)?;
        // A printer line is one till's, whatever that prints of itself.
        let line = till.filter(|_| self.feed == Feed::EscPos);
        let own = line.or_else(|| names.till_of(self.store.as_deref(), self.till.as_deref()));
        let shared = || self.store.as_deref().and_then(|store| names.only_till_of(store)).or(till);
        let till = own.or_else(shared).ok_or(NotObserved::UnknownTill)?;
        let printed = |by: Option<&String>, number: &String| match by.or(self.till.as_ref()) {
            Some(by) if own.is_none() => format!("{by}/{number}"),
            _ => number.clone(),
        };
        let number = self.number.as_ref().map(|number| printed(None, number));
        if let Some(number) = &number
            && self.kind == ReceiptKind::Sale
        {
            let others: Vec<String> = self.aliases.iter().map(|alias| printed(None, alias)).collect();
            aliases.learn(till, number, &others, self.business_date);
        }
        let mut refers_to =
            self.refers_to.as_ref().and_then(|link| self.sale_ref(link, till, names, printed));
        if let Some(link) = refers_to.as_mut().filter(|_| self.refers_to.as_ref().is_some_and(|l| l.by_alias))
        {
            aliases.resolve(till, link);
        }
        Ok(observation::Receipt {
            at,
            till,
            store: names.store(till).or(self.store.as_deref()).unwrap_or_default().to_owned(),
            number,
            kind: self.kind,
            amount_minor: self.total,
            currency: self.currency,
            member: self.member.as_ref().map(|m| m.reveal().to_owned()),
            refers_to,
            business_date: self.business_date,
            printed_at: self.end.or(self.begin),
            content: content::of(self),
            marks: Marks {
                reprint: self.flags.reprint,
                partial: self.flags.cut,
                unbalanced: self.flags.unbalanced,
            },
        })
    }
}

impl Receipt {
    /// A link speaks the feed's names: they mean this till where they are the receipt's own, or where it names none.
    /// A till that the map does not have is no other one: there is nothing to link to.
    fn sale_ref(
        &self,
        link: &Link,
        till: TillIx,
        names: &Names,
        printed: impl Fn(Option<&String>, &String) -> String,
    ) -> Option<SaleRef> {
        let number = link.number.as_ref()?;
        let (store, named) = (link.store.as_ref().or(self.store.as_ref()), link.till.as_ref());
        let elsewhere =
            (link.store.is_some() && link.store != self.store) || (named.is_some() && link.till != self.till);
        let of_map = names.till_of(store.map(String::as_str), named.map(String::as_str));
        let (till, number) = match (of_map, elsewhere) {
            (Some(other), true) => (Some(other).filter(|other| *other != till), number.clone()),
            // Tills that share one of the map: their names go before the number.
            (None, true) if link.store.is_none() || link.store == self.store => {
                (None, printed(named, number))
            }
            (None, true) => return None,
            (_, false) => (None, printed(named, number)),
        };
        Some(SaleRef { till, number, business_date: link.business_date })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_sale_is_a_refund_of_a_positive_amount() {
        let mut receipt = Receipt { total: Some(-500), ..Receipt::default() };
        receipt.settle();
        assert_eq!((receipt.kind, receipt.total), (ReceiptKind::Refund, Some(500)));
    }

    #[test]
    fn payment_may_be_told_with_or_without_change() {
        for (tendered, change, fits) in
            [(500, None, true), (600, Some(100), true), (500, Some(100), true), (600, None, false)]
        {
            let mut receipt =
                Receipt { total: Some(500), tendered: Some(tendered), change, ..Receipt::default() };
            receipt.settle();
            assert_eq!(receipt.flags.unbalanced, !fits, "{tendered} {change:?}");
        }
    }

    #[test]
    fn debug_shows_no_member_and_texts_no_card() {
        let mut receipt = Receipt { member: Member::new("13800000500"), ..Receipt::default() };
        let name = receipt.free_text("储值卡 4111 1111 1111 1111 手机13800000500");
        receipt.add_item(Item { name, code: None, quantity: None, amount: None });
        let shown = format!("{receipt:?}");
        assert!(!shown.contains("13800000500") && !shown.contains("4111"), "{shown}");
        assert!(shown.contains("****1111") && shown.contains("138****0500"), "{shown}");
    }

    #[test]
    fn long_texts_are_cut_and_say_so() {
        let mut receipt = Receipt::default();
        let kept = receipt.text(&"中".repeat(1_000)).unwrap();
        assert!(kept.len() <= MAX_TEXT && receipt.flags.cut);
    }

    #[test]
    fn tills_that_share_one_of_the_map_keep_their_sales_apart() {
        let tills = [("till-9".to_owned(), (TillIx(0), "9".to_owned()))].into();
        let names = Names { tills, ..Names::default() };
        let number = |till: Option<&str>, named: Option<TillIx>, names: &Names| {
            let receipt = Receipt {
                store: Some("9".into()),
                till: till.map(str::to_owned),
                number: Some("86".into()),
                end: Some(Timestamp::from_micros(0)),
                ..Receipt::default()
            };
            receipt.observe(names, named, None, &mut Aliases::default()).map(|o| o.number.unwrap_or_default())
        };
        assert_eq!(number(Some("3"), None, &names).as_deref(), Ok("3/86"));
        assert_eq!(number(Some("32"), None, &names).as_deref(), Ok("32/86"));
        assert_eq!(number(None, None, &names).as_deref(), Ok("86"));
        assert_eq!(number(Some("till-9"), None, &names).as_deref(), Ok("86"));
        assert_eq!(number(Some("3"), Some(TillIx(5)), &Names::default()).as_deref(), Ok("3/86"));
        assert_eq!(number(Some("3"), None, &Names::default()), Err(NotObserved::UnknownTill));
    }

    #[test]
    fn what_is_printed_on_a_line_is_of_the_lines_till_whatever_it_says() {
        let tills = [
            ("03".to_owned(), (TillIx(7), "other".to_owned())),
            ("t".to_owned(), (TillIx(0), "s".to_owned())),
        ];
        let names = Names { tills: tills.into(), ..Names::default() };
        let receipt = Receipt {
            feed: Feed::EscPos,
            till: Some("03".into()),
            number: Some("86".into()),
            end: Some(Timestamp::from_micros(0)),
            ..Receipt::default()
        };
        let seen = receipt.observe(&names, Some(TillIx(0)), None, &mut Aliases::default()).unwrap();
        assert_eq!((seen.till, seen.store.as_str(), seen.number.as_deref()), (TillIx(0), "s", Some("86")));
    }

    #[test]
    fn what_was_not_sold_is_no_observation() {
        let flags = Flags { training: true, ..Flags::default() };
        let receipt = Receipt { flags, ..Receipt::default() };
        assert_eq!(
            receipt.observe(&Names::default(), None, None, &mut Aliases::default()),
            Err(NotObserved::Training)
        );
    }
}
