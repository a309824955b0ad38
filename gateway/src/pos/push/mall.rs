//! The malls' `postsalescreate`.

use super::fields::{Fields, Problems};
use super::{Problem, Settings};
use crate::pos::receipt::{Feed, Item, Link, Member, Receipt, Tender};
use crate::pos::{money::Decimal, when};
use visit_core::observation::{Currency, ReceiptKind};

pub(super) fn read(all: &Fields<'_>, settings: &Settings, problems: &mut Problems) -> Option<Receipt> {
    let inner = ["salestotal", "esalestotal", "saleshdr"];
    let head = match all.get(&inner) {
        Some(raw) => &Fields::of(raw, &all.place(&inner), problems)?,
        None => all,
    };
    let mut r = Receipt { feed: Feed::PostSales, ..Receipt::default() };
    r.store = head.required(&["storecode"], problems).and_then(|t| r.text(&t));
    r.till = head.text(&["tillid"], problems).and_then(|t| r.text(&t));
    r.number = head.required(&["txdocno"], problems).and_then(|t| r.text(&t));
    r.member = head.text(&["vipcode"], problems).as_deref().and_then(Member::new);
    r.currency = currency(head, settings, problems);
    times(head, &mut r, settings, problems);
    r.kind = kind(head, problems);
    r.refers_to = link(head, problems);
    let total = head.required(&["netamount"], problems);
    let total = total.and_then(|_| head.decimal(&["netamount"], problems));
    r.total = minor(&mut r, head, &["netamount"], total, problems);
    r.tax = taxes(&mut r, head, problems);
    let change = head.decimal(&["changeamount"], problems);
    r.change = minor(&mut r, head, &["changeamount"], change, problems)
        .map(i64::saturating_abs)
        .filter(|change| *change != 0);
    let refund = r.kind != ReceiptKind::Sale;
    for line in all.list(&["items", "salesitems", "esalesitems", "salesitem", "salesdtl"], problems) {
        let name = line.text(&["itemname", "name", "description"], problems).and_then(|t| r.free_text(&t));
        let code =
            line.text(&["itemcode", "mallitemcode", "code", "plu"], problems).and_then(|t| r.free_text(&t));
        let quantity = line.decimal(&["qty", "netqty", "quantity"], problems);
        let names = ["netamount", "amount", "sellingamount"];
        let amount = line.decimal(&names, problems);
        let amount = minor(&mut r, &line, &names, amount, problems);
        let signed = |a: i64| if refund { -a.saturating_abs() } else { a };
        r.add_item(Item { name, code, quantity, amount: amount.map(signed) });
    }
    for line in all.list(&["tenders", "salestenders", "esalestenders", "salestender"], problems) {
        let kind = line.text(&["tendercode", "tendertype", "code"], problems).and_then(|t| r.free_text(&t));
        let names = ["payamount", "baseamount", "amount"];
        let amount = line.decimal(&names, problems);
        if let Some(amount) = minor(&mut r, &line, &names, amount, problems) {
            r.add_tender(Tender { kind: kind.unwrap_or_default(), amount });
        }
    }
    r.tendered = r.tenders.iter().map(|t| t.amount).reduce(i64::saturating_add);
    if r.tendered.is_none() {
        let paid = head.decimal(&["paidamount"], problems);
        r.tendered = minor(&mut r, head, &["paidamount"], paid, problems).filter(|paid| *paid != 0);
    }
    r.settle();
    Some(r)
}

/// SA sale, SR refund (also of a sale that is cancelled); other senders write it out.
fn kind(head: &Fields<'_>, problems: &mut Problems) -> ReceiptKind {
    let text = head.text(&["salestype"], problems).unwrap_or_default().trim().to_ascii_uppercase();
    match text.as_str() {
        "" | "SA" | "SALE" | "S" => ReceiptKind::Sale,
        "SR" | "RETURN" | "REFUND" | "R" => ReceiptKind::Refund,
        "SV" | "VOID" | "V" => ReceiptKind::Void,
        _ => {
            problems
                .add(&head.place(&["salestype"]), "is unknown; wanted SA (sale), SR (refund) or SV (void)");
            ReceiptKind::Sale
        }
    }
}

fn times(head: &Fields<'_>, r: &mut Receipt, settings: &Settings, problems: &mut Problems) {
    let days = ["txdate_yyyymmdd", "txdate"];
    let clock = ["txtime_hhmmss", "txtime"];
    let Some(day) = head.required(&days, problems) else { return };
    r.business_date = when::date(&day);
    if r.business_date.is_none() {
        problems.add(&head.place(&days), "is no date; wanted one like 20251121");
        return;
    }
    let Some(time) = head.text(&clock, problems) else { return };
    // A number loses the zeros before it: 91500 is 09:15:00.
    let time =
        if time.len() == 5 && time.bytes().all(|b| b.is_ascii_digit()) { format!("0{time}") } else { time };
    r.end = when::date_and_time(&day, &time, settings.zone.as_ref());
    if r.end.is_none() {
        let what = match settings.zone {
            None => "has no time zone; the site map gives one",
            Some(_) => "is no time; wanted one like 091500",
        };
        problems.add(&head.place(&clock), what);
    }
}

fn link(head: &Fields<'_>, problems: &mut Problems) -> Option<Link> {
    let number = head.text(&["orgtxdocno", "txorgdocno"], problems)?;
    let days = ["orgtxdate_yyyymmdd", "orgtxdate"];
    let day = head.text(&days, problems);
    let business_date = day.as_deref().and_then(when::date);
    if day.is_some() && business_date.is_none() {
        problems.add(&head.place(&days), "is no date; wanted one like 20251121");
    }
    Some(Link {
        store: head.text(&["orgstorecode"], problems),
        till: head.text(&["orgtillid"], problems),
        business_date,
        number: Some(number),
        ..Link::default()
    })
}

fn taxes(r: &mut Receipt, head: &Fields<'_>, problems: &mut Problems) -> Option<i64> {
    ["ttltaxamount1", "ttltaxamount2"]
        .into_iter()
        .filter_map(|name| {
            let tax = head.decimal(&[name], problems);
            minor(r, head, &[name], tax, problems)
        })
        .reduce(i64::saturating_add)
}

/// The currency of a document, or that of the site.
pub(super) fn currency(head: &Fields<'_>, settings: &Settings, problems: &mut Problems) -> Option<Currency> {
    let names = ["currency", "currencycode"];
    let Some(text) = head.text(&names, problems) else { return settings.currency };
    let code = Currency::new(text.trim());
    if code.is_none() {
        problems.add(&head.place(&names), "is no ISO 4217 code; wanted three capital letters");
    }
    code
}

/// An amount in minor units. What a receipt would doubt is a problem here: the sender can be told.
pub(super) fn minor(
    r: &mut Receipt,
    fields: &Fields<'_>,
    names: &[&str],
    amount: Option<Decimal>,
    problems: &mut Problems,
) -> Option<i64> {
    let minor = r.minor(&fields.place(names), amount?);
    for doubt in r.doubts.drain(..) {
        let problem = Problem { path: doubt.field, what: doubt.what };
        if !problems.list.contains(&problem) {
            problems.add(&problem.path, &problem.what);
        }
    }
    minor
}
