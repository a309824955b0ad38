//! The fields of a JSON object, found under the names that different senders give them.

use super::{MAX_PROBLEMS, Problem};
use crate::pos::money::Decimal;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

#[derive(Default)]
pub(super) struct Problems {
    pub(super) list: Vec<Problem>,
}

impl Problems {
    pub(super) fn add(&mut self, path: &str, what: impl fmt::Display) {
        if self.list.len() < MAX_PROBLEMS {
            self.list.push(Problem { path: path.to_owned(), what: what.to_string() });
        }
    }
}

/// An object whose values are not read yet, so that numbers keep their digits.
pub(super) struct Fields<'a> {
    /// Where it stands, with a dot behind; empty for the document.
    path: String,
    values: BTreeMap<String, &'a RawValue>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(raw: &'a RawValue, path: &str, problems: &mut Problems) -> Option<Self> {
        let Ok(values) = serde_json::from_str::<BTreeMap<String, &'a RawValue>>(raw.get()) else {
            let place = if path.is_empty() { "document" } else { path };
            problems.add(place, "is no JSON object");
            return None;
        };
        let values = values.into_iter().map(|(name, value)| (plain(&name), value)).collect();
        let path = if path.is_empty() { String::new() } else { format!("{path}.") };
        Some(Self { path, values })
    }

    /// The first of these names that is there and neither null nor an empty string.
    pub(super) fn get(&self, names: &[&str]) -> Option<&'a RawValue> {
        let there = |name: &&str| self.values.get(*name).copied();
        names.iter().find_map(there).filter(|raw| !matches!(raw.get(), "null" | "\"\""))
    }

    /// Where a field stands, under the name it has in the document or else the first.
    pub(super) fn place(&self, names: &[&str]) -> String {
        let name = names.iter().find(|name| self.values.contains_key(**name)).or(names.first());
        format!("{}{}", self.path, name.unwrap_or(&""))
    }

    /// The text of a string, or the digits of a number; nothing where it is left out.
    pub(super) fn text(&self, names: &[&str], problems: &mut Problems) -> Option<String> {
        let raw = self.get(names)?.get();
        match raw.as_bytes().first() {
            // Surrogates without their other half are no text.
            Some(b'"') => match serde_json::from_str::<String>(raw) {
                Ok(text) => Some(text).filter(|text| !text.trim().is_empty()),
                Err(_) => {
                    problems.add(&self.place(names), "is no text");
                    None
                }
            },
            Some(b'-' | b'0'..=b'9') => Some(raw.to_owned()),
            _ => {
                problems.add(&self.place(names), "has the wrong type; wanted a string or a number");
                None
            }
        }
    }

    /// As [`Self::text`], and a problem where it is left out.
    pub(super) fn required(&self, names: &[&str], problems: &mut Problems) -> Option<String> {
        if self.get(names).is_none() {
            problems.add(&self.place(names), "is missing");
        }
        self.text(names, problems)
    }

    /// An exact number, of a JSON number or string.
    pub(super) fn decimal(&self, names: &[&str], problems: &mut Problems) -> Option<Decimal> {
        let text = self.text(names, problems)?;
        Decimal::parse(&text).map_err(|e| problems.add(&self.place(names), e)).ok()
    }

    /// The objects of a list, or of the list that is the only field of an object (as SOAP has it).
    pub(super) fn list(&self, names: &[&str], problems: &mut Problems) -> Vec<Fields<'a>> {
        let Some(raw) = self.get(names) else { return Vec::new() };
        let place = self.place(names);
        let entries = match serde_json::from_str::<Vec<&'a RawValue>>(raw.get()) {
            Ok(entries) => entries,
            Err(_) => match serde_json::from_str::<BTreeMap<String, Vec<&'a RawValue>>>(raw.get()) {
                Ok(wrapped) if wrapped.len() == 1 => wrapped.into_values().flatten().collect(),
                _ => {
                    problems.add(&place, "is no list of objects");
                    Vec::new()
                }
            },
        };
        let entry = |(i, raw): (usize, &'a RawValue)| Fields::of(raw, &format!("{place}[{i}]"), problems);
        entries.into_iter().take(MAX_ENTRIES).enumerate().filter_map(entry).collect()
    }
}

/// One more than a receipt keeps, so that the receipt notices.
const MAX_ENTRIES: usize = crate::pos::receipt::MAX_ITEMS + 1;

/// `TxDate_yyyymmddField` is txdate_yyyymmdd.
fn plain(name: &str) -> String {
    let lower = name.trim().to_lowercase();
    lower.strip_suffix("field").map_or(lower.clone(), str::to_owned)
}
