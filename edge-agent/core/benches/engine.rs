//! What a sighting costs, with how many devices present, and what a snapshot costs.
//!
//! A mall of 40 zones (or 300) with a sensor in each on a 30 m grid over five floors. Each device speaks once a
//! minute and is heard by the two sensors nearest to it; now and then it walks to the next zone. Time advances with every sighting,
//! as in the daemon. `sighting` is the cost of one sighting in a run of 20,000; the phones are in the table before.

use bincode::Options;
use divan::{Bencher, counter::ItemsCount};
use std::sync::Arc;
use visit_core::engine::{Engine, EngineConfig};
use visit_core::observation::{Heard, Observation, Pseudonym, Sighting};
use visit_core::site::{FloorDraft, SensorDraft, SensorIx, Site, SiteDraft, ZoneDraft};
use visit_core::time::{Span, Timestamp};

fn main() {
    println!("{} bytes of state a device, index and timer included", Engine::bytes_per_device());
    for present in [1_000, 10_000, 30_000] {
        println!("{present} devices: snapshot of {} bytes", encode(&Mall::with(40, present).engine).len());
    }
    divan::main();
}

const SIGHTINGS: usize = 20_000;

#[divan::bench(args = [1_000, 10_000, 100_000], sample_count = 10, sample_size = 1)]
fn sighting_40_zones(bencher: Bencher, present: u32) {
    sightings(bencher, 40, present);
}

#[divan::bench(args = [1_000, 10_000, 100_000], sample_count = 5, sample_size = 1)]
fn sighting_300_zones(bencher: Bencher, present: u32) {
    sightings(bencher, 300, present);
}

#[divan::bench(args = [1_000, 10_000, 30_000], sample_count = 10, sample_size = 1)]
fn snapshot(bencher: Bencher, present: u32) {
    let mall = Mall::with(40, present);
    bencher.bench_local(|| encode(&mall.engine));
}

fn sightings(bencher: Bencher, zones: usize, present: u32) {
    let mut mall = Mall::with(zones, present);
    bencher.counter(ItemsCount::new(SIGHTINGS)).bench_local(|| mall.hear(SIGHTINGS));
}

/// A mall in the middle of a busy day.
struct Mall {
    engine: Engine,
    zones: usize,
    present: u32,
    now: Timestamp,
    /// Emissions so far.
    spoken: u64,
}

impl Mall {
    fn with(zones: usize, present: u32) -> Self {
        let config = EngineConfig { max_devices: 131_072, ..EngineConfig::default() };
        let engine = Engine::new(site(zones), config);
        let now = Timestamp::from_micros(1_763_690_400_000_000);
        let mut mall = Self { engine, zones, present, now, spoken: 0 };
        // Three minutes, so that everybody is known and most have arrived.
        mall.hear(present as usize * 2 * 3);
        assert!(mall.engine.devices() == present as usize, "{} devices", mall.engine.devices());
        mall
    }

    fn hear(&mut self, sightings: usize) {
        let step = Span::from_micros(60_000_000 / i64::from(self.present));
        for _ in 0..sightings / 2 {
            let device = (self.spoken % u64::from(self.present)) as u32;
            let minute = self.spoken / u64::from(self.present);
            let zone = (device as usize + minute as usize / 5) % self.zones;
            self.spoken += 1;
            self.now = self.now + step;
            for (sensor, rssi) in [(zone, -60), ((zone + 1) % self.zones, -78)] {
                self.engine.observe(Observation::Sighting(Sighting {
                    at: self.now,
                    sensor: SensorIx(sensor as u16),
                    device: Pseudonym(u128::from(device) << 96 | u128::from(device)),
                    rssi: Some(rssi - (device % 7) as i8),
                    seq: Some(minute as u16 % 4096),
                    // Of one family each would be taken for another address of the one before.
                    fingerprint: None,
                    randomised: true,
                    heard: Heard::Unassociated,
                }));
                self.engine.advance(self.now);
            }
            while let Some(output) = self.engine.poll() {
                divan::black_box(output);
            }
        }
    }
}

fn encode(engine: &Engine) -> Vec<u8> {
    let layout = bincode::DefaultOptions::new().with_fixint_encoding();
    layout.serialize(engine.state()).expect("plain data encodes")
}

fn site(zones: usize) -> Arc<Site> {
    let name = |i: usize| format!("Z{i:03}");
    let floor = |i: usize| format!("F{}", i * 5 / zones);
    let draft = SiteDraft {
        id: "bench".into(),
        timezone: "Asia/Shanghai".into(),
        floors: (0..5).map(|l| FloorDraft { id: format!("F{l}"), level: l, name: None }).collect(),
        zones: (0..zones)
            .map(|i| ZoneDraft {
                id: name(i),
                floor: floor(i),
                kind: if i < 2 { "entrance".into() } else { "shop".into() },
                position: [(i % 8) as f64 * 30.0, (i / 8 % 8) as f64 * 30.0],
                neighbours: if i > 0 { vec![name(i - 1)] } else { Vec::new() },
                ..ZoneDraft::default()
            })
            .collect(),
        sensors: (0..zones)
            .map(|i| SensorDraft { id: format!("S{i:03}"), zone: name(i), ..SensorDraft::default() })
            .collect(),
        ..SiteDraft::default()
    };
    Arc::new(Site::build(draft).expect("the map is sound").0)
}
