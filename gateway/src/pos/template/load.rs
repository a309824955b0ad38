//! Templates from TOML: all problems at once, each with its key and what would be right.

use super::blocks::{self, BLOCKS};
use super::date::DateOrder;
use super::needle::Needles;
use super::raw::{self, Raw, RawRules, Written};
use super::rules::{Field, Rule, Rules};
use super::{Template, ZReport};
use crate::pos::escpos::pages::Page;
use crate::pos::escpos::render::Printer;
use crate::pos::escpos::table::Dialect;
use crate::pos::money::Mark;
use jiff::tz::TimeZone;
use regex_lite::{Regex, RegexBuilder};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use visit_core::observation::Currency;

/// Memory one regular expression may take when it is compiled.
const MAX_REGEX: usize = 1 << 20;

/// Something wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, such as `fields.total`.
    pub key: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

/// Everything that is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// The file.
    pub file: PathBuf,
    /// At least one.
    pub problems: Vec<Problem>,
}

/// One problem a line.
impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            let end = if i + 1 < self.problems.len() { "\n" } else { "" };
            let colon = if problem.key.is_empty() { "" } else { ": " };
            write!(f, "{}: {}{colon}{}{end}", self.file.display(), problem.key, problem.what)?;
        }
        Ok(())
    }
}

impl std::error::Error for TemplateError {}

impl Template {
    /// Reads a template from a file, and those that it extends.
    pub fn load(path: &Path) -> Result<Self, TemplateError> {
        Self::checked(path, raw::read(path, 0)?)
    }

    /// Reads a template from text; `file` stands for it in messages, and what it extends is looked for beside it.
    pub fn parse(file: &Path, text: &str) -> Result<Self, TemplateError> {
        Self::checked(file, raw::parse(file, text, 0)?)
    }

    fn checked(file: &Path, raw: Raw) -> Result<Self, TemplateError> {
        let mut problems = Problems::default();
        let template = problems.template(raw, file);
        if problems.list.is_empty() {
            Ok(template)
        } else {
            Err(TemplateError { file: file.to_owned(), problems: problems.list })
        }
    }
}

#[derive(Default)]
struct Problems {
    list: Vec<Problem>,
    needles: Needles,
    mark: Mark,
}

impl Problems {
    fn add(&mut self, key: &str, what: impl Into<String>) {
        self.list.push(Problem { key: key.to_owned(), what: what.into() });
    }

    fn template(&mut self, raw: Raw, file: &Path) -> Template {
        let mut t = Template::none();
        t.name = raw.name.clone().unwrap_or_else(|| {
            file.file_stem().map_or_else(|| "template".into(), |stem| stem.to_string_lossy().into_owned())
        });
        self.printer(&raw, &mut t.printer);
        t.limits.cut_ends = raw.cut_ends.unwrap_or(t.limits.cut_ends);
        t.limits.reset_ends = raw.reset_ends.unwrap_or(t.limits.reset_ends);
        if let Some(idle) = raw.idle_s {
            if (0.2..=60.0).contains(&idle) {
                t.idle = Duration::from_secs_f64(idle);
            } else {
                self.add("idle_s", format!("{idle} is out of range; expected 0.2…60, such as 3"));
            }
        }
        if let Some(name) = &raw.timezone {
            t.zone = TimeZone::get(name).ok();
            if t.zone.is_none() {
                self.add(
                    "timezone",
                    format!("{name:?} is not known; write an IANA name such as \"Asia/Shanghai\""),
                );
            }
        }
        if let Some(code) = &raw.currency {
            t.currency = Currency::new(code);
            if t.currency.is_none() {
                self.add("currency", format!("{code:?} is no ISO 4217 code; write currency = \"CNY\""));
            }
        }
        if let Some(order) = &raw.date_order {
            match DateOrder::named(order) {
                Some(order) => t.order = order,
                None => self.add(
                    "date_order",
                    format!("{order:?} is not known; expected \"ymd\", \"dmy\" or \"mdy\""),
                ),
            }
        }
        match raw.decimal.as_deref() {
            None => {}
            Some(".") => self.mark = Mark::Point,
            Some(",") => self.mark = Mark::Comma,
            Some(other) => {
                self.add("decimal", format!("{other:?} is no sign before decimals; expected \".\" or \",\""));
            }
        }
        t.mark = self.mark;
        for (name, rules) in raw.fields {
            let key = format!("fields.{name}");
            match Field::ALL.iter().position(|f| f.name() == name) {
                Some(i) => t.fields[i] = self.rules(&key, rules),
                None => {
                    let known: Vec<_> = Field::ALL.iter().map(|f| f.name()).collect();
                    self.add(&key, format!("unknown field; known are {}", known.join(", ")));
                }
            }
        }
        for (name, rules) in raw.flags {
            let key = format!("flags.{name}");
            let rules = self.rules(&key, rules);
            match name.as_str() {
                "reprint" => t.reprint = rules,
                "refund" => t.refund = rules,
                "void" => t.void = rules,
                "training" => t.training = rules,
                _ => self.add(&key, "unknown flag; known are reprint, refund, void, training"),
            }
        }
        t.skip_if = raw.skip_if.map(|rules| self.rules("skip_if", rules)).unwrap_or_default();
        if raw.z_report.as_ref().is_some_and(|z| z.r#if.is_none()) {
            self.add("z_report.if", "is missing; write a rule for a line that only reports of a day have");
        }
        t.z_report = raw.z_report.map(|z| {
            let mut rules =
                |key, rules: Option<RawRules>| rules.map(|r| self.rules(key, r)).unwrap_or_default();
            ZReport {
                on: rules("z_report.if", z.r#if),
                date: rules("z_report.date", z.date),
                receipts: rules("z_report.receipts", z.receipts),
                net: rules("z_report.net", z.net),
            }
        });
        t.needles = std::mem::take(&mut self.needles);
        t
    }

    fn printer(&mut self, raw: &Raw, printer: &mut Printer) {
        if let Some(name) = &raw.dialect {
            match Dialect::named(name) {
                Some(dialect) => printer.dialect = dialect,
                None => {
                    let known: Vec<_> = Dialect::ALL.iter().map(|d| d.name()).collect();
                    self.add(
                        "dialect",
                        format!("{name:?} is not known; expected one of {}", known.join(", ")),
                    );
                }
            }
        }
        if let Some(columns) = raw.columns {
            match u8::try_from(columns).ok().filter(|c| (16..=96).contains(c)) {
                Some(columns) => printer.columns = columns,
                None => self.add("columns", format!("{columns} is out of range; expected 16…96, such as 48")),
            }
        }
        if let Some(name) = &raw.encoding {
            match Page::named(name) {
                Some(Page::Multi(multi)) => {
                    printer.multi_byte = Some(multi);
                    printer.multi_byte_at_power_up = true;
                }
                Some(page) => {
                    printer.page = page;
                    // A printer whose text is in a single-byte page is not in double-byte mode.
                    printer.multi_byte_at_power_up = false;
                }
                None => self.unknown_page("encoding", name),
            }
        }
        if let Some(name) = &raw.double_byte {
            match Page::named(name) {
                Some(Page::Multi(multi)) => printer.multi_byte = Some(multi),
                _ => {
                    self.add(
                        "double_byte",
                        format!("{name:?} is no double-byte encoding; write \"gb18030\""),
                    );
                }
            }
        }
        printer.multi_byte_at_power_up =
            raw.double_byte_at_power_up.unwrap_or(printer.multi_byte_at_power_up);
        printer.cr_is_line_feed = raw.cr_is_line_feed.unwrap_or(printer.cr_is_line_feed);
        for (number, name) in &raw.pages {
            let key = format!("pages.{number}");
            match (number.parse::<u8>(), Page::named(name)) {
                (Ok(number), Some(page)) => printer.pages.push((number, page)),
                (Err(_), _) => self.add(&key, "is no number of a page (ESC t n); expected 0…255"),
                (_, None) => self.unknown_page(&key, name),
            }
        }
    }

    fn unknown_page(&mut self, key: &str, name: &str) {
        let what = format!(
            "{name:?} is not known; write \"gb18030\" (GBK and GB2312 too), \"big5\", \"euc-kr\", \"shift_jis\", \
             \"cp437\", \"cp850\", \"cp858\", \"windows-1252\" …"
        );
        self.add(key, what);
    }

    fn rules(&mut self, key: &str, raw: RawRules) -> Rules {
        let list = raw.list();
        if list.is_empty() {
            self.add(key, "holds no rule; leave it out, or write a regular expression");
        }
        let mut rules = Vec::with_capacity(list.len());
        for (i, Written { text, not, pick }) in list.into_iter().enumerate() {
            let not: Vec<Regex> = not.iter().filter_map(|text| self.regex(key, i, text)).collect();
            if let Some(regex) = self.regex(key, i, &text) {
                rules.push(Rule::new(regex, not, pick, &mut self.needles));
            }
        }
        Rules::new(rules)
    }

    fn regex(&mut self, key: &str, i: usize, text: &str) -> Option<Regex> {
        if let Some(block) = unknown_block(text) {
            let known: Vec<_> = BLOCKS.iter().map(|block| format!("{{{block}}}")).collect();
            self.add(
                key,
                format!("rule {}: unknown block {{{block}}}; known are {}", i + 1, known.join(", ")),
            );
            return None;
        }
        let expression = blocks::expand(text, self.mark);
        match RegexBuilder::new(&expression).case_insensitive(true).size_limit(MAX_REGEX).build() {
            Ok(regex) if regex.is_match("") => {
                let what = format!("rule {} fits an empty line: it would find nothing everywhere", i + 1);
                self.add(key, what);
                None
            }
            Ok(regex) => Some(regex),
            Err(e) => {
                let what = e.to_string();
                let what = what.lines().last().unwrap_or("is no regular expression").trim();
                self.add(key, format!("rule {}: {what}", i + 1));
                None
            }
        }
    }
}

/// A name in braces that is none of ours. In regular expressions braces hold numbers.
fn unknown_block(text: &str) -> Option<&str> {
    text.split('{').skip(1).find_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        (is_name && !BLOCKS.contains(&name)).then_some(name)
    })
}
