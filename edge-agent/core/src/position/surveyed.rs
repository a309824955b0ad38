//! The model of a commissioning walk: each zone is a mixture of its references, each a place where every sensor is
//! heard with a known probability and RSSI.

use super::calibration::{Calibration, Unfit};
use crate::site::{Site, ZoneIx};

/// Spread of RSSI around a reference's mean: bodies, phones, the place within the reference, dB …
const SPREAD: f32 = 5.0;
/// … and what is added to it where few readings made the mean, dB.
const SPREAD_OF_ONE: f32 = 2.0;
/// A sensor not heard in the survey would be this faint, dBm, give or take.
const FAINT: f32 = -90.0;
const SPREAD_OF_FAINT: f32 = 5.0;
/// Readings a sensor is thought to have made before the walk: heard, of all.
const HEARD_BEFORE: (f32, f32) = (0.003, 0.5);
/// Frames are missed more often by the many channels and radios of a busy day than in the walk.
const DAY: f32 = 0.9;
/// Share of readings that follow no model, spread over so many dB.
const OUTLIERS: (f32, f32) = (0.03, 60.0);
/// How much the evidence counts for who stays and for who walks.
pub(super) const TEMPER: (f32, f32) = (0.7, 0.5);
/// A zone the survey did not visit is this likely, against the average of the others, nats.
const UNVISITED: f32 = -3.0;

/// How a sensor hears a reference.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Hears {
    mean: f32,
    /// 1 / (spread · √2).
    scale: f32,
    /// Log of (heard, and an RSSI at its mean) over (not heard).
    at_mean: f32,
    /// Log of (heard, and any RSSI) over (not heard).
    outlier: f32,
}

/// A calibration, ready for use with one site map.
#[derive(Clone, Debug, PartialEq)]
pub struct SurveyModel {
    /// References of each zone: from, until.
    zones: Vec<(usize, usize)>,
    references: usize,
    /// Row sensor, column reference.
    hears: Vec<Hears>,
    log_unheard: Vec<f32>,
    /// Log of each reference's share of its zone.
    log_share: Vec<f32>,
    /// Log-probability that no sensor that is up hears it, share included.
    silent: Vec<f32>,
    /// Mean RSSI per sensor (row) and zone; `None` where it is seldom heard.
    expected: Vec<Option<f32>>,
    sums: Vec<f32>,
}

impl SurveyModel {
    /// For this map; what of the calibration does not fit it is said.
    pub fn new(site: &Site, calibration: &Calibration) -> Result<Self, Unfit> {
        calibration.check(site)?;
        let mut by_zone: Vec<Vec<&super::calibration::Reference>> = vec![Vec::new(); site.zones.len()];
        for r in &calibration.references {
            if let Some(z) = site.zone_named(&r.zone) {
                by_zone[usize::from(z.0)].push(r);
            }
        }
        let references = calibration.references.len();
        let sensors = site.sensors.len();
        let mut zones = Vec::with_capacity(by_zone.len());
        let mut log_share = Vec::with_capacity(references);
        let mut hears =
            vec![Hears { mean: 0.0, scale: 0.0, at_mean: 0.0, outlier: 0.0 }; sensors * references];
        let mut log_unheard = vec![0.0; sensors * references];
        let mut expected = vec![None; sensors * by_zone.len()];
        let mut n = 0;
        for (z, list) in by_zone.iter().enumerate() {
            let all: f32 = list.iter().map(|r| r.scans).sum();
            zones.push((n, n + list.len()));
            let mut levels = vec![(0.0f32, 0.0f32, 0.0f32); sensors];
            for r in list {
                log_share.push(libm::logf(r.scans / all));
                let mut readings = vec![(0.0f32, f32::NAN); sensors];
                for h in &r.heard {
                    if let Some(s) = site.sensor_named(&h.sensor) {
                        readings[usize::from(s.0)] = (h.weight, h.rssi);
                        let level = &mut levels[usize::from(s.0)];
                        level.0 += h.weight * r.scans / r.weight;
                        level.1 += h.weight * r.scans / r.weight * h.rssi;
                    }
                }
                for (s, (weight, rssi)) in readings.into_iter().enumerate() {
                    levels[s].2 += r.scans;
                    let p = (weight + HEARD_BEFORE.0) / (r.weight + HEARD_BEFORE.1);
                    let p = p.clamp(1e-5, 0.97) * DAY;
                    let (mean, spread) = if rssi.is_nan() {
                        (FAINT, SPREAD_OF_FAINT)
                    } else {
                        let few = SPREAD_OF_ONE * SPREAD_OF_ONE / weight.max(0.2);
                        (rssi, (SPREAD * SPREAD + few).sqrt())
                    };
                    let odds = libm::logf(p) - libm::logf(1.0 - p);
                    let i = s * references + n;
                    hears[i] = Hears {
                        mean,
                        scale: core::f32::consts::FRAC_1_SQRT_2 / spread,
                        at_mean: odds + libm::logf((1.0 - OUTLIERS.0) / (spread * 2.506_628)),
                        outlier: odds + libm::logf(OUTLIERS.0 / OUTLIERS.1),
                    };
                    log_unheard[i] = libm::logf(1.0 - p);
                }
                n += 1;
            }
            for (s, (heard, sum, scans)) in levels.into_iter().enumerate() {
                // Where it is seldom heard, only the strong readings are: a mean that misleads.
                if heard > 0.5 * scans {
                    expected[s * by_zone.len() + z] = Some(sum / heard);
                }
            }
        }
        Ok(Self {
            zones,
            references,
            hears,
            log_unheard,
            log_share,
            silent: vec![0.0; references],
            expected,
            sums: vec![0.0; references],
        })
    }

    /// For a map of so many zones and sensors.
    pub(super) fn fits(&self, zones: usize, sensors: usize) -> bool {
        self.zones.len() == zones && self.hears.len() == sensors * self.references
    }

    pub(super) fn sum_silence(&mut self, up: &[bool]) {
        self.silent.copy_from_slice(&self.log_share);
        let rows = self.log_unheard.chunks(self.references.max(1));
        for (row, _) in rows.zip(up).filter(|(_, up)| **up) {
            self.silent.iter_mut().zip(row).for_each(|(s, u)| *s += u);
        }
    }

    pub(super) fn log_likelihood(
        &mut self,
        heard: impl Iterator<Item = (usize, Option<f32>)>,
        out: &mut [f32],
    ) {
        self.sums.copy_from_slice(&self.silent);
        for (sensor, rssi) in heard {
            let row = &self.hears[sensor * self.references..(sensor + 1) * self.references];
            match rssi {
                Some(rssi) => {
                    for (sum, h) in self.sums.iter_mut().zip(row) {
                        let z = (rssi - h.mean) * h.scale;
                        *sum += (h.at_mean - z * z).max(h.outlier);
                    }
                }
                None => self.sums.iter_mut().zip(row).for_each(|(s, h)| *s += h.outlier + NO_RSSI),
            }
        }
        let (mut total, mut known) = (0.0, 0.0);
        for (l, (from, until)) in out.iter_mut().zip(&self.zones) {
            let sums = &self.sums[*from..*until];
            let best = sums.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            *l = best;
            if !sums.is_empty() {
                // What is far below the best adds nothing.
                let more: f32 = sums.iter().map(|s| s - best).filter(|d| *d > -8.0).map(libm::expf).sum();
                *l += libm::logf(more);
                total += *l;
                known += 1.0;
            }
        }
        if known < self.zones.len() as f32 && known > 0.0 {
            let unvisited = total / known + UNVISITED;
            out.iter_mut().filter(|l| **l == f32::NEG_INFINITY).for_each(|l| *l = unvisited);
        }
    }

    /// Mean RSSI with which a sensor that hears most of what is sent in a zone hears it, dBm.
    pub(super) fn expected(&self, zone: ZoneIx, sensor: usize) -> Option<f32> {
        self.expected.get(sensor * self.zones.len() + usize::from(zone.0)).copied().flatten()
    }
}

/// Without an RSSI only the fact of having been heard counts: the density of an outlier is taken off again, nats.
const NO_RSSI: f32 = 7.6;
