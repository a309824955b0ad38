//! What a survey says of an installation, by the names of the site map: the report that `--json` prints and that
//! [`super::text`] puts into words for people.
//!
//! Shares lie between 0 and 1 and are kept to four decimals. Fields may be added; those that are here keep their meaning.

use serde::Serialize;

/// Format of the report.
pub const REPORT_FORMAT: &str = "edge-agent-survey-report/1";

/// The report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`REPORT_FORMAT`].
    pub format: &'static str,
    /// Id of the site.
    pub site: String,
    /// `good`, `fair`, `poor` or `cannot_tell`.
    pub verdict: &'static str,
    /// The verdict in words.
    pub summary: String,
    /// What to do, most urgent first.
    pub next: Vec<NextStep>,
    /// What the walk consists of.
    pub walk: WalkFacts,
    /// Share of stays and scans given to the right zone; the mean over zones that were judged.
    pub right_zone: Option<Share>,
    /// Share given to the right floor.
    pub right_floor: Option<Share>,
    /// Each floor, by level.
    pub floors: Vec<FloorReport>,
    /// Each zone, in the order of the map.
    pub zones: Vec<ZoneReport>,
    /// Pairs of zones that cannot be told apart, the worst first.
    pub alike: Vec<AlikeReport>,
    /// Each sensor, in the order of the map.
    pub sensors: Vec<SensorReport>,
    /// How signals fade in this mall.
    pub air: AirReport,
    /// Where one more sensor would help most, best first.
    pub one_more_sensor: OneMoreReport,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NextStep {
    /// What kind of step; see `docs/survey.md`.
    pub kind: &'static str,
    /// In words.
    pub text: String,
    /// Zones it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// Sensors it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sensors: Vec<String>,
}

/// What a walk consists of.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WalkFacts {
    /// Scans: moments at which at least one sensor heard the phone.
    pub scans: u64,
    /// Readings in them: one for each sensor that heard.
    pub readings: u64,
    /// Walks: a pause of 100 s or a step back in time begins another.
    pub walks: u32,
    /// Laps: stretches of walking in which no zone is come back to.
    pub laps: u32,
    /// Its first and last moment, RFC 3339.
    pub from: String,
    /// See `from`.
    pub until: String,
    /// Zones of the map.
    pub zones: u32,
    /// Zones it did not come to.
    pub not_walked: Vec<String>,
    /// Zones it came through in one lap only: nothing can be said of them.
    pub walked_once: Vec<String>,
    /// Zones of which something can be said.
    pub judged: u32,
    /// Lines of the input that were skipped.
    pub skipped: u64,
}

/// A share of stays and of single scans, 0…1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// Of stays: six scans from all over a zone.
    pub stays: f32,
    /// Of single scans.
    pub scans: f32,
}

/// What to expect of a floor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FloorReport {
    /// Its id.
    pub floor: String,
    /// Its zones that were judged.
    pub judged: u32,
    /// Share of them given to the right zone.
    pub right_zone: Option<Share>,
    /// Share taken to be on each floor, by level; empty where no zone was judged.
    pub taken_for: Vec<FloorShare>,
}

/// A share taken to be on a floor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FloorShare {
    /// The floor.
    pub floor: String,
    /// Of stays.
    pub stays: f32,
    /// Of single scans.
    pub scans: f32,
}

/// What to expect of a zone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ZoneReport {
    /// Its id.
    pub zone: String,
    /// Its floor.
    pub floor: String,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Scans made there.
    pub scans: u32,
    /// Laps that came through.
    pub laps: u32,
    /// Share given to this zone; `null` where it could not be judged.
    pub right: Option<Share>,
    /// Other zones that at least 2 % of its stays are taken for, the most first.
    pub taken_for: Vec<ZoneShare>,
}

/// A share of stays.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ZoneShare {
    /// The zone.
    pub zone: String,
    /// The share, 0…1.
    pub share: f32,
}

/// Two zones that cannot be told apart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlikeReport {
    /// The zones.
    pub zones: [String; 2],
    /// Of stays in one of the two, taken to be in one of the two, how many in the wrong one.
    pub mistaken: f32,
}

/// What a sensor adds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SensorReport {
    /// Its id.
    pub sensor: String,
    /// The zone it hangs in, by the map.
    pub zone: String,
    /// Scans of the walk that it heard.
    pub scans: u32,
    /// Zones of whose scans it heard most.
    pub zones_heard: u32,
    /// Share of stays that would go to a wrong zone without it, and do not with it.
    pub adds: f32,
    /// The same of floors.
    pub adds_floor: f32,
    /// The zone that would lose most, and the share of its stays.
    pub most: Option<ZoneShare>,
    /// It would not be missed, were it the only one to fail.
    pub spare: bool,
    /// How many dB more it hears than a sensor would where the map has it; `null` where that is not known.
    pub excess_db: Option<f32>,
    /// In how many zones that was seen.
    pub excess_zones: u32,
    /// The zone it hears best, where that is not near to its place on the map.
    pub hears_best: Option<String>,
}

/// How signals fade in this mall.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AirReport {
    /// RSSI at one metre, dBm.
    pub at_one_metre_dbm: f32,
    /// Path-loss exponent.
    pub exponent: f32,
    /// Loss of each floor, dB.
    pub floor_loss_db: f32,
    /// How far a pair of sensor and zone lies off that, dB (standard deviation).
    pub scatter_db: f32,
    /// How far readings of one sensor in one zone lie off their mean, dB (standard deviation).
    pub spread_db: f32,
    /// Pairs it was fitted to; 0: the walk did not tell, these are usual values.
    pub pairs: u32,
}

/// Where one more sensor would help most.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OneMoreReport {
    /// Sensors that are there and that the method was tried on.
    pub tried_on: u32,
    /// What they add on average, share of stays.
    pub they_add: f32,
    /// What they were foreseen to add.
    pub foreseen: f32,
    /// Rank correlation of the two.
    pub rank_correlation: Option<f32>,
    /// Gains below are what is foreseen times this.
    pub scale: f32,
    /// The best places.
    pub places: Vec<OneMorePlace>,
}

/// What one more sensor would do in a zone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OneMorePlace {
    /// The zone.
    pub zone: String,
    /// Sensors that hang there by now.
    pub sensors: Vec<String>,
    /// Share of stays that would go to the right zone and do not now.
    pub gain: f32,
    /// Zones that would gain most.
    pub most: Vec<Gain>,
}

/// What a zone would gain.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gain {
    /// The zone.
    pub zone: String,
    /// Share of its stays given to it now.
    pub now: f32,
    /// And then, as foreseen.
    pub then: f32,
}
