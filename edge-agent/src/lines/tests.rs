use super::*;
use jiff::tz::TimeZone;
use serde_json::json;
use text::width;

fn view() -> View {
    let names = Names::new(TimeZone::get("Asia/Shanghai").unwrap())
        .with_zone("F1-north", "F1", "North Gate")
        .with_zone("F2-02", "F2", "Kite & Clover");
    View::new(names, Style { ids: true, ..Style::default() })
}

fn event(kind: &str, mut data: Value) -> Value {
    let visit = json!({
        "visit_id": "3f9c2a1b00000000000000000000000f", "seq": 1, "device": "00ff",
        "identity": "session", "confidence": 0.97
    });
    for (key, value) in visit.as_object().unwrap() {
        data.as_object_mut().unwrap().entry(key.clone()).or_insert(value.clone());
    }
    json!({"specversion": "1.0", "id": "0a", "type": kind, "time": "2026-11-21T02:03:17.250Z", "data": data})
}

fn line(kind: &str, data: Value) -> String {
    view().line(&event(kind, data)).unwrap()
}

#[test]
fn each_kind_has_its_line() {
    let sale = json!({"number": "7", "amount_minor": 12900, "currency": "CNY"});
    let shown = [
        line("mall.visit.approached", json!({"zone": "F1-north"})),
        line("mall.visit.passed_by", json!({"zone": "F1-north"})),
        line("mall.visit.arrived", json!({"zone": "F1-north", "floor": "F1"})),
        line("mall.visit.floor_changed", json!({"from_floor": "F1", "floor": "F2", "direction": "up"})),
        line("mall.visit.dwell_started", json!({"zone": "F2-02", "duration_s": 180.0})),
        line("mall.visit.dwell_ended", json!({"zone": "F2-02", "duration_s": 1404.0})),
        line("mall.visit.bag_carried", json!({"zone": "F2-02", "receipt": sale})),
        line("mall.visit.exited", json!({"zone": "F1-north", "duration_s": 6300.0, "purchases": 2})),
        line("mall.visit.exited", json!({"zone": "F1-north", "duration_s": 2.0, "reason": "not_a_visitor"})),
        line("mall.visit.resumed", json!({"zone": "F2-02"})),
        line("mall.visit.merged", json!({"merged": ["a", "b"], "into": "b", "identity": "linked"})),
        line("mall.visit.linked", json!({"member": "9ab3c4d5e6f7", "identity": "stable"})),
    ];
    let want = "\
10:03:17  临场 approached     F1 North Gate                             visit 3f9c2a1b session 0.97
10:03:17  路过 passed by      F1 North Gate                             visit 3f9c2a1b session 0.97
10:03:17  进场 arrived        F1 North Gate                             visit 3f9c2a1b session 0.97
10:03:17  爬楼 floor changed  F1 ↑ F2                                   visit 3f9c2a1b session 0.97
10:03:17  驻留 dwell started  F2 Kite & Clover        3 min             visit 3f9c2a1b session 0.97
10:03:17  驻留 dwell ended    F2 Kite & Clover        23 min            visit 3f9c2a1b session 0.97
10:03:17  提袋 bag carried    F2 Kite & Clover        ¥129.00           visit 3f9c2a1b session 0.97
10:03:17  离店 exited         F1 North Gate           1 h 45 min, 2 ba… visit 3f9c2a1b session 0.97
10:03:17  离店 exited         F1 North Gate           staff, not visit… visit 3f9c2a1b session 0.97
10:03:17  返回 resumed        F2 Kite & Clover        exit taken back   visit 3f9c2a1b session 0.97
10:03:17  合并 merged                                 2 visits are one  visit 3f9c2a1b linked 0.97
10:03:17  识别 linked                                 member 9ab3c4d5   visit 3f9c2a1b stable 0.97";
    assert_eq!(shown.join("\n"), want);
}

#[test]
fn receipts_say_whose_they_are() {
    let data = |kind: &str, visit: Value| {
        json!({"zone": "F2-02", "type": kind, "amount_minor": 12900, "currency": "CNY",
            "attribution": {"visit_id": visit, "confidence": 0.934, "candidates": 3, "none": 0.04}})
    };
    assert_eq!(
        line("mall.receipt.recorded", data("sale", json!("3f9c2a1b00"))),
        "10:03:17  小票 receipt        F2 Kite & Clover        ¥129.00           visit 3f9c2a1b 0.93"
    );
    assert_eq!(
        line("mall.receipt.recorded", data("refund", Value::Null)),
        "10:03:17  小票 receipt        F2 Kite & Clover        refund ¥129.00    nobody we heard 0.93"
    );
}

#[test]
fn flow_of_the_site_is_shown_and_that_of_zones_only_when_asked_for() {
    let site = json!({"scope": "site", "id": "demo", "suppressed": false, "footfall": 23,
        "occupancy": {"estimate": 61.2, "low": 52.0, "high": 70.4}, "capture_rate": 0.63, "bag_rate": 0.21});
    assert_eq!(
        line("mall.flow.interval", site),
        "10:03:17  客流 flow           whole mall  came in 23  inside 61 (52–70)  capture 63 %  bags 21 %"
    );
    let zone = event("mall.flow.interval", json!({"scope": "zone", "id": "F2-02", "suppressed": true}));
    assert_eq!(view().line(&zone), None);
    let mut verbose = view();
    verbose.style.verbose = true;
    assert_eq!(
        verbose.line(&zone).unwrap(),
        "10:03:17  客流 flow           F2 Kite & Clover        too few people: withheld"
    );
}

#[test]
fn hostile_text_neither_reaches_the_terminal_nor_widens_the_line() {
    let evil = "\x1b[2J\u{202e}名".repeat(200);
    for kind in &KINDS {
        let data = json!({"scope": "site", "zone": evil, "from_floor": evil, "floor": evil, "member": evil, "visit_id": evil,
            "identity": evil, "duration_s": 1e300, "confidence": 1e300, "purchases": u64::MAX, "footfall": u64::MAX,
            "amount_minor": i64::MIN, "currency": evil, "receipt": {"amount_minor": i64::MIN, "currency": evil},
            "occupancy": {"estimate": 1e300}});
        let line = line(kind.event_type, data);
        assert!(width(&line) <= WIDTH, "{line}");
        assert!(!line.contains(['\x1b', '\u{202e}', '\n']), "{line}");
    }
}

#[test]
fn what_is_no_event_has_no_line() {
    for other in
        [json!(null), json!([]), json!({"type": "mall.visit.arrived"}), json!({"type": "x", "data": {}})]
    {
        assert_eq!(view().line(&other), None);
    }
    let mut undated = event("mall.visit.arrived", json!({"zone": "F1-north"}));
    undated["time"] = json!("yesterday");
    assert_eq!(view().line(&undated), None);
}

#[test]
fn colour_changes_no_letter() {
    let mut view = view();
    let event = event("mall.visit.arrived", json!({"zone": "F1-north"}));
    let plain = view.line(&event).unwrap();
    view.style.colour = true;
    let coloured = view.line(&event).unwrap();
    assert!(coloured.contains("\x1b[32m进场 arrived\x1b[0m"), "{coloured:?}");
    let stripped = ["\x1b[2m", "\x1b[32m", "\x1b[0m"].iter().fold(coloured, |s, code| s.replace(code, ""));
    assert_eq!(stripped, plain);
}

#[test]
fn colour_needs_a_terminal_and_no_veto() {
    use std::ffi::OsStr;
    assert!(Style::for_output(true, None).colour);
    assert!(Style::for_output(true, Some(OsStr::new(""))).colour);
    assert!(!Style::for_output(true, Some(OsStr::new("1"))).colour);
    assert!(!Style::for_output(false, None).colour);
}
