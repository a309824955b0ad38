//! What holds for whatever is heard, plausible or hostile, in whatever steps time is told.

mod support;

use bincode::Options;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use support::{Played, at, config, site};
use visit_core::engine::{Engine, EngineConfig, EngineState, LedgerChange, Output, Taken};
use visit_core::event::{Body, EventId, LinkEvidence, PrivacyMode, VisitFact};
use visit_core::observation::{
    CountedPlace, Currency, DoorCount, Heard, MemberHeard, MemberToken, Observation, Pseudonym, Receipt,
    ReceiptKind, SensorHealth, Sighting,
};
use visit_core::site::{FloorIx, SensorIx, TillIx, ZoneIx};
use visit_core::time::{Span, Timestamp};

const SENSORS: u16 = 12;
const TILLS: u16 = 3;

fn heard() -> impl Strategy<Value = Heard> {
    prop_oneof![
        6 => Just(Heard::Unassociated),
        1 => Just(Heard::Associated),
        1 => Just(Heard::Advertisement),
        1 => Just(Heard::Tag)
    ]
}

fn receipt_kind() -> impl Strategy<Value = ReceiptKind> {
    prop_oneof![4 => Just(ReceiptKind::Sale), 1 => Just(ReceiptKind::Refund), 1 => Just(ReceiptKind::Void)]
}

/// Something observed at a moment to be filled in: few devices and places, so that they meet.
fn anything() -> impl Strategy<Value = Observation> {
    let sighting = (0..SENSORS, 0..12u128, any::<Option<i8>>(), any::<Option<u16>>(), 0..3u64, heard())
        .prop_map(|(sensor, device, rssi, seq, print, heard)| {
            Observation::Sighting(Sighting {
                at: at(0),
                sensor: SensorIx(sensor),
                device: Pseudonym(device),
                rssi: rssi.map(|r| if r % 4 == 0 { r } else { -50 - (r & 31) }),
                seq: seq.map(|s| if s % 8 == 0 { s } else { s % 128 }),
                fingerprint: (print > 0).then_some(print),
                randomised: true,
                heard,
            })
        });
    let receipt = (0..TILLS, receipt_kind(), 0..4u8, any::<Option<i64>>(), any::<bool>(), any::<i32>())
        .prop_map(|(till, kind, number, amount_minor, consented, day)| {
            Observation::Receipt(Receipt {
                at: at(0),
                till: TillIx(till),
                store: if day % 3 == 0 { "\u{0}|/#+".into() } else { "shop".into() },
                number: (number > 0).then(|| number.to_string()),
                kind,
                amount_minor,
                currency: Currency::new("CNY"),
                member: support::member(u128::from(number)),
                consented,
                refers_to: (kind != ReceiptKind::Sale).then(|| support::sale_ref("1")),
                business_date: if day % 2 == 0 { 20_413 } else { day },
                printed_at: None,
                content: u64::from(number % 3),
                marks: Default::default(),
                ticket: None,
            })
        });
    let health = (0..SENSORS, any::<bool>())
        .prop_map(|(s, up)| Observation::SensorHealth(SensorHealth { at: at(0), sensor: SensorIx(s), up }));
    let place = prop_oneof![
        Just(CountedPlace::Site),
        Just(CountedPlace::Floor(FloorIx(0))),
        Just(CountedPlace::Zone(ZoneIx(3)))
    ];
    let door = (place, 0..3u64, any::<(u32, u32)>(), any::<Option<u32>>(), any::<bool>()).prop_map(
        |(place, counter, (entered, left), inside, hostile)| {
            let few = |n: u32| if hostile { n } else { n % 20 };
            let (entered, left, inside) = (few(entered), few(left), inside.map(few));
            Observation::DoorCount(DoorCount { at: at(0), place, counter, entered, left, inside })
        },
    );
    let member = (0..12u128, 1..4u128, any::<bool>()).prop_map(|(device, member, app)| {
        let by = if app { LinkEvidence::App } else { LinkEvidence::Address };
        let (device, member) = (Pseudonym(device), MemberToken(member));
        Observation::MemberHeard(MemberHeard { at: at(0), device, member, by })
    });
    prop_oneof![30 => sighting, 2 => receipt, 1 => health, 2 => door, 1 => member]
}

fn moved(mut o: Observation, to: Timestamp) -> Observation {
    match &mut o {
        Observation::Sighting(s) => s.at = to,
        Observation::Receipt(r) => r.at = to,
        Observation::SensorHealth(h) => h.at = to,
        Observation::DayTotals(t) => t.at = to,
        Observation::DoorCount(c) => c.at = to,
        Observation::MemberHeard(m) => m.at = to,
    }
    o
}

/// Most of what is heard of a device is heard in one place for a while, and then in the next.
fn settled(o: Observation, step: usize, wanders: bool) -> Observation {
    match o {
        Observation::Sighting(s) if !wanders => {
            let place = (s.device.0 as u16 * 7 + (step / 40) as u16) % SENSORS;
            Observation::Sighting(Sighting { sensor: SensorIx(place), rssi: Some(-52), ..s })
        }
        o => o,
    }
}

/// In the order of time, with the gaps that phones and nights make.
fn plausible() -> impl Strategy<Value = Vec<Observation>> {
    let gap = prop_oneof![
        40 => 0..9_000_000i64,
        4 => 0..2i64,
        3 => 40_000_000..1_200_000_000i64,
        1 => 1_200_000_000..40_000_000_000i64
    ];
    let steps = prop::collection::vec((gap, anything(), prop::bool::weighted(0.2)), 1..400);
    // On a grid of tenths of a second many things happen at the very same moment.
    (steps, prop_oneof![Just(1i64), Just(100_000i64)]).prop_map(|(steps, grid)| {
        let mut now = at(0);
        let next = |(i, (gap, o, wanders))| {
            now = now + Span::from_micros(gap / grid * grid);
            settled(moved(o, now), i, wanders)
        };
        steps.into_iter().enumerate().map(next).collect()
    })
}

/// At moments that make no sense.
fn hostile() -> impl Strategy<Value = Vec<Observation>> {
    let when = prop_oneof![
        6 => (0..10_000i64).prop_map(at),
        2 => any::<i64>().prop_map(Timestamp::from_micros),
        1 => Just(Timestamp::MAX),
        1 => Just(Timestamp::MIN),
        1 => Just(Timestamp::parse_rfc3339("9999-12-31T23:59:59Z").expect("a date")),
        1 => (-3..3i64).prop_map(|us| Timestamp::from_micros(i64::MAX - 1_000_003 + us)),
    ];
    let place = prop_oneof![9 => Just(None), 1 => any::<u16>().prop_map(Some)];
    prop::collection::vec((when, place, anything()), 1..200).prop_map(|all| {
        let place = |(when, place, o)| match (place, moved(o, when)) {
            (Some(p), Observation::Sighting(s)) => {
                Observation::Sighting(Sighting { sensor: SensorIx(p), ..s })
            }
            (Some(p), Observation::Receipt(r)) => Observation::Receipt(Receipt { till: TillIx(p), ..r }),
            (_, o) => o,
        };
        all.into_iter().map(place).collect()
    })
}

fn settings() -> impl Strategy<Value = EngineConfig> {
    let mode =
        prop_oneof![Just(PrivacyMode::Pseudonymous), Just(PrivacyMode::Consented), Just(PrivacyMode::Count)];
    (
        mode,
        prop_oneof![Just(32_768usize), 1..8usize],
        0..2u32,
        prop_oneof![Just(0i64), Just(100i64), 0..3_000i64],
    )
        .prop_map(|(privacy_mode, max_devices, k, reorder)| EngineConfig {
            privacy_mode,
            max_devices,
            k,
            reorder: Span::from_millis(reorder),
            links: true,
            ..config()
        })
}

/// What every consumer may rely on.
fn holds(out: &[Output]) -> Result<(), TestCaseError> {
    let mut ids: HashSet<EventId> = HashSet::new();
    let mut names: HashSet<String> = HashSet::new();
    let mut seq = HashMap::new();
    let mut arrived = HashMap::new();
    for output in out {
        let Output::Event(e) = output else { continue };
        prop_assert!(ids.insert(e.id), "two events with one id: {e:?}");
        prop_assert!(e.time <= e.detected_at, "known before it happened: {e:?}");
        let retracts = match &e.body {
            Body::Visit(v) => {
                let last = seq.entry(v.visit).or_insert(0);
                *last += 1;
                prop_assert_eq!(v.seq, *last, "a gap in the numbers: {:?}", e);
                match &v.fact {
                    VisitFact::Arrived(_) => {
                        arrived.insert(v.visit, e.time);
                        None
                    }
                    VisitFact::Exited(x) => {
                        let since = arrived.get(&v.visit);
                        prop_assert!(since.is_some_and(|t| *t <= e.time), "an exit of nobody: {e:?}");
                        prop_assert!(x.duration_s >= 0.0);
                        x.retracts.clone()
                    }
                    VisitFact::Resumed(r) => Some(r.retracts.clone()),
                    _ => None,
                }
            }
            Body::Receipt(r) => r.retracts.map(|id| id.to_string()),
            Body::Reconciled(_) | Body::Privacy(_) => None,
            Body::Flow(f) => {
                prop_assert!(f.from < f.until);
                None
            }
        };
        if let Some(id) = retracts {
            prop_assert!(names.contains(&id), "takes back what was never said: {e:?}");
        }
        names.insert(e.id.to_string());
    }
    Ok(())
}

/// Observes everything, telling the time after each as `tell` says (µs back from the newest), and runs out.
fn play(
    config: &EngineConfig,
    all: &[Observation],
    mut tell: impl FnMut(usize) -> Option<i64>,
) -> Vec<Output> {
    let mut p = Played::new(config.clone());
    let mut newest = Timestamp::MIN;
    for (i, o) in all.iter().enumerate() {
        let taken = p.engine.observe(o.clone());
        newest = newest.max(o.at());
        if let Some(back) = tell(i).filter(|_| taken == Taken::Accepted) {
            p.engine.advance(newest - Span::from_micros(back));
            p.drain();
        }
    }
    p.run_out();
    p.drain();
    p.out
}

fn through_bytes(engine: &Engine) -> EngineState {
    let layout = || bincode::DefaultOptions::new().with_fixint_encoding();
    let bytes = layout().serialize(engine.state()).expect("plain data encodes");
    layout().deserialize(&bytes).expect("it was just encoded")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn consumers_can_rely_on_what_is_said(config in settings(), all in plausible()) {
        holds(&play(&config, &all, |_| Some(0)))?;
    }

    #[test]
    fn a_story_that_is_told_changes_no_event(config in settings(), all in plausible(), which in any::<prop::sample::Index>()) {
        let plain = play(&config, &all, |_| Some(0));
        let visits: Vec<_> = plain.iter().filter_map(|o| match o {
            Output::Event(e) => if let Body::Visit(v) = &e.body { Some(v.visit) } else { None },
            _ => None,
        }).collect();
        if !visits.is_empty() {
            let explain = Some(visits[which.index(visits.len())]);
            let mut told = play(&EngineConfig { explain, ..config }, &all, |_| Some(0));
            let before = told.len();
            told.retain(|o| !matches!(o, Output::Told(_)));
            prop_assert!(told.len() < before, "there is such a visit, and nothing is told of it");
            prop_assert_eq!(plain, told);
        }
    }

    #[test]
    fn hostile_times_and_places_break_nothing(config in settings(), all in hostile()) {
        let mut p = Played::new(config.clone());
        for o in all {
            let now = o.at();
            if p.engine.observe(o) == Taken::Accepted {
                p.engine.advance(now);
            }
            prop_assert!(p.engine.devices() <= config.max_devices);
        }
        p.run_out();
        p.engine.advance(Timestamp::MAX);
        p.engine.advance(Timestamp::MIN);
        p.drain();
        holds(&p.out)?;
    }

    #[test]
    fn the_steps_in_which_time_is_told_do_not_matter(
        config in settings(),
        all in plausible(),
        steps in prop::collection::vec(prop::option::of(prop_oneof![Just(0i64), 0..5_000_000i64]), 400),
    ) {
        let fine = play(&config, &all, |_| Some(0));
        let random = play(&config, &all, |i| steps[i]);
        let coarse = play(&config, &all, |_| None);
        prop_assert_eq!(&fine, &random);
        prop_assert_eq!(&fine, &coarse);
    }

    #[test]
    fn an_engine_restored_from_bytes_goes_on_as_if_nothing_had_happened(
        config in settings(),
        all in plausible(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let whole = play(&config, &all, |_| Some(0));
        let cuts: HashSet<usize> = cuts.iter().map(|c| c.index(all.len())).collect();
        let mut p = Played::new(config.clone());
        for (i, o) in all.iter().enumerate() {
            let now = o.at();
            if p.engine.observe(o.clone()) == Taken::Accepted {
                p.engine.advance(now);
            }
            p.drain();
            if cuts.contains(&i) {
                p.engine = Engine::restore(site(), config.clone(), through_bytes(&p.engine)).unwrap();
            }
        }
        p.run_out();
        prop_assert_eq!(p.out, whole);
    }

    #[test]
    fn the_ledger_continues_visits_under_their_ids_and_numbers(all in plausible(), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(all.len());
        let mut p = Played::new(config());
        p.observe_all(all[..cut].to_vec());
        let ledger = p.ledger();
        let restart = all[cut].at();
        let mut next = Played::new(config());
        next.engine.take_up(ledger, Vec::new(), restart);
        next.observe_all(all[cut..].to_vec());
        next.run_out();
        // Receipts and flow begin anew after a loss of the engine; visits go on.
        let visits = |o: &Output| matches!(o, Output::Event(e) if matches!(e.body, Body::Visit(_)));
        let out: Vec<Output> = p.out.iter().chain(&next.out).filter(|o| visits(o)).cloned().collect();
        holds(&out)?;
        // Whoever was inside has left in the end.
        let kept: HashSet<_> = next.ledger().iter().map(|r| r.visit).collect();
        prop_assert!(kept.is_empty());
        let removed = |o: &Output| matches!(o, Output::Ledger(LedgerChange::Remove(_)));
        prop_assert!(p.ledger().len() <= next.out.iter().filter(|o| removed(o)).count());
    }
}
