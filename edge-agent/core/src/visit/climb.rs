//! Changes of floor, from changes of zone that are settled.
//!
//! What is heard through an atrium looks like a change of floor for a moment; so a floor counts when it was kept for
//! [`SHORT_MS`], or nothing more will follow.

use crate::position::Moved;
use crate::site::FloorIx;
use serde::{Deserialize, Serialize};

/// Nobody goes to another floor and back in less time.
const SHORT_MS: u32 = 45_000;
/// No floor; what lies above the 254th is taken for it.
const NONE: u8 = u8::MAX;

/// The floor a device is on, and one that it may be on by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Climbs {
    on: u8,
    next: u8,
    /// When it came to the next, milliseconds after it was first heard.
    since: u32,
    /// How sure that is, parts of 255.
    sure: u8,
}

impl Default for Climbs {
    fn default() -> Self {
        Self { on: NONE, next: NONE, since: 0, sure: 0 }
    }
}

/// A change of floor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Climb {
    /// The floor before.
    pub from: FloorIx,
    /// The floor now.
    pub to: FloorIx,
    /// When, milliseconds after the device was first heard.
    pub since: u32,
    /// How sure it is.
    pub sure: f32,
}

impl Climbs {
    /// The floor it is on.
    pub fn on(&self) -> Option<FloorIx> {
        (self.on != NONE).then_some(FloorIx(self.on.into()))
    }

    /// A change to a zone on `floor` is settled; gives back a change of floor before that, if it has lasted.
    pub fn go(&mut self, floor: FloorIx, moved: &Moved) -> Option<Climb> {
        let floor = u8::try_from(floor.0).unwrap_or(NONE).min(NONE - 1);
        if self.on == NONE {
            self.on = floor;
            return None;
        }
        let lasted = self.heard(moved.since_ms);
        if floor == self.on {
            self.next = NONE;
        } else if floor != self.next {
            self.next = floor;
            self.since = moved.since_ms;
            self.sure = (moved.floor_sure * 255.0).round() as u8;
        }
        lasted
    }

    /// It was where it went last until `ms`; gives back the change of floor if it has lasted by now.
    pub fn heard(&mut self, ms: u32) -> Option<Climb> {
        if ms.saturating_sub(self.since) >= SHORT_MS { self.conclude() } else { None }
    }

    /// Nothing will follow: a change of floor that was in the air is one.
    pub fn conclude(&mut self) -> Option<Climb> {
        if self.next == NONE {
            return None;
        }
        let climb = Climb {
            from: FloorIx(self.on.into()),
            to: FloorIx(self.next.into()),
            since: self.since,
            sure: f32::from(self.sure) / 255.0,
        };
        self.on = core::mem::replace(&mut self.next, NONE);
        Some(climb)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::ZoneIx;

    fn moved(s: u32) -> Moved {
        Moved { to: ZoneIx(0), since_ms: s * 1000, came_ms: 0, sure: 1.0, floor_sure: 1.0, stayed: 0.0 }
    }

    #[test]
    fn a_glimpse_of_another_floor_is_none() {
        let mut c = Climbs::default();
        assert_eq!(c.go(FloorIx(0), &moved(0)), None);
        assert_eq!(c.go(FloorIx(1), &moved(100)), None);
        assert_eq!(c.heard(130_000), None);
        assert_eq!(c.go(FloorIx(0), &moved(140)), None);
        assert_eq!((c.heard(1_000_000), c.conclude(), c.on()), (None, None, Some(FloorIx(0))));
    }

    #[test]
    fn a_floor_that_was_kept_counts_from_when_it_was_come_to() {
        let mut c = Climbs::default();
        c.go(FloorIx(0), &moved(0));
        c.go(FloorIx(1), &moved(100));
        let climb = Climb { from: FloorIx(0), to: FloorIx(1), since: 100_000, sure: 1.0 };
        assert_eq!(c.heard(145_000), Some(climb));
        assert_eq!((c.heard(200_000), c.on()), (None, Some(FloorIx(1))));
    }

    #[test]
    fn passing_a_floor_on_the_way_to_the_next_is_one_change() {
        let mut c = Climbs::default();
        c.go(FloorIx(0), &moved(0));
        c.go(FloorIx(1), &moved(100));
        assert_eq!(c.go(FloorIx(2), &moved(120)), None);
        let climb = c.conclude().unwrap();
        assert_eq!((climb.from, climb.to, climb.since), (FloorIx(0), FloorIx(2), 120_000));
    }
}
