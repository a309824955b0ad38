//! How a publisher that is told to stop takes its leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Shared with who tells it to stop; to be decided before that.
#[derive(Clone, Debug, Default)]
pub struct Parting(Arc<AtomicU8>);

/// The ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// The daemon ends: what is queued is published, then `offline`.
    Drain,
    /// The daemon goes on in a moment, at the same place: what is in flight is waited for, and nothing is said. The
    /// retained status stays `online`.
    HandOver,
    /// It goes on elsewhere (another broker, another prefix): what is in flight is waited for, then `offline`.
    Move,
}

impl Parting {
    /// Decides.
    pub fn decide(&self, leave: Leave) {
        self.0.store(leave as u8, Ordering::SeqCst);
    }

    /// What was decided; the daemon ends, where nothing was.
    pub fn leave(&self) -> Leave {
        match self.0.load(Ordering::SeqCst) {
            n if n == Leave::HandOver as u8 => Leave::HandOver,
            n if n == Leave::Move as u8 => Leave::Move,
            _ => Leave::Drain,
        }
    }

    /// Whether the daemon goes on.
    pub fn goes_on(&self) -> bool {
        self.leave() != Leave::Drain
    }
}
