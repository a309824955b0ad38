//! What the air of this mall is like, from the readings of a walk: how fast signals fade with distance, what a floor costs,
//! how far readings scatter; and which sensors do not fit in.
//!
//! Fitted is log-distance path loss with floor penetration (ITU-R P.1238-12 §3) to how many dB above inaudible each sensor
//! hears each zone on average, silence included: where a signal is too faint to be heard only the strong readings of it
//! are, so a fit to readings alone would find that nothing fades. Least squares (Levenberg-Marquardt), with readings held
//! as if normal around their mean; what the walk does not tell is held near its usual value. Distances are from the sensor
//! to the middle of the zone, as the map has them.

use super::super::calibration::{INAUDIBLE, Scan};
use crate::site::{SensorIx, Site, ZoneIx};
use std::collections::BTreeMap;

/// RSSI at one metre (dBm), path-loss exponent, and loss of each floor (dB) as they usually are, and how far from that they
/// may well be.
const USUAL: [(f64, f64); 3] = [(-40.0, 8.0), (3.3, 0.7), (16.0, 6.0)];
/// What is not within these is no fading any more, but a map or a walk that is wrong.
const WITHIN: [(f64, f64); 3] = [(-70.0, -10.0), (1.5, 6.0), (3.0, 40.0)];
/// How far a mean may well be off the fit, dB; what is further off counts like twice that.
const OFF: f64 = 10.0;
/// A sensor in the middle of a zone is this far from what is in it, on average of the logarithm: a share of the usual distance
/// between zones, within so many metres.
const NEAREST: f32 = 0.3;
const NEAREST_M: (f32, f32) = (3.0, 20.0);
/// Scans of a zone that make a mean.
const SCANS: u32 = 5;
/// Pairs of sensor and zone that make a fit.
const PAIRS: usize = 12;
/// A pair that hears less, and should hear less, than this says little, dB above inaudible.
const FAINT: f64 = 8.0;
/// Spread of readings within a zone, and scatter of means around the fit, where the walk does not tell, dB.
const SPREAD: f32 = 8.0;
const SCATTER: f32 = 8.0;
/// Steps of the fit: it changes nothing after half as many.
const STEPS: usize = 20;

/// How one sensor hears one zone.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tally {
    /// Scans it heard.
    pub(super) heard: u32,
    sum: f64,
    squares: f64,
}

/// How every sensor hears every zone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tallies {
    pub(super) pairs: BTreeMap<(SensorIx, ZoneIx), Tally>,
    /// Scans of each zone.
    pub(super) scans: Vec<u32>,
}

/// How signals fade in this mall.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Air {
    /// RSSI at one metre, dBm.
    pub at_one_metre: f32,
    /// Path-loss exponent: RSSI falls by ten times this with each tenfold distance, dB.
    pub exponent: f32,
    /// Loss of each floor, dB.
    pub floor_loss: f32,
    /// How far the mean of a pair of sensor and zone lies off the fit, dB (standard deviation).
    pub scatter: f32,
    /// How far readings of one sensor in one zone lie off their mean, dB (standard deviation).
    pub spread: f32,
    /// Nothing of a zone is nearer to a sensor than this on average, metres.
    nearest: f32,
    /// Pairs it was fitted to; 0 where the walk did not tell, and usual values stand in.
    pub pairs: u32,
}

impl Tallies {
    pub(super) fn of(site: &Site, scans: &[Scan]) -> Self {
        let mut t = Self { pairs: BTreeMap::new(), scans: vec![0; site.zones.len()] };
        for scan in scans {
            t.scans[usize::from(scan.zone.0)] += 1;
            for (sensor, rssi) in &scan.heard {
                let rssi = f64::from(*rssi);
                let tally = t.pairs.entry((*sensor, scan.zone)).or_default();
                tally.heard += 1;
                tally.sum += rssi;
                tally.squares += rssi * rssi;
            }
        }
        t
    }

    /// Share of a zone's scans that a sensor heard.
    pub(super) fn share(&self, sensor: SensorIx, zone: ZoneIx) -> f32 {
        let heard = self.pairs.get(&(sensor, zone)).map_or(0, |t| t.heard);
        heard as f32 / self.scans[usize::from(zone.0)].max(1) as f32
    }

    /// How many dB above inaudible a sensor hears a zone on average, silence included.
    pub(super) fn level(&self, sensor: SensorIx, zone: ZoneIx) -> f32 {
        let Some(t) = self.pairs.get(&(sensor, zone)) else { return 0.0 };
        let above = t.sum - f64::from(INAUDIBLE) * f64::from(t.heard);
        (above / f64::from(self.scans[usize::from(zone.0)].max(1))) as f32
    }

    /// What of a sensor was heard, by zone.
    pub(super) fn of_sensor(&self, sensor: SensorIx) -> impl Iterator<Item = (ZoneIx, &Tally)> {
        let all = (sensor, ZoneIx(0))..=(sensor, ZoneIx(u16::MAX));
        self.pairs.range(all).map(|((_, zone), tally)| (*zone, tally))
    }

    /// How far readings of one sensor in one zone lie off their mean, where most of what was sent was heard.
    fn spread(&self) -> f32 {
        let well = |((_, zone), t): &(&(SensorIx, ZoneIx), &Tally)| {
            let scans = self.scans[usize::from(zone.0)];
            scans >= SCANS && 2 * t.heard > scans
        };
        let (n, squares) = self.pairs.iter().filter(well).fold((0.0, 0.0), |(n, sum), (_, t)| {
            (n + f64::from(t.heard.saturating_sub(1)), sum + t.off_mean())
        });
        if n >= f64::from(SCANS) { ((squares / n).sqrt() as f32).clamp(2.0, 20.0) } else { SPREAD }
    }
}

impl Tally {
    fn mean(&self) -> f64 {
        self.sum / f64::from(self.heard.max(1))
    }

    /// Sum of squares around the mean.
    fn off_mean(&self) -> f64 {
        (self.squares - self.sum * self.mean()).max(0.0)
    }
}

/// How well a sensor hears a zone (dB above inaudible, silence included), log10 of the distance in metres, and the floors
/// between.
struct Pair {
    level: f64,
    log_m: f64,
    floors: f64,
    /// The sensor's offset by the map, dB.
    offset: f64,
    sensor: SensorIx,
}

impl Air {
    /// The air, and by how much each sensor's means exceed it in the middle (dB, and of how many zones).
    pub(super) fn fitted(site: &Site, tallies: &Tallies) -> (Self, Vec<Option<(f32, u32)>>) {
        let spread = tallies.spread();
        let nearest =
            site.usual_distance().map_or(NEAREST_M.0, |d| NEAREST * d).clamp(NEAREST_M.0, NEAREST_M.1);
        let pairs = pairs(site, tallies, nearest);
        let parameters = fit(&pairs, f64::from(spread));
        let off = |p: &Pair| p.level - level(mean(&parameters, p), f64::from(spread)).0;
        let tells = |p: &&Pair| p.level.max(p.level - off(p)) > FAINT;
        let telling: Vec<&Pair> = pairs.iter().filter(tells).collect();
        let told = telling.len() >= PAIRS;
        let scatter = scatter_of(&telling.iter().map(|p| off(p)).collect::<Vec<_>>()) as f32;
        let air = Self {
            at_one_metre: parameters[0] as f32,
            exponent: parameters[1] as f32,
            floor_loss: parameters[2] as f32,
            scatter: if told { scatter } else { SCATTER },
            spread,
            nearest,
            pairs: if told { telling.len() as u32 } else { 0 },
        };
        let excess = (0..site.sensors.len()).map(|s| {
            let own = telling.iter().filter(|p| usize::from(p.sensor.0) == s);
            let own: Vec<f64> = own.map(|p| off(p)).collect();
            (told && !own.is_empty()).then(|| (median(&own) as f32, own.len() as u32))
        });
        (air, excess.collect())
    }

    /// How well a sensor at `position` on the floor of `level` hears a zone: dB above inaudible, silence included.
    pub(super) fn heard_from(&self, site: &Site, position: [f32; 2], level: i16, zone: ZoneIx) -> f32 {
        let log_m = log_distance(position, site.zone(zone).position, self.nearest);
        let floors = f32::from(site.floor(site.floor_of(zone)).level.abs_diff(level));
        let rssi = self.at_one_metre - 10.0 * self.exponent * log_m - self.floor_loss * floors;
        self::level(f64::from(rssi), f64::from(self.spread)).0 as f32
    }
}

/// All pairs of a sensor that heard anything and a zone that was walked.
fn pairs(site: &Site, tallies: &Tallies, nearest: f32) -> Vec<Pair> {
    let storey = |zone: ZoneIx| site.floor(site.floor_of(zone)).level;
    let mut pairs = Vec::new();
    for s in (0..site.sensors.len() as u16).map(SensorIx) {
        if tallies.of_sensor(s).next().is_none() {
            continue;
        }
        let sensor = site.sensor(s);
        for z in (0..site.zones.len() as u16).map(ZoneIx) {
            if tallies.scans[usize::from(z.0)] >= SCANS {
                pairs.push(Pair {
                    level: f64::from(tallies.level(s, z)),
                    log_m: f64::from(log_distance(sensor.position, site.zone(z).position, nearest)),
                    floors: f64::from(storey(sensor.zone).abs_diff(storey(z))),
                    offset: f64::from(sensor.radio_offset),
                    sensor: s,
                });
            }
        }
    }
    pairs
}

fn log_distance(a: [f32; 2], b: [f32; 2], nearest: f32) -> f32 {
    let [dx, dy] = [a[0] - b[0], a[1] - b[1]];
    libm::log10f((dx * dx + dy * dy).sqrt().max(nearest))
}

/// The mean RSSI of what is sent, heard or not, dBm.
fn mean([at_one_metre, exponent, floor_loss]: &[f64; 3], p: &Pair) -> f64 {
    at_one_metre - 10.0 * exponent * p.log_m - floor_loss * p.floors + p.offset
}

/// How well that is heard: the mean of a normal distribution that is cut off where nothing is heard, and how much it
/// changes with the mean, which is the share that is heard.
fn level(mean: f64, spread: f64) -> (f64, f64) {
    let above = mean - f64::from(INAUDIBLE);
    let z = above / spread;
    if z < -6.0 {
        return (0.0, 0.0);
    }
    let heard = 0.5 * libm::erfc(-z * core::f64::consts::FRAC_1_SQRT_2);
    (above * heard + spread * libm::exp(-0.5 * z * z) / ROOT_TAU, heard)
}

/// √(2π).
const ROOT_TAU: f64 = 2.506_628_274_631;

fn fit(pairs: &[Pair], spread: f64) -> [f64; 3] {
    let mut best = USUAL.map(|(usual, _)| usual);
    let (mut least, mut damping) = (cost(&best, pairs, spread), 1e-3);
    for _ in 0..STEPS {
        let (gradient, curvature) = slope(&best, pairs, spread);
        let mut a = curvature;
        (0..3).for_each(|i| a[i][i] *= 1.0 + damping);
        let step = solved(a, gradient);
        let mut next = best;
        for i in 0..3 {
            next[i] = (best[i] + step[i]).clamp(WITHIN[i].0, WITHIN[i].1);
        }
        let now = cost(&next, pairs, spread);
        if now < least {
            (best, least, damping) = (next, now, damping * 0.3);
        } else {
            damping *= 10.0;
        }
    }
    best
}

/// Half the sum of squares, in units of what is usual.
fn cost(parameters: &[f64; 3], pairs: &[Pair], spread: f64) -> f64 {
    let far = |i: usize| (parameters[i] - USUAL[i].0) / USUAL[i].1;
    let off = |p: &Pair| {
        let off = ((p.level - level(mean(parameters, p), spread).0) / OFF).abs();
        // Huber: what is far off counts by its distance only.
        if off < 2.0 { 0.5 * off * off } else { 2.0 * off - 2.0 }
    };
    (0..3).map(|i| 0.5 * far(i) * far(i)).sum::<f64>() + pairs.iter().map(off).sum::<f64>()
}

/// Minus the gradient of the cost, and its curvature (Gauss-Newton).
fn slope(parameters: &[f64; 3], pairs: &[Pair], spread: f64) -> ([f64; 3], [[f64; 3]; 3]) {
    let mut gradient = [0.0; 3];
    let mut curvature = [[0.0; 3]; 3];
    for i in 0..3 {
        let (usual, far) = USUAL[i];
        gradient[i] = (usual - parameters[i]) / (far * far);
        curvature[i][i] = 1.0 / (far * far);
    }
    for p in pairs {
        let (expected, heard) = level(mean(parameters, p), spread);
        let off = (p.level - expected) / OFF;
        let counts = if off.abs() < 2.0 { 1.0 } else { 2.0 / off.abs() };
        let by = [1.0, -10.0 * p.log_m, -p.floors].map(|d| d * heard / OFF);
        for i in 0..3 {
            gradient[i] += counts * off * by[i];
            (0..3).for_each(|j| curvature[i][j] += counts * by[i] * by[j]);
        }
    }
    (gradient, curvature)
}

/// Solves three equations (Cramer's rule); nothing where they are not independent.
fn solved(a: [[f64; 3]; 3], b: [f64; 3]) -> [f64; 3] {
    let determinant = |m: &[[f64; 3]; 3]| {
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    };
    let whole = determinant(&a);
    if whole.abs() < 1e-12 {
        return [0.0; 3];
    }
    core::array::from_fn(|column| {
        let mut m = a;
        (0..3).for_each(|row| m[row][column] = b[row]);
        determinant(&m) / whole
    })
}

/// Standard deviation of what is mostly normal, by the median of the deviations.
fn scatter_of(off: &[f64]) -> f64 {
    let middle = median(off);
    let away: Vec<f64> = off.iter().map(|o| (o - middle).abs()).collect();
    1.4826 * median(&away)
}

fn median(of: &[f64]) -> f64 {
    let mut sorted = of.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}
