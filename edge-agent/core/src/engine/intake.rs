//! Which observations are let in, and what they may do to time.
//!
//! Time moves by what is observed, so one till with a wrong date could end everybody's visit and make all that is
//! heard after it late. Therefore:
//!
//! - a moment outside the years 1970 to 9998 is refused: no event could be dated with it;
//! - an observation more than [`LEAP`] after the newest (or the very first one) is doubted, and held, until the next
//!   one: if that is as late, time has really moved (a recording with a gap, the morning after a holiday) and both
//!   are taken in; if it is not, the clock of the doubted one was wrong, and it is dropped and counted;
//! - one older than what is decided already is late: dropped and counted.
//!
//! Receipts are facts whatever the till's clock says: one with a wrong time is taken as printed when it came in, and
//! one that is late is decided at once.

use super::Engine;
use crate::observation::{CountedPlace, DayTotals, Observation, Receipt};
use crate::purchase::Paper;
use crate::time::{Span, Timestamp};

/// Time may pass this much between two observations without the second being doubted: a closed mall's night, and
/// the day after.
const LEAP: Span = Span::from_secs(36 * 3600);
/// First and last moment an observation may have, the last exclusive: 1970-01-01 and 9999-01-01.
const FIRST: Timestamp = Timestamp::from_micros(0);
const END: Timestamp = Timestamp::from_micros(253_370_764_800_000_000);
/// Observations that may wait for their turn; beyond, the oldest is decided early.
const MAX_WAITING: usize = 1 << 16;

/// What became of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It will be decided in its turn. Only such an observation says how late it is.
    Accepted,
    /// Nothing else says that it is so late: held until the next observation, or until [`Engine::advance`] tells.
    Doubted,
    /// It is older than what is decided already: counted, and dropped unless it is a receipt.
    Late,
    /// No clock can have shown its time: counted, and dropped unless it is a receipt.
    WrongTime,
    /// The site map has no such sensor or till: dropped and counted.
    UnknownPlace,
}

impl Engine {
    /// Takes an observation in.
    pub fn observe(&mut self, observation: Observation) -> Taken {
        if !self.is_place_known(&observation) {
            self.state.counts.unknown_place += 1;
            self.settle_ticket(ticket(&observation));
            return Taken::UnknownPlace;
        }
        let at = observation.at();
        if !(FIRST..END).contains(&at) {
            self.misdated(observation, self.state.newest);
            return Taken::WrongTime;
        }
        let leaps = self.state.newest.is_none_or(|newest| at > newest + LEAP);
        if let Some(doubted) = self.state.doubted.take() {
            let apart = at.since(doubted.at());
            if leaps && apart.as_micros().abs() <= LEAP.as_micros() {
                self.accept(doubted);
                return self.accept(observation);
            }
            self.misdated(doubted, self.state.newest.or(Some(at)));
        }
        if leaps && at >= self.state.decided {
            self.state.doubted = Some(observation);
            return Taken::Doubted;
        }
        self.accept(observation)
    }

    /// The caller says that it is `now`: an observation that is not later needs no other witness.
    pub(super) fn believe_until(&mut self, now: Timestamp) {
        if let Some(doubted) = self.state.doubted.take_if(|o| o.at() <= now) {
            self.accept(doubted);
        }
    }

    fn accept(&mut self, observation: Observation) -> Taken {
        let at = observation.at();
        if at < self.state.decided {
            self.state.counts.late += 1;
            let decided = self.state.decided;
            match observation {
                Observation::Receipt(receipt) => {
                    self.state.counts.receipts += 1;
                    self.decide_paper(Paper::Receipt(receipt), decided);
                }
                Observation::DayTotals(totals) => self.decide_paper(Paper::Totals(totals), decided),
                Observation::Sighting(_)
                | Observation::SensorHealth(_)
                | Observation::DoorCount(_)
                | Observation::MemberHeard(_) => {}
            }
            return Taken::Late;
        }
        self.state.newest = self.state.newest.max(Some(at));
        self.state.counts.accepted += 1;
        let waiting = &mut self.state.waiting;
        if waiting.back().is_none_or(|last| last.at() <= at) {
            waiting.push_back(observation);
        } else {
            let place = waiting.partition_point(|o| o.at() <= at);
            waiting.insert(place, observation);
        }
        if waiting.len() > MAX_WAITING {
            self.state.counts.reorder_overflow += 1;
            let oldest = self.state.waiting[0].at();
            self.decide(oldest + Span::from_micros(1));
        }
        Taken::Accepted
    }

    /// The time of an observation is wrong; it came in after one of `heard_at`.
    fn misdated(&mut self, observation: Observation, heard_at: Option<Timestamp>) {
        self.state.counts.wrong_time += 1;
        match (observation, heard_at) {
            (Observation::Receipt(receipt), Some(at)) => {
                self.accept(Observation::Receipt(Receipt { at, ..receipt }));
            }
            (Observation::DayTotals(totals), Some(at)) => {
                self.accept(Observation::DayTotals(DayTotals { at, ..totals }));
            }
            (lost, _) => self.settle_ticket(ticket(&lost)),
        }
    }

    fn is_place_known(&self, observation: &Observation) -> bool {
        match observation {
            Observation::Sighting(s) => usize::from(s.sensor.0) < self.site.sensors.len(),
            Observation::SensorHealth(h) => usize::from(h.sensor.0) < self.site.sensors.len(),
            Observation::Receipt(r) => usize::from(r.till.0) < self.site.tills.len(),
            Observation::DayTotals(t) => {
                t.till.is_none_or(|till| usize::from(till.0) < self.site.tills.len())
            }
            Observation::MemberHeard(_) => true,
            Observation::DoorCount(c) => match c.place {
                CountedPlace::Site => true,
                CountedPlace::Floor(floor) => usize::from(floor.0) < self.site.floors.len(),
                CountedPlace::Zone(zone) => usize::from(zone.0) < self.site.zones.len(),
            },
        }
    }
}

fn ticket(observation: &Observation) -> Option<u64> {
    match observation {
        Observation::Receipt(r) => r.ticket,
        Observation::DayTotals(t) => t.ticket,
        Observation::Sighting(_)
        | Observation::SensorHealth(_)
        | Observation::DoorCount(_)
        | Observation::MemberHeard(_) => None,
    }
}
