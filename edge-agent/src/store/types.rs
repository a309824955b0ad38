//! What goes into the store and comes out of it.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use visit_core::engine::{LedgerChange, VisitRecord};
use visit_core::event::Event;
use visit_core::observation::Observation;
use visit_core::purchase::BookRecord;
use visit_core::time::Timestamp;

use super::policy::{Link, PrivacyRules};
use super::record::Kind;

/// Place of an event in the outbox. Only increases, with gaps; the first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OutboxSeq(pub u64);

impl std::fmt::Display for OutboxSeq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What an outbox does when [`StoreOptions::max_bytes`] is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// Drops the oldest flow events (queued before new ones); when there is none left, the oldest others.
    #[default]
    DropOldestFlowFirst,
    /// Refuses the batch with [`StoreError::Full`](super::StoreError::Full).
    Refuse,
}

/// How to open a store.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The wall clock now: names a quarantine folder, should one be needed.
    pub now: Timestamp,
    /// Most bytes of events to queue, keys and envelopes included.
    pub max_bytes: u64,
    /// What then.
    pub when_full: WhenFull,
    /// Bytes kept in reserve on the disk, so that removals work when it is full.
    pub ballast_bytes: u64,
    /// Most ids to remember since the last checkpoint; beyond, the oldest are forgotten. 17 bytes each in
    /// memory and on the disk. Beyond it a rewound source sends events again, under the same ids; 0 where none can rewind.
    pub max_recent: usize,
    /// Most receipts that may wait to be recorded; beyond, [`StoreError::TooManyPending`](super::StoreError). They
    /// wait for a minute or so: this is a bound for what no till does.
    pub max_pending: u64,
    /// Most dead letters to keep; beyond, the oldest are deleted.
    pub max_dead_letters: u64,
    /// What may be kept of people, and for how long; nothing where nobody is asked (tools).
    pub privacy: Option<PrivacyRules>,
    /// A file larger than this is rebuilt once less than a quarter of it is in use. Bytes.
    pub rebuild_above: u64,
}

impl StoreOptions {
    /// The usual settings.
    pub fn new(now: Timestamp) -> Self {
        Self {
            now,
            max_bytes: 128 << 20,
            when_full: WhenFull::default(),
            ballast_bytes: 1 << 20,
            max_recent: 65_536,
            max_pending: 65_536,
            max_dead_letters: 256,
            privacy: None,
            rebuild_above: 64 << 20,
        }
    }
}

/// What belongs together: stored as one, or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Facts to publish, in order.
    pub events: Vec<Event>,
    /// Changes of the visit ledger, in order.
    pub ledger: Vec<LedgerChange>,
    /// Replaces the former checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// Tickets of what was received ([`Store::receive`](super::Store::receive)) and is recorded with these events.
    pub settled: Vec<u64>,
    /// When the events are queued.
    pub at: Timestamp,
}

/// The engine at one position of a source that can rewind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The engine, opaque here. At most 64 MiB.
    pub snapshot: Vec<u8>,
    /// Position of the source.
    pub position: u64,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The newest sequence it took; `None` when nothing was queued.
    pub newest: Option<OutboxSeq>,
    /// Events queued.
    pub queued: u64,
    /// Events not queued, because their id was known.
    pub skipped_duplicates: u64,
    /// Events dropped to make room: older ones, or of this batch.
    pub dropped: ByKind,
    /// Events and ledger records of this batch that are larger than a record may be, and were dropped.
    pub oversized: u64,
}

/// A number for each kind of event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByKind {
    /// `visit.*`
    pub visit: u64,
    /// `receipt.recorded`
    pub receipt: u64,
    /// `flow.interval`
    pub flow: u64,
    /// `privacy.*`
    pub privacy: u64,
}

impl ByKind {
    /// All together.
    pub fn total(self) -> u64 {
        self.visit + self.receipt + self.flow + self.privacy
    }

    /// With the names used in metrics.
    pub fn named(self) -> [(&'static str, u64); 4] {
        [("visit", self.visit), ("receipt", self.receipt), ("flow", self.flow), ("privacy", self.privacy)]
    }

    pub(super) fn of(&mut self, kind: Kind) -> &mut u64 {
        match kind {
            Kind::Receipt => &mut self.receipt,
            Kind::Flow => &mut self.flow,
            Kind::Notice => &mut self.privacy,
            _ => &mut self.visit,
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.visit += other.visit;
        self.receipt += other.receipt;
        self.flow += other.flow;
        self.privacy += other.privacy;
    }
}

/// What was found at opening.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovered {
    /// The last checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// All visits in the ledger, by id.
    pub ledger: Vec<VisitRecord>,
    /// The book of receipts.
    pub book: Vec<BookRecord>,
    /// What was received and not recorded, with its ticket, in the order it came.
    pub pending: Vec<(u64, Observation)>,
    /// Visits that were said to be a member's.
    pub links: Vec<Link>,
    /// Number of this session: one more than the last.
    pub session: u64,
    /// Events queued.
    pub outbox_depth: u64,
    /// The store was damaged, and this became of it.
    pub quarantined: Option<Quarantined>,
}

/// A store that could not be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Where it is now.
    pub path: PathBuf,
    /// What was wrong with it.
    pub reason: String,
    /// Records salvaged from it (events, visits of the ledger, the checkpoint).
    pub salvaged: u64,
    /// Of these, events read out of the damaged file itself. Some of them may have been published already:
    /// they go out again under the same ids.
    pub carved: u64,
    /// The ledger was not salvaged, because it may be older than events already published.
    pub ledger_lost: bool,
}

/// A queued event.
#[derive(Clone, Debug, PartialEq)]
pub struct Queued {
    /// Its place.
    pub seq: OutboxSeq,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// The event.
    pub event: Event,
    /// It was queued by an earlier session.
    pub recovered: bool,
}

/// How the store is. Counters begin at zero with each session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events queued.
    pub depth: ByKind,
    /// Their bytes.
    pub bytes: u64,
    /// When the oldest of them was queued.
    pub oldest_queued_at: Option<Timestamp>,
    /// Visits in the ledger.
    pub visits: u64,
    /// Ids remembered since the last checkpoint.
    pub recent: u64,
    /// Dead letters kept.
    pub dead_letters: u64,
    /// Receipts that are durable and not recorded yet.
    pub pending: u64,
    /// Size of the database file, bytes.
    pub file_bytes: u64,
    /// The disk is, or was lately, full: the ballast is not in place.
    pub low_space: bool,
    /// Events queued, since opening.
    pub committed: u64,
    /// Events skipped because their id was known, since opening.
    pub skipped_duplicates: u64,
    /// Events dropped to make room, since opening.
    pub dropped: ByKind,
    /// Events and ledger records dropped because they are too large, since opening.
    pub oversized: u64,
    /// Events moved to the dead letters, since opening.
    pub dead_lettered: u64,
    /// Facts that were taken out, or lost whose they are, under the privacy rules, since opening.
    pub degraded: u64,
    /// Queued records that could not be read when they were to be published, since opening.
    pub unreadable: u64,
    /// Bytes of keys and values handed to the database, since opening. The device sees several times that.
    pub bytes_written: u64,
    /// Times the database was opened anew after an error.
    pub reopened: u64,
    /// Times the database was rebuilt to give space back.
    pub rebuilt: u64,
}
