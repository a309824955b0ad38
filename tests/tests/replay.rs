//! `edge-agent replay`: the same bytes every time, and as good as we say.

use anyhow::{Context, Result};
use serde_json::Value;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use system_tests::{Installation, Settings, agent, data, has_program, skipped};

/// Replays `day` into `events`; the exit must be 0.
fn replay(site: &Path, day: &Path, events: &Path) -> Result<String> {
    let args: [OsString; 7] = [
        "replay".into(),
        "--site".into(),
        site.into(),
        day.into(),
        "--events".into(),
        events.into(),
        "--with-addr".into(),
    ];
    Ok(agent::run(args, Duration::from_secs(120))?.succeeded())
}

#[test]
fn two_replays_of_one_day_write_the_same_bytes() -> Result<()> {
    let installation = Installation::new(60, 21, &Settings::new(1))?;
    let (a, b) = (installation.path("a.jsonl"), installation.path("b.jsonl"));
    for events in [&a, &b] {
        replay(&installation.path("site.toml"), &installation.path("day.jsonl"), events)?;
    }
    let text = std::fs::read_to_string(&a)?;
    assert_eq!(text, std::fs::read_to_string(&b)?);

    let mut kinds = std::collections::BTreeSet::new();
    let mut ids = std::collections::BTreeSet::new();
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        kinds.insert(event["type"].as_str().unwrap_or_default().to_owned());
        assert!(ids.insert(event["id"].to_string()), "twice the same id: {line}");
    }
    for kind in
        ["visit.approached", "visit.passed_by", "visit.arrived", "visit.floor_changed", "visit.dwell_started"]
            .into_iter()
            .chain([
                "visit.dwell_ended",
                "visit.bag_carried",
                "visit.exited",
                "receipt.recorded",
                "flow.interval",
            ])
    {
        assert!(kinds.contains(&format!("mall.{kind}")), "no {kind} among {kinds:?}");
    }
    Ok(())
}

#[test]
fn receipts_are_recorded_once_each() -> Result<()> {
    let installation = Installation::new(60, 22, &Settings::new(1))?;
    let events = installation.path("events.jsonl");
    replay(&installation.path("site.toml"), &installation.path("day.jsonl"), &events)?;
    let recorded = std::fs::read_to_string(&events)?.matches("\"mall.receipt.recorded\"").count();
    assert_eq!(recorded, installation.facts.receipts);
    Ok(())
}

#[test]
fn a_real_mall_day_is_told_rightly() -> Result<()> {
    let Some((folder, programs)) = data::evaluation("mall-xixi") else {
        skipped("the evaluation data is not here: set EDGE_AGENT_DATA to the folder that holds mall-xixi");
        return Ok(());
    };
    if !has_program("python3") {
        skipped("scoring needs python3");
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let (a, b) = (dir.path().join("a.jsonl"), dir.path().join("b.jsonl"));
    for events in [&a, &b] {
        replay(&folder.join("site.toml"), &folder.join("day.jsonl.gz"), events)?;
    }
    assert!(std::fs::read(&a)? == std::fs::read(&b)?, "two replays of mall-xixi differ");

    let scored =
        Command::new("python3").arg(programs.join("score.py")).arg(&folder).arg(&a).arg("--json").output()?;
    let score: Value = serde_json::from_slice(&scored.stdout)
        .with_context(|| String::from_utf8_lossy(&scored.stderr).into_owned())?;
    eprintln!("{score:#}");
    for event in ["arrived", "exited"] {
        let f1 = score[event]["f1"].as_f64().context("f1 is a number")?;
        assert!(f1 >= 0.97, "F1 of {event} is {f1}, below 0.97");
    }
    assert_eq!(score["counts"]["false_visitors"], 0);
    assert_eq!(score["counts"]["duplicate_ids"], 0);
    Ok(())
}
