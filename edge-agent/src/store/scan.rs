//! Reads a database from end to end: verifies every record and finds the state again.

use super::db::{Db, DbError};
use super::policy::Link;
use super::record::{self, BadRecord, CheckpointHead, Key, Kind, Meta, Pending, Recent};
use super::state::{MAX_SNAPSHOT, State};
use super::types::Checkpoint;
use std::collections::HashSet;
use visit_core::engine::VisitRecord;
use visit_core::observation::Observation;
use visit_core::purchase::BookRecord;

/// Faults kept by name; the rest is counted.
const MAX_FAULTS: usize = 1_000;

/// What a database holds.
#[derive(Default)]
pub(super) struct Scan {
    pub state: State,
    pub ledger: Vec<VisitRecord>,
    /// The book of receipts.
    pub book: Vec<BookRecord>,
    /// Receipts that are not recorded yet, by ticket.
    pub pending: Vec<(u64, Observation)>,
    pub checkpoint: Option<Checkpoint>,
    /// Everything that is wrong, the first thousand by name.
    pub faults: Vec<Fault>,
    /// How many things are wrong.
    pub fault_count: u64,
    /// Chunks that belong to no checkpoint: a crash came between them and the commit. No fault.
    pub strays: Vec<Key>,
    /// Visits that are members'.
    pub links: Vec<Link>,
    /// Entries read.
    pub entries: u64,
}

/// Something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// With what.
    pub key: String,
    /// What.
    pub reason: String,
}

impl Scan {
    fn fault(&mut self, key: &impl ToString, reason: &impl ToString) {
        self.fault_count += 1;
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(Fault { key: key.to_string(), reason: reason.to_string() });
        }
    }
}

/// Reads everything. Damaged records are faults, not errors.
pub(super) fn scan(db: &Db) -> Result<Scan, DbError> {
    let mut scan = Scan::default();
    let mut meta = None;
    let mut snapshot = Vec::new();
    let mut chunks = 0;
    let mut ids = HashSet::new();
    for entry in db.scan(&[], &[]) {
        let (bytes, value) = entry?;
        scan.entries += 1;
        let Some(key) = Key::parse(&bytes) else {
            scan.fault(&hex(&bytes), &"is no key of this store");
            continue;
        };
        match key {
            Key::Chunk { generation, index } => match (&scan.state.head, record::open(&value)) {
                (Some(head), opened) if head.generation == generation && index < head.chunks => {
                    match opened {
                        Ok((Kind::Chunk, piece))
                            if index == chunks && snapshot.len() + piece.len() <= MAX_SNAPSHOT =>
                        {
                            chunks += 1;
                            snapshot.extend_from_slice(piece);
                        }
                        Ok(_) => scan.fault(&key, &BadRecord::WrongKey),
                        Err(e) => scan.fault(&key, &e),
                    }
                }
                _ => scan.strays.push(key),
            },
            _ => match read_entry(&mut scan, key, &value, &mut meta) {
                Ok(Some(id)) if !ids.insert(id) => scan.fault(&key, &"queues an event again"),
                Ok(_) => {}
                Err(e) => scan.fault(&key, &e),
            },
        }
    }
    finish_checkpoint(&mut scan, snapshot, chunks);
    finish_meta(&mut scan, meta);
    Ok(scan)
}

/// Reads one record; gives the id of a queued event.
fn read_entry(
    scan: &mut Scan,
    key: Key,
    value: &[u8],
    meta: &mut Option<Meta>,
) -> Result<Option<visit_core::event::EventId>, BadRecord> {
    match key {
        Key::Meta => *meta = Some(record::read(Kind::Meta, "the counters", value)?),
        Key::Head => {
            let head: CheckpointHead = record::read(Kind::CheckpointHead, "a checkpoint", value)?;
            scan.state.head = Some(head);
        }
        Key::Ledger(visit) => {
            let record = record::read_visit(value)?;
            if record.visit != visit {
                return Err(BadRecord::WrongKey);
            }
            scan.ledger.push(record);
        }
        Key::Recent { .. } => {
            let Recent { ids } = record::read(Kind::Recent, "recent ids", value)?;
            scan.state.add_recent(key, ids);
        }
        Key::Outbox(seq) => {
            let (kind, record) = record::read_queued(value)?;
            let own = Kind::of(&record.event);
            if record.seq != seq || (kind != own && (kind, own) != (Kind::OldReceipt, Kind::Receipt)) {
                return Err(BadRecord::WrongKey);
            }
            scan.state.add_queued(seq, own, record.event.id, value, record.queued_at);
            return Ok(Some(record.event.id));
        }
        Key::Dead(seq) => {
            let record = record::read_dead(value)?;
            if record.seq != seq {
                return Err(BadRecord::WrongKey);
            }
            scan.state.dead += 1;
        }
        Key::Book(number) => {
            let record: BookRecord = record::read(Kind::Book, "a record of the book", value)?;
            if record.number != number {
                return Err(BadRecord::WrongKey);
            }
            scan.book.push(record);
        }
        Key::Pending(ticket) => {
            let record: Pending = record::read(Kind::Pending, "a pending receipt", value)?;
            if record.ticket != ticket {
                return Err(BadRecord::WrongKey);
            }
            scan.state.add_pending(ticket);
            scan.pending.push((ticket, record.paper));
        }
        Key::Policy => {
            scan.state.policy = Some(record::read(Kind::Policy, "a privacy policy", value)?);
        }
        Key::Link(visit) => {
            let link: Link = record::read(Kind::Link, "a link", value)?;
            if link.visit != visit {
                return Err(BadRecord::WrongKey);
            }
            scan.links.push(link);
        }
        Key::Chunk { .. } => {}
    }
    Ok(None)
}

fn finish_checkpoint(scan: &mut Scan, snapshot: Vec<u8>, chunks: u32) {
    let Some(head) = scan.state.head else { return };
    if chunks != head.chunks || snapshot.len() as u64 != head.length || crc32c::crc32c(&snapshot) != head.crc
    {
        let reason = format!(
            "should have {} bytes in {} chunks with checksum {:08x}, has {} bytes in {chunks} chunks",
            head.length,
            head.chunks,
            head.crc,
            snapshot.len(),
        );
        scan.fault(&Key::Head, &reason);
        return;
    }
    scan.checkpoint = Some(Checkpoint { snapshot, position: head.position });
}

fn finish_meta(scan: &mut Scan, meta: Option<Meta>) {
    let found = (scan.state.depth.total(), scan.ledger.len() as u64);
    let Some(meta) = meta else {
        if scan.entries > 0 {
            scan.fault(&Key::Meta, &"is missing");
        }
        scan.state.meta.next_seq = 1;
        return;
    };
    if (meta.depth, meta.visits) != found {
        let reason = format!(
            "counts {} queued events and {} visits, there are {} and {}",
            meta.depth, meta.visits, found.0, found.1
        );
        scan.fault(&Key::Meta, &reason);
    }
    scan.state.meta = meta;
}

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(40).map(|b| format!("{b:02x}")).collect()
}
