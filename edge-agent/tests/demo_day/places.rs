//! Where a day can be, and the built-in mall.

use super::*;

#[test]
fn a_place_where_no_day_can_be_is_refused_in_words() {
    let refused = |change: fn(&mut Plan)| {
        let mut plan = built_in_plan();
        change(&mut plan);
        Day::new(&plan, DayOptions::default()).err()
    };
    assert_eq!(refused(|p| p.sensors.clear()), Some(PlanError::NoSensor));
    assert_eq!(refused(|p| p.tills.clear()), Some(PlanError::NoShop));
    assert_eq!(refused(|p| p.zones.clear()), Some(PlanError::BadReference { what: "sensor", index: 0 }));
    assert_eq!(
        refused(|p| p.zones[3].neighbours.push(999)),
        Some(PlanError::BadReference { what: "zone", index: 3 })
    );
    assert_eq!(
        refused(|p| p.zones.iter_mut().for_each(|z| z.kind = ZoneKind::Concourse)),
        Some(PlanError::NoEntrance)
    );
}

#[test]
fn odd_options_neither_hang_nor_panic() {
    let plan = built_in_plan();
    let start = DayOptions::default().start;
    for (visitors, passers) in [(0.0, 0.0), (f64::NAN, -1.0), (1e300, f64::INFINITY)] {
        let options = DayOptions {
            visitors_per_hour: visitors,
            passers_per_hour: passers,
            opens_after: Span::from_secs(-5),
            length: Span::from_secs(i64::MAX),
            ..DayOptions::default()
        };
        let observations = Day::new(&plan, options).unwrap().take(2_000);
        assert!(observations.into_iter().all(|o| o.at() >= start));
    }
}

#[test]
fn a_map_of_shops_and_doors_alone_will_do() {
    let zone = |id: &str, kind, x: f32, neighbours: &[usize]| PlanZone {
        id: id.into(),
        name: id.into(),
        kind,
        floor: "F1".into(),
        level: 0,
        position: [x, 0.0],
        neighbours: neighbours.to_vec(),
    };
    let plan = Plan {
        zones: vec![zone("door", ZoneKind::Entrance, 0.0, &[1]), zone("shop", ZoneKind::Shop, 15.0, &[0])],
        sensors: vec![PlanSensor { id: "s".into(), zone: 0, position: [0.0, 0.0], radio_offset: 0.0 }],
        tills: vec![PlanTill { id: "t".into(), zone: 1, store: "S".into() }],
    };
    let options = DayOptions { length: Span::from_secs(7200), ..DayOptions::default() };
    let day: Vec<_> = Day::new(&plan, options).unwrap().collect();
    assert!(day.iter().any(|o| matches!(o, Observation::Receipt(_))));
    assert!(day.len() > 200, "{}", day.len());
}

#[test]
fn the_built_in_mall_holds_together() {
    let plan = built_in_plan();
    let kinds = |kind| plan.zones_of(kind).count();
    for (name, kind) in ZoneKind::NAMES {
        assert!(kinds(kind) > 0, "{name}");
    }
    assert_eq!(kinds(ZoneKind::Entrance), 2);
    assert_eq!(plan.zones.iter().map(|z| &z.floor).collect::<BTreeSet<_>>().len(), 4);
    for (i, z) in plan.zones.iter().enumerate() {
        assert!(!z.neighbours.is_empty(), "{} is cut off", z.id);
        for &n in &z.neighbours {
            assert!(plan.zones[n].neighbours.contains(&i), "{} → {} is one-way", z.id, plan.zones[n].id);
        }
        assert!(plan.sensors.iter().any(|s| s.zone == i), "{} has no sensor", z.id);
        assert_eq!(z.kind == ZoneKind::Shop, plan.tills.iter().any(|t| t.zone == i), "till of {}", z.id);
    }
    let toml: toml::Table = site::TOML.parse().unwrap();
    assert_eq!(toml["site"]["timezone"].as_str(), Some(site::TIMEZONE));
}

/// The built-in map, read without the checks that the daemon makes.
pub(crate) fn built_in_plan() -> Plan {
    let toml: toml::Table = site::TOML.parse().unwrap();
    let rows = |name: &str| toml[name].as_array().unwrap().clone();
    let text = |v: &toml::Value, key: &str| v[key].as_str().unwrap().to_owned();
    let position = |v: &toml::Value| {
        let p: Vec<f32> =
            v["position"].as_array().unwrap().iter().map(|n| n.as_float().unwrap() as f32).collect();
        [p[0], p[1]]
    };
    let level: HashMap<String, i16> =
        rows("floor").iter().map(|f| (text(f, "id"), f["level"].as_integer().unwrap() as i16)).collect();
    let ids: HashMap<String, usize> =
        rows("zone").iter().enumerate().map(|(i, z)| (text(z, "id"), i)).collect();
    let kinds: HashMap<&str, ZoneKind> = ZoneKind::NAMES.into();
    let zones = rows("zone")
        .iter()
        .map(|z| PlanZone {
            id: text(z, "id"),
            name: text(z, "name"),
            kind: kinds[z["kind"].as_str().unwrap()],
            floor: text(z, "floor"),
            level: level[&text(z, "floor")],
            position: position(z),
            neighbours: z["neighbours"]
                .as_array()
                .unwrap()
                .iter()
                .map(|n| ids[n.as_str().unwrap()])
                .collect(),
        })
        .collect();
    let sensors = rows("sensor")
        .iter()
        .map(|s| PlanSensor {
            id: text(s, "id"),
            zone: ids[&text(s, "zone")],
            position: position(s),
            radio_offset: 0.0,
        })
        .collect();
    let tills = rows("till")
        .iter()
        .map(|t| PlanTill { id: text(t, "id"), zone: ids[&text(t, "zone")], store: text(t, "store") })
        .collect();
    Plan { zones, sensors, tills }
}
