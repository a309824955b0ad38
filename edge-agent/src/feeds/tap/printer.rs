//! Network printers: TCP port 9100, in-line or instead of a printer.
//!
//! In-line, every byte goes on to the printer, and every byte of the printer back to the till (it waits for replies to
//! status requests), before anything else is done with it; half-closed connections stay half-closed. While the printer
//! does not answer, a till's connection is closed, as a printer that is off would.
//!
//! Without `forward` we are the printer: what tills ask of its state (`DLE EOT n`, `GS r n`, `ESC v`) is answered as by
//! one that is online, has paper and no error. The bytes of a picture hold such requests by chance, and are told from
//! them by the tokeniser; a packet that holds requests and nothing else is one, wherever the stream is, as it would be
//! to a printer, which answers `DLE EOT` in the middle of anything.

use super::parser::{Copies, Feed};
use crate::config::PrinterSettings;
use crate::feeds::port::{self, Told};
use gateway::pos::escpos::op::{Asks, Op};
use gateway::pos::escpos::{Dialect, Token, Tokeniser};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Connections of one listener at once.
const CONNECTIONS: usize = 64;
/// Bytes moved at once.
const CHUNK: usize = 16 << 10;
/// A printer that is on answers sooner.
const CONNECT: Duration = Duration::from_secs(3);

/// Listens until `cancel`.
pub(super) async fn listen(settings: PrinterSettings, feed: Feed, cancel: CancellationToken) {
    let settings = Arc::new(settings);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut told = Told::new(&feed.report);
    let listener = loop {
        match port::bind(settings.listen).await {
            Ok(listener) => break listener,
            Err(why) if told.again(&why, &cancel).await => {}
            Err(_) => return,
        }
    };
    feed.report.up();
    info!(feed = %feed.report.name(), listen = %settings.listen, "listening for tills");
    loop {
        let till = tokio::select! {
            till = port::accept(&listener, &feed.report) => till,
            () = cancel.cancelled() => return,
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            feed.report.change(|state| state.refused += 1);
            continue;
        };
        let (settings, feed, cancel) = (Arc::clone(&settings), feed.clone(), cancel.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = connection(till, &settings, &feed) => {}
                () = cancel.cancelled() => {}
            }
            drop(place);
        });
    }
}

async fn connection(till: TcpStream, settings: &PrinterSettings, feed: &Feed) {
    let _ = till.set_nodelay(true);
    let Some(forward) = &settings.forward else {
        return stand_in(till, feed.template.printer.dialect, &feed.parser()).await;
    };
    let printer = match tokio::time::timeout(CONNECT, TcpStream::connect(forward)).await {
        Ok(Ok(printer)) => printer,
        failed => {
            let why = failed.map_or_else(
                |_| "no answer".to_owned(),
                |r| r.err().map_or_else(String::new, |e| e.to_string()),
            );
            let why = format!("printer {forward}: {why}");
            warn!(feed = %feed.report.name(), "{why}");
            feed.report.change(|state| state.problem = Some(why));
            return;
        }
    };
    feed.report.up();
    let _ = printer.set_nodelay(true);
    let copies = feed.parser();
    let (from_till, to_till) = till.into_split();
    let (from_printer, to_printer) = printer.into_split();
    // Each direction ends by itself; the other may go on. An error is passed on by closing both.
    let there = pass(from_till, to_printer, Some(&copies));
    let back = pass(from_printer, to_till, None);
    if let Err(e) = tokio::try_join!(there, back) {
        warn!(feed = %feed.report.name(), "a connection broke: {e}");
        copies.cut_off();
    }
}

/// Moves bytes until the sender is done, and says so to the receiver.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, copies: Option<&Copies>) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let n = from.read(&mut chunk).await?;
        if n == 0 {
            // Whoever has closed already needs not be told.
            let _ = to.shutdown().await;
            return Ok(());
        }
        to.write_all(&chunk[..n]).await?;
        if let Some(copies) = copies {
            copies.take(&chunk[..n]);
        }
    }
}

/// There is no printer but us.
async fn stand_in(mut till: TcpStream, dialect: Dialect, copies: &Copies) {
    let mut chunk = vec![0; CHUNK];
    let mut stream = Tokeniser::new(dialect);
    loop {
        match till.read(&mut chunk).await {
            Ok(0) => return,
            Ok(n) => {
                copies.take(&chunk[..n]);
                let replies = replies(&mut stream, &chunk[..n]);
                if !replies.is_empty() && till.write_all(&replies).await.is_err() {
                    return;
                }
            }
            Err(_) => return copies.cut_off(),
        }
    }
}

/// What a printer that is well answers to status requests (Epson ESC/POS, `DLE EOT`: bits 1 and 4 are always set).
fn replies(stream: &mut Tokeniser, packet: &[u8]) -> Vec<u8> {
    let now = |n: u8| match n {
        1 => Some(0x16),
        2..=4 => Some(0x12),
        _ => None,
    };
    let alone: Option<Vec<u8>> = packet
        .chunks(3)
        .map(|request| match request {
            [0x10, 0x04, n] => now(*n),
            _ => None,
        })
        .collect();
    let mut asked = Vec::new();
    stream.received(packet);
    while let Some(token) = stream.next() {
        if let Token::Op(Op::Asks(what)) = token {
            asked.extend(match what {
                Asks::Now(n) => now(n),
                Asks::State(1 | 2) | Asks::Paper => Some(0),
                Asks::State(_) => None,
            });
        }
    }
    alone.unwrap_or(asked)
}
