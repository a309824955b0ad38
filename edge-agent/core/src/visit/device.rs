//! What is kept of one device: within 256 bytes, bounded whatever it does.

use super::climb::Climbs;
use super::gap::Gaps;
use super::stay::Stays;
use crate::event::{Identity, VisitId};
use crate::observation::Pseudonym;
use crate::position::{Moments, Track};
use crate::site::{FloorIx, ZoneIx};
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// How far a visit has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Heard; nothing was said about it.
    Heard,
    /// `approached` was published.
    Approached,
    /// `arrived` was published.
    Inside,
    /// `exited` was published, and may yet be retracted.
    Gone,
    /// Staff or equipment: nothing is said about it any more.
    NotAVisitor,
}

const NO_DOOR: ZoneIx = ZoneIx(u16::MAX);
const NEVER: u32 = u32::MAX;
/// Emissions that may speak for or against a change of zone before it is settled, and the least and most time for that.
const SETTLED_BY: f32 = 30.0;
const SOONEST_S: f32 = 120.0;
const LATEST_S: f32 = 900.0;

/// What is kept of one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// First pseudonym it was heard under.
    pub name: Pseudonym,
    /// First emission of the visit.
    pub first_heard: Timestamp,
    /// Last emission, milliseconds after the first.
    last_ms: u32,
    /// When something must be decided should it stay silent, milliseconds after the first; all ones: never.
    due_ms: u32,
    /// Where it is, and how it came there.
    pub track: Track,
    /// How long it is used to be silent.
    pub gaps: Gaps,
    /// Its stays.
    pub stays: Stays,
    /// The floor it is on.
    pub climbs: Climbs,
    /// Spent on the pavement before it came in, seconds.
    outside_s: u16,
    /// Floors it was on, one bit each; floors beyond the 32nd share the last.
    pub floors: u32,
    /// `seq` of the `exited` event that may be retracted; 0 where there is none.
    pub exit_seq: u32,
    /// `seq` of its `arrived` event; 0 before. Only the approach comes before it.
    pub arrived_seq: u8,
    /// Events published about this visit.
    pub seq: u32,
    /// Emissions heard; of more than can be counted it is known that there were many.
    pub emissions: u16,
    /// Emissions most likely from a zone for staff.
    pub in_staff_zones: u16,
    /// The door it was first heard at.
    door: ZoneIx,
    /// Emissions in a row that were most likely inside.
    pub inside_in_a_row: u8,
    /// Receipts attributed.
    pub purchases: u16,
    /// It was there when we began to hear.
    pub was_here: bool,
    /// How far the visit has got.
    pub phase: Phase,
    /// How well the device is known.
    pub identity: Identity,
}

impl Device {
    /// A device heard for the first time.
    pub fn new(name: Pseudonym, identity: Identity, at: Timestamp) -> Self {
        Self {
            name,
            first_heard: at,
            last_ms: 0,
            due_ms: NEVER,
            track: Track::UNKNOWN,
            gaps: Gaps::default(),
            stays: Stays::default(),
            climbs: Climbs::default(),
            outside_s: 0,
            floors: 0,
            exit_seq: 0,
            arrived_seq: 0,
            seq: 0,
            emissions: 0,
            in_staff_zones: 0,
            door: NO_DOOR,
            inside_in_a_row: 0,
            purchases: 0,
            was_here: false,
            phase: Phase::Heard,
            identity,
        }
    }

    /// Last emission.
    pub fn last_heard(&self) -> Timestamp {
        self.moment(self.last_ms)
    }

    /// It was heard at `at`.
    pub fn heard_at(&mut self, at: Timestamp) {
        self.last_ms = self.millis(at);
    }

    /// When something must be decided should it stay silent.
    pub fn due(&self) -> Timestamp {
        if self.due_ms == NEVER { Timestamp::MAX } else { self.moment(self.due_ms) }
    }

    /// Something must be decided at `at` should it stay silent; never later than seven weeks after it was first heard.
    pub fn decide_at(&mut self, at: Timestamp) {
        // Not a moment too early: what is asked for then has to be due.
        let ms = (at.since(self.first_heard).as_micros() + 999) / 1000;
        self.due_ms = u32::try_from(ms.max(0)).unwrap_or(NEVER - 1).min(NEVER - 1);
    }

    /// Moments of an emission at `at`, as its track wants them. A change of zone is settled once so many emissions spoke for
    /// it as this device sends in that time.
    pub fn moments(&self, at: Timestamp) -> Moments {
        let patience = (self.gaps.mean() * SETTLED_BY).clamp(SOONEST_S, LATEST_S) * 1000.0;
        Moments { before: self.last_ms, now: self.millis(at), patience: patience as u32 }
    }

    /// Id of its visit.
    pub fn visit(&self, site: &str) -> VisitId {
        VisitId::of(site, self.name, self.first_heard)
    }

    /// When the visitor came in: first heard, the time on the pavement left out.
    pub fn came_in(&self) -> Timestamp {
        self.first_heard + Span::from_secs(self.outside_s.into())
    }

    /// It was still outside until `at`.
    pub fn came_in_at(&mut self, at: Timestamp) {
        let s = at.since(self.first_heard).as_micros() / 1_000_000;
        self.outside_s = u16::try_from(s.max(0)).unwrap_or(u16::MAX);
    }

    /// The site map changed: the visit goes on, its places are unknown.
    pub fn forget_places(&mut self) {
        self.track = Track::UNKNOWN;
        self.stays.forget_places();
        self.climbs = Climbs::default();
        self.floors = 0;
        self.door = NO_DOOR;
    }

    /// The door it was first heard at.
    pub fn door(&self) -> Option<ZoneIx> {
        Some(self.door).filter(|z| *z != NO_DOOR)
    }

    /// It was first heard at `door`.
    pub fn came_to(&mut self, door: ZoneIx) {
        self.door = door;
    }

    /// Inside as far as we know: arrived, and not gone.
    pub fn is_inside(&self) -> bool {
        self.phase == Phase::Inside
    }

    /// All stretches it may have spent anywhere: zone, when each began and (unless it is there still) ended, milliseconds
    /// after it was first heard, and with what probability.
    pub fn stretches(&self, mut each: impl FnMut(ZoneIx, u32, Option<u32>, f32)) {
        let root = self.track.settled().map_or(u32::MAX, |(_, since)| since);
        for stay in self.stays.all().filter(|s| s.since < root) {
            each(stay.zone, stay.since, Some(stay.until.min(root)), stay.sure);
        }
        self.track.stretches(each);
    }

    /// Where it most likely was at a moment, with hindsight, and the probability of that.
    pub fn zone_at(&self, ms: u32) -> Option<(ZoneIx, f32)> {
        let mut zones: [(ZoneIx, f32); 8] = [(NO_DOOR, 0.0); 8];
        self.stretches(|zone, since, until, p| {
            if (since..=until.unwrap_or(u32::MAX)).contains(&ms)
                && let Some(entry) = zones.iter_mut().find(|(z, _)| *z == zone || *z == NO_DOOR)
            {
                *entry = (zone, entry.1 + p);
            }
        });
        let best = zones.into_iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
        (best.1 > 0.0).then_some(best)
    }

    /// A moment so many milliseconds after it was first heard.
    pub fn moment(&self, ms: u32) -> Timestamp {
        self.first_heard + Span::from_millis(ms.into())
    }

    /// Milliseconds after it was first heard; a visit of 49 days is as long as any.
    pub fn millis(&self, at: Timestamp) -> u32 {
        u32::try_from(at.since(self.first_heard).as_micros().max(0) / 1000).unwrap_or(u32::MAX)
    }

    /// The bit of a floor in [`Self::floors`].
    pub fn floor_bit(floor: FloorIx) -> u32 {
        1 << floor.0.min(31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_costs_at_most_256_bytes() {
        let bytes = size_of::<Device>();
        assert!(bytes <= 256, "{bytes}");
    }
}
