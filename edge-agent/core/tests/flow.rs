//! Counts: each fact in its interval, told again when it changes, withheld where few.

mod support;

use support::{Played, Script, at, config, sale, second};
use visit_core::calendar::Calendar;
use visit_core::engine::EngineConfig;
use visit_core::event::{FlowBasis, FlowInterval, FlowPeriod, FlowScope};
use visit_core::observation::{CountedPlace, DoorCount, Observation, Sighting};
use visit_core::time::Span;

fn crowd(n: u128) -> Script {
    (1..=n)
        .fold(Script::default(), |s, who| s.come_in(who, who as i64).stay(who, "S1", who as i64 + 180, 900))
}

/// What was told of a place, first to last.
fn told(p: &Played, period: FlowPeriod, scope: FlowScope, place: &str, from: i64) -> Vec<FlowInterval> {
    let is =
        |f: &&FlowInterval| f.period == period && f.scope == scope && f.place == place && f.from == at(from);
    p.flow().into_iter().filter(is).cloned().collect()
}

/// What was told of it first.
fn interval(p: &Played, scope: FlowScope, place: &str, from: i64) -> FlowInterval {
    told(p, FlowPeriod::Interval, scope, place, from).swap_remove(0)
}

#[test]
fn people_are_counted_where_they_are_and_withheld_below_k() {
    let p = crowd(12).play();
    let whole = interval(&p, FlowScope::Site, "mall", 0);
    assert_eq!(whole.footfall, Some(12));
    // In the fifth minute all are inside; in the first nobody had come further than the pavement.
    let next = interval(&p, FlowScope::Site, "mall", 300);
    let here = next.occupancy.unwrap();
    assert!(here.low < 12.0 && (11.0..=12.0).contains(&here.estimate) && here.high > 12.0, "{here:?}");
    assert_eq!(whole.capture_rate.map(visit_core::event::Confidence::get), Some(1.0));
    let shop = interval(&p, FlowScope::Zone, "S1", 0);
    assert_eq!((shop.suppressed, shop.footfall), (false, Some(12)));
    assert_eq!((shop.basis, shop.observed.get()), (FlowBasis::Index, 1.0));
    let empty = interval(&p, FlowScope::Zone, "S3", 0);
    assert!(empty.suppressed && empty.footfall.is_none() && empty.occupancy.is_none());

    let few = crowd(9).play();
    assert!(few.flow().iter().all(|f| f.suppressed && f.footfall.is_none() && f.dwell_s.is_none()));
}

#[test]
fn a_shop_entered_before_the_arrival_was_sure_is_counted() {
    // Straight from the door into the shop, settled there before fifty seconds have passed.
    let p = (1..=12u128)
        .fold(Script::default(), |s, who| {
            s.stay(who, "E1", 0, 20).stay(who, "S1", 8, 290).stay(who, "S1", 13, 290).stay(who, "S1", 18, 290)
        })
        .play();
    assert_eq!(interval(&p, FlowScope::Zone, "S1", 0).footfall, Some(12));
}

#[test]
fn an_interval_in_which_nothing_was_heard_is_not_reported() {
    let mut script = crowd(12);
    script.0.extend(Script::default().stay(50, "S2", 86_400, 86_460).0);
    let p = script.play();
    assert_eq!(starts(&p), [0, 300, 600, 86_400]);
    let mut intervals = p.flow().into_iter().filter(|f| f.period == FlowPeriod::Interval);
    assert!(intervals.all(|f| f.until.since(f.from) == config().flow_interval));
}

#[test]
fn what_is_heard_as_an_interval_ends_belongs_to_the_next() {
    let p = Script::default().stay(1, "P1", 280, 320).play_with(EngineConfig { k: 0, ..config() });
    assert_eq!(starts(&p), [0, 300]);
}

/// Starts of the intervals of the site that were told.
fn starts(p: &Played) -> Vec<i64> {
    let site = |f: &&FlowInterval| f.scope == FlowScope::Site && f.period == FlowPeriod::Interval;
    let mut starts: Vec<i64> = p.flow().into_iter().filter(site).map(|f| second(f.from)).collect();
    starts.sort_unstable();
    starts.dedup();
    starts
}

#[test]
fn what_becomes_known_later_is_told_again_before_the_newest_figures() {
    // All leave as the second interval ends; that they left is known in the third.
    let p = (1..=12u128)
        .fold(Script::default(), |s, who| {
            s.come_in(who, who as i64)
                .stay(who, "S1", who as i64 + 180, 540)
                .stay(who, "E1", 540, 560)
                .stay(who, "P1", 560, 580)
        })
        .stay(99, "P2", 580, 1900)
        .play();
    let exits = told(&p, FlowPeriod::Interval, FlowScope::Site, "mall", 300);
    assert_eq!(exits.iter().map(|f| f.revision).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(exits.iter().map(|f| f.bag_rate.is_some()).collect::<Vec<_>>(), [false, true]);
    // A topic that retains the last message retains the newest interval.
    let topic: Vec<(i64, u32)> = p
        .flow()
        .iter()
        .filter(|f| f.scope == FlowScope::Site && f.period == FlowPeriod::Interval)
        .map(|f| (second(f.from), f.revision))
        .collect();
    let corrected = topic.iter().position(|t| *t == (300, 1)).unwrap();
    assert_eq!(topic[corrected + 1], (1200, 0), "{topic:?}");
    let ids: std::collections::HashSet<_> = p.events().map(|e| e.id).collect();
    assert_eq!(ids.len(), p.events().count());
}

#[test]
fn hours_and_business_days_are_told_as_they_end_with_who_dwelt_where_else() {
    let calendar = Calendar::new(vec![(at(-1_000_000), 8 * 3600)], 6 * 3600);
    let p = (1..=15u128)
        .fold(Script::default(), |s, who| {
            let other = if who <= 10 { "S2" } else { "C1" };
            s.come_in(who, who as i64)
                .stay(who, "S1", who as i64 + 180, 900)
                .stay(who, "C1", 900, 960)
                .stay(who, other, 960, 2000)
                .stay(who, "E1", 2000, 2040)
        })
        .receipt(sale(600, "S1", "1"))
        .play_with(EngineConfig { calendar, k: 5, ..config() });
    let hour = told(&p, FlowPeriod::Hour, FlowScope::Site, "mall", 0);
    assert_eq!((hour[0].footfall, hour[0].sales, hour[0].conversion), (Some(15), Some(1), Some(0.067)));
    assert_eq!(hour[0].until, at(3600));
    // Six in the morning in Shanghai is four hours before the script begins.
    let day = told(&p, FlowPeriod::Day, FlowScope::Zone, "S1", -4 * 3600);
    let shared: Vec<_> = day[0].cross_shopping.iter().map(|c| (c.zone.as_str(), c.share.get())).collect();
    assert_eq!(shared, [("S2", 0.667), ("C1", 0.333)]);
    assert_eq!((day[0].until, day[0].dwell_s.map(|d| d.count)), (at(20 * 3600), Some(15)));
    let told_at: Vec<_> = p.events().filter(|e| e.topic_suffix() == "mall/flow/zone/S1/day").collect();
    assert_eq!(told_at[0].detected_at, at(20 * 3600));
}

#[test]
fn an_hour_does_not_give_away_an_interval_that_is_withheld() {
    // Twelve come in the first interval, three in the third.
    let p = (1..=15u128)
        .fold(Script::default(), |s, who| {
            let from = if who <= 12 { who as i64 } else { 600 + who as i64 };
            s.come_in(who, from).stay(who, "S1", from + 180, 2000)
        })
        .play();
    let parts: Vec<_> =
        (0..12).map(|i| told(&p, FlowPeriod::Interval, FlowScope::Site, "mall", 300 * i)).collect();
    assert_eq!(parts[0][0].footfall, Some(12));
    assert_eq!(parts[2][0].footfall, None);
    let hour = told(&p, FlowPeriod::Hour, FlowScope::Site, "mall", 0);
    assert_eq!((hour[0].footfall, hour[0].rounded_to), (Some(20), Some(10)));
}

#[test]
fn a_floor_does_not_give_away_the_zone_that_is_withheld() {
    let p = (1..=15u128)
        .fold(Script::default(), |s, who| {
            let shop = if who <= 12 { "S1" } else { "S2" };
            s.come_in(who, who as i64).stay(who, shop, who as i64 + 180, 2000)
        })
        .play();
    let zone = |id| interval(&p, FlowScope::Zone, id, 900).occupancy;
    assert!(zone("S1").is_some() && zone("S2").is_none());
    let floor = interval(&p, FlowScope::Floor, "F1", 900);
    assert_eq!(floor.rounded_to, Some(10));
    assert!(floor.occupancy.is_some_and(|o| o.estimate % 10.0 == 0.0), "{floor:?}");
    let whole = interval(&p, FlowScope::Site, "mall", 900);
    assert!(whole.occupancy.is_none_or(|o| o.estimate % 10.0 == 0.0), "{whole:?}");
}

#[test]
fn where_no_sensor_hears_there_is_no_figure_and_no_emptiness() {
    let script = crowd(12).health(590, "S3", false);
    let p = script.play();
    let deaf = interval(&p, FlowScope::Zone, "S3", 600);
    assert_eq!((deaf.observed.get(), deaf.footfall, deaf.occupancy), (0.0, None, None));
    let floor = interval(&p, FlowScope::Floor, "F2", 600);
    assert!((floor.observed.get() - 2.0 / 3.0).abs() < 0.001, "{floor:?}");
}

/// Phones of one family that take another address for each scan of theirs, one after `gap` seconds in the mean.
fn fleeting(phones: u64, gap: f64, until: f64) -> Script {
    let mut script = Script::default();
    let (mut address, mut random) = (1_000u128, 1u64);
    let mut pause = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        -gap * libm::log(((random >> 11) as f64 + 1.0) / (1u64 << 53) as f64)
    };
    for _ in 0..phones {
        let mut s = pause();
        while s < until {
            address += 1;
            script = script.stay_as(address, "C1", s as i64, s as i64 + 1, |heard| {
                let seq = (address * 613 % 4096) as u16;
                let at = at(0) + Span::from_millis((s * 1000.0) as i64);
                *heard = Sighting { at, fingerprint: Some(7), seq: Some(seq), ..*heard };
            });
            s += pause();
        }
    }
    script
}

#[test]
fn phones_whose_addresses_last_for_one_scan_are_counted_by_their_scans() {
    for phones in [10, 25] {
        let p = fleeting(phones, 41.0, 4.0 * 3600.0).play_with(EngineConfig { k: 1, ..config() });
        // One estimate in each window of 15 minutes, after the first.
        let all: Vec<_> = (1..16)
            .map(|w| interval(&p, FlowScope::Site, "mall", w * 900 + 600).occupancy.unwrap())
            .collect();
        let mean = all.iter().map(|o| o.estimate).sum::<f32>() / all.len() as f32;
        assert!((mean / phones as f32 - 1.0).abs() < 0.1, "{mean} of {phones}");
        let right = all.iter().filter(|o| o.low <= phones as f32 && phones as f32 <= o.high).count();
        assert!(right >= 13, "{right} of 15 intervals hold {phones}");
    }
}

fn count(s: i64, entered: u32, left: u32, inside: Option<u32>) -> Observation {
    Observation::DoorCount(DoorCount {
        at: at(s),
        place: CountedPlace::Site,
        counter: 1,
        entered,
        left,
        inside,
    })
}

#[test]
fn a_door_counter_is_believed_and_teaches_how_many_people_a_device_is() {
    // Twelve phones come and go every ten minutes; the counter sees that half as many people more come.
    let mut script = Script::default();
    for round in 0..30u128 {
        for who in 0..12 {
            let from = (round * 600 + who) as i64;
            script = script.come_in(1 + round * 100 + who, from).stay(
                1 + round * 100 + who,
                "E2",
                from + 180,
                from + 240,
            );
        }
    }
    for minute in 0..240i64 {
        let (entered, left) = if minute % 10 == 1 {
            (18, 0)
        } else if minute % 10 == 4 {
            (0, 18)
        } else {
            (0, 0)
        };
        script.0.push(count(minute * 60, entered, left, None));
    }
    let p = script.play_with(EngineConfig { k: 1, ..config() });
    let counted = interval(&p, FlowScope::Site, "mall", 0);
    assert_eq!((counted.basis, counted.footfall), (FlowBasis::Counted, Some(18)));
    // Inside from minute 1 to 4 of 5.
    assert_eq!(counted.occupancy.map(|o| o.estimate), Some(10.8));
    // Since minute 240 the counter is silent.
    let learnt = interval(&p, FlowScope::Site, "mall", 16_800);
    assert_eq!(learnt.basis, FlowBasis::Calibrated);
    assert!((17..=19).contains(&learnt.footfall.unwrap()), "{:?}", learnt.footfall);
    assert_eq!(learnt.occupancy_basis, FlowBasis::Calibrated);
    let here = learnt.occupancy.unwrap();
    assert!((here.estimate - 10.8).abs() < 1.0, "{here:?}");
}
