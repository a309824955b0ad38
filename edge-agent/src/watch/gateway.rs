//! What is known of one gateway: its status topic, which the broker keeps and, when it loses the gateway, answers by its
//! last will; and its health topic.
//!
//! Health is read with tolerance: fields may be added, and whichever is missing is not shown.

use crate::lines::text::clean;
use serde_json::{Map, Value, json};
use visit_core::time::Timestamp;

/// Health that is older is no news: three reports were missed.
const STALE: i64 = 180 * 1_000_000;
/// Ears and feeds of one gateway that are looked at.
const MAX_EARS: usize = 64;

/// A gateway.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gateway {
    /// What the status topic says; `None` until it was heard.
    pub online: Option<bool>,
    /// Why it is offline: `stopped`, `lost`.
    pub reason: String,
    /// Counts its runs.
    pub session: u64,
    /// When this run began, RFC 3339.
    pub started_at: String,
    /// Version of the daemon.
    pub version: String,
    /// What the health topic says.
    pub health: Option<Health>,
}

/// The last health report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// When it was made.
    pub at: Option<Timestamp>,
    /// When it was heard.
    pub heard: Timestamp,
    /// The broker had kept it.
    pub retained: bool,
    /// Events that wait for the broker.
    pub outbox: Option<u64>,
    /// Since when the oldest waits.
    pub oldest: Option<Timestamp>,
    /// Events that were given up, and dropped.
    pub lost: u64,
    /// Devices it tracks.
    pub devices: Option<u64>,
    /// Receipts that are not yet decided.
    pub receipts_waiting: Option<u64>,
    /// What it listens with, and where receipts come from.
    pub ears: Vec<Ear>,
    /// What is wrong, in words, as the gateway says it.
    pub alarms: Vec<String>,
}

/// A radio, a node, or a receipt feed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ear {
    /// Its name.
    pub name: String,
    /// `wifi`, `ble`, `node`; of feeds `serial`, `printer` …
    pub kind: String,
    /// The sensor it is; empty for feeds.
    pub sensor: String,
    /// It hears, or receives.
    pub up: bool,
    /// It is there and hears nothing where something is usual.
    pub deaf: bool,
    /// A feed that is silent for longer than usual.
    pub silent: bool,
    /// A receipt feed.
    pub is_feed: bool,
    /// Why not, in words.
    pub problem: String,
    /// Sightings or receipts since it started.
    pub taken: u64,
}

/// How a gateway is, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It is not running, or the broker lost it.
    Offline,
    /// Only its health was heard: nobody knows whether it is there.
    Unknown,
    /// It is there and hears nothing at all.
    Deaf,
    /// It is there, and its reports are not.
    Silent,
    /// Some of its ears hear nothing, or something else is wrong.
    Impaired,
    /// It hears.
    Hears,
}

impl State {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Offline => "OFFLINE",
            Self::Unknown => "unknown",
            Self::Deaf => "DEAF",
            Self::Silent => "no health",
            Self::Impaired => "impaired",
            Self::Hears => "hears",
        }
    }
}

impl Gateway {
    /// Takes in a status message; whether it was news, and `None` when it is no status.
    pub fn take_status(&mut self, message: &Value) -> Option<bool> {
        let text = |key: &str| message.get(key).and_then(Value::as_str).map(clean);
        let online = match text("status").as_deref() {
            Some("online") => true,
            Some("offline") => false,
            _ => return None,
        };
        let session = message.get("session").and_then(Value::as_u64).unwrap_or(0);
        let started_at = text("started_at").unwrap_or_default();
        // The last will of an earlier run may come after the birth of the next.
        if session < self.session && started_at <= self.started_at {
            return Some(false);
        }
        let before = (self.online, self.session);
        self.online = Some(online);
        self.reason = text("reason").unwrap_or_default();
        self.session = session;
        self.started_at = started_at;
        self.version = text("version").unwrap_or_default();
        Some(before != (self.online, self.session))
    }

    /// How it is.
    pub fn state(&self, now: Timestamp) -> State {
        let Some(health) = &self.health else {
            return match self.online {
                Some(true) => State::Silent,
                Some(false) => State::Offline,
                None => State::Unknown,
            };
        };
        match self.online {
            Some(false) => return State::Offline,
            None => return State::Unknown,
            Some(true) if health.is_stale(now) => return State::Silent,
            Some(true) => {}
        }
        let hear = health.ears.iter().filter(|e| !e.is_feed);
        let (mut ears, mut hearing) = (0, 0);
        for ear in hear {
            ears += 1;
            hearing += usize::from(ear.hears());
        }
        if ears > 0 && hearing == 0 {
            State::Deaf
        } else if health.ears.iter().any(|e| !e.hears()) || !health.alarms.is_empty() {
            State::Impaired
        } else {
            State::Hears
        }
    }

    /// The state with its reason, in words.
    pub fn words(&self, now: Timestamp) -> String {
        match (self.state(now), self.reason.as_str()) {
            (State::Offline, "lost") => "OFFLINE: the broker lost it".into(),
            (State::Offline, "stopped") => "OFFLINE: it was stopped".into(),
            (State::Silent, _) => match self.health.as_ref().map(|h| h.age(now)) {
                Some(age) => format!("online, but no health for {}", ago(age)),
                None => "online, no health yet".into(),
            },
            (State::Unknown, _) => "unknown: no status was heard".into(),
            (state, _) => state.word().into(),
        }
    }

    /// What is wrong with its ears and feeds, one line each.
    pub fn problems(&self) -> Vec<String> {
        let Some(health) = &self.health else { return Vec::new() };
        let mut found: Vec<String> = health.ears.iter().filter_map(Ear::trouble).collect();
        found.extend(health.alarms.iter().cloned());
        found
    }

    /// For scripts.
    pub fn to_json(&self, now: Timestamp) -> Value {
        let state = match self.state(now) {
            State::Offline => "offline",
            State::Unknown => "unknown",
            State::Deaf => "deaf",
            State::Silent => "no_health",
            State::Impaired => "impaired",
            State::Hears => "hears",
        };
        let health = self.health.as_ref();
        json!({
            "state": state,
            "online": self.online,
            "reason": Some(&self.reason).filter(|r| !r.is_empty()),
            "session": self.session,
            "version": self.version,
            "health_age_s": health.map(|h| h.age(now) / 1_000_000),
            "outbox": health.and_then(|h| h.outbox),
            "outbox_oldest_at": health.and_then(|h| h.oldest).map(|t| t.to_string()),
            "events_lost": health.map(|h| h.lost),
            "devices": health.and_then(|h| h.devices),
            "ears": health.map(|h| h.ears.iter().map(|e| json!({
                "name": e.name, "kind": e.kind, "sensor": e.sensor, "up": e.up, "deaf": e.deaf,
                "silent": e.silent, "problem": Some(&e.problem).filter(|p| !p.is_empty()), "taken": e.taken,
            })).collect::<Vec<_>>()),
            "problems": self.problems(),
        })
    }
}

impl Ear {
    /// Whether it does what it is there for.
    pub fn hears(&self) -> bool {
        self.up && !self.deaf && !self.silent
    }

    /// What is wrong with it.
    pub fn trouble(&self) -> Option<String> {
        let word = match (self.up, self.deaf, self.silent) {
            (false, _, _) => "down",
            (true, true, _) => "DEAF",
            (true, false, true) => "silent for longer than usual",
            (true, false, false) => return None,
        };
        let sensor = if self.sensor.is_empty() { String::new() } else { format!(" ({})", self.sensor) };
        let why = if self.problem.is_empty() { String::new() } else { format!(": {}", self.problem) };
        Some(format!("{}{sensor} {word}{why}", self.name))
    }
}

impl Health {
    /// From a health report; `None` when it is none.
    pub fn of(message: &Value, heard: Timestamp, retained: bool) -> Option<Self> {
        let report = message.as_object()?;
        let time = |v: Option<&Value>| Timestamp::parse_rfc3339(v?.as_str()?);
        let outbox = report.get("outbox").unwrap_or(&Value::Null);
        let sum = |v: Option<&Value>| -> u64 {
            v.and_then(Value::as_object)
                .map_or(0, |o| o.values().filter_map(Value::as_u64).fold(0, u64::saturating_add))
        };
        let dead = outbox.get("dead_letters").and_then(Value::as_u64).unwrap_or(0);
        let mut health = Self {
            at: time(report.get("at")),
            heard,
            retained,
            outbox: outbox.get("depth").and_then(Value::as_u64),
            oldest: time(outbox.get("oldest_queued_at")),
            lost: sum(outbox.get("dropped")).saturating_add(dead),
            devices: report.get("devices").and_then(|d| d.as_u64().or_else(|| d.get("tracked")?.as_u64())),
            receipts_waiting: report.get("receipts_waiting").and_then(Value::as_u64),
            ears: Vec::new(),
            alarms: alarms(report),
        };
        for (key, is_feed) in [("ears", false), ("feeds", true)] {
            let all = report.get(key).and_then(Value::as_object);
            let ears = all.into_iter().flatten().map(|(name, ear)| Ear::of(name, ear, is_feed));
            health.ears.extend(ears.take(MAX_EARS));
        }
        Some(health)
    }

    /// How old it is, µs.
    pub fn age(&self, now: Timestamp) -> i64 {
        let since = if self.retained { self.at.unwrap_or(self.heard) } else { self.heard };
        now.as_micros().saturating_sub(since.as_micros()).max(0)
    }

    /// Whether it is too old to be believed.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.age(now) > STALE
    }
}

impl Ear {
    fn of(name: &str, ear: &Value, is_feed: bool) -> Self {
        let text = |key: &str| ear.get(key).and_then(Value::as_str).map(clean).unwrap_or_default();
        let flag = |v: Option<&Value>| v.and_then(Value::as_bool) == Some(true);
        let taken = if is_feed { "delivered" } else { "heard" };
        Self {
            name: clean(name),
            kind: text("kind"),
            sensor: text("sensor"),
            up: flag(ear.get("up")),
            deaf: flag(ear.get("deaf")) || flag(ear.get("detail").and_then(|d| d.get("deaf"))),
            silent: ear.get("silent_since").is_some_and(Value::is_string),
            is_feed,
            problem: text("problem"),
            taken: ear.get(taken).and_then(Value::as_u64).unwrap_or(0),
        }
    }
}

/// What else the report says is wrong, in words: conditions that hold now, and damage that was done.
fn alarms(report: &Map<String, Value>) -> Vec<String> {
    let at = |path: &[&str]| {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(report.get(*first)?, |value, key| value.get(key))
    };
    let is = |path: &[&str], what: bool| at(path).and_then(Value::as_bool) == Some(what);
    let n = |path: &[&str]| at(path).and_then(Value::as_u64).unwrap_or(0);
    let mut found = Vec::new();
    let mut say = |holds: bool, words: &str| {
        if holds {
            found.push(words.to_owned());
        }
    };
    say(is(&["outbox", "low_space"], true), "its disk is nearly full");
    say(is(&["key_saved"], false), "the privacy key of the day is not saved");
    say(is(&["clock", "synchronised"], false), "its clock is not synchronised");
    say(n(&["store", "quarantines"]) > 0, "a damaged store was set aside");
    say(n(&["outbox", "dead_letters"]) > 0, "events that no broker takes were set aside");
    say(is(&["machine", "throttling", "under_voltage"], true), "it gets too little voltage");
    say(is(&["machine", "throttling", "throttled"], true), "it is throttled");
    say(is(&["web", "up"], false), "its web page is down");
    let hot =
        at(&["machine", "temperature_c"]).and_then(Value::as_f64).filter(|t| (80.0..1000.0).contains(t));
    if let Some(hot) = hot {
        found.push(format!("it is hot: {hot:.0} °C"));
    }
    found
}

/// A span in µs in words.
pub fn ago(micros: i64) -> String {
    match micros / 1_000_000 {
        s @ ..120 => format!("{} s", s.max(0)),
        s @ 120..7200 => format!("{} min", s / 60),
        s @ 7200..172_800 => format!("{} h", s / 3600),
        s => format!("{} days", s / 86_400),
    }
}
