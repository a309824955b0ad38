//! What a pseudonym costs: `cargo bench -p edge-agent --bench privacy`.

use edge_agent::config::parse_site;
use edge_agent::privacy::Privacy;
use gateway::observation::{Frame, MacAddr, Observation, Sighting};
use visit_core::site::SensorIx;
use visit_core::time::Timestamp;

const SITE: &str = "site = { id = \"m\", timezone = \"Asia/Shanghai\" }\nfloor = [{ id = \"F\", level = 0 }]\n\
    zone = [{ id = \"z\", floor = \"F\", kind = \"entrance\", position = [0, 0] }]\n\
    sensor = [{ id = \"s\", zone = \"z\" }]";

fn main() {
    divan::main();
}

/// A thousand sightings within one business day, of as many phones, on the way to the engine.
#[divan::bench]
fn a_thousand_sightings(bencher: divan::Bencher<'_, '_>) {
    let site = parse_site("site.toml", SITE).expect("a constant that loads").value;
    let mut privacy = Privacy::for_replay(&site).expect("a time zone of the bundled database");
    let sightings: Vec<Observation> = (0..1000u32)
        .map(|i| {
            let [a, b, c, d] = i.wrapping_mul(2_654_435_761).to_be_bytes();
            Observation::Sighting(Sighting {
                at: Timestamp::from_micros(1_763_688_600_000_000 + i64::from(i) * 1000),
                sensor: SensorIx(0),
                addr: MacAddr([2, 0, a, b, c, d]),
                rssi: Some(-70),
                channel: Some(6),
                seq: Some(1),
                fingerprint: Some(7),
                frame: Frame::ProbeRequest,
            })
        })
        .collect();
    bencher.counter(divan::counter::ItemsCount::new(1000u32)).bench_local(|| {
        for sighting in &sightings {
            let _ = divan::black_box(privacy.observe(sighting.clone()));
        }
    });
}
