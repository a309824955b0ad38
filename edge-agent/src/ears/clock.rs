//! When something was heard.

use crate::pipeline::wall_clock;
use tokio::time::Instant;
use visit_core::time::{Span, Timestamp};

/// The wall clock's time of a moment of the monotonic clock, as far as the wall clock is right now.
///
/// A source notes the monotonic clock when a frame reaches it, and asks here when it hands the frame on: a wall clock
/// that is set right in between then counts already. One that is set after that makes a step in the times.
pub fn time_of(moment: Instant) -> Timestamp {
    let age = moment.elapsed().as_micros();
    wall_clock() - Span::from_micros(i64::try_from(age).unwrap_or(i64::MAX))
}
