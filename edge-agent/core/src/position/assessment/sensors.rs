//! What each sensor is worth: how many stays more would be placed wrongly if it were silent.
//!
//! One sensor at a time is taken to be down, as a dead one is in the running system; stays that it has no part in are as they
//! were. So two sensors that do the same work each seem to add nothing.

use super::air::{Air, Tallies};
use super::one_more::{Near, Virtual};
use super::trial::{Stay, Trial, evenly};
use crate::position::surveyed::TEMPER;
use crate::site::{SensorIx, Site, ZoneIx};

/// Stays of a zone that are looked at for every sensor; in large maps fewer, so that there are hardly more than so many.
const STAYS: usize = 24;
const STAYS_IN_ALL: usize = 1500;

/// What a sensor adds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SensorWorth {
    /// Scans of the walk that it heard.
    pub scans: u32,
    /// Zones of whose scans it heard most.
    pub zones: u32,
    /// Share of stays that would be placed wrongly without it, and are not with it; the mean over zones. Below 0: it
    /// misleads.
    pub loss: f32,
    /// The same of the floor.
    pub floor_loss: f32,
    /// The zone that would lose most, and how much.
    pub most: Option<(ZoneIx, f32)>,
    /// How much stronger it hears than others would where it hangs, dB, and in how many zones that was seen.
    pub excess: Option<(f32, u32)>,
    /// The zone it hears best, if that is none near to where the map has it, and by how many dB.
    pub elsewhere: Option<(ZoneIx, f32)>,
    /// What a sensor where it hangs was foreseen to add; see [`super::OneMore`].
    pub(super) foreseen: f32,
}

/// The stays by which sensors are judged, zone by zone, and how they are placed with all sensors.
pub(super) struct Bench {
    stays: Vec<Benched>,
    /// Zones they are in.
    pub(super) zones: usize,
}

/// A stay, the zones that it could be in, how much it counts in a mean over zones, and with what probabilities its zone
/// and its floor are found.
pub(super) struct Benched {
    pub(super) stay: Stay,
    pub(super) near: Near,
    pub(super) share: f32,
    pub(super) right: (f32, f32),
}

impl Bench {
    pub(super) fn new(site: &Site, trial: &mut Trial<'_>) -> Self {
        let judged: Vec<usize> = (0..site.zones.len()).filter(|z| !trial.judged[*z].is_empty()).collect();
        let most = (STAYS_IN_ALL / judged.len().max(1)).clamp(3, STAYS);
        let mut stays = Vec::new();
        for z in &judged {
            let some = evenly(&trial.stays_in(*z).collect::<Vec<_>>(), most);
            let share = 1.0 / (some.len() * judged.len()) as f32;
            for scans in some {
                let stay = trial.stay(ZoneIx(*z as u16), scans);
                let near = Near::of(&stay);
                let right = right(site, &stay, &near, |n| stay.likely[near.0[n]]);
                stays.push(Benched { stay, near, share, right });
            }
        }
        Self { stays, zones: judged.len() }
    }

    pub(super) fn stays(&self) -> &[Benched] {
        &self.stays
    }

    /// What every sensor adds.
    pub(super) fn weigh(
        &self,
        site: &Site,
        trial: &mut Trial<'_>,
        tallies: &Tallies,
        air: &Air,
    ) -> Vec<SensorWorth> {
        let sensors = (0..site.sensors.len() as u16).map(SensorIx);
        let stand_ins: Vec<Virtual> = sensors.clone().map(|s| Virtual::at_sensor(site, air, s)).collect();
        let mut worth: Vec<SensorWorth> = sensors
            .map(|sensor| SensorWorth {
                scans: tallies.of_sensor(sensor).map(|(_, t)| t.heard).sum(),
                zones: tallies.of_sensor(sensor).filter(|(z, _)| tallies.share(sensor, *z) > 0.5).count()
                    as u32,
                elsewhere: elsewhere(site, tallies, sensor),
                ..SensorWorth::default()
            })
            .collect();
        let mut in_zone = vec![0.0f32; worth.len()];
        for (i, b) in self.stays.iter().enumerate() {
            for (sensor, more) in Without::of(trial, &b.stay, &b.near, worth.len()).iter() {
                let likely = |n: usize| b.stay.likely[b.near.0[n]] + more[n];
                let (zone, floor) = right(site, &b.stay, &b.near, likely);
                in_zone[sensor] += (b.right.0 - zone) * b.share;
                let w = &mut worth[sensor];
                w.floor_loss += (b.right.1 - floor) * b.share;
                w.foreseen += (stand_ins[sensor].right(&b.stay, &b.near, likely, air) - zone) * b.share;
            }
            // The last of its zone.
            if self.stays.get(i + 1).is_none_or(|next| next.stay.zone != b.stay.zone) {
                for (w, lost) in worth.iter_mut().zip(&mut in_zone) {
                    let lost = core::mem::take(lost);
                    w.loss += lost;
                    let of_zone = lost * self.zones as f32;
                    if of_zone > w.most.map_or(0.0, |(_, most)| most) {
                        w.most = Some((b.stay.zone, of_zone));
                    }
                }
            }
        }
        worth
    }
}

/// For each sensor how much likelier a stay makes each zone that is near without it.
struct Without {
    near: usize,
    more: Vec<f32>,
    /// Sensors that have a say in it.
    touched: Vec<bool>,
}

impl Without {
    fn of(trial: &mut Trial<'_>, stay: &Stay, near: &Near, sensors: usize) -> Self {
        let n = near.0.len();
        let mut w = Self { near: n, more: vec![0.0; n * sensors], touched: vec![false; sensors] };
        let mut likely = vec![0.0; stay.likely.len()];
        for i in &stay.scans {
            trial.place(*i, &mut likely);
            trial.without_each(*i, &near.0, &likely, &mut |sensor, k, more| {
                w.more[sensor * n + k] += more * TEMPER.0;
                w.touched[sensor] = true;
            });
        }
        w
    }

    fn iter(&self) -> impl Iterator<Item = (usize, &[f32])> {
        let touched = self.touched.iter().enumerate().filter(|(_, touched)| **touched);
        touched.map(|(s, _)| (s, &self.more[s * self.near..(s + 1) * self.near]))
    }
}

/// With what probabilities the zone of a stay and its floor are found, of the zones that are near.
fn right(site: &Site, stay: &Stay, near: &Near, likely: impl Fn(usize) -> f32) -> (f32, f32) {
    let best = (0..near.0.len()).map(&likely).fold(f32::NEG_INFINITY, f32::max);
    let floor = site.floor_of(stay.zone);
    let (mut total, mut zone, mut on_floor) = (0.0, 0.0, 0.0);
    for (n, z) in near.0.iter().enumerate() {
        let p = libm::expf(likely(n) - best);
        total += p;
        zone += if *z == usize::from(stay.zone.0) { p } else { 0.0 };
        on_floor += if site.zones[*z].floor == floor { p } else { 0.0 };
    }
    (zone / total, on_floor / total)
}

/// A sensor this much weaker in its own zone than elsewhere hangs elsewhere, dB.
const ELSEWHERE: f32 = 15.0;

/// The zone a sensor hears best, and by how much better than its own and those that adjoin it.
fn elsewhere(site: &Site, tallies: &Tallies, sensor: SensorIx) -> Option<(ZoneIx, f32)> {
    let home = site.sensor(sensor).zone;
    let around = |z: ZoneIx| z == home || site.zone(home).neighbours.contains(&z);
    let walked = |z: ZoneIx| tallies.scans[usize::from(z.0)] > 0;
    if !walked(home) {
        return None;
    }
    let level = |z: ZoneIx| tallies.level(sensor, z);
    let zones = tallies.of_sensor(sensor).map(|(z, _)| z);
    let best = zones.max_by(|a, b| level(*a).total_cmp(&level(*b)).then(b.cmp(a)))?;
    let at_home =
        (0..site.zones.len() as u16).map(ZoneIx).filter(|z| around(*z)).map(level).fold(0.0, f32::max);
    let better = level(best) - at_home;
    (!around(best) && better >= ELSEWHERE).then_some((best, better))
}
