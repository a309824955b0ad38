//! What kind of day to generate, and where one can be.

use super::plan::Plan;
use visit_core::time::{Span, Timestamp};

/// What kind of day to generate.
#[derive(Clone, Debug, PartialEq)]
pub struct DayOptions {
    /// Another seed, another day.
    pub seed: u64,
    /// The first moment of the day: staff come. Cut to the millisecond.
    pub start: Timestamp,
    /// How long after the start the doors open.
    pub opens_after: Span,
    /// How long after the start the day ends; what is still going on then is cut off. At most
    /// 48 hours.
    pub length: Span,
    /// Visitors an hour, averaged over opening hours; at most 36,000.
    pub visitors_per_hour: f64,
    /// People an hour who pass by the doors; at most 36,000.
    pub passers_per_hour: f64,
}

impl Default for DayOptions {
    /// Saturday, 2026-11-21 in Shanghai: staff from 09:30, doors open 10:00 to 22:00.
    fn default() -> Self {
        Self {
            seed: 1,
            start: Timestamp::from_micros(1_795_224_600_000_000),
            opens_after: Span::from_secs(30 * 60),
            length: Span::from_secs(12 * 3600 + 30 * 60),
            visitors_per_hour: 60.0,
            passers_per_hour: 40.0,
        }
    }
}

impl DayOptions {
    pub(super) fn within_bounds(mut self) -> Self {
        self.start = self.start.floor_to(Span::from_millis(1));
        self.length = self.length.clamp(Span::ZERO, MAX_LENGTH);
        self.opens_after = self.opens_after.clamp(Span::ZERO, MAX_LENGTH);
        self
    }
}

/// No day can be generated in such a place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No way in.
    #[error("the site map has no zone of kind \"entrance\": visitors cannot come in")]
    NoEntrance,
    /// Nowhere to buy.
    #[error("the site map has no zone of kind \"shop\" that has a till and can be reached from an entrance")]
    NoShop,
    /// Nobody listens.
    #[error("the site map has no sensor: nothing would be heard")]
    NoSensor,
    /// A plan made by hand does not hold together.
    #[error("{what} {index} of the plan refers to a zone that is not there")]
    BadReference {
        /// `zone`, `sensor` or `till`.
        what: &'static str,
        /// Its index.
        index: usize,
    },
    /// Indices are 16 bits.
    #[error("the plan has more than 65,535 zones, sensors or tills")]
    TooLarge,
}

/// A plan made from a `Site` always passes; one made by hand may not.
pub(super) fn check(plan: &Plan) -> Result<(), PlanError> {
    let zones = plan.zones.len();
    if [zones, plan.sensors.len(), plan.tills.len()].into_iter().any(|n| n > usize::from(u16::MAX)) {
        return Err(PlanError::TooLarge);
    }
    let bad = |what, index: Option<usize>| match index {
        Some(index) => Err(PlanError::BadReference { what, index }),
        None => Ok(()),
    };
    bad("zone", plan.zones.iter().position(|z| z.neighbours.iter().any(|&n| n >= zones)))?;
    bad("sensor", plan.sensors.iter().position(|s| s.zone >= zones))?;
    bad("till", plan.tills.iter().position(|t| t.zone >= zones))?;
    if plan.sensors.is_empty() {
        return Err(PlanError::NoSensor);
    }
    Ok(())
}

/// Journeys of staff are made for the whole day at once.
const MAX_LENGTH: Span = Span::from_secs(48 * 3600);
