//! Receipts: once each, attributed only where sure.

mod support;

use support::{Script, config, member, sale, second};
use visit_core::engine::EngineConfig;
use visit_core::event::{PrivacyMode, VisitFact};
use visit_core::observation::{Receipt, ReceiptKind};

/// One visitor in shop S1 for long enough, who leaves it about second 520.
fn shopper(who: u128) -> Script {
    Script::default().come_in(who, 0).stay(who, "S1", 180, 520).stay(who, "C1", 520, 640)
}

#[test]
fn the_only_visitor_at_the_till_carries_the_bag() {
    let p = shopper(1).receipt(sale(500, "S1", "7")).play();
    let (bag, VisitFact::BagCarried(fact)) = p.only(1, "bag_carried") else { panic!() };
    assert_eq!((second(bag.time), fact.zone.as_str(), fact.candidates), (500, "S1", 1));
    assert_eq!(fact.receipt.number.as_deref(), Some("7"));
    let [recorded] = p.receipts()[..] else { panic!() };
    let visit = p.of(1).next().unwrap().1.visit;
    assert_eq!(recorded.attribution.visit_id, Some(visit.to_string()));
    let (_, VisitFact::Exited(exit)) = p.only(1, "exited") else { panic!() };
    assert_eq!(exit.purchases, 1);
}

#[test]
fn two_visitors_at_the_till_are_both_candidates_and_neither_carries_the_bag() {
    let other = Script::default().come_in(2, 70).stay(2, "S1", 250, 530).stay(2, "C1", 530, 640);
    let mut script = shopper(1);
    script.0.extend(other.0);
    let p = script.receipt(sale(500, "S1", "7")).play();
    assert!(!p.visits().any(|(_, v)| v.fact.kind() == "bag_carried"));
    let [recorded] = p.receipts()[..] else { panic!() };
    assert_eq!(recorded.attribution.candidates, 2);
    assert!(recorded.attribution.confidence.get() < 0.8);
}

#[test]
fn people_who_came_and_stayed_together_are_one_party_and_one_of_them_carries_its_bag() {
    let mut script = shopper(1);
    script.0.extend(shopper(2).0);
    let p = script.receipt(sale(500, "S1", "7")).play();
    assert_eq!(p.visits().filter(|(_, v)| v.fact.kind() == "bag_carried").count(), 1);
    assert_eq!(p.receipts()[0].attribution.candidates, 2);
}

#[test]
fn of_two_receipts_each_takes_its_buyer_from_the_other() {
    let other = Script::default().come_in(2, 70).stay(2, "S1", 250, 580).stay(2, "C1", 580, 700);
    let mut script = shopper(1);
    script.0.extend(other.0);
    let p = script.receipt(sale(500, "S1", "7")).receipt(sale(570, "S1", "8")).play();
    let bought = |who| p.of(who).filter(|(_, v)| v.fact.kind() == "bag_carried").count();
    assert_eq!((bought(1), bought(2)), (1, 1));
}

#[test]
fn a_receipt_of_an_empty_shop_is_recorded_as_nobodys() {
    let p = shopper(1).receipt(sale(500, "S3", "7")).play();
    let [recorded] = p.receipts()[..] else { panic!() };
    assert_eq!(recorded.attribution.visit_id, None);
    assert!(recorded.attribution.none.get() > 0.7);
}

#[test]
fn a_receipt_that_comes_again_is_recorded_once() {
    let p = shopper(1).receipt(sale(500, "S1", "7")).receipt(sale(503, "S1", "7")).play();
    assert_eq!(p.receipts().len(), 1);
    assert_eq!(p.engine.counts().receipts_repeated, 1);
    assert_eq!(p.kinds(1).iter().filter(|k| **k == "bag_carried").count(), 1);
}

#[test]
fn a_refund_takes_its_bag_back_once() {
    let refund = |s, number| Receipt {
        kind: ReceiptKind::Refund,
        refers_to: Some(support::sale_ref("7")),
        ..sale(s, "S1", number)
    };
    let p =
        shopper(1).receipt(sale(500, "S1", "7")).receipt(refund(520, "8")).receipt(refund(530, "9")).play();
    let bag = p.only(1, "bag_carried").0.id;
    let retracted: Vec<_> = p.receipts().iter().map(|r| r.retracts).collect();
    assert_eq!(retracted, [None, Some(bag), None]);
}

#[test]
fn a_member_is_linked_only_in_consented_mode_and_only_with_consent() {
    let linked = |mode, consented| {
        let receipt = Receipt { member: member(99), consented, ..sale(500, "S1", "7") };
        let p = shopper(1).receipt(receipt).play_with(EngineConfig { privacy_mode: mode, ..config() });
        (p.kinds(1).contains(&"linked"), p.receipts()[0].member.is_some())
    };
    assert_eq!(linked(PrivacyMode::Consented, true), (true, true));
    assert_eq!(linked(PrivacyMode::Consented, false), (false, false));
    assert_eq!(linked(PrivacyMode::Pseudonymous, true), (false, false));
    assert_eq!(linked(PrivacyMode::Count, true), (false, false));
}
