//! What follows from an inspection: how good the installation is, and what to do about it.

use super::{Alike, Inspection, SensorWorth};
use crate::site::{SensorIx, Site, ZoneIx};

/// How good it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nine stays in ten and more are given to the right zone, hardly any to a wrong floor.
    Good,
    /// Three in four are.
    Fair,
    /// Fewer.
    Poor,
    /// Less than half of the zones could be judged.
    CannotTell,
}

/// Something to do, in the order of what should be done first.
#[derive(Clone, Debug, PartialEq)]
pub enum Advice {
    /// The walk is on another floor and back within seconds, so often: two walks in one file, or wrong labels.
    Jumps(u32),
    /// Zones the walk did not come to.
    NotWalked(Vec<ZoneIx>),
    /// Zones it came through once: nothing can be said of them.
    WalkedOnce(Vec<ZoneIx>),
    /// Zones of which so few scans were made that little can be said.
    WalkedBriefly(Vec<ZoneIx>),
    /// Sensors that heard nothing of the walk.
    Silent(Vec<SensorIx>),
    /// Sensors that hear so many dB more (less, when below 0) than one would where the map has them, in so many zones.
    Misfit(Vec<(SensorIx, f32, u32)>),
    /// A sensor that hears a zone best, by so many dB, that is not near to where the map has it.
    Elsewhere(SensorIx, ZoneIx, f32),
    /// One more sensor there would place this share of all stays rightly that is not now.
    OneMore(ZoneIx, f32),
    /// Zones that cannot be told apart.
    Alike(Vec<Alike>),
    /// A sensor without which this share of all stays more would be placed rightly.
    Misleading(SensorIx, f32),
    /// Sensors each of which would not be missed, were it the only one to fail.
    Spare(Vec<SensorIx>),
}

/// Shares of stays in the right zone and on the right floor that make it good, and fair.
const GOOD: (f32, f32) = (0.9, 0.97);
const FAIR: (f32, f32) = (0.75, 0.92);
/// Scans of a zone that say something: two stays.
const SCANS: u32 = 12;
/// A sensor that is off by this much, dB, and by twice as much as they usually are, does not fit.
const MISFIT: f32 = 12.0;
/// A sensor without which fewer stays are lost, over all and of any one zone, is spare.
const SPARE: (f32, f32) = (0.001, 0.01);
/// One that is better away by this much misleads.
const MISLEADS: f32 = 0.01;
/// One more sensor is worth while that gains this much.
const WORTH_WHILE: f32 = 0.005;
/// Places for one more sensor that are named.
const PLACES: usize = 3;

impl Inspection {
    /// How good the installation is.
    pub fn verdict(&self, site: &Site) -> Verdict {
        let a = &self.assessment;
        let (Some(zone), Some(floor)) = (a.right_zone(), a.right_floor(site)) else {
            return Verdict::CannotTell;
        };
        let at_least = |(z, f): (f32, f32)| zone.stays >= z && floor.stays >= f;
        match () {
            () if 2 * a.judged().count() < site.zones.len() => Verdict::CannotTell,
            () if at_least(GOOD) => Verdict::Good,
            () if at_least(FAIR) => Verdict::Fair,
            () => Verdict::Poor,
        }
    }

    /// What to do, most urgent first.
    pub fn advice(&self, site: &Site) -> Vec<Advice> {
        let a = &self.assessment;
        let mut all = Vec::new();
        let zones = |wanted: &dyn Fn(ZoneIx) -> bool| -> Vec<ZoneIx> {
            (0..site.zones.len() as u16).map(ZoneIx).filter(|z| wanted(*z)).collect()
        };
        if a.jumps > 0 {
            all.push(Advice::Jumps(a.jumps));
        }
        let mut list_of_zones = |make: fn(Vec<ZoneIx>) -> Advice, wanted: &dyn Fn(ZoneIx) -> bool| {
            all.extend(Some(zones(wanted)).filter(|z| !z.is_empty()).map(make));
        };
        list_of_zones(Advice::NotWalked, &|z| a.passes(z) == 0);
        list_of_zones(Advice::WalkedOnce, &|z| a.passes(z) > 0 && a.placed(z) == 0);
        list_of_zones(Advice::WalkedBriefly, &|z| (1..SCANS).contains(&a.placed(z)));
        self.advise_on_sensors(&mut all);
        let one_more = self.one_more.iter().map(|m| (m.zone, m.gain * self.foresight.scale()));
        all.extend(
            one_more
                .take_while(|(_, gain)| *gain >= WORTH_WHILE)
                .take(PLACES)
                .map(|(z, g)| Advice::OneMore(z, g)),
        );
        all.extend(Some(a.alike()).filter(|pairs| !pairs.is_empty()).map(Advice::Alike));
        all.extend(
            self.sensors().filter(|(_, w)| w.loss <= -MISLEADS).map(|(s, w)| Advice::Misleading(s, -w.loss)),
        );
        // One that does not fit is to be looked at, not to be done without.
        let fits =
            |w: &SensorWorth| w.elsewhere.is_none() && !w.excess.is_some_and(|(db, _)| self.is_misfit(db));
        let spare = self.sensors().filter(|(s, w)| self.is_spare(*s) && fits(w));
        let spare: Vec<SensorIx> = spare.map(|(s, _)| s).collect();
        all.extend(Some(spare).filter(|s| !s.is_empty()).map(Advice::Spare));
        all
    }

    fn advise_on_sensors(&self, all: &mut Vec<Advice>) {
        let silent: Vec<SensorIx> = self.sensors().filter(|(_, w)| w.scans == 0).map(|(s, _)| s).collect();
        all.extend(Some(silent).filter(|s| !s.is_empty()).map(Advice::Silent));
        let elsewhere =
            self.sensors().filter_map(|(s, w)| w.elsewhere.map(|(z, db)| Advice::Elsewhere(s, z, db)));
        all.extend(elsewhere);
        let odd = self.sensors().filter(|(_, w)| w.elsewhere.is_none());
        let odd =
            odd.filter_map(|(s, w)| w.excess.filter(|(db, _)| self.is_misfit(*db)).map(|(db, n)| (s, db, n)));
        let odd: Vec<_> = odd.collect();
        all.extend(Some(odd).filter(|odd| !odd.is_empty()).map(Advice::Misfit));
    }

    /// Whether so many dB more or less than a sensor should hear are too many.
    pub fn is_misfit(&self, db: f32) -> bool {
        db.abs() >= MISFIT.max(2.0 * self.air.scatter)
    }

    /// Whether a sensor would not be missed, were it the only one to fail. One that was never heard was not weighed.
    pub fn is_spare(&self, sensor: SensorIx) -> bool {
        self.sensors.get(usize::from(sensor.0)).is_some_and(|w| {
            let of_zone = w.most.map_or(0.0, |(_, most)| most);
            w.scans > 0
                && w.loss.abs() < SPARE.0
                && of_zone < SPARE.1
                && self.assessment.judged().next().is_some()
        })
    }

    fn sensors(&self) -> impl Iterator<Item = (SensorIx, &SensorWorth)> {
        self.sensors.iter().enumerate().map(|(i, w)| (SensorIx(i as u16), w))
    }
}
