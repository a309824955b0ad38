//! Where one more sensor would help most.
//!
//! A sensor is put into the middle of each zone in thought: how well it would hear every other zone is what the
//! fading in this mall says ([`Air`]), and so is how far its readings would scatter. What it would say of each stay is
//! weighed with what the sensors there are say, at five points of a normal distribution (Gauss-Hermite), for a stay is not
//! always heard as strongly as the mean.
//!
//! The fading is a fit, and a wall may be in the way; whether the method is any good here is seen by the sensors that are
//! there: what one of them was foreseen to add, against what it does add ([`Foresight`]).

use super::air::Air;
use super::sensors::{Bench, SensorWorth};
use super::trial::Stay;
use crate::position::surveyed::TEMPER;
use crate::site::{SensorIx, Site, ZoneIx, ZoneKind};

/// A zone this far below the likeliest of a stay is none that it could be in, nats; not even without the sensor that speaks
/// most against it.
const FAR: f32 = 60.0;
/// A reading that does not fit speaks against a zone by no more than this, nats.
const ONE_READING: f32 = 5.0;
/// Points and weights of a standard normal distribution.
const NORMAL: [(f32, f32); 5] = [
    (0.0, 0.533_333_3),
    (1.355_626_2, 0.222_075_92),
    (-1.355_626_2, 0.222_075_92),
    (2.856_97, 0.011_257_41),
    (-2.856_97, 0.011_257_41),
];
/// Zones that are named for what a sensor would do for them: so many, that gain at least so much.
const NAMED: usize = 3;
const WORTH_NAMING: f32 = 0.005;

/// The method is known to be good or bad when it was tried on so many sensors, that were foreseen to add so much.
const TRIED: u32 = 5;
const FORESEEN: f32 = 0.000_5;
/// What is foreseen is not made more than this many times as much.
const MOST: f32 = 1.5;

/// What one more sensor in a zone would do.
#[derive(Clone, Debug, PartialEq)]
pub struct OneMore {
    /// The zone.
    pub zone: ZoneIx,
    /// Share of stays that would be placed rightly and are not now; the mean over zones. By the model, not corrected.
    pub gain: f32,
    /// Zones that would gain most: share of stays placed rightly now, and then.
    pub most: Vec<(ZoneIx, f32, f32)>,
}

/// What the method foresaw of the sensors that are there, and what they do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Foresight {
    /// Sensors it was tried on.
    pub sensors: u32,
    /// What they add, on average.
    pub adds: f32,
    /// What they were foreseen to add, on average.
    pub foreseen: f32,
    /// Rank correlation of the two (Spearman); `None` of too few.
    pub ranks: Option<f32>,
}

/// The zones a stay could be in.
pub(super) struct Near(pub(super) Vec<usize>);

impl Near {
    pub(super) fn of(stay: &Stay) -> Self {
        let best = stay.likely.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        // The right one may be far down: then what is above it matters.
        let least = (best - FAR).min(stay.likely[usize::from(stay.zone.0)] - 1.0);
        Self((0..stay.likely.len()).filter(|z| stay.likely[*z] >= least).collect())
    }
}

/// A sensor that is not there: how well it would hear each zone, dB above inaudible.
pub(super) struct Virtual {
    level: Vec<f32>,
}

impl Virtual {
    fn at(site: &Site, air: &Air, position: [f32; 2], level: i16) -> Self {
        let zones = (0..site.zones.len() as u16).map(ZoneIx);
        Self { level: zones.map(|z| air.heard_from(site, position, level, z)).collect() }
    }

    /// In place of one that is.
    pub(super) fn at_sensor(site: &Site, air: &Air, sensor: SensorIx) -> Self {
        Self::at(site, air, site.sensor(sensor).position, site.floor(site.floor_of_sensor(sensor)).level)
    }

    /// In the middle of a zone.
    fn in_zone(site: &Site, air: &Air, zone: ZoneIx) -> Self {
        Self::at(site, air, site.zone(zone).position, site.floor(site.floor_of(zone)).level)
    }

    /// With what probability the zone of a stay would be found, that is so likely to be in each of the zones near.
    pub(super) fn right(&self, stay: &Stay, near: &Near, likely: impl Fn(usize) -> f32, air: &Air) -> f32 {
        let own = usize::from(stay.zone.0);
        let Some(me) = near.0.iter().position(|z| *z == own) else { return 0.0 };
        let scans = stay.scans.len() as f32;
        let found = NORMAL.iter().map(|(at, weight)| {
            // The mean of several readings lies off by less than one.
            let off = at * air.spread / scans.sqrt();
            let against = |z: usize| {
                let away = (self.level[own] + off - self.level[z]) / air.spread;
                (0.5 * away * away).min(ONE_READING) * scans * TEMPER.0
            };
            let log_odds = |n: usize| likely(n) - against(near.0[n]) - (likely(me) - against(own));
            weight / (0..near.0.len()).map(|n| libm::expf(log_odds(n).min(80.0))).sum::<f32>()
        });
        found.sum()
    }
}

/// What one more sensor would do in each zone where one could hang, best first.
pub(super) fn one_more(site: &Site, bench: &Bench, air: &Air) -> Vec<OneMore> {
    let could_hang = |z: &ZoneIx| site.zone(*z).kind != ZoneKind::Perimeter;
    let zones = (0..site.zones.len() as u16).map(ZoneIx).filter(could_hang);
    let mut all: Vec<OneMore> = zones.map(|zone| OneMore::in_zone(site, bench, air, zone)).collect();
    all.sort_by(|a, b| b.gain.total_cmp(&a.gain).then(a.zone.cmp(&b.zone)));
    all
}

impl OneMore {
    fn in_zone(site: &Site, bench: &Bench, air: &Air, zone: ZoneIx) -> Self {
        let there = Virtual::in_zone(site, air, zone);
        // Zones in the order of the map, as the stays are.
        let mut by_zone: Vec<(ZoneIx, f32, f32)> = Vec::with_capacity(bench.zones);
        for b in bench.stays() {
            let share = b.share * bench.zones as f32;
            let then = there.right(&b.stay, &b.near, |n| b.stay.likely[b.near.0[n]], air) * share;
            match by_zone.last_mut() {
                Some((z, now, sum)) if *z == b.stay.zone => {
                    *now += b.right.0 * share;
                    *sum += then;
                }
                _ => by_zone.push((b.stay.zone, b.right.0 * share, then)),
            }
        }
        let gain = by_zone.iter().map(|(_, now, then)| then - now).sum::<f32>() / bench.zones.max(1) as f32;
        by_zone.retain(|(_, now, then)| then - now > WORTH_NAMING);
        by_zone.sort_by(|a, b| (b.2 - b.1).total_cmp(&(a.2 - a.1)).then(a.0.cmp(&b.0)));
        by_zone.truncate(NAMED);
        Self { zone, gain, most: by_zone }
    }
}

impl Foresight {
    /// What the sensors add against what they were foreseen to add: gains that are foreseen are to be taken times this. 1
    /// where too little is known.
    pub fn scale(&self) -> f32 {
        if self.sensors >= TRIED && self.foreseen > FORESEEN {
            (self.adds / self.foreseen).clamp(0.0, MOST)
        } else {
            1.0
        }
    }

    pub(super) fn of(worth: &[SensorWorth]) -> Self {
        let tried: Vec<(f32, f32)> =
            worth.iter().filter(|w| w.scans > 0).map(|w| (w.loss, w.foreseen)).collect();
        let n = tried.len().max(1) as f32;
        Self {
            sensors: tried.len() as u32,
            adds: tried.iter().map(|t| t.0).sum::<f32>() / n,
            foreseen: tried.iter().map(|t| t.1).sum::<f32>() / n,
            ranks: (tried.len() >= TRIED as usize)
                .then(|| correlation(&ranks(&tried, |t| t.0), &ranks(&tried, |t| t.1))),
        }
    }
}

/// Ranks; equal values share theirs.
fn ranks(all: &[(f32, f32)], of: impl Fn(&(f32, f32)) -> f32) -> Vec<f32> {
    let rank = |x: f32| {
        let below = all.iter().filter(|t| of(t) < x).count();
        let alike = all.iter().filter(|t| of(t) == x).count();
        below as f32 + (alike as f32 - 1.0) / 2.0
    };
    all.iter().map(|t| rank(of(t))).collect()
}

fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let mean = |x: &[f32]| x.iter().sum::<f32>() / x.len().max(1) as f32;
    let (ma, mb) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        ab += (x - ma) * (y - mb);
        aa += (x - ma) * (x - ma);
        bb += (y - mb) * (y - mb);
    }
    if aa > 0.0 && bb > 0.0 { ab / (aa * bb).sqrt() } else { 0.0 }
}
