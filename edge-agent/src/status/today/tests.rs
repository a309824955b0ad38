use super::*;
use visit_core::event::{
    Approached, Arrived, Attribution, BagCarried, Confidence, Estimate, EventId, Exited, FlowBasis, Identity,
    PassedBy, ReceiptKeyBasis, ReceiptRef, Resumed, VisitEvent,
};
use visit_core::observation::{Pseudonym, ReceiptKind};
use visit_core::time::Span;

fn site() -> Site {
    crate::config::parse_site("site.toml", crate::demo::site::TOML).unwrap().value
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(&format!("2025-11-21T{text}:00+08:00")).unwrap()
}

fn today(mode: PrivacyMode) -> Today {
    Today::new(View::of(&site(), mode, 10), Some(at("09:00")))
}

fn event(time: Timestamp, body: Body) -> Event {
    Event {
        id: EventId(0),
        site: "demo".into(),
        time,
        detected_at: time,
        privacy_mode: PrivacyMode::Pseudonymous,
        config_version: 1,
        body,
    }
}

fn visit(n: u64, time: Timestamp, fact: VisitFact) -> Event {
    let visit = VisitEvent {
        visit: VisitId(u128::from(n) << 64),
        seq: 1,
        device: Pseudonym(0xdead_beef),
        identity: Identity::Session,
        confidence: Confidence::new(0.9),
        fact,
    };
    event(time, Body::Visit(visit))
}

fn approached() -> VisitFact {
    VisitFact::Approached(Approached { zone: "F1-plaza".into() })
}

fn arrived() -> VisitFact {
    VisitFact::Arrived(Arrived { zone: "F1-north".into(), floor: "F1".into() })
}

fn bag() -> VisitFact {
    VisitFact::BagCarried(BagCarried {
        zone: "F1-01".into(),
        floor: "F1".into(),
        store: "s".into(),
        receipt: ReceiptRef {
            number: Some("4711".into()),
            amount_minor: Some(12_900),
            currency: Some("CNY".into()),
        },
        candidates: 1,
    })
}

fn exited(reason: ExitReason) -> VisitFact {
    VisitFact::Exited(Exited {
        zone: "F1-north".into(),
        reason,
        duration_s: 3_540.0,
        floors: vec!["F1".into()],
        stays: 1,
        purchases: 0,
        retracts: None,
    })
}

fn flow(scope: FlowScope, place: &str, from: Timestamp, people: Option<f32>) -> Event {
    let flow = FlowInterval {
        scope,
        place: place.into(),
        period: FlowPeriod::Interval,
        from,
        until: from + Span::from_secs(300),
        revision: 0,
        basis: FlowBasis::Index,
        occupancy_basis: FlowBasis::Index,
        observed: Confidence::new(1.0),
        suppressed: people.is_none(),
        rounded_to: None,
        footfall: None,
        occupancy: people.map(|n| Estimate { estimate: n, low: n - 2.0, high: n + 2.0 }),
        capture_rate: None,
        bag_rate: None,
        sales: None,
        conversion: None,
        dwell_s: None,
        cross_shopping: Vec::new(),
    };
    event(from + Span::from_secs(300), Body::Flow(flow))
}

fn feed(today: &mut Today, events: &[Event]) {
    for event in events {
        if let Some(seen) = Seen::of(event) {
            today.add(seen);
        }
    }
}

#[test]
fn each_visit_counts_once_as_far_as_it_came() {
    let mut t = today(PrivacyMode::Pseudonymous);
    let passed = VisitFact::PassedBy(PassedBy { zone: "F1-plaza".into(), started_at: at("10:00") });
    feed(
        &mut t,
        &[
            visit(1, at("10:00"), approached()),
            visit(1, at("10:00"), passed),
            visit(2, at("10:00"), approached()),
            visit(2, at("10:01"), arrived()),
            visit(2, at("10:20"), bag()),
            visit(2, at("10:30"), bag()),
            // It was inside before we began.
            visit(3, at("10:20"), bag()),
        ],
    );
    let funnel = Funnel { approached: 3, passed_by: 1, arrived: 2, dwelt: 0, bag: 2, left: 0 };
    assert_eq!(t.funnel(), Some(funnel));
}

#[test]
fn an_exit_that_is_taken_back_and_staff_do_not_stay_in_the_funnel() {
    let mut t = today(PrivacyMode::Pseudonymous);
    let resumed = VisitFact::Resumed(Resumed { zone: "F1-01".into(), retracts: "0".into() });
    feed(
        &mut t,
        &[
            visit(1, at("10:00"), arrived()),
            visit(1, at("10:10"), exited(ExitReason::Absence)),
            visit(1, at("10:15"), resumed),
            visit(2, at("10:00"), arrived()),
            visit(2, at("14:00"), exited(ExitReason::NotAVisitor)),
        ],
    );
    assert_eq!(t.funnel().unwrap(), Funnel { approached: 1, arrived: 1, ..Funnel::default() });
}

#[test]
fn visits_that_are_one_count_once() {
    let mut t = today(PrivacyMode::Pseudonymous);
    let id = |n: u64| VisitId(u128::from(n) << 64).to_string();
    let merged = VisitFact::Merged(visit_core::event::Merged { merged: vec![id(1), id(2)], into: id(1) });
    feed(
        &mut t,
        &[
            visit(1, at("10:00"), arrived()),
            visit(2, at("10:05"), arrived()),
            visit(2, at("10:20"), bag()),
            visit(1, at("10:30"), merged),
        ],
    );
    assert_eq!(t.funnel().unwrap(), Funnel { approached: 1, arrived: 1, bag: 1, ..Funnel::default() });
}

#[test]
fn more_visits_than_are_told_apart_are_counted_and_take_no_more_memory() {
    let mut visits = Visits::default();
    for n in 0..(2 * VISITS as u64) {
        visits.step(n, Step::Inside);
        visits.step(n, Step::Left);
    }
    assert_eq!(visits.funnel().left, 2 * VISITS as u64);
    let mut open = Visits::default();
    (0..(VISITS as u64 + 10)).for_each(|n| open.step(n, Step::Inside));
    assert_eq!(open.funnel().arrived, VISITS as u64 + 10);
}

#[test]
fn a_new_business_day_begins_with_nothing_and_yesterdays_facts_do_not_count() {
    let mut t = today(PrivacyMode::Pseudonymous);
    feed(&mut t, &[visit(1, at("10:00"), arrived())]);
    let day = t.day().unwrap();
    assert!(day.since > day.began, "started in the middle of it");
    // The mall's day begins at four.
    let tomorrow = at("10:00") + Span::from_secs(19 * 3600);
    t.advance(tomorrow);
    assert_eq!(t.funnel().unwrap(), Funnel::default());
    assert_eq!(t.day().unwrap().since, t.day().unwrap().began);
    let mut late = visit(1, at("20:00"), exited(ExitReason::Absence));
    late.detected_at = tomorrow;
    feed(&mut t, &[late]);
    assert_eq!(t.funnel().unwrap(), Funnel::default());
}

#[test]
fn a_changed_configuration_keeps_the_day_where_it_may_be_shown_still() {
    let mut t = today(PrivacyMode::Pseudonymous);
    let crowd = flow(FlowScope::Zone, "F1-01", at("10:00"), Some(44.0));
    feed(&mut t, &[visit(1, at("10:00"), arrived()), crowd.clone()]);
    let (day, funnel) = (t.day(), t.funnel());

    let mut smaller = site();
    smaller.zones.retain(|zone| zone.id != "F1-01");
    let view = |site: &Site, k| View::of(site, PrivacyMode::Pseudonymous, k);
    let mut kept = t.clone().under(view(&smaller, 10)).unwrap();
    assert_eq!((kept.day(), kept.funnel()), (day, funnel));
    assert!(kept.flow(FlowScope::Zone, "F1-01").is_none(), "a place that is gone");
    feed(&mut kept, &[crowd, visit(1, at("10:20"), bag())]);
    assert!(kept.flow(FlowScope::Zone, "F1-01").is_none());
    assert_eq!(kept.funnel().unwrap(), Funnel { bag: 1, ..funnel.unwrap() });

    assert!(t.clone().under(view(&site(), 20)).is_none(), "figures of fewer than twenty were shown");
    assert!(t.clone().under(View::of(&site(), PrivacyMode::Count, 10)).is_none());
    let mut elsewhere = site();
    elsewhere.timezone = "Europe/Prague".into();
    assert!(t.under(view(&elsewhere, 10)).is_none(), "another business day");
}

#[test]
fn a_correction_of_an_earlier_interval_does_not_replace_the_newest_figures() {
    let mut t = today(PrivacyMode::Pseudonymous);
    let mut corrected = flow(FlowScope::Site, "demo", at("10:00"), Some(44.0));
    if let Body::Flow(f) = &mut corrected.body {
        f.revision = 1;
    }
    feed(
        &mut t,
        &[
            flow(FlowScope::Site, "demo", at("10:00"), Some(40.0)),
            flow(FlowScope::Site, "demo", at("10:05"), Some(50.0)),
            corrected,
            flow(FlowScope::Zone, "no such zone", at("10:05"), Some(50.0)),
        ],
    );
    assert_eq!(t.flow(FlowScope::Site, "demo").unwrap().from, at("10:05"));
    let curve: Vec<_> = t.curve().map(|p| p.flow.occupancy.unwrap().estimate).collect();
    assert_eq!(curve, [44.0, 50.0]);
    assert!(t.flow(FlowScope::Zone, "no such zone").is_none());
}

#[test]
fn a_line_names_the_smallest_place_in_which_enough_people_are() {
    let mut t = today(PrivacyMode::Pseudonymous);
    let place = |t: &Today| {
        let line = t.lines(0).last().unwrap().clone();
        (line.floor, line.zone)
    };
    feed(&mut t, &[visit(1, at("10:00"), arrived())]);
    assert_eq!(place(&t), (None, None), "nothing is known of the crowd");
    feed(&mut t, &[flow(FlowScope::Floor, "F1", at("10:00"), Some(30.0)), visit(1, at("10:06"), arrived())]);
    assert_eq!(place(&t), (Some("F1".into()), None));
    feed(&mut t, &[flow(FlowScope::Zone, "F1-north", at("10:00"), None), visit(1, at("10:06"), arrived())]);
    assert_eq!(place(&t), (Some("F1".into()), None), "withheld");
    feed(
        &mut t,
        &[flow(FlowScope::Zone, "F1-north", at("10:05"), Some(12.0)), visit(1, at("10:11"), arrived())],
    );
    assert_eq!(place(&t), (Some("F1".into()), Some("F1-north".into())));
}

#[test]
fn lines_say_no_id_no_amount_and_no_second() {
    let mut t = today(PrivacyMode::Consented);
    let receipt = ReceiptRecorded {
        store: "s".into(),
        till: "t".into(),
        zone: "F1-01".into(),
        number: Some("4711".into()),
        kind: ReceiptKind::Sale,
        amount_minor: Some(12_900),
        currency: Some("CNY".into()),
        business_date: 0,
        member: None,
        unreadable: false,
        attribution: Attribution {
            visit_id: Some("ab".repeat(16)),
            confidence: Confidence::new(0.9),
            candidates: 1,
            none: Confidence::new(0.05),
        },
        retracts: None,
        revision: 0,
        replaces: None,
        takes_back: None,
        key: ReceiptKeyBasis::Number,
        printed_at: None,
        partial: false,
        unbalanced: false,
    };
    let second = at("10:20") + Span::from_secs(17);
    feed(&mut t, &[visit(1, second, bag()), event(second, Body::Receipt(receipt))]);
    let text = serde_json::to_string(&t.lines(0).collect::<Vec<_>>()).unwrap();
    for secret in ["4711", "12900", "abab", "beef", "0000000000000001", ":17"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(text.contains(r#""what":"receipt","floor":"F1","zone":"F1-01""#), "{text}");
    assert_eq!(t.receipts(), Receipts { sales: 1, matched: 1, ..Receipts::default() });
}

#[test]
fn in_count_mode_there_is_no_funnel() {
    assert_eq!(today(PrivacyMode::Count).funnel(), None);
}

#[test]
fn lines_and_points_are_bounded() {
    let mut t = today(PrivacyMode::Pseudonymous);
    for n in 0..2_000 {
        let time = at("10:00") + Span::from_secs(n);
        feed(&mut t, &[visit(n as u64, time, approached())]);
        feed(&mut t, &[flow(FlowScope::Site, "demo", time, Some(20.0))]);
    }
    assert_eq!(t.lines(0).count(), LINES);
    assert_eq!(t.lines(1_995).count(), 5);
    assert_eq!(t.curve().count(), POINTS);
}
