//! What a node heard, as an observation.

use crate::observation::{Frame, MacAddr, Sighting};
use crate::wifi::radiotap::plausible_rssi;
use sensor_wire::{Body, Client};
use visit_core::site::SensorIx;
use visit_core::time::Timestamp;

/// The sighting that a report is about; nothing when it is about the node itself, or from an address that never transmits.
pub fn sighting(body: &Body, at: Timestamp, sensor: SensorIx) -> Option<Sighting> {
    let (addr, rssi, frame) = match body {
        Body::Wifi(w) => (
            w.addr,
            w.rssi,
            match w.client {
                Client::Probe => Frame::ProbeRequest,
                Client::Association => Frame::Association,
            },
        ),
        Body::Beacon(b) => (b.addr, b.rssi, Frame::IBeacon { uuid: b.uuid, major: b.major, minor: b.minor }),
        Body::Ble(b) => (b.addr, b.rssi, Frame::Advertisement),
        Body::Hello(_) | Body::Health(_) | Body::Configured(_) | Body::Baud(_) => return None,
    };
    let addr = MacAddr(addr.0);
    let wifi = if let Body::Wifi(w) = body { Some(w) } else { None };
    // A random Bluetooth address may have the bit that makes a Wi-Fi address a group.
    if wifi.is_some() && addr.is_group() {
        return None;
    }
    Some(Sighting {
        at,
        sensor,
        addr,
        rssi: plausible_rssi(rssi),
        channel: wifi.map(|w| w.channel),
        seq: wifi.map(|w| w.sequence & 0x0fff),
        fingerprint: wifi.and_then(|w| w.fingerprint).map(u64::from_le_bytes),
        frame,
    })
}
