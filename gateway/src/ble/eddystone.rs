//! Eddystone-UID (Google, Eddystone Protocol Specification): service data of the 16-bit UUID 0xFEAA.
//!
//! ```text
//! 0      1       2                  12               18
//! +------+-------+------------------+----------------+----------+
//! | 0x00 | power | namespace (10)   | instance (6)   | reserved |
//! +------+-------+------------------+----------------+----------+
//! ```
//!
//! The other frames of Eddystone (URL, TLM, EID) name nobody that can be recognised.

use crate::observation::Frame;

/// The 16-bit UUID of its service.
pub const SERVICE: u16 = 0xfeaa;
const UID: u8 = 0x00;

/// The beacon in service data, without its UUID. It stands for an iBeacon whose UUID is the namespace, the first two
/// bytes of the instance and four zeros; major and minor are the rest of the instance.
pub fn parse(data: &[u8]) -> Option<Frame> {
    let id: &[u8; 16] = data.strip_prefix(&[UID])?.get(1..)?.first_chunk()?;
    let mut uuid = [0; 16];
    uuid[..12].copy_from_slice(&id[..12]);
    let number = |at: usize| u16::from_be_bytes([id[at], id[at + 1]]);
    Some(Frame::IBeacon { uuid, major: number(12), minor: number(14) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_uid_frames_name_somebody() {
        let mut data: Vec<u8> = (0..20).collect();
        let uuid = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0, 0, 0, 0];
        assert_eq!(parse(&data), Some(Frame::IBeacon { uuid, major: 0x0e0f, minor: 0x1011 }));
        assert_eq!(parse(&data[..18]), parse(&data), "the reserved bytes may be left out");
        assert_eq!(parse(&data[..17]), None);
        data[0] = 0x10;
        assert_eq!(parse(&data), None, "a URL");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(data in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse(&data);
        }
    }
}
