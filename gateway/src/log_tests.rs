use super::*;
use proptest::prelude::*;
use visit_core::observation::{Currency, ReceiptKind};

fn names() -> Names {
    Names {
        sensors: [("door".to_owned(), SensorIx(4))].into(),
        tills: [("till-1".to_owned(), (TillIx(2), "Bakery".to_owned()))].into(),
        ..Names::default()
    }
}

fn parse(line: &str) -> Result<Observation, LineError> {
    Parser::default().parse(line.as_bytes(), &names(), &mut Counts::default())
}

fn sighting(line: &str) -> Sighting {
    match parse(line) {
        Ok(Observation::Sighting(s)) => s,
        other => panic!("{other:?}"),
    }
}

/// A line with the required fields of a Wi-Fi sighting and these.
fn wifi(more: &str) -> String {
    let at = r#""at":"2025-11-21T01:30:00.000Z""#;
    format!(r#"{{{at},"kind":"wifi","sensor":"door","addr":"02:00:00:00:00:07"{more}}}"#)
}

fn receipt(more: &str) -> String {
    format!(r#"{{"at":"2025-11-21T01:30:00Z","kind":"receipt"{more}}}"#)
}

#[test]
fn a_wifi_line_becomes_a_sighting() {
    let s =
        sighting(&wifi(r#","rssi":-78,"channel":6,"seq":164,"frame":"data","length":9,"more":{"a":[1]}"#));
    assert_eq!((s.rssi, s.channel, s.seq, s.frame), (Some(-78), Some(6), Some(164), Frame::Data));
    assert_eq!((s.at.as_micros(), s.sensor), (1_763_688_600_000_000, SensorIx(4)));
    assert_eq!(s.addr, MacAddr([2, 0, 0, 0, 0, 7]));
    let bare = sighting(&wifi(""));
    assert_eq!((bare.rssi, bare.channel, bare.frame), (None, None, Frame::ProbeRequest));
}

#[test]
fn elements_have_the_same_fingerprint_as_on_the_air() {
    let s = sighting(&wifi(r#","ies":"000178010401020304","fingerprint":"ignored""#));
    assert_eq!(s.fingerprint, ie::fingerprint(&[1, 4, 1, 2, 3, 4]).hash);
    let s = sighting(&wifi(r#","fingerprint":"model-00""#));
    assert_eq!(s.fingerprint, Some(ie::fingerprint_of_name("model-00")));
    assert_eq!(sighting(&wifi(r#","frame":"association","ies":"010102""#)).fingerprint, None);
}

#[test]
fn escapes_are_understood() {
    let s = sighting(&wifi(r#","fingerprint":"model\u002d00""#));
    assert_eq!(s.fingerprint, Some(ie::fingerprint_of_name("model-00")));
}

#[test]
fn a_beacon_is_found_in_a_ble_line() {
    let mut adv = vec![2, 1, 6];
    ble::ibeacon::IBeacon { uuid: [9; 16], major: 1, minor: 2, measured_power: -59 }.emit(&mut adv);
    let hex: String = adv.iter().map(|b| format!("{b:02X}")).collect();
    let line = wifi(&format!(r#","rssi":-70,"adv":"{hex}""#)).replace("wifi", "ble");
    assert_eq!(sighting(&line).frame, Frame::IBeacon { uuid: [9; 16], major: 1, minor: 2 });
    assert_eq!(sighting(&wifi("").replace("wifi", "ble")).frame, Frame::Advertisement);
}

#[test]
fn a_receipt_line_becomes_a_receipt() {
    let line = receipt(
        r#","till":"till-1","number":"17","type":"refund","amount_minor":-5,"currency":"CNY","member":"M1","refers_to":"16""#,
    );
    let Ok(Observation::Receipt(r)) = parse(&line) else { panic!("no receipt") };
    assert_eq!((r.till, r.store.as_str(), r.kind), (TillIx(2), "Bakery", ReceiptKind::Refund));
    assert_eq!((r.amount_minor, r.currency), (Some(-5), Currency::new("CNY")));
    assert_eq!((r.number.as_deref(), r.member.as_deref()), (Some("17"), Some("M1")));
    assert_eq!(r.refers_to.as_ref().map(|r| r.number.as_str()), Some("16"));
}

#[test]
fn who_heard_may_be_known_from_elsewhere() {
    let mut parser = Parser::new(Defaults { sensor: Some(SensorIx(1)), till: Some(TillIx(2)) });
    let line = wifi("").replace(r#""sensor":"door","#, "");
    let mut counts = Counts::default();
    assert!(parser.parse(line.as_bytes(), &names(), &mut counts).is_ok());
    assert!(parser.parse(receipt("").as_bytes(), &names(), &mut counts).is_ok());
    assert_eq!(parse(&line), Err(LineError::Missing("sensor")));
    assert_eq!(parse(&receipt("")), Err(LineError::Missing("till")));
}

#[test]
fn bad_lines_say_what_would_be_right() {
    let cases = [
        ("{".to_owned(), "no JSON at column 1"),
        ("[1]".to_owned(), "wrong type"),
        ("{}".to_owned(), "`at` is missing"),
        (wifi("").replace("01:30", "25:30"), "`at` is not a time"),
        (wifi("").replace("wifi", "zigbee"), "`kind` is not wifi, ble, health, receipt, totals or count"),
        (wifi("").replace("door", "attic"), "sensor \"attic\" is not in the site map"),
        (receipt(r#","till":"x""#), "till \"x\" is not in the site map"),
        (receipt(r#","till":"till-1","currency":"yuan""#), "three capital letters"),
        (receipt(r#","till":"till-1","type":"gift""#), "sale, refund or void"),
        (wifi(r#","rssi":-300"#), "`rssi` is not a signal strength"),
        (wifi(r#","rssi":"-30""#), "wrong type"),
        (wifi(r#","seq":4096"#), "`seq` is not"),
        (wifi(r#","ies":"0g""#), "`ies` is not"),
        (wifi(r#","ies":"012""#), "`ies` is not"),
        (wifi(r#","frame":"beacon""#), "`frame` is not"),
        (wifi(",\"rssi\":-5") + "x", "no JSON"),
    ];
    for (line, wanted) in cases {
        let said = parse(&line).unwrap_err().to_string();
        assert!(said.contains(wanted), "{line}: {said}");
    }
}

#[test]
fn no_message_repeats_an_address() {
    let secret = "02:6f:32:0f:5d:92";
    for line in [
        wifi("").replace("door", secret),
        wifi("").replace("door", "026f320f5d92"),
        wifi("").replace("02:00:00:00:00:07", &format!("{secret}x")),
        wifi(&format!(r#","rssi":"{secret}""#)),
        wifi(&format!(r#","frame":"{secret}""#)),
    ] {
        let said = format!("{0} {0:?}", parse(&line).unwrap_err());
        assert!(!said.contains("6f:32") && !said.contains("6f32"), "{said}");
    }
}

#[test]
fn long_lines_are_passed_over_and_numbered() {
    let long = "x".repeat(3 * MAX_LINE);
    let text = format!("a\r\n{long}\n\n{}\nlast", "y".repeat(MAX_LINE));
    let mut lines = Lines::new(text.as_bytes());
    assert_eq!(lines.next().unwrap(), Some(Line::Text(b"a")));
    assert_eq!(lines.next().unwrap(), Some(Line::TooLong));
    assert_eq!(lines.next().unwrap(), Some(Line::Text(b"")));
    assert!(matches!(lines.next().unwrap(), Some(Line::Text(y)) if y.len() == MAX_LINE));
    assert_eq!(lines.next().unwrap(), Some(Line::Text(b"last")));
    assert_eq!((lines.number(), lines.next().unwrap()), (5, None));
    assert!(lines.line.capacity() <= 4 * MAX_LINE);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Parser::default().parse(&line, &names(), &mut Counts::default());
    }

    #[test]
    fn no_value_makes_it_panic(field in "at|kind|sensor|addr|rssi|channel|seq|frame|ies|adv|till|type", value in "\\PC{0,12}|-?[0-9]{1,20}") {
        let line = format!(r#"{{"at":"2025-11-21T01:30:00Z","kind":"wifi","sensor":"door","{field}":"{value}"}}"#);
        let _ = parse(&line);
        let _ = parse(&wifi(&format!(r#","{field}":{value}"#)));
    }

    #[test]
    fn hex_reads_back(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let text: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        let mut out = Vec::new();
        prop_assert_eq!(decode_hex(&text, 60, &mut out), Some(()));
        prop_assert_eq!(out, bytes);
    }
}

#[test]
fn a_recorded_receipt_keeps_what_the_daemon_knew_of_it() {
    let line = receipt(
        r#","till":"till-1","number":"7","type":"refund","refers_to":"5","refers_to_till":"till-1",
           "refers_to_date":"2025-11-20","business_date":"2025-11-21","printed_at":"2025-11-21T09:30:00+08:00",
           "content":"00ab","reprint":true,"unbalanced":true"#,
    );
    let Ok(Observation::Receipt(r)) = parse(&line) else { panic!("{:?}", parse(&line)) };
    assert_eq!((r.business_date, r.content, r.printed_at), (Some(20_413), 0xab, Some(r.at)));
    assert_eq!((r.marks.reprint, r.marks.partial, r.marks.unbalanced), (true, false, true));
    let sale = r.refers_to.unwrap();
    assert_eq!((sale.till, &*sale.number, sale.business_date), (Some(TillIx(2)), "5", Some(20_412)));
    for (more, field) in [
        (r#","till":"till-1","business_date":"21.11.2025""#, "business_date"),
        (r#","till":"till-1","printed_at":"09:30""#, "printed_at"),
        (r#","till":"till-1","content":"sha""#, "content"),
    ] {
        assert!(
            matches!(parse(&receipt(more)), Err(LineError::Bad { field: f, .. }) if f == field),
            "{more}"
        );
    }
}

#[test]
fn totals_of_a_day_are_a_line_of_their_own() {
    let totals = |more: &str| parse(&format!(r#"{{"at":"2025-11-21T14:00:00Z","kind":"totals"{more}}}"#));
    let line =
        r#","till":"till-1","business_date":"2025-11-21","receipts":212,"net_minor":-1,"currency":"CNY""#;
    let Ok(Observation::DayTotals(t)) = totals(line) else { panic!("{:?}", totals(line)) };
    assert_eq!((&*t.store, t.till, t.business_date), ("Bakery", Some(TillIx(2)), 20_413));
    assert_eq!((t.receipts, t.net_minor), (Some(212), Some(-1)));
    assert_eq!(totals(r#","till":"till-1""#), Err(LineError::Missing("business_date")));
    assert_eq!(totals(r#","business_date":"2025-11-21""#), Err(LineError::Missing("store")));
}
