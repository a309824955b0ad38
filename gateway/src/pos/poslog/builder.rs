//! One transaction, built element by element.
//!
//! Amounts stay decimals until the transaction ends, because its currency may come after them.
//!
//! Voided lines: of `VoidFlag="true"` there are two kinds in the wild. The line itself may be marked, or (NCR) a
//! second line with negative amount takes the first one back; then both go. A return line counts as negative
//! whatever its sign.

use super::Settings;
use super::names::Name;
use crate::pos::money::Decimal;
use crate::pos::receipt::{Feed, Item, Link, MAX_ITEMS, MAX_TENDERS, Member, Receipt, Tender};
use crate::pos::when;
use quick_xml::XmlVersion;
use quick_xml::events::BytesStart;
use visit_core::observation::{Currency, ReceiptKind};

/// What kind of transaction it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum What {
    Retail,
    Control,
    #[default]
    Other,
}

#[derive(Default)]
pub(super) struct Builder {
    receipt: Receipt,
    what: What,
    /// Texts, read when the time zone is at hand.
    begin: Option<String>,
    end: Option<String>,
    printed: Option<String>,
    loyalty: Option<Member>,
    customer: Option<Member>,
    link: LinkDraft,
    line: Line,
    lines: Vec<Goods>,
    tenders: Vec<(String, Decimal)>,
    change: Vec<Decimal>,
    line_tax: Vec<Decimal>,
    total: Totals,
    total_type: TotalType,
    sales: u32,
    returns: u32,
}

#[derive(Default)]
struct Totals {
    grand: Option<Decimal>,
    tax: Option<Decimal>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum TotalType {
    Grand,
    Tax,
    #[default]
    Other,
}

/// The link that is open, and what it is for.
#[derive(Default)]
struct LinkDraft {
    link: Link,
    use_of: LinkUse,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum LinkUse {
    TakesBack,
    Voids,
    /// A suspended transaction that goes on here, and others that take nothing back.
    #[default]
    Other,
}

#[derive(Default)]
struct Line {
    voided: bool,
    goods: Option<Goods>,
    is_return: bool,
    tender: Option<(String, Option<Decimal>)>,
    tender_gives_back: bool,
    change: Option<Decimal>,
    tax: Option<Decimal>,
}

#[derive(Default)]
struct Goods {
    name: Option<String>,
    code: Option<String>,
    quantity: Option<Decimal>,
    amount: Option<Decimal>,
}

impl Builder {
    pub(super) fn what(&self) -> What {
        self.what
    }

    /// An element begins; it is the last of `path`.
    pub(super) fn open(&mut self, path: &[Name], tag: &BytesStart<'_>) {
        match path {
            [.., Name::Transaction] => self.flags(tag),
            [.., Name::Transaction, Name::RetailTransaction] => {
                self.what = What::Retail;
                self.flags(tag);
            }
            [.., Name::Transaction, Name::ControlTransaction] => self.what = What::Control,
            [.., Name::RetailTransaction, Name::LineItem] => {
                let voided = is_true(tag, "VoidFlag") || is_true(tag, "CancelFlag");
                self.line = Line { voided, ..Line::default() };
            }
            [.., Name::LineItem, Name::Sale] => self.line.goods = Some(Goods::default()),
            [.., Name::LineItem, Name::Return] => {
                self.line.goods = Some(Goods::default());
                self.line.is_return = true;
            }
            [.., Name::LineItem, Name::Tender] => {
                let kind = attribute(tag, "TenderType").unwrap_or_default();
                let code = attribute(tag, "TypeCode").unwrap_or_default();
                self.line.tender_gives_back = code.eq_ignore_ascii_case("refund");
                self.line.tender = Some((kind, None));
            }
            [.., Name::RetailTransaction, Name::Total] => {
                let kind = attribute(tag, "TotalType").unwrap_or_default();
                self.total_type = match kind.as_str() {
                    "TransactionGrandAmount" => TotalType::Grand,
                    "TransactionTaxAmount" => TotalType::Tax,
                    _ => TotalType::Other,
                };
            }
            [.., Name::TransactionLink | Name::ReturnTransactionLink] => {
                let reason = attribute(tag, "ReasonCode").unwrap_or_default().to_ascii_lowercase();
                let within_return = matches!(path, [.., Name::Return, _])
                    || path.last() == Some(&Name::ReturnTransactionLink);
                let use_of = match () {
                    () if reason.contains("void") => LinkUse::Voids,
                    () if within_return || reason.contains("return") || reason.contains("refund") => {
                        LinkUse::TakesBack
                    }
                    () => LinkUse::Other,
                };
                self.link = LinkDraft { link: Link::default(), use_of };
            }
            _ => {}
        }
        if let [.., Name::ExtendedAmount | Name::Amount | Name::Total] = path
            && self.receipt.currency.is_none()
        {
            // Version 6 says it at every amount.
            self.receipt.currency = attribute(tag, "Currency")
                .or_else(|| attribute(tag, "CurrencyCode"))
                .and_then(|code| Currency::new(&code));
        }
    }

    fn flags(&mut self, tag: &BytesStart<'_>) {
        let flags = &mut self.receipt.flags;
        flags.training |= is_true(tag, "TrainingModeFlag");
        flags.cancelled |= is_true(tag, "CancelFlag");
        let status = attribute(tag, "TransactionStatus").unwrap_or_default().to_ascii_lowercase();
        flags.suspended |= status.starts_with("suspended") && status != "suspendedretrieved";
        flags.cancelled |= matches!(status.as_str(), "canceled" | "cancelled" | "voided");
        let code = attribute(tag, "TypeCode").unwrap_or_default().to_ascii_lowercase();
        if status == "postvoided" || code.contains("void") || is_true(tag, "VoidFlag") {
            self.receipt.kind = ReceiptKind::Void;
        }
    }

    /// An element ends; it is the last of `path`, and `text` was directly in it.
    pub(super) fn element(&mut self, path: &[Name], text: &str) {
        use Name as N;
        let text = text.trim();
        match path {
            [.., N::Transaction, N::RetailStoreId] | [.., N::Transaction, N::BusinessUnit, N::UnitId] => {
                self.receipt.store = self.receipt.text(text);
            }
            [.., N::Transaction, N::WorkstationId] => self.receipt.till = self.receipt.text(text),
            [.., N::Transaction, N::TillId] if self.receipt.till.is_none() => {
                self.receipt.till = self.receipt.text(text);
            }
            [.., N::Transaction, N::SequenceNumber] => self.receipt.number = self.receipt.text(text),
            [.., N::Transaction | N::RetailTransaction, N::ReceiptNumber] => {
                self.printed = self.receipt.text(text);
            }
            [.., N::Transaction, N::BusinessDayDate] => {
                self.receipt.business_date = when::date(text);
                if self.receipt.business_date.is_none() {
                    self.receipt.doubt("BusinessDayDate", "is no date; wanted one like 2017-09-30");
                }
            }
            [.., N::Transaction, N::BeginDateTime] => self.begin = self.receipt.text(text),
            [.., N::Transaction, N::EndDateTime] => self.end = self.receipt.text(text),
            [.., N::RetailTransaction, N::ReceiptDateTime] if self.end.is_none() => {
                self.end = self.receipt.text(text);
            }
            [.., N::Transaction, N::CurrencyCode] => {
                let code = Currency::new(text);
                if code.is_none() {
                    self.receipt.doubt("CurrencyCode", "is no ISO 4217 code; wanted three capital letters");
                }
                self.receipt.currency = code.or(self.receipt.currency);
            }
            [.., N::RetailTransaction, N::Total] => self.total(text),
            // Before the fields of goods: a link may be one of them.
            [.., N::TransactionLink | N::ReturnTransactionLink] => self.link_ends(),
            [.., N::LineItem, N::Sale | N::Return, field] => self.goods(*field, text),
            [.., N::Sale | N::Return, N::PosIdentity, N::PosItemId] => self.goods(N::PosItemId, text),
            [.., N::LineItem, N::Tender, N::Amount] => {
                let amount = self.decimal("Tender/Amount", text);
                if let Some((_, slot)) = &mut self.line.tender {
                    *slot = amount;
                }
            }
            [.., N::LineItem, N::Tender, N::TenderChange, N::Amount] => {
                self.line.change = self.decimal("TenderChange/Amount", text);
            }
            [.., N::LineItem, N::Tax, N::Amount] => self.line.tax = self.decimal("Tax/Amount", text),
            [.., N::RetailTransaction, N::LineItem] => self.line_ends(),
            [.., N::TransactionLink | N::ReturnTransactionLink, field] => self.link_field(*field, text),
            [.., N::TransactionLink | N::ReturnTransactionLink, N::BusinessUnit, N::UnitId] => {
                self.link_field(N::RetailStoreId, text);
            }
            [.., N::LoyaltyAccountId | N::NcrLoyaltyId] | [.., N::LoyaltyAccount, N::CustomerId] => {
                self.loyalty = Member::new(text).or(self.loyalty.take());
            }
            [.., N::Customer, N::CustomerId] => self.customer = Member::new(text).or(self.customer.take()),
            _ => {}
        }
    }

    fn decimal(&mut self, field: &str, text: &str) -> Option<Decimal> {
        Decimal::parse(text).map_err(|e| self.receipt.doubt(field, e)).ok()
    }

    fn total(&mut self, text: &str) {
        match self.total_type {
            TotalType::Grand => self.total.grand = self.decimal("Total TransactionGrandAmount", text),
            TotalType::Tax => self.total.tax = self.decimal("Total TransactionTaxAmount", text),
            TotalType::Other => {}
        }
    }

    fn goods(&mut self, field: Name, text: &str) {
        let Some(mut goods) = self.line.goods.take() else { return };
        match field {
            Name::Description => goods.name = self.receipt.free_text(text),
            Name::ItemId => goods.code = self.receipt.free_text(text),
            Name::PosItemId if goods.code.is_none() => goods.code = self.receipt.free_text(text),
            Name::Quantity => goods.quantity = self.decimal("Quantity", text),
            Name::ExtendedAmount => goods.amount = self.decimal("ExtendedAmount", text),
            _ => {}
        }
        self.line.goods = Some(goods);
    }

    fn line_ends(&mut self) {
        let line = std::mem::take(&mut self.line);
        if line.voided {
            self.receipt.voided_items += u32::from(line.goods.is_some());
            if let Some(goods) = line.goods {
                self.take_back(&goods);
            }
            return;
        }
        if let Some(mut goods) = line.goods {
            self.sales += u32::from(!line.is_return);
            self.returns += u32::from(line.is_return);
            if line.is_return {
                goods.amount = goods.amount.map(|a| a.magnitude().negated());
                goods.quantity = goods.quantity.map(|q| q.magnitude().negated());
            }
            push(&mut self.lines, goods, MAX_ITEMS, &mut self.receipt.flags.cut);
        }
        if let Some((kind, Some(amount))) = line.tender {
            let is_change = line.change.is_some_and(|c| c == amount && c.is_negative());
            if !is_change {
                let amount = if line.tender_gives_back { amount.magnitude().negated() } else { amount };
                push(&mut self.tenders, (kind, amount), MAX_TENDERS, &mut self.receipt.flags.cut);
            }
        }
        if let Some(change) = line.change {
            push(&mut self.change, change.magnitude(), MAX_TENDERS, &mut self.receipt.flags.cut);
        }
        if let Some(tax) = line.tax {
            push(&mut self.line_tax, tax, MAX_TENDERS, &mut self.receipt.flags.cut);
        }
    }

    /// A voided line with a negative amount takes back the last line that is its opposite.
    fn take_back(&mut self, voided: &Goods) {
        let Some(amount) = voided.amount.filter(|a| a.is_negative()) else { return };
        let opposite = |g: &Goods| {
            g.amount == Some(amount.negated())
                && (g.code.as_ref(), &g.name) == (voided.code.as_ref(), &voided.name)
        };
        if let Some(at) = self.lines.iter().rposition(opposite) {
            self.lines.remove(at);
            self.sales = self.sales.saturating_sub(1);
        }
    }

    fn link_field(&mut self, field: Name, text: &str) {
        let link = &mut self.link.link;
        match field {
            Name::RetailStoreId => link.store = self.receipt.text(text),
            Name::WorkstationId => link.till = self.receipt.text(text),
            Name::BusinessDayDate => link.business_date = when::date(text),
            Name::ReceiptNumber => link.number = self.receipt.text(text),
            Name::SequenceNumber if link.number.is_none() => link.number = self.receipt.text(text),
            _ => {}
        }
    }

    fn link_ends(&mut self) {
        let draft = std::mem::take(&mut self.link);
        match draft.use_of {
            LinkUse::Other => return,
            LinkUse::Voids => self.receipt.kind = ReceiptKind::Void,
            LinkUse::TakesBack => {}
        }
        if draft.link.number.is_some() {
            self.receipt.refers_to.get_or_insert(draft.link);
        }
    }

    /// The transaction as a receipt.
    pub(super) fn finish(mut self, settings: &Settings) -> Receipt {
        let mut r = std::mem::take(&mut self.receipt);
        r.feed = Feed::PosLog;
        r.currency = r.currency.or(settings.currency);
        r.number = self.printed.take().or(r.number.take());
        r.member = self.loyalty.take().or(self.customer.take());
        for (field, text, to_end) in
            [("BeginDateTime", self.begin.take(), false), ("EndDateTime", self.end.take(), true)]
        {
            let Some(text) = text else { continue };
            let at = when::moment(&text, settings.zone.as_ref());
            if at.is_none() {
                let wanted = "is no time, or one without an offset where the time zone is not known; \
                              wanted 2017-10-01T02:02:54+08:00";
                r.doubt(field, wanted);
            }
            *(if to_end { &mut r.end } else { &mut r.begin }) = at;
        }
        if r.kind == ReceiptKind::Sale && self.returns > 0 && self.sales == 0 {
            r.kind = ReceiptKind::Refund;
        }
        r.total = self.total.grand.and_then(|total| r.minor("Total TransactionGrandAmount", total));
        r.tax = match self.total.tax {
            Some(tax) => r.minor("Total TransactionTaxAmount", tax),
            None => sum(&mut r, "Tax/Amount", &self.line_tax),
        };
        for (kind, amount) in std::mem::take(&mut self.tenders) {
            if let (Some(amount), kind) = (r.minor("Tender/Amount", amount), r.free_text(&kind)) {
                r.add_tender(Tender { kind: kind.unwrap_or_default(), amount });
            }
        }
        r.tendered = r.tenders.iter().map(|t| t.amount).reduce(i64::saturating_add);
        r.change = sum(&mut r, "TenderChange/Amount", &self.change);
        for goods in std::mem::take(&mut self.lines) {
            let amount = goods.amount.and_then(|a| r.minor("ExtendedAmount", a));
            r.add_item(Item { name: goods.name, code: goods.code, quantity: goods.quantity, amount });
        }
        r.settle();
        r
    }
}

fn sum(receipt: &mut Receipt, field: &str, amounts: &[Decimal]) -> Option<i64> {
    amounts.iter().filter_map(|a| receipt.minor(field, *a)).reduce(i64::saturating_add)
}

fn push<T>(list: &mut Vec<T>, entry: T, max: usize, cut: &mut bool) {
    if list.len() < max {
        list.push(entry);
    } else {
        *cut = true;
    }
}

/// An attribute by its local name. Vendors' own have a prefix and are not meant.
fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = tag.attributes();
    let mut found = attributes.with_checks(false).take(MAX_ATTRIBUTES).flatten();
    let found = found.find(|a| a.key.as_ref() == name.as_bytes())?;
    let value = found.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(value.trim().chars().take(64).collect())
}

/// More attributes than any element of POSLog has.
const MAX_ATTRIBUTES: usize = 64;

fn is_true(tag: &BytesStart<'_>, name: &str) -> bool {
    attribute(tag, name).is_some_and(|v| matches!(v.as_str(), "true" | "1" | "True" | "TRUE"))
}
