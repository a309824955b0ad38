//! Looks at a store without touching it.
//!
//! The database cannot be opened for reading only: opening writes. So it is copied to a temporary folder, and
//! the copy is opened. While the copy is made the store is locked; when a daemon holds it, that is an error.

use super::db::Db;
use super::error::OpenError;
use super::folder::{Folder, copy_files};
use super::highwater::HighWaterFile;
use super::record::{self, Table};
use super::scan::{self, Scan};
use super::types::{ByKind, OutboxSeq, Queued};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use visit_core::time::Timestamp;

pub use super::scan::Fault;

/// A copy of a store, deleted when this goes.
pub struct Inspection {
    // Before the folder, so that it is closed when the folder is deleted.
    db: Option<Db>,
    scan: Option<Scan>,
    faults: Vec<Fault>,
    _copy: TemporaryCopy,
}

/// What a store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// Events queued.
    pub depth: ByKind,
    /// Their bytes.
    pub bytes: u64,
    /// When the oldest was queued.
    pub oldest_queued_at: Option<Timestamp>,
    /// The newest sequence ever given away.
    pub newest: Option<OutboxSeq>,
    /// Dead letters.
    pub dead_letters: u64,
    /// Visits in the ledger.
    pub visits: u64,
    /// Records of the book of receipts.
    pub book: u64,
    /// Receipts that are durable and not recorded yet.
    pub pending: u64,
    /// Position and size in bytes of the checkpoint.
    pub checkpoint: Option<(u64, u64)>,
    /// Sessions so far.
    pub session: u64,
    /// Size of the database file, bytes.
    pub file_bytes: u64,
    /// Entries read.
    pub entries: u64,
    /// Things that are wrong.
    pub faults: u64,
}

impl Inspection {
    /// Copies and reads the store in the folder `root`. A damaged database is no error here: see
    /// [`Inspection::faults`].
    pub fn open(root: &Path) -> Result<Self, OpenError> {
        let failed = |e| OpenError::io("cannot read", root, e);
        let folder = Folder::open_to_read(root)?;
        let number = folder.newest_live().map_err(failed)?.ok_or_else(|| {
            failed(io::Error::new(io::ErrorKind::NotFound, "there is no database in this folder"))
        })?;
        let mark = HighWaterFile::peek(&folder.high_water()).ok().flatten();
        let copy = TemporaryCopy::of(&folder.live(number))?;
        drop(folder);
        let fault = |reason: String| Fault { key: "database".into(), reason };
        let (db, scan, mut faults) = match Db::open(&copy.path) {
            Err(e) => (None, None, vec![fault(format!("does not open: {e}"))]),
            Ok(db) => match scan::scan(&db) {
                Err(e) => (None, None, vec![fault(format!("cannot be read to its end: {e}"))]),
                Ok(mut scan) => {
                    let faults = std::mem::take(&mut scan.faults);
                    (Some(db), Some(scan), faults)
                }
            },
        };
        if let (Some(scan), Some(mark)) = (&scan, mark)
            && scan.state.meta.commit < mark.commit
        {
            faults.push(fault(format!(
                "ends with batch {}, but batch {} was durable: the end is missing",
                scan.state.meta.commit, mark.commit
            )));
        }
        Ok(Self { db, scan, faults, _copy: copy })
    }

    /// Everything that is wrong, the first thousand by name.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// What it holds; `None` when the database does not open at all.
    pub fn overview(&self) -> Option<Overview> {
        let (scan, db) = (self.scan.as_ref()?, self.db.as_ref()?);
        let state = &scan.state;
        Some(Overview {
            depth: state.depth,
            bytes: state.bytes,
            oldest_queued_at: state.oldest.map(|(_, at)| at),
            newest: state.newest(),
            dead_letters: state.dead,
            visits: scan.ledger.len() as u64,
            book: scan.book.len() as u64,
            pending: scan.pending.len() as u64,
            checkpoint: scan.checkpoint.as_ref().map(|c| (c.position, c.snapshot.len() as u64)),
            session: state.meta.session,
            file_bytes: db.file_bytes(),
            entries: scan.entries,
            faults: scan.fault_count.max(self.faults.len() as u64),
        })
    }

    /// The first `limit` queued events after `after` that can be read.
    pub fn peek(&self, after: Option<OutboxSeq>, limit: usize) -> Vec<Queued> {
        let from = record::Key::Outbox(after.map_or(0, |s| s.0.saturating_add(1))).bytes();
        let Some(db) = &self.db else { return Vec::new() };
        db.scan(&[Table::Outbox as u8], &from)
            .filter_map(|entry| record::read_queued(&entry.ok()?.1).ok())
            .map(|(_, r)| Queued {
                seq: OutboxSeq(r.seq),
                queued_at: r.queued_at,
                event: r.event,
                recovered: true,
            })
            .take(limit)
            .collect()
    }
}

/// A copied folder, readable by this user only.
struct TemporaryCopy {
    path: PathBuf,
}

impl TemporaryCopy {
    fn of(from: &Path) -> Result<Self, OpenError> {
        let copy = Self { path: fresh_folder()? };
        // `copy` goes on an error too, and deletes what there is.
        copy_files(from, &copy.path)
            .map_err(|e| OpenError::io("cannot copy to a temporary folder", from, e))?;
        Ok(copy)
    }
}

impl Drop for TemporaryCopy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A new folder below the system's temporary one, for this user only.
fn fresh_folder() -> Result<PathBuf, OpenError> {
    let base = std::env::temp_dir();
    let mut number = 0u32;
    loop {
        let path = base.join(format!("edge-agent-outbox-{}-{number}", std::process::id()));
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && number < 1_000 => number += 1,
            Err(e) => return Err(OpenError::io("cannot create the temporary folder", &path, e)),
            Ok(()) => return Ok(path),
        }
    }
}
