//! Taps: serial lines and network printers. What they print is cut into papers here, and kept in memory until the
//! daemon has it on its disk.
//!
//! A tap never waits for the daemon: a till that prints must not notice us. Papers queue up ([`queue`]), bounded, and
//! the oldest go when there are too many. The daemon drains the queue in its own process ([`drain`]) or, so that it can
//! be restarted while tills print, from a process of its own over a socket ([`socket`]). Raw prints hold card numbers:
//! they are never written to a disk.

pub mod drain;
mod parser;
mod printer;
pub mod queue;
mod serial;
pub mod socket;

use super::{Board, Reporter};
use crate::config::{PrinterSettings, SerialSettings};
use crate::supervise::Beat;
use gateway::pos::template::Template;
use parser::Feed;
use queue::Queue;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A line to listen to.
#[derive(Clone, Debug)]
pub enum Line {
    /// A copy of the line between till and printer.
    Serial(SerialSettings),
    /// A network printer.
    Printer(PrinterSettings),
}

impl Line {
    /// Its name on the board: `serial till-1`.
    pub fn name(&self) -> Arc<str> {
        match self {
            Self::Serial(s) => format!("serial {}", s.till).into(),
            Self::Printer(s) => format!("printer {}", s.till).into(),
        }
    }

    /// `serial` or `printer`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Serial(_) => "serial",
            Self::Printer(_) => "printer",
        }
    }

    /// The till.
    pub fn till(&self) -> &str {
        match self {
            Self::Serial(s) => &s.till,
            Self::Printer(s) => &s.till,
        }
    }

    /// Where its template is.
    pub fn template(&self) -> Option<&std::path::Path> {
        match self {
            Self::Serial(s) => s.template.as_deref(),
            Self::Printer(s) => s.template.as_deref(),
        }
    }
}

/// A line with how its papers are told apart.
#[derive(Clone, Debug)]
pub struct Tap {
    /// The line.
    pub line: Line,
    /// Its template: of the tap's concern are the printer, the limits and the idle time.
    pub template: Arc<Template>,
}

/// Listens to all lines until `cancel`; what they print goes into `queue`. `beat` moves while all are listened to.
pub async fn listen(taps: Vec<Tap>, queue: Queue, board: Board, cancel: CancellationToken, beat: Beat) {
    let mut lines = JoinSet::new();
    for tap in taps {
        let report: Reporter = board.reporter(&tap.line.name(), tap.line.kind());
        let feed = Feed { template: tap.template, queue: queue.clone(), report };
        let cancel = cancel.clone();
        match tap.line {
            Line::Serial(settings) => lines.spawn(serial::listen(settings, feed, cancel)),
            Line::Printer(settings) => lines.spawn(printer::listen(settings, feed, cancel)),
        };
    }
    let mut dead = false;
    loop {
        // A till whose line is dead cannot print: then we do not move any more, and are started again.
        let done = if dead { lines.join_next().await } else { beat.while_waiting(lines.join_next()).await };
        match done {
            Some(Ok(())) => {}
            Some(Err(why)) => {
                tracing::error!("a tap died: {why}");
                dead = true;
            }
            None => return,
        }
    }
}
