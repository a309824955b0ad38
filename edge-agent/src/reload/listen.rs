//! Follows the published site map: `{prefix}/{site}/config/site-map`, retained.
//!
//! A connection of its own, with a session that ends with it: what is retained comes again with each subscription.

use crate::config::published::MAX_MESSAGE;
use crate::feeds::mqtt::{AGAIN, open};
use crate::publish::MqttConfig;
use rumqttc::v5::Event;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, SubscribeReasonCode};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Longest packet. A broker drops what is larger without a word (MQTT 5 §3.1.2.11.4), so what is somewhat too large must
/// still come, to be refused in words.
pub const MAX_PACKET: u32 = 2 * MAX_MESSAGE as u32;

/// The topic of a site's map.
pub fn topic(prefix: &str, site: &str) -> String {
    format!("{prefix}/{site}/config/site-map")
}

/// Where the map is published.
pub struct Follower {
    /// The broker.
    pub broker: MqttConfig,
    /// Client id.
    pub client_id: String,
    /// The topic.
    pub topic: String,
    /// Where messages go.
    pub maps: mpsc::Sender<Vec<u8>>,
}

/// Listens until `cancel`.
pub async fn listen(follower: Follower, cancel: CancellationToken) {
    let mut wait = AGAIN.0;
    loop {
        let began = tokio::time::Instant::now();
        let why = tokio::select! {
            why = connection(&follower) => why,
            () = cancel.cancelled() => return,
        };
        warn!("the published site map is not followed, the last one stays in force: {why}");
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
async fn connection(follower: &Follower) -> String {
    let (client, mut events) = match open(&follower.broker, &follower.client_id, None, MAX_PACKET) {
        Ok(both) => both,
        Err(why) => return why,
    };
    let broker = format!("{}:{}", follower.broker.host, follower.broker.port);
    let silence = follower.broker.keep_alive * 2 + follower.broker.connect_timeout;
    loop {
        match tokio::time::timeout(silence, events.poll()).await {
            Err(_) => return format!("broker {broker}: silent"),
            Ok(Err(e)) => return format!("broker {broker}: {e}"),
            Ok(Ok(Event::Incoming(Packet::ConnAck(_)))) => {
                if client.try_subscribe(&follower.topic, QoS::AtLeastOnce).is_err() {
                    return format!("broker {broker}: cannot subscribe");
                }
            }
            Ok(Ok(Event::Incoming(Packet::SubAck(ack)))) => {
                let refused = |code: &SubscribeReasonCode| !matches!(code, SubscribeReasonCode::Success(_));
                if ack.return_codes.iter().any(refused) {
                    warn!(
                        topic = follower.topic,
                        "broker {broker}: may not subscribe to the site map; look at its access rules"
                    );
                } else {
                    info!(broker, topic = follower.topic, "follows the published site map");
                }
            }
            Ok(Ok(Event::Incoming(Packet::Publish(message)))) => {
                // Cleared: what is in force stays.
                if !message.payload.is_empty() && follower.maps.send(message.payload.to_vec()).await.is_err()
                {
                    return "nobody takes it".to_owned();
                }
                let _ = client.try_ack(&message);
            }
            Ok(Ok(_)) => {}
        }
    }
}
