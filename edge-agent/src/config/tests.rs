use super::*;
use proptest::prelude::*;
use visit_core::event::PrivacyMode;

const SITE: &str = r#"
[site]
id = "mall"
timezone = "Asia/Shanghai"

[[floor]]
id = "F1"
level = 0

[[zone]]
id = "F1-Z01"
floor = "F1"
kind = "entrance"
position = [0, 0.5]
neighbours = ["F1-Z09"]

[[zone]]
id = "F1-Z09"
floor = "F1"
kind = "shop"
position = [10.0, 0.5]
neighbours = ["F1-Z01"]

[[sensor]]
id = "F1-S01"
zone = "F1-Z01"
"#;

const AGENT: &str = r#"
gateway = "gw-01"
site_map = "site.toml"

[mqtt]
host = "broker.example"

[[source]]
kind = "replay"
paths = ["day.jsonl.gz"]
"#;

fn site_errors(text: &str) -> Vec<String> {
    parse_site("site.toml", text)
        .expect_err("must be refused")
        .errors
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn agent(text: &str) -> Result<Loaded<AgentConfig>, ConfigErrors> {
    parse_agent("agent.toml", text, Path::new("/etc/edge-agent"))
}

fn agent_errors(text: &str) -> Vec<String> {
    agent(text).expect_err("must be refused").errors.iter().map(ToString::to_string).collect()
}

#[test]
fn a_sound_map_loads_without_warnings() {
    let loaded = parse_site("site.toml", SITE).unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.value.zones.len(), 2);
    assert_eq!(loaded.value.zones[0].position, [0.0, 0.5]);
}

#[test]
fn every_problem_of_a_map_is_reported_with_its_line() {
    let text = SITE
        .replace("neighbours = [\"F1-Z09\"]", "neighbours = [\"F1-Z9\"]")
        .replace("Asia/Shanghai", "Asia/Shangai")
        .replace("level = 0", "level = \"ground\"")
        .replace("position = [10.0, 0.5]", "positon = [10.0, 0.5]")
        .replace("zone = \"F1-Z01\"", "zone = 7");
    assert_eq!(
        site_errors(&text),
        [
            "site.toml:4: site.timezone: no time zone \"Asia/Shangai\"; did you mean \"Asia/Shanghai\"?",
            "site.toml:8: floor[0].level: expected a whole number such as 0, found a string",
            "site.toml:15: zone[0].neighbours[0]: no zone \"F1-Z9\"; did you mean \"F1-Z09\"?",
            "site.toml:17: zone[1].position: is missing; write position = [12.5, 30.0]",
            "site.toml:21: zone[1].positon: unknown key; did you mean \"position\"?",
            "site.toml:26: sensor[0].zone: expected a string such as \"F1-Z01\", found a whole number",
        ]
    );
}

#[test]
fn syntax_errors_are_all_reported_with_their_lines() {
    let found = site_errors("[site]\nid = \nname = \"x\"\ntimezone = 'a\n[[floor]\n");
    assert!(found.len() >= 2, "{found:?}");
    assert!(found[0].starts_with("site.toml:2: not TOML: "), "{found:?}");
    assert!(found.iter().any(|e| e.starts_with("site.toml:4: ")), "{found:?}");
}

#[test]
fn a_key_given_twice_is_an_error() {
    let found = site_errors(&SITE.replace("level = 0", "level = 0\nlevel = 1"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("site.toml:9: not TOML: duplicate"), "{found:?}");
}

#[test]
fn hostile_documents_are_refused_and_nothing_panics() {
    for text in
        ["", "\u{0}", "site = 1\nfloor = 2\nzone = [3]\nsensor = {}\ntill = \"x\"", "[[[[", "a.b.c.d = 1"]
    {
        assert!(!site_errors(text).is_empty());
        assert!(!agent_errors(text).is_empty());
    }
    let deep = format!("site = {}", "[".repeat(100_000));
    assert!(!site_errors(&deep).is_empty());
}

#[test]
fn the_smallest_configuration_gets_the_documented_defaults() {
    let loaded = agent(AGENT).unwrap();
    assert_eq!(loaded.warnings, []);
    let a = loaded.value;
    assert_eq!(a.site_map, Path::new("/etc/edge-agent/site.toml"));
    assert_eq!(a.store.dir, Path::new("/var/lib/edge-agent/store"));
    assert_eq!(a.privacy.key_file, Path::new("/var/lib/edge-agent/privacy.key"));
    assert_eq!((a.privacy.mode, a.privacy.k, a.privacy.rssi_floor), (PrivacyMode::Pseudonymous, 10, None));
    assert_eq!((a.mqtt.port, a.mqtt.prefix.as_str(), a.mqtt.inflight), (1883, "mall/v1", 100));
    assert_eq!((a.inference.max_devices, a.inference.dwell_threshold.as_secs()), (32_768, 180));
    assert_eq!((a.inference.staff_presence.as_secs(), a.inference.reorder.as_millis()), (4 * 3600, 1000));
    assert_eq!((a.store.checkpoint.as_secs(), a.log.level), (300, tracing::Level::INFO));
    assert_eq!(a.store.linger, crate::pipeline::LINGER);
    let SourceSettings::Replay(replay) = &a.sources[0] else { panic!("no replay") };
    assert_eq!((replay.speed, &*replay.paths), (1.0, &["/etc/edge-agent/day.jsonl.gz".into()][..]));
}

#[test]
fn every_problem_of_a_configuration_is_reported_at_once() {
    let text = r#"
gateway = "gw/01"
rol = "standalone"

[store]
max_bytes = 5

[mqtt]
port = 70000
protocol = "4"
prefix = "mall//v1"
password_file = "pw"
keep_alive_s = 1

[mqtt.tls]
cert = "a.pem"

[privacy]
mode = "consentd"
rssi_floor = 90

[[source]]
kind = "zigbee"

[[source]]
kind = "replay"
speed = -1

[[inference.tags]]
uuid = "f7826da6"
means = "robot"
"#;
    assert_eq!(
        agent_errors(text),
        [
            "agent.toml:2: gateway: \"gw/01\" holds '/', which an MQTT topic level may not; use letters, digits, '-' and '_'",
            "agent.toml:3: rol: unknown key; did you mean \"role\"?",
            "agent.toml:6: store.max_bytes: 5 is out of range; expected 1048576…1099511627776, such as 536870912",
            "agent.toml:8: mqtt.host: is missing; write host = \"broker.example\"",
            "agent.toml:9: mqtt.port: 70000 is out of range; expected 1…65535, such as 8883",
            "agent.toml:10: mqtt.protocol: \"4\" is not known; expected \"5\" or \"3.1.1\"",
            "agent.toml:11: mqtt.prefix: \"mall//v1\" is no prefix of a topic: the level \"\" is empty or holds + or #",
            "agent.toml:12: mqtt.password_file: a password needs a user name; write username = \"gw-01\" too",
            "agent.toml:13: mqtt.keep_alive_s: 1 is out of range; expected 5…65535, such as 30",
            "agent.toml:15: mqtt.tls.ca: is missing; write ca = \"/etc/edge-agent/ca.pem\"",
            "agent.toml:16: mqtt.tls.cert: comes with key: a client certificate and its private key go together",
            "agent.toml:19: privacy.mode: \"consentd\" is not known; did you mean \"consented\"?",
            "agent.toml:20: privacy.rssi_floor: 90 is out of range; expected -120…-1, such as -90",
            "agent.toml:23: source[0].kind: \"zigbee\" is not known; expected \"replay\" or \"wifi\" or \"ble\" or \"node\" or \"serial\" or \"printer\" or \"http\" or \"mqtt\" or \"folder\"",
            "agent.toml:25: source[1].paths: is missing; write paths = [\"day.jsonl.gz\"]",
            "agent.toml:27: source[1].speed: -1 is out of range; expected 0…1000000, such as 1.0 (0 = as fast as possible)",
            "agent.toml:30: inference.tags[0].uuid: \"f7826da6\" is no UUID; write it as \"f7826da6-4fa2-4e98-8024-bc5b71e0893e\"",
            "agent.toml:31: inference.tags[0].means: \"robot\" is not known; expected \"member\" or \"staff\" or \"asset\"",
        ]
    );
}

#[test]
fn every_problem_of_a_receipt_feed_is_found() {
    let text = r#"
gateway = "gw-01"
mqtt.host = "broker"

[receipts]
currency = "yuan"
opening_hours = "ten to ten"
silent_after_min = 1

[[source]]
kind = "serial"
parity = "mark"
data_bits = 9

[[source]]
kind = "printer"
till = "till-1"
listen = "9100"
forward = "10.0.0.7"

[[source]]
kind = "http"
listen = "127.0.0.1:80"
cert = "c.pem"

[[source]]
kind = "mqtt"
topics = ["a/#/b"]
username = "pos"

[[source]]
kind = "folder"
columns = ["price=金额"]
keep_days = -1
path = "drop"

[[source]]
kind = "folder"
path = "drop"
topics = ["a"]
"#;
    assert_eq!(
        agent_errors(text),
        [
            "agent.toml:6: receipts.currency: \"yuan\" is no ISO 4217 code; write currency = \"CNY\"",
            "agent.toml:7: receipts.opening_hours: \"ten to ten\" are no opening hours; write opening_hours = \"10:00-22:00\"",
            "agent.toml:8: receipts.silent_after_min: 1 is out of range; expected 10…10080, such as 120",
            "agent.toml:10: source[0].device: is missing; write device = \"/dev/serial/by-id/usb-tap-1\"",
            "agent.toml:10: source[0].till: is missing; write till = \"till-1\"",
            "agent.toml:12: source[0].parity: \"mark\" is not known; expected \"none\" or \"even\" or \"odd\"",
            "agent.toml:13: source[0].data_bits: 9 is out of range; expected 7…8, such as 8",
            "agent.toml:18: source[1].listen: \"9100\" is no address and port; write listen = \"0.0.0.0:9100\"",
            "agent.toml:19: source[1].forward: \"10.0.0.7\" is no host and port; write forward = \"10.0.0.7:9100\"",
            "agent.toml:21: source[2].token_file: is missing; write token_file = \"/etc/edge-agent/push-tokens\"",
            "agent.toml:24: source[2].cert: comes with key: a certificate and its private key go together",
            "agent.toml:26: source[3].host: is missing; port, username, password_file and tls are those of another broker than [mqtt]: write host = \"pos-broker.example\", or leave them out",
            "agent.toml:28: source[3].topics: \"a/#/b\" is no topic filter (MQTT 5.0 §4.7.1); write topics = [\"pos/+/receipts\"]",
            "agent.toml:33: source[4].columns: \"price=金额\" names no column; write columns = [\"amount=实付金额\"], with one of store, till, number, date, time, business_date, type, amount, currency, member, refers_to before the =",
            "agent.toml:34: source[4].keep_days: -1 is out of range; expected 0…3650, such as 7",
            "agent.toml:37: source[5]: /etc/edge-agent/drop is source[4]'s already",
            "agent.toml:40: source[5].topics: unknown key; known here: kind, path, poll_s, settle_s, keep_days, till, currency, encoding, columns",
        ]
    );
}

#[test]
fn recordings_and_live_receipts_do_not_mix_and_a_proxy_in_the_daemon_is_doubted() {
    let live =
        "[[source]]\nkind = \"printer\"\ntill = \"t\"\nlisten = \"0.0.0.0:9100\"\nforward = \"p:9100\"\n";
    let found = agent_errors(&format!("{AGENT}\n{live}"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("a clock of their own"), "{found:?}");
    let alone = format!("gateway = \"g\"\nmqtt.host = \"b\"\n{live}");
    let loaded = parse_agent("agent.toml", &alone, Path::new("")).unwrap();
    assert!(loaded.warnings[0].to_string().contains("edge-agent tap"), "{:?}", loaded.warnings);
}

#[test]
fn a_port_has_one_source_and_a_proxy_another_end() {
    let printer = |till: &str, listen: &str, forward: &str| {
        format!("[[source]]\nkind = \"printer\"\ntill = \"{till}\"\nlisten = \"{listen}\"\n{forward}\n")
    };
    let found = |sources: &[String]| {
        let text = format!("gateway = \"g\"\nmqtt.host = \"b\"\n{}", sources.concat());
        parse_agent("agent.toml", &text, Path::new("")).map_or_else(|e| e.to_string(), |_| String::new())
    };
    let everywhere = printer("a", "0.0.0.0:9100", "");
    let wrong = found(&[everywhere.clone(), printer("b", "10.0.0.1:9100", "")]);
    assert!(wrong.contains("source[1]: 10.0.0.1:9100 is source[0]'s already"), "{wrong}");
    assert_eq!(found(&[everywhere, printer("b", "10.0.0.1:9101", "")]), "");
    let two = [printer("a", "10.0.0.1:9100", ""), printer("b", "10.0.0.2:9100", "")];
    assert_eq!(found(&two), "", "two addresses of one machine");
    for (listen, forward) in [("0.0.0.0:9100", "localhost:9100"), ("10.0.0.1:9100", "10.0.0.1:9100")] {
        let wrong = found(&[printer("a", listen, &format!("forward = \"{forward}\""))]);
        assert!(wrong.contains("source[0].forward: leads back"), "{listen} {forward}: {wrong}");
    }
}

#[test]
fn roles_to_come_are_refused_in_so_many_words() {
    let found = agent_errors(&format!("role = \"sensor\"\n{AGENT}"));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("agent.toml:1: role: is not supported yet; write role = \"standalone\""));
}

#[test]
fn consented_mode_without_a_list_is_an_error_and_a_list_without_the_mode_a_warning() {
    let found = agent_errors(&format!("{AGENT}\n[privacy]\nmode = \"consented\""));
    assert!(
        found.len() == 1 && found[0].starts_with("agent.toml:12: privacy.consent_list: is missing"),
        "{found:?}"
    );
    let loaded = agent(&format!("{AGENT}\n[privacy]\nconsent_list = \"c\"")).unwrap();
    assert_eq!(loaded.warnings.len(), 1);
    assert_eq!(loaded.warnings[0].path, "privacy.consent_list");
}

#[test]
fn what_the_configuration_says_about_the_map_is_checked() {
    let site = parse_site("site.toml", SITE).unwrap().value;
    let text = format!("{AGENT}sensor = \"F1-S1\"\n[privacy]\nexcluded_zones = [\"F1-Z09\", \"toilets\"]");
    let found: Vec<_> =
        agent(&text).unwrap().value.problems_with(&site).iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "agent.toml:13: privacy.excluded_zones[1]: the site map has no zone \"toilets\"; it has to be one of /etc/edge-agent/site.toml",
            "agent.toml:11: source[0].sensor: the site map has no sensor \"F1-S1\"; did you mean \"F1-S01\"?",
        ]
    );
}

#[test]
fn the_version_follows_what_shapes_events_and_nothing_else() {
    let version =
        |extra: &str, site: &str| agent(&format!("{AGENT}\n{extra}")).unwrap().value.version(site, b"");
    let plain = version("", SITE);
    assert_eq!(plain, version("[log]\nlevel = \"debug\"", SITE));
    assert_eq!(plain, version("[store]\ndir = \"elsewhere\"", SITE));
    assert_ne!(plain, version("[privacy]\nk = 11", SITE));
    assert_ne!(plain, version("[privacy]\nrssi_floor = -90", SITE));
    assert_ne!(plain, version("[inference]\ndwell_threshold_s = 181", SITE));
    assert_ne!(plain, version("", &SITE.replace("0.5", "0.6")));
}

#[test]
fn numbers_may_be_written_in_every_way_toml_knows() {
    let a = agent(&format!(
        "{AGENT}speed = 2\n[store]\nmax_bytes = 0x4000_0000\n[inference]\nmax_devices = 65_536"
    ));
    let a = a.unwrap().value;
    assert_eq!((a.store.max_bytes, a.inference.max_devices), (1 << 30, 65_536));
    let SourceSettings::Replay(replay) = &a.sources[0] else { panic!("no replay") };
    assert_eq!(replay.speed, 2.0);
    for speed in ["nan", "inf", "-0.1", "1e400"] {
        assert_eq!(agent_errors(&format!("{AGENT}speed = {speed}")).len(), 1, "{speed}");
    }
}

#[test]
fn a_node_needs_a_sensor_and_a_line_of_its_own_and_something_to_hear() {
    let source =
        |keys: &str| format!("gateway = \"g\"\nmqtt.host = \"h\"\n[[source]]\nkind = \"node\"\n{keys}\n");
    let right = source("sensor = \"s\"\ndevice = \"/dev/node\"");
    let a = agent(&right).unwrap().value;
    let SourceSettings::Node(node) = &a.sources[0] else { panic!("no node") };
    assert_eq!((node.baud, &*node.channels, node.ble, node.node), (921_600, &[1, 6, 11][..], true, None));
    assert!(a.is_live());
    let wrong = source("node = \"60:55\"\nchannels = [0, 1]\ndwell_ms = 5")
        + "[[source]]\nkind = \"node\"\nsensor = \"t\"\ndevice = \"/dev/b\"\nchannels = []\nble = false\n";
    let errors = agent_errors(&wrong).join("\n");
    for part in [
        "source[0].sensor: is missing",
        "source[0].device: is missing",
        "source[0].node: \"60:55\" is no id of a node",
        "source[0].channels[0]: is no whole number from 1 to 14",
        "source[0].dwell_ms: 5 is out of range",
        "source[1].channels: lists none",
    ] {
        assert!(errors.contains(part), "{part} is not in:\n{errors}");
    }
    let twice = right.clone() + "[[source]]\nkind = \"node\"\nsensor = \"t\"\ndevice = \"/dev/node\"\n";
    assert_eq!(agent_errors(&twice), ["agent.toml:7: source[1]: /dev/node is source[0]'s already"]);
}

proptest! {
    #[test]
    fn nothing_that_can_be_written_panics(
        from in 0usize..600,
        len in 0usize..40,
        put in "[\\[\\]{}=\".,a-z0-9\n é-]{0,12}",
    ) {
        for text in [SITE, AGENT] {
            let chars: Vec<char> = text.chars().collect();
            let from = from.min(chars.len());
            let to = (from + len).min(chars.len());
            let changed: String = chars[..from].iter().copied().chain(put.chars()).chain(chars[to..].iter().copied()).collect();
            if let Err(e) = parse_site("s", &changed) {
                prop_assert!(!e.errors.is_empty());
            }
            if let Err(e) = agent(&changed) {
                prop_assert!(!e.errors.is_empty());
            }
        }
    }
}
