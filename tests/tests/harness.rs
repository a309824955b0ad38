//! The harness itself: what the other tests rely on.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;
use system_tests::{Broker, Subscriber, free_port, has_program, skipped, wait_until};

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

#[test]
fn no_port_is_given_twice_nor_one_that_the_kernel_may_give_to_somebody_else() -> Result<()> {
    let threads: Vec<_> =
        (0..4).map(|_| std::thread::spawn(|| (0..50).map(|_| free_port()).collect())).collect();
    let mut ports: Vec<u16> = Vec::new();
    for thread in threads {
        let of_one: std::io::Result<Vec<u16>> = thread.join().expect("it gets its ports");
        ports.extend(of_one?);
    }
    assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 200, "{ports:?}");
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")?;
    let first: u16 = range.split_whitespace().next().context("a range")?.parse()?;
    assert!(first <= 11_000 || ports.iter().all(|p| *p < first), "{range}: {ports:?}");
    Ok(())
}

#[test]
fn a_port_that_somebody_listens_on_is_passed_over() -> Result<()> {
    let next = free_port()? + 1;
    if let Ok(_taken) = TcpListener::bind(("127.0.0.1", next)) {
        assert_ne!(free_port()?, next);
    }
    Ok(())
}
