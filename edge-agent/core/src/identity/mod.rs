//! Who is it: sightings into emissions, addresses into devices.

mod emission;
mod family;
mod index;

pub(crate) use emission::SENSORS as EARS;
pub use emission::{Closed, Ears, Emissions};
pub use family::{Families, ONE_SCAN, Voice};
pub(crate) use index::ByPseudonym;

use crate::event::Identity;
use crate::observation::Heard;

/// The identity class an address of this kind gives a visit.
pub fn class_of(heard: Heard) -> Identity {
    match heard {
        Heard::Associated | Heard::Tag | Heard::Fixture => Identity::Stable,
        Heard::Unassociated | Heard::Advertisement => Identity::Session,
    }
}
