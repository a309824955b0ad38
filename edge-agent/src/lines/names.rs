//! What places are called, and what time it is there.

use super::text::clean;
use jiff::tz::TimeZone;
use std::collections::HashMap;
use visit_core::site::Site;
use visit_core::time::Timestamp;

/// Names of zones and floors, as far as a site map is at hand, and the local time.
#[derive(Clone, Debug)]
pub struct Names {
    tz: TimeZone,
    /// Zone id → floor id, and what people call it.
    zones: HashMap<String, (String, String)>,
    /// Floor id → its level, and what people call it.
    floors: HashMap<String, (i16, Option<String>)>,
}

impl Names {
    /// Places by their ids, times in `tz`.
    pub fn new(tz: TimeZone) -> Self {
        Self { tz, zones: HashMap::new(), floors: HashMap::new() }
    }

    /// The floor of a zone, where the map says it.
    pub fn floor_of(&self, zone: &str) -> Option<&str> {
        self.zones.get(zone).map(|(floor, _)| floor.as_str())
    }

    /// Floors of the map with their levels.
    pub fn floors(&self) -> impl Iterator<Item = (&str, i16)> {
        self.floors.iter().map(|(id, (level, _))| (id.as_str(), *level))
    }

    /// The level of a floor.
    pub fn level(&self, floor: &str) -> Option<i16> {
        self.floors.get(floor).map(|(level, _)| *level)
    }

    /// A floor as people call it, with its id.
    pub fn floor(&self, id: &str) -> String {
        match self.floors.get(id).and_then(|(_, name)| name.as_deref()) {
            Some(name) if name != id => format!("{} {}", clean(id), clean(name)),
            _ => clean(id),
        }
    }

    /// A zone as people call it, with its floor; its id where nothing is known of it.
    pub fn zone(&self, id: &str) -> String {
        match self.zones.get(id) {
            Some((floor, name)) => format!("{} {}", clean(floor), clean(name)),
            None => clean(id),
        }
    }

    /// `HH:MM:SS` of a moment in RFC 3339.
    pub fn time_of_day(&self, rfc3339: &str) -> Option<String> {
        self.local(rfc3339).map(|t| format!("{:02}:{:02}:{:02}", t.hour(), t.minute(), t.second()))
    }

    /// `HH:MM` of a moment in RFC 3339.
    pub fn hour_and_minute(&self, rfc3339: &str) -> Option<String> {
        self.local(rfc3339).map(|t| format!("{:02}:{:02}", t.hour(), t.minute()))
    }

    fn local(&self, rfc3339: &str) -> Option<jiff::Zoned> {
        let at = Timestamp::parse_rfc3339(rfc3339)?;
        Some(jiff::Timestamp::from_microsecond(at.as_micros()).ok()?.to_zoned(self.tz.clone()))
    }

    #[cfg(test)]
    pub(crate) fn with_zone(mut self, id: &str, floor: &str, name: &str) -> Self {
        self.zones.insert(id.into(), (floor.into(), name.into()));
        self
    }
}

impl From<&Site> for Names {
    fn from(site: &Site) -> Self {
        let floor_of = |z: &visit_core::site::Zone| site.floor(z.floor).id.clone();
        let name = |z: &visit_core::site::Zone| z.name.clone().unwrap_or_else(|| z.id.clone());
        Self {
            tz: TimeZone::get(&site.timezone).unwrap_or(TimeZone::UTC),
            zones: site.zones.iter().map(|z| (z.id.clone(), (floor_of(z), name(z)))).collect(),
            floors: site.floors.iter().map(|f| (f.id.clone(), (f.level, f.name.clone()))).collect(),
        }
    }
}
