//! The JSON of an event: a CloudEvents 1.0 envelope around flat `data`.

use super::*;
use crate::observation::ReceiptKind;

/// Writes a [`Timestamp`] as RFC 3339 where a person reads, as µs where a machine does.
pub(super) mod rfc3339 {
    use crate::time::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(in super::super) fn serialize<S: Serializer>(t: &Timestamp, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(t) } else { t.serialize(s) }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Timestamp, D::Error> {
        if !d.is_human_readable() {
            return Timestamp::deserialize(d);
        }
        let text = String::deserialize(d)?;
        Timestamp::parse_rfc3339(&text)
            .ok_or_else(|| D::Error::custom(format!("not an RFC 3339 time: {text}")))
    }
}

/// What the publisher or the offline replay adds to an event's `data`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extra {
    /// It is sent again, or late, after an outage.
    pub resent: bool,
    /// The address behind the pseudonym: offline evaluation only, never in the daemon.
    pub addr: Option<String>,
}

/// An event as CloudEvents structured JSON; serialise it with `serde_json`.
pub struct CloudEvent<'a> {
    /// The event.
    pub event: &'a Event,
    /// What is added to its `data`.
    pub extra: &'a Extra,
}

impl CloudEvent<'_> {
    /// The media type of the JSON.
    pub const CONTENT_TYPE: &'static str = "application/cloudevents+json";

    /// As one line of JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings, numbers and maps with text keys always serialise")
    }
}

/// 9999-12-31, days since 1970-01-01.
const LAST_DAY: i32 = 2_932_896;

/// `YYYY-MM-DD`. A till may claim any day; RFC 3339 has four digits for the year.
fn date(day: i32) -> String {
    let day = i64::from(day.clamp(0, LAST_DAY));
    let mut text = Timestamp::from_micros(day * 86_400_000_000).to_string();
    text.truncate(10);
    text
}

/// `/mall/{site}` as a URI reference: what RFC 3986 §2.3 does not call unreserved is percent-encoded.
fn source(site: &str) -> String {
    let mut uri = String::from("/mall/");
    for byte in site.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

impl Serialize for CloudEvent<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let e = self.event;
        let mut map = s.serialize_struct("CloudEvent", 8)?;
        map.serialize_field("specversion", "1.0")?;
        map.serialize_field("id", &e.id.to_string())?;
        map.serialize_field("source", &source(&e.site))?;
        map.serialize_field("type", &e.event_type())?;
        map.serialize_field("time", &e.time.to_string())?;
        map.serialize_field("datacontenttype", "application/json")?;
        match &e.body {
            Body::Visit(v) => {
                map.serialize_field("subject", &v.visit.to_string())?;
                map.serialize_field("data", &self.visit_data(v))?;
            }
            Body::Receipt(r) => {
                map.serialize_field("subject", &r.till)?;
                map.serialize_field("data", &self.receipt_data(r))?;
            }
            Body::Reconciled(r) => {
                map.serialize_field("subject", r.till.as_ref().unwrap_or(&r.store))?;
                map.serialize_field("data", &self.reconciled_data(r))?;
            }
            Body::Flow(f) => {
                map.serialize_field("subject", &f.place)?;
                map.serialize_field("data", &self.flow_data(f))?;
            }
            Body::Privacy(p) => {
                map.serialize_field("subject", p.gateway())?;
                map.serialize_field("data", &self.notice_data(p))?;
            }
        }
        map.end()
    }
}

/// `data` of a visit event: the common fields, then the fact's own.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct VisitData<F> {
    /// The visit.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9a-f]{32}$")))]
    visit_id: String,
    /// 1, 2, 3… within the visit: order by it.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    seq: u32,
    /// Pseudonym of the device.
    device: String,
    /// How well the device is known.
    identity: Identity,
    /// How sure we are of this fact.
    confidence: Confidence,
    #[serde(flatten)]
    provenance: Provenance,
    #[serde(flatten)]
    fact: F,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(skip))]
    addr: Option<String>,
}

/// What every event says about itself.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct Provenance {
    /// When we knew.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::DateTime"))]
    detected_at: Timestamp,
    /// Privacy mode in force.
    privacy_mode: PrivacyMode,
    /// Short hash of configuration and site map in force, eight hexadecimal digits.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9a-f]{8}$")))]
    config_version: String,
    /// Sent again or late after an outage.
    resent: bool,
}

/// `data` of `receipt.recorded`.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct ReceiptData {
    /// The store that sold.
    store: String,
    /// The till.
    till: String,
    /// The zone of the till.
    zone: String,
    /// Number as printed.
    number: Option<String>,
    /// Sale, refund or void.
    #[serde(rename = "type")]
    kind: ReceiptKind,
    /// Total in minor units of the currency.
    amount_minor: Option<i64>,
    /// ISO 4217 code.
    currency: Option<String>,
    /// Business date of the till, `YYYY-MM-DD`.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date")))]
    business_date: String,
    /// Token of a member who agreed (consented mode only).
    member: Option<String>,
    /// It could not be read: only store, till and time are known.
    unreadable: bool,
    /// Whose receipt it is.
    attribution: Attribution,
    /// Id of the `visit.bag_carried` this refund takes back.
    retracts: Option<String>,
    /// 0 for the first record of a receipt; each record of the same receipt with other content adds one.
    revision: u32,
    /// Id of the `receipt.recorded` that this revision replaces.
    replaces: Option<String>,
    /// For a refund or void: id of the first `receipt.recorded` of the sale it takes back, if that is known.
    takes_back: Option<String>,
    /// What makes it one receipt and not another.
    key: ReceiptKeyBasis,
    /// When the till says it was done, by its own clock.
    #[cfg_attr(feature = "schema", schemars(with = "Option<super::schema::DateTime>"))]
    printed_at: Option<String>,
    /// Something of it is missing: the line was cut off, or it was longer than is kept.
    partial: bool,
    /// Its amounts do not add up.
    unbalanced: bool,
    #[serde(flatten)]
    provenance: Provenance,
}

/// `data` of `receipt.reconciled`.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct ReconciledData {
    /// The store.
    store: String,
    /// The till; null: all tills of the store.
    till: Option<String>,
    /// Business date, `YYYY-MM-DD`.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date")))]
    business_date: String,
    /// 1 for the first comparison of this day; each later one (receipts came late, totals were corrected) adds one.
    seq: u32,
    /// ISO 4217 code of the amounts.
    currency: Option<String>,
    /// What was declared.
    declared: DeclaredTotals,
    /// What was recorded.
    recorded: RecordedTotals,
    /// Receipts declared and not recorded; negative where more were recorded. Null where no number was declared.
    missing: Option<i64>,
    /// Declared net less recorded net, minor units. Null where no amount was declared.
    difference_minor: Option<i64>,
    /// Everything that was declared agrees.
    complete: bool,
    #[serde(flatten)]
    provenance: Provenance,
}

/// `data` of `flow.interval`.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct FlowData {
    /// Site, floor or zone.
    scope: FlowScope,
    /// Its id in the site map.
    id: String,
    /// Interval, hour or business day.
    period: FlowPeriod,
    /// Its start.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::DateTime"))]
    from: Timestamp,
    /// Its end, exclusive.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::DateTime"))]
    until: Timestamp,
    /// 0 when told for the first time; each correction has the next number and replaces those before.
    revision: u32,
    /// Where footfall comes from.
    basis: FlowBasis,
    /// Where occupancy comes from.
    occupancy_basis: FlowBasis,
    /// Share of the place's sensors that heard, over the time. At 0 there are no figures: deaf is not empty.
    observed: Confidence,
    /// Figures are withheld because fewer than k people stand behind them.
    suppressed: bool,
    /// Footfall and occupancy are told to the nearest multiple of this: exactly they would give away what is withheld.
    rounded_to: Option<u32>,
    /// People who came into the place.
    footfall: Option<u32>,
    /// People in the place, on average over the time.
    occupancy: Option<Estimate>,
    /// Entered / (entered + passed by), those included who passed by unheard; site only.
    capture_rate: Option<Confidence>,
    /// Visits that bought / visits that ended; site only.
    bag_rate: Option<Confidence>,
    /// Sales of the place's tills.
    sales: Option<u32>,
    /// Sales / footfall.
    conversion: Option<f32>,
    /// Dwells that ended.
    dwell_s: Option<DwellQuantiles>,
    /// Where the zone's visitors also dwelt, most first; zones and days only.
    cross_shopping: Vec<CrossShopping>,
    #[serde(flatten)]
    provenance: Provenance,
}

/// `data` of any visit event.
#[derive(Serialize)]
#[serde(untagged)]
enum AnyVisitData<'a> {
    Approached(VisitData<&'a Approached>),
    PassedBy(VisitData<&'a PassedBy>),
    Arrived(VisitData<&'a Arrived>),
    FloorChanged(VisitData<&'a FloorChanged>),
    Dwell(VisitData<&'a Dwell>),
    BagCarried(VisitData<&'a BagCarried>),
    Exited(VisitData<&'a Exited>),
    Resumed(VisitData<&'a Resumed>),
    Merged(VisitData<&'a Merged>),
    Linked(VisitData<&'a Linked>),
}

impl CloudEvent<'_> {
    pub(super) fn provenance(&self) -> Provenance {
        Provenance {
            detected_at: self.event.detected_at,
            privacy_mode: self.event.privacy_mode,
            config_version: format!("{:08x}", self.event.config_version),
            resent: self.extra.resent,
        }
    }

    fn visit_data<'a>(&self, v: &'a VisitEvent) -> AnyVisitData<'a> {
        match &v.fact {
            VisitFact::Approached(f) => AnyVisitData::Approached(self.with_common(v, f)),
            VisitFact::PassedBy(f) => AnyVisitData::PassedBy(self.with_common(v, f)),
            VisitFact::Arrived(f) => AnyVisitData::Arrived(self.with_common(v, f)),
            VisitFact::FloorChanged(f) => AnyVisitData::FloorChanged(self.with_common(v, f)),
            VisitFact::DwellStarted(f) | VisitFact::DwellEnded(f) => {
                AnyVisitData::Dwell(self.with_common(v, f))
            }
            VisitFact::BagCarried(f) => AnyVisitData::BagCarried(self.with_common(v, f)),
            VisitFact::Exited(f) => AnyVisitData::Exited(self.with_common(v, f)),
            VisitFact::Resumed(f) => AnyVisitData::Resumed(self.with_common(v, f)),
            VisitFact::Merged(f) => AnyVisitData::Merged(self.with_common(v, f)),
            VisitFact::Linked(f) => AnyVisitData::Linked(self.with_common(v, f)),
        }
    }

    fn with_common<F>(&self, v: &VisitEvent, fact: F) -> VisitData<F> {
        VisitData {
            visit_id: v.visit.to_string(),
            seq: v.seq,
            device: v.device.to_string(),
            identity: v.identity,
            confidence: v.confidence,
            provenance: self.provenance(),
            fact,
            addr: self.extra.addr.clone(),
        }
    }

    fn receipt_data(&self, r: &ReceiptRecorded) -> ReceiptData {
        ReceiptData {
            store: r.store.clone(),
            till: r.till.clone(),
            zone: r.zone.clone(),
            number: r.number.clone(),
            kind: r.kind,
            amount_minor: r.amount_minor,
            currency: r.currency.clone(),
            business_date: date(r.business_date),
            member: r.member.map(|m| m.to_string()),
            unreadable: r.unreadable,
            attribution: r.attribution.clone(),
            retracts: r.retracts.map(|id| id.to_string()),
            revision: r.revision,
            replaces: r.replaces.map(|id| id.to_string()),
            takes_back: r.takes_back.map(|id| id.to_string()),
            key: r.key,
            printed_at: r.printed_at.map(|at| at.to_string()),
            partial: r.partial,
            unbalanced: r.unbalanced,
            provenance: self.provenance(),
        }
    }

    fn reconciled_data(&self, r: &ReceiptsReconciled) -> ReconciledData {
        ReconciledData {
            store: r.store.clone(),
            till: r.till.clone(),
            business_date: date(r.business_date),
            seq: r.seq,
            currency: r.currency.clone(),
            declared: r.declared,
            recorded: r.recorded,
            missing: r.missing,
            difference_minor: r.difference_minor,
            complete: r.complete,
            provenance: self.provenance(),
        }
    }

    fn flow_data(&self, f: &FlowInterval) -> FlowData {
        FlowData {
            scope: f.scope,
            id: f.place.clone(),
            period: f.period,
            from: f.from,
            until: f.until,
            revision: f.revision,
            basis: f.basis,
            occupancy_basis: f.occupancy_basis,
            observed: f.observed,
            suppressed: f.suppressed,
            rounded_to: f.rounded_to,
            footfall: f.footfall,
            occupancy: f.occupancy,
            capture_rate: f.capture_rate,
            bag_rate: f.bag_rate,
            sales: f.sales,
            conversion: f.conversion,
            dwell_s: f.dwell_s,
            cross_shopping: f.cross_shopping.clone(),
            provenance: self.provenance(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_till_that_claims_any_day_gets_a_date_of_ten_characters() {
        for (day, date) in [
            (0, "1970-01-01"),
            (20_413, "2025-11-21"),
            (-5, "1970-01-01"),
            (LAST_DAY, "9999-12-31"),
            (i32::MAX, "9999-12-31"),
            (i32::MIN, "1970-01-01"),
        ] {
            assert_eq!(super::date(day), date);
        }
        assert_eq!(source("朝阳 1"), "/mall/%E6%9C%9D%E9%98%B3%201");
    }
}
