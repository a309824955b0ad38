//! How each feed is doing: for health, and for whoever asks why a till is silent.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use visit_core::time::Timestamp;

/// How one feed is doing. Counters since start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct FeedState {
    /// `serial`, `printer`, `http`, `mqtt` or `folder`.
    pub kind: String,
    /// It can receive: the line is open, the port is bound, the broker answers, the folder can be read.
    pub up: bool,
    /// Why not, or what went wrong last, in words; no content of a receipt.
    pub problem: Option<String>,
    /// Bytes received.
    pub bytes: u64,
    /// Papers that are durable.
    pub delivered: u64,
    /// Papers that were nothing to record (training, unknown till …).
    pub refused: u64,
    /// Documents, rows or files that could not be read.
    pub bad: u64,
    /// Papers or pieces of one that were lost for want of room.
    pub lost: u64,
    /// When the last paper was delivered.
    #[serde(serialize_with = "as_text", skip_deserializing)]
    #[schemars(with = "Option<crate::status::Stamp>")]
    pub last_delivered_at: Option<Timestamp>,
    /// Nothing came for longer than usual, since then.
    #[serde(serialize_with = "as_text", skip_deserializing)]
    #[schemars(with = "Option<crate::status::Stamp>")]
    pub silent_since: Option<Timestamp>,
}

/// The states of all feeds, by name.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<BTreeMap<Arc<str>, FeedState>>>);

impl Board {
    /// The reporter of a feed.
    pub fn reporter(&self, name: &str, kind: &str) -> Reporter {
        let name: Arc<str> = name.into();
        self.change(&name, |state| kind.clone_into(&mut state.kind));
        Reporter { board: self.clone(), name }
    }

    /// All states as they are now.
    pub fn states(&self) -> BTreeMap<String, FeedState> {
        let states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        states.iter().map(|(name, state)| (name.to_string(), state.clone())).collect()
    }

    /// Changes the state of a feed.
    pub fn change(&self, name: &Arc<str>, change: impl FnOnce(&mut FeedState)) {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(states.entry(Arc::clone(name)).or_default());
    }
}

/// A feed's hand on its own state.
#[derive(Clone, Debug)]
pub struct Reporter {
    board: Board,
    name: Arc<str>,
}

impl Reporter {
    /// The feed's name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// It can receive.
    pub fn up(&self) {
        self.change(|state| (state.up, state.problem) = (true, None));
    }

    /// It cannot receive.
    pub fn down(&self, why: impl Into<String>) {
        let why = why.into();
        self.change(|state| (state.up, state.problem) = (false, Some(why)));
    }

    /// A paper of a feed was lost.
    pub fn lost(&self, feed: &Arc<str>) {
        self.board.change(feed, |state| state.lost += 1);
    }

    /// Changes the state.
    pub fn change(&self, change: impl FnOnce(&mut FeedState)) {
        self.board.change(&self.name, change);
    }
}

#[allow(clippy::ref_option)] // serde's signature
fn as_text<S: serde::Serializer>(at: &Option<Timestamp>, s: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => s.serialize_some(&at.to_string()),
        None => s.serialize_none(),
    }
}
