//! Templates: how a tenant's printed receipts are read. TOML that mall IT can write; see `docs/templates.md`.
//!
//! A printed paper is lines of text. Each is normalised (full-width letters and digits to ASCII, wide and hard blanks
//! to blanks), then the rules of the template are tried: regular expressions, whose first group is the value. A rule
//! that contains a line break is tried on two lines at once. Nothing here is stored: of what is read, card and phone
//! numbers are cut, and a member number goes to the pseudonymising of `edge-agent` only.
//!
//! Total and bounded: regular expressions run in linear time, at most [`MAX_LINES`] lines of [`MAX_LINE`] bytes are
//! looked at.

mod date;
mod load;
mod rules;

pub use load::{Problem, TemplateError};
pub use rules::{Field, Found};

use super::digits;
use super::escpos::end::{Limits, Printed};
use super::escpos::render::Printer;
use super::money::Decimal;
use super::receipt::{Feed, Link, MAX_TEXT, Member, Receipt};
use super::totals::DayTotals;
use date::DateOrder;
use jiff::tz::TimeZone;
use rules::Rules;
use std::time::Duration;
use visit_core::observation::{Currency, ReceiptKind};
use visit_core::time::Timestamp;

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
    /// By [`Field`].
    fields: [Rules; Field::ALL.len()],
    reprint: Rules,
    refund: Rules,
    void: Rules,
    training: Rules,
    skip_if: Rules,
    z_report: Option<ZReport>,
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
    /// Each field of a receipt that the template asks for: what was found, or why nothing was.
    pub fields: Vec<(Field, Result<Found, String>)>,
    /// The lines as the rules saw them.
    pub lines: Vec<String>,
}

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
            fields: Default::default(),
            reprint: Rules::default(),
            refund: Rules::default(),
            void: Rules::default(),
            training: Rules::default(),
            skip_if: Rules::default(),
            z_report: None,
        }
    }

    /// Fills in what the template leaves open: the site's time zone and the usual currency.
    #[must_use]
    pub fn with_defaults(mut self, zone: Option<TimeZone>, currency: Option<Currency>) -> Self {
        self.zone = self.zone.or(zone);
        self.currency = self.currency.or(currency);
        self
    }

    /// Reads a paper.
    pub fn read(&self, printed: &Printed) -> Reading {
        self.explain(printed).reading
    }

    /// Reads a paper, and tells where everything was found.
    pub fn explain(&self, printed: &Printed) -> Explained {
        let lines: Vec<String> = printed.lines.iter().take(MAX_LINES).map(|line| normal(line)).collect();
        if let Some(line) = self.skip_if.line(&lines) {
            let reading = Reading::Skipped(hide_digits(&lines[line]));
            return Explained { reading, fields: Vec::new(), lines };
        }
        if let Some(totals) = self.totals(&lines) {
            return Explained { reading: Reading::Totals(totals), fields: Vec::new(), lines };
        }
        let fields: Vec<_> = Field::ALL
            .iter()
            .zip(&self.fields)
            .filter(|(_, rules)| !rules.is_empty())
            .map(|(field, rules)| (*field, rules.find(&lines)))
            .collect();
        let receipt = self.receipt(printed, &lines, &fields);
        Explained { reading: Reading::Receipt(Box::new(receipt)), fields, lines }
    }

    fn receipt(
        &self,
        printed: &Printed,
        lines: &[String],
        fields: &[(Field, Result<Found, String>)],
    ) -> Receipt {
        let mut r = Receipt { feed: Feed::EscPos, currency: self.currency, ..Receipt::default() };
        let value = |field: Field| {
            let found = fields.iter().find(|(f, _)| *f == field)?;
            found.1.as_ref().ok().map(|found| found.value.as_str())
        };
        r.number = value(Field::Number).and_then(|t| r.text(t));
        r.store = value(Field::Store).and_then(|t| r.text(t));
        r.till = value(Field::Till).and_then(|t| r.text(t));
        r.member = value(Field::Member).and_then(Member::new);
        let mut amount = |field: Field| {
            let text = value(field)?;
            match Decimal::parse(text) {
                Ok(amount) => r.minor(field.name(), amount),
                Err(e) => {
                    r.doubt(field.name(), e);
                    None
                }
            }
        };
        let (total, tax) = (amount(Field::Total), amount(Field::Tax));
        let (tendered, change) = (amount(Field::Tendered), amount(Field::Change));
        (r.total, r.tax, r.tendered, r.change) = (total, tax, tendered, change.map(i64::saturating_abs));
        r.end = self.time(value(Field::Datetime), value(Field::Date), value(Field::Time), &mut r);
        if let Some(text) = value(Field::BusinessDate) {
            r.business_date = date::find(text, self.order).map(|(day, _)| day);
            if r.business_date.is_none() {
                r.doubt(Field::BusinessDate.name(), "is no date");
            }
        }
        if let Some(number) = value(Field::OriginalNumber) {
            r.refers_to = Some(Link { number: Some(number.to_owned()), ..Link::default() });
        }
        r.kind = if self.void.line(lines).is_some() {
            ReceiptKind::Void
        } else if self.refund.line(lines).is_some() {
            ReceiptKind::Refund
        } else {
            ReceiptKind::Sale
        };
        r.flags.reprint = self.reprint.line(lines).is_some();
        r.flags.training = self.training.line(lines).is_some();
        r.flags.cut |= printed.partial;
        r.print_hash = Some(printed.text_hash ^ printed.image_hash.rotate_left(1));
        if printed.raster {
            r.doubt("paper", "holds images and no text: the till's driver prints pictures");
        }
        r.settle();
        r
    }

    /// When the till was done, by its own clock.
    fn time(
        &self,
        both: Option<&str>,
        date: Option<&str>,
        time: Option<&str>,
        r: &mut Receipt,
    ) -> Option<Timestamp> {
        let text = match (both, date, time) {
            (Some(both), ..) => both.to_owned(),
            (None, Some(date), Some(time)) => format!("{date} {time}"),
            _ => return None,
        };
        let Some(zone) = &self.zone else {
            r.doubt(Field::Datetime.name(), "has no time zone; write timezone = \"Asia/Shanghai\"");
            return None;
        };
        let at = date::moment(&text, self.order, zone);
        if at.is_none() {
            r.doubt(Field::Datetime.name(), "is no date and time");
        }
        at
    }

    fn totals(&self, lines: &[String]) -> Option<DayTotals> {
        let z = self.z_report.as_ref()?;
        z.on.line(lines)?;
        let value = |rules: &Rules| rules.find(lines).ok().map(|found| found.value);
        let count = value(&z.receipts).and_then(|text| text.trim().parse().ok());
        let net = value(&z.net).and_then(|text| Decimal::parse(&text).ok()?.minor(self.currency?).ok());
        Some(DayTotals {
            business_date: value(&z.date).and_then(|text| date::find(&text, self.order)).map(|(day, _)| day),
            currency: self.currency,
            receipts: count,
            net,
            ..DayTotals::default()
        })
    }
}

/// A line as rules see it: full-width forms (U+FF01…FF5E) and blanks of all kinds made plain, no blank at its ends.
fn normal(line: &str) -> String {
    let cut = &line[..line.floor_char_boundary(line.len().min(MAX_LINE))];
    let plain: String = cut
        .chars()
        .map(|c| match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            '\u{ffe5}' => '¥',
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
