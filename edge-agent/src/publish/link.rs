//! One connection to a broker, whichever version of MQTT it speaks.
//!
//! A [`Link`] lives for one connection: a fresh client and event loop each time, never reused, because a reused
//! one loses messages and can collide on packet ids. Its driver task does nothing but poll; what happens comes
//! out as [`Notice`]s, in order. Messages get packet ids in the order they were submitted, one [`Notice::Sent`]
//! each. Dropping the link ends the driver and closes the socket, at whatever point it is stuck.

use super::config::{MqttConfig, Protocol, TlsError, default_client_id};
use super::message::{Identity, Message, OfflineReason};
use rumqttc::v5::mqttbytes::QoS as QoS5;
use rumqttc::v5::mqttbytes::v5 as mqtt5;
use rumqttc::{Outgoing, QoS, TlsConfiguration, Transport, v5};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// What the broker allows, from CONNACK.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    /// Largest packet, bytes.
    pub(super) max_packet: Option<u32>,
    /// Messages in flight at most.
    pub(super) receive_max: Option<u16>,
}

/// What a PUBACK says about a message (MQTT 5 §3.4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Taken.
    Taken,
    /// Taken, and nobody is subscribed.
    NobodyListens,
    /// Not now.
    Later(&'static str),
    /// Never.
    Never(&'static str),
}

/// What happened on a link.
#[derive(Debug)]
pub(super) enum Notice {
    /// CONNACK.
    Connected(Limits),
    /// The oldest submitted message without a packet id now has this one.
    Sent(u16),
    /// PUBACK.
    Acked(u16, Verdict),
    /// It is over; nothing follows. `by_broker`: the other side closed it.
    Closed { why: String, by_broker: bool },
}

/// A connection, or the attempt at one.
pub(super) struct Link {
    client: Client,
    /// What happened.
    pub(super) notices: mpsc::Receiver<Notice>,
    driver: JoinHandle<()>,
}

enum Client {
    V5(v5::AsyncClient),
    V4(rumqttc::AsyncClient),
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Link {
    /// Begins to connect. `slots`: messages submitted and not acknowledged at most, ours to keep.
    pub(super) fn open(config: &MqttConfig, who: &Identity, slots: usize) -> Result<Self, TlsError> {
        let transport = match &config.tls {
            Some(tls) => Transport::Tls(TlsConfiguration::Rustls(tls.load()?)),
            None => Transport::Tcp,
        };
        let id = config.client_id.clone().unwrap_or_else(|| default_client_id(&who.site, &who.gateway));
        let will = Message::status(config, who, Some(OfflineReason::Lost));
        let (tx, notices) = mpsc::channel(2 * slots + 16);
        let (client, driver) = match config.protocol {
            Protocol::Mqtt5 => {
                let options = options_v5(config, id, transport, will);
                let (client, mut events) = v5::AsyncClient::new(options, slots);
                let mut network = events.options.network_options();
                network.set_tcp_nodelay(true);
                events.options.set_network_options(network);
                (Client::V5(client), tokio::spawn(drive(EventLoop::V5(Box::new(events)), tx, config.into())))
            }
            Protocol::Mqtt311 => {
                let options = options_v4(config, id, transport, will);
                let (client, mut events) = rumqttc::AsyncClient::new(options, slots);
                let mut network = events.network_options();
                network.set_connection_timeout(config.connect_timeout.as_secs() + 1);
                network.set_tcp_nodelay(true);
                events.set_network_options(network);
                (Client::V4(client), tokio::spawn(drive(EventLoop::V4(Box::new(events)), tx, config.into())))
            }
        };
        Ok(Self { client, notices, driver })
    }

    /// Hands over a message; `Err` when the client refuses it. Never waits.
    pub(super) fn submit(&self, message: Message) -> Result<(), String> {
        let Message { topic, payload, retain, content_type, expiry } = message;
        match &self.client {
            Client::V5(client) => {
                let properties = mqtt5::PublishProperties {
                    message_expiry_interval: expiry,
                    content_type: Some(content_type.into()),
                    ..Default::default()
                };
                client
                    .try_publish_with_properties(topic, QoS5::AtLeastOnce, retain, payload, properties)
                    .map_err(|e| e.to_string())
            }
            Client::V4(client) => {
                client.try_publish(topic, QoS::AtLeastOnce, retain, payload).map_err(|e| e.to_string())
            }
        }
    }

    /// Says DISCONNECT, so that the broker does not publish the last will.
    pub(super) fn goodbye(&self) {
        // A client whose driver has ended cannot be told, and need not be.
        let _ = match &self.client {
            Client::V5(client) => client.try_disconnect().map_err(|_| ()),
            Client::V4(client) => client.try_disconnect().map_err(|_| ()),
        };
    }
}

fn options_v5(config: &MqttConfig, id: String, transport: Transport, will: Message) -> v5::MqttOptions {
    let mut options = v5::MqttOptions::new(id, address(config), config.port);
    options
        .set_transport(transport)
        .set_keep_alive(config.keep_alive)
        .set_clean_start(true)
        .set_connection_timeout(config.connect_timeout.as_secs() + 1)
        .set_outgoing_inflight_upper_limit(packet_ids(config))
        .set_last_will(mqtt5::LastWill::new(will.topic, will.payload, QoS5::AtLeastOnce, will.retain, None));
    if let Some((user, password)) = config.credentials() {
        options.set_credentials(user, password);
    }
    options
}

fn options_v4(config: &MqttConfig, id: String, transport: Transport, will: Message) -> rumqttc::MqttOptions {
    let mut options = rumqttc::MqttOptions::new(id, address(config), config.port);
    options
        .set_transport(transport)
        .set_keep_alive(config.keep_alive)
        .set_clean_session(true)
        .set_inflight(packet_ids(config))
        // Incoming: acknowledgements only. Outgoing: the size is checked before a message is submitted.
        .set_max_packet_size(10 << 10, 1 << 20)
        .set_last_will(rumqttc::LastWill::new(will.topic, will.payload, QoS::AtLeastOnce, will.retain));
    if let Some((user, password)) = config.credentials() {
        options.set_credentials(user, password);
    }
    options
}

/// Range of packet ids: wider than what we keep in flight, so that a broker that acknowledges out of order does
/// not make the client wait for a used id.
fn packet_ids(config: &MqttConfig) -> u16 {
    config.inflight.max(1).saturating_mul(4)
}

/// An IPv6 address needs brackets: the client appends `:port`.
fn address(config: &MqttConfig) -> String {
    match config.host.parse::<std::net::Ipv6Addr>() {
        Ok(ip) => format!("[{ip}]"),
        Err(_) => config.host.clone(),
    }
}

enum EventLoop {
    V5(Box<v5::EventLoop>),
    V4(Box<rumqttc::EventLoop>),
}

struct Timeouts {
    connect: Duration,
    keep_alive: Duration,
    stuck: Duration,
}

impl From<&MqttConfig> for Timeouts {
    fn from(config: &MqttConfig) -> Self {
        Self { connect: config.connect_timeout, keep_alive: config.keep_alive, stuck: config.ack_timeout }
    }
}

/// Polls until the end. After CONNACK a poll returns at the latest when it is time for a ping, unless a write
/// is stuck, which keep-alive does not notice: hence the time-out on every poll.
async fn drive(mut events: EventLoop, notices: mpsc::Sender<Notice>, timeouts: Timeouts) {
    let mut patience = timeouts.connect;
    loop {
        let (notice, last) = match timeout(patience, events.poll()).await {
            Ok(Ok(None)) => continue,
            Ok(Ok(Some(closed @ Notice::Closed { .. }))) => (closed, true),
            Ok(Ok(Some(notice))) => (notice, false),
            Ok(Err(closed)) => (closed, true),
            Err(_) => {
                let why = format!("the broker did not answer for {patience:?}");
                (Notice::Closed { why, by_broker: false }, true)
            }
        };
        if matches!(notice, Notice::Connected(_)) {
            patience = events.agree_keep_alive(timeouts.keep_alive) + timeouts.stuck;
        }
        if notices.send(notice).await.is_err() || last {
            return;
        }
    }
}

impl EventLoop {
    /// The next thing worth a notice; the error is the notice of the end.
    async fn poll(&mut self) -> Result<Option<Notice>, Notice> {
        match self {
            Self::V5(events) => match events.poll().await {
                Ok(event) => Ok(notice_v5(event)),
                Err(e) => Err(closed_v5(&e)),
            },
            Self::V4(events) => match events.poll().await {
                Ok(event) => Ok(notice_v4(&event)),
                Err(e) => Err(closed_v4(&e)),
            },
        }
    }

    /// The ping interval in force. A broker may set its own (MQTT 5 §3.2.2.3.14); zero means "never", which the
    /// client would take for "all the time".
    fn agree_keep_alive(&mut self, ours: Duration) -> Duration {
        match self {
            Self::V5(events) => {
                if events.options.keep_alive().is_zero() {
                    events.options.set_keep_alive(ours);
                }
                events.options.keep_alive().max(ours)
            }
            Self::V4(_) => ours,
        }
    }
}

/// DISCONNECT is on its way; it is for the client to close the connection then (MQTT 5 §3.14.4).
fn parted() -> Notice {
    Notice::Closed { why: "DISCONNECT sent".into(), by_broker: false }
}

fn notice_v5(event: v5::Event) -> Option<Notice> {
    match event {
        v5::Event::Outgoing(Outgoing::Publish(id)) => Some(Notice::Sent(id)),
        v5::Event::Outgoing(Outgoing::Disconnect) => Some(parted()),
        v5::Event::Incoming(mqtt5::Packet::PubAck(ack)) => Some(Notice::Acked(ack.pkid, verdict(ack.reason))),
        v5::Event::Incoming(mqtt5::Packet::ConnAck(ack)) => {
            let p = ack.properties;
            Some(Notice::Connected(Limits {
                max_packet: p.as_ref().and_then(|p| p.max_packet_size),
                receive_max: p.as_ref().and_then(|p| p.receive_max),
            }))
        }
        _ => None,
    }
}

fn notice_v4(event: &rumqttc::Event) -> Option<Notice> {
    match event {
        rumqttc::Event::Outgoing(Outgoing::Publish(id)) => Some(Notice::Sent(*id)),
        rumqttc::Event::Outgoing(Outgoing::Disconnect) => Some(parted()),
        rumqttc::Event::Incoming(rumqttc::Packet::PubAck(ack)) => {
            Some(Notice::Acked(ack.pkid, Verdict::Taken))
        }
        rumqttc::Event::Incoming(rumqttc::Packet::ConnAck(_)) => Some(Notice::Connected(Limits::default())),
        _ => None,
    }
}

fn verdict(reason: mqtt5::PubAckReason) -> Verdict {
    use mqtt5::PubAckReason as R;
    match reason {
        R::Success => Verdict::Taken,
        R::NoMatchingSubscribers => Verdict::NobodyListens,
        R::UnspecifiedError => Verdict::Later("unspecified error (0x80)"),
        R::ImplementationSpecificError => Verdict::Later("implementation specific error (0x83)"),
        R::PacketIdentifierInUse => Verdict::Later("packet identifier in use (0x91)"),
        R::QuotaExceeded => Verdict::Later("quota exceeded (0x97)"),
        // Somebody will mend the ACL; until then everything it forbids waits, and the error says so.
        R::NotAuthorized => Verdict::Later("not authorized (0x87): the broker's ACL does not let us publish"),
        R::TopicNameInvalid => Verdict::Never("topic name invalid (0x90)"),
        R::PayloadFormatInvalid => Verdict::Never("payload format invalid (0x99)"),
    }
}

fn closed_v5(error: &v5::ConnectionError) -> Notice {
    use mqtt5::DisconnectReasonCode as R;
    use v5::mqttbytes::Error as M;
    use v5::{ConnectionError as E, StateError as S};
    let by_broker = match error {
        E::Io(_) | E::MqttState(S::ConnectionAborted | S::Io(_) | S::Deserialization(M::Io(_))) => true,
        // Reasons that can be an event's fault; the others are the broker's own affair.
        E::MqttState(S::ServerDisconnect { reason_code, .. }) => matches!(
            reason_code,
            R::UnspecifiedError
                | R::MalformedPacket
                | R::ProtocolError
                | R::ImplementationSpecificError
                | R::NotAuthorized
                | R::TopicNameInvalid
                | R::PacketTooLarge
                | R::PayloadFormatInvalid
        ),
        _ => false,
    };
    Notice::Closed { why: error.to_string(), by_broker }
}

fn closed_v4(error: &rumqttc::ConnectionError) -> Notice {
    use rumqttc::mqttbytes::Error as M;
    use rumqttc::{ConnectionError as E, StateError as S};
    let by_broker = matches!(
        error,
        E::Io(_) | E::MqttState(S::ConnectionAborted | S::Io(_) | S::Deserialization(M::Io(_)))
    );
    Notice::Closed { why: error.to_string(), by_broker }
}
