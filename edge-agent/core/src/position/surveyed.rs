//! The model of a commissioning walk: each zone is a mixture of the places the walk came through.

use super::calibration::{Calibration, Reference, Unfit};
use super::places::{Count, Counts, Places};
use crate::site::{Site, ZoneIx};

/// Frames are missed more often by the many channels and radios of a busy day than in the walk.
const DAY: f32 = 0.9;
/// How much the evidence counts for who stays and for who walks.
pub(super) const TEMPER: (f32, f32) = (0.7, 0.5);
/// A zone the survey did not visit is this likely, against the average of the others, nats.
const UNVISITED: f32 = -3.0;

/// A zone is right at least this often, however bad its walk was: what is learnt later makes it better.
const LEAST_RIGHT: f32 = 0.2;

/// A calibration, ready for use with one site map.
#[derive(Clone, Debug, PartialEq)]
pub struct SurveyModel {
    places: Places,
    /// Mean RSSI per sensor (row) and zone; `None` where it is seldom heard.
    expected: Vec<Option<f32>>,
    zones: usize,
    /// For each zone those it is confused with, and how much likelier or less likely that is than that it is not.
    pub(super) taken_for: Vec<Vec<(ZoneIx, f32)>>,
}

impl SurveyModel {
    /// For this map; what of the calibration does not fit it is said.
    pub fn new(site: &Site, calibration: &Calibration) -> Result<Self, Unfit> {
        calibration.check(site)?;
        let (zones, sensors) = (site.zones.len(), site.sensors.len());
        let mut by_zone: Vec<Vec<&Reference>> = vec![Vec::new(); zones];
        for r in &calibration.references {
            if let Some(z) = site.zone_named(&r.zone) {
                by_zone[usize::from(z.0)].push(r);
            }
        }
        let up = vec![true; sensors];
        let mut places = Places::new(zones, sensors);
        let mut expected = vec![None; sensors * zones];
        for (z, list) in by_zone.iter().enumerate() {
            let zone = ZoneIx(z as u16);
            let mut levels = vec![(0.0f32, 0.0f32); sensors];
            for r in list {
                let counts = counts(site, r);
                for c in &counts.heard {
                    let share = r.scans / r.weight;
                    let level = &mut levels[usize::from(c.sensor.0)];
                    level.0 += c.weight * share;
                    level.1 += c.sum * share;
                }
                let place = places.add(zone);
                places.set(place, &counts, DAY, &up);
            }
            places.share(zone, list.iter().map(|r| r.scans));
            let scans: f32 = list.iter().map(|r| r.scans).sum();
            for (s, (heard, sum)) in levels.into_iter().enumerate() {
                // Where it is seldom heard, only the strong readings are: a mean that misleads.
                if heard > 0.5 * scans {
                    expected[s * zones + z] = Some(sum / heard);
                }
            }
        }
        let mut taken_for = vec![Vec::new(); zones];
        for c in &calibration.confusions {
            if let (Some(is), Some(other)) = (site.zone_named(&c.zone), site.zone_named(&c.taken_for)) {
                let right = calibration.confusions.iter().filter(|o| o.zone == c.zone).map(|o| o.share);
                let right = (1.0 - right.sum::<f32>()).max(LEAST_RIGHT);
                taken_for[usize::from(is.0)].push((other, c.share / right));
            }
        }
        Ok(Self { places, expected, zones, taken_for })
    }

    /// For a map of so many zones and sensors.
    pub(super) fn fits(&self, zones: usize, sensors: usize) -> bool {
        self.places.fits(zones, sensors)
    }

    pub(super) fn sum_silence(&mut self, up: &[bool]) {
        self.places.sum_silence(up);
    }

    pub(super) fn log_likelihood(&mut self, heard: &[(usize, Option<f32>)], out: &mut [f32]) {
        self.places.log_likelihood(heard, out);
        let visited = out.iter().filter(|l| **l > f32::NEG_INFINITY);
        let (known, total) = visited.fold((0.0, 0.0), |(n, sum), l| (n + 1.0, sum + l));
        if known < out.len() as f32 && known > 0.0 {
            let unvisited = total / known + UNVISITED;
            out.iter_mut().filter(|l| **l == f32::NEG_INFINITY).for_each(|l| *l = unvisited);
        }
    }

    /// The log-likelihood of the last emission from one zone, had one more sensor been down. `heard`: whether it heard the
    /// emission, and how strongly. Negative infinity for a zone the walk did not visit.
    pub(super) fn without(&self, zone: ZoneIx, sensor: usize, heard: Option<Option<f32>>) -> f32 {
        self.places.without(zone, sensor, heard)
    }

    /// Which sensors hear each zone, in order.
    pub(super) fn heard_by(&self) -> Vec<Vec<usize>> {
        self.places.heard_by()
    }

    /// Mean RSSI with which a sensor that hears most of what is sent in a zone hears it, dBm.
    pub(super) fn expected(&self, zone: ZoneIx, sensor: usize) -> Option<f32> {
        self.expected.get(sensor * self.zones + usize::from(zone.0)).copied().flatten()
    }
}

fn counts(site: &Site, r: &Reference) -> Counts {
    let heard = r.heard.iter().filter_map(|h| {
        let sensor = site.sensor_named(&h.sensor)?;
        Some(Count { sensor, weight: h.weight, sum: h.weight * h.rssi })
    });
    Counts { weight: r.weight, heard: heard.collect() }
}
