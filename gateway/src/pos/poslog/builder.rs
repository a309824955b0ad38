//! One transaction, built element by element: what an element says when it begins. When it ends: [`read`]; when all of
//! it has: [`finish`].
//!
//! Amounts stay decimals until the transaction ends, because its currency may come after them.
//!
//! Voided lines: of `VoidFlag="true"` there are two kinds in the wild. The line itself may be marked, or (NCR) a
//! second line with negative amount takes the first one back; then both go. A return line counts as negative
//! whatever its sign.

mod finish;
mod read;

use super::names::Name;
use super::payment::{RawTender, Tenders, TotalType, Totals};
use crate::pos::money::Decimal;
use crate::pos::receipt::{Link, Member, Receipt};
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
    /// An order: a receipt where it was paid.
    order: bool,
    status: String,
    /// Texts, read when the time zone is at hand.
    begin: Option<String>,
    end: Option<String>,
    /// Other times of it, the better first: of the receipt, of the log.
    receipt_time: Option<String>,
    log_time: Option<String>,
    printed: Option<String>,
    /// `TransactionID`.
    id: Option<String>,
    member: MemberDraft,
    link: LinkDraft,
    line: Line,
    lines: Vec<Goods>,
    tenders: Tenders,
    line_tax: Vec<Decimal>,
    totals: Totals,
    total_type: TotalType,
    /// Of the transaction, of its grand total, of the first amount.
    currency: [Option<Currency>; 3],
    /// The store is said to be one, not a country or a region.
    store_is_sure: bool,
    /// The text of the element that is open says something else: when the message was sent, which country.
    passed_over: bool,
    sales: u32,
    returns: u32,
}

/// Who the customer is: the number of the account before that of the programme, and a customer's last.
#[derive(Default)]
struct MemberDraft {
    account: Option<Member>,
    holder: Option<Member>,
    vendor: Option<Member>,
    programme: Option<Member>,
    customer: Option<Member>,
}

/// The link that is open, and what it is for.
#[derive(Default)]
struct LinkDraft {
    link: Link,
    /// The number is a `TransactionID`, the least of the three.
    by_id: bool,
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
    tender: Option<RawTender>,
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
    /// What it is. An order counts as a receipt once it was paid.
    pub(super) fn what(&self) -> What {
        let paid = ["tendered", "finished", "completed", "delivered", "shipped", "totaled"];
        if self.order && self.tenders.is_empty() && !paid.contains(&self.status.as_str()) {
            return What::Other;
        }
        self.what
    }

    /// An element begins; it is the last of `path`.
    pub(super) fn open(&mut self, path: &[Name], tag: &BytesStart<'_>) {
        match path {
            [.., Name::Transaction] => self.flags(tag),
            [.., Name::Transaction, Name::RetailTransaction] => {
                self.what = What::Retail;
                self.order |= tag.local_name().as_ref() == b"CustomerOrderTransaction";
                self.flags(tag);
            }
            [.., Name::Transaction, Name::VoidTransaction] => {
                self.what = What::Retail;
                self.receipt.kind = ReceiptKind::Void;
                self.flags(tag);
            }
            [.., Name::Transaction, Name::PosLogDateTime] => {
                let code = attribute(tag, "TypeCode").unwrap_or_default();
                self.passed_over = !(code.is_empty() || code.eq_ignore_ascii_case("transaction"));
            }
            [.., Name::Transaction, Name::BusinessUnit, Name::UnitId] => {
                let code = attribute(tag, "TypeCode").unwrap_or_default().to_ascii_lowercase();
                let sure = code.contains("store");
                // The first unit, unless another is said to be a store.
                if self.receipt.store.is_some() && (self.store_is_sure || !sure) {
                    self.passed_over = true;
                } else {
                    self.passed_over = false;
                    self.store_is_sure = sure;
                }
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
                let gives_back = code.eq_ignore_ascii_case("refund");
                self.line.tender = Some(RawTender { kind, gives_back, ..RawTender::default() });
            }
            [.., Name::RetailTransaction, Name::Total] => {
                let [total, code] =
                    ["TotalType", "TypeCode"].map(|name| attribute(tag, name).unwrap_or_default());
                self.total_type = TotalType::of(&total, &code);
            }
            [.., Name::TransactionLink | Name::ReturnTransactionLink] => {
                let reason = attribute(tag, "ReasonCode").unwrap_or_default().to_ascii_lowercase();
                let within_return = matches!(path, [.., Name::Return, _])
                    || path.last() == Some(&Name::ReturnTransactionLink);
                let use_of = match () {
                    () if reason.contains("void") || path.contains(&Name::VoidTransaction) => LinkUse::Voids,
                    () if within_return || reason.contains("return") || reason.contains("refund") => {
                        LinkUse::TakesBack
                    }
                    () => LinkUse::Other,
                };
                self.link = LinkDraft { use_of, ..LinkDraft::default() };
            }
            _ => {}
        }
        if let [.., Name::LineItem, Name::Tender, Name::Rounding] = path
            && let Some(tender) = &mut self.line.tender
        {
            let up = !attribute(tag, "RoundingDirection").is_some_and(|d| d.eq_ignore_ascii_case("down"));
            tender.rounding = Some((Decimal::default(), up));
        }
        if let [.., Name::ExtendedAmount | Name::Amount | Name::Total] = path {
            // Version 6 says it at every amount.
            let code = attribute(tag, "Currency").or_else(|| attribute(tag, "CurrencyCode"));
            let code = code.and_then(|code| Currency::new(&code));
            if let ([.., Name::LineItem, Name::Tender, Name::Amount], Some(tender)) =
                (path, &mut self.line.tender)
            {
                tender.currency = code;
            }
            let [_, of_total, of_first] = &mut self.currency;
            if self.total_type == TotalType::Grand && path.last() == Some(&Name::Total) {
                *of_total = code.or(*of_total);
            }
            *of_first = of_first.or(code);
        }
    }

    fn flags(&mut self, tag: &BytesStart<'_>) {
        let flags = &mut self.receipt.flags;
        flags.training |= is_true(tag, "TrainingModeFlag");
        flags.cancelled |= is_true(tag, "CancelFlag");
        let status = attribute(tag, "TransactionStatus").unwrap_or_default().to_ascii_lowercase();
        flags.suspended |= status.starts_with("suspended") && status != "suspendedretrieved";
        flags.cancelled |= matches!(status.as_str(), "canceled" | "cancelled");
        let code = ["TypeCode", "TransactionType", "TransactionTypeCode"]
            .into_iter()
            .find_map(|name| attribute(tag, name))
            .unwrap_or_default()
            .to_ascii_lowercase();
        // Voided: the whole of it, or, logged again under its number, what was sold before.
        if matches!(status.as_str(), "voided" | "postvoided")
            || code.contains("void")
            || is_true(tag, "VoidFlag")
        {
            self.receipt.kind = ReceiptKind::Void;
        } else if self.receipt.kind == ReceiptKind::Sale
            && (code.contains("return") || code.contains("refund"))
        {
            self.receipt.kind = ReceiptKind::Refund;
        }
        if !status.is_empty() {
            self.status = status;
        }
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
