//! The site map: floors, zones, sensors, tills and fixed beacons, and how zones adjoin.
//!
//! A [`SiteDraft`] is what somebody wrote; [`Site::build`] turns it into a [`Site`], whose references all
//! resolve, or says everything that is wrong with it. A `Site` is made nowhere else, so:
//!
//! - every index held by a floor, zone, sensor, till or beacon is valid in this `Site`;
//! - `floors` ascend by level, and a larger [`FloorIx`] is never a lower floor;
//! - adjacency is symmetric, without loops or duplicates; every list of neighbours is sorted;
//! - ids are fit for MQTT topics and unique among their kind; all numbers are finite and of sane size.

mod build;
mod draft;
mod review;
mod suggest;

pub use draft::{BeaconDraft, FloorDraft, Problem, SensorDraft, SiteDraft, TillDraft, ZoneDraft};
pub use suggest::closest;

use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Index of a floor in [`Site::floors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FloorIx(pub u16);
/// Index of a zone in [`Site::zones`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ZoneIx(pub u16);
/// Index of a sensor in [`Site::sensors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SensorIx(pub u16);
/// Index of a till in [`Site::tills`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TillIx(pub u16);

/// What a zone is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ZoneKind {
    /// Outside, in front of the doors.
    Perimeter,
    /// The doors.
    Entrance,
    /// A shop.
    Shop,
    /// Corridors, halls, food courts.
    Concourse,
    /// Stairs, lifts, escalators.
    Vertical,
    /// For staff only.
    Staff,
}

impl ZoneKind {
    /// All kinds with their names in the site map.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("perimeter", Self::Perimeter),
        ("entrance", Self::Entrance),
        ("shop", Self::Shop),
        ("concourse", Self::Concourse),
        ("vertical", Self::Vertical),
        ("staff", Self::Staff),
    ];

    /// Whether being here says that a visitor has come in. At the doors and in front of them it does not.
    pub fn is_inside(self) -> bool {
        !matches!(self, Self::Perimeter | Self::Entrance)
    }
}

/// A floor.
#[derive(Clone, Debug, PartialEq)]
pub struct Floor {
    /// Its id in the site map.
    pub id: String,
    /// Storeys above the ground floor; negative below.
    pub level: i16,
    /// What people call it.
    pub name: Option<String>,
}

/// A zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// Its id in the site map.
    pub id: String,
    /// The floor it lies on.
    pub floor: FloorIx,
    /// What it is for.
    pub kind: ZoneKind,
    /// What people call it.
    pub name: Option<String>,
    /// The brand that trades there.
    pub brand: Option<String>,
    /// Centre, metres in the floor's plan.
    pub position: [f32; 2],
    /// Adjoining zones, sorted; adjacency is symmetric whatever the map says.
    pub neighbours: Vec<ZoneIx>,
}

/// A sensor: a gateway's radio or a sensor node.
#[derive(Clone, Debug, PartialEq)]
pub struct Sensor {
    /// Its id in the site map and in observation logs.
    pub id: String,
    /// The zone it hangs in.
    pub zone: ZoneIx,
    /// Metres in the floor's plan.
    pub position: [f32; 2],
    /// How much stronger this radio reports than the reference, dB.
    pub radio_offset: f32,
}

/// A till.
#[derive(Clone, Debug, PartialEq)]
pub struct Till {
    /// Its id in the site map.
    pub id: String,
    /// The zone it stands in.
    pub zone: ZoneIx,
    /// The store it belongs to.
    pub store: String,
    /// The receipt feed that carries it.
    pub feed: Option<String>,
}

/// A beacon that is fixed to the building. What radios hear of it is their heartbeat; it is no visitor.
#[derive(Clone, Debug, PartialEq)]
pub struct Beacon {
    /// Its id in the site map.
    pub id: String,
    /// The zone it hangs in.
    pub zone: ZoneIx,
    /// Proximity UUID.
    pub uuid: [u8; 16],
    /// Major number.
    pub major: u16,
    /// Minor number.
    pub minor: u16,
}

/// A site map all of whose references resolve.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// Site id, part of every topic.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// IANA time zone.
    pub timezone: String,
    /// Minutes after local midnight at which a business day starts.
    pub business_day_starts: u16,
    /// Floors, by level.
    pub floors: Vec<Floor>,
    /// Zones, in the order of the map.
    pub zones: Vec<Zone>,
    /// Sensors, in the order of the map.
    pub sensors: Vec<Sensor>,
    /// Tills, in the order of the map.
    pub tills: Vec<Till>,
    /// Fixed beacons, in the order of the map.
    pub beacons: Vec<Beacon>,
    sensor_by_id: HashMap<String, SensorIx>,
    till_by_id: HashMap<String, TillIx>,
    zone_by_id: HashMap<String, ZoneIx>,
    floor_by_id: HashMap<String, FloorIx>,
}

impl Site {
    /// Version of what indices refer to: two maps with the same version have the same places under the same
    /// indices.
    pub fn version(&self) -> u32 {
        let text = format!("{:?}", (&self.floors, &self.zones, &self.sensors, &self.tills));
        let hash = blake3::hash(text.as_bytes());
        hash.as_bytes()[..4].iter().fold(0, |n, b| n << 8 | u32::from(*b))
    }

    /// A zone.
    pub fn zone(&self, ix: ZoneIx) -> &Zone {
        &self.zones[usize::from(ix.0)]
    }

    /// A floor.
    pub fn floor(&self, ix: FloorIx) -> &Floor {
        &self.floors[usize::from(ix.0)]
    }

    /// The floor a zone lies on.
    pub fn floor_of(&self, zone: ZoneIx) -> FloorIx {
        self.zone(zone).floor
    }

    /// A sensor.
    pub fn sensor(&self, ix: SensorIx) -> &Sensor {
        &self.sensors[usize::from(ix.0)]
    }

    /// A till.
    pub fn till(&self, ix: TillIx) -> &Till {
        &self.tills[usize::from(ix.0)]
    }

    /// The sensor with this id.
    pub fn sensor_named(&self, id: &str) -> Option<SensorIx> {
        self.sensor_by_id.get(id).copied()
    }

    /// The till with this id.
    pub fn till_named(&self, id: &str) -> Option<TillIx> {
        self.till_by_id.get(id).copied()
    }

    /// The zone with this id.
    pub fn zone_named(&self, id: &str) -> Option<ZoneIx> {
        self.zone_by_id.get(id).copied()
    }

    /// The floor with this id.
    pub fn floor_named(&self, id: &str) -> Option<FloorIx> {
        self.floor_by_id.get(id).copied()
    }

    /// The first entrance of the map, else its first zone.
    pub fn any_door(&self) -> ZoneIx {
        ZoneIx(self.zones.iter().position(|z| z.kind == ZoneKind::Entrance).unwrap_or(0) as u16)
    }

    /// The distance from a zone to the nearest other one of its floor, metres: the median over zones; `None` where no zone has
    /// another beside it.
    pub fn usual_distance(&self) -> Option<f32> {
        let nearest = |(i, z): (usize, &Zone)| {
            let beside = self.zones.iter().enumerate().filter(|(o, other)| *o != i && other.floor == z.floor);
            let apart = |p: [f32; 2]| libm::hypotf(z.position[0] - p[0], z.position[1] - p[1]);
            beside.map(|(_, other)| apart(other.position)).filter(|d| *d > 0.1).min_by(f32::total_cmp)
        };
        let mut all: Vec<f32> = self.zones.iter().enumerate().filter_map(nearest).collect();
        all.sort_by(f32::total_cmp);
        all.get(all.len() / 2).copied()
    }

    /// The floor a sensor hangs on.
    pub fn floor_of_sensor(&self, sensor: SensorIx) -> FloorIx {
        self.floor_of(self.sensor(sensor).zone)
    }
}

/// Why `id` cannot be part of an MQTT topic and of every log line, or nothing.
///
/// Topic levels may hold neither `/` nor the wildcards `+` and `#` (MQTT 5.0 §4.7.1), and no control
/// characters (§1.5.4). `$` is refused at the start: brokers keep such topics for themselves (§4.7.2).
pub fn id_problem(id: &str) -> Option<String> {
    if id.is_empty() {
        return Some("is empty; an id names the thing in topics and events, such as \"F1-Z03\"".into());
    }
    if id.chars().count() > MAX_ID_CHARS {
        return Some(format!("is longer than {MAX_ID_CHARS} characters"));
    }
    if id.trim() != id {
        return Some(format!("{id:?} begins or ends with a blank"));
    }
    if id.starts_with('$') {
        return Some(format!("{id:?} begins with '$', which MQTT brokers keep for themselves"));
    }
    let bad = id.chars().find(|c| matches!(c, '/' | '+' | '#') || c.is_control())?;
    Some(format!("{id:?} holds {bad:?}, which an MQTT topic level may not; use letters, digits, '-' and '_'"))
}

/// Longest id. Topics, tables and log lines hold several of them.
pub const MAX_ID_CHARS: usize = 64;
