//! How a record looks on the disk.
//!
//! Every value in the store, and every slot of the high-water file, is one envelope:
//!
//! | offset | bytes | what |
//! |-------:|------:|------|
//! | 0 | 4 | magic `EAr\x9e` |
//! | 4 | 1 | version, 1 |
//! | 5 | 1 | kind, see [`Kind`] |
//! | 6 | 4 | length of the payload, little-endian |
//! | 10 | 4 | CRC-32C (Castagnoli) of bytes 4…9 and the payload, little-endian |
//! | 14 | n | payload |
//!
//! The payload is bincode 1.3 with fixed-width little-endian integers, at most [`MAX_RECORD`] bytes and no
//! byte more than the struct needs; a [`Kind::Chunk`] is a bare piece of a snapshot. Keys begin with one byte
//! for the table, then the number big-endian, so that the order of keys is the order of numbers:
//!
//! | key | value |
//! |-----|-------|
//! | `01` | [`Meta`] |
//! | `02` | [`CheckpointHead`] |
//! | `03` generation u64, index u32 | chunk of the snapshot |
//! | `04` visit u128 | the ledger's record of a visit |
//! | `05` commit u64, part u32 | [`Recent`]: ids committed since the last checkpoint |
//! | `06` sequence u64 | [`QueuedRecord`] |
//! | `07` sequence u64 | [`DeadRecord`] |
//! | `08` number u64 | [`BookRecord`]: the book of receipts |
//! | `09` ticket u64 | [`Pending`]: a receipt that is not recorded yet |
//! | `0a` | [`Policy`](super::policy::Policy): privacy rules of the run that wrote last |
//! | `0b` visit u128 | [`Link`](super::policy::Link): the visit is a member's |
//!
//! The number in a key stands in the payload too where it matters, so that a value under a wrong key is seen.
//!
//! The CRC is not optional: over a third of all two-byte corruptions still decode. The layout is frozen by
//! `golden_v1.txt`; a change of it is a new version with its own structs, not a new golden file.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use visit_core::engine::VisitRecord;
use visit_core::event::{Body, Event, EventId, VisitId};
use visit_core::observation::Observation;
use visit_core::time::Timestamp;

use bincode::Options as _;

mod old;

/// First bytes of every record. The last one is no ASCII, so that text is never taken for a record.
pub(super) const MAGIC: [u8; 4] = *b"EAr\x9e";
/// The version this program writes, and the only one it reads.
pub(super) const VERSION: u8 = 1;
/// Bytes before the payload.
pub(super) const HEADER: usize = 14;
/// Largest payload.
pub(super) const MAX_RECORD: usize = 64 << 10;
/// Largest piece of a snapshot in one value. sled keeps up to some twenty values in a page, and writes a page of 128 KiB or
/// more to a file of its own (see [`Db::make_durable`](super::db::Db::make_durable)): these shall not be so large together.
pub(super) const CHUNK: usize = 4 << 10;

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Counters of the store.
    Meta = 1,
    /// Where the pieces of the snapshot are.
    CheckpointHead = 2,
    /// A piece of the snapshot.
    Chunk = 3,
    /// What survives of a visit, as it was before tracks had hindsight. Read, no longer written.
    OldLedger = 4,
    /// Ids committed since the last checkpoint.
    Recent = 5,
    /// A queued visit event, of the time when links said nothing of how often a member comes. Read, no longer written.
    OldVisit = 6,
    /// A queued receipt event, with the fields it had before there were revisions. Read, no longer written.
    OldReceipt = 7,
    /// A queued flow event, with the figures it had before there were hours and days. Read, no longer written.
    OldFlow = 8,
    /// An event the broker will never take.
    Dead = 9,
    /// A slot of the high-water file.
    HighWater = 10,
    /// A queued event about receipts.
    Receipt = 11,
    /// A record of the book of receipts.
    Book = 12,
    /// A receipt that is not recorded yet.
    Pending = 13,
    /// What survives of a visit.
    Ledger = 14,
    /// A queued event about data.
    Notice = 15,
    /// Under which privacy rules the store was written.
    Policy = 16,
    /// A visit that was said to be a member's.
    Link = 17,
    /// A queued flow event.
    Flow = 18,
    /// A queued visit event.
    Visit = 19,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Meta,
            2 => Self::CheckpointHead,
            3 => Self::Chunk,
            4 => Self::OldLedger,
            5 => Self::Recent,
            6 => Self::OldVisit,
            7 => Self::OldReceipt,
            8 => Self::OldFlow,
            9 => Self::Dead,
            10 => Self::HighWater,
            11 => Self::Receipt,
            12 => Self::Book,
            13 => Self::Pending,
            14 => Self::Ledger,
            15 => Self::Notice,
            16 => Self::Policy,
            17 => Self::Link,
            18 => Self::Flow,
            19 => Self::Visit,
            _ => return None,
        })
    }

    /// The kind under which `event` is queued.
    pub(super) fn of(event: &Event) -> Self {
        match event.body {
            Body::Visit(_) => Self::Visit,
            Body::Receipt(_) | Body::Reconciled(_) => Self::Receipt,
            Body::Flow(_) => Self::Flow,
            Body::Privacy(_) => Self::Notice,
        }
    }
}

/// Counters of the store; rewritten by every batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    /// Number of the last durable batch.
    pub commit: u64,
    /// The next sequence to give away; the first is 1.
    pub next_seq: u64,
    /// Number of the session that wrote this.
    pub session: u64,
    /// Generation of the snapshot; 0 before the first.
    pub generation: u64,
    /// Events queued: exposes those that vanished from the middle.
    pub depth: u64,
    /// Visits in the ledger.
    pub visits: u64,
}

/// A snapshot in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CheckpointHead {
    /// Under which generation its chunks are.
    pub generation: u64,
    /// Position of the rewindable source.
    pub position: u64,
    /// How many chunks.
    pub chunks: u32,
    /// Bytes of the whole.
    pub length: u64,
    /// CRC-32C of the whole.
    pub crc: u32,
}

/// Ids that were committed together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Recent {
    pub ids: Vec<EventId>,
}

/// An event that waits to be published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct QueuedRecord {
    pub seq: u64,
    pub queued_at: Timestamp,
    pub event: Event,
}

/// An event the broker will never take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct DeadRecord {
    pub seq: u64,
    pub queued_at: Timestamp,
    pub reason: String,
    pub event: Event,
}

/// What was received and is not recorded yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub ticket: u64,
    pub paper: Observation,
}

/// Why bytes are not a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub(super) enum BadRecord {
    #[error("{0} bytes are too short for a record (its header has {HEADER})")]
    Short(usize),
    #[error("does not begin with the magic of a record")]
    Magic,
    #[error("has version {0}, this program reads version {VERSION}")]
    Version(u8),
    #[error("has the unknown kind {0}")]
    Kind(u8),
    #[error("says {says} bytes of payload, there are {are}")]
    Length { says: usize, are: usize },
    #[error("checksum is {is:08x}, the bytes give {gives:08x}")]
    Checksum { is: u32, gives: u32 },
    #[error("is of kind {is:?} where {wanted} belongs")]
    WrongKind { is: Kind, wanted: &'static str },
    #[error("cannot be decoded: {0}")]
    Decode(String),
    #[error("stands under a key that is not its own")]
    WrongKey,
}

/// Puts a payload into its envelope.
pub(super) fn seal_bytes(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + payload.len());
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[VERSION, kind as u8]);
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    let crc = checksum(&out[4..10], payload);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(payload);
    out
}

/// Encodes `value` and puts it into its envelope; `None` when it is larger than [`MAX_RECORD`].
pub(super) fn seal<T: Serialize>(kind: Kind, value: &T) -> Option<Vec<u8>> {
    let payload = codec().serialize(value).ok()?;
    Some(seal_bytes(kind, &payload))
}

/// Takes a payload out of its envelope, which must fill `bytes`.
pub(super) fn open(bytes: &[u8]) -> Result<(Kind, &[u8]), BadRecord> {
    let (kind, payload) = open_prefix(bytes)?;
    match bytes.len() - HEADER - payload.len() {
        0 => Ok((kind, payload)),
        _ => Err(BadRecord::Length { says: payload.len(), are: bytes.len() - HEADER }),
    }
}

/// As [`open`], but more may follow: for reading records out of a damaged file.
pub(super) fn open_prefix(bytes: &[u8]) -> Result<(Kind, &[u8]), BadRecord> {
    let header: &[u8; HEADER] = bytes.first_chunk().ok_or(BadRecord::Short(bytes.len()))?;
    if header[..4] != MAGIC {
        return Err(BadRecord::Magic);
    }
    if header[4] != VERSION {
        return Err(BadRecord::Version(header[4]));
    }
    let word = |i: usize| u32::from_le_bytes([header[i], header[i + 1], header[i + 2], header[i + 3]]);
    let (says, is) = (word(6) as usize, word(10));
    let rest = &bytes[HEADER..];
    let payload = rest.get(..says).ok_or(BadRecord::Length { says, are: rest.len() })?;
    let gives = checksum(&header[4..10], payload);
    if is != gives {
        return Err(BadRecord::Checksum { is, gives });
    }
    let kind = Kind::from_byte(header[5]).ok_or(BadRecord::Kind(header[5]))?;
    Ok((kind, payload))
}

/// Opens the envelope and decodes what is in it, which must be of `kind`.
pub(super) fn read<T: DeserializeOwned>(
    kind: Kind,
    name: &'static str,
    bytes: &[u8],
) -> Result<T, BadRecord> {
    match open(bytes)? {
        (is, payload) if is == kind => decode(payload),
        (is, _) => Err(BadRecord::WrongKind { is, wanted: name }),
    }
}

/// Opens and decodes a queued event.
pub(super) fn read_queued(bytes: &[u8]) -> Result<(Kind, QueuedRecord), BadRecord> {
    let (kind, payload) = open(bytes)?;
    decode_queued(kind, payload).map(|record| (kind, record))
}

/// Decodes a queued event whose envelope is open.
pub(super) fn decode_queued(kind: Kind, payload: &[u8]) -> Result<QueuedRecord, BadRecord> {
    match kind {
        Kind::Visit | Kind::Receipt | Kind::Flow | Kind::Notice => decode(payload),
        Kind::OldVisit => decode(payload).or_else(|_| decode(&without_history(payload))),
        Kind::OldReceipt => decode::<old::QueuedReceipt>(payload).map(QueuedRecord::from),
        Kind::OldFlow => decode::<old::QueuedFlow>(payload).map(QueuedRecord::from),
        _ => Err(BadRecord::WrongKind { is: kind, wanted: "a queued event" }),
    }
}

/// Opens and decodes what survives of a visit.
pub(super) fn read_visit(bytes: &[u8]) -> Result<VisitRecord, BadRecord> {
    match open(bytes)? {
        (Kind::Ledger, payload) => decode(payload),
        (Kind::OldLedger, payload) => decode::<old::Visit>(payload).map(VisitRecord::from),
        (is, _) => Err(BadRecord::WrongKind { is, wanted: "a visit" }),
    }
}

/// Opens and decodes a dead letter.
pub(super) fn read_dead(bytes: &[u8]) -> Result<DeadRecord, BadRecord> {
    match open(bytes)? {
        (Kind::Dead, payload) => decode(payload)
            .or_else(|e| decode(&without_history(payload)).map_err(|_| e))
            .or_else(|e| decode::<old::DeadFlow>(payload).map(DeadRecord::from).map_err(|_| e))
            .or_else(|e| decode::<old::DeadReceipt>(payload).map(DeadRecord::from).map_err(|_| e)),
        (is, _) => Err(BadRecord::WrongKind { is, wanted: "a dead letter" }),
    }
}

/// A link of the time when it said nothing of how often a member comes, as it is written now: what it lacks was its end.
fn without_history(payload: &[u8]) -> Vec<u8> {
    [payload, &[0]].concat()
}

fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, BadRecord> {
    codec().deserialize(payload).map_err(|e| BadRecord::Decode(e.to_string()))
}

fn codec() -> impl bincode::Options {
    // Trailing bytes are rejected by default.
    bincode::DefaultOptions::new().with_fixint_encoding().with_limit(MAX_RECORD as u64)
}

fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(head), payload)
}

/// A table: the first byte of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Table {
    Meta = 1,
    Head = 2,
    Chunk = 3,
    Ledger = 4,
    Recent = 5,
    Outbox = 6,
    Dead = 7,
    Book = 8,
    Pending = 9,
    Policy = 10,
    Link = 11,
}

/// A key, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Meta,
    Head,
    Chunk { generation: u64, index: u32 },
    Ledger(VisitId),
    Recent { commit: u64, part: u32 },
    Outbox(u64),
    Dead(u64),
    Book(u64),
    Pending(u64),
    Policy,
    Link(VisitId),
}

impl Key {
    /// The bytes under which the store keeps it.
    pub(super) fn bytes(self) -> Vec<u8> {
        let two =
            |table: Table, a: u64, b: u32| [&[table as u8][..], &a.to_be_bytes(), &b.to_be_bytes()].concat();
        let one = |table: Table, a: u64| [&[table as u8][..], &a.to_be_bytes()].concat();
        match self {
            Self::Meta => vec![Table::Meta as u8],
            Self::Head => vec![Table::Head as u8],
            Self::Chunk { generation, index } => two(Table::Chunk, generation, index),
            Self::Ledger(visit) => [&[Table::Ledger as u8][..], &visit.0.to_be_bytes()].concat(),
            Self::Recent { commit, part } => two(Table::Recent, commit, part),
            Self::Outbox(seq) => one(Table::Outbox, seq),
            Self::Dead(seq) => one(Table::Dead, seq),
            Self::Book(number) => one(Table::Book, number),
            Self::Pending(ticket) => one(Table::Pending, ticket),
            Self::Policy => vec![Table::Policy as u8],
            Self::Link(visit) => [&[Table::Link as u8][..], &visit.0.to_be_bytes()].concat(),
        }
    }

    /// Takes a key apart; `None` when it is none of ours.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (table, rest) = bytes.split_first()?;
        let one = || Some(u64::from_be_bytes(rest.try_into().ok()?));
        let two = || -> Option<(u64, u32)> {
            let (a, b) = rest.split_at_checked(8)?;
            Some((u64::from_be_bytes(a.try_into().ok()?), u32::from_be_bytes(b.try_into().ok()?)))
        };
        Some(match table {
            1 if rest.is_empty() => Self::Meta,
            2 if rest.is_empty() => Self::Head,
            3 => two().map(|(generation, index)| Self::Chunk { generation, index })?,
            4 => Self::Ledger(VisitId(u128::from_be_bytes(rest.try_into().ok()?))),
            5 => two().map(|(commit, part)| Self::Recent { commit, part })?,
            6 => Self::Outbox(one()?),
            7 => Self::Dead(one()?),
            8 => Self::Book(one()?),
            9 => Self::Pending(one()?),
            10 if rest.is_empty() => Self::Policy,
            11 => Self::Link(VisitId(u128::from_be_bytes(rest.try_into().ok()?))),
            _ => return None,
        })
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Meta => f.write_str("meta"),
            Self::Head => f.write_str("checkpoint"),
            Self::Chunk { generation, index } => write!(f, "checkpoint {generation} chunk {index}"),
            // A log outlives what may be kept of a visit: not its id.
            Self::Ledger(_) => f.write_str("a visit of the ledger"),
            Self::Recent { commit, part } => write!(f, "recent {commit}.{part}"),
            Self::Outbox(seq) => write!(f, "outbox {seq}"),
            Self::Dead(seq) => write!(f, "dead letter {seq}"),
            Self::Book(number) => write!(f, "book {number}"),
            Self::Pending(ticket) => write!(f, "pending {ticket}"),
            Self::Policy => f.write_str("privacy policy"),
            Self::Link(_) => f.write_str("a link"),
        }
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
