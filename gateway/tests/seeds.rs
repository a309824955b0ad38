//! The seeds of the fuzz targets: written from our own emitters, and each must be read as what it is.
//!
//! `WRITE_SEEDS=1` writes them; otherwise a difference is a failure.
#![allow(clippy::unwrap_used)] // helpers of a test are a test, too

use gateway::ble::ibeacon::IBeacon;
use gateway::capture::{Capture, Format, pcap::write};
use gateway::observation::MacAddr;
use gateway::wifi::{frame, radiotap};
use std::path::Path;
use visit_core::time::Timestamp;

const ELEMENTS: &[u8] = &[
    0, 2, b'h', b'i', 1, 4, 2, 4, 11, 22, 3, 1, 6, 45, 3, 0x2d, 0x40, 0x1b, 221, 4, 0, 0x50, 0xf2, 4, 255, 2,
    35, 1,
];

fn header() -> Vec<u8> {
    let mut out = Vec::new();
    let radio = radiotap::Repr {
        tsft: Some(1),
        rssi: Some(-60),
        frequency: Some(2437),
        fcs_at_end: false,
        ..radiotap::Repr::default()
    };
    radio.emit(&mut out);
    out
}

fn frame(kind: frame::Kind) -> Vec<u8> {
    let mut out = Vec::new();
    let probe = kind == frame::Kind::ProbeRequest;
    frame::Repr {
        kind,
        transmitter: MacAddr([2, 1, 1, 1, 1, 1]),
        sequence: 99,
        fragment: 0,
        retry: false,
        protected: false,
        qos: false,
        elements: probe.then_some(ELEMENTS),
    }
    .emit(MacAddr([255; 6]), &mut out);
    out
}

/// A header of three present words: radiotap, a vendor's, radiotap again.
fn vendor_header() -> Vec<u8> {
    let mut out = vec![0, 0, 26, 0];
    for word in [0xc000_0000u32, 0xa000_0001, 0x0000_0022] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    out.extend_from_slice(&[1, 2, 3, 0, 2, 0, 9, 9, 0, 0xc4]);
    out
}

fn capture() -> Vec<u8> {
    let mut out = Vec::new();
    write::header(127, &mut out);
    let packet = [header(), frame(frame::Kind::ProbeRequest)].concat();
    write::packet(Timestamp::from_micros(1_700_000_000_000_000), &packet, &mut out);
    write::packet(Timestamp::from_micros(1_700_000_001_000_000), &packet[..20], &mut out);
    out
}

fn section() -> Vec<u8> {
    let packet = [header(), frame(frame::Kind::ProbeRequest)].concat();
    let padded = packet.len().next_multiple_of(4);
    let mut out = Vec::new();
    let mut block = |kind: u32, body: &[u8]| {
        let total = (body.len() as u32 + 12).to_le_bytes();
        out.extend_from_slice(&kind.to_le_bytes());
        out.extend_from_slice(&total);
        out.extend_from_slice(body);
        out.extend_from_slice(&total);
    };
    block(0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
    block(1, &[127, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    let mut body = vec![0; 12];
    body.extend_from_slice(&(packet.len() as u32).to_le_bytes());
    body.extend_from_slice(&(packet.len() as u32).to_le_bytes());
    body.extend_from_slice(&packet);
    body.resize(20 + padded, 0);
    block(6, &body);
    out
}

const MALL: &str = concat!(
    r#"{"salestotal":{"mallid":"1","storecode":"L1","tillid":"01","txdocno":"17","txdate_yyyymmdd":"20251121","#,
    r#""txtime_hhmmss":"093000","salestype":"SR","vipcode":"V","netamount":-1.50,"changeamount":0,"#,
    r#""orgtxdocno":"16","orgtxdate_yyyymmdd":"20251120"},"salesitems":[{"itemcode":"a","qty":1,"#,
    r#""netamount":"-1.5"}],"salestenders":[{"tendercode":"CH","payamount":-1.5}]}"#,
);
const OURS: &str = concat!(
    r#"{"at":"2025-11-21T01:30:00Z","till":"t","store":"s","number":"1","type":"sale","amount":"1,234.50","#,
    r#""currency":"CNY","items":[{"name":"tea","quantity":0.5,"amount_minor":123450}],"#,
    r#""tenders":[{"kind":"cash","amount":1234.5}]}"#,
);

/// A hello, and after a wait a probe request.
fn node_line() -> Vec<u8> {
    use sensor_wire::{Address, Body, Client, Hello, ROOM, Report, Reset, Settings, Wifi, encode};
    let hello = Hello {
        node: [2, 0, 0, 0, 0, 1],
        firmware: [0, 1, 0],
        oldest: 1,
        newest: 1,
        reset: Reset::Power,
        wifi: true,
        ble: true,
        settings: Settings::DEFAULT,
    };
    let wifi = Wifi {
        addr: Address([2, 1, 1, 1, 1, 1]),
        rssi: -60,
        channel: 6,
        sequence: 99,
        client: Client::Probe,
        fingerprint: Some([7; 8]),
    };
    let mut out = Vec::new();
    for (seq, body) in [(0, Body::Hello(hello)), (1, Body::Wifi(wifi))] {
        out.push(5);
        out.extend(encode(&Report { seq, at_us: 1_000_000, body }, &mut [0; ROOM]).unwrap());
        out.push(0xfe);
    }
    out
}

fn seeds() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let mut beacon = Vec::new();
    IBeacon { uuid: [7; 16], major: 1, minor: 2, measured_power: -59 }.emit(&mut beacon);
    let log = concat!(
        r#"{"at":"2025-11-21T01:30:00.000Z","kind":"wifi","sensor":"s","addr":"02:00:00:00:00:01","rssi":-78,"channel":6,"seq":164,"frame":"probe_request","ies":"010402040b16"}"#,
        "\n",
        r#"{"at":"2025-11-21T01:30:00.000Z","kind":"ble","sensor":"s","addr":"02:00:00:00:00:01","rssi":-70,"adv":"020106"}"#,
        "\n",
        r#"{"at":"2025-11-21T01:30:00.000Z","kind":"receipt","till":"t","number":"1","type":"refund","amount_minor":1,"currency":"CNY","refers_to":"0"}"#,
        "\n",
    );
    vec![
        ("radiotap", "probe", [header(), frame(frame::Kind::ProbeRequest)].concat()),
        ("radiotap", "vendor", [vendor_header(), frame(frame::Kind::Data)].concat()),
        ("node_link", "hello", node_line()),
        ("frame", "probe", frame(frame::Kind::ProbeRequest)),
        ("frame", "data", frame(frame::Kind::Data)),
        ("frame", "authentication", frame(frame::Kind::Authentication)),
        ("ie", "elements", ELEMENTS.to_vec()),
        ("ble_adv", "beacon", [&[2, 1, 6][..], &beacon].concat()),
        ("ibeacon", "beacon", beacon[4..].to_vec()),
        ("pcap", "two", capture()),
        ("pcapng", "one", section()),
        ("log_line", "three", log.as_bytes().to_vec()),
        ("poslog", "version_2", include_bytes!("samples/poslog-2.2.xml").to_vec()),
        ("poslog", "version_6", include_bytes!("samples/poslog-6.xml").to_vec()),
        ("push_json", "mall", MALL.as_bytes().to_vec()),
        ("push_json", "ours", OURS.as_bytes().to_vec()),
    ]
}

#[test]
fn the_committed_seeds_are_these() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    for (target, name, bytes) in seeds() {
        let path = folder.join(target).join(name);
        if std::env::var_os("WRITE_SEEDS").is_some() {
            std::fs::create_dir_all(folder.join(target)).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "{}: WRITE_SEEDS=1 writes it", path.display());
    }
}

#[test]
fn every_seed_is_read_as_what_it_is() {
    use gateway::pos::{poslog, push};
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").ok();
    let currency = visit_core::observation::Currency::new("CNY");
    for (bytes, total) in [(MALL, 150), (OURS, 123_450)] {
        let settings = push::Settings { zone: zone.clone(), currency, till_known: false };
        assert_eq!(push::parse(bytes.as_bytes(), &settings).unwrap().total, Some(total));
    }
    for (target, name, bytes) in seeds().into_iter().filter(|(target, ..)| *target == "poslog") {
        let mut log = poslog::PosLog::new(&bytes[..], poslog::Settings::default()).unwrap();
        while log.next().unwrap().is_some() {}
        assert_eq!(log.tally().transactions, 4, "{target}/{name}");
    }
    let radio = radiotap::Repr::parse(&vendor_header()).unwrap();
    assert_eq!((radio.rssi, radio.header_len), (Some(-60), 26));
    for (format, bytes, wanted) in [(Format::Pcap, capture(), 2), (Format::Pcapng, section(), 1)] {
        assert_eq!(Format::recognise(&bytes), Some(format));
        let mut reader = Capture::new(format, &bytes[..]).unwrap();
        let mut packets = 0;
        while reader.next().unwrap().is_some() {
            packets += 1;
        }
        assert_eq!(packets, wanted);
    }
    for kind in [frame::Kind::ProbeRequest, frame::Kind::Data] {
        assert_eq!(frame::Repr::parse(&frame(kind)).map(|r| r.kind), Ok(kind));
    }
}
