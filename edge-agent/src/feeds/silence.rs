//! Which feed is silent for longer than usual.
//!
//! Only opening hours count. What is usual is learnt: the longest of the last 256 gaps between deliveries. A feed
//! is silent after three times that, and not before half an hour; as long as fewer than 20 gaps are known, after
//! a configured time. Pure: time comes from the caller.

use jiff::tz::TimeZone;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use visit_core::time::{Span, Timestamp};

/// Gaps remembered of each feed.
const GAPS: usize = 256;
/// Before so many gaps nothing is known.
const ENOUGH: usize = 20;
/// Nobody wants to hear of less.
const SHORTEST: Span = Span::from_secs(30 * 60);
/// Longer absences are measured no further: a week of opening hours.
const FARTHEST_DAYS: i64 = 8;

/// A feed changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// It delivered nothing for longer than usual.
    Silent {
        /// Which.
        feed: Arc<str>,
        /// When it delivered last, or when we began to listen.
        since: Timestamp,
    },
    /// It delivered again.
    Speaks {
        /// Which.
        feed: Arc<str>,
    },
}

/// Watches feeds.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Minutes of the local day.
    hours: (u16, u16),
    zone: TimeZone,
    silent_after: Span,
    feeds: BTreeMap<Arc<str>, Feed>,
}

#[derive(Clone, Debug)]
struct Feed {
    last: Timestamp,
    /// Micro-seconds of opening time.
    gaps: VecDeque<i64>,
    silent: bool,
}

impl Watch {
    /// Opening hours in minutes of the local day; closing may be after midnight (more than 1440).
    pub fn new(hours: (u16, u16), zone: TimeZone, silent_after: Duration) -> Self {
        let silent_after = Span::from_micros(i64::try_from(silent_after.as_micros()).unwrap_or(i64::MAX));
        Self { hours, zone, silent_after, feeds: BTreeMap::new() }
    }

    /// From `now` on, `feed` is expected to deliver.
    pub fn expect(&mut self, feed: &Arc<str>, now: Timestamp) {
        let fresh = Feed { last: now, gaps: VecDeque::new(), silent: false };
        self.feeds.entry(Arc::clone(feed)).or_insert(fresh);
    }

    /// `feed` delivered.
    pub fn heard(&mut self, feed: &Arc<str>, now: Timestamp) -> Option<Transition> {
        self.expect(feed, now);
        let gap = self.open_time(self.feeds.get(feed)?.last, now);
        let known = self.feeds.get_mut(feed)?;
        known.last = known.last.max(now);
        // What was called silence is no gap to get used to.
        if !known.silent && gap.as_micros() > 0 {
            if known.gaps.len() == GAPS {
                known.gaps.pop_front();
            }
            known.gaps.push_back(gap.as_micros());
        }
        std::mem::take(&mut known.silent).then(|| Transition::Speaks { feed: Arc::clone(feed) })
    }

    /// Who has fallen silent by `now`.
    pub fn look(&mut self, now: Timestamp) -> Vec<Transition> {
        let overdue: Vec<Arc<str>> = self
            .feeds
            .iter()
            .filter(|(_, f)| !f.silent && self.open_time(f.last, now) > self.patience(f))
            .map(|(name, _)| Arc::clone(name))
            .collect();
        let mut transitions = Vec::new();
        for feed in overdue {
            if let Some(known) = self.feeds.get_mut(&feed) {
                known.silent = true;
                transitions.push(Transition::Silent { since: known.last, feed });
            }
        }
        transitions
    }

    fn patience(&self, feed: &Feed) -> Span {
        if feed.gaps.len() < ENOUGH {
            return self.silent_after;
        }
        let longest = feed.gaps.iter().copied().max().unwrap_or(0);
        SHORTEST.max(Span::from_micros(longest.saturating_mul(3)))
    }

    /// How long the mall was open between two moments.
    fn open_time(&self, from: Timestamp, to: Timestamp) -> Span {
        let none = Span::from_micros(0);
        let from = from.max(to - Span::from_secs(FARTHEST_DAYS * 86_400));
        let (Ok(begin), Ok(end)) = (
            jiff::Timestamp::from_microsecond(from.as_micros()),
            jiff::Timestamp::from_microsecond(to.as_micros()),
        ) else {
            return none;
        };
        // A day's hours may reach into the next one.
        let Ok(mut day) = begin.to_zoned(self.zone.clone()).date().yesterday() else { return none };
        let last = end.to_zoned(self.zone.clone()).date();
        let mut open = 0;
        while day <= last {
            let at = |minutes: u16| {
                let midnight = day.to_zoned(self.zone.clone()).ok()?;
                let wall = midnight.datetime().checked_add(jiff::Span::new().minutes(minutes)).ok()?;
                Some(wall.to_zoned(self.zone.clone()).ok()?.timestamp().as_microsecond())
            };
            if let (Some(opens), Some(closes)) = (at(self.hours.0), at(self.hours.1)) {
                open += (closes.min(to.as_micros()) - opens.max(from.as_micros())).max(0);
            }
            let Ok(next) = day.tomorrow() else { break };
            day = next;
        }
        Span::from_micros(open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        let t: jiff::Timestamp = format!("{text}+08:00").parse().unwrap();
        Timestamp::from_micros(t.as_microsecond())
    }

    fn watch(hours: (u16, u16)) -> Watch {
        Watch::new(hours, TimeZone::get("Asia/Shanghai").unwrap(), Duration::from_secs(7_200))
    }

    #[test]
    fn a_till_that_never_spoke_is_silent_after_the_configured_opening_time() {
        let (mut w, till) = (watch((600, 1320)), Arc::from("till"));
        w.expect(&till, at("2025-11-21T21:00:00"));
        // One hour until closing, one after opening.
        assert_eq!(w.look(at("2025-11-22T10:59:00")), []);
        let silent = Transition::Silent { feed: till.clone(), since: at("2025-11-21T21:00:00") };
        assert_eq!(w.look(at("2025-11-22T11:01:00")), [silent]);
        assert_eq!(w.look(at("2025-11-22T12:00:00")), [], "said once");
        assert_eq!(w.heard(&till, at("2025-11-22T12:01:00")), Some(Transition::Speaks { feed: till }));
    }

    #[test]
    fn what_is_usual_is_learnt() {
        let (mut w, till) = (watch((600, 1320)), Arc::from("till"));
        w.expect(&till, at("2025-11-21T10:00:00"));
        for n in 1..=30 {
            let _ = w.heard(&till, at("2025-11-21T10:00:00") + Span::from_secs(n * 240));
        }
        // Every four minutes: half an hour is long, but not less.
        let last = at("2025-11-21T12:00:00");
        assert_eq!(w.look(last + Span::from_secs(29 * 60)), []);
        assert_eq!(w.look(last + Span::from_secs(31 * 60)).len(), 1);
    }

    #[test]
    fn hours_past_midnight_and_clock_jumps_are_harmless() {
        let (mut w, till) = (watch((1080, 1560)), Arc::from("bar"));
        w.expect(&till, at("2025-11-22T01:00:00"));
        // Open until 02:00, again from 18:00.
        assert_eq!(w.look(at("2025-11-22T18:59:00")), []);
        assert_eq!(w.look(at("2025-11-22T19:01:00")).len(), 1);
        let _ = w.heard(&till, at("2020-01-01T00:00:00"));
        assert_eq!(w.look(Timestamp::MAX), []);
        assert_eq!(w.look(Timestamp::MIN), []);
    }
}
