//! Rules: regular expressions tried one after the other, line by line.

use super::super::digits;
use super::needle::{Hits, Needles};
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
    /// What was taken off, where the total is told before it.
    Discount,
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
    pub const ALL: [Self; 14] = [
        Self::Number,
        Self::Total,
        Self::Tendered,
        Self::Change,
        Self::Discount,
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
            Self::Discount => "discount",
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
    /// It is one of several that make the value together (`pick = "sum"`).
    pub summed: bool,
    /// The others, from other lines.
    pub more: Vec<String>,
}

impl Found {
    /// The value for a screen: card and phone numbers cut; of a member number the last four only.
    pub fn shown(&self, field: Field) -> String {
        if field == Field::Member {
            let tail: Vec<char> = self.value.chars().rev().take(4).collect();
            let hidden = self.value.chars().count().saturating_sub(4);
            return "*".repeat(hidden.min(12)) + &tail.iter().rev().collect::<String>();
        }
        let all: Vec<&str> = [&self.value].into_iter().chain(&self.more).map(String::as_str).collect();
        digits::cut_free_text(&all.join(" + "))
    }
}

/// Hides the value, which may be a member number.
impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Found").field("line", &self.line).field("rule", &self.rule).finish_non_exhaustive()
    }
}

/// Lines with the rules each may fit.
pub(super) struct Lines {
    pub(super) texts: Vec<String>,
    hits: Vec<Hits>,
}

impl Lines {
    pub(super) fn new(texts: Vec<String>, needles: &Needles) -> Self {
        let hits = texts.iter().map(|text| needles.look(text)).collect();
        Self { texts, hits }
    }

    /// The line after this one that is not empty.
    fn below(&self, line: usize) -> Option<usize> {
        (line + 1..self.texts.len()).find(|i| !self.texts[*i].is_empty())
    }
}

/// Which of the lines that a rule fits counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Pick {
    #[default]
    First,
    Last,
    /// All of them, added up: ways of payment.
    Sum,
}

/// Rules for one thing, tried in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
pub(super) struct Rule {
    regex: Regex,
    /// What [`Hits`] know it by.
    number: u32,
    /// It sees two lines at once.
    over_two: bool,
    /// A value is left out where one of these fits what stands before it in its line, or it; a line, where one fits it.
    not: Vec<Regex>,
    pick: Pick,
}

impl Rule {
    pub(super) fn new(regex: Regex, not: Vec<Regex>, pick: Pick, needles: &mut Needles) -> Self {
        let number = needles.add(regex.as_str());
        let over_two = regex.as_str().contains("\\n");
        Self { regex, number, over_two, not, pick }
    }

    fn is_match(&self, lines: &Lines, line: usize) -> bool {
        let text = &lines.texts[line];
        lines.hits[line].may(self.number)
            && self.regex.is_match(text)
            && !self.not.iter().any(|not| not.is_match(text))
    }

    /// The value in this line, and the line in which it is.
    fn value(&self, lines: &Lines, line: usize) -> Option<(String, usize)> {
        let pair;
        let (text, at) = if self.over_two {
            let below = lines.below(line)?;
            if !(lines.hits[line].may(self.number) || lines.hits[below].may(self.number)) {
                return None;
            }
            pair = format!("{}\n{}", lines.texts[line], lines.texts[below]);
            (&pair, below)
        } else if lines.hits[line].may(self.number) {
            (&lines.texts[line], line)
        } else {
            return None;
        };
        let mut from = 0;
        for captures in self.regex.captures_iter(text) {
            let (whole, value) = (captures.get(0)?, captures.iter().skip(1).flatten().next());
            // To the end of the word: 3件 is no amount.
            let to = whole.end()
                + text[whole.end()..].find(char::is_whitespace).unwrap_or(text.len() - whole.end());
            let before = &text[from..to];
            from = whole.end();
            let value = value.unwrap_or(whole).as_str().trim();
            if !value.is_empty() && !self.not.iter().any(|not| not.is_match(before)) {
                return Some((value.to_owned(), at));
            }
        }
        None
    }
}

impl Rules {
    pub(super) fn new(rules: Vec<Rule>) -> Self {
        Self { rules }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How many rules there are.
    pub(super) fn len(&self) -> usize {
        self.rules.len()
    }

    /// The line, from 0, that one of the rules fits.
    pub(super) fn line(&self, lines: &Lines) -> Option<usize> {
        self.rules.iter().find_map(|rule| (0..lines.texts.len()).find(|line| rule.is_match(lines, *line)))
    }

    /// Every value that any of the rules finds.
    pub(super) fn all(&self, lines: &Lines) -> Vec<String> {
        let of = |rule| {
            (0..lines.texts.len())
                .filter_map(move |line| Rule::value(rule, lines, line))
                .map(|(value, _)| value)
        };
        self.rules.iter().flat_map(of).collect()
    }

    /// The value, or why there is none.
    pub(super) fn find(&self, lines: &Lines) -> Result<Found, String> {
        let all = 0..lines.texts.len();
        for (i, rule) in self.rules.iter().enumerate() {
            let at = |line: usize| {
                let (value, at) = rule.value(lines, line)?;
                let summed = rule.pick == Pick::Sum;
                Some(Found { value, line: at + 1, rule: i + 1, summed, more: Vec::new() })
            };
            let found = match rule.pick {
                Pick::First => all.clone().find_map(at),
                Pick::Last => all.clone().rev().find_map(at),
                Pick::Sum => all.clone().filter_map(at).reduce(|mut first, other| {
                    first.more.push(other.value);
                    first
                }),
            };
            if let Some(found) = found {
                return Ok(found);
            }
        }
        let lines = lines.texts.iter().filter(|line| !line.is_empty()).count();
        Err(match (lines, self.len()) {
            (0, _) => "there is no text".into(),
            (n, 1) => format!("none of the {n} lines fits its rule"),
            (n, rules) => format!("none of the {n} lines fits any of its {rules} rules"),
        })
    }
}
