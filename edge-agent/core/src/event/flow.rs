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
    /// Counted by door counters.
    Counted,
}

/// How long a stretch of time a flow event is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FlowPeriod {
    /// A few minutes, as configured.
    #[default]
    Interval,
    /// A local hour.
    Hour,
    /// A business day.
    Day,
}

impl FlowPeriod {
    /// The name in topics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interval => "interval",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// Of the visitors who dwelt here and whose visit ended, how many also dwelt there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CrossShopping {
    /// The other zone.
    pub zone: String,
    /// The brand that trades there.
    pub brand: Option<String>,
    /// Share of this zone's visitors.
    pub share: Confidence,
}

/// How many people, in one place, in one stretch of time. Figures below k people are withheld.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowInterval {
    /// Site, floor or zone.
    pub scope: FlowScope,
    /// Its id in the site map.
    pub place: String,
    /// Interval, hour or business day.
    pub period: FlowPeriod,
    /// Its start.
    pub from: Timestamp,
    /// Its end, exclusive.
    pub until: Timestamp,
    /// 0 when told for the first time; each correction has the next number.
    pub revision: u32,
    /// Where footfall comes from.
    pub basis: FlowBasis,
    /// Where occupancy comes from.
    pub occupancy_basis: FlowBasis,
    /// Share of the place's sensors that heard, over the time. At 0 there are no figures: deaf is not empty.
    pub observed: Confidence,
    /// Figures are withheld because fewer than k people stand behind them.
    pub suppressed: bool,
    /// Footfall and occupancy are told to the nearest multiple of this: exactly they would give away what is withheld.
    pub rounded_to: Option<u32>,
    /// People who came into the place.
    pub footfall: Option<u32>,
    /// People in the place, on average over the time.
    pub occupancy: Option<Estimate>,
    /// Entered / (entered + passed by), those included who passed by unheard; site only.
    pub capture_rate: Option<Confidence>,
    /// Visits that bought / visits that ended; site only.
    pub bag_rate: Option<Confidence>,
    /// Sales of the place's tills.
    pub sales: Option<u32>,
    /// Sales / footfall.
    pub conversion: Option<f32>,
    /// Dwells that ended.
    pub dwell_s: Option<DwellQuantiles>,
    /// Where the zone's visitors also dwelt, most first; zones and days only.
    pub cross_shopping: Vec<CrossShopping>,
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
