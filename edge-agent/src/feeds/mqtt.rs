//! POS software publishes over MQTT: the documents of the HTTP push, acknowledged (PUBACK) once they are durable.
//!
//! The session is persistent (MQTT 5.0 §3.1.2.11.2): what is published at QoS 1 while we are away, the broker keeps.
//! Each connection has a client and an event loop of its own; what was not acknowledged the broker sends again.
//!
//! A message that cannot be read is acknowledged all the same, counted and logged without its content: unacknowledged
//! it would come again for ever, and nothing after it.

use super::{Arrival, Intake, NotKept, Reporter, documents};
use crate::config::MqttFeedSettings;
use crate::pipeline::wall_clock;
use crate::publish::MqttConfig;
use gateway::pos::push;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish, SubscribeReasonCode};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use rumqttc::{TlsConfiguration, Transport};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use visit_core::site::TillIx;

/// Messages on their way at once.
const INFLIGHT: u16 = 64;
/// Longest message.
const MAX_MESSAGE: u32 = 4 << 20;
/// How long the broker keeps our session, seconds: a week.
const SESSION: u32 = 7 * 86_400;
/// Waits between connections: the first, doubled up to the last.
pub(crate) const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// The feed.
pub struct Subscription {
    /// Its settings.
    pub settings: MqttFeedSettings,
    /// The broker and how to reach it; topics and queues of it mean nothing here.
    pub broker: MqttConfig,
    /// Client id.
    pub client_id: String,
    /// For documents that do not say.
    pub defaults: push::Settings,
    /// For receipts whose own till is not in the site map.
    pub till: Option<TillIx>,
    /// Where papers go.
    pub intake: Intake,
    /// Its hand on the board.
    pub report: Reporter,
}

/// Listens until `cancel`.
pub async fn listen(feed: Subscription, cancel: CancellationToken) {
    let mut wait = AGAIN.0;
    loop {
        let began = tokio::time::Instant::now();
        let why = tokio::select! {
            why = connection(&feed) => why,
            () = cancel.cancelled() => return,
        };
        warn!(feed = %feed.report.name(), "{why}");
        feed.report.down(why);
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
async fn connection(feed: &Subscription) -> String {
    let (client, mut events) = match open(&feed.broker, &feed.client_id, Some(SESSION), MAX_MESSAGE) {
        Ok(both) => both,
        Err(why) => return why,
    };
    // Messages are read on one task and made durable on another: pings must not wait for a disk.
    let (sender, mut messages) = mpsc::channel::<Publish>(usize::from(INFLIGHT));
    let reading = read(feed, &client, &mut events, sender);
    let keeping = async {
        while let Some(message) = messages.recv().await {
            keep(feed, &client, message).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        why = reading => why,
        () = keeping => "the connection ended".to_owned(),
    }
}

async fn read(
    feed: &Subscription,
    client: &AsyncClient,
    events: &mut EventLoop,
    sender: mpsc::Sender<Publish>,
) -> String {
    let broker = format!("{}:{}", feed.broker.host, feed.broker.port);
    // A broker that is silent for longer than two pings has gone.
    let silence = feed.broker.keep_alive * 2 + feed.broker.connect_timeout;
    loop {
        match tokio::time::timeout(silence, events.poll()).await {
            Err(_) => return format!("broker {broker}: silent"),
            Ok(Err(e)) => return format!("broker {broker}: {e}"),
            Ok(Ok(Event::Incoming(Packet::ConnAck(_)))) => {
                for topic in &feed.settings.topics {
                    if client.try_subscribe(topic, QoS::AtLeastOnce).is_err() {
                        return format!("broker {broker}: too many topics");
                    }
                }
            }
            Ok(Ok(Event::Incoming(Packet::SubAck(ack)))) => {
                let refused = |code: &SubscribeReasonCode| !matches!(code, SubscribeReasonCode::Success(_));
                if ack.return_codes.iter().any(refused) {
                    feed.report.down(format!("broker {broker}: may not subscribe; look at its access rules"));
                } else {
                    info!(feed = %feed.report.name(), broker, "subscribed");
                    feed.report.up();
                }
            }
            Ok(Ok(Event::Incoming(Packet::Publish(message)))) => {
                // The broker sends no more than our receive maximum before we acknowledge.
                if sender.try_send(message).is_err() {
                    return format!("broker {broker}: sends more than we asked for");
                }
            }
            Ok(Ok(_)) => {}
        }
    }
}

/// Makes a message durable and acknowledges it.
async fn keep(feed: &Subscription, client: &AsyncClient, message: Publish) {
    feed.report.change(|state| state.bytes += message.payload.len() as u64);
    match documents::read(&message.payload, &feed.defaults) {
        Ok(papers) => {
            let captured = wall_clock();
            let arrival = |paper| Arrival { paper, till: feed.till, captured, prompt: false };
            let arrivals: Vec<Arrival> = papers.into_iter().map(arrival).collect();
            let mut wait = AGAIN.0;
            let verdicts = loop {
                match feed.intake.deliver(feed.report.name(), arrivals.clone()).await {
                    Ok(verdicts) => break verdicts,
                    Err(NotKept) => tokio::time::sleep(wait).await,
                }
                wait = (wait * 2).min(AGAIN.1);
            };
            for why in verdicts.into_iter().filter_map(Result::err) {
                warn!(feed = %feed.report.name(), "a receipt is not recorded: {why}");
            }
        }
        Err(problems) => {
            feed.report.change(|state| state.bad += 1);
            for (n, problem) in problems.iter().take(5) {
                warn!(feed = %feed.report.name(), document = n, "a message cannot be read: {problem}");
            }
        }
    }
    // Refused only when the connection is over: the broker will send it again.
    let _ = client.try_ack(&message);
}

/// A client that acknowledges by hand; with a session that outlives the connection by so many seconds, or none.
pub(crate) fn open(
    b: &MqttConfig,
    client_id: &str,
    session: Option<u32>,
    largest: u32,
) -> Result<(AsyncClient, EventLoop), String> {
    let mut options = MqttOptions::new(client_id, b.host.clone(), b.port);
    options.set_keep_alive(b.keep_alive);
    options.set_clean_start(session.is_none());
    options.set_session_expiry_interval(session);
    options.set_receive_maximum(Some(INFLIGHT));
    options.set_max_packet_size(Some(largest));
    options.set_connection_timeout(b.connect_timeout.as_secs() + 1);
    options.set_manual_acks(true);
    if let Some(user) = &b.username {
        options.set_credentials(user, b.password.as_ref().map_or("", |p| p.reveal()));
    }
    if let Some(tls) = &b.tls {
        let config = tls.load().map_err(|e| e.to_string())?;
        options.set_transport(Transport::Tls(TlsConfiguration::Rustls(config)));
    }
    Ok(AsyncClient::new(options, usize::from(INFLIGHT) * 2))
}
