//! The bytes of layout 1, one frame of each kind. Nodes on walls speak it: when this fails, revert the change, not the
//! test. Another layout gets another file beside this one.
#![allow(missing_docs, clippy::unwrap_used)]

use sensor_wire::{
    Address, Beacon, Bench, Ble, Body, Client, Command, Deframer, Health, Hello, Message, ROOM, Report,
    Reset, Settings, Wifi, encode,
};
use std::fmt::Debug;

const SETTINGS: Settings =
    Settings { channels: 0x0421, dwell_ms: 200, ble: true, rssi_floor: -95, health_ms: 5_000 };
const ADDR: Address = Address([0xda, 0xa1, 0x19, 0x00, 0x77, 0x02]);

/// Layout, message and checksum in one frame; both ways.
fn frozen<M: Message + PartialEq + Debug>(message: &M, hex: &str) {
    let mut room = [0; ROOM];
    let bytes = encode(message, &mut room).unwrap();
    let written: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(written, hex, "{message:?}");
    let mut deframer = Deframer::<M>::new();
    let read: Vec<_> = bytes.iter().filter_map(|b| deframer.push(*b)).collect();
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].as_ref().unwrap(), message);
}

fn report(body: Body) -> Report {
    Report { seq: 0x1234, at_us: 3_600_000_000, body }
}

#[test]
fn reports() {
    let hello = Hello {
        node: [0x60, 0x55, 0xf9, 1, 2, 3],
        firmware: [0, 1, 0],
        oldest: 1,
        newest: 1,
        reset: Reset::Power,
        wifi: true,
        ble: true,
        settings: SETTINGS,
    };
    frozen(
        &report(Body::Hello(hello)),
        "000901b42480c8ceb40d076055f90102030201120101010101a108c80101a18827141d7b2300",
    );
    let wifi = Wifi {
        addr: ADDR,
        rssi: -67,
        channel: 11,
        sequence: 0x0abc,
        client: Client::Probe,
        fingerprint: Some([8, 7, 6, 5, 4, 3, 2, 1]),
    };
    frozen(
        &report(Body::Wifi(wifi)),
        "000d01b42480c8ceb40d01daa119077702bd0bbc150e010807060504030201a3b7b39f00",
    );
    let association = Wifi { client: Client::Association, fingerprint: None, ..wifi };
    frozen(&report(Body::Wifi(association)), "000d01b42480c8ceb40d01daa119087702bd0bbc1501050c118bb800");
    let beacon = Beacon { addr: ADDR, rssi: -70, uuid: [0x5a; 16], major: 1001, minor: 42 };
    frozen(
        &report(Body::Beacon(beacon)),
        "000d01b42480c8ceb40d02daa1191b7702ba5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5ae9072a3ef5c4d300",
    );
    frozen(
        &report(Body::Ble(Ble { addr: ADDR, rssi: -90 })),
        "000d01b42480c8ceb40d03daa119087702a64f2fb98f00",
    );
    let health = Health {
        wifi_heard: 100_000,
        ble_heard: 300,
        dropped: 2,
        queue_peak: 61,
        bad_commands: 1,
        memory_free: 98_304,
        channel: 6,
    };
    frozen(&report(Body::Health(health)), "001a01b42480c8ceb40d04a08d06ac02023d01808006067ae0dd6400");
    frozen(&report(Body::Configured(SETTINGS)), "001601b42480c8ceb40d05a108c80101a18827562e98bb00");
    frozen(&report(Body::Baud(921_600)), "001101b42480c8ceb40d0680a0384949302100");
}

#[test]
fn commands() {
    frozen(&Command::Hello, "00028105f5bb416300");
    frozen(&Command::Ping, "00078101638b461400");
    frozen(&Command::Configure(SETTINGS), "000f8102a108c80101a18827c9c93e6700");
    frozen(&Command::Baud(921_600), "000a810380a03826de213f00");
    frozen(&Command::Restart, "00078104ec7f2c6400");
    frozen(&Command::Bench(Bench::Hear(100_000)), "0003810508a08d06fdf7f81200");
    frozen(&Command::Bench(Bench::Chatter), "0008810501766cc61500");
    frozen(&Command::Bench(Bench::Exit), "0008810502cc3dcf8c00");
}
