//! Lines of what tills printed: receipts, and what was sold in a day.

use super::{LineError, Raw, Text, ranged, unknown};
use crate::names::Names;
use crate::observation::Receipt;
use visit_core::observation::{Currency, DayTotals, Marks, ReceiptKind, SaleRef};
use visit_core::site::TillIx;
use visit_core::time::Timestamp;

pub(super) fn receipt(
    at: Timestamp,
    raw: &Raw<'_>,
    names: &Names,
    default: Option<TillIx>,
) -> Result<Receipt, LineError> {
    let (till, store) = match (till(raw.till.as_ref(), "till", names)?, default) {
        (Some((ix, store)), _) => (ix, Some(store)),
        (None, Some(till)) => (till, names.store(till)),
        (None, None) => return Err(LineError::Missing("till")),
    };
    let kind = match raw.kind_of_receipt.as_deref() {
        None | Some("sale") => ReceiptKind::Sale,
        Some("refund") => ReceiptKind::Refund,
        Some("void") => ReceiptKind::Void,
        Some(_) => return Err(LineError::Bad { field: "type", wanted: "sale, refund or void" }),
    };
    let printed_at = raw.printed_at.as_deref().map(|text| {
        let wanted = "a time as in RFC 3339 (2025-11-21T01:30:00.000Z)";
        Timestamp::parse_rfc3339(text).ok_or(LineError::Bad { field: "printed_at", wanted })
    });
    let content = raw.content.as_deref().map(|text| {
        let wanted = "a hash of up to 16 hexadecimal digits";
        u64::from_str_radix(text, 16).map_err(|_| LineError::Bad { field: "content", wanted })
    });
    let refers_to = own(&raw.refers_to).map(|number| {
        Ok(SaleRef {
            till: till_ix(raw.refers_to_till.as_ref(), "refers_to_till", names)?,
            number,
            business_date: day(raw.refers_to_date.as_ref(), "refers_to_date")?,
        })
    });
    Ok(Receipt {
        at,
        till,
        store: raw.store.as_deref().or(store).ok_or(LineError::Missing("store"))?.to_owned(),
        number: own(&raw.number),
        kind,
        amount_minor: raw.amount_minor,
        currency: currency(raw)?,
        member: own(&raw.member),
        refers_to: refers_to.transpose()?,
        business_date: day(raw.business_date.as_ref(), "business_date")?,
        printed_at: printed_at.transpose()?,
        content: content.transpose()?.unwrap_or(0),
        marks: Marks {
            reprint: raw.reprint.unwrap_or(false),
            partial: raw.partial.unwrap_or(false),
            unbalanced: raw.unbalanced.unwrap_or(false),
        },
    })
}

pub(super) fn totals(at: Timestamp, raw: &Raw<'_>, names: &Names) -> Result<DayTotals, LineError> {
    let till = till(raw.till.as_ref(), "till", names)?;
    let store = raw.store.as_deref().or(till.map(|(_, store)| store)).ok_or(LineError::Missing("store"))?;
    let receipts = ranged(raw.receipts, "receipts", "a number of receipts", 0..=i64::from(u32::MAX))?;
    Ok(DayTotals {
        at,
        store: store.to_owned(),
        till: till.map(|(ix, _)| ix),
        business_date: day(raw.business_date.as_ref(), "business_date")?
            .ok_or(LineError::Missing("business_date"))?,
        currency: currency(raw)?,
        receipts: receipts.and_then(|n| u32::try_from(n).ok()),
        net_minor: raw.net_minor,
        ticket: None,
    })
}

fn own(text: &Option<Text<'_>>) -> Option<String> {
    text.as_deref().map(str::to_owned)
}

fn currency(raw: &Raw<'_>) -> Result<Option<Currency>, LineError> {
    let wanted = "an ISO 4217 code of three capital letters";
    let code = |code: &str| Currency::new(code).ok_or(LineError::Bad { field: "currency", wanted });
    raw.currency.as_deref().map(code).transpose()
}

/// A till with the store it belongs to.
fn till<'n>(
    name: Option<&Text<'_>>,
    field: &'static str,
    names: &'n Names,
) -> Result<Option<(TillIx, &'n str)>, LineError> {
    let known = |name: &Text<'_>| {
        let (ix, store) = names.tills.get(&**name).ok_or_else(|| unknown(field, name))?;
        Ok((*ix, store.as_str()))
    };
    name.map(known).transpose()
}

fn till_ix(name: Option<&Text<'_>>, field: &'static str, names: &Names) -> Result<Option<TillIx>, LineError> {
    Ok(till(name, field, names)?.map(|(ix, _)| ix))
}

/// A date as days since 1970-01-01.
fn day(text: Option<&Text<'_>>, field: &'static str) -> Result<Option<i32>, LineError> {
    let day = |text: &Text<'_>| {
        let midnight = Timestamp::parse_rfc3339(&format!("{}T00:00:00Z", &**text));
        let days = midnight.and_then(|at| i32::try_from(at.as_micros().div_euclid(DAY_US)).ok());
        days.ok_or(LineError::Bad { field, wanted: "a date (2025-11-21)" })
    };
    text.map(day).transpose()
}

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;
