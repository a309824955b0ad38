//! From what is heard to how many there are, as a door counter teaches it.
//!
//! While a counter says how many people are in a place, each interval yields a pair: the addresses heard there (all of
//! them, those heard well, those heard loudly), and the people. More people never make fewer addresses, so for each of the
//! three a curve that only rises is fitted (isotonic regression by pooling adjacent violators: Barlow et al. 1972). Of the
//! three estimates the middle one counts: one that a passing crowd or a silent room leads astray is outvoted. How far it
//! is off is read from the pairs themselves, each estimated by curves that did not see it or its neighbours in time.

use crate::event::Estimate;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// RSSI from which on an address counts, dBm: loudly, well, at all.
pub(super) const LEVELS: [i8; 3] = [-60, -70, i8::MIN];
/// Pairs remembered: two weeks of opening hours in intervals of half an hour, two days in intervals of five minutes.
const PAIRS: usize = 576;
/// Fewer pairs teach nothing yet.
const FEWEST: usize = 24;
/// Parts into which time is cut: each is estimated from the others.
const PARTS: usize = 6;
/// Pairs with the nearest estimates that say how far an estimate is off.
const NEAREST: usize = 24;
/// Up to so much more than was ever heard, people are at most as many as were ever counted; from there on in proportion.
const BEYOND: f32 = 1.5;

/// Addresses heard, by [`LEVELS`].
pub(super) type Heard = [u32; LEVELS.len()];

/// What a counter taught of one place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Gauge {
    /// Oldest first.
    pairs: VecDeque<(Heard, f32)>,
}

impl Gauge {
    pub(super) fn learn(&mut self, heard: Heard, people: f32) {
        if self.pairs.len() >= PAIRS {
            self.pairs.pop_front();
        }
        self.pairs.push_back((heard, people));
    }

    /// How many there are where so much is heard, with a 90 % interval; nothing while too little is known.
    pub(super) fn read(&self, heard: Heard) -> Option<Estimate> {
        if self.pairs.len() < FEWEST {
            return None;
        }
        let estimate = Curves::new(self.pairs.iter()).read(heard);
        let mut off = self.residuals();
        off.sort_by(|a, b| (a.0 - estimate).abs().total_cmp(&(b.0 - estimate).abs()));
        off.truncate(NEAREST);
        let mut off: Vec<f32> = off.into_iter().map(|(_, off)| off).collect();
        off.sort_by(f32::total_cmp);
        let (low, high) = (quantile(&off, 0.05), quantile(&off, 0.95));
        Some(Estimate { estimate, low: (estimate + low.min(0.0)).max(0.0), high: estimate + high.max(0.0) })
    }

    /// For each pair what the others make of it, and how many more there were.
    fn residuals(&self) -> Vec<(f32, f32)> {
        let n = self.pairs.len();
        let part_of = |i: usize| i * PARTS / n;
        (0..PARTS)
            .flat_map(|part| {
                let others = self.pairs.iter().enumerate().filter(|(i, _)| part_of(*i) != part);
                let curves = Curves::new(others.map(|(_, pair)| pair));
                let own = self.pairs.iter().enumerate().filter(move |(i, _)| part_of(*i) == part);
                own.map(move |(_, (heard, people))| {
                    let estimate = curves.read(*heard);
                    (estimate, people - estimate)
                })
            })
            .collect()
    }
}

/// One rising curve for each level: where it steps, and to how many.
struct Curves([Vec<(f32, f32)>; LEVELS.len()]);

impl Curves {
    fn new<'a>(pairs: impl Iterator<Item = &'a (Heard, f32)>) -> Self {
        let pairs: Vec<_> = pairs.collect();
        Self(core::array::from_fn(|level| {
            isotonic(pairs.iter().map(|(heard, people)| (heard[level] as f32, *people)).collect())
        }))
    }

    fn read(&self, heard: Heard) -> f32 {
        let mut all: [f32; LEVELS.len()] = core::array::from_fn(|i| along(&self.0[i], heard[i] as f32));
        all.sort_by(f32::total_cmp);
        all[LEVELS.len() / 2]
    }
}

/// The rising curve nearest to the points, least squares; points by x, one for each x.
fn isotonic(mut points: Vec<(f32, f32)>) -> Vec<(f32, f32)> {
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    // First and last x, sum and number.
    let mut blocks: Vec<(f32, f32, f32, f32)> = Vec::with_capacity(points.len());
    for (x, y) in points {
        match blocks.last_mut() {
            Some(last) if last.1 == x => {
                last.2 += y;
                last.3 += 1.0;
            }
            _ => blocks.push((x, x, y, 1.0)),
        }
        // Points of one x are one block before it is compared with the block before.
    }
    let mut pooled: Vec<(f32, f32, f32, f32)> = Vec::with_capacity(blocks.len());
    for mut block in blocks {
        while let Some(before) = pooled.last()
            && before.2 / before.3 >= block.2 / block.3
        {
            block = (before.0, block.1, before.2 + block.2, before.3 + block.3);
            pooled.pop();
        }
        pooled.push(block);
    }
    pooled
        .into_iter()
        .flat_map(|(first, last, sum, n)| {
            let ends = if first == last { vec![first] } else { vec![first, last] };
            ends.into_iter().map(move |x| (x, sum / n))
        })
        .collect()
}

/// The height of a curve at x, straight between its points.
fn along(curve: &[(f32, f32)], x: f32) -> f32 {
    let after = curve.partition_point(|(at, _)| *at < x);
    match (after.checked_sub(1).map(|i| curve[i]), curve.get(after)) {
        (None, None) => 0.0,
        (None, Some((_, y))) => *y,
        (Some((last, y)), None) => y * (x / (BEYOND * last.max(1.0))).max(1.0),
        (Some((x0, y0)), Some((x1, y1))) => y0 + (y1 - y0) * (x - x0) / (x1 - x0),
    }
}

/// A quantile of sorted numbers, straight between them.
fn quantile(sorted: &[f32], p: f32) -> f32 {
    let rank = sorted.len().saturating_sub(1) as f32 * p;
    let (below, part) = (rank as usize, rank - libm::floorf(rank));
    let at = |i: usize| sorted.get(i.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0);
    at(below) + (at(below + 1) - at(below)) * part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_rises_and_pools_what_falls() {
        let curve = isotonic(vec![(1.0, 1.0), (3.0, 2.0), (2.0, 4.0), (4.0, 9.0), (4.0, 11.0)]);
        assert_eq!(curve, [(1.0, 1.0), (2.0, 3.0), (3.0, 3.0), (4.0, 10.0)]);
        assert_eq!(
            [0.0, 1.5, 2.5, 3.5, 5.0, 12.0].map(|x| along(&curve, x)),
            [1.0, 2.0, 3.0, 6.5, 10.0, 20.0]
        );
    }

    #[test]
    fn a_gauge_that_was_taught_little_says_nothing() {
        let mut g = Gauge::default();
        (0..FEWEST as u32 - 1).for_each(|i| g.learn([i, i, i], i as f32));
        assert_eq!(g.read([3, 3, 3]), None);
    }

    #[test]
    fn one_level_that_is_led_astray_is_outvoted_and_the_interval_holds_what_is_usual() {
        let mut g = Gauge::default();
        // Three addresses a person, heard at three levels, give or take a person or two.
        let noise = |i: u32| (i * 7919 % 5) as f32 - 2.0;
        for i in 0..300u32 {
            let people = (i * 37 % 50) as f32 + 5.0;
            let heard = (3.0 * (people + noise(i))) as u32;
            g.learn([heard / 3, heard / 2, heard], people);
        }
        let e = g.read([20, 30, 1000]).unwrap();
        assert!((e.estimate - 20.0).abs() < 2.0 && e.low < e.estimate && e.estimate < e.high, "{e:?}");
        assert!(e.high - e.low < 8.0, "{e:?}");
        assert!(g.pairs.len() == 300);
    }
}
