//! How to reach the broker: a plain struct, its limits, and the TLS files it names.
//!
//! Invariants after [`MqttConfig::problems`] returned nothing: `keep_alive` ≥ 5 s and ≤ 65,535 s (the field
//! has two bytes, MQTT 5 §3.1.2.10, and the client refuses less), `inflight` ≥ 1, the prefix is a valid topic
//! name without wildcards and without an empty level, a password comes with a user name.

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// The version of MQTT to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// MQTT 5: the broker says why it refuses an event, and how large one may be.
    #[default]
    Mqtt5,
    /// MQTT 3.1.1, for brokers that know no better (the embedded one among them).
    Mqtt311,
}

/// How to reach the broker. Start from [`MqttConfig::default`].
#[derive(Clone, Debug)]
pub struct MqttConfig {
    /// Host name or address of the broker.
    pub host: String,
    /// Its TCP port: 1883, with TLS usually 8883.
    pub port: u16,
    /// MQTT 5 or 3.1.1.
    pub protocol: Protocol,
    /// Client identifier; [`default_client_id`] where absent. Two clients with one id throw each other out.
    pub client_id: Option<String>,
    /// TLS; without it everything travels in the clear.
    pub tls: Option<TlsConfig>,
    /// User name.
    pub username: Option<String>,
    /// Password; see [`Password::from_file`].
    pub password: Option<Password>,
    /// Ping interval of an idle connection, 5 s … 65,535 s.
    pub keep_alive: Duration,
    /// From opening the TCP connection to CONNACK.
    pub connect_timeout: Duration,
    /// A broker that has not acknowledged the oldest event in flight for so long is left and called again.
    pub ack_timeout: Duration,
    /// Events submitted and not yet acknowledged, at most; the broker's receive maximum may lower it.
    pub inflight: u16,
    /// First levels of every topic, without a slash at either end.
    pub prefix: String,
    /// Events a second of the backlog after an outage; live events are not limited.
    pub backlog_rate: u32,
    /// How long a broker may keep a visit or receipt event for a subscriber that is away (MQTT 5 only); no
    /// limit where absent.
    pub event_expiry: Option<Duration>,
    /// How often the retained health message is renewed.
    pub health_interval: Duration,
    /// Longest first wait before calling again; it doubles with each failure (the wait itself is random).
    pub reconnect_min: Duration,
    /// Longest wait before calling again.
    pub reconnect_max: Duration,
    /// How long a shutdown may take to publish what is queued and to say goodbye.
    pub drain_timeout: Duration,
}

impl Default for MqttConfig {
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            port: 1883,
            protocol: Protocol::Mqtt5,
            client_id: None,
            tls: None,
            username: None,
            password: None,
            keep_alive: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            ack_timeout: Duration::from_secs(20),
            inflight: 100,
            prefix: "mall/v1".into(),
            backlog_rate: 2000,
            event_expiry: None,
            health_interval: Duration::from_secs(60),
            reconnect_min: Duration::from_millis(500),
            reconnect_max: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(5),
        }
    }
}

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The field of [`MqttConfig`].
    pub key: &'static str,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mqtt.{}: {}", self.key, self.message)
    }
}

/// The client identifier of a gateway whose configuration names none.
pub fn default_client_id(site: &str, gateway: &str) -> String {
    format!("edge-agent-{site}-{gateway}")
}

impl MqttConfig {
    /// User name and password; an empty password where there is none.
    pub(crate) fn credentials(&self) -> Option<(&str, &str)> {
        let user = self.username.as_deref()?;
        Some((user, self.password.as_ref().map_or("", |p| p.reveal())))
    }

    /// Everything that is wrong with the values; touches no file (for those see [`TlsConfig::load`]).
    pub fn problems(&self) -> Vec<ConfigProblem> {
        let mut found = Vec::new();
        let mut say = |key, message: String| found.push(ConfigProblem { key, message });
        if self.host.is_empty() || self.host.contains(char::is_whitespace) {
            say("host", format!("{:?} is no host name or address", self.host));
        }
        if self.port == 0 {
            say("port", "0 is no port; 1883 is usual, 8883 with TLS".into());
        }
        if !(5..=65_535).contains(&self.keep_alive.as_secs()) {
            say("keep_alive", format!("{:?}; must be 5 s to 65535 s", self.keep_alive));
        }
        if self.connect_timeout.as_secs() == 0 {
            say("connect_timeout", format!("{:?}; must be 1 s or more", self.connect_timeout));
        }
        if self.ack_timeout < Duration::from_secs(1) {
            say("ack_timeout", format!("{:?}; must be 1 s or more", self.ack_timeout));
        }
        if self.inflight == 0 {
            say("inflight", "0 publishes nothing; 100 is usual".into());
        }
        if self.backlog_rate == 0 {
            say("backlog_rate", "0 events/s never empties the outbox; 2000 is usual".into());
        }
        if self.health_interval < Duration::from_secs(1) {
            say("health_interval", format!("{:?}; must be 1 s or more", self.health_interval));
        }
        if self.reconnect_min.is_zero() || self.reconnect_min > self.reconnect_max {
            let (min, max) = (self.reconnect_min, self.reconnect_max);
            say("reconnect_min", format!("{min:?}; must be above 0 and not above reconnect_max, {max:?}"));
        }
        if let Err(why) = check_topic(&self.prefix) {
            say("prefix", format!("{:?} {why}; mall/v1 is usual", self.prefix));
        }
        if self.client_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > 256) {
            say("client_id", "must have 1 to 256 bytes".into());
        }
        if self.password.is_some() && self.username.is_none() {
            say("username", "missing, but there is a password: MQTT 3.1.1 needs both".into());
        }
        if let Some(tls) = &self.tls {
            if tls.client_cert.is_some() != tls.client_key.is_some() {
                say("tls", "client_cert and client_key go together: name both or neither".into());
            }
            // The client takes an IPv6 address only in brackets, which no certificate carries.
            let is_v6 = self.host.contains(':');
            if is_v6 || ServerName::try_from(self.host.as_str()).is_err() {
                say("host", format!("{:?} cannot be checked against a certificate: use a name", self.host));
            }
        }
        found
    }
}

/// Whether `topic` may be published to, or what is wrong with it (MQTT 5 §4.7).
pub(super) fn check_topic(topic: &str) -> Result<(), &'static str> {
    if topic.is_empty() {
        return Err("is empty");
    }
    if topic.len() > 65_535 {
        return Err("is longer than 65535 bytes");
    }
    if topic.contains(['+', '#', '\0']) {
        return Err("holds +, # or NUL, which no topic may");
    }
    if topic.split('/').any(str::is_empty) {
        return Err("has an empty level");
    }
    Ok(())
}

/// A password: wiped from memory when dropped, never shown.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// A password that is at hand.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The first line of a file, without its end; no empty one.
    pub fn from_file(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map(Zeroizing::new)
            .map_err(|e| format!("password file {}: {e}", path.display()))?;
        match text.lines().next().filter(|line| !line.is_empty()) {
            Some(line) => Ok(Self::new(line.to_owned())),
            None => Err(format!("password file {}: its first line is empty", path.display())),
        }
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// TLS 1.2 or 1.3 towards the broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// PEM file with the certificates that may have signed the broker's. For a broker with a public
    /// certificate: the system's bundle, `/etc/ssl/certs/ca-certificates.crt`.
    pub ca_file: PathBuf,
    /// PEM file with our certificate chain, where the broker asks for one.
    pub client_cert: Option<PathBuf>,
    /// PEM file with the key to it.
    pub client_key: Option<PathBuf>,
    /// Application protocols to offer (`mqtt` where several services share the port).
    pub alpn: Vec<String>,
}

/// A file of the TLS configuration is missing, unreadable or not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It cannot be read, or is no PEM.
    #[error("{role} {}: {problem}", path.display())]
    File {
        /// Which of the files.
        role: &'static str,
        /// Where it was looked for.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Only one half of certificate and key is named.
    #[error("client_cert and client_key go together: name both or neither")]
    Half,
    /// Certificate and key do not fit together or are of an unknown kind.
    #[error("client certificate {} with key {}: {problem}", cert.display(), key.display())]
    Pair {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
        /// What is wrong.
        problem: rustls::Error,
    },
    /// The TLS library refuses.
    #[error("TLS: {0}")]
    Library(#[from] rustls::Error),
}

impl From<&crate::config::MqttTlsSettings> for TlsConfig {
    fn from(tls: &crate::config::MqttTlsSettings) -> Self {
        Self {
            ca_file: tls.ca.clone(),
            client_cert: tls.client.as_ref().map(|(cert, _)| cert.clone()),
            client_key: tls.client.as_ref().map(|(_, key)| key.clone()),
            alpn: Vec::new(),
        }
    }
}

impl TlsConfig {
    /// Reads the files. Done for every connection, so that a renewed certificate needs no restart.
    pub fn load(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let mut roots = RootCertStore::empty();
        for cert in certificates("CA file", &self.ca_file)? {
            roots.add(cert).map_err(|e| file_error("CA file", &self.ca_file, e.to_string()))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let mut config = match (&self.client_cert, &self.client_key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(cert), Some(key)) => {
                let chain = certificates("client certificate", cert)?;
                let secret = PrivateKeyDer::from_pem_file(key)
                    .map_err(|e| file_error("client key", key, pem_problem(&e, "private key")))?;
                builder.with_client_auth_cert(chain, secret).map_err(|problem| TlsError::Pair {
                    cert: cert.clone(),
                    key: key.clone(),
                    problem,
                })?
            }
            _ => return Err(TlsError::Half),
        };
        config.alpn_protocols = self.alpn.iter().map(|name| name.clone().into_bytes()).collect();
        Ok(Arc::new(config))
    }
}

fn certificates(role: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| file_error(role, path, pem_problem(&e, "certificate")))?;
    if found.is_empty() {
        return Err(file_error(role, path, "holds no certificate; a PEM file is expected".into()));
    }
    Ok(found)
}

fn pem_problem(error: &pem::Error, wanted: &str) -> String {
    match error {
        pem::Error::Io(e) => e.to_string(),
        pem::Error::NoItemsFound => format!("holds no {wanted}; a PEM file is expected"),
        other => format!("{other}; a PEM file with a {wanted} is expected"),
    }
}

fn file_error(role: &'static str, path: &Path, problem: String) -> TlsError {
    TlsError::File { role, path: path.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_have_no_problem() {
        assert_eq!(MqttConfig::default().problems(), []);
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let config = MqttConfig {
            host: String::new(),
            port: 0,
            keep_alive: Duration::from_secs(4),
            inflight: 0,
            backlog_rate: 0,
            prefix: "mall/#".into(),
            password: Some(Password::new("x".into())),
            ..MqttConfig::default()
        };
        let keys: Vec<_> = config.problems().iter().map(|p| p.key).collect();
        assert_eq!(keys, ["host", "port", "keep_alive", "inflight", "backlog_rate", "prefix", "username"]);
    }

    #[test]
    fn a_password_is_never_shown_and_an_empty_one_refused() {
        assert!(!format!("{:?}", Password::new("hunter2".into())).contains("hunter2"));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        std::fs::write(&path, "secret\nsecond line\n").unwrap();
        assert_eq!(Password::from_file(&path).unwrap().reveal(), "secret");
        std::fs::write(&path, "\n").unwrap();
        assert!(Password::from_file(&path).unwrap_err().contains("first line is empty"));
    }

    #[test]
    fn tls_errors_name_the_file_and_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let missing = TlsConfig { ca_file: dir.path().join("ca.pem"), ..TlsConfig::default() };
        let text = missing.load().unwrap_err().to_string();
        assert!(text.contains("ca.pem") && text.contains("No such file"), "{text}");
        std::fs::write(&missing.ca_file, "not a certificate").unwrap();
        let text = missing.load().unwrap_err().to_string();
        assert!(text.contains("ca.pem") && text.contains("holds no certificate"), "{text}");
    }
}
