//! Members agree, withdraw and agree again while the gateway runs: by a file that is replaced, and by a retained topic.
#![allow(missing_docs)]

use anyhow::{Context, Result};
use rumqttc::{Client, MqttOptions, QoS};
use serde_json::Value;
use std::fs;
use std::net::TcpStream;
use std::time::Duration;
use system_tests::tills::{SOON, TOKEN, document, feeds, post, recorded, wait_for};
use system_tests::{Agent, Broker, Subscriber, Tills, free_port, skipped};

const TOPIC: &str = "mall/v1/mall/privacy/consent";

/// Waits until a list with so many entries is in force, for the `n`-th time.
fn in_force(agent: &mut Agent, list: &str, entries: usize, n: usize) {
    let line = format!("is in force list=\"{list}\" entries={entries}");
    let output = agent.log();
    agent.until(&line, SOON, || output().matches(&line).count() == n);
}

#[test]
fn a_receipt_names_a_member_only_while_they_agree() -> Result<()> {
    let Some(broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    let http = free_port()?;
    let mall = Tills::new(broker.port(), 2, "decide_after_s = 0", &feeds(http))?;
    let config = fs::read_to_string(mall.path("agent.toml"))?;
    let privacy = "[privacy]\nmode = \"consented\"\nconsent_list = \"consent.txt\"\nconsent_topic = true";
    fs::write(mall.path("agent.toml"), config.replace("[privacy]", privacy))?;
    fs::write(mall.path("consent.txt"), "VIP-1\n")?;
    let subscriber = Subscriber::start(broker.port(), "mall/v1/#")?;
    let mut agent = mall.run()?;
    agent.until("the port is open", SOON, || TcpStream::connect(("127.0.0.1", http)).is_ok());
    // The member of a receipt of VIP-1 with this number, as it is recorded.
    let buy = |number: &str| -> Result<Value> {
        let paper = document("t0", number, 100).replace("\"at\"", "\"member\":\"VIP-1\",\"at\"");
        assert_eq!(post(http, "/v1/receipts", TOKEN, paper.as_bytes())?.0, 200);
        wait_for(&subscriber, &[number]);
        Ok(recorded(&subscriber).0[number][0]["member"].clone())
    };
    let token = buy("A1")?;
    assert!(token.is_string(), "on the list in the file: {token}");
    fs::write(mall.path("consent.txt"), "# nobody any more\n")?;
    in_force(&mut agent, "consent_list", 0, 1);
    assert_eq!(buy("A2")?, Value::Null);

    let (client, mut connection) = Client::new(MqttOptions::new("crm", "127.0.0.1", broker.port()), 10);
    std::thread::spawn(move || connection.iter().for_each(drop));
    let text = token.as_str().context("a token")?;
    client.publish(TOPIC, QoS::AtLeastOnce, true, format!("{text}\n"))?;
    in_force(&mut agent, "consent_topic", 1, 1);
    assert_eq!(buy("A3")?, token);
    client.publish(TOPIC, QoS::AtLeastOnce, true, "# nobody\n")?;
    in_force(&mut agent, "consent_topic", 0, 1);
    assert_eq!(buy("A4")?, Value::Null);

    // Agreed again, and without a broker the copy counts.
    client.publish(TOPIC, QoS::AtLeastOnce, true, format!("{text}\n"))?;
    in_force(&mut agent, "consent_topic", 1, 2);
    agent.terminate()?;
    agent.finish(Duration::from_secs(60))?.succeeded();
    let copy = fs::read_to_string(mall.path("consent.list"))?;
    assert!(copy.contains(text) && !copy.contains("VIP"), "{copy}");
    Ok(())
}
