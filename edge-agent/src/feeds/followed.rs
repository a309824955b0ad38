//! What is published for gateways to take over: the site map, lists of people. Retained topics.
//!
//! A connection of its own, with a session that ends with it: what is retained comes again with each subscription.

use super::mqtt::{AGAIN, open};
use crate::publish::MqttConfig;
use rumqttc::v5::Event;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, SubscribeReasonCode};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// What is followed, and where.
pub struct Followed<T> {
    /// The broker.
    pub broker: MqttConfig,
    /// Client id.
    pub client_id: String,
    /// What it is, in words: "the published site map".
    pub what: &'static str,
    /// The topics, each with what it is known by here.
    pub topics: Vec<(String, T)>,
    /// Longest packet, bytes.
    pub longest: u32,
    /// Where messages go. Empty: the topic was cleared.
    pub messages: mpsc::Sender<(T, Vec<u8>)>,
}

/// Listens until `cancel`.
pub async fn follow<T: Copy + Send + Sync>(followed: Followed<T>, cancel: CancellationToken) {
    let mut wait = AGAIN.0;
    loop {
        let began = tokio::time::Instant::now();
        let why = tokio::select! {
            why = connection(&followed) => why,
            () = cancel.cancelled() => return,
        };
        warn!("lost {}, what came last stays in force: {why}", followed.what);
        if began.elapsed() > AGAIN.1 {
            wait = AGAIN.0;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(AGAIN.1),
            () = cancel.cancelled() => return,
        }
    }
}

/// One connection; gives back why it ended.
async fn connection<T: Copy + Send + Sync>(followed: &Followed<T>) -> String {
    let Followed { broker, client_id, what, topics, longest, messages } = followed;
    let (client, mut events) = match open(broker, client_id, None, *longest) {
        Ok(both) => both,
        Err(why) => return why,
    };
    let silence = broker.keep_alive * 2 + broker.connect_timeout;
    let broker = format!("{}:{}", broker.host, broker.port);
    loop {
        match tokio::time::timeout(silence, events.poll()).await {
            Err(_) => return format!("broker {broker}: silent"),
            Ok(Err(e)) => return format!("broker {broker}: {e}"),
            Ok(Ok(Event::Incoming(Packet::ConnAck(_)))) => {
                for (topic, _) in topics {
                    if client.try_subscribe(topic, QoS::AtLeastOnce).is_err() {
                        return format!("broker {broker}: too many topics");
                    }
                }
            }
            Ok(Ok(Event::Incoming(Packet::SubAck(ack)))) => {
                let refused = |code: &SubscribeReasonCode| !matches!(code, SubscribeReasonCode::Success(_));
                if ack.return_codes.iter().any(refused) {
                    warn!("broker {broker}: may not subscribe to {what}; look at its access rules");
                } else {
                    info!(broker, "follows {what}");
                }
            }
            Ok(Ok(Event::Incoming(Packet::Publish(message)))) => {
                let known = topics.iter().find(|(topic, _)| topic.as_bytes() == &message.topic[..]);
                let Some((_, which)) = known else { continue };
                // One that is lost on the way is retained: it comes again.
                if messages.send((*which, message.payload.to_vec())).await.is_err() {
                    return "nobody takes it".to_owned();
                }
                let _ = client.try_ack(&message);
            }
            Ok(Ok(_)) => {}
        }
    }
}
