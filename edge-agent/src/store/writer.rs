//! The thread that owns the database: one request after the other.
//!
//! After any error the database is dropped and opened anew, because sled's errors are sticky; what it then
//! holds is the truth, and acknowledgements it lost are made again. A panic in here is treated likewise. When
//! the disk is full the ballast is given up, so that removals have room; commits are refused until the ballast
//! is back, or until enough was acknowledged that room inside the file can be expected.

use super::db::{Changes, Db, DbError};
use super::error::{OpenError, StoreError};
use super::folder::Folder;
use super::highwater::HighWaterFile;
use super::policy::{Forget, Forgotten};
use super::record::{self, Table};
use super::recover::{self, Opened};
use super::scan;
use super::state::{Incoming, State};
use super::types::{Batch, Committed, OutboxSeq, Queued, Stats, StoreOptions};
use crate::supervise::Beat;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot, watch};
use visit_core::observation::Observation;
use visit_core::time::{Span, Timestamp};

mod upkeep;

/// Acknowledgements that may be lost in a power cut before they get a durable batch of their own.
const MAX_UNFLUSHED: usize = 1_024;
/// On a full disk a commit is tried after so many acknowledgements.
const ACKS_THAT_MAKE_ROOM: usize = 64;
/// Commits between two attempts to rebuild, when one failed.
const REBUILD_PAUSE: u64 = 10_000;
/// Entries copied at once by a rebuild.
const COPY: usize = 256;
/// Most events read at once.
const MAX_READ: usize = 4_096;

pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// A request.
pub(super) enum Command {
    Commit(Box<Batch>, Reply<Committed>),
    Receive(Vec<Observation>, Reply<Vec<u64>>),
    Read {
        after: Option<OutboxSeq>,
        limit: usize,
        reply: Reply<Vec<Queued>>,
    },
    Acknowledge(Vec<OutboxSeq>, Reply<()>),
    DeadLetter {
        seq: OutboxSeq,
        reason: String,
        reply: Reply<()>,
    },
    LookAfter(Timestamp, Reply<()>),
    Forget(Box<Forget>, Reply<Forgotten>),
    /// Nothing: it shows that the thread answers.
    Nudge,
    Close(Reply<()>),
}

/// The database and what is known about it.
struct Open {
    db: Db,
    state: State,
}

pub(super) struct Writer {
    folder: Folder,
    number: u64,
    /// `None` while the database does not open.
    open: Option<Open>,
    high_water: HighWaterFile,
    first_seq: OutboxSeq,
    options: StoreOptions,
    unflushed: Vec<OutboxSeq>,
    /// Number of the last batch that was durable.
    durable: u64,
    low_space: bool,
    acked_since_full: usize,
    no_rebuild_before: u64,
    /// When it was last looked for what may no longer be kept.
    looked: Option<Timestamp>,
    /// The file is to be written anew at the next look.
    scrub_is_due: bool,
    newest: watch::Sender<Option<u64>>,
    stats: Stats,
    shared: Arc<Mutex<Stats>>,
    beat: Beat,
}

impl Writer {
    pub(super) fn new(
        opened: Opened,
        options: StoreOptions,
        newest: watch::Sender<Option<u64>>,
        shared: Arc<Mutex<Stats>>,
        beat: Beat,
    ) -> Self {
        let Opened { folder, number, db, state, high_water, first_seq } = opened;
        let low_space = !folder.has_ballast(options.ballast_bytes);
        let state_commit = state.meta.commit;
        let mut writer = Self {
            folder,
            number,
            open: Some(Open { db, state }),
            high_water,
            first_seq,
            durable: state_commit,
            options,
            unflushed: Vec::new(),
            low_space,
            // A disk that was full before we came may have room inside the file: one commit finds out.
            acked_since_full: ACKS_THAT_MAKE_ROOM,
            no_rebuild_before: 0,
            looked: None,
            scrub_is_due: false,
            newest,
            stats: Stats::default(),
            shared,
            beat,
        };
        writer.tell();
        writer
    }

    /// Serves requests until told to close, or until nobody is left to ask.
    pub(super) fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        while let Some(command) = inbox.blocking_recv() {
            // An answer nobody waits for any more is dropped: the caller gave up, the deed is done.
            match command {
                Command::Commit(batch, reply) => {
                    let result = self.find_room().and_then(|()| self.attempt(|w| w.commit(*batch)));
                    self.tell();
                    let _ = reply.send(result);
                }
                Command::Receive(papers, reply) => {
                    let result = self.find_room().and_then(|()| self.attempt(|w| w.receive(papers)));
                    self.tell();
                    let _ = reply.send(result);
                }
                Command::Read { after, limit, reply } => {
                    let result = self.attempt(|w| w.read(after, limit));
                    self.tell();
                    let _ = reply.send(result);
                }
                Command::Acknowledge(seqs, reply) => {
                    let result = self.attempt(|w| w.acknowledge(&seqs));
                    self.tell();
                    let _ = reply.send(result);
                }
                Command::DeadLetter { seq, reason, reply } => {
                    let result = self.attempt(|w| w.dead_letter(seq, &reason));
                    self.tell();
                    let _ = reply.send(result);
                }
                Command::LookAfter(now, reply) => {
                    let result = self.look_after(now);
                    self.tell();
                    let _ = reply.send(result);
                }
                Command::Forget(who, reply) => {
                    let result = self.attempt(|w| w.forget(*who));
                    self.tell();
                    let _ = reply.send(result);
                }
                Command::Nudge => {}
                Command::Close(reply) => {
                    let result = self.close();
                    // The folder is free before the caller hears of it.
                    drop(self);
                    let _ = reply.send(result);
                    return;
                }
            }
            if inbox.is_empty() {
                self.rebuild_if_worth_it();
            }
            self.beat.turn();
        }
        if let Err(e) = self.close() {
            tracing::error!("the store did not close cleanly: {e}");
        }
    }

    /// Does something with the database; opens it anew when it fails.
    fn attempt<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.open.is_none() {
            self.reopen()?;
        }
        let result = catch_unwind(AssertUnwindSafe(|| f(self)))
            .unwrap_or_else(|_| Err(StoreError::Failed("a defect in the store; see the log".into())));
        if let Err(e @ (StoreError::NoSpace | StoreError::Failed(_))) = &result {
            tracing::error!("the store failed and is opened anew: {e}");
            self.open = None;
            if *e == StoreError::NoSpace {
                self.disk_is_full();
            }
            if let Err(e) = self.reopen() {
                tracing::error!("the store does not open, the next request tries again: {e}");
            }
        }
        result
    }

    /// On a disk that was full: whether a commit is worth a try.
    fn find_room(&mut self) -> Result<(), StoreError> {
        if !self.low_space {
            return Ok(());
        }
        if self.folder.lay_ballast(self.options.ballast_bytes) {
            tracing::info!("there is space again for the store");
            self.low_space = false;
            return Ok(());
        }
        if self.acked_since_full >= ACKS_THAT_MAKE_ROOM { Ok(()) } else { Err(StoreError::NoSpace) }
    }

    fn disk_is_full(&mut self) {
        self.folder.drop_ballast();
        self.low_space = true;
        self.acked_since_full = 0;
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        let path = self.folder.live(self.number);
        let result = Db::open(&path).and_then(|db| {
            let scan = scan::scan(&db)?;
            let mut state = scan.state;
            let known = state.meta.commit;
            if known < self.durable {
                return Err(DbError::Damaged(format!(
                    "it ends with batch {known}, but batch {} was durable; a restart repairs it",
                    self.durable
                )));
            }
            if let Some(fault) = scan.faults.first() {
                return Err(DbError::Damaged(format!("{} {}", fault.key, fault.reason)));
            }
            state.acknowledge(&db, &self.unflushed)?;
            state.refresh_oldest(&db)?;
            tracing::info!("the store is open again at batch {known}");
            Ok(Open { db, state })
        });
        match result {
            Ok(open) => {
                self.open = Some(open);
                self.stats.reopened += 1;
                Ok(())
            }
            Err(e) => {
                if matches!(e, DbError::NoSpace) {
                    self.disk_is_full();
                }
                Err(e.into())
            }
        }
    }

    fn commit(&mut self, batch: Batch) -> Result<Committed, StoreError> {
        let Batch { events, ledger, checkpoint, settled, at } = batch;
        let events = events.into_iter().map(|e| (at, e)).collect();
        let Some(Open { db, state }) = &mut self.open else { return Err(StoreError::Closed) };
        if !(ledger.is_empty() && settled.is_empty()) || checkpoint.is_some() {
            // What these replace stays in the file for a while.
            state.removed(at);
        }
        state.touch(at, TOUCH);
        let incoming = Incoming { events, ledger, checkpoint, settled };
        let (changes, told) = state.commit(db, incoming, &self.options)?;
        self.finish(changes)?;
        self.stats.committed += told.queued;
        self.stats.skipped_duplicates += told.skipped_duplicates;
        self.stats.dropped.add(told.dropped);
        self.stats.oversized += told.oversized;
        Ok(told)
    }

    fn receive(&mut self, papers: Vec<Observation>) -> Result<Vec<u64>, StoreError> {
        let Some(Open { state, .. }) = &mut self.open else { return Err(StoreError::Closed) };
        let (changes, tickets) = state.receive(papers, &self.options)?;
        self.finish(changes)?;
        Ok(tickets)
    }

    fn read(&mut self, after: Option<OutboxSeq>, limit: usize) -> Result<Vec<Queued>, StoreError> {
        let Some(Open { db, state }) = &self.open else { return Err(StoreError::Closed) };
        let from = record::Key::Outbox(after.map_or(0, |s| s.0.saturating_add(1))).bytes();
        let mut events = Vec::new();
        if after == Some(OutboxSeq(u64::MAX)) {
            return Ok(events);
        }
        for entry in db.scan(&[Table::Outbox as u8], &from) {
            if events.len() >= limit.min(MAX_READ) {
                break;
            }
            let (key, value) = entry?;
            match record::read_queued(&value) {
                Ok((_, r)) if state.is_acknowledged(r.seq) => {}
                Ok((_, r)) => events.push(Queued {
                    seq: OutboxSeq(r.seq),
                    queued_at: r.queued_at,
                    event: r.event,
                    recovered: OutboxSeq(r.seq) < self.first_seq,
                }),
                Err(e) => {
                    // It stays where it is: the next opening salvages and tells.
                    self.stats.unreadable += 1;
                    let key = record::Key::parse(&key).map_or_else(String::new, |k| k.to_string());
                    tracing::error!("{key} {e}");
                }
            }
        }
        Ok(events)
    }

    fn acknowledge(&mut self, seqs: &[OutboxSeq]) -> Result<(), StoreError> {
        // First of all: what the broker has must not come back when the database fails just now.
        self.acked_since_full = self.acked_since_full.saturating_add(seqs.len());
        self.unflushed.extend_from_slice(seqs);
        let Some(Open { db, state }) = &mut self.open else { return Err(StoreError::Closed) };
        state.acknowledge(db, seqs)?;
        state.refresh_oldest(db)?;
        if self.unflushed.len() >= MAX_UNFLUSHED { self.remove_acknowledged() } else { Ok(()) }
    }

    fn remove_acknowledged(&mut self) -> Result<(), StoreError> {
        match &mut self.open {
            Some(Open { state, .. }) if !self.unflushed.is_empty() => {
                let changes = state.remove_acknowledged();
                self.finish(changes)
            }
            _ => Ok(()),
        }
    }

    fn dead_letter(&mut self, seq: OutboxSeq, reason: &str) -> Result<(), StoreError> {
        let Some(Open { db, state }) = &mut self.open else { return Err(StoreError::Closed) };
        let Some(changes) = state.dead_letter(db, seq, reason, &self.options)? else { return Ok(()) };
        self.finish(changes)?;
        self.stats.dead_lettered += 1;
        Ok(())
    }

    /// Applies a batch, makes it durable, raises the mark.
    fn finish(&mut self, changes: Changes) -> Result<(), StoreError> {
        let Some(Open { db, state }) = &mut self.open else { return Err(StoreError::Closed) };
        let bytes = changes.bytes();
        db.apply(changes)?;
        db.make_durable()?;
        state.refresh_oldest(db)?;
        self.unflushed.clear();
        self.durable = state.meta.commit;
        self.stats.bytes_written += bytes;
        if let Err(e) = self.high_water.write(recover::mark_of(&state.meta)) {
            // The batch is durable; only the proof of it is missing.
            tracing::warn!("cannot write the high-water mark: {e}");
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.remove_acknowledged()?;
        let Some(Open { db, .. }) = self.open.take() else { return Ok(()) };
        db.close()?;
        self.high_water.sync()?;
        Ok(())
    }

    /// Publishes what handles show.
    fn tell(&mut self) {
        if let Some(Open { db, state }) = &self.open {
            let s = &mut self.stats;
            s.depth = state.depth;
            s.bytes = state.bytes;
            s.oldest_queued_at = state.oldest.map(|(_, at)| at);
            s.visits = state.meta.visits;
            s.recent = state.recent_ids() as u64;
            s.dead_letters = state.dead;
            s.pending = state.pending;
            s.file_bytes = db.file_bytes();
            let newest = state.newest().map(|seq| seq.0);
            self.newest.send_if_modified(|known| std::mem::replace(known, newest) != newest);
        }
        self.stats.low_space = self.low_space;
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = self.stats.clone();
    }

    /// Gives space back after a drained backlog: copies what is left into a new folder and goes on with that.
    fn rebuild_if_worth_it(&mut self) {
        let Some(Open { db, state }) = &self.open else { return };
        let (file, used) = (db.file_bytes(), state.bytes + snapshot_bytes(state));
        if file <= self.options.rebuild_above || used > file / 4 || state.meta.commit < self.no_rebuild_before
        {
            return;
        }
        self.rebuild();
    }

    /// Writes the database anew; where that fails it stays as it is.
    fn rebuild(&mut self) {
        let Some(Open { db, state }) = &self.open else { return };
        let file = db.file_bytes();
        let next = self.number + 1;
        let commit = state.meta.commit;
        let beat = self.beat.clone();
        if let Err(e) = self.attempt(Self::remove_acknowledged) {
            tracing::warn!("the store cannot be rebuilt now: {e}");
            return;
        }
        let Some(Open { db, .. }) = &self.open else { return };
        let built = recover::build(&self.folder, next, |target| {
            let copied = copy(db, target, &beat).and_then(|()| scan::scan(target));
            let scan = copied.map_err(|e| OpenError::db(target.path(), e))?;
            match scan.faults.first() {
                None => Ok(scan.state),
                Some(fault) => Err(OpenError::Database {
                    path: target.path().to_owned(),
                    reason: format!("the copy does not verify: {} {}", fault.key, fault.reason),
                }),
            }
        });
        if let Err(e) = &built {
            tracing::warn!("the store could not be rebuilt to give space back: {e}");
            self.no_rebuild_before = commit + REBUILD_PAUSE;
            if !self.folder.live(next).exists() {
                let _ = std::fs::remove_dir_all(self.folder.building(next));
                return;
            }
        }
        // Once it is in its place the copy is the store, whatever else failed: it is complete and verified, and
        // the next start would choose it.
        self.number = next;
        self.unflushed.clear();
        self.open = built.ok().map(|(db, state)| Open { db, state });
        if let Some(Open { db, .. }) = &self.open {
            tracing::info!("the store was rebuilt: {file} bytes became {}", db.file_bytes());
            self.stats.rebuilt += 1;
        }
        if let Err(e) = self.folder.tidy(0) {
            tracing::warn!("cannot remove what the rebuilt store left behind: {e}");
        }
        self.tell();
    }
}

/// How exactly the store knows when something was committed last.
const TOUCH: Span = Span::from_secs(600);

/// Bytes of the snapshot in the database.
fn snapshot_bytes(state: &State) -> u64 {
    state.head.map_or(0, |head| head.length)
}

/// Copies all entries.
fn copy(from: &Db, to: &Db, beat: &Beat) -> Result<(), DbError> {
    let mut changes = Changes::default();
    for (i, entry) in from.scan(&[], &[]).enumerate() {
        let (key, value) = entry?;
        changes.put(key, value);
        if i % COPY == COPY - 1 {
            to.apply(std::mem::take(&mut changes))?;
            beat.turn();
        }
    }
    to.apply(changes)
}
