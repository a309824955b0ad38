//! What a change of the store is: plans the one atomic batch behind each request.
//!
//! [`State`] holds what would be too slow to read each time: counts, and the ids that are known (17 bytes for
//! each queued or recent event). Planning a change updates the state at once; when the database then refuses
//! the batch, the state is wrong and must be read anew ([`super::scan::scan`]).

use super::db::{Changes, Db, DbError};
use super::error::StoreError;
use super::policy::{Link, Policy};
use super::record::{
    self, CHUNK, CheckpointHead, DeadRecord, Key, Kind, Meta, Pending, QueuedRecord, Recent, Table,
};
use super::types::{ByKind, Checkpoint, Committed, OutboxSeq, StoreOptions, WhenFull};
use crate::privacy::degrade::{is_about_somebody, member_of};
use std::collections::{HashMap, HashSet, VecDeque};
use visit_core::engine::LedgerChange;
use visit_core::event::{Body, Event, EventId, VisitId};
use visit_core::observation::Observation;
use visit_core::purchase::BookEntry;
use visit_core::time::{Span, Timestamp};

/// Largest snapshot.
pub(super) const MAX_SNAPSHOT: usize = 64 << 20;
/// Ids in one record: 16 KB.
const IDS_PER_RECORD: usize = 1_000;
/// Longest reason of a dead letter, bytes.
const MAX_REASON: usize = 500;
/// Chunks of a snapshot written at once.
const CHUNKS_PER_BATCH: usize = 64;

const QUEUED: u8 = 1;
const RECENT: u8 = 2;

/// The store, as far as it is kept in memory.
#[derive(Default)]
pub(super) struct State {
    pub meta: Meta,
    pub head: Option<CheckpointHead>,
    /// Privacy rules of the run that wrote last; of this one once it has begun.
    pub policy: Option<Policy>,
    /// It is to be written with the next batch.
    pub policy_changed: bool,
    pub depth: ByKind,
    /// Bytes of queued keys and values.
    pub bytes: u64,
    pub dead: u64,
    /// Receipts that are not recorded yet.
    pub pending: u64,
    /// The last ticket given away.
    last_ticket: u64,
    /// The oldest queued event and when it was queued.
    pub oldest: Option<(u64, Timestamp)>,
    known: HashMap<EventId, u8>,
    recent: VecDeque<(Key, Vec<EventId>)>,
    recent_ids: usize,
    /// Acknowledged, and still in the database: each batch of sled's is a write of its own, so they leave with
    /// the next batch that is written anyway.
    acked: HashSet<u64>,
    /// No flow event is queued before this sequence.
    no_flow_before: u64,
}

/// What a commit brings.
#[derive(Default)]
pub(super) struct Incoming {
    pub events: Vec<(Timestamp, Event)>,
    pub ledger: Vec<LedgerChange>,
    pub checkpoint: Option<Checkpoint>,
    /// Tickets of what is recorded now.
    pub settled: Vec<u64>,
}

/// An event on its way into the outbox.
struct Arrival {
    seq: u64,
    kind: Kind,
    id: EventId,
    value: Vec<u8>,
    queued_at: Timestamp,
}

impl State {
    /// Ids remembered since the last checkpoint.
    pub(super) fn recent_ids(&self) -> usize {
        self.recent_ids
    }

    /// The newest sequence ever given away.
    pub(super) fn newest(&self) -> Option<OutboxSeq> {
        self.meta.next_seq.checked_sub(1).filter(|seq| *seq > 0).map(OutboxSeq)
    }

    /// Plans a commit. A refusal leaves everything as it was. The snapshot's chunks are written at once: they
    /// count for nothing until the batch that names them is applied.
    pub(super) fn commit(
        &mut self,
        db: &Db,
        incoming: Incoming,
        options: &StoreOptions,
    ) -> Result<(Changes, Committed), StoreError> {
        let Incoming { events, ledger, checkpoint, settled } = incoming;
        if let Some(bytes) = checkpoint.as_ref().map(|c| c.snapshot.len()).filter(|b| *b > MAX_SNAPSHOT) {
            return Err(StoreError::SnapshotTooLarge { bytes, max: MAX_SNAPSHOT });
        }
        let mut told = Committed::default();
        let mut changes = Changes::default();
        let links: Vec<Link> = events.iter().filter_map(|(_, event)| link(event)).collect();
        let (mut arrivals, fresh) = self.arrivals(events, &mut told);
        let need: u64 = arrivals.iter().map(|a| weight(&a.value)).sum();
        if self.bytes + need > options.max_bytes {
            match options.when_full {
                WhenFull::Refuse => {
                    return Err(StoreError::Full { bytes: self.bytes, max_bytes: options.max_bytes });
                }
                WhenFull::DropOldestFlowFirst => {
                    self.make_room(db, &mut arrivals, options.max_bytes, &mut changes, &mut told)?;
                }
            }
        }
        if let Some(last) = arrivals.back() {
            self.meta.next_seq = last.seq + 1;
            told.newest = Some(OutboxSeq(last.seq));
        }
        self.meta.commit += 1;
        for link in links {
            if let Some(value) = record::seal(Kind::Link, &link) {
                changes.put(Key::Link(link.visit).bytes(), value);
            }
        }
        for a in arrivals {
            self.add_queued(a.seq, a.kind, a.id, &a.value, a.queued_at);
            told.queued += 1;
            changes.put(Key::Outbox(a.seq).bytes(), a.value);
        }
        self.plan_ledger(db, ledger, &mut changes, &mut told)?;
        for ticket in settled {
            let key = Key::Pending(ticket).bytes();
            if db.get(&key)?.is_some() {
                self.pending = self.pending.saturating_sub(1);
                changes.remove(key);
            }
        }
        match checkpoint {
            Some(checkpoint) => self.plan_checkpoint(db, &checkpoint, &mut changes)?,
            None => self.plan_recent(&fresh, options.max_recent, &mut changes),
        }
        self.put_meta(&mut changes);
        Ok((changes, told))
    }

    /// Something is committed at `at`; kept to so much.
    pub(super) fn touch(&mut self, at: Timestamp, exactly: Span) {
        if let Some(policy) = &mut self.policy
            && at.since(policy.touched) >= exactly
        {
            policy.touched = at;
            self.policy_changed = true;
        }
    }

    /// Plans to keep what was received until it is recorded, each under a ticket of its own.
    pub(super) fn receive(
        &mut self,
        papers: Vec<Observation>,
        options: &StoreOptions,
    ) -> Result<(Changes, Vec<u64>), StoreError> {
        if self.pending + papers.len() as u64 > options.max_pending {
            return Err(StoreError::TooManyPending { max: options.max_pending });
        }
        let mut changes = Changes::default();
        let mut tickets = Vec::with_capacity(papers.len());
        for paper in papers {
            self.last_ticket += 1;
            let ticket = self.last_ticket;
            // Texts of a receipt are bounded, so it always fits.
            match record::seal(Kind::Pending, &Pending { ticket, paper }) {
                Some(value) => {
                    changes.put(Key::Pending(ticket).bytes(), value);
                    self.pending += 1;
                }
                None => return Err(StoreError::Failed("a receipt is larger than a record may be".into())),
            }
            tickets.push(ticket);
        }
        self.meta.commit += 1;
        self.put_meta(&mut changes);
        Ok((changes, tickets))
    }

    /// Takes note of what is kept until it is recorded.
    pub(super) fn add_pending(&mut self, ticket: u64) {
        self.pending += 1;
        self.last_ticket = self.last_ticket.max(ticket);
    }

    /// These events are no longer queued; others are ignored. They are removed by the next planned batch.
    pub(super) fn acknowledge(&mut self, db: &Db, seqs: &[OutboxSeq]) -> Result<(), DbError> {
        for OutboxSeq(seq) in seqs {
            if self.acked.contains(seq) {
                continue;
            }
            if let Some(value) = db.get(&Key::Outbox(*seq).bytes())? {
                if let Ok((_, r)) = record::read_queued(&value)
                    && is_about_somebody(&r.event)
                {
                    self.removed(r.queued_at);
                }
                self.take_queued(&value);
                self.acked.insert(*seq);
            }
        }
        Ok(())
    }

    /// Whether the event with this sequence was acknowledged and is only not yet removed.
    pub(super) fn is_acknowledged(&self, seq: u64) -> bool {
        self.acked.contains(&seq)
    }

    /// Plans the removal of what was acknowledged.
    pub(super) fn remove_acknowledged(&mut self) -> Changes {
        let mut changes = Changes::default();
        self.put_meta(&mut changes);
        changes
    }

    /// Plans the move of an event to the dead letters; `None` when it is not queued.
    pub(super) fn dead_letter(
        &mut self,
        db: &Db,
        seq: OutboxSeq,
        reason: &str,
        options: &StoreOptions,
    ) -> Result<Option<Changes>, StoreError> {
        let key = Key::Outbox(seq.0).bytes();
        if self.is_acknowledged(seq.0) {
            return Ok(None);
        }
        let Some(value) = db.get(&key)? else { return Ok(None) };
        let mut changes = Changes::default();
        let (_, record) = record::read_queued(&value)
            .map_err(|e| StoreError::Failed(format!("the record of outbox {seq} {e}")))?;
        let mut reason = reason.to_owned();
        reason.truncate(reason.floor_char_boundary(MAX_REASON));
        let QueuedRecord { seq, queued_at, event } = record;
        // An event may fill its record to the brim; without its reason it then still fits.
        let mut dead = DeadRecord { seq, queued_at, reason, event };
        let sealed = record::seal(Kind::Dead, &dead).or_else(|| {
            dead.reason.clear();
            record::seal(Kind::Dead, &dead)
        });
        if let Some(sealed) = sealed {
            changes.put(Key::Dead(seq).bytes(), sealed);
            self.dead += 1;
        }
        self.take_queued(&value);
        changes.remove(key);
        if self.dead > options.max_dead_letters {
            let first = db.scan(&[Table::Dead as u8], &[Table::Dead as u8]).next().transpose()?;
            if let Some((oldest, _)) = first {
                changes.remove(oldest);
                self.dead -= 1;
            }
        }
        self.meta.commit += 1;
        self.put_meta(&mut changes);
        Ok(Some(changes))
    }

    /// To be called after removals: finds the oldest event anew if it was removed.
    pub(super) fn refresh_oldest(&mut self, db: &Db) -> Result<(), DbError> {
        if self.oldest.is_some() {
            return Ok(());
        }
        let prefix = [Table::Outbox as u8];
        for entry in db.scan(&prefix, &prefix) {
            if let Ok((_, record)) = record::read_queued(&entry?.1)
                && !self.is_acknowledged(record.seq)
            {
                self.oldest = Some((record.seq, record.queued_at));
                break;
            }
        }
        Ok(())
    }

    /// Takes note of a queued event.
    pub(super) fn add_queued(&mut self, seq: u64, kind: Kind, id: EventId, value: &[u8], at: Timestamp) {
        *self.depth.of(kind) += 1;
        self.meta.depth = self.depth.total();
        self.bytes += weight(value);
        *self.known.entry(id).or_default() |= QUEUED;
        if self.oldest.is_none_or(|(oldest, _)| seq < oldest) {
            self.oldest = Some((seq, at));
        }
    }

    /// Takes note of ids committed since the last checkpoint.
    pub(super) fn add_recent(&mut self, key: Key, ids: Vec<EventId>) {
        for id in &ids {
            *self.known.entry(*id).or_default() |= RECENT;
        }
        self.recent_ids += ids.len();
        self.recent.push_back((key, ids));
    }

    /// Adds the counters to a batch, and the removals they already count.
    pub(super) fn put_meta(&mut self, changes: &mut Changes) {
        for seq in self.acked.drain() {
            changes.remove(Key::Outbox(seq).bytes());
        }
        // Six integers always fit.
        if let Some(value) = record::seal(Kind::Meta, &self.meta) {
            changes.put(Key::Meta.bytes(), value);
        }
        if let (Some(policy), true) = (&self.policy, self.policy_changed)
            && let Some(value) = record::seal(Kind::Policy, policy)
        {
            changes.put(Key::Policy.bytes(), value);
            self.policy_changed = false;
        }
    }

    /// Seals those events that are new, in order, and lists their ids.
    fn arrivals(
        &self,
        events: Vec<(Timestamp, Event)>,
        told: &mut Committed,
    ) -> (VecDeque<Arrival>, Vec<EventId>) {
        let mut seq = self.meta.next_seq;
        let mut fresh = Vec::new();
        let mut seen = HashSet::new();
        let mut arrivals = VecDeque::with_capacity(events.len());
        for (queued_at, event) in events {
            let (id, kind) = (event.id, Kind::of(&event));
            if self.known.contains_key(&id) || !seen.insert(id) {
                told.skipped_duplicates += 1;
                continue;
            }
            fresh.push(id);
            match record::seal(kind, &QueuedRecord { seq, queued_at, event }) {
                Some(value) => arrivals.push_back(Arrival { seq, kind, id, value, queued_at }),
                None => {
                    tracing::error!("an event is larger than a record may be: dropped");
                    told.oversized += 1;
                }
            }
            seq += 1;
        }
        (arrivals, fresh)
    }

    /// Drops flow events, the oldest first, then others, the oldest first, until the arrivals fit.
    fn make_room(
        &mut self,
        db: &Db,
        arrivals: &mut VecDeque<Arrival>,
        max_bytes: u64,
        changes: &mut Changes,
        told: &mut Committed,
    ) -> Result<(), DbError> {
        let mut need: u64 = arrivals.iter().map(|a| weight(&a.value)).sum();
        let mut gone = self.acked.clone();
        for flow_only in [true, false] {
            let prefix = [Table::Outbox as u8];
            let from = if flow_only { Key::Outbox(self.no_flow_before).bytes() } else { prefix.to_vec() };
            for entry in db.scan(&prefix, &from) {
                if self.bytes + need <= max_bytes {
                    return Ok(());
                }
                let (key, value) = entry?;
                let Some(Key::Outbox(seq)) = Key::parse(&key) else { continue };
                if flow_only {
                    self.no_flow_before = seq + 1;
                }
                let is_flow = record::open(&value).is_ok_and(|(kind, _)| kind == Kind::Flow);
                if (flow_only && !is_flow) || !gone.insert(seq) {
                    continue;
                }
                if let Some(kind) = self.take_queued(&value) {
                    *told.dropped.of(kind) += 1;
                }
                changes.remove(key);
            }
            let mut i = 0;
            while self.bytes + need > max_bytes && i < arrivals.len() {
                if flow_only && arrivals[i].kind != Kind::Flow {
                    i += 1;
                } else if let Some(dropped) = arrivals.remove(i) {
                    need -= weight(&dropped.value);
                    *told.dropped.of(dropped.kind) += 1;
                }
            }
        }
        Ok(())
    }

    fn plan_ledger(
        &mut self,
        db: &Db,
        ledger: Vec<LedgerChange>,
        changes: &mut Changes,
        told: &mut Committed,
    ) -> Result<(), DbError> {
        let mut present: HashMap<VisitId, bool> = HashMap::new();
        for change in ledger {
            let visit = match &change {
                LedgerChange::Put(record) => record.visit,
                LedgerChange::Remove(visit) => *visit,
                LedgerChange::Keep(record) => {
                    let of_nobody = matches!(&record.entry, BookEntry::Receipt(r) if r.buyer.visit.is_none());
                    if of_nobody
                        && self.policy.is_some()
                        && db.get(&Key::Book(record.number).bytes())?.is_some()
                    {
                        // What it said before may be of days ago: out of the file with the next look.
                        self.removed(Timestamp::MIN);
                    }
                    // A record of the book is small: its only text is the name of a store.
                    match record::seal(Kind::Book, record) {
                        Some(value) => changes.put(Key::Book(record.number).bytes(), value),
                        None => told.oversized += 1,
                    }
                    continue;
                }
                LedgerChange::Drop(number) => {
                    changes.remove(Key::Book(*number).bytes());
                    continue;
                }
            };
            let key = Key::Ledger(visit).bytes();
            let was = match present.get(&visit) {
                Some(was) => *was,
                None => db.get(&key)?.is_some(),
            };
            let is = match &change {
                LedgerChange::Put(record) => match record::seal(Kind::Ledger, record) {
                    Some(value) => {
                        changes.put(key, value);
                        true
                    }
                    None => {
                        tracing::error!("the ledger's record of a visit is too large: dropped");
                        told.oversized += 1;
                        was
                    }
                },
                LedgerChange::Remove(_) | LedgerChange::Keep(_) | LedgerChange::Drop(_) => {
                    changes.remove(key);
                    changes.remove(Key::Link(visit).bytes());
                    false
                }
            };
            present.insert(visit, is);
            self.meta.visits = self.meta.visits.saturating_add_signed(i64::from(is) - i64::from(was));
        }
        Ok(())
    }

    /// Writes the chunks, and plans the switch to them. Ids before the checkpoint need no longer be known: a
    /// source is never rewound behind it.
    fn plan_checkpoint(&mut self, db: &Db, new: &Checkpoint, changes: &mut Changes) -> Result<(), DbError> {
        self.meta.generation += 1;
        let generation = self.meta.generation;
        let chunks: Vec<&[u8]> = new.snapshot.chunks(CHUNK).collect();
        for (i, some) in chunks.chunks(CHUNKS_PER_BATCH).enumerate() {
            let mut batch = Changes::default();
            for (j, chunk) in some.iter().enumerate() {
                let key = Key::Chunk { generation, index: (i * CHUNKS_PER_BATCH + j) as u32 };
                batch.put(key.bytes(), record::seal_bytes(Kind::Chunk, chunk));
            }
            db.apply(batch)?;
        }
        let head = CheckpointHead {
            generation,
            position: new.position,
            chunks: chunks.len() as u32,
            length: new.snapshot.len() as u64,
            crc: crc32c::crc32c(&new.snapshot),
        };
        if let Some(value) = record::seal(Kind::CheckpointHead, &head) {
            changes.put(Key::Head.bytes(), value);
        }
        if let Some(old) = self.head.replace(head) {
            for index in 0..old.chunks {
                changes.remove(Key::Chunk { generation: old.generation, index }.bytes());
            }
        }
        while self.forget_recent(changes) {}
        Ok(())
    }

    fn plan_recent(&mut self, fresh: &[EventId], max_recent: usize, changes: &mut Changes) {
        let fresh = if max_recent == 0 { &[] } else { fresh };
        for (part, ids) in fresh.chunks(IDS_PER_RECORD).enumerate() {
            let key = Key::Recent { commit: self.meta.commit, part: part as u32 };
            if let Some(value) = record::seal(Kind::Recent, &Recent { ids: ids.to_vec() }) {
                changes.put(key.bytes(), value);
                self.add_recent(key, ids.to_vec());
            }
        }
        while self.recent_ids > max_recent && self.forget_recent(changes) {}
    }

    /// Forgets the ids remembered longest; says whether there were any.
    pub(super) fn forget_recent(&mut self, changes: &mut Changes) -> bool {
        let Some((key, ids)) = self.recent.pop_front() else { return false };
        changes.remove(key.bytes());
        self.recent_ids -= ids.len();
        for id in ids {
            self.unmark(id, RECENT);
        }
        true
    }

    /// Takes note that the queued event with this value is removed; gives its kind.
    pub(super) fn take_queued(&mut self, value: &[u8]) -> Option<Kind> {
        // What was verified at opening and cannot be read now is not counted as queued any more either, but
        // which counter it stood in is in the bytes that cannot be read: the next opening counts anew.
        let (kind, record) = record::read_queued(value).ok()?;
        *self.depth.of(kind) = self.depth.of(kind).saturating_sub(1);
        self.meta.depth = self.depth.total();
        self.bytes = self.bytes.saturating_sub(weight(value));
        self.unmark(record.event.id, QUEUED);
        if self.oldest.is_some_and(|(seq, _)| seq == record.seq) {
            self.oldest = None;
        }
        Some(kind)
    }

    fn unmark(&mut self, id: EventId, flag: u8) {
        if let Some(flags) = self.known.get_mut(&id) {
            *flags &= !flag;
            if *flags == 0 {
                self.known.remove(&id);
            }
        }
    }
}

/// The link that an event says.
fn link(event: &Event) -> Option<Link> {
    let Body::Visit(v) = &event.body else { return None };
    member_of(&v.fact).map(|member| Link { visit: v.visit, member, device: v.device })
}

/// What a queued event counts against the outbox's limit: value and key.
fn weight(value: &[u8]) -> u64 {
    value.len() as u64 + 9
}
