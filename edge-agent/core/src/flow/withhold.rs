//! What must not be told: figures behind which fewer than k people stand, and figures from which these could be
//! worked out.
//!
//! A figure below k is withheld. If then a whole and all its other parts are told (a floor and its zones, the site and its
//! floors, an hour and its intervals, a day and its hours), the difference is the withheld part; so where that would be
//! more than 0 and less than k, the whole is told only to the nearest multiple of k. Between neighbouring intervals there
//! is no such difference: each counts other arrivals, and that 14 people became 15 says of nobody who it was.

use crate::event::{Estimate, FlowInterval};
use serde::{Deserialize, Serialize};

/// What was told of a part of a whole, or of several parts together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Parts {
    pub footfall: u32,
    pub footfall_withheld: bool,
    /// People times samples, and samples: of those told, and of those withheld.
    pub people: f32,
    pub told: u32,
    pub withheld: u32,
}

impl Parts {
    /// What was told in `f`, for which there were so many samples.
    pub(super) fn of(f: &FlowInterval, samples: u32) -> Self {
        let told = f.occupancy.map_or(0, |_| samples);
        Self {
            footfall: f.footfall.unwrap_or(0),
            footfall_withheld: f.footfall.is_none(),
            people: f.occupancy.map_or(0.0, |o| o.estimate * samples as f32),
            told,
            withheld: samples - told,
        }
    }

    fn add(&mut self, other: &Self) {
        self.footfall = self.footfall.saturating_add(other.footfall);
        self.footfall_withheld |= other.footfall_withheld;
        self.people += other.people;
        self.told = self.told.saturating_add(other.told);
        self.withheld = self.withheld.saturating_add(other.withheld);
    }

    /// Adds, place by place.
    pub(super) fn add_all(sums: &mut Vec<Self>, parts: impl Iterator<Item = Self>) {
        for (i, part) in parts.enumerate() {
            match sums.get_mut(i) {
                Some(sum) => sum.add(&part),
                None => sums.push(part),
            }
        }
    }
}

/// Withholds what fewer than `k` people stand behind.
pub(super) fn small(f: &mut FlowInterval, k: u32) {
    let few = |n: f32| n < k as f32;
    f.suppressed = few(f.footfall.unwrap_or(0) as f32) && f.occupancy.is_none_or(|o| few(o.estimate));
    // Nobody is no person; unless it is all that is said.
    f.footfall = f.footfall.filter(|n| !f.suppressed && (*n == 0 || !few(*n as f32)));
    f.occupancy = f.occupancy.filter(|o| !few(o.estimate));
    f.dwell_s = f.dwell_s.filter(|d| d.count >= k);
    f.conversion = f.conversion.filter(|_| f.footfall.is_some());
}

/// Tells a whole less exactly if parts of other times would give a withheld one away.
pub(super) fn blur_times(whole: &mut FlowInterval, parts: &Parts, k: u32) {
    blur_footfall(whole, parts, k);
    let samples = (parts.told + parts.withheld).max(1) as f32;
    let share = parts.withheld as f32 / samples;
    if share > 0.0 {
        blur_occupancy(whole, parts.people / samples, share, k);
    }
}

/// The same for parts of the place. Footfall does not add up: who comes to a floor came to a zone of it, or to several.
pub(super) fn blur_places<'a>(
    whole: &mut FlowInterval,
    parts: impl Iterator<Item = &'a FlowInterval>,
    k: u32,
) {
    let (mut told, mut withheld) = (0.0, false);
    for part in parts {
        match part.occupancy {
            Some(o) => told += o.estimate,
            None => withheld = true,
        }
    }
    if withheld {
        blur_occupancy(whole, told, 1.0, k);
    }
}

fn blur_footfall(whole: &mut FlowInterval, parts: &Parts, k: u32) {
    let Some(n) = whole.footfall.filter(|_| parts.footfall_withheld) else { return };
    let hidden = n.abs_diff(parts.footfall);
    if hidden > 0 && hidden < k {
        whole.footfall = Some(nearest(n as f32, k) as u32);
        whole.rounded_to = Some(k);
    }
}

/// `share` of the whole is withheld.
fn blur_occupancy(whole: &mut FlowInterval, told: f32, share: f32, k: u32) {
    let Some(o) = whole.occupancy else { return };
    let hidden = (o.estimate - told).abs() / share;
    if hidden < k as f32 && hidden >= NOBODY {
        let round = |n: f32| nearest(n, k);
        let estimate = round(o.estimate);
        whole.occupancy =
            Some(Estimate { estimate, low: round(o.low).min(estimate), high: round(o.high).max(estimate) });
        whole.rounded_to = Some(k);
    }
}

/// Less than this is what rounding leaves over.
const NOBODY: f32 = 0.05;

fn nearest(n: f32, k: u32) -> f32 {
    let k = k.max(1) as f32;
    (n / k).round() * k
}
