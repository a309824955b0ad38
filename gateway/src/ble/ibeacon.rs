//! iBeacon (Apple, Proximity Beacon Specification R1): manufacturer specific data of company 0x004C.
//!
//! ```text
//! 0      1      2               18        20        22       23
//! +------+------+---------------+---------+---------+--------+
//! | 0x02 | 0x15 | UUID (16)     | major   | minor   | power  |     major, minor: big-endian
//! +------+------+---------------+---------+---------+--------+     power: dBm at 1 m, signed
//! ```

use super::adv::Structure;

/// Apple's company identifier.
pub const COMPANY: u16 = 0x004c;
const TYPE: [u8; 2] = [0x02, 0x15];
const LEN: usize = 23;

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
    /// From manufacturer specific data without its company identifier (as BlueZ delivers it).
    pub fn parse(company: u16, data: &[u8]) -> Option<Self> {
        let data: &[u8; LEN] = data.try_into().ok()?;
        if company != COMPANY || data[..2] != TYPE {
            return None;
        }
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&data[2..18]);
        Some(Self {
            uuid,
            major: u16::from_be_bytes([data[18], data[19]]),
            minor: u16::from_be_bytes([data[20], data[21]]),
            measured_power: i8::from_be_bytes([data[22]]),
        })
    }

    /// Appends it as an AD structure. For tests and generators.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let mut data = [0; 2 + LEN];
        data[..2].copy_from_slice(&COMPANY.to_le_bytes());
        data[2..4].copy_from_slice(&TYPE);
        data[4..20].copy_from_slice(&self.uuid);
        data[20..22].copy_from_slice(&self.major.to_be_bytes());
        data[22..24].copy_from_slice(&self.minor.to_be_bytes());
        data[24] = self.measured_power.to_be_bytes()[0];
        Structure { ad_type: 0xff, data: &data }.emit(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ble::adv::Structures;
    use proptest::prelude::*;

    #[test]
    fn other_data_of_the_same_company_is_no_beacon() {
        let mut data = [0; LEN];
        data[..2].copy_from_slice(&TYPE);
        assert!(IBeacon::parse(COMPANY, &data).is_some());
        assert_eq!(IBeacon::parse(0x0059, &data), None);
        assert_eq!(IBeacon::parse(COMPANY, &data[..22]), None);
        // Find My.
        data[..2].copy_from_slice(&[0x12, 0x19]);
        assert_eq!(IBeacon::parse(COMPANY, &data), None);
    }

    proptest! {
        #[test]
        fn what_is_emitted_reads_back(uuid: [u8; 16], major: u16, minor: u16, measured_power: i8) {
            let beacon = IBeacon { uuid, major, minor, measured_power };
            let mut bytes = Vec::new();
            beacon.emit(&mut bytes);
            let (company, data) = Structures::new(&bytes).next().and_then(|s| s.manufacturer()).unwrap();
            prop_assert_eq!(IBeacon::parse(company, data), Some(beacon));
        }

        #[test]
        fn no_bytes_make_it_panic(company: u16, data in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = IBeacon::parse(company, &data);
        }
    }
}
