//! AltBeacon (Radius Networks, AltBeacon Specification 1.0): manufacturer specific data of any company.
//!
//! ```text
//! 0      1      2                      22      23
//! +------+------+----------------------+-------+----------+
//! | 0xbe | 0xac | id (20)              | power | reserved |     id: an organisation's 16 bytes, then 4 of its own
//! +------+------+----------------------+-------+----------+
//! ```

use crate::observation::Frame;

const CODE: [u8; 2] = [0xbe, 0xac];
const LEN: usize = 24;

/// The beacon in manufacturer specific data, without its company identifier: the first 16 bytes of its id as the UUID,
/// the rest as major and minor.
pub fn parse(data: &[u8]) -> Option<Frame> {
    let data: &[u8; LEN] = data.try_into().ok()?;
    let id = data.strip_prefix(&CODE)?;
    let uuid = *id.first_chunk()?;
    let number = |at: usize| u16::from_be_bytes([id[at], id[at + 1]]);
    Some(Frame::IBeacon { uuid, major: number(16), minor: number(18) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn its_id_is_read_as_uuid_major_and_minor() {
        let mut data = [7; LEN];
        data[..2].copy_from_slice(&CODE);
        data[18..22].copy_from_slice(&[1, 2, 3, 4]);
        assert_eq!(parse(&data), Some(Frame::IBeacon { uuid: [7; 16], major: 0x102, minor: 0x304 }));
        data[0] = 0xbf;
        assert_eq!(parse(&data), None);
        assert_eq!(parse(&data[..23]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(data in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse(&data);
        }
    }
}
