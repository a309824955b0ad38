//! Observations as lines of an observation log.

use super::*;

#[test]
fn log_lines_have_the_fields_of_the_format() {
    let (plan, entries) = morning(1);
    let sensors: HashSet<&str> = plan.sensors.iter().map(|s| s.id.as_str()).collect();
    let tills: HashSet<&str> = plan.tills.iter().map(|t| t.id.as_str()).collect();
    let mut kinds = BTreeMap::new();
    for e in &entries {
        let Entry::Observed(o) = e else { continue };
        let line = to_log_line(o, &plan).unwrap();
        let v: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(Timestamp::parse_rfc3339(v["at"].as_str().unwrap()), Some(o.at()));
        let kind = v["kind"].as_str().unwrap();
        *kinds.entry(kind.to_owned()).or_insert(0) += 1;
        let known: &[&str] = match (kind, o) {
            ("wifi", Observation::Sighting(s)) => {
                assert_eq!(v["seq"].as_u64(), s.seq.map(u64::from));
                assert_eq!(v["channel"].as_u64(), s.channel.map(u64::from));
                let fingerprint = v["fingerprint"].as_str().map(|f| u64::from_str_radix(f, 16).unwrap());
                assert_eq!(fingerprint, s.fingerprint);
                &["at", "kind", "sensor", "addr", "rssi", "channel", "seq", "frame", "fingerprint"]
            }
            ("ble", Observation::Sighting(s)) => {
                let adv = v["adv"].as_str().unwrap();
                assert!(adv.len().is_multiple_of(2) && adv.bytes().all(|c| c.is_ascii_hexdigit()), "{adv}");
                if let Frame::IBeacon { major, minor, .. } = s.frame {
                    assert!(adv.ends_with(&format!("{major:04x}{minor:04x}c5")), "{adv}");
                    assert_eq!(adv.len(), 60);
                }
                &["at", "kind", "sensor", "addr", "rssi", "adv"]
            }
            ("receipt", Observation::Receipt(r)) => {
                assert!(tills.contains(v["till"].as_str().unwrap()));
                assert_eq!(v["type"].as_str(), Some(r.kind.as_str()));
                assert_eq!(v["amount_minor"].as_i64(), r.amount_minor);
                &[
                    "at",
                    "kind",
                    "till",
                    "store",
                    "number",
                    "type",
                    "amount_minor",
                    "currency",
                    "member",
                    "refers_to",
                ]
            }
            other => panic!("{other:?}"),
        };
        if let Observation::Sighting(s) = o {
            assert!(sensors.contains(v["sensor"].as_str().unwrap()));
            assert_eq!(MacAddr::parse(v["addr"].as_str().unwrap()), Some(s.addr));
            assert!(!s.addr.is_group(), "group addresses do not transmit");
            assert_eq!(v["rssi"].as_i64(), s.rssi.map(i64::from));
        }
        let unknown: Vec<_> =
            v.as_object().unwrap().keys().filter(|k| !known.contains(&k.as_str())).collect();
        assert!(unknown.is_empty(), "{unknown:?} in {line}");
    }
    assert_eq!(kinds.keys().collect::<Vec<_>>(), ["ble", "receipt", "wifi"]);
}

#[test]
fn what_the_log_has_no_form_for_is_no_line() {
    let plan = built_in_plan();
    let at = Timestamp::parse_rfc3339("2026-11-21T01:30:00.000123Z").unwrap();
    let health = SensorHealth { at, sensor: SensorIx(0), up: false };
    assert_eq!(to_log_line(&Observation::SensorHealth(health), &plan), None);
    let heard = Sighting {
        at,
        sensor: SensorIx(0),
        addr: MacAddr([2, 0, 0, 0, 0, 1]),
        rssi: None,
        channel: None,
        seq: None,
        fingerprint: None,
        frame: Frame::Data,
    };
    assert_eq!(
        to_log_line(&Observation::Sighting(heard), &plan).unwrap(),
        r#"{"at":"2026-11-21T01:30:00.000123Z","kind":"wifi","sensor":"F1-S01","addr":"02:00:00:00:00:01","frame":"data"}"#
    );
    let stranger = Sighting { sensor: SensorIx(999), ..heard };
    assert_eq!(to_log_line(&Observation::Sighting(stranger), &plan), None);
}
