//! Dates and times as receipts print them: 2016-03-25 10:13, 2016年3月25日 10:13:05, 25/03/16, 03/25/2016 10:13 PM,
//! 20160325101305.

use jiff::civil;
use jiff::tz::TimeZone;
use visit_core::time::Timestamp;

/// What comes first in a date of three numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum DateOrder {
    #[default]
    YearMonthDay,
    DayMonthYear,
    MonthDayYear,
}

impl DateOrder {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ymd" => Self::YearMonthDay,
            "dmy" => Self::DayMonthYear,
            "mdy" => Self::MonthDayYear,
            _ => return None,
        })
    }
}

/// The date in a text, days since 1970-01-01, and the numbers after it.
pub(super) fn find(text: &str, order: DateOrder) -> Option<(i32, Vec<i64>)> {
    let mut numbers = numbers(text);
    if numbers.len() < 3 {
        return None;
    }
    let rest = numbers.split_off(3);
    let [a, b, c] = numbers[..] else { return None };
    // A year of four digits says itself where it is.
    let (y, m, d) = match order {
        _ if a > 31 => (a, b, c),
        DateOrder::YearMonthDay => (a, b, c),
        DateOrder::DayMonthYear => (c, b, a),
        DateOrder::MonthDayYear => (c, a, b),
    };
    // Of two numbers, one above twelve is the day, whatever the order should be.
    let (m, d) = if m > 12 && d <= 12 && a <= 31 { (d, m) } else { (m, d) };
    let year =
        i16::try_from(if y < 100 { y + 2000 } else { y }).ok().filter(|y| (1970..=9998).contains(y))?;
    let date = civil::Date::new(year, i8::try_from(m).ok()?, i8::try_from(d).ok()?).ok()?;
    let epoch = civil::Date::constant(1970, 1, 1);
    Some((epoch.until(date).ok()?.get_days(), rest))
}

/// The moment in a text, local to `zone`.
pub(super) fn moment(text: &str, order: DateOrder, zone: &TimeZone) -> Option<Timestamp> {
    let (day, clock) = find(text, order)?;
    let lower = text.to_ascii_lowercase();
    let hour = *clock.first()?;
    let hour =
        match (lower.contains("pm") || text.contains('下'), lower.contains("am") || text.contains('上')) {
            (true, _) if hour < 12 => hour + 12,
            (_, true) if hour == 12 => 0,
            _ => hour,
        };
    let part = |n: i64| i8::try_from(n).ok();
    let (minute, second) = (*clock.get(1)?, clock.get(2).copied().unwrap_or(0));
    let time = civil::Time::new(part(hour)?, part(minute)?, part(second)?, 0).ok()?;
    let date = civil::Date::constant(1970, 1, 1).checked_add(jiff::Span::new().days(day)).ok()?;
    let at = zone.to_timestamp(date.to_datetime(time)).ok()?;
    Some(Timestamp::from_micros(at.as_microsecond()))
}

/// Runs of digits as numbers; 20160325 and 20160325101305 are taken apart.
fn numbers(text: &str) -> Vec<i64> {
    let mut out = Vec::new();
    for run in text.split(|c: char| !c.is_ascii_digit()).filter(|run| !run.is_empty()).take(8) {
        let parts: &[usize] = match (run.len(), out.is_empty()) {
            (14, true) => &[4, 2, 2, 2, 2, 2],
            (12, true) => &[4, 2, 2, 2, 2],
            (8, true) => &[4, 2, 2],
            (6, false) => &[2, 2, 2],
            (4, false) if out.len() == 3 => &[2, 2],
            (1..=4, _) => &[run.len()][..],
            _ => continue,
        };
        let mut rest = run;
        for len in parts {
            let (part, more) = rest.split_at(*len);
            out.push(part.parse().unwrap_or(0));
            rest = more;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_receipts_print_them() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let at = |text, order| moment(text, order, &zone).map(|t| t.to_string());
        let want = Some("2016-03-25T02:13:05.000Z".to_owned());
        use DateOrder::{DayMonthYear as D, MonthDayYear as M, YearMonthDay as Y};
        for (text, order) in [
            ("2016-03-25 10:13:05", Y),
            ("2016年3月25日 10:13:05", Y),
            ("2016/3/25 上午 10:13:05", Y),
            ("20160325101305", Y),
            ("20160325 101305", Y),
            ("25/03/2016 10:13:05", D),
            ("25.03.16 10:13:05", D),
            ("03/25/2016 10:13:05 AM", M),
            ("2016-03-25 10:13:05", D),
            ("03/25/2016 10:13:05", D),
        ] {
            assert_eq!(at(text, order), want, "{text}");
        }
        assert_eq!(at("03/25/2016 10:13 PM", M).as_deref(), Some("2016-03-25T14:13:00.000Z"));
        assert_eq!(at("03/25/2016 12:13 AM", M).as_deref(), Some("2016-03-24T16:13:00.000Z"));
        for wrong in ["", "10:13", "2016-13-25 10:13", "2016-03-25 25:13", "99999999999999999999 1 2"] {
            assert_eq!(at(wrong, Y), None, "{wrong}");
        }
    }
}
