//! The store's folder, and how it changes without ever being half-changed.
//!
//! ```text
//! lock                    held (flock) by whoever has the store open
//! opening                 how many openings in a row were begun and not finished, one digit
//! high-water              see `highwater.rs`
//! ballast                 bytes kept in reserve for the day the disk is full
//! live-<n>/               the database; where there are several, the highest number counts
//! building-<n>/           a database being written; nothing in it counts yet
//! pristine/               the database as it was before sled opened it, until it has proven sound
//! damaged/                a copy of a quarantine, for sled to read
//! quarantine-<seconds>/   a database that could not be trusted; never touched again
//! ```
//!
//! A new database is written as `building-<n>`, fsynced, and renamed to `live-<n>` with a number above the
//! present one; the rename is the moment it counts. Then the former is deleted (after a rebuild), or it had been
//! replaced by a quarantine before (after damage): where there is no `live-<n>` but a quarantine, the rescue of
//! what is in there was cut short, and is done again.
//!
//! sled repairs a damaged file in its own way when it opens it: it zeroes what comes after the damage. So the
//! database is copied first. The copy is not synced: in the usual case it is deleted before the kernel writes
//! any of it to the device, and costs no wear. Only when the database proves damaged the copy is synced and
//! becomes the quarantine.

use super::error::OpenError;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Room beyond the ballast that must be free before the ballast is laid again.
const MARGIN: u64 = 1 << 20;
/// Room that a copy made before opening must leave to the opening.
const COPY_MARGIN: u64 = 4 << 20;

/// The folder of a store, locked as long as this lives.
pub(super) struct Folder {
    root: PathBuf,
    _lock: File,
}

impl Folder {
    /// Creates the folder where there is none, and locks it.
    pub(super) fn open(root: &Path) -> Result<Self, OpenError> {
        let failed = |what| move |e| OpenError::io(what, root, e);
        fs::create_dir_all(root).map_err(failed("cannot create the folder"))?;
        let path = root.join("lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| OpenError::io("cannot write to the folder; cannot open", &path, e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Locked { path: root.to_owned() }),
            Err(TryLockError::Error(e)) => return Err(OpenError::io("cannot lock", &path, e)),
        }
        Ok(Self { root: root.to_owned(), _lock: lock })
    }

    /// Locks the folder for reading, and writes nothing into it. `NotFound` when there is no store.
    pub(super) fn open_to_read(root: &Path) -> Result<Self, OpenError> {
        let path = root.join("lock");
        let lock =
            File::open(&path).map_err(|e| OpenError::io("there is no store; cannot open", &path, e))?;
        match lock.try_lock_shared() {
            Ok(()) => Ok(Self { root: root.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: root.to_owned() }),
            Err(TryLockError::Error(e)) => Err(OpenError::io("cannot lock", &path, e)),
        }
    }

    pub(super) fn high_water(&self) -> PathBuf {
        self.root.join("high-water")
    }

    pub(super) fn live(&self, n: u64) -> PathBuf {
        self.root.join(format!("live-{n}"))
    }

    pub(super) fn building(&self, n: u64) -> PathBuf {
        self.root.join(format!("building-{n}"))
    }

    /// The number of the database that counts.
    pub(super) fn newest_live(&self) -> io::Result<Option<u64>> {
        Ok(self.numbered("live-")?.into_iter().max())
    }

    /// Deletes what a crash left behind: databases never finished, and those a finished one replaced. Finishes
    /// a quarantine that was begun, under the time `seconds`.
    pub(super) fn tidy(&self, seconds: i64) -> io::Result<()> {
        let live = self.numbered("live-")?;
        let newest = live.iter().max().copied();
        let old = live.into_iter().filter(|n| Some(*n) != newest).map(|n| self.live(n));
        for path in old.chain(self.numbered("building-")?.into_iter().map(|n| self.building(n))) {
            fs::remove_dir_all(path)?;
        }
        if newest.is_none() && self.pristine().exists() {
            self.quarantine_folder(&self.pristine(), seconds)?;
        }
        self.forget_pristine()?;
        self.forget_copy_for_sled()
    }

    /// From now on `building-<n>`, complete and on the device, is the database.
    pub(super) fn promote(&self, n: u64) -> io::Result<()> {
        fs::rename(self.building(n), self.live(n))?;
        self.sync()
    }

    /// Keeps the database as it is before sled opens it. Without room for that it goes on without.
    pub(super) fn keep_pristine(&self, n: u64) -> io::Result<()> {
        let size = fs::metadata(self.live(n).join("db")).map_or(0, |m| m.len());
        if self.free_bytes().is_some_and(|free| free < size + COPY_MARGIN) {
            tracing::warn!("no room to copy the store before it is opened; going on without");
            return Ok(());
        }
        let path = self.pristine();
        fs::create_dir(&path)?;
        match copy_files(&self.live(n), &path) {
            Err(e) if matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                tracing::warn!("no room to copy the store before it is opened; going on without");
                fs::remove_dir_all(path)
            }
            other => other,
        }
    }

    /// The database has proven sound.
    pub(super) fn forget_pristine(&self) -> io::Result<()> {
        remove_if_there(&self.pristine())
    }

    /// Puts a database aside as evidence, as it was before it was opened; gives where it is now.
    pub(super) fn quarantine(&self, n: u64, seconds: i64) -> io::Result<PathBuf> {
        let from = self.live(n);
        if !self.pristine().exists() {
            return self.quarantine_folder(&from, seconds);
        }
        sync_files(&self.pristine())?;
        self.sync()?;
        // From here until the last rename there is a pristine copy and no live database, which `tidy` knows.
        remove_if_there(&self.building(n))?;
        fs::rename(&from, self.building(n))?;
        self.sync()?;
        let path = self.quarantine_folder(&self.pristine(), seconds)?;
        fs::remove_dir_all(self.building(n))?;
        Ok(path)
    }

    /// A copy of a quarantine, which sled may spoil.
    pub(super) fn copy_for_sled(&self, quarantine: &Path) -> io::Result<PathBuf> {
        let path = self.root.join("damaged");
        remove_if_there(&path)?;
        fs::create_dir(&path)?;
        copy_files(quarantine, &path)?;
        Ok(path)
    }

    pub(super) fn forget_copy_for_sled(&self) -> io::Result<()> {
        remove_if_there(&self.root.join("damaged"))
    }

    fn pristine(&self) -> PathBuf {
        self.root.join("pristine")
    }

    fn quarantine_folder(&self, from: &Path, seconds: i64) -> io::Result<PathBuf> {
        let mut path = self.root.join(format!("quarantine-{seconds}"));
        let mut more = 1;
        while path.exists() {
            path = self.root.join(format!("quarantine-{seconds}-{more}"));
            more += 1;
        }
        fs::rename(from, &path)?;
        self.sync()?;
        Ok(path)
    }

    /// The quarantine made last.
    pub(super) fn newest_quarantine(&self) -> io::Result<Option<PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(rest) = name.to_str().and_then(|n| n.strip_prefix("quarantine-")) else { continue };
            let mut parts = rest.split('-').map(|p| p.parse::<u64>().unwrap_or(0));
            found.push(((parts.next(), parts.next()), entry.path()));
        }
        Ok(found.into_iter().max().map(|(_, path)| path))
    }

    /// Counts one more opening; gives how many before it were not finished.
    pub(super) fn begin_opening(&self) -> io::Result<u32> {
        let path = self.root.join("opening");
        let before: u32 = fs::read_to_string(&path).ok().and_then(|t| t.trim().parse().ok()).unwrap_or(0);
        let mut file = File::create(&path)?;
        file.write_all(before.saturating_add(1).to_string().as_bytes())?;
        file.sync_data()?;
        Ok(before)
    }

    /// The opening is finished.
    pub(super) fn finish_opening(&self) -> io::Result<()> {
        match fs::remove_file(self.root.join("opening")) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    /// Whether `bytes` of ballast are in place.
    pub(super) fn has_ballast(&self, bytes: u64) -> bool {
        fs::metadata(self.root.join("ballast")).is_ok_and(|m| m.len() >= bytes)
    }

    /// Lays the ballast if there is room for it and a margin; says whether it is in place.
    pub(super) fn lay_ballast(&self, bytes: u64) -> bool {
        if self.has_ballast(bytes) {
            return true;
        }
        if self.free_bytes().is_some_and(|free| free < bytes + MARGIN) {
            return false;
        }
        let path = self.root.join("ballast");
        let laid = File::create(&path).and_then(|mut file| {
            // Written, not `set_len`: a hole reserves nothing. Not zeroes: some file systems store them as holes.
            let block = [0xa5; 4096];
            let mut left = bytes as usize;
            while left > 0 {
                let n = left.min(block.len());
                file.write_all(&block[..n])?;
                left -= n;
            }
            file.sync_all()
        });
        if laid.is_err() {
            // Half a ballast is none, and it takes room from what needs it.
            let _ = fs::remove_file(&path);
        }
        laid.is_ok()
    }

    /// Gives the ballast's room back to the disk.
    pub(super) fn drop_ballast(&self) {
        match fs::remove_file(self.root.join("ballast")) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("cannot delete the ballast in {}: {e}", self.root.display());
            }
            _ => {}
        }
    }

    fn free_bytes(&self) -> Option<u64> {
        let stat = nix::sys::statvfs::statvfs(&self.root).ok()?;
        // The types of both differ between machines.
        #[allow(clippy::unnecessary_cast, clippy::useless_conversion, clippy::cast_lossless)]
        Some(stat.blocks_available() as u64 * stat.fragment_size() as u64)
    }

    fn numbered(&self, prefix: &str) -> io::Result<Vec<u64>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let name = entry?.file_name();
            found.extend(
                name.to_str().and_then(|n| n.strip_prefix(prefix)).and_then(|n| n.parse::<u64>().ok()),
            );
        }
        Ok(found)
    }

    /// Makes renames in the folder durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        File::open(&self.root)?.sync_all()
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }
}

/// Copies what is in a folder into another: what does not fit into a page of the database lies in a folder of its own.
pub(super) fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, to) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_file() {
            fs::copy(entry.path(), to)?;
        } else if kind.is_dir() {
            fs::create_dir(&to)?;
            copy_files(&entry.path(), &to)?;
        }
    }
    Ok(())
}

/// Hands a folder and what is in it to the device.
pub(super) fn sync_files(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_file() {
            File::open(entry.path())?.sync_all()?;
        } else if kind.is_dir() {
            sync_files(&entry.path())?;
        }
    }
    File::open(path)?.sync_all()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
