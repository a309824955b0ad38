//! What can go wrong with the store.

use super::db::DbError;
use std::io;
use std::path::{Path, PathBuf};

/// The store cannot be opened. Damage is no reason: a damaged store is moved aside, see
/// [`Recovered`](super::Recovered).
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the store {} is in use by another process: stop the other edge-agent first", path.display())]
    Locked {
        /// The store's folder.
        path: PathBuf,
    },
    /// The disk is full, even without the ballast.
    #[error("no space left for the store {}: free some on that file system, then start again", path.display())]
    NoSpace {
        /// The file or folder.
        path: PathBuf,
    },
    /// The file system, or the rights on it, do not allow writing.
    #[error("{what} {}: {source}; the store needs a folder this user may write to", path.display())]
    NotWritable {
        /// What was tried.
        what: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Anything else the operating system said.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The database failed for a reason that moving it aside would not cure.
    #[error("cannot open the database {}: {reason}", path.display())]
    Database {
        /// The database's folder.
        path: PathBuf,
        /// The cause.
        reason: String,
    },
}

impl OpenError {
    pub(super) fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace { path },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::NotWritable { what, path, source }
            }
            _ => Self::Io { what, path, source },
        }
    }

    pub(super) fn db(path: &Path, error: DbError) -> Self {
        match error {
            DbError::NoSpace => Self::NoSpace { path: path.to_owned() },
            DbError::Locked => Self::Locked { path: path.to_owned() },
            DbError::Io { kind, message } => {
                Self::io("cannot open the database", path, io::Error::new(kind, message))
            }
            DbError::Damaged(reason) | DbError::Panicked(reason) => {
                Self::Database { path: path.to_owned(), reason }
            }
        }
    }
}

/// The store cannot do what was asked. Nothing is half-done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk is full. Try again later; acknowledgements work meanwhile.
    #[error("no space left on the store's device")]
    NoSpace,
    /// The outbox is full and may not drop ([`WhenFull::Refuse`](super::WhenFull)).
    #[error("the outbox is full: {bytes} bytes are queued, {max_bytes} are allowed")]
    Full {
        /// Bytes queued.
        bytes: u64,
        /// Bytes allowed.
        max_bytes: u64,
    },
    /// So many receipts wait to be recorded that no more are taken.
    #[error("{max} receipts wait to be recorded; no more are taken until some are")]
    TooManyPending {
        /// The limit.
        max: u64,
    },
    /// The engine snapshot is too large to store.
    #[error("the snapshot has {bytes} bytes, at most {max} can be stored")]
    SnapshotTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The device or the database failed; it is opened anew at the next request.
    #[error("the store failed: {0}")]
    Failed(String),
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

impl From<DbError> for StoreError {
    fn from(e: DbError) -> Self {
        match e {
            DbError::NoSpace => Self::NoSpace,
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<io::Error> for StoreError {
    fn from(e: io::Error) -> Self {
        DbError::from(e).into()
    }
}
