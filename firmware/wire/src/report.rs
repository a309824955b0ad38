//! What a node says.

use crate::{Address, NodeId, Settings};
use serde::{Deserialize, Serialize};

/// A frame from a node. Layout 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// One more than that of the frame sent before, since the node started; wraps. A gap is what the line lost.
    pub seq: u16,
    /// The node's clock: µs since it started. Of what was heard, when it was heard.
    pub at_us: u64,
    /// What.
    pub body: Body,
}

/// What a report is about. The order is part of the layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// Who I am; when asked, and at start.
    Hello(Hello),
    /// A Wi-Fi frame of a phone.
    Wifi(Wifi),
    /// An iBeacon.
    Beacon(Beacon),
    /// Another Bluetooth LE advertisement.
    Ble(Ble),
    /// How I am; every few seconds.
    Health(Health),
    /// These settings are in force from now on.
    Configured(Settings),
    /// From the next byte on I speak at this rate, bits a second, and expect to hear [`Command::Ping`](crate::Command).
    Baud(u32),
}

/// Who a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Its own id, which it keeps for life: of an ESP32 the address in its fuses.
    pub node: NodeId,
    /// Version of its firmware: major, minor, patch.
    pub firmware: [u8; 3],
    /// The oldest layout it reads and writes.
    pub oldest: u8,
    /// The newest.
    pub newest: u8,
    /// Why it started.
    pub reset: Reset,
    /// It can hear Wi-Fi.
    pub wifi: bool,
    /// It can hear Bluetooth LE.
    pub ble: bool,
    /// What is in force.
    pub settings: Settings,
}

/// Why a node started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reset {
    /// It does not know.
    #[default]
    Unknown,
    /// Power came.
    Power,
    /// It was told to.
    Asked,
    /// It hung, and its watchdog bit.
    Watchdog,
    /// The supply was too weak.
    Brownout,
    /// It crashed.
    Panic,
}

/// A Wi-Fi frame of a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wifi {
    /// Who transmitted.
    pub addr: Address,
    /// dBm.
    pub rssi: i8,
    /// Channel number.
    pub channel: u8,
    /// 802.11 sequence number, 0…4095.
    pub sequence: u16,
    /// What for.
    pub client: Client,
    /// Fingerprint of the elements ([`crate::ie::fingerprint`]) of a probe request, little-endian: as a number postcard
    /// would write up to ten bytes.
    pub fingerprint: Option<[u8; 8]>,
}

/// What a client's frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Client {
    /// Probe request.
    Probe,
    /// Of a client that is connected or about to be, so that its address stays: association or reassociation request,
    /// authentication, data or null frame.
    Association,
}

/// An iBeacon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beacon {
    /// Who advertised.
    pub addr: Address,
    /// dBm.
    pub rssi: i8,
    /// Proximity UUID.
    pub uuid: [u8; 16],
    /// Major number.
    pub major: u16,
    /// Minor number.
    pub minor: u16,
}

/// A Bluetooth LE advertisement that is no iBeacon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ble {
    /// Who advertised.
    pub addr: Address,
    /// dBm.
    pub rssi: i8,
}

/// How a node is. Counters since it started; they wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Wi-Fi frames its radio heard, of whatever kind: in a mall there are always access points. A radio that hears none
    /// is deaf.
    pub wifi_heard: u32,
    /// Bluetooth LE advertisements it heard.
    pub ble_heard: u32,
    /// Reports dropped because the queue to the line was full.
    pub dropped: u32,
    /// Reports that waited in the queue at once, at most.
    pub queue_peak: u16,
    /// Bytes between delimiters that were no command.
    pub bad_commands: u32,
    /// Bytes of memory that are free.
    pub memory_free: u32,
    /// The channel its Wi-Fi radio is on; 0: none.
    pub channel: u8,
}
