//! How many phones there are whose addresses last for one scan only: by how often they scan.
//!
//! Nobody can follow such a phone among others of its family, and counting its addresses is wrong by as much as it is
//! talkative. But phones scan about as often as each other, so in a cell (one family in one zone) the number of scans in
//! the time nobody scanned is that of the phones. A scan hides those that begin while it lasts, so its time is left out:
//! N = starts / idle time × mean gap.

use crate::site::ZoneIx;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Minutes over which scans are counted: longer is surer, shorter is sooner.
const WINDOW: usize = 15;
/// A scan has ended after so long a silence. Shorter than for telling phones apart: that a few scans count twice matters
/// less than that scans of different phones run into each other.
const ONE_SCAN: Span = Span::from_millis(500);
/// Mean time from the end of one scan of a phone to the next, seconds: by the mean rate of the labelled phones of two
/// public captures (docs/accuracy.md). Phones differ, and with them sites: a door counter tells how much.
const MEAN_GAP_S: f32 = 41.0;
/// Variance of a phone's rate against the mean, squared.
const BETWEEN_PHONES: f32 = 0.6;
/// Less idle time tells nothing any more: then there are at least as many as this makes of it.
const LEAST_IDLE: f32 = 0.02;
/// Cells at once: families times zones. Beyond, the one not heard of for longest is forgotten.
const CELLS: usize = 4096;

/// Families in zones, and their scans of the last minutes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Crowd {
    cells: BTreeMap<(u64, ZoneIx), Cell>,
    /// Minutes that have passed since it began, as far as they count.
    minutes: u8,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cell {
    /// Scans begun, and milliseconds in which one went on, by minute, newest first.
    starts: [u16; WINDOW],
    busy: [u16; WINDOW],
    last: Timestamp,
}

/// How many of a zone, and the variance of that.
pub(super) struct Counted {
    pub zone: ZoneIx,
    pub people: f32,
    pub variance: f32,
}

impl Crowd {
    /// A phone of a family was heard, most likely in `zone`.
    pub(super) fn heard(&mut self, family: u64, zone: ZoneIx, at: Timestamp) {
        if self.cells.len() >= CELLS && !self.cells.contains_key(&(family, zone)) {
            let oldest = self.cells.iter().min_by_key(|(_, c)| c.last).map(|(key, _)| *key);
            oldest.map(|key| self.cells.remove(&key));
        }
        let cell = self.cells.entry((family, zone)).or_insert(Cell {
            starts: [0; WINDOW],
            busy: [0; WINDOW],
            last: Timestamp::MIN,
        });
        let gap = if cell.last == Timestamp::MIN { ONE_SCAN } else { at.since(cell.last) };
        if gap >= ONE_SCAN {
            cell.starts[0] = cell.starts[0].saturating_add(1);
        } else {
            let ms = gap.as_micros().max(0) / 1000;
            cell.busy[0] = cell.busy[0].saturating_add(u16::try_from(ms).unwrap_or(0));
        }
        cell.last = cell.last.max(at);
    }

    /// A minute is over: how many there are, by zone.
    pub(super) fn count(&mut self) -> Vec<Counted> {
        self.minutes = (self.minutes + 1).min(WINDOW as u8);
        let seconds = f32::from(self.minutes) * 60.0;
        let all = self.cells.iter().map(|((_, zone), c)| {
            let starts: u32 = c.starts.iter().map(|n| u32::from(*n)).sum();
            let busy: u32 = c.busy.iter().map(|n| u32::from(*n)).sum();
            // The silence that ends a scan belongs to it.
            let taken = busy as f32 * 0.001 + starts as f32 * ONE_SCAN.as_secs_f32();
            let idle = (seconds - taken).max(LEAST_IDLE * seconds);
            let people = starts as f32 / idle * MEAN_GAP_S;
            let variance = people * (BETWEEN_PHONES + MEAN_GAP_S / seconds);
            Counted { zone: *zone, people, variance }
        });
        let all: Vec<Counted> = all.collect();
        self.cells.retain(|_, c| {
            c.starts.rotate_right(1);
            c.busy.rotate_right(1);
            (c.starts[0], c.busy[0]) = (0, 0);
            c.starts.iter().any(|n| *n > 0)
        });
        all
    }

    /// Nothing was heard for a while: what was counted before says nothing any more.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}
