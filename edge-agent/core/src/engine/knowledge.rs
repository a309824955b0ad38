//! What the engine has learnt of a place, apart from what it knows of anybody in it: worth keeping over a restart, and
//! from day to day.

use super::{Engine, MapChanged};
use crate::flow::Taught;
use crate::position::{Learnt, Trims};
use serde::{Deserialize, Serialize};

/// Statistics of sensors, zones and doors. Of no device and no person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Knowledge {
    map_version: u32,
    trims: Trims,
    learnt: Learnt,
    taught: Taught,
}

impl Engine {
    /// What it has learnt of the place.
    pub fn knowledge(&self) -> Knowledge {
        Knowledge {
            map_version: self.state.map_version,
            trims: self.state.trims.clone(),
            learnt: self.state.learnt.clone(),
            taught: self.state.flow.taught().clone(),
        }
    }

    /// Goes on with what was learnt before, instead of what it has learnt itself. Refused when it was learnt on another
    /// map.
    pub fn know(&mut self, known: Knowledge) -> Result<(), MapChanged> {
        if known.map_version != self.config.map_version {
            return Err(MapChanged { snapshot: known.map_version, now: self.config.map_version });
        }
        self.state.trims = known.trims;
        self.state.learnt = known.learnt;
        self.state.flow.know(known.taught);
        self.locator.adopt(&self.state.learnt);
        Ok(())
    }
}
