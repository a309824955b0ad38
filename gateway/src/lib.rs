//! What a gateway hears.
//!
//! Bytes come in at the bottom: captures ([`capture`]), the air, logs ([`log`]). Pure parsers take them apart:
//! [`wifi`] (radiotap, the 802.11 header, information elements) and [`ble`] (advertising data, iBeacon); receipts
//! have parsers of their own ([`pos`]). Each radio parser
//! is a view that checks its length once and a plain `Repr` of what was understood; none panics or allocates,
//! whatever the bytes. What comes out is an [`observation::Observation`]; what does not is counted by its
//! reason ([`counts::Counts`]).
//!
//! [`pos`] reads what tills print: streams rather than frames, with a printer's state and bounded memory.
//!
//! [`source::Source`] is what the daemon pulls observations from.

pub mod ble;
pub mod capture;
pub mod counts;
pub mod deafness;
pub mod door;
pub mod heartbeat;
pub mod log;
pub mod names;
pub mod node;
pub mod observation;
pub mod pos;
pub mod source;
pub mod wifi;
