//! Stays: unbroken presence in one zone, from beliefs that waver.
//!
//! A zone is entered when the belief in it exceeds [`ENTERED`] at two emissions without another zone doing so in
//! between. The stay before ends, and the new one begins, half-way between the last emission that was surely in
//! the old zone and the first that was surely in the new one.

use super::super::position::Belief;
use crate::site::ZoneIx;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Belief at which a zone counts as where the device is.
const ENTERED: f32 = 0.8;

/// Presence in one zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stay {
    /// The zone.
    pub zone: ZoneIx,
    /// When it began.
    pub since: Timestamp,
    /// Last emission surely from there; for a stay that ended, its end.
    pub until: Timestamp,
    /// Its dwell was published.
    pub published: bool,
}

/// The current stay of a device, the one before, and the zone that may come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stays {
    current: Option<Stay>,
    previous: Option<Stay>,
    /// A zone seen once …
    next: Option<ZoneIx>,
    /// … and when.
    next_since: Timestamp,
    /// Changes of zone in a row that did not go back to the zone before.
    moves: u8,
}

impl Stay {
    /// How long it lasted so far.
    pub fn length(&self) -> Span {
        self.until.since(self.since)
    }
}

impl Stays {
    /// The current stay.
    pub fn current(&self) -> Option<&Stay> {
        self.current.as_ref()
    }

    /// The current stay, to mark it.
    pub fn current_mut(&mut self) -> Option<&mut Stay> {
        self.current.as_mut()
    }

    /// The stay before the current one.
    pub fn previous(&self) -> Option<&Stay> {
        self.previous.as_ref()
    }

    /// Changes of zone in a row that did not go back to the zone before.
    pub fn moves(&self) -> u8 {
        self.moves
    }

    /// Takes in the belief after an emission; returns the stay that this ended.
    pub fn update(&mut self, at: Timestamp, belief: &Belief) -> Option<Stay> {
        let (zone, _) = belief.best().filter(|(_, p)| *p > ENTERED)?;
        match &mut self.current {
            Some(stay) if stay.zone == zone => {
                stay.until = at;
                self.next = None;
                None
            }
            _ => match self.next {
                Some(next) if next == zone => self.enter(zone, self.next_since, at),
                _ => {
                    (self.next, self.next_since) = (Some(zone), at);
                    None
                }
            },
        }
    }

    /// Ends the current stay where it was last sure.
    pub fn end(&mut self) -> Option<Stay> {
        self.next = None;
        let ended = self.current.take();
        self.previous = ended.or(self.previous);
        ended
    }

    fn enter(&mut self, zone: ZoneIx, first: Timestamp, at: Timestamp) -> Option<Stay> {
        let mut ended = self.current.take();
        let mut since = first;
        if let Some(old) = &mut ended {
            let went_back = self.previous.is_some_and(|p| p.zone == zone);
            self.moves = if went_back { 0 } else { self.moves.saturating_add(1) };
            since = old.until + Span::from_micros(first.since(old.until).as_micros() / 2);
            old.until = since;
            self.previous = Some(*old);
        }
        self.current = Some(Stay { zone, since, until: at, published: false });
        self.next = None;
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_micros(s * 1_000_000)
    }

    fn sure(zone: usize) -> Belief {
        let mut w = [0.0; 4];
        w[zone] = 1.0;
        Belief::from_weights(&w)
    }

    #[test]
    fn one_glimpse_of_another_zone_does_not_break_a_stay() {
        let mut s = Stays::default();
        for (t, zone) in [(0, 1), (10, 1), (20, 2), (30, 1), (40, 2), (50, 1)] {
            assert_eq!(s.update(at(t), &sure(zone)), None);
        }
        assert_eq!(s.current().unwrap().zone, ZoneIx(1));
        assert_eq!(s.current().unwrap().length(), Span::from_secs(50));
    }

    #[test]
    fn two_sightings_elsewhere_end_it_half_way() {
        let mut s = Stays::default();
        for (t, zone) in [(0, 1), (10, 1), (20, 2)] {
            assert_eq!(s.update(at(t), &sure(zone)), None);
        }
        let ended = s.update(at(30), &sure(2)).unwrap();
        assert_eq!((ended.zone, ended.since, ended.until), (ZoneIx(1), at(0), at(15)));
        assert_eq!(s.current().unwrap().since, at(15));
    }

    #[test]
    fn doubt_neither_enters_nor_leaves() {
        let mut s = Stays::default();
        s.update(at(0), &sure(1));
        s.update(at(10), &sure(1));
        for t in 2..10 {
            assert_eq!(s.update(at(t * 10), &Belief::from_weights(&[0.0, 0.5, 0.5])), None);
        }
        assert_eq!(s.current().unwrap().until, at(10));
    }
}
