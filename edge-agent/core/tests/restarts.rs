//! Hours of nothing, clocks gone wrong, maps that change: the engine goes on.

mod support;

use support::{Played, Script, at, config, sale, second, sighting};
use visit_core::engine::{Engine, EngineConfig, MapChanged, Taken};
use visit_core::event::VisitFact;
use visit_core::observation::{Heard, Observation, Pseudonym, Receipt, Sighting};
use visit_core::site::SensorIx;
use visit_core::time::{Span, Timestamp};

fn heard_at(time: &str) -> Observation {
    let mut s = sighting(0, 9, "C1");
    s.at = Timestamp::parse_rfc3339(time).expect("a moment");
    Observation::Sighting(s)
}

/// As a shell does: time is what an accepted observation says.
fn take(p: &mut Played, o: Observation) -> Taken {
    let now = o.at();
    let taken = p.engine.observe(o);
    if taken == Taken::Accepted {
        p.engine.advance(now);
    }
    p.drain();
    taken
}

#[test]
fn one_observation_from_the_far_future_neither_ends_the_day_nor_deafens_the_engine() {
    let quiet = Script::default().come_in(1, 0).play();
    let mut p = Played::new(config());
    for (i, o) in Script::default().come_in(1, 0).in_order().into_iter().enumerate() {
        assert_ne!(take(&mut p, o), Taken::Late);
        if i % 3 == 1 {
            assert_ne!(take(&mut p, heard_at("9998-01-01T00:00:00Z")), Taken::Accepted);
        }
    }
    p.run_out();
    let visits = |p: &Played| p.of(1).map(|(e, _)| e.clone()).collect::<Vec<_>>();
    assert_eq!(visits(&p), visits(&quiet));
    assert_eq!(p.engine.counts().wrong_time, 3);
}

#[test]
fn a_first_observation_with_a_wrong_clock_does_not_set_the_clock() {
    let mut p = Played::new(config());
    take(&mut p, heard_at("2099-01-01T00:00:00Z"));
    for o in Script::default().come_in(1, 0).in_order() {
        assert_ne!(take(&mut p, o), Taken::Late);
    }
    p.run_out();
    assert_eq!(p.kinds(1), ["approached", "arrived", "exited"]);
    assert_eq!(p.engine.counts().wrong_time, 1);
}

#[test]
fn moments_that_no_event_could_be_dated_with_are_refused() {
    let mut p = Played::new(config());
    for us in [i64::MIN, -1, i64::MAX, i64::MAX - 1_000_000, 253_402_300_800_000_000] {
        let mut s = sighting(0, 9, "C1");
        s.at = Timestamp::from_micros(us);
        assert_eq!(p.engine.observe(Observation::Sighting(s)), Taken::WrongTime, "{us}");
    }
    assert_eq!(p.engine.counts().wrong_time, 5);
    assert_eq!(p.engine.next_deadline(), None);
}

#[test]
fn a_recording_with_a_gap_of_days_loses_nothing() {
    let week = 7 * 86_400;
    let p = Script::default().come_in(1, 0).come_in(2, week).play();
    assert_eq!(p.kinds(1), ["approached", "arrived", "exited"]);
    assert_eq!(p.kinds(2), ["approached", "arrived", "exited"]);
    assert_eq!(second(p.only(2, "arrived").0.time), week + 60);
    assert_eq!(p.engine.counts().wrong_time, 0);
}

#[test]
fn a_last_observation_after_a_gap_is_decided_when_time_runs_out() {
    let p = Script::default().come_in(1, 0).stay(2, "P1", 3 * 86_400, 3 * 86_400 + 10).play();
    assert_eq!(p.kinds(2), ["approached", "passed_by"]);
}

#[test]
fn a_deadline_that_was_kept_is_not_asked_for_again() {
    let mut p = Played::new(config());
    p.observe_all(Script::default().come_in(1, 0).in_order());
    let mut last = Timestamp::MIN;
    while let Some(next) = p.engine.next_deadline() {
        assert!(next > last, "asked for {next} after it was {last}");
        p.engine.advance(next);
        last = next;
    }
}

#[test]
fn a_snapshot_of_another_map_is_refused() {
    let p = Script::default().come_in(1, 0).play_until(200);
    let other = EngineConfig { map_version: 5, ..config() };
    let refused = Engine::restore(support::site(), other, p.engine.state().clone()).err();
    assert_eq!(refused, Some(MapChanged { snapshot: config().map_version, now: 5 }));
}

#[test]
fn a_restart_over_the_ledger_goes_on_with_the_same_visit() {
    let before = Script::default().come_in(1, 0).play_until(200);
    let mut after = Played::new(config());
    after.engine.take_up(before.ledger(), Vec::new(), at(3600));
    after.observe_all(Script::default().stay(1, "S1", 3610, 4000).in_order());
    after.run_out();
    assert_eq!(after.kinds(1), ["dwell_started", "dwell_ended", "exited"], "not silent, but unheard");
    let first = before.of(1).next().unwrap().1;
    let (_, next) = after.of(1).next().unwrap();
    assert_eq!((next.visit, next.seq), (first.visit, 3));
}

#[test]
fn visits_go_on_when_the_map_changes_and_are_located_anew() {
    let before = Script::default().come_in(1, 0).play_until(200);
    let mut after = Played::new(EngineConfig { map_version: 5, ..config() });
    after.engine.take_up(before.ledger(), Vec::new(), at(300));
    after.observe_all(Script::default().stay(1, "S1", 310, 700).in_order());
    after.run_out();
    assert_eq!(after.kinds(1), ["dwell_started", "dwell_ended", "exited"]);
    let (_, VisitFact::Exited(exit)) = after.only(1, "exited") else { panic!() };
    assert_eq!(exit.zone, "S1");
}

#[test]
fn a_visit_that_is_never_heard_on_the_new_map_still_exits() {
    let before = Script::default().come_in(1, 0).play_until(200);
    let mut after = Played::new(EngineConfig { map_version: 5, ..config() });
    after.engine.take_up(before.ledger(), Vec::new(), at(300));
    after.run_out();
    assert_eq!(after.kinds(1), ["exited"]);
    assert_eq!(after.ledger(), []);
}

#[test]
fn a_table_that_was_made_smaller_is_smaller_after_a_restart() {
    let mut script = Script::default();
    for who in 0..50 {
        script = script.stay(who, "S1", 0, 20);
    }
    let p = script.play_until(30);
    assert_eq!(p.engine.devices(), 50);
    let config = EngineConfig { max_devices: 60, ..config() };
    let mut p = Played {
        engine: Engine::restore(support::site(), config, p.engine.state().clone()).unwrap(),
        out: vec![],
    };
    let more = (100..200).fold(Script::default(), |s, who| s.stay(who, "S1", 40, 60));
    p.observe_all(more.in_order());
    p.advance(60);
    assert_eq!(p.engine.devices(), 60);
}

#[test]
fn what_comes_in_at_the_very_moment_that_was_told_is_not_too_late_for_it() {
    let emissions = |tell_between: bool| {
        let mut p = Played::new(EngineConfig { reorder: Span::ZERO, ..config() });
        let heard = |ms: i64, who, zone| {
            let mut s = sighting(0, who, zone);
            s.at = at(0) + Span::from_millis(ms);
            Observation::Sighting(s)
        };
        p.engine.observe(heard(0, 1, "S1"));
        p.engine.observe(heard(300, 2, "S2"));
        if tell_between {
            p.engine.advance(at(0) + Span::from_millis(300));
        }
        assert_eq!(p.engine.observe(heard(300, 1, "C1")), Taken::Accepted);
        p.run_out();
        p.engine.counts().emissions
    };
    assert_eq!(emissions(true), 2);
    assert_eq!(emissions(false), 2);
}

#[test]
fn a_receipt_is_recorded_however_late_it_comes() {
    let script = Script::default().come_in(1, 0).stay(1, "S1", 180, 510).stay(1, "C1", 510, 900);
    let mut p = script.play_until(920);
    assert_eq!(p.engine.observe(Observation::Receipt(sale(500, "S1", "7"))), Taken::Late);
    p.drain();
    assert_eq!(second(p.only(1, "bag_carried").0.time), 500);
    assert_eq!(p.receipts().len(), 1);
}

#[test]
fn a_receipt_of_a_till_with_a_wrong_clock_is_recorded_when_it_came_in() {
    for wrong in ["2099-01-01T00:00:00Z", "9999-12-31T23:59:59Z"] {
        let mut p = Played::new(config());
        p.observe_all(Script::default().come_in(1, 0).stay(1, "S1", 180, 501).in_order());
        let at = Timestamp::parse_rfc3339(wrong).unwrap();
        p.engine.observe(Observation::Receipt(Receipt { at, ..sale(0, "S1", "7") }));
        p.observe_all(Script::default().stay(1, "C1", 510, 900).in_order());
        p.run_out();
        assert_eq!(second(p.only(1, "bag_carried").0.time), 500, "{wrong}");
        assert_eq!(p.engine.counts().wrong_time, 1);
    }
}

#[test]
fn a_flood_of_addresses_in_one_moment_stays_bounded() {
    let mut p = Played::new(EngineConfig { max_devices: 100, ..config() });
    for who in 0..40_000 {
        p.engine.observe(Observation::Sighting(sighting_by(SensorIx(0), who)));
    }
    p.advance(10);
    assert_eq!(p.engine.devices(), 100);
    assert_eq!(p.engine.counts().emissions, 40_000);
    assert_eq!(p.engine.counts().reorder_overflow, 40_000 - (1 << 14));
}

fn sighting_by(sensor: SensorIx, who: u128) -> Sighting {
    Sighting {
        at: at(0),
        sensor,
        device: Pseudonym(who),
        rssi: None,
        seq: None,
        fingerprint: None,
        randomised: true,
        heard: Heard::Unassociated,
    }
}
