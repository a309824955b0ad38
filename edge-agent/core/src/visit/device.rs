//! What is kept of one device: within 256 bytes, bounded whatever it does.

use super::gap::Gaps;
use super::stay::Stays;
use crate::event::{Identity, VisitId};
use crate::observation::Pseudonym;
use crate::position::Belief;
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

/// What is kept of one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// First pseudonym it was heard under.
    pub name: Pseudonym,
    /// Its visit.
    pub visit: VisitId,
    /// First emission of the visit.
    pub first_heard: Timestamp,
    /// Last emission.
    pub last_heard: Timestamp,
    /// When something must be decided should it stay silent.
    pub due: Timestamp,
    /// Where it is.
    pub belief: Belief,
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
    /// `seq` of its `arrived` event; 0 before.
    pub arrived_seq: u32,
    /// Events published about this visit.
    pub seq: u32,
    /// Emissions heard.
    pub emissions: u32,
    /// Emissions most likely from a zone for staff.
    pub in_staff_zones: u32,
    /// The floor it settled on.
    pub floor: Option<FloorIx>,
    /// Another floor that is likelier now: since when, at how many emissions.
    pub next_floor: Option<(FloorIx, Timestamp, u8)>,
    /// The door it was first heard at.
    pub door: Option<ZoneIx>,
    /// Emissions in a row that were most likely inside.
    pub inside_in_a_row: u8,
    /// Dwells published.
    pub dwells: u16,
    /// Receipts attributed.
    pub purchases: u16,
    /// How far the visit has got.
    pub phase: Phase,
    /// How well the device is known.
    pub identity: Identity,
}

impl Device {
    /// A device heard for the first time.
    pub fn new(site: &str, name: Pseudonym, identity: Identity, at: Timestamp) -> Self {
        Self {
            name,
            visit: VisitId::of(site, name, at),
            first_heard: at,
            last_heard: at,
            due: Timestamp::MAX,
            belief: Belief::UNKNOWN,
            gaps: Gaps::default(),
            stays: Stays::default(),
            outside_ms: 0,
            floors: 0,
            exit_seq: 0,
            arrived_seq: 0,
            seq: 0,
            emissions: 0,
            in_staff_zones: 0,
            floor: None,
            next_floor: None,
            door: None,
            inside_in_a_row: 0,
            dwells: 0,
            purchases: 0,
            phase: Phase::Heard,
            identity,
        }
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
        self.belief = Belief::UNKNOWN;
        self.stays = Stays::default();
        self.floor = None;
        self.floors = 0;
        self.next_floor = None;
        self.door = None;
    }

    /// Inside as far as we know: arrived, and not gone.
    pub fn is_inside(&self) -> bool {
        self.phase == Phase::Inside
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
