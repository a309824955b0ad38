//! From what the configuration says to what the parts of the daemon are told.

use crate::calendar;
use crate::cli::exit::{Exit, Failure};
use crate::cli::inputs::open_failure;
use crate::config::{AgentConfig, MqttProtocol, MqttSettings, ReplaySettings, SourceSettings};
use crate::pipeline::Pace;
use crate::privacy::span;
use crate::publish::{MqttConfig, Password, Protocol, TlsConfig};
use crate::store::{PrivacyRules, StoreOptions};
use gateway::names::Names;
use gateway::source::{Replay, ReplayInput, Source};
use std::sync::Arc;
use visit_core::engine::EngineConfig;
use visit_core::event::PrivacyMode;
use visit_core::position::SurveyModel;
use visit_core::site::Site;
use visit_core::time::{Span, Timestamp};

/// How the store is to be opened.
pub(in crate::cli) fn store_options(
    agent: &AgentConfig,
    site: &Site,
    version: u32,
    now: Timestamp,
) -> StoreOptions {
    let ttl = |mode| agent.privacy.ttl(mode).map_or(Span::ZERO, span);
    let rules = PrivacyRules {
        mode: agent.privacy.mode,
        ttl: [ttl(PrivacyMode::Pseudonymous), ttl(PrivacyMode::Consented)],
        k: agent.privacy.k,
        site: site.id.clone(),
        gateway: agent.gateway.clone(),
        config_version: version,
        settings: agent.privacy.in_words(),
    };
    let usual = StoreOptions::new(now);
    StoreOptions {
        max_bytes: agent.store.max_bytes,
        max_recent: if agent.is_live() { 0 } else { usual.max_recent },
        privacy: Some(rules),
        ..usual
    }
}

/// All recordings are merged by time, so they have one clock.
pub(super) fn common_pace(agent: &AgentConfig) -> Result<Pace, Failure> {
    let mut speeds = replays(agent).map(|replay| replay.speed);
    let first = speeds.next().unwrap_or(0.0);
    if let Some(other) = speeds.find(|speed| *speed != first) {
        return Err(Failure::new(
            Exit::Config,
            format!(
                "source.speed: {first} and {other}; recordings are merged by time: give all the same speed"
            ),
        ));
    }
    Pace::new(first).ok_or_else(|| Failure::new(Exit::Config, format!("source.speed: {first} is no speed")))
}

fn replays(agent: &AgentConfig) -> impl Iterator<Item = &ReplaySettings> {
    agent.sources.iter().filter_map(|source| match source {
        SourceSettings::Replay(replay) => Some(replay),
        SourceSettings::Feed(_) | SourceSettings::Node(_) | SourceSettings::Radio(_) => None,
    })
}

/// The recordings of a configuration, merged.
pub(super) fn open_source(agent: &AgentConfig, site: &Arc<Site>) -> Result<Source, Failure> {
    let mut inputs = Vec::new();
    for replay in replays(agent) {
        let sensor = replay.sensor.as_deref().and_then(|id| site.sensor_named(id));
        inputs.extend(replay.paths.iter().map(|path| ReplayInput {
            path: path.clone(),
            sensor,
            ..ReplayInput::default()
        }));
    }
    let names = Arc::new(Names::from(&**site));
    Replay::open(inputs, names).map(Source::Replay).map_err(|e| open_failure(&e))
}

/// The engine's settings from the configuration.
pub(super) fn engine_config(
    agent: &AgentConfig,
    site: &Site,
    survey: Option<Arc<SurveyModel>>,
    version: u32,
) -> EngineConfig {
    EngineConfig {
        privacy_mode: agent.privacy.mode,
        config_version: version,
        map_version: site.version(),
        survey,
        learn: agent.inference.learn,
        max_devices: agent.inference.max_devices as usize,
        dwell_threshold: span(agent.inference.dwell_threshold),
        staff_presence: span(agent.inference.staff_presence),
        reorder: span(agent.inference.reorder),
        receipt_wait: span(agent.receipts.decide_after),
        k: agent.privacy.k,
        flow_interval: span(agent.inference.flow_interval),
        calendar: calendar::of(site),
        ..EngineConfig::default()
    }
}

/// The broker of a configuration; reads the password.
pub(in crate::cli) fn mqtt_config(settings: &MqttSettings) -> Result<MqttConfig, Failure> {
    let password = settings.password_file.as_deref().map(Password::from_file).transpose();
    Ok(MqttConfig {
        host: settings.host.clone(),
        port: settings.port,
        protocol: match settings.protocol {
            MqttProtocol::V5 => Protocol::Mqtt5,
            MqttProtocol::V311 => Protocol::Mqtt311,
        },
        client_id: settings.client_id.clone(),
        tls: settings.tls.as_ref().map(TlsConfig::from),
        username: settings.username.clone(),
        password: password.map_err(|e| Failure::new(Exit::Config, format!("mqtt.password_file: {e}")))?,
        keep_alive: settings.keep_alive,
        inflight: settings.inflight,
        prefix: settings.prefix.clone(),
        backlog_rate: settings.backlog_rate,
        ..MqttConfig::default()
    })
}
