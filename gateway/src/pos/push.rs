//! Receipts as JSON documents: what POS software pushes.
//!
//! Three shapes, told apart by their fields:
//!
//! ```text
//! postsalescreate  {"salestotal": {"mallid","storecode","tillid","txdocno","txdate_yyyymmdd","txtime_hhmmss",
//!                   "salestype":"SA"|"SR","vipcode","netamount","paidamount","changeamount","orgtxdocno",
//!                   "orgtxdate_yyyymmdd","orgstorecode","orgtillid"}, "salesitems":[{"itemcode","itemname",
//!                   "qty","netamount"}], "salestenders":[{"tendercode","payamount"}]}
//! ours             {"at","till","store","number","type","amount_minor"|"amount","currency","member",
//!                   "refers_to","business_date","items":[{"name","code","quantity","amount_minor"|"amount"}],
//!                   "tenders":[{"kind","amount_minor"|"amount"}]}, as in the observation log
//! totals of a day  {"type":"day_totals","store","till","business_date","receipts","net_minor"|"net","currency"}, or a
//!                   postdailysalessummary {"salessummary":{"storecode","tillid","txdate_yyyymmdd","ttlsalesamt",
//!                   "ttlrefundamt","ttldoccount"}}, or one with "salesdate","transactioncount","netamount"
//! ```
//!
//! The first is what several malls run as `postsalescreate` with small differences: the header flat or as
//! `salestotal` within `astr_request`; without `tillid` where a store has one till, without a time of day; `items`, `salesitems`, `tenders`, `salestenders`; names in any case, with
//! the `Field` that .NET puts behind them, with or without `_yyyymmdd`. Amounts and numbers may be JSON numbers
//! or strings; either way their digits are read and never become a float.
//!
//! All problems of a document are reported at once, without repeating values. A document is at most
//! [`MAX_DOCUMENT`] bytes.

mod fields;
mod mall;
mod ours;
mod totals;

use self::fields::{Fields, Problems};
use super::receipt::Receipt;
use super::totals::DayTotals;
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
    /// The feed has a till: documents need not name one.
    pub till_known: bool,
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

/// What a document holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Document {
    /// A receipt.
    Receipt(Box<Receipt>),
    /// What was sold in a day.
    Totals(DayTotals),
}

/// What a document holds, or everything that is wrong with it.
pub fn parse_any(document: &[u8], settings: &Settings) -> Result<Document, Vec<Problem>> {
    let mut problems = Problems::default();
    let parsed = read(document, settings, &mut problems);
    match (parsed, problems.list.is_empty()) {
        (Some(document), true) => Ok(document),
        _ => Err(problems.list),
    }
}

/// The receipt of a document, or everything that is wrong with it.
pub fn parse(document: &[u8], settings: &Settings) -> Result<Receipt, Vec<Problem>> {
    match parse_any(document, settings)? {
        Document::Receipt(receipt) => Ok(*receipt),
        Document::Totals(_) => {
            let what = "holds the totals of a day where a receipt belongs".to_owned();
            Err(vec![Problem { path: "document".into(), what }])
        }
    }
}

fn read(document: &[u8], settings: &Settings, problems: &mut Problems) -> Option<Document> {
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
    let mut summary = false;
    for envelope in [
        "postsalescreate",
        "postesalescreate",
        "postdailysalessummary",
        "postdailysalessummary2",
        "postmalldailysalessummary",
        "astr_request",
        "request",
        "dailysalessummary",
        "salessummary",
    ] {
        if let Some(inner) = all.get(&[envelope]) {
            summary |= envelope.contains("summary");
            all = Fields::of(inner, "", problems)?;
        }
    }
    if summary || totals::is_totals(&all, problems) {
        return totals::read(&all, settings, problems).map(Document::Totals);
    }
    if all.get(&["salestotal", "esalestotal", "saleshdr"]).is_some() || all.get(&["txdocno"]).is_some() {
        mall::read(&all, settings, problems).map(|r| Document::Receipt(Box::new(r)))
    } else if all.get(&["till", "number", "amount_minor", "amount"]).is_some() {
        ours::read(&all, settings, problems).map(|r| Document::Receipt(Box::new(r)))
    } else {
        let wanted =
            "is no receipt: wanted a postsalescreate (salestotal or txdocno) or ours (till, number, amount)";
        problems.add("document", wanted);
        None
    }
}

#[cfg(test)]
mod tests;
