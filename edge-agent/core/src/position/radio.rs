//! How likely each zone is, given which sensors heard an emission, how strongly, and which did not.
//!
//! Two models: geometry from the map alone, and one from a commissioning walk; what the running system learns is mixed
//! into either. All weigh silence too, but
//! only that of sensors that are up. What a sensor or a phone reports too strongly is taken off first: [`Trims`]
//! are the sensors', the phone's comes with the emission.

use super::calibration::places_per_zone;
use super::geometry::Geometry;
use super::learnt::{Learnt, LearntModel};
use super::surveyed::SurveyModel;
use crate::site::{SensorIx, Site, ZoneIx};
use serde::{Deserialize, Serialize};

/// One emission as the sensors heard it: for each sensor its strongest RSSI, dBm.
pub type Heard<'a> = &'a [(SensorIx, Option<i8>)];

/// How emissions are heard.
#[derive(Clone, Debug)]
pub struct RadioModel {
    kind: Kind,
    learnt: LearntModel,
    up: Vec<bool>,
    /// The emission at hand; here to be used again.
    heard: Vec<(usize, Option<f32>)>,
}

#[derive(Clone, Debug)]
enum Kind {
    Geometry(Geometry),
    Surveyed(SurveyModel),
}

/// What was learnt of the sensors while running: how much stronger each reports now than the model says, dB.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trims {
    sensors: Vec<Trim>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Trim {
    db: f32,
    /// Readings it was learnt from, as far as they count.
    learnt: f32,
}

/// A trim changes by at most this share of a reading's error …
const SLOWEST: f32 = 1.0 / 2000.0;
/// … at first it is held back as if so many readings had shown no error …
const HELD_BACK: f32 = 200.0;
/// … one reading counts for at most this much, dB …
const ONE_READING: f32 = 12.0;
/// … and it never exceeds this, dB: a sensor further off is a sensor to look at.
const MOST: f32 = 12.0;

/// What is not told apart any more, nats below the best zone.
pub(super) const FAINTEST: f32 = -60.0;

impl RadioModel {
    /// From a commissioning walk of this very map, else from the positions of zones and sensors.
    pub fn new(site: &Site, survey: Option<&SurveyModel>) -> Self {
        let (zones, sensors) = (site.zones.len(), site.sensors.len());
        let survey = survey.filter(|s| s.fits(zones, sensors));
        let kind = match survey {
            Some(survey) => Kind::Surveyed(survey.clone()),
            None => Kind::Geometry(Geometry::new(site)),
        };
        let learnt = LearntModel::new(zones, sensors, places_per_zone(zones));
        let mut model = Self { kind, learnt, up: vec![true; sensors], heard: Vec::new() };
        model.sum_silence();
        model
    }

    /// Goes on with what was learnt before; once, and before anything else is learnt.
    pub fn adopt(&mut self, learnt: &Learnt) {
        self.learnt.adopt(learnt, &self.up);
    }

    /// Counts a sensor's silence as evidence, or not.
    pub fn set_sensor(&mut self, sensor: SensorIx, up: bool) {
        if let Some(state) = self.up.get_mut(usize::from(sensor.0))
            && *state != up
        {
            *state = up;
            self.sum_silence();
        }
    }

    fn sum_silence(&mut self) {
        match &mut self.kind {
            Kind::Geometry(g) => g.sum_silence(&self.up),
            Kind::Surveyed(s) => s.sum_silence(&self.up),
        }
        self.learnt.sum_silence(&self.up);
    }

    /// How much the evidence counts for who stays and for who walks: the errors of sensors are not independent of
    /// each other, nor those of emissions a moment apart.
    pub fn temper(&self) -> (f32, f32) {
        match self.kind {
            Kind::Geometry(_) => super::geometry::TEMPER,
            Kind::Surveyed(_) => super::surveyed::TEMPER,
        }
    }

    /// Writes the log-likelihood of each zone into `out`, nats: the best one 0, none below -60. `offset` is how much
    /// stronger than others this phone is heard, dB.
    pub fn log_likelihood(&mut self, heard: Heard<'_>, trims: &Trims, offset: f32, out: &mut [f32]) {
        self.listen(heard, trims, offset);
        match &mut self.kind {
            Kind::Geometry(g) => g.log_likelihood(&self.heard, out),
            Kind::Surveyed(s) => s.log_likelihood(&self.heard, out),
        }
        self.learnt.mix(&self.heard, out);
        let best = out.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for l in out {
            *l = (*l - best).max(FAINTEST);
        }
    }

    /// An emission that was heard so came from `zone`.
    pub fn teach(&mut self, zone: ZoneIx, heard: Heard<'_>, trims: &Trims, offset: f32, learnt: &mut Learnt) {
        self.listen(heard, trims, offset);
        self.learnt.teach(learnt, zone, &self.heard, &self.up);
    }

    /// What was heard, had the reference phone sent it and all sensors heard as they should.
    fn listen(&mut self, heard: Heard<'_>, trims: &Trims, offset: f32) {
        self.heard.clear();
        self.heard.extend(heard.iter().map(|(sensor, rssi)| {
            let s = usize::from(sensor.0);
            (s, rssi.map(|r| f32::from(r) - offset - trims.sensors.get(s).map_or(0.0, |t| t.db)))
        }));
    }

    /// By how much the readings exceed what the model expects of an emission from `zone`, dB on average, the phone's
    /// own offset taken off. Teaches the sensors' trims; `None` where the model expects nothing.
    pub fn learn(&self, zone: ZoneIx, heard: Heard<'_>, trims: &mut Trims, offset: f32) -> Option<f32> {
        let Kind::Surveyed(model) = &self.kind else { return None };
        trims.sensors.resize(self.up.len(), Trim::default());
        let (mut sum, mut n) = (0.0, 0.0);
        for &(sensor, rssi) in heard {
            let s = usize::from(sensor.0);
            let (Some(rssi), Some(trim)) = (rssi, trims.sensors.get_mut(s)) else { continue };
            let Some(expected) = model.expected(zone, s) else { continue };
            let off = f32::from(rssi) - offset - expected;
            sum += off - trim.db;
            n += 1.0;
            let error = (off - trim.db).clamp(-ONE_READING, ONE_READING);
            trim.learnt = (trim.learnt + 1.0).min(1.0 / SLOWEST - HELD_BACK);
            trim.db = (trim.db + error / (HELD_BACK + trim.learnt)).clamp(-MOST, MOST);
        }
        (n > 0.0).then(|| sum / n)
    }
}

impl Trims {
    /// How much stronger each sensor reports than the model says, dB, by sensor.
    pub fn db(&self) -> impl Iterator<Item = f32> + '_ {
        self.sensors.iter().map(|t| t.db)
    }
}
