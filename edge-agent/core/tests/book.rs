//! Which receipts are the same, what refunds take back, and what a till says of its day.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use proptest::prelude::*;
use support::{Played, Script, at, config, sale, sale_ref, site};
use visit_core::engine::{LedgerChange, Output};
use visit_core::event::{Body, ReceiptKeyBasis, ReceiptsReconciled, VisitFact};
use visit_core::observation::{DayTotals, Marks, Observation, Receipt, ReceiptKind, SaleRef};
use visit_core::purchase::BookRecord;

fn of(content: u64, receipt: Receipt) -> Receipt {
    Receipt { content, ..receipt }
}

fn refund(s: i64, shop: &str, number: &str, of: Option<SaleRef>) -> Receipt {
    Receipt { kind: ReceiptKind::Refund, refers_to: of, ..sale(s, shop, number) }
}

fn play(receipts: impl IntoIterator<Item = Receipt>) -> Played {
    receipts.into_iter().fold(Script::default(), Script::receipt).play()
}

fn totals(s: i64, shop: Option<&str>, receipts: u32, net: i64) -> Observation {
    let till = site().till_named("till-S1").unwrap();
    let store = site().till(till).store.clone();
    Observation::DayTotals(DayTotals {
        at: at(s),
        store,
        till: shop.map(|_| till),
        business_date: 20_413,
        currency: None,
        receipts: Some(receipts),
        net_minor: Some(net),
        ticket: None,
    })
}

fn reconciled(p: &Played) -> Vec<&ReceiptsReconciled> {
    p.events()
        .filter_map(|e| match &e.body {
            Body::Reconciled(r) => Some(r),
            _ => None,
        })
        .collect()
}

/// The book as a store would have it.
fn book(p: &Played) -> Vec<BookRecord> {
    let mut kept = std::collections::BTreeMap::new();
    for o in &p.out {
        match o {
            Output::Ledger(LedgerChange::Keep(r)) => drop(kept.insert(r.number, r.clone())),
            Output::Ledger(LedgerChange::Drop(n)) => drop(kept.remove(n)),
            _ => {}
        }
    }
    kept.into_values().collect()
}

#[test]
fn other_content_under_one_number_is_a_revision_and_a_marked_reprint_is_not() {
    let revised = Receipt { amount_minor: Some(11_900), ..of(2, sale(600, "S1", "7")) };
    let reprint =
        Receipt { marks: Marks { reprint: true, ..Marks::default() }, ..of(3, sale(700, "S1", "7")) };
    let p = play([of(1, sale(500, "S1", "7")), of(1, sale(550, "S1", "7")), revised, reprint]);
    let told: Vec<_> =
        p.receipts().iter().map(|r| (r.revision, r.amount_minor, r.replaces.is_some())).collect();
    assert_eq!(told, [(0, Some(12_900), false), (1, Some(11_900), true)]);
    let counts = p.engine.counts();
    assert_eq!((counts.receipts_repeated, counts.receipts_revised), (2, 1));
    let ids: Vec<_> = p.events().filter(|e| matches!(e.body, Body::Receipt(_))).map(|e| e.id).collect();
    assert_eq!(p.receipts()[1].replaces, Some(ids[0]));
}

#[test]
fn numbers_begin_again_every_day_and_a_sale_after_midnight_belongs_to_the_day_before() {
    let next_day = Receipt { business_date: 20_414, ..sale(900, "S1", "7") };
    assert_eq!(play([sale(500, "S1", "7"), next_day.clone()]).receipts().len(), 2);
    // Till and gateway disagree about midnight; the till's business date counts.
    let late = Receipt { business_date: 20_413, ..next_day };
    assert_eq!(play([sale(500, "S1", "7"), late]).receipts().len(), 1);
}

#[test]
fn without_a_number_till_minute_total_and_content_make_the_key() {
    let coffee =
        |s, content| Receipt { number: None, printed_at: Some(at(s)), ..of(content, sale(s, "S1", "")) };
    let p = play([coffee(500, 1), coffee(505, 1), coffee(510, 2), coffee(900, 1)]);
    assert_eq!(p.receipts().len(), 3, "two equal ones within a minute are one");
    assert!(p.receipts().iter().all(|r| r.key == ReceiptKeyBasis::Content));
}

#[test]
fn a_refund_finds_its_sale_at_another_till_by_day_and_by_number() {
    let there = Some(site().till_named("till-S1").unwrap());
    let link =
        |number: &str, business_date| Some(SaleRef { till: there, number: number.into(), business_date });
    let p = play([
        sale(300, "S1", "7"),
        refund(400, "S2", "1", link("7", Some(20_413))),
        refund(410, "S2", "2", link("7", Some(20_412))),
        refund(420, "S2", "3", link("7", None)),
        refund(430, "S2", "4", Some(sale_ref("7"))),
        Receipt { kind: ReceiptKind::Void, ..sale(440, "S1", "7") },
    ]);
    let sale_id = p.events().find(|e| matches!(e.body, Body::Receipt(_))).unwrap().id;
    let found: Vec<_> = p.receipts().iter().map(|r| r.takes_back.map(|id| id == sale_id)).collect();
    assert_eq!(found, [None, Some(true), None, Some(true), None, Some(true)]);
}

#[test]
fn what_was_taken_back_is_no_purchase_of_the_visit() {
    let p = Script::default()
        .come_in(1, 0)
        .stay(1, "S1", 180, 520)
        .stay(1, "S2", 520, 1000)
        .stay(1, "C2", 1000, 1100)
        .receipt(sale(500, "S1", "7"))
        .receipt(sale(990, "S2", "8"))
        .receipt(refund(1000, "S1", "9", Some(sale_ref("7"))))
        .play();
    let (_, VisitFact::Exited(exit)) = p.only(1, "exited") else { panic!() };
    assert_eq!(exit.purchases, 1);
}

#[test]
fn a_day_is_compared_with_what_the_till_says_and_again_when_a_receipt_comes_late() {
    let mut script = Script::default()
        .receipt(sale(300, "S1", "1"))
        .receipt(refund(310, "S1", "2", Some(sale_ref("1"))))
        .receipt(sale(320, "S1", "3"));
    script.0.push(totals(330, Some("S1"), 4, 25_800));
    script.0.push(totals(340, Some("S1"), 4, 25_800));
    let p = script.receipt(sale(900, "S1", "4")).play();
    let all = reconciled(&p);
    let told: Vec<_> = all.iter().map(|r| (r.seq, r.missing, r.difference_minor, r.complete)).collect();
    assert_eq!(told, [(1, Some(1), Some(12_900), false), (2, Some(0), Some(0), true)]);
    assert_eq!(all[1].till.as_deref(), Some("till-S1"));
}

#[test]
fn a_revision_changes_the_days_totals_and_a_store_is_the_sum_of_its_tills() {
    let revised = Receipt { amount_minor: Some(10_000), ..of(2, sale(400, "S1", "1")) };
    let mut script = Script::default().receipt(of(1, sale(300, "S1", "1"))).receipt(revised);
    script.0.push(totals(500, None, 1, 10_000));
    let p = script.play();
    let [r] = reconciled(&p)[..] else { panic!("{:?}", reconciled(&p)) };
    assert!(r.complete && r.till.is_none(), "{r:?}");
    assert_eq!((r.recorded.sales, r.recorded.net_minor), (1, 10_000));
}

#[test]
fn a_till_with_strange_days_pushes_out_its_oldest_day_and_no_other_tills() {
    let strange =
        (0..20).map(|d| Receipt { business_date: d * 1_000_003, ..sale(500 + i64::from(d), "S1", "1") });
    let mut script = strange.fold(Script::default().receipt(sale(100, "S2", "1")), Script::receipt);
    script.0.push(totals(900, None, 1, 0));
    let p = script.play();
    assert_eq!(p.receipts().len(), 21);
    let days = book(&p).iter().filter(|r| format!("{r:?}").contains("Totals")).count();
    assert!(days <= 2 * 8 + 2, "{days} days are kept");
}

fn papers() -> impl Strategy<Value = Vec<Receipt>> {
    let kind = prop_oneof![4 => Just(ReceiptKind::Sale), 1 => Just(ReceiptKind::Refund), 1 => Just(ReceiptKind::Void)];
    let one = (0..2_000i64, 1..3u8, 0..6u32, kind, 0..3u64, any::<bool>()).prop_map(
        |(s, shop, number, kind, content, reprint)| {
            let number = number.to_string();
            let link = (kind == ReceiptKind::Refund).then(|| sale_ref("1"));
            let numbered = (number != "0").then(|| number.clone());
            Receipt {
                kind,
                content,
                number: numbered,
                refers_to: link,
                marks: Marks { reprint, ..Marks::default() },
                ..sale(s, &format!("S{shop}"), &number)
            }
        },
    );
    proptest::collection::vec(one, 1..40)
}

fn with_tickets(receipts: &[Receipt]) -> Vec<Observation> {
    let ticketed = receipts.iter().zip(1..).map(|(r, n)| Receipt { ticket: Some(n), ..r.clone() });
    ticketed.map(Observation::Receipt).collect()
}

fn settled(p: &Played) -> Vec<u64> {
    let mut all: Vec<u64> =
        p.out.iter().filter_map(|o| if let Output::Settled(t) = o { Some(*t) } else { None }).collect();
    all.sort_unstable();
    all
}

proptest! {
    #[test]
    fn every_ticket_is_settled_once_whatever_became_of_its_receipt(mut receipts in papers(), wrong in any::<bool>()) {
        if wrong {
            receipts[0].at = visit_core::time::Timestamp::MAX;
        }
        let mut p = Played::new(config());
        p.observe_all(with_tickets(&receipts));
        p.run_out();
        prop_assert_eq!(settled(&p), (1..=receipts.len() as u64).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_sent_again_after_a_restart_says_nothing_new(mut receipts in papers()) {
        receipts.sort_by_key(|r| r.at);
        // A revision that goes back to former content would be one more: each key has one content here.
        receipts.iter_mut().for_each(|r| r.content = 1);
        let mut p = Played::new(config());
        p.observe_all(with_tickets(&receipts));
        p.run_out();
        let mut next = Played::new(config());
        next.engine.take_up(Vec::new(), book(&p), at(2_000));
        next.observe_all(with_tickets(&receipts));
        next.run_out();
        prop_assert_eq!(next.receipts().len(), 0);
        prop_assert_eq!(settled(&next).len(), receipts.len());
    }
}
