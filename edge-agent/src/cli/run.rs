//! `edge-agent run`: the daemon, one life after the other; see [`crate::reload`].

mod attend;
mod failures;
mod life;
mod log;
mod settings;

#[cfg(feature = "embedded-broker")]
pub(super) use failures::agent_failure;
pub(super) use failures::{privacy_failure, store_failure};
pub(super) use log::start_log;
pub(super) use settings::{mqtt_config, store_options};

use super::exit::{Exit, Failure};
use crate::agent::{self, AgentReport};
use crate::config::{self, Config, published};
use crate::pipeline::wall_clock;
use crate::publish::{Leave, Parting};
use crate::reload::{Hangups, Standing, limits, reload_is_over};
use attend::{Attendant, Next};
use clap::Args;
use life::{Before, Life};
use log::LogLevel;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio::sync::mpsc;
use tracing::{error, info, warn};

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
    let level = start_log(&config.agent.log);
    for warning in &config.warnings {
        warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Unavailable, format!("cannot start the runtime: {e}")))?;
    runtime.block_on(daemon(&args.config, config, &level))
}

/// The pipeline has the main thread and the store one of its own; these serve the broker's connection. More, one for
/// each core, would only keep more memory.
const WORKERS: usize = 2;

/// What there was before a change, to go back to.
struct Old {
    config: Config,
    /// The map was published; the copy of the one before was replaced.
    map: bool,
    stopped: Instant,
}

async fn daemon(path: &Path, mut config: Config, level: &LogLevel) -> Result<Exit, Failure> {
    let no_signals = |e| Failure::new(Exit::Unavailable, format!("cannot watch for signals: {e}"));
    // First of all: until it is watched for, SIGHUP kills.
    let hangups = Hangups::watch().map_err(no_signals)?;
    let stop = agent::stop_signal().map_err(no_signals)?;
    let standing = Standing::default();
    let (maps, published) = mpsc::channel(1);
    let mut attendant = Attendant {
        path: path.to_owned(),
        hangups,
        published,
        stop: stop.clone(),
        standing: standing.clone(),
    };
    let mut before = Before::default();
    let mut old: Option<Old> = None;
    loop {
        let life = match Life::begin(&config, &before, &stop, &standing, &maps).await {
            Ok(life) => life,
            Err(why) => {
                let Some(Old { config: was, map, .. }) = old.take() else { return Err(why) };
                error!("the new configuration cannot be put in force, the old one is taken up again: {why}");
                standing.refused(&why.to_string());
                if map {
                    keep_map(&was);
                }
                config = was;
                // Its state was not for the configuration that failed.
                before.cut = None;
                continue;
            }
        };
        level.set(config.agent.log.level);
        standing.begin(&config, wall_clock().to_string());
        if let Some(Old { map, stopped, .. }) = old.take() {
            standing.taken(map);
            info!(
                config_version = format!("{:08x}", config.version),
                deaf_ms = u64::try_from(stopped.elapsed().as_millis()).unwrap_or(u64::MAX),
                "the new configuration is in force"
            );
        }
        if before.state.take().is_some() {
            reload_is_over();
        }
        let parting = Parting::default();
        let (end, status) = (life.cancel.clone(), life.status.clone());
        let served = life.serve(before.announced, parting.clone());
        tokio::pin!(served);
        let mut next = None;
        let (report, rest) = tokio::select! {
            ended = &mut served => ended?,
            change = attendant.attend(&config) => {
                let Next { config: new, map } = change;
                let leave = if limits::same_place(&config, &new) { Leave::HandOver } else { Leave::Move };
                parting.decide(leave);
                next = Some((new, map, Instant::now()));
                end.cancel();
                served.await?
            }
        };
        rest.stop().await;
        let AgentReport { pipeline, publisher, state } = report;
        match next {
            // A recording that ended just now has nothing left to change.
            Some((new, map, stopped)) if !pipeline.ended => {
                let today = status.today(|today| today.clone());
                let cut = limits::cut(&config, &new);
                before = Before { cut, state, announced: publisher.left_online, today: Some(today) };
                if map {
                    keep_map(&new);
                }
                let was = std::mem::replace(&mut config, new);
                old = Some(Old { config: was, map, stopped });
            }
            _ => {
                info!(
                    observations = pipeline.observations,
                    events = pipeline.events,
                    acknowledged = publisher.stats.acknowledged,
                    drained = publisher.drained,
                    "stopped"
                );
                return Ok(if pipeline.bad_records > 0 { Exit::BadData } else { Exit::Ok });
            }
        }
    }
}

/// Keeps the copy of the published map of this configuration, for starts without a broker.
fn keep_map(config: &Config) {
    let dir = &config.agent.store.dir;
    if let Err(e) = published::keep(dir, config.published.as_ref()) {
        error!(
            file = %published::kept_at(dir).display(),
            "the published site map is in force, and is lost with a restart until it comes again: {e}"
        );
    }
}
