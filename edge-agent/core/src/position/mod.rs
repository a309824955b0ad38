//! Where is it: a Bayes filter over zones, with hindsight.
//!
//! A [`RadioModel`] says how likely each zone is given which sensors heard an emission, how strongly, and which
//! did not; a [`Motion`] says where something may be a while later; a [`Track`] is the few likeliest stories of one
//! device. [`Locator`] joins them.

mod calibration;
mod geometry;
mod motion;
mod radio;
mod surveyed;
mod track;

pub use calibration::{Calibration, FORMAT, Hearing, Reference, Scan, Unfit};
pub use motion::Motion;
pub use radio::{Heard, RadioModel, Trims};
pub use surveyed::SurveyModel;
pub use track::{Moved, Track};

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
    /// Where something is that was there before we heard it.
    anywhere: Vec<f32>,
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
            anywhere: vec![1.0 / site.zones.len() as f32; site.zones.len()],
            log_likelihood: none.clone(),
            stay: none.clone(),
            walk: none,
        }
    }

    /// A sensor began or ceased to hear: while it is down its silence says nothing.
    pub fn set_sensor(&mut self, sensor: SensorIx, up: bool) {
        self.radio.set_sensor(sensor, up);
    }

    /// Takes an emission at `now` into a track whose last one was at `before` (both milliseconds after the first);
    /// a device that `was_here` before we began to hear may be anywhere at first;
    /// adds the changes of zone this settles to `moved`, oldest first.
    pub fn update(
        &mut self,
        track: &mut Track,
        (before, now): (u32, u32),
        was_here: bool,
        heard: Heard<'_>,
        trims: &mut Trims,
        moved: &mut Vec<Moved>,
    ) {
        let offset = f32::from(track.offset) / 4.0;
        self.radio.log_likelihood(heard, trims, offset, &mut self.log_likelihood);
        let (stay, walk) = self.radio.temper();
        for (z, l) in self.log_likelihood.iter().enumerate() {
            self.stay[z] = libm::expf(l * stay);
            self.walk[z] = libm::expf(l * walk);
        }
        let evidence = track::Evidence { stay: &self.stay, walk: &self.walk };
        let (motion, spread) = (&self.motion, &mut self.spread);
        let first = if was_here { &self.anywhere } else { &self.first };
        track.update((before, now), motion, first, &evidence, spread, &self.floor_of, moved);
        if let Some((zone, p)) = track.best()
            && p > TEACHES
            && let Some(excess) = self.radio.learn(zone, heard, trims, offset)
        {
            track.learnt = (track.learnt + 1).min(SLOWEST);
            let offset = offset + excess / (HELD_BACK + f32::from(track.learnt));
            track.offset = (offset.clamp(-MOST, MOST) * 4.0).round() as i8;
        }
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
