//! What we publish: visit events, receipts and flow, as [CloudEvents 1.0] in structured JSON.
//!
//! These types are the contract. JSON Schemas are generated from them (feature `schema`), and the outbox
//! stores them as they are: a change of their layout is a new record version.
//!
//! [CloudEvents 1.0]: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md

use crate::observation::Pseudonym;
use crate::time::Timestamp;
use core::fmt;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

mod flow;
mod json;
mod privacy;
mod receipts;
#[cfg(feature = "schema")]
pub mod samples;
#[cfg(feature = "schema")]
pub mod schema;

pub use flow::{CrossShopping, DwellQuantiles, Estimate, FlowBasis, FlowInterval, FlowPeriod, FlowScope};
pub use json::{CloudEvent, Extra};
pub use privacy::{Changed, DegradeReason, Degraded, Erased, PrivacyNotice, Setting};
pub use receipts::{
    Attribution, DeclaredTotals, ReceiptKeyBasis, ReceiptRecorded, ReceiptsReconciled, RecordedTotals,
};

/// Identity of an event: the same fact has the same id after a crash, a replay or a resend.
///
/// First 128 bits of BLAKE3 over site, subject, type and sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventId(pub u128);

/// Identity of a visit: first 128 bits of BLAKE3 over site, pseudonym and moment first heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VisitId(pub u128);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for VisitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl VisitId {
    /// The id of the visit that began when `device` was first heard at `first_heard`.
    pub fn of(site: &str, device: Pseudonym, first_heard: Timestamp) -> Self {
        Self(hash128(
            b"visit",
            &[site.as_bytes(), &device.0.to_be_bytes(), &first_heard.as_micros().to_be_bytes()],
        ))
    }
}

impl EventId {
    /// The id of the `seq`-th fact of `kind` about `subject`.
    pub fn of(site: &str, subject: &[u8], kind: &str, seq: u64) -> Self {
        Self(hash128(b"event", &[site.as_bytes(), subject, kind.as_bytes(), &seq.to_be_bytes()]))
    }
}

fn hash128(domain: &[u8], parts: &[&[u8]]) -> u128 {
    let mut h = blake3::Hasher::new();
    for part in core::iter::once(&domain).chain(parts) {
        h.update(&(part.len() as u64).to_be_bytes());
        h.update(part);
    }
    let bytes: [u8; 16] = h.finalize().as_bytes()[..16].try_into().expect("32 bytes hold 16");
    u128::from_be_bytes(bytes)
}

/// How sure we are, 0…1, kept to three decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Confidence(#[cfg_attr(feature = "schema", schemars(range(min = 0.0, max = 1.0)))] f32);

impl Confidence {
    /// Clamped to 0…1 and rounded to three decimals; not-a-number becomes 0.
    pub fn new(p: f32) -> Self {
        Self(if p.is_nan() { 0.0 } else { (p.clamp(0.0, 1.0) * 1000.0).round() / 1000.0 })
    }

    /// The number.
    pub fn get(self) -> f32 {
        self.0
    }
}

/// How well the device behind a visit is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// An associated client, a tag or an app: one address for the whole visit.
    Stable,
    /// One address, or an unbroken run of sequence numbers over several.
    Session,
    /// Several addresses joined by fingerprint.
    Linked,
}

/// What may be published about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PrivacyMode {
    /// Flow only, no visits.
    Count,
    /// Visits under a pseudonym that changes every business day.
    Pseudonymous,
    /// As pseudonymous; members who agreed are linked.
    Consented,
}

/// An event: one fact, once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Same fact, same id.
    pub id: EventId,
    /// The site it happened at.
    pub site: String,
    /// When it happened.
    pub time: Timestamp,
    /// When we knew.
    pub detected_at: Timestamp,
    /// Privacy mode in force.
    pub privacy_mode: PrivacyMode,
    /// Short hash of configuration and site map in force.
    pub config_version: u32,
    /// The fact.
    pub body: Body,
}

/// The kinds of facts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant)] // events are few and short-lived
pub enum Body {
    /// Something about one visit.
    Visit(VisitEvent),
    /// A receipt was recorded.
    Receipt(ReceiptRecorded),
    /// How many people, in one place, in one interval, hour or day.
    Flow(FlowInterval),
    /// The receipts of a day were compared with what the till says.
    Reconciled(ReceiptsReconciled),
    /// Something happened to data about persons.
    Privacy(PrivacyNotice),
}

/// A fact about one visit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VisitEvent {
    /// The visit.
    pub visit: VisitId,
    /// 1, 2, 3… within the visit.
    pub seq: u32,
    /// Pseudonym of the device.
    pub device: Pseudonym,
    /// How well the device is known.
    pub identity: Identity,
    /// How sure we are of this fact.
    pub confidence: Confidence,
    /// What happened.
    pub fact: VisitFact,
}

/// What can happen in a visit. Zones and floors by their ids in the site map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum VisitFact {
    /// 临场
    Approached(Approached),
    /// 路过
    PassedBy(PassedBy),
    /// 进场
    Arrived(Arrived),
    /// 爬楼
    FloorChanged(FloorChanged),
    /// 驻留 began
    DwellStarted(Dwell),
    /// 驻留 ended
    DwellEnded(Dwell),
    /// 提袋
    BagCarried(BagCarried),
    /// 离店
    Exited(Exited),
    /// 返回
    Resumed(Resumed),
    /// 合并
    Merged(Merged),
    /// 识别
    Linked(Linked),
}

/// A device was first heard well at the perimeter or an entrance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Approached {
    /// Where.
    pub zone: String,
}

/// It approached and never came in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PassedBy {
    /// Where it was heard.
    pub zone: String,
    /// When it was first heard; the event's `time` is the same moment.
    #[serde(with = "json::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::DateTime"))]
    pub started_at: Timestamp,
}

/// Inside is established.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Arrived {
    /// Where it came in.
    pub zone: String,
    /// The floor of that zone.
    pub floor: String,
}

/// Up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To a higher level.
    Up,
    /// To a lower level.
    Down,
}

/// The floor belief settled on another floor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FloorChanged {
    /// The floor it left.
    pub from_floor: String,
    /// The floor it is on now.
    pub floor: String,
    /// Up or down.
    pub direction: Direction,
}

/// A stay in one zone passed the threshold, or such a stay ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Dwell {
    /// The zone.
    pub zone: String,
    /// Its floor.
    pub floor: String,
    /// The brand that trades there.
    pub brand: Option<String>,
    /// When the stay began.
    #[serde(with = "json::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::DateTime"))]
    pub started_at: Timestamp,
    /// How long it had lasted at the event's `time`, seconds.
    pub duration_s: f64,
}

/// A receipt is attributed to this visit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BagCarried {
    /// The zone of the till.
    pub zone: String,
    /// The floor of that zone.
    pub floor: String,
    /// The store that sold.
    pub store: String,
    /// The receipt.
    pub receipt: ReceiptRef,
    /// How many visits could have been the buyer.
    pub candidates: u32,
}

/// A receipt, as named in `visit.bag_carried`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReceiptRef {
    /// Number as printed.
    pub number: Option<String>,
    /// Total in minor units of the currency.
    pub amount_minor: Option<i64>,
    /// ISO 4217 code.
    pub currency: Option<String>,
}

/// Why we say that a visit is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExitReason {
    /// Silent for longer than this device is used to be. Provisional: it may yet be resumed.
    Absence,
    /// Silent after it was last heard at the doors. Provisional: it may yet be resumed.
    LeftByEntrance,
    /// It turned out to be staff or equipment: the arrival named in `retracts` is withdrawn.
    NotAVisitor,
    /// The device table was full and this visit had been silent longest.
    Evicted,
}

/// The visit ended, at the last moment inside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Exited {
    /// Where it was last heard; with confidence 0 an entrance, where the site map changed and nobody knows.
    pub zone: String,
    /// Why we say so.
    pub reason: ExitReason,
    /// From arrival to exit, seconds.
    pub duration_s: f64,
    /// Floors visited.
    pub floors: Vec<String>,
    /// Dwells.
    pub stays: u32,
    /// Receipts attributed.
    pub purchases: u32,
    /// Id of the arrival this exit withdraws (reason `not_a_visitor`).
    pub retracts: Option<String>,
}

/// It was heard again after a provisional exit: that exit is retracted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Resumed {
    /// Where it was heard.
    pub zone: String,
    /// Id of the retracted `visit.exited`.
    pub retracts: String,
}

/// Two visits turned out to be one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Merged {
    /// All visits that are one, the surviving one included.
    pub merged: Vec<String>,
    /// The visit that goes on.
    pub into: String,
}

/// What made us say that a visit belongs to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LinkEvidence {
    /// A receipt attributed to the visit names the member.
    Receipt,
    /// The member's app was heard: the iBeacon numbers that the list of members gives.
    App,
    /// A phone of the member was heard under the address that the list of members gives.
    Address,
    /// Several receipts of the member, none of them surely anybody's: this visit was there each time.
    Copresence,
}

/// How often a member comes, and when they were here last. Only where the gateway keeps such a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MemberHistory {
    /// Business days on which a visit was linked to them, this one included.
    pub visit_days: u32,
    /// Days since the last before this one; absent on their first.
    pub days_since_last: Option<u32>,
}

/// The visit belongs to a member who agreed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Linked {
    /// Keyed token of the member.
    pub member: String,
    /// Why we say so.
    pub evidence: LinkEvidence,
    /// How often they come.
    pub history: Option<MemberHistory>,
}

impl VisitFact {
    /// The last part of the CloudEvents type and of the topic.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Approached(_) => "approached",
            Self::PassedBy(_) => "passed_by",
            Self::Arrived(_) => "arrived",
            Self::FloorChanged(_) => "floor_changed",
            Self::DwellStarted(_) => "dwell_started",
            Self::DwellEnded(_) => "dwell_ended",
            Self::BagCarried(_) => "bag_carried",
            Self::Exited(_) => "exited",
            Self::Resumed(_) => "resumed",
            Self::Merged(_) => "merged",
            Self::Linked(_) => "linked",
        }
    }
}

impl Event {
    /// The CloudEvents `type`: `mall.visit.arrived`, `mall.receipt.recorded`, `mall.flow.interval` …
    pub fn event_type(&self) -> String {
        match &self.body {
            Body::Visit(v) => format!("mall.visit.{}", v.fact.kind()),
            Body::Receipt(_) => "mall.receipt.recorded".into(),
            Body::Reconciled(_) => "mall.receipt.reconciled".into(),
            Body::Flow(_) => "mall.flow.interval".into(),
            Body::Privacy(p) => format!("mall.privacy.{}", p.kind()),
        }
    }

    /// The topic below the prefix: `{site}/visit/arrived`, `{site}/flow/zone/F1-Z01` …
    pub fn topic_suffix(&self) -> String {
        let site = &self.site;
        match &self.body {
            Body::Visit(v) => format!("{site}/visit/{}", v.fact.kind()),
            Body::Receipt(_) => format!("{site}/receipt/recorded"),
            Body::Reconciled(_) => format!("{site}/receipt/reconciled"),
            Body::Flow(f) => {
                let topic = format!("{site}/flow/{}/{}", f.scope.as_str(), f.place);
                match f.period {
                    FlowPeriod::Interval => topic,
                    FlowPeriod::Hour | FlowPeriod::Day => format!("{topic}/{}", f.period.as_str()),
                }
            }
            Body::Privacy(p) => format!("{site}/privacy/{}", p.kind()),
        }
    }

    /// Whether a broker should keep the last one for late subscribers.
    pub fn is_retained(&self) -> bool {
        matches!(self.body, Body::Flow(_))
    }
}
