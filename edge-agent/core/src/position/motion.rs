//! Where something may be a while later.
//!
//! People stay, and when they move they go to zones near by on foot: probability falls with the walking distance
//! over the map's graph, where a change of floor costs as much as [`FLOOR_CHANGE_M`]. Real floor changes happen
//! at places the map does not know of, so every zone keeps a small chance.

use super::Belief;
use crate::site::Site;
use crate::time::Span;

/// Mean time in one zone before moving on, seconds.
const STAY_S: f32 = 180.0;
/// Distance over which the chance of a destination falls by e, metres.
const REACH_M: f32 = 40.0;
/// A floor change is about as likely as this much further to walk, metres.
const FLOOR_CHANGE_M: f32 = 60.0;
/// Share of moves that end anywhere at all.
const ANYWHERE: f32 = 0.02;

/// Destination probabilities for every zone.
#[derive(Clone, Debug)]
pub struct Motion {
    zones: usize,
    /// Row `from`, column `to`: where a move ends; rows sum to 1.
    moved: Vec<f32>,
}

impl Motion {
    /// From the map's graph.
    pub fn new(site: &Site) -> Self {
        let zones = site.zones.len();
        let mut moved = vec![0.0; zones * zones];
        for from in 0..zones {
            let distance = walking_distances(site, from);
            let row = &mut moved[from * zones..(from + 1) * zones];
            for (to, p) in row.iter_mut().enumerate() {
                if to != from {
                    *p = libm::expf(-distance[to] / REACH_M);
                }
            }
            let total: f32 = row.iter().sum();
            for p in row.iter_mut() {
                let near = if total > 0.0 { *p / total } else { 0.0 };
                *p = near * (1.0 - ANYWHERE) + ANYWHERE / zones as f32;
            }
        }
        Self { zones, moved }
    }

    /// Writes the probability of each zone `dt` after `belief` into `out`.
    pub fn spread(&self, belief: &Belief, dt: Span, out: &mut [f32]) {
        let moves = 1.0 - libm::expf(-dt.as_secs_f32().max(0.0) / STAY_S);
        out.fill(0.0);
        for (zone, p) in belief.iter() {
            let from = usize::from(zone.0);
            let row = &self.moved[from * self.zones..(from + 1) * self.zones];
            for (o, m) in out.iter_mut().zip(row) {
                *o += p * moves * m;
            }
            out[from] += p * (1.0 - moves);
        }
    }
}

/// Metres on foot from one zone to all others (Dijkstra over the neighbour graph); zones that cannot be reached
/// are as far as three floors and 300 m.
fn walking_distances(site: &Site, from: usize) -> Vec<f32> {
    const UNREACHED: f32 = 300.0 + 3.0 * FLOOR_CHANGE_M;
    let mut distance = vec![UNREACHED; site.zones.len()];
    let mut done = vec![false; site.zones.len()];
    distance[from] = 0.0;
    while let Some(here) = nearest_open(&distance, &done) {
        done[here] = true;
        let zone = &site.zones[here];
        for next in &zone.neighbours {
            let other = site.zone(*next);
            let [dx, dy] = [zone.position[0] - other.position[0], zone.position[1] - other.position[1]];
            let floors = site.floor(zone.floor).level.abs_diff(site.floor(other.floor).level);
            let far = distance[here] + (dx * dx + dy * dy).sqrt() + f32::from(floors) * FLOOR_CHANGE_M;
            let entry = &mut distance[usize::from(next.0)];
            *entry = entry.min(far);
        }
    }
    distance
}

fn nearest_open(distance: &[f32], done: &[bool]) -> Option<usize> {
    (0..distance.len()).filter(|i| !done[*i]).min_by(|a, b| distance[*a].total_cmp(&distance[*b]))
}
