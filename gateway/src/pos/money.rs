//! Amounts: decimals on the wire, integer minor units of an ISO 4217 currency inside, and no float between.
//!
//! A [`Decimal`] is an integer and how many of its digits are decimals; `12.3400` is 123400 and 4. What people
//! and tills write around the digits is taken off first: full-width digits and signs, spaces of all kinds,
//! currency signs and codes, thousands separators, a sign before or after, brackets for a negative amount.
//!
//! Separators: with both `.` and `,` the later one is the decimal separator. A lone `.` is one. A lone `,` is
//! one unless exactly three digits follow. Whatever groups digits must leave three behind the last separator.
//! Where it is known how a till writes, [`Mark`] says so.

use visit_core::observation::Currency;

/// An exact decimal number of at most 18 digits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decimal {
    units: i64,
    scale: u8,
}

/// Why a text is no amount. Never repeats the text: it may be a card number in the wrong field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Nothing there.
    #[error("is empty; wanted an amount like 1234.50")]
    Empty,
    /// A character that no amount has.
    #[error("has a character at place {place} that no amount has; wanted an amount like 1234.50")]
    Character {
        /// Which character, from 1.
        place: usize,
    },
    /// Separators that do not part thousands.
    #[error("has separators that do not part thousands; wanted 1234.50 or 1,234.50")]
    Grouping,
    /// More than 18 digits.
    #[error("has more than {MAX_DIGITS} digits")]
    TooBig,
    /// Fractions of the smallest unit.
    #[error(
        "has {decimals} decimals, but {currency} has {exponent}; part of the smallest unit would be lost"
    )]
    TooFine {
        /// Decimals that are not zero at the end.
        decimals: u8,
        /// Decimals of the currency.
        exponent: u8,
        /// Which currency.
        currency: Code,
    },
}

/// A currency in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub Currency);

impl core::fmt::Display for Code {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// Which sign stands before the decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    /// As it comes; see the module.
    #[default]
    Any,
    /// A point; commas part thousands.
    Point,
    /// A comma; points part thousands.
    Comma,
    /// None, where separators part thousands (the currency has no decimals); else as it comes.
    Whole,
}

/// Digits of a number that surely fits an `i64`.
const MAX_DIGITS: usize = 18;
/// Longer texts are no amounts, whatever they hold.
const MAX_CHARS: usize = 64;

impl Decimal {
    /// `units` / 10^`scale`.
    pub const fn new(units: i64, scale: u8) -> Self {
        Self { units, scale }
    }

    /// Reads an amount or a quantity as tills write them.
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        Self::parse_marked(text, Mark::Any)
    }

    /// Reads an amount as a till writes it of which this is known.
    pub fn parse_marked(text: &str, mark: Mark) -> Result<Self, AmountError> {
        let mut chars = [' '; MAX_CHARS];
        let mut count = 0;
        for (place, c) in text.chars().map(normalise).enumerate().filter(|(_, c)| *c != ' ') {
            // Long enough for every amount and its currency; the rest cannot be one.
            *chars.get_mut(count).ok_or(AmountError::Character { place: place + 1 })? = c;
            count += 1;
        }
        let (body, negative) = unsigned(&chars[..count]);
        if body.is_empty() {
            return Err(AmountError::Empty);
        }
        let place = |c: &char| {
            // In the text as it came; a minus in the middle is found there, too.
            let there = text.chars().map(normalise).position(|t| t == *c);
            AmountError::Character { place: there.map_or(1, |p| p + 1) }
        };
        let (mantissa, power) = match body.iter().position(|c| matches!(c, 'e' | 'E')) {
            Some(e) => (&body[..e], exponent_of_ten(&body[e + 1..]).ok_or_else(|| place(&body[e]))?),
            None => (body, 0),
        };
        if let Some(odd) = mantissa.iter().find(|c| !(c.is_ascii_digit() || matches!(c, '.' | ',' | '\''))) {
            return Err(place(odd));
        }
        let (whole, decimals) = split(mantissa, mark);
        check_groups(whole)?;
        if decimals.iter().any(|c| !c.is_ascii_digit()) {
            return Err(AmountError::Grouping);
        }
        let number = digits(whole.iter().chain(decimals))?;
        let scale = decimals.len() as i32 - power;
        let number = Self::scaled(number, scale)?;
        Ok(if negative { number.negated() } else { number })
    }

    fn scaled(units: i64, scale: i32) -> Result<Self, AmountError> {
        let mut number = units;
        let mut scale = scale;
        while scale < 0 {
            number = number.checked_mul(10).filter(|n| *n < 10i64.pow(18)).ok_or(AmountError::TooBig)?;
            scale += 1;
        }
        Ok(Self { units: number, scale: u8::try_from(scale).map_err(|_| AmountError::TooBig)? })
    }

    /// Minor units of a currency: `12.34` CNY is 1234. Zeros after the last decimal of the currency may be cut;
    /// anything else that does not fit is an error.
    pub fn minor(self, currency: Currency) -> Result<i64, AmountError> {
        let exponent = exponent(currency);
        let lean = self.without_zeros();
        if lean.scale > exponent {
            let code = Code(currency);
            return Err(AmountError::TooFine { decimals: lean.scale, exponent, currency: code });
        }
        let factor = 10i64.pow(u32::from(exponent - lean.scale));
        lean.units.checked_mul(factor).ok_or(AmountError::TooBig)
    }

    /// Below zero.
    pub fn is_negative(self) -> bool {
        self.units < 0
    }

    /// With the other sign.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { units: -self.units, scale: self.scale }
    }

    /// Without its sign.
    #[must_use]
    pub fn magnitude(self) -> Self {
        Self { units: self.units.abs(), scale: self.scale }
    }

    /// Without zeros at the end of the decimals.
    fn without_zeros(mut self) -> Self {
        while self.scale > 0 && self.units % 10 == 0 {
            self.units /= 10;
            self.scale -= 1;
        }
        self
    }
}

/// Equal as numbers: 1.50 is 1.5.
impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.without_zeros(), other.without_zeros());
        (a.units, a.scale) == (b.units, b.scale)
    }
}

impl Eq for Decimal {}

impl core::fmt::Display for Decimal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let sign = if self.units < 0 { "-" } else { "" };
        let (digits, scale) = (self.units.unsigned_abs().to_string(), usize::from(self.scale));
        if scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, decimals) = padded.split_at(padded.len() - scale);
        write!(f, "{sign}{whole}.{decimals}")
    }
}

/// Decimals of a currency (ISO 4217, list one): 2 where nothing else is known.
pub fn exponent(currency: Currency) -> u8 {
    match currency.as_str() {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// What stands for the same in ASCII; spaces of all kinds become blanks.
fn normalise(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '\u{2212}' | '\u{2010}'..='\u{2013}' => '-',
        '\u{2019}' => '\'',
        '、' => ',',
        c if c.is_whitespace() => ' ',
        c => c,
    }
}

/// The digits without sign, brackets, currency signs and codes, and whether they are negative.
fn unsigned(mut chars: &[char]) -> (&[char], bool) {
    let mut negative = false;
    loop {
        chars = match chars {
            ['-', rest @ ..] | [rest @ .., '-'] if !negative => {
                negative = true;
                rest
            }
            ['(', rest @ .., ')'] if !negative => {
                negative = true;
                rest
            }
            ['+', rest @ ..] | [rest @ .., '+'] if !negative => return (currency_off(rest), false),
            _ => {
                let rest = currency_off(chars);
                if rest.len() == chars.len() {
                    return (chars, negative);
                }
                rest
            }
        };
    }
}

/// Takes one currency sign or code off either end.
fn currency_off(chars: &[char]) -> &[char] {
    let sign = |c: &char| {
        matches!(c, '¥' | '￥' | '$' | '€' | '£' | '₩' | '￦' | '฿' | '₫' | '₹' | '元' | '圆' | '円' | '원')
    };
    match chars {
        // R$, HK$, NT$
        ['A'..='Z', '$', rest @ ..] | ['A'..='Z', 'A'..='Z', '$', rest @ ..] => rest,
        [first, rest @ ..] if sign(first) => rest,
        [rest @ .., last] if sign(last) => rest,
        [a, b, c, rest @ ..] if [a, b, c].iter().all(|c| c.is_ascii_uppercase()) => rest,
        [rest @ .., a, b, c] if [a, b, c].iter().all(|c| c.is_ascii_uppercase()) => rest,
        _ => chars,
    }
}

/// Parts at the decimal separator.
fn split(chars: &[char], mark: Mark) -> (&[char], &[char]) {
    let last = |wanted: char| chars.iter().rposition(|c| *c == wanted);
    let count = |wanted: char| chars.iter().filter(|c| **c == wanted).count();
    let at = match (last('.'), last(',')) {
        (point, _) if mark == Mark::Point => point,
        (_, comma) if mark == Mark::Comma => comma,
        _ if mark == Mark::Whole && check_groups(chars).is_ok() => None,
        (Some(point), Some(comma)) => Some(point.max(comma)),
        (Some(point), None) if count('.') == 1 => Some(point),
        (None, Some(comma)) if count(',') == 1 && chars.len() - comma != 4 => Some(comma),
        _ => None,
    };
    at.map_or((chars, &[]), |at| (&chars[..at], &chars[at + 1..]))
}

/// One kind of separator, two or three digits between two of them (1,00,000 is Indian), three behind the last.
fn check_groups(whole: &[char]) -> Result<(), AmountError> {
    let Some(separator) = whole.iter().find(|c| !c.is_ascii_digit()) else { return Ok(()) };
    if whole.iter().any(|c| !c.is_ascii_digit() && c != separator) {
        return Err(AmountError::Grouping);
    }
    let mut groups = whole.split(|c| c == separator).map(<[char]>::len);
    let (first, last) = (groups.next(), groups.next_back());
    let fits = first.is_some_and(|n| (1..=3).contains(&n))
        && last == Some(3)
        && groups.all(|n| (2..=3).contains(&n));
    if fits { Ok(()) } else { Err(AmountError::Grouping) }
}

fn digits<'a>(chars: impl Iterator<Item = &'a char>) -> Result<i64, AmountError> {
    let mut number = 0i64;
    let mut any = false;
    for digit in chars.filter_map(|c| c.to_digit(10)) {
        any = true;
        number = number * 10 + i64::from(digit);
        if number >= 10i64.pow(MAX_DIGITS as u32) {
            return Err(AmountError::TooBig);
        }
    }
    if any { Ok(number) } else { Err(AmountError::Empty) }
}

/// `3`, `+3` or `-3`: JSON and Java's BigDecimal write 1E+3.
fn exponent_of_ten(chars: &[char]) -> Option<i32> {
    let text: String = chars.iter().collect();
    text.parse::<i32>().ok().filter(|n| (-30..=30).contains(n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cny(text: &str) -> Result<i64, AmountError> {
        Decimal::parse(text)?.minor(Currency::new("CNY").unwrap())
    }

    #[test]
    fn amounts_are_read_as_people_write_them() {
        for (text, minor) in [
            ("242.00", 24_200),
            ("1,234.50", 123_450),
            ("1.234,50", 123_450),
            ("1,234", 123_400),
            ("12,5", 1_250),
            ("1'234.50", 123_450),
            ("1 234,50", 123_450),
            ("1\u{a0}234.50", 123_450),
            ("１，２３４．５０", 123_450),
            ("￥１２．３０", 1_230),
            ("¥ 12.30", 1_230),
            ("CNY12.30", 1_230),
            ("12.30元", 1_230),
            ("-2.62", -262),
            ("2.62-", -262),
            ("(2.62)", -262),
            ("-¥2.62", -262),
            ("¥-2.62", -262),
            ("+5", 500),
            (".5", 50),
            ("5.", 500),
            ("12.3400", 1_234),
            ("1E+3", 100_000),
            ("1.25e1", 1_250),
            ("1,00,000.00", 10_000_000),
            ("R$ 12,50", 1_250),
            ("-HK$12.50", -1_250),
            ("0", 0),
        ] {
            assert_eq!(cny(text), Ok(minor), "{text}");
        }
    }

    #[test]
    fn currencies_have_their_own_smallest_units() {
        let minor = |text, code| Decimal::parse(text).unwrap().minor(Currency::new(code).unwrap());
        assert_eq!(minor("1200", "JPY"), Ok(1_200));
        assert_eq!(minor("1200.00", "JPY"), Ok(1_200));
        assert_eq!(minor("1.234", "KWD"), Ok(1_234));
        assert_eq!(minor("1.5", "KWD"), Ok(1_500));
        assert!(matches!(minor("1.5", "JPY"), Err(AmountError::TooFine { decimals: 1, exponent: 0, .. })));
        assert!(matches!(minor("1.005", "CNY"), Err(AmountError::TooFine { decimals: 3, exponent: 2, .. })));
    }

    #[test]
    fn where_it_is_known_how_a_till_writes_a_thousand_is_no_one() {
        let minor = |text, mark, code| {
            Decimal::parse_marked(text, mark).and_then(|d| d.minor(Currency::new(code).unwrap()))
        };
        assert_eq!(minor("12.000", Mark::Comma, "EUR"), Ok(1_200_000));
        assert_eq!(minor("12,50", Mark::Comma, "EUR"), Ok(1_250));
        assert_eq!(minor("12,500", Mark::Point, "USD"), Ok(1_250_000));
        assert_eq!(minor("12,50", Mark::Point, "USD"), Err(AmountError::Grouping));
        assert_eq!(minor("1.2.3", Mark::Point, "USD"), Err(AmountError::Grouping));
        assert_eq!(minor("12.000", Mark::Whole, "KRW"), Ok(12_000));
        assert_eq!(minor("1.200.00", Mark::Whole, "JPY"), Err(AmountError::Grouping));
        assert_eq!(minor("1200.00", Mark::Whole, "JPY"), Ok(1_200));
        assert_eq!(minor("12.000", Mark::Any, "CNY"), Ok(1_200), "three decimals, the last of them nothing");
    }

    #[test]
    fn what_is_no_amount_is_refused_with_a_reason() {
        assert_eq!(cny(""), Err(AmountError::Empty));
        assert_eq!(cny(" ¥ "), Err(AmountError::Empty));
        assert_eq!(cny("."), Err(AmountError::Empty));
        assert_eq!(cny("12x4"), Err(AmountError::Character { place: 3 }));
        assert_eq!(cny("--1"), Err(AmountError::Character { place: 1 }));
        for text in ["1,23,4", "1.2.3", "1,234.5,6", "12,34.50", "1,2345,678", "1.234'567,00"] {
            assert_eq!(cny(text), Err(AmountError::Grouping), "{text}");
        }
        assert_eq!(cny("1234567890123456789"), Err(AmountError::TooBig));
        assert_eq!(cny("1e30"), Err(AmountError::TooBig));
        assert!(cny(&"9".repeat(5_000)).is_err());
    }

    proptest! {
        #[test]
        fn minor_units_and_back_are_exact(minor in -10i64.pow(15)..10i64.pow(15)) {
            let text = Decimal::new(minor, 2).to_string();
            prop_assert_eq!(cny(&text), Ok(minor));
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,80}") {
            let _ = cny(&text);
        }

        #[test]
        fn nothing_near_an_amount_panics(text in "[-+0-9.,'eE ¥()]{0,24}") {
            let _ = cny(&text);
        }
    }
}
