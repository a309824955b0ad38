//! From the words of a feed to those of the site: which till, when, which business day.

use super::{Arrival, Paper};
use crate::privacy::BusinessCalendar;
use gateway::names::Names;
use gateway::observation::Observation;
use gateway::pos::aliases::Aliases;
use gateway::pos::receipt::NotObserved;
use gateway::pos::skew::Skew;
use std::sync::Arc;
use visit_core::time::{Span, Timestamp};

/// Knows the site map's names, and learns how far the tills' clocks are off.
pub struct Desk {
    names: Arc<Names>,
    calendar: BusinessCalendar,
    skew: Skew,
    aliases: Aliases,
}

impl Desk {
    /// With no clock learnt yet.
    pub fn new(names: Arc<Names>, calendar: BusinessCalendar) -> Self {
        Self { names, calendar, skew: Skew::default(), aliases: Aliases::default() }
    }

    /// The paper as an observation, dated to when it happened.
    pub fn observe(&mut self, arrival: &Arrival) -> Result<Observation, NotObserved> {
        let Arrival { paper, till, captured, prompt } = arrival;
        match paper {
            Paper::Receipt(receipt) => {
                let mut r = receipt.observe(&self.names, *till, Some(*captured), &mut self.aliases)?;
                r.at = self.skew.happened(r.till, *captured, r.printed_at, *prompt);
                // The day that is printed on it: a reprint of tomorrow is of the same one.
                let printed = r.printed_at.filter(|at| is_plausible(*at, *captured)).unwrap_or(r.at);
                r.business_date = r.business_date.or(Some(self.calendar.day(printed)));
                Ok(Observation::Receipt(r))
            }
            Paper::Totals(totals) => {
                let day = self.calendar.day(*captured);
                totals.observe(&self.names, *till, *captured, day).map(Observation::DayTotals)
            }
            Paper::Door(message) => {
                let count = message.observe(*captured, &self.names);
                count.map(Observation::DoorCount).map_err(|_| NotObserved::NoCount)
            }
        }
    }
}

/// Whether a till's clock may be believed as to the day. One without a battery prints 2000-01-01 on everything: its
/// receipts of many days would be taken for those of one.
fn is_plausible(printed: Timestamp, captured: Timestamp) -> bool {
    let age = captured.since(printed);
    age <= Span::from_secs(60 * 86_400) && age >= Span::from_secs(-86_400)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway::pos::receipt::{Feed, Receipt};

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn a_reprint_of_the_next_day_is_of_the_day_that_is_printed_on_it_and_a_dead_clock_is_not_believed() {
        let site = "[site]\nid = \"m\"\ntimezone = \"Asia/Shanghai\"\nbusiness_day_starts = \"04:00\"\n\
                    [[floor]]\nid = \"F1\"\nlevel = 0\n[[zone]]\nid = \"z\"\nfloor = \"F1\"\nkind = \"entrance\"\n\
                    position = [0.0, 0.0]\nneighbours = []\n[[sensor]]\nid = \"s\"\nzone = \"z\"\nposition = [0.0, 0.0]\n\
                    [[till]]\nid = \"t\"\nzone = \"z\"\nstore = \"s\"\n";
        let site = crate::config::parse_site("site.toml", site).unwrap_or_else(|e| panic!("{e}")).value;
        let calendar = BusinessCalendar::new(&site).unwrap();
        let mut desk = Desk::new(Arc::new(Names::from(&site)), calendar);
        let mut day = |printed: &str, captured: &str| {
            let receipt = Receipt {
                feed: Feed::EscPos,
                end: Some(at(printed)),
                number: Some("1".into()),
                ..Receipt::default()
            };
            let till = site.till_named("t");
            let arrival = Arrival {
                paper: Paper::Receipt(Box::new(receipt)),
                till,
                captured: at(captured),
                prompt: true,
            };
            match desk.observe(&arrival).unwrap() {
                Observation::Receipt(r) => r.business_date.unwrap(),
                other => panic!("{other:?}"),
            }
        };
        let evening = day("2025-11-21T20:00:00+08:00", "2025-11-21T20:00:01+08:00");
        assert_eq!(evening, 20_413);
        assert_eq!(day("2025-11-21T20:00:00+08:00", "2025-11-22T11:00:00+08:00"), evening, "a reprint");
        assert_eq!(day("2025-11-22T02:02:54+08:00", "2025-11-22T02:03:00+08:00"), evening, "after midnight");
        assert_eq!(day("2000-01-01T00:05:00+08:00", "2025-11-21T20:00:01+08:00"), evening, "no battery");
        assert_eq!(day("2099-01-01T00:05:00+08:00", "2025-11-21T20:00:01+08:00"), evening, "a clock ahead");
    }
}
