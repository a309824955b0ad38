//! What a sensor node does, whatever board it is on.
//!
//! A node hears Wi-Fi frames of phones and Bluetooth LE advertisements, and reports them to its gateway over a serial
//! line ([`sensor_wire`]). A board brings the parts: a [`Line`] (embedded-io), a lamp (embedded-hal's `OutputPin`), a
//! [`Board`] that tunes its radios, and a clock, which is an argument of every call. [`Node`] is the rest.
//!
//! - [`dot11`]: from an 802.11 frame to what is reported of it. The names of networks never get that far.
//! - [`hci`]: just enough of the host controller interface to scan, and to advertise.
//! - [`Seldom`]: of a connected phone's data frames, one every few seconds.
//! - [`ibeacon`]: an iBeacon's advertisement, read and written.
//! - [`Node`]: commands, sequence numbers, queue, health.
//!
//! Nothing here allocates, waits for anything but room on the line, or panics.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

#[cfg(feature = "bench")]
mod bench;
pub mod dot11;
pub mod hci;
mod hop;
pub mod ibeacon;
mod node;
mod queue;
mod seldom;

pub use node::{Board, Identity, Line, Node};
pub use seldom::Seldom;
pub use sensor_wire as wire;

/// The version of the firmware: that of this crate.
pub const fn version() -> [u8; 3] {
    const fn number(text: &str) -> u8 {
        let (bytes, mut i, mut n) = (text.as_bytes(), 0, 0);
        while i < bytes.len() {
            n = n * 10 + (bytes[i] - b'0');
            i += 1;
        }
        n
    }
    [
        number(env!("CARGO_PKG_VERSION_MAJOR")),
        number(env!("CARGO_PKG_VERSION_MINOR")),
        number(env!("CARGO_PKG_VERSION_PATCH")),
    ]
}
