//! The way from sources to the pipeline: a bounded queue of sightings, and a board of who can hear.
//!
//! When the queue is full (the disk is, or the machine is too slow), the newest sighting is dropped and counted at its
//! ear: of a device that is heard every few seconds a later one says the same. What an ear says of itself is never
//! dropped: the board holds the latest word of each, and the pipeline takes what has changed.

use crate::pipeline::wall_clock;
use gateway::observation::{Observation, Sighting};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc};
use tracing::{Level, debug, enabled, info, warn};
use visit_core::observation::SensorHealth;
use visit_core::site::{SensorIx, Site};
use visit_core::time::Timestamp;

/// Sightings that wait for the pipeline, at most: a second of many nodes, and half a megabyte.
pub(super) const WAITING: usize = 8 << 10;
/// Sightings taken in before anything else gets a turn.
const TOGETHER: usize = 512;

/// How one ear is doing. Counters since start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, schemars::JsonSchema)]
pub struct EarState {
    /// Id of the sensor it hears for.
    pub sensor: String,
    /// `node`, `wifi`, `ble`.
    pub kind: &'static str,
    /// It can hear.
    pub up: bool,
    /// Why not, in words.
    pub problem: Option<String>,
    /// Since when it is up or down.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "Option<crate::status::Stamp>")]
    pub since: Option<Timestamp>,
    /// Sightings handed on.
    pub heard: u64,
    /// Sightings dropped for want of room.
    pub dropped: u64,
    /// Capture time of the latest sighting.
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "Option<crate::status::Stamp>")]
    pub last_heard_at: Option<Timestamp>,
    /// It hears, but not as it should: why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited: Option<String>,
    /// Fixed beacons of the site map that it usually hears, and does not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_beacons: Vec<String>,
    /// What else its source knows.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub detail: Value,
    #[serde(skip)]
    pub(crate) ix: Option<SensorIx>,
}

#[derive(Debug, Default)]
struct Shared {
    ears: Mutex<BTreeMap<Arc<str>, EarState>>,
    changed: Notify,
}

impl Shared {
    fn ears(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, EarState>> {
        self.ears.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where sources get their ears.
#[derive(Clone, Debug)]
pub struct Ears {
    sightings: mpsc::Sender<Sighting>,
    shared: Arc<Shared>,
}

impl Ears {
    /// Ears, and the pipeline's end of them.
    pub fn new(site: &Site) -> (Self, Hearing) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let ears = Self { sightings: sender, shared: Arc::default() };
        let hearing = Hearing {
            receiver,
            // With a sender of our own the queue never closes, even where there is no source.
            ears: ears.clone(),
            came_in: Vec::new(),
            told: vec![None; site.sensors.len()],
        };
        (ears, hearing)
    }

    /// An ear for a sensor, down until it says otherwise. `name` is its own: two sources may hear for one sensor.
    pub fn ear(&self, name: &str, kind: &'static str, site: &Site, sensor: SensorIx) -> Ear {
        let id = site.sensors.get(usize::from(sensor.0)).map(|s| s.id.clone()).unwrap_or_default();
        let state = EarState { sensor: id, kind, ix: Some(sensor), ..EarState::default() };
        self.shared.ears().insert(name.into(), state);
        Ear { name: name.into(), sensor, sightings: self.sightings.clone(), shared: Arc::clone(&self.shared) }
    }
}

/// A source's hand on what it hears for one sensor.
#[derive(Clone, Debug)]
pub struct Ear {
    name: Arc<str>,
    sensor: SensorIx,
    sightings: mpsc::Sender<Sighting>,
    shared: Arc<Shared>,
}

impl Ear {
    /// Its name on the board.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The sensor it hears for: what a source writes into its sightings.
    pub fn sensor(&self) -> SensorIx {
        self.sensor
    }

    /// Hands a sighting on, or drops it when there is no room.
    pub fn heard(&self, sighting: Sighting) {
        let at = sighting.at;
        let went = self.sightings.try_send(sighting).is_ok();
        self.change(|ear| {
            if went {
                ear.heard += 1;
                ear.last_heard_at = Some(at);
            } else {
                ear.dropped += 1;
            }
        });
    }

    /// It hears.
    pub fn up(&self) {
        let news = self.change(|ear| ear.turns(true, None));
        if news {
            info!(ear = %self.name, "it hears");
            self.shared.changed.notify_one();
        }
    }

    /// It does not hear; why, in words.
    pub fn down(&self, why: impl Into<String>) {
        let why = why.into();
        let news = self.change(|ear| ear.turns(false, Some(why.clone())));
        if news {
            warn!(ear = %self.name, "it does not hear: {why}");
            self.shared.changed.notify_one();
        }
    }

    /// It hears, but not as it should: why, in words; or it does.
    pub fn limited(&self, why: Option<String>) {
        let before = self.change(|ear| std::mem::replace(&mut ear.limited, why.clone()));
        match why {
            Some(why) if before.as_ref() != Some(&why) => warn!(ear = %self.name, "{why}"),
            None if before.is_some() => info!(ear = %self.name, "it hears as it should again"),
            _ => {}
        }
    }

    /// Which beacons of the site map it misses.
    pub fn misses(&self, beacons: Vec<String>) {
        self.change(|ear| ear.missing_beacons = beacons);
    }

    /// What else is known, for health; and to the log, for whoever looks closely.
    pub fn detail(&self, detail: Value) {
        let state = self.change(|ear| {
            ear.detail = detail;
            enabled!(Level::DEBUG).then(|| ear.clone())
        });
        if let Some(state) = state {
            debug!(ear = %self.name, "{}", json!(state));
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut EarState) -> T) -> T {
        change(self.shared.ears().entry(Arc::clone(&self.name)).or_default())
    }
}

impl EarState {
    /// Whether that is news.
    fn turns(&mut self, up: bool, problem: Option<String>) -> bool {
        let news = self.up != up || self.problem != problem;
        if self.up != up || self.since.is_none() {
            self.since = Some(wall_clock());
        }
        (self.up, self.problem) = (up, problem);
        news
    }
}

/// The pipeline's end.
#[derive(Debug)]
pub struct Hearing {
    receiver: mpsc::Receiver<Sighting>,
    ears: Ears,
    came_in: Vec<Sighting>,
    /// What the engine knows of each sensor.
    told: Vec<Option<bool>>,
}

impl Hearing {
    /// Waits until there is something to take. May be dropped and called again.
    pub async fn wait(&mut self) {
        if self.came_in.is_empty() {
            tokio::select! {
                _ = self.receiver.recv_many(&mut self.came_in, TOGETHER) => {}
                () = self.ears.shared.changed.notified() => {}
            }
        }
    }

    /// What came in: sightings, then who can hear and who cannot, as of `now`, which is later. Says whether that was all.
    pub fn take(&mut self, now: Timestamp, take: &mut Vec<Observation>) -> bool {
        while self.came_in.len() < TOGETHER
            && let Ok(sighting) = self.receiver.try_recv()
        {
            self.came_in.push(sighting);
        }
        let all = self.came_in.len() < TOGETHER;
        take.extend(self.came_in.drain(..).map(Observation::Sighting));
        self.take_health(now, take);
        all
    }

    /// How each ear is doing, by name.
    pub fn states(&self) -> BTreeMap<String, EarState> {
        self.ears.shared.ears().iter().map(|(name, ear)| (name.to_string(), ear.clone())).collect()
    }

    /// A sensor hears when one of its ears does.
    fn take_health(&mut self, at: Timestamp, take: &mut Vec<Observation>) {
        let mut up = vec![false; self.told.len()];
        for ear in self.ears.shared.ears().values().filter(|ear| ear.up) {
            if let Some(up) = ear.ix.and_then(|ix| up.get_mut(usize::from(ix.0))) {
                *up = true;
            }
        }
        for (i, (told, up)) in self.told.iter_mut().zip(up).enumerate() {
            if told.replace(up) != Some(up)
                && let Ok(sensor) = u16::try_from(i)
            {
                let health = SensorHealth { at, sensor: SensorIx(sensor), up };
                take.push(Observation::SensorHealth(health));
            }
        }
    }
}

#[allow(clippy::ref_option)] // serde's signature
fn as_text<S: serde::Serializer>(at: &Option<Timestamp>, s: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => s.serialize_some(&at.to_string()),
        None => s.serialize_none(),
    }
}
