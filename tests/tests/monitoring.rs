//! docs/monitoring: the dashboard before Grafana's published types and library, its queries and the alert rules before a
//! Prometheus server that scrapes agents.
#![allow(missing_docs, clippy::unwrap_used)]

use anyhow::{Context, Result, ensure};
use sensor_wire::Bench;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use system_tests::nodes::{self, EmulatedNode};
use system_tests::prometheus::Prometheus;
use system_tests::tills::{SOON, TOKEN, document, post};
use system_tests::{Broker, Tills, free_port, has_program, skipped, wait_until};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// What may be without an answer on a machine that is well: no thermometer in a virtual machine, no Raspberry Pi.
const MAY_BE_EMPTY: [&str; 2] = ["edge_agent_temperature_celsius", "edge_agent_throttled"];
/// The same where QEMU or the node's firmware is missing: nothing is heard.
const WITHOUT_A_NODE: &str = "edge_agent_ear_last_heard_timestamp_seconds";

fn monitoring(name: &str) -> PathBuf {
    Path::new(ROOT).join("docs/monitoring").join(name)
}

fn dashboard() -> Result<Value> {
    Ok(serde_json::from_str(&fs::read_to_string(monitoring("edge-agent.dashboard.json"))?)?)
}

/// What `tests/grafana/check` says; `None`, said aloud, where Grafana's packages cannot be had.
fn grafana(script: &str, answers: Option<&Path>) -> Result<Option<String>> {
    if !has_program("npm") {
        skipped("npm is not installed: the dashboard is not held to Grafana's types and library");
        return Ok(None);
    }
    let me = std::env::current_exe()?;
    let target = me.ancestors().nth(3).context("the test binary lies in <target>/<profile>/deps")?;
    let mut check = Command::new(format!("{ROOT}/tests/grafana/check"));
    check.arg(target.join("grafana")).arg(script).arg(monitoring("edge-agent.dashboard.json")).args(answers);
    let out = check.output()?;
    let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    if out.status.code() == Some(75) {
        skipped(&format!("the dashboard is not held to Grafana's types and library: {}", wrong.trim()));
        return Ok(None);
    }
    ensure!(out.status.success(), "{said}{wrong}");
    println!("{said}");
    Ok(Some(said.into_owned()))
}

#[test]
fn grafanas_types_and_library_take_the_dashboard_and_refuse_it_with_a_mistake() -> Result<()> {
    let Some(said) = grafana("check.cjs", None)? else { return Ok(()) };
    for version in ["13.2", "11.6"] {
        ensure!(said.contains(&format!("types of Grafana {version}: ")), "{said}");
    }
    ensure!(said.contains("mistakes refused: "), "{said}");
    Ok(())
}

/// An expression as Grafana sends it for these gateways: none means all.
fn interpolated(expr: &str, gateways: &[&str]) -> String {
    let escaped: Vec<String> = gateways.iter().map(|g| g.replace('.', "\\\\.")).collect();
    let instance = match escaped.as_slice() {
        [] => ".*".to_owned(),
        [one] => one.clone(),
        many => format!("({})", many.join("|")),
    };
    expr.replace("$__rate_interval", "4s").replace("$instance", &instance)
}

/// Expressions with where they stand: annotation or panel, query, whether only the last value is asked for.
fn queries(dashboard: &Value) -> Vec<(String, String, String, bool)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let annotations = list(&dashboard["annotations"]["list"]);
    let annotations =
        annotations.iter().map(|a| (text(&a["name"]), "annotation".into(), text(&a["expr"]), false));
    let panels = list(&dashboard["panels"]);
    let panels = panels.iter().flat_map(|panel| {
        let of =
            |t: &Value| (text(&panel["title"]), text(&t["refId"]), text(&t["expr"]), t["instant"] == true);
        list(&panel["targets"]).iter().map(of).collect::<Vec<_>>()
    });
    annotations.chain(panels).collect()
}

#[test]
fn prometheus_takes_the_rules_and_answers_every_query_of_the_dashboard() -> Result<()> {
    if !has_program("prometheus") {
        skipped("prometheus is not installed: nobody asks the queries of the dashboard");
        return Ok(());
    }
    let Some(broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    // One gateway that is well, where it can be with a node that hears; one that is not; one that does not answer.
    let dir = tempfile::tempdir()?;
    let node = nodes::missing().is_none().then(|| EmulatedNode::start(dir.path(), "node")).transpose()?;
    let device = node.as_ref().map_or(Path::new("/dev/serial/by-id/not-there"), |node| node.device());
    let [web, sick, down, feed] = [free_port()?, free_port()?, free_port()?, free_port()?];
    let sources = |device: &Path, feed: u16, web: u16| {
        format!(
            "[[source]]\nkind = \"node\"\nsensor = \"S1\"\ndevice = {device:?}\n\n[[source]]\nkind = \"http\"\n\
             listen = \"127.0.0.1:{feed}\"\ntoken_file = \"tokens\"\n\n[web]\nlisten = \"127.0.0.1:{web}\"\n"
        )
    };
    let mall = Tills::new(broker.port(), 1, "", &sources(device, feed, web))?;
    let other = Tills::new(
        free_port()?,
        1,
        "",
        &sources(Path::new("/dev/serial/by-id/not-there"), free_port()?, sick),
    )?;
    let (mut agent, sick_agent) = (mall.run()?, other.run()?);
    let prometheus = Prometheus::start(&[web, sick, down], &monitoring("edge-agent.rules.yml"))?;
    let all = [web, sick, down].map(|port| format!("127.0.0.1:{port}"));
    let all: Vec<&str> = all.iter().map(String::as_str).collect();

    // Something to see: sightings, a receipt, a start, and an alert that does not wait.
    if let Some(node) = &node {
        node.bench(Bench::Hear(2_000))?;
    }
    agent.until("the receipt is taken", SOON, || {
        post(feed, "/v1/receipts", TOKEN, document("t0", "1", 100).as_bytes())
            .is_ok_and(|(code, _)| code < 300)
    });
    wait_until("both are scraped", SOON, || {
        prometheus.query("edge_agent_session", true).is_ok_and(|series| series.len() == 2)
    });
    drop(sick_agent);
    fs::create_dir(other.path("store").join("quarantine-1767225600"))?;
    let _sick_agent = other.run()?;

    let dashboard = dashboard()?;
    let queries = queries(&dashboard);
    ensure!(queries.len() > 45, "only {} queries", queries.len());
    let excused = |expr: &str| {
        MAY_BE_EMPTY.iter().any(|metric| expr.contains(metric))
            || (node.is_none() && expr.contains(WITHOUT_A_NODE))
    };
    let unanswered = || -> Result<Vec<_>> {
        let mut empty = Vec::new();
        for query in &queries {
            if prometheus.query(&interpolated(&query.2, &[]), query.3)?.is_empty() {
                empty.push(query);
            }
        }
        Ok(empty)
    };
    let mut empty = Vec::new();
    agent.until("every query that can have an answer has one", SOON, || {
        let now = unanswered().expect("Prometheus answers");
        if now.len() != empty.len() {
            println!("without an answer: {now:?}");
        }
        empty = now;
        empty.iter().all(|(_, _, expr, _)| excused(expr))
    });
    let mut answers = json!({});
    for (title, query, expr, now) in &queries {
        answers[title][query] = json!(prometheus.query(&interpolated(expr, &[]), *now)?);
        for chosen in [&all[..1], &all[..]] {
            for series in prometheus.query(&interpolated(expr, chosen), *now)? {
                let instance = &series["metric"]["instance"];
                ensure!(
                    instance.is_null() || chosen.iter().any(|c| instance == c),
                    "{title} {chosen:?}: {series}"
                );
            }
        }
    }
    for (title, query, expr, _) in empty {
        println!("empty here: {title} {query}: {expr}");
    }

    let variable = &dashboard["templating"]["list"][1]["query"]["query"];
    let asked =
        variable.as_str().and_then(|q| q.strip_prefix("label_values(")?.strip_suffix(')')?.rsplit_once(", "));
    let (series, label) = asked.context("the variable's query is no label_values(…)")?;
    let mut sorted = all.clone();
    sorted.sort_unstable();
    assert_eq!(prometheus.label_values(series, label)?, json!(sorted));

    let groups = prometheus.api("/api/v1/rules")?;
    let rules = groups["groups"][0]["rules"].as_array().context("no rules")?.clone();
    let written = fs::read_to_string(monitoring("edge-agent.rules.yml"))?.matches("- alert: ").count();
    ensure!(rules.len() == written, "{} of {written} rules are loaded", rules.len());
    for rule in &rules {
        ensure!(rule["health"] == "ok" && rule["lastError"].is_null(), "{rule}");
    }
    let state =
        |name: &str| rules.iter().find(|r| r["name"] == name).map_or(Value::Null, |r| r["state"].clone());
    for (alert, is) in [
        ("StoreQuarantined", "firing"),
        ("GatewayDeaf", "pending"),
        ("GatewayDown", "pending"),
        ("OutboxOld", "inactive"),
    ] {
        assert_eq!(state(alert), is, "{alert}");
    }

    // The same answers through Grafana's own library: transformations, units, mappings, thresholds.
    let file = dir.path().join("answers.json");
    fs::write(&file, serde_json::to_vec(&answers)?)?;
    let Some(said) = grafana("shown.cjs", Some(&file))? else { return Ok(()) };
    for line in [
        "Answering: 2 (blue)".to_owned(),
        "Not answering: 1 (red)".to_owned(),
        format!("Broker: {} connected (green), {} gone (red)", all[0], all[1]),
        format!("Alerts firing now: Severity critical (red), Alert StoreQuarantined, Gateway {}", all[1]),
    ] {
        ensure!(said.lines().any(|l| l == line), "nothing shows {line:?}:\n{said}");
    }
    Ok(())
}
