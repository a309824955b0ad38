//! Time as data: microseconds since the Unix epoch, UTC. There is no `now()` here.

use core::fmt;
use core::ops::{Add, Sub};
use serde::{Deserialize, Serialize};

/// A moment, µs since the Unix epoch, UTC, without leap seconds (POSIX time).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(i64);

/// A length of time in µs; may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span(i64);

impl Timestamp {
    /// Before every moment that can be written as text.
    pub const MIN: Self = Self(i64::MIN);
    /// After every moment that can be written as text.
    pub const MAX: Self = Self(i64::MAX);

    /// From µs since the Unix epoch.
    pub const fn from_micros(us: i64) -> Self {
        Self(us)
    }

    /// µs since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Parses RFC 3339 (`2025-11-21T01:30:00.002Z`, any offset, any number of fraction digits; those
    /// beyond µs are cut). Years 1970 to 9999.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let b = text.as_bytes();
        let at = |i: usize| b.get(i).copied();
        let number = |from: usize, len: usize| -> Option<i64> {
            b.get(from..from + len)?
                .iter()
                .try_fold(0i64, |n, c| c.is_ascii_digit().then(|| n * 10 + i64::from(c - b'0')))
        };
        let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
        let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
        let punctuation = at(4)? == b'-'
            && at(7)? == b'-'
            && matches!(at(10)?, b'T' | b't' | b' ')
            && at(13)? == b':'
            && at(16)? == b':';
        let in_range = (1970..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60;
        if !punctuation || !in_range {
            return None;
        }
        let mut i = 19;
        let mut micros = 0i64;
        if at(i) == Some(b'.') {
            i += 1;
            let first = i;
            let mut unit = 100_000;
            while let Some(c) = at(i).filter(u8::is_ascii_digit) {
                micros += i64::from(c - b'0') * unit;
                unit /= 10;
                i += 1;
            }
            if i == first {
                return None;
            }
        }
        let offset_s = match at(i)? {
            b'Z' | b'z' if b.len() == i + 1 => 0,
            sign @ (b'+' | b'-') if b.len() == i + 6 && at(i + 3)? == b':' => {
                let (h, m) = (number(i + 1, 2)?, number(i + 4, 2)?);
                if h > 23 || m > 59 {
                    return None;
                }
                (h * 3600 + m * 60) * if sign == b'-' { -1 } else { 1 }
            }
            _ => return None,
        };
        let seconds =
            days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset_s;
        Some(Self(seconds * 1_000_000 + micros))
    }

    /// The last multiple of `step` since the epoch that is not after this moment.
    pub fn floor_to(self, step: Span) -> Self {
        Self(self.0.div_euclid(step.0.max(1)).saturating_mul(step.0.max(1)))
    }

    /// Moved later by `span`, stopping at the ends of the range.
    pub const fn saturating_add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// Moved earlier by `span`, stopping at the ends of the range.
    pub const fn saturating_sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// The time from `earlier` to this moment; negative when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From whole seconds.
    pub const fn from_secs(s: i64) -> Self {
        Self(s.saturating_mul(1_000_000))
    }

    /// From milliseconds.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms.saturating_mul(1_000))
    }

    /// From microseconds.
    pub const fn from_micros(us: i64) -> Self {
        Self(us)
    }

    /// From seconds; the fraction below 1 µs is cut.
    pub fn from_secs_f32(s: f32) -> Self {
        Self((f64::from(s) * 1e6) as i64)
    }

    /// Microseconds.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Seconds.
    pub fn as_secs_f32(self) -> f32 {
        (self.0 as f64 / 1e6) as f32
    }

    /// Seconds, rounded to the millisecond, as published.
    pub fn as_secs_f64(self) -> f64 {
        (self.0 as f64 / 1e3).round() / 1e3
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        self.saturating_add(span)
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        self.saturating_sub(span)
    }
}

/// RFC 3339 in UTC with milliseconds: `2025-11-21T01:30:00.002Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.div_euclid(1_000);
        let (days, rest) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
        let (year, month, day) = civil_from_days(days);
        let (h, m, s, milli) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60, rest % 1_000);
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{milli:03}Z")
    }
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is the last of its year.
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_moments_read_and_write() {
        let t = Timestamp::parse_rfc3339("2025-11-21T01:30:00.002Z").unwrap();
        assert_eq!(t.as_micros(), 1_763_688_600_002_000);
        assert_eq!(t.to_string(), "2025-11-21T01:30:00.002Z");
        assert_eq!(Timestamp::parse_rfc3339("2025-11-21T09:30:00.002+08:00"), Some(t));
        assert_eq!(Timestamp::parse_rfc3339("1970-01-01T00:00:00Z"), Some(Timestamp::from_micros(0)));
        assert_eq!(Timestamp::from_micros(-1).to_string(), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for bad in [
            "",
            "2025-11-21",
            "2025-02-29T00:00:00Z",
            "2025-11-21T24:00:00Z",
            "2025-11-21T01:30:00",
            "2025-11-21T01:30:00.Z",
            "2025-11-21T01:30:00Zx",
            "2025-11-21T01:30:00+0800",
            "２025-11-21T01:30:00Z",
        ] {
            assert_eq!(Timestamp::parse_rfc3339(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn text_and_back(ms in 0i64..253_402_300_799_999) {
            let t = Timestamp::from_micros(ms * 1000);
            prop_assert_eq!(Timestamp::parse_rfc3339(&t.to_string()), Some(t));
        }

        #[test]
        fn parsing_never_panics(s in "\\PC{0,40}") {
            let _ = Timestamp::parse_rfc3339(&s);
        }
    }
}
