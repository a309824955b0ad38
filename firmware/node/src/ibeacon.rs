//! An iBeacon's advertisement (Apple, Proximity Beacon Specification R1).
//!
//! ```text
//! 02 01 06 │ 1a ff 4c 00 02 15 │ UUID (16) │ major │ minor │ power     major, minor: big-endian; power: dBm at 1 m
//! ```

/// Bytes of its advertisement.
pub const ADV_LEN: usize = 30;
/// Structure of 26 bytes, manufacturer specific, Apple, iBeacon, 21 bytes.
const PREFIX: [u8; 6] = [0x1a, 0xff, 0x4c, 0x00, 0x02, 0x15];
/// General discoverable, no classic Bluetooth.
const FLAGS: [u8; 3] = [0x02, 0x01, 0x06];

/// One iBeacon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IBeacon {
    /// Proximity UUID, in the order in which it is written.
    pub uuid: [u8; 16],
    /// Major number.
    pub major: u16,
    /// Minor number.
    pub minor: u16,
    /// What a receiver measures at a distance of 1 m, dBm.
    pub measured_power: i8,
}

impl IBeacon {
    /// The advertisement of a fixed beacon.
    pub fn advertisement(&self) -> [u8; ADV_LEN] {
        let mut adv = [0; ADV_LEN];
        adv[..3].copy_from_slice(&FLAGS);
        adv[3..9].copy_from_slice(&PREFIX);
        adv[9..25].copy_from_slice(&self.uuid);
        adv[25..27].copy_from_slice(&self.major.to_be_bytes());
        adv[27..29].copy_from_slice(&self.minor.to_be_bytes());
        adv[29] = self.measured_power.to_be_bytes()[0];
        adv
    }

    /// The first iBeacon among the structures of an advertisement.
    pub fn find(mut structures: &[u8]) -> Option<Self> {
        while let [len, rest @ ..] = structures {
            let (body, next) = rest.split_at_checked(usize::from(*len))?;
            // Its length, and the type in front of it.
            if let (0x1a, Some(b)) = (*len, body.strip_prefix(&PREFIX[1..])) {
                let uuid = *b.first_chunk::<16>()?;
                let [.., a1, a0, i1, i0, power] = *b.first_chunk::<21>()?;
                return Some(Self {
                    uuid,
                    major: u16::from_be_bytes([a1, a0]),
                    minor: u16::from_be_bytes([i1, i0]),
                    measured_power: i8::from_be_bytes([power]),
                });
            }
            structures = next;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn what_is_advertised_is_found(uuid: [u8; 16], major: u16, minor: u16, measured_power: i8) {
            let beacon = IBeacon { uuid, major, minor, measured_power };
            prop_assert_eq!(IBeacon::find(&beacon.advertisement()), Some(beacon));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let whole: Vec<u8> = [&PREFIX[..], &bytes].concat();
            for bytes in [&bytes, &whole] {
                prop_assert!(IBeacon::find(bytes).is_none() || bytes.len() >= 27);
            }
        }
    }
}
