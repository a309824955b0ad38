//! Brokers and subscribers for the publisher's tests.
// Each test file uses a part of it; helpers of tests may unwrap as tests do.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod fake;
#[path = "../../../tests/src/ports.rs"]
pub mod ports;

use edge_agent::publish::memory::MemoryOutbox;
use edge_agent::publish::{Identity, MqttConfig, Publisher, PublisherReport};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, Publish};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use visit_core::time::Timestamp;

/// Nothing in these tests takes longer.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn free_port() -> u16 {
    ports::free_port().unwrap()
}

/// The broker of the field, on a loopback port of its own.
pub struct Mosquitto {
    child: Child,
    pub port: u16,
    dir: tempfile::TempDir,
}

impl Mosquitto {
    /// With `extra` lines of configuration; `None`, said aloud, where mosquitto is not installed.
    pub async fn start(extra: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let child = Self::spawn(dir.path(), port, extra)?;
        let broker = Self { child, port, dir };
        broker.wait_until_up().await;
        Some(broker)
    }

    fn spawn(dir: &Path, port: u16, extra: &str) -> Option<Child> {
        let program =
            ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"].into_iter().find(|p| Path::new(p).exists());
        let Some(program) = program else {
            eprintln!("SKIPPED: mosquitto is not installed");
            return None;
        };
        let config = dir.join("mosquitto.conf");
        let open = if extra.contains("allow_anonymous") { "" } else { "allow_anonymous true\n" };
        let dir = dir.display();
        let text = format!(
            "user root\nlistener {port} 127.0.0.1\n{open}persistence true\npersistence_location {dir}/\n\
             max_queued_messages 0\n{extra}\n"
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(program);
        command.arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        Some(command.spawn().unwrap())
    }

    async fn wait_until_up(&self) {
        let up = async {
            while tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, up).await.expect("mosquitto listens");
    }

    /// Stops it the orderly way, so that it keeps what it acknowledged, and starts it again.
    pub async fn restart(&mut self, extra: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        self.child.wait().unwrap();
        self.child = Self::spawn(self.dir.path(), self.port, extra).unwrap();
        self.wait_until_up().await;
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hears everything, in a session that outlives the broker.
pub struct Subscriber {
    heard: mpsc::UnboundedReceiver<Publish>,
    task: JoinHandle<()>,
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Subscriber {
    /// Returns once the subscription stands.
    pub async fn to(port: u16, filter: &str) -> Self {
        Self::with(MqttOptions::new(format!("subscriber-{filter}"), "127.0.0.1", port), filter).await
    }

    pub async fn with(mut options: MqttOptions, filter: &str) -> Self {
        options.set_clean_start(false).set_session_expiry_interval(Some(3600));
        options.set_max_packet_size(Some(1 << 20));
        let (client, mut events) = AsyncClient::new(options, 10);
        client.subscribe(filter, QoS::AtLeastOnce).await.unwrap();
        let (tx, heard) = mpsc::unbounded_channel();
        let (ready_tx, mut ready) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            let _client = client;
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::Publish(p))) => {
                        let _ = tx.send(p);
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => {
                        let _ = ready_tx.send(());
                    }
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        });
        timeout(PATIENCE, ready.recv()).await.expect("subscribed").unwrap();
        Self { heard, task }
    }

    pub async fn next(&mut self) -> Publish {
        timeout(PATIENCE, self.heard.recv()).await.expect("a message").unwrap()
    }

    /// The next message whose topic ends so, as JSON.
    pub async fn json(&mut self, topic_end: &str) -> (Publish, Value) {
        loop {
            let p = self.next().await;
            if p.topic.ends_with(topic_end.as_bytes()) {
                let value = serde_json::from_slice(&p.payload).unwrap();
                return (p, value);
            }
        }
    }

    /// Listens until `n` different event ids were heard; returns them and how many events came in all.
    pub async fn ids(&mut self, n: usize) -> (BTreeSet<String>, usize) {
        let (mut ids, mut all) = (BTreeSet::new(), 0);
        while ids.len() < n {
            let (_, event) = self.json("arrived").await;
            ids.insert(event["id"].as_str().unwrap().to_owned());
            all += 1;
        }
        (ids, all)
    }
}

pub fn identity() -> Identity {
    Identity {
        site: "joy".into(),
        gateway: "gw-1".into(),
        session: 7,
        version: "0.1.0".into(),
        started_at: Timestamp::from_micros(1_763_688_600_000_000),
    }
}

/// Impatient enough for tests.
pub fn config(port: u16) -> MqttConfig {
    MqttConfig {
        host: "127.0.0.1".into(),
        port,
        backlog_rate: 1_000_000,
        reconnect_min: Duration::from_millis(20),
        reconnect_max: Duration::from_millis(200),
        connect_timeout: Duration::from_secs(2),
        ack_timeout: Duration::from_secs(2),
        ..MqttConfig::default()
    }
}

/// A publisher at work.
pub struct Running {
    pub outbox: Arc<MemoryOutbox>,
    pub stats: Arc<edge_agent::publish::PublishStats>,
    pub cancel: CancellationToken,
    pub task: JoinHandle<PublisherReport>,
    _health: watch::Sender<Value>,
}

pub fn run(config: MqttConfig, outbox: MemoryOutbox) -> Running {
    let outbox = Arc::new(outbox);
    let publisher = Publisher::new(config, identity()).unwrap().with_seed(1);
    let stats = publisher.stats();
    let cancel = CancellationToken::new();
    let (health_tx, health) = watch::channel(serde_json::json!({ "ok": true }));
    let task = tokio::spawn(publisher.run(Arc::clone(&outbox), health, cancel.clone()));
    Running { outbox, stats, cancel, task, _health: health_tx }
}

impl Running {
    pub async fn stop(self) -> PublisherReport {
        self.cancel.cancel();
        timeout(PATIENCE, self.task).await.expect("it stops").unwrap()
    }

    /// Waits for a fact.
    pub async fn until(&self, what: &str, fact: impl Fn(&Self) -> bool) {
        let wait = async {
            while !fact(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(PATIENCE, wait).await.is_err() {
            panic!("never: {what}; {:?}, {} wait", self.stats.snapshot(), self.outbox.len());
        }
    }

    pub async fn until_empty(&self) {
        self.until("the outbox is empty", |r| r.outbox.is_empty()).await;
    }
}
