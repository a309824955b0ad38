//! The life of visits, second by second: each event type is reachable, dated right, and said once.

mod support;

use support::{Script, at, config, second, sighting, site};
use visit_core::engine::{EngineConfig, LedgerChange};
use visit_core::event::{Direction, ExitReason, Identity, PrivacyMode, VisitFact};
use visit_core::observation::Heard;
use visit_core::position::{Locator, Moments, Track, Trims};
use visit_core::purchase::BookEntry;
use visit_core::time::Span;

#[test]
fn whoever_is_heard_at_the_doors_approached_and_if_no_more_passed_by() {
    let p = Script::default().stay(1, "P1", 0, 60).play();
    assert_eq!(p.kinds(1), ["approached", "passed_by"]);
    let (passed, VisitFact::PassedBy(fact)) = p.only(1, "passed_by") else { panic!() };
    assert_eq!((second(passed.time), second(fact.started_at), fact.zone.as_str()), (0, 0, "P1"));
    assert_eq!(p.engine.devices(), 0, "nothing is kept of who passed by");
    assert_eq!(p.ledger(), []);
}

#[test]
fn whoever_goes_on_inside_arrived_by_the_door_and_exits_when_last_heard() {
    let p = Script::default().come_in(1, 0).play();
    assert_eq!(p.kinds(1), ["approached", "arrived", "exited"]);
    let (arrived, VisitFact::Arrived(fact)) = p.only(1, "arrived") else { panic!() };
    assert_eq!((second(arrived.time), fact.zone.as_str(), fact.floor.as_str()), (60, "E1", "F1"));
    assert!(arrived.detected_at > at(120), "known only inside: {}", arrived.detected_at);
    let (exited, VisitFact::Exited(fact)) = p.only(1, "exited") else { panic!() };
    assert_eq!((second(exited.time), fact.duration_s), (160, 100.0));
    assert_eq!((fact.zone.as_str(), fact.reason), ("C1", ExitReason::Absence));
    assert_eq!((fact.floors.as_slice(), fact.stays, fact.purchases), (["F1".to_owned()].as_slice(), 0, 0));
    let seq: Vec<u32> = p.of(1).map(|(_, v)| v.seq).collect();
    assert_eq!(seq, [1, 2, 3]);
}

#[test]
fn whoever_was_missed_at_the_doors_arrives_by_moving_on() {
    // Not who was there when the agent began to hear: that may be staff who opened the mall.
    let walk = |s: Script, who, t| {
        s.stay(who, "C1", t, t + 200)
            .stay(who, "S1", t + 200, t + 400)
            .stay(who, "V1", t + 400, t + 600)
            .stay(who, "S2", t + 600, t + 800)
    };
    let p = walk(walk(Script::default(), 2, 0), 1, 310).play();
    assert_eq!(p.kinds(1).first(), Some(&"arrived"), "{:?}", p.kinds(1));
    assert_eq!(second(p.only(1, "arrived").0.time), 310);
    assert_eq!(p.kinds(2), [""; 0]);
}

#[test]
fn what_is_first_heard_inside_and_soon_gone_may_be_a_new_address_and_is_nobody() {
    let p = Script::default().stay(1, "S1", 0, 1000).play();
    assert_eq!(p.kinds(1), [""; 0]);
    assert_eq!(p.engine.counts().unestablished, 1);
}

#[test]
fn whoever_was_here_for_longer_than_addresses_live_was_here_although_nobody_saw_them_come() {
    let p = Script::default().stay(1, "S1", 0, 3600).play();
    assert_eq!(p.kinds(1), ["arrived", "dwell_started", "dwell_ended", "exited"]);
    let (arrived, VisitFact::Arrived(_)) = p.only(1, "arrived") else { panic!() };
    assert!(second(arrived.time) == 0 && arrived.detected_at > at(3600), "said only when it is over");
}

#[test]
fn floors_change_up_and_down_half_way_to_the_first_emission_on_the_other_floor() {
    let p = Script::default()
        .come_in(1, 0)
        .stay(1, "V1", 180, 240)
        .stay(1, "V2", 240, 300)
        .stay(1, "C2", 300, 400)
        .stay(1, "V2", 400, 460)
        .stay(1, "V1", 460, 520)
        .stay(1, "C1", 520, 600)
        .play();
    let changes: Vec<_> = p
        .of(1)
        .filter_map(|(e, v)| match &v.fact {
            VisitFact::FloorChanged(f) => {
                Some((second(e.time), f.from_floor.as_str(), f.floor.as_str(), f.direction))
            }
            _ => None,
        })
        .collect();
    let [(up_at, "F1", "F2", Direction::Up), (down_at, "F2", "F1", Direction::Down)] = changes[..] else {
        panic!("{changes:?}")
    };
    assert!((225..=245).contains(&up_at) && (445..=465).contains(&down_at), "{changes:?}");
    let (_, VisitFact::Exited(exit)) = p.only(1, "exited") else { panic!() };
    assert_eq!(exit.floors, ["F1", "F2"]);
}

#[test]
fn a_dwell_starts_at_its_threshold_and_ends_half_way_to_the_next_zone() {
    let p = Script::default().come_in(1, 0).stay(1, "S1", 180, 600).stay(1, "C1", 600, 660).play();
    let (started, VisitFact::DwellStarted(start)) = p.only(1, "dwell_started") else { panic!() };
    assert_eq!(start.duration_s, 180.0);
    assert_eq!(started.time.since(start.started_at), Span::from_secs(180));
    assert_eq!((start.zone.as_str(), start.brand.as_deref()), ("S1", Some("brand of S1")));
    let (ended, VisitFact::DwellEnded(end)) = p.only(1, "dwell_ended") else { panic!() };
    assert_eq!(end.started_at, start.started_at);
    assert!((160..=200).contains(&second(end.started_at)), "{}", second(end.started_at));
    assert!((580..=620).contains(&second(ended.time)), "{}", second(ended.time));
    assert_eq!(end.duration_s, ended.time.since(end.started_at).as_secs_f64());
    let (_, VisitFact::Exited(exit)) = p.only(1, "exited") else { panic!() };
    assert_eq!(exit.stays, 1);
}

#[test]
fn a_stay_below_the_threshold_is_no_dwell() {
    let p = Script::default().come_in(1, 0).stay(1, "S1", 180, 340).stay(1, "C1", 340, 400).play();
    assert!(!p.kinds(1).iter().any(|k| k.starts_with("dwell")), "{:?}", p.kinds(1));
}

#[test]
fn an_exit_is_retracted_when_the_phone_speaks_again() {
    let p = Script::default().come_in(1, 0).stay(1, "C1", 820, 900).play();
    assert_eq!(p.kinds(1), ["approached", "arrived", "exited", "resumed", "exited"]);
    let exits: Vec<_> = p.of(1).filter(|(_, v)| v.fact.kind() == "exited").map(|(e, _)| e).collect();
    let (resumed, VisitFact::Resumed(fact)) = p.only(1, "resumed") else { panic!() };
    assert_eq!(fact.retracts, exits[0].id.to_string());
    assert_eq!(second(resumed.time), 820);
    assert_eq!(second(exits[1].time), 880);
}

#[test]
fn whoever_comes_back_after_the_final_exit_is_a_new_visit() {
    let p = Script::default().come_in(1, 0).come_in(1, 7200).play();
    assert_eq!(p.kinds(1), ["approached", "arrived", "exited", "approached", "arrived", "exited"]);
    let mut visits: Vec<_> = p.of(1).map(|(_, v)| v.visit).collect();
    visits.dedup();
    assert_eq!(visits.len(), 2);
    assert_eq!(p.of(1).map(|(_, v)| v.seq).collect::<Vec<_>>(), [1, 2, 3, 1, 2, 3]);
    assert_eq!(p.ledger(), [], "what is over is not kept");
}

#[test]
fn whoever_was_last_heard_at_a_door_left_by_it_sooner() {
    let walk = |last: &str| {
        let p = Script::default().come_in(1, 0).stay(1, "C1", 180, 300).stay(1, last, 300, 400).play();
        let (exited, VisitFact::Exited(fact)) = p.only(1, "exited") else { panic!() };
        (fact.reason, exited.detected_at.since(exited.time))
    };
    let (by_door, soon) = walk("E2");
    let (absent, late) = walk("S2");
    assert_eq!((by_door, absent), (ExitReason::LeftByEntrance, ExitReason::Absence));
    assert!(soon <= late, "{soon:?} {late:?}");
}

#[test]
fn staff_behind_the_scenes_are_excluded_and_their_arrival_is_retracted() {
    let p = Script::default().come_in(1, 0).stay(1, "BACK", 180, 1200).play();
    let arrival = p.only(1, "arrived").0.id;
    let (_, VisitFact::Exited(exit)) = p.only(1, "exited") else { panic!() };
    assert_eq!((exit.reason, exit.retracts.clone()), (ExitReason::NotAVisitor, Some(arrival.to_string())));
    assert_eq!(p.kinds(1).last(), Some(&"exited"), "no more is said");
    assert_eq!(p.engine.counts().not_visitors, 1);
}

#[test]
fn who_is_there_all_day_is_no_visitor() {
    let p = Script::default().come_in(1, 0).stay(1, "S1", 180, 5 * 3600).play();
    let (_, VisitFact::Exited(exit)) = p.only(1, "exited") else { panic!() };
    assert_eq!(exit.reason, ExitReason::NotAVisitor);
    assert_eq!(p.engine.inside(), 0);
}

#[test]
fn an_associated_phone_is_stable_and_others_last_a_session() {
    let associated = |s: &mut visit_core::observation::Sighting| s.heard = Heard::Associated;
    let p = Script::default()
        .come_in(1, 0)
        .stay_as(2, "P1", 1, 61, associated)
        .stay_as(2, "C1", 61, 181, associated)
        .play();
    let identities = |who| p.of(who).map(|(_, v)| v.identity).collect::<Vec<_>>();
    assert!(identities(1).iter().all(|i| *i == Identity::Session));
    assert!(!identities(2).is_empty() && identities(2).iter().all(|i| *i == Identity::Stable));
}

/// One model of phone, whose sequence numbers go on from `seq`.
fn model(seq: u16) -> impl Fn(&mut visit_core::observation::Sighting) {
    move |s| {
        s.fingerprint = Some(77);
        s.seq = Some(seq);
    }
}

#[test]
fn a_phone_that_takes_another_address_goes_on_as_the_same_visit() {
    let p = Script::default()
        .come_in(1, 0)
        .stay_as(1, "C1", 180, 600, model(100))
        .stay_as(3, "C1", 610, 1000, model(110))
        .play();
    assert_eq!((p.engine.counts().continued, p.kinds(3)), (1, vec![]));
    let (exited, VisitFact::Exited(_)) = p.only(1, "exited") else { panic!() };
    assert_eq!(second(exited.time), 990);
}

#[test]
fn one_of_two_phones_took_another_address_and_which_is_known_when_the_other_speaks_again() {
    // Two phones of one model with like sequence numbers; then a new address that may be either.
    let p = Script::default()
        .come_in(1, 0)
        .come_in(2, 1)
        .stay_as(1, "C1", 180, 300, model(100))
        .stay_as(2, "C1", 181, 301, model(101))
        .stay_as(3, "C1", 303, 800, model(105))
        .stay_as(2, "C1", 321, 800, model(102))
        .play();
    assert_eq!(p.kinds(3), [""; 0], "nobody new came");
    let last = |who| second(p.only(who, "exited").0.time);
    assert!(last(1) > 780 && last(2) > 780, "{} {}", last(1), last(2));
    assert_eq!(p.ledger(), []);
}

#[test]
fn a_new_address_at_a_door_whose_sequence_does_not_go_on_is_somebody_new() {
    let p = Script::default()
        .come_in(1, 0)
        .stay_as(1, "C1", 180, 600, model(100))
        .stay_as(3, "E1", 603, 640, model(2100))
        .stay_as(3, "C1", 640, 1100, model(2110))
        .play();
    assert_eq!(p.engine.counts().continued, 0);
    assert_eq!(p.kinds(3), ["approached", "arrived", "dwell_started", "dwell_ended", "exited"]);
}

#[test]
fn addresses_that_last_for_one_scan_do_not_make_visitors() {
    // A phone that takes another address, and draws its sequence numbers anew, every time it scans.
    let mut script = Script::default();
    for scan in 0..60u16 {
        let s = 10 + i64::from(scan) * 20;
        let zone = if (3..=56).contains(&scan) { "C1" } else { "E1" };
        script = script.stay_as(1000 + u128::from(scan), zone, s, s + 1, model(scan * 571 % 4096));
    }
    let p = script.play();
    let arrived = p.visits().filter(|(_, v)| v.fact.kind() == "arrived").count();
    let merged = p.visits().filter(|(_, v)| v.fact.kind() == "merged").count();
    assert_eq!(arrived - merged, 1, "{:?}", p.visits().map(|(_, v)| v.fact.kind()).collect::<Vec<_>>());
}

#[test]
fn a_sensor_that_is_down_is_no_evidence() {
    // Heard by the concourse alone, weakly: on the floor above it, if nobody can hear there.
    let site = site();
    let sensor = |zone: &str| site.sensor_named(&format!("by-{zone}")).unwrap();
    let likeliest = |up: bool| {
        let mut locator = Locator::new(&site, None);
        locator.set_sensor(sensor("C2"), false);
        locator.set_sensor(sensor("C2"), up);
        let (mut track, mut trims, mut moved) = (Track::UNKNOWN, Trims::default(), Vec::new());
        for n in 0..10 {
            let t = Moments { before: 1_000 * n, now: 1_000 * (n + 1), patience: u32::MAX };
            locator.update(&mut track, t, true, &[(sensor("C1"), Some(-77))], &mut trims, &mut moved);
        }
        site.zone(track.best().unwrap().0).id.clone()
    };
    assert_eq!((likeliest(true).as_str(), likeliest(false).as_str()), ("C1", "C2"));
}

#[test]
fn a_full_table_evicts_and_says_so_for_whoever_had_arrived() {
    let config = EngineConfig { max_devices: 4, ..config() };
    let mut script = Script::default();
    for who in 1..=4 {
        script = script.come_in(who, who as i64);
    }
    for who in 100..1100u128 {
        script.0.push(visit_core::observation::Observation::Sighting(sighting(200, who, "S2")));
    }
    let p = script.play_with(config);
    assert!(p.engine.counts().evicted >= 1000, "{:?}", p.engine.counts());
    for who in 1..=4 {
        let arrived = p.kinds(who).iter().filter(|k| **k == "arrived").count();
        let exited = p.kinds(who).iter().filter(|k| **k == "exited").count();
        assert_eq!(arrived, exited, "{who}: {:?}", p.kinds(who));
    }
    assert!(p.visits().any(|(_, v)| matches!(&v.fact,
        VisitFact::Exited(e) if e.reason == ExitReason::Evicted)));
}

#[test]
fn out_of_order_within_the_reorder_time_changes_nothing_and_beyond_it_is_counted() {
    let script = || Script::default().come_in(1, 0).stay(1, "S1", 180, 500).come_in(2, 7);
    let in_order = script().play();
    let mut p = support::Played::new(config());
    for pair in script().in_order().chunks(2) {
        let now = pair.iter().map(visit_core::observation::Observation::at).max().unwrap();
        let apart = now.since(pair[0].at());
        for o in pair.iter().rev() {
            p.engine.observe(o.clone());
        }
        if apart <= Span::from_secs(1) {
            p.engine.advance(now);
        }
    }
    p.run_out();
    p.drain();
    assert_eq!(p.engine.counts().late, 0);
    assert_eq!(p.out, in_order.out);

    let mut p = script().play_until(510);
    let before = p.engine.counts();
    p.observe_all(vec![visit_core::observation::Observation::Sighting(sighting(300, 1, "S2"))]);
    assert_eq!(p.engine.counts().late, before.late + 1);
}

#[test]
fn count_mode_says_nothing_of_single_visits() {
    let config = EngineConfig { privacy_mode: PrivacyMode::Count, ..config() };
    let sale = support::sale(400, "S1", "1");
    let refund = visit_core::observation::Receipt {
        kind: visit_core::observation::ReceiptKind::Refund,
        ..support::sale(800, "S1", "1")
    };
    let p = Script::default()
        .come_in(1, 0)
        .stay(1, "S1", 180, 900)
        .receipt(sale)
        .receipt(refund)
        .play_with(config);
    assert_eq!(p.visits().count(), 0);
    for change in p.out.iter().filter_map(|o| match o {
        visit_core::engine::Output::Ledger(change) => Some(change),
        _ => None,
    }) {
        // Of receipts a book is kept, which says nothing of a visitor.
        let LedgerChange::Keep(record) = change else { panic!("a ledger of visits: {change:?}") };
        if let BookEntry::Receipt(entry) = &record.entry {
            assert_eq!((entry.buyer.visit, entry.bag), (None, None));
        }
    }
    assert_eq!(p.receipts().len(), 2);
    for receipt in p.receipts() {
        assert_eq!(receipt.attribution.visit_id, None);
        assert_eq!(receipt.retracts, None, "there is no published bag to take back");
    }
    assert!(!p.flow().is_empty());
}
