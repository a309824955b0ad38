//! The contract as documents: JSON Schemas, samples, and one AsyncAPI 3.0 document, all generated from the types
//! that are serialised. Tests call this; the program prints what they let through ([`contract`](super::contract)).
//!
//! The schemas stay open (no `additionalProperties: false`): within v1 fields may be added. There is no
//! `dataschema` attribute in the events: `type` names the schema, and every byte is sent a million times a day.

use super::contract::Document;
use super::message::{GatewayStatus, Identity, Message, OfflineReason};
use super::{MqttConfig, Protocol};
use crate::config::SiteMapMessage;
use crate::status::Health;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use visit_core::event::{CloudEvent, Extra, samples, schema};
use visit_core::time::Timestamp;

/// All files of the contract, in the order of their paths.
pub fn documents() -> Vec<Document> {
    let mut all = vec![document("asyncapi.json", &asyncapi())];
    for event in schema::all() {
        all.push(document(&format!("{}.schema.json", event.event_type), &event.schema));
    }
    all.push(document("gateway.status.schema.json", &status_schema()));
    all.push(document("config.site-map.schema.json", &site_map_schema()));
    let map = serde_json::to_value(site_map_sample()).expect("text and numbers always serialise");
    all.push(document("samples/config.site-map.json", &map));
    all.push(document("gateway.health.schema.json", &health_schema()));
    for event in samples::all() {
        let json = CloudEvent { event: &event, extra: &Extra::default() }.to_json();
        let value = serde_json::from_str(&json).expect("what was serialised is JSON");
        all.push(document(&format!("samples/{}.json", event.event_type()), &value));
    }
    for (name, reason) in [("online", None), ("offline", Some(OfflineReason::Lost))] {
        all.push(document(&format!("samples/gateway.status.{name}.json"), &status_sample(reason)));
    }
    all.push(document("samples/gateway.health.json", &serde_json::json!(Health::sample())));
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

fn document(path: &str, value: &Value) -> Document {
    let mut value = value.clone();
    drop_sizes(&mut value);
    let text = serde_json::to_string_pretty(&value).expect("a JSON value always serialises") + "\n";
    Document { path: path.into(), text }
}

/// Takes out formats that say how wide a number is in Rust: JSON Schema knows none of them (2020-12 §7.3), and strict
/// validators refuse what they do not know. Limits are said by `minimum` and `maximum`.
fn drop_sizes(value: &mut Value) {
    match value {
        Value::Object(object) => {
            let size = |format: &Value| {
                let format = format.as_str().unwrap_or("");
                ["int", "uint", "float", "double"].iter().any(|kind| {
                    format.strip_prefix(kind).is_some_and(|bits| bits.bytes().all(|b| b.is_ascii_digit()))
                })
            };
            if object.contains_key("type") && object.get("format").is_some_and(size) {
                object.remove("format");
            }
            object.values_mut().for_each(drop_sizes);
        }
        Value::Array(array) => array.iter_mut().for_each(drop_sizes),
        _ => {}
    }
}

fn status_schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|s| s.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<GatewayStatus>().to_value();
    schema["$id"] = "urn:edge-agent:v1:gateway.status".into();
    schema["title"] = "Gateway status".into();
    schema
}

fn site_map_schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|s| s.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<SiteMapMessage>().to_value();
    schema["$id"] = "urn:edge-agent:v1:config.site-map".into();
    schema["title"] = "Published site map".into();
    schema
}

fn site_map_sample() -> SiteMapMessage {
    let text = "[site]\nid = \"joy-city\"\ntimezone = \"Asia/Shanghai\"\n\n[[floor]]\nid = \"F1\"\nlevel = 0\n\n\
        [[zone]]\nid = \"F1-Z01\"\nfloor = \"F1\"\nkind = \"entrance\"\nposition = [0.0, 0.0]\nneighbours = []\n\n\
        [[sensor]]\nid = \"F1-S01\"\nzone = \"F1-Z01\"\n";
    SiteMapMessage::new(7, text.into(), "Li Wei", "2025-11-21T09:00:00.000Z".into())
}

fn health_schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize().with(|s| s.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Health>().to_value();
    schema["$id"] = "urn:edge-agent:v1:gateway.health".into();
    schema["title"] = "Gateway health".into();
    schema
}

fn status_sample(reason: Option<OfflineReason>) -> Value {
    let who = Identity {
        site: "joy-city".into(),
        gateway: "gw-f2-west".into(),
        session: 42,
        version: "0.1.0".into(),
        started_at: Timestamp::from_micros(1_763_688_600_000_000),
    };
    let config = MqttConfig { protocol: Protocol::Mqtt5, ..MqttConfig::default() };
    let message = Message::status(&config, &who, reason);
    serde_json::from_slice(&message.payload).expect("what was serialised is JSON")
}

/// The AsyncAPI 3.0 document, with the usual prefix `mall/v1`.
pub fn asyncapi() -> Value {
    let mut parts = Parts::default();
    for event in schema::all() {
        let flow = event.event_type == "mall.flow.interval";
        parts.add(&Channel {
            name: event.event_type.trim_start_matches("mall."),
            address: &format!("mall/v1/{{site}}/{}", event.topic),
            title: event.title,
            content_type: CloudEvent::CONTENT_TYPE,
            retain: flow,
            expiry: flow.then_some(900),
            payload: event.schema.clone(),
        });
        if flow {
            parts.add(&Channel {
                name: "flow.longer",
                address: &format!("mall/v1/{{site}}/{}/{{period}}", event.topic),
                title: "客流 flow of an hour or a day",
                content_type: CloudEvent::CONTENT_TYPE,
                retain: true,
                expiry: Some(900),
                payload: event.schema,
            });
        }
    }
    parts.add(&Channel {
        name: "gateway.status",
        address: "mall/v1/{site}/gateway/{gateway}/status",
        title: "Gateway status: birth, last will, farewell",
        content_type: "application/json",
        retain: true,
        expiry: None,
        payload: status_schema(),
    });
    parts.add(&Channel {
        name: "gateway.health",
        address: "mall/v1/{site}/gateway/{gateway}/health",
        title: "Gateway health, once a minute",
        content_type: "application/json",
        retain: true,
        expiry: Some(180),
        payload: health_schema(),
    });
    parts.add(&Channel {
        name: SITE_MAP,
        address: "mall/v1/{site}/config/site-map",
        title: "The site map that gateways take over (site_map_topic)",
        content_type: "application/json",
        retain: true,
        expiry: None,
        payload: site_map_schema(),
    });
    let mut document = json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "edge-agent: visit events of a shopping mall",
            "version": "1.0.0",
            "description": "Delivery is at least once: drop event ids already seen. Order the events of a visit by data.seq. Fields may be added within v1.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": CloudEvent::CONTENT_TYPE,
        "servers": {
            "broker": {
                "host": "mqtt.example.com:8883",
                "protocol": "secure-mqtt",
                "description": "The mall's broker. MQTT 5 or 3.1.1.",
            },
        },
        "channels": parts.channels,
        "operations": parts.operations,
        "components": { "messages": parts.messages },
    });
    drop_sizes(&mut document);
    document
}

#[derive(Default)]
struct Parts {
    channels: Map<String, Value>,
    operations: Map<String, Value>,
    messages: Map<String, Value>,
}

struct Channel<'a> {
    name: &'a str,
    address: &'a str,
    title: &'a str,
    content_type: &'a str,
    retain: bool,
    expiry: Option<u32>,
    payload: Value,
}

impl Parts {
    fn add(&mut self, channel: &Channel<'_>) {
        let name = channel.name;
        let parameters: Map<String, Value> = PARAMETERS
            .iter()
            .filter(|(key, _)| channel.address.contains(&format!("{{{key}}}")))
            .map(|(key, meaning)| ((*key).to_owned(), json!({ "description": meaning })))
            .collect();
        // An AsyncAPI schema object is JSON Schema draft 7 in all that we use, but knows no other dialect.
        let mut payload = channel.payload.clone();
        if let Some(object) = payload.as_object_mut() {
            object.remove("$schema");
            object.remove("$id");
        }
        let mut mqtt = json!({ "qos": 1, "retain": channel.retain, "bindingVersion": "0.2.0" });
        if let Some(seconds) = channel.expiry {
            mqtt["messageExpiryInterval"] = seconds.into();
        }
        self.messages.insert(
            name.into(),
            json!({
                "name": name,
                "title": channel.title,
                "contentType": channel.content_type,
                "payload": payload,
            }),
        );
        self.channels.insert(
            name.into(),
            json!({
                "address": channel.address,
                "title": channel.title,
                "parameters": parameters,
                "messages": { "message": { "$ref": format!("#/components/messages/{name}") } },
            }),
        );
        // The one message that gateways take.
        let action = if name == SITE_MAP { "receive" } else { "send" };
        self.operations.insert(
            format!("{action}.{name}"),
            json!({
                "action": action,
                "title": channel.title,
                "channel": { "$ref": format!("#/channels/{name}") },
                "messages": [{ "$ref": format!("#/channels/{name}/messages/message") }],
                "bindings": { "mqtt": mqtt },
            }),
        );
    }
}

const SITE_MAP: &str = "config.site-map";

const PARAMETERS: [(&str, &str); 5] = [
    ("site", "Site id of the site map"),
    ("gateway", "Gateway id"),
    ("scope", "site, floor or zone"),
    ("period", "hour (local) or day (business day)"),
    ("id", "Id of the site, floor or zone in the site map"),
];
