//! Where things are drawn: floors as panels one above the other, zones as cells around their middles.
//!
//! A cell is what lies nearer to its zone than to any other zone of the floor (Voronoi), and not far from it: the map has
//! middles of zones, no walls.

use visit_core::site::{FloorIx, Site, ZoneIx};

/// A panel is at most, and at least, this wide and this high, pixels.
const MOST: Point = [820.0, 900.0];
const LEAST: Point = [420.0, 120.0];
/// Usual distance between zones, pixels: at most, for the eye, and where the size of the panel allows.
const USUAL: f32 = 105.0;
/// Metres that a floor is wide at least: one of a single zone has no width of its own.
const LEAST_M: f32 = 30.0;
/// Corners of a cell before its neighbours cut off theirs.
const CORNERS: usize = 24;

pub(super) type Point = [f32; 2];

/// How metres of the plan become pixels. All floors have the same frame, so that what lies above each other on the map
/// does in the picture.
pub(super) struct Frame {
    west: f32,
    north: f32,
    scale: f32,
    /// Size of a panel's drawing, pixels.
    pub(super) size: Point,
    /// Half of the usual distance between zones, pixels: how large a cell is.
    pub(super) reach: f32,
}

impl Frame {
    pub(super) fn of(site: &Site) -> Self {
        let places = site.zones.iter().map(|z| z.position).chain(site.sensors.iter().map(|s| s.position));
        let (mut least, mut most) = ([f32::INFINITY; 2], [f32::NEG_INFINITY; 2]);
        for p in places {
            for i in 0..2 {
                least[i] = least[i].min(p[i]);
                most[i] = most[i].max(p[i]);
            }
        }
        let usual = site.usual_distance().unwrap_or(LEAST_M / 2.0);
        let margin = usual * 0.75;
        let span = |i: usize| (most[i] - least[i] + 2.0 * margin).max(LEAST_M);
        let scale = (MOST[0] / span(0)).min(MOST[1] / span(1)).min(USUAL / usual);
        let size = [0, 1].map(|i: usize| (span(i) * scale).clamp(LEAST[i], MOST[i]));
        let edge = |i: usize, sign: f32| f32::midpoint(least[i], most[i]) + sign * size[i] / scale / 2.0;
        Self {
            west: edge(0, -1.0),
            north: edge(1, 1.0),
            scale,
            size,
            reach: (usual * 0.62 * scale).clamp(9.0, 120.0),
        }
    }

    /// A place of the plan in a panel. On the plan y goes up, in a picture down.
    pub(super) fn place(&self, [x, y]: Point) -> Point {
        [(x - self.west) * self.scale, (self.north - y) * self.scale]
    }

    /// The cell of a zone in its panel.
    pub(super) fn cell(&self, site: &Site, zone: ZoneIx) -> Vec<Point> {
        let own = self.place(site.zone(zone).position);
        let mut cell: Vec<Point> = (0..CORNERS)
            .map(|i| {
                let turn = core::f32::consts::TAU * i as f32 / CORNERS as f32;
                [own[0] + self.reach * libm::cosf(turn), own[1] + self.reach * libm::sinf(turn)]
            })
            .collect();
        for (z, other) in on_floor(site, site.floor_of(zone)) {
            let other = self.place(other);
            if z != zone && apart(own, other) > 0.5 {
                cell = nearer(&cell, own, other);
            }
        }
        cell
    }
}

fn on_floor(site: &Site, floor: FloorIx) -> impl Iterator<Item = (ZoneIx, Point)> + '_ {
    let zones = site.zones.iter().enumerate().filter(move |(_, z)| z.floor == floor);
    zones.map(|(i, z)| (ZoneIx(i as u16), z.position))
}

fn apart(a: Point, b: Point) -> f32 {
    libm::hypotf(a[0] - b[0], a[1] - b[1])
}

/// The part of a convex polygon that lies nearer to `own` than to `other` (Sutherland-Hodgman).
fn nearer(polygon: &[Point], own: Point, other: Point) -> Vec<Point> {
    let middle = [0, 1].map(|i: usize| f32::midpoint(own[i], other[i]));
    let beyond =
        |p: &Point| (p[0] - middle[0]) * (other[0] - own[0]) + (p[1] - middle[1]) * (other[1] - own[1]);
    let mut kept = Vec::with_capacity(polygon.len() + 1);
    for (i, p) in polygon.iter().enumerate() {
        let q = &polygon[(i + 1) % polygon.len()];
        let (here, there) = (beyond(p), beyond(q));
        if here <= 0.0 {
            kept.push(*p);
        }
        if (here < 0.0 && there > 0.0) || (here > 0.0 && there < 0.0) {
            let share = here / (here - there);
            kept.push([0, 1].map(|i: usize| p[i] + (q[i] - p[i]) * share));
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_neighbours_share_the_space_between_them() {
        let square = [[-10.0, -10.0], [10.0, -10.0], [10.0, 10.0], [-10.0, 10.0]];
        let cell = nearer(&square, [0.0, 0.0], [8.0, 0.0]);
        let right = cell.iter().map(|p| p[0]).fold(f32::NEG_INFINITY, f32::max);
        assert_eq!((cell.len(), right), (4, 4.0));
        assert_eq!(nearer(&square, [0.0, 0.0], [100.0, 0.0]), square);
    }
}
