//! `edge-agent watch`: the site on a terminal, live.

use super::exit::{Exit, Failure};
use super::tail::kinds;
use super::viewer::ViewerArgs;
use crate::agent;
use crate::lines::Lang;
use crate::pipeline::wall_clock;
use crate::watch::listen::{Heard, WAITING, listen};
use crate::watch::screen::Look;
use crate::watch::{Broker, Filter, Model, Wanted, app, json};
use clap::Args;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A live view of the site in the terminal: floors, gateways, receipts, events. `?` shows the keys.
#[derive(Args, Clone, Debug)]
pub struct WatchArgs {
    #[command(flatten)]
    viewer: ViewerArgs,
    /// Only events of this kind, to begin with: arrived, receipt, visit …; repeatable
    #[arg(long, value_name = "KIND")]
    kind: Vec<String>,
    /// Only events of this floor, to begin with
    #[arg(long, value_name = "ID")]
    floor: Option<String>,
    /// Language of the view
    #[arg(long, value_enum, default_value = "en")]
    lang: Lang,
    /// No colours; so does NO_COLOR
    #[arg(long)]
    no_color: bool,
    /// No view: what is true of the site, one JSON object a line; needs no terminal
    #[arg(long)]
    json: bool,
    /// Seconds between two objects
    #[arg(long, value_name = "SECONDS", default_value_t = 5, requires = "json", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: u64,
    /// One object only, as soon as what the broker keeps was heard; ends with 69 when there is no broker for ten seconds
    #[arg(long, requires = "json")]
    once: bool,
}

/// Runs `watch`.
pub fn run(args: &WatchArgs) -> Result<Exit, Failure> {
    let filter = Filter { kinds: kinds(&args.kind)?, floor: args.floor.clone() };
    if !args.json {
        terminal()?;
    }
    let (wanted, model) = args.viewer.open()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime =
        runtime.map_err(|e| Failure::new(Exit::Unavailable, format!("cannot start the runtime: {e}")))?;
    let entered = runtime.enter();
    let cancel = agent::stop_signal()
        .map_err(|e| Failure::new(Exit::Unavailable, format!("cannot watch for signals: {e}")))?;
    let done = if args.json {
        runtime.block_on(print(args, wanted, model, cancel))
    } else {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let colour = !args.no_color && !no_color;
        let zh = args.lang == Lang::Zh;
        let look = app::named(Look { filter, zh, colour, ..Look::default() });
        let shown = app::run(wanted, model, look, &cancel);
        shown.map(|()| Exit::Ok).map_err(|e| Failure::new(Exit::Io, format!("the terminal: {e}")))
    };
    drop(entered);
    runtime.shutdown_background();
    done
}

/// Whether there is a terminal that can be drawn on.
fn terminal() -> Result<(), Failure> {
    let hint = "edge-agent tail prints plain lines; edge-agent watch --json is for scripts";
    let no = |why: &str| Err(Failure::new(Exit::Unavailable, format!("watch: {why}; {hint}")));
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return no("this is no terminal");
    }
    match std::env::var("TERM").as_deref() {
        Ok("dumb") => no("this terminal (TERM=dumb) can only show lines"),
        Ok("") | Err(_) => no("TERM is not set: nobody knows how to draw on this terminal"),
        Ok(_) => Ok(()),
    }
}

/// How long `--once` waits for a broker.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a broker keeps comes within this, once it was subscribed to.
const RETAINED: Duration = Duration::from_millis(1500);

async fn print(
    args: &WatchArgs,
    wanted: Wanted,
    mut model: Model,
    cancel: CancellationToken,
) -> Result<Exit, Failure> {
    let prefix = wanted.broker.prefix.clone();
    let (sender, mut heard) = mpsc::channel(WAITING);
    let listening = tokio::spawn(listen(wanted, sender));
    let began = Instant::now();
    let mut due = if args.once { None } else { Some(began + RETAINED) };
    let exit = loop {
        let soon = due.unwrap_or(began + PATIENCE);
        let next = tokio::select! {
            next = heard.recv() => next,
            () = cancel.cancelled() => break Exit::Ok,
            () = tokio::time::sleep_until(soon.into()) => {
                let there = matches!(model.broker, Broker::Listening(_));
                let line = json::state(&model, wall_clock());
                let mut out = std::io::stdout();
                if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                    break Exit::Ok;
                }
                if args.once {
                    break if there { Exit::Ok } else { Exit::Unavailable };
                }
                due = Some(Instant::now() + Duration::from_secs(args.every));
                continue;
            }
        };
        let Some(next) = next else { break Exit::Software };
        if args.once && due.is_none() && next == Heard::Listening {
            due = Some(Instant::now() + RETAINED);
        }
        model.take(next, &prefix, wall_clock());
    };
    listening.abort();
    Ok(exit)
}
