//! What to expect of an installation, from its commissioning walk.
//!
//! Parts of the walk are left out, the model is made of the rest, and has to say where the parts were made (`trial`). What
//! comes of it is an [`Assessment`]: how often each zone is taken for which.

mod advice;
mod air;
mod figures;
mod inspection;
mod laps;
mod one_more;
mod sensors;
mod trial;

pub use advice::{Advice, Verdict};
pub use air::Air;
pub use figures::{Alike, FloorFigures, Rate};
pub use inspection::Inspection;
pub use one_more::{Foresight, OneMore};
pub use sensors::SensorWorth;

use super::calibration::Scan;
use crate::site::{Site, ZoneIx};
use crate::time::Span;
use trial::{STAY, Trial, probabilities};

/// A pair of zones confused less often than this is told apart.
const TOLD_APART: f32 = 0.02;

/// How well a walk's scans are placed by the rest of the walk.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// For each zone that was judged, the probability of each zone to be taken for; they sum to 1.
    scans: Vec<Vec<f32>>,
    /// The same of stays.
    stays: Vec<Vec<f32>>,
    /// Scans placed, by zone.
    placed: Vec<u32>,
    /// Laps that came through each zone.
    passes: Vec<u32>,
    /// Walks, and laps they consist of.
    pub walks: u32,
    /// Laps: stretches of walking in which no zone is come back to.
    pub laps: u32,
    /// How often the walk is on another floor and back within seconds: it is two walks, or its labels are wrong.
    pub jumps: u32,
}

/// Nobody gets to another floor and back faster.
const THERE_AND_BACK: Span = Span::from_secs(10);

impl Assessment {
    /// Of the scans of one or several walks, in the order they were made.
    pub fn of(site: &Site, scans: &[Scan]) -> Self {
        Self::from_trial(site, &mut Trial::new(site, scans))
    }

    fn from_trial(site: &Site, trial: &mut Trial<'_>) -> Self {
        let zones = site.zones.len();
        let mut a = Self {
            scans: vec![Vec::new(); zones],
            stays: vec![Vec::new(); zones],
            placed: trial.judged.iter().map(|all| all.len() as u32).collect(),
            passes: trial.laps.passes.clone(),
            walks: trial.laps.walks,
            laps: trial.laps.laps,
            jumps: jumps(site, trial.scans),
        };
        let mut likely = vec![0.0; zones];
        for z in (0..zones).filter(|z| a.placed[*z] > 0) {
            let mut scan_row = vec![0.0; zones];
            let mut stay_row = vec![0.0; zones];
            for i in trial.judged[z].clone() {
                trial.place(i, &mut likely);
                add(&mut scan_row, &probabilities(&likely));
            }
            let stays: Vec<_> = trial.stays_in(z).collect();
            let (n, m) = (trial.judged[z].len() as f32, stays.len() as f32);
            for scans in stays {
                add(&mut stay_row, &probabilities(&trial.stay(ZoneIx(z as u16), scans).likely));
            }
            scan_row.iter_mut().for_each(|p| *p /= n);
            stay_row.iter_mut().for_each(|p| *p /= m);
            (a.scans[z], a.stays[z]) = (scan_row, stay_row);
        }
        a
    }

    /// Scans placed in a zone; 0 where the zone could not be judged.
    pub fn placed(&self, zone: ZoneIx) -> u32 {
        self.placed.get(usize::from(zone.0)).copied().unwrap_or(0)
    }

    /// Stays that were put together of them.
    pub fn stays_placed(&self, zone: ZoneIx) -> u32 {
        self.placed(zone).div_ceil(STAY as u32)
    }

    /// Laps of the walk that came through a zone. One alone cannot be judged.
    pub fn passes(&self, zone: ZoneIx) -> u32 {
        self.passes.get(usize::from(zone.0)).copied().unwrap_or(0)
    }

    /// The zones that could be judged, in the order of the map.
    pub fn judged(&self) -> impl Iterator<Item = ZoneIx> + '_ {
        (0..self.placed.len() as u16).map(ZoneIx).filter(|z| self.placed(*z) > 0)
    }

    /// With what probability one scan in zone `is` is taken for one in zone `taken_for`.
    pub fn scan(&self, is: ZoneIx, taken_for: ZoneIx) -> f32 {
        at(&self.scans, is, taken_for)
    }

    /// With what probability a stay in zone `is` is taken for one in zone `taken_for`.
    pub fn stay(&self, is: ZoneIx, taken_for: ZoneIx) -> f32 {
        at(&self.stays, is, taken_for)
    }

    /// Pairs of zones of which stays in the first are taken for stays in the second, the most often confused first.
    pub fn confused(&self) -> Vec<(ZoneIx, ZoneIx, f32)> {
        let zones = (0..self.stays.len() as u16).map(ZoneIx);
        let pairs = self.judged().flat_map(|a| zones.clone().map(move |b| (a, b))).filter(|(a, b)| a != b);
        let mut pairs: Vec<_> =
            pairs.map(|(a, b)| (a, b, self.stay(a, b))).filter(|p| p.2 > TOLD_APART).collect();
        pairs.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
        pairs
    }
}

fn jumps(site: &Site, scans: &[Scan]) -> u32 {
    let is_jump = |three: &&[Scan]| {
        let took = three[2].at.since(three[0].at);
        let floors = [0, 1, 2].map(|i: usize| site.floor_of(three[i].zone));
        let and_back = floors[0] != floors[1] && floors[1] != floors[2];
        and_back && (Span::ZERO..THERE_AND_BACK).contains(&took)
    };
    scans.windows(3).filter(is_jump).count() as u32
}

fn at(rows: &[Vec<f32>], is: ZoneIx, taken_for: ZoneIx) -> f32 {
    let row = rows.get(usize::from(is.0));
    row.and_then(|r| r.get(usize::from(taken_for.0))).copied().unwrap_or(0.0)
}

fn add(row: &mut [f32], p: &[f32]) {
    row.iter_mut().zip(p).for_each(|(r, p)| *r += p);
}

#[cfg(test)]
mod tests;
