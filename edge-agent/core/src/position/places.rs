//! Zones as mixtures of places, and a place as how often and how strongly each sensor hears what is sent from there.
//!
//! What a walk or the running system counted of a place ([`Counts`]) becomes tables: for each sensor the places it hears
//! ([`Hears`]). A sensor that never heard a place is not in its row; it is as unlikely to hear it as the counts are many,
//! and if it does, then faintly. So the cost of an emission grows with the places its sensors hear, not with the map.

use crate::math::{exp, ln};
use crate::site::{SensorIx, ZoneIx};
use serde::{Deserialize, Serialize};

/// Spread of RSSI around a place's mean: bodies, phones, where exactly in the place, dB …
const SPREAD: f32 = 5.0;
/// … and what is added to it where few readings made the mean, dB.
const SPREAD_OF_ONE: f32 = 2.0;
/// A sensor that never heard a place hears it this faintly, dBm, give or take.
const FAINT: f32 = -90.0;
const SPREAD_OF_FAINT: f32 = 5.0;
/// Readings a sensor is thought to have made before all others: heard, of all.
const HEARD_BEFORE: (f32, f32) = (0.003, 0.5);
/// Nothing is heard always.
const HEARD_AT_BEST: f32 = 0.97;
/// Share of readings that follow no model, and the log of their density: they are spread over 60 dB.
const OUTLIERS: f32 = 0.03;
const LOG_OUTLIER: f32 = -7.600_902_5;
/// A place this far below the likeliest of its zone adds nothing, nats.
const NOTHING: f32 = 8.0;
/// Of a zone this far below the likeliest only its likeliest place counts, nats.
const UNLIKELY: f32 = 20.0;
/// √(2π).
const ROOT_TAU: f32 = 2.506_628;

/// What was counted of a place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Counts {
    /// Weight of the emissions from there.
    pub(super) weight: f32,
    /// Who heard them.
    pub(super) heard: Vec<Count>,
}

/// What one sensor heard of a place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Count {
    pub(super) sensor: SensorIx,
    /// Weight of the emissions it heard.
    pub(super) weight: f32,
    /// Sum of their weight × RSSI, dBm.
    pub(super) sum: f32,
}

/// How a sensor hears a place.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Hears {
    place: u32,
    mean: f32,
    /// 1 / (spread · √2).
    scale: f32,
    /// Log of (heard, and an RSSI at its mean) over (not heard).
    at_mean: f32,
    /// Log of (heard, and any RSSI) over (not heard).
    outlier: f32,
    log_unheard: f32,
}

/// Places, ready for use.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Places {
    /// Places of each zone.
    zones: Vec<Vec<u32>>,
    /// Log of each place's share of its zone.
    log_share: Vec<f32>,
    /// Log-odds that a sensor hears a place it never heard, and log-probability that it does not.
    never: Vec<(f32, f32)>,
    /// By sensor, in the order of places.
    rows: Vec<Vec<Hears>>,
    /// Log-probability that no sensor that is up hears it.
    silent: Vec<f32>,
    sums: Vec<f32>,
}

impl Places {
    /// None yet.
    pub(super) fn new(zones: usize, sensors: usize) -> Self {
        Self {
            zones: vec![Vec::new(); zones],
            log_share: Vec::new(),
            never: Vec::new(),
            rows: vec![Vec::new(); sensors],
            silent: Vec::new(),
            sums: Vec::new(),
        }
    }

    /// For a map of so many zones and sensors.
    pub(super) fn fits(&self, zones: usize, sensors: usize) -> bool {
        self.zones.len() == zones && self.rows.len() == sensors
    }

    /// One more place of a zone; its share is still to be set.
    pub(super) fn add(&mut self, zone: ZoneIx) -> u32 {
        let place = self.never.len() as u32;
        self.zones[usize::from(zone.0)].push(place);
        self.log_share.push(0.0);
        self.never.push((0.0, 0.0));
        self.silent.push(0.0);
        self.sums.push(0.0);
        place
    }

    /// Sets the shares of all places of a zone, in the order they were added, from their weights.
    pub(super) fn share(&mut self, zone: ZoneIx, weights: impl Iterator<Item = f32> + Clone) {
        let all: f32 = weights.clone().sum();
        for (place, weight) in self.zones[usize::from(zone.0)].iter().zip(weights) {
            self.log_share[*place as usize] = ln(weight / all);
        }
    }

    /// Sets how a place is heard. `best` is the share of frames that any sensor hears at best.
    pub(super) fn set(&mut self, place: u32, counts: &Counts, best: f32, up: &[bool]) {
        let chance = |heard: f32| {
            let p = (heard + HEARD_BEFORE.0) / (counts.weight + HEARD_BEFORE.1);
            p.clamp(1e-5, HEARD_AT_BEST) * best
        };
        let never = chance(0.0);
        self.never[place as usize] = (ln(never / (1.0 - never)), ln(1.0 - never));
        for (sensor, row) in self.rows.iter_mut().enumerate() {
            let count = counts.heard.iter().find(|c| usize::from(c.sensor.0) == sensor);
            let at = row.binary_search_by_key(&place, |h| h.place);
            match (count.map(|c| Hears::new(place, c, chance(c.weight))), at) {
                (Some(hears), Ok(at)) => row[at] = hears,
                (Some(hears), Err(at)) => row.insert(at, hears),
                (None, Ok(at)) => drop(row.remove(at)),
                (None, Err(_)) => {}
            }
        }
        self.hush(place as usize, up);
    }

    /// Counts the silence of the sensors that are up.
    pub(super) fn sum_silence(&mut self, up: &[bool]) {
        let all = up.iter().filter(|up| **up).count() as f32;
        for (silent, (_, never)) in self.silent.iter_mut().zip(&self.never) {
            *silent = never * all;
        }
        for (row, _) in self.rows.iter().zip(up).filter(|(_, up)| **up) {
            for h in row {
                let place = h.place as usize;
                self.silent[place] += h.log_unheard - self.never[place].1;
            }
        }
    }

    /// The same for one place.
    fn hush(&mut self, place: usize, up: &[bool]) {
        let never = self.never[place].1;
        let mut silent = never * up.iter().filter(|up| **up).count() as f32;
        for (row, _) in self.rows.iter().zip(up).filter(|(_, up)| **up) {
            if let Ok(at) = row.binary_search_by_key(&(place as u32), |h| h.place) {
                silent += row[at].log_unheard - never;
            }
        }
        self.silent[place] = silent;
    }

    /// Writes the log-likelihood of an emission from each zone, nats; negative infinity for a zone without places.
    pub(super) fn log_likelihood(&mut self, heard: &[(usize, Option<f32>)], out: &mut [f32]) {
        let ears = heard.len() as f32;
        let faint: f32 = heard.iter().map(|(_, rssi)| rssi.map_or(0.0, faintly)).sum();
        let unheard = self.log_share.iter().zip(&self.silent).zip(&self.never);
        for (sum, ((share, silent), (odds, _))) in self.sums.iter_mut().zip(unheard) {
            *sum = share + silent + odds * ears + faint;
        }
        for (sensor, rssi) in heard {
            let Some(row) = self.rows.get(*sensor) else { continue };
            let unexpected = rssi.map_or(0.0, faintly);
            for h in row {
                let place = h.place as usize;
                self.sums[place] += h.of(*rssi) - self.never[place].0 - unexpected;
            }
        }
        for (l, places) in out.iter_mut().zip(&self.zones) {
            *l = places.iter().map(|p| self.sums[*p as usize]).fold(f32::NEG_INFINITY, f32::max);
        }
        let likely = out.iter().copied().fold(f32::NEG_INFINITY, f32::max) - UNLIKELY;
        for (l, places) in out.iter_mut().zip(&self.zones).filter(|(l, _)| **l > likely) {
            let near = places.iter().map(|p| self.sums[*p as usize] - *l).filter(|d| *d > -NOTHING);
            *l += ln(near.map(exp).sum());
        }
    }

    /// The log-likelihood of the last emission from one zone, had one more sensor been down. `heard`: whether it heard the
    /// emission, and how strongly.
    pub(super) fn without(&self, zone: ZoneIx, sensor: usize, heard: Option<Option<f32>>) -> f32 {
        let row = self.rows.get(sensor).map_or(&[][..], Vec::as_slice);
        mixed(self.zones[usize::from(zone.0)].iter().map(|place| {
            let (odds, log_unheard) = self.never[*place as usize];
            let at = row.binary_search_by_key(place, |h| h.place).map(|at| &row[at]);
            let said = match (at, heard) {
                (Ok(h), Some(rssi)) => h.of(rssi) + h.log_unheard,
                (Ok(h), None) => h.log_unheard,
                (Err(_), Some(rssi)) => odds + log_unheard + rssi.map_or(0.0, faintly),
                (Err(_), None) => log_unheard,
            };
            self.sums[*place as usize] - said
        }))
    }

    /// Which sensors hear each zone, in order.
    pub(super) fn heard_by(&self) -> Vec<Vec<usize>> {
        let mut zone_of = vec![0; self.never.len()];
        for (z, places) in self.zones.iter().enumerate() {
            places.iter().for_each(|p| zone_of[*p as usize] = z);
        }
        let mut by = vec![Vec::new(); self.zones.len()];
        for (sensor, row) in self.rows.iter().enumerate() {
            for zone in row.iter().map(|h| zone_of[h.place as usize]) {
                let list: &mut Vec<usize> = &mut by[zone];
                if list.last() != Some(&sensor) {
                    list.push(sensor);
                }
            }
        }
        by
    }
}

impl Hears {
    fn new(place: u32, count: &Count, p: f32) -> Self {
        let few = SPREAD_OF_ONE * SPREAD_OF_ONE / count.weight.max(0.2);
        let spread = (SPREAD * SPREAD + few).sqrt();
        let odds = ln(p / (1.0 - p));
        Self {
            place,
            mean: count.sum / count.weight.max(f32::MIN_POSITIVE),
            scale: core::f32::consts::FRAC_1_SQRT_2 / spread,
            at_mean: odds + ln((1.0 - OUTLIERS) / (spread * ROOT_TAU)),
            outlier: odds + LOG_OUTLIER,
            log_unheard: ln(1.0 - p),
        }
    }

    fn of(&self, rssi: Option<f32>) -> f32 {
        // Without an RSSI only the fact of having been heard counts.
        let Some(rssi) = rssi else { return self.outlier - LOG_OUTLIER };
        let z = (rssi - self.mean) * self.scale;
        (self.at_mean - z * z).max(self.outlier)
    }
}

/// The log-likelihood of a zone from those of its places.
fn mixed(places: impl Iterator<Item = f32> + Clone) -> f32 {
    let best = places.clone().fold(f32::NEG_INFINITY, f32::max);
    let near = places.map(|s| s - best).filter(|d| *d > -NOTHING);
    if best > f32::NEG_INFINITY { best + ln(near.map(exp).sum()) } else { best }
}

/// Log-density of an RSSI where the sensor was not heard before.
fn faintly(rssi: f32) -> f32 {
    let z = (rssi - FAINT) / (SPREAD_OF_FAINT * core::f32::consts::SQRT_2);
    (ln((1.0 - OUTLIERS) / (SPREAD_OF_FAINT * ROOT_TAU)) - z * z).max(LOG_OUTLIER)
}
