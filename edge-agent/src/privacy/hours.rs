//! When a mall is open: outside its hours nobody is captured.
//!
//! Written as `"10:00-22:00"` for every day, or by weekday in the manner of OpenStreetMap:
//! `"Mo-Fr 10:00-22:00; Sa,Su 09:00-23:00"`. A rule replaces those before it on its days; days no rule names are
//! closed; `"Mo off"` closes a day. Several spans of a day are divided by commas: `"10:00-13:00,15:00-20:00"`. A
//! closing time that is not after the opening time is that of the next day. Times are local ones of the site.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::fmt;
use visit_core::time::Timestamp;

/// Spans of one weekday, minutes after local midnight; ends may be after the next midnight.
type Spans = Vec<(u16, u16)>;

/// The hours of a week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningHours {
    text: String,
    /// Monday first.
    week: [Spans; 7],
}

impl OpeningHours {
    /// Reads the hours; `None` when the text is no opening hours.
    pub fn parse(text: &str) -> Option<Self> {
        let mut week: [Spans; 7] = Default::default();
        for rule in text.split(';').map(str::trim).filter(|rule| !rule.is_empty()) {
            let begins_with_days = rule.starts_with(|c: char| c.is_ascii_alphabetic());
            let (days, hours) = if begins_with_days { rule.split_once(' ')? } else { ("Mo-Su", rule) };
            let spans = match hours.trim() {
                "off" => Spans::new(),
                hours => hours.split(',').map(span).collect::<Option<Spans>>()?,
            };
            for day in days.split(',') {
                for day in weekdays(day.trim())? {
                    week[day].clone_from(&spans);
                }
            }
        }
        let some = week.iter().any(|spans| !spans.is_empty());
        some.then(|| Self { text: text.trim().to_owned(), week })
    }
}

/// As they were written.
impl fmt::Display for OpeningHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Answers from the span last asked for; the time zone is looked up when a door opens or closes.
#[derive(Clone, Debug)]
pub(crate) struct Doors {
    hours: OpeningHours,
    zone: TimeZone,
    from: Timestamp,
    until: Timestamp,
    open: bool,
}

impl Doors {
    /// Doors with these hours, in this time zone.
    pub(crate) fn new(hours: OpeningHours, zone: TimeZone) -> Self {
        let nothing = Timestamp::from_micros(0);
        Self { hours, zone, from: nothing, until: nothing, open: false }
    }

    /// Whether the doors are open at `at`. The moment of opening counts, that of closing does not.
    pub(crate) fn are_open(&mut self, at: Timestamp) -> bool {
        if at < self.from || at >= self.until {
            self.look_up(at);
        }
        self.open
    }

    fn look_up(&mut self, at: Timestamp) {
        let Some(date) = jiff::Timestamp::from_microsecond(at.as_micros())
            .ok()
            .map(|moment| self.zone.to_datetime(moment).date())
        else {
            // Beyond every calendar nobody can say: closed.
            (self.from, self.until, self.open) = (at, at, false);
            return;
        };
        // Yesterday's hours may reach into today. Of other days nothing is known: there it is asked again.
        let mut near: Vec<(Timestamp, Timestamp)> = [date.yesterday(), Ok(date), date.tomorrow()]
            .into_iter()
            .flatten()
            .flat_map(|day| self.spans_of(day))
            .collect();
        near.sort();
        let (mut from, mut until) = (self.midnight(Ok(date)), self.midnight(date.tomorrow()));
        self.open = false;
        for (opens, closes) in near {
            if opens <= at && at < closes {
                // Spans that touch are one.
                if self.open {
                    until = until.max(closes);
                } else {
                    (from, until, self.open) = (opens, closes, true);
                }
            } else if closes <= at && !self.open {
                from = from.max(closes);
            } else if opens > at && !self.open {
                until = until.min(opens);
            }
        }
        (self.from, self.until) = (from, until);
    }

    fn spans_of(&self, day: Date) -> Vec<(Timestamp, Timestamp)> {
        let spans = &self.hours.week[day.weekday().to_monday_zero_offset() as usize];
        let at = |minutes: u16| {
            let wall = day.to_datetime(jiff::civil::Time::midnight());
            let wall = wall.checked_add(jiff::Span::new().minutes(minutes)).ok()?;
            let moment = self.zone.to_timestamp(wall).ok()?;
            Some(Timestamp::from_micros(moment.as_microsecond()))
        };
        spans.iter().filter_map(|(opens, closes)| Some((at(*opens)?, at(*closes)?))).collect()
    }

    fn midnight(&self, day: Result<Date, jiff::Error>) -> Timestamp {
        let moment = day.and_then(|d| self.zone.to_timestamp(d.to_datetime(jiff::civil::Time::midnight())));
        moment.map_or(Timestamp::MAX, |m| Timestamp::from_micros(m.as_microsecond()))
    }
}

/// `"10:00-22:00"` as minutes.
fn span(text: &str) -> Option<(u16, u16)> {
    let (open, close) = text.split_once('-')?;
    let (open, close) = (minutes(open).filter(|m| *m < DAY)?, minutes(close)?);
    Some((open, if close <= open { close + DAY } else { close }))
}

fn minutes(text: &str) -> Option<u16> {
    let (h, m) = text.trim().split_once(':')?;
    let (h, m): (u16, u16) = (h.parse().ok()?, m.parse().ok()?);
    (m < 60 && h <= 24 && h * 60 + m <= DAY).then_some(h * 60 + m)
}

/// `"Mo-Fr"` or `"Sa"` as days, Monday 0; a span may go over Sunday.
fn weekdays(text: &str) -> Option<Vec<usize>> {
    let day = |name: &str| NAMES.iter().position(|n| n.eq_ignore_ascii_case(name.trim()));
    match text.split_once('-') {
        None => Some(vec![day(text)?]),
        Some((first, last)) => {
            let (first, last) = (day(first)?, day(last)?);
            let count = (last + 7 - first) % 7 + 1;
            Some((0..count).map(|i| (first + i) % 7).collect())
        }
    }
}

/// Minutes of a day.
const DAY: u16 = 24 * 60;
/// As OpenStreetMap has them, Monday first.
const NAMES: [&str; 7] = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn doors(hours: &str, zone: &str) -> Doors {
        Doors::new(OpeningHours::parse(hours).unwrap(), TimeZone::get(zone).unwrap())
    }

    fn t(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn the_moment_of_opening_counts_and_that_of_closing_does_not() {
        let mut d = doors("10:00-22:00", "Asia/Shanghai");
        for (at, open) in [
            ("2025-11-21T09:59:59.999999+08:00", false),
            ("2025-11-21T10:00:00+08:00", true),
            ("2025-11-21T21:59:59.999999+08:00", true),
            ("2025-11-21T22:00:00+08:00", false),
            ("2025-11-22T10:00:00+08:00", true),
            ("2025-11-21T12:00:00+08:00", true),
        ] {
            assert_eq!(d.are_open(t(at)), open, "{at}");
        }
    }

    #[test]
    fn hours_past_midnight_are_of_the_day_they_began() {
        let mut d = doors("Fr,Sa 18:00-02:00; Su off", "Europe/Berlin");
        // A Friday.
        for (at, open) in [
            ("2025-11-21T17:59:00+01:00", false),
            ("2025-11-22T01:59:59+01:00", true),
            ("2025-11-22T02:00:00+01:00", false),
            ("2025-11-23T01:00:00+01:00", true),
            ("2025-11-23T19:00:00+01:00", false),
            ("2025-11-24T19:00:00+01:00", false),
        ] {
            assert_eq!(d.are_open(t(at)), open, "{at}");
        }
    }

    #[test]
    fn a_later_rule_replaces_the_earlier_on_its_days_and_breaks_are_closed() {
        let mut d = doors("10:00-13:00,15:00-20:00; Sa 09:00-23:00", "Asia/Shanghai");
        for (at, open) in [
            ("2025-11-21T12:59:00+08:00", true),
            ("2025-11-21T14:00:00+08:00", false),
            ("2025-11-21T15:00:00+08:00", true),
            ("2025-11-22T14:00:00+08:00", true),
            ("2025-11-22T22:00:00+08:00", true),
        ] {
            assert_eq!(d.are_open(t(at)), open, "{at}");
        }
    }

    #[test]
    fn summer_time_moves_the_doors_with_the_clock_on_the_wall() {
        let mut d = doors("10:00-22:00", "Europe/Berlin");
        for (at, open) in [
            ("2025-03-29T09:00:00Z", true),
            ("2025-03-30T08:00:00Z", true),
            ("2025-03-30T20:00:00Z", false),
            ("2025-10-26T08:59:59Z", false),
            ("2025-10-26T09:00:00Z", true),
        ] {
            assert_eq!(d.are_open(t(at)), open, "{at}");
        }
        let mut always = doors("00:00-24:00", "Europe/Berlin");
        assert!(always.are_open(t("2025-03-30T01:00:00Z")) && always.are_open(t("2025-10-26T00:30:00Z")));
        assert!(!always.are_open(Timestamp::MAX), "beyond every calendar");
    }

    #[test]
    fn what_are_no_hours_is_refused() {
        for wrong in [
            "",
            ";",
            "ten to ten",
            "10-22",
            "10:60-22:00",
            "24:00-01:00",
            "10:00-25:00",
            "Xx 10:00-22:00",
            "Mo-Xx 10:00-22:00",
            "Mo",
            "Mo ",
            "off",
            "Mo off",
            "10:00-22:00 Mo",
            "10:00-22:00,",
        ] {
            assert_eq!(OpeningHours::parse(wrong), None, "{wrong:?}");
        }
        assert_eq!(OpeningHours::parse(" Mo-Su 10:00-22:00 ").unwrap().to_string(), "Mo-Su 10:00-22:00");
        let over_sunday = OpeningHours::parse("Sa-Mo 10:00-22:00").unwrap();
        let open: Vec<_> = over_sunday.week.iter().map(|s| !s.is_empty()).collect();
        assert_eq!(open, [true, false, false, false, false, true, true]);
    }

    proptest! {
        /// What is remembered of the last answer never changes the next.
        #[test]
        fn every_answer_is_that_of_doors_asked_for_the_first_time(minutes in proptest::collection::vec(0i64..20_000, 1..20)) {
            let hours = "Mo-Fr 10:00-13:00,15:00-02:00; Sa 22:00-22:00";
            let mut asked = doors(hours, "Europe/Berlin");
            for minute in minutes {
                let at = Timestamp::from_micros(1_743_200_000_000_000 + minute * 60_000_000);
                prop_assert_eq!(asked.are_open(at), doors(hours, "Europe/Berlin").are_open(at));
            }
        }
    }
}
