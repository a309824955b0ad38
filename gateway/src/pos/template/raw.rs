//! Templates as they are written, before anything of them is checked; and how one extends another.
//!
//! A template that `extends` another has all of that one's keys but those it writes itself; of `[fields]`, `[flags]`,
//! `[pages]` and `[z_report]` each key counts by itself. So that of a tenant may be three lines.

use super::load::{Problem, TemplateError};
use super::rules::Pick;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// A template is at most so long, bytes.
const MAX_TEMPLATE: u64 = 256 << 10;
/// Templates that extend each other.
const MAX_DEPTH: usize = 4;

/// Reads a template from a file, with what it extends.
pub(super) fn read(path: &Path, depth: usize) -> Result<Raw, TemplateError> {
    let fail = |what: String| failure(path, "", what);
    let length = std::fs::metadata(path).map_err(|e| fail(format!("cannot open the template: {e}")))?.len();
    if length > MAX_TEMPLATE {
        return Err(fail(format!("is larger than {} KiB; is this a template?", MAX_TEMPLATE >> 10)));
    }
    let text = std::fs::read_to_string(path).map_err(|e| fail(format!("cannot read the template: {e}")))?;
    parse(path, &text, depth)
}

/// Reads a template from text, with what it extends.
pub(super) fn parse(file: &Path, text: &str, depth: usize) -> Result<Raw, TemplateError> {
    let raw: Raw = toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(1, |s| 1 + text[..s.start.min(text.len())].matches('\n').count());
        failure(file, "", format!("line {line}: {}", e.message().trim().replace('\n', "; ")))
    })?;
    let Some(base) = &raw.extends else { return Ok(raw) };
    if depth == MAX_DEPTH {
        let what = format!("more than {MAX_DEPTH} templates extend each other; does one extend itself?");
        return Err(failure(file, "extends", what));
    }
    let beside = file.parent().unwrap_or(Path::new("")).join(base);
    Ok(raw.over(read(&beside, depth + 1)?))
}

fn failure(file: &Path, key: &str, what: String) -> TemplateError {
    TemplateError { file: file.to_owned(), problems: vec![Problem { key: key.to_owned(), what }] }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    extends: Option<String>,
    pub(super) name: Option<String>,
    pub(super) dialect: Option<String>,
    pub(super) encoding: Option<String>,
    pub(super) double_byte: Option<String>,
    pub(super) double_byte_at_power_up: Option<bool>,
    #[serde(default)]
    pub(super) pages: BTreeMap<String, String>,
    pub(super) columns: Option<i64>,
    pub(super) cr_is_line_feed: Option<bool>,
    pub(super) cut_ends: Option<bool>,
    pub(super) reset_ends: Option<bool>,
    pub(super) idle_s: Option<f64>,
    pub(super) timezone: Option<String>,
    pub(super) currency: Option<String>,
    pub(super) date_order: Option<String>,
    pub(super) decimal: Option<String>,
    pub(super) skip_if: Option<RawRules>,
    #[serde(default)]
    pub(super) fields: BTreeMap<String, RawRules>,
    #[serde(default)]
    pub(super) flags: BTreeMap<String, RawRules>,
    pub(super) z_report: Option<RawZ>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawZ {
    pub(super) r#if: Option<RawRules>,
    pub(super) date: Option<RawRules>,
    pub(super) receipts: Option<RawRules>,
    pub(super) net: Option<RawRules>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a regular expression, a list of them, or { match = …, not = …, pick = … }"
)]
pub(super) enum RawRules {
    One(String),
    Many(Vec<RawRule>),
    Table(RawPick),
}

/// A rule in a list.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a regular expression, or { match = …, not = …, pick = … }")]
pub(super) enum RawRule {
    Text(String),
    Table(RawPick),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPick {
    pub(super) r#match: OneOrMany,
    #[serde(default)]
    pub(super) not: OneOrMany,
    #[serde(default)]
    pub(super) pick: Pick,
}

#[derive(Clone, Deserialize)]
#[serde(untagged, expecting = "expected a regular expression, or a list of them")]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Default for OneOrMany {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl OneOrMany {
    pub(super) fn list(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

/// One expression with what goes with it.
pub(super) struct Written {
    pub(super) text: String,
    pub(super) not: Vec<String>,
    pub(super) pick: Pick,
}

impl RawRules {
    /// Each expression by itself.
    pub(super) fn list(self) -> Vec<Written> {
        let alone = |text| vec![Written { text, not: Vec::new(), pick: Pick::First }];
        let of = |table: RawPick| {
            let (not, pick) = (table.not.list(), table.pick);
            let each = |text| Written { text, not: not.clone(), pick };
            table.r#match.list().into_iter().map(each).collect::<Vec<_>>()
        };
        match self {
            Self::One(text) => alone(text),
            Self::Table(table) => of(table),
            Self::Many(list) => {
                let each = |rule| match rule {
                    RawRule::Text(text) => alone(text),
                    RawRule::Table(table) => of(table),
                };
                list.into_iter().flat_map(each).collect()
            }
        }
    }
}

impl Raw {
    /// This template over the one it extends.
    fn over(self, base: Self) -> Self {
        Self {
            extends: None,
            name: self.name,
            dialect: self.dialect.or(base.dialect),
            encoding: self.encoding.or(base.encoding),
            double_byte: self.double_byte.or(base.double_byte),
            double_byte_at_power_up: self.double_byte_at_power_up.or(base.double_byte_at_power_up),
            pages: merged(base.pages, self.pages),
            columns: self.columns.or(base.columns),
            cr_is_line_feed: self.cr_is_line_feed.or(base.cr_is_line_feed),
            cut_ends: self.cut_ends.or(base.cut_ends),
            reset_ends: self.reset_ends.or(base.reset_ends),
            idle_s: self.idle_s.or(base.idle_s),
            timezone: self.timezone.or(base.timezone),
            currency: self.currency.or(base.currency),
            date_order: self.date_order.or(base.date_order),
            decimal: self.decimal.or(base.decimal),
            skip_if: self.skip_if.or(base.skip_if),
            fields: merged(base.fields, self.fields),
            flags: merged(base.flags, self.flags),
            z_report: match (self.z_report, base.z_report) {
                (Some(own), Some(base)) => Some(RawZ {
                    r#if: own.r#if.or(base.r#if),
                    date: own.date.or(base.date),
                    receipts: own.receipts.or(base.receipts),
                    net: own.net.or(base.net),
                }),
                (own, base) => own.or(base),
            },
        }
    }
}

fn merged<V>(mut base: BTreeMap<String, V>, own: BTreeMap<String, V>) -> BTreeMap<String, V> {
    base.extend(own);
    base
}
