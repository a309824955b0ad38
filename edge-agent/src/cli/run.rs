//! `edge-agent run`: the daemon.

use super::exit::{Exit, Failure};
use super::inputs::open_failure;
use crate::agent::{self, AgentError};
use crate::calendar;
use crate::config::{
    self, AgentConfig, Config, LogFormat, LogSettings, MqttProtocol, MqttSettings, ReplaySettings,
    SourceSettings,
};
use crate::ears::radios::Radios;
use crate::ears::{self, Ears, UsualRates};
use crate::feeds::start as feeds;
use crate::pipeline::{EngineRoom, Input, KnowledgeFile, Pace, Pipeline, PipelineError, wall_clock};
use crate::privacy::{Privacy, PrivacyError, span};
use crate::publish::PublisherError;
use crate::publish::{Identity, MqttConfig, Password, Protocol, TlsConfig};
use crate::status::{Gateway, Status, web};
use crate::store::{OpenError, PrivacyRules, Store, StoreOptions};
use crate::supervise::{Beat, journal};
use clap::Args;
use gateway::names::Names;
use gateway::source::{Replay, ReplayInput, Source};
use std::path::PathBuf;
use std::sync::Arc;
use tracing::{info, warn};
use visit_core::engine::EngineConfig;
use visit_core::event::PrivacyMode;
use visit_core::position::SurveyModel;
use visit_core::site::Site;
use visit_core::time::{Span, Timestamp};

/// Arguments of `run`.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "/etc/edge-agent/agent.toml")]
    config: PathBuf,
}

/// Runs `run`.
pub fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let config = config::load(&args.config).map_err(|e| {
        let hint = if args.config.exists() {
            ""
        } else {
            "\nedge-agent init writes one; or name yours with --config FILE"
        };
        Failure::new(Exit::Config, format!("{e}{hint}"))
    })?;
    start_log(&config.agent.log);
    for warning in &config.warnings {
        warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Unavailable, format!("cannot start the runtime: {e}")))?;
    runtime.block_on(daemon(config))
}

/// The pipeline has the main thread and the store one of its own; these serve the broker's connection. More, one for
/// each core, would only keep more memory.
const WORKERS: usize = 2;

async fn daemon(config: Config) -> Result<Exit, Failure> {
    let Config { agent, site, survey, version, .. } = config;
    let site = Arc::new(site);
    let cancel = agent::stop_signal()
        .map_err(|e| Failure::new(Exit::Unavailable, format!("cannot watch for signals: {e}")))?;
    let pace = common_pace(&agent)?;
    let mqtt = mqtt_config(&agent.mqtt)?;
    let now = wall_clock();
    let live = agent.is_live();
    let privacy = if live { Privacy::open } else { Privacy::for_recording };
    let privacy =
        privacy(&agent.privacy, &agent.inference.tags, &site, now).map_err(|e| privacy_failure(&e))?;
    let privacy = privacy.with_staff_presence(span(agent.inference.staff_presence));
    let options = store_options(&agent, &site, version, now);
    let (store, recovered) = Store::open(&agent.store.dir, &options).map_err(|e| store_failure(&e))?;
    let session = recovered.session;
    let status = Status::new(Gateway {
        site: site.clone(),
        gateway: agent.gateway.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        session,
        started_at: now,
        mode: agent.privacy.mode,
        k: agent.privacy.k,
        store_dir: agent.store.dir.clone(),
        max_bytes: agent.store.max_bytes,
        live,
    });
    let page = agent
        .web
        .enabled
        .then(|| tokio::spawn(web::serve(agent.web.clone(), status.clone(), cancel.clone())));
    // Their tasks end with us, whichever way we end.
    let mut tasks = None;
    let mut radios = None;
    let input = if live {
        let (ears, hearing) = Ears::new(&site);
        let mut feeds = feeds::start(&agent, &site, &mqtt, hearing, &cancel)
            .map_err(|e| Failure::new(Exit::Config, e.to_string()))?;
        ears::start(&agent, &site, &ears, &mut feeds.tasks, &cancel);
        tasks = Some(feeds.tasks);
        let rates = UsualRates::open(&agent.store.dir);
        radios = Some(Radios::start(&agent, &site, &ears, &rates, &cancel));
        Input::Live(Box::new(feeds.input))
    } else {
        Input::Source(open_source(&agent, &site)?)
    };
    let mut room = EngineRoom::new(site.clone(), engine_config(&agent, &site, survey, version));
    if live {
        room = room.with_knowledge(KnowledgeFile::new(&agent.store.dir, version));
    }
    let mut pipeline = Pipeline {
        input,
        privacy,
        room,
        store,
        pace,
        checkpoint: agent.store.checkpoint,
        pulse: status.pulse(),
        beat: Beat::default(),
    };
    pipeline.resume(recovered, now).map_err(|e| pipeline_failure(&e))?;
    let who = Identity {
        site: site.id.clone(),
        gateway: agent.gateway.clone(),
        session,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: now,
    };
    info!(
        site = site.id,
        gateway = agent.gateway,
        session,
        broker = format!("{}:{}", agent.mqtt.host, agent.mqtt.port),
        store = %agent.store.dir.display(),
        config_version = format!("{version:08x}"),
        "edge-agent {} is running",
        env!("CARGO_PKG_VERSION")
    );
    let report = agent::serve(pipeline, status, mqtt, who, cancel).await.map_err(|e| agent_failure(&e))?;
    drop(tasks);
    // A recording that has ended, was published: nobody cancels.
    if let Some(page) = page {
        page.abort();
    }
    if let Some(radios) = radios {
        radios.stopped().await;
    }
    info!(
        observations = report.pipeline.observations,
        events = report.pipeline.events,
        acknowledged = report.publisher.stats.acknowledged,
        drained = report.publisher.drained,
        "stopped"
    );
    Ok(if report.pipeline.bad_records > 0 { Exit::BadData } else { Exit::Ok })
}

/// How the store is to be opened.
pub(super) fn store_options(agent: &AgentConfig, site: &Site, version: u32, now: Timestamp) -> StoreOptions {
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
    let privacy = Some(rules);
    StoreOptions { max_bytes: agent.store.max_bytes, privacy, ..StoreOptions::new(now) }
}

/// All recordings are merged by time, so they have one clock.
fn common_pace(agent: &AgentConfig) -> Result<Pace, Failure> {
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

fn open_source(agent: &AgentConfig, site: &Arc<Site>) -> Result<Source, Failure> {
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

/// How to reach the broker, with the password read.
pub(super) fn mqtt_config(settings: &MqttSettings) -> Result<MqttConfig, Failure> {
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

/// Logs to standard error, with fields where that is the journal; `RUST_LOG` (`debug`, or `warn,edge_agent::feeds=debug`) overrides the configured level.
pub(super) fn start_log(settings: &LogSettings) {
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;
    use tracing_subscriber::{Layer as _, filter::Targets, fmt};
    let level = Targets::new().with_default(settings.level);
    let wanted = std::env::var("RUST_LOG").ok().filter(|text| !text.trim().is_empty());
    let (filter, wrong) = match wanted.as_deref().map(str::parse) {
        Some(Ok(targets)) => (targets, None),
        Some(Err(e)) => (level, Some(e)),
        None => (level, None),
    };
    let colours =
        std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    let lines = match settings.format {
        LogFormat::Text => journal::layer(std::io::stderr()).unwrap_or_else(|| lines.boxed()),
        LogFormat::Json => lines.json().boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    if let Some(e) = wrong {
        tracing::warn!("RUST_LOG is not understood, the configured level counts: {e}");
    }
}

pub(super) fn privacy_failure(e: &PrivacyError) -> Failure {
    let exit = match e {
        PrivacyError::Key { source, .. } | PrivacyError::List { source, .. }
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            Exit::NoPermission
        }
        _ => Exit::Config,
    };
    Failure::new(exit, e.to_string())
}

pub(super) fn store_failure(e: &OpenError) -> Failure {
    let exit = match e {
        OpenError::Locked { .. } => Exit::Unavailable,
        OpenError::NotWritable { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            Exit::NoPermission
        }
        OpenError::NotWritable { .. } => Exit::CannotCreate,
        OpenError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotADirectory => {
            Exit::CannotCreate
        }
        OpenError::NoSpace { .. } | OpenError::Io { .. } | OpenError::Database { .. } => Exit::Io,
    };
    Failure::new(exit, e.to_string())
}

fn pipeline_failure(e: &PipelineError) -> Failure {
    let exit = match e {
        PipelineError::Store(_) => Exit::Io,
        PipelineError::Rewind(_) => Exit::BadData,
    };
    Failure::new(exit, e.to_string())
}

/// What ended the daemon, for the exit code.
pub(super) fn agent_failure(e: &AgentError) -> Failure {
    let exit = match e {
        AgentError::Pipeline(e) => return pipeline_failure(e),
        AgentError::Publisher(
            PublisherError::Config(_) | PublisherError::Tls(_) | PublisherError::Identity { .. },
        ) => Exit::Config,
        AgentError::Close(_) => Exit::Io,
        AgentError::Died(_) => Exit::Software,
    };
    Failure::new(exit, e.to_string())
}
