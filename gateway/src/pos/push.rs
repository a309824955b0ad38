//! Receipts as JSON documents: what POS software pushes.
//!
//! Two shapes, told apart by their fields:
//!
//! ```text
//! postsalescreate  {"salestotal": {"mallid","storecode","tillid","txdocno","txdate_yyyymmdd","txtime_hhmmss",
//!                   "salestype":"SA"|"SR","vipcode","netamount","paidamount","changeamount","orgtxdocno",
//!                   "orgtxdate_yyyymmdd","orgstorecode","orgtillid"}, "salesitems":[{"itemcode","itemname",
//!                   "qty","netamount"}], "salestenders":[{"tendercode","payamount"}]}
//! ours             {"at","till","store","number","type","amount_minor"|"amount","currency","member",
//!                   "refers_to","business_date","items":[{"name","code","quantity","amount_minor"|"amount"}],
//!                   "tenders":[{"kind","amount_minor"|"amount"}]}, as in the observation log
//! ```
//!
//! The first is what several malls run as `postsalescreate` with small differences: the header flat or as
//! `salestotal` within `astr_request`; `items`, `salesitems`, `tenders`, `salestenders`; names in any case, with
//! the `Field` that .NET puts behind them, with or without `_yyyymmdd`. Amounts and numbers may be JSON numbers
//! or strings; either way their digits are read and never become a float.
//!
//! All problems of a document are reported at once, without repeating values. A document is at most
//! [`MAX_DOCUMENT`] bytes.

mod fields;
mod mall;
mod ours;

use self::fields::{Fields, Problems};
use super::receipt::Receipt;
use jiff::tz::TimeZone;
use serde_json::value::RawValue;
use visit_core::observation::Currency;

/// The longest document, bytes.
pub const MAX_DOCUMENT: usize = 1 << 20;
/// Problems of one document that are kept in words.
pub const MAX_PROBLEMS: usize = 32;

/// What documents do not say.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// For times without an offset.
    pub zone: Option<TimeZone>,
    /// For documents without a currency.
    pub currency: Option<Currency>,
}

/// Something wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {what}")]
pub struct Problem {
    /// Where: `salestotal.netamount`, `items[3].qty`; `document` for all of it.
    pub path: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

/// The receipt of a document, or everything that is wrong with it.
pub fn parse(document: &[u8], settings: &Settings) -> Result<Receipt, Vec<Problem>> {
    let mut problems = Problems::default();
    let parsed = read(document, settings, &mut problems);
    match (parsed, problems.list.is_empty()) {
        (Some(receipt), true) => Ok(receipt),
        _ => Err(problems.list),
    }
}

fn read(document: &[u8], settings: &Settings, problems: &mut Problems) -> Option<Receipt> {
    if document.len() > MAX_DOCUMENT {
        problems.add("document", format!("is longer than {MAX_DOCUMENT} bytes"));
        return None;
    }
    let document = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document);
    let raw: &RawValue = match serde_json::from_slice(document) {
        Ok(raw) => raw,
        Err(e) => {
            let (line, column) = (e.line(), e.column());
            problems.add("document", format!("no JSON at line {line}, column {column}"));
            return None;
        }
    };
    let mut all = Fields::of(raw, "", problems)?;
    // What carries the document in SOAP and its translations to JSON.
    for envelope in ["postsalescreate", "postesalescreate", "astr_request", "request"] {
        if let Some(inner) = all.get(&[envelope]) {
            all = Fields::of(inner, "", problems)?;
        }
    }
    if all.get(&["salestotal", "esalestotal", "saleshdr"]).is_some() || all.get(&["txdocno"]).is_some() {
        mall::read(&all, settings, problems)
    } else if all.get(&["till", "number", "amount_minor", "amount"]).is_some() {
        ours::read(&all, settings, problems)
    } else {
        let wanted =
            "is no receipt: wanted a postsalescreate (salestotal or txdocno) or ours (till, number, amount)";
        problems.add("document", wanted);
        None
    }
}

#[cfg(test)]
mod tests;
