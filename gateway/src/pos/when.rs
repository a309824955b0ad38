//! Dates and times as tills write them: RFC 3339, ISO 8601 without an offset, 20170930 and 023015, 2017/09/30.
//!
//! A time without an offset is local to the site. Of a local time that a change of clocks repeats the first
//! counts, one that it skips is moved later by the gap (RFC 5545 §3.3.5; jiff calls it "compatible").

use jiff::civil;
use jiff::tz::TimeZone;
use visit_core::time::Timestamp;

/// A business date, days since 1970-01-01.
pub fn date(text: &str) -> Option<i32> {
    let text = text.trim();
    let (date, _) = take_date(text)?;
    days(date)
}

/// A date with a time. `zone` is for times without an offset; `None` where it is needed and there is none.
pub fn moment(text: &str, zone: Option<&TimeZone>) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(at) = Timestamp::parse_rfc3339(text) {
        return Some(at);
    }
    let (date, rest) = take_date(text)?;
    let rest = rest.strip_prefix(['T', 't', ' ']).unwrap_or(rest);
    local(date, take_time(rest)?, zone?)
}

/// A date and a time of separate fields.
pub fn date_and_time(date: &str, time: &str, zone: Option<&TimeZone>) -> Option<Timestamp> {
    let (date, _) = take_date(date.trim())?;
    local(date, take_time(time.trim())?, zone?)
}

/// A year that a till may say; with it, every date fits an `i32` of days and every moment an `i64` of µs.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=9999;

fn local(date: civil::Date, time: civil::Time, zone: &TimeZone) -> Option<Timestamp> {
    let moment = zone.to_timestamp(date.to_datetime(time)).ok()?;
    Some(Timestamp::from_micros(moment.as_microsecond()))
}

fn days(date: civil::Date) -> Option<i32> {
    EPOCH.until(date).ok().map(|span| span.get_days())
}

const EPOCH: civil::Date = civil::Date::constant(1970, 1, 1);

/// `2017-09-30`, `2017/9/30`, `2017.09.30`, `20170930`, `2017年9月30日`, and what follows.
fn take_date(text: &str) -> Option<(civil::Date, &str)> {
    let (year, rest) = number(text, 4, 4)?;
    let separated = rest.strip_prefix(['-', '/', '.', '年']);
    let (month, rest) = number(separated.unwrap_or(rest), if separated.is_some() { 1 } else { 2 }, 2)?;
    let rest = match separated {
        Some(_) => rest.strip_prefix(['-', '/', '.', '月'])?,
        None => rest,
    };
    let (day, rest) = number(rest, if separated.is_some() { 1 } else { 2 }, 2)?;
    let rest = rest.strip_prefix('日').unwrap_or(rest);
    let (year, month, day) = (i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    let date = civil::Date::new(year, month, day).ok().filter(|_| YEARS.contains(&year))?;
    Some((date, rest))
}

/// `02:02:54`, `2:02`, `020254`, `0202`, each with fractions that are cut; nothing may follow.
fn take_time(text: &str) -> Option<civil::Time> {
    let (hour, rest) = number(text, 1, 2)?;
    let separated = rest.strip_prefix(':');
    let (minute, rest) = number(separated.unwrap_or(rest), 2, 2)?;
    let next = match separated {
        Some(_) => rest.strip_prefix(':'),
        None => Some(rest).filter(|r| !r.is_empty()),
    };
    let (second, rest) = match next {
        Some(next) => number(next, 2, 2)?,
        None => (0, rest),
    };
    let fraction_only = rest.strip_prefix('.').is_none_or(|f| f.bytes().all(|b| b.is_ascii_digit()));
    if !(rest.is_empty() || rest.starts_with('.') && fraction_only) {
        return None;
    }
    // A leap second is the last second of its minute.
    civil::Time::new(i8::try_from(hour).ok()?, i8::try_from(minute).ok()?, second.min(59) as i8, 0)
        .ok()
        .filter(|_| second <= 60)
}

/// At least `min` and at most `max` digits at the start.
fn number(text: &str, min: usize, max: usize) -> Option<(u32, &str)> {
    let len = text.bytes().take(max).take_while(u8::is_ascii_digit).count();
    (len >= min).then(|| (text[..len].parse().unwrap_or(0), &text[len..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shanghai() -> TimeZone {
        TimeZone::get("Asia/Shanghai").unwrap()
    }

    #[test]
    fn tills_write_dates_in_many_ways() {
        let day = date("2017-09-30").unwrap();
        assert_eq!(day, 17_439);
        for text in
            ["20170930", "2017/9/30", "2017.09.30", "2017年9月30日", " 2017-09-30 ", "2017-09-30T00:00:00"]
        {
            assert_eq!(date(text), Some(day), "{text}");
        }
        for text in ["", "2017-02-30", "30.09.2017", "170930", "2017-9", "1969-12-31", "2017-13-01"] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_with_an_offset_needs_no_zone_and_one_without_is_local() {
        let at = Timestamp::parse_rfc3339("2017-10-01T02:02:54Z").unwrap();
        assert_eq!(moment("2017-10-01T02:02:54Z", None), Some(at));
        assert_eq!(moment("2017-10-01T10:02:54+08:00", None), Some(at));
        assert_eq!(moment("2017-10-01T10:02:54", None), None);
        for text in ["2017-10-01T10:02:54", "2017-10-01 10:02:54.120", "20171001100254", "2017/10/1 10:02:54"]
        {
            let read = moment(text, Some(&shanghai())).map(|t| t.as_micros() / 1_000_000);
            assert_eq!(read, Some(at.as_micros() / 1_000_000), "{text}");
        }
        assert_eq!(date_and_time("20171001", "100254", Some(&shanghai())), Some(at));
        assert_eq!(date_and_time("20171001", "25:00", Some(&shanghai())), None);
    }

    #[test]
    fn clocks_that_change_have_one_answer() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let twice = moment("2017-10-29T02:30:00", Some(&berlin)).unwrap();
        assert_eq!(twice.to_string(), "2017-10-29T00:30:00.000Z");
        let never = moment("2017-03-26T02:30:00", Some(&berlin)).unwrap();
        assert_eq!(never.to_string(), "2017-03-26T01:30:00.000Z");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,30}", time in "[0-9:.]{0,10}") {
            let zone = shanghai();
            let _ = (date(&text), moment(&text, Some(&zone)), date_and_time(&text, &time, Some(&zone)));
        }

        #[test]
        fn nothing_near_a_date_panics(text in "[0-9]{1,4}[-/年]?[0-9]{1,2}[-/月]?[0-9]{1,2}[T ]?[0-9:.]{0,9}") {
            let zone = shanghai();
            let _ = (date(&text), moment(&text, Some(&zone)));
        }
    }
}
