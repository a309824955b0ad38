//! The harness itself: what the other tests rely on.

use anyhow::{Context, Result, ensure};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;
use system_tests::{Broker, Subscriber, has_program, skipped, wait_until};

/// Publishes one event an id at QoS 1 and returns when the broker has acknowledged all.
fn publish(port: u16, ids: std::ops::Range<u32>) -> Result<()> {
    let mut publisher = Command::new("mosquitto_pub")
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-q", "1", "-t", "mall/v1/s/visit/arrived", "-l"])
        .stdin(Stdio::piped())
        .spawn()?;
    let mut lines = publisher.stdin.take().context("stdin is piped")?;
    for id in ids {
        writeln!(lines, r#"{{"specversion":"1.0","id":"{id}","type":"mall.visit.arrived","data":{{}}}}"#)?;
    }
    drop(lines);
    ensure!(publisher.wait()?.success(), "mosquitto_pub failed");
    Ok(())
}

#[test]
fn the_subscriber_misses_nothing_when_the_broker_restarts() -> Result<()> {
    let Some(mut broker) = Broker::start()?.filter(|_| has_program("mosquitto_pub")) else {
        skipped("mosquitto or mosquitto_pub is not installed");
        return Ok(());
    };
    let subscriber = Subscriber::start(broker.port(), "mall/#")?;
    for round in 0..4 {
        publish(broker.port(), round * 2_000..(round + 1) * 2_000)?;
        broker.restart()?;
    }
    wait_until("all 8,000 events have arrived", Duration::from_secs(30), || subscriber.ids().len() == 8_000);
    assert!(subscriber.record().contradictions.is_empty());
    Ok(())
}

#[test]
fn a_broker_keeps_its_port_and_refuses_while_it_is_stopped() -> Result<()> {
    let Some(mut broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    let port = broker.port();
    assert!(system_tests::broker::accepts(port));
    broker.stop()?;
    assert!(!system_tests::broker::accepts(port));
    broker.resume()?;
    assert!(broker.port() == port && system_tests::broker::accepts(port));
    Ok(())
}
