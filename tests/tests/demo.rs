//! `edge-agent demo`: everything on one machine with nothing installed.

use anyhow::Result;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;
use system_tests::{Agent, agent, broker, free_port, has_program, skipped, wait_until};

const KINDS: [&str; 13] = [
    "approached",
    "passed_by",
    "arrived",
    "floor_changed",
    "dwell_started",
    "dwell_ended",
    "bag_carried",
    "exited",
    "resumed",
    "merged",
    "linked",
    "recorded",
    "interval",
];

#[test]
fn the_demo_shows_every_kind_of_event_and_an_outside_client_sees_them_too() -> Result<()> {
    let port = free_port()?;
    let port_text = port.to_string();
    let demo = Agent::start(&mut agent::command(["demo", "--seconds", "20", "--port", &port_text])?)?;
    wait_until("the demo's broker accepts connections", Duration::from_secs(10), || broker::accepts(port));

    let mut outside = None;
    if has_program("mosquitto_sub") {
        let mut command = Command::new("mosquitto_sub");
        command.args(["-h", "127.0.0.1", "-p", &port_text, "-q", "1", "-t", "mall/#", "-F", "%t %p"]);
        outside = Some(Agent::start(&mut command)?);
    } else {
        skipped("mosquitto_sub is not installed: nobody listens to the demo from outside");
    }

    let printed = demo.finish(Duration::from_secs(60))?.succeeded();
    // Flow and receipts are printed under names for people; on MQTT all thirteen are looked for below.
    for kind in &KINDS[..11] {
        let name = kind.replace('_', " ");
        assert!(printed.contains(&name), "the demo prints no {name}:\n{printed}");
    }
    let Some(mut outside) = outside else { return Ok(()) };
    outside.kill()?;
    let heard = outside.output()?;

    let mut by_id: BTreeMap<String, Value> = BTreeMap::new();
    for (topic, payload) in heard.lines().filter_map(|line| line.split_once(' ')) {
        let Ok(mut event) = serde_json::from_str::<Value>(payload) else { continue };
        let Some(id) = event["id"].as_str().map(str::to_owned) else { continue };
        if let Some(data) = event["data"].as_object_mut() {
            data.remove("resent");
        }
        if let Some(known) = by_id.insert(id, event.clone()) {
            assert_eq!(known, event, "one id, two facts, on {topic}");
        }
    }
    for kind in KINDS {
        let wanted = format!(".{kind}");
        let there = by_id.values().any(|e| e["type"].as_str().is_some_and(|t| t.ends_with(&wanted)));
        assert!(there, "{kind} did not come over MQTT; {} events did", by_id.len());
    }
    for visit in by_id.values().filter_map(|e| e["data"]["visit_id"].as_str()) {
        assert!(printed.contains(&visit[..4]), "visit {visit} came over MQTT and was not printed");
    }
    Ok(())
}
