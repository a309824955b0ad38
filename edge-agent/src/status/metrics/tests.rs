use super::*;
use crate::ears::EarState;
use crate::feeds::FeedState;
use crate::privacy::lists::ListState;
use crate::status::Stamp;
use crate::status::health::{WebHealth, counted};
use crate::status::machine::Throttling;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;
use visit_core::time::Timestamp;

/// A health in which everything is there.
fn everything() -> Health {
    let at = Stamp(Timestamp::from_micros(1_763_688_600_500_000));
    let mut health = Health { at, version: "0.1.0".into(), session: 42, started_at: at, ..Health::default() };
    let p = &mut health.pipeline;
    p.progress_at = at;
    p.source_at = Some(at);
    p.source = counted([("heard", 5), ("received", 3)]);
    let ear = EarState {
        sensor: "F1-S01".into(),
        kind: "wifi",
        up: true,
        heard: 1_000,
        last_heard_at: Some(at.0),
        ..EarState::default()
    };
    p.ears = Some(BTreeMap::from([("wifi wlan1".to_owned(), ear)]));
    let feed = FeedState {
        kind: "http".into(),
        delivered: 7,
        last_delivered_at: Some(at.0),
        silent_since: Some(at.0),
        ..FeedState::default()
    };
    p.feeds = Some(BTreeMap::from([("folder /a \"b\"\\c\n".to_owned(), feed)]));
    p.privacy_dropped = counted([("opted_out", 2)]);
    p.privacy_lists = BTreeMap::from([("opt_out_list".to_owned(), ListState::default())]);
    p.engine = counted([("accepted", 900), ("late", 1), ("devices", 17)]);
    health.outbox.depth_by_kind = counted([("visit", 4), ("flow", 1)]);
    health.outbox.dropped = counted([("flow", 1)]);
    health.clock.synchronised = Some(true);
    health.clock.synchronised_at = Some(at);
    let m = &mut health.machine;
    (m.cpu_s, m.rss_bytes, m.open_fds) = (Some(1.5), Some(20 << 20), Some(30));
    (m.disk_free_bytes, m.disk_size_bytes) = (Some(1 << 30), Some(1 << 34));
    (m.temperature_c, m.throttling) = (Some(61.2), Some(Throttling::default()));
    health.web = Some(WebHealth { refused: counted([("host", 1)]), ..WebHealth::default() });
    health
}

/// Families with their type and samples.
fn parse(text: &str) -> BTreeMap<String, (String, Vec<(String, f64)>)> {
    let mut families = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(help.ends_with('.') && !families.contains_key(name), "{line}");
            current = name.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, current);
            families.insert(name.to_owned(), (kind.to_owned(), Vec::new()));
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            assert_eq!(name, current, "{line}");
            families.get_mut(name).unwrap().1.push((series.to_owned(), value.parse().unwrap()));
        }
    }
    families
}

fn names() -> BTreeSet<String> {
    parse(&text(&everything(), "mall", "gw-01")).into_keys().collect()
}

fn document(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Names of metrics in a text; `process_…` and `edge_agent_…`.
fn named_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|w| w.starts_with("edge_agent_") || w.starts_with("process_")).map(str::to_owned).collect()
}

#[test]
fn every_family_is_named_by_the_rules_and_said_once() {
    let families = parse(&text(&everything(), "mall", "gw-01"));
    for (name, (kind, samples)) in &families {
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
        assert!(!samples.is_empty(), "{name} says nothing");
        let series: BTreeSet<_> = samples.iter().map(|(series, _)| series).collect();
        assert_eq!(series.len(), samples.len(), "{name} says something twice");
    }
}

#[test]
fn metrics_and_topic_say_the_same() {
    let health = everything();
    let topic = serde_json::to_value(&health).unwrap();
    let families = parse(&text(&health, "mall", "gw-01"));
    let value = |series: &str| {
        let (_, samples) = &families[series.split('{').next().unwrap()];
        samples.iter().find(|(s, _)| s == series).unwrap_or_else(|| panic!("no {series}")).1
    };
    assert_eq!(
        topic["ears"]["wifi wlan1"]["heard"],
        value("edge_agent_ear_sightings_total{ear=\"wifi wlan1\"}") as u64
    );
    assert_eq!(
        topic["privacy_dropped"]["opted_out"],
        value("edge_agent_privacy_dropped_total{reason=\"opted_out\"}") as u64
    );
    assert_eq!(
        topic["engine"]["late"],
        value("edge_agent_engine_observations_total{outcome=\"late\"}") as u64
    );
    assert_eq!(topic["machine"]["rss_bytes"], value("process_resident_memory_bytes") as u64);
    assert_eq!(value("process_start_time_seconds"), 1_763_688_600.5);
}

#[test]
fn what_is_not_known_is_absent_and_not_zero() {
    let families = parse(&text(&Health::default(), "mall", "gw-01"));
    for absent in [
        "edge_agent_temperature_celsius",
        "edge_agent_throttled",
        "edge_agent_clock_synchronised",
        "edge_agent_ear_up",
        "edge_agent_feed_up",
    ] {
        assert!(!families.contains_key(absent), "{absent}");
    }
}

#[test]
fn a_name_with_quotes_and_line_breaks_stays_one_label() {
    let text = text(&everything(), "mall", "gw-01");
    assert!(text.contains(r#"edge_agent_feed_silent{feed="folder /a \"b\"\\c\n"} 1"#), "{text}");
}

#[test]
fn rules_and_dashboard_name_metrics_that_exist() {
    let known = names();
    for path in [
        "monitoring/edge-agent.rules.yml",
        "monitoring/edge-agent.rules.test.yml",
        "monitoring/edge-agent.dashboard.json",
    ] {
        let named = named_in(&document(path));
        assert!(named.len() > 10, "{path} names few: {named:?}");
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{path}: {unknown:?} are no metrics");
    }
}

#[test]
fn every_metric_is_documented_with_its_type_and_every_documented_one_exists() {
    let families = parse(&text(&everything(), "mall", "gw-01"));
    let page = document("monitoring/README.md");
    for (name, (kind, _)) in &families {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{name}`")));
        let row = row.unwrap_or_else(|| panic!("docs/monitoring/README.md has no row for {name}"));
        assert!(row.contains(&format!("| {kind} |")), "{row}: it is a {kind}");
    }
    let unknown: Vec<_> = named_in(&page).into_iter().filter(|n| !families.contains_key(n)).collect();
    assert!(unknown.is_empty(), "{unknown:?} are no metrics");
}

#[test]
fn every_alert_has_a_row_a_runbook_and_a_test() {
    let rules = document("monitoring/edge-agent.rules.yml");
    let (page, tests) = (document("monitoring/README.md"), document("monitoring/edge-agent.rules.test.yml"));
    let alerts: Vec<_> = rules.lines().filter_map(|l| l.trim().strip_prefix("- alert: ")).collect();
    let runbooks = rules.lines().filter_map(|l| l.trim().strip_prefix("runbook: docs/operations.md#"));
    let runbooks: Vec<_> = runbooks.collect();
    assert!(alerts.len() >= 12 && alerts.len() == runbooks.len());
    for (alert, anchor) in alerts.iter().zip(runbooks) {
        let mut kebab = String::new();
        for c in alert.chars() {
            if c.is_ascii_uppercase() && !kebab.is_empty() {
                kebab.push('-');
            }
            kebab.push(c.to_ascii_lowercase());
        }
        assert_eq!(anchor, kebab);
        assert!(page.contains(&format!("| `{alert}` | `{anchor}` |")), "{alert} has no row");
        assert!(tests.contains(&format!("  - name: {alert} fires")), "{alert} is not tested");
    }
}

#[test]
fn prometheus_own_tool_accepts_metrics_and_rules() {
    let promtool = |args: &[&str], input: &str| {
        use std::process::{Command, Stdio};
        let mut child = Command::new("promtool");
        child.args(args).current_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/monitoring"));
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        child.stdin.take().unwrap().write_all(input.as_bytes())?;
        child.wait_with_output()
    };
    let metrics = text(&everything(), "mall", "gw-01");
    let checks: [(&[&str], &str); 3] = [
        (&["check", "metrics"], &metrics),
        (&["check", "rules", "edge-agent.rules.yml"], ""),
        (&["test", "rules", "edge-agent.rules.test.yml"], ""),
    ];
    for (args, input) in checks {
        match promtool(args, input) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("SKIPPED: promtool is not installed (Debian: prometheus)");
                return;
            }
            Err(e) => panic!("{e}"),
            Ok(out) => {
                let said = [out.stdout, out.stderr].concat();
                let said = String::from_utf8_lossy(&said);
                assert!(out.status.success() && !said.contains("FAILED"), "promtool {args:?}:\n{said}");
                assert!(args != ["check", "metrics"] || said.trim().is_empty(), "{said}");
            }
        }
    }
}
