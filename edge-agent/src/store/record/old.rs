//! Layouts that are read and no longer written.

use super::{DeadRecord, QueuedRecord};
use serde::Deserialize;
use visit_core::engine::VisitRecord;
use visit_core::event::{
    Attribution, Body, Confidence, DwellQuantiles, Estimate, Event, EventId, FlowBasis, FlowInterval,
    FlowPeriod, FlowScope, Identity, PrivacyMode, ReceiptKeyBasis, ReceiptRecorded, ReceiptsReconciled,
    VisitEvent, VisitId,
};
use visit_core::observation::{MemberToken, Pseudonym, ReceiptKind};
use visit_core::site::{FloorIx, ZoneIx};
use visit_core::time::{Span, Timestamp};
use visit_core::visit::{Device, Gaps, Phase};

/// [`super::Kind::OldReceipt`]
#[derive(Deserialize)]
pub(super) struct QueuedReceipt {
    seq: u64,
    queued_at: Timestamp,
    event: OldEvent<OldReceipt>,
}

/// [`super::Kind::OldFlow`]
#[derive(Deserialize)]
pub(super) struct QueuedFlow {
    seq: u64,
    queued_at: Timestamp,
    event: OldEvent<ReceiptRecorded>,
}

/// A dead letter of the time when flow had no hours and days.
#[derive(Deserialize)]
pub(super) struct DeadFlow {
    seq: u64,
    queued_at: Timestamp,
    reason: String,
    event: OldEvent<ReceiptRecorded>,
}

/// A dead letter of the time when receipts had no revisions.
#[derive(Deserialize)]
pub(super) struct DeadReceipt {
    seq: u64,
    queued_at: Timestamp,
    reason: String,
    event: OldEvent<OldReceipt>,
}

/// [`super::Kind::OldLedger`]: a visit of the time when places were beliefs without a history. The visit goes on, its
/// places are forgotten; a dwell that was going on is not ended.
#[derive(Deserialize)]
pub(super) struct Visit {
    visit: VisitId,
    map_version: u32,
    device: OldDevice,
}

#[derive(Deserialize)]
#[allow(dead_code)] // fields are there for their bytes
struct OldDevice {
    name: Pseudonym,
    visit: VisitId,
    first_heard: Timestamp,
    last_heard: Timestamp,
    due: Timestamp,
    belief: [(ZoneIx, u16); 12],
    gaps: Gaps,
    stays: OldStays,
    outside_ms: u32,
    floors: u64,
    exit_seq: u32,
    arrived_seq: u32,
    seq: u32,
    emissions: u32,
    in_staff_zones: u32,
    floor: Option<FloorIx>,
    next_floor: Option<(FloorIx, Timestamp, u8)>,
    door: Option<ZoneIx>,
    inside_in_a_row: u8,
    dwells: u16,
    purchases: u16,
    phase: Phase,
    identity: Identity,
}

#[derive(Deserialize)]
#[allow(dead_code)] // fields are there for their bytes
struct OldStays {
    current: Option<OldStay>,
    previous: Option<OldStay>,
    next: Option<ZoneIx>,
    next_since: Timestamp,
    moves: u8,
}

#[derive(Deserialize)]
#[allow(dead_code)] // fields are there for their bytes
struct OldStay {
    zone: ZoneIx,
    since: Timestamp,
    until: Timestamp,
    published: bool,
}

impl From<Visit> for VisitRecord {
    fn from(old: Visit) -> Self {
        let was = old.device;
        let mut device = Device::new(was.name, was.identity, was.first_heard);
        device.heard_at(was.last_heard);
        device.decide_at(was.due);
        device.gaps = was.gaps;
        device.came_in_at(was.first_heard + Span::from_millis(was.outside_ms.into()));
        device.floors = was.floors as u32; // the lowest 32
        device.exit_seq = was.exit_seq;
        device.arrived_seq = u8::try_from(was.arrived_seq).unwrap_or(u8::MAX);
        device.seq = was.seq;
        device.emissions = u16::try_from(was.emissions).unwrap_or(u16::MAX);
        device.in_staff_zones = u16::try_from(was.in_staff_zones).unwrap_or(u16::MAX);
        device.stays.dwells = was.dwells;
        device.purchases = was.purchases;
        device.phase = was.phase;
        if let Some(door) = was.door {
            device.came_to(door);
        }
        Self { visit: old.visit, map_version: old.map_version, device }
    }
}

#[derive(Deserialize)]
struct OldEvent<R> {
    id: EventId,
    site: String,
    time: Timestamp,
    detected_at: Timestamp,
    privacy_mode: PrivacyMode,
    config_version: u32,
    body: OldBody<R>,
}

#[derive(Deserialize)]
#[allow(clippy::large_enum_variant)] // gone at once
enum OldBody<R> {
    Visit(VisitEvent),
    Receipt(R),
    Flow(OldFlow),
    Reconciled(ReceiptsReconciled),
}

#[derive(Deserialize)]
struct OldFlow {
    scope: FlowScope,
    place: String,
    from: Timestamp,
    until: Timestamp,
    basis: FlowBasis,
    suppressed: bool,
    footfall: Option<u32>,
    occupancy: Option<Estimate>,
    capture_rate: Option<Confidence>,
    bag_rate: Option<Confidence>,
    dwell_s: Option<DwellQuantiles>,
}

#[derive(Deserialize)]
struct OldReceipt {
    store: String,
    till: String,
    zone: String,
    number: Option<String>,
    kind: ReceiptKind,
    amount_minor: Option<i64>,
    currency: Option<String>,
    business_date: i32,
    member: Option<MemberToken>,
    unreadable: bool,
    attribution: Attribution,
    retracts: Option<EventId>,
}

impl From<QueuedReceipt> for QueuedRecord {
    fn from(old: QueuedReceipt) -> Self {
        Self { seq: old.seq, queued_at: old.queued_at, event: old.event.into() }
    }
}

impl From<DeadReceipt> for DeadRecord {
    fn from(old: DeadReceipt) -> Self {
        Self { seq: old.seq, queued_at: old.queued_at, reason: old.reason, event: old.event.into() }
    }
}

impl From<QueuedFlow> for QueuedRecord {
    fn from(old: QueuedFlow) -> Self {
        Self { seq: old.seq, queued_at: old.queued_at, event: old.event.into() }
    }
}

impl From<DeadFlow> for DeadRecord {
    fn from(old: DeadFlow) -> Self {
        Self { seq: old.seq, queued_at: old.queued_at, reason: old.reason, event: old.event.into() }
    }
}

impl<R: Into<ReceiptRecorded>> From<OldEvent<R>> for Event {
    fn from(old: OldEvent<R>) -> Self {
        let body = match old.body {
            OldBody::Visit(visit) => Body::Visit(visit),
            OldBody::Receipt(receipt) => Body::Receipt(receipt.into()),
            OldBody::Flow(flow) => Body::Flow(flow.into()),
            OldBody::Reconciled(totals) => Body::Reconciled(totals),
        };
        Self {
            id: old.id,
            site: old.site,
            time: old.time,
            detected_at: old.detected_at,
            privacy_mode: old.privacy_mode,
            config_version: old.config_version,
            body,
        }
    }
}

impl From<OldFlow> for FlowInterval {
    fn from(old: OldFlow) -> Self {
        Self {
            scope: old.scope,
            place: old.place,
            period: FlowPeriod::Interval,
            from: old.from,
            until: old.until,
            revision: 0,
            basis: old.basis,
            occupancy_basis: old.basis,
            observed: Confidence::new(1.0),
            suppressed: old.suppressed,
            rounded_to: None,
            footfall: old.footfall,
            occupancy: old.occupancy,
            capture_rate: old.capture_rate,
            bag_rate: old.bag_rate,
            sales: None,
            conversion: None,
            dwell_s: old.dwell_s,
            cross_shopping: Vec::new(),
        }
    }
}

impl From<OldReceipt> for ReceiptRecorded {
    fn from(old: OldReceipt) -> Self {
        let key = match old.number {
            Some(_) => ReceiptKeyBasis::Number,
            None => ReceiptKeyBasis::Content,
        };
        Self {
            store: old.store,
            till: old.till,
            zone: old.zone,
            number: old.number,
            kind: old.kind,
            amount_minor: old.amount_minor,
            currency: old.currency,
            business_date: old.business_date,
            member: old.member,
            unreadable: old.unreadable,
            attribution: old.attribution,
            retracts: old.retracts,
            revision: 0,
            replaces: None,
            takes_back: None,
            key,
            printed_at: None,
            partial: false,
            unbalanced: false,
        }
    }
}
