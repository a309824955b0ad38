//! The site map as a retained topic: what is good is in force on the gateway at once, what is not is refused and told.
#![allow(missing_docs)]

use anyhow::{Context, Result};
use rumqttc::{Client, MqttOptions, QoS};
use serde_json::{Value, json};
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use system_tests::tills::{SOON, TOKEN, document, post, wait_for};
use system_tests::{Agent, Broker, Finished, Subscriber, Tills, agent, free_port, skipped, wait_until};

const TOPIC: &str = "mall/v1/mall/config/site-map";
const IN_FORCE: &str = "the new configuration is in force";
const REFUSED: &str = "the site map that was in force stays";

/// A mall that follows the published map.
fn mall(broker: &Broker, http: u16) -> Result<Tills> {
    let source = format!(
        "[[source]]\nkind = \"http\"\nlisten = \"127.0.0.1:{http}\"\ntoken_file = \"tokens\"\ntill = \"t1\"\n"
    );
    let tills = Tills::new(broker.port(), 2, "decide_after_s = 0", &source)?;
    let path = tills.path("agent.toml");
    fs::write(&path, format!("site_map_topic = true\n{}", fs::read_to_string(&path)?))?;
    Ok(tills)
}

fn site_map(tills: &Tills, args: &[&str]) -> Result<Finished> {
    let config = tills.path("agent.toml").display().to_string();
    let all = ["site-map", args[0], "--config", &config].into_iter().chain(args[1..].iter().copied());
    agent::run(all, SOON)
}

fn publish(tills: &Tills, site: &Path) -> Result<Finished> {
    site_map(tills, &["publish", "--signed-off-by", "Li Wei", &site.display().to_string()])
}

/// Does something, and waits until the log says this once more.
fn until(agent: &mut Agent, what: &str, act: impl FnOnce() -> Result<()>) -> Result<String> {
    let log = agent.log();
    let (before, said) = (log().matches(what).count(), log().len());
    act()?;
    agent.until(what, SOON, || log().matches(what).count() > before);
    Ok(log()[said..].to_owned())
}

#[test]
fn a_published_map_is_taken_when_it_is_good_and_kept_for_a_start_without_a_broker() -> Result<()> {
    let Some(mut broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    let http = free_port()?;
    let tills = mall(&broker, http)?;
    let subscriber = Subscriber::start(broker.port(), "mall/v1/mall/receipt/#")?;
    let mut agent = tills.run()?;
    let log = agent.log();
    agent.until("it follows", SOON, || log().contains("follows the published site map"));
    let buy = |number: &str| -> Result<String> {
        assert_eq!(post(http, "/v1/receipts", TOKEN, document("t0", number, 100).as_bytes())?.0, 200);
        wait_for(&subscriber, &[number]);
        let record = subscriber.record();
        let event = record.events.values().find(|e| e["data"]["number"] == number).context("recorded")?;
        Ok(event["data"]["config_version"].as_str().unwrap_or_default().to_owned())
    };
    let of_the_file = buy("A1")?;

    // By the command, and what it is: a map that a person signed off, under the next version.
    let base = fs::read_to_string(tills.path("site.toml"))?;
    let with = |sensor: &str| {
        format!("{base}\n[[sensor]]\nid = {sensor:?}\nzone = \"door\"\nposition = [0.0, 0.0]\n")
    };
    let new = tills.path("new.toml");
    fs::write(&new, with("S2"))?;
    let said = until(&mut agent, IN_FORCE, || publish(&tills, &new).map(|done| drop(done.succeeded())))?;
    assert!(
        said.contains("site map: sensor \"S2\": added") && said.contains("published version 1"),
        "{said}"
    );
    agent.until("the port is open", SOON, || TcpStream::connect(("127.0.0.1", http)).is_ok());
    assert_ne!(buy("A2")?, of_the_file);
    assert!(publish(&tills, &new)?.succeeded().contains("published already: version 1"));
    fs::write(&new, with("S3"))?;
    until(&mut agent, IN_FORCE, || publish(&tills, &new).map(|done| drop(done.succeeded())))?;
    agent.until("the port is open", SOON, || TcpStream::connect(("127.0.0.1", http)).is_ok());
    let second = buy("A3")?;

    // What the command does not let out.
    for (text, why) in [
        (with("S2").replace("id = \"mall\"", "id = \"other\""), "it is of site \"other\""),
        (base.replace("id = \"t1\"", "id = \"t9\""), "no till \"t1\""),
        ("nonsense".to_owned(), "not TOML"),
    ] {
        fs::write(&new, text)?;
        let refused = publish(&tills, &new)?;
        assert!(refused.code == Some(64) && refused.output.contains(why), "{why}: {refused:?}");
    }

    // What others publish.
    let good: Value = serde_json::from_slice(&fs::read(tills.path("store/site-map.json"))?)?;
    assert_eq!((&good["version"], &good["signed_off_by"]), (&json!(2), &json!("Li Wei")));
    let message = |version: u64, text: &str| {
        json!({ "version": version, "sha256": sha256(text), "signed_off_by": "x",
        "signed_off_at": "2026-11-26T09:00:00Z", "site_map": text })
    };
    let mut options = MqttOptions::new("stranger", "127.0.0.1", broker.port());
    options.set_max_packet_size(20 << 20, 20 << 20);
    let (client, mut connection) = Client::new(options, 10);
    std::thread::spawn(move || connection.iter().for_each(drop));
    let mut wrong_sum = message(3, &with("S4"));
    wrong_sum["sha256"] = good["sha256"].clone();
    let huge = format!("{base}# {}", "x".repeat(1 << 20));
    for (payload, reason, why) in [
        (wrong_sum.to_string(), "checksum", "that of the text is"),
        (message(1, &with("S4")).to_string(), "older", "version 1 is older than 2"),
        (message(2, &with("S4")).to_string(), "same_version", "other contents"),
        (message(3, &base.replace("id = \"mall\"", "id = \"other\"")).to_string(), "other_site", "\"other\""),
        (message(3, &base.replace("id = \"t1\"", "id = \"t9\"")).to_string(), "invalid", "no till \"t1\""),
        (message(3, &base.replace("\"shop\"", "\"shoop\"")).to_string(), "invalid", "version 3:"),
        (message(3, &huge).to_string(), "too_large", "more than"),
        (format!("\"{}\"", "x".repeat(3 << 20)), "too_large", "more than"),
        ("\u{0}\u{1}garbage".to_owned(), "unreadable", "no site map message"),
    ] {
        let said =
            until(&mut agent, REFUSED, || Ok(client.publish(TOPIC, QoS::AtLeastOnce, false, payload)?))?;
        assert!(said.contains(&format!("reason=\"{reason}\"")) && said.contains(why), "{reason}: {said}");
    }
    assert_eq!(buy("A4")?, second);
    // Health follows within seconds.
    let mut shown = String::new();
    wait_until("health tells of version 2", SOON, || {
        shown = site_map(&tills, &["show"]).map(Finished::succeeded).unwrap_or_default();
        shown.contains("gateway   gw-1: version 2")
    });
    assert!(shown.contains("published version 2") && shown.contains("copy      version 2"), "{shown}");
    let config = tills.path("agent.toml").display().to_string();
    let checked = agent::run(["check", "--config", &config], SOON)?;
    assert!(checked.output.contains("published version 2, signed off by Li Wei"), "{}", checked.output);
    eprintln!("{shown}");

    // Without a broker the copy counts; killed in the middle it is whole.
    agent.kill()?;
    broker.stop()?;
    let mut agent = tills.run()?;
    let log = agent.log();
    agent.until("it starts with the copy", SOON, || log().contains(&format!("config_version=\"{second}\"")));
    agent.kill()?;
    fs::write(tills.path("store/site-map.json"), "{ damaged")?;
    let mut agent = tills.run()?;
    let log = agent.log();
    agent.until("it starts with the file", SOON, || {
        log().contains(&format!("config_version=\"{of_the_file}\""))
    });
    assert!(log().contains("does not count"), "{}", log());
    broker.resume()?;
    agent.until("what is retained is taken", SOON, || log().contains(IN_FORCE));
    agent.terminate()?;
    agent.finish(SOON)?.succeeded();
    Ok(())
}

fn sha256(text: &str) -> String {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    // Not by our own code: what others call SHA-256.
    let mut sum = Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("sha256sum: {e}"));
    if let Some(mut input) = sum.stdin.take() {
        input.write_all(text.as_bytes()).unwrap_or_else(|e| panic!("sha256sum: {e}"));
    }
    let out = sum.wait_with_output().unwrap_or_else(|e| panic!("sha256sum: {e}"));
    String::from_utf8_lossy(&out.stdout).split(' ').next().unwrap_or_default().to_owned()
}
