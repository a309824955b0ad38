//! The commissioning walk of a generated mall: somebody carries a phone through all zones, lap by lap, and writes down
//! where they are.

use super::journey::{Leg, Walker};
use super::plan::Plan;
use super::rng::Rng;
use super::{moment, radio};
use serde::Serialize;
use visit_core::time::Timestamp;

/// One sensor heard one scan of the walk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WalkReading {
    /// When; the readings of one scan have the same time.
    pub at: Timestamp,
    /// Index of the sensor in the [`Plan`].
    pub sensor: usize,
    /// RSSI, dBm.
    pub rssi: i8,
    /// Index of the zone the phone was in.
    pub zone: usize,
}

/// How the walk is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WalkOptions {
    /// Another seed, another walk.
    pub seed: u64,
    /// Its first moment.
    pub start: Timestamp,
    /// How many times through all zones; at most 20.
    pub laps: u32,
    /// How long in each zone, seconds; at most 600. Ways between zones come on top.
    pub seconds: f64,
}

impl Default for WalkOptions {
    /// Before the doors open on the day before [`super::DayOptions`]'s: twice, two minutes in each zone.
    fn default() -> Self {
        let start = Timestamp::from_micros(1_795_129_200_000_000);
        Self { seed: 1, start, laps: 2, seconds: 120.0 }
    }
}

/// A phone that was told to scan does so about this often, ms.
const SCAN_EVERY_MS: i64 = 2_000;

/// The readings of a walk through all zones of a map, in time order. Zones that cannot be walked to are left out.
pub fn commissioning_walk(plan: &Plan, options: WalkOptions) -> Vec<WalkReading> {
    let rng = Rng::new(options.seed ^ 0x7761_6c6b);
    let mut readings = Vec::new();
    let mut now = 0;
    for lap in 0..options.laps.min(20) {
        if plan.zones.is_empty() {
            break;
        }
        let mut walker = Walker::new(plan, rng.fork(u64::from(lap)), now, 0);
        for zone in 0..plan.zones.len() {
            if !walker.walk_to(zone) {
                continue;
            }
            let seconds = options.seconds.clamp(0.0, 600.0) * 1000.0;
            let until = walker.now + seconds as i64;
            while walker.now < until {
                walker.stroll(6.0);
                walker.stay(4.0);
            }
        }
        now = walker.now;
        for (i, leg) in walker.finish().legs.iter().enumerate() {
            scan_on(
                plan,
                &options,
                lap,
                (i, leg),
                &mut rng.fork(1000 + u64::from(lap)).fork(i as u64),
                &mut readings,
            );
        }
    }
    readings
}

fn scan_on(
    plan: &Plan,
    options: &WalkOptions,
    lap: u32,
    (i, leg): (usize, &Leg),
    rng: &mut Rng,
    readings: &mut Vec<WalkReading>,
) {
    let first = leg.begins.div_euclid(SCAN_EVERY_MS) + 1;
    for at in (first..).map(|n| n * SCAN_EVERY_MS).take_while(|at| *at < leg.ends) {
        for (s, sensor) in plan.sensors.iter().enumerate() {
            // As many people as laps: nobody holds a phone the same way twice.
            let place = radio::place(u32::MAX - lap, i, s);
            let heard =
                radio::receive(sensor, radio::level_of(plan, sensor), leg.spot_at(at), 0.0, place, rng);
            readings.extend(heard.map(|rssi| WalkReading {
                at: moment(options.start, at),
                sensor: s,
                rssi,
                zone: leg.zone,
            }));
        }
    }
}

/// One line of a labelled walk, as `edge-agent survey` reads it; without line end.
pub fn walk_line(reading: &WalkReading, plan: &Plan) -> Option<String> {
    #[derive(Serialize)]
    struct Row<'a> {
        at: String,
        sensor: &'a str,
        rssi: i8,
        floor: &'a str,
        zone: &'a str,
    }
    let zone = plan.zones.get(reading.zone)?;
    let row = Row {
        at: reading.at.to_string(),
        sensor: &plan.sensors.get(reading.sensor)?.id,
        rssi: reading.rssi,
        floor: &zone.floor,
        zone: &zone.id,
    };
    serde_json::to_string(&row).ok()
}
