//! One event of each type, as a consumer will meet it: a short visit with one purchase, and what else can happen.

use super::*;
use crate::observation::{MemberToken, ReceiptKind};

const SITE: &str = "joy-city";

/// One event per type, in the order of [`super::schema::all`].
pub fn all() -> Vec<Event> {
    let visit = VisitId::of(SITE, device(), at("2025-11-21T10:02:11.250Z"));
    let event_id = |kind: &str, seq| EventId::of(SITE, &visit.0.to_be_bytes(), kind, seq);
    let (second, shop) = ("2025-11-21T10:20:40.000Z", "F2-Z03".to_owned());
    let dwell = |duration_s| Dwell {
        zone: shop.clone(),
        floor: "F2".into(),
        brand: Some("Nike".into()),
        started_at: at("2025-11-21T10:09:02.000Z"),
        duration_s,
    };
    let facts = [
        ("2025-11-21T10:02:11.250Z", VisitFact::Approached(Approached { zone: "F1-P01".into() })),
        (
            "2025-11-21T10:02:11.250Z",
            VisitFact::PassedBy(PassedBy {
                zone: "F1-P01".into(),
                started_at: at("2025-11-21T10:02:11.250Z"),
            }),
        ),
        (
            "2025-11-21T10:03:05.000Z",
            VisitFact::Arrived(Arrived { zone: "F1-E01".into(), floor: "F1".into() }),
        ),
        (
            "2025-11-21T10:08:30.000Z",
            VisitFact::FloorChanged(FloorChanged {
                from_floor: "F1".into(),
                floor: "F2".into(),
                direction: Direction::Up,
            }),
        ),
        ("2025-11-21T10:12:02.000Z", VisitFact::DwellStarted(dwell(180.0))),
        (second, VisitFact::DwellEnded(dwell(698.0))),
        (
            "2025-11-21T10:19:58.000Z",
            VisitFact::BagCarried(BagCarried {
                zone: shop.clone(),
                floor: "F2".into(),
                store: "nike-f2".into(),
                receipt: ReceiptRef {
                    number: Some("20251121-0042".into()),
                    amount_minor: Some(12_900),
                    currency: Some("CNY".into()),
                },
                candidates: 3,
            }),
        ),
        (
            "2025-11-21T10:31:17.500Z",
            VisitFact::Exited(Exited {
                zone: "F1-E01".into(),
                reason: ExitReason::LeftByEntrance,
                duration_s: 1_692.5,
                floors: vec!["F1".into(), "F2".into()],
                stays: 1,
                purchases: 1,
                retracts: None,
            }),
        ),
        (
            "2025-11-21T10:40:00.000Z",
            VisitFact::Resumed(Resumed {
                zone: "F1-E01".into(),
                retracts: event_id("visit.exited", 8).to_string(),
            }),
        ),
        (
            "2025-11-21T10:41:00.000Z",
            VisitFact::Merged(Merged {
                merged: vec![visit.to_string(), format!("{:032x}", 0x0ff1_ce00_u128)],
                into: visit.to_string(),
            }),
        ),
        (
            "2025-11-21T10:19:58.000Z",
            VisitFact::Linked(Linked {
                member: MemberToken(0x6d65_6d62_6572).to_string(),
                evidence: LinkEvidence::Receipt,
                history: Some(MemberHistory { visit_days: 7, days_since_last: Some(12) }),
            }),
        ),
    ];
    let mut events: Vec<Event> = (1u32..)
        .zip(facts)
        .map(|(seq, (time, fact))| {
            let id = event_id(&format!("visit.{}", fact.kind()), seq.into());
            let body = Body::Visit(VisitEvent {
                visit,
                seq,
                device: device(),
                identity: Identity::Session,
                confidence: Confidence::new(0.87),
                fact,
            });
            event(id, time, body)
        })
        .collect();
    let bag_carried = events[6].id;
    events.push(receipt(visit, bag_carried));
    events.push(reconciled());
    events.push(flow());
    events.push(degraded());
    events.push(erased(visit));
    events.push(changed());
    events
}

fn degraded() -> Event {
    let facts = [("approached", Some(412)), ("arrived", Some(388)), ("exited", Some(371)), ("resumed", None)];
    let body = Body::Privacy(PrivacyNotice::Degraded(Degraded {
        gateway: "gw-f2-west".into(),
        reason: DegradeReason::Ttl,
        from: at("2025-11-19T02:00:04.000Z"),
        until: at("2025-11-19T14:12:41.000Z"),
        visits: facts.into_iter().map(|(kind, count)| (kind.to_owned(), count)).collect(),
        receipts: Some(57),
    }));
    event(EventId::of(SITE, b"gw-f2-west", "privacy.degraded", 9_001), "2025-11-21T10:20:00.000Z", body)
}

fn erased(visit: VisitId) -> Event {
    let body = Body::Privacy(PrivacyNotice::Erased(Erased {
        gateway: "gw-f2-west".into(),
        visits: vec![visit],
        member: None,
        removed: 3,
    }));
    event(EventId::of(SITE, b"gw-f2-west", "privacy.erased", 9_002), "2025-11-21T11:30:00.000Z", body)
}

fn changed() -> Event {
    let setting = |before: &str, now: &str| Setting { before: Some(before.into()), now: Some(now.into()) };
    let body = Body::Privacy(PrivacyNotice::Changed(Changed {
        gateway: "gw-f2-west".into(),
        from_mode: PrivacyMode::Consented,
        settings: [
            ("mode".to_owned(), setting("consented", "pseudonymous")),
            ("ttl_h".to_owned(), setting("72", "48")),
        ]
        .into(),
    }));
    event(EventId::of(SITE, b"gw-f2-west", "privacy.changed", 9_003), "2025-11-21T12:00:00.000Z", body)
}

fn receipt(visit: VisitId, bag_carried: EventId) -> Event {
    let body = Body::Receipt(ReceiptRecorded {
        store: "nike-f2".into(),
        till: "till-F2-Z03".into(),
        zone: "F2-Z03".into(),
        number: Some("20251121-0057".into()),
        kind: ReceiptKind::Refund,
        amount_minor: Some(12_900),
        currency: Some("CNY".into()),
        business_date: 20_413,
        member: None,
        unreadable: false,
        attribution: Attribution {
            visit_id: Some(visit.to_string()),
            confidence: Confidence::new(0.91),
            candidates: 3,
            none: Confidence::new(0.04),
        },
        retracts: Some(bag_carried),
        revision: 0,
        replaces: None,
        takes_back: Some(EventId::of(SITE, b"till-F2-Z03", "receipt.recorded", 56)),
        key: ReceiptKeyBasis::Number,
        printed_at: Some(at("2025-11-21T11:04:12.000Z")),
        partial: false,
        unbalanced: false,
    });
    event(EventId::of(SITE, b"till-F2-Z03", "receipt.recorded", 57), "2025-11-21T11:05:00.000Z", body)
}

fn reconciled() -> Event {
    let body = Body::Reconciled(ReceiptsReconciled {
        store: "nike-f2".into(),
        till: Some("till-F2-Z03".into()),
        business_date: 20_413,
        seq: 1,
        currency: Some("CNY".into()),
        declared: DeclaredTotals { receipts: Some(87), net_minor: Some(4_218_600) },
        recorded: RecordedTotals { sales: 83, refunds: 2, voids: 1, unreadable: 1, net_minor: 4_205_700 },
        missing: Some(0),
        difference_minor: Some(12_900),
        complete: false,
    });
    let id = EventId::of(SITE, b"till-F2-Z03/20413", "receipt.reconciled", 1);
    event(id, "2025-11-21T14:05:00.000Z", body)
}

fn flow() -> Event {
    let body = Body::Flow(FlowInterval {
        scope: FlowScope::Zone,
        place: "F2-Z03".into(),
        period: FlowPeriod::Interval,
        from: at("2025-11-21T10:15:00.000Z"),
        until: at("2025-11-21T10:20:00.000Z"),
        revision: 0,
        basis: FlowBasis::Index,
        occupancy_basis: FlowBasis::Index,
        observed: Confidence::new(1.0),
        suppressed: false,
        rounded_to: None,
        footfall: Some(24),
        occupancy: Some(Estimate { estimate: 31.0, low: 26.5, high: 36.5 }),
        capture_rate: None,
        bag_rate: None,
        sales: Some(6),
        conversion: Some(0.25),
        dwell_s: Some(DwellQuantiles { count: 9, p50: 412.0, p90: 988.5 }),
        cross_shopping: Vec::new(),
    });
    event(EventId::of(SITE, b"zone/F2-Z03", "flow.interval", 5_878_962), "2025-11-21T10:20:00.000Z", body)
}

fn event(id: EventId, time: &str, body: Body) -> Event {
    let time = at(time);
    Event {
        id,
        site: SITE.into(),
        time,
        detected_at: time + crate::time::Span::from_millis(1_500),
        privacy_mode: PrivacyMode::Consented,
        config_version: 0x5eed_cafe,
        body,
    }
}

fn device() -> Pseudonym {
    Pseudonym(0x8d3f_7a10_42c9_5be6_17f0_93ad_6c28_e451)
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("the samples' times are RFC 3339")
}
