//! The publisher against the broker of the field.
#![allow(missing_docs, clippy::unwrap_used)]

mod publish_support;

use edge_agent::publish::memory::{MemoryOutbox, arrival};
use edge_agent::publish::{Protocol, TlsConfig};
use publish_support::fake::BreakingWire;
use publish_support::{Mosquitto, Subscriber, config, run};
use std::path::Path;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn every_event_arrives_though_wires_break_and_the_broker_restarts() {
    let Some(mut broker) = Mosquitto::start("").await else { return };
    let mut subscriber = Subscriber::to(broker.port, "mall/v1/joy/visit/#").await;
    let wire = BreakingWire::to(broker.port, 12).await;
    let running = run(config(wire.port), MemoryOutbox::with_events(4_000));
    for part in 1..=4u64 {
        running.until("some progress", |r| r.stats.snapshot().acknowledged >= 600 * part).await;
        broker.restart("").await;
        running.outbox.push(250);
    }
    let (ids, all) = subscriber.ids(5_000).await;
    running.until_empty().await;
    let report = running.stop().await;
    assert_eq!(ids.len(), 5_000);
    assert!(report.drained && report.stats.reconnects >= 8, "{report:?}");
    assert!(report.stats.resent > 0 && report.stats.dead_lettered == 0, "{report:?}");
    eprintln!("5,000 events, {} duplicates, {} reconnects", all - 5_000, report.stats.reconnects);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_envelope_carries_its_properties_and_a_first_sending_is_not_resent() {
    let Some(broker) = Mosquitto::start("").await else { return };
    let mut subscriber = Subscriber::to(broker.port, "mall/v1/#").await;
    let running = run(config(broker.port), MemoryOutbox::default());
    running.outbox.push(1);
    running.outbox.store(arrival(2, "F1-Z01"), true);
    let (birth, status) = subscriber.json("status").await;
    assert!(birth.topic == "mall/v1/joy/gateway/gw-1/status" && status["status"] == "online");
    assert!(status["session"] == 7 && status["version"] == "0.1.0" && status["schema"] == "v1");
    let (first, event) = subscriber.json("arrived").await;
    assert_eq!(first.topic, "mall/v1/joy/visit/arrived");
    let properties = first.properties.unwrap();
    assert_eq!(properties.content_type.as_deref(), Some("application/cloudevents+json"));
    assert_eq!(event["data"]["resent"], false);
    let (_, recovered) = subscriber.json("arrived").await;
    assert_eq!(recovered["data"]["resent"], true);
    running.until_empty().await;
    assert!(running.stop().await.drained);
    let (_, status) = subscriber.json("status").await;
    assert!(status["status"] == "offline" && status["reason"] == "stopped", "{status}");
    let mut late = Subscriber::to(broker.port, "mall/v1/joy/gateway/#").await;
    let (health, report) = late.json("health").await;
    assert!(health.retain && report["ok"] == true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_dies_is_reported_by_its_last_will() {
    let Some(broker) = Mosquitto::start("").await else { return };
    let mut subscriber = Subscriber::to(broker.port, "mall/v1/joy/gateway/+/status").await;
    let running = run(config(broker.port), MemoryOutbox::default());
    assert_eq!(subscriber.json("status").await.1["status"], "online");
    running.task.abort();
    let (_, status) = subscriber.json("status").await;
    assert!(status["status"] == "offline" && status["reason"] == "lost", "{status}");
    let mut late = Subscriber::to(broker.port, "mall/v1/joy/gateway/gw-1/status").await;
    let (retained, status) = late.json("status").await;
    assert!(retained.retain && status["status"] == "offline");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_listening_is_counted() {
    let Some(broker) = Mosquitto::start("").await else { return };
    let running = run(config(broker.port), MemoryOutbox::with_events(3));
    running.until_empty().await;
    assert_eq!(running.stop().await.stats.no_subscribers, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn mqtt_3_1_1_delivers_the_same() {
    let Some(broker) = Mosquitto::start("").await else { return };
    let mut subscriber = Subscriber::to(broker.port, "mall/v1/#").await;
    let mut config = config(broker.port);
    config.protocol = Protocol::Mqtt311;
    let running = run(config, MemoryOutbox::with_events(500));
    assert_eq!(subscriber.ids(500).await.0.len(), 500);
    running.until_empty().await;
    assert!(running.stop().await.drained);
    assert_eq!(subscriber.json("status").await.1["reason"], "stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_acl_forbids_is_kept() {
    let acl = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(acl.path(), "topic readwrite mall/v1/joy/gateway/#\ntopic read mall/v1/#\n").unwrap();
    let Some(broker) = Mosquitto::start(&format!("acl_file {}", acl.path().display())).await else { return };
    let running = run(config(broker.port), MemoryOutbox::with_events(2));
    // mosquitto 2.0.11 sends PUBACK 0x87 for one event; when it must refuse two at once it resets the connection,
    // and the publisher sends them one at a time to find out which of them it is.
    running
        .until("the broker's refusal is noticed", |r| {
            r.stats.snapshot().refused > 0 || !r.outbox.dead().is_empty()
        })
        .await;
    assert_eq!(running.outbox.len() + running.outbox.dead().len(), 2, "it waits, or is kept apart");
    let stats = running.stats.snapshot();
    assert!(stats.acknowledged == 0 && stats.last_error.is_some(), "{stats:?}");
    running.task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_larger_than_the_broker_takes_does_not_stop_the_others() {
    let Some(broker) = Mosquitto::start("max_packet_size 2000").await else { return };
    let mut subscriber = Subscriber::to(broker.port, "mall/v1/joy/visit/#").await;
    let outbox = MemoryOutbox::with_events(3);
    outbox.store(arrival(4, &"Z".repeat(3_000)), false);
    outbox.push(3);
    let running = run(config(broker.port), outbox);
    assert_eq!(subscriber.ids(6).await.0.len(), 6);
    running.until_empty().await;
    assert!(running.outbox.dead()[&4].contains("packet too large"));
    assert_eq!(running.stop().await.stats.reconnects, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_with_client_certificates_and_nothing_without() {
    let dir = tempfile::tempdir().unwrap();
    let tls = certificates(dir.path());
    let extra = format!(
        "cafile {0}/ca.pem\ncertfile {0}/server.pem\nkeyfile {0}/server.key\nrequire_certificate true",
        dir.path().display()
    );
    let Some(broker) = Mosquitto::start(&extra).await else { return };
    let mut with_cert = config(broker.port);
    with_cert.host = "localhost".into();
    with_cert.tls = Some(tls.clone());
    let mut without = with_cert.clone();
    without.tls = Some(TlsConfig { client_cert: None, client_key: None, ..tls });
    let refused = run(without, MemoryOutbox::with_events(1));
    refused.until("it is refused", |r| r.stats.snapshot().last_error.is_some()).await;
    assert_eq!(refused.outbox.len(), 1);
    assert!(!refused.stop().await.drained);

    let running = run(with_cert, MemoryOutbox::with_events(200));
    running.until_empty().await;
    assert!(running.stop().await.drained);
}

/// A CA, a server certificate for localhost and a client certificate, as PEM files.
fn certificates(dir: &Path) -> TlsConfig {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    let mut params = CertificateParams::new(vec![]).unwrap();
    // A subject of its own: a leaf with the issuer's name passes for self-signed.
    params.distinguished_name.push(rcgen::DnType::CommonName, "test CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(dir.join("ca.pem"), ca.pem()).unwrap();
    for name in ["server", "client"] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let cert = params.signed_by(&key, &ca).unwrap();
        std::fs::write(dir.join(format!("{name}.pem")), cert.pem()).unwrap();
        std::fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
    TlsConfig {
        ca_file: dir.join("ca.pem"),
        client_cert: Some(dir.join("client.pem")),
        client_key: Some(dir.join("client.key")),
        alpn: vec![],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_without_a_broker_is_quick_and_keeps_the_events() {
    let running = run(config(publish_support::free_port()), MemoryOutbox::with_events(5));
    running.until("it tried", |r| r.stats.snapshot().last_error.is_some()).await;
    let outbox = running.outbox.clone();
    let report = tokio::time::timeout(Duration::from_secs(3), running.stop()).await.expect("quick");
    assert!(!report.drained && outbox.len() == 5);
}
