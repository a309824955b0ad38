//! What is heard resembles what real sensors hear.

use super::*;

#[test]
fn a_frame_reaches_several_sensors_within_twenty_milliseconds() {
    let (_, entries) = morning(1);
    let mut frames: BTreeMap<(MacAddr, u16, i64), Vec<&Sighting>> = BTreeMap::new();
    for s in sightings(&entries).filter(|s| s.frame == Frame::ProbeRequest) {
        // One sequence number comes back after minutes at the earliest.
        frames.entry((s.addr, s.seq.unwrap(), s.at.as_micros() / 60_000_000)).or_default().push(s);
    }
    let mut sensors = 0;
    for heard in frames.values() {
        let first = heard.iter().map(|s| s.at).min().unwrap();
        let last = heard.iter().map(|s| s.at).max().unwrap();
        assert!(last.since(first) < Span::from_millis(20), "{first} … {last}");
        let distinct: BTreeSet<_> = heard.iter().map(|s| s.sensor).collect();
        assert_eq!(distinct.len(), heard.len(), "a sensor hears a frame once");
        sensors += heard.len();
    }
    let mean = sensors as f64 / frames.len() as f64;
    println!("a frame is heard by {mean:.1} sensors");
    assert!((2.0..12.0).contains(&mean), "{mean}");
}

#[test]
fn the_strongest_sensor_is_mostly_on_the_right_floor_but_not_always() {
    // Somebody who dwells is in one place; the strongest sensor of each of their scans is compared with it.
    let (plan, entries) = morning(2);
    let owner = owners(&entries);
    let mut dwells: HashMap<u32, Vec<(Timestamp, Timestamp, usize)>> = HashMap::new();
    for t in truths(&entries) {
        if let Fact::Dwell { zone, until } = t.fact {
            dwells.entry(t.visitor).or_default().push((t.at, until, zone));
        }
    }
    let mut scans: BTreeMap<(u32, i64), &Sighting> = BTreeMap::new();
    for s in sightings(&entries) {
        let best = scans.entry((owner[&s.addr], s.at.as_micros() / 1_000_000)).or_insert(s);
        if s.rssi > best.rssi {
            *best = s;
        }
    }
    let (mut all, mut right_floor, mut right_zone) = (0, 0, 0);
    for (&(who, _), s) in &scans {
        let stays = dwells.get(&who).map_or(&[][..], Vec::as_slice);
        if let Some(&(.., zone)) = stays.iter().find(|d| d.0 <= s.at && s.at < d.1) {
            let heard_in = plan.sensors[usize::from(s.sensor.0)].zone;
            all += 1;
            right_floor += usize::from(plan.zones[heard_in].floor == plan.zones[zone].floor);
            right_zone += usize::from(heard_in == zone);
        }
    }
    let share = |n| f64::from(n as u32) / f64::from(all as u32);
    println!(
        "strongest sensor: floor {:.3}, zone {:.3} of {all} scans",
        share(right_floor),
        share(right_zone)
    );
    assert!((0.88..0.999).contains(&share(right_floor)), "{}", share(right_floor));
    assert!((0.75..0.98).contains(&share(right_zone)), "{}", share(right_zone));
}

#[test]
fn gaps_between_scans_of_resting_phones_have_the_tail_of_real_ones() {
    // Measured on real phones: p50/p90/p99 = 37/190/713 s.
    let mut gaps = Vec::new();
    for seed in SEEDS {
        let (_, entries) = morning(seed);
        let fixed = is_fixed(&entries);
        let owner = owners(&entries);
        let mut last: HashMap<MacAddr, Timestamp> = HashMap::new();
        for s in sightings(&entries) {
            if s.frame == Frame::ProbeRequest
                && fixed.contains(&owner[&s.addr])
                && let Some(before) = last.insert(s.addr, s.at)
            {
                gaps.push(s.at.since(before).as_secs_f64());
            }
        }
    }
    gaps.retain(|&g| g > 0.5);
    gaps.sort_by(f64::total_cmp);
    let quantile = |p: f64| gaps[(gaps.len() as f64 * p) as usize];
    let (p50, p90, p99) = (quantile(0.5), quantile(0.9), quantile(0.99));
    println!("gaps p50/p90/p99 = {p50:.0}/{p90:.0}/{p99:.0} s of {}", gaps.len());
    assert!((25.0..55.0).contains(&p50), "{p50}");
    assert!((120.0..260.0).contains(&p90), "{p90}");
    assert!((400.0..1100.0).contains(&p99), "{p99}");
}

#[test]
fn most_visitors_are_heard_before_they_are_a_minute_in_but_not_all_and_passers_less_often() {
    let (mut visitors, mut soon, mut passers, mut heard_passing) = (0, 0, 0, 0);
    for seed in SEEDS {
        let (_, entries) = morning(seed);
        let owner = owners(&entries);
        let mut first_heard: HashMap<u32, Timestamp> = HashMap::new();
        for s in sightings(&entries) {
            first_heard.entry(owner[&s.addr]).or_insert(s.at);
        }
        for t in truths(&entries) {
            match t.fact {
                Fact::Arrived { .. } => {
                    visitors += 1;
                    soon += usize::from(
                        first_heard.get(&t.visitor).is_some_and(|&at| at.since(t.at) < Span::from_secs(60)),
                    );
                }
                Fact::PassedBy { .. } => {
                    passers += 1;
                    heard_passing += usize::from(first_heard.contains_key(&t.visitor));
                }
                _ => {}
            }
        }
    }
    let share = |n, all| f64::from(n as u32) / f64::from(all as u32);
    println!(
        "soon {:.2} of {visitors}, passers {:.2} of {passers}",
        share(soon, visitors),
        share(heard_passing, passers)
    );
    assert!((0.75..0.995).contains(&share(soon, visitors)), "{}", share(soon, visitors));
    assert!((0.45..0.97).contains(&share(heard_passing, passers)), "{}", share(heard_passing, passers));
}

#[test]
fn a_rotating_address_leaves_the_sequence_and_the_fingerprint_unbroken() {
    let (_, entries) = morning(1);
    let owner = owners(&entries);
    let mut last: HashMap<u32, &Sighting> = HashMap::new();
    let (mut rotations, mut continued) = (0, 0);
    for s in sightings(&entries).filter(|s| s.frame == Frame::ProbeRequest) {
        if let Some(before) = last.insert(owner[&s.addr], s)
            && before.addr != s.addr
        {
            rotations += 1;
            assert_eq!(before.fingerprint, s.fingerprint);
            let step = (4096 + s.seq.unwrap() - before.seq.unwrap()) % 4096;
            continued += usize::from(step <= 64);
        }
    }
    println!("{continued} of {rotations} rotations within 64 sequence numbers");
    assert!(rotations > 30, "{rotations}");
    assert!(continued * 10 >= rotations * 8, "{continued} of {rotations}");
}

#[test]
fn every_kind_of_transmitter_is_heard() {
    for seed in SEEDS {
        let (_, entries) = morning(seed);
        let fixed = is_fixed(&entries);
        let owner = owners(&entries);
        let by_visitors = |wanted: fn(&Frame) -> bool| {
            let heard = sightings(&entries).filter(|s| wanted(&s.frame) && !fixed.contains(&owner[&s.addr]));
            heard.map(|s| s.addr).collect::<HashSet<_>>().len()
        };
        assert!(by_visitors(|f| *f == Frame::ProbeRequest) > 50, "seed {seed}");
        assert!(by_visitors(|f| *f == Frame::Association) > 10, "seed {seed}");
        assert!(by_visitors(|f| *f == Frame::Data) > 20, "seed {seed}");
        assert!(by_visitors(|f| *f == Frame::Advertisement) > 3, "seed {seed}");
        let tags =
            by_visitors(|f| matches!(f, Frame::IBeacon { uuid, .. } if *uuid == site::MEMBER_TAG_UUID));
        assert!(tags > 3, "seed {seed}: {tags}");
    }
}
