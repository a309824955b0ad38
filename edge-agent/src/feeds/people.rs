//! Lists of people that are published: `{prefix}/{site}/privacy/opt-out` and `…/privacy/consent`, retained.
//!
//! A connection of its own, with a session that ends with it: what is retained comes again with each subscription.

use super::mqtt::{AGAIN, open};
use crate::privacy::Which;
use crate::publish::MqttConfig;
use rumqttc::v5::Event;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, SubscribeReasonCode};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Longest list, bytes: half a million entries.
const MAX_LIST: u32 = 16 << 20;

/// Where lists are published.
pub struct People {
    /// The broker.
    pub broker: MqttConfig,
    /// Client id.
    pub client_id: String,
    /// The topics, each with the list it carries.
    pub topics: Vec<(String, Which)>,
    /// Where lists go.
    pub lists: mpsc::Sender<(Which, Vec<u8>)>,
}

/// Listens until `cancel`.
pub async fn listen(people: People, cancel: CancellationToken) {
    let mut wait = AGAIN.0;
    loop {
        let began = tokio::time::Instant::now();
        let why = tokio::select! {
            why = connection(&people) => why,
            () = cancel.cancelled() => return,
        };
        warn!("published lists of people are not followed, the last ones stay in force: {why}");
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
async fn connection(people: &People) -> String {
    let (client, mut events) = match open(&people.broker, &people.client_id, None, MAX_LIST) {
        Ok(both) => both,
        Err(why) => return why,
    };
    let broker = format!("{}:{}", people.broker.host, people.broker.port);
    let silence = people.broker.keep_alive * 2 + people.broker.connect_timeout;
    loop {
        match tokio::time::timeout(silence, events.poll()).await {
            Err(_) => return format!("broker {broker}: silent"),
            Ok(Err(e)) => return format!("broker {broker}: {e}"),
            Ok(Ok(Event::Incoming(Packet::ConnAck(_)))) => {
                for (topic, _) in &people.topics {
                    if client.try_subscribe(topic, QoS::AtLeastOnce).is_err() {
                        return format!("broker {broker}: too many topics");
                    }
                }
            }
            Ok(Ok(Event::Incoming(Packet::SubAck(ack)))) => {
                let refused = |code: &SubscribeReasonCode| !matches!(code, SubscribeReasonCode::Success(_));
                if ack.return_codes.iter().any(refused) {
                    warn!("broker {broker}: may not subscribe to lists of people; look at its access rules");
                } else {
                    info!(broker, "follows published lists of people");
                }
            }
            Ok(Ok(Event::Incoming(Packet::Publish(message)))) => {
                let which = people.topics.iter().find(|(topic, _)| topic.as_bytes() == &message.topic[..]);
                let Some((_, which)) = which else { continue };
                // One that is lost on the way is retained: it comes again.
                if people.lists.send((*which, message.payload.to_vec())).await.is_err() {
                    return "nobody takes them".to_owned();
                }
                let _ = client.try_ack(&message);
            }
            Ok(Ok(_)) => {}
        }
    }
}
