//! What is known of a node and its line, for health.

use sensor_wire::{Bad, Health, Hello, Reset};
use serde::Serialize;

/// Counters since the agent's start, and what the node says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NodeState {
    /// Its id, hexadecimal.
    pub node: Option<String>,
    /// Version of its firmware.
    pub firmware: Option<String>,
    /// Why it started last.
    pub reset: Option<&'static str>,
    /// Bits a second on the line now.
    pub baud: u32,
    /// How often the line was opened.
    pub opened: u64,
    /// How often the node started anew while the line was open.
    pub restarts: u64,
    /// Frames received.
    pub frames: u64,
    /// Frames that the line lost: gaps in their numbers.
    pub lost: u64,
    /// Pieces between frames that are none: noise, half frames, the talk of a boot ROM.
    pub bad: u64,
    /// Frames that cannot be read although nothing happened to them: another layout, or the line's ends are joined.
    pub unreadable: u64,
    /// Sightings before the node had said who it is.
    pub early: u64,
    /// Reports that the node dropped for want of room.
    pub dropped: u32,
    /// Reports that waited in the node at once, at most.
    pub queue_peak: u16,
    /// Pieces of commands that the node could not read.
    pub bad_commands: u32,
    /// Wi-Fi frames that its radio heard since the node's start, of whatever kind.
    pub wifi_heard: u32,
    /// Advertisements that it heard since.
    pub ble_heard: u32,
    /// Bytes of its memory that are free.
    pub memory_free: u32,
    /// How much faster our clock goes than the node's, ppm.
    pub drift_ppm: Option<f64>,
}

impl NodeState {
    pub(super) fn introduced(&mut self, hello: &Hello) {
        self.node = Some(id(&hello.node));
        let [major, minor, patch] = hello.firmware;
        self.firmware = Some(format!("{major}.{minor}.{patch}"));
        self.reset = Some(match hello.reset {
            Reset::Unknown => "unknown",
            Reset::Power => "power",
            Reset::Asked => "asked",
            Reset::Watchdog => "watchdog",
            Reset::Brownout => "brownout",
            Reset::Panic => "panic",
        });
    }

    pub(super) fn health(&mut self, health: &Health) {
        self.dropped = health.dropped;
        self.queue_peak = health.queue_peak;
        self.bad_commands = health.bad_commands;
        self.wifi_heard = health.wifi_heard;
        self.ble_heard = health.ble_heard;
        self.memory_free = health.memory_free;
    }

    pub(super) fn bad(&mut self, why: Bad) {
        match why {
            Bad::TooLong | Bad::NoFrame | Bad::Checksum => self.bad += 1,
            Bad::Direction | Bad::Layout(_) | Bad::Content => self.unreadable += 1,
        }
    }
}

/// A node's id as people write it.
pub(super) fn id(node: &[u8; 6]) -> String {
    node.iter().map(|b| format!("{b:02x}")).collect()
}
