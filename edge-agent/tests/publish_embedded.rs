//! The publisher and the demo's embedded broker, heard by a client that speaks MQTT 3.1.1.
#![allow(missing_docs, clippy::unwrap_used)]
#![cfg(feature = "embedded-broker")]

mod publish_support;

use edge_agent::demo::broker::Broker;
use edge_agent::publish::Protocol;
use edge_agent::publish::memory::MemoryOutbox;
use publish_support::{PATIENCE, config, run};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use std::collections::BTreeSet;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread")]
async fn an_outside_client_sees_the_events_and_the_retained_status() {
    let broker = Broker::start(0).unwrap();
    let (client, mut events) = AsyncClient::new(MqttOptions::new("outside", "127.0.0.1", broker.port()), 10);
    client.subscribe("mall/v1/joy/visit/#", QoS::AtLeastOnce).await.unwrap();
    while !matches!(
        timeout(PATIENCE, events.poll()).await.unwrap().unwrap(),
        Event::Incoming(Packet::SubAck(_))
    ) {}
    let mut config = config(broker.port());
    config.protocol = Protocol::Mqtt311;
    let running = run(config, MemoryOutbox::with_events(300));
    let mut ids = BTreeSet::new();
    while ids.len() < 300 {
        if let Event::Incoming(Packet::Publish(p)) = timeout(PATIENCE, events.poll()).await.unwrap().unwrap()
        {
            let event: serde_json::Value = serde_json::from_slice(&p.payload).unwrap();
            ids.insert(event["id"].as_str().unwrap().to_owned());
        }
    }
    running.until_empty().await;
    assert!(running.stop().await.drained);

    client.subscribe("mall/v1/joy/gateway/+/status", QoS::AtLeastOnce).await.unwrap();
    loop {
        if let Event::Incoming(Packet::Publish(p)) = timeout(PATIENCE, events.poll()).await.unwrap().unwrap()
        {
            let status: serde_json::Value = serde_json::from_slice(&p.payload).unwrap();
            assert_eq!(status["reason"], "stopped");
            return;
        }
    }
}
