//! Change without fear: SIGHUP, all or nothing; nothing lost, nothing twice, never `offline`.
#![allow(missing_docs)]

use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::net::TcpStream;
use std::time::Duration;
use system_tests::tills::{SOON, TOKEN, document, post, recorded, wait_for};
use system_tests::{
    Agent, Broker, Installation, Random, Settings, Subscriber, Tills, day, free_port, skipped, wait_until,
};

const IN_FORCE: &str = "the new configuration is in force";
const REFUSED: &str = "nothing is changed, what runs goes on";
const UNCHANGED: &str = "nothing has changed, what runs goes on";

/// A mall with one HTTP feed, its agent, and who listens.
struct Mall {
    _broker: Broker,
    tills: Tills,
    http: u16,
    subscriber: Subscriber,
    agent: Agent,
}

impl Mall {
    fn start(receipts: &str) -> Result<Option<Self>> {
        let Some(broker) = Broker::start()? else {
            skipped("mosquitto is not installed");
            return Ok(None);
        };
        let http = free_port()?;
        let source =
            format!("[[source]]\nkind = \"http\"\nlisten = \"127.0.0.1:{http}\"\ntoken_file = \"tokens\"\n");
        let tills = Tills::new(broker.port(), 2, receipts, &source)?;
        let subscriber = Subscriber::start(broker.port(), "mall/v1/#")?;
        let agent = tills.run()?;
        let mut mall = Self { _broker: broker, tills, http, subscriber, agent };
        mall.listening();
        Ok(Some(mall))
    }

    fn listening(&mut self) {
        let http = self.http;
        self.agent.until("the port is open", SOON, || TcpStream::connect(("127.0.0.1", http)).is_ok());
    }

    /// Changes `agent.toml` or `site.toml`.
    fn edit(&self, file: &str, change: impl FnOnce(String) -> String) -> Result<()> {
        let path = self.tills.path(file);
        Ok(fs::write(&path, change(fs::read_to_string(&path)?))?)
    }

    /// SIGHUP, and waits until the log says this once more.
    fn hang_up(&mut self, until: &str) -> Result<String> {
        let log = self.agent.log();
        let (before, said) = (log().matches(until).count(), log().len());
        self.agent.hang_up()?;
        self.agent.until(until, SOON, || log().matches(until).count() > before);
        Ok(log()[said..].to_owned())
    }

    /// A receipt that is recorded; its event.
    fn buy(&mut self, number: &str) -> Result<Value> {
        self.listening();
        assert_eq!(post(self.http, "/v1/receipts", TOKEN, document("t0", number, 100).as_bytes())?.0, 200);
        wait_for(&self.subscriber, &[number]);
        let record = self.subscriber.record();
        let event = record.events.values().find(|e| e["data"]["number"] == number);
        Ok(event.context("it was there a moment ago")?.clone())
    }

    /// What was said on the status topic, in order.
    fn statuses(&self) -> Vec<Value> {
        let record = self.subscriber.record();
        let of = record.messages.iter().filter(|(topic, _)| topic.ends_with("/status"));
        of.filter_map(|(_, payload)| serde_json::from_slice(payload).ok()).collect()
    }

    /// Stops it: it says goodbye, and had not before.
    fn stop(self) -> Result<String> {
        self.agent.terminate()?;
        let Self { agent, subscriber, .. } = self;
        let output = agent.finish(SOON)?.succeeded();
        wait_until("it says offline", SOON, || statuses(&subscriber).last().is_some_and(|s| s == "offline"));
        let all = statuses(&subscriber);
        assert_eq!(all.iter().filter(|s| *s == "offline").count(), 1, "{all:?}");
        assert!(subscriber.record().contradictions.is_empty());
        Ok(output)
    }
}

fn statuses(subscriber: &Subscriber) -> Vec<String> {
    let record = subscriber.record();
    let of = record.messages.iter().filter(|(topic, _)| topic.ends_with("/status"));
    of.filter_map(|(_, payload)| serde_json::from_slice::<Value>(payload).ok())
        .filter_map(|status| Some(status["status"].as_str()?.to_owned()))
        .collect()
}

#[test]
fn a_good_change_is_told_and_in_force_and_nobody_hears_offline() -> Result<()> {
    let Some(mut mall) = Mall::start("decide_after_s = 0")? else { return Ok(()) };
    let first = mall.buy("A1")?;

    mall.edit("agent.toml", |text| text + "\n[inference]\ndwell_threshold_s = 300\n")?;
    let said = mall.hang_up(IN_FORCE)?;
    assert!(said.contains("changed: inference.dwell_threshold_s: (default) -> 300"), "{said}");
    let second = mall.buy("A2")?;
    assert_ne!(first["data"]["config_version"], second["data"]["config_version"], "{first} {second}");

    let sensor = "\n[[sensor]]\nid = \"S2\"\nzone = \"door\"\nposition = [0.0, 0.0]\n";
    mall.edit("site.toml", |text| text + sensor)?;
    let said = mall.hang_up(IN_FORCE)?;
    assert!(said.contains("changed: site map: sensor \"S2\": added"), "{said}");
    assert!(said.contains("visits go on from the ledger, as after a restart: the site map"), "{said}");
    let third = mall.buy("A3")?;
    assert_ne!(third["data"]["config_version"], second["data"]["config_version"]);

    // A level that says more.
    mall.edit("agent.toml", |text| text + "\n[log]\nlevel = \"trace\"\n")?;
    let log = mall.agent.log();
    assert!(!log().contains(" TRACE ") && !log().contains(" DEBUG "));
    mall.hang_up(IN_FORCE)?;
    mall.agent.until("it says more", SOON, || log().contains(" TRACE ") || log().contains(" DEBUG "));

    mall.edit("agent.toml", |text| format!("# a comment\n{text}"))?;
    let said = mall.hang_up(UNCHANGED)?;
    assert!(!said.contains("changed: "), "{said}");
    let sessions: BTreeSet<u64> = mall.statuses().iter().filter_map(|s| s["session"].as_u64()).collect();
    assert_eq!(sessions.len(), 4, "a birth for each life, and none for nothing");
    let log = mall.stop()?;
    for line in log.lines().filter(|line| line.contains(IN_FORCE)) {
        eprintln!("{line}");
    }
    Ok(())
}

#[test]
fn a_bad_change_is_refused_whole_with_all_its_problems_and_what_runs_goes_on() -> Result<()> {
    let Some(mut mall) = Mall::start("decide_after_s = 0")? else { return Ok(()) };
    let first = mall.buy("A1")?;
    let good = fs::read_to_string(mall.tills.path("agent.toml"))?;

    mall.edit("agent.toml", |text| text + "\n[inference]\ndwel_threshold_s = 300\nmax_devices = 1\n")?;
    mall.edit("site.toml", |text| text.replace("kind = \"shop\"", "kind = \"shoop\""))?;
    let said = mall.hang_up(REFUSED)?;
    for problem in ["dwel_threshold_s", "max_devices", "shoop", "problems=3"] {
        assert!(said.contains(problem), "{problem}: {said}");
    }
    assert_eq!(mall.buy("A2")?["data"]["config_version"], first["data"]["config_version"]);
    // Health does not wait for its minute.
    let health = |problem: &str| {
        let record = mall.subscriber.record();
        let mut all = record.messages.iter().filter(|(topic, _)| topic.ends_with("/health"));
        let last = all.next_back().and_then(|(_, payload)| serde_json::from_slice::<Value>(payload).ok());
        last.is_some_and(|h| h["config"]["problem"].as_str().is_some_and(|p| p.contains(problem)))
    };
    wait_until("health says so", Duration::from_secs(20), || health("dwel_threshold_s"));

    // Right again, but of what cannot change while it runs.
    mall.edit("site.toml", |text| text.replace("shoop", "shop"))?;
    let moved = good.replace("dir = \"store\"", "dir = \"elsewhere\"").replace("\"gw-1\"", "\"gw-2\"");
    fs::write(mall.tills.path("agent.toml"), moved)?;
    let said = mall.hang_up(REFUSED)?;
    assert!(said.contains("store.dir cannot change") && said.contains("gateway cannot change"), "{said}");
    fs::write(mall.tills.path("agent.toml"), good)?;
    mall.hang_up(UNCHANGED)?;
    assert_eq!(mall.buy("A3")?["data"]["config_version"], first["data"]["config_version"]);
    assert_eq!(mall.statuses().len(), 1, "nothing was restarted");
    mall.stop()?;
    Ok(())
}

#[test]
fn who_moves_to_another_prefix_says_offline_at_the_old_place_and_online_at_the_new() -> Result<()> {
    let Some(mut mall) = Mall::start("decide_after_s = 0")? else { return Ok(()) };
    mall.buy("A1")?;
    mall.edit("agent.toml", |text| text.replace("[mqtt]\n", "[mqtt]\nprefix = \"mall/v1/moved\"\n"))?;
    mall.hang_up(IN_FORCE)?;
    mall.buy("A2")?;
    let of = |prefix: &str| {
        let topic = format!("{prefix}/mall/gateway/gw-1/status");
        let record = mall.subscriber.record();
        let all = record.messages.iter().filter(|(t, _)| *t == topic);
        all.filter_map(|(_, payload)| {
            Some(serde_json::from_slice::<Value>(payload).ok()?["status"].to_string())
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(of("mall/v1"), ["\"online\"", "\"offline\""]);
    assert_eq!(of("mall/v1/moved"), ["\"online\""]);
    mall.agent.terminate()?;
    mall.agent.finish(SOON)?.succeeded();
    Ok(())
}

#[test]
fn the_service_manager_hears_when_a_reload_begins_and_ends() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let manager = std::os::unix::net::UnixDatagram::bind(dir.path().join("notify"))?;
    manager.set_read_timeout(Some(SOON))?;
    let hears = |word: &str| -> Result<String> {
        let mut bytes = [0; 1024];
        loop {
            let n = manager.recv(&mut bytes).with_context(|| format!("waiting for {word}"))?;
            let said = String::from_utf8_lossy(&bytes[..n]).into_owned();
            if said.contains(word) {
                return Ok(said);
            }
        }
    };
    // No broker: a reload needs none.
    let source = "[[source]]\nkind = \"folder\"\npath = \"drop\"\n";
    let tills = Tills::new(free_port()?, 1, "", source)?;
    let mut command = system_tests::agent::command(["run", "--config"])?;
    command.arg(tills.path("agent.toml")).env("NOTIFY_SOCKET", dir.path().join("notify"));
    let mut agent = Agent::start(&mut command)?;
    let log = agent.log();
    agent.until("it runs", SOON, || log().contains("is running"));
    let config = fs::read_to_string(tills.path("agent.toml"))?;
    for (change, end) in
        [("", UNCHANGED), ("[inference]\nlearn = 1\n", REFUSED), ("[inference]\nlearn = false\n", IN_FORCE)]
    {
        fs::write(tills.path("agent.toml"), format!("{config}\n{change}"))?;
        agent.hang_up()?;
        assert!(hears("RELOADING=1")?.contains("\nMONOTONIC_USEC="));
        hears("READY=1")?;
        agent.until(end, SOON, || log().contains(end));
    }
    agent.terminate()?;
    agent.finish(SOON)?.succeeded();
    Ok(())
}

#[test]
fn what_cannot_be_put_in_force_gives_way_to_what_was() -> Result<()> {
    let Some(mut mall) = Mall::start("decide_after_s = 0")? else { return Ok(()) };
    let first = mall.buy("A1")?;
    let consented = "[privacy]\nmode = \"consented\"\nconsent_list = \"nobody-wrote-it.txt\"";
    mall.edit("agent.toml", |text| text.replace("[privacy]", consented))?;
    let said = mall.hang_up("the old one is taken up again")?;
    assert!(said.contains("nobody-wrote-it.txt"), "{said}");
    assert_eq!(mall.buy("A2")?["data"]["config_version"], first["data"]["config_version"]);
    let log = mall.stop()?;
    assert!(!log.contains(IN_FORCE), "{log}");
    Ok(())
}

#[test]
fn a_receipt_that_waits_for_its_decision_is_recorded_once_whatever_is_reloaded_meanwhile() -> Result<()> {
    let Some(mut mall) = Mall::start("decide_after_s = 6")? else { return Ok(()) };
    // Sold now: it waits for what is heard after it.
    let paper = document("t0", "W1", 100)
        .replace("2026-01-05T03:00:00Z", &now())
        .replace(",\"business_date\":\"2026-01-05\"", "");
    assert_eq!(post(mall.http, "/v1/receipts", TOKEN, paper.as_bytes())?.0, 200);
    for n in 1..=3 {
        mall.edit("agent.toml", |text| format!("{text}\n[inference]\ndwell_threshold_s = {}\n", 200 + n))?;
        mall.hang_up(IN_FORCE)?;
        mall.edit("agent.toml", |text| text.split("\n[inference]").next().unwrap_or_default().to_owned())?;
    }
    assert!(!recorded(&mall.subscriber).0.contains_key("W1"), "it should still wait");
    wait_for(&mall.subscriber, &["W1"]);
    let log = mall.stop()?;
    assert!(!log.contains("cannot be used"), "{log}");
    Ok(())
}

/// The wall clock in RFC 3339, to the second.
fn now() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    visit_core::time::Timestamp::from_micros(i64::try_from(now.as_micros()).unwrap_or(0)).to_string()
}

#[test]
fn told_to_stop_in_the_middle_of_a_reload_it_stops_and_says_offline() -> Result<()> {
    let Some(broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    let mut random = Random::new(7);
    let tills = Tills::new(broker.port(), 2, "", &system_tests::tills::feeds(free_port()?))?;
    let subscriber = Subscriber::start(broker.port(), "mall/v1/#")?;
    let config = fs::read_to_string(tills.path("agent.toml"))?;
    for n in 0..12_u64 {
        let offline = || statuses(&subscriber).iter().filter(|s| *s == "offline").count();
        let before = offline();
        let mut agent = tills.run()?;
        let log = agent.log();
        agent.until("connected", SOON, || log().contains("connected to the broker"));
        fs::write(
            tills.path("agent.toml"),
            format!("{config}\n[inference]\ndwell_threshold_s = {}\n", 60 + n),
        )?;
        if n < 9 {
            agent.hang_up()?;
            // From before it is read to after it is in force.
            std::thread::sleep(Duration::from_millis(random.between(0, 15) * (n % 3) * (n % 3)));
            agent.terminate()?;
        } else {
            agent.terminate()?;
            agent.hang_up()?;
        }
        agent.finish(SOON)?.succeeded();
        wait_until(&format!("it says offline, the {n}th time"), SOON, || {
            offline() > before && statuses(&subscriber).last().is_some_and(|s| s == "offline")
        });
    }
    Ok(())
}

fn events_of(subscriber: &Subscriber) -> BTreeSet<String> {
    let record = subscriber.record();
    assert!(record.contradictions.is_empty(), "one id, two facts: {:?}", record.contradictions);
    assert_eq!(record.malformed, [""; 0]);
    record.events.keys().cloned().collect()
}

/// A day that is reloaded again and again, and killed now and then, has the events of one that is left alone.
#[test]
fn visits_go_on_across_a_storm_of_reloads_as_if_there_had_been_none() -> Result<()> {
    let Some(broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    let reference = Installation::new(60, 11, &Settings::new(broker.port()))?;
    let quiet = Subscriber::start(broker.port(), "mall/#")?;
    reference.run_to_end(Duration::from_secs(300))?.succeeded();
    wait_until("it says offline", SOON, || statuses(&quiet).last().is_some_and(|s| s == "offline"));
    let expected = events_of(&quiet);
    drop(quiet);
    assert!(expected.len() > 100, "only {} events: the test would prove little", expected.len());

    let broker = Broker::start()?.context("mosquitto was there a moment ago")?;
    let speed = day::DAY_SECONDS / 25.0;
    // Few checkpoints: what goes on goes on from memory.
    let settings = Settings { speed, checkpoint_s: 600, ..Settings::new(broker.port()) };
    let stormy = Installation::new(60, 11, &settings)?;
    stormy.share_key_of(&reference)?;
    let subscriber = Subscriber::start(broker.port(), "mall/#")?;
    let config = fs::read_to_string(stormy.config())?;
    let mut random = Random::new(3);
    let (mut lives, mut kills, mut asked) = (0, 0, 0);
    loop {
        let mut agent = stormy.start()?;
        let log = agent.log();
        agent.until("it runs", SOON, || log().contains("is running"));
        let mut over = false;
        for _ in 0..12 {
            // Of what is inferred it changes nothing.
            let keep_alive = random.between(10, 60);
            let text = config.replace("[mqtt]\n", &format!("[mqtt]\nkeep_alive_s = {keep_alive}\n"));
            fs::write(stormy.config(), text)?;
            for _ in 0..random.between(1, 6) {
                agent.hang_up()?;
                asked += 1;
            }
            if agent.wait(Duration::from_millis(random.between(50, 700)))?.is_some() {
                over = true;
                break;
            }
        }
        lives += log().matches(IN_FORCE).count();
        if over || kills == 3 {
            let output = agent.finish(Duration::from_secs(120))?.succeeded();
            assert!(!output.contains("cannot be used"), "{output}");
            break;
        }
        agent.kill()?;
        kills += 1;
    }
    wait_until("it says offline", SOON, || {
        statuses(&subscriber).last().is_some_and(|s| s == "offline")
            && subscriber.ids().len() >= expected.len()
    });
    let got = events_of(&subscriber);
    eprintln!("{} events; {asked} SIGHUPs, {lives} reloads, {kills} kills", got.len());
    assert!(lives > 10, "only {lives} reloads: the test would prove little");
    assert_eq!(expected.difference(&got).collect::<Vec<_>>(), [""; 0].iter().collect::<Vec<_>>(), "lost");
    assert_eq!(
        got.difference(&expected).collect::<Vec<_>>(),
        [""; 0].iter().collect::<Vec<_>>(),
        "of its own"
    );
    stormy.outbox("verify")?.succeeded();
    Ok(())
}
