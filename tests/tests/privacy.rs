//! The canary hunt: what identifies a person is on no disk, in no log, in no message.

use anyhow::Result;
use std::collections::BTreeSet;
use std::time::Duration;
use system_tests::{
    Agent, Broker, Installation, Settings, Subscriber, canary::Hunt, day, free_port, http, skipped,
    subscriber::Record, wait_until,
};

/// Runs a day at full trace, kills one agent half-way so that its store is left as it was, runs another to
/// the end, and searches everything they left.
fn hunt(mode: &'static str) -> Result<()> {
    let Some(broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    let speed = day::DAY_SECONDS / 6.0;
    let settings = Settings { speed, privacy_mode: mode, ..Settings::new(broker.port()) };
    let installation = Installation::new(40, 3, &settings)?;
    let hunt = Hunt::for_day(&installation.facts);
    let web = free_port()?;
    let config = std::fs::read_to_string(installation.config())?;
    std::fs::write(installation.config(), format!("{config}\n[web]\nlisten = \"127.0.0.1:{web}\"\n"))?;
    let subscriber = Subscriber::start(broker.port(), "#")?;
    let mut logs = String::new();

    let mut agent = Agent::start(installation.command()?.env("RUST_LOG", "trace"))?;
    assert!(agent.wait(Duration::from_secs(3))?.is_none(), "ended early:\n{}", agent.output()?);
    agent.kill()?;
    logs.push_str(&agent.output()?);
    let (found, searched) = hunt.search_folder(&installation.store())?;
    assert!(searched > 1_000, "the store holds {searched} bytes: nothing to search");
    assert!(found.is_empty(), "in the store of a killed agent: {found:#?}");

    let mut agent = Agent::start(installation.command()?.env("RUST_LOG", "trace"))?;
    let mut pages = String::new();
    while agent.wait(Duration::from_millis(100))?.is_none() {
        for path in ["/api/v1/now", "/metrics", "/"] {
            pages.push_str(&http::get(web, path, "").1);
        }
    }
    let finished = agent.finish(Duration::from_secs(120))?;
    logs.push_str(&finished.succeeded());
    wait_until("something was published", Duration::from_secs(10), || {
        !subscriber.record().messages.is_empty()
    });

    let (found, _) = hunt.search_folder(&installation.store())?;
    assert!(found.is_empty(), "in the store: {found:#?}");
    assert!(logs.lines().count() > 20, "hardly a log at level trace:\n{logs}");
    assert_eq!(hunt.search(logs.as_bytes()), [""; 0], "in the log");
    let record = subscriber.record();
    let numbers = numbers(&record);
    assert_eq!(numbers.is_empty(), mode == "count");
    assert!(
        pages.contains("\"what\":\"") && pages.contains("edge_agent_devices"),
        "the page showed nothing: {pages}"
    );
    assert_eq!(hunt.search(pages.as_bytes()), [""; 0], "on the web page or in the metrics");
    assert_eq!(numbers.search(pages.as_bytes()), [""; 0], "on the web page or in the metrics");
    assert!(mode != "count" || !pages.contains("\"what\":\"arrived"), "visits on the page in count mode");
    // A log outlives what may be kept of a visit, and health is of nobody.
    assert_eq!(numbers.search(logs.as_bytes()), [""; 0], "in the log");
    for (topic, payload) in &record.messages {
        assert_eq!(hunt.search(topic.as_bytes()), [""; 0], "in the topic {topic}");
        assert_eq!(hunt.search(payload), [""; 0], "in a message on {topic}");
        let about_visits = topic.contains("/visit/") || topic.contains("/receipt/");
        assert_eq!(numbers.search(topic.as_bytes()), [""; 0], "in the topic {topic}");
        let found = numbers.search(payload);
        assert!(found.is_empty() || about_visits, "on {topic}: {found:?}");
        let text = String::from_utf8_lossy(payload);
        assert!(mode != "count" || !text.contains("\"device\""), "on {topic}: {text}");
    }
    drop(record);
    let peeked = installation.outbox("stats")?.succeeded();
    assert_eq!(hunt.search(peeked.as_bytes()), [""; 0], "in outbox stats");
    Ok(())
}

/// Pseudonyms, visits and members of everything that was published.
fn numbers(record: &Record) -> Hunt {
    let mut hunt = Hunt::default();
    let mut known = BTreeSet::new();
    for event in record.events.values() {
        let data = &event["data"];
        for field in [&data["visit_id"], &data["device"], &data["member"], &data["attribution"]["visit_id"]] {
            known.extend(field.as_str().and_then(|text| u128::from_str_radix(text, 16).ok()));
        }
    }
    known.into_iter().for_each(|number| hunt.number(number));
    hunt
}

#[test]
fn no_address_network_member_or_card_leaves_memory_in_count_mode() -> Result<()> {
    hunt("count")
}

#[test]
fn the_hunt_would_find_the_day_itself() -> Result<()> {
    let installation = Installation::new(10, 3, &Settings::new(1))?;
    let day = std::fs::read(installation.path("day.jsonl"))?;
    assert!(!Hunt::for_day(&installation.facts).search(&day).is_empty());
    Ok(())
}

#[test]
fn no_address_network_member_or_card_leaves_memory_in_pseudonymous_mode() -> Result<()> {
    hunt("pseudonymous")
}

#[test]
fn no_address_network_member_or_card_leaves_memory_in_consented_mode() -> Result<()> {
    hunt("consented")
}

#[test]
fn count_mode_publishes_no_visit() -> Result<()> {
    let Some(broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    let settings = Settings { privacy_mode: "count", ..Settings::new(broker.port()) };
    let installation = Installation::new(40, 3, &settings)?;
    let subscriber = Subscriber::start(broker.port(), "#")?;
    installation.run_to_end(Duration::from_secs(120))?.succeeded();
    wait_until("flow is published", Duration::from_secs(10), || {
        subscriber.record().of_kind("flow.interval") > 0
    });
    let record = subscriber.record();
    let visits: Vec<_> = record.events.values().filter(|e| !e["data"]["visit_id"].is_null()).collect();
    assert!(visits.is_empty(), "{visits:?}");
    Ok(())
}
