//! What `watch` and `tail` have in common: which broker, which site, what places are called.

use super::exit::{Exit, Failure};
use super::run::mqtt_config;
use crate::config::{self, AgentConfig};
use crate::lines::Names;
use crate::pipeline::wall_clock;
use crate::publish::{MqttConfig, Password, Protocol, TlsConfig};
use crate::watch::{Model, Wanted};
use clap::Args;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};
use visit_core::site::Site;

/// Which broker, which site.
#[derive(Args, Clone, Debug)]
pub struct ViewerArgs {
    /// Broker, prefix, TLS, credentials and site map of this gateway [default: /etc/edge-agent/agent.toml, if it is there]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["broker", "prefix"])]
    config: Option<PathBuf>,
    /// The broker, instead of a configuration
    #[arg(long, value_name = "HOST[:PORT]")]
    broker: Option<String>,
    /// First levels of every topic [default: mall/v1]
    #[arg(long, value_name = "TOPIC")]
    prefix: Option<String>,
    /// The site; with --broker all of them when left out
    #[arg(long, value_name = "ID")]
    site: Option<String>,
    /// The site map, for names of floors and zones and the local time
    #[arg(long, value_name = "FILE")]
    site_map: Option<PathBuf>,
    /// User name; somebody who may read, if the gateway's own may not
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// File that holds the password
    #[arg(long, value_name = "FILE", requires = "username")]
    password_file: Option<PathBuf>,
    /// Certificates of the authorities to trust, PEM: speak TLS
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Our certificate, PEM
    #[arg(long, value_name = "FILE", requires = "key", requires = "ca")]
    cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Show the first characters of ids of visits
    #[arg(long)]
    pub(super) ids: bool,
}

const DEFAULT: &str = "/etc/edge-agent/agent.toml";

impl ViewerArgs {
    /// Whom to call.
    pub(super) fn open(&self) -> Result<(Wanted, Model), Failure> {
        let wrong = |what: String| Failure::new(Exit::Config, what);
        let (mut mqtt, protocol, map) = match (&self.config, &self.broker) {
            (None, Some(broker)) => (self.named(broker)?, None, None),
            (Some(path), _) => self.configured(path)?,
            (None, None) if Path::new(DEFAULT).exists() => self.configured(Path::new(DEFAULT))?,
            (None, None) => {
                let what = format!(
                    "which broker? There is no {DEFAULT}; name one: --broker HOST:PORT --site ID, or --config FILE"
                );
                return Err(wrong(what));
            }
        };
        let map = self.site_map.clone().or(map);
        let site = match map.as_deref().map(config::read_site).transpose() {
            Ok(loaded) => loaded.map(|l| l.value),
            // Names are a comfort; without the id of the site there is nothing to listen to.
            Err(e) if self.site.is_some() && self.site_map.is_none() => {
                eprintln!("edge-agent: places are shown by their ids: {e}");
                None
            }
            Err(e) => return Err(wrong(e.to_string())),
        };
        if let Some(user) = &self.username {
            mqtt.username = Some(user.clone());
            let password = self.password_file.as_deref().map(Password::from_file).transpose();
            mqtt.password = password.map_err(|e| wrong(format!("--password-file: {e}")))?;
        }
        if let Some(ca) = &self.ca {
            mqtt.tls = Some(TlsConfig {
                ca_file: ca.clone(),
                client_cert: self.cert.clone(),
                client_key: self.key.clone(),
                alpn: Vec::new(),
            });
        }
        if let Some(problem) = mqtt.problems().first() {
            return Err(wrong(problem.to_string()));
        }
        if let Some(tls) = &mqtt.tls {
            tls.load().map_err(|e| wrong(e.to_string()))?;
        }
        let id = self.site.clone().or_else(|| site.as_ref().map(|s| s.id.clone()));
        if let Some(problem) = id.as_deref().and_then(visit_core::site::id_problem) {
            return Err(wrong(format!("--site: {problem}")));
        }
        let wanted = Wanted { broker: mqtt, protocol, site: id.clone() };
        let model = Model::new(names(site.as_ref()), id, wanted.address(), self.ids, wall_clock());
        Ok((wanted, model))
    }

    fn named(&self, broker: &str) -> Result<MqttConfig, Failure> {
        let tls = self.ca.is_some();
        let (host, port) = host_and_port(broker, if tls { 8883 } else { 1883 })
            .map_err(|e| Failure::new(Exit::Config, format!("--broker {broker:?}: {e}")))?;
        let prefix = self.prefix.as_deref().unwrap_or("mall/v1").trim_matches('/').to_owned();
        Ok(MqttConfig { host, port, prefix, ..MqttConfig::default() })
    }

    #[allow(clippy::type_complexity)]
    fn configured(&self, path: &Path) -> Result<(MqttConfig, Option<Protocol>, Option<PathBuf>), Failure> {
        let agent: AgentConfig =
            config::read_agent(path).map_err(|e| Failure::new(Exit::Config, e.to_string()))?.value;
        let mut settings = agent.mqtt.clone();
        if self.username.is_some() {
            // The daemon's own password need not be readable for who watches.
            (settings.username, settings.password_file) = (None, None);
        }
        let mqtt = mqtt_config(&settings)?;
        let protocol = Some(mqtt.protocol);
        Ok((mqtt, protocol, Some(agent.site_map)))
    }
}

fn names(site: Option<&Site>) -> Names {
    site.map_or_else(|| Names::new(TimeZone::system()), Names::from)
}

/// `host`, `host:port`, `[v6]:port`.
pub(super) fn host_and_port(text: &str, default: u16) -> Result<(String, u16), String> {
    let wrong = || "write HOST:PORT, such as broker.example:1883".to_owned();
    let text = text.trim();
    let (host, port) = match text.strip_prefix('[') {
        Some(v6) => {
            let (host, rest) = v6.split_once(']').ok_or_else(wrong)?;
            (host, rest.strip_prefix(':'))
        }
        None if text.matches(':').count() > 1 => (text, None),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == '/') {
        return Err(wrong());
    }
    let port = match port {
        None => default,
        Some(port) => port.parse().ok().filter(|p| *p > 0).ok_or_else(wrong)?,
    };
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_named_with_and_without_a_port() {
        let parse = |text| host_and_port(text, 1883);
        assert_eq!(parse("broker.example"), Ok(("broker.example".into(), 1883)));
        assert_eq!(parse("broker.example:8883"), Ok(("broker.example".into(), 8883)));
        assert_eq!(parse("[::1]:1884"), Ok(("::1".into(), 1884)));
        assert_eq!(parse("::1"), Ok(("::1".into(), 1883)));
        for wrong in ["", ":1883", "b:0", "b:x", "mqtt://b", "a b"] {
            assert!(parse(wrong).unwrap_err().contains("HOST:PORT"), "{wrong}");
        }
    }
}
