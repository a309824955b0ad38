//! Where is it: a Bayes filter over zones.
//!
//! A [`RadioModel`] says how likely each zone is given which sensors heard an emission, how strongly, and which
//! did not; a [`Motion`] says where something may be a while later; a [`Belief`] is the few likeliest zones of
//! one device, 48 bytes. [`Locator`] joins them.

mod belief;
mod motion;
mod radio;

pub use belief::Belief;
pub use motion::Motion;
pub use radio::RadioModel;

use crate::site::{FloorIx, Site, ZoneIx};
use crate::time::Span;

/// One emission as the sensors heard it: for each sensor its strongest RSSI, dBm.
pub type Heard<'a> = &'a [(crate::site::SensorIx, Option<i8>)];

/// Moves beliefs on and weighs them with what was heard. One for the whole engine.
#[derive(Clone, Debug)]
pub struct Locator {
    radio: RadioModel,
    motion: Motion,
    floor_of: Vec<FloorIx>,
    inside: Vec<bool>,
    floors: usize,
    /// Where something is that was never heard before.
    first: Vec<f32>,
    prior: Vec<f32>,
    log_likelihood: Vec<f32>,
}

impl Locator {
    /// From the site map alone.
    pub fn new(site: &Site) -> Self {
        Self {
            radio: RadioModel::from_geometry(site),
            motion: Motion::new(site),
            floor_of: site.zones.iter().map(|z| z.floor).collect(),
            inside: site.zones.iter().map(|z| z.kind.is_inside()).collect(),
            floors: site.floors.len(),
            first: first_heard(site),
            prior: vec![0.0; site.zones.len()],
            log_likelihood: vec![0.0; site.zones.len()],
        }
    }

    /// A sensor began or ceased to hear: while it is down its silence says nothing.
    pub fn set_sensor(&mut self, sensor: crate::site::SensorIx, up: bool) {
        self.radio.set_sensor(sensor, up);
    }

    /// The belief `dt` after `before` (`None`: never heard), given what was heard now.
    pub fn update(&mut self, before: Option<(&Belief, Span)>, heard: Heard<'_>) -> Belief {
        match before {
            Some((belief, dt)) => self.motion.spread(belief, dt, &mut self.prior),
            None => self.prior.copy_from_slice(&self.first),
        }
        self.radio.log_likelihood(heard, &mut self.log_likelihood);
        Belief::posterior(&self.prior, &self.log_likelihood)
    }

    /// Probability of being inside: beyond perimeter and entrances.
    pub fn inside(&self, belief: &Belief) -> f32 {
        belief.iter().filter(|(z, _)| self.inside[usize::from(z.0)]).map(|(_, p)| p).sum()
    }

    /// The likeliest floor and its probability.
    pub fn floor(&self, belief: &Belief) -> (FloorIx, f32) {
        let mut mass = [0.0f32; 64];
        for (zone, p) in belief.iter() {
            mass[usize::from(self.floor_of[usize::from(zone.0)].0).min(63)] += p;
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
        self.floor_of[usize::from(zone.0)]
    }

    /// Whether a zone lies beyond perimeter and entrances.
    pub fn is_inside(&self, zone: ZoneIx) -> bool {
        self.inside[usize::from(zone.0)]
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
