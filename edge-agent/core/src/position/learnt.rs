//! What the running system learns of the zones: places from which emissions come, and who hears them there.
//!
//! A commissioning walk is an hour long and a day old. The visitors of a day come through each zone a thousand times, and
//! hindsight says where most of their emissions came from: those are lessons. A lesson is counted for the place of its
//! zone it is most alike, or begins a new one. Old lessons fade, so what is learnt follows a mall that is refitted.
//!
//! Bounded: so many places a zone, so many sensors a place, and never more than [`TRUST`] of a zone's likelihood; the rest
//! is the survey's or the map's. Reversible: it is kept apart from both, and can be forgotten.

use super::places::{Count, Counts, Places};
use crate::math::{exp, ln};
use crate::site::{SensorIx, ZoneIx};
use serde::{Deserialize, Serialize};

/// Share of a zone's likelihood that is learnt once there were many lessons …
const TRUST: f32 = 0.8;
/// … half of it after so many.
const LESSONS: f32 = 30.0;
/// A place counts like one of this many lessons at most: older ones fade.
const LASTING: f32 = 200.0;
/// A lesson further than this from all places of its zone begins a new one, dB² summed over sensors.
const NEW_PLACE: f32 = 150.0;
/// Nothing is heard below this, dBm: what a sensor that did not hear is taken for when places are compared.
const INAUDIBLE: f32 = -95.0;
/// Sensors kept for a place: those that hear it most.
const SENSORS: usize = 16;

/// Places learnt, by zone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Learnt {
    zones: Vec<Vec<Counts>>,
    /// Lessons so far.
    pub lessons: u64,
}

impl Learnt {
    /// How much of a zone's likelihood is learnt.
    fn trust(&self, zone: usize) -> f32 {
        let n: f32 = self.zones.get(zone).map_or(0.0, |places| places.iter().map(|p| p.weight).sum());
        TRUST * n / (n + LESSONS)
    }
}

/// What is learnt, ready for use.
#[derive(Clone, Debug)]
pub(super) struct LearntModel {
    places: Places,
    /// For each zone: which tables are whose.
    numbers: Vec<Vec<u32>>,
    /// Log of the trust in what is learnt of each zone, and of what is left to the other model.
    trust: Vec<(f32, f32)>,
    most: usize,
    own: Vec<f32>,
}

impl LearntModel {
    /// Nothing yet, at most so many places a zone.
    pub(super) fn new(zones: usize, sensors: usize, most: usize) -> Self {
        Self {
            places: Places::new(zones, sensors),
            numbers: vec![Vec::new(); zones],
            trust: vec![(f32::NEG_INFINITY, 0.0); zones],
            most,
            own: vec![0.0; zones],
        }
    }

    /// What `learnt` says; everything that is new to it.
    pub(super) fn adopt(&mut self, learnt: &Learnt, up: &[bool]) {
        for (z, places) in learnt.zones.iter().enumerate().take(self.numbers.len()) {
            for counts in places {
                let number = self.places.add(ZoneIx(z as u16));
                self.numbers[z].push(number);
                self.places.set(number, counts, 1.0, up);
            }
            self.weigh(learnt, z);
        }
    }

    pub(super) fn sum_silence(&mut self, up: &[bool]) {
        self.places.sum_silence(up);
    }

    /// An emission from `zone` was heard so.
    pub(super) fn teach(
        &mut self,
        learnt: &mut Learnt,
        zone: ZoneIx,
        heard: &[(usize, Option<f32>)],
        up: &[bool],
    ) {
        let z = usize::from(zone.0);
        let Some(numbers) = self.numbers.get_mut(z) else { return };
        learnt.zones.resize(self.trust.len(), Vec::new());
        learnt.lessons += 1;
        let places = &mut learnt.zones[z];
        let alike = |a: &(usize, f32), b: &(usize, f32)| a.1.total_cmp(&b.1);
        let nearest = places.iter().map(|p| p.apart(heard)).enumerate().min_by(alike);
        let i = match nearest {
            Some((i, apart)) if apart < NEW_PLACE || places.len() >= self.most => i,
            _ => {
                places.push(Counts::default());
                numbers.push(self.places.add(zone));
                places.len() - 1
            }
        };
        places[i].count(heard);
        self.places.set(numbers[i], &places[i], 1.0, up);
        self.weigh(learnt, z);
    }

    /// The log-likelihood of an emission, mixed into that of another model.
    pub(super) fn mix(&mut self, heard: &[(usize, Option<f32>)], out: &mut [f32]) {
        if self.numbers.iter().all(Vec::is_empty) {
            return;
        }
        self.places.log_likelihood(heard, &mut self.own);
        for ((l, own), (trust, rest)) in out.iter_mut().zip(&self.own).zip(&self.trust) {
            let (a, b) = (own + trust, *l + rest);
            let (more, less) = if a > b { (a, b) } else { (b, a) };
            // What is far less adds nothing.
            *l = if more - less < 8.0 { more + ln(1.0 + exp(less - more)) } else { more };
        }
    }

    fn weigh(&mut self, learnt: &Learnt, zone: usize) {
        let weights = learnt.zones[zone].iter().map(|p| p.weight);
        self.places.share(ZoneIx(zone as u16), weights);
        let trust = learnt.trust(zone);
        self.trust[zone] = (ln(trust), ln(1.0 - trust));
    }
}

impl Counts {
    /// How much a lesson differs, dB² summed over sensors.
    fn apart(&self, heard: &[(usize, Option<f32>)]) -> f32 {
        let square = |x: f32| x * x;
        let level = |c: &Count| (c.sum - INAUDIBLE * c.weight) / self.weight;
        let known: f32 = self
            .heard
            .iter()
            .map(|c| {
                let now = heard.iter().find(|(s, _)| *s == usize::from(c.sensor.0)).and_then(|(_, r)| *r);
                square(level(c) - now.map_or(0.0, |r| r - INAUDIBLE))
            })
            .sum();
        let is_new = |s: usize| !self.heard.iter().any(|c| usize::from(c.sensor.0) == s);
        let new = heard.iter().filter(|(s, _)| is_new(*s)).filter_map(|(_, r)| *r);
        known + new.map(|r| square(r - INAUDIBLE)).sum::<f32>()
    }

    fn count(&mut self, heard: &[(usize, Option<f32>)]) {
        if self.weight >= LASTING {
            let fade = (LASTING - 1.0) / LASTING;
            self.weight *= fade;
            for c in &mut self.heard {
                c.weight *= fade;
                c.sum *= fade;
            }
        }
        self.weight += 1.0;
        for (sensor, rssi) in heard {
            let Some(rssi) = rssi else { continue };
            let sensor = SensorIx(*sensor as u16);
            match self.heard.iter_mut().find(|c| c.sensor == sensor) {
                Some(c) => {
                    c.weight += 1.0;
                    c.sum += rssi;
                }
                None => self.heard.push(Count { sensor, weight: 1.0, sum: *rssi }),
            }
        }
        if self.heard.len() > SENSORS {
            self.heard.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.sensor.cmp(&b.sensor)));
            self.heard.truncate(SENSORS);
        }
    }
}
