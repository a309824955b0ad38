//! Where observations come from: a gateway's sources, or a generated day.

use super::live::LiveInput;
use crate::ears::EarState;
use crate::feeds::FeedState;
use crate::status::health::{Counted, counted};
use gateway::observation::Observation;
use gateway::source::{ReadError, Source};
use std::collections::BTreeMap;

/// What the pipeline listens to.
#[allow(clippy::large_enum_variant)] // there is one
pub enum Input {
    /// What a gateway hears, or heard.
    Source(Source),
    /// What happens now.
    Live(Box<LiveInput>),
    /// Made up, for the demo.
    Generated {
        /// The observations, in order of time.
        day: Box<dyn Iterator<Item = Observation> + Send>,
        /// How many were taken.
        taken: u64,
    },
}

impl Input {
    /// A generated day.
    pub fn generated(day: impl Iterator<Item = Observation> + Send + 'static) -> Self {
        Self::Generated { day: Box::new(day), taken: 0 }
    }

    /// The next observation; `None` at the end.
    #[allow(clippy::should_implement_trait)] // an error is not an item
    pub fn next(&mut self) -> Result<Option<Observation>, ReadError> {
        match self {
            Self::Source(source) => source.next(),
            Self::Live(_) => Ok(None),
            Self::Generated { day, taken } => {
                *taken += 1;
                Ok(day.next())
            }
        }
    }

    /// Whether it can be heard again from an earlier position.
    pub fn can_rewind(&self) -> bool {
        match self {
            Self::Source(Source::Replay(_)) => true,
            Self::Live(_) | Self::Generated { .. } => false,
        }
    }

    /// Observations taken so far.
    pub fn position(&self) -> u64 {
        match self {
            Self::Source(source) => source.position(),
            Self::Live(_) => 0,
            Self::Generated { taken, .. } => *taken,
        }
    }

    /// Goes to a position it was at before.
    pub fn rewind_to(&mut self, position: u64) -> Result<(), ReadError> {
        match self {
            Self::Source(source) => source.rewind_to(position),
            Self::Live(_) | Self::Generated { .. } => Ok(()),
        }
    }

    /// Records that could not be used.
    pub fn bad_records(&self) -> u64 {
        match self {
            Self::Source(source) => source.counts().bad_lines + source.counts().damaged_inputs,
            Self::Live(_) | Self::Generated { .. } => 0,
        }
    }

    /// How each receipt feed is doing; nothing where there are none.
    pub fn feeds(&self) -> Option<BTreeMap<String, FeedState>> {
        match self {
            Self::Live(live) => Some(live.board.states()),
            Self::Source(_) | Self::Generated { .. } => None,
        }
    }

    /// How each ear is doing; nothing where there are none.
    pub fn ears(&self) -> Option<BTreeMap<String, EarState>> {
        match self {
            Self::Live(live) => Some(live.hearing.states()),
            Self::Source(_) | Self::Generated { .. } => None,
        }
    }

    /// Counters by name.
    pub fn counted(&self) -> Counted {
        match self {
            Self::Source(source) => counted(source.counts().iter()),
            Self::Live(live) => live.counted(),
            Self::Generated { taken, .. } => counted([("yielded", *taken)]),
        }
    }
}
