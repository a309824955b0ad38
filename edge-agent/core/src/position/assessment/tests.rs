//! A made-up mall of two floors, five zones by two on each, 40 m apart, and walks of it by a law that is known: signals
//! fade with exponent 3 and 25 dB a floor from -40 dBm at one metre, and scatter by 4 dB.

use super::*;
use crate::position::Calibration;
use crate::site::{FloorDraft, SensorDraft, SensorIx, SiteDraft, ZoneDraft};
use crate::time::Timestamp;

const LONG: usize = 5;

/// Where a sensor hangs: floor, metres.
type Place = (usize, [f64; 2]);

fn middle(zone: usize) -> [f64; 2] {
    let n = zone % (2 * LONG);
    [40.0 * (n % LONG) as f64, 40.0 * (n / LONG) as f64]
}

fn zone_id(zone: usize) -> String {
    format!("F{}-Z{}", zone / (2 * LONG), zone % (2 * LONG))
}

/// A sensor in the middle of each of these zones.
fn in_zones(zones: impl IntoIterator<Item = usize>) -> Vec<Place> {
    zones.into_iter().map(|z| (z / (2 * LONG), middle(z))).collect()
}

fn site(sensors: &[Place]) -> Site {
    let nearest = |(floor, at): &Place| {
        let away = |z: &usize| (0..2).map(|i| (middle(*z)[i] - at[i]).powi(2)).sum::<f64>();
        let zones = (0..4 * LONG).filter(|z| z / (2 * LONG) == *floor);
        zones.min_by(|a, b| away(a).total_cmp(&away(b))).unwrap()
    };
    let draft = SiteDraft {
        id: "grid".into(),
        timezone: "UTC".into(),
        floors: [0, 1].map(|f| FloorDraft { id: format!("F{f}"), level: f, name: None }).to_vec(),
        zones: (0..4 * LONG)
            .map(|z| ZoneDraft {
                id: zone_id(z),
                floor: format!("F{}", z / (2 * LONG)),
                kind: "concourse".into(),
                position: middle(z),
                ..ZoneDraft::default()
            })
            .collect(),
        sensors: sensors
            .iter()
            .enumerate()
            .map(|(i, place)| SensorDraft {
                id: format!("S{i}"),
                zone: zone_id(nearest(place)),
                position: Some(place.1),
                ..SensorDraft::default()
            })
            .collect(),
        ..SiteDraft::default()
    };
    Site::build(draft).unwrap().0
}

/// A number in 0…1 that looks like chance.
fn chance(n: u64) -> f64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Nearly normal: the sum of six.
fn normal(n: u64) -> f64 {
    ((0..6).map(|k| chance(n * 8 + k)).sum::<f64>() - 3.0) * core::f64::consts::SQRT_2
}

/// So many laps through all zones, 40 scans of 3 s in each. `hang` says where each sensor really hangs, and how many dB more
/// than others it reports.
fn walk(laps: usize, hang: &[(Place, f64)]) -> Vec<Scan> {
    let mut scans = Vec::new();
    for n in 0..laps * 4 * LONG * 40 {
        let zone = n / 40 % (4 * LONG);
        let own = n as u64 * 1000;
        let at = [0, 1].map(|i: usize| middle(zone)[i] + 30.0 * (chance(own + 1 + i as u64) - 0.5));
        let mut heard = Vec::new();
        for (s, ((floor, sensor), more)) in hang.iter().enumerate() {
            let metres = (0..2).map(|i| (at[i] - sensor[i]).powi(2)).sum::<f64>().sqrt().max(1.0);
            let storeys = floor.abs_diff(zone / (2 * LONG)) as f64;
            let noise = 4.0 * normal(own + 10 + s as u64);
            let rssi = -40.0 - 30.0 * libm::log10(metres) - 25.0 * storeys + more + noise;
            if rssi > -90.0 && chance(own + 500 + s as u64) < 0.9 {
                heard.push((SensorIx(s as u16), rssi.round() as i8));
            }
        }
        let at = Timestamp::from_micros((1_700_000_000 + 3 * n as i64) * 1_000_000);
        if !heard.is_empty() {
            scans.push(Scan { at, zone: ZoneIx(zone as u16), heard });
        }
    }
    scans
}

fn as_on_the_map(places: &[Place]) -> Vec<(Place, f64)> {
    places.iter().map(|p| (*p, 0.0)).collect()
}

/// The mall with these sensors, as the map has them, walked twice.
fn inspected(places: &[Place]) -> (Site, Inspection) {
    let site = site(places);
    let inspection = Inspection::of(&site, &walk(2, &as_on_the_map(places)));
    (site, inspection)
}

fn everywhere() -> Vec<Place> {
    in_zones(0..4 * LONG)
}

#[test]
fn a_sensor_in_every_zone_tells_all_of_them_apart_and_none_is_needed() {
    let (site, i) = inspected(&everywhere());
    let (zone, floor) = (i.assessment.right_zone().unwrap(), i.assessment.right_floor(&site).unwrap());
    assert!(zone.stays > 0.99 && floor.stays > 0.99, "{zone:?} {floor:?}");
    assert!(zone.scans < zone.stays && zone.scans > 0.5, "{zone:?}");
    assert_eq!((i.verdict(&site), i.assessment.alike().len()), (Verdict::Good, 0));
    assert!(matches!(&i.advice(&site)[..], [Advice::Spare(all)] if all.len() > 15), "{:?}", i.advice(&site));
}

#[test]
fn how_signals_fade_is_found_though_most_of_them_are_too_faint_to_be_heard() {
    let (_, i) = inspected(&everywhere());
    assert!((i.air.exponent - 3.0).abs() < 0.4, "{:?}", i.air);
    assert!((i.air.floor_loss - 25.0).abs() < 5.0, "{:?}", i.air);
    assert!(i.air.pairs >= 20 && i.air.scatter < 5.0, "{:?}", i.air);
}

/// Few sensors on the upper floor.
fn few() -> Vec<Place> {
    in_zones([0, 2, 4, 6, 8, 11, 13, 17])
}

#[test]
fn zones_that_nothing_tells_apart_are_named_and_the_sensor_that_is_advised_does_tell_them_apart() {
    // In the middle of both floors hangs one sensor between two zones.
    let mut places = in_zones([0, 1, 3, 4, 5, 6, 8, 9, 10, 14, 15, 19]);
    places.extend([(0, [80.0, 20.0]), (1, [80.0, 20.0])]);
    let (site, i) = inspected(&places);
    let pairs: Vec<_> = i.assessment.alike().iter().map(|p| p.zones.map(|z| z.0)).collect();
    assert!(pairs.contains(&[12, 17]), "{pairs:?}");
    let Some(Advice::OneMore(zone, gain)) =
        i.advice(&site).into_iter().find(|a| matches!(a, Advice::OneMore(..)))
    else {
        panic!("no sensor is advised: {:?}", i.advice(&site));
    };
    // Put it there, and walk again.
    places.extend(in_zones([usize::from(zone.0)]));
    let (_, better) = inspected(&places);
    let [before, after] = [&i, &better].map(|i| i.assessment.right_zone().unwrap().stays);
    assert!(after > before + 0.5 * gain, "{before} to {after}, {gain} were foreseen");
    let random = {
        let mut places = places.clone();
        places.pop();
        places.extend(in_zones([0]));
        inspected(&places).1.assessment.right_zone().unwrap().stays
    };
    assert!(
        after > random + 0.01,
        "{after} with the advised sensor, {random} with one where there is one already"
    );
}

#[test]
fn what_a_sensor_adds_is_what_its_failure_costs() {
    let places = few();
    let (site, i) = inspected(&places);
    let by_loss = |a: &usize, b: &usize| i.sensors[*a].loss.total_cmp(&i.sensors[*b].loss);
    let needed = (0..places.len()).max_by(by_loss).unwrap();
    // The same by hand: a walk that it did not hear.
    let mut hang = as_on_the_map(&places);
    hang[needed].1 = -200.0;
    let without = Assessment::of(&site, &walk(2, &hang)).right_zone().unwrap().stays;
    let cost = i.assessment.right_zone().unwrap().stays - without;
    assert!(cost > 0.05 && (cost - i.sensors[needed].loss).abs() < 0.02, "{cost}, {:?}", i.sensors[needed]);
    // And what it was foreseen to add is not far from it.
    assert!((i.foresight.foreseen - i.foresight.adds).abs() < 0.3 * i.foresight.adds, "{:?}", i.foresight);
}

#[test]
fn sensors_that_are_dead_deaf_or_exchanged_are_found_and_no_others() {
    let places = everywhere();
    let mut hang = as_on_the_map(&places);
    hang[3].1 = -200.0;
    hang[7].1 = -22.0;
    hang.swap(10, 14);
    let site = site(&places);
    let i = Inspection::of(&site, &walk(2, &hang));
    let advice = i.advice(&site);
    let silent = advice.iter().find_map(|a| if let Advice::Silent(s) = a { Some(s.clone()) } else { None });
    assert_eq!(silent, Some(vec![SensorIx(3)]));
    let elsewhere: Vec<_> = advice
        .iter()
        .filter_map(|a| if let Advice::Elsewhere(s, z, _) = a { Some((s.0, z.0)) } else { None })
        .collect();
    assert_eq!(elsewhere, [(10, 14), (14, 10)]);
    let Some(Advice::Misfit(odd)) = advice.iter().find(|a| matches!(a, Advice::Misfit(_))) else {
        panic!("{advice:?}");
    };
    assert_eq!(odd.iter().map(|(s, ..)| s.0).collect::<Vec<_>>(), [7]);
    assert!(odd[0].1 < -12.0, "{odd:?}");
}

#[test]
fn a_zone_that_was_walked_once_or_not_at_all_is_not_judged_but_named() {
    let places = everywhere();
    let mut scans = walk(2, &as_on_the_map(&places));
    let half = scans.len() / 2;
    let mut n = 0;
    scans.retain(|s| {
        n += 1;
        s.zone != ZoneIx(4) && (s.zone != ZoneIx(6) || n <= half)
    });
    let site = site(&places);
    let i = Inspection::of(&site, &scans);
    assert_eq!((i.assessment.right(ZoneIx(4)), i.assessment.right(ZoneIx(6))), (None, None));
    assert_eq!(i.assessment.judged().count(), 18);
    let advice = i.advice(&site);
    assert_eq!(advice[0], Advice::NotWalked(vec![ZoneIx(4)]));
    assert_eq!(advice[1], Advice::WalkedOnce(vec![ZoneIx(6)]));
}

#[test]
fn two_walks_in_one_file_are_found_out() {
    let places = everywhere();
    let one = walk(2, &as_on_the_map(&places));
    let site = site(&places);
    assert_eq!(Assessment::of(&site, &one).jumps, 0);
    let mut both = one.clone();
    // Somebody else walks the floors the other way round at the same time.
    let other = one.iter().map(|s| Scan { zone: ZoneIx((s.zone.0 + 10) % 20), ..s.clone() });
    both.extend(other.map(|s| Scan { at: s.at + Span::from_secs(1), ..s }));
    both.sort_by_key(|s| s.at);
    let i = Inspection::of(&site, &both);
    assert!(matches!(i.advice(&site)[0], Advice::Jumps(n) if n > 100), "{:?}", i.advice(&site)[0]);
}

#[test]
fn nothing_and_hardly_anything_can_be_inspected() {
    let places = everywhere();
    let site = site(&places);
    let walk = walk(1, &as_on_the_map(&places));
    for scans in [&walk[..0], &walk[..1], &walk[..50], &walk[..]] {
        let i = Inspection::of(&site, scans);
        assert_eq!((i.verdict(&site), i.assessment.right_zone()), (Verdict::CannotTell, None));
        assert!(i.one_more.iter().all(|m| m.gain == 0.0) && i.foresight.scale() == 1.0);
        assert!(i.advice(&site).iter().all(|a| !matches!(a, Advice::Spare(_) | Advice::OneMore(..))));
    }
    let i = Inspection::of(&site, &[]);
    assert_eq!((i.air.pairs, i.air.exponent), (0, 3.3), "what the walk does not tell is as usual");
}

#[test]
fn an_inspection_comes_out_the_same_every_time() {
    assert_eq!(inspected(&few()).1, inspected(&few()).1);
}

#[test]
fn a_calibration_names_what_is_confused_and_a_model_takes_it() {
    let places = few();
    let (site, i) = inspected(&places);
    let scans = walk(2, &as_on_the_map(&places));
    let calibration = Calibration::from_scans(&site, &scans).with_confusions(&site, &i.assessment);
    assert_eq!(calibration.check(&site), Ok(()));
    assert_eq!(calibration.unvisited(&site), [] as [&str; 0]);
    let confused = i.assessment.confused();
    assert_eq!(calibration.confusions.len(), confused.len());
    for c in &calibration.confusions {
        let [is, other] = [&c.zone, &c.taken_for].map(|id| site.zone_named(id).unwrap());
        assert!((c.share - i.assessment.stay(is, other)).abs() < 0.001);
    }
    assert!(crate::position::SurveyModel::new(&site, &calibration).is_ok());
}
