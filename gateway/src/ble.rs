//! BLE: from the bytes of an advertisement to what it advertises.

pub mod adv;
pub mod altbeacon;
pub mod duplicates;
pub mod eddystone;
pub mod ibeacon;

use crate::observation::Frame;
use ibeacon::IBeacon;

/// What an advertisement is to us, and whether its structures run past its end.
///
/// The first beacon among the structures decides.
pub fn frame(advertisement: &[u8]) -> (Frame, bool) {
    let mut structures = adv::Structures::new(advertisement);
    let mut frame = Frame::Advertisement;
    for structure in &mut structures {
        if frame != Frame::Advertisement {
            continue;
        }
        let manufacturer =
            structure.manufacturer().and_then(|(company, data)| of_manufacturer(company, data));
        let beacon = manufacturer.or_else(|| of_service(structure.service()?));
        frame = beacon.unwrap_or(Frame::Advertisement);
    }
    (frame, structures.malformed())
}

/// The beacon in manufacturer specific data: iBeacon or AltBeacon.
pub fn of_manufacturer(company: u16, data: &[u8]) -> Option<Frame> {
    match IBeacon::parse(company, data) {
        Some(b) => Some(Frame::IBeacon { uuid: b.uuid, major: b.major, minor: b.minor }),
        None => altbeacon::parse(data),
    }
}

/// The beacon in the data of a service: Eddystone.
pub fn of_service((uuid, data): (u16, &[u8])) -> Option<Frame> {
    if uuid == eddystone::SERVICE { eddystone::parse(data) } else { None }
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

    #[test]
    fn eddystone_and_altbeacon_are_beacons_too() {
        let mut uid = vec![0xaa, 0xfe, 0x00, 0xe7];
        uid.extend_from_slice(&[5; 10]);
        uid.extend_from_slice(&[0, 0, 0, 1, 0, 2]);
        let mut bytes = vec![3, 0x03, 0xaa, 0xfe];
        adv::Structure { ad_type: 0x16, data: &uid }.emit(&mut bytes);
        let uuid = [5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 0, 0, 0, 0, 0, 0];
        assert_eq!(frame(&bytes), (Frame::IBeacon { uuid, major: 1, minor: 2 }, false));
        let mut alt = vec![0x18, 0x01, 0xbe, 0xac];
        alt.extend_from_slice(&[9; 22]);
        let mut bytes = Vec::new();
        adv::Structure { ad_type: 0xff, data: &alt }.emit(&mut bytes);
        assert_eq!(frame(&bytes), (Frame::IBeacon { uuid: [9; 16], major: 0x909, minor: 0x909 }, false));
    }
}
