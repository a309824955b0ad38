//! Puts [`Health`] together, every few seconds and whenever the pipeline has something to say.

use super::Stamp;
use super::health::{BrokerHealth, Health, OutboxHealth, PipelineHealth, StoreHealth, WebHealth};
use super::machine::{ClockHealth, Machine, MachineHealth};
use super::now::alarms;
use super::rates::Meter;
use super::today::{Seen, Today, View};
use crate::pipeline::wall_clock;
use crate::publish::PublishStats;
use crate::reload::Standing;
use crate::store::Store;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use visit_core::event::{Event, PrivacyMode};
use visit_core::site::Site;
use visit_core::time::Timestamp;

/// How often health is put together.
const LOOK: Duration = Duration::from_secs(5);

/// Which gateway it is.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// The site.
    pub site: Arc<Site>,
    /// Its id.
    pub gateway: String,
    /// Version of the daemon.
    pub version: String,
    /// Counts the runs on this store.
    pub session: u64,
    /// When this run began.
    pub started_at: Timestamp,
    /// Privacy mode in force.
    pub mode: PrivacyMode,
    /// Figures of fewer people are withheld.
    pub k: u32,
    /// Folder of the store.
    pub store_dir: PathBuf,
    /// Bytes that waiting events may take.
    pub max_bytes: u64,
    /// What it hears happens now, and is not a recording.
    pub live: bool,
    /// Which configuration is in force.
    pub config: Standing,
}

/// The pipeline's hand on the status: how it is, and what it has committed.
#[derive(Clone, Debug, Default)]
pub struct Pulse {
    part: watch::Sender<Option<Arc<PipelineHealth>>>,
    today: Option<Arc<Mutex<Today>>>,
}

impl Pulse {
    /// What the pipeline said last.
    pub fn last(&self) -> Option<Arc<PipelineHealth>> {
        self.part.borrow().clone()
    }

    /// How the pipeline is.
    pub fn beat(&self, part: PipelineHealth) {
        self.part.send_replace(Some(Arc::new(part)));
    }

    /// What of these events is shown; to be told once they are durable.
    pub fn see(&self, events: &[Event]) -> Vec<Seen> {
        if self.today.is_some() { events.iter().filter_map(Seen::of).collect() } else { Vec::new() }
    }

    /// They are durable.
    pub fn committed(&self, seen: Vec<Seen>) {
        if let Some(today) = self.today.as_ref().filter(|_| !seen.is_empty()) {
            let mut today = today.lock().unwrap_or_else(PoisonError::into_inner);
            for fact in seen {
                today.add(fact);
            }
        }
    }
}

/// The status of a running gateway.
#[derive(Clone, Debug)]
pub struct Status {
    gateway: Arc<Gateway>,
    pulse: Pulse,
    today: Arc<Mutex<Today>>,
    health: watch::Sender<Option<Arc<Health>>>,
    json: watch::Sender<Value>,
    web: Arc<Mutex<Option<WebHealth>>>,
}

impl Status {
    /// A status of which nothing is known yet.
    pub fn new(gateway: Gateway) -> Self {
        Self::going_on(gateway, None)
    }

    /// A status that goes on with what was shown before the configuration changed, where that may be shown still.
    pub fn going_on(gateway: Gateway, before: Option<Today>) -> Self {
        let view = View::of(&gateway.site, gateway.mode, gateway.k);
        let since = gateway.live.then_some(gateway.started_at);
        let today =
            before.and_then(|today| today.under(view.clone())).unwrap_or_else(|| Today::new(view, since));
        let today = Arc::new(Mutex::new(today));
        Self {
            gateway: Arc::new(gateway),
            pulse: Pulse { today: Some(Arc::clone(&today)), ..Pulse::default() },
            today,
            health: watch::channel(None).0,
            json: watch::channel(Value::Null).0,
            web: Arc::default(),
        }
    }

    /// Which gateway it is.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// For the pipeline.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// For the health topic: null until something is known. Marked as changed when it is to be told at once: an alarm began or
    /// ended, or the configuration did not change as it should have.
    pub fn report(&self) -> watch::Receiver<Value> {
        self.json.subscribe()
    }

    /// The health as it was put together last.
    pub fn health(&self) -> watch::Receiver<Option<Arc<Health>>> {
        self.health.subscribe()
    }

    /// What is shown of the mall; `look` may not take long.
    pub fn today<T>(&self, look: impl FnOnce(&mut Today) -> T) -> T {
        look(&mut self.today.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How the web page is, by its own word.
    pub fn web(&self, change: impl FnOnce(&mut WebHealth)) {
        let mut web = self.web.lock().unwrap_or_else(PoisonError::into_inner);
        change(web.get_or_insert_with(WebHealth::default));
    }

    /// Puts health together until `cancel`, and once more then.
    pub async fn keep(self, store: Store, publisher: Arc<PublishStats>, cancel: CancellationToken) {
        let mut pulse = self.pulse.part.subscribe();
        let mut machine = Some(Machine::new(&self.gateway.store_dir));
        let mut due = tokio::time::Instant::now();
        let mut seen = Looked::default();
        let mut meter = Meter::default();
        let mut urgent = Urgent::default();
        loop {
            // Files of the machine are small, but a clock may have to be asked for: not on this thread.
            let now = tokio::time::Instant::now();
            if now >= due
                && !cancel.is_cancelled()
                && let Some(looker) = machine.take()
            {
                due = now + LOOK;
                let dir = self.gateway.store_dir.clone();
                match tokio::task::spawn_blocking(move || look(looker, &dir)).await {
                    Ok((looker, looked)) => (machine, seen) = (Some(looker), looked),
                    Err(_) => machine = Some(Machine::new(&self.gateway.store_dir)),
                }
            }
            self.put_together(&store, &publisher, &seen, &mut meter, &mut urgent);
            if cancel.is_cancelled() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                changed = pulse.changed() => if changed.is_err() { return },
                () = cancel.cancelled() => {}
            }
        }
    }

    fn put_together(
        &self,
        store: &Store,
        publisher: &PublishStats,
        seen: &Looked,
        meter: &mut Meter,
        urgent: &mut Urgent,
    ) {
        let Some(part) = self.pulse.last() else { return };
        let now = wall_clock();
        let stats = store.stats();
        let gateway = &self.gateway;
        let mut health = Health {
            at: Stamp(now),
            version: gateway.version.clone(),
            session: gateway.session,
            started_at: Stamp(gateway.started_at),
            pipeline: PipelineHealth::clone(&part),
            outbox: OutboxHealth::of(&stats, gateway.max_bytes, now),
            store: StoreHealth::of(&stats, seen.quarantines),
            broker: BrokerHealth::from(publisher.snapshot()),
            clock: seen.clock,
            machine: seen.machine.clone(),
            config: self.gateway.config.report(),
            web: self.web.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            ..Health::default()
        };
        health.rates = meter.rates(&health, Instant::now());
        // Plain data: it always serialises.
        let report = serde_json::to_value(&health).unwrap_or_default();
        let news = std::mem::replace(urgent, Urgent::of(&health));
        self.json.send_if_modified(|last| {
            *last = report;
            news != *urgent
        });
        self.health.send_replace(Some(Arc::new(health)));
    }
}

/// What is told as soon as it is otherwise.
#[derive(Debug, Default, PartialEq)]
struct Urgent {
    /// Which alarms, and about what; their words may change every second.
    alarms: Vec<(&'static str, Option<String>)>,
    config: [Option<String>; 2],
}

impl Urgent {
    fn of(health: &Health) -> Self {
        Self {
            alarms: alarms(health, health.at.0).into_iter().map(|alarm| (alarm.id, alarm.about)).collect(),
            config: [health.config.problem.clone(), health.config.site_map.problem.clone()],
        }
    }
}

/// What a look at the machine found.
#[derive(Debug, Default)]
struct Looked {
    machine: MachineHealth,
    clock: ClockHealth,
    quarantines: u64,
}

fn look(mut machine: Machine, store: &std::path::Path) -> (Machine, Looked) {
    let looked = Looked { machine: machine.look(), clock: machine.clock(), quarantines: quarantines(store) };
    (machine, looked)
}

/// Damaged databases that were set aside in a store's folder.
fn quarantines(store: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(store) else { return 0 };
    entries.flatten().filter(|e| e.file_name().to_string_lossy().starts_with("quarantine-")).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_that_begins_is_urgent_and_its_words_are_not() {
        let calm = Health::sample();
        let mut lost = calm.clone();
        lost.broker.connected = false;
        lost.broker.last_error = Some("refused".into());
        assert_ne!(Urgent::of(&calm), Urgent::of(&lost));
        let mut still = lost.clone();
        still.broker.last_error = Some("timed out".into());
        still.broker.acknowledged += 1;
        assert_eq!(Urgent::of(&lost), Urgent::of(&still));
        let mut refused = calm.clone();
        refused.config.problem = Some("agent.toml:3: …".into());
        assert_ne!(Urgent::of(&calm), Urgent::of(&refused));
    }
}
