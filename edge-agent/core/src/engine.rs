//! The engine: observations in, events out, behind four verbs.
//!
//! - [`Engine::observe`] takes an observation in. It may be out of order by up to [`EngineConfig::reorder`]. One
//!   alone far ahead of all others does not move time: see [`Taken::Doubted`].
//! - [`Engine::advance`] says that it is now so late: everything older than `now - reorder` is decided, strictly in
//!   the order of capture time. Calling it more often, or never between two observations, changes nothing.
//! - [`Engine::next_deadline`] says when `advance` has something to do even if nothing is observed; ask again
//!   after every `observe` and `advance`.
//! - [`Engine::poll`] yields what came out; call it until it yields nothing.
//!
//! Same observations, same map, same settings: same outputs, byte for byte. [`Engine::state`] is everything the
//! engine knows; an engine restored from it goes on as if nothing had happened.

mod continuity;
mod counts;
mod desk;
mod erase;
mod intake;
mod knowledge;
mod lessons;
mod members;
mod receipt_story;
mod table;
mod till;
mod timeline;

pub use counts::EngineCounts;
pub use desk::Desk;
pub use intake::Taken;
pub use knowledge::Knowledge;

use crate::calendar::Calendar;
use crate::event::{Event, PrivacyMode, VisitId};
use crate::explain::Told;
use crate::flow::Flow;
use crate::identity::{Emissions, Families};
use crate::member::Members;
use crate::observation::{MemberToken, Observation, Pseudonym};
use crate::position::{Learnt, Locator, Moved, SurveyModel, Trims};
use crate::purchase::{self, Book, BookRecord, Purchases};
use crate::site::{SensorIx, Site};
use crate::time::{Span, Timestamp};
use crate::visit::{self, Device};
use continuity::Doubt;
use desk::desk;
use lessons::Lessons;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;
use table::Table;

/// What comes out of the engine.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant)] // few, and gone at once
pub enum Output {
    /// A fact to publish.
    Event(Event),
    /// What must survive of a visit: to be stored in the same atomic batch as the events before it.
    Ledger(LedgerChange),
    /// This address belongs to this device (only with [`EngineConfig::links`]: offline evaluation).
    Link {
        /// Pseudonym of the address.
        address: Pseudonym,
        /// Pseudonym of the device; a later link of the same address replaces it.
        device: Pseudonym,
    },
    /// What was heard under this pseudonym is staff or equipment: the shell may remember whose address it is.
    NotAVisitor(Pseudonym),
    /// What was taken in under this ticket ([`crate::observation::Receipt::ticket`]) is recorded, or was before: the
    /// shell need not keep it any longer. Belongs to the same commit as the events before it.
    Settled(u64),
    /// A step of the story of a visit (only with [`EngineConfig::explain`]: offline). Stands before the events that follow
    /// from it.
    Told(Told),
}

/// A change of the visit ledger.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant)]
pub enum LedgerChange {
    /// The visit is now like this.
    Put(VisitRecord),
    /// The visit is over for good.
    Remove(VisitId),
    /// A record of the book of receipts is now like this.
    Keep(BookRecord),
    /// The record of the book with this number is no longer needed.
    Drop(u64),
}

/// What survives of a visit across a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VisitRecord {
    /// The visit.
    pub visit: VisitId,
    /// The site map its places refer to; see [`EngineConfig::map_version`].
    pub map_version: u32,
    /// Its device as it was when the last event was published.
    pub device: Device,
}

/// Settings of the engine.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineConfig {
    /// Privacy mode, stamped on every event; in [`PrivacyMode::Count`] only flow and receipts come out.
    pub privacy_mode: PrivacyMode,
    /// Version of configuration and site map, stamped on every event.
    pub config_version: u32,
    /// Version of the site map alone: state that names places is good for this map only.
    pub map_version: u32,
    /// What a commissioning walk of this very map taught.
    pub survey: Option<Arc<SurveyModel>>,
    /// Learn from what is heard where emissions of each zone are heard, and how strongly.
    pub learn: bool,
    /// Devices followed at once.
    pub max_devices: usize,
    /// A stay of at least this long is a dwell.
    pub dwell_threshold: Span,
    /// Whoever is heard for at least this long is staff or equipment.
    pub staff_presence: Span,
    /// A receipt waits so long for its decision: what is heard just after the sale counts too.
    pub receipt_wait: Span,
    /// Receipts remembered to recognise copies, revisions and refunds.
    pub max_receipts: usize,
    /// How late an observation may come in.
    pub reorder: Span,
    /// Length of a flow interval: whole minutes, a part of an hour.
    pub flow_interval: Span,
    /// Local hours and business days.
    pub calendar: Calendar,
    /// Flow figures of fewer people than this are withheld.
    pub k: u32,
    /// Yield [`Output::Link`].
    pub links: bool,
    /// Yield [`Output::Told`] of this visit.
    pub explain: Option<VisitId>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            privacy_mode: PrivacyMode::Pseudonymous,
            config_version: 0,
            map_version: 0,
            survey: None,
            learn: true,
            max_devices: 32_768,
            dwell_threshold: Span::from_secs(180),
            staff_presence: Span::from_secs(4 * 3600),
            receipt_wait: purchase::WAIT,
            max_receipts: 32_768,
            reorder: Span::from_millis(1000),
            flow_interval: Span::from_secs(300),
            calendar: Calendar::default(),
            k: 10,
            links: false,
            explain: None,
        }
    }
}

/// The engine.
#[derive(Clone, Debug)]
pub struct Engine {
    site: Arc<Site>,
    config: EngineConfig,
    locator: Locator,
    state: EngineState,
    out: VecDeque<Output>,
    /// What an emission settled; here to be used again.
    moved: Vec<Moved>,
}

/// Everything the engine knows, for a snapshot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EngineState {
    map_version: u32,
    /// Everything before this moment is decided.
    decided: Timestamp,
    /// Time of the newest observation that was accepted.
    newest: Option<Timestamp>,
    /// The last observation, if its time leapt ahead and no other has said yet that it is so late.
    doubted: Option<Observation>,
    /// Observations that wait for their turn, by capture time.
    waiting: VecDeque<Observation>,
    emissions: Emissions,
    table: Table,
    families: Families,
    doubts: VecDeque<Doubt>,
    purchases: Purchases,
    members: Members,
    book: Book,
    flow: Flow,
    counts: EngineCounts,
    /// Sensors that are down.
    down: Vec<SensorIx>,
    /// What was learnt of the sensors.
    trims: Trims,
    /// What was learnt of the zones.
    learnt: Learnt,
    /// Emissions that are yet to teach.
    lessons: Lessons,
    /// When it began to hear after a silence, and when it last heard anything.
    hearing: Option<(Timestamp, Timestamp)>,
}

/// A snapshot belongs to another site map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the snapshot was made with site map {snapshot:08x}, the site map now is {now:08x}")]
pub struct MapChanged {
    /// Map of the snapshot.
    pub snapshot: u32,
    /// Map now.
    pub now: u32,
}

impl Engine {
    /// An engine that has heard nothing yet.
    pub fn new(site: Arc<Site>, config: EngineConfig) -> Self {
        let state = EngineState {
            map_version: config.map_version,
            decided: Timestamp::MIN,
            newest: None,
            doubted: None,
            waiting: VecDeque::new(),
            emissions: Emissions::default(),
            table: Table::new(config.max_devices),
            families: Families::default(),
            doubts: VecDeque::new(),
            purchases: Purchases::default(),
            members: Members::default(),
            book: Book::default(),
            flow: Flow::new(&site),
            counts: EngineCounts::default(),
            down: Vec::new(),
            trims: Trims::default(),
            learnt: Learnt::default(),
            lessons: Lessons::default(),
            hearing: None,
        };
        let locator = Locator::new(&site, config.survey.as_deref());
        Self { site, config, locator, state, out: VecDeque::new(), moved: Vec::new() }
    }

    /// An engine that goes on where `state` was taken.
    pub fn restore(site: Arc<Site>, config: EngineConfig, state: EngineState) -> Result<Self, MapChanged> {
        if state.map_version != config.map_version {
            return Err(MapChanged { snapshot: state.map_version, now: config.map_version });
        }
        let mut engine = Self::new(site, config);
        engine.state = state;
        engine.state.table.resume(engine.config.max_devices);
        engine.state.book.reindex();
        engine.locator.adopt(&engine.state.learnt);
        for sensor in &engine.state.down {
            engine.locator.set_sensor(*sensor, false);
        }
        Ok(engine)
    }

    /// Takes up the book of receipts and the visits of a ledger that are newer than what the engine knows. `deaf_until` is when it begins
    /// to hear again: no silence before that is held against a visitor, and a stay is not taken to have gone on through
    /// it, unless it was shorter than a dwell.
    pub fn take_up(&mut self, ledger: Vec<VisitRecord>, book: Vec<BookRecord>, deaf_until: Timestamp) {
        self.state.book.restore(book, self.config.max_receipts);
        let grace = Span::from_secs(300);
        for mut record in ledger {
            if record.map_version != self.config.map_version {
                record.device.forget_places();
            }
            let known = self.state.table.find(record.device.name);
            if let Some(key) = known {
                if self
                    .state
                    .table
                    .get(key)
                    .is_some_and(|d| d.first_heard == record.device.first_heard && d.seq >= record.device.seq)
                {
                    continue;
                }
                self.state.table.remove(key);
            }
            if self.state.table.is_full() {
                self.make_room(deaf_until);
            }
            let d = &mut record.device;
            d.decide_at(d.due().max(deaf_until + grace));
            if deaf_until.since(d.last_heard()) >= self.config.dwell_threshold {
                let seq = d.seq;
                let mut desk = desk!(self, deaf_until);
                visit::lost_sight(d, &mut desk);
                if d.seq != seq {
                    desk.keep(d);
                }
            }
            self.state.table.insert(record.device);
        }
    }

    /// Visits of the ledger that were said to be members'.
    pub fn take_up_links(&mut self, links: impl IntoIterator<Item = (VisitId, MemberToken)>) {
        for (visit, member) in links {
            self.state.members.link(visit, member);
        }
    }

    /// It is `now`: decides everything older than `now - reorder`.
    pub fn advance(&mut self, now: Timestamp) {
        self.believe_until(now);
        self.decide(now - self.config.reorder);
    }

    /// When [`Self::advance`] has something to do even if nothing is observed; maybe a little early.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let step = self.next_step().map(|(at, _)| at);
        let doubted = self.state.doubted.as_ref().map(Observation::at);
        // What happens at a moment is decided once it is over.
        let over = step.into_iter().chain(doubted).min()? + Span::from_micros(1);
        Some(over + self.config.reorder).filter(|at| *at < Timestamp::MAX)
    }

    /// What came out, in order.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Everything the engine knows. Poll first: what came out is not part of it.
    pub fn state(&self) -> &EngineState {
        &self.state
    }

    /// Counters since the engine began.
    pub fn counts(&self) -> EngineCounts {
        self.state.counts
    }

    /// Devices followed now.
    pub fn devices(&self) -> usize {
        self.state.table.len()
    }

    /// Visitors inside now.
    pub fn inside(&self) -> usize {
        self.state.table.iter().filter(|(_, d)| d.is_inside()).count()
    }

    /// Bytes of state for each followed device, the address index and its timer included.
    pub const fn bytes_per_device() -> usize {
        Table::BYTES_PER_DEVICE
    }
}
