//! What was sold in a day: our own shape, and the malls' `postdailysalessummary`.

use super::Settings;
use super::fields::{Fields, Problems};
use super::mall::{currency, minor};
use crate::pos::receipt::Receipt;
use crate::pos::totals::DayTotals;
use crate::pos::when;

const DAYS: [&str; 6] = ["business_date", "salesdate", "txdate_yyyymmdd", "txdate", "businessdate", "date"];
const COUNTS: [&str; 7] =
    ["receipts", "transactioncount", "txcount", "totaltransaction", "noofsales", "salescount", "totalcount"];
const NETS: [&str; 6] = ["net", "netamount", "totalnetamount", "netsales", "salesamount", "totalamount"];

/// Whether a document without an envelope that says so holds the totals of a day.
pub(super) fn is_totals(all: &Fields<'_>, problems: &mut Problems) -> bool {
    let ours = all.get(&["type"]).is_some() && all.text(&["type"], problems).as_deref() == Some("day_totals");
    ours || (all.get(&["txdocno", "number"]).is_none() && all.get(&COUNTS[1..]).is_some())
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
            let net = all.decimal(&NETS, problems);
            texts.currency = t.currency;
            minor(&mut texts, all, &NETS, net, problems)
        }
    };
    if t.receipts.is_none() && t.net.is_none() {
        problems
            .add("document", "declares neither a number of receipts nor a net amount: nothing to compare");
    }
    Some(t)
}
