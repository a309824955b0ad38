//! What the engine takes in: sightings, receipts and the state of sensors, each with its capture time.
//!
//! No raw address reaches this module: the shell replaces it by a [`Pseudonym`] first.

use crate::event::LinkEvidence;
use crate::site::{FloorIx, SensorIx, TillIx, ZoneIx};
use crate::time::Timestamp;
use core::fmt;
use serde::{Deserialize, Serialize};

/// One thing a gateway observed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Observation {
    /// A radio frame was heard.
    Sighting(Sighting),
    /// A till printed a receipt.
    Receipt(Receipt),
    /// A sensor began or ceased to hear.
    SensorHealth(SensorHealth),
    /// A till or store says what it sold in a day.
    DayTotals(DayTotals),
    /// A door counter counted.
    DoorCount(DoorCount),
    /// What is heard under an address is carried by a member who agreed.
    MemberHeard(MemberHeard),
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
            Self::MemberHeard(m) => m.at,
        }
    }
}

/// One frame as one sensor heard it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// Capture time.
    pub at: Timestamp,
    /// Who heard it.
    pub sensor: SensorIx,
    /// Who was heard: the keyed pseudonym of the transmitter address.
    pub device: Pseudonym,
    /// Received signal strength, dBm; `None` where the radio gave none.
    pub rssi: Option<i8>,
    /// 802.11 sequence number, 0..4096 (IEEE 802.11-2020 §9.2.4.4.2).
    pub seq: Option<u16>,
    /// Hash of the ordered information elements: what model of phone this is, not which phone.
    pub fingerprint: Option<u64>,
    /// The address was made up by the device (locally administered, IEEE 802-2014 §8.4), as those of phones are.
    pub randomised: bool,
    /// What kind of frame it was.
    pub heard: Heard,
}

/// What kind of frame a sighting came from, as far as identity is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Heard {
    /// A probe request or another frame of a phone that is not associated: its address may be short-lived.
    Unassociated,
    /// A frame of an associated client: its address is stable for this network.
    Associated,
    /// An advertisement of a phone or thing with a changing address.
    Advertisement,
    /// A beacon the site knows as a member's app or tag: its identity is stable.
    Tag,
    /// A device that was staff or equipment on an earlier day, as the shell remembers: no visitor from the first
    /// frame on.
    Fixture,
}

/// The keyed pseudonym of a transmitter address: it changes every business day and cannot be reversed
/// without a key that is destroyed with the day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pseudonym(pub u128);

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pseudonym({:08x}…)", self.0 >> 96)
    }
}

/// A member number as a keyed token; the number itself is never kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MemberToken(pub u128);

impl fmt::Display for MemberToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A receipt (小票) of a till.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// When the sale was captured.
    pub at: Timestamp,
    /// The till of the site map.
    pub till: TillIx,
    /// The store that sold.
    pub store: String,
    /// Receipt number as printed; `None` when it could not be read.
    pub number: Option<String>,
    /// Sale, refund or void.
    pub kind: ReceiptKind,
    /// Total in minor units of the currency (分, cents).
    pub amount_minor: Option<i64>,
    /// ISO 4217 code.
    pub currency: Option<Currency>,
    /// Token of the member who identified themselves at the till.
    pub member: Option<MemberToken>,
    /// The member agreed to be linked (consented mode only).
    pub consented: bool,
    /// For a refund or void: the sale it takes back, as the till says.
    pub refers_to: Option<SaleRef>,
    /// Business date of the till, days since 1970-01-01.
    pub business_date: i32,
    /// When the till says it was done, by its own clock.
    pub printed_at: Option<Timestamp>,
    /// Hash of what was sold and paid: under one number, other content is a revision. 0 where it is not known.
    pub content: u64,
    /// What else is known of it.
    pub marks: Marks,
    /// Under which the shell keeps it until it is recorded; given back in [`crate::engine::Output::Settled`].
    pub ticket: Option<u64>,
}

/// The sale that a refund or void takes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleRef {
    /// Its till; `None`: the till of the refund.
    pub till: Option<TillIx>,
    /// Its number as printed.
    pub number: String,
    /// Its business date, days since 1970-01-01, if the till says it.
    pub business_date: Option<i32>,
}

/// Marks of a receipt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// It says of itself that it is a copy.
    pub reprint: bool,
    /// Something of it is missing: the line was cut off, or it was longer than is kept.
    pub partial: bool,
    /// Its amounts do not add up.
    pub unbalanced: bool,
}

/// What a till or a store says it sold in a business day (a Z-report, 日结, or a `postdailysalessummary`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DayTotals {
    /// When it was captured.
    pub at: Timestamp,
    /// The store, as in the site map.
    pub store: String,
    /// The till; `None`: all tills of the store.
    pub till: Option<TillIx>,
    /// Business date, days since 1970-01-01.
    pub business_date: i32,
    /// ISO 4217 code of the amount.
    pub currency: Option<Currency>,
    /// Receipts of that day: sales, refunds and voids together.
    pub receipts: Option<u32>,
    /// Sales less refunds and voids, minor units.
    pub net_minor: Option<i64>,
    /// As in [`Receipt::ticket`].
    pub ticket: Option<u64>,
}

/// What a receipt says happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReceiptKind {
    /// Goods were sold.
    #[default]
    Sale,
    /// Money was given back.
    Refund,
    /// A sale was cancelled at the till.
    Void,
}

impl ReceiptKind {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Refund => "refund",
            Self::Void => "void",
        }
    }
}

/// An ISO 4217 currency code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Three upper-case ASCII letters, or nothing.
    pub fn new(code: &str) -> Option<Self> {
        let b: [u8; 3] = code.as_bytes().try_into().ok()?;
        b.iter().all(u8::is_ascii_uppercase).then_some(Self(b))
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

/// A sensor began or ceased to hear. While it is down its silence is no evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SensorHealth {
    /// When.
    pub at: Timestamp,
    /// Which.
    pub sensor: SensorIx,
    /// Whether it hears.
    pub up: bool,
}

/// What is heard under an address is carried by a member who agreed (consented mode only): their app's beacon, or a phone
/// whose address they gave. Said by the shell, which knows the list of members; again whenever it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberHeard {
    /// When.
    pub at: Timestamp,
    /// Pseudonym of the address or beacon, as in [`Sighting::device`].
    pub device: Pseudonym,
    /// Who.
    pub member: MemberToken,
    /// How that is known.
    pub by: LinkEvidence,
}

/// What a door counter counted since it last said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorCount {
    /// When.
    pub at: Timestamp,
    /// The place whose doors it watches.
    pub place: CountedPlace,
    /// Which counter: a place may have several, whose counts add up.
    pub counter: u64,
    /// People who came in.
    pub entered: u32,
    /// People who went out.
    pub left: u32,
    /// How many are inside, if it knows.
    pub inside: Option<u32>,
}

/// What a door counter watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CountedPlace {
    /// The whole site.
    Site,
    /// One floor.
    Floor(FloorIx),
    /// One zone.
    Zone(ZoneIx),
}
