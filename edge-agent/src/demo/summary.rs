//! What the whole day came to.

use crate::lines::text::pad;
use crate::lines::{EVERY_DAY, KINDS, Kind};
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
        let Some(kind) = Kind::of(text(event, "type")).map(|k| k.event_type) else {
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

    /// Types of which every day has events, and of which none came.
    pub fn missing(&self) -> impl Iterator<Item = &'static str> + '_ {
        KINDS[..EVERY_DAY].iter().map(|k| k.event_type).filter(|&t| self.count(t) == 0)
    }

    /// The table printed at the end, several lines, each with a line end.
    pub fn table(&self, took: Duration) -> String {
        let mut out = String::new();
        // Writing to a String cannot fail.
        let mut row = |label: &str, value: &str| {
            let line = format!("  {}{value:>12}", pad(label, 28));
            let _ = writeln!(out, "{}", line.trim_end());
        };
        for (i, kind) in KINDS.iter().enumerate() {
            let n = self.count(kind.event_type);
            if i < EVERY_DAY || n > 0 {
                row(&format!("{} {}", kind.chinese, kind.name), &n.to_string());
            }
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

fn text<'a>(data: &'a Value, key: &str) -> &'a str {
    data.get(key).and_then(Value::as_str).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_summary_counts_each_fact_once() {
        let mut summary = Summary::default();
        let mut add = |id: &str, kind: &str, data: Value| {
            summary.add(&json!({"id": id, "type": kind, "data": data}));
        };
        add("1", "mall.visit.arrived", json!({}));
        add("2", "mall.visit.arrived", json!({}));
        add("3", "mall.visit.arrived", json!({}));
        add("3", "mall.visit.arrived", json!({}));
        add("4", "mall.visit.merged", json!({"merged": ["a", "b"]}));
        add("5", "mall.visit.exited", json!({"reason": "not_a_visitor"}));
        add("6", "mall.visit.bag_carried", json!({}));
        add("7", "mall.receipt.recorded", json!({"type": "sale", "attribution": {"visit_id": "a"}}));
        add("8", "mall.receipt.recorded", json!({"type": "sale", "attribution": {"visit_id": null}}));
        add("9", "mall.receipt.recorded", json!({"type": "refund", "retracts": "6"}));
        add("a", "something.else", json!({}));
        assert_eq!((summary.events(), summary.seen_twice()), (9, 1));
        assert_eq!(summary.missing().count(), 13 - 5);
        let want = "  临场 approached                        0
  路过 passed by                         0
  进场 arrived                           3
  爬楼 floor changed                     0
  驻留 dwell started                     0
  驻留 dwell ended                       0
  提袋 bag carried                       1
  离店 exited                            1
  返回 resumed                           0
  合并 merged                            1
  识别 linked                            0
  小票 receipt                           3
  客流 flow                              0

  visitors                               1
  bags                                   0
  sales matched to a visit          1 of 2
  event ids seen twice                   1
  messages not ours                      1
  events                                 9
  events a second                        2
";
        assert_eq!(summary.table(Duration::from_secs(4)), want);
    }
}
