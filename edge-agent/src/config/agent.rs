//! Reads `agent.toml`.

use super::ears;
use super::feeds::{self, FeedKind};
use super::privacy;
use super::radios::{self, RadioKind};
use super::reader::{Document, Located, Table};
use super::settings::{
    AgentConfig, InferenceSettings, LogFormat, LogSettings, MqttProtocol, MqttSettings, MqttTlsSettings,
    ReplaySettings, Role, SourceSettings, StoreSettings, TagMeaning, TagRule,
};
use super::web;
use super::{ConfigErrors, Loaded};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use visit_core::site::id_problem;

/// What was read of a configuration, right or wrong.
pub(super) struct Read {
    /// Nothing when it is no TOML; with errors, the values that stand in for what is wrong.
    pub(super) agent: Option<AgentConfig>,
    pub(super) errors: Vec<Located>,
    pub(super) warnings: Vec<Located>,
}

/// Reads the configuration of a gateway. `file` names it in messages; relative paths start at `folder`.
pub(super) fn read(file: &str, text: &str, folder: &Path) -> Read {
    let document = match Document::parse(file, text) {
        Ok(document) => document,
        Err(errors) => return Read { agent: None, errors, warnings: Vec::new() },
    };
    let (mut agent, doubts) = Reader { folder }.agent(&document.root());
    let (places, errors, _) = document.finish();
    let warnings = doubts.into_iter().map(|(path, message)| places.at(&path, message)).collect();
    agent.places = places;
    Read { agent: Some(agent), errors, warnings }
}

/// As [`read`], where nothing wrong will do.
pub(super) fn parse(file: &str, text: &str, folder: &Path) -> Result<Loaded<AgentConfig>, ConfigErrors> {
    match read(file, text, folder) {
        Read { agent: Some(value), errors, warnings } if errors.is_empty() => {
            Ok(Loaded { value, warnings, text: text.to_owned() })
        }
        Read { errors, warnings, .. } => Err(ConfigErrors::new(errors, warnings)),
    }
}

/// Every key the reader asks for, such as `mqtt.tls.ca`.
pub(super) fn keys() -> BTreeSet<String> {
    let sources: Vec<_> =
        SOURCE_KINDS.iter().map(|(kind, _)| format!("{{ kind = {kind:?}, tls = {{}} }}")).collect();
    let sources = sources.join(", ");
    let text = format!("mqtt.tls = {{}}\nsource = [{sources}]\ninference.tags = [{{}}]");
    let document = Document::parse("", &text)
        .unwrap_or_else(|errors| unreachable!("a constant that parses: {errors:?}"));
    Reader { folder: Path::new("") }.agent(&document.root());
    document.finish().2
}

/// Reads the tables; paths in them start at `folder`.
pub(super) struct Reader<'a> {
    folder: &'a Path,
}

/// A key and what to think about.
pub(super) type Doubt = (String, String);

impl Reader<'_> {
    fn agent(&self, root: &Table<'_>) -> (AgentConfig, Vec<Doubt>) {
        let mut doubts = Vec::new();
        let gateway = root.required_string("gateway", "\"gw-01\"");
        if let Some(why) = id_problem(&gateway).filter(|_| !gateway.is_empty()) {
            root.problem("gateway", why);
        }
        let site_map =
            self.path(root, "site_map", "\"site.toml\"").unwrap_or_else(|| self.folder.join("site.toml"));
        let role = role(root);
        let store = self.store(&root.table("store"));
        let agent = AgentConfig {
            site_map,
            site_map_topic: root.boolean("site_map_topic", "true").unwrap_or(false),
            gateway,
            role,
            sources: self.sources(root),
            mqtt: self.mqtt(root, &mut doubts),
            privacy: privacy::privacy(self, &root.table("privacy"), &store, &mut doubts),
            inference: self.inference(&root.table("inference")),
            receipts: feeds::receipts(self, &root.table("receipts")),
            log: log(&root.table("log")),
            web: web::web(self, &root.table("web"), &mut doubts),
            store,
            places: Default::default(),
        };
        root.done();
        feeds::check(root, &agent, &mut doubts);
        (agent, doubts)
    }

    /// Where relative paths start.
    pub(super) fn folder(&self) -> &Path {
        self.folder
    }

    pub(super) fn path(&self, t: &Table<'_>, key: &'static str, example: &str) -> Option<PathBuf> {
        let text = t.string(key, example)?;
        if text.is_empty() || text.contains('\0') {
            t.problem(key, format!("{text:?} is no path; write {key} = {example}"));
            return None;
        }
        Some(self.folder.join(text))
    }

    fn store(&self, t: &Table<'_>) -> StoreSettings {
        let settings = StoreSettings {
            dir: self.path(t, "dir", "\"/var/lib/edge-agent/store\"").unwrap_or_else(|| DEFAULT_STORE.into()),
            max_bytes: t
                .integer("max_bytes", (1 << 20)..=(1 << 40), "536870912")
                .map_or(512 << 20, i64::unsigned_abs),
            checkpoint: seconds(t, "checkpoint_s", 1..=86_400, 300),
            linger: Duration::from_millis(number::<u16>(t, "linger_ms", 0..=10_000, 20).into()),
        };
        t.done();
        settings
    }

    fn sources(&self, root: &Table<'_>) -> Vec<SourceSettings> {
        let tables = root.tables("source");
        if tables.is_empty() && !root.has("source") {
            root.problem("source", "there is none; this gateway would hear nothing: add a [[source]]");
        }
        tables.iter().filter_map(|t| self.source(t)).collect()
    }

    fn source(&self, t: &Table<'_>) -> Option<SourceSettings> {
        t.present_or_missing("kind", "\"replay\"");
        // Of an unknown kind the other keys mean nothing.
        match t.one_of("kind", SOURCE_KINDS)? {
            SourceKind::Replay => {}
            SourceKind::Node => return Some(SourceSettings::Node(ears::node(self, t))),
            SourceKind::Feed(kind) => return Some(SourceSettings::Feed(feeds::feed(self, t, kind))),
            SourceKind::Radio(kind) => return Some(SourceSettings::Radio(radios::radio(t, kind))),
        }
        t.present_or_missing("paths", "[\"day.jsonl.gz\"]");
        let paths = t.strings("paths", "[\"day.jsonl.gz\"]").unwrap_or_default();
        if t.has("paths") && paths.iter().all(String::is_empty) {
            t.problem("paths", "names no recording; write paths = [\"day.jsonl.gz\"]");
        }
        let replay = ReplaySettings {
            paths: paths.iter().map(|p| self.folder.join(p)).collect(),
            speed: t.float("speed", 0.0..=1e6, "1.0 (0 = as fast as possible)").unwrap_or(1.0),
            sensor: t.string("sensor", "\"F1-S01\""),
        };
        if replay.sensor.is_none()
            && let Some(pcap) = paths.iter().find(|p| p.contains(".pcap"))
        {
            let message =
                format!("is missing; {pcap:?} does not say who heard it: write sensor = \"F1-S01\"");
            t.problem("sensor", message);
        }
        t.done();
        Some(SourceSettings::Replay(replay))
    }

    fn mqtt(&self, root: &Table<'_>, doubts: &mut Vec<Doubt>) -> MqttSettings {
        let t = &root.table("mqtt");
        let tls = self.tls(&t.table("tls"));
        let host = t.required_string("host", "\"broker.example\"");
        if host.contains(|c: char| c.is_whitespace() || c == '/') || (t.has("host") && host.is_empty()) {
            t.problem(
                "host",
                format!("{host:?} is no host name or address; write host = \"broker.example\""),
            );
        }
        let prefix = t.string("prefix", "\"mall/v1\"").unwrap_or_else(|| "mall/v1".into());
        if let Some(level) = prefix.split('/').find(|level| id_problem(level).is_some()) {
            let message =
                format!("{prefix:?} is no prefix of a topic: the level {level:?} is empty or holds + or #");
            t.problem("prefix", message);
        }
        let username = t.string("username", "\"gw-01\"");
        let password_file = self.secret(t, "password_file", "\"/etc/edge-agent/mqtt-password\"");
        if password_file.is_some() && username.is_none() {
            t.problem("password_file", "a password needs a user name; write username = \"gw-01\" too");
        }
        if password_file.is_some() && tls.is_none() {
            doubts.push((
                "mqtt.password_file".into(),
                "without [mqtt.tls] the password travels in the clear".into(),
            ));
        }
        let default_port = if tls.is_some() { 8883 } else { 1883 };
        let settings = MqttSettings {
            port: number(t, "port", 1..=65_535, default_port),
            protocol: t
                .one_of("protocol", &[("5", MqttProtocol::V5), ("3.1.1", MqttProtocol::V311)])
                .unwrap_or(MqttProtocol::V5),
            client_id: t.string("client_id", "\"edge-agent-mall-1-gw-01\""),
            keep_alive: seconds(t, "keep_alive_s", 5..=65_535, 30),
            inflight: number(t, "inflight", 1..=65_535, 100),
            backlog_rate: number(t, "backlog_rate", 1..=1_000_000, 2_000),
            host,
            prefix,
            username,
            password_file,
            tls,
        };
        if settings.client_id.as_deref() == Some("") {
            t.problem("client_id", "is empty; leave it out for one made of site and gateway");
        }
        t.done();
        settings
    }

    pub(super) fn tls(&self, t: &Table<'_>) -> Option<MqttTlsSettings> {
        let written = t.is_present();
        if written {
            t.present_or_missing("ca", "\"/etc/edge-agent/ca.pem\"");
        }
        let ca = self.secret(t, "ca", "\"/etc/edge-agent/ca.pem\"");
        let cert = self.secret(t, "cert", "\"/etc/edge-agent/gw-01.pem\"");
        let key = self.secret(t, "key", "\"/etc/edge-agent/gw-01.key\"");
        if cert.is_some() != key.is_some() {
            let (have, lack) = if cert.is_some() { ("cert", "key") } else { ("key", "cert") };
            t.problem(
                have,
                format!("comes with {lack}: a client certificate and its private key go together"),
            );
        }
        t.done();
        written.then(|| MqttTlsSettings { ca: ca.unwrap_or_default(), client: cert.zip(key) })
    }

    fn inference(&self, t: &Table<'_>) -> InferenceSettings {
        let settings = InferenceSettings {
            calibration: self.path(t, "calibration", "\"/etc/edge-agent/calibration.json\""),
            learn: t.boolean("learn", "true").unwrap_or(true),
            max_devices: number(t, "max_devices", 16..=1_000_000, 32_768),
            dwell_threshold: seconds(t, "dwell_threshold_s", 10..=86_400, 180),
            staff_presence: seconds(t, "staff_presence_h", 1..=24, 4) * 3600,
            reorder: Duration::from_millis(number::<u16>(t, "reorder_ms", 0..=60_000, 1_000).into()),
            flow_interval: flow_interval(t),
            tags: tags(t),
        };
        t.done();
        settings
    }
}

/// Minutes that are a part of an hour.
fn flow_interval(t: &Table<'_>) -> Duration {
    let parts = [1u64, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60];
    let minutes: u64 = number(t, "flow_interval_min", 1..=60, 5);
    if !parts.contains(&minutes) {
        t.problem(
            "flow_interval_min",
            format!(
                "{minutes} minutes are no part of an hour; write 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60"
            ),
        );
    }
    Duration::from_secs(minutes * 60)
}

fn role(root: &Table<'_>) -> Role {
    let roles = [("standalone", Some(Role::Standalone)), ("sensor", None), ("site", None)];
    match root.one_of("role", &roles) {
        Some(None) => {
            let message =
                "is not supported yet; write role = \"standalone\": sources and inference in one gateway";
            root.problem("role", message);
        }
        Some(Some(role)) => return role,
        None => {}
    }
    Role::Standalone
}

fn tags(t: &Table<'_>) -> Vec<TagRule> {
    let tags = t.tables("tags");
    let mut known: Vec<TagRule> = Vec::new();
    for tag in tags {
        let uuid_text = tag.required_string("uuid", UUID_EXAMPLE);
        tag.present_or_missing("means", "\"member\"");
        let means = tag.one_of("means", MEANINGS);
        let uuid = uuid(&uuid_text);
        if uuid.is_none() && !uuid_text.is_empty() {
            tag.problem("uuid", format!("{uuid_text:?} is no UUID; write it as {UUID_EXAMPLE}"));
        }
        if uuid.is_some_and(|u| known.iter().any(|k| k.uuid == u)) {
            tag.problem("uuid", format!("{uuid_text:?} is listed twice; one UUID means one thing"));
        } else if let Some((uuid, means)) = uuid.zip(means) {
            known.push(TagRule { uuid, means });
        }
        tag.done();
    }
    known
}

fn log(t: &Table<'_>) -> LogSettings {
    let levels = [
        ("error", tracing::Level::ERROR),
        ("warn", tracing::Level::WARN),
        ("info", tracing::Level::INFO),
        ("debug", tracing::Level::DEBUG),
        ("trace", tracing::Level::TRACE),
    ];
    let settings = LogSettings {
        format: t
            .one_of("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)])
            .unwrap_or(LogFormat::Text),
        level: t.one_of("level", &levels).unwrap_or(tracing::Level::INFO),
    };
    t.done();
    settings
}

/// A whole number in `range`; `default` when it is absent.
pub(super) fn number<T: TryFrom<i64> + std::fmt::Display>(
    t: &Table<'_>,
    key: &'static str,
    range: std::ops::RangeInclusive<i64>,
    default: T,
) -> T {
    t.integer(key, range, &default.to_string()).and_then(|n| T::try_from(n).ok()).unwrap_or(default)
}

pub(super) fn seconds(
    t: &Table<'_>,
    key: &'static str,
    range: std::ops::RangeInclusive<i64>,
    default: u64,
) -> Duration {
    Duration::from_secs(number(t, key, range, default))
}

/// `8-4-4-4-12` hexadecimal digits, either case (RFC 9562 §4).
fn uuid(text: &str) -> Option<[u8; 16]> {
    let groups: Vec<&str> = text.split('-').collect();
    if !groups.iter().map(|g| g.len()).eq([8, 4, 4, 4, 12]) {
        return None;
    }
    let hex = groups.concat();
    if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(&hex, 16).ok().map(u128::to_be_bytes)
}

const DEFAULT_STORE: &str = "/var/lib/edge-agent/store";
const UUID_EXAMPLE: &str = "\"f7826da6-4fa2-4e98-8024-bc5b71e0893e\"";
/// The kinds of `[[source]]`.
#[derive(Clone, Copy)]
enum SourceKind {
    Replay,
    Node,
    Radio(RadioKind),
    Feed(FeedKind),
}

const SOURCE_KINDS: &[(&str, SourceKind)] = &[
    ("replay", SourceKind::Replay),
    ("wifi", SourceKind::Radio(RadioKind::Wifi)),
    ("ble", SourceKind::Radio(RadioKind::Ble)),
    ("node", SourceKind::Node),
    ("serial", SourceKind::Feed(FeedKind::Serial)),
    ("printer", SourceKind::Feed(FeedKind::Printer)),
    ("http", SourceKind::Feed(FeedKind::Http)),
    ("mqtt", SourceKind::Feed(FeedKind::Mqtt)),
    ("folder", SourceKind::Feed(FeedKind::Folder)),
];
const MEANINGS: &[(&str, TagMeaning)] =
    &[("member", TagMeaning::Member), ("staff", TagMeaning::Staff), ("asset", TagMeaning::Asset)];
