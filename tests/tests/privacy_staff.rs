//! Staff are found out within a day; on the next they are nobody from their first frame on, unless the operator says no.
#![allow(missing_docs)]

use anyhow::{Context, Result};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use system_tests::agent;
use system_tests::canary::Hunt;
use system_tests::tills::SOON;
use system_tests::{Installation, Settings, free_port, wait_until};

const GUARD: [u8; 6] = [0x02, 0xc4, 0x11, 0x5e, 0x7a, 0x93];

/// A guard comes in through the door and stays for eight hours, on two days.
fn shifts() -> String {
    let mut log = String::new();
    let mut frame = |day: u32, second: u32, sensor: &str| {
        let (h, m, s) = (1 + second / 3600, second / 60 % 60, second % 60);
        let addr = GUARD.map(|b| format!("{b:02x}")).join(":");
        let _ = writeln!(
            log,
            r#"{{"at":"2025-11-{day}T{h:02}:{m:02}:{s:02}.000Z","kind":"wifi","sensor":"{sensor}","addr":"{addr}","rssi":-45,"frame":"data"}}"#
        );
    };
    for day in [21, 22] {
        (0..3).for_each(|n| frame(day, n * 20, "F1-OUT-S"));
        (3..6).for_each(|n| frame(day, n * 20, "F1-DOOR-S"));
        (2..8 * 60).for_each(|n| frame(day, n * 60 + 7, "F1-HALL-S"));
    }
    log
}

/// Visits that arrived on each of the two days.
fn arrivals(remember: &str) -> Result<([usize; 2], Installation)> {
    let installation = Installation::new(1, 1, &Settings::new(free_port()?))?;
    fs::write(installation.path("day.jsonl"), shifts())?;
    let config = fs::read_to_string(installation.config())?;
    fs::write(installation.config(), config + remember)?;
    let mut agent = installation.start()?;
    let output = agent.log();
    wait_until("both days are over", SOON, || output().contains("the source has ended"));
    assert!(agent.is_running()?, "it does not wait for the broker:\n{}", output());
    agent.terminate()?;
    agent.finish(SOON)?.succeeded();
    let store = installation.store();
    let args = ["outbox", "peek", "-n", "100000", "--store"].map(std::ffi::OsString::from);
    let text = agent::run(args.into_iter().chain([store.into()]), SOON)?.succeeded();
    let mut days = [0, 0];
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).context(line.to_owned())?;
        if event["type"] == "mall.visit.arrived" {
            days[usize::from(event["time"].as_str().is_some_and(|t| t.starts_with("2025-11-22")))] += 1;
        }
    }
    Ok((days, installation))
}

#[test]
fn who_worked_here_yesterday_is_no_visitor_today() -> Result<()> {
    let (days, installation) = arrivals("")?;
    assert_eq!(days, [1, 0]);
    let mut hunt = Hunt::default();
    hunt.address(GUARD);
    assert_eq!(hunt.search_folder(&installation.store())?.0, [""; 0], "remembered by token");
    assert_eq!(hunt.search(&fs::read(installation.path("key"))?), [""; 0]);
    Ok(())
}

#[test]
fn where_nobody_is_remembered_they_are_a_visitor_again() -> Result<()> {
    assert_eq!(arrivals("remember_staff_days = 0\n")?.0, [1, 1]);
    Ok(())
}
