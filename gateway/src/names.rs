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
    /// IANA name of the site's time zone, for times that come without an offset.
    pub timezone: Option<String>,
}

impl From<&Site> for Names {
    fn from(site: &Site) -> Self {
        // A site has at most 65,536 of each: their indices are u16.
        let sensors = (0..=u16::MAX).zip(&site.sensors).map(|(n, s)| (s.id.clone(), SensorIx(n)));
        let tills =
            (0..=u16::MAX).zip(&site.tills).map(|(n, t)| (t.id.clone(), (TillIx(n), t.store.clone())));
        Self { sensors: sensors.collect(), tills: tills.collect(), timezone: Some(site.timezone.clone()) }
    }
}

impl Names {
    /// The till that a feed means by its own names. In this order: the till of the map with this id; with the id
    /// `store/till` or `store-till`; the only till of the store. A till with the id but of another store is none.
    pub fn till_of(&self, store: Option<&str>, till: Option<&str>) -> Option<TillIx> {
        let known = |id: &str| self.tills.get(id);
        if let (Some(store), Some(till)) = (store, till) {
            let joined = ["/", "-"].into_iter().find_map(|sep| known(&format!("{store}{sep}{till}")));
            if let Some((ix, _)) = joined {
                return Some(*ix);
            }
        }
        if let Some((ix, _)) = till
            .and_then(known)
            .filter(|(_, of)| store.is_none_or(|store| store == of || !self.has_store(store)))
        {
            return Some(*ix);
        }
        let mut of_store = self.tills.values().filter(|(_, of)| store == Some(of.as_str()));
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
