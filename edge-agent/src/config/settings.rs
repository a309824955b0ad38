//! What `agent.toml` says, checked: a value that exists is a valid one.
//!
//! Keys, units and defaults: `docs/configuration.md`.

use super::ears::NodeSettings;
use super::feeds::{FeedSettings, ReceiptSettings};
use super::privacy::PrivacySettings;
use super::radios::RadioSettings;
use super::reader::{Located, Places};
use super::web::WebSettings;
use crate::calibration;
use std::path::PathBuf;
use std::time::Duration;
use visit_core::position::SurveyModel;
use visit_core::site::{Site, closest};

/// The configuration of one gateway.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// The site map.
    pub site_map: PathBuf,
    /// Follow the site map that is published; `site_map` counts until there is one.
    pub site_map_topic: bool,
    /// Id of this gateway, part of topics.
    pub gateway: String,
    /// What this gateway does.
    pub role: Role,
    /// Where events wait.
    pub store: StoreSettings,
    /// What it hears; at least one.
    pub sources: Vec<SourceSettings>,
    /// What all receipt feeds have in common.
    pub receipts: ReceiptSettings,
    /// The broker.
    pub mqtt: MqttSettings,
    /// Keys and modes.
    pub privacy: PrivacySettings,
    /// How visits are inferred.
    pub inference: InferenceSettings,
    /// What is logged, and how.
    pub log: LogSettings,
    /// The operators' page and `/metrics`.
    pub web: WebSettings,
    pub(super) places: Places,
}

/// What a gateway does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sources and inference.
    Standalone,
}

/// `[store]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// Folder of the outbox and the visit ledger.
    pub dir: PathBuf,
    /// Bytes events may take while the broker is away.
    pub max_bytes: u64,
    /// How often the engine's state is snapshot.
    pub checkpoint: Duration,
    /// How long what is decided waits for more, to be made durable together.
    pub linger: Duration,
}

/// One `[[source]]`.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceSettings {
    /// Recordings played back.
    Replay(ReplaySettings),
    /// Receipts.
    Feed(FeedSettings),
    /// The air.
    Radio(RadioSettings),
    /// A sensor node on a serial line.
    Node(NodeSettings),
}

impl SourceSettings {
    /// Whether it happens now.
    pub fn is_live(&self) -> bool {
        !matches!(self, Self::Replay(_))
    }

    /// The sensor it hears for, if it names one.
    pub fn sensor(&self) -> Option<&str> {
        match self {
            Self::Replay(replay) => replay.sensor.as_deref(),
            Self::Node(node) => Some(&node.sensor),
            Self::Radio(radio) => Some(radio.sensor()),
            Self::Feed(_) => None,
        }
    }
}

/// `[[source]] kind = "replay"`
#[derive(Clone, Debug, PartialEq)]
pub struct ReplaySettings {
    /// Recordings, merged by time; at least one.
    pub paths: Vec<PathBuf>,
    /// Times as fast as it happened; 0 = as fast as possible.
    pub speed: f64,
    /// Id of the sensor that captured a pcap.
    pub sensor: Option<String>,
}

/// The version of MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MqttProtocol {
    /// MQTT 5.
    V5,
    /// MQTT 3.1.1.
    V311,
}

/// `[mqtt]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MqttSettings {
    /// Host name or address of the broker.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// MQTT 5 or 3.1.1.
    pub protocol: MqttProtocol,
    /// Client id; one made of site and gateway when absent.
    pub client_id: Option<String>,
    /// First levels of every topic, without a slash at either end.
    pub prefix: String,
    /// User name.
    pub username: Option<String>,
    /// File that holds the password; comes with a user name only.
    pub password_file: Option<PathBuf>,
    /// TLS; without it everything travels in the clear.
    pub tls: Option<MqttTlsSettings>,
    /// Ping interval of an idle connection.
    pub keep_alive: Duration,
    /// Events submitted and not yet acknowledged, at most.
    pub inflight: u16,
    /// Events a second of the backlog after an outage.
    pub backlog_rate: u32,
}

/// `[mqtt.tls]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MqttTlsSettings {
    /// Certificates of the authorities to trust, PEM.
    pub ca: PathBuf,
    /// Our certificate and its private key, PEM.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// `[inference]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InferenceSettings {
    /// What `survey` made of a commissioning walk.
    pub calibration: Option<PathBuf>,
    /// Learn from what is heard.
    pub learn: bool,
    /// Devices tracked at once.
    pub max_devices: u32,
    /// A stay of this length is a dwell.
    pub dwell_threshold: Duration,
    /// Present this long: staff or equipment.
    pub staff_presence: Duration,
    /// How late an observation may come and still be put in order.
    pub reorder: Duration,
    /// Length of a flow interval.
    pub flow_interval: Duration,
    /// iBeacons the site knows.
    pub tags: Vec<TagRule>,
}

/// One `[[inference.tags]]`: what an iBeacon of this proximity UUID is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagRule {
    /// Proximity UUID.
    pub uuid: [u8; 16],
    /// Who carries it.
    pub means: TagMeaning,
}

/// Who or what carries a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagMeaning {
    /// A member: the mall's app, or a badge.
    Member,
    /// Somebody who works here; not a visitor.
    Staff,
    /// A thing; not a visitor.
    Asset,
}

/// `[log]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Text or JSON.
    pub format: LogFormat,
    /// The least important level that is logged.
    pub level: tracing::Level,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl AgentConfig {
    /// Whether what it hears happens now, and is not a recording. Sources are all of one sort.
    pub fn is_live(&self) -> bool {
        self.sources.iter().any(SourceSettings::is_live)
    }

    /// What this configuration says about `site` that is not so.
    pub fn problems_with(&self, site: &Site) -> Vec<Located> {
        let mut problems = Vec::new();
        for (i, id) in self.privacy.excluded_zones.iter().enumerate() {
            if site.zone_named(id).is_none() {
                let near = closest(id, site.zones.iter().map(|z| z.id.as_str()));
                problems.push(self.unknown(&format!("privacy.excluded_zones[{i}]"), "zone", id, near));
            }
        }
        for (i, source) in self.sources.iter().enumerate() {
            if let SourceSettings::Feed(feed) = source
                && let Some(id) = feed.till().filter(|id| !id.is_empty() && site.till_named(id).is_none())
            {
                let near = closest(id, site.tills.iter().map(|t| t.id.as_str()));
                problems.push(self.unknown(&format!("source[{i}].till"), "till", id, near));
            }
            if let Some(id) = source.sensor().filter(|id| !id.is_empty() && site.sensor_named(id).is_none()) {
                let near = closest(id, site.sensors.iter().map(|s| s.id.as_str()));
                problems.push(self.unknown(&format!("source[{i}].sensor"), "sensor", id, near));
            }
        }
        problems
    }

    /// The calibration it names, ready for use with the site map, and its text.
    pub fn survey(&self, site: &Site) -> Result<Option<(SurveyModel, String)>, Located> {
        let read = self.inference.calibration.as_deref().map(|path| calibration::model(path, site));
        read.transpose().map_err(|e| self.places.at("inference.calibration", e))
    }

    /// Short hash of what shapes events: mode, thresholds, tags, and site map and calibration as written. Broker, paths,
    /// names of gateways, the log and everything secret stay out, so all gateways of a site that infer alike
    /// stamp the same version, and a new password does not change it.
    pub fn version(&self, site_text: &str, calibration: &[u8]) -> u32 {
        let (p, i) = (&self.privacy, &self.inference);
        let mut excluded = p.excluded_zones.clone();
        excluded.sort();
        let hours = p.opening_hours.as_ref().map_or_else(String::new, ToString::to_string);
        // Every field by its own number, so that no two configurations read alike.
        let numbers = [
            3, // version of this list
            p.mode as u64,
            u64::from(p.k),
            p.rssi_floor.map_or(1, |r| u64::from(r.unsigned_abs()) << 1),
            u64::from(i.max_devices),
            i.dwell_threshold.as_secs(),
            i.staff_presence.as_secs(),
            i.reorder.as_millis() as u64,
            i.flow_interval.as_secs(),
            i.tags.len() as u64,
            excluded.len() as u64,
            u64::from(i.learn),
            calibration.len() as u64,
            u64::from(p.remembers_staff()),
            hours.len() as u64,
        ];
        let mut hash = blake3::Hasher::new_derive_key("edge-agent 2026-11 configuration version");
        for n in numbers {
            hash.update(&n.to_be_bytes());
        }
        for tag in &i.tags {
            hash.update(&tag.uuid).update(&[tag.means as u8]);
        }
        for zone in &excluded {
            hash.update(&(zone.len() as u64).to_be_bytes()).update(zone.as_bytes());
        }
        hash.update(hours.as_bytes()).update(calibration).update(site_text.as_bytes());
        let [a, b, c, d, ..] = *hash.finalize().as_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    fn unknown(&self, path: &str, kind: &str, id: &str, near: Option<&str>) -> Located {
        let hint = match near {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("it has to be one of {}", self.site_map.display()),
        };
        self.places.at(path, format!("the site map has no {kind} {id:?}; {hint}"))
    }
}
