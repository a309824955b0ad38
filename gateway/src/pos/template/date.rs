//! Dates and times as receipts print them: 2016-03-25 10:13, 2016年3月25日 10时13分05秒, 25/03/16, 03/25/2016 10:13 PM,
//! 20160325101305, Mon 6th of April 2015 02:56 PM, 24. Dez 2025 um 9.05 Uhr, 民國114年11月21日, 令和7年11月21日.
//!
//! A text is taken apart into numbers, words and signs. The time is where two numbers stand around a colon (or 时, h,
//! and so on); what numbers are left are the date, with the name of a month where one stands among them.

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

/// The date in a text, days since 1970-01-01.
pub(super) fn day(text: &str, order: DateOrder) -> Option<i32> {
    let (date, _) = parts(text, order)?;
    let epoch = civil::Date::constant(1970, 1, 1);
    Some(epoch.until(date).ok()?.get_days())
}

/// The moment in a text, local to `zone`.
pub(super) fn moment(text: &str, order: DateOrder, zone: &TimeZone) -> Option<Timestamp> {
    let (date, time) = parts(text, order)?;
    let at = zone.to_timestamp(date.to_datetime(time?)).ok()?;
    Some(Timestamp::from_micros(at.as_microsecond()))
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq)]
enum Piece {
    /// Its value and how many digits it has.
    Number(i64, usize),
    /// Letters, in lower case; CJK characters are one each.
    Word(String),
    Sign(char),
}

fn parts(text: &str, order: DateOrder) -> Option<(civil::Date, Option<civil::Time>)> {
    let mut pieces = pieces(text);
    let mut time = clock(&mut pieces);
    let mut numbers: Vec<(i64, usize)> = Vec::new();
    for piece in &pieces {
        if let Piece::Number(n, len) = *piece {
            numbers.push((n, len));
        }
    }
    let numbers = apart(&numbers, &mut time)?;
    let month = pieces.iter().rev().find_map(|piece| match piece {
        Piece::Word(word) => month(word),
        _ => None,
    });
    let date = match (numbers[..].split_first_chunk(), month) {
        (Some((three, _)), _) => {
            let of = |order| civil_date(ordered(*three, order), &pieces);
            // Where the order of the template makes no date of them, another may; if only one does, it is that.
            of(order).or_else(|| {
                let mut others = [DateOrder::YearMonthDay, DateOrder::DayMonthYear, DateOrder::MonthDayYear]
                    .into_iter()
                    .filter_map(of);
                let other = others.next();
                other.filter(|date| others.all(|another| another == *date))
            })
        }
        (None, Some(month)) => match numbers[..] {
            [a, b] if a > 31 => civil_date((a, month, b), &pieces),
            [a, b] => civil_date((b, month, a), &pieces),
            _ => None,
        },
        (None, None) => None,
    };
    Some((date?, time))
}

fn civil_date((year, month, day): (i64, i64, i64), pieces: &[Piece]) -> Option<civil::Date> {
    let year = i16::try_from(full_year(year, pieces)).ok().filter(|y| (1970..=9998).contains(y))?;
    civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut out = Vec::new();
    let chars: Vec<char> = text.chars().take(MAX_CHARS).flat_map(char::to_lowercase).collect();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let run = |fits: fn(&char) -> bool| chars[at..].iter().take_while(|c| fits(c)).count();
        if c.is_ascii_digit() {
            let len = run(char::is_ascii_digit);
            let value = chars[at..at + len].iter().fold(0i64, |n, c| {
                n.saturating_mul(10).saturating_add(i64::from(c.to_digit(10).unwrap_or(0)))
            });
            out.push(Piece::Number(value, len));
            at += len;
        } else if is_letter(&c) {
            let len = run(is_letter);
            out.push(Piece::Word(chars[at..at + len].iter().collect()));
            at += len;
        } else {
            if !c.is_whitespace() {
                out.push(if c.is_alphabetic() { Piece::Word(c.to_string()) } else { Piece::Sign(c) });
            }
            at += 1;
        }
    }
    out
}

/// A letter of an alphabet; the characters of CJK stand for themselves.
fn is_letter(c: &char) -> bool {
    c.is_alphabetic() && u32::from(*c) < 0x0700
}

/// No date is longer.
const MAX_CHARS: usize = 96;

/// Takes the time of day out of a text.
fn clock(pieces: &mut Vec<Piece>) -> Option<civil::Time> {
    let is = |piece: Option<&Piece>, of: &[&str]| match piece {
        Some(Piece::Word(word)) => of.contains(&word.as_str()),
        Some(Piece::Sign(sign)) => of.contains(&&*sign.encode_utf8(&mut [0; 4])),
        _ => false,
    };
    let hours = [":", "时", "時", "點", "点", "시", "h"];
    let minutes = [":", "分", "분", "m", "min"];
    let uhr = pieces.iter().any(|p| is(Some(p), &["uhr"]));
    let at = (0..pieces.len()).find(|&i| {
        let sign = is(pieces.get(i + 1), &hours) || (uhr && is(pieces.get(i + 1), &["."]));
        matches!(pieces.get(i), Some(Piece::Number(_, 1 | 2)))
            && matches!(pieces.get(i + 2), Some(Piece::Number(_, 2)))
            && sign
            // 24.12.2025 9.05 Uhr: the time is the pair that Uhr follows
            && (!is(pieces.get(i + 1), &["."]) || is(pieces.get(i + 3), &["uhr"]))
    })?;
    let number = |i: usize| match pieces.get(i) {
        Some(Piece::Number(n, _)) => Some(*n),
        _ => None,
    };
    let (hour, minute) = (number(at)?, number(at + 2)?);
    let second = match pieces.get(at + 4) {
        Some(Piece::Number(n, 2)) if is(pieces.get(at + 3), &minutes) => Some(*n),
        _ => None,
    };
    let later = ["pm", "下", "後"];
    let earlier = ["am", "上", "前"];
    let said = |of: &[&str]| pieces.iter().any(|p| is(Some(p), of));
    // "p.m." is two letters with a point behind each; 오후 two syllables.
    let said_apart = |of: [&str; 2]| {
        let words: Vec<&Piece> = pieces.iter().filter(|p| !matches!(p, Piece::Sign(_))).collect();
        words.windows(2).any(|w| is(Some(w[0]), &of[..1]) && is(Some(w[1]), &of[1..]))
    };
    let pm = said(&later) || said_apart(["p", "m"]) || said_apart(["오", "후"]) || said_apart(["晚", "上"]);
    let am = said(&earlier) || said_apart(["a", "m"]) || said_apart(["오", "전"]);
    let hour = match (pm, am) {
        (true, _) if hour < 12 => hour + 12,
        (false, true) if hour == 12 => 0,
        _ => hour,
    };
    let end = if second.is_some() { at + 5 } else { at + 3 };
    let time = civil::Time::new(
        i8::try_from(hour).ok()?,
        i8::try_from(minute).ok()?,
        // A leap second is the last of its minute.
        i8::try_from(second.unwrap_or(0).min(59)).ok()?,
        0,
    );
    // What follows at once are fractions.
    let fractions = matches!(
        (pieces.get(end), pieces.get(end + 1)),
        (Some(Piece::Sign('.' | ',')), Some(Piece::Number(_, 1..=9)))
    ) && second.is_some();
    pieces.drain(at..end + if fractions { 2 } else { 0 });
    time.ok()
}

/// Numbers of a date; 20160325 and 20160325101305 are taken apart, and a time written as 101305 is found.
fn apart(numbers: &[(i64, usize)], time: &mut Option<civil::Time>) -> Option<Vec<i64>> {
    let mut out: Vec<i64> = Vec::new();
    let at = |n: i64, places: u32| n / 10i64.pow(places) % 100;
    let clock = |h: i64, m: i64, s: i64| {
        civil::Time::new(i8::try_from(h).ok()?, i8::try_from(m).ok()?, i8::try_from(s).ok()?, 0).ok()
    };
    for &(n, len) in numbers {
        match (len, out.len()) {
            (14, 0) => {
                out.extend([n / 10i64.pow(10), at(n, 8), at(n, 6)]);
                *time = time.or(clock(at(n, 4), at(n, 2), at(n, 0)));
            }
            (12, 0) => {
                out.extend([n / 10i64.pow(8), at(n, 6), at(n, 4)]);
                *time = time.or(clock(at(n, 2), at(n, 0), 0));
            }
            (8, 0) => out.extend([n / 10i64.pow(4), at(n, 2), at(n, 0)]),
            (6, 3) => *time = time.or(clock(at(n, 4), at(n, 2), at(n, 0))),
            (4, 3) => *time = time.or(clock(at(n, 2), at(n, 0), 0)),
            (1..=4, 0..=2) => out.push(n),
            // A number that is too long to be of a date: this text is none.
            (5.., 0..=2) => return None,
            _ => {}
        }
    }
    Some(out)
}

/// Year, month and day of three numbers.
fn ordered([a, b, c]: [i64; 3], order: DateOrder) -> (i64, i64, i64) {
    let (y, m, d) = match order {
        // A year of more than two digits says itself where it is.
        _ if a > 31 => (a, b, c),
        DateOrder::YearMonthDay if c > 31 => (c, b, a),
        DateOrder::YearMonthDay => (a, b, c),
        DateOrder::DayMonthYear => (c, b, a),
        DateOrder::MonthDayYear => (c, a, b),
    };
    // Of two numbers, one above twelve is the day, whatever the order should be.
    if m > 12 && d <= 12 && a <= 31 { (y, d, m) } else { (y, m, d) }
}

/// The year of the common era.
fn full_year(year: i64, pieces: &[Piece]) -> i64 {
    let era = |first: &str, second: &str| {
        pieces.windows(2).any(|w| matches!(w, [Piece::Word(a), Piece::Word(b)] if a == first && b == second))
    };
    match year {
        _ if era("令", "和") => year + 2018,
        _ if era("平", "成") => year + 1988,
        // Taiwan counts from 1912; no other year has three digits.
        100..=199 => year + 1911,
        0..=99 if era("民", "國") || era("民", "国") => year + 1911,
        // The Buddhist era of Thailand.
        2_400..=2_700 => year - 543,
        0..=99 => year + 2000,
        _ => year,
    }
}

/// The number of a month by its name, or at least its first three letters, in the languages of Western Europe.
fn month(word: &str) -> Option<i64> {
    if word.chars().count() < 3 {
        return None;
    }
    let of = |names: &&str| names.split(' ').any(|name| name.starts_with(word));
    MONTHS.iter().position(of).map(|i| i as i64 + 1)
}

/// English, German, French, Spanish, Portuguese and Italian; with and without accents.
const MONTHS: [&str; 12] = [
    "january januar janvier enero janeiro gennaio jänner",
    "february februar février fevrier febrero fevereiro febbraio",
    "march märz maerz mars marzo março marco mrz",
    "april avril abril aprile",
    "may mai mayo maio maggio",
    "june juni juin junio junho giugno",
    "july juli juillet julio julho luglio",
    "august août aout agosto",
    "september septembre septiembre setembro settembre setiembre sept",
    "october oktober octobre octubre outubro ottobre",
    "november novembre noviembre novembro",
    "december dezember décembre decembre diciembre dezembro dicembre",
];

#[cfg(test)]
mod tests {
    use super::DateOrder::{DayMonthYear as D, MonthDayYear as M, YearMonthDay as Y};
    use super::*;

    fn at(text: &str, order: DateOrder) -> Option<String> {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        moment(text, order, &zone).map(|t| t.to_string())
    }

    #[test]
    fn dates_are_read_as_receipts_print_them() {
        let want = Some("2016-03-25T02:13:05.000Z".to_owned());
        for (text, order) in [
            ("2016-03-25 10:13:05", Y),
            ("2016-03-25T10:13:05", Y),
            ("2016-03-25 10:13:05.250", Y),
            ("2016年3月25日 10:13:05", Y),
            ("2016年03月25日 10时13分05秒", Y),
            ("2016年 3月25日(金) 10:13:05", Y),
            ("2016/3/25 上午 10:13:05", Y),
            ("10:13:05 2016/03/25", Y),
            ("20160325101305", Y),
            ("20160325 101305", Y),
            ("25/03/2016 10:13:05", D),
            ("25/03/2016 10:13:05", Y),
            ("25.03.16 10:13:05", D),
            ("25.03.2016 um 10:13:05 Uhr", D),
            ("03/25/2016 10:13:05 AM", M),
            ("2016-03-25 10:13:05", D),
            ("03/25/2016 10:13:05", D),
            ("03/25/16 10:13:05", Y),
            ("25 Mar 2016 10:13:05", D),
            ("Fri 25-MAR-2016, 10:13:05", D),
            ("Friday 25th of March 2016 10:13:05 AM", D),
            ("March 25, 2016 10:13:05 a.m.", M),
            ("vendredi 25 mars 2016 à 10:13:05", D),
            ("25 de março de 2016 10:13:05", D),
            ("105/03/25 10:13:05", Y),
            ("民國105年3月25日 10:13:05", Y),
            ("平成28年3月25日 10時13分05秒", Y),
            ("2016년 3월 25일 오전 10:13:05", Y),
            ("25/03/2559 10:13:05", D),
        ] {
            assert_eq!(at(text, order), want, "{text}");
        }
    }

    #[test]
    fn the_second_half_of_the_day_is_told_in_many_ways() {
        let want = Some("2016-03-25T14:13:00.000Z".to_owned());
        for (text, order) in [
            ("03/25/2016 10:13 PM", M),
            ("03/25/2016 10:13 p.m.", M),
            ("2016-03-25 下午 10:13", Y),
            ("2016年3月25日 晚上10点13", Y),
            ("2016年3月25日 午後10時13分", Y),
            ("2016-03-25 오후 10:13", Y),
            ("25/03/2016 22h13", D),
            ("25.03.2016 22.13 Uhr", D),
        ] {
            assert_eq!(at(text, order), want, "{text}");
        }
        assert_eq!(at("03/25/2016 12:13 AM", M).as_deref(), Some("2016-03-24T16:13:00.000Z"));
        assert_eq!(at("03/25/2016 12:13 PM", M).as_deref(), Some("2016-03-25T04:13:00.000Z"));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for wrong in [
            "",
            "10:13",
            "2016-13-25 10:13",
            "2016-03-25 25:13",
            "2016-03-25",
            "March 2016 10:13",
            "99999999999999999999 1 2",
            "1/2 10:13",
        ] {
            assert_eq!(at(wrong, Y), None, "{wrong}");
        }
        assert_eq!(day("2016-03-25", Y), Some(16_885));
        assert_eq!(day("11月21日", Y), None);
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(text in "[0-9]{0,15}[-/.年: ]?[0-9a-z時分上下民國令和 :./-]{0,30}") {
            let _ = at(&text, Y);
            let _ = at(&text, M);
        }
    }
}
