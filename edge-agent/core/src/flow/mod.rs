//! How many: footfall, occupancy and rates of each interval, for the site, each floor and each zone.
//!
//! Figures are counts of what was published as visits, an index until a door counter calibrates them. An interval
//! is counted when its facts become known: a late exit belongs to the interval in which it was decided. Intervals
//! in which nothing at all was observed are not reported: silence is no evidence of emptiness.

use crate::event::{Confidence, DwellQuantiles, Estimate, FlowBasis, FlowInterval, FlowScope};
use crate::site::{FloorIx, Site, ZoneIx};
use crate::time::{Span, Timestamp};
use crate::visit::Device;
use serde::{Deserialize, Serialize};

/// Dwells kept for the quantiles of one place and interval; later ones replace none.
const DWELLS: usize = 256;

/// The counters of the interval that is running.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Flow {
    from: Timestamp,
    site: Place,
    floors: Vec<Place>,
    zones: Vec<Place>,
    passed_by: u32,
    exits: u32,
    exits_with_bag: u32,
    observed: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Place {
    entered: u32,
    dwells: Vec<f32>,
}

impl Flow {
    /// No interval has begun.
    pub fn new(site: &Site) -> Self {
        Self {
            from: Timestamp::MAX,
            site: Place::default(),
            floors: vec![Place::default(); site.floors.len()],
            zones: vec![Place::default(); site.zones.len()],
            passed_by: 0,
            exits: 0,
            exits_with_bag: 0,
            observed: false,
        }
    }

    /// Something was observed at `at`: an interval runs.
    pub fn observed(&mut self, at: Timestamp, step: Span) {
        if !self.observed {
            self.from = at.floor_to(step);
            self.observed = true;
        }
    }

    /// When the running interval ends; `None` while none runs.
    pub fn next_deadline(&self, step: Span) -> Option<Timestamp> {
        self.observed.then(|| self.from + step)
    }

    /// Somebody came in.
    pub fn arrived(&mut self, zone: ZoneIx, floor: FloorIx) {
        self.site.entered += 1;
        self.floors[usize::from(floor.0)].entered += 1;
        self.zones[usize::from(zone.0)].entered += 1;
    }

    /// A visitor came to a floor from another one.
    pub fn entered_floor(&mut self, floor: FloorIx) {
        self.floors[usize::from(floor.0)].entered += 1;
    }

    /// A visitor came to a zone.
    pub fn entered_zone(&mut self, zone: ZoneIx) {
        self.zones[usize::from(zone.0)].entered += 1;
    }

    /// Somebody approached and did not come in.
    pub fn passed_by(&mut self) {
        self.passed_by += 1;
    }

    /// A dwell ended.
    pub fn dwelt(&mut self, zone: ZoneIx, length: Span) {
        let dwells = &mut self.zones[usize::from(zone.0)].dwells;
        if dwells.len() < DWELLS {
            dwells.push(length.as_secs_f32());
        }
    }

    /// A visit ended.
    pub fn exited(&mut self, with_bag: bool) {
        self.exits += 1;
        self.exits_with_bag += u32::from(with_bag);
    }

    /// An exit was taken back.
    pub fn resumed(&mut self, with_bag: bool) {
        self.exits = self.exits.saturating_sub(1);
        self.exits_with_bag = self.exits_with_bag.saturating_sub(u32::from(with_bag));
    }

    /// An arrival was taken back.
    pub fn not_a_visitor(&mut self) {
        self.site.entered = self.site.entered.saturating_sub(1);
    }

    /// Ends the running interval and reports it; figures below `k` people are withheld.
    pub fn close<'a>(
        &mut self,
        site: &Site,
        step: Span,
        k: u32,
        devices: impl Iterator<Item = &'a Device>,
    ) -> Vec<FlowInterval> {
        let mut here = Occupancy::new(site);
        devices.filter(|d| d.is_inside()).for_each(|d| here.add(site, d));
        let (from, until) = (self.from, self.from + step);
        let report = |scope, place: &str, counted: &Place, people: u32| FlowInterval {
            scope,
            place: place.to_owned(),
            from,
            until,
            basis: FlowBasis::Index,
            suppressed: false,
            footfall: Some(counted.entered),
            occupancy: Some(poisson(people)),
            capture_rate: None,
            bag_rate: None,
            dwell_s: quantiles(&counted.dwells),
        };
        self.site.dwells = self.zones.iter().flat_map(|z| z.dwells.iter().copied()).collect();
        let mut all = Vec::with_capacity(1 + site.floors.len() + site.zones.len());
        let mut whole = report(FlowScope::Site, &site.id, &self.site, here.site);
        whole.capture_rate = share(self.site.entered, self.site.entered + self.passed_by);
        whole.bag_rate = share(self.exits_with_bag, self.exits);
        all.push(whole);
        for ((floor, place), people) in site.floors.iter().zip(&self.floors).zip(&here.floors) {
            all.push(report(FlowScope::Floor, &floor.id, place, *people));
        }
        for ((zone, place), people) in site.zones.iter().zip(&self.zones).zip(&here.zones) {
            all.push(report(FlowScope::Zone, &zone.id, place, *people));
        }
        all.iter_mut().for_each(|f| suppress(f, k));
        *self = Self::new(site);
        all
    }
}

/// Visitors in each place.
struct Occupancy {
    site: u32,
    floors: Vec<u32>,
    zones: Vec<u32>,
}

impl Occupancy {
    fn new(site: &Site) -> Self {
        Self { site: 0, floors: vec![0; site.floors.len()], zones: vec![0; site.zones.len()] }
    }

    fn add(&mut self, site: &Site, d: &Device) {
        self.site += 1;
        if let Some((zone, _)) = d.track.best() {
            self.zones[usize::from(zone.0)] += 1;
            self.floors[usize::from(site.floor_of(zone).0)] += 1;
        }
    }
}

/// Withholds what fewer than `k` people stand behind.
fn suppress(f: &mut FlowInterval, k: u32) {
    let people = f.footfall.unwrap_or(0).max(f.occupancy.map_or(0, |o| o.estimate as u32));
    if people >= k {
        // Rates and quantiles of fewer than k people stay withheld on their own.
        f.dwell_s = f.dwell_s.filter(|d| d.count >= k);
        return;
    }
    f.suppressed = true;
    f.footfall = None;
    f.occupancy = None;
    f.capture_rate = None;
    f.bag_rate = None;
    f.dwell_s = None;
}

/// A count with the 90 % interval of a Poisson mean, n ± 1.645 √n.
fn poisson(n: u32) -> Estimate {
    let n = n as f32;
    let half = 1.645 * n.sqrt();
    Estimate { estimate: n, low: (n - half).max(0.0).round(), high: (n + half).round() }
}

fn share(part: u32, whole: u32) -> Option<Confidence> {
    (whole > 0).then(|| Confidence::new(part as f32 / whole as f32))
}

fn quantiles(dwells: &[f32]) -> Option<DwellQuantiles> {
    let mut sorted = dwells.to_vec();
    sorted.sort_by(f32::total_cmp);
    let at = |p: f32| sorted.get(((sorted.len().max(1) - 1) as f32 * p).round() as usize).copied();
    Some(DwellQuantiles { count: u32::try_from(sorted.len()).ok()?, p50: at(0.5)?, p90: at(0.9)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_nothing_are_none() {
        assert_eq!(quantiles(&[]), None);
        assert_eq!(quantiles(&[7.0]), Some(DwellQuantiles { count: 1, p50: 7.0, p90: 7.0 }));
    }

    #[test]
    fn a_count_of_zero_has_an_interval_of_zero() {
        assert_eq!(poisson(0), Estimate { estimate: 0.0, low: 0.0, high: 0.0 });
    }
}
