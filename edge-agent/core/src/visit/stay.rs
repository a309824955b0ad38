//! Stays: unbroken presence in one zone, from changes of zone that are settled.
//!
//! A short excursion to another zone and back does not break a stay; so a stay has ended only when the next one has
//! lasted, or something else followed it.

use crate::position::Moved;
use crate::site::ZoneIx;
use crate::time::Span;
use serde::{Deserialize, Serialize};

/// An excursion shorter than this does not break a stay …
const SHORT_MS: u32 = 30_000;
/// … nor does one shorter than half of the stay, but for this.
const LONGEST_MS: u32 = 300_000;

/// A stay in which something may be bought.
const LONG: Span = Span::from_secs(60);

/// Presence in one zone. Times are milliseconds after the device was first heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stay {
    /// When it began.
    pub since: u32,
    /// Last emission from there; for a stay that ended, its end.
    pub until: u32,
    /// The zone.
    pub zone: ZoneIx,
    /// How sure the zone is, parts of 255.
    pub sure: u8,
    /// How sure the floor is, parts of 255.
    pub floor_sure: u8,
}

/// No stay.
const NONE: Stay = Stay { since: 0, until: 0, zone: ZoneIx(u16::MAX), sure: 0, floor_sure: 0 };

/// The current stay of a device, the one before, and an excursion that may become the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stays {
    current: Stay,
    previous: Stay,
    next: Stay,
    /// The last one that was long enough to buy something, and is none of the others.
    long: Stay,
    /// Dwells published.
    pub dwells: u16,
    /// The dwell of the current stay was published.
    pub published: bool,
    /// Changes of zone in a row that did not go back to the zone before.
    moves: u8,
}

impl Default for Stays {
    fn default() -> Self {
        Self { current: NONE, previous: NONE, next: NONE, long: NONE, dwells: 0, published: false, moves: 0 }
    }
}

/// What [`Stays::go`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// A stay that ended.
    pub ended: Option<Stay>,
    /// The dwell of the one that ended was published.
    pub published: bool,
    /// Another stay is the current one now.
    pub entered: bool,
}

impl Stay {
    fn of(m: &Moved) -> Self {
        let parts = |p: f32| (p * 255.0).round() as u8;
        Self {
            since: m.since_ms,
            until: m.since_ms,
            zone: m.to,
            sure: parts(m.sure),
            floor_sure: parts(m.floor_sure),
        }
    }

    /// The stay, if it is one.
    fn some(self) -> Option<Self> {
        (self != NONE).then_some(self)
    }

    /// How long it lasted so far.
    pub fn length(&self) -> Span {
        Span::from_millis(i64::from(self.until.saturating_sub(self.since)))
    }
}

impl Stays {
    /// The current stay.
    pub fn current(&self) -> Option<Stay> {
        self.current.some()
    }

    /// The stay before the current one; the last one if there is none.
    pub fn previous(&self) -> Option<Stay> {
        self.previous.some()
    }

    /// All stays that are known, oldest first.
    pub fn all(&self) -> impl Iterator<Item = Stay> {
        [self.long, self.previous, self.current, self.next].into_iter().filter_map(Stay::some)
    }

    /// Nothing is known of them any more but how many dwells there were.
    pub fn forget_places(&mut self) {
        *self = Self { dwells: self.dwells, ..Self::default() };
    }

    /// Changes of zone in a row that did not go back to the zone before.
    pub fn moves(&self) -> u8 {
        self.moves
    }

    /// A change of zone is settled.
    pub fn go(&mut self, moved: &Moved) -> Turn {
        let to = Stay::of(moved);
        let Some(current) = self.current() else {
            self.current = to;
            return Turn { entered: true, ..Turn::default() };
        };
        match core::mem::replace(&mut self.next, NONE).some() {
            None => {
                self.current.until = to.since;
                self.next = to;
                Turn::default()
            }
            Some(excursion) if to.zone == current.zone && is_short(&current, &excursion, to.since) => {
                self.current.until = to.since;
                Turn::default()
            }
            Some(mut next) => {
                next.until = to.since;
                let turn = self.enter(next);
                self.next = to;
                turn
            }
        }
    }

    /// The device was heard at `ms`; `unmoved` where it is if it is still where it went last.
    pub fn heard(&mut self, ms: u32, unmoved: Option<ZoneIx>) -> Turn {
        let Some(current) = self.current() else {
            // It went on where a stay had been taken to be over.
            return unmoved.map_or_else(Turn::default, |zone| {
                self.go(&Moved { to: zone, since_ms: ms, sure: 1.0, floor_sure: 1.0 })
            });
        };
        let latest = if self.next == NONE { &mut self.current } else { &mut self.next };
        if unmoved.is_some() {
            latest.until = ms;
        }
        if self.next == NONE || is_short(&current, &self.next, ms) {
            Turn::default()
        } else {
            self.conclude()
        }
    }

    /// An excursion becomes a stay: it lasted, or nothing will follow it.
    pub fn conclude(&mut self) -> Turn {
        core::mem::replace(&mut self.next, NONE).some().map_or_else(Turn::default, |next| self.enter(next))
    }

    /// Ends the current stay at its last emission.
    pub fn end(&mut self) -> Turn {
        self.next = NONE;
        let ended = self.current();
        self.current = NONE;
        self.keep(ended)
    }

    /// `ended` is the previous stay now.
    fn keep(&mut self, ended: Option<Stay>) -> Turn {
        let published = core::mem::take(&mut self.published);
        if let Some(ended) = ended {
            if self.previous.length() >= LONG {
                self.long = self.previous;
            }
            self.previous = ended;
        }
        Turn { ended, published, entered: false }
    }

    fn enter(&mut self, next: Stay) -> Turn {
        let ended = self.current();
        self.current = next;
        let went_back = self.previous().is_some_and(|p| p.zone == next.zone);
        self.moves = if went_back { 0 } else { self.moves.saturating_add(1) };
        Turn { entered: true, ..self.keep(ended) }
    }
}

/// Whether coming back at `until` would make it an excursion: people leave a shop and come back to it soon after far more
/// seldom than the air says so, the more so the longer they had stayed.
fn is_short(stay: &Stay, excursion: &Stay, until: u32) -> bool {
    let stayed = stay.until.saturating_sub(stay.since);
    until.saturating_sub(excursion.since) < (stayed / 2).clamp(SHORT_MS, LONGEST_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(zone: u16, s: u32) -> Moved {
        Moved { to: ZoneIx(zone), since_ms: s * 1000, sure: 1.0, floor_sure: 1.0 }
    }

    #[test]
    fn an_excursion_does_not_break_a_stay() {
        let mut s = Stays::default();
        assert!(s.go(&to(1, 0)).entered);
        s.heard(100_000, Some(ZoneIx(1)));
        assert_eq!(s.go(&to(2, 110)), Turn::default());
        assert_eq!(s.go(&to(1, 130)), Turn::default());
        s.heard(200_000, Some(ZoneIx(1)));
        assert_eq!(s.current().unwrap().length(), Span::from_secs(200));
        assert_eq!(s.moves(), 0);
    }

    #[test]
    fn a_stay_has_ended_when_the_next_has_lasted() {
        let mut s = Stays::default();
        s.go(&to(1, 0));
        s.go(&to(2, 60));
        assert_eq!(s.heard(80_000, Some(ZoneIx(2))), Turn::default());
        let turn = s.heard(95_000, Some(ZoneIx(2)));
        let ended = turn.ended.unwrap();
        assert_eq!((ended.zone, ended.since, ended.until, turn.entered), (ZoneIx(1), 0, 60_000, true));
        assert_eq!(s.current().unwrap().since, 60_000);
    }

    #[test]
    fn a_walk_through_zones_ends_each() {
        let mut s = Stays::default();
        s.go(&to(1, 0));
        s.go(&to(2, 60));
        assert_eq!(s.go(&to(3, 70)).ended.unwrap().zone, ZoneIx(1));
        assert_eq!(s.go(&to(4, 80)).ended.unwrap().zone, ZoneIx(2));
        assert_eq!(s.conclude().ended.unwrap().zone, ZoneIx(3));
        assert_eq!((s.end().ended.unwrap().zone, s.moves()), (ZoneIx(4), 3));
    }
}
