//! What a gateway tells a node.

use serde::{Deserialize, Serialize};

/// A frame to a node. Layout 1; the order is part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Say who you are.
    Hello,
    /// I am here. A node that is not on [`BASE_BAUD`](crate::BASE_BAUD) and hears no command for six seconds goes back
    /// to it.
    Ping,
    /// Listen like this.
    Configure(Settings),
    /// Speak at this rate, bits a second.
    Baud(u32),
    /// Start anew.
    Restart,
    /// For tests; a node on a wall does not know it.
    Bench(Bench),
}

/// How a node listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Wi-Fi channels 1…14 to listen on, bit 0 is channel 1; none: do not listen to Wi-Fi.
    pub channels: u16,
    /// Milliseconds on a channel before the next.
    pub dwell_ms: u16,
    /// Listen to Bluetooth LE.
    pub ble: bool,
    /// What is weaker is not reported, dBm.
    pub rssi_floor: i8,
    /// Milliseconds between two reports of health.
    pub health_ms: u16,
}

impl Settings {
    /// Before a gateway says otherwise: the three channels that do not overlap, and Bluetooth LE.
    pub const DEFAULT: Self =
        Self { channels: 1 | 1 << 5 | 1 << 10, dwell_ms: 200, ble: true, rssi_floor: -100, health_ms: 5_000 };
}

/// What tests make a node do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bench {
    /// Hear so many probe requests, one after the other, through everything a real one would go through.
    Hear(u32),
    /// Print text on the line as a boot ROM does, then start anew.
    Chatter,
    /// End the emulation.
    Exit,
}
