//! What an assessment says in figures: of zones, of floors, and of zones that look alike.
//!
//! Every zone that was judged counts the same, however long the walk was there: how many visitors each will have is not
//! known.

use super::{Assessment, at};
use crate::site::{FloorIx, Site, ZoneIx};
use std::collections::BTreeSet;

/// A share of stays and of single scans, 0…1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    /// Of stays.
    pub stays: f32,
    /// Of single scans.
    pub scans: f32,
}

/// What is to be expected of one floor.
#[derive(Clone, Debug, PartialEq)]
pub struct FloorFigures {
    /// The floor.
    pub floor: FloorIx,
    /// Its zones that were judged.
    pub judged: u32,
    /// Of these the share given to the right zone; `None` where none was judged.
    pub right: Option<Rate>,
    /// For each floor the share taken to be there.
    pub taken_for: Vec<Rate>,
}

/// Two zones that are hard to tell apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alike {
    /// The zones, in the order of the map.
    pub zones: [ZoneIx; 2],
    /// Of stays in one of the two, that are taken to be in one of the two, how many in the wrong one. Half is guessing.
    pub mistaken: f32,
}

/// Zones of which so many stays are given to the wrong one cannot be told apart.
const ALIKE: f32 = 0.2;

impl Assessment {
    /// Share given to the right zone, of stays and scans in a zone; `None` where it was not judged.
    pub fn right(&self, zone: ZoneIx) -> Option<Rate> {
        let rate = || Rate { stays: self.stay(zone, zone), scans: self.scan(zone, zone) };
        (self.placed(zone) > 0).then(rate)
    }

    /// Share given to the right zone, over all zones that were judged.
    pub fn right_zone(&self) -> Option<Rate> {
        mean(self.judged().filter_map(|z| self.right(z)))
    }

    /// Share given to the right floor.
    pub fn right_floor(&self, site: &Site) -> Option<Rate> {
        mean(self.judged().map(|z| self.on_floor(site, z, site.floor_of(z))))
    }

    /// What is to be expected of each floor, by level.
    pub fn floors(&self, site: &Site) -> Vec<FloorFigures> {
        let floors = || (0..site.floors.len() as u16).map(FloorIx);
        let of = |floor: FloorIx| {
            let zones: Vec<ZoneIx> = self.judged().filter(|z| site.floor_of(*z) == floor).collect();
            let taken_for = |other| mean(zones.iter().map(|z| self.on_floor(site, *z, other)));
            FloorFigures {
                floor,
                judged: zones.len() as u32,
                right: mean(zones.iter().filter_map(|z| self.right(*z))),
                taken_for: floors().map(|other| taken_for(other).unwrap_or_default()).collect(),
            }
        };
        floors().map(of).collect()
    }

    /// Pairs of zones that cannot be told apart, the worst first.
    pub fn alike(&self) -> Vec<Alike> {
        let pairs: BTreeSet<[ZoneIx; 2]> =
            self.confused().into_iter().map(|(a, b, _)| [a.min(b), a.max(b)]).collect();
        let mut all: Vec<Alike> = pairs.into_iter().map(|zones| self.pair(zones)).collect();
        all.retain(|p| p.mistaken >= ALIKE);
        all.sort_by(|p, q| q.mistaken.total_cmp(&p.mistaken).then(p.zones.cmp(&q.zones)));
        all
    }

    fn pair(&self, zones: [ZoneIx; 2]) -> Alike {
        let (mut n, mut sum) = (0.0, 0.0);
        for (is, other) in [(zones[0], zones[1]), (zones[1], zones[0])] {
            let (right, wrong) = (self.stay(is, is), self.stay(is, other));
            if right + wrong > 0.0 {
                n += 1.0;
                sum += wrong / (right + wrong);
            }
        }
        Alike { zones, mistaken: if n > 0.0 { sum / n } else { 0.0 } }
    }

    fn on_floor(&self, site: &Site, is: ZoneIx, floor: FloorIx) -> Rate {
        let there = (0..site.zones.len() as u16).map(ZoneIx).filter(|z| site.floor_of(*z) == floor);
        let sum = |rows: &[Vec<f32>]| there.clone().map(|z| at(rows, is, z)).sum::<f32>().min(1.0);
        Rate { stays: sum(&self.stays), scans: sum(&self.scans) }
    }
}

fn mean(rates: impl Iterator<Item = Rate>) -> Option<Rate> {
    let (mut n, mut sum) = (0.0, Rate::default());
    for rate in rates {
        n += 1.0;
        sum.stays += rate.stays;
        sum.scans += rate.scans;
    }
    (n > 0.0).then(|| Rate { stays: sum.stays / n, scans: sum.scans / n })
}
