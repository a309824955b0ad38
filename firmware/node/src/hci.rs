//! Host controller interface, H4 framing (Bluetooth Core 5.4, volume 4, parts A and E): commands to scan and to
//! advertise, and the events that answer them. No host stack.

use crate::ibeacon::{ADV_LEN, IBeacon};
use sensor_wire::{Address, Beacon, Ble, Body};

/// Bytes of the longest event, with its packet type.
pub const MAX_EVENT: usize = 258;

const COMMAND: u8 = 1;
const EVENT: u8 = 4;
const COMMAND_COMPLETE: u8 = 0x0e;
const COMMAND_STATUS: u8 = 0x0f;
const LE_META: u8 = 0x3e;
const ADVERTISING_REPORT: u8 = 0x02;

/// A command: its opcode and its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    bytes: [u8; 36],
    len: usize,
}

impl Packet {
    fn new(opcode: u16, parameters: &[u8]) -> Self {
        let mut bytes = [0; 36];
        bytes[0] = COMMAND;
        bytes[1..3].copy_from_slice(&opcode.to_le_bytes());
        bytes[3] = parameters.len() as u8;
        bytes[4..4 + parameters.len()].copy_from_slice(parameters);
        Self { bytes, len: 4 + parameters.len() }
    }

    /// What to write to the controller.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Which command it is.
    pub fn opcode(&self) -> u16 {
        u16::from_le_bytes([self.bytes[1], self.bytes[2]])
    }
}

/// Reset (7.3.2).
pub fn reset() -> Packet {
    Packet::new(0x0c03, &[])
}

/// Set event mask (7.3.1): the default, and LE meta events.
pub fn event_mask() -> Packet {
    Packet::new(0x0c01, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f])
}

/// LE set event mask (7.8.1): the default, which has advertising reports.
pub fn le_event_mask() -> Packet {
    Packet::new(0x2001, &[0x1f, 0, 0, 0, 0, 0, 0, 0])
}

/// LE set scan parameters (7.8.10): passive, so that nothing is ever transmitted; milliseconds.
pub fn scan_parameters(interval_ms: u16, window_ms: u16) -> Packet {
    let (i, w) = (slots(interval_ms).to_le_bytes(), slots(window_ms).to_le_bytes());
    Packet::new(0x200b, &[0, i[0], i[1], w[0], w[1], 0, 0])
}

/// LE set scan enable (7.8.11), every report, also of what was reported before.
pub fn scan_enable(on: bool) -> Packet {
    Packet::new(0x200c, &[u8::from(on), 0])
}

/// LE set advertising parameters (7.8.5): not connectable, not scannable, on all three channels.
pub fn advertising_parameters(interval_ms: u16) -> Packet {
    let i = slots(interval_ms).to_le_bytes();
    Packet::new(0x2006, &[i[0], i[1], i[0], i[1], 0x03, 0, 0, 0, 0, 0, 0, 0, 0, 0x07, 0])
}

/// LE set advertising data (7.8.7).
pub fn advertising_data(adv: &[u8; ADV_LEN]) -> Packet {
    let mut parameters = [0; 32];
    parameters[0] = ADV_LEN as u8;
    parameters[1..=ADV_LEN].copy_from_slice(adv);
    Packet::new(0x2008, &parameters)
}

/// LE set advertising enable (7.8.9).
pub fn advertising_enable(on: bool) -> Packet {
    Packet::new(0x200a, &[u8::from(on)])
}

/// Units of 0.625 ms; the standard's limits are 2.5 ms and 10.24 s.
fn slots(ms: u16) -> u16 {
    (u32::from(ms) * 8 / 5).clamp(4, 0x4000) as u16
}

/// What an event says of a command: `Some(true)` that it was carried out, `Some(false)` that it was refused, `None` that
/// it is about something else.
pub fn completes(event: &[u8], command: &Packet) -> Option<bool> {
    let opcode = command.opcode().to_le_bytes();
    match event {
        [EVENT, COMMAND_COMPLETE, _, _, low, high, status, ..] if [*low, *high] == opcode => {
            Some(*status == 0)
        }
        [EVENT, COMMAND_STATUS, _, status, _, low, high, ..] if [*low, *high] == opcode => Some(*status == 0),
        _ => None,
    }
}

/// Calls `report` for each advertisement in an LE advertising report (7.7.65.2); a malformed tail is left out.
pub fn advertisements(event: &[u8], mut report: impl FnMut(Body)) {
    let [EVENT, LE_META, _, ADVERTISING_REPORT, count, reports @ ..] = event else { return };
    let mut rest = reports;
    for _ in 0..*count {
        let Some((head, tail)) = rest.split_first_chunk::<9>() else { return };
        let [_, _, a0, a1, a2, a3, a4, a5, len] = *head;
        let Some((data, [rssi, next @ ..])) = tail.split_at_checked(usize::from(len)) else { return };
        rest = next;
        let addr = Address([a5, a4, a3, a2, a1, a0]);
        let rssi = i8::from_le_bytes([*rssi]);
        // 127: the controller does not know.
        if !(-127..=20).contains(&rssi) {
            continue;
        }
        report(match IBeacon::find(data) {
            Some(b) => Body::Beacon(Beacon { addr, rssi, uuid: b.uuid, major: b.major, minor: b.minor }),
            None => Body::Ble(Ble { addr, rssi }),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    const BEACON: IBeacon = IBeacon { uuid: [7; 16], major: 300, minor: 2, measured_power: -59 };

    fn event(reports: &[(&[u8], i8)]) -> Vec<u8> {
        let mut out = [EVENT, LE_META, 0, ADVERTISING_REPORT, reports.len() as u8].to_vec();
        for (data, rssi) in reports {
            out.extend([3, 1, 6, 5, 4, 3, 2, 1, data.len() as u8]);
            out.extend_from_slice(data);
            out.push(rssi.to_le_bytes()[0]);
        }
        out
    }

    fn read(event: &[u8]) -> Vec<Body> {
        let mut out = Vec::new();
        advertisements(event, |body| out.push(body));
        out
    }

    #[test]
    fn an_event_of_several_reports_yields_each_with_its_strength() {
        let adv = BEACON.advertisement();
        let addr = Address([1, 2, 3, 4, 5, 6]);
        let beacon = Body::Beacon(Beacon { addr, rssi: -61, uuid: [7; 16], major: 300, minor: 2 });
        let other = Body::Ble(Ble { addr, rssi: -90 });
        let whole = event(&[(&adv, -61), (&[2, 1, 6], -90), (&[], 127)]);
        assert_eq!(read(&whole), [beacon, other]);
        assert_eq!(read(&whole[..whole.len() - 12]), [beacon], "the rest is cut off");
    }

    #[test]
    fn a_command_is_answered_by_its_own_event_only() {
        let (reset, mask) = (reset(), event_mask());
        let complete = |p: &Packet, status| {
            let o = p.opcode().to_le_bytes();
            [EVENT, COMMAND_COMPLETE, 4, 1, o[0], o[1], status]
        };
        assert_eq!(completes(&complete(&reset, 0), &reset), Some(true));
        assert_eq!(completes(&complete(&reset, 0x0c), &reset), Some(false));
        assert_eq!(completes(&complete(&mask, 0), &reset), None);
        assert_eq!(completes(&event(&[(&[], -60)]), &reset), None);
    }

    #[test]
    fn commands_are_those_of_the_standard() {
        assert_eq!(reset().bytes(), [1, 0x03, 0x0c, 0]);
        assert_eq!(scan_parameters(100, 30).bytes(), [1, 0x0b, 0x20, 7, 0, 160, 0, 48, 0, 0, 0]);
        assert_eq!(advertising_parameters(100).bytes()[4..9], [160, 0, 160, 0, 3]);
        let data = advertising_data(&BEACON.advertisement());
        assert_eq!((data.bytes().len(), data.bytes()[4]), (36, 30));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(tail in proptest::collection::vec(any::<u8>(), 0..300)) {
            read(&[&[EVENT, LE_META, 0, ADVERTISING_REPORT][..], &tail].concat());
            completes(&tail, &reset());
        }
    }
}
