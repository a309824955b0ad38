//! Looks after requests to change: reads, checks, says what changed, and lets only a good change through.

use super::life::preflight;
use crate::config::published::Refused;
use crate::config::{self, Config, SiteMapMessage};
use crate::reload::{Change, Hangups, Standing, changes, limits, reload_begins, reload_is_over};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// A change that was checked.
pub(super) struct Next {
    /// The configuration that is to be in force.
    pub(super) config: Config,
    /// Its site map was published just now.
    pub(super) map: bool,
}

/// Waits for requests.
pub(super) struct Attendant {
    pub(super) path: PathBuf,
    pub(super) hangups: Hangups,
    pub(super) published: mpsc::Receiver<((), Vec<u8>)>,
    pub(super) stop: CancellationToken,
    pub(super) standing: Standing,
}

impl Attendant {
    /// The next change that is to be made. What is refused, or changes nothing, is dealt with here.
    pub(super) async fn attend(&mut self, running: &Config) -> Next {
        loop {
            let map = tokio::select! {
                () = self.hangups.next() => None,
                Some(((), payload)) = self.published.recv() => Some(payload),
            };
            if self.stop.is_cancelled() {
                if map.is_none() {
                    warn!("SIGHUP: the daemon is stopping, nothing is reloaded");
                }
                continue;
            }
            let next = match map {
                None => self.reload(running).await,
                Some(payload) => self.follow(running, payload).await,
            };
            // Told to stop while it was read: what is stopping is not begun anew.
            if self.stop.is_cancelled() {
                warn!("the daemon is stopping, nothing is reloaded");
            } else if let Some(next) = next {
                return next;
            }
        }
    }

    /// SIGHUP: everything is read again.
    async fn reload(&self, running: &Config) -> Option<Next> {
        reload_begins();
        info!(file = %self.path.display(), "SIGHUP: reading the configuration again");
        let path = self.path.clone();
        let read = off_the_loop(move || read(&path)).await;
        let next = read.and_then(|new| {
            let refusals = limits::refusals(running, &new);
            if refusals.is_empty() { Ok(new) } else { Err(refusals) }
        });
        let next = match next {
            Ok(new) => new,
            Err(problems) => {
                for problem in &problems {
                    error!("the new configuration is refused: {problem}");
                }
                warn!(problems = problems.len(), "nothing is changed, what runs goes on");
                self.standing.refused(&problems.join("\n"));
                reload_is_over();
                return None;
            }
        };
        for warning in &next.warnings {
            warn!("{warning}");
        }
        let changes = changes(running, &next);
        if changes.is_empty() {
            info!("nothing has changed, what runs goes on");
            self.standing.unchanged();
            reload_is_over();
            return None;
        }
        say(&changes, running, &next);
        Some(Next { config: next, map: false })
    }

    /// A site map was published.
    async fn follow(&self, running: &Config, payload: Vec<u8>) -> Option<Next> {
        // Cleared: what is in force stays.
        if payload.is_empty() {
            return None;
        }
        let running = running.clone();
        let path = self.path.clone();
        let (running, judged) = off_the_loop(move || {
            let judged = judge(&path, &running, &payload);
            (running, judged)
        })
        .await;
        match judged {
            Ok(None) => None,
            Ok(Some(new)) => {
                reload_begins();
                let changes = changes(&running, &new);
                say(&changes, &running, &new);
                Some(Next { config: new, map: true })
            }
            Err(refused) => {
                for problem in refused.why.lines() {
                    error!(reason = refused.reason, "the published site map is refused: {problem}");
                }
                warn!("the site map that was in force stays");
                self.standing.map_refused(&refused);
                None
            }
        }
    }
}

/// The configuration at `path`, as far as it can be checked without touching anything.
fn read(path: &Path) -> Result<Config, Vec<String>> {
    let config =
        config::load(path).map_err(|e| e.errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    preflight(&config).map_err(|e| e.message.lines().map(str::to_owned).collect::<Vec<_>>())?;
    Ok(config)
}

/// The running configuration with a published site map; nothing where that is in force already.
fn judge(path: &Path, running: &Config, payload: &[u8]) -> Result<Option<Config>, Refused> {
    // It was on its way when the configuration stopped to follow.
    if !running.agent.site_map_topic {
        return Ok(None);
    }
    let message = SiteMapMessage::parse(payload)?;
    if let Some(now) = &running.published {
        if message == *now {
            return Ok(None);
        }
        if message.version < now.version {
            let why = format!("version {} is older than {}, which is in force", message.version, now.version);
            return Err(Refused::new("older", why));
        }
        if message.version == now.version {
            let why = format!(
                "version {} is in force with other contents; publish what is new under a higher version",
                now.version
            );
            return Err(Refused::new("same_version", why));
        }
    }
    let new = config::load_with_map(path, &running.text, message)
        .map_err(|e| Refused::new("invalid", e.to_string()))?;
    if new.site.id != running.site.id {
        let why = format!("it is of site {:?}, this gateway is of {:?}", new.site.id, running.site.id);
        return Err(Refused::new("other_site", why));
    }
    preflight(&new).map_err(|e| Refused::new("invalid", e.message))?;
    Ok(Some(new))
}

fn say(changes: &[Change], old: &Config, new: &Config) {
    for change in changes {
        info!("changed: {change}");
    }
    info!(
        changes = changes.len(),
        config_version = format!("{:08x} -> {:08x}", old.version, new.version),
        "the new configuration is good, and is put in force"
    );
}

/// Reading files and parsing maps takes a moment, which the pipeline must not wait for.
async fn off_the_loop<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(e) => std::panic::resume_unwind(e.into_panic()),
    }
}
