//! Our own shape: the receipt of the observation log, with items and tenders.

use super::Settings;
use super::fields::{Fields, Problems};
use super::mall::{currency, minor};
use crate::pos::receipt::{Feed, Item, Link, Member, Receipt, Tender};
use crate::pos::when;
use serde_json::value::RawValue;
use visit_core::observation::ReceiptKind;

pub(super) fn read(all: &Fields<'_>, settings: &Settings, problems: &mut Problems) -> Option<Receipt> {
    let mut r = Receipt { feed: Feed::Json, ..Receipt::default() };
    r.till = all.text(&["till"], problems).and_then(|t| r.text(&t));
    r.store = all.text(&["store"], problems).and_then(|t| r.text(&t));
    if r.till.is_none() && r.store.is_none() && !settings.till_known {
        problems.add("till", "is missing, and so is store; one of them must be there");
    }
    r.number = all.text(&["number"], problems).and_then(|t| r.text(&t));
    r.member = all.text(&["member"], problems).as_deref().and_then(Member::new);
    r.currency = currency(all, settings, problems);
    if let Some(text) = all.required(&["at", "end"], problems) {
        r.end = when::moment(&text, settings.zone.as_ref());
        if r.end.is_none() {
            problems.add(&all.place(&["at", "end"]), "is no time; wanted one like 2025-11-21T09:30:00+08:00");
        }
    }
    if let Some(text) = all.text(&["business_date"], problems) {
        r.business_date = when::date(&text);
        if r.business_date.is_none() {
            problems.add(&all.place(&["business_date"]), "is no date; wanted one like 2025-11-21");
        }
    }
    r.kind = match all.text(&["type"], problems).as_deref() {
        None | Some("sale") => ReceiptKind::Sale,
        Some("refund") => ReceiptKind::Refund,
        Some("void") => ReceiptKind::Void,
        Some(_) => {
            problems.add(&all.place(&["type"]), "is unknown; wanted sale, refund or void");
            ReceiptKind::Sale
        }
    };
    r.refers_to =
        all.text(&["refers_to"], problems).map(|number| Link { number: Some(number), ..Link::default() });
    r.total = amount(&mut r, all, ["amount_minor", "amount"], problems);
    r.tax = amount(&mut r, all, ["tax_minor", "tax"], problems);
    r.change = amount(&mut r, all, ["change_minor", "change"], problems);
    r.flags.reprint = flag(all, "reprint", problems);
    r.flags.training = flag(all, "training", problems);
    for line in all.list(&["items"], problems) {
        let name = line.text(&["name"], problems).and_then(|t| r.free_text(&t));
        let code = line.text(&["code"], problems).and_then(|t| r.free_text(&t));
        let quantity = line.decimal(&["quantity", "qty"], problems);
        let amount = amount(&mut r, &line, ["amount_minor", "amount"], problems);
        r.add_item(Item { name, code, quantity, amount });
    }
    for line in all.list(&["tenders"], problems) {
        let kind = line.text(&["kind", "type"], problems).and_then(|t| r.free_text(&t));
        if let Some(amount) = amount(&mut r, &line, ["amount_minor", "amount"], problems) {
            r.add_tender(Tender { kind: kind.unwrap_or_default(), amount });
        }
    }
    r.tendered = r.tenders.iter().map(|t| t.amount).reduce(i64::saturating_add);
    r.settle();
    Some(r)
}

/// Minor units, or a decimal amount where they are left out.
fn amount(r: &mut Receipt, all: &Fields<'_>, names: [&str; 2], problems: &mut Problems) -> Option<i64> {
    let [whole, decimal] = names;
    let Some(text) = all.text(&[whole], problems) else {
        let amount = all.decimal(&[decimal], problems);
        return minor(r, all, &[decimal], amount, problems);
    };
    let minor = text.trim().parse().ok().filter(|n: &i64| n.unsigned_abs() < MAX_MINOR);
    if minor.is_none() {
        problems.add(&all.place(&[whole]), "is no whole number of minor units; wanted 12900 for 129.00");
    }
    minor
}

/// As many digits as a decimal amount may have.
const MAX_MINOR: u64 = 10u64.pow(18);

fn flag(all: &Fields<'_>, name: &str, problems: &mut Problems) -> bool {
    match all.get(&[name]).map(RawValue::get) {
        None | Some("false" | "0") => false,
        Some("true" | "1") => true,
        Some(_) => {
            problems.add(&all.place(&[name]), "is neither true nor false");
            false
        }
    }
}
