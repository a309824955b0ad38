//! Templates: how a tenant's printed receipts are read. TOML that mall IT can write; see `docs/templates.md`.
//!
//! A printed paper is lines of text. Each is normalised (full-width letters and digits to ASCII, wide and hard blanks
//! to blanks), then the rules of the template are tried: regular expressions, whose first group is the value. A rule
//! that contains a line break is tried on two lines at once. Nothing here is stored: of what is read, card and phone
//! numbers are cut, and a member number goes to the pseudonymising of `edge-agent` only.
//!
//! Total and bounded: regular expressions run in linear time, at most [`MAX_LINES`] lines of [`MAX_LINE`] bytes are
//! looked at.

mod blocks;
mod date;
mod load;
mod needle;
mod raw;
mod receipt;
mod rules;
mod several;

pub use load::{Problem, TemplateError};
pub use rules::{Field, Found};

use self::date::DateOrder;
use self::needle::Needles;
use self::receipt::sense;
use self::rules::{Lines, Rules};
use super::digits;
use super::escpos::end::{Limits, Printed};
use super::escpos::render::Printer;
use super::money::{Decimal, Mark};
use super::receipt::{MAX_TEXT, Receipt};
use super::totals::DayTotals;
use jiff::tz::TimeZone;
use std::time::Duration;
use visit_core::observation::Currency;

/// Lines of a paper that are looked at.
pub const MAX_LINES: usize = 2_000;
/// Bytes of a line that are looked at.
pub const MAX_LINE: usize = 512;

/// A template, checked.
#[derive(Clone, Debug)]
pub struct Template {
    /// What it calls itself.
    pub name: String,
    /// The printer.
    pub printer: Printer,
    /// How its receipts are told apart.
    pub limits: Limits,
    /// Silence after which a receipt is complete.
    pub idle: Duration,
    /// For times, which printed receipts have without an offset.
    pub zone: Option<TimeZone>,
    /// For amounts.
    pub currency: Option<Currency>,
    order: DateOrder,
    mark: Mark,
    /// By [`Field`].
    fields: [Rules; Field::ALL.len()],
    reprint: Rules,
    refund: Rules,
    void: Rules,
    training: Rules,
    skip_if: Rules,
    z_report: Option<ZReport>,
    /// Which rules a line can fit at all.
    needles: Needles,
}

/// How the totals of a day are told from a receipt, and read.
#[derive(Clone, Debug)]
struct ZReport {
    on: Rules,
    date: Rules,
    receipts: Rules,
    net: Rules,
}

/// What a printed paper is.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// A receipt; unreadable where neither number nor total was found.
    Receipt(Box<Receipt>),
    /// The totals of a day.
    Totals(DayTotals),
    /// No receipt: a kitchen slip, a handover, a bill before payment. The line that said so, without digits that could
    /// be anybody's.
    Skipped(String),
}

/// A paper read, with where everything was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// What it is.
    pub reading: Reading,
    /// Each field that the template asks for, by its name there: what was found, or why nothing was.
    pub fields: FoundOf,
    /// The flags that were found: name, and line from 1.
    pub flags: Vec<(&'static str, usize)>,
    /// The lines as the rules saw them.
    pub lines: Vec<String>,
}

/// What a template can ask of a paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A field of a receipt.
    Field(Field),
    /// A field of the totals of a day: `date`, `receipts` or `net`.
    Total(&'static str),
}

impl Asked {
    /// As templates call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Field(field) => field.name(),
            Self::Total(name) => name,
        }
    }
}

/// Fields with what was found of each, or why nothing was.
type FoundFields = Vec<(Field, Result<Found, String>)>;
/// The same of what a template can ask.
pub type FoundOf = Vec<(Asked, Result<Found, String>)>;

impl Template {
    /// No template: everything printed is a receipt that cannot be read.
    pub fn none() -> Self {
        Self {
            name: "no template".into(),
            printer: Printer::default(),
            limits: Limits::default(),
            idle: Duration::from_secs(3),
            zone: None,
            currency: None,
            order: DateOrder::default(),
            mark: Mark::default(),
            fields: Default::default(),
            reprint: Rules::default(),
            refund: Rules::default(),
            void: Rules::default(),
            training: Rules::default(),
            skip_if: Rules::default(),
            z_report: None,
            needles: Needles::default(),
        }
    }

    /// Fills in what the template leaves open: the site's time zone and the usual currency.
    #[must_use]
    pub fn with_defaults(mut self, zone: Option<TimeZone>, currency: Option<Currency>) -> Self {
        self.zone = self.zone.or(zone);
        self.currency = self.currency.or(currency);
        self
    }

    /// Reads a paper: one receipt, or several that came out in one piece.
    pub fn read(&self, printed: &Printed) -> Vec<Reading> {
        self.explain(printed).into_iter().map(|explained| explained.reading).collect()
    }

    /// Reads a paper, and tells where everything was found.
    pub fn explain(&self, printed: &Printed) -> Vec<Explained> {
        let lines: Vec<String> = printed.lines.iter().take(MAX_LINES).map(|line| normal(line)).collect();
        let parts = self.several(&lines);
        let several = parts.len() > 1;
        let part = |range: std::ops::Range<usize>| self.one(printed, lines[range].to_vec(), several);
        parts.into_iter().map(part).collect()
    }

    /// One receipt; `of_several` on its paper, whose print says nothing of this one.
    fn one(&self, printed: &Printed, lines: Vec<String>, of_several: bool) -> Explained {
        let lines = Lines::new(lines, &self.needles);
        let explained =
            |reading, fields, flags, lines: Lines| Explained { reading, fields, flags, lines: lines.texts };
        if let Some(line) = self.skip_if.line(&lines) {
            let reading = Reading::Skipped(hide_digits(&lines.texts[line]));
            return explained(reading, Vec::new(), vec![("skip_if", line + 1)], lines);
        }
        if let Some((totals, fields, line)) = self.totals(&lines) {
            return explained(Reading::Totals(totals), fields, vec![("z_report", line + 1)], lines);
        }
        let fields: FoundFields = Field::ALL
            .iter()
            .zip(&self.fields)
            .filter(|(_, rules)| !rules.is_empty())
            .map(|(field, rules)| (*field, rules.find(&lines)))
            .collect();
        let flags: Vec<(&'static str, usize)> = [
            ("reprint", &self.reprint),
            ("refund", &self.refund),
            ("void", &self.void),
            ("training", &self.training),
        ]
        .into_iter()
        .filter_map(|(name, rules)| Some((name, rules.line(&lines)? + 1)))
        .collect();
        let mut receipt = self.receipt(printed, &lines, &fields, &flags);
        let print = printed.text_hash ^ printed.image_hash.rotate_left(1);
        receipt.print_hash = Some(match receipt.flags.unreadable {
            true if !of_several => print,
            _ => sense(&lines, &fields, &flags),
        });
        let fields = fields.into_iter().map(|(field, found)| (Asked::Field(field), found)).collect();
        explained(Reading::Receipt(Box::new(receipt)), fields, flags, lines)
    }

    fn totals(&self, lines: &Lines) -> Option<(DayTotals, FoundOf, usize)> {
        let z = self.z_report.as_ref()?;
        let line = z.on.line(lines)?;
        let found = |rules: &Rules| {
            if rules.is_empty() { Err("no rule asks for it".into()) } else { rules.find(lines) }
        };
        let (date, receipts, net) = (found(&z.date), found(&z.receipts), found(&z.net));
        let value = |found: &Result<Found, String>| found.as_ref().ok().map(|found| found.value.clone());
        let count = value(&receipts).and_then(|text| text.trim().parse().ok());
        let amount =
            |text: String| Decimal::parse_marked(&text, self.mark()).ok()?.minor(self.currency?).ok();
        let totals = DayTotals {
            business_date: value(&date).and_then(|text| date::day(&text, self.order)),
            currency: self.currency,
            receipts: count,
            net: value(&net).and_then(amount),
            ..DayTotals::default()
        };
        let fields = [("date", date), ("receipts", receipts), ("net", net)];
        Some((totals, fields.map(|(name, found)| (Asked::Total(name), found)).into(), line))
    }
}

/// A line as rules see it: full-width forms (U+FF01…FF5E) and blanks of all kinds made plain, the lines of tables made
/// blanks, no blank at its ends.
fn normal(line: &str) -> String {
    let cut = &line[..line.floor_char_boundary(line.len().min(MAX_LINE))];
    let plain: String = cut
        .chars()
        .map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            '\u{ffe5}' => '¥',
            '|' | '\u{2500}'..='\u{259f}' => ' ',
            c if c.is_whitespace() => ' ',
            c => c,
        })
        .collect();
    plain.trim().to_owned()
}

/// For messages: card and phone numbers cut, and long runs of digits.
fn hide_digits(line: &str) -> String {
    let clean = digits::cut_free_text(line);
    clean[..clean.floor_char_boundary(clean.len().min(MAX_TEXT))].to_owned()
}

#[cfg(test)]
mod tests;
