//! A short visit to the broker: read what is retained, publish one message, leave.

use crate::cli::exit::{Exit, Failure};
use crate::cli::run::mqtt_config;
use crate::config::Config;
use crate::config::published::{MAX_PACKET, topic};
use crate::feeds::mqtt::open;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PubAckReason, SubscribeReasonCode};
use rumqttc::v5::{AsyncClient, Event, EventLoop};
use std::time::Duration;
use tokio::time::timeout;

/// For an answer of the broker.
const PATIENCE: Duration = Duration::from_secs(15);
/// Retained messages come at once with the subscription; when none came for so long, that was all.
const ALL_THERE: Duration = Duration::from_millis(1_500);

/// Connected.
pub(super) struct Client {
    client: AsyncClient,
    events: EventLoop,
    broker: String,
    prefix: String,
}

impl Client {
    /// Connects to the broker of a configuration; `what` becomes part of the client id.
    pub(super) async fn connect(config: &Config, what: &str) -> Result<Self, Failure> {
        let mqtt = mqtt_config(&config.agent.mqtt)?;
        let id =
            format!("edge-agent-{}-{}-{what}-{}", config.site.id, config.agent.gateway, std::process::id());
        let broker = format!("{}:{}", mqtt.host, mqtt.port);
        let (client, events) = open(&mqtt, &id, None, MAX_PACKET)
            .map_err(|e| Failure::new(Exit::Config, format!("broker {broker}: {e}")))?;
        let mut client = Self { client, events, broker, prefix: mqtt.prefix };
        let connected = |packet: &Packet| matches!(packet, Packet::ConnAck(_)).then_some(());
        until(&mut client.events, &client.broker, "answer", connected).await?;
        Ok(client)
    }

    /// The topic of the site map.
    pub(super) fn map_topic(&self, config: &Config) -> String {
        topic(&self.prefix, &config.site.id)
    }

    /// First levels of topics.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What is retained under a filter: topics and payloads.
    pub(super) async fn retained(&mut self, filter: &str) -> Result<Vec<(String, Vec<u8>)>, Failure> {
        self.client
            .try_subscribe(filter, QoS::AtLeastOnce)
            .map_err(|e| failed(&self.broker, &e.to_string()))?;
        let mut all = Vec::new();
        let mut take = |packet: &Packet| {
            if let Packet::Publish(p) = packet {
                let topic = String::from_utf8_lossy(&p.topic).into_owned();
                if p.retain && !p.payload.is_empty() {
                    all.push((topic, p.payload.to_vec()));
                }
                let _ = self.client.try_ack(p);
            }
        };
        let refused = until(&mut self.events, &self.broker, "confirm the subscription", |packet| {
            take(packet);
            let Packet::SubAck(ack) = packet else { return None };
            Some(ack.return_codes.iter().any(|code| !matches!(code, SubscribeReasonCode::Success(_))))
        })
        .await?;
        if refused {
            return Err(not_allowed(&self.broker, &format!("subscribe to {filter}")));
        }
        loop {
            match timeout(ALL_THERE, self.events.poll()).await {
                Err(_) => break,
                Ok(Ok(Event::Incoming(packet))) => take(&packet),
                Ok(Ok(Event::Outgoing(_))) => {}
                Ok(Err(e)) => return Err(failed(&self.broker, &e.to_string())),
            }
        }
        Ok(all)
    }

    /// Publishes a retained message; when this returns the broker has it.
    pub(super) async fn publish(&mut self, topic: &str, payload: Vec<u8>) -> Result<(), Failure> {
        self.client
            .try_publish(topic, QoS::AtLeastOnce, true, payload)
            .map_err(|e| failed(&self.broker, &e.to_string()))?;
        let reason = until(&mut self.events, &self.broker, "take the site map", |packet| match packet {
            Packet::PubAck(ack) => Some(ack.reason),
            _ => None,
        })
        .await?;
        match reason {
            PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Ok(()),
            PubAckReason::NotAuthorized => Err(not_allowed(&self.broker, &format!("publish on {topic}"))),
            other => Err(failed(&self.broker, &format!("it does not take the site map: {other:?}"))),
        }
    }
}

/// Waits for a packet.
async fn until<T>(
    events: &mut EventLoop,
    broker: &str,
    what: &str,
    mut wanted: impl FnMut(&Packet) -> Option<T>,
) -> Result<T, Failure> {
    let search = async {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(packet)) => {
                    if let Some(found) = wanted(&packet) {
                        return Ok(found);
                    }
                }
                Ok(Event::Outgoing(_)) => {}
                Err(e) => return Err(failed(broker, &e.to_string())),
            }
        }
    };
    match timeout(PATIENCE, search).await {
        Ok(done) => done,
        Err(_) => Err(failed(broker, &format!("it did not {what} for {PATIENCE:?}"))),
    }
}

fn failed(broker: &str, why: &str) -> Failure {
    Failure::new(Exit::Unavailable, format!("broker {broker}: {why}"))
}

fn not_allowed(broker: &str, what: &str) -> Failure {
    Failure::new(Exit::NoPermission, format!("broker {broker}: we may not {what}; look at its access rules"))
}
