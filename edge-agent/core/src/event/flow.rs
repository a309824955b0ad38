//! 客流: how many people, as published.

use super::Confidence;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What a flow interval is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FlowScope {
    /// The whole site.
    Site,
    /// One floor.
    Floor,
    /// One zone.
    Zone,
}

/// A number with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Estimate {
    /// Best guess.
    pub estimate: f32,
    /// Lower end of the 90 % interval.
    pub low: f32,
    /// Upper end of the 90 % interval.
    pub high: f32,
}

/// Quantiles of the dwells that ended in the interval, seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DwellQuantiles {
    /// How many dwells.
    pub count: u32,
    /// Median.
    pub p50: f32,
    /// 90th percentile.
    pub p90: f32,
}

/// How a flow figure came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FlowBasis {
    /// Devices heard, not calibrated to people: compare it with itself only.
    Index,
    /// Calibrated to a door counter.
    Calibrated,
}

/// How many people, in one place, in one interval. Figures below k people are withheld.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowInterval {
    /// Site, floor or zone.
    pub scope: FlowScope,
    /// Its id in the site map.
    pub place: String,
    /// Start of the interval.
    pub from: Timestamp,
    /// End of the interval, exclusive.
    pub until: Timestamp,
    /// Index or calibrated.
    pub basis: FlowBasis,
    /// Figures are withheld because fewer than k people stand behind them.
    pub suppressed: bool,
    /// People who came into the place in the interval.
    pub footfall: Option<u32>,
    /// People in the place at its end.
    pub occupancy: Option<Estimate>,
    /// Entered / (entered + passed by); site only.
    pub capture_rate: Option<Confidence>,
    /// Visits that bought / visits that ended; site only.
    pub bag_rate: Option<Confidence>,
    /// Dwells that ended.
    pub dwell_s: Option<DwellQuantiles>,
}

impl FlowScope {
    /// The name in topics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Floor => "floor",
            Self::Zone => "zone",
        }
    }
}
