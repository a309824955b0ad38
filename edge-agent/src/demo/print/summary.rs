//! What the whole day came to.

use super::{KINDS, pad, text};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::time::Duration;

/// Ids remembered for finding those seen twice. Beyond, events are counted as unchecked: 32 MiB are enough
/// for a demo.
const MAX_IDS: usize = 1 << 20;

/// Counts events as they come.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    by_type: BTreeMap<String, u64>,
    ids: HashSet<u128>,
    /// Events whose id had been seen before.
    twice: u64,
    unchecked: u64,
    not_ours: u64,
    arrived: u64,
    merged_away: u64,
    not_visitors: u64,
    bags: u64,
    bags_returned: u64,
    sales: u64,
    sales_matched: u64,
}

impl Summary {
    /// Takes in an event. One whose id was seen before counts as that and as nothing else.
    pub fn add(&mut self, event: &Value) {
        let Some(&(kind, ..)) = KINDS.iter().find(|k| k.0 == text(event, "type")) else {
            self.not_ours += 1;
            return;
        };
        match u128::from_str_radix(text(event, "id"), 16) {
            Ok(id) if self.ids.contains(&id) => {
                self.twice += 1;
                return;
            }
            Ok(id) if self.ids.len() < MAX_IDS => {
                self.ids.insert(id);
            }
            _ => self.unchecked += 1,
        }
        *self.by_type.entry(kind.to_owned()).or_default() += 1;
        let data = event.get("data").unwrap_or(&Value::Null);
        match kind {
            "mall.visit.arrived" => self.arrived += 1,
            "mall.visit.merged" => {
                let visits = data.get("merged").and_then(Value::as_array).map_or(0, Vec::len);
                self.merged_away += visits.saturating_sub(1) as u64;
            }
            "mall.visit.exited" if text(data, "reason") == "not_a_visitor" => self.not_visitors += 1,
            "mall.visit.bag_carried" => self.bags += 1,
            "mall.receipt.recorded" => self.receipt(data),
            _ => {}
        }
    }

    /// Events taken in, each once.
    pub fn events(&self) -> u64 {
        self.by_type.values().sum()
    }

    /// Events of one CloudEvents type: `mall.visit.arrived` …
    pub fn count(&self, event_type: &str) -> u64 {
        self.by_type.get(event_type).copied().unwrap_or(0)
    }

    /// Events that came again under an id seen before.
    pub fn seen_twice(&self) -> u64 {
        self.twice
    }

    /// Types of the contract of which no event came.
    pub fn missing(&self) -> impl Iterator<Item = &'static str> + '_ {
        KINDS.iter().map(|k| k.0).filter(|&t| self.count(t) == 0)
    }

    /// The table printed at the end, several lines, each with a line end.
    pub fn table(&self, took: Duration) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let mut row = |label: &str, value: &str| {
            let line = format!("  {}{value:>12}", pad(label, 28));
            let _ = writeln!(out, "{}", line.trim_end());
        };
        for (kind, chinese, name, _) in KINDS {
            row(&format!("{chinese} {name}"), &self.count(kind).to_string());
        }
        row("", "");
        let visitors = self.arrived.saturating_sub(self.merged_away + self.not_visitors);
        row("visitors", &visitors.to_string());
        row("bags", &self.bags.saturating_sub(self.bags_returned).to_string());
        row("sales matched to a visit", &format!("{} of {}", self.sales_matched, self.sales));
        row("event ids seen twice", &self.twice.to_string());
        for (label, n) in [("ids not checked", self.unchecked), ("messages not ours", self.not_ours)] {
            if n > 0 {
                row(label, &n.to_string());
            }
        }
        let seconds = took.as_secs_f64();
        row("events", &self.events().to_string());
        if seconds > 0.0 {
            row("events a second", &format!("{:.0}", self.events() as f64 / seconds));
        }
        out
    }

    fn receipt(&mut self, data: &Value) {
        if data.get("retracts").is_some_and(Value::is_string) {
            self.bags_returned += 1;
        }
        if text(data, "type") == "sale" {
            self.sales += 1;
            let visit = data.get("attribution").and_then(|a| a.get("visit_id"));
            self.sales_matched += u64::from(visit.is_some_and(Value::is_string));
        }
    }
}
