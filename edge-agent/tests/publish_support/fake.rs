//! Brokers that misbehave on purpose, and a wire that breaks.

use bytes::BytesMut;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnectReturnCode, Packet, PingResp, PubAck, PubAckReason, Publish,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// What a fake broker does with a PUBLISH.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    Ack(PubAckReason),
    Nothing,
    HangUp,
}

/// An MQTT 5 broker that answers as it is told; what it hears comes out of `heard`.
pub struct FakeBroker {
    pub port: u16,
    pub heard: mpsc::UnboundedReceiver<Publish>,
    task: JoinHandle<()>,
}

impl Drop for FakeBroker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FakeBroker {
    pub async fn start(answer: impl Fn(&Publish) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tx, heard) = mpsc::unbounded_channel();
        let answer = Arc::new(answer);
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                // One after the other is enough: there is one client.
                serve(socket, &*answer, &tx).await;
            }
        });
        Self { port, heard, task }
    }
}

async fn serve(
    mut socket: TcpStream,
    answer: &(impl Fn(&Publish) -> Answer + Send + Sync),
    heard: &mpsc::UnboundedSender<Publish>,
) {
    let mut input = BytesMut::new();
    loop {
        let mut output = BytesMut::new();
        while let Ok(packet) = Packet::read(&mut input, None) {
            match packet {
                Packet::Connect(..) => {
                    let ack = ConnAck {
                        session_present: false,
                        code: ConnectReturnCode::Success,
                        properties: None,
                    };
                    ack.write(&mut output).unwrap();
                }
                Packet::Publish(publish) => {
                    let what = answer(&publish);
                    let id = publish.pkid;
                    let _ = heard.send(publish);
                    match what {
                        Answer::Ack(reason) => {
                            let mut ack = PubAck::new(id, None);
                            ack.reason = reason;
                            ack.write(&mut output).unwrap();
                        }
                        Answer::Nothing => {}
                        Answer::HangUp => {
                            let _ = socket.write_all(&output).await;
                            return;
                        }
                    }
                }
                Packet::PingReq(_) => {
                    PingResp::write(&mut output).unwrap();
                }
                Packet::Disconnect(_) => return,
                _ => {}
            }
        }
        if socket.write_all(&output).await.is_err() {
            return;
        }
        if !matches!(socket.read_buf(&mut input).await, Ok(n) if n > 0) {
            return;
        }
    }
}

/// Forwards to a broker and breaks each connection after some bytes, `cuts` times; the number differs each time.
pub struct BreakingWire {
    pub port: u16,
    task: JoinHandle<()>,
}

impl Drop for BreakingWire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl BreakingWire {
    pub async fn to(broker: u16, cuts: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            for n in 0.. {
                let Ok((client, _)) = listener.accept().await else { return };
                let Ok(server) = TcpStream::connect(("127.0.0.1", broker)).await else { continue };
                let limit = if n < cuts { 20_000 + (n * 7919) % 90_000 } else { usize::MAX };
                forward(client, server, limit).await;
            }
        });
        Self { port, task }
    }
}

async fn forward(mut client: TcpStream, mut server: TcpStream, limit: usize) {
    let (mut up, mut down) = ([0; 1024], [0; 1024]);
    let mut passed = 0;
    while passed < limit {
        tokio::select! {
            n = client.read(&mut up) => match n {
                Ok(n) if n > 0 && server.write_all(&up[..n]).await.is_ok() => passed += n,
                _ => return,
            },
            n = server.read(&mut down) => match n {
                Ok(n) if n > 0 && client.write_all(&down[..n]).await.is_ok() => {}
                _ => return,
            },
        }
    }
}

/// Accepts connections and says nothing, ever. `called`: somebody connected.
pub async fn silent_listener() -> (u16, Arc<AtomicBool>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let called = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&called);
    let task = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            flag.store(true, Ordering::Relaxed);
            held.push(socket);
        }
        tokio::time::sleep(Duration::from_secs(3600)).await;
    });
    (port, called, task)
}
