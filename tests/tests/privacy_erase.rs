//! Somebody asks to be erased: from a stopped gateway, to the last byte; and who has data of theirs is told.
#![allow(missing_docs)]

use anyhow::{Context, Result};
use serde_json::Value;
use std::time::Duration;
use system_tests::agent::{self, Finished};
use system_tests::canary::Hunt;
use system_tests::tills::SOON;
use system_tests::{Agent, Broker, Installation, Settings, Subscriber, free_port, skipped, wait_until};

/// A day in consented mode that waits for a broker.
fn waiting() -> Result<(Installation, Vec<Value>)> {
    let settings = Settings { privacy_mode: "consented", ..Settings::new(free_port()?) };
    let installation = Installation::new(30, 5, &settings)?;
    let mut agent = installation.start()?;
    until_the_day_is_over(&mut agent)?;
    agent.terminate()?;
    agent.finish(SOON)?.succeeded();
    let events = peek(&installation)?;
    assert!(events.len() > 100, "only {} events wait", events.len());
    Ok((installation, events))
}

fn until_the_day_is_over(agent: &mut Agent) -> Result<()> {
    wait_until("the day is over", SOON, || {
        agent.output().is_ok_and(|text| text.contains("the source has ended"))
    });
    anyhow::ensure!(agent.is_running()?, "it does not wait for the broker:\n{}", agent.output()?);
    Ok(())
}

fn peek(installation: &Installation) -> Result<Vec<Value>> {
    let store = installation.store();
    let args = ["outbox", "peek", "-n", "100000", "--store"].map(std::ffi::OsString::from);
    let text = agent::run(args.into_iter().chain([store.into()]), SOON)?.succeeded();
    text.lines().map(|line| serde_json::from_str(line).context(line.to_owned())).collect()
}

fn erase(installation: &Installation, who: [&str; 2]) -> Result<Finished> {
    let config = installation.config();
    let args = ["privacy", "erase", who[0], who[1], "--config"].map(std::ffi::OsString::from);
    agent::run(args.into_iter().chain([config.into()]), SOON)
}

fn number(value: &Value) -> u128 {
    value.as_str().and_then(|text| u128::from_str_radix(text, 16).ok()).expect("a number of 128 bits")
}

/// What is left: nothing but the word to the recipients.
fn is_gone(installation: &Installation, hunt: &Hunt) -> Result<()> {
    let (found, searched) = hunt.search_folder(&installation.store())?;
    assert!(searched > 10_000, "{searched} bytes are nothing to search");
    assert!(found.is_empty(), "{found:#?}");
    Ok(())
}

#[test]
fn a_visit_is_erased_to_the_last_byte_and_the_recipients_are_told() -> Result<()> {
    let Some(broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    let (installation, events) = waiting()?;
    let exited = events.iter().find(|e| e["type"] == "mall.visit.exited").context("somebody left")?;
    let visit = exited["data"]["visit_id"].as_str().context("a visit")?.to_owned();
    let of_visit =
        |events: &[Value]| events.iter().filter(|e| e["data"]["visit_id"] == visit.as_str()).count();
    let before = of_visit(&events);
    let mut hunt = Hunt::default();
    hunt.number(number(&exited["data"]["device"]));
    assert!(!hunt.search_folder(&installation.store())?.0.is_empty(), "the search has teeth");

    let mut running = installation.start()?;
    until_the_day_is_over(&mut running)?;
    let refused = erase(&installation, ["--visit", &visit])?;
    assert_eq!(refused.code, Some(69), "{}", refused.output);
    assert!(refused.output.contains("stop the daemon first"), "{}", refused.output);
    running.terminate()?;
    running.finish(SOON)?.succeeded();

    let unknown = erase(&installation, ["--visit", "00112233445566778899aabbccddeeff"])?;
    assert_eq!(unknown.code, Some(66), "{}", unknown.output);
    assert_eq!(of_visit(&peek(&installation)?), before, "nothing is erased by mistake");

    let said = erase(&installation, ["--visit", &visit])?.succeeded();
    assert!(said.contains("waiting mall.visit.exited") && said.contains("written anew"), "{said}");
    assert!(said.contains(&format!("visit {visit}: 0 facts")), "nothing had left: {said}");
    let left = peek(&installation)?;
    assert_eq!(of_visit(&left), 0);
    let lost = events.len() + 1 - left.len();
    assert_eq!(lost, before, "its facts and nothing else; and one event more, that it was erased");
    is_gone(&installation, &hunt)?;

    let settings = Settings { privacy_mode: "consented", ..Settings::new(broker.port()) };
    installation.configure(&settings)?;
    let subscriber = Subscriber::start(broker.port(), "mall/v1/testmall/#")?;
    installation.run_to_end(Duration::from_secs(120))?.succeeded();
    let topic = "mall/v1/testmall/privacy/erased";
    wait_until("the recipients are told", SOON, || {
        subscriber
            .record()
            .messages
            .iter()
            .any(|(t, payload)| t == topic && String::from_utf8_lossy(payload).contains(&visit))
    });
    let record = subscriber.record();
    assert!(record.of_kind("visit.exited") > 0);
    assert!(record.events.values().all(|e| e["data"]["visit_id"] != visit.as_str()), "it never left");
    Ok(())
}

#[test]
fn a_member_is_erased_with_the_visits_that_were_linked() -> Result<()> {
    let (installation, events) = waiting()?;
    let linked = events.iter().find(|e| e["type"] == "mall.visit.linked").context("somebody is linked")?;
    let (member, visit) = (&linked["data"]["member"], &linked["data"]["visit_id"]);
    let mut hunt = Hunt::default();
    hunt.number(number(&linked["data"]["device"]));
    let said = erase(&installation, ["--member", member.as_str().context("a token")?])?.succeeded();
    assert!(said.contains("waiting mall.visit.linked"), "{said}");
    let left = peek(&installation)?;
    assert!(
        left.iter()
            .all(|e| e["data"]["visit_id"] != *visit && e["data"]["attribution"]["visit_id"] != *visit)
    );
    let named: Vec<_> = left.iter().filter(|e| e["data"]["member"] == *member).collect();
    assert_eq!(named.len(), 1, "the word to the recipients alone: {named:?}");
    assert_eq!(named[0]["type"], "mall.privacy.erased");
    assert!(named[0]["data"]["visits"].as_array().is_some_and(|visits| visits.contains(visit)));
    let receipts = |events: &[Value]| events.iter().filter(|e| e["type"] == "mall.receipt.recorded").count();
    assert_eq!(receipts(&left), receipts(&events), "receipts stay, of nobody");
    is_gone(&installation, &hunt)
}
