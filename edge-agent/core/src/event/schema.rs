//! JSON Schemas of the published events, generated from the types that are serialised.

use super::json::{FlowData, ReceiptData, ReconciledData, VisitData};
use super::privacy::{ChangedData, DegradedData, ErasedData};
use super::*;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

/// Schema of an RFC 3339 time.
pub(super) struct DateTime;

impl JsonSchema for DateTime {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DateTime".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// The CloudEvents types we publish, each with the topic below `{site}/` and the schema of its `data`.
pub struct EventSchema {
    /// `mall.visit.arrived` …
    pub event_type: &'static str,
    /// `visit/arrived`, `flow/{scope}/{id}` …
    pub topic: &'static str,
    /// What happened, in a word of the trade.
    pub title: &'static str,
    /// Schema of the whole CloudEvent.
    pub schema: Value,
}

/// One schema for each event type.
pub fn all() -> Vec<EventSchema> {
    vec![
        of::<VisitData<Approached>>("mall.visit.approached", "visit/approached", "临场 approach"),
        of::<VisitData<PassedBy>>("mall.visit.passed_by", "visit/passed_by", "路过 passed by"),
        of::<VisitData<Arrived>>("mall.visit.arrived", "visit/arrived", "进场 arrival"),
        of::<VisitData<FloorChanged>>("mall.visit.floor_changed", "visit/floor_changed", "爬楼 floor change"),
        of::<VisitData<Dwell>>("mall.visit.dwell_started", "visit/dwell_started", "驻留 dwell started"),
        of::<VisitData<Dwell>>("mall.visit.dwell_ended", "visit/dwell_ended", "驻留 dwell ended"),
        of::<VisitData<BagCarried>>("mall.visit.bag_carried", "visit/bag_carried", "提袋 bag carried"),
        of::<VisitData<Exited>>("mall.visit.exited", "visit/exited", "离店 exit"),
        of::<VisitData<Resumed>>("mall.visit.resumed", "visit/resumed", "返回 resumed"),
        of::<VisitData<Merged>>("mall.visit.merged", "visit/merged", "合并 merged"),
        of::<VisitData<Linked>>("mall.visit.linked", "visit/linked", "识别 linked to a member"),
        of::<ReceiptData>("mall.receipt.recorded", "receipt/recorded", "小票回传 receipt recorded"),
        of::<ReconciledData>("mall.receipt.reconciled", "receipt/reconciled", "对账 receipts reconciled"),
        of::<FlowData>("mall.flow.interval", "flow/{scope}/{id}", "客流 flow interval"),
        of::<DegradedData>("mall.privacy.degraded", "privacy/degraded", "降级 facts reduced to numbers"),
        of::<ErasedData>("mall.privacy.erased", "privacy/erased", "删除 somebody is to be forgotten"),
        of::<ChangedData>("mall.privacy.changed", "privacy/changed", "变更 privacy settings changed"),
    ]
}

fn of<D: JsonSchema>(event_type: &'static str, topic: &'static str, title: &'static str) -> EventSchema {
    let data = SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|s| s.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<D>();
    envelope(event_type, topic, title, data.to_value())
}

/// The CloudEvent around the data. Not generic: a copy of it for every type would be a hundredth of the program.
#[inline(never)]
fn envelope(
    event_type: &'static str,
    topic: &'static str,
    title: &'static str,
    mut data: Value,
) -> EventSchema {
    if let Some(object) = data.as_object_mut() {
        object.remove("$schema");
        object.remove("title");
    }
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:edge-agent:v1:{event_type}"),
        "title": title,
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "datacontenttype", "subject", "data"],
        "properties": {
            "specversion": { "const": "1.0" },
            "id": { "type": "string", "pattern": "^[0-9a-f]{32}$", "description": "Same fact, same id: drop ids already seen." },
            "source": { "type": "string", "format": "uri-reference" },
            "type": { "const": event_type },
            "time": { "type": "string", "format": "date-time", "description": "When it happened." },
            "datacontenttype": { "const": "application/json" },
            "subject": { "type": "string", "description": "Visit id, till id or place id." },
            "data": data,
        },
    });
    EventSchema { event_type, topic, title, schema }
}
