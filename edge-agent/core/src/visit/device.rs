//! What is kept of one device: within 256 bytes, bounded whatever it does.

use super::gap::Gaps;
use super::stay::Stays;
use crate::event::{Identity, VisitId};
use crate::observation::Pseudonym;
use crate::position::Track;
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

/// What is kept of one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// First pseudonym it was heard under.
    pub name: Pseudonym,
    /// First emission of the visit.
    pub first_heard: Timestamp,
    /// Last emission.
    pub last_heard: Timestamp,
    /// When something must be decided should it stay silent.
    pub due: Timestamp,
    /// Where it is, and how it came there.
    pub track: Track,
    /// How long it is used to be silent.
    pub gaps: Gaps,
    /// Its stays.
    pub stays: Stays,
    /// Spent on the pavement before it came in, ms.
    pub outside_ms: u32,
    /// Floors it was on, one bit each; floors beyond the 64th share the last.
    pub floors: u64,
    /// `seq` of the `exited` event that may be retracted; 0 where there is none.
    pub exit_seq: u32,
    /// `seq` of its `arrived` event; 0 before. Only the approach comes before it.
    pub arrived_seq: u8,
    /// Events published about this visit.
    pub seq: u32,
    /// Emissions heard.
    pub emissions: u32,
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
            last_heard: at,
            due: Timestamp::MAX,
            track: Track::UNKNOWN,
            gaps: Gaps::default(),
            stays: Stays::default(),
            outside_ms: 0,
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

    /// Id of its visit.
    pub fn visit(&self, site: &str) -> VisitId {
        VisitId::of(site, self.name, self.first_heard)
    }

    /// When the visitor came in: first heard, the time on the pavement left out.
    pub fn came_in(&self) -> Timestamp {
        self.first_heard + Span::from_millis(self.outside_ms.into())
    }

    /// It was still outside until `at`.
    pub fn came_in_at(&mut self, at: Timestamp) {
        let ms = at.since(self.first_heard).as_micros() / 1000;
        self.outside_ms = u32::try_from(ms).unwrap_or(0);
    }

    /// The site map changed: the visit goes on, its places are unknown.
    pub fn forget_places(&mut self) {
        self.track = Track::UNKNOWN;
        self.stays.forget_places();
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

    /// All stretches it may have spent in `zone`: when each began and (unless it is there still) ended, milliseconds
    /// after it was first heard, and with what probability.
    pub fn stretches_in(&self, zone: ZoneIx, mut each: impl FnMut(u32, Option<u32>, f32)) {
        let root = self.track.settled().map_or(u32::MAX, |(_, since)| since);
        for stay in self.stays.all().filter(|s| s.zone == zone && s.since < root) {
            each(stay.since, Some(stay.until), f32::from(stay.sure) / 255.0);
        }
        self.track.stretches(|z, since, until, p| {
            if z == zone {
                each(since, until, p);
            }
        });
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
    pub fn floor_bit(floor: FloorIx) -> u64 {
        1 << floor.0.min(63)
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
