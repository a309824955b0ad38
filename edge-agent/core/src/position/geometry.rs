//! The model without a survey: log-distance path loss (ITU-R P.1238-12 §3, with floor penetration loss) and log-normal
//! shadowing.

use crate::math::ln;
use crate::site::Site;

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
/// How much the evidence counts for who stays and for who walks.
pub(super) const TEMPER: (f32, f32) = (0.5, 0.35);

/// Per zone and sensor: how it is heard there.
#[derive(Clone, Debug)]
pub(super) struct Geometry {
    zones: usize,
    /// Mean RSSI, dBm. Row sensor, column zone, as the next two.
    mean: Vec<f32>,
    /// Log-odds of being heard, without the RSSI's density.
    log_odds: Vec<f32>,
    /// Log-probability of not being heard.
    log_unheard: Vec<f32>,
    /// Log-probability that no sensor that is up hears an emission from the zone.
    silent: Vec<f32>,
}

impl Geometry {
    pub(super) fn new(site: &Site) -> Self {
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
        Self {
            zones,
            log_odds: heard.iter().map(|p| ln(p / (1.0 - p))).collect(),
            log_unheard: heard.iter().map(|p| ln(1.0 - p)).collect(),
            mean,
            silent: vec![0.0; zones],
        }
    }

    pub(super) fn log_likelihood(&self, heard: &[(usize, Option<f32>)], out: &mut [f32]) {
        out.copy_from_slice(&self.silent);
        for &(sensor, rssi) in heard {
            let row = sensor * self.zones;
            let log_odds = &self.log_odds[row..row + self.zones];
            let Some(rssi) = rssi else {
                out.iter_mut().zip(log_odds).for_each(|(l, odds)| *l += odds);
                continue;
            };
            let mean = &self.mean[row..row + self.zones];
            for ((l, odds), mean) in out.iter_mut().zip(log_odds).zip(mean) {
                *l += odds + log_density(rssi - mean);
            }
        }
    }

    pub(super) fn sum_silence(&mut self, up: &[bool]) {
        self.silent.fill(0.0);
        for (row, _) in self.log_unheard.chunks(self.zones.max(1)).zip(up).filter(|(_, up)| **up) {
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

/// Log-density of an RSSI this far from its mean, per dB. Heavier tails than a Gaussian: at three spreads and beyond
/// an outlier is an outlier.
fn log_density(off: f32) -> f32 {
    let z = off / SPREAD;
    LOG_AT_MEAN - 0.5 * (z * z).min(9.0)
}

/// Log of 1 / (spread · √(2π)).
const LOG_AT_MEAN: f32 = -3.403_845_2;

fn normal_cdf(x: f32) -> f32 {
    0.5 * libm::erfcf(-x * core::f32::consts::FRAC_1_SQRT_2)
}
