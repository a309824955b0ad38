//! Recordings, played back: captures (pcap, pcapng), observation logs and POSLog documents, each possibly gzip.
//!
//! Several inputs are merged by time; of equal times the earlier input comes first. Within an input the order
//! of the file is kept, so that a log whose times go back yields them as they stand. The same inputs yield the
//! same observations, always; memory does not grow with their length.
//!
//! What cannot be read of an input is a problem and a count, and the other inputs go on.

use crate::capture::window::Window;
use crate::capture::{Capture, CaptureError, Format, Link};
use crate::counts::{Counts, Place, Problems};
use crate::log::{Defaults, Line, LineError, Lines, Parser};
use crate::names::Names;
use crate::observation::Observation;
use crate::pos::aliases::Aliases;
use crate::pos::poslog::{PosLog, PosLogError, Settings};
use crate::pos::receipt::{NotObserved, Receipt};
use crate::pos::table::TableError;
use crate::pos::template::Template;
use crate::wifi::{self, Rules};
use flate2::bufread::MultiGzDecoder;
use jiff::tz::TimeZone;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use visit_core::observation::Currency;
use visit_core::site::{SensorIx, TillIx};
use visit_core::time::Timestamp;

/// Bytes looked at to recognise a format.
const PEEK: usize = 512;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// One recording.
#[derive(Clone, Debug, Default)]
pub struct ReplayInput {
    /// The file. Its content tells its format.
    pub path: PathBuf,
    /// Who heard it: required for captures; for logs, of lines without `sensor`.
    pub sensor: Option<SensorIx>,
    /// The till of receipts that do not name one.
    pub till: Option<TillIx>,
    /// How printed receipts are read: required for what a till sent to its printer.
    pub template: Option<Arc<Template>>,
    /// For receipts that name no currency.
    pub currency: Option<Currency>,
    /// When prints that show no time were captured, if no receipt before them shows one; when the file was written if
    /// absent.
    pub at: Option<Timestamp>,
}

/// Why a recording cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The input.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Its content is none of the formats.
    #[error(
        "{path}: neither pcap, pcapng, POSLog (XML), CSV (.csv) nor an observation log (one JSON object a line); gzip of these is fine. What a till sent to its printer needs a template (--template FILE)"
    )]
    UnknownFormat {
        /// The input.
        path: PathBuf,
    },
    /// A capture does not say which sensor of the site map heard it.
    #[error("{path}: a capture does not say who heard it; name the sensor (--sensor ID)")]
    NoSensor {
        /// The input.
        path: PathBuf,
    },
    /// A capture of something else than Wi-Fi in monitor mode.
    #[error(
        "{path}: link type {number}; wanted 127 (802.11 with radiotap: capture in monitor mode) or 105 (802.11)"
    )]
    LinkType {
        /// The input.
        path: PathBuf,
        /// Its link type, as at tcpdump.org/linktypes.html.
        number: u16,
    },
    /// A table lacks what no receipt can do without.
    #[error("{path}: {source}")]
    Table {
        /// The input.
        path: PathBuf,
        /// The cause.
        source: TableError,
    },
    /// The file header of a capture is wrong.
    #[error("{path}: {source}")]
    Capture {
        /// The input.
        path: PathBuf,
        /// The cause.
        source: CaptureError,
    },
}

/// Why reading stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// An input can no longer be read; its rest is lost, the others go on.
    #[error("{path}: {source}")]
    Io {
        /// The input.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// An input could not be opened again.
    #[error(transparent)]
    Reopen(#[from] OpenError),
    /// The inputs are not those that were played before.
    #[error("cannot go to observation {wanted}: the recording has only {there}; it was longer before")]
    TooShort {
        /// Where to go.
        wanted: u64,
        /// Where it ended.
        there: u64,
    },
}

/// Recordings being played.
pub struct Replay {
    specs: Vec<ReplayInput>,
    names: Arc<Names>,
    inputs: Vec<Input>,
    /// The next observation of each input that has one.
    heads: Vec<Option<Observation>>,
    order: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// Inputs whose head was taken, or never read.
    stale: Vec<usize>,
    position: u64,
    tally: Tally,
}

#[derive(Default)]
struct Tally {
    counts: Counts,
    problems: Problems,
    aliases: Aliases,
}

impl Replay {
    /// Opens all inputs and recognises their formats.
    pub fn open(inputs: Vec<ReplayInput>, names: Arc<Names>) -> Result<Self, OpenError> {
        let opened = inputs.iter().map(|spec| Input::open(spec, &names)).collect::<Result<Vec<_>, _>>()?;
        let count = opened.len();
        Ok(Self {
            specs: inputs,
            names,
            inputs: opened,
            heads: vec![None; count],
            order: BinaryHeap::with_capacity(count),
            stale: (0..count).rev().collect(),
            position: 0,
            tally: Tally::default(),
        })
    }

    /// The next observation of all inputs; `None` when all have ended.
    #[allow(clippy::should_implement_trait)] // an error is not an item
    pub fn next(&mut self) -> Result<Option<Observation>, ReadError> {
        if let [only] = &mut self.inputs[..] {
            let next = only.next(&self.names, &mut self.tally)?;
            self.position += u64::from(next.is_some());
            self.tally.counts.yielded += u64::from(next.is_some());
            return Ok(next);
        }
        while let Some(ix) = self.stale.pop() {
            // An input that fails here has ended; calling again goes on with the others.
            if let Some(head) = self.inputs[ix].next(&self.names, &mut self.tally)? {
                self.order.push(Reverse((head.at(), ix)));
                self.heads[ix] = Some(head);
            }
        }
        let Some(Reverse((_, ix))) = self.order.pop() else { return Ok(None) };
        self.stale.push(ix);
        self.position += 1;
        self.tally.counts.yielded += 1;
        Ok(self.heads[ix].take())
    }

    /// Observations yielded so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Opens the inputs again and passes over the first `position` observations. Counters and problems are
    /// then those of a replay that came here by itself.
    pub fn rewind_to(&mut self, position: u64) -> Result<(), ReadError> {
        *self = Self::open(self.specs.clone(), Arc::clone(&self.names))?;
        while self.position < position {
            if self.next()?.is_none() {
                return Err(ReadError::TooShort { wanted: position, there: self.position });
            }
        }
        Ok(())
    }

    /// What became of everything that was read.
    pub fn counts(&self) -> &Counts {
        &self.tally.counts
    }

    /// The first problems in words, and how many there were.
    pub fn problems(&self) -> &Problems {
        &self.tally.problems
    }
}

type Bytes = Window<Box<dyn Read + Send>>;

struct Input {
    path: Arc<Path>,
    reader: Reader,
    ended: bool,
}

enum Reader {
    Capture { capture: Box<Capture<Bytes>>, sensor: SensorIx, records: u64, foreign_link_said: bool },
    Log { lines: Lines<Bytes>, parser: Parser },
    PosLog { log: Box<PosLog<'static>>, till: Option<TillIx> },
    Papers { papers: Box<Papers>, till: Option<TillIx> },
}

impl Input {
    fn open(spec: &ReplayInput, names: &Names) -> Result<Self, OpenError> {
        let path = &spec.path;
        let io = |source| OpenError::Io { path: path.clone(), source };
        let mut bytes: Bytes = Window::new(Box::new(File::open(path).map_err(io)?));
        if bytes.peek(PEEK).map_err(io)?.starts_with(&GZIP) {
            bytes = Window::new(Box::new(MultiGzDecoder::new(bytes)));
            bytes.peek(PEEK).map_err(io)?;
        }
        // A site map's zone was looked up when the map was read; without one, local times are told of.
        let zone = names.timezone.as_deref().and_then(|zone| TimeZone::get(zone).ok());
        let reader = match Format::recognise(bytes.ahead()) {
            Some(format) => {
                let sensor = spec.sensor.ok_or_else(|| OpenError::NoSensor { path: path.clone() })?;
                let capture = Capture::new(format, bytes)
                    .map_err(|source| OpenError::Capture { path: path.clone(), source })?;
                if let Some(Link::Other(number)) = capture.link() {
                    return Err(OpenError::LinkType { path: path.clone(), number });
                }
                Reader::Capture { capture: Box::new(capture), sensor, records: 0, foreign_link_said: false }
            }
            // Prints are full of these; none of the texts below has one.
            None if spec.template.is_some() && bytes.ahead().iter().any(|b| matches!(b, 0x1b | 0x1d)) => {
                let papers = Papers::open(bytes, spec, zone)?;
                Reader::Papers { papers: Box::new(papers), till: spec.till }
            }
            None if is_xml(bytes.ahead()) => {
                let log = PosLog::new(bytes, Settings { zone, currency: spec.currency }).map_err(io)?;
                Reader::PosLog { log: Box::new(log), till: spec.till }
            }
            None if is_log(bytes.ahead(), path) => {
                let parser = Parser::new(Defaults { sensor: spec.sensor, till: spec.till });
                Reader::Log { lines: Lines::new(bytes), parser }
            }
            None => {
                let papers = Papers::open(bytes, spec, zone)?;
                Reader::Papers { papers: Box::new(papers), till: spec.till }
            }
        };
        Ok(Self { path: Arc::from(path.as_path()), reader, ended: false })
    }

    fn next(&mut self, names: &Names, tally: &mut Tally) -> Result<Option<Observation>, ReadError> {
        if self.ended {
            return Ok(None);
        }
        let read = match &mut self.reader {
            Reader::Capture { capture, sensor, records, foreign_link_said } => {
                let mut frames = Frames { path: &self.path, sensor: *sensor, records, foreign_link_said };
                frames.next(capture, tally)
            }
            Reader::Log { lines, parser } => next_line(&self.path, lines, parser, names, tally),
            Reader::PosLog { log, till } => next_receipt(&self.path, log, *till, names, tally),
            Reader::Papers { papers, till } => papers.next(&self.path, *till, names, tally),
        };
        match read {
            Ok(Some(observation)) => return Ok(Some(observation)),
            Ok(None) => {}
            Err(Failure::Damage(place, what)) => {
                tally.counts.damaged_inputs += 1;
                tally.problems.report(&self.path, place, || what);
            }
            Err(Failure::Io(source)) => {
                self.ended = true;
                return Err(ReadError::Io { path: self.path.to_path_buf(), source });
            }
        }
        self.ended = true;
        Ok(None)
    }
}

/// Why an input ends before its end.
enum Failure {
    /// The file is there, its content is not as it should be.
    Damage(Place, String),
    /// The file cannot be read.
    Io(io::Error),
}

struct Frames<'a> {
    path: &'a Arc<Path>,
    sensor: SensorIx,
    records: &'a mut u64,
    foreign_link_said: &'a mut bool,
}

impl Frames<'_> {
    fn next(
        &mut self,
        capture: &mut Capture<Bytes>,
        tally: &mut Tally,
    ) -> Result<Option<Observation>, Failure> {
        loop {
            let packet = match capture.next() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(None),
                Err(CaptureError::Io { source, .. }) if !is_damage(&source) => {
                    return Err(Failure::Io(source));
                }
                Err(e) => return Err(Failure::Damage(Place::Record(*self.records + 1), e.to_string())),
            };
            *self.records += 1;
            tally.counts.frames += 1;
            if let (Link::Other(number), false) = (packet.link, *self.foreign_link_said) {
                *self.foreign_link_said = true;
                tally.problems.report(self.path, Place::Record(*self.records), || {
                    format!("an interface of link type {number}; only 127 and 105 (802.11) are read")
                });
            }
            let Some(at) = packet.at else {
                tally.counts.no_time += 1;
                continue;
            };
            let heard = wifi::sighting(&packet, at, self.sensor, Rules::RECORDED, &mut tally.counts);
            if let Some(sighting) = heard {
                return Ok(Some(Observation::Sighting(sighting)));
            }
        }
    }
}

fn next_line(
    path: &Arc<Path>,
    lines: &mut Lines<Bytes>,
    parser: &mut Parser,
    names: &Names,
    tally: &mut Tally,
) -> Result<Option<Observation>, Failure> {
    loop {
        let number = lines.number() + 1;
        let parsed = match lines.next() {
            Ok(Some(Line::Text(b""))) => continue,
            Ok(Some(Line::Text(line))) => parser.parse(line, names, &mut tally.counts),
            Ok(Some(Line::TooLong)) => Err(LineError::TooLong),
            Ok(None) => return Ok(None),
            Err(e) if is_damage(&e) => return Err(Failure::Damage(Place::Line(number), damage_in_words(&e))),
            Err(e) => return Err(Failure::Io(e)),
        };
        tally.counts.lines += 1;
        match parsed {
            Ok(observation) => return Ok(Some(observation)),
            Err(e) => {
                tally.counts.bad_lines += 1;
                tally.problems.report(path, Place::Line(number), || e.to_string());
            }
        }
    }
}

fn next_receipt(
    path: &Arc<Path>,
    log: &mut PosLog<'_>,
    till: Option<TillIx>,
    names: &Names,
    tally: &mut Tally,
) -> Result<Option<Observation>, Failure> {
    loop {
        let before = log.tally();
        let read = log.next();
        let now = log.tally();
        let number = now.transactions;
        tally.counts.transactions += now.transactions - before.transactions;
        tally.counts.no_receipts += now.control + now.other - before.control - before.other;
        let receipt = match read {
            Ok(Some(receipt)) => receipt,
            Ok(None) => return Ok(None),
            Err(PosLogError::Io(e)) if !is_damage(&e) => return Err(Failure::Io(e)),
            Err(e) => return Err(Failure::Damage(Place::Transaction(number + 1), e.to_string())),
        };
        let place = Place::Transaction(number);
        if let Some(observation) = observed(&receipt, path, place, till, None, names, tally) {
            return Ok(Some(observation));
        }
    }
}

/// A receipt as an observation; what it is not, is told and counted. `captured` is for one without a time.
fn observed(
    receipt: &Receipt,
    path: &Arc<Path>,
    place: Place,
    till: Option<TillIx>,
    captured: Option<Timestamp>,
    names: &Names,
    tally: &mut Tally,
) -> Option<Observation> {
    for doubt in &receipt.doubts {
        tally.counts.doubted_fields += 1;
        tally.problems.report(path, place, || doubt.to_string());
    }
    let captured = captured.filter(|_| receipt.end.or(receipt.begin).is_none());
    match receipt.observe(names, till, captured, &mut tally.aliases) {
        Ok(observation) => return Some(Observation::Receipt(observation)),
        Err(NotObserved::Training | NotObserved::Suspended | NotObserved::Cancelled) => {
            tally.counts.no_receipts += 1;
        }
        Err(e @ (NotObserved::UnknownTill | NotObserved::NoTime | NotObserved::NoCount)) => {
            tally.counts.bad_lines += 1;
            tally.problems.report(path, place, || e.to_string());
        }
    }
    None
}

/// What a decompressor says of its input, as opposed to what a disk says.
fn is_damage(e: &io::Error) -> bool {
    matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput)
}

fn damage_in_words(e: &io::Error) -> String {
    format!("the compressed data ends early or is damaged ({e}); everything before it was read")
}

/// A tag or a byte order mark and a tag, in UTF-8 or UTF-16; XML of another kind is told apart when it is read.
fn is_xml(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let start = start.trim_ascii_start();
    start.first() == Some(&b'<') || start.starts_with(b"\xff\xfe<") || start.starts_with(b"\xfe\xff\0<")
}

/// By its first byte, or, where that line is bad or missing, by its name.
fn is_log(start: &[u8], path: &Path) -> bool {
    let start = start.trim_ascii_start();
    let name = path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    start.first().is_none_or(|b| *b == b'{') || name.ends_with(".jsonl") || name.ends_with(".jsonl.gz")
}

#[path = "papers.rs"]
mod papers;
use papers::Papers;

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
