//! What can be added up: the figures of places over a stretch of time.

use super::shared::Shared;
use crate::event::DwellQuantiles;
use crate::observation::CountedPlace;
use crate::site::{FloorIx, Site, ZoneIx};
use crate::time::Span;
use serde::{Deserialize, Serialize};

/// Of a place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    /// People who came in.
    pub entered: u32,
    /// Sales of its tills.
    pub sales: u32,
    /// Dwells that ended.
    pub dwells: Dwells,
    /// Sums over the samples: people, the variance of that, and the share of its sensors that heard.
    pub people: f32,
    pub variance: f32,
    pub heard: f32,
    pub samples: u32,
    /// What door counters said, or taught.
    pub said: SaidSums,
}

/// Sums over intervals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct SaidSums {
    /// Intervals, and those of them that were counted all the time.
    pub intervals: u32,
    pub counted: u32,
    /// People who came in, of so many intervals.
    pub entered: u32,
    pub entered_of: u32,
    /// People inside and the ends of the interval, of so many intervals.
    pub people: f32,
    pub low: f32,
    pub high: f32,
    pub people_of: u32,
}

impl SaidSums {
    fn add(&mut self, other: &Self) {
        self.intervals = self.intervals.saturating_add(other.intervals);
        self.counted = self.counted.saturating_add(other.counted);
        self.entered = self.entered.saturating_add(other.entered);
        self.entered_of = self.entered_of.saturating_add(other.entered_of);
        self.people += other.people;
        self.low += other.low;
        self.high += other.high;
        self.people_of = self.people_of.saturating_add(other.people_of);
    }
}

impl Place {
    fn add(&mut self, other: &Self) {
        self.entered = self.entered.saturating_add(other.entered);
        self.sales = self.sales.saturating_add(other.sales);
        self.dwells.add(&other.dwells);
        self.people += other.people;
        self.variance += other.variance;
        self.heard += other.heard;
        self.samples = self.samples.saturating_add(other.samples);
        self.said.add(&other.said);
    }
}

/// Of a site, its floors and its zones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub site: Place,
    pub floors: Vec<Place>,
    pub zones: Vec<Place>,
    /// Passers-by, each counting for those like it who were not heard.
    pub passed_by: f32,
    /// Visits that ended, and those of them that had bought.
    pub exits: u32,
    pub exits_with_bag: u32,
    /// Who dwelt where else.
    pub shared: Shared,
}

impl Tally {
    pub(super) fn new(site: &Site) -> Self {
        Self::of(site.floors.len(), site.zones.len())
    }

    /// One of the same places in which nothing happened.
    pub(super) fn of_nothing(&self) -> Self {
        Self::of(self.floors.len(), self.zones.len())
    }

    fn of(floors: usize, zones: usize) -> Self {
        Self {
            site: Place::default(),
            floors: vec![Place::default(); floors],
            zones: vec![Place::default(); zones],
            passed_by: 0.0,
            exits: 0,
            exits_with_bag: 0,
            shared: Shared::default(),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.site.add(&other.site);
        self.floors.iter_mut().zip(&other.floors).for_each(|(a, b)| a.add(b));
        self.zones.iter_mut().zip(&other.zones).for_each(|(a, b)| a.add(b));
        self.passed_by += other.passed_by;
        self.exits = self.exits.saturating_add(other.exits);
        self.exits_with_bag = self.exits_with_bag.saturating_add(other.exits_with_bag);
        self.shared.add(&other.shared);
    }

    /// One interval is over.
    pub(super) fn ended(&mut self) {
        let all = core::iter::once(&mut self.site).chain(&mut self.floors).chain(&mut self.zones);
        all.for_each(|place| place.said.intervals = 1);
    }

    pub(super) fn place(&self, place: CountedPlace) -> &Place {
        match place {
            CountedPlace::Site => &self.site,
            CountedPlace::Floor(floor) => &self.floors[usize::from(floor.0)],
            CountedPlace::Zone(zone) => &self.zones[usize::from(zone.0)],
        }
    }

    pub(super) fn place_mut(&mut self, place: CountedPlace) -> &mut Place {
        match place {
            CountedPlace::Site => &mut self.site,
            CountedPlace::Floor(floor) => self.floor(floor),
            CountedPlace::Zone(zone) => self.zone(zone),
        }
    }

    pub(super) fn floor(&mut self, floor: FloorIx) -> &mut Place {
        &mut self.floors[usize::from(floor.0)]
    }

    pub(super) fn zone(&mut self, zone: ZoneIx) -> &mut Place {
        &mut self.zones[usize::from(zone.0)]
    }
}

/// Lengths of dwells, counted in classes that are each 4 % longer than the one before: additive, and small.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Dwells(Vec<u16>);

const CLASSES: usize = 160;
const SHORTEST_S: f32 = 30.0;
/// ln 1.04: the last class begins at four hours.
const STEP: f32 = 0.039_220_713;

impl Dwells {
    pub(super) fn count(&mut self, length: Span) {
        if self.0.is_empty() {
            self.0 = vec![0; CLASSES];
        }
        let class = libm::logf(length.as_secs_f32().max(SHORTEST_S) / SHORTEST_S) / STEP;
        let n = &mut self.0[(class as usize).min(CLASSES - 1)];
        *n = n.saturating_add(1);
    }

    pub(super) fn add(&mut self, other: &Self) {
        if self.0.is_empty() {
            self.0.clone_from(&other.0);
        } else {
            self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a = a.saturating_add(*b));
        }
    }

    /// Quantiles to 2 %; nothing where there were none.
    pub(super) fn quantiles(&self) -> Option<DwellQuantiles> {
        let count: u32 = self.0.iter().map(|n| u32::from(*n)).sum();
        let at = |p: f32| {
            let rank = (count.max(1) - 1) as f32 * p;
            let mut below = 0u32;
            let class = self.0.iter().position(|n| {
                below += u32::from(*n);
                below as f32 > rank
            })?;
            Some(SHORTEST_S * libm::expf((class as f32 + 0.5) * STEP))
        };
        Some(DwellQuantiles { count, p50: at(0.5)?, p90: at(0.9)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_dwells_to_two_percent_also_when_added_up() {
        assert_eq!(Dwells::default().quantiles(), None);
        let (mut a, mut b) = (Dwells::default(), Dwells::default());
        for s in 0..600 {
            if s % 3 == 0 { &mut a } else { &mut b }.count(Span::from_secs(180 + 10 * s));
        }
        a.add(&b);
        let q = a.quantiles().unwrap();
        assert_eq!(q.count, 600);
        for (got, right) in [(q.p50, 180.0 + 10.0 * 299.5), (q.p90, 180.0 + 10.0 * 539.1)] {
            assert!((got / right - 1.0).abs() < 0.025, "{got} {right}");
        }
    }

    #[test]
    fn a_dwell_of_any_length_is_counted() {
        let mut d = Dwells::default();
        for s in [-5, 0, 1, 86_400, i64::from(u32::MAX)] {
            d.count(Span::from_secs(s));
        }
        assert_eq!(d.quantiles().unwrap().count, 5);
    }
}
