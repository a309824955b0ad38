//! The newest figures of a place.

use crate::lines::text::clean;
use serde_json::{Value, json};
use visit_core::time::Timestamp;

/// Figures are news for three intervals of five minutes; after that they are history.
pub const NEWS: i64 = 900 * 1_000_000;

/// What was last said of a site, floor or zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// End of the interval.
    pub until: Timestamp,
    /// As it was written.
    pub until_text: String,
    /// 0 first; 1, 2 … replace what was told before.
    pub revision: u64,
    /// Fewer than k people: no figures.
    pub withheld: bool,
    /// Share of the place's sensors that heard.
    pub observed: f64,
    /// Figures are the nearest multiple of this.
    pub rounded: bool,
    /// Devices, to be compared with themselves only; else people.
    pub index: bool,
    /// People inside: estimate, and the ends of the 90 % interval.
    pub inside: Option<[f64; 3]>,
    /// People who came in.
    pub came_in: Option<u64>,
    /// Entered / (entered + passed by).
    pub capture_rate: Option<f64>,
    /// Visits that bought / visits that ended.
    pub bag_rate: Option<f64>,
    /// When it was heard.
    pub heard: Timestamp,
    /// The broker had kept it: it is as old as it says.
    pub retained: bool,
}

/// How far a figure can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// It is a figure.
    Figure,
    /// Fewer than k people.
    Withheld,
    /// No sensor of the place heard: deaf is not empty.
    Unobserved,
    /// There is none.
    Missing,
}

impl Flow {
    /// From the `data` of a `flow.interval`; `None` when it is not one.
    pub fn of(data: &Value, heard: Timestamp, retained: bool) -> Option<Self> {
        let until_text = data.get("until")?.as_str()?;
        let number = |key: &str| data.get(key).and_then(Value::as_f64).filter(|n| n.is_finite());
        let inside = data.get("occupancy").filter(|o| o.is_object()).map(|o| {
            ["estimate", "low", "high"].map(|key| o.get(key).and_then(Value::as_f64).unwrap_or(0.0))
        });
        Some(Self {
            until: Timestamp::parse_rfc3339(until_text)?,
            until_text: clean(until_text),
            revision: data.get("revision").and_then(Value::as_u64).unwrap_or(0),
            withheld: data.get("suppressed").and_then(Value::as_bool) == Some(true),
            observed: number("observed").unwrap_or(1.0).clamp(0.0, 1.0),
            rounded: data.get("rounded_to").is_some_and(Value::is_number),
            index: data.get("occupancy_basis").and_then(Value::as_str) == Some("index"),
            inside,
            came_in: data.get("footfall").and_then(Value::as_u64),
            capture_rate: number("capture_rate"),
            bag_rate: number("bag_rate"),
            heard,
            retained,
        })
    }

    /// Whether this says more about now than `other`: a later interval, or a correction of the same.
    pub fn replaces(&self, other: &Self) -> bool {
        (self.until, self.revision) >= (other.until, other.revision)
    }

    /// What there is to show.
    pub fn worth(&self) -> Worth {
        if self.withheld {
            Worth::Withheld
        } else if self.observed <= 0.0 {
            Worth::Unobserved
        } else if self.inside.is_none() && self.came_in.is_none() {
            Worth::Missing
        } else {
            Worth::Figure
        }
    }

    /// Whether it no longer says anything about now.
    pub fn is_old(&self, now: Timestamp) -> bool {
        // What comes live may tell of another time: a recording is played. Then its arrival counts.
        let since = if self.retained { self.until } else { self.heard };
        now.as_micros().saturating_sub(since.as_micros()) > NEWS
    }

    /// For scripts.
    pub fn to_json(&self, now: Timestamp) -> Value {
        json!({
            "until": self.until_text,
            "state": match self.worth() {
                Worth::Figure => "figure",
                Worth::Withheld => "withheld",
                Worth::Unobserved => "unobserved",
                Worth::Missing => "missing",
            },
            "old": self.is_old(now),
            "observed": self.observed,
            "basis": if self.index { "index" } else { "people" },
            "rounded": self.rounded,
            "inside": self.inside.map(|[estimate, low, high]| json!({"estimate": estimate, "low": low, "high": high})),
            "came_in": self.came_in,
            "capture_rate": self.capture_rate,
            "bag_rate": self.bag_rate,
        })
    }
}
