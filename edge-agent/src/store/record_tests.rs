//! The bytes of version 1 are frozen here. When `v1_bytes_are_frozen` fails, the layout of an event has changed:
//! take the change back, or give records of the new layout a new version (and keep reading this one).
//!
//! The golden file is written anew only by `UPDATE_GOLDEN=1`, which is right only before the first release.

use super::*;
use crate::store::highwater::HighWater;
use proptest::prelude::*;
use visit_core::event::*;
use visit_core::observation::{Currency, Marks, MemberToken, Pseudonym, Receipt, ReceiptKind, SaleRef};
use visit_core::purchase::{BookEntry, BookRecord, Buyer, ReceiptEntry, TotalsEntry};
use visit_core::site::TillIx;

const GOLDEN: &str = include_str!("golden_v1.txt");

fn visit(seq: u32, fact: VisitFact) -> Event {
    event(Body::Visit(VisitEvent {
        visit: VisitId(0x1111),
        seq,
        device: Pseudonym(0x2222),
        identity: Identity::Linked,
        confidence: Confidence::new(0.875),
        fact,
    }))
}

fn event(body: Body) -> Event {
    Event {
        id: EventId(0xabcd),
        site: "joy-city".into(),
        time: Timestamp::from_micros(1_763_688_600_002_000),
        detected_at: Timestamp::from_micros(1_763_688_780_002_000),
        privacy_mode: PrivacyMode::Consented,
        config_version: 0x0102_0304,
        body,
    }
}

fn dwell() -> Dwell {
    Dwell {
        zone: "F2-Z03".into(),
        floor: "F2".into(),
        brand: Some("Bäcker".into()),
        started_at: Timestamp::from_micros(1_763_688_000_000_000),
        duration_s: 602.5,
    }
}

/// One event of every kind, every field filled.
fn samples() -> Vec<Event> {
    use VisitFact as F;
    let zone = || "F1-Z01".to_owned();
    let floor = || "F1".to_owned();
    let facts = [
        F::Approached(Approached { zone: zone() }),
        F::PassedBy(PassedBy { zone: zone(), started_at: Timestamp::from_micros(7) }),
        F::Arrived(Arrived { zone: zone(), floor: floor() }),
        F::FloorChanged(FloorChanged { from_floor: floor(), floor: "F2".into(), direction: Direction::Up }),
        F::DwellStarted(dwell()),
        F::DwellEnded(Dwell { brand: None, ..dwell() }),
        F::BagCarried(BagCarried {
            zone: zone(),
            floor: floor(),
            store: "S-88".into(),
            receipt: ReceiptRef {
                number: Some("0042".into()),
                amount_minor: Some(12_900),
                currency: Some("CNY".into()),
            },
            candidates: 3,
        }),
        F::Exited(Exited {
            zone: zone(),
            reason: ExitReason::NotAVisitor,
            duration_s: 3_600.25,
            floors: vec![floor(), "F2".into()],
            stays: 2,
            purchases: 1,
            retracts: Some("00ff".into()),
        }),
        F::Resumed(Resumed { zone: zone(), retracts: "00ff".into() }),
        F::Merged(Merged { merged: vec!["a".into(), "b".into()], into: "a".into() }),
        F::Linked(Linked {
            member: "m".into(),
            evidence: LinkEvidence::App,
            history: Some(MemberHistory { visit_days: 4, days_since_last: Some(9) }),
        }),
    ];
    let receipt = Body::Receipt(ReceiptRecorded {
        store: "S-88".into(),
        till: "till-F2-Z03".into(),
        zone: zone(),
        number: Some("0042".into()),
        kind: ReceiptKind::Refund,
        amount_minor: Some(-12_900),
        currency: Some("CNY".into()),
        business_date: 20_413,
        member: Some(MemberToken(0x3333)),
        unreadable: false,
        attribution: Attribution {
            visit_id: Some("1111".into()),
            confidence: Confidence::new(0.9),
            candidates: 4,
            none: Confidence::new(0.05),
        },
        retracts: Some(EventId(0x4444)),
        revision: 1,
        replaces: Some(EventId(0x5555)),
        takes_back: Some(EventId(0x6666)),
        key: ReceiptKeyBasis::Number,
        printed_at: Some(Timestamp::from_micros(7)),
        partial: true,
        unbalanced: false,
    });
    let flow = Body::Flow(FlowInterval {
        scope: FlowScope::Zone,
        place: zone(),
        period: FlowPeriod::Hour,
        from: Timestamp::from_micros(1),
        until: Timestamp::from_micros(300_000_001),
        revision: 2,
        basis: FlowBasis::Calibrated,
        occupancy_basis: FlowBasis::Counted,
        observed: Confidence::new(0.75),
        suppressed: false,
        rounded_to: Some(10),
        footfall: Some(17),
        occupancy: Some(Estimate { estimate: 12.5, low: 9.0, high: 16.0 }),
        capture_rate: Some(Confidence::new(0.5)),
        bag_rate: Some(Confidence::new(0.25)),
        sales: Some(4),
        conversion: Some(0.235),
        dwell_s: Some(DwellQuantiles { count: 5, p50: 200.0, p90: 900.0 }),
        cross_shopping: vec![CrossShopping {
            zone: "F2-Z04".into(),
            brand: Some("ACME".into()),
            share: Confidence::new(0.125),
        }],
    });
    let visits = facts.into_iter().zip(1..).map(|(fact, seq)| visit(seq, fact));
    let reconciled = Body::Reconciled(ReceiptsReconciled {
        store: "S-88".into(),
        till: None,
        business_date: 20_413,
        seq: 2,
        currency: Some("CNY".into()),
        declared: DeclaredTotals { receipts: Some(3), net_minor: Some(300) },
        recorded: RecordedTotals { sales: 1, refunds: 1, voids: 1, unreadable: 1, net_minor: 299 },
        missing: Some(0),
        difference_minor: Some(1),
        complete: false,
    });
    visits.chain([event(receipt), event(flow), event(reconciled)]).collect()
}

/// Name and bytes of each frozen record.
fn frozen() -> Vec<(String, Vec<u8>)> {
    let at = Timestamp::from_micros(1_763_688_780_003_000);
    let mut out = Vec::new();
    for (event, seq) in samples().into_iter().zip(1..) {
        let name = event.event_type();
        out.push((name, seal(Kind::of(&event), &QueuedRecord { seq, queued_at: at, event }).unwrap()));
    }
    let event = samples().remove(0);
    let dead = DeadRecord { seq: 9, queued_at: at, reason: "too large".into(), event };
    let meta = Meta { commit: 1, next_seq: 2, session: 3, generation: 4, depth: 5, visits: 6 };
    let head = CheckpointHead { generation: 1, position: 2, chunks: 3, length: 4, crc: 5 };
    let recent = Recent { ids: vec![EventId(1), EventId(2)] };
    let high_water = HighWater { commit: 1, next_seq: 2, session: 3 };
    let entry = ReceiptEntry {
        id: EventId(7),
        till: TillIx(3),
        business_date: 20_413,
        kind: ReceiptKind::Void,
        number: Some(8),
        content: 9,
        amount_minor: Some(-1),
        unreadable: false,
        revision: 2,
        bag: Some(EventId(10)),
        buyer: Buyer {
            visit: Some(VisitId(11)),
            confidence: Confidence::new(0.75),
            candidates: 4,
            none: Confidence::new(0.25),
        },
    };
    let totals = TotalsEntry {
        store: "S-88".into(),
        till: Some(TillIx(3)),
        business_date: 20_413,
        currency: Currency::new("CNY"),
        recorded: RecordedTotals { sales: 1, refunds: 2, voids: 3, unreadable: 4, net_minor: 5 },
        declared: Some(DeclaredTotals { receipts: Some(6), net_minor: None }),
        said: 7,
    };
    for (name, entry) in
        [("book receipt", BookEntry::Receipt(entry)), ("book totals", BookEntry::Totals(totals))]
    {
        out.push((name.into(), seal(Kind::Book, &BookRecord { number: 12, entry }).unwrap()));
    }
    let paper = Observation::Receipt(Receipt {
        at,
        till: TillIx(3),
        store: "S-88".into(),
        number: Some("0042".into()),
        kind: ReceiptKind::Refund,
        amount_minor: Some(12_900),
        currency: Currency::new("CNY"),
        member: Some(MemberToken(13)),
        consented: true,
        refers_to: Some(SaleRef { till: None, number: "0041".into(), business_date: Some(20_412) }),
        business_date: 20_413,
        printed_at: Some(at),
        content: 14,
        marks: Marks { reprint: true, partial: false, unbalanced: true },
        ticket: None,
    });
    out.push(("pending".into(), seal(Kind::Pending, &Pending { ticket: 15, paper }).unwrap()));
    out.push(("dead letter".into(), seal(Kind::Dead, &dead).unwrap()));
    out.push(("meta".into(), seal(Kind::Meta, &meta).unwrap()));
    out.push(("checkpoint".into(), seal(Kind::CheckpointHead, &head).unwrap()));
    out.push(("recent".into(), seal(Kind::Recent, &recent).unwrap()));
    out.push(("high-water".into(), seal(Kind::HighWater, &high_water).unwrap()));
    out.push(("chunk".into(), seal_bytes(Kind::Chunk, b"snapshot")));
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn v1_bytes_are_frozen() {
    let lines: String = frozen().iter().map(|(name, bytes)| format!("{name}: {}\n", hex(bytes))).collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/golden_v1.txt");
        std::fs::write(path, &lines).unwrap();
        return;
    }
    for (is, was) in lines.lines().zip(GOLDEN.lines()) {
        assert_eq!(is, was);
    }
    assert_eq!(lines.lines().count(), GOLDEN.lines().count());
}

#[test]
fn v1_bytes_are_read_back() {
    let golden = |name: &str| -> Vec<u8> {
        let line = GOLDEN.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": ")).unwrap();
        (0..line.len()).step_by(2).map(|i| u8::from_str_radix(&line[i..i + 2], 16).unwrap()).collect()
    };
    for (event, seq) in samples().into_iter().zip(1..) {
        let (kind, record) = read_queued(&golden(&event.event_type())).unwrap();
        assert_eq!((kind, record.seq), (Kind::of(&event), seq));
        assert_eq!(record.event, event);
    }
    let dead: DeadRecord = read(Kind::Dead, "a dead letter", &golden("dead letter")).unwrap();
    assert_eq!(dead.reason, "too large");
}

#[test]
fn a_receipt_from_before_there_were_revisions_is_read() {
    let hex = include_str!("golden_old_receipt.txt").trim();
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
    let (kind, record) = read_queued(&bytes).unwrap();
    assert_eq!((kind, record.seq), (Kind::OldReceipt, 12));
    let Body::Receipt(receipt) = record.event.body else { panic!("no receipt") };
    assert_eq!((receipt.number.as_deref(), receipt.revision, receipt.replaces), (Some("0042"), 0, None));
}

#[test]
fn a_link_from_before_it_told_of_frequency_is_read() {
    let hex = include_str!("golden_old_linked.txt").trim();
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
    let (kind, record) = read_queued(&bytes).unwrap();
    assert_eq!((kind, record.seq), (Kind::OldVisit, 11));
    let Body::Visit(VisitEvent { fact: VisitFact::Linked(linked), .. }) = record.event.body else {
        panic!("no link")
    };
    let old = Linked { member: "m".into(), evidence: LinkEvidence::Receipt, history: None };
    assert_eq!(linked, old);
}

#[test]
fn a_visit_from_before_tracks_had_hindsight_goes_on_without_its_places() {
    let hex = include_str!("golden_old_visit.txt").trim();
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
    let record = read_visit(&seal_bytes(Kind::OldLedger, &bytes)).unwrap();
    let d = &record.device;
    assert_eq!((record.visit, d.visit("mall")), (d.visit("mall"), record.visit));
    assert_eq!((d.phase, d.seq, d.arrived_seq, d.emissions), (visit_core::visit::Phase::Inside, 3, 2, 19));
    assert_eq!((d.track.best(), d.stays.current()), (None, None));
    assert_eq!(d.last_heard().since(d.first_heard).as_secs_f64(), 360.0);
}

#[test]
fn no_flipped_bit_goes_unseen() {
    let sealed = &frozen()[4].1;
    for bit in 0..sealed.len() * 8 {
        let mut bytes = sealed.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(read_queued(&bytes).is_err(), "bit {bit}");
    }
}

#[test]
fn no_byte_may_be_missing_or_follow() {
    let sealed = &frozen()[0].1;
    for len in 0..sealed.len() {
        assert!(read_queued(&sealed[..len]).is_err(), "{len} bytes");
    }
    let more = [&sealed[..], &[0]].concat();
    assert_eq!(open(&more), Err(BadRecord::Length { says: sealed.len() - HEADER, are: more.len() - HEADER }));
    // A payload with a byte too many, under a good checksum.
    let payload = [&sealed[HEADER..], &[0]].concat();
    assert!(matches!(read_queued(&seal_bytes(Kind::Visit, &payload)), Err(BadRecord::Decode(_))));
}

#[test]
fn what_is_too_large_is_not_sealed() {
    let mut big = samples().remove(0);
    big.site = "x".repeat(MAX_RECORD);
    assert_eq!(seal(Kind::Visit, &big), None);
}

#[test]
fn another_version_is_named() {
    let mut bytes = frozen()[0].1.clone();
    bytes[4] = 2;
    assert_eq!(open(&bytes), Err(BadRecord::Version(2)));
}

proptest! {
    #[test]
    fn nothing_panics_on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200), crc: bool) {
        let _ = Key::parse(&bytes);
        let _ = read_queued(&bytes);
        if crc {
            for kind in [Kind::Visit, Kind::Dead, Kind::Recent, Kind::Meta] {
                let sealed = seal_bytes(kind, &bytes);
                prop_assert!(open(&sealed).is_ok());
                let _ = read_queued(&sealed);
                let _ = read::<Recent>(kind, "recent ids", &sealed);
                let _ = read::<DeadRecord>(kind, "a dead letter", &sealed);
            }
        }
    }

    #[test]
    fn keys_sort_as_their_numbers(a: u64, b: u64) {
        prop_assert_eq!(Key::Outbox(a).bytes().cmp(&Key::Outbox(b).bytes()), a.cmp(&b));
        prop_assert_eq!(Key::parse(&Key::Dead(a).bytes()), Some(Key::Dead(a)));
        let key = Key::Chunk { generation: a, index: b as u32 };
        prop_assert_eq!(Key::parse(&key.bytes()), Some(key));
    }
}
