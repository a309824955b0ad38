//! One question to a broker: would it take what we publish? Asked by `check`, before the daemon has to find out.
//!
//! A connection of its own: TCP, TLS, CONNECT, and one PUBLISH of QoS 2 for each topic, whose answer (PUBREC) says whether we
//! may. It is never released (PUBREL), and the session ends with the connection: nobody receives it (MQTT 5 §4.3.3, method
//! of Figure 4.3: delivery begins with PUBREL). MQTT 3.1.1 has no reasons in its answers: there nobody can tell.

use super::config::{MqttConfig, Protocol};
use rustls::pki_types::ServerName;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What a broker answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probed {
    /// Topics it will not let us publish to, with its reason.
    pub forbidden: Vec<(String, u8)>,
    /// Topics it would take.
    pub allowed: Vec<String>,
    /// Largest packet it takes, bytes.
    pub max_packet: Option<u32>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The connection broke, or nothing came.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// TLS failed.
    #[error("TLS: {0}")]
    Tls(String),
    /// CONNACK with a reason.
    #[error("it refuses us: {} (0x{code:02x})", reason(*.code))]
    Refused {
        /// Its reason.
        code: u8,
    },
    /// Not MQTT.
    #[error("it does not answer in MQTT {0}")]
    NotMqtt(&'static str),
}

/// Asks over `stream`, an open connection to the broker, whether we may connect and publish to `topics`.
pub fn probe(
    config: &MqttConfig,
    client_id: &str,
    topics: &[String],
    stream: TcpStream,
    patience: Duration,
) -> Result<Probed, ProbeError> {
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let Some(tls) = &config.tls else { return ask(config, client_id, topics, stream) };
    let tls = tls.load().map_err(|e| ProbeError::Tls(e.to_string()))?;
    let name = ServerName::try_from(config.host.clone()).map_err(|e| ProbeError::Tls(e.to_string()))?;
    let mut connection =
        rustls::ClientConnection::new(tls, name).map_err(|e| ProbeError::Tls(e.to_string()))?;
    let mut stream = stream;
    // The handshake by itself, so that what goes wrong in it is told as that.
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).map_err(|e| ProbeError::Tls(tls_words(&e)))?;
    }
    ask(config, client_id, topics, rustls::StreamOwned::new(connection, stream))
}

fn ask<S: Read + Write>(
    config: &MqttConfig,
    client_id: &str,
    topics: &[String],
    mut stream: S,
) -> Result<Probed, ProbeError> {
    let v5 = config.protocol == Protocol::Mqtt5;
    stream.write_all(&connect(config, client_id, v5))?;
    stream.flush()?;
    let wrong = ProbeError::NotMqtt(if v5 { "5" } else { "3.1.1" });
    let (kind, answer) = packet(&mut stream)?;
    if kind != 0x20 || answer.len() < 2 {
        return Err(wrong);
    }
    if answer[1] != 0 {
        return Err(ProbeError::Refused { code: answer[1] });
    }
    let mut found = Probed::default();
    if v5 {
        let (max_packet, max_qos) = limits(answer.get(2..).unwrap_or_default());
        found.max_packet = max_packet;
        if max_qos >= 2 {
            for (i, topic) in topics.iter().enumerate() {
                let id = u16::try_from(i + 1).unwrap_or(1);
                stream.write_all(&publish(topic, id))?;
                stream.flush()?;
                let (kind, answer) = match packet(&mut stream) {
                    Ok(answer) => answer,
                    // Some brokers hang up on whoever may not (mosquitto 2.0 with an unbounded queue).
                    Err(ProbeError::Io(e)) if e.kind() != io::ErrorKind::WouldBlock => {
                        found.forbidden.push((topic.clone(), HUNG_UP));
                        return Ok(found);
                    }
                    Err(e) => return Err(e),
                };
                match (kind, answer.get(2).copied().unwrap_or(0)) {
                    (0x50, reason) if reason >= 0x80 => found.forbidden.push((topic.clone(), reason)),
                    (0x50, _) => found.allowed.push(topic.clone()),
                    // DISCONNECT: some brokers part with whoever may not.
                    (0xe0, _) => {
                        let reason = answer.first().copied().unwrap_or(0x87);
                        found.forbidden.push((topic.clone(), reason));
                        return Ok(found);
                    }
                    _ => return Err(wrong),
                }
            }
        }
    }
    // It may have hung up already.
    let _ = stream.write_all(&[0xe0, 0]).and_then(|()| stream.flush());
    Ok(found)
}

/// CONNECT (MQTT 5 §3.1): clean start, no will.
fn connect(config: &MqttConfig, client_id: &str, v5: bool) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, "MQTT");
    body.push(if v5 { 5 } else { 4 });
    let credentials = config.credentials();
    body.push(if credentials.is_some() { 0xc2 } else { 0x02 });
    body.extend(30_u16.to_be_bytes());
    if v5 {
        body.push(0);
    }
    text(&mut body, client_id);
    if let Some((user, password)) = credentials {
        text(&mut body, user);
        text(&mut body, password);
    }
    framed(0x10, &body)
}

/// PUBLISH, QoS 2, nothing in it (MQTT 5 §3.3).
fn publish(topic: &str, id: u16) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, topic);
    body.extend(id.to_be_bytes());
    body.push(0);
    framed(0x34, &body)
}

fn text(out: &mut Vec<u8>, text: &str) {
    let length = text.len().min(65_535);
    out.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(&text.as_bytes()[..length]);
}

fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    let mut n = body.len();
    loop {
        let low = (n % 128) as u8;
        n /= 128;
        out.push(if n > 0 { low | 0x80 } else { low });
        if n == 0 {
            break;
        }
    }
    out.extend(body);
    out
}

/// The next packet: its kind, and what is in it.
fn packet(stream: &mut impl Read) -> Result<(u8, Vec<u8>), ProbeError> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    let kind = byte[0] & 0xf0;
    // Whoever greets us in another language need not be listened to until the end.
    if ![0x20, 0x50, 0xe0].contains(&byte[0]) {
        return Err(ProbeError::NotMqtt("at all"));
    }
    let mut length = 0_usize;
    for i in 0..4 {
        stream.read_exact(&mut byte)?;
        length |= usize::from(byte[0] & 0x7f) << (7 * i);
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    if length > LARGEST {
        return Err(ProbeError::NotMqtt("at all"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((kind, body))
}

/// Maximum packet size and maximum QoS among the properties of CONNACK (MQTT 5 §3.2.2.3).
fn limits(properties: &[u8]) -> (Option<u32>, u8) {
    let (mut max_packet, mut max_qos) = (None, 2);
    // Their length takes one byte unless somebody writes an essay; then the defaults hold.
    let Some((length, mut rest)) = properties.split_first() else { return (None, 2) };
    rest = rest.get(..usize::from(*length)).unwrap_or_default();
    while let Some((id, value)) = rest.split_first() {
        let size = match id {
            0x24 | 0x25 | 0x28 | 0x29 | 0x2a => 1,
            0x13 | 0x21 | 0x22 => 2,
            0x11 | 0x27 => 4,
            0x12 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f => match value {
                [a, b, ..] => 2 + usize::from(u16::from_be_bytes([*a, *b])),
                _ => break,
            },
            _ => break,
        };
        let Some(bytes) = value.get(..size) else { break };
        match (id, bytes) {
            (0x24, [qos]) => max_qos = *qos,
            (0x27, [a, b, c, d]) => max_packet = Some(u32::from_be_bytes([*a, *b, *c, *d])),
            _ => {}
        }
        rest = &value[size..];
    }
    (max_packet, max_qos)
}

/// Reason codes of MQTT 5 (§2.4) and return codes of 3.1.1 (§3.2.2.3).
pub fn reason(code: u8) -> &'static str {
    match code {
        HUNG_UP => "it hung up when asked; its access rules?",
        1 | 0x84 => "it does not speak this version of MQTT",
        2 | 0x85 => "it does not like our client id",
        3 | 0x88 => "it is not available",
        4 | 0x86 => "user name or password is wrong",
        5 | 0x87 => "not authorised",
        0x89 => "it is busy",
        0x8a => "we are banned",
        0x8c => "it wants another way of authentication",
        0x90 => "topic name invalid",
        0x97 => "quota exceeded",
        0x9f => "too many connections",
        _ => "for a reason of its own",
    }
}

fn tls_words(error: &io::Error) -> String {
    let text = error.to_string();
    let known = [
        ("UnknownIssuer", "its certificate is not signed by any of mqtt.tls.ca"),
        ("NotValidForName", "its certificate is for another name than mqtt.host"),
        ("Expired", "its certificate has expired, or the clock is wrong"),
        ("NotValidYet", "its certificate is not valid yet, or the clock is wrong"),
        ("CertificateRequired", "it wants a client certificate: mqtt.tls.cert and mqtt.tls.key"),
        ("InvalidContentType", "it speaks no TLS at this port"),
        ("received corrupt message", "it speaks no TLS at this port"),
    ];
    let found = known.iter().find(|(part, _)| text.contains(part));
    match found {
        Some((_, words)) => (*words).to_owned(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "it hung up; does it speak TLS at this port?".into()
        }
        None => text,
    }
}

/// Stands for a reason that was not given.
const HUNG_UP: u8 = 0;

/// No answer to a question of ours is larger.
const LARGEST: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// A broker that has written its answers beforehand.
    struct Script {
        answers: VecDeque<u8>,
        heard: Vec<u8>,
    }

    impl Read for Script {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.answers.read(out)
        }
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.heard.extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn asked(answers: &[u8], config: &MqttConfig) -> Result<Probed, ProbeError> {
        let script = Script { answers: answers.to_vec().into(), heard: Vec::new() };
        ask(config, "x-check", &["a".into(), "b".into()], script)
    }

    #[test]
    fn what_may_be_published_and_what_may_not_is_told_apart() {
        let connack = [0x20, 8, 0, 0, 5, 0x27, 0, 0, 4, 0];
        let answers = [&connack[..], &[0x50, 3, 0, 1, 0x87], &[0x50, 2, 0, 2]].concat();
        let found = asked(&answers, &MqttConfig::default()).unwrap();
        assert_eq!(found.forbidden, [("a".to_owned(), 0x87)]);
        assert_eq!((found.allowed.len(), found.max_packet), (1, Some(1024)));
    }

    #[test]
    fn a_refusal_is_told_with_its_reason_and_nonsense_as_nonsense() {
        let config = MqttConfig::default();
        let refused = asked(&[0x20, 3, 0, 0x86, 0], &config).unwrap_err().to_string();
        assert!(refused.contains("user name or password is wrong"), "{refused}");
        let old = MqttConfig { protocol: Protocol::Mqtt311, ..MqttConfig::default() };
        assert!(asked(&[0x20, 2, 0, 5], &old).unwrap_err().to_string().contains("not authorised"));
        assert!(matches!(asked(b"HTTP/1.1 400", &config), Err(ProbeError::NotMqtt(_) | ProbeError::Io(_))));
        assert!(matches!(asked(&[], &config), Err(ProbeError::Io(_))));
        assert_eq!(asked(&[0x20, 2, 0, 0], &old).unwrap(), Probed::default());
    }

    #[test]
    fn a_broker_without_qos_2_is_not_asked() {
        let found = asked(&[0x20, 5, 0, 0, 2, 0x24, 1], &MqttConfig::default()).unwrap();
        assert_eq!(found, Probed::default());
    }

    #[test]
    fn properties_of_any_bytes_do_no_harm() {
        for seed in 0..=255_u8 {
            let bytes: Vec<u8> =
                (0..40_u8).map(|i| seed.wrapping_mul(31).wrapping_add(i.wrapping_mul(7))).collect();
            limits(&bytes);
        }
        assert_eq!(framed(0x10, &[0; 200])[..3], [0x10, 0xc8, 1]);
    }
}
