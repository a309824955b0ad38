//! Stays: unbroken presence in one zone, from changes of zone that are settled.
//!
//! A short excursion to another zone and back does not break a stay; so a stay has ended only when the next one has
//! lasted, or something else followed it.
//!
//! Kept in eight bytes:
//!
//! ```text
//! 63        42 41        25 24    13 12     7 6      0
//! ┌───────────┬────────────┬────────┬────────┬────────┐
//! │ began, s  │ length, s  │ zone   │ sure   │ stayed │   after the device was first heard · index · parts of 63, 127
//! └───────────┴────────────┴────────┴────────┴────────┘
//! ```

use crate::position::Moved;
use crate::site::ZoneIx;
use crate::time::Span;
use serde::{Deserialize, Serialize};

/// An excursion shorter than this does not break a stay …
const SHORT_MS: u32 = 30_000;
/// … nor does one shorter than half of the stay, but for this.
const LONGEST_MS: u32 = 300_000;
/// Stays kept beside the current one.
const PAST: usize = 3;
/// A stay that ended so long ago is the first to be forgotten.
const LONG_OVER_MS: u32 = 600_000;

/// Presence in one zone. Times are milliseconds after the device was first heard, kept to the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stay {
    /// When it began.
    pub since: u32,
    /// Last emission from there; for a stay that ended, its end.
    pub until: u32,
    /// The zone.
    pub zone: ZoneIx,
    /// How sure the zone is.
    pub sure: f32,
    /// Share of the time in which the visitor stayed where they were rather than walked about.
    pub stayed: f32,
}

impl Stay {
    /// It lasted until `ms`, `stayed_s` seconds of it stayed.
    fn last_until(&mut self, ms: u32, stayed_s: u16) {
        self.until = self.until.max(ms);
        self.stayed = (f32::from(stayed_s) / self.length().as_secs_f32().max(1.0)).min(1.0);
    }

    /// How long it lasted so far.
    pub fn length(&self) -> Span {
        Span::from_millis(i64::from(self.until.saturating_sub(self.since)))
    }
}

/// A stay, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept(u64);

impl Kept {
    const NONE: Self = Self(u64::MAX);
    const SINCE: u64 = (1 << 22) - 1;
    const LENGTH: u64 = (1 << 17) - 1;

    fn of(s: &Stay) -> Self {
        let seconds = |ms: u32| (u64::from(ms) + 500) / 1000;
        // All ones is no stay.
        let since = seconds(s.since).min(Self::SINCE - 1);
        let length = seconds(s.until).saturating_sub(seconds(s.since)).min(Self::LENGTH);
        let parts = |share: f32, of: f32| (share * of).round() as u64;
        let zone = u64::from(s.zone.0 & 0xFFF);
        Self(since << 42 | length << 25 | zone << 13 | parts(s.sure, 63.0) << 7 | parts(s.stayed, 127.0))
    }

    fn get(self) -> Option<Stay> {
        let Self(bits) = self;
        let since = (bits >> 42) as u32;
        let length = (bits >> 25 & Self::LENGTH) as u32;
        (self != Self::NONE).then_some(Stay {
            since: since.saturating_mul(1000),
            until: (since + length).saturating_mul(1000),
            zone: ZoneIx((bits >> 13 & 0xFFF) as u16),
            sure: (bits >> 7 & 63) as f32 / 63.0,
            stayed: (bits & 127) as f32 / 127.0,
        })
    }
}

/// The current stay of a device, those before, and an excursion that may become the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stays {
    current: Kept,
    next: Kept,
    /// Newest first.
    past: [Kept; PAST],
    /// How long the current one and the next were stayed in, up to the last change of zone, seconds.
    stayed_s: [u16; 2],
    /// Dwells published.
    pub dwells: u16,
    /// The dwell of the current stay was published.
    pub published: bool,
    /// Changes of zone in a row that did not go back to the zone before.
    moves: u8,
}

impl Default for Stays {
    fn default() -> Self {
        let none = Kept::NONE;
        Self {
            current: none,
            next: none,
            past: [none; PAST],
            stayed_s: [0; 2],
            dwells: 0,
            published: false,
            moves: 0,
        }
    }
}

/// What [`Stays::go`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Turn {
    /// A stay that ended.
    pub ended: Option<Stay>,
    /// The dwell of the one that ended was published.
    pub published: bool,
    /// Another stay is the current one now.
    pub entered: bool,
}

/// Where a device is that has not moved on since the last settled change of zone.
#[derive(Clone, Copy, Debug)]
pub struct Unmoved {
    /// The zone.
    pub zone: ZoneIx,
    /// When it came there.
    pub since: u32,
    /// Share of the time since in which it stayed.
    pub stayed: f32,
}

impl Stays {
    /// The current stay.
    pub fn current(&self) -> Option<Stay> {
        self.current.get()
    }

    /// All stays that are known, oldest first.
    pub fn all(&self) -> impl Iterator<Item = Stay> {
        self.past.into_iter().rev().chain([self.current, self.next]).filter_map(Kept::get)
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
        let to = Stay {
            since: moved.since_ms,
            until: moved.since_ms,
            zone: moved.to,
            sure: moved.sure,
            stayed: 0.0,
        };
        let Some(mut current) = self.current.get() else {
            self.current = Kept::of(&to);
            self.stayed_s[0] = 0;
            return Turn { entered: true, ..Turn::default() };
        };
        // How long it stayed in the stretch that is over.
        let stayed = seconds(moved.stayed, moved.came_ms, to.since);
        match self.next.get() {
            None => {
                self.stayed_s[0] = self.stayed_s[0].saturating_add(stayed);
                current.last_until(to.since, self.stayed_s[0]);
                self.current = Kept::of(&current);
                self.begin_next(&to);
                Turn::default()
            }
            Some(excursion) if to.zone == current.zone && is_short(&current, &excursion, to.since) => {
                current.last_until(to.since, self.stayed_s[0]);
                self.current = Kept::of(&current);
                self.next = Kept::NONE;
                Turn::default()
            }
            Some(mut next) => {
                self.stayed_s[1] = self.stayed_s[1].saturating_add(stayed);
                next.last_until(to.since, self.stayed_s[1]);
                let turn = self.enter(&next);
                self.begin_next(&to);
                turn
            }
        }
    }

    /// The device was heard at `ms`; `unmoved` where it is if it is still where it went last.
    pub fn heard(&mut self, ms: u32, unmoved: Option<Unmoved>) -> Turn {
        let Some(current) = self.current.get() else {
            // It went on where a stay had been taken to be over.
            return unmoved.map_or_else(Turn::default, |u| {
                self.go(&Moved {
                    to: u.zone,
                    since_ms: ms,
                    came_ms: ms,
                    sure: 1.0,
                    floor_sure: 1.0,
                    stayed: 0.0,
                })
            });
        };
        let next = self.next.get();
        if let Some(u) = unmoved {
            let since = seconds(u.stayed, u.since, ms);
            match next {
                Some(mut next) => {
                    next.last_until(ms, self.stayed_s[1].saturating_add(since));
                    self.next = Kept::of(&next);
                }
                None => {
                    let mut current = current;
                    current.last_until(ms, self.stayed_s[0].saturating_add(since));
                    self.current = Kept::of(&current);
                }
            }
        }
        match next {
            Some(next) if !is_short(&current, &next, ms) => self.conclude(),
            _ => Turn::default(),
        }
    }

    /// An excursion becomes a stay: it lasted, or nothing will follow it.
    pub fn conclude(&mut self) -> Turn {
        let next = core::mem::replace(&mut self.next, Kept::NONE).get();
        next.map_or_else(Turn::default, |next| self.enter(&next))
    }

    /// Ends the current stay at its last emission.
    pub fn end(&mut self) -> Turn {
        self.next = Kept::NONE;
        let ended = core::mem::replace(&mut self.current, Kept::NONE).get();
        self.keep(ended)
    }

    /// `ended` is a past stay now.
    fn keep(&mut self, ended: Option<Stay>) -> Turn {
        let published = core::mem::take(&mut self.published);
        if let Some(stay) = ended {
            self.remember(&stay);
        }
        Turn { ended, published, entered: false }
    }

    /// Keeps a stay with the past ones: in place of one that is long over, else of the shortest.
    fn remember(&mut self, stay: &Stay) {
        let over = |k: &Kept| k.get().is_none_or(|s| stay.until.saturating_sub(s.until) > LONG_OVER_MS);
        let shortest = |k: &Kept| k.get().map_or(Span::from_secs(0), |s| s.length());
        let gone = match self.past.iter().rposition(over) {
            Some(gone) => gone,
            None => (0..PAST).rev().min_by_key(|i| shortest(&self.past[*i])).unwrap_or(PAST - 1),
        };
        self.past[..=gone].rotate_right(1);
        self.past[0] = Kept::of(stay);
    }

    fn enter(&mut self, next: &Stay) -> Turn {
        let (ended, before) = (self.current.get(), self.past[0].get());
        self.current = Kept::of(next);
        self.stayed_s[0] = self.stayed_s[1];
        let went_back = before.is_some_and(|p| p.zone == next.zone);
        self.moves = if went_back { 0 } else { self.moves.saturating_add(1) };
        Turn { entered: true, ..self.keep(ended) }
    }

    fn begin_next(&mut self, stay: &Stay) {
        self.next = Kept::of(stay);
        self.stayed_s[1] = 0;
    }
}

/// A share of the time between two moments, whole seconds.
fn seconds(share: f32, since: u32, until: u32) -> u16 {
    (share * until.saturating_sub(since) as f32 / 1000.0).round() as u16
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
        Moved { to: ZoneIx(zone), since_ms: s * 1000, came_ms: 0, sure: 1.0, floor_sure: 1.0, stayed: 1.0 }
    }

    fn at(zone: u16, since_s: u32) -> Option<Unmoved> {
        Some(Unmoved { zone: ZoneIx(zone), since: since_s * 1000, stayed: 1.0 })
    }

    #[test]
    fn a_stay_is_kept_in_eight_bytes() {
        let stay = Stay { since: 86_400_000, until: 90_000_000, zone: ZoneIx(4094), sure: 1.0, stayed: 0.0 };
        assert_eq!(Kept::of(&stay).get(), Some(stay));
        let long = Stay { since: 0, until: u32::MAX, zone: ZoneIx(0), sure: 0.0, stayed: 1.0 };
        assert_eq!(Kept::of(&long).get(), Some(Stay { until: 131_071_000, ..long }));
        assert_eq!(Kept::NONE.get(), None);
    }

    #[test]
    fn an_excursion_does_not_break_a_stay() {
        let mut s = Stays::default();
        assert!(s.go(&to(1, 0)).entered);
        s.heard(100_000, at(1, 0));
        assert_eq!(s.go(&to(2, 110)), Turn::default());
        assert_eq!(s.go(&Moved { came_ms: 110_000, ..to(1, 130) }), Turn::default());
        s.heard(200_000, at(1, 130));
        let stay = s.current().unwrap();
        assert_eq!(stay.length(), Span::from_secs(200));
        assert!((stay.stayed - 0.9).abs() < 0.01, "{stay:?}");
        assert_eq!(s.moves(), 0);
    }

    #[test]
    fn a_stay_has_ended_when_the_next_has_lasted() {
        let mut s = Stays::default();
        s.go(&to(1, 0));
        s.go(&to(2, 60));
        assert_eq!(s.heard(80_000, at(2, 60)), Turn::default());
        let turn = s.heard(95_000, at(2, 60));
        let ended = turn.ended.unwrap();
        assert_eq!((ended.zone, ended.since, ended.until, turn.entered), (ZoneIx(1), 0, 60_000, true));
        assert_eq!(s.current().unwrap().since, 60_000);
        assert_eq!(s.all().collect::<Vec<_>>(), [ended, s.current().unwrap()]);
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
