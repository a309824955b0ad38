//! The engine's surface.

use crate::event::{Event, PrivacyMode, VisitId};
use crate::observation::Pseudonym;
use serde::{Deserialize, Serialize};

/// What comes out of the engine.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// A fact to publish.
    Event(Event),
    /// What must survive of a visit: to be stored in the same atomic batch as the events before it.
    Ledger(LedgerChange),
    /// This address belongs to this device (only when asked for: offline evaluation).
    Link {
        /// Pseudonym of the address.
        address: Pseudonym,
        /// Pseudonym of the device.
        device: Pseudonym,
    },
}

/// A change of the visit ledger.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant)]
pub enum LedgerChange {
    /// The visit is now like this.
    Put(VisitRecord),
    /// The visit is over for good.
    Remove(VisitId),
}

/// What survives of a visit across a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VisitRecord {
    /// The visit.
    pub visit: VisitId,
}

/// Settings of the engine.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineConfig {
    /// Privacy mode stamped on every event.
    pub privacy_mode: PrivacyMode,
    /// Version stamped on every event.
    pub config_version: u32,
}
