//! One bench per parser, and the whole ways: frame → sighting, capture → sightings, log → observations.
//!
//! `cargo bench -p gateway`. Items are frames, lines or advertisements.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use gateway::ble;
use gateway::capture::{Link, Packet, pcap, pcapng};
use gateway::counts::Counts;
use gateway::log::{Defaults, Line, Lines, Parser};
use gateway::names::Names;
use gateway::observation::MacAddr;
use gateway::source::{Replay, ReplayInput};
use gateway::wifi::{Rules, frame, ie, radiotap, sighting};
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use visit_core::site::SensorIx;
use visit_core::time::Timestamp;

fn main() {
    divan::main();
}

const FRAMES: usize = 10_000;
/// As many different phones as the buffers below have, so that branches and caches see variety.
const PHONES: usize = 64;

/// Elements of an ordinary phone, ~90 bytes, one rate of which tells the phones apart.
fn elements(phone: usize) -> Vec<u8> {
    let mut out = vec![0, 0, 1, 4, 2, 4, 11, phone as u8, 50, 8, 12, 18, 24, 36, 48, 72, 96, 108, 3, 1, 6];
    out.extend_from_slice(&[45, 26]);
    out.extend_from_slice(&[0x2d; 26]);
    out.extend_from_slice(&[127, 8, 0, 0, 8, 4, 0, 0, 0, 64, 255, 28]);
    out.extend_from_slice(&[35; 28]);
    out
}

fn probe(phone: usize, fcs: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let radio = radiotap::Repr {
        tsft: Some(1_000),
        rssi: Some(-60),
        frequency: Some(2437),
        fcs_at_end: fcs,
        ..radiotap::Repr::default()
    };
    radio.emit(&mut out);
    let start = out.len();
    frame::Repr {
        kind: frame::Kind::ProbeRequest,
        transmitter: MacAddr([2, 0, 0, 0, 0, phone as u8]),
        sequence: 99,
        fragment: 0,
        retry: false,
        protected: false,
        qos: false,
        elements: Some(&elements(phone)),
    }
    .emit(MacAddr([255; 6]), &mut out);
    if fcs {
        let mut crc = flate2::Crc::new();
        crc.update(&out[start..]);
        out.extend_from_slice(&crc.sum().to_le_bytes());
    }
    out
}

fn phones<T>(make: impl Fn(usize) -> T) -> Vec<T> {
    (0..PHONES).map(make).collect()
}

/// Runs `parse` over all phones' bytes as one sample.
fn over<R>(bencher: Bencher<'_, '_>, inputs: &[Vec<u8>], parse: impl Fn(&[u8]) -> R) {
    let bytes: usize = inputs.iter().map(Vec::len).sum();
    bencher.counter(ItemsCount::new(inputs.len())).counter(BytesCount::new(bytes)).bench_local(|| {
        for input in inputs {
            black_box(parse(black_box(input)));
        }
    });
}

#[divan::bench]
fn radiotap_header(bencher: Bencher<'_, '_>) {
    over(bencher, &phones(|p| probe(p, false)), radiotap::Repr::parse);
}

#[divan::bench]
fn mac_header(bencher: Bencher<'_, '_>) {
    let frames = phones(|p| {
        let bytes = probe(p, false);
        let start = usize::from(radiotap::Repr::parse(&bytes).map_or(0, |r| r.header_len));
        bytes[start..].to_vec()
    });
    over(bencher, &frames, |bytes| frame::Repr::parse(bytes).is_ok());
}

#[divan::bench]
fn fingerprint(bencher: Bencher<'_, '_>) {
    over(bencher, &phones(elements), ie::fingerprint);
}

/// A probe request of 136 bytes to a sighting, with and without its check sequence verified.
#[divan::bench(args = [Rules::RECORDED, Rules::LIVE])]
fn frame_to_sighting(bencher: Bencher<'_, '_>, rules: &Rules) {
    let inputs = phones(|p| probe(p, rules.verify_fcs));
    over(bencher, &inputs, |data| {
        let mut counts = Counts::default();
        let packet = Packet { at: None, link: Link::Radiotap, data, original_len: data.len() as u32 };
        sighting(&packet, Timestamp::from_micros(1), SensorIx(0), *rules, &mut counts)
    });
}

#[divan::bench]
fn advertisement(bencher: Bencher<'_, '_>) {
    let inputs = phones(|p| {
        let mut out = vec![2, 1, 6];
        ble::ibeacon::IBeacon { uuid: [7; 16], major: 1, minor: p as u16, measured_power: -59 }
            .emit(&mut out);
        out
    });
    over(bencher, &inputs, ble::frame);
}

#[divan::bench]
fn ibeacon(bencher: Bencher<'_, '_>) {
    let inputs = phones(|p| {
        let mut out = Vec::new();
        ble::ibeacon::IBeacon { uuid: [7; 16], major: 1, minor: p as u16, measured_power: -59 }
            .emit(&mut out);
        out[4..].to_vec()
    });
    over(bencher, &inputs, |data| ble::ibeacon::IBeacon::parse(ble::ibeacon::COMPANY, data));
}

fn pcap_bytes() -> Vec<u8> {
    let mut out = Vec::new();
    pcap::write::header(127, &mut out);
    for n in 0..FRAMES {
        let at = Timestamp::from_micros(1_700_000_000_000_000 + n as i64 * 100);
        pcap::write::packet(at, &probe(n % PHONES, false), &mut out);
    }
    out
}

#[divan::bench]
fn pcap_records(bencher: Bencher<'_, '_>) {
    let bytes = pcap_bytes();
    bencher.counter(ItemsCount::new(FRAMES)).counter(BytesCount::new(bytes.len())).bench_local(|| {
        let Ok(mut reader) = pcap::Reader::new(&bytes[..]) else { return };
        while let Ok(Some(packet)) = reader.next() {
            black_box(packet);
        }
    });
}

#[divan::bench]
fn pcapng_blocks(bencher: Bencher<'_, '_>) {
    let mut bytes = Vec::new();
    let mut block = |kind: u32, body: &[u8]| {
        let total = (body.len() as u32 + 12).to_le_bytes();
        bytes.extend_from_slice(&kind.to_le_bytes());
        bytes.extend_from_slice(&total);
        bytes.extend_from_slice(body);
        bytes.extend_from_slice(&total);
    };
    block(0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
    block(1, &[127, 0, 0, 0, 0, 0, 0, 0]);
    for n in 0..FRAMES {
        let packet = probe(n % PHONES, false);
        let mut body = vec![0; 12];
        body.extend_from_slice(&(packet.len() as u32).to_le_bytes());
        body.extend_from_slice(&(packet.len() as u32).to_le_bytes());
        body.extend_from_slice(&packet);
        body.resize(body.len().next_multiple_of(4), 0);
        block(6, &body);
    }
    bencher.counter(ItemsCount::new(FRAMES)).counter(BytesCount::new(bytes.len())).bench_local(|| {
        let Ok(mut reader) = pcapng::Reader::new(&bytes[..]) else { return };
        while let Ok(Some(packet)) = reader.next() {
            black_box(packet);
        }
    });
}

fn names() -> Names {
    Names { sensors: [("F2-S01".to_owned(), SensorIx(0))].into(), ..Names::default() }
}

/// Lines with `ies` (as recorded from the air) or with `fingerprint` (as in generated days).
fn log_bytes(with_elements: bool) -> Vec<u8> {
    let mut out = String::new();
    for n in 0..FRAMES {
        let at = Timestamp::from_micros(1_700_000_000_000_000 + n as i64 * 1000);
        let phone = n % PHONES;
        let head =
            format!(r#"{{"at":"{at}","kind":"wifi","sensor":"F2-S01","addr":"02:00:00:00:00:{phone:02x}""#);
        let what = if with_elements {
            let hex: String = elements(phone).iter().map(|b| format!("{b:02x}")).collect();
            format!(r#""channel":6,"frame":"probe_request","ies":"{hex}""#)
        } else {
            format!(r#""fingerprint":"model-{phone:02}""#)
        };
        let _ = writeln!(out, r#"{head},"rssi":-78,"seq":{},{what}}}"#, n % 4096);
    }
    out.into_bytes()
}

#[divan::bench(args = [true, false])]
fn log_lines(bencher: Bencher<'_, '_>, with_elements: bool) {
    let (bytes, names) = (log_bytes(with_elements), names());
    bencher.counter(ItemsCount::new(FRAMES)).counter(BytesCount::new(bytes.len())).bench_local(|| {
        let (mut lines, mut parser) = (Lines::new(&bytes[..]), Parser::new(Defaults::default()));
        let mut counts = Counts::default();
        while let Ok(Some(Line::Text(line))) = lines.next() {
            let _ = black_box(parser.parse(line, &names, &mut counts));
        }
    });
}

/// Files through the whole source.
#[divan::bench(args = ["pcap", "jsonl with elements", "jsonl with fingerprints", "jsonl.gz with fingerprints"])]
fn replay(bencher: Bencher<'_, '_>, what: &str) {
    let bytes = match what {
        "pcap" => pcap_bytes(),
        "jsonl with elements" => log_bytes(true),
        "jsonl with fingerprints" => log_bytes(false),
        _ => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            let _ = std::io::Write::write_all(&mut encoder, &log_bytes(false));
            encoder.finish().unwrap_or_default()
        }
    };
    let Ok(file) = tempfile::NamedTempFile::new() else { return };
    if std::fs::write(file.path(), &bytes).is_err() {
        return;
    }
    let input =
        ReplayInput { path: file.path().to_owned(), sensor: Some(SensorIx(0)), ..ReplayInput::default() };
    let names = Arc::new(names());
    bencher.counter(ItemsCount::new(FRAMES)).counter(BytesCount::new(bytes.len())).bench_local(|| {
        let Ok(mut replay) = Replay::open(vec![input.clone()], Arc::clone(&names)) else { return 0 };
        while let Ok(Some(observation)) = replay.next() {
            black_box(observation);
        }
        replay.position()
    });
}
