//! Between the tap's process and the daemon: a unix socket, JSON lines.
//!
//! ```text
//! tap → daemon    {"hello":1}                                   version of the protocol
//!                 {"paper":{"seq":7,"feed":"printer till-1","at":…,"printed":{…}}}
//!                 {"states":{"printer till-1":{…}}}             every two seconds
//! daemon → tap    {"ack":7}                                     all up to 7 are durable
//! ```
//!
//! What is not acknowledged is sent again after a reconnection. A number is good for one run of the tap; the daemon
//! does not keep it: what it gets twice, it recognises as a copy. Only the owner may connect (mode 0600).

use super::drain::{self, Readers};
use super::queue::{Queue, Tapped};
use crate::feeds::{Board, FeedState, Intake};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Version of the protocol.
const VERSION: u32 = 1;
/// The longest line; a paper has at most 64 KiB of text.
const MAX_LINE: u64 = 1 << 20;
/// Papers on their way at once.
const WINDOW: usize = 64;
/// How often the states of the lines are told.
const STATES: Duration = Duration::from_secs(2);
/// Between attempts to connect.
const AGAIN: Duration = Duration::from_millis(500);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    Hello(u32),
    Paper(Box<Tapped>),
    States(BTreeMap<String, FeedState>),
    Ack(u64),
}

/// Binds the socket; a stale one is replaced, one in use is an error.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        let what = format!("another tap is running at {}", path.display());
        return Err(io::Error::new(io::ErrorKind::AddrInUse, what));
    }
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// The tap's end: serves one daemon after the other until `cancel`; a new one takes the place of the last.
pub async fn serve(listener: UnixListener, queue: Queue, board: Board, cancel: CancellationToken) {
    let mut current = CancellationToken::new();
    loop {
        let daemon = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((daemon, _)) => daemon,
                Err(e) => {
                    warn!("the tap's socket: {e}");
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
            },
            () = cancel.cancelled() => return,
        };
        current.cancel();
        current = cancel.child_token();
        let (queue, board, over) = (queue.clone(), board.clone(), current.clone());
        tokio::spawn(async move {
            tokio::select! {
                ended = session(daemon, &queue, &board) => match ended {
                    Ok(()) => info!("the daemon has gone; papers wait for it"),
                    Err(e) => warn!("the daemon's connection: {e}; papers wait for it"),
                },
                () = over.cancelled() => {}
            }
        });
    }
}

async fn session(daemon: UnixStream, queue: &Queue, board: &Board) -> io::Result<()> {
    info!("the daemon is connected");
    let (from, mut to) = daemon.into_split();
    send(&mut to, &Message::Hello(VERSION)).await?;
    let acks = async {
        let mut lines = BufReader::new(from);
        while let Some(message) = receive(&mut lines).await? {
            if let Message::Ack(seq) = message {
                queue.acknowledge(seq);
            }
        }
        Ok(())
    };
    let papers = async {
        let mut sent = 0;
        let mut states = tokio::time::interval(STATES);
        loop {
            tokio::select! {
                () = queue.wait_after(sent) => {
                    for paper in queue.after(sent, WINDOW) {
                        sent = paper.seq;
                        send(&mut to, &Message::Paper(Box::new(paper))).await?;
                    }
                }
                _ = states.tick() => send(&mut to, &Message::States(board.states())).await?,
            }
        }
    };
    tokio::pin!(acks);
    let failed = tokio::select! {
        ended = &mut acks => return ended,
        failed = papers => failed,
    };
    // A daemon that has gone cannot be written to; what it acknowledged before that is still to be read.
    let _ = tokio::time::timeout(AGAIN, acks).await;
    failed
}

/// The daemon's end: takes papers from the tap at `path` until `cancel`, connecting again whenever it must.
pub async fn take(path: &Path, readers: Readers, intake: Intake, cancel: CancellationToken) {
    let mut told = false;
    loop {
        let attempt = async {
            let tap = UnixStream::connect(path).await?;
            info!(socket = %path.display(), "connected to the tap");
            told = false;
            papers(tap, &readers, &intake).await
        };
        let why = tokio::select! {
            ended = attempt => ended.err().map_or_else(|| "it has gone".to_owned(), |e| e.to_string()),
            () = cancel.cancelled() => return,
        };
        for reader in readers.values() {
            reader.report.down(format!("no tap at {}: {why}; is edge-agent tap running?", path.display()));
        }
        if !told {
            warn!(socket = %path.display(), "no tap: {why}");
            told = true;
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = cancel.cancelled() => return,
        }
    }
}

async fn papers(tap: UnixStream, readers: &Readers, intake: &Intake) -> io::Result<()> {
    let (from, mut to) = tap.into_split();
    let mut lines = BufReader::new(from);
    match receive(&mut lines).await? {
        Some(Message::Hello(VERSION)) => {}
        Some(Message::Hello(other)) => {
            let what = format!("the tap speaks version {other}, we speak {VERSION}: restart it");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "this is no tap")),
    }
    while let Some(message) = receive(&mut lines).await? {
        match message {
            Message::Paper(paper) => {
                let mut together = vec![*paper];
                // What has come already goes to the disk with it.
                while together.len() < WINDOW && lines.buffer().contains(&b'\n') {
                    match receive(&mut lines).await? {
                        Some(Message::Paper(paper)) => together.push(*paper),
                        _ => break,
                    }
                }
                let last = together.last().map_or(0, |paper| paper.seq);
                drain::deliver(together, readers, intake).await;
                send(&mut to, &Message::Ack(last)).await?;
            }
            Message::States(states) => {
                for reader in readers.values() {
                    if let Some(theirs) = states.get(&**reader.report.name()) {
                        reader.report.change(|ours| {
                            ours.up = theirs.up;
                            ours.problem.clone_from(&theirs.problem);
                            (ours.bytes, ours.lost) = (theirs.bytes, theirs.lost);
                        });
                    }
                }
            }
            Message::Hello(_) | Message::Ack(_) => {}
        }
    }
    Ok(())
}

async fn send(to: &mut (impl AsyncWriteExt + Unpin), message: &Message) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line).await
}

/// The next message; `None` at the end. A line that is none ends the connection: both ends are ours.
async fn receive(from: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<Option<Message>> {
    let mut line = Vec::new();
    let n = from.take(MAX_LINE).read_until(b'\n', &mut line).await?;
    if n == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is cut off or too long"));
    }
    Ok(Some(serde_json::from_slice(&line)?))
}
