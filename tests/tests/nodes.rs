//! Sensor nodes: the firmware in QEMU, on lines where things happen, heard by the agent.
#![allow(missing_docs, clippy::unwrap_used)]

use anyhow::Result;
use sensor_wire::Bench;
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::time::{Duration, Instant};
use system_tests::nodes::{EmulatedNode, Weather, missing};
use system_tests::tills::SOON;
use system_tests::{Agent, Broker, Subscriber, Tills, agent, skipped};

/// What the agent says last of the node that is this sensor, in its log: health is published once a minute.
fn ear(log: &str, sensor: &str) -> Value {
    let states = log.lines().rev().filter(|line| line.contains(" DEBUG "));
    states
        .filter_map(|line| serde_json::from_str(line.get(line.find('{')?..=line.rfind('}')?)?).ok())
        .find(|ear: &Value| ear["sensor"] == sensor)
        .unwrap_or_default()
}

/// Waits until that is so of the node that is this sensor.
fn wait_for(agent: &mut Agent, what: &str, sensor: &str, fact: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + SOON;
    loop {
        let log = agent.output().unwrap();
        let ear = ear(&log, sensor);
        if fact(&ear) {
            return ear;
        }
        assert!(agent.is_running().unwrap() && Instant::now() < end, "not in time: {what}: {ear}\n{log}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn start(mall: &Tills) -> Result<Agent> {
    let mut command = agent::command(["run", "--config"])?;
    command.arg(mall.path("agent.toml")).env("RUST_LOG", "info,edge_agent::ears=debug");
    Agent::start(&mut command)
}

fn number(of: &Value, key: &str) -> u64 {
    of[key].as_u64().unwrap_or(0)
}

/// A mall with two sensors, S1 in the shop and S2 at the door, which are these nodes.
fn mall(broker: &Broker, devices: &[(&str, &EmulatedNode)]) -> Result<Tills> {
    let sources: String = devices
        .iter()
        .map(|(sensor, node)| {
            let device = node.device().display();
            format!("[[source]]\nkind = \"node\"\nsensor = \"{sensor}\"\ndevice = \"{device}\"\n\n")
        })
        .collect();
    let mall = Tills::new(broker.port(), 1, "", &sources)?;
    let mut map = fs::OpenOptions::new().append(true).open(mall.path("site.toml"))?;
    write!(map, "\n[[sensor]]\nid = \"S2\"\nzone = \"door\"\nposition = [0.0, 0.0]\n")?;
    Ok(mall)
}

fn wait_up(agent: &mut Agent, sensor: &str) {
    wait_for(agent, "it hears", sensor, |ear| ear["up"] == true);
}

#[test]
fn two_nodes_stream_a_hundred_thousand_frames_into_the_agent_and_none_is_bad_or_missing() -> Result<()> {
    if let Some(why) = missing() {
        skipped(why);
        return Ok(());
    }
    let Some(broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    const FRAMES: u32 = 100_000;
    let dir = tempfile::tempdir()?;
    let [one, two] = [EmulatedNode::start(dir.path(), "one")?, EmulatedNode::start(dir.path(), "two")?];
    let mall = mall(&broker, &[("S1", &one), ("S2", &two)])?;
    let subscriber = Subscriber::start(broker.port(), "mall/v1/#")?;
    let mut agent = start(&mall)?;
    wait_up(&mut agent, "S1");
    wait_up(&mut agent, "S2");
    one.bench(Bench::Hear(FRAMES))?;
    two.bench(Bench::Hear(FRAMES / 100))?;
    for (sensor, frames) in [("S1", FRAMES), ("S2", FRAMES / 100)] {
        let ear = wait_for(&mut agent, "all is heard", sensor, |ear| {
            number(ear, "heard") + number(ear, "dropped") >= u64::from(frames)
        });
        let state = &ear["detail"];
        assert_eq!(number(&ear, "heard") + number(&ear, "dropped"), u64::from(frames), "{ear}");
        assert_eq!(
            (number(state, "lost"), number(state, "bad"), number(state, "unreadable")),
            (0, 0, 0),
            "{ear}"
        );
        assert_eq!((&state["node"], &state["baud"]), (&"020000000001".into(), &921_600.into()));
        println!("{sensor}: {ear}");
    }
    // What was heard went into the engine, and from there to the broker.
    agent.until("a visit", SOON, || {
        subscriber.record().messages.iter().any(|(topic, _)| topic.contains("/visit/"))
    });
    agent.terminate()?;
    let log = agent.finish(SOON)?.succeeded();
    println!("{}", log.lines().last().unwrap_or_default());
    Ok(())
}

#[test]
fn noise_cuts_boot_chatter_and_a_pulled_plug_cost_at_most_the_frames_they_hit() -> Result<()> {
    if let Some(why) = missing() {
        skipped(why);
        return Ok(());
    }
    let Some(broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    const FRAMES: u64 = 20_000;
    let dir = tempfile::tempdir()?;
    let node = EmulatedNode::start(dir.path(), "one")?;
    let mall = mall(&broker, &[("S1", &node)])?;
    let mut agent = start(&mall)?;
    wait_up(&mut agent, "S1");

    // Something in one frame of twenty.
    node.weather(Weather { noise: 1_500, cuts: 1_500 });
    node.bench(Bench::Hear(FRAMES as u32))?;
    agent.until("all frames were sent", SOON, || node.account().frames > FRAMES);
    node.weather(Weather::default());
    let spoilt = wait_for(&mut agent, "what is not lost was heard", "S1", |ear| {
        number(ear, "heard") + number(&ear["detail"], "lost") >= FRAMES
    });
    let account = node.account();
    let (heard, lost) = (number(&spoilt, "heard"), number(&spoilt["detail"], "lost"));
    println!("{account:?}: {spoilt}");
    assert!(account.noises > 100 && account.cuts > 100, "{account:?}");
    assert!(lost <= account.hit && heard + account.hit >= FRAMES, "{lost} lost, {heard} heard: {account:?}");
    assert!(lost > account.hit / 2, "the weather did something: {lost} of {account:?}");

    // The node starts anew, and its boot ROM talks first.
    node.bench(Bench::Chatter)?;
    wait_for(&mut agent, "it has started anew", "S1", |ear| number(&ear["detail"], "restarts") == 1);
    wait_up(&mut agent, "S1");
    node.bench(Bench::Hear(100))?;
    let again = wait_for(&mut agent, "it is heard", "S1", |ear| number(ear, "heard") >= heard + 100);
    assert_eq!(number(&again["detail"], "lost"), lost, "a start is no loss");

    // Pulled out, and back under the same name.
    node.pull_out()?;
    wait_for(&mut agent, "it is down", "S1", |ear| ear["up"] == false);
    node.plug_in()?;
    wait_up(&mut agent, "S1");
    node.bench(Bench::Hear(100))?;
    let again = wait_for(&mut agent, "it is heard", "S1", |ear| number(ear, "heard") >= heard + 200);
    assert_eq!(number(&again["detail"], "opened"), 2);
    agent.terminate()?;
    agent.finish(SOON)?.succeeded();
    Ok(())
}
