//! Where one person is at every moment of a visit, decided when the visit begins.
//!
//! Times are ms since the start of the day. A journey is a run of legs without gaps; on each the person stays
//! at a spot or walks in a straight line, and belongs to one zone.

use super::plan::Plan;
use super::rng::Rng;
use visit_core::site::ZoneKind;

/// A place on a floor: metres and storey.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) level: i16,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Leg {
    pub(super) begins: i64,
    pub(super) ends: i64,
    from: Spot,
    to: Spot,
    pub(super) zone: usize,
    pub(super) moving: bool,
    /// The phone is off, or lies at the bottom of a bag.
    pub(super) silent: bool,
}

/// A change of floor; floors crossed on one ride are one change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crossing {
    pub(super) at: i64,
    pub(super) from_zone: usize,
    pub(super) to_zone: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Journey {
    pub(super) legs: Vec<Leg>,
    pub(super) crossings: Vec<Crossing>,
}

impl Journey {
    /// The leg under way at a moment, with its index; `None` before the first and from the end on.
    pub(super) fn leg_at(&self, t: i64) -> Option<(usize, &Leg)> {
        let i = self.legs.partition_point(|l| l.ends <= t);
        self.legs.get(i).filter(|l| l.begins <= t).map(|l| (i, l))
    }

    /// Unbroken presences in one zone: begin, end, zone. Fifteen seconds elsewhere do not break one.
    pub(super) fn stays(&self) -> Vec<(i64, i64, usize)> {
        const EXCURSION_MS: i64 = 15_000;
        let mut runs: Vec<(i64, i64, usize)> = Vec::new();
        for leg in &self.legs {
            if let [.., home, away] = runs[..]
                && home.2 == leg.zone
                && away.2 != leg.zone
                && away.1 - away.0 < EXCURSION_MS
            {
                runs.pop();
            }
            match runs.last_mut() {
                Some(last) if last.2 == leg.zone => last.1 = leg.ends,
                _ => runs.push((leg.begins, leg.ends, leg.zone)),
            }
        }
        runs
    }
}

impl Leg {
    /// Where the person is at `t`, which lies within the leg.
    pub(super) fn spot_at(&self, t: i64) -> Spot {
        let share = (t - self.begins) as f32 / (self.ends - self.begins).max(1) as f32;
        Spot {
            x: self.from.x + (self.to.x - self.from.x) * share,
            y: self.from.y + (self.to.y - self.from.y) * share,
            level: self.from.level,
        }
    }
}

/// Writes a [`Journey`] leg by leg. A clone goes its own way from where it was cloned.
#[derive(Clone)]
pub(super) struct Walker<'a> {
    plan: &'a Plan,
    pub(super) rng: Rng,
    pub(super) now: i64,
    pub(super) zone: usize,
    here: Spot,
    /// m/s
    speed: f64,
    journey: Journey,
}

impl<'a> Walker<'a> {
    pub(super) fn new(plan: &'a Plan, mut rng: Rng, now: i64, zone: usize) -> Self {
        let here = spot_in(plan, zone, &mut rng, 6.0);
        let speed = rng.between(0.8, 1.4);
        Self { plan, rng, now, zone, here, speed, journey: Journey::default() }
    }

    pub(super) fn finish(self) -> Journey {
        self.journey
    }

    /// Stays where it is for some seconds.
    pub(super) fn stay(&mut self, seconds: f64) {
        self.leg(seconds, self.here, self.zone, false, false);
    }

    /// Stays where it is for some seconds, with the phone silent.
    pub(super) fn stay_silent(&mut self, seconds: f64) {
        self.leg(seconds, self.here, self.zone, false, true);
    }

    /// Strolls about its zone for some seconds.
    pub(super) fn stroll(&mut self, seconds: f64) {
        let to = spot_in(self.plan, self.zone, &mut self.rng, 6.0);
        self.leg(seconds, to, self.zone, true, false);
    }

    /// Walks to a zone, over other floors where the way leads there. `false`, and no step, without a way.
    pub(super) fn walk_to(&mut self, zone: usize) -> bool {
        let Some(way) = self.plan.route(self.zone, zone) else { return false };
        let mut riding = false;
        for next in way {
            let level = self.plan.zones[next].level;
            if level == self.here.level {
                self.cross_floor_plan(next);
                riding = false;
            } else {
                self.ride(next, level, riding);
                riding = true;
            }
        }
        true
    }

    fn cross_floor_plan(&mut self, next: usize) {
        let to = spot_in(self.plan, next, &mut self.rng, 4.0);
        let metres = f64::from(libm::hypotf(to.x - self.here.x, to.y - self.here.y));
        let seconds = (metres / self.speed).max(1.0);
        let halfway =
            Spot { x: (self.here.x + to.x) / 2.0, y: (self.here.y + to.y) / 2.0, level: self.here.level };
        self.leg(seconds / 2.0, halfway, self.zone, true, false);
        self.leg(seconds / 2.0, to, next, true, false);
    }

    /// Takes the escalator; `riding` when it steps from one straight onto the next.
    fn ride(&mut self, next: usize, level: i16, riding: bool) {
        let storeys = f64::from(level.abs_diff(self.here.level));
        let seconds = self.rng.between(24.0, 40.0) * storeys;
        let from_zone = self.zone;
        self.leg(seconds / 2.0, self.here, from_zone, true, false);
        self.here = Spot { level, ..self.here };
        let crossing = Crossing { at: self.now, from_zone, to_zone: next };
        match self.journey.crossings.last_mut() {
            Some(last) if riding => {
                (last.at, last.to_zone) = (crossing.at, crossing.to_zone);
            }
            _ => self.journey.crossings.push(crossing),
        }
        let to = spot_in(self.plan, next, &mut self.rng, 4.0);
        self.leg(seconds / 2.0, to, next, true, false);
    }

    fn leg(&mut self, seconds: f64, to: Spot, zone: usize, moving: bool, silent: bool) {
        // No leg is longer than the longest day, however far apart a map puts its zones.
        let ends = self.now + (seconds.clamp(0.0, 172_800.0) * 1000.0) as i64 + 1;
        self.journey.legs.push(Leg { begins: self.now, ends, from: self.here, to, zone, moving, silent });
        (self.now, self.here, self.zone) = (ends, to, zone);
    }
}

fn spot_in(plan: &Plan, zone: usize, rng: &mut Rng, radius: f64) -> Spot {
    let z = &plan.zones[zone];
    // Doors, stairs and tills are narrower than halls; one radius is realism enough.
    let radius = if z.kind == ZoneKind::Vertical { radius / 2.0 } else { radius };
    Spot {
        x: z.position[0] + rng.between(-radius, radius) as f32,
        y: z.position[1] + rng.between(-radius, radius) as f32,
        level: z.level,
    }
}
