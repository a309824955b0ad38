//! How likely each zone is, given which sensors heard an emission and how strongly.
//!
//! Without a survey the model is geometry: log-distance path loss (ITU-R P.1238-12 §3, with floor penetration
//! loss) and log-normal shadowing. Not being heard is evidence too.

use super::Heard;
use crate::site::{SensorIx, Site};

/// RSSI at 1 m, dBm: a phone's probe request at about 15 dBm.
const AT_ONE_METRE: f32 = -40.0;
/// Path-loss exponent of a mall's floor: shops with walls, open halls.
const EXPONENT: f32 = 3.3;
/// Loss through each floor, dB.
const FLOOR_LOSS: f32 = 16.0;
/// Nothing of a zone is nearer to a sensor than this on average, metres.
const NEAREST_M: f32 = 6.0;
/// Spread of RSSI around its mean: shadowing, bodies, and phones that differ, dB.
const SPREAD: f32 = 12.0;
/// Below this RSSI a frame is seldom decoded, dBm.
const SENSITIVITY: f32 = -92.0;
/// Even a strong frame is missed now and then: another channel, a collision.
const HEARD_AT_BEST: f32 = 0.8;
/// Somebody is heard where the model says nobody can be.
const HEARD_AT_WORST: f32 = 0.004;
/// The sensors' errors are not independent: evidence counts a little less than it seems.
const TEMPER: f32 = 0.5;
/// A zone this much less likely than the best is not told apart from others like it, nats.
const FLOOR_NATS: f32 = -16.0;

/// Per zone and sensor: how it is heard there.
#[derive(Clone, Debug)]
pub struct RadioModel {
    zones: usize,
    /// Mean RSSI, dBm. Row sensor, column zone, as the next two.
    mean: Vec<f32>,
    /// Log-odds of being heard, without the RSSI's density.
    log_odds: Vec<f32>,
    /// Log-probability of not being heard.
    log_unheard: Vec<f32>,
    /// Log-probability that no sensor that is up hears an emission from the zone.
    silent: Vec<f32>,
    up: Vec<bool>,
}

impl RadioModel {
    /// From the positions of zones and sensors.
    pub fn from_geometry(site: &Site) -> Self {
        let zones = site.zones.len();
        let mut mean = Vec::with_capacity(zones * site.sensors.len());
        for sensor in &site.sensors {
            let home = site.floor(site.floor_of(sensor.zone)).level;
            for zone in &site.zones {
                let [dx, dy] = [zone.position[0] - sensor.position[0], zone.position[1] - sensor.position[1]];
                let distance = (dx * dx + dy * dy).sqrt().max(NEAREST_M);
                let floors = f32::from(site.floor(zone.floor).level.abs_diff(home));
                mean.push(
                    AT_ONE_METRE + sensor.radio_offset
                        - 10.0 * EXPONENT * libm::log10f(distance)
                        - floors * FLOOR_LOSS,
                );
            }
        }
        let heard: Vec<f32> = mean.iter().copied().map(chance_heard).collect();
        let mut model = Self {
            zones,
            log_odds: heard.iter().map(|p| libm::logf(p / (1.0 - p))).collect(),
            log_unheard: heard.iter().map(|p| libm::logf(1.0 - p)).collect(),
            mean,
            silent: vec![0.0; zones],
            up: vec![true; site.sensors.len()],
        };
        model.sum_silence();
        model
    }

    /// Counts a sensor's silence as evidence, or not.
    pub fn set_sensor(&mut self, sensor: SensorIx, up: bool) {
        if let Some(state) = self.up.get_mut(usize::from(sensor.0)) {
            *state = up;
            self.sum_silence();
        }
    }

    /// Writes the log-likelihood of each zone into `out`, nats: the best one 0, none below -16.
    pub fn log_likelihood(&self, heard: Heard<'_>, out: &mut [f32]) {
        out.copy_from_slice(&self.silent);
        for &(sensor, rssi) in heard {
            let row = usize::from(sensor.0) * self.zones;
            let log_odds = &self.log_odds[row..row + self.zones];
            let Some(rssi) = rssi.map(f32::from) else {
                out.iter_mut().zip(log_odds).for_each(|(l, odds)| *l += odds);
                continue;
            };
            let mean = &self.mean[row..row + self.zones];
            for ((l, odds), mean) in out.iter_mut().zip(log_odds).zip(mean) {
                *l += odds + log_density(rssi - mean);
            }
        }
        let best = out.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for l in out {
            *l = ((*l - best) * TEMPER).max(FLOOR_NATS);
        }
    }

    fn sum_silence(&mut self) {
        self.silent.fill(0.0);
        for (row, _) in self.log_unheard.chunks(self.zones.max(1)).zip(&self.up).filter(|(_, up)| **up) {
            for (s, log_unheard) in self.silent.iter_mut().zip(row) {
                *s += log_unheard;
            }
        }
    }
}

/// Probability of being heard where the mean RSSI is this, dBm.
fn chance_heard(mean: f32) -> f32 {
    let reach = normal_cdf((mean - SENSITIVITY) / SPREAD);
    HEARD_AT_WORST + (HEARD_AT_BEST - HEARD_AT_WORST) * reach
}

/// Log-density of an RSSI this far from its mean, up to a constant. Heavier tails than a Gaussian: at three
/// spreads and beyond an outlier is an outlier.
fn log_density(off: f32) -> f32 {
    let z = off / SPREAD;
    -0.5 * (z * z).min(9.0)
}

fn normal_cdf(x: f32) -> f32 {
    0.5 * libm::erfcf(-x * core::f32::consts::FRAC_1_SQRT_2)
}
