//! Totals and tenders of a transaction.

use crate::pos::money::Decimal;
use crate::pos::receipt::{MAX_TENDERS, Receipt, Tender};
use visit_core::observation::Currency;

/// The totals of a transaction by their `TotalType`.
#[derive(Default)]
pub(super) struct Totals {
    /// `TransactionGrandAmount`: what was to be paid.
    grand: Option<Decimal>,
    /// `TransactionNetAmount`: after discounts, before tax where tax comes on top.
    net: Option<Decimal>,
    /// `TransactionGrossAmount`, or no type at all: before discounts.
    gross: Option<Decimal>,
    /// `TransactionTenderApplied`: what was paid, less change.
    applied: Option<Decimal>,
    /// `TransactionTaxAmount`.
    pub(super) tax: Option<Decimal>,
}

/// Which total an element is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TotalType {
    Grand,
    Net,
    Gross,
    Applied,
    Tax,
    #[default]
    Other,
}

impl TotalType {
    /// By the attributes `TotalType` and `TypeCode`.
    pub(super) fn of(total_type: &str, type_code: &str) -> Self {
        // NCR counts what was returned in totals of their own.
        if type_code.eq_ignore_ascii_case("return") && total_type != "TransactionGrandAmount" {
            return Self::Other;
        }
        match total_type {
            "TransactionGrandAmount" => Self::Grand,
            "TransactionNetAmount" => Self::Net,
            "TransactionGrossAmount" | "" => Self::Gross,
            "TransactionTenderApplied" => Self::Applied,
            "TransactionTaxAmount" => Self::Tax,
            _ => Self::Other,
        }
    }

    /// As doubts call it.
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::Grand => "Total TransactionGrandAmount",
            Self::Net => "Total TransactionNetAmount",
            Self::Tax => "Total TransactionTaxAmount",
            Self::Applied => "Total TransactionTenderApplied",
            Self::Gross | Self::Other => "Total",
        }
    }
}

impl Totals {
    pub(super) fn set(&mut self, which: TotalType, amount: Option<Decimal>) {
        let slot = match which {
            TotalType::Grand => &mut self.grand,
            TotalType::Net => &mut self.net,
            TotalType::Gross => &mut self.gross,
            TotalType::Applied => &mut self.applied,
            TotalType::Tax => &mut self.tax,
            TotalType::Other => return,
        };
        *slot = amount.or(*slot);
    }

    /// The total in minor units. Without a grand total what is nearest to it stands for it, and the receipt says so.
    pub(super) fn total(&self, tenders: Option<i64>, tax: Option<i64>, r: &mut Receipt) -> Option<i64> {
        if let Some(grand) = self.grand {
            return r.minor(TotalType::Grand.field(), grand);
        }
        let (what, total) = if let Some(applied) = self.applied {
            ("TransactionTenderApplied", r.minor(TotalType::Applied.field(), applied))
        } else if let Some(paid) = tenders {
            ("what was tendered, less change,", Some(paid))
        } else if let Some(net) = self.net {
            // Whether tax is in it, nobody says; where no gross says otherwise, it is.
            let net = r.minor(TotalType::Net.field(), net);
            let with_tax = self.gross.is_none().then_some(tax).flatten().unwrap_or(0);
            ("TransactionNetAmount with tax", net.map(|net| net.saturating_add(with_tax)))
        } else if let Some(gross) = self.gross {
            ("the total without a type", r.minor(TotalType::Gross.field(), gross))
        } else {
            return None;
        };
        r.doubt(TotalType::Grand.field(), format_args!("is missing; {what} stands for it"));
        total
    }
}

/// A tender as it is read.
#[derive(Default)]
pub(super) struct RawTender {
    /// `TenderType`: Cash, CreditDebit …
    pub(super) kind: String,
    pub(super) amount: Option<Decimal>,
    pub(super) currency: Option<Currency>,
    /// It goes to the customer.
    pub(super) gives_back: bool,
    pub(super) change: Option<Decimal>,
    /// Up: more was paid than the total, for want of small coins.
    pub(super) rounding: Option<(Decimal, bool)>,
}

/// All tenders of a transaction.
#[derive(Default)]
pub(super) struct Tenders {
    list: Vec<RawTender>,
    pub(super) cut: bool,
}

impl Tenders {
    pub(super) fn push(&mut self, tender: RawTender) {
        if self.list.len() < MAX_TENDERS {
            self.list.push(tender);
        } else {
            self.cut = true;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Puts tenders, what was tendered and the change into a receipt whose currency is known.
    pub(super) fn put(self, r: &mut Receipt) {
        let (mut tendered, mut change, mut foreign) = (None::<i64>, None::<i64>, false);
        let add = |sum: &mut Option<i64>, n: i64| *sum = Some(sum.unwrap_or(0).saturating_add(n));
        for tender in self.list {
            if let Some(amount) = tender.change.and_then(|c| r.minor("TenderChange/Amount", c.magnitude())) {
                add(&mut change, amount);
            }
            let Some(amount) = tender.amount else { continue };
            if tender.currency.is_some() && r.currency.is_some() && tender.currency != r.currency {
                foreign = true;
                let code = tender.currency.as_ref().map_or("", Currency::as_str);
                r.doubt(
                    "Tender/Amount",
                    format_args!("is in {code}, not in the currency of the receipt; not added"),
                );
                continue;
            }
            // Change as a tender of its own, below zero, is no payment.
            if tender.change.is_some_and(|c| c == amount && c.is_negative()) {
                continue;
            }
            let signed = if tender.gives_back { amount.magnitude().negated() } else { amount };
            let Some(minor) = r.minor("Tender/Amount", signed) else { continue };
            if tender.kind.to_ascii_lowercase().contains("rounding") {
                let up = tender.rounding.is_none_or(|(_, up)| up);
                add(
                    &mut tendered,
                    if up { minor.saturating_abs().saturating_neg() } else { minor.saturating_abs() },
                );
                continue;
            }
            let kind = r.free_text(&tender.kind).unwrap_or_default();
            r.add_tender(Tender { kind, amount: minor });
            add(&mut tendered, minor);
        }
        // Half of a payment says nothing of the other half.
        r.tendered = tendered.filter(|_| !foreign);
        r.change = change;
    }
}
