//! Rules: regular expressions tried one after the other, line by line.

use super::super::digits;
use regex_lite::Regex;

/// A field of a receipt that a template can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Number of the receipt.
    Number,
    /// What the customer paid.
    Total,
    /// What the customer handed over.
    Tendered,
    /// What the customer was given back.
    Change,
    /// Tax.
    Tax,
    /// Date and time in one.
    Datetime,
    /// Date.
    Date,
    /// Time of day.
    Time,
    /// Business date, where it differs.
    BusinessDate,
    /// Member number.
    Member,
    /// The store.
    Store,
    /// The till.
    Till,
    /// Number of the sale that is taken back.
    OriginalNumber,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Number,
        Self::Total,
        Self::Tendered,
        Self::Change,
        Self::Tax,
        Self::Datetime,
        Self::Date,
        Self::Time,
        Self::BusinessDate,
        Self::Member,
        Self::Store,
        Self::Till,
        Self::OriginalNumber,
    ];

    /// As templates call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Total => "total",
            Self::Tendered => "tendered",
            Self::Change => "change",
            Self::Tax => "tax",
            Self::Datetime => "datetime",
            Self::Date => "date",
            Self::Time => "time",
            Self::BusinessDate => "business_date",
            Self::Member => "member",
            Self::Store => "store",
            Self::Till => "till",
            Self::OriginalNumber => "original_number",
        }
    }
}

/// A value that a rule found.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    /// The value, as printed.
    pub value: String,
    /// Line it was found in, from 1.
    pub line: usize,
    /// Which rule found it, from 1.
    pub rule: usize,
}

impl Found {
    /// The value for a screen: card and phone numbers cut; of a member number the last four only.
    pub fn shown(&self, field: Field) -> String {
        if field == Field::Member {
            let tail: Vec<char> = self.value.chars().rev().take(4).collect();
            let hidden = self.value.chars().count().saturating_sub(4);
            return "*".repeat(hidden.min(12)) + &tail.iter().rev().collect::<String>();
        }
        digits::cut_free_text(&self.value)
    }
}

/// Hides the value, which may be a member number.
impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Found").field("line", &self.line).field("rule", &self.rule).finish_non_exhaustive()
    }
}

/// Rules for one thing, tried in order; of one rule the first line that fits counts, or the last.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    pub(super) rules: Vec<Regex>,
    pub(super) last: bool,
}

impl Rules {
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The line, from 0, that one of the rules fits.
    pub(super) fn line(&self, lines: &[String]) -> Option<usize> {
        self.rules.iter().find_map(|rule| lines.iter().position(|line| rule.is_match(line)))
    }

    /// The value, or why there is none.
    pub(super) fn find(&self, lines: &[String]) -> Result<Found, String> {
        for (i, rule) in self.rules.iter().enumerate() {
            let over_two = rule.as_str().contains("\\n");
            let at = |line: usize| -> Option<Found> {
                let pair;
                let text = if over_two {
                    pair = format!("{}\n{}", lines.get(line)?, lines.get(line + 1)?);
                    &pair
                } else {
                    lines.get(line)?
                };
                let captures = rule.captures(text)?;
                let value = captures.iter().skip(1).flatten().next().or_else(|| captures.get(0))?;
                let value = value.as_str().trim().to_owned();
                let below = usize::from(over_two);
                (!value.is_empty()).then_some(Found { value, line: line + 1 + below, rule: i + 1 })
            };
            let found =
                if self.last { (0..lines.len()).rev().find_map(at) } else { (0..lines.len()).find_map(at) };
            if let Some(found) = found {
                return Ok(found);
            }
        }
        Err(match lines.len() {
            0 => "there is no text".into(),
            n => format!("none of the {n} lines fits any of {} rules", self.rules.len()),
        })
    }
}
