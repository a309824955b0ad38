//! What ears hear, written down as an observation log that `replay` reads.
//!
//! Unless it is asked for raw, a recording holds no address: what [`Privacy`] refuses is left out, and an address is
//! replaced by bytes of the pseudonym that it has under a key of this recording alone, which is nowhere but in memory.
//! The local bit stays, which says what sort of address it was. A beacon that the site knows as a member's keeps its
//! UUID and has other numbers; other beacons are advertisements like any. A receipt's member number is left out, or, of
//! members who agreed, a token under that same key; its numbers are cut where they may be a card's.

mod paper;
#[cfg(test)]
mod tests;

use crate::config::{TagMeaning, TagRule};
use crate::privacy::Privacy;
use gateway::ble::ibeacon::IBeacon;
use gateway::observation::{self as raw, Frame, MacAddr, Observation, Sighting};
use serde::Serialize;
use std::io::{self, Write};
use visit_core::observation::{self as kept, SensorHealth};
use visit_core::site::{SensorIx, Site};

/// Writes observations as lines, up to a size.
pub struct Recorder<W> {
    out: W,
    /// Nothing: addresses are written as they are.
    privacy: Option<Privacy>,
    sensors: Vec<String>,
    places: paper::Places,
    members: Vec<[u8; 16]>,
    left: u64,
    written: u64,
}

/// A line of the log.
#[derive(Serialize)]
struct Line<'a> {
    at: String,
    kind: &'static str,
    sensor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    addr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rssi: Option<i8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    up: Option<bool>,
}

impl<W: Write> Recorder<W> {
    /// Writes at most `max_bytes`, through `privacy`, or without it as it was heard.
    pub fn new(out: W, privacy: Option<Privacy>, tags: &[TagRule], site: &Site, max_bytes: u64) -> Self {
        let members = tags.iter().filter(|t| t.means == TagMeaning::Member).map(|t| t.uuid).collect();
        let sensors = site.sensors.iter().map(|s| s.id.clone()).collect();
        let places = paper::Places::from(site);
        Self { out, privacy, sensors, places, members, left: max_bytes, written: 0 }
    }

    /// Lines written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Writes an observation; `false` when there is no room for it.
    pub fn record(&mut self, observation: &Observation) -> io::Result<bool> {
        let line = match observation {
            Observation::Sighting(heard) => self.sighting(*heard).map(|line| json(&line)),
            Observation::SensorHealth(health) => self.health(*health).map(|line| json(&line)),
            Observation::Receipt(receipt) => self.receipt(receipt).map(|line| json(&line)),
            Observation::DayTotals(totals) => self.totals(totals).map(|line| json(&line)),
            Observation::DoorCount(count) => Some(json(&self.places.count(count))),
        };
        let Some(mut bytes) = line.transpose()? else { return Ok(true) };
        bytes.push(b'\n');
        let Some(left) = self.left.checked_sub(bytes.len() as u64) else { return Ok(false) };
        self.out.write_all(&bytes)?;
        self.left = left;
        self.written += 1;
        Ok(true)
    }

    /// Passes on what is buffered.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The writer, for those that want to be closed.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn sighting(&mut self, heard: Sighting) -> Option<Line<'_>> {
        let heard = match &mut self.privacy {
            None => heard,
            Some(privacy) => match privacy.observe(Observation::Sighting(heard)) {
                Ok(kept::Observation::Sighting(kept)) => disguise(heard, &kept, &self.members),
                _ => return None,
            },
        };
        let (kind, frame) = match heard.frame {
            Frame::ProbeRequest => ("wifi", Some("probe_request")),
            Frame::Association => ("wifi", Some("association")),
            Frame::Data => ("wifi", Some("data")),
            Frame::Advertisement | Frame::IBeacon { .. } => ("ble", None),
        };
        Some(Line {
            at: heard.at.to_string(),
            kind,
            sensor: sensor(&self.sensors, heard.sensor)?,
            addr: Some(heard.addr.reveal()),
            rssi: heard.rssi,
            channel: heard.channel,
            seq: heard.seq,
            frame,
            fingerprint: heard.fingerprint.map(|f| format!("{f:016x}")),
            adv: advertisement(heard.frame),
            up: None,
        })
    }

    fn receipt(&mut self, receipt: &raw::Receipt) -> Option<paper::ReceiptLine> {
        let Some(privacy) = &mut self.privacy else { return Some(self.places.raw_receipt(receipt)) };
        match privacy.observe(Observation::Receipt(receipt.clone())) {
            Ok(kept::Observation::Receipt(kept)) => Some(self.places.receipt(&kept)),
            _ => None,
        }
    }

    fn totals(&mut self, totals: &kept::DayTotals) -> Option<paper::TotalsLine> {
        let Some(privacy) = &mut self.privacy else { return Some(self.places.totals(totals)) };
        match privacy.observe(Observation::DayTotals(totals.clone())) {
            Ok(kept::Observation::DayTotals(kept)) => Some(self.places.totals(&kept)),
            _ => None,
        }
    }

    fn health(&self, health: SensorHealth) -> Option<Line<'_>> {
        Some(Line {
            at: health.at.to_string(),
            kind: "health",
            sensor: sensor(&self.sensors, health.sensor)?,
            addr: None,
            rssi: None,
            channel: None,
            seq: None,
            frame: None,
            fingerprint: None,
            adv: None,
            up: Some(health.up),
        })
    }
}

fn json(line: &impl Serialize) -> io::Result<Vec<u8>> {
    serde_json::to_vec(line).map_err(io::Error::other)
}

fn sensor(sensors: &[String], ix: SensorIx) -> Option<&str> {
    sensors.get(usize::from(ix.0)).map(String::as_str)
}

/// The sighting with an address made of its pseudonym.
fn disguise(heard: Sighting, kept: &kept::Sighting, members: &[[u8; 16]]) -> Sighting {
    let bytes = kept.device.0.to_be_bytes();
    let mut addr = [0; 6];
    addr.copy_from_slice(&bytes[..6]);
    // Never a group address; the local bit as it was.
    addr[0] = addr[0] & !0x03 | u8::from(heard.addr.is_local()) << 1;
    let frame = match heard.frame {
        Frame::IBeacon { uuid, .. } if members.contains(&uuid) => Frame::IBeacon {
            uuid,
            major: u16::from_be_bytes([bytes[6], bytes[7]]),
            minor: u16::from_be_bytes([bytes[8], bytes[9]]),
        },
        Frame::IBeacon { .. } => Frame::Advertisement,
        other => other,
    };
    Sighting { addr: MacAddr(addr), frame, ..heard }
}

/// A beacon as the advertisement it stands for. Its power at 1 m is not kept, and not used.
fn advertisement(frame: Frame) -> Option<String> {
    let Frame::IBeacon { uuid, major, minor } = frame else { return None };
    let mut bytes = Vec::new();
    IBeacon { uuid, major, minor, measured_power: 0 }.emit(&mut bytes);
    Some(bytes.iter().map(|b| format!("{b:02x}")).collect())
}
