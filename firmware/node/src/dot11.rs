//! Which 802.11 frames are of a phone, and what is reported of them (IEEE 802.11-2020 §9.3.2, §9.3.3).
//!
//! Probe, association and reassociation requests, the phone's half of authentication, and data and null frames to an access
//! point, whose sender is connected and keeps its address: they are reported as association, which says the same of it.
//! The gateway reads captures by the same rules; a test there compares the two.

use sensor_wire::{Address, Client, Wifi, ie};

/// Up to and including sequence control.
const HEADER: usize = 24;
const HT_CONTROL: usize = 4;
/// Protocol version 0 and the type, as the first byte has them.
const MANAGEMENT: u8 = 0x00;
const DATA: u8 = 0x08;
const TO_DS: u8 = 0x01;
const FROM_DS: u8 = 0x02;
const PROTECTED: u8 = 0x40;
const HTC: u8 = 0x80;

/// Whether it is a data frame, of which there are many ([`crate::Seldom`]).
pub fn is_data(frame: &[u8]) -> bool {
    frame.first().is_some_and(|control| control & 0x0f == DATA)
}

/// What is reported of a frame, given without its check sequence; nothing when it is not of a phone.
pub fn client(frame: &[u8], rssi: i8, channel: u8) -> Option<Wifi> {
    let header = frame.get(..HEADER)?;
    // Protocol version and type, then subtype.
    let client = match (header[0] & 0x0f, header[0] >> 4) {
        (MANAGEMENT, 4) => Client::Probe,
        (MANAGEMENT, 0 | 2) => Client::Association,
        // Address 2 is the BSSID: the access point answered.
        (MANAGEMENT, 11) if header[10..16] != header[16..22] => Client::Association,
        // Subtype 13 is reserved.
        (DATA, subtype) if subtype != 13 && header[1] & (TO_DS | FROM_DS) == TO_DS => Client::Association,
        _ => return None,
    };
    let mut addr = [0; 6];
    addr.copy_from_slice(&header[10..16]);
    // Nobody transmits from a group address: this is noise.
    if addr[0] & 1 != 0 {
        return None;
    }
    let htc = if header[1] & HTC != 0 { HT_CONTROL } else { 0 };
    let elements = frame.get(HEADER + htc..).filter(|_| header[1] & PROTECTED == 0);
    let fingerprint = match client {
        Client::Probe => elements.and_then(|e| ie::fingerprint(e).hash).map(u64::to_le_bytes),
        Client::Association => None,
    };
    let sequence = u16::from_le_bytes([header[22], header[23]]) >> 4;
    Some(Wifi { addr: Address(addr), rssi, channel, sequence, client, fingerprint })
}
