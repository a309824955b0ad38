//! What the names in a recording stand for.

use std::collections::HashMap;
use visit_core::site::{SensorIx, Site, TillIx};

/// Sensors and tills by the ids they have in the site map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Names {
    /// Sensors.
    pub sensors: HashMap<String, SensorIx>,
    /// Tills, each with the store it belongs to.
    pub tills: HashMap<String, (TillIx, String)>,
}

impl From<&Site> for Names {
    fn from(site: &Site) -> Self {
        // A site has at most 65,536 of each: their indices are u16.
        let sensors = (0..=u16::MAX).zip(&site.sensors).map(|(n, s)| (s.id.clone(), SensorIx(n)));
        let tills =
            (0..=u16::MAX).zip(&site.tills).map(|(n, t)| (t.id.clone(), (TillIx(n), t.store.clone())));
        Self { sensors: sensors.collect(), tills: tills.collect() }
    }
}

impl Names {
    /// The store of a till.
    pub fn store(&self, till: TillIx) -> Option<&str> {
        self.tills.values().find(|(ix, _)| *ix == till).map(|(_, store)| store.as_str())
    }
}
