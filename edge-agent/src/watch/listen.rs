//! One subscription to what a site says, over and over: every connection is a client of its own, with a clean session.
//!
//! A viewer asks for little: it keeps nothing at the broker, and a message larger than [`LARGEST`] it does not want. Bounded:
//! when whoever reads is slow, the connection is read no further.

use crate::publish::{MqttConfig, Protocol, TlsConfig};
use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS as QoS5;
use rumqttc::v5::mqttbytes::v5 as mqtt5;
use rumqttc::{QoS, TlsConfiguration, Transport, v5};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Largest message that is wanted; events have some hundred bytes, health a few thousand.
pub const LARGEST: usize = 256 << 10;
/// Messages on their way to whoever reads.
pub const WAITING: usize = 512;
/// First and longest wait before calling again.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
/// Soon enough for somebody who looks at a broken line.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Whom to call, and what for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The broker; its queues and waits mean nothing here.
    pub broker: MqttConfig,
    /// The version of MQTT; `None`: 5, and where that is refused 3.1.1.
    pub protocol: Option<Protocol>,
    /// The site; all of them when absent.
    pub site: Option<String>,
}

/// What was heard of a broker.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// Connected, and subscribed.
    Listening,
    /// No connection: why, whether the broker does not want us, and how long until it is called again.
    Lost {
        /// In words.
        why: String,
        /// The broker knows us, and refuses.
        refused: bool,
        /// Until the next try.
        again: Duration,
    },
    /// A message.
    Message {
        /// Its topic.
        topic: String,
        /// Its content.
        payload: Bytes,
        /// The broker had kept it.
        retained: bool,
    },
}

/// Why a connection ended.
struct Ended {
    why: String,
    refused: bool,
    /// It may be that the broker does not speak this version.
    version: bool,
}

impl Wanted {
    /// `host:port`.
    pub fn address(&self) -> String {
        format!("{}:{}", self.broker.host, self.broker.port)
    }

    /// The topics that are subscribed to: all that is published but what is between gateways.
    pub fn filters(&self) -> Vec<String> {
        let site = self.site.as_deref().unwrap_or("+");
        ["visit/#", "receipt/#", "flow/#", "privacy/+", "gateway/+/status", "gateway/+/health"]
            .iter()
            .map(|leaf| format!("{}/{site}/{leaf}", self.broker.prefix))
            .collect()
    }

    /// A client identifier that nobody else has, short enough for any broker (MQTT 3.1.1 §3.1.3.1).
    fn client_id() -> String {
        format!("ea-watch-{:08x}", getrandom::u32().unwrap_or_else(|_| std::process::id()))
    }
}

/// Listens until nobody reads any more.
pub async fn listen(wanted: Wanted, heard: mpsc::Sender<Heard>) {
    let mut wait = AGAIN.0;
    let mut versions = match wanted.protocol {
        Some(one) => vec![one],
        None => vec![Protocol::Mqtt5, Protocol::Mqtt311],
    };
    loop {
        let began = tokio::time::Instant::now();
        let (ended, was_up) = connection(&wanted, versions[0], &heard).await;
        if was_up {
            versions.truncate(1);
        } else if ended.version && versions.len() > 1 {
            // The other version at once: nobody needs to know that there are two.
            versions.remove(0);
            continue;
        }
        if was_up && began.elapsed() > AGAIN.1 {
            wait = AGAIN.0;
        }
        let Ended { why, refused, .. } = ended;
        if heard.send(Heard::Lost { why, refused, again: wait }).await.is_err() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(AGAIN.1),
            () = heard.closed() => return,
        }
    }
}

/// One connection: why it ended, and whether it was ever up.
async fn connection(wanted: &Wanted, version: Protocol, heard: &mpsc::Sender<Heard>) -> (Ended, bool) {
    let transport = match wanted.broker.tls.as_ref().map(TlsConfig::load) {
        None => Transport::Tcp,
        Some(Ok(config)) => Transport::Tls(TlsConfiguration::Rustls(config)),
        Some(Err(e)) => return (ended(e.to_string()), false),
    };
    let mut line = match version {
        Protocol::Mqtt5 => Line::v5(wanted, transport),
        Protocol::Mqtt311 => Line::v4(wanted, transport),
    };
    let mut up = false;
    loop {
        let patience =
            if up { KEEP_ALIVE * 2 + Duration::from_secs(5) } else { wanted.broker.connect_timeout };
        let next = tokio::select! {
            next = timeout(patience, line.poll(wanted)) => next,
            () = heard.closed() => return (ended("nobody reads".into()), up),
        };
        let said = match next {
            Err(_) => return (ended(format!("it did not answer for {} s", patience.as_secs())), up),
            Ok(Err(why)) => return (why, up),
            Ok(Ok(None)) => continue,
            Ok(Ok(Some(said))) => said,
        };
        up |= said == Heard::Listening;
        if heard.send(said).await.is_err() {
            return (ended("nobody reads".into()), up);
        }
    }
}

fn ended(why: String) -> Ended {
    Ended { why, refused: false, version: false }
}

enum Line {
    V5(v5::AsyncClient, Box<v5::EventLoop>),
    V4(rumqttc::AsyncClient, Box<rumqttc::EventLoop>),
}

impl Line {
    fn v5(wanted: &Wanted, transport: Transport) -> Self {
        let b = &wanted.broker;
        let mut options = v5::MqttOptions::new(Wanted::client_id(), host(b), b.port);
        options.set_transport(transport).set_keep_alive(KEEP_ALIVE).set_clean_start(true);
        options.set_max_packet_size(u32::try_from(LARGEST).ok());
        options.set_connection_timeout(b.connect_timeout.as_secs() + 1);
        if let Some((user, password)) = b.credentials() {
            options.set_credentials(user, password);
        }
        let (client, events) = v5::AsyncClient::new(options, 16);
        Self::V5(client, Box::new(events))
    }

    fn v4(wanted: &Wanted, transport: Transport) -> Self {
        let b = &wanted.broker;
        let mut options = rumqttc::MqttOptions::new(Wanted::client_id(), host(b), b.port);
        options.set_transport(transport).set_keep_alive(KEEP_ALIVE).set_clean_session(true);
        // There is no way to tell a broker of 3.1.1 what is too large; beyond this the connection ends.
        options.set_max_packet_size(LARGEST * 16, 64 << 10);
        if let Some((user, password)) = b.credentials() {
            options.set_credentials(user, password);
        }
        let (client, mut events) = rumqttc::AsyncClient::new(options, 16);
        let mut network = events.network_options();
        network.set_connection_timeout(b.connect_timeout.as_secs() + 1);
        events.set_network_options(network);
        Self::V4(client, Box::new(events))
    }

    /// The next thing worth telling.
    async fn poll(&mut self, wanted: &Wanted) -> Result<Option<Heard>, Ended> {
        let no_room = || ended("the client takes no subscription".into());
        match self {
            Self::V5(client, events) => match events.poll().await.map_err(|e| ended_v5(&e))? {
                v5::Event::Incoming(mqtt5::Packet::ConnAck(_)) => {
                    for filter in wanted.filters() {
                        client.try_subscribe(filter, QoS5::AtLeastOnce).map_err(|_| no_room())?;
                    }
                    return Ok(None);
                }
                v5::Event::Incoming(mqtt5::Packet::SubAck(ack)) => {
                    let ok =
                        |c: &mqtt5::SubscribeReasonCode| matches!(c, mqtt5::SubscribeReasonCode::Success(_));
                    return answered(ack.return_codes.iter().all(ok));
                }
                v5::Event::Incoming(mqtt5::Packet::Publish(p)) => {
                    let topic = String::from_utf8_lossy(&p.topic).into_owned();
                    return Ok(Some(Heard::Message { topic, payload: p.payload, retained: p.retain }));
                }
                _ => {}
            },
            Self::V4(client, events) => match events.poll().await.map_err(|e| ended_v4(&e))? {
                rumqttc::Event::Incoming(rumqttc::Packet::ConnAck(_)) => {
                    for filter in wanted.filters() {
                        client.try_subscribe(filter, QoS::AtLeastOnce).map_err(|_| no_room())?;
                    }
                    return Ok(None);
                }
                rumqttc::Event::Incoming(rumqttc::Packet::SubAck(ack)) => {
                    let ok = |c: &rumqttc::SubscribeReasonCode| {
                        matches!(c, rumqttc::SubscribeReasonCode::Success(_))
                    };
                    return answered(ack.return_codes.iter().all(ok));
                }
                rumqttc::Event::Incoming(rumqttc::Packet::Publish(p)) => {
                    return Ok(Some(Heard::Message {
                        topic: p.topic,
                        payload: p.payload,
                        retained: p.retain,
                    }));
                }
                _ => {}
            },
        }
        Ok(None)
    }
}

/// The answer to a subscription.
fn answered(granted: bool) -> Result<Option<Heard>, Ended> {
    if granted {
        return Ok(Some(Heard::Listening));
    }
    let why = "we may not subscribe: the broker's access rules do not let this user read these topics";
    Err(Ended { why: why.into(), refused: true, version: false })
}

/// An IPv6 address needs brackets: the client appends `:port`.
fn host(config: &MqttConfig) -> String {
    match config.host.parse::<std::net::Ipv6Addr>() {
        Ok(ip) => format!("[{ip}]"),
        Err(_) => config.host.clone(),
    }
}

fn ended_v5(error: &v5::ConnectionError) -> Ended {
    use mqtt5::ConnectReturnCode as C;
    let v5::ConnectionError::ConnectionRefused(code) = error else {
        // A broker that does not know MQTT 5 may hang up, or answer in 3.1.1, which reads as nonsense.
        let version =
            !matches!(error, v5::ConnectionError::Io(e) if e.kind() == std::io::ErrorKind::ConnectionRefused);
        return Ended { why: plain(&error.to_string()), refused: false, version };
    };
    let version = matches!(code, C::UnsupportedProtocolVersion | C::RefusedProtocolVersion);
    let refused = matches!(code, C::BadUserNamePassword | C::NotAuthorized | C::Banned);
    Ended { why: refusal(&format!("{code:?}")), refused, version }
}

fn ended_v4(error: &rumqttc::ConnectionError) -> Ended {
    use rumqttc::ConnectReturnCode as C;
    let rumqttc::ConnectionError::ConnectionRefused(code) = error else {
        return ended(plain(&error.to_string()));
    };
    let refused = matches!(code, C::BadUserNamePassword | C::NotAuthorized);
    Ended { why: refusal(&format!("{code:?}")), refused, version: false }
}

fn refusal(code: &str) -> String {
    match code {
        "BadUserNamePassword" => "it refuses us: user name or password is wrong".into(),
        "NotAuthorized" => "it refuses us: not authorised; user name and password?".into(),
        other => format!("it refuses us: {other}"),
    }
}

/// What the libraries say, in words.
fn plain(error: &str) -> String {
    let known = [
        ("Connection refused", "nobody listens there"),
        ("failed to lookup", "its name is not known"),
        ("UnknownIssuer", "its certificate is not signed by any of the CA file"),
        ("NotValidForName", "its certificate is for another name"),
        ("Expired", "its certificate has expired"),
        ("NotValidYet", "its certificate is not valid yet; is the clock right?"),
        ("CertificateRequired", "it wants a client certificate"),
        ("InvalidContentType", "it speaks no TLS at this port"),
        ("Connection closed by peer", "it hung up"),
        ("Connection reset", "it hung up"),
    ];
    let found = known.iter().find(|(part, _)| error.contains(part));
    crate::lines::text::clean(found.map_or(error, |(_, words)| words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_site_or_all_of_them_are_subscribed_to_and_never_what_is_between_gateways() {
        let wanted = |site: Option<&str>| Wanted {
            broker: MqttConfig::default(),
            protocol: None,
            site: site.map(str::to_owned),
        };
        assert_eq!(wanted(Some("joy")).filters()[0], "mall/v1/joy/visit/#");
        let all = wanted(None).filters();
        assert!(all.contains(&"mall/v1/+/gateway/+/status".to_owned()), "{all:?}");
        assert!(all.iter().all(|f| !f.contains("sightings") && !f.ends_with("v1/#")), "{all:?}");
        assert!(Wanted::client_id().len() <= 23 && Wanted::client_id() != Wanted::client_id());
    }

    #[test]
    fn errors_are_told_in_words() {
        assert_eq!(plain("I/O: Connection refused (os error 111)"), "nobody listens there");
        let tls = "TLS: I/O: invalid peer certificate: UnknownIssuer";
        assert_eq!(plain(tls), "its certificate is not signed by any of the CA file");
        assert_eq!(plain("something\x1b[31m else"), "something[31m else");
    }
}
