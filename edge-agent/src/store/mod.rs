//! The durable store: the outbox, the visit ledger, the book of receipts, receipts that are not recorded yet, and the
//! engine's checkpoint, in one database.
//!
//! Events are committed together with what must survive of their visits, in one atomic batch that is on the
//! device when [`Store::commit`] returns; only then may they be published. The publisher reads the outbox in
//! order of [`OutboxSeq`], and acknowledges what the broker took. An event whose id is known (it is queued, or
//! was committed since the last checkpoint) is recognised and not queued again, so that a source may be rewound
//! to the checkpoint and nothing is published twice.
//!
//! Sequences only increase, across restarts and repairs too; they have gaps. Acknowledging is idempotent. It
//! leaves the database with the next commit (or after 1,024 of them, or at close), because each batch of its own
//! costs the device some 10 KB: an acknowledgement lost in a crash means one more resend under the same id.
//!
//! What goes wrong, and what then happens:
//!
//! | what | then |
//! |------|------|
//! | power cut, `kill -9` | all that was committed is there |
//! | the database does not open, or does not verify | moved to `quarantine-<seconds>/`, the readable records salvaged into a fresh one, told in [`Recovered::quarantined`] |
//! | opening dies three times in a row (out of memory, watchdog) | likewise, without opening it again |
//! | the outbox is full | [`WhenFull`] |
//! | the disk is full | [`StoreError::NoSpace`]; the ballast is given up so that acknowledgements go on; commits go on when there is room |
//! | the database failed at run time | it is opened anew; the caller got the error and may repeat |
//! | a backlog was drained and the file stays large | rebuilt into a new folder when idle |
//! | what waits is older than the privacy rules allow, or of another mode | degraded to numbers, which an event tells; the file is rebuilt without it |
//!
//! One thread owns the database; [`Store`] is a handle to it. Layout: `record.rs` owns the bytes of a record,
//! `folder.rs` the files and folders, `db.rs` is the only user of sled, `state.rs` says what a change of the
//! store is, `writer.rs` is the thread, `recover.rs` opens and repairs, `inspect.rs` reads without touching.

mod db;
mod error;
mod folder;
mod highwater;
pub mod inspect;
mod policy;
mod purge;
mod record;
mod recover;
mod salvage;
mod scan;
mod state;
mod types;
mod writer;

pub use error::{OpenError, StoreError};
pub use policy::{Forget, Forgotten, Link, PrivacyRules};
pub use types::{
    Batch, ByKind, Checkpoint, Committed, OutboxSeq, Quarantined, Queued, Recovered, Stats, StoreOptions,
    WhenFull,
};

use crate::supervise::Beat;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot, watch};
use visit_core::observation::Observation;
use visit_core::purchase::BookEntry;
use visit_core::time::Timestamp;
use writer::{Command, Reply};

/// How many requests may wait for the thread before callers wait in turn.
const QUEUE: usize = 64;

/// A handle to the store. The store closes when the last handle is gone, or by [`Store::close`].
#[derive(Clone)]
pub struct Store {
    commands: mpsc::Sender<Command>,
    newest: watch::Receiver<Option<u64>>,
    stats: Arc<Mutex<Stats>>,
    beat: Beat,
}

impl Store {
    /// Opens the store in the folder `dir`, creating it where there is none, verifies every record, repairs
    /// what must be repaired and begins a new session. Blocks: seconds for a large backlog.
    pub fn open(dir: &Path, options: &StoreOptions) -> Result<(Self, Recovered), OpenError> {
        let (opened, mut recovered) = recover::open(dir, options)?;
        let (commands, inbox) = mpsc::channel(QUEUE);
        let (newest_sender, newest) = watch::channel(None);
        let stats = Arc::new(Mutex::new(Stats::default()));
        let beat = Beat::default();
        let mut writer =
            writer::Writer::new(opened, options.clone(), newest_sender, Arc::clone(&stats), beat.clone());
        // Once more on a disk that was full: the ballast has made room then.
        let begun =
            writer.begin().or_else(|e| if e == StoreError::NoSpace { writer.begin() } else { Err(e) });
        let begun = begun.map_err(|e| match e {
            StoreError::NoSpace => OpenError::NoSpace { path: dir.to_owned() },
            e => OpenError::Database { path: dir.to_owned(), reason: e.to_string() },
        })?;
        if begun.visits_forgotten {
            (recovered.checkpoint, recovered.ledger, recovered.links) = (None, Vec::new(), Vec::new());
            for record in &mut recovered.book {
                if let BookEntry::Receipt(receipt) = &mut record.entry {
                    receipt.forget_buyer();
                }
            }
        }
        if begun.members_forgotten {
            for (_, paper) in &mut recovered.pending {
                crate::privacy::degrade::forget_members(paper, &|_| true);
            }
        }
        recovered.outbox_depth = stats.lock().unwrap_or_else(PoisonError::into_inner).depth.total();
        std::thread::Builder::new()
            .name("store".into())
            .spawn(move || writer.run(inbox))
            .map_err(|e| OpenError::io("cannot start a thread for", dir, e))?;
        Ok((Self { commands, newest, stats, beat }, recovered))
    }

    /// Commits a batch: all of it or nothing, and on the device when this returns. Events whose id is known
    /// are skipped and counted. After an error nothing of it is there, and the same batch may be tried again.
    pub async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        self.ask(|reply| Command::Commit(Box::new(batch), reply)).await
    }

    /// Keeps what was received until a batch says that it is recorded ([`Batch::settled`]); gives a ticket for each,
    /// which only increase. On the device when this returns: the sender may be told.
    pub async fn receive(&self, papers: Vec<Observation>) -> Result<Vec<u64>, StoreError> {
        self.ask(|reply| Command::Receive(papers, reply)).await
    }

    /// The first `limit` queued events after `after`, ascending.
    pub async fn read_outbox(
        &self,
        after: Option<OutboxSeq>,
        limit: usize,
    ) -> Result<Vec<Queued>, StoreError> {
        self.ask(|reply| Command::Read { after, limit, reply }).await
    }

    /// These events are with the broker and leave the outbox. Sequences that are not queued are ignored.
    pub async fn acknowledge(&self, seqs: Vec<OutboxSeq>) -> Result<(), StoreError> {
        self.ask(|reply| Command::Acknowledge(seqs, reply)).await
    }

    /// This event can never be published: moves it out of the outbox into the dead letters, where
    /// `edge-agent outbox` finds it. Durable when it returns. A sequence that is not queued is ignored.
    pub async fn dead_letter(&self, seq: OutboxSeq, reason: &str) -> Result<(), StoreError> {
        let reason = reason.to_owned();
        self.ask(|reply| Command::DeadLetter { seq, reason, reply }).await
    }

    /// It is `now` by the wall clock: what may no longer be kept goes. To be called every few seconds; mostly it does
    /// nothing.
    pub async fn look_after(&self, now: Timestamp) -> Result<(), StoreError> {
        self.ask(|reply| Command::LookAfter(now, reply)).await
    }

    /// Forgets somebody: on the device, and out of its file, when this returns.
    pub async fn forget(&self, who: Forget) -> Result<Forgotten, StoreError> {
        self.ask(|reply| Command::Forget(Box::new(who), reply)).await
    }

    /// The number of the newest durable sequence; `None` before the first event ever.
    pub fn newest(&self) -> watch::Receiver<Option<u64>> {
        self.newest.clone()
    }

    /// How the store is, as of its last change.
    pub fn stats(&self) -> Stats {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The life of its thread, which moves with every request.
    pub fn beat(&self) -> Beat {
        self.beat.clone()
    }

    /// Asks the thread for nothing, so that it moves; where requests wait already, they do that.
    pub fn nudge(&self) {
        let _ = self.commands.try_send(Command::Nudge);
    }

    /// Closes the store; other handles get [`StoreError::Closed`] from now on. When this returns, everything
    /// is on the device (acknowledgements too) and the folder is free.
    pub async fn close(self) -> Result<(), StoreError> {
        self.ask(Command::Close).await
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}
