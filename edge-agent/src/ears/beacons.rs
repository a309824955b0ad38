//! The beacons of the site map as one radio hears them: counted, watched over ([`Heartbeat`]), told of.

use super::{Ear, UsualRates};
use gateway::heartbeat::{Change, Heartbeat};
use gateway::observation::Frame;
use std::collections::HashMap;
use std::time::Duration;
use tracing::{info, warn};
use visit_core::site::Site;

/// What a radio hears of the site's beacons.
#[derive(Debug, Default)]
pub(super) struct Beacons {
    ids: Vec<String>,
    /// Where each hangs, for people.
    zones: Vec<String>,
    by_numbers: HashMap<([u8; 16], u16, u16), usize>,
    counts: Vec<u64>,
    others: bool,
    heartbeat: Heartbeat,
}

/// What the beacons say of the radio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is deaf; why, in words.
    Deaf(String),
    /// It is deaf no more.
    Hears,
}

impl Beacons {
    /// Those of the map, with what is known of how the radio of this name hears them.
    pub(super) fn of(site: &Site, radio: &str, rates: &UsualRates) -> Self {
        let known: Vec<f32> = site.beacons.iter().map(|b| rates.beacon(radio, &b.id)).collect();
        let numbers = site.beacons.iter().enumerate().map(|(i, b)| ((b.uuid, b.major, b.minor), i));
        Self {
            ids: site.beacons.iter().map(|b| b.id.clone()).collect(),
            zones: site.beacons.iter().map(|b| site.zone(b.zone).id.clone()).collect(),
            by_numbers: numbers.collect(),
            counts: vec![0; site.beacons.len()],
            others: false,
            heartbeat: Heartbeat::knowing(&known),
        }
    }

    /// A Bluetooth frame was heard.
    pub(super) fn heard(&mut self, frame: Frame) {
        let place = match frame {
            Frame::IBeacon { uuid, major, minor } => self.by_numbers.get(&(uuid, major, minor)),
            _ => None,
        };
        match place {
            Some(i) => self.counts[*i] += 1,
            None => self.others = true,
        }
    }

    /// Whether the radio is deaf by its beacons.
    pub(super) fn is_deaf(&self) -> bool {
        self.heartbeat.is_deaf()
    }

    /// How many it usually hears.
    pub(super) fn usual(&self) -> usize {
        self.heartbeat.usual()
    }

    /// Notes what was heard for `past`, until now: to the log and the board, what is missing; to the caller, what it says of
    /// the radio.
    pub(super) fn look(&mut self, past: Duration, ear: &Ear) -> Option<Verdict> {
        let changes = self.heartbeat.heard(&self.counts, std::mem::take(&mut self.others), past);
        self.counts.fill(0);
        let mut verdict = None;
        for change in &changes {
            match *change {
                Change::Missing(i) => warn!(
                    ear = %ear.name(), beacon = self.ids[i], zone = self.zones[i],
                    "a beacon that is usually heard is missing: its battery, or something in its way"
                ),
                Change::Back(i) => {
                    info!(ear = %ear.name(), beacon = self.ids[i], zone = self.zones[i], "a beacon is heard again");
                }
                Change::Deaf { silent, beacons } => {
                    verdict = Some(Verdict::Deaf(format!(
                        "deaf: none of the {beacons} beacons that are usually heard was heard for {} s",
                        silent.as_secs()
                    )));
                }
                Change::Hears => verdict = Some(Verdict::Hears),
            }
        }
        if !changes.is_empty() {
            ear.misses(self.heartbeat.missing().map(|i| self.ids[i].clone()).collect());
        }
        verdict
    }

    /// Notes what was learnt, over a restart.
    pub(super) fn note(&self, radio: &str, rates: &UsualRates) {
        rates.note_beacons(radio, self.ids.iter().map(String::as_str).zip(self.heartbeat.rates()));
    }
}
