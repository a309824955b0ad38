//! From a node's clock to ours.
//!
//! A node stamps what it hears with the µs since it started; a cheap crystal is off by tens of ppm, so a second in half a
//! day. Every frame that arrives says that it is at least so late on our clock; how long it was on its way (queue, line,
//! USB) only ever adds. So of every two seconds the frame that was fastest counts, and through these points of the last
//! two minutes goes a line: the slope is the median of all slopes between two of them (Theil and Sen), the offset the
//! median of what is left. Up to a quarter of the points may be arbitrarily wrong.
//!
//! What stays in the result is the time a fast frame is on its way: milliseconds.

use std::collections::VecDeque;

/// µs from which one point is taken.
const WINDOW: u64 = 2_000_000;
/// Points kept.
const POINTS: usize = 64;
/// Before so many points, a minute, the load on the line has more to do with a slope than a crystal has, and what a
/// crystal is off by then is a few milliseconds.
const ENOUGH: usize = 30;
/// No crystal is worse, parts of one.
const MAX_DRIFT: f64 = 500e-6;

/// One frame that arrived: the node's clock, and how far ours was ahead of it then.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    node: u64,
    offset: i64,
}

/// Maps a node's clock to ours; both count µs from an origin of their own.
#[derive(Clone, Debug, Default)]
pub struct ClockMap {
    points: VecDeque<Point>,
    /// The fastest frame since the last point, and since when it is looked for.
    fastest: Option<(u64, Point)>,
    /// Where the line begins, the offset there, and how much faster than the node's our clock goes.
    line: Option<(u64, f64, f64)>,
}

impl ClockMap {
    /// A frame that was sent when the node's clock showed `node` arrived when ours showed `ours`.
    pub fn arrived(&mut self, node: u64, ours: u64) {
        let (Ok(n), Ok(o)) = (i64::try_from(node), i64::try_from(ours)) else { return };
        let point = Point { node, offset: o - n };
        let (since, fastest) = *self.fastest.get_or_insert((ours, point));
        let fastest = if point.offset < fastest.offset { point } else { fastest };
        if ours.saturating_sub(since) < WINDOW {
            self.fastest = Some((since, fastest));
            return;
        }
        self.fastest = None;
        if self.points.len() == POINTS {
            self.points.pop_front();
        }
        self.points.push_back(fastest);
        self.fit();
    }

    /// When it was `node` by the node's clock, by ours; never later than `now`, because nothing is heard before it happens.
    pub fn ours(&self, node: u64, now: u64) -> u64 {
        let offset = match (self.line, self.fastest) {
            (Some((begin, offset, slope)), _) => offset + (node as f64 - begin as f64) * slope,
            (None, Some((_, fastest))) => fastest.offset as f64,
            (None, None) => return now,
        };
        let ours = node as f64 + offset;
        if ours <= 0.0 { 0 } else { (ours as u64).min(now) }
    }

    /// How much faster our clock goes than the node's, parts per million; nothing before it can be told.
    pub fn drift_ppm(&self) -> Option<f64> {
        let (_, _, slope) = self.line.filter(|_| self.points.len() >= ENOUGH)?;
        Some(slope * 1e6)
    }

    fn fit(&mut self) {
        let Some(begin) = self.points.front().map(|p| p.node) else { return };
        let mut slope = 0.0;
        if self.points.len() >= ENOUGH {
            let mut slopes = Vec::with_capacity(POINTS * POINTS / 2);
            for (i, a) in self.points.iter().enumerate() {
                for b in self.points.iter().skip(i + 1).filter(|b| b.node > a.node) {
                    slopes.push((b.offset - a.offset) as f64 / (b.node - a.node) as f64);
                }
            }
            slope = median(&mut slopes).unwrap_or(0.0).clamp(-MAX_DRIFT, MAX_DRIFT);
        }
        let mut rest: Vec<f64> = self
            .points
            .iter()
            .map(|p| p.offset as f64 - (p.node - begin.min(p.node)) as f64 * slope)
            .collect();
        self.line = median(&mut rest).map(|offset| (begin, offset, slope));
    }
}

fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    Some(*values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    /// A node that started 1,000 s after us, with a crystal that is `ppm` slow, and frames that take `late(i)` µs.
    fn run(ppm: f64, seconds: u64, late: impl Fn(u64) -> u64) -> (ClockMap, impl Fn(u64) -> u64) {
        let true_ours = move |node: u64| 1_000 * SECOND + (node as f64 * (1.0 + ppm / 1e6)) as u64;
        let mut map = ClockMap::default();
        for i in 0..seconds * 10 {
            let node = i * SECOND / 10;
            map.arrived(node, true_ours(node) + late(i));
        }
        (map, true_ours)
    }

    #[test]
    fn drift_is_found_and_the_future_of_the_line_is_right() {
        for ppm in [-80.0, 0.0, 35.0] {
            let (map, truth) = run(ppm, 600, |i| 1_000 + i * 7919 % 30_000);
            assert!((map.drift_ppm().unwrap() - ppm).abs() < 10.0, "{ppm}: {:?}", map.drift_ppm());
            let node = 610 * SECOND;
            let off = map.ours(node, u64::MAX).abs_diff(truth(node));
            assert!(off < 6_000, "{ppm}: {off} µs off");
        }
    }

    #[test]
    fn a_stall_of_our_own_machine_does_not_move_the_line() {
        // Half a minute in which everything is seconds late.
        let stall = |i: u64| if (5_000..5_300).contains(&i) { 3 * SECOND } else { 2_000 };
        let (map, truth) = run(20.0, 600, stall);
        let node = 600 * SECOND;
        assert!(map.ours(node, u64::MAX).abs_diff(truth(node)) < 5_000);
    }

    #[test]
    fn the_first_frame_already_has_a_time_and_none_is_in_the_future() {
        let mut map = ClockMap::default();
        assert_eq!(map.ours(5, 700), 700);
        map.arrived(10, 1_000);
        assert_eq!((map.ours(10, 1_000), map.ours(4, 1_000), map.ours(50, 1_000)), (1_000, 994, 1_000));
    }

    #[test]
    fn no_clock_makes_it_panic() {
        let mut map = ClockMap::default();
        for i in 0..2_000u64 {
            let node = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            map.arrived(node, i * SECOND);
            assert!(map.ours(node, i * SECOND) <= i * SECOND);
        }
        assert!(map.drift_ppm().unwrap().abs() <= 500.0 + 1e-6);
    }
}
