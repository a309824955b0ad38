//! The engine and what it said since the last commit.

use super::knowledge::KnowledgeFile;
use crate::privacy::Remembered;
use crate::store::{Batch, Checkpoint};
use bincode::Options;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use std::io::{BufReader, BufWriter, Read as _};
use visit_core::engine::{
    Engine, EngineConfig, EngineCounts, EngineState, LedgerChange, Output, Taken, VisitRecord,
};
use visit_core::event::{Event, PrivacyMode, VisitId};
use visit_core::observation::{MemberToken, Observation, Pseudonym};
use visit_core::purchase::BookRecord;
use visit_core::site::Site;
use visit_core::time::Timestamp;

/// Layout of a snapshot; one of another layout is not read.
const SNAPSHOT_VERSION: u8 = 10;
/// A snapshot larger than this is damaged.
const MAX_SNAPSHOT: u64 = 64 << 20;

/// The engine and its uncommitted outputs.
pub struct EngineRoom {
    site: std::sync::Arc<Site>,
    config: EngineConfig,
    engine: Engine,
    events: Vec<Event>,
    ledger: Vec<LedgerChange>,
    settled: Vec<u64>,
    not_visitors: Vec<Pseudonym>,
    /// Business days before this one are forgotten.
    buyers_since: Option<i32>,
    /// Time of the newest observation.
    now: Timestamp,
    /// Where what it has learnt of the place is kept.
    knowledge: Option<KnowledgeFile>,
}

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Made by another version of this program.
    #[error("it has layout {0}, this version reads {SNAPSHOT_VERSION}")]
    Version(u8),
    /// Damaged, or of another version.
    #[error("it does not decode: {0}")]
    Decode(#[from] bincode::Error),
    /// Made with another site map.
    #[error(transparent)]
    Map(#[from] visit_core::engine::MapChanged),
    /// Nothing there.
    #[error("it is empty")]
    Empty,
}

impl EngineRoom {
    /// An engine that has heard nothing yet.
    pub fn new(site: std::sync::Arc<Site>, config: EngineConfig) -> Self {
        let engine = Engine::new(site.clone(), config.clone());
        Self {
            site,
            config,
            engine,
            events: Vec::new(),
            ledger: Vec::new(),
            settled: Vec::new(),
            not_visitors: Vec::new(),
            buyers_since: None,
            now: Timestamp::MIN,
            knowledge: None,
        }
    }

    /// Goes on with what was learnt of the place before, and keeps it from now on.
    pub fn with_knowledge(mut self, file: KnowledgeFile) -> Self {
        file.teach(&mut self.engine);
        self.knowledge = Some(file);
        self
    }

    /// Keeps what was learnt of the place, if it is time; or `now` whatever the time.
    pub fn keep_knowledge(&mut self, now: bool) {
        if let Some(file) = &mut self.knowledge {
            file.keep(&self.engine, now);
        }
    }

    /// Goes on from a snapshot; gives what [`crate::privacy::Privacy`] knew then.
    pub fn restore(&mut self, snapshot: &[u8]) -> Result<Remembered, SnapshotError> {
        let (now, state, remembered) = decode(snapshot)?;
        self.engine = Engine::restore(self.site.clone(), self.config.clone(), state)?;
        self.now = now;
        self.buyers_since = None;
        Ok(remembered)
    }

    /// Everything the engine knows, and what belongs to it. What it said belongs to the same commit.
    pub fn snapshot(&self, remembered: &Remembered) -> Vec<u8> {
        encode(&(self.now, self.engine.state(), remembered))
    }

    /// Receipts that wait for their decision no longer are of this member.
    pub fn forget_member(&mut self, member: MemberToken) {
        self.engine.forget_member(member);
    }

    /// Forgets whose the receipts of business days before `day` are.
    pub fn forget_buyers(&mut self, day: i32) {
        if self.buyers_since.is_none_or(|since| since < day) {
            self.buyers_since = Some(day);
            self.engine.forget_buyers(day);
            self.drain();
        }
    }

    /// Devices that turned out to be no visitors since the last call.
    pub fn take_not_visitors(&mut self) -> Vec<Pseudonym> {
        std::mem::take(&mut self.not_visitors)
    }

    /// Takes up visits of a ledger and the book of receipts; see [`Engine::take_up`].
    pub fn take_up(&mut self, ledger: Vec<VisitRecord>, book: Vec<BookRecord>, deaf_until: Timestamp) {
        self.engine.take_up(ledger, book, deaf_until);
        self.buyers_since = None;
        self.drain();
    }

    /// Visits of the ledger that were said to be members'.
    pub fn take_up_links(&mut self, links: impl Iterator<Item = (VisitId, MemberToken)>) {
        self.engine.take_up_links(links);
    }

    /// Takes an observation in; time moves on with it, if the engine believes it.
    pub fn observe(&mut self, observation: Observation) {
        let at = observation.at();
        if self.engine.observe(observation) == Taken::Accepted {
            self.advance(at);
        }
    }

    /// It is `now` for the source.
    pub fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        self.engine.advance(self.now);
        self.drain();
    }

    /// When the engine has something to decide even if nothing is heard.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.engine.next_deadline()
    }

    /// Nothing more will be heard: decides everything that was waited for.
    pub fn run_out(&mut self) {
        while let Some(at) = self.engine.next_deadline() {
            self.advance(at);
        }
    }

    /// Events that wait to be committed.
    pub fn events(&self) -> usize {
        self.events.len()
    }

    /// Nothing was said since the last batch.
    pub fn has_nothing_to_commit(&self) -> bool {
        self.events.is_empty() && self.ledger.is_empty() && self.settled.is_empty()
    }

    /// What was said since the last batch, to be queued at wall time `at`; `None` when there is nothing to commit.
    pub fn take_batch(&mut self, at: Timestamp, checkpoint: Option<Checkpoint>) -> Option<Batch> {
        if self.has_nothing_to_commit() && checkpoint.is_none() {
            return None;
        }
        // In count mode nothing about single visitors may rest on a disk, the engine's state included.
        let checkpoint = checkpoint.filter(|_| self.config.privacy_mode != PrivacyMode::Count);
        Some(Batch {
            events: std::mem::take(&mut self.events),
            ledger: std::mem::take(&mut self.ledger),
            checkpoint,
            settled: std::mem::take(&mut self.settled),
            at,
        })
    }

    /// The time of what was heard last, or of the last [`Self::advance`]; nothing before either.
    pub fn now(&self) -> Option<Timestamp> {
        Some(self.now).filter(|now| *now > Timestamp::MIN)
    }

    /// Counters of the engine.
    pub fn counts(&self) -> EngineCounts {
        self.engine.counts()
    }

    /// Devices followed now.
    pub fn devices(&self) -> usize {
        self.engine.devices()
    }

    fn drain(&mut self) {
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Event(event) => self.events.push(event),
                Output::Ledger(change) => self.ledger.push(change),
                Output::Settled(ticket) => self.settled.push(ticket),
                Output::NotAVisitor(device) => self.not_visitors.push(device),
                // Offline only.
                Output::Link { .. } | Output::Told(_) => {}
            }
        }
    }
}

/// A snapshot out of which somebody was taken.
pub(crate) struct Without {
    pub snapshot: Vec<u8>,
    /// The devices of the visits that were followed in it.
    pub found: Vec<Pseudonym>,
}

/// A snapshot without these visits and members, and the pseudonyms of the visits that were followed; `None` when there
/// was nothing of them in it.
pub(crate) fn forget_in_snapshot(
    snapshot: &[u8],
    site: &str,
    visits: &[VisitId],
    member: Option<MemberToken>,
    refuse: &mut dyn FnMut(Remembered, &[Pseudonym]) -> Remembered,
) -> Result<Option<Without>, SnapshotError> {
    let (now, mut state, remembered) = decode(snapshot)?;
    // Not the bytes that were read: tables are written in an order of their own each time they are read.
    let before = encode(&(now, &state, &remembered));
    let mut changes = Vec::new();
    let found: Vec<_> =
        visits.iter().filter_map(|visit| state.forget_visit(site, *visit, &mut changes)).collect();
    if let Some(member) = member {
        state.forget_member(member);
    }
    let remembered = refuse(remembered, &found);
    let bytes = encode(&(now, state, remembered));
    Ok((bytes != before).then_some(Without { snapshot: bytes, found }))
}

fn decode(snapshot: &[u8]) -> Result<(Timestamp, EngineState, Remembered), SnapshotError> {
    let (version, bytes) = snapshot.split_first().ok_or(SnapshotError::Empty)?;
    if *version != SNAPSHOT_VERSION {
        return Err(SnapshotError::Version(*version));
    }
    let reader = BufReader::with_capacity(BUFFER, DeflateDecoder::new(bytes));
    // Never more is read than a snapshot can have, whatever the bytes claim to hold.
    Ok(layout().deserialize_from(reader.take(MAX_SNAPSHOT))?)
}

/// Packed: it is mostly zeros and small numbers, and every byte of it wears the card.
fn encode(all: &impl serde::Serialize) -> Vec<u8> {
    let packer = DeflateEncoder::new(vec![SNAPSHOT_VERSION], Compression::fast());
    let mut writer = BufWriter::with_capacity(BUFFER, packer);
    layout().serialize_into(&mut writer, all).expect("plain data always encodes into memory");
    let packer = writer.into_inner().expect("memory takes everything");
    packer.finish().expect("memory takes everything")
}

/// Fields are small, and a packer wants more at once.
const BUFFER: usize = 32 << 10;

fn layout() -> impl Options {
    bincode::DefaultOptions::new().with_fixint_encoding().with_limit(MAX_SNAPSHOT)
}
