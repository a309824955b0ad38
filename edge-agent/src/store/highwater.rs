//! The high-water file: what the database must contain at least.
//!
//! sled does not always notice that the end of its file is missing: it may open, empty and content. This file
//! stands beside it and names the last batch that was durable; a database that knows less has lost something.
//!
//! 1,024 bytes, never longer or shorter: two slots of 512 bytes (one sector each, so that a power cut in the
//! middle of a write spoils one of them at most), written in turn, each an envelope (see [`super::record`]) of
//! [`HighWater`] followed by zeroes. The valid slot with the larger commit number counts.
//!
//! It is written after the database is durable, so it never claims too much, and handed to the device at every
//! [`SYNC_EVERY`]th commit, at open and at close. An fdatasync costs a 4 KiB page, and one at every commit took
//! small commits from 0.3 to 3.9 ms; the kernel writes the page by itself within half a minute. What a power cut
//! leaves behind is therefore at most that much behind the database; what `kill -9` leaves is exact.

use super::record::{self, Kind};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const SLOT: usize = 512;
/// Commits between two fdatasyncs of this file.
const SYNC_EVERY: u64 = 32;

/// What was durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HighWater {
    /// Number of the last durable batch.
    pub commit: u64,
    /// The next outbox sequence at that time.
    pub next_seq: u64,
    /// The session that wrote this.
    pub session: u64,
}

/// The open file.
pub(super) struct HighWaterFile {
    file: File,
}

impl HighWaterFile {
    /// Opens or creates the file; gives what it says, `None` when it says nothing that can be believed.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Option<HighWater>)> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        file.set_len(2 * SLOT as u64)?;
        let value = read_slots(&file);
        Ok((Self { file }, value))
    }

    /// Reads the file at `path` without touching it.
    pub(super) fn peek(path: &Path) -> io::Result<Option<HighWater>> {
        Ok(read_slots(&File::open(path)?))
    }

    /// Raises the mark.
    pub(super) fn write(&mut self, value: HighWater) -> io::Result<()> {
        let mut slot = record::seal(Kind::HighWater, &value).unwrap_or_default();
        slot.resize(SLOT, 0);
        self.file.write_all_at(&slot, value.commit % 2 * SLOT as u64)?;
        if value.commit.is_multiple_of(SYNC_EVERY) { self.sync() } else { Ok(()) }
    }

    /// Hands it to the device.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

fn read_slots(file: &File) -> Option<HighWater> {
    let slots = [0, SLOT as u64].map(|at| {
        let mut bytes = [0; SLOT];
        file.read_exact_at(&mut bytes, at).ok()?;
        let (_, payload) = record::open_prefix(&bytes).ok()?;
        record::read(Kind::HighWater, "a high-water mark", &bytes[..record::HEADER + payload.len()]).ok()
    });
    slots.into_iter().flatten().max_by_key(|v: &HighWater| v.commit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(commit: u64) -> HighWater {
        HighWater { commit, next_seq: commit * 10, session: 1 }
    }

    #[test]
    fn the_last_mark_is_read_back_and_the_file_keeps_its_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hw");
        let (mut file, none) = HighWaterFile::open(&path).unwrap();
        assert_eq!(none, None);
        for commit in 1..100 {
            file.write(mark(commit)).unwrap();
            assert_eq!(HighWaterFile::peek(&path).unwrap(), Some(mark(commit)));
        }
        assert_eq!(path.metadata().unwrap().len(), 1024);
    }

    #[test]
    fn one_spoilt_slot_leaves_the_mark_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hw");
        let (mut file, _) = HighWaterFile::open(&path).unwrap();
        file.write(mark(6)).unwrap();
        file.write(mark(7)).unwrap();
        file.file.write_all_at(b"?", SLOT as u64 + 20).unwrap();
        assert_eq!(HighWaterFile::peek(&path).unwrap(), Some(mark(6)));
        file.file.write_all_at(b"?", 20).unwrap();
        assert_eq!(HighWaterFile::open(&path).unwrap().1, None);
    }
}
