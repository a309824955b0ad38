//! Frames on a line: what goes in comes out, and what the line does to it costs at most the frames it hits.
#![allow(missing_docs, clippy::unwrap_used)]

use proptest::prelude::*;
use sensor_wire::{
    Address, Bad, Beacon, Body, Client, Command, Deframer, ROOM, Report, Settings, Wifi, encode,
};

fn report(seq: u16) -> Report {
    let wifi = Wifi {
        addr: Address([0x02, 0, 0, 0, 0x07, 0xd2]),
        rssi: -67,
        channel: 11,
        sequence: 4095,
        client: Client::Probe,
        fingerprint: Some([0, 1, 2, 0, 4, 5, 6, 7]),
    };
    Report { seq, at_us: 86_400_000_000, body: Body::Wifi(wifi) }
}

fn bytes(report: &Report) -> Vec<u8> {
    encode(report, &mut [0; ROOM]).unwrap().to_vec()
}

fn read(bytes: &[u8]) -> (Vec<u16>, Vec<Bad>) {
    let mut deframer = Deframer::<Report>::new();
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for result in bytes.iter().filter_map(|b| deframer.push(*b)) {
        match result {
            Ok(report) => good.push(report.seq),
            Err(why) => bad.push(why),
        }
    }
    (good, bad)
}

#[test]
fn a_frame_with_any_bit_flipped_is_lost_and_no_other() {
    let (before, hit, after) = (bytes(&report(1)), bytes(&report(2)), bytes(&report(3)));
    for bit in 0..hit.len() * 8 {
        let mut flipped = hit.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let (good, _) = read(&[&before[..], &flipped, &after].concat());
        // A delimiter that is hit costs nothing: the neighbour has one of its own.
        let delimiter = bit / 8 == 0 || bit / 8 == hit.len() - 1;
        assert!(good == [1, 3] || delimiter && good == [1, 2, 3], "bit {bit}: {good:?}");
    }
}

#[test]
fn what_a_boot_rom_says_between_two_frames_costs_neither() {
    let rom =
        b"ESP-ROM:esp32c3-api1-20210207\r\nrst:0x1 (POWERON),boot:0xc (SPI_FAST_FLASH_BOOT)\r\n".repeat(9);
    let (good, bad) = read(&[&bytes(&report(1))[..], &rom, &bytes(&report(2))].concat());
    assert_eq!((good, bad), (vec![1, 2], vec![Bad::TooLong]));
}

#[test]
fn a_line_whose_ends_are_joined_is_noticed() {
    let mut room = [0; ROOM];
    let command = encode(&Command::Configure(Settings::DEFAULT), &mut room).unwrap();
    assert_eq!(read(command), (vec![], vec![Bad::Direction]));
}

#[test]
fn a_cut_costs_the_frame_it_hits() {
    let whole = bytes(&report(7));
    for cut in 0..whole.len() {
        let mut deframer = Deframer::<Report>::new();
        let early = whole[..cut].iter().filter_map(|b| deframer.push(*b)).count();
        assert_eq!(early, 0);
        assert_eq!(deframer.cut(), cut > 1, "{cut}");
        let late: Vec<_> = whole.iter().filter_map(|b| deframer.push(*b)).collect();
        assert_eq!(late, [Ok(report(7))]);
    }
}

#[test]
fn sizes_after_a_day_leave_room_for_two_thousand_probes_a_second_at_921600_baud() {
    let beacon = Beacon { addr: Address([1; 6]), rssi: -70, uuid: [9; 16], major: 1001, minor: 42 };
    let beacon = Report { seq: 40_000, at_us: 86_400_000_000, body: Body::Beacon(beacon) };
    assert_eq!((bytes(&report(40_000)).len(), bytes(&beacon).len()), (38, 44));
}

proptest! {
    #[test]
    fn whatever_is_between_frames_costs_none(noise in proptest::collection::vec(1u8.., 0..900)) {
        let (good, bad) = read(&[&bytes(&report(1))[..], &noise, &bytes(&report(2))].concat());
        prop_assert_eq!(good, vec![1, 2]);
        prop_assert_eq!(bad.len(), usize::from(!noise.is_empty()));
    }

    #[test]
    fn no_bytes_make_it_panic(noise in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let (good, bad) = read(&noise);
        prop_assert!(good.is_empty() && bad.len() <= noise.iter().filter(|b| **b == 0).count());
    }
}
