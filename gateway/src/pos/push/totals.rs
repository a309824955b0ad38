//! What was sold in a day: our own shape, and the malls' `postdailysalessummary`.

use super::Settings;
use super::fields::{Fields, Problems};
use super::mall::{currency, minor};
use crate::pos::receipt::Receipt;
use crate::pos::totals::DayTotals;
use crate::pos::when;

const DAYS: [&str; 6] = ["business_date", "salesdate", "txdate_yyyymmdd", "txdate", "businessdate", "date"];
const COUNTS: [&str; 8] = [
    "receipts",
    "transactioncount",
    "ttldoccount",
    "txcount",
    "totaltransaction",
    "noofsales",
    "salescount",
    "totalcount",
];
/// What was sold and what was given back, apart from each other.
const SOLD: [&str; 1] = ["ttlsalesamt"];
const GIVEN_BACK: [&str; 1] = ["ttlrefundamt"];
const NETS: [&str; 6] = ["net", "netamount", "totalnetamount", "netsales", "salesamount", "totalamount"];

/// Whether a document without an envelope that says so holds the totals of a day.
pub(super) fn is_totals(all: &Fields<'_>, problems: &mut Problems) -> bool {
    let ours = all.get(&["type"]).is_some() && all.text(&["type"], problems).as_deref() == Some("day_totals");
    ours || all.get(&SOLD).is_some()
        || (all.get(&["txdocno", "number"]).is_none() && all.get(&COUNTS[1..]).is_some())
}

pub(super) fn read(all: &Fields<'_>, settings: &Settings, problems: &mut Problems) -> Option<DayTotals> {
    let mut texts = Receipt::default();
    let mut t = DayTotals {
        store: all.text(&["storecode", "store"], problems).and_then(|t| texts.text(&t)),
        till: all.text(&["tillid", "till"], problems).and_then(|t| texts.text(&t)),
        currency: currency(all, settings, problems),
        ..DayTotals::default()
    };
    if t.store.is_none() && t.till.is_none() && !settings.till_known {
        problems.add("storecode", "is missing, and so is tillid; one of them must be there");
    }
    let day = all.required(&DAYS, problems)?;
    t.business_date = when::date(&day);
    if t.business_date.is_none() {
        problems.add(&all.place(&DAYS), "is no date; wanted one like 2025-11-21 or 20251121");
    }
    if let Some(count) = all.text(&COUNTS, problems) {
        t.receipts = count.trim().parse().ok();
        if t.receipts.is_none() {
            problems.add(&all.place(&COUNTS), "is no number of receipts");
        }
    }
    let exact = all.text(&["net_minor"], problems);
    t.net = match exact {
        Some(text) => {
            let net = text.trim().parse().ok();
            if net.is_none() {
                problems.add(&all.place(&["net_minor"]), "is no whole number of minor units");
            }
            net
        }
        None => {
            texts.currency = t.currency;
            let mut amount = |names: &[&str], problems: &mut Problems| {
                let decimal = all.decimal(names, problems);
                minor(&mut texts, all, names, decimal, problems)
            };
            match amount(&SOLD, problems) {
                Some(sold) => {
                    let back = amount(&GIVEN_BACK, problems).map_or(0, i64::saturating_abs);
                    Some(sold.saturating_sub(back))
                }
                None => amount(&NETS, problems),
            }
        }
    };
    // Senders that do not count write 0.
    if t.receipts == Some(0) && t.net.is_some_and(|net| net != 0) {
        t.receipts = None;
    }
    if t.receipts.is_none() && t.net.is_none() {
        problems
            .add("document", "declares neither a number of receipts nor a net amount: nothing to compare");
    }
    Some(t)
}
