//! One life of the daemon: everything built from one configuration, until it ends or gives way to the next.

use super::failures::{agent_failure, pipeline_failure, privacy_failure, store_failure};
use super::settings::{common_pace, engine_config, mqtt_config, open_source, store_options};
use crate::agent::{self, AgentReport, Succession};
use crate::cli::exit::{Exit, Failure};
use crate::config::{Config, published};
use crate::ears::radios::Radios;
use crate::ears::{self, Ears, UsualRates};
use crate::feeds::followed::{Followed, follow};
use crate::feeds::start as feeds;
use crate::pipeline::{EngineRoom, Input, KnowledgeFile, Pipeline, State, wall_clock};
use crate::privacy::{Privacy, span};
use crate::publish::{Identity, MqttConfig, Parting, Publisher};
use crate::reload::Standing;
use crate::status::today::Today;
use crate::status::{Gateway, Status, web};
use crate::store::Store;
use crate::supervise::Beat;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// What the life before left.
#[derive(Default)]
pub(super) struct Before {
    /// The engine's state.
    pub(super) state: Option<State>,
    /// Why that is not good for this life.
    pub(super) cut: Option<&'static str>,
    /// The broker holds our `online`.
    pub(super) announced: bool,
    /// What the web page showed of the day.
    pub(super) today: Option<Today>,
}

/// Ready to run.
pub(super) struct Life {
    pipeline: Pipeline,
    pub(super) status: Status,
    mqtt: MqttConfig,
    who: Identity,
    /// Ends this life; the daemon's end does so too.
    pub(super) cancel: CancellationToken,
    rest: Rest,
}

/// What listens beside the pipeline.
pub(super) struct Rest {
    tasks: JoinSet<()>,
    radios: Option<Radios>,
}

impl Rest {
    /// Waits until ports, lines and radios are free.
    pub(super) async fn stop(mut self) {
        self.tasks.shutdown().await;
        if let Some(radios) = self.radios {
            radios.stopped().await;
        }
    }
}

/// Everything that can be known to be wrong before anything is touched.
pub(super) fn preflight(config: &Config) -> Result<MqttConfig, Failure> {
    let Config { agent, site, .. } = config;
    common_pace(agent)?;
    let mqtt = mqtt_config(&agent.mqtt)?;
    Publisher::new(mqtt.clone(), identity(config, 0)).map_err(|e| agent_failure(&e.into()))?;
    if agent.is_live() {
        let zone = jiff::tz::TimeZone::get(&site.timezone).unwrap_or(jiff::tz::TimeZone::UTC);
        feeds::taps(agent, &zone).map_err(|e| Failure::new(Exit::Config, e.to_string()))?;
    }
    Ok(mqtt)
}

fn identity(config: &Config, session: u64) -> Identity {
    Identity {
        site: config.site.id.clone(),
        gateway: config.agent.gateway.clone(),
        session,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: wall_clock(),
    }
}

impl Life {
    /// Builds everything. After an error nothing of it is left: store and ports are free.
    pub(super) async fn begin(
        config: &Config,
        before: &Before,
        stop: &CancellationToken,
        standing: &Standing,
        maps: &mpsc::Sender<((), Vec<u8>)>,
    ) -> Result<Self, Failure> {
        let Config { agent, survey, version, .. } = config;
        let version = *version;
        let site = Arc::new(config.site.clone());
        let mqtt = preflight(config)?;
        let pace = common_pace(agent)?;
        let now = wall_clock();
        let live = agent.is_live();
        let source = if live { None } else { Some(open_source(agent, &site)?) };
        let privacy = if live { Privacy::open } else { Privacy::for_recording };
        let privacy =
            privacy(&agent.privacy, &agent.inference.tags, &site, now).map_err(|e| privacy_failure(&e))?;
        let privacy = privacy.with_staff_presence(span(agent.inference.staff_presence));
        let options = store_options(agent, &site, version, now);
        let (store, recovered) = Store::open(&agent.store.dir, &options).map_err(|e| store_failure(&e))?;
        let session = recovered.session;
        let cancel = stop.child_token();
        let gateway = Gateway {
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
            config: standing.clone(),
        };
        let status = Status::going_on(gateway, before.today.clone());
        let mut rest = Rest { tasks: JoinSet::new(), radios: None };
        let input = match source {
            Some(source) => Input::Source(source),
            None => {
                let (ears, hearing) = Ears::new(&site);
                let mut feeds = match feeds::start(agent, &site, &mqtt, hearing, &cancel) {
                    Ok(feeds) => feeds,
                    Err(why) => {
                        // It gives up the folder; what it says of that is no news beside the cause.
                        let _ = store.close().await;
                        return Err(Failure::new(Exit::Config, why.to_string()));
                    }
                };
                ears::start(agent, &site, &ears, &mut feeds.tasks, &cancel);
                rest.tasks = feeds.tasks;
                let rates = UsualRates::open(&agent.store.dir);
                rest.radios = Some(Radios::start(agent, &site, &ears, &rates, &cancel));
                Input::Live(Box::new(feeds.input))
            }
        };
        if agent.web.enabled {
            rest.tasks.spawn(web::serve(agent.web.clone(), status.clone(), cancel.clone()));
        }
        if agent.site_map_topic {
            let map = Followed {
                broker: mqtt.clone(),
                client_id: format!("edge-agent-{}-{}-site-map", site.id, agent.gateway),
                what: "the published site map",
                topics: vec![(published::topic(&mqtt.prefix, &site.id), ())],
                longest: published::MAX_PACKET,
                messages: maps.clone(),
            };
            rest.tasks.spawn(follow(map, cancel.clone()));
        }
        let mut room = EngineRoom::new(site.clone(), engine_config(agent, &site, survey.clone(), version));
        if live {
            room = room.with_knowledge(KnowledgeFile::new(&agent.store.dir, version));
        }
        let (checkpoint, linger) = (agent.store.checkpoint, agent.store.linger);
        let mut pipeline = Pipeline {
            input,
            privacy,
            room,
            store: store.clone(),
            pace,
            checkpoint,
            linger,
            pulse: status.pulse(),
            beat: Beat::default(),
        };
        let resumed = match (&before.state, before.cut) {
            (Some(state), None) => pipeline.go_on(state, recovered, now),
            (Some(_), Some(why)) => {
                info!("visits go on from the ledger, as after a restart: {why}");
                pipeline.resume(recovered, now)
            }
            (None, _) => pipeline.resume(recovered, now),
        };
        if let Err(e) = resumed {
            cancel.cancel();
            drop(pipeline);
            rest.stop().await;
            let _ = store.close().await;
            return Err(pipeline_failure(&e));
        }
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
        Ok(Self { pipeline, status, mqtt, who: identity(config, session), cancel, rest })
    }

    /// Runs to its end; see [`agent::serve`].
    pub(super) async fn serve(
        self,
        announced: bool,
        parting: Parting,
    ) -> Result<(AgentReport, Rest), Failure> {
        let Self { pipeline, status, mqtt, who, cancel, rest } = self;
        let succession = Succession { announced, parting };
        let report = agent::serve(pipeline, status, mqtt, who, cancel, succession).await;
        report.map(|report| (report, rest)).map_err(|e| agent_failure(&e))
    }
}
