//! Saves what can be saved out of a quarantined database.
//!
//! First through sled, as far as that goes. Where its view is not whole (it does not open, it forgot batches
//! that were durable, queued events are missing), the events are also carved out of its file: sled writes a
//! value as it is, in one piece, so every whole envelope of a queued event can be found by its magic and proven
//! by its checksum. Carving also finds events that were acknowledged long ago; they go out again under the ids
//! they always had, which at-least-once delivery allows. The ledger is carved never, and taken from sled's view
//! only when that is not older than the last durable batch: a visit remembered as it was before its last events
//! would number new events like those.

use super::db::Db;
use super::error::OpenError;
use super::record::{self, Key, Kind, Meta, QueuedRecord, Table};
use super::scan;
use super::state::{Incoming, State};
use super::types::{Checkpoint, StoreOptions};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use visit_core::engine::LedgerChange;
use visit_core::event::Event;
use visit_core::observation::Observation;
use visit_core::time::Timestamp;

/// Events written at once.
const EVENTS_PER_BATCH: usize = 500;
/// Bytes of the damaged file looked at in one piece.
const WINDOW: usize = 1 << 20;

/// What was saved.
#[derive(Default)]
pub(super) struct Salvaged {
    pub records: u64,
    pub carved: u64,
    pub ledger_lost: bool,
}

/// Where the records go.
struct Target<'a> {
    db: &'a Db,
    state: State,
    options: &'a StoreOptions,
    waiting: Vec<(Timestamp, Event)>,
}

/// Copies what can be read in the folder `from` into the empty database `db`. `for_sled` is a copy of it that may
/// be opened (and spoilt by that); `durable` the number of the last batch that was durable, where that is known.
pub(super) fn salvage(
    from: &Path,
    for_sled: Option<&Path>,
    db: &Db,
    durable: Option<u64>,
    options: &StoreOptions,
    meta: Meta,
) -> Result<Salvaged, OpenError> {
    let mut target = Target { db, state: State::default(), options, waiting: Vec::new() };
    target.state.meta = meta;
    let mut told = Salvaged { ledger_lost: true, ..Salvaged::default() };
    let opened = for_sled.and_then(|path| Db::open(path).ok());
    let whole = match &opened {
        Some(damaged) => through_database(damaged, &mut target, durable, &mut told)?,
        None => false,
    };
    drop(opened);
    if !whole {
        carve(&from.join("db"), &mut target, &mut told)?;
        // Pages of large values have files of their own.
        let mut blobs: Vec<_> =
            std::fs::read_dir(from.join("blobs")).into_iter().flatten().flatten().map(|e| e.path()).collect();
        blobs.sort();
        for blob in blobs {
            carve(&blob, &mut target, &mut told)?;
        }
    }
    db.make_durable().map_err(|e| OpenError::db(db.path(), e))?;
    Ok(told)
}

/// Takes over every record that reads; says whether no event can be missing.
fn through_database(
    damaged: &Db,
    target: &mut Target<'_>,
    durable: Option<u64>,
    told: &mut Salvaged,
) -> Result<bool, OpenError> {
    let Ok(scan) = scan::scan(damaged) else { return Ok(false) };
    let current = scan.state.meta.commit > 0 && durable.is_none_or(|commit| scan.state.meta.commit >= commit);
    let mut complete = true;
    let prefix = [Table::Outbox as u8];
    for entry in damaged.scan(&prefix, &prefix) {
        let Ok((key, value)) = entry else {
            complete = false;
            break;
        };
        match record::read_queued(&value) {
            Ok((_, r)) if Key::parse(&key) == Some(Key::Outbox(r.seq)) => {
                told.records += target.queue(r)?;
            }
            _ => complete = false,
        }
    }
    told.records += target.write(Vec::new(), None)?;
    let depth = damaged
        .get(&Key::Meta.bytes())
        .ok()
        .flatten()
        .and_then(|v| record::read::<Meta>(Kind::Meta, "the counters", &v).ok())
        .map(|m| m.depth);
    complete &= current && depth == Some(scan.state.depth.total());
    if current {
        told.ledger_lost = false;
        told.records += scan.ledger.len() as u64;
        for some in scan.ledger.chunks(EVENTS_PER_BATCH) {
            target.write(some.iter().cloned().map(LedgerChange::Put).collect(), None)?;
        }
        told.records += scan.book.len() as u64;
        for some in scan.book.chunks(EVENTS_PER_BATCH) {
            target.write(some.iter().cloned().map(LedgerChange::Keep).collect(), None)?;
        }
    }
    // What was acknowledged to a till is taken over from an older copy as well: the book knows what was recorded.
    told.records += scan.pending.len() as u64;
    target.keep_pending(scan.pending)?;
    if let Some(checkpoint) = scan.checkpoint {
        told.records += 1;
        target.write(Vec::new(), Some(checkpoint))?;
    }
    Ok(complete)
}

/// Finds the queued events in a damaged file and takes over those that are new.
fn carve(path: &Path, target: &mut Target<'_>, told: &mut Salvaged) -> Result<(), OpenError> {
    let failed = |e| OpenError::io("cannot read the damaged database", path, e);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(failed(e)),
    };
    let mut found: Vec<(u64, u64, u32)> = Vec::new();
    let mut window = vec![0; WINDOW + record::HEADER + record::MAX_RECORD];
    let size = file.metadata().map_err(failed)?.len();
    let mut at = 0;
    while at < size {
        let len = read_up_to(&file, &mut window, at);
        let bytes = &window[..len];
        // What begins in the first part of the window is whole within the window.
        let mut i = 0;
        while let Some(skip) = find(&bytes[i..bytes.len().min(WINDOW + record::MAGIC.len() - 1)]) {
            i += skip;
            match record::open_prefix(&bytes[i..]) {
                Ok((kind, payload)) => {
                    if let Ok(r) = record::decode_queued(kind, payload) {
                        found.push((r.seq, at + i as u64, (record::HEADER + payload.len()) as u32));
                    }
                    i += record::HEADER + payload.len();
                }
                Err(_) => i += 1,
            }
            if i >= bytes.len() {
                break;
            }
        }
        at += WINDOW as u64;
    }
    // The newest that fit, in the order they were queued.
    found.sort_unstable();
    let mut room = target.options.max_bytes;
    let mut first = found.len();
    while first > 0 && room >= u64::from(found[first - 1].2) {
        room -= u64::from(found[first - 1].2);
        first -= 1;
    }
    let before = told.records;
    for (_, at, len) in &found[first..] {
        let mut bytes = vec![0; *len as usize];
        if file.read_exact_at(&mut bytes, *at).is_ok()
            && let Ok((_, r)) = record::read_queued(&bytes)
        {
            told.records += target.queue(r)?;
        }
    }
    told.records += target.write(Vec::new(), None)?;
    told.carved += told.records - before;
    Ok(())
}

impl Target<'_> {
    /// Queues an event, under a new sequence; gives how many were written.
    fn queue(&mut self, record: QueuedRecord) -> Result<u64, OpenError> {
        self.waiting.push((record.queued_at, record.event));
        if self.waiting.len() < EVENTS_PER_BATCH { Ok(0) } else { self.write(Vec::new(), None) }
    }

    /// Keeps what is not recorded yet, under new tickets.
    fn keep_pending(&mut self, pending: Vec<(u64, Observation)>) -> Result<(), OpenError> {
        let failed = |e: super::StoreError| OpenError::Database {
            path: self.db.path().to_owned(),
            reason: e.to_string(),
        };
        let papers: Vec<_> = pending.into_iter().map(|(_, paper)| paper).collect();
        for some in papers.chunks(EVENTS_PER_BATCH) {
            let (changes, _) = self.state.receive(some.to_vec(), self.options).map_err(failed)?;
            self.db.apply(changes).map_err(|e| OpenError::db(self.db.path(), e))?;
        }
        Ok(())
    }

    fn write(&mut self, ledger: Vec<LedgerChange>, checkpoint: Option<Checkpoint>) -> Result<u64, OpenError> {
        let incoming =
            Incoming { events: std::mem::take(&mut self.waiting), ledger, checkpoint, settled: Vec::new() };
        let reason = |e: super::StoreError| match e {
            super::StoreError::NoSpace => OpenError::NoSpace { path: self.db.path().to_owned() },
            e => OpenError::Database { path: self.db.path().to_owned(), reason: e.to_string() },
        };
        // What was queued once is not refused now.
        let options =
            StoreOptions { when_full: super::WhenFull::DropOldestFlowFirst, ..self.options.clone() };
        let (changes, told) = self.state.commit(self.db, incoming, &options).map_err(reason)?;
        self.db.apply(changes).map_err(|e| OpenError::db(self.db.path(), e))?;
        Ok(told.queued)
    }
}

/// Where the next magic begins.
fn find(bytes: &[u8]) -> Option<usize> {
    bytes.windows(record::MAGIC.len()).position(|w| w == record::MAGIC)
}

/// Reads until `buffer` is full or the file ends. A part the device cannot read counts as zeroes.
fn read_up_to(file: &File, buffer: &mut [u8], at: u64) -> usize {
    let mut len = 0;
    while len < buffer.len() {
        match file.read_at(&mut buffer[len..], at + len as u64) {
            Ok(0) => break,
            Ok(n) => len += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => {
                let bad = (buffer.len() - len).min(4096);
                buffer[len..len + bad].fill(0);
                len += bad;
            }
        }
    }
    len
}
