//! Where observations come from. A closed set: every source is known here.

use crate::counts::{Counts, Problem, Problems};
use crate::observation::Observation;

mod replay;
pub use replay::{OpenError, ReadError, Replay, ReplayInput};

/// A source of observations.
pub enum Source {
    /// Recordings, played back.
    Replay(Replay),
}

impl Source {
    /// The next observation; `None` when the source has ended. To be called again after an error: it loses no
    /// more than the error says.
    #[allow(clippy::should_implement_trait)] // an error is not an item
    pub fn next(&mut self) -> Result<Option<Observation>, ReadError> {
        match self {
            Self::Replay(replay) => replay.next(),
        }
    }

    /// Observations yielded since the beginning of the recording.
    pub fn position(&self) -> u64 {
        match self {
            Self::Replay(replay) => replay.position(),
        }
    }

    /// Goes to where [`Self::position`] was this, so that a crash loses nothing.
    pub fn rewind_to(&mut self, position: u64) -> Result<(), ReadError> {
        match self {
            Self::Replay(replay) => replay.rewind_to(position),
        }
    }

    /// What became of everything that was taken in.
    pub fn counts(&self) -> &Counts {
        match self {
            Self::Replay(replay) => replay.counts(),
        }
    }

    /// The first problems in words.
    pub fn problems(&self) -> &[Problem] {
        self.all_problems().kept()
    }

    /// The first problems in words, and how many there were.
    pub fn all_problems(&self) -> &Problems {
        match self {
            Self::Replay(replay) => replay.problems(),
        }
    }
}
