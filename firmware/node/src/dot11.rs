//! Which 802.11 frames are of a phone, and what is reported of them (IEEE 802.11-2020 §9.3.3).
//!
//! Management frames only: probe, association and reassociation requests, and the phone's half of authentication. The
//! gateway reads captures by the same rules; a test there compares the two.

use sensor_wire::{Address, Client, Wifi, ie};

/// Up to and including sequence control.
const HEADER: usize = 24;
const HT_CONTROL: usize = 4;
const PROTECTED: u8 = 0x40;
const HTC: u8 = 0x80;

/// What is reported of a frame, given without its check sequence; nothing when it is not of a phone.
pub fn client(frame: &[u8], rssi: i8, channel: u8) -> Option<Wifi> {
    let header = frame.get(..HEADER)?;
    // Protocol version 0, type management.
    if header[0] & 0x0f != 0 {
        return None;
    }
    let client = match header[0] >> 4 {
        4 => Client::Probe,
        0 | 2 => Client::Association,
        // Address 2 is the BSSID: the access point answered.
        11 if header[10..16] != header[16..22] => Client::Association,
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
