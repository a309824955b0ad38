//! What the engine did with what it was given: every drop has a reason and a number.

use serde::{Deserialize, Serialize};

/// Counters since the engine began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineCounts {
    /// Observations taken in.
    pub accepted: u64,
    /// Observations older than what was already decided: dropped, but for receipts.
    pub late: u64,
    /// Observations with a time no clock can have shown, or far ahead of all others: dropped, but for receipts.
    pub wrong_time: u64,
    /// Observations that name a sensor or till the site map does not have: dropped.
    pub unknown_place: u64,
    /// Observations and emissions decided early because their buffer was full.
    pub reorder_overflow: u64,
    /// Emissions (one or more sightings each).
    pub emissions: u64,
    /// Devices that were followed.
    pub devices: u64,
    /// Devices that fell silent before anything was established about them.
    pub unestablished: u64,
    /// Devices found to be staff or equipment.
    pub not_visitors: u64,
    /// Devices dropped from a full table.
    pub evicted: u64,
    /// Addresses found to continue a device heard before.
    pub continued: u64,
    /// Addresses that turned out to be another device than they were taken for.
    pub parted: u64,
    /// Receipts taken in.
    pub receipts: u64,
    /// Receipts that were recorded before.
    pub receipts_repeated: u64,
    /// Receipts that were recorded before with other content.
    pub receipts_revised: u64,
}

impl EngineCounts {
    /// Names and numbers, for health and for people.
    pub fn named(&self) -> [(&'static str, u64); 14] {
        [
            ("accepted", self.accepted),
            ("late", self.late),
            ("wrong_time", self.wrong_time),
            ("unknown_place", self.unknown_place),
            ("reorder_overflow", self.reorder_overflow),
            ("emissions", self.emissions),
            ("devices", self.devices),
            ("unestablished", self.unestablished),
            ("not_visitors", self.not_visitors),
            ("evicted", self.evicted),
            ("continued", self.continued),
            ("receipts", self.receipts),
            ("receipts_repeated", self.receipts_repeated),
            ("receipts_revised", self.receipts_revised),
        ]
    }
}
