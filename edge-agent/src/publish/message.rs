//! What goes to the broker: topics, payloads, properties, and how large the packet will be.
//!
//! | topic below the prefix | payload | retained |
//! |---|---|---|
//! | `{site}/visit/{kind}`, `{site}/receipt/recorded` | CloudEvent | no |
//! | `{site}/privacy/{kind}` | CloudEvent: what recipients have to know of their data | no |
//! | `{site}/flow/{scope}/{id}` | CloudEvent | yes |
//! | `{site}/gateway/{gateway}/status` | `{"status":"online"\|"offline", …}` | yes |
//! | `{site}/gateway/{gateway}/health` | the health report | yes |

use super::config::{MqttConfig, check_topic};
use serde::Serialize;
use std::time::Duration;
use visit_core::event::{CloudEvent, Event, Extra};
use visit_core::time::Timestamp;

/// A retained flow figure is news for three intervals of five minutes; after that it is history.
const FLOW_EXPIRY: Duration = Duration::from_secs(900);

/// Largest packet we send to a broker that names no limit: far above any event, far below the 256 MiB that
/// MQTT allows (§2.1.4), so that a defect of ours does not flood a link.
const LARGEST_PACKET: usize = 256 << 10;

/// Who publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The site, second part of every topic.
    pub site: String,
    /// This gateway.
    pub gateway: String,
    /// Counts the runs of the daemon on this store: a birth with a higher number is news, a lower one stale.
    pub session: u64,
    /// Version of the daemon.
    pub version: String,
    /// When this run began.
    pub started_at: Timestamp,
}

/// The retained message on `…/gateway/{gateway}/status`.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct GatewayStatus {
    /// Whether it is there.
    pub status: Presence,
    /// Why it is not: `stopped` on purpose, `lost` when the broker lost sight of it; absent while online.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<OfflineReason>,
    /// The site.
    pub site: String,
    /// The gateway.
    pub gateway: String,
    /// Counts the runs of the daemon on this store.
    pub session: u64,
    /// Version of the daemon.
    pub version: String,
    /// When this run began.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: String,
    /// Version of the event contract.
    pub schema: String,
}

/// Whether a gateway is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It is.
    Online,
    /// It is not.
    Offline,
}

/// Why a gateway is offline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfflineReason {
    /// It was stopped and said goodbye.
    Stopped,
    /// The broker lost it (last will).
    Lost,
}

/// A message to publish with QoS 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    pub(super) retain: bool,
    pub(super) content_type: &'static str,
    /// Seconds (MQTT 5 §3.3.2.3.3).
    pub(super) expiry: Option<u32>,
}

impl Message {
    /// An event; `Err` says why no broker can ever take it.
    pub(super) fn event(config: &MqttConfig, event: &Event, resent: bool) -> Result<Self, String> {
        let topic = format!("{}/{}", config.prefix, event.topic_suffix());
        check_topic(&topic).map_err(|why| format!("topic {topic:?} {why}"))?;
        let extra = Extra { resent, addr: None };
        let retain = event.is_retained();
        let expiry = if retain { Some(FLOW_EXPIRY) } else { config.event_expiry };
        Ok(Self {
            topic,
            payload: CloudEvent { event, extra: &extra }.to_json().into_bytes(),
            retain,
            content_type: CloudEvent::CONTENT_TYPE,
            expiry: expiry.map(seconds),
        })
    }

    /// The gateway's status; without a reason it is online.
    pub(super) fn status(config: &MqttConfig, who: &Identity, reason: Option<OfflineReason>) -> Self {
        let status = GatewayStatus {
            status: if reason.is_some() { Presence::Offline } else { Presence::Online },
            reason,
            site: who.site.clone(),
            gateway: who.gateway.clone(),
            session: who.session,
            version: who.version.clone(),
            started_at: who.started_at.to_string(),
            schema: "v1".into(),
        };
        let payload = serde_json::to_vec(&status).expect("text and numbers always serialise");
        Self::retained_json(gateway_topic(config, who, "status"), payload, None)
    }

    /// The gateway's health, which nobody should believe after three missed reports.
    pub(super) fn health(config: &MqttConfig, who: &Identity, report: &serde_json::Value) -> Self {
        let expiry = seconds(config.health_interval.saturating_mul(3));
        let payload = report.to_string().into_bytes();
        Self::retained_json(gateway_topic(config, who, "health"), payload, Some(expiry))
    }

    fn retained_json(topic: String, payload: Vec<u8>, expiry: Option<u32>) -> Self {
        Self { topic, payload, retain: true, content_type: "application/json", expiry }
    }

    /// Size of the PUBLISH packet, bytes (MQTT 5 §3.3, which is the larger of the two versions).
    pub(super) fn packet_size(&self) -> usize {
        let expiry = if self.expiry.is_some() { 5 } else { 0 };
        let properties = 3 + self.content_type.len() + expiry;
        let remaining = 2 + self.topic.len() + 2 + varint(properties) + properties + self.payload.len();
        1 + varint(remaining) + remaining
    }

    /// Whether the broker takes a packet of this size, or what it takes.
    pub(super) fn check_size(&self, broker_limit: Option<u32>) -> Result<(), String> {
        let limit = broker_limit.map_or(LARGEST_PACKET, |n| LARGEST_PACKET.min(n as usize));
        match self.packet_size() {
            size if size <= limit => Ok(()),
            size => Err(format!("packet too large: {size} bytes, the broker takes {limit}")),
        }
    }
}

fn gateway_topic(config: &MqttConfig, who: &Identity, leaf: &str) -> String {
    format!("{}/{}/gateway/{}/{leaf}", config.prefix, who.site, who.gateway)
}

fn seconds(d: Duration) -> u32 {
    u32::try_from(d.as_secs()).unwrap_or(u32::MAX)
}

/// Bytes of a variable byte integer (MQTT 5 §1.5.5).
fn varint(n: usize) -> usize {
    match n {
        0..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        _ => 4,
    }
}
