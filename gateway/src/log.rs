//! The observation log: one JSON object a line, `.jsonl`, possibly gzip.
//!
//! ```text
//! {"at":"2025-11-21T01:30:00.000Z","kind":"wifi","sensor":"F2-S01","addr":"02:6f:32:0f:5d:92","rssi":-78,
//!  "channel":6,"seq":164,"frame":"probe_request","ies":"<hex>","fingerprint":"…"}
//! {"at":"…","kind":"ble","sensor":"F1-S02","addr":"…","rssi":-70,"adv":"<hex of AD structures>"}
//! {"at":"…","kind":"health","sensor":"F1-S02","up":false}
//! {"at":"…","kind":"receipt","till":"till-F2-Z03","store":"…","number":"…","type":"sale",
//!  "amount_minor":12900,"currency":"CNY","member":"…","refers_to":"…"}
//! {"at":"…","kind":"totals","store":"…","till":"…","business_date":"2025-11-21","receipts":212,"net_minor":…}
//! {"at":"…","kind":"count","zone":"F1-E1","entered":3,"left":1}
//! ```
//!
//! `at`, `kind` and who heard whom are required. `frame`: probe_request (the default), association,
//! reassociation, authentication, data, null. `ies` counts before `fingerprint`, which stands for it where the
//! bytes are not known; `length`, of the whole frame, tells apart frames of which not all elements were kept. `type`: sale (the default), refund, void. Unknown fields are passed over.
//!
//! What the daemon knows of a receipt besides, a recording keeps: `business_date`, `printed_at`, `content` (the hash of what was
//! sold and paid, hexadecimal), `reprint`, `partial`, `unbalanced`, `refers_to_till`, `refers_to_date`.
//!
//! Invariants: a line is used as a whole or not at all; no message repeats an address or a member number; a
//! line longer than [`MAX_LINE`] is passed over without being held in memory.

mod paper;

use crate::ble;
use crate::counts::Counts;
use crate::door;
use crate::names::Names;
use crate::observation::{Frame, MacAddr, Observation, Sighting};
use crate::wifi::{ie, radiotap};
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, Read};
use visit_core::observation::SensorHealth;
use visit_core::site::{SensorIx, TillIx};
use visit_core::time::Timestamp;

/// The longest line that is read, bytes.
pub const MAX_LINE: usize = 1 << 20;

/// Why a line could not be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Longer than [`MAX_LINE`].
    #[error("the line is longer than 1 MiB")]
    TooLong,
    /// Not JSON.
    #[error("no JSON at column {column}; a line is one JSON object")]
    NotJson {
        /// Byte of the line, from 1.
        column: usize,
    },
    /// JSON of another shape.
    #[error("the field before column {column} has the wrong type, or stands twice")]
    WrongType {
        /// Byte of the line, from 1.
        column: usize,
    },
    /// A field is not there.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A field has a value it cannot have.
    #[error("`{field}` is not {wanted}")]
    Bad {
        /// Which.
        field: &'static str,
        /// What would be right.
        wanted: &'static str,
    },
    /// A name that the site map does not know.
    #[error("{field} {name} is not in the site map")]
    Unknown {
        /// `sensor`, `till`, `zone` or `floor`.
        field: &'static str,
        /// The name in quotes, or what may be said of it.
        name: String,
    },
}

/// Who heard or sold, where a line does not say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Defaults {
    /// For lines without `sensor`.
    pub sensor: Option<SensorIx>,
    /// For receipts without `till`.
    pub till: Option<TillIx>,
}

/// Reads lines. Holds the scratch memory, so that a line costs none.
#[derive(Debug, Default)]
pub struct Parser {
    scratch: Vec<u8>,
    defaults: Defaults,
}

impl Parser {
    /// A parser with these defaults.
    pub fn new(defaults: Defaults) -> Self {
        Self { scratch: Vec::new(), defaults }
    }

    /// The observation of a line. What is noticed about it is counted; that it is bad, the caller counts.
    pub fn parse(
        &mut self,
        line: &[u8],
        names: &Names,
        counts: &mut Counts,
    ) -> Result<Observation, LineError> {
        let raw: Raw<'_> = serde_json::from_slice(line).map_err(|e| {
            let column = e.column();
            if e.is_data() { LineError::WrongType { column } } else { LineError::NotJson { column } }
        })?;
        let at = raw.at.as_ref().ok_or(LineError::Missing("at"))?;
        let at = Timestamp::parse_rfc3339(at).ok_or(LineError::Bad {
            field: "at",
            wanted: "a time as in RFC 3339 (2025-11-21T01:30:00.000Z)",
        })?;
        match &**raw.kind.as_ref().ok_or(LineError::Missing("kind"))? {
            "wifi" => self.wifi(at, &raw, names, counts).map(Observation::Sighting),
            "ble" => self.ble(at, &raw, names, counts).map(Observation::Sighting),
            "health" => self.health(at, &raw, names).map(Observation::SensorHealth),
            "receipt" => paper::receipt(at, &raw, names, self.defaults.till).map(Observation::Receipt),
            "totals" => paper::totals(at, &raw, names).map(Observation::DayTotals),
            "count" => raw.door().observe(at, names).map(Observation::DoorCount),
            _ => Err(LineError::Bad { field: "kind", wanted: "wifi, ble, health, receipt, totals or count" }),
        }
    }

    fn wifi(
        &mut self,
        at: Timestamp,
        raw: &Raw<'_>,
        names: &Names,
        n: &mut Counts,
    ) -> Result<Sighting, LineError> {
        let frame = match raw.frame.as_deref() {
            None | Some("probe_request") => Frame::ProbeRequest,
            Some("association" | "reassociation" | "authentication") => Frame::Association,
            Some("data" | "null") => Frame::Data,
            Some(_) => {
                let wanted = "probe_request, association, reassociation, authentication, data or null";
                return Err(LineError::Bad { field: "frame", wanted });
            }
        };
        let sighting = Sighting {
            at,
            sensor: self.sensor(raw, names)?,
            addr: addr(raw)?,
            rssi: rssi(raw)?,
            channel: ranged(raw.channel, "channel", "a channel number (1…233)", 1..=233)?.map(|c| c as u8),
            seq: ranged(raw.seq, "seq", "a sequence number (0…4095)", 0..=4095)?.map(|s| s as u16),
            fingerprint: self.fingerprint(raw, frame, n)?,
            frame,
        };
        n.group_address_kept += u64::from(sighting.addr.is_group());
        n.no_rssi += u64::from(sighting.rssi.is_none());
        Ok(sighting)
    }

    /// Of probe requests only, as from the air; a name is taken as it is.
    fn fingerprint(&mut self, raw: &Raw<'_>, frame: Frame, n: &mut Counts) -> Result<Option<u64>, LineError> {
        if let (Some(ies), Frame::ProbeRequest) = (&raw.ies, frame) {
            let wanted = "hexadecimal digits of information elements, at most 2304 bytes";
            decode_hex(ies, ie::MAX_LEN, &mut self.scratch).ok_or(LineError::Bad { field: "ies", wanted })?;
            let print = ie::fingerprint(&self.scratch);
            n.malformed_elements += u64::from(print.malformed);
            // A log without the element of the network asked for may have lost others too: the length tells.
            let whole = self.scratch.first() == Some(&0);
            let length = ranged(raw.length, "length", "the bytes of a frame (0…65535)", 0..=65_535)?;
            return Ok(match length.filter(|_| !whole) {
                Some(length) => print.hash.map(|hash| ie::of_length(hash, length as u16)),
                None => print.hash,
            });
        }
        Ok(raw.fingerprint.as_deref().map(ie::fingerprint_of_name))
    }

    fn ble(
        &mut self,
        at: Timestamp,
        raw: &Raw<'_>,
        names: &Names,
        n: &mut Counts,
    ) -> Result<Sighting, LineError> {
        let mut malformed = false;
        let mut frame = Frame::Advertisement;
        if let Some(adv) = &raw.adv {
            let wanted = "hexadecimal digits of AD structures, at most 1650 bytes";
            decode_hex(adv, ble::adv::MAX_LEN, &mut self.scratch)
                .ok_or(LineError::Bad { field: "adv", wanted })?;
            (frame, malformed) = ble::frame(&self.scratch);
        }
        let (sensor, addr, rssi) = (self.sensor(raw, names)?, addr(raw)?, rssi(raw)?);
        n.malformed_advertisements += u64::from(malformed);
        n.no_rssi += u64::from(rssi.is_none());
        Ok(Sighting { at, sensor, addr, rssi, channel: None, seq: None, fingerprint: None, frame })
    }

    fn health(&self, at: Timestamp, raw: &Raw<'_>, names: &Names) -> Result<SensorHealth, LineError> {
        let up = raw.up.ok_or(LineError::Missing("up"))?;
        Ok(SensorHealth { at, sensor: self.sensor(raw, names)?, up })
    }

    fn sensor(&self, raw: &Raw<'_>, names: &Names) -> Result<SensorIx, LineError> {
        match &raw.sensor {
            Some(name) => names.sensors.get(&**name).copied().ok_or_else(|| unknown("sensor", name)),
            None => self.defaults.sensor.ok_or(LineError::Missing("sensor")),
        }
    }
}

/// A line of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// Its bytes, without the end of line.
    Text(&'a [u8]),
    /// It was longer than [`MAX_LINE`] and was passed over.
    TooLong,
}

/// Lines of a stream, in memory bounded by [`MAX_LINE`].
pub struct Lines<R> {
    inner: R,
    line: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// The lines of `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, line: Vec::new(), number: 0 }
    }

    /// Number of the line yielded last, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The next line; `None` at the end. The last line needs no end of line.
    #[allow(clippy::should_implement_trait)] // an Iterator cannot lend its buffer
    pub fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let limit = MAX_LINE as u64 + 1;
        if Read::by_ref(&mut self.inner).take(limit).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if self.line.len() > MAX_LINE {
            self.inner.skip_until(b'\n')?;
            self.line.clear();
            return Ok(Some(Line::TooLong));
        }
        Ok(Some(Line::Text(self.line.trim_ascii())))
    }
}

/// Every field of every kind; borrowed from the line unless it has escapes.
#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    at: Option<Text<'a>>,
    #[serde(borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    sensor: Option<Text<'a>>,
    #[serde(borrow)]
    addr: Option<Text<'a>>,
    rssi: Option<i64>,
    channel: Option<i64>,
    seq: Option<i64>,
    length: Option<i64>,
    up: Option<bool>,
    #[serde(borrow)]
    frame: Option<Text<'a>>,
    #[serde(borrow)]
    ies: Option<Text<'a>>,
    #[serde(borrow)]
    fingerprint: Option<Text<'a>>,
    #[serde(borrow)]
    adv: Option<Text<'a>>,
    #[serde(borrow)]
    till: Option<Text<'a>>,
    #[serde(borrow)]
    store: Option<Text<'a>>,
    #[serde(borrow)]
    number: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind_of_receipt: Option<Text<'a>>,
    amount_minor: Option<i64>,
    #[serde(borrow)]
    currency: Option<Text<'a>>,
    #[serde(borrow)]
    member: Option<Text<'a>>,
    #[serde(borrow)]
    refers_to: Option<Text<'a>>,
    #[serde(borrow)]
    refers_to_till: Option<Text<'a>>,
    #[serde(borrow)]
    refers_to_date: Option<Text<'a>>,
    #[serde(borrow)]
    business_date: Option<Text<'a>>,
    #[serde(borrow)]
    printed_at: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<Text<'a>>,
    reprint: Option<bool>,
    partial: Option<bool>,
    unbalanced: Option<bool>,
    receipts: Option<i64>,
    net_minor: Option<i64>,
    #[serde(borrow)]
    zone: Option<Text<'a>>,
    #[serde(borrow)]
    floor: Option<Text<'a>>,
    #[serde(borrow)]
    counter: Option<Text<'a>>,
    entered: Option<i64>,
    left: Option<i64>,
    inside: Option<i64>,
}

impl Raw<'_> {
    fn door(&self) -> door::Said<'_> {
        door::Said {
            zone: self.zone.as_deref(),
            floor: self.floor.as_deref(),
            counter: self.counter.as_deref(),
            entered: self.entered,
            left: self.left,
            inside: self.inside,
        }
    }
}

/// serde borrows `Cow<str>`, but not inside an `Option`; this does.
struct Text<'a>(Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrow)
    }
}

fn addr(raw: &Raw<'_>) -> Result<MacAddr, LineError> {
    let text = raw.addr.as_deref().ok_or(LineError::Missing("addr"))?;
    MacAddr::parse(text).ok_or(LineError::Bad { field: "addr", wanted: "an address (aa:bb:cc:dd:ee:ff)" })
}

/// As from the air: what no receiver measures is unknown, what does not fit a byte is an error.
fn rssi(raw: &Raw<'_>) -> Result<Option<i8>, LineError> {
    let dbm = ranged(raw.rssi, "rssi", "a signal strength in dBm (-127…-1)", -128..=127)?;
    Ok(dbm.and_then(|dbm| radiotap::plausible_rssi(dbm as i8)))
}

fn ranged(
    value: Option<i64>,
    field: &'static str,
    wanted: &'static str,
    range: std::ops::RangeInclusive<i64>,
) -> Result<Option<i64>, LineError> {
    match value {
        Some(v) if !range.contains(&v) => Err(LineError::Bad { field, wanted }),
        other => Ok(other),
    }
}

/// A name is repeated so that it can be found, unless it may be an address that slipped into the wrong field.
pub(crate) fn unknown(field: &'static str, name: &str) -> LineError {
    let separators = name.bytes().filter(|b| matches!(b, b':' | b'-')).count();
    let hex = name.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'-'));
    let name = if hex && (separators == 5 || name.len() >= 12) {
        "(looks like an address)".to_owned()
    } else {
        format!("{:?}", name.chars().take(64).collect::<String>())
    };
    LineError::Unknown { field, name }
}

/// Decodes pairs of hexadecimal digits into `out`.
fn decode_hex(text: &str, max: usize, out: &mut Vec<u8>) -> Option<()> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || digits.len() > 2 * max {
        return None;
    }
    out.clear();
    let mut wrong = 0;
    out.extend(digits.chunks_exact(2).map(|pair| {
        let (high, low) = (HEX[usize::from(pair[0])], HEX[usize::from(pair[1])]);
        wrong |= high | low;
        high << 4 | low & 0xf
    }));
    (wrong & 0xf0 == 0).then_some(())
}

/// Value of a digit; 0xff of any other byte.
const HEX: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut i = 0;
    while i < 16 {
        table[b"0123456789abcdef"[i] as usize] = i as u8;
        table[b"0123456789ABCDEF"[i] as usize] = i as u8;
        i += 1;
    }
    table
};

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
