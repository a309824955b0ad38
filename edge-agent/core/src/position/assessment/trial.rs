//! A trial of a walk: every part of it is left out in turn, a model is made of the rest, and the scans of the part are put
//! before that model.
//!
//! A visitor who stays is heard again and again, from here and there in a zone. So scans of a zone are put together by six,
//! taken from all over the walk, as one such stay.

use super::super::calibration::{Calibration, Scan, strongest};
use super::super::surveyed::{SurveyModel, TEMPER};
use super::laps::{Laps, PARTS};
use crate::site::{Site, ZoneIx};

/// Scans that are put together as a stay.
pub(super) const STAY: usize = 6;
/// Scans of a zone that are judged at most; in large maps fewer, so that hardly more than so many are judged in all.
const JUDGED: usize = 240;
const JUDGED_IN_ALL: usize = 30_000;

/// Models of the walk without each part, and what they have to judge.
pub(super) struct Trial<'a> {
    pub(super) scans: &'a [Scan],
    pub(super) laps: Laps,
    models: Vec<Option<SurveyModel>>,
    /// Scans of each zone that are judged.
    pub(super) judged: Vec<Vec<usize>>,
    /// By part: the sensors that hear each zone.
    heard_by: Vec<Vec<Vec<usize>>>,
    zones: usize,
    /// The scan at hand; here to be used again.
    heard: Vec<(usize, Option<f32>)>,
}

/// A stay in one zone, as the walk has it.
pub(super) struct Stay {
    pub(super) zone: ZoneIx,
    pub(super) scans: Vec<usize>,
    /// Log-likelihood of each zone, nats.
    pub(super) likely: Vec<f32>,
}

impl<'a> Trial<'a> {
    pub(super) fn new(site: &Site, scans: &'a [Scan]) -> Self {
        let zones = site.zones.len();
        let laps = Laps::of(zones, scans);
        let without = |part: usize| {
            let left = scans.iter().zip(&laps.part).filter(|(_, p)| usize::from(**p) != part);
            let rest: Vec<Scan> = left.map(|(scan, _)| scan.clone()).collect();
            (rest.len() < scans.len())
                .then(|| SurveyModel::new(site, &Calibration::from_scans(site, &rest)).ok())
                .flatten()
        };
        let models: Vec<Option<SurveyModel>> = (0..PARTS).map(without).collect();
        let heard_by =
            models.iter().map(|m| m.as_ref().map_or_else(Vec::new, SurveyModel::heard_by)).collect();
        let mut judged = vec![Vec::new(); zones];
        for (i, scan) in scans.iter().enumerate() {
            let zone = usize::from(scan.zone.0);
            if laps.can_be_judged(zone) {
                judged[zone].push(i);
            }
        }
        let most = (JUDGED_IN_ALL / zones.max(1)).clamp(5 * STAY, JUDGED);
        let judged = judged.into_iter().map(|all| evenly(&all, most)).collect();
        Self { scans, laps, models, judged, heard_by, zones, heard: Vec::new() }
    }

    /// What the model that does not know scan `i` says of it: the log-likelihood of each zone, nats.
    pub(super) fn place(&mut self, i: usize, out: &mut [f32]) {
        self.heard.clear();
        self.heard
            .extend(strongest(&self.scans[i]).iter().map(|(s, r)| (usize::from(s.0), Some(f32::from(*r)))));
        match &mut self.models[usize::from(self.laps.part[i])] {
            Some(model) => model.log_likelihood(&self.heard, out),
            None => out.fill(0.0),
        }
    }

    /// How much likelier scan `i`, which was placed last, makes each of these zones if one sensor is down, for every
    /// sensor that has a say in it.
    pub(super) fn without_each(
        &self,
        i: usize,
        zones: &[usize],
        likely: &[f32],
        each: &mut dyn FnMut(usize, usize, f32),
    ) {
        let part = usize::from(self.laps.part[i]);
        let Some(model) = &self.models[part] else { return };
        let mut ears: Vec<usize> = self.heard.iter().map(|(s, _)| *s).collect();
        ears.sort_unstable();
        for (n, z) in zones.iter().enumerate() {
            let by = &self.heard_by[part][*z];
            let more = ears.iter().filter(|s| by.binary_search(s).is_err());
            for sensor in by.iter().chain(more) {
                let heard = self.heard.iter().find(|(s, _)| s == sensor).map(|(_, rssi)| *rssi);
                let without = model.without(ZoneIx(*z as u16), *sensor, heard);
                // A zone that this model does not know is as likely as ever.
                if without.is_finite() {
                    each(*sensor, n, without - likely[*z]);
                }
            }
        }
    }

    /// The stays of a zone.
    pub(super) fn stays_in(&self, zone: usize) -> impl Iterator<Item = Vec<usize>> + use<'_> {
        let all = &self.judged[zone];
        let stays = all.len().div_ceil(STAY);
        (0..stays).map(move |k| all.iter().skip(k).step_by(stays).copied().collect())
    }

    /// A stay of these scans, put before the models.
    pub(super) fn stay(&mut self, zone: ZoneIx, scans: Vec<usize>) -> Stay {
        let mut likely = vec![0.0; self.zones];
        let mut one = vec![0.0; self.zones];
        for i in &scans {
            self.place(*i, &mut one);
            likely.iter_mut().zip(&one).for_each(|(sum, l)| *sum += l * TEMPER.0);
        }
        Stay { zone, scans, likely }
    }
}

/// At most so many of a list, from all over it.
pub(super) fn evenly<T: Clone>(all: &[T], most: usize) -> Vec<T> {
    let n = all.len();
    if n <= most {
        return all.to_vec();
    }
    (0..most).map(|i| all[i * n / most].clone()).collect()
}

/// The probabilities that go with log-likelihoods.
pub(super) fn probabilities(likely: &[f32]) -> Vec<f32> {
    let best = likely.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut p: Vec<f32> = likely.iter().map(|l| libm::expf(l - best)).collect();
    let total: f32 = p.iter().sum();
    p.iter_mut().for_each(|p| *p /= total);
    p
}
