//! The 802.11 MAC header: who transmitted this frame, and was it a client? (IEEE 802.11-2020 §9.2, §9.3)
//!
//! ```text
//! 0          2          4          10         16         22         24
//! +----------+----------+----------+----------+----------+----------+---------+-----------+------ - -
//! | frame    | duration | address 1| address 2| address 3| sequence | QoS (2) | HT control| body
//! | control  |          | receiver | transm.  |          | control  | if QoS  | (4) if +HTC
//! +----------+----------+----------+----------+----------+----------+---------+-----------+------ - -
//! ```
//!
//! Which frames are sightings:
//!
//! | frame | decision |
//! |---|---|
//! | probe, association, reassociation request | the client (address 2) |
//! | authentication | the client, unless address 2 is the BSSID (address 3): then the access point answered |
//! | data and null, ToDS = 1, FromDS = 0 | the client (address 2) |
//! | data, ToDS = 0, FromDS = 1; beacon and the responses | an access point |
//! | data, ToDS = FromDS = 0 | station to station (IBSS, TDLS): skipped; nobody vouches for that address |
//! | data, ToDS = FromDS = 1 | between access points (WDS, mesh) |
//! | control | mostly without a transmitter, and with the bandwidth bit where there is one: skipped |
//!
//! Only the first 24 bytes decide; what is encrypted behind them does not matter.

use crate::observation::MacAddr;

/// Up to and including sequence control.
const HEADER: usize = 24;
const HT_CONTROL: usize = 4;

/// Frames of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Probe request.
    ProbeRequest,
    /// Association request.
    Association,
    /// Reassociation request.
    Reassociation,
    /// Authentication, from the client.
    Authentication,
    /// Data.
    Data,
    /// Null: no data, only power management.
    Null,
}

/// Why a frame is no sighting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// It ends before its sequence control.
    Truncated,
    /// Another protocol version, the extension type, or a reserved subtype.
    Unsupported,
    /// A control frame.
    Control,
    /// Management that says nothing about a visitor.
    OtherManagement,
    /// An access point sent it.
    FromAp,
    /// Station to station.
    AdHoc,
    /// Access point to access point.
    Wds,
}

/// A frame of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repr<'a> {
    /// What it is.
    pub kind: Kind,
    /// Address 2. May be a group address: nobody may transmit from one, the caller decides.
    pub transmitter: MacAddr,
    /// Sequence number, 0..4096.
    pub sequence: u16,
    /// Fragment number, 0..16.
    pub fragment: u8,
    /// Sent again because it was not acknowledged.
    pub retry: bool,
    /// The body is encrypted.
    pub protected: bool,
    /// A QoS frame: its sequence number belongs to one traffic class only and is arbitrary in QoS null frames
    /// (§10.3.2.14), so that it does not continue the numbers of the same client's management frames.
    pub qos: bool,
    /// Information elements, of the requests only.
    pub elements: Option<&'a [u8]>,
}

/// The raw header, long enough for its accessors.
struct Header<'a> {
    bytes: &'a [u8],
}

impl<'a> Header<'a> {
    fn control_field(bytes: &[u8]) -> Option<(u8, u8)> {
        bytes.first().copied().zip(bytes.get(1).copied())
    }

    fn new(bytes: &'a [u8]) -> Result<Self, Skip> {
        if bytes.len() < HEADER { Err(Skip::Truncated) } else { Ok(Self { bytes }) }
    }

    fn address(&self, at: usize) -> MacAddr {
        let b = self.bytes;
        MacAddr([b[at], b[at + 1], b[at + 2], b[at + 3], b[at + 4], b[at + 5]])
    }

    fn transmitter(&self) -> MacAddr {
        self.address(10)
    }

    fn bssid(&self) -> MacAddr {
        self.address(16)
    }

    fn sequence_control(&self) -> u16 {
        u16::from_le_bytes([self.bytes[22], self.bytes[23]])
    }
}

mod flag {
    pub(super) const TO_DS: u8 = 0x01;
    pub(super) const FROM_DS: u8 = 0x02;
    pub(super) const RETRY: u8 = 0x08;
    pub(super) const PROTECTED: u8 = 0x40;
    pub(super) const HTC: u8 = 0x80;
}

impl<'a> Repr<'a> {
    /// Reads a frame without radiotap header and without frame check sequence.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Skip> {
        let (control, flags) = Header::control_field(bytes).ok_or(Skip::Truncated)?;
        if control & 0x03 != 0 {
            return Err(Skip::Unsupported);
        }
        let subtype = control >> 4;
        // `fixed`: bytes between the header and the information elements.
        let (kind, qos, fixed) = match control >> 2 & 0x03 {
            0 => match subtype {
                0 => (Kind::Association, false, Some(4)),
                2 => (Kind::Reassociation, false, Some(10)),
                4 => (Kind::ProbeRequest, false, Some(0)),
                11 => (Kind::Authentication, false, None),
                // Responses, timing advertisement, beacon.
                1 | 3 | 5 | 6 | 8 => return Err(Skip::FromAp),
                7 | 15 => return Err(Skip::Unsupported),
                _ => return Err(Skip::OtherManagement),
            },
            1 => return Err(Skip::Control),
            2 => {
                match (flags & flag::TO_DS != 0, flags & flag::FROM_DS != 0) {
                    (true, false) => {}
                    (false, true) => return Err(Skip::FromAp),
                    (false, false) => return Err(Skip::AdHoc),
                    (true, true) => return Err(Skip::Wds),
                }
                if subtype == 13 {
                    return Err(Skip::Unsupported);
                }
                (if subtype & 0x4 != 0 { Kind::Null } else { Kind::Data }, subtype & 0x8 != 0, None)
            }
            _ => return Err(Skip::Unsupported),
        };
        let header = Header::new(bytes)?;
        let transmitter = header.transmitter();
        if kind == Kind::Authentication && transmitter == header.bssid() {
            return Err(Skip::FromAp);
        }
        let protected = flags & flag::PROTECTED != 0;
        let htc = if flags & flag::HTC != 0 { HT_CONTROL } else { 0 };
        let elements = fixed.filter(|_| !protected).and_then(|fixed| bytes.get(HEADER + htc + fixed..));
        let sequence_control = header.sequence_control();
        Ok(Self {
            kind,
            transmitter,
            sequence: sequence_control >> 4,
            fragment: (sequence_control & 0xf) as u8,
            retry: flags & flag::RETRY != 0,
            protected,
            qos,
            elements,
        })
    }

    /// Appends the frame as a client would send it to the access point `bssid`. For tests and generators.
    pub fn emit(&self, bssid: MacAddr, out: &mut Vec<u8>) {
        let (subtype, is_data, fixed) = match self.kind {
            Kind::Association => (0, false, 4),
            Kind::Reassociation => (2, false, 10),
            Kind::ProbeRequest => (4, false, 0),
            Kind::Authentication => (11, false, 6),
            Kind::Data => (0, true, 0),
            Kind::Null => (4, true, 0),
        };
        let qos = is_data && self.qos;
        out.push(subtype << 4 | u8::from(is_data) << 3 | if qos { 0x80 } else { 0 });
        let mut flags = if is_data { flag::TO_DS } else { 0 };
        flags |= if self.retry { flag::RETRY } else { 0 };
        flags |= if self.protected { flag::PROTECTED } else { 0 };
        out.extend_from_slice(&[flags, 0, 0]);
        out.extend_from_slice(&bssid.0);
        out.extend_from_slice(&self.transmitter.0);
        out.extend_from_slice(&bssid.0);
        out.extend_from_slice(&(self.sequence << 4 | u16::from(self.fragment & 0xf)).to_le_bytes());
        out.extend_from_slice(&[0; 10][..if qos { 2 } else { fixed }]);
        out.extend_from_slice(self.elements.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PHONE: MacAddr = MacAddr([2, 1, 2, 3, 4, 5]);
    const AP: MacAddr = MacAddr([8, 0, 0, 0, 0, 1]);

    fn frame(control: u8, flags: u8) -> Vec<u8> {
        let mut out = vec![control, flags, 0, 0];
        [AP, PHONE, AP].iter().for_each(|a| out.extend_from_slice(&a.0));
        out.extend_from_slice(&[0x43, 0x0a]);
        out
    }

    #[test]
    fn only_frames_of_clients_are_sightings() {
        let data = 0x08;
        let to = flag::TO_DS;
        let from = flag::FROM_DS;
        let cases = [
            (0x40, 0, Ok(Kind::ProbeRequest)),
            (0x00, 0, Err(Skip::Truncated)),
            (data, to, Ok(Kind::Data)),
            (data | 0x40, to, Ok(Kind::Null)),
            (data | 0x80, to | flag::PROTECTED, Ok(Kind::Data)),
            (data | 0xc0, to, Ok(Kind::Null)),
            (data | 0xd0, to, Err(Skip::Unsupported)),
            (data, from, Err(Skip::FromAp)),
            (data, 0, Err(Skip::AdHoc)),
            (data, to | from, Err(Skip::Wds)),
            (0x80, 0, Err(Skip::FromAp)),
            (0x50, 0, Err(Skip::FromAp)),
            (0xd0, 0, Err(Skip::OtherManagement)),
            (0xb4, 0, Err(Skip::Control)),
            (0x0c, 0, Err(Skip::Unsupported)),
            (0x41, 0, Err(Skip::Unsupported)),
        ];
        for (control, flags, wanted) in cases {
            let mut bytes = frame(control, flags);
            if wanted == Err(Skip::Truncated) {
                bytes.pop();
            }
            assert_eq!(Repr::parse(&bytes).map(|r| r.kind), wanted, "{control:02x} {flags:02x}");
        }
    }

    #[test]
    fn the_access_points_half_of_authentication_is_not_a_client() {
        let mut bytes = frame(0xb0, 0);
        assert_eq!(Repr::parse(&bytes).map(|r| (r.kind, r.transmitter)), Ok((Kind::Authentication, PHONE)));
        bytes[10..16].copy_from_slice(&AP.0);
        assert_eq!(Repr::parse(&bytes), Err(Skip::FromAp));
    }

    #[test]
    fn ht_control_stands_before_the_elements() {
        let mut bytes = frame(0x40, flag::HTC);
        bytes.extend_from_slice(&[9, 9, 9, 9, 1, 1, 2]);
        assert_eq!(Repr::parse(&bytes).unwrap().elements, Some(&[1, 1, 2][..]));
        bytes.truncate(26);
        assert_eq!(Repr::parse(&bytes).unwrap().elements, None);
    }

    #[test]
    fn sequence_and_fragment_share_a_field() {
        let bytes = frame(0x40, flag::RETRY);
        let repr = Repr::parse(&bytes).unwrap();
        assert_eq!((repr.sequence, repr.fragment, repr.retry), (0x0a4, 3, true));
    }

    proptest! {
        #[test]
        fn what_is_emitted_reads_back(
            kind in prop_oneof![Just(Kind::ProbeRequest), Just(Kind::Association), Just(Kind::Reassociation)],
            addr: [u8; 6], sequence in 0u16..4096, fragment in 0u8..16, retry: bool,
            elements in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let repr = Repr {
                kind, transmitter: MacAddr(addr), sequence, fragment, retry, protected: false, qos: false,
                elements: Some(&elements),
            };
            let mut bytes = Vec::new();
            repr.emit(AP, &mut bytes);
            prop_assert_eq!(Repr::parse(&bytes), Ok(repr));
        }

        #[test]
        fn data_frames_read_back(null: bool, qos: bool, protected: bool, addr: [u8; 6], sequence in 0u16..4096) {
            let repr = Repr {
                kind: if null { Kind::Null } else { Kind::Data }, transmitter: MacAddr(addr), sequence,
                fragment: 0, retry: false, protected, qos, elements: None,
            };
            let mut bytes = Vec::new();
            repr.emit(AP, &mut bytes);
            prop_assert_eq!(Repr::parse(&bytes), Ok(repr));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(repr) = Repr::parse(&bytes) {
                prop_assert!(bytes.len() >= HEADER && repr.sequence < 4096);
            }
        }
    }
}
