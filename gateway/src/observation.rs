//! What a source yields: observations that still carry the raw transmitter address.
//!
//! They live between a parser and `edge-agent`'s `privacy.rs`, which turns them into
//! [`visit_core::observation::Observation`]. They are neither stored nor logged: [`MacAddr`] has a `Debug`
//! that hides the address and no `Serialize`.

use core::fmt;
use visit_core::observation::{Currency, Marks, ReceiptKind, SaleRef};
use visit_core::site::{SensorIx, TillIx};
use visit_core::time::Timestamp;

/// A 48-bit IEEE 802 address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// Group (multicast) addresses never transmit: IEEE 802-2014 §8.2.2.
    pub fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// The locally administered bit.
    pub fn is_local(self) -> bool {
        self.0[0] & 2 != 0
    }

    /// `aa:bb:cc:dd:ee:ff`, either case.
    pub fn parse(text: &str) -> Option<Self> {
        let b = text.as_bytes();
        if b.len() != 17 {
            return None;
        }
        let mut out = [0; 6];
        for (i, o) in out.iter_mut().enumerate() {
            let digit = |c: u8| char::from(c).to_digit(16);
            *o = (digit(b[i * 3])? * 16 + digit(b[i * 3 + 1])?) as u8;
            if i < 5 && b[i * 3 + 2] != b':' {
                return None;
            }
        }
        Some(Self(out))
    }

    /// The address as text. For offline evaluation only; nothing of the daemon calls it.
    pub fn reveal(self) -> String {
        let [a, b, c, d, e, f] = self.0;
        format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacAddr(hidden)")
    }
}

/// One thing a source observed.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// A frame was heard.
    Sighting(Sighting),
    /// A till printed a receipt.
    Receipt(Receipt),
    /// A sensor began or ceased to hear.
    SensorHealth(visit_core::observation::SensorHealth),
    /// A till or store says what it sold in a day.
    DayTotals(visit_core::observation::DayTotals),
    /// A door counter counted.
    DoorCount(visit_core::observation::DoorCount),
}

impl Observation {
    /// When it was captured.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Sighting(s) => s.at,
            Self::Receipt(r) => r.at,
            Self::SensorHealth(h) => h.at,
            Self::DayTotals(t) => t.at,
            Self::DoorCount(c) => c.at,
        }
    }
}

/// One frame as one sensor heard it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sighting {
    /// Capture time.
    pub at: Timestamp,
    /// Who heard it.
    pub sensor: SensorIx,
    /// Who was heard.
    pub addr: MacAddr,
    /// dBm.
    pub rssi: Option<i8>,
    /// Wi-Fi channel number.
    pub channel: Option<u8>,
    /// 802.11 sequence number, 0..4096.
    pub seq: Option<u16>,
    /// Hash of the ordered information elements without SSID and per-channel volatiles.
    pub fingerprint: Option<u64>,
    /// What kind of frame it was.
    pub frame: Frame,
}

/// What kind of frame a sighting came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// 802.11 probe request.
    ProbeRequest,
    /// 802.11 (re)association request or authentication.
    Association,
    /// 802.11 data or null frame from a client.
    Data,
    /// BLE advertisement without a beacon we know.
    Advertisement,
    /// iBeacon.
    IBeacon {
        /// Proximity UUID.
        uuid: [u8; 16],
        /// Major number.
        major: u16,
        /// Minor number.
        minor: u16,
    },
}

/// A receipt as a feed delivered it, with the member number still in clear.
#[derive(Clone, PartialEq)]
pub struct Receipt {
    /// When the sale was captured.
    pub at: Timestamp,
    /// The till of the site map.
    pub till: TillIx,
    /// The store that sold.
    pub store: String,
    /// Receipt number as printed.
    pub number: Option<String>,
    /// Sale, refund or void.
    pub kind: ReceiptKind,
    /// Total in minor units.
    pub amount_minor: Option<i64>,
    /// ISO 4217 code.
    pub currency: Option<Currency>,
    /// Member number.
    pub member: Option<String>,
    /// For a refund or void: the sale it takes back.
    pub refers_to: Option<SaleRef>,
    /// Business date as the till says it, days since 1970-01-01; `None`: the site's calendar decides.
    pub business_date: Option<i32>,
    /// When the till says it was done, by its own clock.
    pub printed_at: Option<Timestamp>,
    /// Hash of what was sold and paid; see [`visit_core::observation::Receipt::content`].
    pub content: u64,
    /// What else is known of it.
    pub marks: Marks,
}

/// Hides the member number.
impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt")
            .field("at", &self.at)
            .field("till", &self.till)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
