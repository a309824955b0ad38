//! When what is told: an interval as it ends, hours and days as they end, and each again when it has changed since.

use super::Flow;
use super::tally::Tally;
use super::withhold::Parts;
use crate::calendar::Calendar;
use crate::event::FlowPeriod;
use crate::site::Site;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// An interval is corrected so long after its end …
const SOON: Span = Span::from_secs(900);
/// … and, as hours and days, a last time so long after it: by then the exits of whoever had left are known.
const LAST: Span = Span::from_secs(3600);
/// Intervals that ended so long ago are not corrected any more.
pub const KEPT_FOR: Span = Span::from_secs(2 * 3600);

/// What is to be told, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Agenda(BTreeSet<(Timestamp, FlowPeriod, Timestamp)>);

impl Agenda {
    /// When something is to be told.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.first().map(|(at, ..)| *at)
    }

    /// The next thing to be told by `now`: its period and when that began. Intervals only, or hours and days only.
    pub(super) fn due(&mut self, now: Timestamp, intervals: bool) -> Option<(FlowPeriod, Timestamp)> {
        let entry = *self
            .0
            .iter()
            .take_while(|(at, ..)| *at <= now)
            .find(|(_, period, _)| (*period == FlowPeriod::Interval) == intervals)?;
        self.0.remove(&entry);
        Some((entry.1, entry.2))
    }

    /// An interval has ended, and was told.
    pub(super) fn interval_ended(&mut self, from: Timestamp, until: Timestamp) {
        for later in [SOON, LAST] {
            self.0.insert((until + later, FlowPeriod::Interval, from));
        }
    }

    fn stretch_begins(&mut self, s: &Stretch) {
        self.0.insert((s.until, s.period, s.from));
        self.0.insert((s.until + LAST, s.period, s.from));
    }

    /// Whether this will be told again.
    pub(super) fn holds(&self, period: FlowPeriod, from: Timestamp) -> bool {
        self.0.iter().any(|(_, p, f)| *p == period && *f == from)
    }
}

/// An interval that is over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub from: Timestamp,
    pub until: Timestamp,
    pub tally: Tally,
    pub told: Told,
}

/// What was told of a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    /// Times it was told.
    pub times: u32,
    /// Of each place, in the order in which they are told: a hash of the figures, and what of them adds up.
    pub places: Vec<(u64, Parts)>,
}

/// An hour or a business day.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stretch {
    pub period: FlowPeriod,
    pub from: Timestamp,
    pub until: Timestamp,
    /// Its intervals that are kept no longer, and what was told of them.
    pub before: Tally,
    pub told_before: Vec<Parts>,
    /// Of a day: what was told of its hours that are kept no longer.
    pub told_hours: Vec<Parts>,
    pub told: Told,
}

impl Stretch {
    pub(super) fn is_day_of(&self, at: Timestamp) -> bool {
        self.period == FlowPeriod::Day && (self.from..self.until).contains(&at)
    }

    pub(super) fn holds(&self, from: Timestamp) -> bool {
        (self.from..self.until).contains(&from)
    }
}

impl Flow {
    /// An interval begins at `from`: so do its hour and its day, if they have not.
    pub(super) fn begin(&mut self, from: Timestamp, calendar: &Calendar) {
        if self.kept.back().is_some_and(|k| from.since(k.until) > SOON) {
            self.crowd.forget();
        }
        let (hour, day) = (calendar.hour(from), calendar.day(from));
        for (period, (from, until)) in [(FlowPeriod::Hour, hour), (FlowPeriod::Day, day)] {
            if self.stretches.iter().any(|s| s.period == period && s.from == from) {
                continue;
            }
            if period == FlowPeriod::Day {
                self.counters.new_day();
            }
            let s = Stretch {
                period,
                from,
                until,
                before: self.tally.of_nothing(),
                told_before: Vec::new(),
                told_hours: Vec::new(),
                told: Told::default(),
            };
            self.agenda.stretch_begins(&s);
            self.stretches.push(s);
        }
    }

    /// Keeps an interval that was told, and lets go of those that are not corrected any more.
    pub(super) fn keep(&mut self, kept: Kept) {
        self.agenda.interval_ended(kept.from, kept.until);
        let now = kept.until;
        self.kept.push_back(kept);
        while self.kept.front().is_some_and(|k| now.since(k.until) > KEPT_FOR) {
            let Some(old) = self.kept.pop_front() else { return };
            for s in self.stretches.iter_mut().filter(|s| s.holds(old.from)) {
                s.before.add(&old.tally);
                Parts::add_all(&mut s.told_before, old.told.places.iter().map(|(_, parts)| *parts));
            }
        }
    }

    /// Lets go of a stretch that will not be told again.
    pub(super) fn let_go(&mut self, period: FlowPeriod, from: Timestamp) {
        if self.agenda.holds(period, from) {
            return;
        }
        let Some(i) = self.stretches.iter().position(|s| s.period == period && s.from == from) else {
            return;
        };
        let gone = self.stretches.remove(i);
        if period == FlowPeriod::Hour {
            for day in self.stretches.iter_mut().filter(|s| s.is_day_of(gone.from)) {
                Parts::add_all(&mut day.told_hours, gone.told.places.iter().map(|(_, parts)| *parts));
            }
        }
    }

    /// All of a stretch.
    pub(super) fn whole(&self, s: &Stretch, site: &Site) -> Tally {
        let mut whole = Tally::new(site);
        whole.add(&s.before);
        self.kept.iter().filter(|k| s.holds(k.from)).for_each(|k| whole.add(&k.tally));
        whole
    }
}
