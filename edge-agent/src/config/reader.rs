//! Reads a TOML document key by key and collects everything that is wrong with it.
//!
//! A [`Document`] owns the parsed text; [`Table`]s walk it. A reading method returns what it found, or
//! nothing after having noted why not, so that one pass meets every problem. A table is left with
//! [`Table::done`], which reports the keys nobody asked for. Paths are `zone[3].neighbours[1]`, counted from
//! 0; lines are counted from 1.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use visit_core::site::closest;

/// A problem and where it is: `site.toml:17: zone[3].neighbours[1]: no zone "F1-Z9"; …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The file, as it was given.
    pub file: String,
    /// Line, from 1; nothing where the whole file is meant.
    pub line: Option<usize>,
    /// The key, such as `privacy.mode`; empty where none is meant.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Where each key of a document stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    file: String,
    lines: BTreeMap<String, usize>,
}

impl Places {
    /// A problem at `path`; the line is that of the key, or of the nearest table around it.
    pub(super) fn at(&self, path: &str, message: impl Into<String>) -> Located {
        let mut around = path;
        let line = loop {
            match self.lines.get(around) {
                Some(&line) => break Some(line),
                None => match around.rfind(['.', '[']) {
                    Some(cut) => around = &around[..cut],
                    None => break None,
                },
            }
        };
        Located { file: self.file.clone(), line, path: path.to_owned(), message: message.into() }
    }
}

/// A parsed document and what was found wrong with it.
pub(super) struct Document<'t> {
    root: DeTable<'t>,
    line_starts: Vec<usize>,
    places: RefCell<Places>,
    problems: RefCell<Vec<Located>>,
    asked: RefCell<BTreeSet<String>>,
}

impl<'t> Document<'t> {
    /// Parses `text`, which came from `file`. What is no TOML at all ends here, with every such place: after
    /// a syntax error nobody can say which keys are missing.
    pub(super) fn parse(file: &str, text: &'t str) -> Result<Self, Vec<Located>> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        let document = Self {
            root: root.into_inner(),
            line_starts,
            places: RefCell::new(Places { file: file.to_owned(), lines: BTreeMap::new() }),
            problems: RefCell::default(),
            asked: RefCell::default(),
        };
        if errors.is_empty() {
            return Ok(document);
        }
        Err(errors
            .iter()
            .take(MAX_SYNTAX_ERRORS)
            .map(|e| Located {
                file: file.to_owned(),
                line: e.span().map(|s| document.line(s.start)),
                path: String::new(),
                message: format!("not TOML: {}", e.message()),
            })
            .collect())
    }

    pub(super) fn root(&self) -> Table<'_> {
        Table { doc: self, table: Some(&self.root), path: String::new(), asked: RefCell::default() }
    }

    /// Where the keys are, what is wrong, and every key that was asked for (without indices).
    pub(super) fn finish(self) -> (Places, Vec<Located>, BTreeSet<String>) {
        (self.places.into_inner(), self.problems.into_inner(), self.asked.into_inner())
    }

    fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= offset)
    }

    fn place(&self, path: &str, offset: usize) {
        let line = self.line(offset);
        self.places.borrow_mut().lines.insert(path.to_owned(), line);
    }

    fn problem(&self, path: &str, message: impl Into<String>) {
        let located = self.places.borrow().at(path, message);
        self.problems.borrow_mut().push(located);
    }
}

/// One table on the walk; an absent one reads as empty.
pub(super) struct Table<'d> {
    doc: &'d Document<'d>,
    table: Option<&'d DeTable<'d>>,
    path: String,
    asked: RefCell<Vec<&'static str>>,
}

impl<'d> Table<'d> {
    /// Whether it was written at all.
    pub(super) fn is_present(&self) -> bool {
        self.table.is_some()
    }

    /// Whether `key` was written, whatever it holds.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    /// The path of one of its keys.
    fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Notes a problem with one of its keys.
    pub(super) fn problem(&self, key: &str, message: impl Into<String>) {
        self.doc.problem(&self.path(key), message);
    }

    /// Notes it when a key is missing that cannot be.
    pub(super) fn present_or_missing(&self, key: &'static str, example: &str) {
        // Of something that is no table at all, nothing is said to be missing.
        let no_table = self.doc.problems.borrow().iter().any(|p| p.path == self.path);
        if self.value(key).is_none() && !no_table {
            self.problem(key, format!("is missing; write {key} = {example}"));
        }
    }

    pub(super) fn string(&self, key: &'static str, example: &str) -> Option<String> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(s) => Some(s.clone().into_owned()),
            other => self.wrong(key, "a string", example, other),
        }
    }

    /// A string that must be there; the empty one stands in for it.
    pub(super) fn required_string(&self, key: &'static str, example: &str) -> String {
        self.present_or_missing(key, example);
        self.string(key, example).unwrap_or_default()
    }

    pub(super) fn integer(
        &self,
        key: &'static str,
        range: RangeInclusive<i64>,
        example: &str,
    ) -> Option<i64> {
        let value = self.value(key)?;
        let DeValue::Integer(n) = value.get_ref() else {
            return self.wrong(key, "a whole number", example, value.get_ref());
        };
        let number = i64::from_str_radix(n.as_str(), n.radix()).ok().filter(|n| range.contains(n));
        if number.is_none() {
            self.problem(
                key,
                format!("{n} is out of range; expected {}…{}, such as {example}", range.start(), range.end()),
            );
        }
        number
    }

    pub(super) fn float(&self, key: &'static str, range: RangeInclusive<f64>, example: &str) -> Option<f64> {
        let value = self.value(key)?;
        let Some(x) = number(value.get_ref()) else {
            return self.wrong(key, "a number", example, value.get_ref());
        };
        if !range.contains(&x) {
            let message =
                format!("{x} is out of range; expected {}…{}, such as {example}", range.start(), range.end());
            self.problem(key, message);
            return None;
        }
        Some(x)
    }

    /// True or false.
    pub(super) fn boolean(&self, key: &'static str, example: &str) -> Option<bool> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Boolean(b) => Some(*b),
            other => self.wrong(key, "true or false", example, other),
        }
    }

    /// A place on a plan, `[x, y]`.
    pub(super) fn pair(&self, key: &'static str) -> Option<[f64; 2]> {
        let value = self.value(key)?;
        let pair = match value.get_ref() {
            DeValue::Array(a) => match (a.len(), a.first(), a.get(1)) {
                (2, Some(x), Some(y)) => number(x.get_ref()).zip(number(y.get_ref())),
                _ => None,
            },
            _ => None,
        };
        if pair.is_none() {
            return self.wrong(key, "two numbers", "[12.5, 30.0]", value.get_ref());
        }
        pair.map(|(x, y)| [x, y])
    }

    /// A list of strings; nothing when it is absent, empty strings where an element is no string.
    pub(super) fn strings(&self, key: &'static str, example: &str) -> Option<Vec<String>> {
        let value = self.value(key)?;
        let DeValue::Array(array) = value.get_ref() else {
            return self.wrong(key, "a list of strings", example, value.get_ref());
        };
        let mut strings = Vec::with_capacity(array.len());
        for (i, element) in array.iter().enumerate() {
            let path = format!("{}[{i}]", self.path(key));
            self.doc.place(&path, element.span().start);
            if let DeValue::String(s) = element.get_ref() {
                strings.push(s.clone().into_owned());
            } else {
                let message =
                    format!("expected a string, found {}; write {key} = {example}", named(element.get_ref()));
                self.doc.problem(&path, message);
                strings.push(String::new());
            }
        }
        Some(strings)
    }

    /// A list of whole numbers in `range`, without those that are none; nothing when it is absent.
    pub(super) fn integers(
        &self,
        key: &'static str,
        range: RangeInclusive<i64>,
        example: &str,
    ) -> Option<Vec<i64>> {
        let value = self.value(key)?;
        let DeValue::Array(array) = value.get_ref() else {
            return self.wrong(key, "a list of whole numbers", example, value.get_ref());
        };
        let mut numbers = Vec::with_capacity(array.len());
        for (i, element) in array.iter().enumerate() {
            let path = format!("{}[{i}]", self.path(key));
            self.doc.place(&path, element.span().start);
            let number = match element.get_ref() {
                DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).ok(),
                _ => None,
            };
            match number.filter(|n| range.contains(n)) {
                Some(number) => numbers.push(number),
                None => {
                    let (low, high) = (range.start(), range.end());
                    let message = format!("is no whole number from {low} to {high}; write {key} = {example}");
                    self.doc.problem(&path, message);
                }
            }
        }
        Some(numbers)
    }

    /// One of a few words.
    pub(super) fn one_of<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let first = words.first().map_or("", |(word, _)| word);
        let text = self.string(key, &format!("{first:?}"))?;
        let found = words.iter().find(|(word, _)| *word == text).map(|&(_, value)| value);
        if found.is_none() {
            let all: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
            let hint = match closest(&text, words.iter().map(|(word, _)| *word)) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("expected {}", all.join(" or ")),
            };
            self.problem(key, format!("{text:?} is not known; {hint}"));
        }
        found
    }

    /// The table under `key`.
    pub(super) fn table(&self, key: &'static str) -> Table<'d> {
        let table = self.value(key).and_then(|value| match value.get_ref() {
            DeValue::Table(table) => Some(table),
            other => self.wrong(key, "a table", &format!("[{}]", self.path(key)), other),
        });
        Table { doc: self.doc, table, path: self.path(key), asked: RefCell::default() }
    }

    /// The tables of the array under `key`.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Table<'d>> {
        let example = format!("[[{}]]", self.path(key));
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Array(array) = value.get_ref() else {
            self.wrong::<()>(key, "a list of tables", &example, value.get_ref());
            return Vec::new();
        };
        let mut tables = Vec::with_capacity(array.len());
        for (i, element) in array.iter().enumerate() {
            let path = format!("{}[{i}]", self.path(key));
            self.doc.place(&path, element.span().start);
            let table = match element.get_ref() {
                DeValue::Table(table) => Some(table),
                other => {
                    self.doc.problem(
                        &path,
                        format!("expected a table such as {example}, found {}", named(other)),
                    );
                    None
                }
            };
            tables.push(Table { doc: self.doc, table, path, asked: RefCell::default() });
        }
        tables
    }

    /// Reports the keys nobody asked for.
    pub(super) fn done(&self) {
        let asked = self.asked.borrow();
        for key in self.table.into_iter().flat_map(|t| t.keys()) {
            let name = key.get_ref().as_ref();
            if asked.contains(&name) {
                continue;
            }
            let path = self.path(name);
            self.doc.place(&path, key.span().start);
            let message = match closest(name, asked.iter().copied()) {
                Some(near) => format!("unknown key; did you mean {near:?}?"),
                None => format!("unknown key; known here: {}", asked.join(", ")),
            };
            self.doc.problem(&path, message);
        }
    }

    fn value(&self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        if !self.asked.borrow().contains(&key) {
            self.asked.borrow_mut().push(key);
            self.doc.asked.borrow_mut().insert(without_indices(&self.path(key)));
        }
        let (name, value) = self.table?.get_key_value(key)?;
        self.doc.place(&self.path(key), name.span().start);
        Some(value)
    }

    fn wrong<T>(&self, key: &str, expected: &str, example: &str, found: &DeValue<'_>) -> Option<T> {
        self.problem(key, format!("expected {expected} such as {example}, found {}", named(found)));
        None
    }
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).ok().map(|n| n as f64),
        DeValue::Float(x) => x.as_str().parse().ok(),
        _ => None,
    }
}

fn named(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn without_indices(path: &str) -> String {
    let mut inside = false;
    path.chars()
        .filter(|&c| {
            inside |= c == '[';
            let keep = !inside;
            inside &= c != ']';
            keep
        })
        .collect()
}

/// A file that is no TOML at all should not fill the screen.
const MAX_SYNTAX_ERRORS: usize = 20;
