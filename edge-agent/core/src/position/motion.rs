//! Where something may be a while later.
//!
//! A visitor stays in a zone or walks. Who stays sets out after [`STAY_S`] on average; who walks stops after
//! [`WALK_S`], and meanwhile goes from zone to neighbouring zone every [`ZONE_S`], and to another floor once in
//! [`FLOOR_S`]: by preference near the map's stairs, lifts and escalators, but real ones stand at places the map
//! does not know of, so everywhere a little. Rates are per second of walking, so the silence between two emissions
//! says how far one may have come.

use crate::math::exp;
use crate::site::Site;
use crate::time::Span;

/// Mean length of a stay, seconds.
const STAY_S: f32 = 600.0;
/// Mean length of a walk, seconds.
const WALK_S: f32 = 120.0;
/// Mean time a walker spends in one zone, seconds.
const ZONE_S: f32 = 25.0;
/// Mean time of walking between changes of floor, seconds.
const FLOOR_S: f32 = 600.0;
/// Share of a walker's ways on a floor that the map's graph does not show.
const ANYWHERE: f32 = 0.05;
/// Distance over which the preference for stairs, lifts and escalators falls by e, metres.
const LINK_REACH_M: f32 = 25.0;
/// Walking times for which ways are kept: 2, 4, 8 … 512 s.
const TIMES: usize = 9;

/// What a walker does in some time.
#[derive(Clone, Debug)]
pub struct Motion {
    zones: usize,
    /// For each floor its zones.
    floors: Vec<Vec<u16>>,
    floor_of: Vec<u16>,
    /// Place of each zone in its floor's list.
    place: Vec<u16>,
    /// `[time][floor]`: a square of ways on the floor, row from, column to; rows sum to 1.
    ways: Vec<Vec<Vec<f32>>>,
    /// `[from][to]` floor: where a change of floor ends; rows sum to 1 (or 0 where there is one floor).
    levels: Vec<Vec<f32>>,
    /// How much likelier than elsewhere a floor is left from here; 1 on average over a floor.
    leaving: Vec<f32>,
    /// Where on a floor somebody arrives; sums to 1 over a floor.
    landing: Vec<f32>,
}

/// What becomes of a hypothesis in some time.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Who stayed is still staying, unmoved.
    pub stays: f32,
    /// Who moved after staying is walking now.
    pub left_walking: f32,
    /// Who walked is walking now.
    pub walks_on: f32,
    /// Walking time of who stayed and left, as an index; chance to change floor.
    left: (usize, f32),
    /// The same of who walked.
    walked: (usize, f32),
}

impl Motion {
    /// From the map's graph.
    pub fn new(site: &Site) -> Self {
        let zones = site.zones.len();
        let mut floors = vec![Vec::new(); site.floors.len()];
        let mut place = vec![0; zones];
        for (z, zone) in site.zones.iter().enumerate() {
            let list = &mut floors[usize::from(zone.floor.0)];
            place[z] = list.len() as u16;
            list.push(z as u16);
        }
        let mut ways = vec![floors.iter().map(|f| first_ways(site, f, &place)).collect::<Vec<_>>()];
        for t in 1..TIMES {
            let twice = ways[t - 1].iter().map(|m| squared(m)).collect();
            ways.push(twice);
        }
        let nearness: Vec<f32> = (0..zones).map(|z| nearness_of_link(site, z)).collect();
        let mut leaving = vec![1.0; zones];
        let mut landing = vec![0.0; zones];
        for list in floors.iter().filter(|l| !l.is_empty()) {
            let n = list.len() as f32;
            let total: f32 = list.iter().map(|z| nearness[usize::from(*z)]).sum();
            for z in list.iter().map(|z| usize::from(*z)) {
                let share = if total > 0.0 { nearness[z] / total } else { 1.0 / n };
                landing[z] = 0.5 / n + 0.5 * share;
                leaving[z] = landing[z] * n;
            }
        }
        let floor_of = site.zones.iter().map(|z| z.floor.0).collect();
        Self { zones, floor_of, place, ways, levels: levels(site, &floors), leaving, landing, floors }
    }

    /// What becomes of anything in `dt`.
    pub fn step(&self, dt: Span) -> Step {
        let dt = dt.as_secs_f32().max(0.0);
        let relax = 1.0 / STAY_S + 1.0 / WALK_S;
        let walking = (1.0 / STAY_S) / relax;
        let on = |t: f32| walking + (1.0 - walking) * exp(-t * relax);
        // Who left did so half-way, and of a long time only a part was spent walking.
        let walked = |t: f32| {
            let walked = walking * t + (1.0 - walking) * (1.0 - exp(-t * relax)) / relax;
            let index = libm::log2f(walked.max(0.1)).round().clamp(1.0, TIMES as f32) as usize - 1;
            let index = if walked < 1.0 { 0 } else { index };
            (index, 1.0 - exp(-walked / FLOOR_S))
        };
        Step {
            stays: exp(-dt / STAY_S),
            left_walking: on(dt / 2.0),
            walks_on: on(dt),
            left: walked(dt / 2.0),
            walked: walked(dt),
        }
    }

    /// Adds to `out` (staying, walking; one of each for each zone) where a hypothesis in `zone` with these weights may
    /// be after `step` on the same floor, and to `leaving` (one of each for each floor) what goes elsewhere. `from`
    /// keeps, for each zone, who brought most: `me`.
    pub fn spread(&self, zone: usize, (stay, walk): (f32, f32), step: &Step, me: u8, out: &mut Spread) {
        let floor = usize::from(self.floor_of[zone]);
        let list = &self.floors[floor];
        let left = stay * (1.0 - step.stays);
        out.add(zone, (stay * step.stays, 0.0), me);
        let here = usize::from(self.place[zone]) * list.len();
        for (mass, (time, change), walking) in
            [(left, step.left, step.left_walking), (walk, step.walked, step.walks_on)]
        {
            if mass <= 0.0 {
                continue;
            }
            let change = (change * self.leaving[zone]).min(0.5);
            let row = &self.ways[time][floor][here..here + list.len()];
            for (z, p) in list.iter().zip(row) {
                let m = mass * (1.0 - change) * p;
                out.add(usize::from(*z), (m * (1.0 - walking), m * walking), me);
            }
            out.leave(floor, (mass * change * (1.0 - walking), mass * change * walking), me);
        }
    }

    /// Brings those who changed floor to where they may have come.
    pub fn land(&self, out: &mut Spread) {
        for to in 0..self.floors.len() {
            let (mut stay, mut walk, mut most, mut by) = (0.0, 0.0, 0.0, 0);
            for from in 0..self.floors.len() {
                let p = self.levels[from][to];
                let (s, w, biggest, who) = out.elsewhere[from];
                stay += s * p;
                walk += w * p;
                if biggest * p > most {
                    (most, by) = (biggest * p, who);
                }
            }
            if stay + walk > 0.0 {
                for z in self.floors[to].iter().map(|z| usize::from(*z)) {
                    let p = self.landing[z];
                    out.bring(z, (stay * p, walk * p), most * p, by);
                }
            }
        }
    }

    /// Room for a spread.
    pub fn room(&self) -> Spread {
        Spread {
            stay: vec![0.0; self.zones],
            walk: vec![0.0; self.zones],
            most: vec![0.0; self.zones],
            from: vec![0; self.zones],
            elsewhere: vec![(0.0, 0.0, 0.0, 0); self.floors.len()],
        }
    }
}

/// Where hypotheses may have come: for each zone the weight of staying and of walking there, and which hypothesis
/// brought most.
#[derive(Clone, Debug)]
pub struct Spread {
    pub stay: Vec<f32>,
    pub walk: Vec<f32>,
    most: Vec<f32>,
    pub from: Vec<u8>,
    /// For each floor what leaves it: staying, walking, the most of one hypothesis, which.
    elsewhere: Vec<(f32, f32, f32, u8)>,
}

impl Spread {
    /// Nothing anywhere.
    pub fn clear(&mut self) {
        self.stay.fill(0.0);
        self.walk.fill(0.0);
        self.most.fill(0.0);
        self.elsewhere.fill((0.0, 0.0, 0.0, 0));
    }

    fn add(&mut self, zone: usize, weight: (f32, f32), me: u8) {
        self.bring(zone, weight, weight.0 + weight.1, me);
    }

    fn bring(&mut self, zone: usize, (stay, walk): (f32, f32), most: f32, by: u8) {
        self.stay[zone] += stay;
        self.walk[zone] += walk;
        if most > self.most[zone] {
            self.most[zone] = most;
            self.from[zone] = by;
        }
    }

    fn leave(&mut self, floor: usize, (stay, walk): (f32, f32), me: u8) {
        let (s, w, most, who) = &mut self.elsewhere[floor];
        *s += stay;
        *w += walk;
        if stay + walk > *most {
            (*most, *who) = (stay + walk, me);
        }
    }
}

/// Ways on a floor in two seconds: to neighbours, and a little to anywhere.
fn first_ways(site: &Site, list: &[u16], place: &[u16]) -> Vec<f32> {
    let n = list.len();
    let mut m = vec![0.0; n * n];
    let moved = 1.0 - exp(-2.0 / ZONE_S);
    for (row, z) in list.iter().enumerate() {
        let zone = &site.zones[usize::from(*z)];
        let near: Vec<usize> = zone
            .neighbours
            .iter()
            .filter(|o| site.floor_of(**o) == zone.floor)
            .map(|o| usize::from(place[usize::from(o.0)]))
            .collect();
        let anywhere = if near.is_empty() { 1.0 } else { ANYWHERE };
        let m = &mut m[row * n..(row + 1) * n];
        m.fill(moved * anywhere / n as f32);
        for o in &near {
            m[*o] += moved * (1.0 - anywhere) / near.len() as f32;
        }
        m[row] += 1.0 - moved;
    }
    m
}

fn squared(m: &[f32]) -> Vec<f32> {
    let n = m.len().isqrt();
    let mut out = vec![0.0; n * n];
    for i in 0..n {
        for k in 0..n {
            let a = m[i * n + k];
            for (o, b) in out[i * n..(i + 1) * n].iter_mut().zip(&m[k * n..(k + 1) * n]) {
                *o += a * b;
            }
        }
    }
    out
}

/// One floor up or down is as likely as two and twice as likely as … further ones are for lifts.
fn levels(site: &Site, floors: &[Vec<u16>]) -> Vec<Vec<f32>> {
    let weight = |from: usize, to: usize| {
        let apart = site.floors[from].level.abs_diff(site.floors[to].level);
        match apart {
            _ if from == to || floors[to].is_empty() => 0.0,
            0 | 1 => 1.0,
            2 => 0.5,
            _ => 0.05,
        }
    };
    (0..floors.len())
        .map(|from| {
            let row: Vec<f32> = (0..floors.len()).map(|to| weight(from, to)).collect();
            let total: f32 = row.iter().sum();
            row.into_iter().map(|w| if total > 0.0 { w / total } else { 0.0 }).collect()
        })
        .collect()
}

/// 1 at stairs, lifts and escalators, less with distance, 0 where the floor has none.
fn nearness_of_link(site: &Site, z: usize) -> f32 {
    let zone = &site.zones[z];
    let is_link = |o: &crate::site::Zone| {
        o.kind == crate::site::ZoneKind::Vertical || o.neighbours.iter().any(|n| site.floor_of(*n) != o.floor)
    };
    site.zones
        .iter()
        .filter(|o| o.floor == zone.floor && is_link(o))
        .map(|o| {
            let [dx, dy] = [zone.position[0] - o.position[0], zone.position[1] - o.position[1]];
            exp(-(dx * dx + dy * dy).sqrt() / LINK_REACH_M)
        })
        .fold(0.0, f32::max)
}
