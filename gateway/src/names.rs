//! What the names in a recording stand for.

use std::collections::{HashMap, HashSet};
use visit_core::site::{FloorIx, SensorIx, Site, TillIx, ZoneIx};

/// Sensors, tills and places by the ids they have in the site map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Names {
    /// Sensors.
    pub sensors: HashMap<String, SensorIx>,
    /// Tills, each with the store it belongs to.
    pub tills: HashMap<String, (TillIx, String)>,
    /// Floors.
    pub floors: HashMap<String, FloorIx>,
    /// Zones.
    pub zones: HashMap<String, ZoneIx>,
    /// Zones at the doors of the site, and in front of them.
    pub doors: HashSet<ZoneIx>,
    /// IANA name of the site's time zone, for times that come without an offset.
    pub timezone: Option<String>,
}

impl From<&Site> for Names {
    fn from(site: &Site) -> Self {
        // A site has at most 65,536 of each: their indices are u16.
        let sensors = (0..=u16::MAX).zip(&site.sensors).map(|(n, s)| (s.id.clone(), SensorIx(n)));
        let tills =
            (0..=u16::MAX).zip(&site.tills).map(|(n, t)| (t.id.clone(), (TillIx(n), t.store.clone())));
        let floors = (0..=u16::MAX).zip(&site.floors).map(|(n, f)| (f.id.clone(), FloorIx(n)));
        let doors = (0..=u16::MAX).zip(&site.zones).filter(|(_, z)| !z.kind.is_inside());
        let zones = (0..=u16::MAX).zip(&site.zones).map(|(n, z)| (z.id.clone(), ZoneIx(n)));
        Self {
            sensors: sensors.collect(),
            tills: tills.collect(),
            floors: floors.collect(),
            zones: zones.collect(),
            doors: doors.map(|(n, _)| ZoneIx(n)).collect(),
            timezone: Some(site.timezone.clone()),
        }
    }
}

impl Names {
    /// The till that a feed means by its own names: the one of the map with the id `store/till` or `store-till`,
    /// else with the id `till`, unless that is another store's.
    pub fn till_of(&self, store: Option<&str>, till: Option<&str>) -> Option<TillIx> {
        let till = till?;
        if let Some(store) = store {
            let joined =
                ["/", "-"].into_iter().find_map(|sep| self.tills.get(&format!("{store}{sep}{till}")));
            if let Some((ix, _)) = joined {
                return Some(*ix);
            }
        }
        let (ix, of) = self.tills.get(till)?;
        store.is_none_or(|store| store == of || !self.has_store(store)).then_some(*ix)
    }

    /// The till of a store that has one.
    pub fn only_till_of(&self, store: &str) -> Option<TillIx> {
        let mut of_store = self.tills.values().filter(|(_, of)| store == of);
        match (of_store.next(), of_store.next()) {
            (Some((ix, _)), None) => Some(*ix),
            _ => None,
        }
    }

    fn has_store(&self, store: &str) -> bool {
        self.tills.values().any(|(_, of)| of == store)
    }

    /// The store of a till.
    pub fn store(&self, till: TillIx) -> Option<&str> {
        self.tills.values().find(|(ix, _)| *ix == till).map(|(_, store)| store.as_str())
    }
}
