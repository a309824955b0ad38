use super::*;
use crate::site::{BeaconDraft, FloorDraft, SensorDraft, TillDraft};
use proptest::prelude::*;

/// Two floors, written upside down, three zones in a row, a sensor in each.
fn draft() -> SiteDraft {
    let floor = |id: &str, level| FloorDraft { id: id.into(), level, name: None };
    let zone = |id: &str, floor: &str, kind: &str, x: f64, n: &[&str]| ZoneDraft {
        id: id.into(),
        floor: floor.into(),
        kind: kind.into(),
        position: [x, 0.0],
        neighbours: n.iter().map(|s| (*s).to_owned()).collect(),
        ..ZoneDraft::default()
    };
    let sensor =
        |id: &str, zone: &str| SensorDraft { id: id.into(), zone: zone.into(), ..SensorDraft::default() };
    SiteDraft {
        id: "mall".into(),
        timezone: "Asia/Shanghai".into(),
        floors: vec![floor("F2", 1), floor("F1", 0)],
        zones: vec![
            zone("door", "F1", "entrance", 0.0, &["hall"]),
            zone("hall", "F1", "concourse", 10.0, &["door", "shop"]),
            zone("shop", "F2", "shop", 10.0, &["hall"]),
        ],
        sensors: vec![sensor("s1", "door"), sensor("s2", "hall"), sensor("s3", "shop")],
        tills: vec![TillDraft { id: "t1".into(), zone: "shop".into(), ..TillDraft::default() }],
        ..SiteDraft::default()
    }
}

fn errors(change: impl FnOnce(&mut SiteDraft)) -> Vec<String> {
    let mut d = draft();
    change(&mut d);
    Site::build(d).expect_err("must be refused").iter().map(ToString::to_string).collect()
}

fn warnings(change: impl FnOnce(&mut SiteDraft)) -> Vec<String> {
    let mut d = draft();
    change(&mut d);
    Site::build(d).expect("must load").1.iter().map(ToString::to_string).collect()
}

#[test]
fn a_sound_map_has_no_warnings_and_its_indices_agree() {
    let (site, warnings) = Site::build(draft()).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(site.floors.iter().map(|f| f.level).collect::<Vec<_>>(), [0, 1]);
    for (i, floor) in site.floors.iter().enumerate() {
        assert_eq!(site.floor_named(&floor.id), Some(FloorIx(i as u16)));
    }
    let shop = site.zone_named("shop").unwrap();
    assert_eq!(site.floor(site.floor_of(shop)).id, "F2");
    assert_eq!(site.floor_of_sensor(site.sensor_named("s1").unwrap()), site.floor_named("F1").unwrap());
    let till = site.till(site.till_named("t1").unwrap());
    assert_eq!((till.zone, till.store.as_str()), (shop, "shop"));
    assert_eq!(site.sensor(site.sensor_named("s2").unwrap()).position, [10.0, 0.0]);
    assert_eq!(site.business_day_starts, 240);
}

#[test]
fn every_error_is_reported_at_once_with_its_place_and_a_way_out() {
    let found = errors(|d| {
        d.timezone = "Asia/Shanghai ".into();
        d.business_day_starts = Some("4am".into());
        d.floors[0].level = 4_000;
        d.zones[1].neighbours[1] = "shpo".into();
        d.zones[2].kind = "shops".into();
        d.zones[2].position = [f64::NAN, 1.0];
        d.sensors[1].id = "s1".into();
        d.sensors[2].zone = "cinema".into();
        d.sensors[0].radio_offset = Some(f64::INFINITY);
        d.tills[0].id = "till/1".into();
    });
    let wanted = [
        "site.timezone: \"Asia/Shanghai \" is no time zone; give its IANA name, such as \"Asia/Shanghai\"",
        "sensor[1].id: \"s1\" is already the id of sensor[0]; ids are unique",
        "till[0].id: \"till/1\" holds '/', which an MQTT topic level may not; use letters, digits, '-' and '_'",
        "floor[0].level: 4000 is no storey; 0 is the ground floor, -1 the first below it (-30…200)",
        "zone[1].neighbours[1]: no zone \"shpo\"; did you mean \"shop\"?",
        "zone[2].kind: no kind \"shops\"; did you mean \"shop\"?",
        "zone[2].position: [NaN, 1] is no place on a plan; metres from the plan's origin, at most 20000",
        "sensor[0].radio_offset: inf dB is no offset of a radio; expected −60…60",
        "sensor[2].zone: no zone \"cinema\"; every zone has its own [[zone]]",
        "site.business_day_starts: \"4am\" is no time of day; write \"HH:MM\", such as \"04:00\"",
    ];
    assert_eq!(found, wanted);
}

#[test]
fn beacons_have_numbers_of_their_own_and_a_place() {
    let beacon = |id: &str, minor| BeaconDraft {
        id: id.into(),
        zone: "hall".into(),
        uuid: "E2C56DB5-dffb-48d2-b060-d0f5a71096e0".into(),
        major: 1,
        minor,
    };
    let sound = SiteDraft { beacons: vec![beacon("b1", 1), beacon("b2", 65_535)], ..draft() };
    let without = Site::build(draft()).unwrap().0;
    let (site, warnings) = Site::build(sound).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(site.version(), without.version(), "indices mean what they meant");
    let hall = site.zone_named("hall").unwrap();
    let numbers: Vec<_> = site.beacons.iter().map(|b| (b.uuid[0], b.major, b.minor, b.zone)).collect();
    assert_eq!(numbers, [(0xe2, 1, 1, hall), (0xe2, 1, 65_535, hall)]);
    let wrong = errors(|d| {
        d.beacons = vec![
            beacon("b1", 1),
            beacon("b1", 65_536),
            BeaconDraft { zone: "hal".into(), ..beacon("b3", 1) },
            BeaconDraft { uuid: "e2c56db5".into(), ..beacon("b4", 4) },
        ];
    });
    for part in [
        "beacon[1].id: \"b1\" is already the id of beacon[0]",
        "beacon[1].minor: 65536 is no minor number",
        "beacon[2]: has the numbers of beacon[0]",
        "beacon[2].zone: no zone \"hal\"; did you mean \"hall\"?",
        "beacon[3].uuid: \"e2c56db5\" is no UUID",
    ] {
        assert!(wrong.iter().any(|e| e.contains(part)), "{part}: {wrong:#?}");
    }
    assert_eq!(wrong.len(), 5, "{wrong:#?}");
}

#[test]
fn an_empty_map_is_refused() {
    let paths: Vec<_> = Site::build(SiteDraft::default()).unwrap_err().into_iter().map(|p| p.path).collect();
    assert_eq!(paths, ["site.id", "site.timezone", "floor", "zone", "sensor"]);
}

#[test]
fn more_zones_than_indices_are_refused() {
    let found = errors(|d| {
        let zone = d.zones[1].clone();
        d.zones.extend((0..70_000).map(|i| ZoneDraft {
            id: format!("z{i}"),
            neighbours: vec![],
            ..zone.clone()
        }));
    });
    assert_eq!(found, ["zone: there are more than 65535 of them"]);
}

#[test]
fn neighbours_are_made_symmetric_with_a_warning() {
    let mut d = draft();
    d.zones[2].neighbours.clear();
    let (site, found) = Site::build(d).unwrap();
    assert_eq!(site.zones[2].neighbours, [ZoneIx(1)]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].path, "zone[1].neighbours[1]");
    assert!(found[0].message.starts_with("one way: zone \"shop\" does not list \"hall\""), "{}", found[0]);
}

#[test]
fn what_costs_accuracy_is_a_warning() {
    let only = |found: Vec<String>, start: &str| {
        assert!(found.len() == 1 && found[0].starts_with(start), "{found:?}");
    };
    only(warnings(|d| d.zones[0].kind = "concourse".into()), "zone: no entrance");
    only(warnings(|d| d.floors[0].level = 0), "floor[1].level: level 0 is also that of floor \"F2\"");
    only(warnings(|d| d.sensors.truncate(2)), "floor[0]: floor \"F2\" has no sensor");
    only(
        warnings(|d| d.floors.push(FloorDraft { id: "F3".into(), level: 2, name: None })),
        "floor[2]: floor \"F3\" has no zone",
    );
    only(warnings(|d| d.tills[0].zone = "door".into()), "till[0].zone: till \"t1\" stands in \"door\"");
    only(
        warnings(|d| d.sensors[1].zone = "door".into()),
        "sensor[1].position: the same place as sensor \"s1\"",
    );
    only(
        warnings(|d| d.zones[0].neighbours.push("door".into())),
        "zone[0].neighbours[1]: \"door\" is the zone itself",
    );
    only(
        warnings(|d| d.zones[0].neighbours.push("hall".into())),
        "zone[0].neighbours[1]: \"hall\" is listed twice",
    );
    only(
        warnings(|d| {
            d.zones[1].neighbours.pop();
            d.zones[2].neighbours.clear();
        }),
        "zone[2].neighbours: zone \"shop\" adjoins no other",
    );
}

#[test]
fn ids_that_would_break_a_topic_are_refused() {
    for bad in ["", "a/b", "a+", "#", "a\nb", " a", "$SYS", &"x".repeat(65)] {
        assert!(id_problem(bad).is_some(), "{bad:?}");
    }
    for good in ["F1-Z03", "a b", "一楼", "door.1", &"x".repeat(64)] {
        assert_eq!(id_problem(good), None);
    }
}

proptest! {
    #[test]
    fn building_never_panics_and_keeps_its_promises(
        levels in prop::collection::vec(-3i64..4, 0..5),
        zones in prop::collection::vec((0usize..6, prop::collection::vec(0usize..12, 0..4)), 0..10),
        sensors in prop::collection::vec(0usize..12, 0..6),
    ) {
        let mut d = draft();
        d.floors = levels.iter().enumerate().map(|(i, &level)| FloorDraft { id: format!("f{i}"), level, name: None }).collect();
        d.zones = zones.iter().enumerate().map(|(i, (f, n))| ZoneDraft {
            id: format!("z{i}"), floor: format!("f{f}"), kind: "shop".into(), position: [i as f64, 0.0],
            neighbours: n.iter().map(|n| format!("z{n}")).collect(), ..ZoneDraft::default()
        }).collect();
        d.sensors = sensors.iter().enumerate().map(|(i, z)| SensorDraft { id: format!("s{i}"), zone: format!("z{z}"), ..SensorDraft::default() }).collect();
        d.tills.clear();
        match Site::build(d) {
            Err(errors) => prop_assert!(!errors.is_empty()),
            Ok((site, _)) => {
                prop_assert!(site.floors.is_sorted_by_key(|f| f.level));
                for (i, zone) in site.zones.iter().enumerate() {
                    let me = ZoneIx(i as u16);
                    prop_assert!(usize::from(zone.floor.0) < site.floors.len());
                    prop_assert!(zone.neighbours.is_sorted_by(|a, b| a < b));
                    for &n in &zone.neighbours {
                        prop_assert!(n != me && site.zone(n).neighbours.contains(&me));
                    }
                }
            }
        }
    }
}
