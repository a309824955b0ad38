//! Reading a walk: rows that name sensor, RSSI and zone, or a recording of a phone with marks of where it was.

use gateway::names::Names;
use gateway::observation::{MacAddr, Observation};
use gateway::source::{OpenError, Replay, ReplayInput};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use visit_core::position::Scan;
use visit_core::site::{SensorIx, Site, ZoneIx, closest};
use visit_core::time::{Span, Timestamp};

/// No row is longer.
const MAX_LINE: u64 = 64 << 10;
/// Rows beyond this are not a walk any more.
const MAX_SCANS: usize = 2_000_000;
/// Frames of a phone within this time are one scan.
const ONE_SCAN: Span = Span::from_millis(300);
/// Problems said one by one; the rest is counted.
const SAID: usize = 20;

/// A walk, and what was wrong with it.
#[derive(Debug, Default)]
pub struct Walk {
    /// Its scans, in the order they were made.
    pub scans: Vec<Scan>,
    /// Readings in them.
    pub readings: u64,
    /// Lines that were skipped: where, why, what would be right. The first twenty.
    pub problems: Vec<String>,
    /// How many lines were skipped.
    pub skipped: u64,
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

/// Where the phone is from a moment on; nowhere in particular when there is no zone.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    at: String,
    zone: Option<String>,
}

impl Walk {
    fn skip(&mut self, why: String) {
        self.skipped += 1;
        if self.problems.len() < SAID {
            self.problems.push(why);
        }
    }

    fn hear(&mut self, at: Timestamp, zone: ZoneIx, sensor: SensorIx, rssi: i8, within: Span) {
        self.readings += 1;
        if let Some(scan) = self.scans.last_mut()
            && scan.zone == zone
            && at >= scan.at
            && at.since(scan.at) <= within
        {
            match scan.heard.iter_mut().find(|(s, _)| *s == sensor) {
                Some((_, strongest)) => *strongest = (*strongest).max(rssi),
                None => scan.heard.push((sensor, rssi)),
            }
        } else if self.scans.len() < MAX_SCANS {
            self.scans.push(Scan { at, zone, heard: vec![(sensor, rssi)] });
        }
    }
}

/// Rows of `at`, `sensor`, `rssi`, `zone` (and `floor`, which must be the zone's). Rows that follow each other with the
/// same time and zone are one scan.
pub fn labelled(path: &Path, site: &Site) -> Result<Walk, WalkError> {
    let mut walk = Walk::default();
    for_each_line(path, |number, line| {
        let placed = line.map_err(str::to_owned).and_then(|line| row(line, site));
        match placed {
            Ok((at, zone, sensor, rssi)) => walk.hear(at, zone, sensor, rssi, Span::from_secs(0)),
            Err(why) => walk.skip(format!("{}:{number}: {why}", path.display())),
        }
    })?;
    Ok(walk)
}

fn row(line: &str, site: &Site) -> Result<(Timestamp, ZoneIx, SensorIx, i8), String> {
    let row: Row = serde_json::from_str(line).map_err(|e| {
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
    Ok((at, zone, sensor, row.rssi.round() as i8))
}

fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text)
        .ok_or_else(|| format!("at {text:?} is no time; write RFC 3339: 2025-11-20T00:53:20.000Z"))
}

fn zone(id: &str, site: &Site) -> Result<ZoneIx, String> {
    site.zone_named(id).ok_or_else(|| unknown("zone", id, site.zones.iter().map(|z| z.id.as_str())))
}

fn unknown<'a>(what: &str, id: &str, known: impl Iterator<Item = &'a str>) -> String {
    let hint = closest(id, known).map_or(String::new(), |n| format!("; did you mean {n:?}?"));
    format!("the site map has no {what} {id:?}{hint}")
}

/// What a recording (a capture or an observation log) heard of one phone, placed by marks.
pub fn of_phone(recording: &Path, phone: MacAddr, marks: &Path, site: &Site) -> Result<Walk, WalkError> {
    let marks = read_marks(marks, site)?;
    let input = ReplayInput { path: recording.to_owned(), ..ReplayInput::default() };
    let mut replay = Replay::open(vec![input], Arc::new(Names::from(site)))?;
    let mut walk = Walk::default();
    loop {
        match replay.next() {
            Ok(Some(Observation::Sighting(s))) if s.addr == phone => {
                let mark = marks.partition_point(|(at, _)| *at <= s.at).checked_sub(1).map(|i| marks[i].1);
                if let (Some(Some(zone)), Some(rssi)) = (mark, s.rssi) {
                    walk.hear(s.at, zone, s.sensor, rssi, ONE_SCAN);
                }
            }
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(why) => walk.skip(why.to_string()),
        }
    }
    let total = replay.problems().total();
    walk.problems.extend(replay.problems().kept().iter().take(SAID).map(ToString::to_string));
    walk.skipped += total;
    Ok(walk)
}

fn read_marks(path: &Path, site: &Site) -> Result<Vec<(Timestamp, Option<ZoneIx>)>, WalkError> {
    let mut marks = Vec::new();
    let mut wrong = None;
    for_each_line(path, |number, line| {
        let read = line.map_err(str::to_owned).and_then(|line| {
            let mark: Mark = serde_json::from_str(line).map_err(|e| {
                format!("{e}; a mark is {{\"at\":\"2025-11-20T00:53:20Z\",\"zone\":\"F1-Z05\"}}")
            })?;
            Ok((moment(&mark.at)?, mark.zone.map(|z| zone(&z, site)).transpose()?))
        });
        match read {
            Ok(mark) => marks.push(mark),
            Err(why) => wrong = wrong.take().or(Some(format!("{}:{number}: {why}", path.display()))),
        }
    })?;
    // A mark that is left out would put the phone in the zone before it.
    if let Some(why) = wrong {
        return Err(WalkError::Mark(why));
    }
    if marks.is_empty() {
        return Err(WalkError::Mark(format!("{}: no marks in it", path.display())));
    }
    marks.sort_by_key(|(at, _)| *at);
    Ok(marks)
}

/// Writes a mark for each line of `input`: the id of the zone the phone is in from now on, or `-` for none.
pub fn mark(
    input: impl BufRead,
    out: &mut dyn Write,
    tell: &mut dyn Write,
    site: &Site,
    now: impl Fn() -> Timestamp,
) -> std::io::Result<u64> {
    let mut marks = 0;
    for line in input.lines() {
        let line = line?;
        let id = line.trim();
        if id.is_empty() {
            continue;
        }
        let at = now().to_string();
        let zone = match id {
            "-" => None,
            id => match zone(id, site) {
                Ok(zone) => Some(site.zone(zone).id.clone()),
                Err(why) => {
                    writeln!(tell, "{why}; nothing marked")?;
                    continue;
                }
            },
        };
        writeln!(tell, "{at} {}", zone.as_deref().unwrap_or("nowhere"))?;
        writeln!(out, "{}", serde_json::to_string(&Mark { at, zone })?)?;
        out.flush()?;
        marks += 1;
    }
    Ok(marks)
}

/// Lines with their numbers; an error where a line is too long or no text.
fn for_each_line(path: &Path, mut each: impl FnMut(u64, Result<&str, &str>)) -> Result<(), WalkError> {
    let fail = |source| WalkError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(fail)?;
    let mut magic = [0; 2];
    let is_gzip = { (&file).read(&mut magic).map_err(fail)? == 2 && magic == [0x1f, 0x8b] };
    let file = File::open(path).map_err(fail)?;
    let mut reader: Box<dyn BufRead> = match is_gzip {
        true => Box::new(BufReader::new(flate2::read::MultiGzDecoder::new(file))),
        false => Box::new(BufReader::new(file)),
    };
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).map_err(fail)? == 0 {
            break;
        }
        if line.len() as u64 == MAX_LINE && line.last() != Some(&b'\n') {
            each(number, Err("longer than 64 KiB; this is no row"));
            reader.skip_until(b'\n').map_err(fail)?;
            continue;
        }
        match std::str::from_utf8(&line).map(str::trim) {
            Ok("") => {}
            Ok(text) => each(number, Ok(text)),
            Err(_) => each(number, Err("is not UTF-8 text")),
        }
    }
    Ok(())
}
