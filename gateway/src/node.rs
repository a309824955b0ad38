//! Sensor nodes: a small board with radios on a serial line, which says what it hears in frames of [`sensor_wire`].
//!
//! [`Link`] is one node's line as a pure state machine: bytes and time in, sightings and replies out. It opens no device
//! and reads no clock; the I/O around it is the agent's. [`ClockMap`] maps a node's clock to ours.

mod clock;
mod link;
mod sighting;
mod state;
#[cfg(test)]
mod tests;

pub use clock::ClockMap;
pub use link::{Link, Output, Wanted};
pub use sensor_wire::{BASE_BAUD, Body, Settings};
pub use sighting::sighting;
pub use state::NodeState;
