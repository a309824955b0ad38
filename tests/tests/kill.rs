//! Exactly once, whatever is killed: the ids a subscriber ends up with are those of an undisturbed run.
//!
//! `EDGE_AGENT_KILLS` sets how often the agent is killed (default 100).

use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use system_tests::{
    Agent, Broker, Installation, Random, Settings, Subscriber, data, day, skipped, wait_until,
};

const BROKER_RESTARTS: u32 = 10;
const TO_THE_END: Duration = Duration::from_secs(300);

fn kills() -> u32 {
    std::env::var("EDGE_AGENT_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(100)
}

/// The events of a run that nobody disturbs, as fast as the machine can, and the installation it left.
fn undisturbed(
    install: impl FnOnce(&Settings) -> Result<Installation>,
) -> Result<(BTreeMap<String, Value>, Installation)> {
    let broker = Broker::start()?.context("mosquitto was there a moment ago")?;
    let installation = install(&Settings::new(broker.port()))?;
    let subscriber = Subscriber::start(broker.port(), "mall/#")?;
    installation.run_to_end(TO_THE_END)?.succeeded();
    // PUBACK to the agent may be ahead of the delivery to the subscriber: wait for the farewell, which the
    // broker delivers after everything that was published before it.
    wait_until("the agent said that it stopped", Duration::from_secs(30), || said_goodbye(&subscriber));
    let record = subscriber.record();
    assert_eq!(record.malformed, [""; 0]);
    assert!(record.contradictions.is_empty(), "{:?}", record.contradictions);
    let events = record.events.clone();
    drop(record);
    Ok((events, installation))
}

fn said_goodbye(subscriber: &Subscriber) -> bool {
    let record = subscriber.record();
    let last = record.messages.iter().rev().find(|(topic, _)| topic.ends_with("/status"));
    last.is_some_and(|(_, payload)| String::from_utf8_lossy(payload).contains("stopped"))
}

/// Replays a day while the agent is killed and the broker restarted, and compares with the undisturbed run.
fn disturbed(
    install: impl Fn(&Settings) -> Result<Installation>,
    speed: f64,
    kills: u32,
    seed: u64,
) -> Result<()> {
    let (events, reference) = undisturbed(&install)?;
    let expected: BTreeSet<String> = events.keys().cloned().collect();
    assert!(expected.len() > 100, "only {} events: the test would prove little", expected.len());

    let mut broker = Broker::start()?.context("mosquitto was there a moment ago")?;
    let installation = install(&Settings { speed, ..Settings::new(broker.port()) })?;
    installation.share_key_of(&reference)?;
    let subscriber = Subscriber::start(broker.port(), "mall/#")?;

    let mut random = Random::new(seed);
    let every = (kills / BROKER_RESTARTS).max(1);
    for n in 1..=kills {
        let mut agent = installation.start()?;
        // Some die while they open the store, most while they publish.
        let life = Duration::from_millis(random.between(20, 900));
        let ended = agent.wait(life)?;
        assert!(
            ended.is_none(),
            "kill {n} of {kills}: the agent ended by itself ({ended:?}); it wrote:\n{}",
            agent.output()?
        );
        if n % every == 0 {
            broker.restart()?;
        }
        agent.kill()?;
    }
    installation.run_to_end(TO_THE_END)?.succeeded();
    // The farewell comes after everything else: what is missing then is lost.
    wait_until("the agent said that it stopped", Duration::from_secs(60), || said_goodbye(&subscriber));

    let record = subscriber.record();
    let got: BTreeSet<String> = record.events.keys().cloned().collect();
    let told = |ids: &BTreeSet<String>, all: &BTreeMap<String, Value>| -> Vec<String> {
        let line = |e: &Value| format!("{} {} {}", e["data"]["detected_at"], e["type"], e["subject"]);
        ids.iter().take(40).map(|id| line(&all[id])).collect()
    };
    let lost: BTreeSet<String> = expected.difference(&got).cloned().collect();
    let extra: BTreeSet<String> = got.difference(&expected).cloned().collect();
    assert!(
        lost.is_empty() && extra.is_empty(),
        "of {} events {} lost: {:#?}\n{} under ids of their own: {:#?}",
        expected.len(),
        lost.len(),
        told(&lost, &events),
        extra.len(),
        told(&extra, &record.events)
    );
    assert!(record.contradictions.is_empty(), "one id, two facts: {:?}", record.contradictions);
    assert_eq!(record.malformed, [""; 0]);
    eprintln!("{} events, {} delivered again, {kills} kills", got.len(), record.duplicates);
    drop(record);
    installation.outbox("verify")?.succeeded();
    Ok(())
}

#[test]
fn no_event_is_lost_or_renamed_when_the_agent_is_killed_again_and_again() -> Result<()> {
    if Broker::start()?.is_none() {
        skipped("mosquitto is not installed");
        return Ok(());
    }
    // The kills take 0.46 s each on average: half as long again keeps them all inside the day.
    let speed = day::DAY_SECONDS / (f64::from(kills()) * 0.9).max(5.0);
    disturbed(|settings| Installation::new(60, 11, settings), speed, kills(), 1)
}

#[test]
fn no_event_of_a_real_mall_is_lost_or_renamed() -> Result<()> {
    let Some((folder, _)) = data::evaluation("mall-xixi") else {
        skipped("the evaluation data is not here: set EDGE_AGENT_DATA to the folder that holds mall-xixi");
        return Ok(());
    };
    if Broker::start()?.is_none() {
        skipped("mosquitto is not installed");
        return Ok(());
    }
    let kills = (kills() / 5).max(5);
    // The day is about 13 hours long.
    let speed = 13.0 * 3600.0 / (f64::from(kills) * 0.9);
    disturbed(|settings| Installation::of_day(&folder, settings), speed, kills, 2)
}

#[test]
fn what_a_killed_agent_leaves_can_be_read_and_is_delivered_by_the_next() -> Result<()> {
    let Some(mut broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    // Fast enough to fill the outbox at once, slow enough not to end.
    let speed = day::DAY_SECONDS / 20.0;
    let settings = Settings { speed, ..Settings::new(broker.port()) };
    let installation = Installation::new(40, 5, &settings)?;
    broker.stop()?;

    let mut agent: Agent = installation.start()?;
    wait_until("the agent has made its store", Duration::from_secs(20), || installation.store().is_dir());
    // Killed half-way through the day: with the broker away all events so far must be in the outbox.
    assert!(agent.wait(Duration::from_secs(10))?.is_none(), "ended early:\n{}", agent.output()?);
    agent.kill()?;

    let verified = installation.outbox("verify")?.succeeded();
    let stats = installation.outbox("stats")?.succeeded();
    let peeked = installation.outbox("peek")?.succeeded();
    let queued: BTreeSet<String> = peeked
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|event| Some(event["id"].as_str()?.to_owned()))
        .collect();
    assert!(!queued.is_empty(), "nothing to peek at:\n{peeked}\n{stats}\n{verified}");

    broker.resume()?;
    let subscriber = Subscriber::start(broker.port(), "mall/#")?;
    installation.configure(&Settings::new(broker.port()))?;
    installation.run_to_end(TO_THE_END)?.succeeded();
    wait_until("what was queued has arrived", Duration::from_secs(30), || {
        subscriber.ids().is_superset(&queued)
    });
    let left = installation.outbox("peek")?.succeeded();
    assert!(!left.lines().any(|l| l.starts_with('{')), "the outbox is not empty:\n{left}");
    Ok(())
}
