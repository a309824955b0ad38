//! Layouts that are read and no longer written.

use super::{DeadRecord, QueuedRecord};
use serde::Deserialize;
use visit_core::event::{
    Attribution, Body, Event, EventId, FlowInterval, PrivacyMode, ReceiptKeyBasis, ReceiptRecorded,
    VisitEvent,
};
use visit_core::observation::{MemberToken, ReceiptKind};
use visit_core::time::Timestamp;

/// [`super::Kind::OldReceipt`]
#[derive(Deserialize)]
pub(super) struct QueuedReceipt {
    seq: u64,
    queued_at: Timestamp,
    event: OldEvent,
}

/// A dead letter of the time when receipts had no revisions.
#[derive(Deserialize)]
pub(super) struct DeadReceipt {
    seq: u64,
    queued_at: Timestamp,
    reason: String,
    event: OldEvent,
}

#[derive(Deserialize)]
struct OldEvent {
    id: EventId,
    site: String,
    time: Timestamp,
    detected_at: Timestamp,
    privacy_mode: PrivacyMode,
    config_version: u32,
    body: OldBody,
}

#[derive(Deserialize)]
#[allow(clippy::large_enum_variant)] // gone at once
enum OldBody {
    Visit(VisitEvent),
    Receipt(OldReceipt),
    Flow(FlowInterval),
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

impl From<OldEvent> for Event {
    fn from(old: OldEvent) -> Self {
        let body = match old.body {
            OldBody::Visit(visit) => Body::Visit(visit),
            OldBody::Receipt(receipt) => Body::Receipt(receipt.into()),
            OldBody::Flow(flow) => Body::Flow(flow),
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
