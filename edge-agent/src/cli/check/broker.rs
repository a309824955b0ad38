//! Whether the broker lets us in, and would take what we publish, as far as one connection can tell.

use super::Report;
use super::environment::open;
use crate::cli::run::mqtt_config;
use crate::config::AgentConfig;
use crate::publish::probe::{self, ProbeError, probe};
use crate::publish::{MqttConfig, Protocol, default_client_id};
use std::time::Duration;
use visit_core::site::Site;

/// How long each answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Calls the broker of the configuration.
pub(super) fn examine(agent: &AgentConfig, site: Option<&Site>, report: &mut Report) {
    let settings = &agent.mqtt;
    let Some(stream) = open("broker", &settings.host, settings.port, report) else { return };
    // A password or certificate that cannot be read has been told already.
    let Ok(config) = mqtt_config(settings) else { return };
    if config.tls.as_ref().is_some_and(|tls| tls.load().is_err()) {
        return;
    }
    let id = site.map_or("", |s| s.id.as_str());
    // Not the daemon's own: of two clients with one id the broker throws out the first.
    let client = config.client_id.clone().unwrap_or_else(|| default_client_id(id, &agent.gateway)) + "-check";
    let topics = site.map_or_else(Vec::new, |_| topics(&config, id, &agent.gateway));
    let name = format!("broker {}:{}", settings.host, settings.port);
    match probe(&config, &client, &topics, stream, PATIENCE) {
        Ok(found) => {
            let user = config.username.as_ref().map_or_else(|| "nobody".to_owned(), |u| format!("{u:?}"));
            let tls = if config.tls.is_some() { "with TLS" } else { "without TLS" };
            report.right(format!("{name}: lets us in {tls}, as {user}"));
            if config.tls.is_none() && !is_local(&config.host) {
                report.warn(
                    format!(
                        "{name}: no [mqtt.tls]: pseudonyms, receipts and the password travel in the clear"
                    ),
                    "docs/configuration.md, [mqtt.tls]",
                );
            }
            for (topic, code) in &found.forbidden {
                report.error(
                    format!(
                        "{name}: {user} may not publish to {topic}: {} (0x{code:02x})",
                        probe::reason(*code)
                    ),
                    format!(
                        "let it write {}/{id}/# in the broker's access rules (mosquitto: acl_file)",
                        config.prefix
                    ),
                );
            }
            match (found.forbidden.is_empty(), found.allowed.is_empty()) {
                (true, false) => report.right(format!("{name}: may publish events and its own status")),
                (true, true) => report.warn(
                    format!("{name}: whether we may publish cannot be told {}", cannot_tell(&config)),
                    format!(
                        "mosquitto_sub -h {} -p {} -t '{}/#' -v, once the daemon runs",
                        config.host, config.port, config.prefix
                    ),
                ),
                _ => {}
            }
        }
        Err(e) => {
            let next = next(&e, &config);
            report.error(format!("{name}: {e}"), next);
        }
    }
}

/// Two topics that stand for all: what visits are published under, and what is this gateway's own. Neither is of the contract.
fn topics(config: &MqttConfig, site: &str, gateway: &str) -> Vec<String> {
    let prefix = &config.prefix;
    vec![format!("{prefix}/{site}/visit/check"), format!("{prefix}/{site}/gateway/{gateway}/check")]
}

fn cannot_tell(config: &MqttConfig) -> &'static str {
    match config.protocol {
        Protocol::Mqtt311 => "with MQTT 3.1.1",
        Protocol::Mqtt5 => "by this broker",
    }
}

fn next(error: &ProbeError, config: &MqttConfig) -> String {
    let (host, port) = (&config.host, config.port);
    match error {
        ProbeError::Refused { code: 1 | 0x84 } => "write protocol = \"3.1.1\" in [mqtt]".into(),
        ProbeError::Refused { code: 2 | 0x85 } => "write client_id in [mqtt], one the broker knows".into(),
        ProbeError::Refused { code: 4 | 5 | 0x86 | 0x87 } if config.username.is_none() => {
            "write username and password_file in [mqtt]".into()
        }
        ProbeError::Refused { .. } => {
            "look at username and password_file in [mqtt], and at the broker's log".into()
        }
        ProbeError::Tls(_) => {
            format!("openssl s_client -connect {host}:{port} -CAfile CA.pem </dev/null | head")
        }
        ProbeError::Io(_) | ProbeError::NotMqtt(_) if config.tls.is_none() => {
            format!("does the broker want TLS at port {port} ([mqtt.tls])? is it MQTT that listens there?")
        }
        ProbeError::Io(_) | ProbeError::NotMqtt(_) => {
            "is it MQTT that listens there? look at the broker's log".into()
        }
    }
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
