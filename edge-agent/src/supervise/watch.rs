//! Looks at the parts, and tells the service manager.

use super::notify::watchdog_from_env;
use super::{Beat, Look, Notifier, Progress, State};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

/// A part that hangs is told to the log after half of this, where no service manager says otherwise.
const WATCHDOG: Duration = Duration::from_secs(60);
/// How often the status line is told again, at most.
const STATUS: Duration = Duration::from_secs(10);
/// How often is looked, at least.
const LOOK: Duration = Duration::from_secs(5);

/// Knows the parts that must go on; not yet started.
pub struct Supervisor {
    manager: Option<Arc<Notifier>>,
    /// The manager's patience, or ours.
    interval: Duration,
    /// Whether it wants to hear from us.
    watched: bool,
    progress: Progress,
    asked: Vec<Box<dyn Fn() + Send>>,
}

/// A supervisor at work; ends when dropped.
pub struct Watch {
    manager: Option<Arc<Notifier>>,
    task: JoinHandle<()>,
}

impl Supervisor {
    /// For the service manager that started us, if one did. What is wrong with its way to us is only warned of: it
    /// cannot be told anyway, and will say so itself.
    pub fn from_env() -> Self {
        let manager = Notifier::from_env().unwrap_or_else(|e| {
            warn!("the service manager cannot be told how we are: {e}");
            None
        });
        let watchdog = watchdog_from_env().unwrap_or_else(|e| {
            warn!("the service manager's watchdog is not fed: {e}");
            None
        });
        Self {
            watched: watchdog.is_some() && manager.is_some(),
            interval: watchdog.unwrap_or(WATCHDOG),
            manager: manager.map(Arc::new),
            progress: Progress::default(),
            asked: Vec::new(),
        }
    }

    /// A part that must go on.
    #[must_use]
    pub fn part(mut self, name: &'static str, beat: Beat) -> Self {
        // Four times in the manager's patience, looked at eight times: late by three eighths at worst.
        self.progress.must_go_on(name, beat, self.interval / 4, Instant::now());
        self
    }

    /// A part that moves only when it is asked to: `ask` does, and must not wait.
    #[must_use]
    pub fn asked(mut self, name: &'static str, beat: Beat, ask: impl Fn() + Send + 'static) -> Self {
        self.asked.push(Box::new(ask));
        self.part(name, beat)
    }

    /// Says that we are ready, and from now on how we are: `status`, in one line.
    pub fn ready(self, status: impl Fn() -> String + Send + 'static) -> Watch {
        let manager = self.manager.clone();
        tell(manager.as_deref(), &State::Ready);
        Watch { manager, task: tokio::spawn(self.watch(status)) }
    }

    async fn watch(mut self, status: impl Fn() -> String) {
        let mut looks = tokio::time::interval((self.interval / 8).min(LOOK));
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut told: Option<(Instant, String)> = None;
        let mut hung = None;
        loop {
            looks.tick().await;
            let now = Instant::now();
            match self.progress.look(now) {
                Look::Alive => {
                    if let Some(part) = hung.take() {
                        info!(part, "goes on");
                    }
                    if self.watched {
                        tell(self.manager.as_deref(), &State::Alive);
                    }
                }
                Look::Waiting(part, length) if length > self.interval / 2 && hung != Some(part) => {
                    error!(part, seconds = length.as_secs(), "hangs{}", self.consequence());
                    hung = Some(part);
                }
                Look::Waiting(..) => {}
            }
            for ask in &self.asked {
                ask();
            }
            if self.manager.is_some() && told.as_ref().is_none_or(|(at, _)| now.duration_since(*at) >= STATUS)
            {
                let line = hung.map_or_else(&status, |part| format!("the {part} hangs"));
                if told.as_ref().is_none_or(|(_, last)| *last != line) {
                    tell(self.manager.as_deref(), &State::Status(line.clone()));
                    told = Some((now, line));
                }
            }
        }
    }

    fn consequence(&self) -> &'static str {
        if self.watched { "; the service manager will restart us" } else { "" }
    }
}

impl Watch {
    /// From now on we are shutting down.
    pub fn stopping(&self) {
        tell(self.manager.as_deref(), &State::Stopping);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn tell(manager: Option<&Notifier>, state: &State) {
    if let Some(manager) = manager
        && let Err(e) = manager.tell(state)
    {
        warn!("the service manager does not hear us: {e}");
    }
}
