//! A walk in laps, so that a part of it can be left out and the rest still knows the zones.
//!
//! Scans a moment apart are alike: a scan says little about a model that was made of its neighbours. So what is left out is
//! a lap: a stretch of walking in which no zone is come back to. Whoever walks the mall twice without a pause has made
//! two laps and more; every walk ([`walks`]) begins a new one.

use super::super::calibration::{PAUSE, Scan, walks};
use crate::time::Timestamp;

/// The walk is left out by so many parts.
pub(super) const PARTS: usize = 5;

/// The laps of all walks, shared out among [`PARTS`] parts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Laps {
    /// Part of each scan.
    pub(super) part: Vec<u8>,
    /// How many laps came through each zone.
    pub(super) passes: Vec<u32>,
    /// How many walks there were.
    pub(super) walks: u32,
    /// How many laps.
    pub(super) laps: u32,
    /// For each zone the parts that came through, one bit each.
    parts: Vec<u8>,
}

impl Laps {
    pub(super) fn of(zones: usize, scans: &[Scan]) -> Self {
        let walks = walks(scans);
        let lap_of = lap_of(zones, scans, &walks);
        let laps = lap_of.last().map_or(0, |last| last + 1);
        let mut zones_of = vec![Vec::new(); laps];
        for (scan, lap) in scans.iter().zip(&lap_of) {
            let seen: &mut Vec<usize> = &mut zones_of[*lap];
            let zone = usize::from(scan.zone.0);
            // A lap leaves a zone for good, so a repetition is mostly the last one.
            if seen.last() != Some(&zone) && !seen.contains(&zone) {
                seen.push(zone);
            }
        }
        let mut passes = vec![0; zones];
        zones_of.iter().flatten().for_each(|z| passes[*z] += 1);
        let (of_lap, parts) = share_out(&zones_of, &passes);
        Self {
            part: lap_of.iter().map(|lap| of_lap[*lap]).collect(),
            passes,
            walks: walks.last().map_or(0, |last| *last as u32 + 1),
            laps: laps as u32,
            parts,
        }
    }

    /// Whether a part can be left out of a zone and something of it be left.
    pub(super) fn can_be_judged(&self, zone: usize) -> bool {
        self.parts[zone].count_ones() > 1
    }
}

/// The lap each scan belongs to.
fn lap_of(zones: usize, scans: &[Scan], walks: &[usize]) -> Vec<usize> {
    let mut lap = 0;
    let mut laps = Vec::with_capacity(scans.len());
    // In which lap each zone was seen last, and when.
    let mut seen: Vec<Option<(usize, Timestamp)>> = vec![None; zones];
    for (i, scan) in scans.iter().enumerate() {
        let zone = &mut seen[usize::from(scan.zone.0)];
        let came_back = zone.is_some_and(|(l, at)| l == lap && scan.at.since(at) >= PAUSE);
        if i > 0 && (came_back || walks[i] != walks[i - 1]) {
            lap += 1;
        }
        *zone = Some((lap, scan.at));
        laps.push(lap);
    }
    laps
}

/// Gives each lap the part that came least through its zones so far, and with that each zone its parts. The fewer passes
/// a zone has, the more it matters that they are in different parts.
fn share_out(zones_of: &[Vec<usize>], passes: &[u32]) -> (Vec<u8>, Vec<u8>) {
    let mut through = vec![[0u32; PARTS]; passes.len()];
    let mut size = [0usize; PARTS];
    let mut parts = Vec::with_capacity(zones_of.len());
    for zones in zones_of {
        let cost = |part: usize| {
            let of = |z: &usize| f64::from(through[*z][part]) / f64::from(passes[*z]).powi(2);
            zones.iter().map(of).sum::<f64>()
        };
        let by_cost = |a: &usize, b: &usize| cost(*a).total_cmp(&cost(*b)).then(size[*a].cmp(&size[*b]));
        let part = (0..PARTS).min_by(by_cost).unwrap_or(0);
        zones.iter().for_each(|z| through[*z][part] += 1);
        size[part] += zones.len();
        parts.push(part as u8);
    }
    let bits = |t: &[u32; PARTS]| (0..PARTS).filter(|p| t[*p] > 0).fold(0, |bits, p| bits | 1 << p);
    let by_zone = through.iter().map(bits).collect();
    (parts, by_zone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::ZoneIx;

    /// Scans every 5 s of stretches in zones; a stretch in none is a pause.
    fn walk(stretches: &[(Option<u16>, i64)]) -> Vec<Scan> {
        let mut now = 1_700_000_000;
        let mut scans = Vec::new();
        for (zone, seconds) in stretches {
            for s in (0..*seconds).step_by(5) {
                let at = Timestamp::from_micros((now + s) * 1_000_000);
                scans.extend(zone.map(|z| Scan { at, zone: ZoneIx(z), heard: Vec::new() }));
            }
            now += seconds;
        }
        scans
    }

    #[test]
    fn a_walk_without_a_pause_that_comes_back_has_laps_that_can_judge_each_other() {
        let lap = [(Some(0), 120), (Some(1), 120), (Some(2), 120)];
        let laps = Laps::of(4, &walk(&[lap, lap].concat()));
        assert_eq!((laps.walks, laps.laps, &laps.passes[..]), (1, 2, &[2, 2, 2, 0][..]));
        assert!((0..3).all(|z| laps.can_be_judged(z)));
        assert!(!laps.can_be_judged(3));
    }

    #[test]
    fn stepping_out_for_a_moment_is_no_second_pass_and_a_zone_walked_once_cannot_be_judged() {
        let laps = Laps::of(2, &walk(&[(Some(0), 120), (Some(1), 30), (Some(0), 120)]));
        assert_eq!((laps.laps, &laps.passes[..]), (1, &[1, 1][..]));
        assert!(!laps.can_be_judged(0) && !laps.can_be_judged(1));
    }

    #[test]
    fn a_pause_begins_another_walk() {
        let laps = Laps::of(1, &walk(&[(Some(0), 60), (None, 120), (Some(0), 60)]));
        assert_eq!((laps.walks, laps.laps), (2, 2));
        assert!(laps.can_be_judged(0));
    }

    #[test]
    fn every_zone_with_two_passes_can_be_judged_however_the_laps_fall() {
        // Zone 0 is a hall that everybody goes through; shop n is come to in the laps n and n + 40.
        let mut stretches = Vec::new();
        for lap in 0..80u16 {
            stretches.extend([(Some(0), 60), (Some(1 + lap % 40), 120)]);
        }
        let laps = Laps::of(41, &walk(&stretches));
        assert_eq!(laps.passes[1..], [2; 40]);
        assert!((0..41).all(|z| laps.can_be_judged(z)));
    }

    #[test]
    fn nothing_has_no_laps() {
        let laps = Laps::of(3, &[]);
        assert_eq!((laps.walks, laps.laps, laps.part.len()), (0, 0, 0));
    }
}
