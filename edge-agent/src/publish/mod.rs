//! Publishing over MQTT: the only user of MQTT, and the one that empties the outbox.

mod config;

pub use config::{ConfigProblem, MqttConfig, Password, Protocol, TlsConfig, TlsError, default_client_id};
