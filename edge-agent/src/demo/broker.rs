//! The broker of the demo: rumqttd inside this process, on the loopback address only.
//!
//! It speaks MQTT 3.1.1 and nothing else: rumqttd needs a port of its own for each version, and the clients a
//! visitor has at hand (`mosquitto_sub` among them) speak 3.1.1 unless told otherwise. So must our publisher
//! ([`Protocol::Mqtt311`](crate::publish::Protocol)). Retained messages work. rumqttd has no way to stop: it
//! ends with the process.

use crate::cli::exit::{Exit, Failure};
use rumqttd::{Config, ConnectionSettings, RouterConfig, ServerSettings};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// A broker that is listening.
#[derive(Debug)]
pub struct Broker {
    port: u16,
}

impl Broker {
    /// Starts it on 127.0.0.1:`port` (0: any free one) and returns when it listens, at most 5 s later. Blocks.
    pub fn start(port: u16) -> Result<Self, Failure> {
        let port = reserve(port)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        // The one place where rumqttd can fail after this is the bind in its own thread, which it only logs.
        let mut broker = rumqttd::Broker::new(config(address));
        thread::Builder::new()
            .name("broker".into())
            .spawn(move || {
                if let Err(e) = broker.start() {
                    tracing::error!("embedded broker: {e}");
                }
            })
            .map_err(|e| Failure::new(Exit::Unavailable, format!("no thread for the broker: {e}")))?;
        let patience = Instant::now() + Duration::from_secs(5);
        while TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_err() {
            if Instant::now() > patience {
                return Err(Failure::new(
                    Exit::Unavailable,
                    format!("the embedded broker does not listen on {address}; try another --port"),
                ));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(Self { port })
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Finds out whether the port is free, and which it is; rumqttd itself would only log that it is not.
fn reserve(port: u16) -> Result<u16, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|e| {
        let exit = match e.kind() {
            std::io::ErrorKind::PermissionDenied => Exit::NoPermission,
            _ => Exit::Unavailable,
        };
        Failure::new(
            exit,
            format!("the embedded broker cannot have port {port}: {e}; choose another with --port"),
        )
    })?;
    listener
        .local_addr()
        .map(|address| address.port())
        .map_err(|e| Failure::new(Exit::Unavailable, format!("port {port}: {e}")))
}

fn config(listen: SocketAddr) -> Config {
    let server = ServerSettings {
        name: "v4".into(),
        listen,
        tls: None,
        next_connection_delay_ms: 1,
        connections: ConnectionSettings {
            connection_timeout_ms: 60_000,
            max_payload_size: 1 << 20,
            // A new subscriber gets at most so many retained messages: more than a site has zones and gateways.
            max_inflight_count: 1_000,
            auth: None,
            external_auth: None,
            dynamic_filters: true,
        },
    };
    Config {
        router: RouterConfig {
            max_connections: 64,
            max_outgoing_packet_count: 1_000,
            max_segment_size: 1 << 20,
            max_segment_count: 10,
            ..RouterConfig::default()
        },
        v4: Some(HashMap::from([("v4".to_owned(), server)])),
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_named_together_with_the_way_out() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let failure = Broker::start(port).unwrap_err();
        assert_eq!(failure.exit, Exit::Unavailable);
        assert!(failure.message.contains(&port.to_string()) && failure.message.contains("--port"));
    }
}
