//! Events as plain lines, as they come: for a pipe, a log, a terminal that is no screen.

use super::listen::{Heard, WAITING, Wanted, listen};
use super::model::{Filter, Model, Row};
use crate::lines::{GATEWAY, View};
use crate::pipeline::wall_clock;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What is printed, and how.
pub struct Options {
    /// How a line looks.
    pub view: View,
    /// Which events.
    pub filter: Filter,
    /// Also flow of floors and zones.
    pub verbose: bool,
    /// Events as they are published, one object a line, instead of lines for people.
    pub json: bool,
    /// End after so many.
    pub count: Option<u64>,
}

/// How it ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// Told to, enough, or nobody reads any more.
    Done,
    /// The broker refuses us, and will go on doing so.
    Refused(String),
    /// Writing failed.
    Write(io::ErrorKind),
}

/// Prints until `cancel`, until enough was printed, or until nobody reads. What concerns the connection goes to `log`.
pub async fn run<W: Write + AsFd>(
    wanted: Wanted,
    mut model: Model,
    options: Options,
    cancel: CancellationToken,
    out: &mut W,
    log: &mut impl FnMut(&str),
) -> End {
    let prefix = wanted.broker.prefix.clone();
    let (sender, mut heard) = mpsc::channel(WAITING);
    let listening = tokio::spawn(listen(wanted, sender));
    let mut printed = 0;
    let mut second = tokio::time::interval(Duration::from_secs(1));
    // What is retained comes in the first moments; then it can be said who is there.
    let mut say_truths_in = None;
    let end = loop {
        let next = tokio::select! {
            next = heard.recv() => next,
            () = cancel.cancelled() => break End::Done,
            _ = second.tick() => {
                if is_gone(out) {
                    break End::Done;
                }
                if let Some(left) = say_truths_in {
                    say_truths_in = Some(left - 1).filter(|left| *left > 0);
                    if left == 1 {
                        model.truths(wall_clock()).iter().for_each(|truth| log(truth));
                    }
                }
                continue;
            }
        };
        let Some(next) = next else { break End::Done };
        let payload = match &next {
            Heard::Listening if !matches!(model.broker, super::Broker::Listening(_)) => {
                log(&format!("listening at {}", model.address));
                say_truths_in = Some(3);
                None
            }
            Heard::Lost { why, refused: true, .. } => break End::Refused(why.clone()),
            Heard::Lost { why, again, .. } => {
                log(&format!(
                    "no broker at {}: {why}; again in {:.0} s",
                    model.address,
                    again.as_secs_f32().ceil()
                ));
                None
            }
            Heard::Listening => None,
            Heard::Message { payload, .. } => Some(payload.clone()),
        };
        let Some(row) = model.take(next, &prefix, wall_clock()) else { continue };
        if !options.shows(&row) {
            continue;
        }
        let line = match (options.json, &payload) {
            (true, Some(payload)) => as_json(&row, payload),
            _ => options.view.told(&row.told),
        };
        match writeln!(out, "{line}").and_then(|()| out.flush()) {
            Ok(()) => printed += 1,
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => break End::Done,
            Err(e) => break End::Write(e.kind()),
        }
        if options.count.is_some_and(|enough| printed >= enough) {
            break End::Done;
        }
    };
    listening.abort();
    end
}

impl Options {
    fn shows(&self, row: &Row) -> bool {
        let of_a_part = row.told.scope.as_deref().is_some_and(|scope| scope != "site");
        self.filter.shows(&row.told) && (self.verbose || !of_a_part)
    }
}

/// On one line, whatever the publisher wrote.
fn as_json(row: &Row, payload: &[u8]) -> String {
    if *row.told.kind == GATEWAY {
        let (gateway, says) = (&row.told.place, &row.told.detail);
        return json!({"type": "gateway", "site": row.site, "gateway": gateway, "says": says}).to_string();
    }
    serde_json::from_slice::<Value>(payload).map_or_else(|_| String::new(), |event| event.to_string())
}

/// Whether the reader of a pipe has gone. Without asking, a quiet site would keep us until its next event.
fn is_gone(out: &impl AsFd) -> bool {
    let mut fds = [PollFd::new(out.as_fd(), PollFlags::empty())];
    let asked = poll(&mut fds, PollTimeout::ZERO);
    asked.is_ok() && fds[0].revents().is_some_and(|r| r.contains(PollFlags::POLLERR))
}
