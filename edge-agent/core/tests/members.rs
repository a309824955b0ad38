//! Members who agreed: known by what they carry, by a receipt, or by several receipts together; said once.

mod support;

use support::{Played, Script, at, config, member, sale, second};
use visit_core::engine::EngineConfig;
use visit_core::event::{LinkEvidence, Linked, PrivacyMode, VisitFact};
use visit_core::observation::{MemberHeard, MemberToken, Observation, Pseudonym, Receipt};

const MEMBER: MemberToken = MemberToken(99);

fn consented() -> EngineConfig {
    EngineConfig { privacy_mode: PrivacyMode::Consented, ..config() }
}

/// What is heard under `who`'s address is the member's, as the shell says every now and then.
fn carried(mut script: Script, who: u128, by: LinkEvidence) -> Script {
    for s in [0, 300, 600] {
        let heard = MemberHeard { at: at(s), device: Pseudonym(who), member: MEMBER, by };
        script.0.push(Observation::MemberHeard(heard));
    }
    script
}

fn of_member(receipt: Receipt) -> Receipt {
    Receipt { member: member(MEMBER.0), consented: true, ..receipt }
}

/// When and why a visit was linked.
fn links(p: &Played, who: u128) -> Vec<(i64, Linked)> {
    p.of(who)
        .filter_map(|(e, v)| match &v.fact {
            VisitFact::Linked(l) => Some((second(e.time), l.clone())),
            _ => None,
        })
        .collect()
}

fn shopper(who: u128, from: i64, shop: &str) -> Script {
    Script::default().come_in(who, from).stay(who, shop, from + 180, from + 520).stay(
        who,
        "C1",
        from + 520,
        from + 640,
    )
}

#[test]
fn who_carries_what_a_member_declared_is_linked_once_they_have_come_in() {
    for by in [LinkEvidence::App, LinkEvidence::Address] {
        let p = carried(shopper(1, 0, "S1"), 1, by).play_with(consented());
        let [(when, link)] = &links(&p, 1)[..] else { panic!("{:?}", p.kinds(1)) };
        assert_eq!((link.member.clone(), link.evidence), (MEMBER.to_string(), by));
        let arrived = p.kinds(1).iter().position(|k| *k == "arrived").unwrap();
        assert_eq!(p.kinds(1)[arrived + 1], "linked", "at once");
        assert!((60..200).contains(when), "{when}");
    }
    let passer = Script::default().stay(1, "P1", 0, 400);
    let p = carried(passer, 1, LinkEvidence::App).play_with(consented());
    assert_eq!(links(&p, 1), [], "who only passes by is nobody's business");
    let p = carried(shopper(1, 0, "S1"), 1, LinkEvidence::App).play();
    assert_eq!(links(&p, 1), [], "in pseudonymous mode neither");
}

#[test]
fn a_receipt_of_a_member_is_bought_by_whoever_carries_their_phone() {
    let bags = |script: Script| {
        let receipt = of_member(sale(500, "S1", "7"));
        let p = script.receipt(receipt).play_with(consented());
        [1, 2].map(|who| p.kinds(who).contains(&"bag_carried"))
    };
    let two = || {
        let mut script = shopper(1, 0, "S1");
        script.0.extend(Script::default().come_in(2, 70).stay(2, "S1", 250, 530).stay(2, "C1", 530, 640).0);
        script
    };
    assert_eq!(bags(two()), [false, false], "either may have bought");
    for (who, expected) in [(1, [true, false]), (2, [false, true])] {
        assert_eq!(bags(carried(two(), who, LinkEvidence::Address)), expected);
    }
    let elsewhere = carried(two(), 3, LinkEvidence::Address).come_in(3, 0).stay(3, "S2", 180, 640);
    assert_eq!(bags(elsewhere), [false, false], "a card that was lent");
}

#[test]
fn several_receipts_together_say_who_the_member_is() {
    // Visitor 1 buys in three shops, each time beside somebody else who might have.
    let mut script = Script::default().come_in(1, 0);
    for (n, (shop, from)) in [("S1", 180), ("S2", 900), ("S1", 1620)].into_iter().enumerate() {
        let beside = 10 + n as u128;
        script = script.stay(1, shop, from, from + 400).stay(1, "C1", from + 400, from + 720);
        script = script.come_in(beside, from - 150).stay(beside, shop, from + 30, from + 410);
        script = script.stay(beside, "C1", from + 410, from + 560);
        script = script.receipt(of_member(sale(from + 370, shop, &format!("{n}"))));
    }
    for other in 20..50 {
        script = script.come_in(other, 10 * other as i64).stay(other, "C1", 10 * other as i64 + 180, 2_300);
    }
    let p = script.clone().play_with(consented());
    let [(when, link)] = &links(&p, 1)[..] else { panic!("{:?}", p.kinds(1)) };
    assert_eq!((link.evidence, link.member.clone()), (LinkEvidence::Copresence, MEMBER.to_string()));
    assert!(*when > 180 + 370, "one receipt is not enough: {when}");
    assert!((10..50).all(|other| links(&p, other).is_empty()));
    assert!(links(&script.play(), 1).is_empty(), "in pseudonymous mode nobody is looked for");
}

#[test]
fn a_member_who_is_forgotten_is_not_linked_again_and_a_link_survives_a_restart() {
    let mut p = Played::new(consented());
    let all = carried(shopper(1, 0, "S1"), 1, LinkEvidence::App).in_order();
    p.observe_all(all.iter().filter(|o| o.at() < at(30)).cloned().collect());
    p.engine.forget_member(MEMBER);
    let sightings = all.iter().filter(|o| !matches!(o, Observation::MemberHeard(_)));
    p.observe_all(sightings.filter(|o| o.at() >= at(30)).cloned().collect());
    p.run_out();
    assert_eq!(links(&p, 1), []);

    let mut before = Played::new(consented());
    before.observe_all(all.iter().filter(|o| o.at() < at(400)).cloned().collect());
    before.advance(400);
    assert_eq!(links(&before, 1).len(), 1);
    let mut after = Played::new(consented());
    let visit = before.of(1).next().unwrap().1.visit;
    after.engine.take_up(before.ledger(), Vec::new(), at(401));
    after.engine.take_up_links([(visit, MEMBER)]);
    after.observe_all(all.iter().filter(|o| o.at() > at(401)).cloned().collect());
    after.run_out();
    assert_eq!(links(&after, 1), [], "it was said before");
    assert!(after.kinds(1).contains(&"exited"));
}
