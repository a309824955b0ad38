//! From the words of a feed to those of the site: which till, when, which business day.

use super::{Arrival, Paper};
use crate::privacy::BusinessCalendar;
use gateway::names::Names;
use gateway::observation::Observation;
use gateway::pos::receipt::NotObserved;
use gateway::pos::skew::Skew;
use std::sync::Arc;

/// Knows the site map's names, and learns how far the tills' clocks are off.
pub struct Desk {
    names: Arc<Names>,
    calendar: BusinessCalendar,
    skew: Skew,
}

impl Desk {
    /// With no clock learnt yet.
    pub fn new(names: Arc<Names>, calendar: BusinessCalendar) -> Self {
        Self { names, calendar, skew: Skew::default() }
    }

    /// The paper as an observation, dated to when it happened.
    pub fn observe(&mut self, arrival: &Arrival) -> Result<Observation, NotObserved> {
        let Arrival { paper, till, captured, prompt } = arrival;
        match paper {
            Paper::Receipt(receipt) => {
                let mut r = receipt.observe(&self.names, *till, Some(*captured))?;
                r.at = self.skew.happened(r.till, *captured, r.printed_at, *prompt);
                Ok(Observation::Receipt(r))
            }
            Paper::Totals(totals) => {
                let day = self.calendar.day(*captured);
                totals.observe(&self.names, *till, *captured, day).map(Observation::DayTotals)
            }
        }
    }
}
