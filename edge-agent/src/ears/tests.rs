use super::{Ear, Ears, Hearing};
use crate::config::parse_site;
use crate::demo::site::TOML;
use gateway::observation::{Frame, MacAddr, Observation, Sighting};
use visit_core::site::{SensorIx, Site};
use visit_core::time::Timestamp;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn ears() -> (Ears, Hearing, Site) {
    let site = parse_site("site.toml", TOML).unwrap().value;
    let (ears, hearing) = Ears::new(&site);
    (ears, hearing, site)
}

fn sighting(sensor: SensorIx) -> Sighting {
    Sighting {
        at: NOW,
        sensor,
        addr: MacAddr([2, 0, 0, 0, 0, 1]),
        rssi: Some(-60),
        channel: None,
        seq: None,
        fingerprint: None,
        frame: Frame::ProbeRequest,
    }
}

/// What the engine is told of sensors, without what it heard.
fn told(hearing: &mut Hearing) -> Vec<(u16, bool)> {
    let mut took = Vec::new();
    hearing.take(NOW, &mut took);
    took.iter()
        .filter_map(|o| match o {
            Observation::SensorHealth(h) => Some((h.sensor.0, h.up)),
            _ => None,
        })
        .collect()
}

#[test]
fn sensors_are_down_until_an_ear_of_theirs_is_up_and_each_change_is_told_once() {
    let (ears, mut hearing, site) = ears();
    let two = ["node a", "ble"].map(|name| ears.ear(name, "node", &site, SensorIx(1)));
    let all_down: Vec<_> = (0..site.sensors.len() as u16).map(|i| (i, false)).collect();
    assert_eq!(told(&mut hearing), all_down);
    assert_eq!(told(&mut hearing), []);
    two.iter().for_each(Ear::up);
    assert_eq!(told(&mut hearing), [(1, true)]);
    two[0].down("it was pulled out");
    assert_eq!(told(&mut hearing), [], "the other still hears");
    two[1].down("no adapter");
    assert_eq!(told(&mut hearing), [(1, false)]);
    let states = hearing.states();
    assert_eq!(states["node a"].problem.as_deref(), Some("it was pulled out"));
    assert_eq!(states["node a"].sensor, site.sensors[1].id);
}

#[test]
fn a_full_queue_drops_the_newest_and_counts_it_and_never_what_an_ear_says_of_itself() {
    let (ears, mut hearing, site) = ears();
    let ear = ears.ear("wifi", "wifi", &site, SensorIx(0));
    for _ in 0..super::path::WAITING + 3 {
        ear.heard(sighting(ear.sensor()));
    }
    ear.up();
    let state = hearing.states()["wifi"].clone();
    assert_eq!((state.heard, state.dropped), (super::path::WAITING as u64, 3));
    let mut took = Vec::new();
    while !hearing.take(NOW, &mut took) {}
    let sightings = took.iter().filter(|o| matches!(o, Observation::Sighting(_))).count();
    assert_eq!(sightings, super::path::WAITING);
    let up = |o: &Observation| matches!(o, Observation::SensorHealth(h) if h.up && h.sensor == SensorIx(0));
    assert!(took.iter().any(up));
}

#[tokio::test]
async fn the_pipeline_wakes_for_a_sighting_and_for_a_change() {
    let (ears, mut hearing, site) = ears();
    let ear = ears.ear("node a", "node", &site, SensorIx(0));
    told(&mut hearing);
    ear.up();
    hearing.wait().await;
    assert_eq!(told(&mut hearing), [(0, true)]);
    ear.heard(sighting(ear.sensor()));
    hearing.wait().await;
    let mut took = Vec::new();
    assert!(hearing.take(NOW, &mut took));
    assert_eq!(took, [Observation::Sighting(sighting(ear.sensor()))]);
}
