//! The document of `GET /api/v1/now`, as types.

use super::Alarm;
use crate::status::Stamp;
use crate::status::health::{BrokerHealth, OutboxHealth, StoreHealth};
use crate::status::machine::{ClockHealth, MachineHealth};
use crate::status::today::Line;
use serde::Serialize;
use std::collections::BTreeMap;
use visit_core::event::{FlowBasis, PrivacyMode};

/// The document.
#[derive(Clone, Debug, Serialize)]
pub struct Now {
    /// What does not change while the daemon runs.
    #[serde(flatten)]
    pub plan: Plan,
    /// The sections that do.
    #[serde(flatten)]
    pub sections: Sections,
    /// The newest events, oldest first.
    pub lines: Vec<Line>,
}

/// What does not change while the daemon runs.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The site.
    pub site: SiteName,
    /// The gateway.
    pub gateway: String,
    /// Version of the daemon.
    pub version: String,
    /// What is heard happens now, and is not a recording.
    pub live: bool,
    /// `count`, `pseudonymous` or `consented`.
    pub mode: PrivacyMode,
    /// Figures of fewer people are withheld.
    pub k: u32,
    /// Floors, by level.
    pub floors: Vec<FloorPlan>,
}

/// A site's names.
#[derive(Clone, Debug, Serialize)]
pub struct SiteName {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// IANA time zone: times are shown in it.
    pub timezone: String,
}

/// A floor with its zones.
#[derive(Clone, Debug, Serialize)]
pub struct FloorPlan {
    /// Its id.
    pub id: String,
    /// Storeys above the ground floor.
    pub level: i16,
    /// What people call it.
    pub name: Option<String>,
    /// Its zones.
    pub zones: Vec<ZonePlan>,
}

/// A zone.
#[derive(Clone, Debug, Serialize)]
pub struct ZonePlan {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// Who trades there.
    pub brand: Option<String>,
    /// `perimeter`, `entrance`, `shop`, `concourse`, `vertical` or `staff`.
    pub kind: &'static str,
    /// Centre, metres.
    pub at: [f64; 2],
}

/// The sections that change.
#[derive(Clone, Debug, Serialize)]
pub struct Sections {
    /// The clock.
    pub time: Time,
    /// How many people, by place.
    pub flow: Flow,
    /// How many people in the site, by interval of the day, oldest first.
    pub curve: Vec<CurvePoint>,
    /// Visits of the day by how far they came; null where single visits are not followed.
    pub visits: Option<Visits>,
    /// Receipts of the day.
    pub receipts: ReceiptCounts,
    /// What needs somebody.
    pub alarms: Vec<Alarm>,
    /// Sensors of the site map, and who hears for them.
    pub sensors: Vec<SensorNow>,
    /// Receipt feeds.
    pub feeds: Vec<FeedNow>,
    /// The gateway itself; null before the first report.
    pub health: Option<HealthNow>,
}

/// The clock.
#[derive(Clone, Debug, Serialize)]
pub struct Time {
    /// The time of what is heard: now, or in a recording then.
    pub source_at: Option<Stamp>,
    /// The business day that is counted.
    pub day: Option<DayNow>,
}

/// The business day that is counted.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct DayNow {
    /// When it began.
    pub began: Stamp,
    /// Since when it is counted.
    pub since: Stamp,
    /// All of it is counted.
    pub whole: bool,
}

/// Figures by place.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Flow {
    /// The site's.
    pub site: Option<Figure>,
    /// By floor.
    pub floors: BTreeMap<String, Figure>,
    /// By zone.
    pub zones: BTreeMap<String, Figure>,
}

/// The figures of a place, from its last flow interval.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// `told`: there are figures · `withheld`: fewer than k people · `unobserved`: no sensor heard, deaf is not empty.
    pub state: FigureState,
    /// The interval ended long ago: it is no longer true.
    pub stale: bool,
    /// Its start.
    pub from: Stamp,
    /// Its end.
    pub until: Stamp,
    /// People in the place, with a 90 % interval.
    pub occupancy: Option<People>,
    /// People who came in.
    pub footfall: Option<u32>,
    /// Where occupancy comes from: `index` is devices, not people.
    pub basis: FlowBasis,
    /// Share of the place's sensors that heard.
    pub observed: f64,
    /// Told to the nearest multiple of this.
    pub rounded_to: Option<u32>,
}

/// People in a place, to a tenth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct People {
    /// Best guess.
    pub estimate: f64,
    /// Lower end of the 90 % interval.
    pub low: f64,
    /// Upper end of the 90 % interval.
    pub high: f64,
}

/// What is known of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FigureState {
    /// There are figures.
    Told,
    /// Fewer than k people.
    Withheld,
    /// No sensor heard.
    Unobserved,
}

/// A point of the day's curve.
#[derive(Clone, Debug, Serialize)]
pub struct CurvePoint {
    /// The interval's start.
    pub from: Stamp,
    /// What is known.
    pub state: FigureState,
    /// People in the site.
    pub occupancy: Option<People>,
}

/// Visits of the day; null where they are from 1 to k − 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Visits {
    /// Were near.
    pub approached: Option<u64>,
    /// Went on without coming in.
    pub passed_by: Option<u64>,
    /// Were inside.
    pub arrived: Option<u64>,
    /// Stayed somewhere.
    pub dwelt: Option<u64>,
    /// Carry a bag.
    pub bag: Option<u64>,
    /// Have left.
    pub left: Option<u64>,
}

/// Receipts of the day; whose they are is null where that is from 1 to k − 1 of one sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ReceiptCounts {
    /// Sales.
    pub sales: u64,
    /// With a buyer we are sure of.
    pub matched: Option<u64>,
    /// With a likely buyer.
    pub likely: Option<u64>,
    /// Of nobody we heard.
    pub unmatched: Option<u64>,
    /// Refunds and voids.
    pub taken_back: u64,
    /// Could not be read.
    pub unreadable: u64,
}

/// A sensor of the site map.
#[derive(Clone, Debug, Serialize)]
pub struct SensorNow {
    /// Its id.
    pub id: String,
    /// The zone it hangs in.
    pub zone: String,
    /// Metres.
    pub at: [f64; 2],
    /// Whether it hears.
    pub state: Hearing,
    /// Who hears for it.
    pub ears: Vec<EarNow>,
}

/// Whether a sensor hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hearing {
    /// It does.
    Hears,
    /// Its sources are down or deaf.
    Deaf,
    /// No source of this gateway hears for it.
    Elsewhere,
    /// A recording speaks for it.
    Recorded,
}

/// A radio or node.
#[derive(Clone, Debug, Serialize)]
pub struct EarNow {
    /// Its name.
    pub name: String,
    /// `node`, `wifi` or `ble`.
    pub kind: &'static str,
    /// It can hear.
    pub up: bool,
    /// Why not.
    pub problem: Option<String>,
    /// Sightings a second over the last minute.
    pub per_s: Option<f64>,
    /// When it heard last.
    pub last_heard_at: Option<Stamp>,
    /// Sightings dropped for want of room.
    pub dropped: u64,
}

/// A receipt feed.
#[derive(Clone, Debug, Serialize)]
pub struct FeedNow {
    /// Its name.
    pub name: String,
    /// It can receive.
    pub up: bool,
    /// Why not.
    pub problem: Option<String>,
    /// Papers that are durable.
    pub delivered: u64,
    /// Papers and documents that were of no use.
    pub refused: u64,
    /// Papers lost for want of room.
    pub lost: u64,
    /// When it delivered last.
    pub last_delivered_at: Option<Stamp>,
    /// Nothing came for longer than usual, since then.
    pub silent_since: Option<Stamp>,
}

/// The gateway itself.
#[derive(Clone, Debug, Serialize)]
pub struct HealthNow {
    /// When it was looked at.
    pub at: Stamp,
    /// When this run began.
    pub started_at: Stamp,
    /// Devices followed now.
    pub devices: u64,
    /// Receipts that wait for their decision.
    pub receipts_waiting: u64,
    /// What waits for the broker.
    pub outbox: OutboxHealth,
    /// Where it waits.
    pub store: StoreHealth,
    /// The broker.
    pub broker: BrokerHealth,
    /// The clock.
    pub clock: ClockHealth,
    /// The machine.
    pub machine: MachineHealth,
}
