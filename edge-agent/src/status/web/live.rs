//! What changes, for pages that follow live.
//!
//! Once a second, if anybody follows, the sections of the document are compared with what was sent last, and those that
//! differ go out once for all. Who falls behind by [`BEHIND`] messages is let go: its page connects again and gets
//! everything anew.

use super::LISTENERS;
use crate::status::Status;
use crate::status::now::{self, Sections};
use axum::body::Body;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Frame, SizeHint};
use serde_json::{Map, Value};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

/// How often changes are looked for.
const TICK: Duration = Duration::from_secs(1);
/// Messages that a page may be behind.
const BEHIND: usize = 16;
/// A comment is sent after so many quiet looks, so that both ends notice when the other has gone.
const QUIET: u32 = 15;

/// Pages that follow live.
pub(super) struct Live {
    status: Status,
    changes: broadcast::Sender<Bytes>,
    sent: Mutex<Sent>,
    listeners: Arc<AtomicUsize>,
    /// A page follows: while none did, nothing was looked for.
    somebody: Notify,
}

#[derive(Default)]
struct Sent {
    sections: Map<String, Value>,
    line: u64,
    quiet: u32,
}

impl Live {
    pub(super) fn new(status: Status) -> Self {
        Self {
            status,
            changes: broadcast::channel(BEHIND).0,
            sent: Mutex::default(),
            listeners: Arc::default(),
            somebody: Notify::new(),
        }
    }

    /// A page follows: the whole document first, then what changes. Nothing when there are too many.
    pub(super) fn follow(&self) -> Option<Body> {
        let taken = self.listeners.fetch_update(Relaxed, Relaxed, |n| (n < LISTENERS).then_some(n + 1));
        taken.ok()?;
        let seat = Seat { listeners: Arc::clone(&self.listeners), status: self.status.clone() };
        seat.tell();
        // First the seat among those who hear of changes: of what happens meanwhile it hears twice, and not never.
        let changes = self.changes.subscribe();
        self.somebody.notify_one();
        let first = message("now", &now::document(&self.status).to_string());
        let stream = Following { first: Some(first), changes: Box::pin(receive(changes)), seat };
        Some(Body::new(UnsyncBoxBody::new(stream)))
    }

    /// Looks for changes until `cancel`, while anybody follows.
    pub(super) async fn look(&self, cancel: &CancellationToken) {
        let looking = async {
            loop {
                if self.changes.receiver_count() == 0 {
                    *self.sent() = Sent::default();
                    self.somebody.notified().await;
                }
                tokio::time::sleep(TICK).await;
                self.tick();
            }
        };
        cancel.run_until_cancelled(looking).await;
    }

    fn sent(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self) {
        let mut sent = self.sent();
        let news = self.news(&mut sent);
        if news.is_empty() {
            sent.quiet += 1;
            if sent.quiet >= QUIET {
                sent.quiet = 0;
                let _ = self.changes.send(Bytes::from_static(b": still here\n\n"));
            }
            return;
        }
        sent.quiet = 0;
        let text = Value::Object(news).to_string();
        // Nobody is left to hear: then nobody misses it.
        let _ = self.changes.send(message("change", &text));
    }

    fn news(&self, sent: &mut Sent) -> Map<String, Value> {
        let sections: Sections = now::sections(&self.status);
        let Ok(Value::Object(sections)) = serde_json::to_value(&sections) else { return Map::new() };
        let mut news: Map<String, Value> = sections
            .iter()
            .filter(|(name, value)| sent.sections.get(*name) != Some(value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        sent.sections = sections;
        let lines: Vec<_> = self.status.today(|today| today.lines(sent.line).cloned().collect());
        if let Some(last) = lines.last() {
            sent.line = last.n;
            news.insert("lines".into(), serde_json::to_value(&lines).unwrap_or_default());
        }
        news
    }

    /// Somebody did not read.
    pub(super) fn slow(&self) {
        self.status.web(|web| web.slow_dropped += 1);
    }
}

/// One of the [`LISTENERS`] places.
struct Seat {
    listeners: Arc<AtomicUsize>,
    status: Status,
}

impl Seat {
    fn tell(&self) {
        let n = self.listeners.load(Relaxed) as u64;
        self.status.web(|web| web.listeners = n);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.listeners.fetch_sub(1, Relaxed);
        self.tell();
    }
}

type Receiving = Pin<Box<dyn Future<Output = (Option<Bytes>, broadcast::Receiver<Bytes>)> + Send>>;

/// The next change; nothing when too many were missed, or there are no more.
async fn receive(mut changes: broadcast::Receiver<Bytes>) -> (Option<Bytes>, broadcast::Receiver<Bytes>) {
    (changes.recv().await.ok(), changes)
}

/// The body of an answer that goes on.
struct Following {
    first: Option<Bytes>,
    changes: Receiving,
    seat: Seat,
}

impl hyper::body::Body for Following {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let (change, changes) = std::task::ready!(self.changes.as_mut().poll(cx));
        let Some(change) = change else {
            self.seat.status.web(|web| web.slow_dropped += 1);
            return Poll::Ready(None);
        };
        self.changes = Box::pin(receive(changes));
        Poll::Ready(Some(Ok(Frame::data(change))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// A server-sent event. JSON has no line break in it.
fn message(name: &str, json: &str) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {json}\n\n"))
}
