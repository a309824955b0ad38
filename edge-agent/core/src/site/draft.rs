//! The site map as somebody wrote it: nothing is checked yet.
//!
//! Fields are those of the site map file; what may be left out is an `Option`.

use core::fmt;

/// A whole site map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SiteDraft {
    /// `site.id`
    pub id: String,
    /// `site.name`
    pub name: Option<String>,
    /// `site.timezone`, IANA.
    pub timezone: String,
    /// `site.business_day_starts`, "HH:MM"; "04:00" when left out.
    pub business_day_starts: Option<String>,
    /// `[[floor]]`
    pub floors: Vec<FloorDraft>,
    /// `[[zone]]`
    pub zones: Vec<ZoneDraft>,
    /// `[[sensor]]`
    pub sensors: Vec<SensorDraft>,
    /// `[[till]]`
    pub tills: Vec<TillDraft>,
    /// `[[beacon]]`
    pub beacons: Vec<BeaconDraft>,
}

/// One `[[floor]]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FloorDraft {
    /// Its id.
    pub id: String,
    /// Storeys above the ground floor.
    pub level: i64,
    /// What people call it.
    pub name: Option<String>,
}

/// One `[[zone]]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ZoneDraft {
    /// Its id.
    pub id: String,
    /// Id of its floor.
    pub floor: String,
    /// One of the names in [`super::ZoneKind::NAMES`].
    pub kind: String,
    /// What people call it.
    pub name: Option<String>,
    /// The brand that trades there.
    pub brand: Option<String>,
    /// Centre, metres in the floor's plan.
    pub position: [f64; 2],
    /// Ids of adjoining zones.
    pub neighbours: Vec<String>,
}

/// One `[[sensor]]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SensorDraft {
    /// Its id.
    pub id: String,
    /// Id of its zone.
    pub zone: String,
    /// Metres in the floor's plan; the zone's centre when left out.
    pub position: Option<[f64; 2]>,
    /// How much stronger this radio reports than the reference, dB; 0 when left out.
    pub radio_offset: Option<f64>,
}

/// One `[[till]]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TillDraft {
    /// Its id.
    pub id: String,
    /// Id of its zone.
    pub zone: String,
    /// The store it belongs to; the zone's brand, else the zone's id, when left out.
    pub store: Option<String>,
    /// The receipt feed that carries it.
    pub feed: Option<String>,
}

/// One `[[beacon]]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BeaconDraft {
    /// Its id.
    pub id: String,
    /// Id of its zone.
    pub zone: String,
    /// Proximity UUID, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
    pub uuid: String,
    /// Major number.
    pub major: i64,
    /// Minor number.
    pub minor: i64,
}

/// Something wrong with a draft, or worth a second look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `zone[3].neighbours[1]`, counted from 0.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Problem {
    /// A problem at `path`.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}
