//! Local hours and business days, from a table of offsets: the core knows no time zones.
//!
//! The shell fills the table from the time zone database ([`Calendar::new`]); an empty one is UTC.

use crate::time::{Span, Timestamp};

/// Local time of a site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    /// From when on local time is so many seconds ahead of UTC, ascending; before the first, as at the first.
    offsets: Vec<(Timestamp, i32)>,
    /// Seconds after local midnight at which a business day starts.
    day_starts_s: u32,
}

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 86_400;

impl Calendar {
    /// From changes of the offset, in any order, and the start of a business day, seconds after local midnight.
    pub fn new(mut offsets: Vec<(Timestamp, i32)>, day_starts_s: u32) -> Self {
        offsets.sort_unstable();
        Self { offsets, day_starts_s }
    }

    /// The local hour of a moment: from when, and until when. The hour that the end of summer time repeats is one of two.
    pub fn hour(&self, at: Timestamp) -> (Timestamp, Timestamp) {
        self.period(at, HOUR_S, 0)
    }

    /// The business day of a moment: from when, and until when. 23 or 25 hours where summer time begins or ends.
    pub fn day(&self, at: Timestamp) -> (Timestamp, Timestamp) {
        self.period(at, DAY_S, i64::from(self.day_starts_s))
    }

    /// Local time is cut into lengths of `length_s`, the first `start_s` after a midnight.
    fn period(&self, at: Timestamp, length_s: i64, start_s: i64) -> (Timestamp, Timestamp) {
        let local = seconds(at) + self.offset(at) - start_s;
        let n = local.div_euclid(length_s);
        let moment = |n: i64| self.utc(n * length_s + start_s);
        let (mut from, mut until) = (moment(n), moment(n + 1));
        // In the hour that summer time repeats or skips, the moment may lie beside the period of its own local time.
        if at < from {
            (from, until) = (moment(n - 1), from);
        } else if at >= until {
            (from, until) = (until, moment(n + 2));
        }
        (from, until.max(from + Span::from_secs(1)))
    }

    /// When local time says so, the first time.
    fn utc(&self, local_s: i64) -> Timestamp {
        let guess = |offset: i64| Timestamp::from_micros((local_s - offset).saturating_mul(1_000_000));
        let before = self.offset(guess(self.offset(guess(0)) + HOUR_S));
        let with_before = guess(before);
        let after = self.offset(with_before);
        // Skipped when summer time begins: later by as much as is skipped.
        if after == before || self.offset(guess(after)) != after { with_before } else { guess(after) }
    }

    fn offset(&self, at: Timestamp) -> i64 {
        let after = self.offsets.partition_point(|(from, _)| *from <= at);
        let entry = self.offsets.get(after.saturating_sub(1));
        entry.map_or(0, |(_, seconds)| i64::from(*seconds))
    }
}

fn seconds(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn a_business_day_in_shanghai_starts_at_six_in_the_morning() {
        let c = Calendar::new(vec![(Timestamp::MIN, 8 * 3600)], 6 * 3600);
        let day = (at("2025-11-20T22:00:00Z"), at("2025-11-21T22:00:00Z"));
        assert_eq!(c.day(at("2025-11-21T10:15:00Z")), day);
        assert_eq!(c.day(day.0), day);
        assert_eq!(
            c.hour(at("2025-11-21T10:15:00Z")),
            (at("2025-11-21T10:00:00Z"), at("2025-11-21T11:00:00Z"))
        );
    }

    #[test]
    fn where_summer_time_begins_and_ends_days_have_23_and_25_hours_and_nothing_is_left_out() {
        // Berlin, 2025.
        let c = Calendar::new(
            vec![
                (Timestamp::MIN, 3600),
                (at("2025-03-30T01:00:00Z"), 7200),
                (at("2025-10-26T01:00:00Z"), 3600),
            ],
            0,
        );
        let hours = |(from, until): (Timestamp, Timestamp)| until.since(from).as_micros() / 3_600_000_000;
        assert_eq!(hours(c.day(at("2025-03-30T12:00:00Z"))), 23);
        assert_eq!(hours(c.day(at("2025-10-26T12:00:00Z"))), 25);
        for start in ["2025-03-29T00:00:00Z", "2025-10-25T00:00:00Z"] {
            let mut t = at(start);
            for _ in 0..50 {
                let (from, until) = c.hour(t);
                assert!(from <= t && t < until, "{t} {from} {until}");
                assert!(until == c.hour(until).0, "{until} {:?}", c.hour(until));
                t = until;
            }
        }
    }

    #[test]
    fn half_hours_of_india_are_hours_of_its_clock() {
        let c = Calendar::new(vec![(Timestamp::MIN, 19_800)], 0);
        assert_eq!(c.hour(at("2025-11-21T10:45:00Z")).0, at("2025-11-21T10:30:00Z"));
    }
}
