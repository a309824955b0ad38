//! Which configuration is in force, and what stood in the way of the last new one: for health.

use crate::config::Config;
use crate::config::published::{Refused, sha256};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Shared by who reloads and who reports.
#[derive(Clone, Debug, Default)]
pub struct Standing(Arc<Mutex<InForce>>);

/// `config` of the health report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct InForce {
    /// As events have it, eight hexadecimal digits.
    pub version: String,
    /// Since when.
    pub since: String,
    /// Changes taken since start.
    pub reloads: u64,
    /// Changes refused since start.
    pub refused: u64,
    /// Why the last change was refused; nothing once one was taken, or there is nothing to change.
    pub problem: Option<String>,
    /// The site map.
    pub site_map: MapInForce,
}

/// The site map that is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct MapInForce {
    /// `file` or `topic`.
    pub from: String,
    /// Of a published one.
    pub version: Option<u64>,
    /// Of its text.
    pub sha256: String,
    /// Who signed a published one off.
    pub signed_off_by: Option<String>,
    /// And when.
    pub signed_off_at: Option<String>,
    /// Published ones that were refused since start, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Why the last one was refused; nothing once one was taken.
    pub problem: Option<String>,
}

impl Standing {
    /// This is in force since `at`.
    pub fn begin(&self, config: &Config, at: String) {
        self.change(|now| {
            let map = config.published.as_ref();
            now.version = format!("{:08x}", config.version);
            now.since = at;
            now.site_map.from = if map.is_some() { "topic" } else { "file" }.to_owned();
            now.site_map.version = map.map(|map| map.version);
            now.site_map.sha256 = sha256(&config.site_text);
            now.site_map.signed_off_by = map.map(|map| map.signed_off_by.clone());
            now.site_map.signed_off_at = map.map(|map| map.signed_off_at.clone());
        });
    }

    /// A change was taken; `map`: it was a site map that was published.
    pub fn taken(&self, map: bool) {
        self.change(|now| {
            now.reloads += 1;
            // What was wrong with a file is not put right by a map, nor the other way round.
            match map {
                true => now.site_map.problem = None,
                false => now.problem = None,
            }
        });
    }

    /// There was nothing to change: what was wrong is right again.
    pub fn unchanged(&self) {
        self.change(|now| now.problem = None);
    }

    /// A change was refused.
    pub fn refused(&self, why: &str) {
        self.change(|now| {
            now.refused += 1;
            now.problem = Some(shorten(why));
        });
    }

    /// A published site map was refused.
    pub fn map_refused(&self, refused: &Refused) {
        self.change(|now| {
            *now.site_map.refused.entry(refused.reason.to_owned()).or_default() += 1;
            now.site_map.problem = Some(shorten(&refused.why));
        });
    }

    /// For the health report.
    pub fn report(&self) -> InForce {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut InForce)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Health is a message: all problems are in the log.
const LONGEST: usize = 1_000;

fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}… (all of it is in the log)", &text[..cut]),
        None => text.to_owned(),
    }
}
