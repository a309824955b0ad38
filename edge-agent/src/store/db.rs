//! The only file that knows sled.
//!
//! What the rest may count on, and what it costs here:
//!
//! - [`Db::apply`] is atomic. All keys live in one tree, because sled's batches are atomic for each tree only.
//! - [`Db::make_durable`] survives a power cut. sled's own flush does not (it calls `sync_file_range`): after it
//!   we `fdatasync` the file through a descriptor of our own. A page of 128 KiB or more (some twenty large values)
//!   lies in a file of its own in the folder `blobs`, which sled does not hand to the device at all: we do.
//! - A panic in sled (its recovery panics on most damaged files) comes back as [`DbError::Panicked`].
//! - An error is sticky in sled: after one, drop the [`Db`] and open it again.
//!
//! Not for async code: everything here blocks, and sled's own async flush can deadlock.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Page cache. The default is 1 GiB, more than a gateway has. What is read again is read soon: with 8 MiB a daemon
/// that follows 30,000 devices takes 4 MB more, and is no faster.
const CACHE_BYTES: u64 = 2 << 20;
/// How often and how long to wait for sled's threads to let go of a folder they had open.
const LOCK_TRIES: u32 = 40;
const LOCK_WAIT: Duration = Duration::from_millis(25);

/// Why the database failed.
#[derive(Clone, Debug, thiserror::Error)]
#[allow(missing_docs)]
pub(super) enum DbError {
    #[error("no space left on the device")]
    NoSpace,
    #[error("another process has it open")]
    Locked,
    #[error("{message}")]
    Io { kind: io::ErrorKind, message: String },
    #[error("damaged: {0}")]
    Damaged(String),
    #[error("the database gave up: {0}")]
    Panicked(String),
}

/// A key and its value.
pub(super) type Entry = (Vec<u8>, Vec<u8>);

/// Changes that happen together or not at all.
#[derive(Default)]
pub(super) struct Changes {
    batch: sled::Batch,
    bytes: u64,
}

impl Changes {
    /// `key` has `value` from now on.
    pub(super) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.bytes += (key.len() + value.len()) as u64;
        self.batch.insert(key, value);
    }

    /// `key` is gone from now on.
    pub(super) fn remove(&mut self, key: Vec<u8>) {
        self.bytes += key.len() as u64;
        self.batch.remove(key);
    }

    /// Bytes of keys and values in here.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// An open database folder.
pub(super) struct Db {
    tree: sled::Db,
    file: File,
    path: PathBuf,
    /// Pages with files of their own that are on the device.
    blobs: Mutex<HashSet<OsString>>,
}

impl Db {
    /// Opens the folder `path`, creating it where there is none.
    pub(super) fn open(path: &Path) -> Result<Self, DbError> {
        let mut tries = 0;
        let tree = loop {
            let opened = guarded(|| {
                sled::Config::new()
                    .path(path)
                    .cache_capacity(CACHE_BYTES)
                    .flush_every_ms(None)
                    .print_profile_on_drop(false)
                    .open()
            });
            match opened {
                Err(DbError::Locked) if tries < LOCK_TRIES => {
                    tries += 1;
                    std::thread::sleep(LOCK_WAIT);
                }
                other => break other?,
            }
        };
        let file = File::open(path.join("db"))?;
        Ok(Self { tree, file, path: path.to_owned(), blobs: Mutex::default() })
    }

    /// The value under `key`.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, DbError> {
        Ok(guarded(|| self.tree.get(key))?.map(|v| v.to_vec()))
    }

    /// The entries from `from` on (inclusive) whose key begins with `prefix`, ascending.
    pub(super) fn scan(
        &self,
        prefix: &[u8],
        from: &[u8],
    ) -> impl Iterator<Item = Result<Entry, DbError>> + '_ {
        let prefix = prefix.to_vec();
        let mut iter = self.tree.range(from.to_vec()..);
        let mut over = false;
        std::iter::from_fn(move || {
            if over {
                return None;
            }
            match guarded(|| iter.next().transpose()) {
                Ok(Some((k, v))) if k.starts_with(&prefix) => Some(Ok((k.to_vec(), v.to_vec()))),
                Ok(_) => {
                    over = true;
                    None
                }
                Err(e) => {
                    over = true;
                    Some(Err(e))
                }
            }
        })
    }

    /// Makes all changes, or none. Not yet durable.
    pub(super) fn apply(&self, changes: Changes) -> Result<(), DbError> {
        guarded(|| self.tree.apply_batch(changes.batch))
    }

    /// When this returns, everything applied before survives a power cut.
    pub(super) fn make_durable(&self) -> Result<(), DbError> {
        guarded(|| self.tree.flush())?;
        self.sync_blobs()?;
        self.file.sync_data()?;
        Ok(())
    }

    fn sync_blobs(&self) -> io::Result<()> {
        let folder = self.path.join("blobs");
        let mut known = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut there = HashSet::new();
        let mut news = false;
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name();
            if !known.contains(&name) {
                match File::open(folder.join(&name)) {
                    Ok(file) => file.sync_data()?,
                    // Replaced since we looked.
                    Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                    Err(e) => return Err(e),
                }
                news = true;
            }
            there.insert(name);
        }
        *known = there;
        if news { File::open(&folder)?.sync_all() } else { Ok(()) }
    }

    /// Size of the file, bytes. It never shrinks by itself.
    pub(super) fn file_bytes(&self) -> u64 {
        self.file.metadata().map_or(0, |m| m.len())
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Lets go of the folder, and returns when all of it is on the device.
    pub(super) fn close(self) -> Result<(), DbError> {
        self.make_durable()?;
        let Self { tree, file, path, blobs: _ } = self;
        guarded(move || {
            drop(tree);
            Ok(())
        })?;
        drop(file);
        super::folder::sync_files(&path)?;
        Ok(())
    }
}

/// Runs something of sled's; a panic in there is an error out here.
fn guarded<T>(f: impl FnOnce() -> sled::Result<T>) -> Result<T, DbError> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => Ok(result?),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            Err(DbError::Panicked(text.lines().next().unwrap_or_default().chars().take(300).collect()))
        }
    }
}

impl From<sled::Error> for DbError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(e) if e.to_string().contains("could not acquire lock") => Self::Locked,
            // sled copies errors and loses the number: what is left of ENOSPC is then only its text.
            sled::Error::Io(e) if e.to_string().contains("StorageFull") => Self::NoSpace,
            // A read beyond the end, or a pointer into nowhere, is damage and no failure of the device.
            sled::Error::Io(e)
                if matches!(e.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData) =>
            {
                Self::Damaged(e.to_string())
            }
            sled::Error::Io(e) => e.into(),
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl From<io::Error> for DbError {
    fn from(e: io::Error) -> Self {
        match e.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace,
            kind => Self::Io { kind, message: e.to_string() },
        }
    }
}
