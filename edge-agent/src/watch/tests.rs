use super::app::pressed;
use super::flow::NEWS;
use super::gateway::State;
use super::listen::{Heard, LARGEST};
use super::model::{EVENTS, Model};
use super::screen::{Look, Page, draw};
use super::{Broker, json};
use crate::lines::Names;
use bytes::Bytes;
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use serde_json::{Value, json};
use std::time::Duration;
use visit_core::time::Timestamp;

const NOW: &str = "2026-11-21T02:30:00.000Z";

fn now() -> Timestamp {
    Timestamp::parse_rfc3339(NOW).unwrap()
}

fn after(seconds: i64) -> Timestamp {
    Timestamp::from_micros(now().as_micros() + seconds * 1_000_000)
}

/// A site that is listened to; `tell` what comes.
struct Site {
    model: Model,
    ids: u32,
}

impl Site {
    fn new() -> Self {
        let names = Names::new(TimeZone::get("Asia/Shanghai").unwrap())
            .with_zone("F1-north", "F1", "North Gate")
            .with_zone("F2-02", "F2", "茶与花");
        let mut model = Model::new(names, Some("joy".into()), "broker:1883".into(), false, now());
        model.take(Heard::Listening, "mall/v1", now());
        Self { model, ids: 0 }
    }

    fn bytes(&mut self, topic: &str, payload: impl Into<Bytes>, retained: bool, at: Timestamp) {
        let (topic, payload) = (format!("mall/v1/joy/{topic}"), payload.into());
        self.model.take(Heard::Message { topic, payload, retained }, "mall/v1", at);
    }

    fn tell(&mut self, topic: &str, payload: &Value) {
        self.bytes(topic, payload.to_string(), false, now());
    }

    fn event(&mut self, kind: &str, mut data: Value) {
        self.ids += 1;
        let visit = json!({"visit_id": "3f9c2a1b00000000000000000000000f", "seq": 1, "device": "00ff",
            "identity": "session", "confidence": 0.97, "resent": false});
        for (key, value) in visit.as_object().unwrap() {
            data.as_object_mut().unwrap().entry(key.clone()).or_insert(value.clone());
        }
        let event = json!({"specversion": "1.0", "id": format!("{:032x}", self.ids), "type": format!("mall.{kind}"),
            "time": "2026-11-21T02:29:17.250Z", "data": data});
        self.tell(&kind.replace('.', "/"), &event);
    }

    fn flow(&mut self, scope: &str, id: &str, more: &Value) {
        let mut data = json!({"scope": scope, "id": id, "period": "interval", "until": "2026-11-21T02:25:00.000Z",
            "revision": 0, "suppressed": false, "observed": 1.0, "occupancy_basis": "index"});
        for (key, value) in more.as_object().unwrap() {
            data[key] = value.clone();
        }
        self.event("flow.interval", data);
    }

    fn gateway(&mut self, id: &str, health: &Value) {
        let status = json!({"status": "online", "site": "joy", "gateway": id, "session": 3, "version": "0.1.0",
            "started_at": "2026-11-21T01:00:00.000Z"});
        self.tell(&format!("gateway/{id}/status"), &status);
        self.tell(&format!("gateway/{id}/health"), health);
    }

    fn screen(&self, width: u16, height: u16, look: &Look) -> String {
        self.screen_at(width, height, look, after(5))
    }

    fn screen_at(&self, width: u16, height: u16, look: &Look, at: Timestamp) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        draw(&mut buffer, &self.model, look, at);
        text_of(&buffer)
    }
}

/// What a terminal would show; a wide character covers the cell behind it.
fn text_of(buffer: &Buffer) -> String {
    let mut lines = Vec::new();
    for y in 0..buffer.area.height {
        let (mut line, mut skip) = (String::new(), 0);
        for x in 0..buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            if skip == 0 {
                line.push_str(symbol);
                skip = crate::lines::text::width(symbol).saturating_sub(1);
            } else {
                skip -= 1;
            }
        }
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}

fn health() -> Value {
    json!({
        "at": NOW, "devices": 412,
        "outbox": {"depth": 12, "oldest_queued_at": "2026-11-21T02:29:57.000Z", "dropped": {"flow": 0}, "dead_letters": 0,
            "low_space": false},
        "ears": {
            "wifi:wlan1": {"sensor": "F1-S01", "kind": "wifi", "up": true, "heard": 88123, "detail": {"deaf": false}},
            "ble": {"sensor": "F1-S02", "kind": "ble", "up": true, "heard": 512},
        },
        "feeds": {"printer:1": {"kind": "printer", "up": true, "delivered": 31, "silent_since": null}},
        "something_new": {"nobody": ["knows", "of", 1]},
    })
}

/// A site where all is well.
fn well() -> Site {
    let mut site = Site::new();
    site.gateway("gw-1", &health());
    let people = |estimate: f64| json!({"estimate": estimate, "low": estimate - 9.0, "high": estimate + 9.0});
    site.flow("site", "joy", &json!({"footfall": 23, "occupancy": people(61.0)}));
    site.flow("floor", "F2", &json!({"suppressed": true}));
    site.flow("floor", "F1", &json!({"footfall": 14, "occupancy": people(40.0), "rounded_to": 10}));
    site.flow("floor", "B1", &json!({"observed": 0.0}));
    site.event("visit.arrived", json!({"zone": "F1-north", "floor": "F1"}));
    let sale = json!({"number": "7", "amount_minor": 12900, "currency": "CNY"});
    site.event("visit.bag_carried", json!({"zone": "F2-02", "floor": "F2", "receipt": sale}));
    let attribution = json!({"visit_id": null, "confidence": 0.4});
    site.event(
        "receipt.recorded",
        json!({"zone": "F2-02", "type": "sale", "amount_minor": 900, "currency": "EUR",
        "attribution": attribution}),
    );
    site
}

#[test]
fn an_ssh_window_of_80_by_24_shows_floors_gateways_receipts_and_events() {
    let want = " edge-agent · joy                            connected to broker:1883  10:30:05
─ FLOORS ────── devices, not people, 10:25 ── GATEWAYS ───────── 1 online of 1 ─
                   inside      90 % came in  gw-1              hears 2/2
 whole mall            61     52–70      23    outbox 12 · said 5 s ago
 F2                withheld: too few
 F1                   ~40     31–49      14  receipts 1 · matched 0 · back 0
 B1                NOT OBSERVED: deaf        outbox 12, oldest 8 s
─ EVENTS ──────────────────────────────────────────────────────── newest first ─
 10:29:17  receipt       F2 茶与花              9.00 EUR       no visitor 0.40
 10:29:17  bag carried   F2 茶与花              ¥129.00        session 0.97
 10:29:17  arrived       F1 North Gate                         session 0.97
 10:29:17  flow          whole mall  came in 23  inside 61 (52–70)
 10:29:17  gateway       gw-1  online, run 3
";
    let shown = well().screen(80, 24, &Look::default());
    let (body, keys) = shown.rsplit_once('\n').unwrap();
    assert_eq!(
        body.trim_end_matches('\n').to_owned() + "\n",
        want.replace("10:29:17  gateway", "10:30:00  gateway")
    );
    assert_eq!(keys, " 1 all  2 events  3 places  4 gateways  5 receipts               ? help  q quit");
}

#[test]
fn every_page_fits_every_size_and_no_page_shows_an_id() {
    let mut site = well();
    site.model.ids = false;
    for page in super::screen::PAGES {
        for (width, height) in [(40, 10), (80, 24), (81, 25), (119, 30), (160, 50), (300, 100)] {
            for (zh, help) in [(false, false), (true, false), (true, true)] {
                let look = Look { page, zh, help, colour: true, scroll: 3, ..Look::default() };
                let shown = site.screen(width, height, &look);
                assert!(!shown.contains("3f9c2a1b"), "{shown}");
                for line in shown.lines() {
                    assert!(crate::lines::text::width(line) <= usize::from(width), "{line}");
                }
            }
        }
    }
    assert_eq!(site.screen(39, 24, &Look::default()).lines().next(), Some("too small: 40 × 10 at least"));
    // The smallest and the strangest do no harm.
    for (width, height) in [(0, 0), (1, 1), (80, 1), (1, 80)] {
        site.screen(width, height, &Look::default());
    }
}

#[test]
fn a_larger_terminal_shows_more() {
    let shown = well().screen(160, 50, &Look::default());
    for more in ["SINCE", "arrived", "came in", "3 places"] {
        assert!(shown.contains(more), "{more} in\n{shown}");
    }
    let gateways = well().screen(80, 24, &Look { page: Page::Gateways, ..Look::default() });
    for more in ["version 0.1.0, run 3", "wifi:wlan1 (F1-S01) · heard 88123", "printer:1 · receipts 31"] {
        assert!(gateways.contains(more), "{more} in\n{gateways}");
    }
}

#[test]
fn no_broker_is_never_an_empty_mall() {
    let mut site = Site::new();
    let lost = |why: &str| Heard::Lost { why: why.into(), refused: false, again: Duration::from_secs(4) };
    site.model.take(lost("nobody listens there"), "mall/v1", now());
    let shown = site.screen(80, 24, &Look::default());
    assert!(shown.contains("NO BROKER at broker:1883"), "{shown}");
    assert!(shown.contains("NO BROKER for 5 s: nobody listens there"), "{shown}");
    assert!(shown.contains("no broker: nothing can come"), "{shown}");
    assert_eq!(json::state(&site.model, now())["broker"]["state"], "lost");
    // Lost again is still lost since the first time.
    site.model.take(lost("it hung up"), "mall/v1", after(60));
    assert!(matches!(site.model.broker, Broker::Lost { since, .. } if since == now()));
    site.model.take(Heard::Listening, "mall/v1", after(90));
    assert_eq!(site.model.broker, Broker::Listening(after(90)));
}

#[test]
fn a_broker_without_gateways_is_said_to_be_one() {
    let site = Site::new();
    let shown = site.screen(120, 24, &Look::default());
    assert!(shown.contains("no gateway has said that it is there: wrong site (joy)"), "{shown}");
    assert!(shown.contains("no figures yet"), "{shown}");
}

#[test]
fn a_deaf_radio_is_told_before_anything_else() {
    let mut site = well();
    let mut report = health();
    report["ears"]["wifi:wlan1"]["detail"]["deaf"] = json!(true);
    site.tell("gateway/gw-1/health", &report);
    let shown = site.screen(80, 24, &Look::default());
    let second = shown.lines().nth(1).unwrap();
    assert_eq!(second, " gw-1 impaired: wifi:wlan1 (F1-S01) DEAF");
    assert!(shown.contains("gateway       gw-1  impaired: wifi:wlan1"), "{shown}");
    report["ears"]["ble"]["up"] = json!(false);
    report["ears"]["ble"]["problem"] = json!("no adapter hci0");
    site.tell("gateway/gw-1/health", &report);
    let truths = site.model.truths(after(5));
    assert_eq!(truths, ["gw-1 DEAF: ble (F1-S02) down: no adapter hci0 · wifi:wlan1 (F1-S01) DEAF"]);
    site.tell("gateway/gw-1/health", &health());
    assert!(site.model.truths(after(5)).is_empty());
}

#[test]
fn a_gateway_that_is_lost_or_says_nothing_any_more_is_told() {
    let mut site = well();
    let gateway = |site: &Site, at| site.model.gateways.values().next().unwrap().state(at);
    assert_eq!(gateway(&site, after(10)), State::Hears);
    assert_eq!(gateway(&site, after(200)), State::Silent);
    assert!(site.model.truths(after(200))[0].contains("no health for 3 min"));
    let status = |session: u64, word: &str| json!({"status": word, "reason": "lost", "session": session, "started_at": NOW});
    site.tell("gateway/gw-1/status", &status(3, "offline"));
    assert_eq!(gateway(&site, after(10)), State::Offline);
    let shown = site.screen(80, 24, &Look::default());
    assert!(shown.contains("OFFLINE: no gateway is running") && shown.contains("OFFLINE (lost)"), "{shown}");
    assert!(shown.contains("gw-1  OFFLINE: the broker lost it"), "{shown}");
    // The last will of an earlier run comes late.
    site.tell("gateway/gw-1/status", &json!({"status": "online", "session": 4, "started_at": NOW}));
    site.tell(
        "gateway/gw-1/status",
        &json!({"status": "offline", "reason": "lost", "session": 3,
        "started_at": "2026-11-21T01:00:00.000Z"}),
    );
    assert_eq!(gateway(&site, after(10)), State::Hears);
}

#[test]
fn what_else_is_wrong_with_a_gateway_is_said_in_words() {
    let mut site = well();
    let mut report = health();
    report["clock"] = json!({"synchronised": false});
    report["store"] = json!({"quarantines": 1});
    report["machine"] = json!({"temperature_c": 83.4, "throttling": {"under_voltage": true}});
    report["key_saved"] = json!(false);
    site.tell("gateway/gw-1/health", &report);
    let truths = site.model.truths(after(5)).join("");
    for part in
        ["key of the day is not saved", "clock is not", "store was set aside", "voltage", "hot: 83 °C"]
    {
        assert!(truths.contains(part), "{part} in {truths}");
    }
}

#[test]
fn old_figures_are_marked_old_and_live_ones_of_another_time_are_not() {
    let mut site = Site::new();
    site.flow("site", "joy", &json!({"footfall": 5, "occupancy": {"estimate": 20, "low": 15, "high": 25}}));
    assert!(!site.screen_at(80, 24, &Look::default(), after(60)).contains("old "));
    let later = site.screen_at(80, 24, &Look::default(), after(NEWS / 1_000_000 + 1));
    assert!(later.contains("old 10:25"), "{later}");
}

#[test]
fn a_correction_of_an_earlier_interval_does_not_replace_the_newest() {
    let mut site = Site::new();
    let inside = |n: u32| json!({"estimate": n, "low": n, "high": n});
    site.flow("site", "joy", &json!({"until": "2026-11-21T02:25:00Z", "occupancy": inside(20)}));
    site.flow(
        "site",
        "joy",
        &json!({"until": "2026-11-21T02:10:00Z", "revision": 1, "occupancy": inside(11)}),
    );
    assert!(site.model.sites["joy"].inside.unwrap()[0] > 19.0);
    site.flow(
        "site",
        "joy",
        &json!({"until": "2026-11-21T02:25:00Z", "revision": 1, "occupancy": inside(22)}),
    );
    assert!(site.model.sites["joy"].inside.unwrap()[0] > 21.0);
}

#[test]
fn an_event_that_comes_again_is_one_event() {
    let mut site = Site::new();
    let event = json!({"id": "0".repeat(31) + "a", "type": "mall.visit.arrived", "time": NOW,
        "data": {"zone": "F1-north", "floor": "F1"}});
    for _ in 0..3 {
        site.tell("visit/arrived", &event);
    }
    let c = site.model.counts;
    assert_eq!((c.messages, c.events, c.again, site.model.events.len()), (3, 1, 2, 1));
}

#[test]
fn hostile_messages_are_counted_and_leave_nothing_on_the_screen() {
    let mut site = Site::new();
    let evil = "\x1b[2J\u{202e}\u{9b}31m\n名".repeat(500);
    site.bytes("visit/arrived", b"\xff\xfe".to_vec(), false, now());
    site.bytes("visit/arrived", "[".repeat(100_000), false, now());
    site.bytes("visit/arrived", vec![b' '; LARGEST + 1], false, now());
    site.bytes("gateway/x/status", "{}", false, now());
    site.bytes("gateway/x/health", "[1]", false, now());
    site.bytes("sightings/gw-1", "{}", false, now());
    site.tell(
        "visit/arrived",
        &json!({"id": "not hex", "type": "mall.visit.arrived", "time": NOW, "data": {}}),
    );
    let c = site.model.counts;
    assert_eq!((c.malformed, c.too_large, c.not_ours, c.events), (5, 1, 1, 0));
    for kind in crate::lines::KINDS.iter().map(|k| k.event_type.trim_start_matches("mall.")) {
        site.event(kind, json!({"zone": evil, "floor": evil, "scope": evil, "id": evil, "until": NOW, "gateway": evil,
            "settings": {evil.clone(): 1}, "reason": evil, "member": evil, "identity": evil, "confidence": 1e308,
            "occupancy": {"estimate": 1e308, "low": -1e308, "high": "x"}, "footfall": u64::MAX}));
        let scope = if kind == "flow.interval" { "site" } else { "zone" };
        site.event(kind, json!({"scope": scope, "id": evil, "until": NOW, "occupancy": {"estimate": 1e308}}));
    }
    let ears: serde_json::Map<String, Value> = (0..60)
        .map(|i| (format!("{i}{evil}"), json!({"up": evil, "problem": evil, "heard": u64::MAX})))
        .collect();
    site.bytes(
        &format!("gateway/{evil}/status"),
        json!({"status": "online", "version": evil}).to_string(),
        false,
        now(),
    );
    let report = json!({"ears": ears, "clock": evil, "machine": {"temperature_c": 1e308}}).to_string();
    assert!(report.len() > LARGEST);
    site.bytes(
        &format!("gateway/{evil}/health"),
        json!({"ears": {evil.clone(): {"problem": evil}}, "store": [evil]}).to_string(),
        false,
        now(),
    );
    for page in super::screen::PAGES {
        let shown = site.screen(160, 50, &Look { page, ..Look::default() });
        assert!(!shown.contains(['\x1b', '\u{202e}', '\u{9b}', '\r']), "{shown}");
        assert_eq!(shown.lines().count(), 50);
    }
    let told = json::state(&site.model, now()).to_string();
    assert!(!told.contains("202e") && !told.contains('\u{202e}'), "{told}");
}

#[test]
fn nothing_grows_without_bound() {
    let mut site = Site::new();
    for i in 0..6000u32 {
        site.event("visit.arrived", json!({"zone": format!("z{i}"), "floor": "F1"}));
        site.event("receipt.recorded", json!({"zone": "z", "type": "sale"}));
        site.flow("zone", &format!("z{i}"), &json!({}));
        site.tell(&format!("gateway/g{i}/health"), &json!({}));
    }
    let m = &site.model;
    assert_eq!(m.events.len(), EVENTS);
    assert!(
        m.zones.len() <= 4096
            && m.gateways.len() <= 4096
            && m.receipt_rows.len() <= 200
            && m.learnt.len() <= 4096
    );
    assert!(m.counts.too_many > 3000);
    assert!(m.seen.len() <= 20_000 && m.order.len() == m.seen.len());
}

fn press(look: &mut Look, model: &Model, code: KeyCode) -> bool {
    pressed(KeyEvent::new(code, KeyModifiers::NONE), look, model)
}

#[test]
fn keys_turn_pages_filter_stop_and_quit() {
    let mut site = well();
    let mut look = Look::default();
    press(&mut look, &site.model, KeyCode::Char('k'));
    assert_eq!(look.filter_name, "visit");
    let shown = site.screen(80, 24, &look);
    assert!(shown.contains("only visit") && !shown.contains("  receipt  "), "{shown}");
    press(&mut look, &site.model, KeyCode::Char('f'));
    assert_eq!((look.filter_name.as_str(), look.filter.floor.as_deref()), ("visit, F2", Some("F2")));
    assert!(!site.screen(80, 24, &look).contains("North Gate"));
    press(&mut look, &site.model, KeyCode::Char('c'));
    assert!(site.screen(80, 24, &look).contains("North Gate"));
    press(&mut look, &site.model, KeyCode::Char(' '));
    site.event("visit.arrived", json!({"zone": "F9-new", "floor": "F9"}));
    let stopped = site.screen(80, 24, &look);
    assert!(stopped.contains("PAUSED (+1)") && !stopped.contains("F9-new"), "{stopped}");
    press(&mut look, &site.model, KeyCode::Char(' '));
    assert!(site.screen(80, 24, &look).contains("F9-new"));
    press(&mut look, &site.model, KeyCode::BackTab);
    assert_eq!(look.page, Page::Receipts);
    press(&mut look, &site.model, KeyCode::Tab);
    assert_eq!(look.page, Page::Overview);
    press(&mut look, &site.model, KeyCode::Char('?'));
    assert!(site.screen(80, 24, &look).contains("one floor after another"));
    // Every filter comes round to none again.
    for _ in 0..40 {
        press(&mut look, &site.model, KeyCode::Char('k'));
        if look.filter.kinds.is_empty() {
            break;
        }
    }
    assert!(look.filter.kinds.is_empty());
    assert!(press(&mut look, &site.model, KeyCode::Char('q')));
    assert!(pressed(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL), &mut look, &site.model));
}

#[test]
fn without_colour_no_cell_has_one_and_with_it_alarms_are_red() {
    use ratatui::style::Color;
    let mut site = well();
    site.tell("gateway/gw-1/status", &json!({"status": "offline", "session": 3, "started_at": NOW}));
    let cells = |colour| {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
        draw(&mut buffer, &site.model, &Look { colour, ..Look::default() }, after(5));
        buffer.content.iter().map(|c| (c.fg, c.bg)).collect::<Vec<_>>()
    };
    assert!(cells(false).iter().all(|c| *c == (Color::Reset, Color::Reset)));
    assert!(cells(true).iter().any(|c| c.0 == Color::Red));
}

#[test]
fn the_json_says_what_the_screen_says() {
    let site = well();
    let state = json::state(&site.model, after(5));
    assert_eq!(state["broker"]["state"], "connected");
    assert_eq!(state["gateways"][0]["state"], "hears");
    assert_eq!(state["outbox"]["depth"], 12);
    let floor =
        |id: &str| state["floors"].as_array().unwrap().iter().find(|f| f["id"] == id).unwrap().clone();
    assert_eq!(floor("F2")["state"], "withheld");
    assert_eq!(floor("B1")["state"], "unobserved");
    assert_eq!(floor("F1")["inside"]["estimate"], 40.0);
    assert_eq!(state["receipts"]["sales"], 1);
    assert!(!state.to_string().contains("3f9c2a1b"), "{state}");
}
