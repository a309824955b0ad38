//! What to expect of an installation, from its commissioning walk: parts of the walk are left out, the model is made of
//! the rest, and has to say where the parts were made.
//!
//! A visitor who stays is heard again and again, from here and there in a zone. So scans of a zone are put together by six,
//! taken from all over the walk, as one such stay.

use super::calibration::{Calibration, Scan, walks};
use super::surveyed::{SurveyModel, TEMPER};
use crate::site::{Site, ZoneIx};

/// The walk is left out by so many parts.
const PARTS: usize = 5;
/// Scans that are put together as a stay.
const STAY: usize = 6;
/// A pair of zones confused less often than this is told apart.
const TOLD_APART: f32 = 0.02;

/// How well a walk's scans are placed by the rest of the walk.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    zones: usize,
    /// Row: true zone; column: zone it is taken for. Probabilities; rows sum to 1, or to 0 where there were no scans.
    scans: Vec<f32>,
    /// The same of stays.
    stays: Vec<f32>,
    /// Scans placed, by zone.
    placed: Vec<u32>,
}

impl Assessment {
    /// Of the scans of one or several walks, in the order they were made.
    pub fn of(site: &Site, scans: &[Scan]) -> Self {
        let zones = site.zones.len();
        let mut likely = vec![Vec::new(); zones];
        let walks = walks(scans);
        for part in 0..PARTS {
            let left_out = |i: &usize| walks[*i] % PARTS == part;
            let rest: Vec<Scan> =
                (0..scans.len()).filter(|i| !left_out(i)).map(|i| scans[i].clone()).collect();
            let calibration = Calibration::from_scans(site, &rest);
            let Ok(mut model) = SurveyModel::new(site, &calibration) else { continue };
            // A zone that only this part came through cannot be judged.
            let known = |i: &usize| rest.iter().any(|s| s.zone == scans[*i].zone);
            let known: Vec<usize> = (0..scans.len()).filter(left_out).filter(known).collect();
            for i in known {
                let heard: Vec<_> =
                    scans[i].heard.iter().map(|(s, r)| (usize::from(s.0), Some(f32::from(*r)))).collect();
                let mut l = vec![0.0; zones];
                model.log_likelihood(&heard, &mut l);
                likely[usize::from(scans[i].zone.0)].push(l);
            }
        }
        let mut a = Self {
            zones,
            scans: vec![0.0; zones * zones],
            stays: vec![0.0; zones * zones],
            placed: likely.iter().map(|l| l.len() as u32).collect(),
        };
        for (z, all) in likely.iter().enumerate() {
            let row = z * zones..(z + 1) * zones;
            for l in all {
                add(&mut a.scans[row.clone()], l.iter().copied(), all.len());
            }
            let stays = all.len().div_ceil(STAY);
            for k in 0..stays {
                let some = all.iter().skip(k).step_by(stays);
                let mut sum = vec![0.0; zones];
                some.for_each(|l| sum.iter_mut().zip(l).for_each(|(s, l)| *s += l * TEMPER.0));
                add(&mut a.stays[row.clone()], sum.into_iter(), stays);
            }
        }
        a
    }

    /// Scans placed in a zone.
    pub fn placed(&self, zone: ZoneIx) -> u32 {
        self.placed.get(usize::from(zone.0)).copied().unwrap_or(0)
    }

    /// With what probability one scan in zone `is` is taken for one in zone `taken_for`.
    pub fn scan(&self, is: ZoneIx, taken_for: ZoneIx) -> f32 {
        self.scans.get(self.at(is, taken_for)).copied().unwrap_or(0.0)
    }

    /// With what probability a stay in zone `is` is taken for one in zone `taken_for`.
    pub fn stay(&self, is: ZoneIx, taken_for: ZoneIx) -> f32 {
        self.stays.get(self.at(is, taken_for)).copied().unwrap_or(0.0)
    }

    /// Pairs of zones of which stays in the first are taken for stays in the second, the most often confused first.
    pub fn confused(&self) -> Vec<(ZoneIx, ZoneIx, f32)> {
        let all = (0..self.zones as u16).map(ZoneIx);
        let pairs = all.clone().flat_map(|a| all.clone().map(move |b| (a, b))).filter(|(a, b)| a != b);
        let mut pairs: Vec<_> =
            pairs.map(|(a, b)| (a, b, self.stay(a, b))).filter(|p| p.2 > TOLD_APART).collect();
        pairs.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
        pairs
    }

    fn at(&self, is: ZoneIx, taken_for: ZoneIx) -> usize {
        usize::from(is.0) * self.zones + usize::from(taken_for.0)
    }
}

/// Adds the probabilities that go with log-likelihoods, each worth one in `of`.
fn add(row: &mut [f32], l: impl Iterator<Item = f32> + Clone, of: usize) {
    let best = l.clone().fold(f32::NEG_INFINITY, f32::max);
    let p: Vec<f32> = l.map(|l| libm::expf(l - best)).collect();
    let total: f32 = p.iter().sum::<f32>() * of as f32;
    row.iter_mut().zip(p).for_each(|(r, p)| *r += p / total);
}
