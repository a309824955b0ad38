//! The frames a sensor node and its gateway exchange over a serial line, shared by both sides.
//!
//! ```text
//!  00 │ COBS of:  layout │ message (postcard) │ CRC-32 │ 00
//! ```
//!
//! - `layout`: one byte; bits 0…6 are the version of the message's layout ([`version`]), bit 7 is set in commands, which
//!   go from the gateway to the node, and clear in reports, which come from it. So a line whose ends are joined is
//!   noticed.
//! - The message: a [`Report`] or a [`Command`] as postcard writes it (<https://postcard.jamesmunns.com/wire-format>).
//! - CRC-32/ISO-HDLC (that of Ethernet) over layout and message, little-endian.
//! - COBS (Cheshire and Baker, 1999) takes every 00 out, so 00 delimits. There is one on both sides: whatever is on the
//!   line between two frames, noise or the talk of a boot ROM, costs neither of them.
//!
//! The bytes of a layout never change: `tests/frozen_v1.rs` holds one frame of each kind. A message that needs another
//! field, or a new kind of message, makes a new layout; a node and a gateway agree on the newest that both know
//! ([`Hello`]). The hello itself and its command stay in layout 1 for ever, or they could not agree.
//!
//! What elements a phone's frames carry is read here as well ([`ie`]): nodes send only its fingerprint, so that nothing
//! of the networks a phone asks for leaves the node.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "alloc"))]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod cobs;
mod command;
mod deframer;
mod frame;
pub mod ie;
mod report;
pub mod version;

pub use command::{Bench, Command, Settings};
pub use deframer::{Bad, Deframer};
pub use frame::{Message, ROOM, Room, TooLong, encode};
pub use report::{Beacon, Ble, Body, Client, Health, Hello, Report, Reset, Wifi};

/// The 48-bit IEEE 802 address of whoever was heard. It is personal data: its `Debug` hides it.
#[derive(Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Address(pub [u8; 6]);

impl core::fmt::Debug for Address {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Address(hidden)")
    }
}

/// What a node is called for life.
pub type NodeId = [u8; 6];

/// The rate a node starts with, bits a second: every adapter and every cable carries it.
pub const BASE_BAUD: u32 = 115_200;
