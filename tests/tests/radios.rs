//! The daemon with a radio: as a user of its own with two capabilities, a made-up radio, a real broker.
#![allow(missing_docs, clippy::unwrap_used)]

use anyhow::Result;
use gateway::wifi::frame::Kind;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::chown;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use system_tests::tap::heard;
use system_tests::tills::SOON;
use system_tests::{Agent, Broker, Subscriber, Tap, Tills, agent, has_program, is_root, skipped, wait_until};

/// Health comes every so often.
const HEALTH: Duration = Duration::from_secs(100);
/// Nobody.
const USER: u32 = 65_534;

/// What a test needs; `None`, having said why, where the machine lacks it.
fn radio() -> Result<Option<(Broker, Tap)>> {
    let Some(tap) = Tap::new()? else {
        skipped("no TAP devices here (they need root and /dev/net/tun)");
        return Ok(None);
    };
    let broker = Broker::start()?;
    if broker.is_none() {
        skipped("mosquitto is not installed");
    }
    Ok(broker.map(|broker| (broker, tap)))
}

fn mall(broker: &Broker, tap: &Tap, privacy: &str) -> Result<Tills> {
    let source = format!("[[source]]\nkind = \"wifi\"\nsensor = \"S1\"\ninterface = {:?}\n", tap.name());
    let mall = Tills::new(broker.port(), 0, privacy, &source)?;
    Ok(mall)
}

/// `edge-agent run` as the service runs it: nobody, with two capabilities.
fn run_unprivileged(mall: &Tills) -> Result<Agent> {
    let folder = mall.path("");
    let binary = mall.path("edge-agent");
    fs::copy(agent::binary()?, &binary)?;
    for file in [folder.clone(), mall.path("agent.toml"), mall.path("site.toml")] {
        chown(file, Some(USER), Some(USER))?;
    }
    let mut command = Command::new("setpriv");
    command.args([
        &format!("--reuid={USER}"),
        &format!("--regid={USER}"),
        "--clear-groups",
        "--no-new-privs",
    ]);
    for set in ["inh-caps", "ambient-caps", "bounding-set"] {
        command.arg(format!("--{set}=-all,+net_raw,+net_admin"));
    }
    command.arg(binary).args(["run", "--config"]).arg(mall.path("agent.toml")).env("NO_COLOR", "1");
    Agent::start(&mut command)
}

/// Waits until the log holds these words so many times.
#[track_caller]
fn says(agent: &mut Agent, times: usize, what: &str) {
    let start = Instant::now();
    while agent.output().unwrap().matches(what).count() < times {
        assert!(start.elapsed() < SOON, "not {times} × {what:?} in:\n{}", agent.output().unwrap());
        assert!(agent.is_running().unwrap(), "it ended:\n{}", agent.output().unwrap());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The latest health report.
fn health(subscriber: &Subscriber) -> Value {
    let record = subscriber.record();
    let health = record.messages.iter().rev().find(|(topic, _)| topic.ends_with("/health"));
    health.and_then(|(_, payload)| serde_json::from_slice(payload).ok()).unwrap_or_default()
}

#[test]
fn a_radio_is_heard_lost_and_found_and_its_silence_is_deafness() -> Result<()> {
    let Some((broker, mut tap)) = radio()? else { return Ok(()) };
    if !has_program("setpriv") || !is_root() {
        skipped("no setpriv");
        return Ok(());
    }
    let mall = mall(&broker, &tap, "")?;
    let subscriber = Subscriber::start(broker.port(), "mall/v1/#")?;
    let mut agent = run_unprivileged(&mall)?;
    says(&mut agent, 1, "it hears");

    // A phone, and what became of its frames.
    for n in 0..200 {
        tap.hear(&heard(Kind::ProbeRequest, 60, n))?;
    }
    // Silence. Health says deaf, and what was heard before.
    says(&mut agent, 1, "it does not hear: deaf: nothing heard for 4");
    agent.until("health tells", HEALTH, || {
        let health = health(&subscriber);
        let ear = &health["ears"][format!("wifi {}", tap.name())];
        ear["up"] == false
            && ear["problem"].as_str().is_some_and(|p| p.starts_with("deaf"))
            && ear["heard"] == 200
            && ear["detail"]["passed"] == 200
            && ear["detail"]["dropped_by_kernel"] == 0
            && health["devices"] == 1
    });
    says(&mut agent, 1, "resetting the interface");
    tap.hear(&heard(Kind::ProbeRequest, 60, 201))?;
    says(&mut agent, 2, "it hears");

    // Down and up again, as when a driver restarts.
    tap.set_up(false)?;
    says(&mut agent, 1, "it does not hear: \"air");
    assert!(agent.output()?.contains("went down"));
    tap.set_up(true)?;
    says(&mut agent, 3, "it hears");

    // Pulled out and put back.
    let name = tap.name().to_owned();
    drop(tap);
    says(&mut agent, 2, "it does not hear: \"air");
    says(&mut agent, 1, "there is no interface");
    let _again = Tap::named(&name, 803)?;
    says(&mut agent, 4, "it hears");
    agent.terminate()?;
    agent.finish(SOON)?.succeeded();
    Ok(())
}

#[test]
fn a_recording_replays_and_holds_no_address_unless_asked() -> Result<()> {
    let Some((broker, tap)) = radio()? else { return Ok(()) };
    let mall = mall(&broker, &tap, "")?;
    let record = |out: &str, more: &[&str]| -> Result<Agent> {
        let mut command = agent::command(["record", "--seconds", "4", "--config"])?;
        command.arg(mall.path("agent.toml")).arg("--out").arg(mall.path(out)).args(more);
        Agent::start(&mut command)
    };
    let stop = AtomicBool::new(false);
    let mut tap = tap;
    let (own, raw) = std::thread::scope(|scope| -> Result<_> {
        let sending = scope.spawn(|| {
            for n in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                tap.hear(&heard(Kind::ProbeRequest, n % 7, n as u16)).unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let own = record("own.jsonl", &[])?.finish(SOON);
        let raw = record("raw.jsonl.gz", &["--raw"])?.finish(SOON);
        stop.store(true, Ordering::Relaxed);
        sending.join().unwrap();
        Ok((own?, raw?))
    })?;
    let own_output = own.succeeded();
    assert!(!own_output.contains("raw addresses"), "{own_output}");
    assert!(raw.succeeded().contains("raw addresses"));

    let text = fs::read_to_string(mall.path("own.jsonl"))?;
    let addresses: std::collections::BTreeSet<&str> =
        text.lines().filter_map(|l| l.split("\"addr\":\"").nth(1)?.get(..17)).collect();
    assert_eq!(addresses.len(), 7);
    assert!(!text.contains("02:00:00:00:00:0"), "a real address");
    assert!(text.lines().count() > 300);
    assert!(text.contains("\"kind\":\"health\""));
    let replay = |file: &str| {
        let (site, file) = (mall.path("site.toml"), mall.path(file));
        agent::run(["replay".as_ref(), "--site".as_ref(), site.as_os_str(), file.as_os_str()], SOON)
    };
    for file in ["own.jsonl", "raw.jsonl.gz"] {
        let output = replay(file)?.succeeded();
        assert!(output.contains("visit.approached"), "{file}: {output}");
    }
    let yielded = format!("yielded {}", text.lines().count());
    assert!(replay("own.jsonl")?.succeeded().contains(&yielded), "every line is read");

    // It does not write over anything, and keeps nothing of single devices where nothing may be kept.
    let finished = record("own.jsonl", &[])?.finish(SOON)?;
    assert_ne!(finished.code, Some(0));
    let counting =
        fs::read_to_string(mall.path("agent.toml"))?.replace("[privacy]", "[privacy]\nmode = \"count\"");
    fs::write(mall.path("agent.toml"), counting)?;
    let finished = record("never.jsonl", &["--raw"])?.finish(SOON)?;
    assert_eq!(finished.code, Some(64), "{}", finished.output);
    assert!(!mall.path("never.jsonl").exists());
    Ok(())
}

#[test]
fn check_says_what_a_radio_can_do() -> Result<()> {
    let Some((broker, tap)) = radio()? else { return Ok(()) };
    let right = mall(&broker, &tap, "")?;
    let check = |mall: &Tills| {
        let config = mall.path("agent.toml");
        agent::run(["check".as_ref(), "--config".as_ref(), config.as_os_str()], SOON)
    };
    let output = check(&right)?.output;
    assert!(output.contains(&format!("wifi {}: in monitor mode", tap.name())), "{output}");
    let name = tap.name().to_owned();
    drop(tap);
    wait_until("the interface is gone", SOON, || {
        !fs::exists(format!("/sys/class/net/{name}")).unwrap_or(false)
    });
    let finished = check(&right)?;
    assert!(finished.output.contains("there is no interface"), "{}", finished.output);
    assert_eq!(finished.code, Some(64));
    Ok(())
}
