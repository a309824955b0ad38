//! What radios and sensor nodes hear as it happens, on its way to the pipeline.
//!
//! A source holds an [`Ear`] for each sensor of the site map that it hears for, and never waits: a sighting for which
//! there is no room is dropped and counted. Whether it can hear at all it says with [`Ear::up`] and
//! [`Ear::down`]; the engine then knows that the silence of a sensor is no evidence. Until an ear says that it is up, its
//! sensor is down, and so is every sensor of the site map for which no source hears.
//!
//! Sightings carry raw addresses: they live in memory between a source and `privacy`, and nothing here writes or logs
//! one.

mod beacons;
#[cfg(feature = "bluetooth")]
mod ble;
mod clock;
mod node;
mod path;
pub mod radios;
mod start;
#[cfg(test)]
mod tests;
mod usual;
mod wifi;

pub use clock::time_of;
pub use path::{Ear, EarState, Ears, Hearing};
pub use start::start;
pub use usual::UsualRates;
