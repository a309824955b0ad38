//! Where is it: a Bayes filter over zones, with hindsight.
//!
//! A [`RadioModel`] says how likely each zone is given which sensors heard an emission, how strongly, and which
//! did not; a [`Motion`] says where something may be a while later; a [`Track`] is the few likeliest stories of one
//! device. [`Locator`] joins them.

mod assessment;
mod calibration;
mod geometry;
mod learnt;
mod motion;
mod nodes;
mod places;
mod radio;
mod surveyed;
mod track;

pub use assessment::{
    Advice, Air, Alike, Assessment, FloorFigures, Foresight, Inspection, OneMore, Rate, SensorWorth, Verdict,
};
pub use calibration::{Calibration, Confusion, FORMAT, Hearing, Reference, Scan, Unfit};
pub use learnt::Learnt;
pub use motion::Motion;
pub use radio::{Heard, RadioModel, Trims};
pub use surveyed::SurveyModel;
pub use track::{Moments, Moved, Settled, Track};

use crate::math::exp;
use crate::site::{FloorIx, SensorIx, Site, ZoneIx};
use motion::Spread;

/// More sensors than this a reference cannot name.
const MAX_SENSORS: usize = 4096;
/// Belief in a zone from which an emission teaches what a phone and its sensors are like.
const TEACHES: f32 = 0.9;
/// A phone's offset is held back as if so many emissions had shown none …
const HELD_BACK: f32 = 4.0;
/// … later emissions count like one of this many …
const SLOWEST: u8 = 40;
/// … and it is never more than this, dB.
const MOST: f32 = 20.0;

/// Moves tracks on and weighs them with what was heard. One for the whole engine.
#[derive(Clone, Debug)]
pub struct Locator {
    radio: RadioModel,
    motion: Motion,
    floor_of: Vec<FloorIx>,
    inside: Vec<bool>,
    floors: usize,
    /// Where something is that was never heard before.
    first: Vec<f32>,
    /// Likelihood of the emission that was considered last if it came from somebody who is heard for the first time.
    new: f32,
    /// Where something is that was there before we heard it.
    anywhere: Vec<f32>,
    /// For each zone, those it is confused with.
    taken_for: Vec<Vec<(ZoneIx, f32)>>,
    /// Weight of being heard for the last time.
    last: Vec<f32>,
    log_likelihood: Vec<f32>,
    stay: Vec<f32>,
    walk: Vec<f32>,
    spread: Spread,
}

impl Locator {
    /// From the site map, and a commissioning walk of it where there was one.
    pub fn new(site: &Site, survey: Option<&SurveyModel>) -> Self {
        let motion = Motion::new(site);
        let none = vec![0.0; site.zones.len()];
        Self {
            radio: RadioModel::new(site, survey),
            spread: motion.room(),
            motion,
            floor_of: site.zones.iter().map(|z| z.floor).collect(),
            inside: site.zones.iter().map(|z| z.kind.is_inside()).collect(),
            floors: site.floors.len(),
            first: first_heard(site),
            new: 0.0,
            anywhere: vec![1.0 / site.zones.len() as f32; site.zones.len()],
            taken_for: survey.map_or_else(Vec::new, |s| s.taken_for.clone()),
            last: last_heard(site),
            log_likelihood: none.clone(),
            stay: none.clone(),
            walk: none,
        }
    }

    /// A sensor began or ceased to hear: while it is down its silence says nothing.
    pub fn set_sensor(&mut self, sensor: SensorIx, up: bool) {
        self.radio.set_sensor(sensor, up);
    }

    /// Goes on with what was learnt before.
    pub fn adopt(&mut self, learnt: &Learnt) {
        self.radio.adopt(learnt);
    }

    /// An emission of a phone that is heard `offset` dB stronger than others came from `zone`.
    pub fn teach(&mut self, zone: ZoneIx, heard: Heard<'_>, trims: &Trims, offset: f32, learnt: &mut Learnt) {
        self.radio.teach(zone, heard, trims, offset, learnt);
    }

    /// Takes an emission into a track;
    /// a device that `was_here` before we began to hear may be anywhere at first;
    /// adds the changes of zone this settles to `moved`, oldest first.
    pub fn update(
        &mut self,
        track: &mut Track,
        t: Moments,
        was_here: bool,
        heard: Heard<'_>,
        trims: &mut Trims,
        moved: &mut Vec<Moved>,
    ) {
        let offset = track.offset();
        self.weigh(heard, trims, offset);
        let evidence = track::Evidence { stay: &self.stay, walk: &self.walk };
        let (motion, spread) = (&self.motion, &mut self.spread);
        let first = if was_here { &self.anywhere } else { &self.first };
        track.update(t, motion, first, &evidence, spread, &self.floor_of, moved);
        if let Some((zone, p)) = track.best()
            && p > TEACHES
            && let Some(excess) = self.radio.learn(zone, heard, trims, offset)
        {
            track.learnt = (track.learnt + 1).min(SLOWEST);
            let offset = offset + excess / (HELD_BACK + f32::from(track.learnt));
            track.offset = (offset.clamp(-MOST, MOST) * 4.0).round() as i8;
        }
    }

    /// The zone that the emission taken in last speaks for by itself, and with what probability.
    pub fn alone(&self) -> Option<(ZoneIx, f32)> {
        let heavier =
            |a: &usize, b: &usize| self.log_likelihood[*a].total_cmp(&self.log_likelihood[*b]).then(b.cmp(a));
        let best = (0..self.log_likelihood.len()).max_by(heavier)?;
        let most = self.log_likelihood[best];
        let total: f32 = self.log_likelihood.iter().map(|l| exp(l - most)).sum();
        Some((ZoneIx(best as u16), 1.0 / total))
    }

    /// Takes note of an emission, for [`Self::likelier_than_new`]; gives the most that may say of any device.
    pub fn consider(&mut self, heard: Heard<'_>, trims: &Trims) -> f32 {
        self.weigh(heard, trims, 0.0);
        let evidence = self.stay.iter().zip(&self.walk);
        self.new = evidence.clone().zip(&self.first).map(|((s, w), p)| s * p + w * p).sum::<f32>() * 0.5;
        let most = evidence.map(|(s, w)| s.max(*w)).fold(0.0, f32::max);
        if self.new > 0.0 { (most / self.new).max(1.0) } else { 1.0 }
    }

    /// How much likelier the emission that was considered last is if it came from the device of a track, `ms` after its last
    /// one, than if it came from somebody who is heard for the first time.
    pub fn likelier_than_new(&mut self, track: &Track, ms: u32) -> f32 {
        if !track.spread(ms, &self.motion, &mut self.spread) || self.new <= 0.0 {
            return 1.0;
        }
        let evidence = self.stay.iter().zip(&self.walk);
        let there = self.spread.stay.iter().zip(&self.spread.walk);
        evidence.zip(there).map(|((s, w), (a, b))| s * a + w * b).sum::<f32>() / self.new
    }

    /// Weights of all zones for an emission.
    fn weigh(&mut self, heard: Heard<'_>, trims: &Trims, offset: f32) {
        self.radio.log_likelihood(heard, trims, offset, &mut self.log_likelihood);
        let (stay, walk) = self.radio.temper();
        // No branches: several at once.
        let evidence = self.stay.iter_mut().zip(&mut self.walk).zip(&self.log_likelihood);
        evidence.for_each(|((s, w), l)| (*s, *w) = (exp(l * stay), exp(l * walk)));
    }

    /// Settles the likeliest story of a track to its end, given that it left.
    pub fn settle_gone(&self, track: &mut Track, moved: &mut Vec<Moved>) {
        track.weigh(&self.last);
        track.settle_all(&self.floor_of, moved);
    }

    /// Settles the likeliest story of a track to its end.
    pub fn settle_all(&self, track: &mut Track, moved: &mut Vec<Moved>) {
        track.settle_all(&self.floor_of, moved);
    }

    /// Probability of being inside: beyond perimeter and entrances.
    pub fn inside(&self, track: &Track) -> f32 {
        track.iter().filter(|(z, _)| self.is_inside(*z)).map(|(_, p)| p).sum()
    }

    /// The likeliest floor and its probability.
    pub fn floor(&self, track: &Track) -> (FloorIx, f32) {
        let mut mass = [0.0f32; 64];
        for (zone, p) in track.iter() {
            mass[usize::from(self.floor_of(zone).0).min(63)] += p;
        }
        let mut best = (FloorIx(0), mass[0]);
        for (f, m) in mass.iter().enumerate().take(self.floors.min(64)).skip(1) {
            if *m > best.1 {
                best = (FloorIx(f as u16), *m);
            }
        }
        best
    }

    /// The floor of a zone.
    pub fn floor_of(&self, zone: ZoneIx) -> FloorIx {
        self.floor_of.get(usize::from(zone.0)).copied().unwrap_or(FloorIx(0))
    }

    /// Zones in which somebody who stays in `zone` may be taken to be, and how likely that is against the right one.
    pub fn taken_for(&self, zone: ZoneIx) -> &[(ZoneIx, f32)] {
        self.taken_for.get(usize::from(zone.0)).map_or(&[], Vec::as_slice)
    }

    /// Whether a zone lies beyond perimeter and entrances.
    pub fn is_inside(&self, zone: ZoneIx) -> bool {
        self.inside.get(usize::from(zone.0)).copied().unwrap_or(false)
    }
}

/// Share of new devices that come in by a door.
const BY_A_DOOR: f32 = 0.7;

/// Whoever is heard for the first time has most likely just come to a door; else it may be anywhere.
fn first_heard(site: &Site) -> Vec<f32> {
    let doors = site.zones.iter().filter(|z| !z.kind.is_inside()).count();
    let door = if doors > 0 { BY_A_DOOR / doors as f32 } else { 0.0 };
    let anywhere = (1.0 - BY_A_DOOR) / site.zones.len() as f32;
    site.zones.iter().map(|z| if z.kind.is_inside() { anywhere } else { anywhere + door }).collect()
}

/// People leave by doors, and are mostly heard there last. Against that, how likely it is that somebody who left was last
/// heard elsewhere on a floor with doors, and on another floor.
const LAST_NEAR_A_DOOR: f32 = 0.1;
const LAST_ELSEWHERE: f32 = 0.002;

fn last_heard(site: &Site) -> Vec<f32> {
    let is_door = |z: &&crate::site::Zone| !z.kind.is_inside();
    let with_doors: Vec<FloorIx> = site.zones.iter().filter(is_door).map(|z| z.floor).collect();
    let weight = |z: &crate::site::Zone| match () {
        () if with_doors.is_empty() || !z.kind.is_inside() => 1.0,
        () if with_doors.contains(&z.floor) => LAST_NEAR_A_DOOR,
        () => LAST_ELSEWHERE,
    };
    site.zones.iter().map(weight).collect()
}
