//! Reading walks: rows that name sensor, RSSI and zone, or recordings of a phone with marks of where it was.

use super::marks::Marks;
use gateway::names::Names;
use gateway::observation::{MacAddr, Observation};
use gateway::source::{OpenError, Replay, ReplayInput};
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use visit_core::position::Scan;
use visit_core::site::{SensorIx, Site, ZoneIx, closest};
use visit_core::time::{Span, Timestamp};

/// No row is longer.
const MAX_LINE: u64 = 64 << 10;
/// More readings are not a walk any more: fifty hours of one, heard by twenty sensors every second.
const MAX_READINGS: u64 = 4_000_000;
/// Frames of a phone within this time are one scan.
const ONE_SCAN: Span = Span::from_millis(300);
/// Problems said one by one; the rest is counted.
const SAID: usize = 20;

/// Walks, and what was wrong with them.
#[derive(Debug, Default)]
pub struct Walk {
    /// Their scans, in the order they were made; one file after the other.
    pub scans: Vec<Scan>,
    /// Readings in them.
    pub readings: u64,
    /// Lines that were skipped: where, why, what would be right. The first twenty.
    pub problems: Vec<String>,
    /// How many lines were skipped.
    pub skipped: u64,
    /// Frames of the phone that were heard while no mark says where it was.
    pub unplaced: u64,
}

/// A recording of what was heard on a walk.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The file.
    pub path: PathBuf,
    /// The sensor that made it, where the file does not say.
    pub sensor: Option<SensorIx>,
}

/// A walk that cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// A file that cannot be opened or read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A recording that cannot be opened.
    #[error(transparent)]
    Recording(#[from] OpenError),
    /// A mark that cannot be used.
    #[error("{0}")]
    Mark(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    at: String,
    sensor: String,
    rssi: f64,
    #[serde(default)]
    floor: Option<String>,
    zone: String,
}

/// One sensor heard the phone.
#[derive(Clone, Copy)]
struct Reading {
    at: Timestamp,
    zone: ZoneIx,
    sensor: SensorIx,
    rssi: i8,
}

impl Walk {
    fn skip(&mut self, why: String) {
        self.skipped += 1;
        if self.problems.len() < SAID {
            self.problems.push(why);
        }
    }

    fn hear(&mut self, r: Reading, within: Span) {
        self.readings += 1;
        let heard = (r.sensor, r.rssi);
        match self.scans.last_mut() {
            Some(scan) if scan.zone == r.zone && r.at >= scan.at && r.at.since(scan.at) <= within => {
                match scan.heard.iter_mut().find(|(s, _)| *s == r.sensor) {
                    Some((_, strongest)) => *strongest = (*strongest).max(r.rssi),
                    None => scan.heard.push(heard),
                }
            }
            _ => self.scans.push(Scan { at: r.at, zone: r.zone, heard: vec![heard] }),
        }
    }

    fn is_full(&mut self, file: &Path, readings: u64) -> bool {
        if readings < MAX_READINGS {
            return false;
        }
        let more = format!("{}: more than {MAX_READINGS} readings; the rest is left out", file.display());
        self.skip(more);
        true
    }
}

/// Files of rows of `at`, `sensor`, `rssi`, `zone` (and `floor`, which must be the zone's). In each file the rows are put in
/// the order of time; those with the same time and zone are one scan.
pub fn labelled(paths: &[PathBuf], site: &Site) -> Result<Walk, WalkError> {
    let mut walk = Walk::default();
    for path in paths {
        let mut readings: Vec<Reading> = Vec::new();
        for_each_line(path, |number, line| {
            match line.map_err(str::to_owned).and_then(|line| row(line, site)) {
                Ok(reading) => readings.push(reading),
                Err(why) => walk.skip(format!("{}:{number}: {why}", path.display())),
            }
            let so_far = walk.readings + readings.len() as u64;
            !walk.is_full(path, so_far)
        })?;
        // Exports come sorted by sensor now and then. Rows of one moment keep their order.
        readings.sort_by_key(|r| r.at);
        readings.into_iter().for_each(|r| walk.hear(r, Span::ZERO));
    }
    Ok(walk)
}

fn row(line: &str, site: &Site) -> Result<Reading, String> {
    let row: Row = serde_json::from_str(line).map_err(|e| {
        if line.contains("\"kind\"") {
            return "this is a line of an observation log; say which phone was carried, and where it was: --phone ADDRESS \
                    --marks FILE"
                .to_owned();
        }
        format!(
            "{e}; a row is {{\"at\":\"2025-11-20T00:53:20Z\",\"sensor\":\"F1-S01\",\"rssi\":-74,\"zone\":\"F1-Z05\"}}"
        )
    })?;
    let at = moment(&row.at)?;
    let sensor = site
        .sensor_named(&row.sensor)
        .ok_or_else(|| unknown("sensor", &row.sensor, site.sensors.iter().map(|s| s.id.as_str())))?;
    let zone = zone(&row.zone, site)?;
    let floor = &site.floor(site.floor_of(zone)).id;
    if let Some(said) = row.floor.filter(|f| f != floor) {
        return Err(format!("zone {:?} lies on floor {floor:?}, not on {said:?}", row.zone));
    }
    if !(-127.0..=20.0).contains(&row.rssi) {
        return Err(format!("rssi {} is no RSSI in dBm (-127…20)", row.rssi));
    }
    Ok(Reading { at, zone, sensor, rssi: row.rssi.round() as i8 })
}

pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text)
        .ok_or_else(|| format!("at {text:?} is no time; write RFC 3339: 2025-11-20T00:53:20.000Z"))
}

pub(super) fn zone(id: &str, site: &Site) -> Result<ZoneIx, String> {
    site.zone_named(id).ok_or_else(|| unknown("zone", id, site.zones.iter().map(|z| z.id.as_str())))
}

fn unknown<'a>(what: &str, id: &str, known: impl Iterator<Item = &'a str>) -> String {
    let hint = closest(id, known).map_or(String::new(), |n| format!("; did you mean {n:?}?"));
    format!("the site map has no {what} {id:?}{hint}")
}

/// What recordings (captures or observation logs, of one or several gateways) heard of one phone, placed by marks.
pub fn of_phone(
    recordings: &[Recording],
    phone: MacAddr,
    marks: &Path,
    site: &Site,
) -> Result<Walk, WalkError> {
    let marks = Marks::read(marks, site)?;
    let input =
        |r: &Recording| ReplayInput { path: r.path.clone(), sensor: r.sensor, ..ReplayInput::default() };
    let mut replay = Replay::open(recordings.iter().map(input).collect(), Arc::new(Names::from(site)))?;
    let mut walk = Walk::default();
    loop {
        match replay.next() {
            Ok(Some(Observation::Sighting(s))) if s.addr == phone => match (marks.at(s.at), s.rssi) {
                (Some(zone), Some(rssi)) => {
                    walk.hear(Reading { at: s.at, zone, sensor: s.sensor, rssi }, ONE_SCAN);
                }
                _ => walk.unplaced += 1,
            },
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(why) => walk.skip(why.to_string()),
        }
        let (file, so_far) = (recordings.first().map_or(Path::new(""), |r| &r.path), walk.readings);
        if walk.is_full(file, so_far) {
            break;
        }
    }
    let total = replay.problems().total();
    walk.problems.extend(replay.problems().kept().iter().take(SAID).map(ToString::to_string));
    walk.skipped += total;
    Ok(walk)
}

/// Lines with their numbers, an error where a line is too long or no text; for as long as `each` wants more.
pub(super) fn for_each_line(
    path: &Path,
    mut each: impl FnMut(u64, Result<&str, &str>) -> bool,
) -> Result<(), WalkError> {
    let fail = |source| WalkError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(fail)?;
    let mut reader = BufReader::new(file);
    let is_gzip = reader.fill_buf().map_err(fail)?.starts_with(&[0x1f, 0x8b]);
    let mut reader: Box<dyn BufRead> = match is_gzip {
        true => Box::new(BufReader::new(flate2::read::MultiGzDecoder::new(reader))),
        false => Box::new(reader),
    };
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).map_err(fail)? == 0 {
            break;
        }
        let wants_more = if line.len() as u64 == MAX_LINE && line.last() != Some(&b'\n') {
            reader.skip_until(b'\n').map_err(fail)?;
            each(number, Err("longer than 64 KiB; this is no row"))
        } else {
            match std::str::from_utf8(&line).map(str::trim) {
                Ok("") => true,
                Ok(text) => each(number, Ok(text)),
                Err(_) => each(number, Err("is not UTF-8 text")),
            }
        };
        if !wants_more {
            break;
        }
    }
    Ok(())
}
