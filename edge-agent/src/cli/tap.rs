//! `edge-agent tap`: serial lines and network printers in a process of their own.

use super::exit::{Exit, Failure};
use super::run::start_log;
use crate::agent;
use crate::config;
use crate::feeds::Board;
use crate::feeds::start::taps;
use crate::feeds::tap::queue::Queue;
use crate::feeds::tap::{listen, socket};
use crate::supervise::{Beat, Supervisor};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Listens to serial lines and network printers, in a process of its own.
///
/// Tills print through it whether the daemon runs or not; what they print waits here, in memory, until the daemon
/// (`edge-agent run`, with the same configuration) has it on its disk. Needs `receipts.tap_socket`.
#[derive(Args, Clone, Debug)]
pub struct TapArgs {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "/etc/edge-agent/agent.toml")]
    config: PathBuf,
}

/// Runs `tap`.
pub fn run(args: &TapArgs) -> Result<Exit, Failure> {
    let wrong = |what: String| Failure::new(Exit::Config, what);
    let config = config::load(&args.config).map_err(|e| wrong(e.to_string()))?;
    start_log(&config.agent.log);
    let Some(path) = config.agent.receipts.tap_socket.clone() else {
        let what = "receipts.tap_socket is missing; write tap_socket = \"/run/edge-agent/tap.sock\" under [receipts]";
        return Err(wrong(format!("{}: {what}", args.config.display())));
    };
    let zone =
        jiff::tz::TimeZone::get(&config.site.timezone).map_err(|e| wrong(format!("site.timezone: {e}")))?;
    let taps = taps(&config.agent, &zone).map_err(|e| wrong(e.to_string()))?;
    if taps.is_empty() {
        let what = "no [[source]] of kind \"serial\" or \"printer\": there is nothing to listen to";
        return Err(wrong(format!("{}: {what}", args.config.display())));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Unavailable, format!("cannot start the runtime: {e}")))?;
    runtime.block_on(async {
        let cancel = agent::stop_signal()
            .map_err(|e| Failure::new(Exit::Unavailable, format!("cannot watch for signals: {e}")))?;
        let daemon = socket::bind(&path).map_err(|e| Failure::io("cannot listen at", &path, &e))?;
        let (queue, board) = (Queue::default(), Board::default());
        info!(lines = taps.len(), socket = %path.display(), "the tap is running");
        // The daemon may still take what is there when the lines are closed.
        let goodbye = CancellationToken::new();
        tokio::spawn(socket::serve(daemon, queue.clone(), board.clone(), goodbye.clone()));
        let (lines, shared) = (Beat::default(), Beat::default());
        let had = {
            let (queue, board, beat) = (queue.clone(), board.clone(), shared.clone());
            // Whoever holds one of these for ever holds up every line.
            move || {
                let _ = (queue.len(), board.states());
                beat.turn();
            }
        };
        let status = {
            let (queue, taps) = (queue.clone(), taps.len());
            move || format!("{taps} lines, {} papers waiting for the daemon", queue.len())
        };
        let watch =
            Supervisor::from_env().part("lines", lines.clone()).asked("queue", shared, had).ready(status);
        listen(taps, queue.clone(), board, cancel.clone(), lines).await;
        watch.stopping();
        let patience = tokio::time::Instant::now() + DRAIN;
        while !queue.is_empty() && tokio::time::Instant::now() < patience {
            tokio::time::sleep(LOOK).await;
        }
        goodbye.cancel();
        let left = queue.len();
        let _ = std::fs::remove_file(&path);
        info!(papers_lost = left, "the tap has stopped");
        Ok(Exit::Ok)
    })
}

/// One forwards while the other parses.
const WORKERS: usize = 2;
/// How long a stop waits for the daemon to take what was printed, and how often it looks.
const DRAIN: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);
