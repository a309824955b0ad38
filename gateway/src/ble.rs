//! BLE: from the bytes of an advertisement to what it advertises.

pub mod adv;
pub mod ibeacon;

use crate::observation::Frame;
use ibeacon::IBeacon;

/// What an advertisement is to us, and whether its structures run past its end.
///
/// The first iBeacon among the structures decides.
pub fn frame(advertisement: &[u8]) -> (Frame, bool) {
    let mut structures = adv::Structures::new(advertisement);
    let mut frame = Frame::Advertisement;
    for structure in &mut structures {
        let beacon = structure.manufacturer().and_then(|(company, data)| IBeacon::parse(company, data));
        if let (Frame::Advertisement, Some(b)) = (frame, beacon) {
            frame = Frame::IBeacon { uuid: b.uuid, major: b.major, minor: b.minor };
        }
    }
    (frame, structures.malformed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beacon_is_found_among_other_structures() {
        let beacon = IBeacon { uuid: [7; 16], major: 300, minor: 2, measured_power: -59 };
        let mut bytes = vec![2, 0x01, 0x06];
        beacon.emit(&mut bytes);
        bytes.extend_from_slice(&[0, 0, 0]);
        assert_eq!(frame(&bytes), (Frame::IBeacon { uuid: [7; 16], major: 300, minor: 2 }, false));
        assert_eq!(frame(&bytes[..20]), (Frame::Advertisement, true));
        assert_eq!(frame(&[]), (Frame::Advertisement, false));
    }
}
