//! The story of a visit, for people: what the engine told of it ([`visit_core::explain`]) and the events that came of it.
//!
//! ```text
//! 02:00:00.000  heard by by-E1 -52 dBm: E1 0.98, P1 0.01 (alone: E1 0.97); inside 0.01, staying 0.50
//! 02:00:00.300    it is at a door or in front of one: outside 0.99 (needs 0.50)
//! 02:00:00.300  > visit.approached, number 1, confidence 1.000: E1
//! ```
//!
//! A line without a mark is what was heard, an indented one what followed and why, one with `>` an event. Names are those
//! of the site map; of people there are pseudonyms and visit ids, as in the events.

mod fact;
mod receipt;
mod words;

use visit_core::event::{Body, Event, VisitId};
use visit_core::explain::{Note, Told};
use visit_core::site::{SensorIx, Site, ZoneIx};
use visit_core::time::{Span, Timestamp};

/// Tells one visit, step by step.
pub struct Story<'a> {
    site: &'a Site,
    visit: VisitId,
    /// The date that was written last.
    day: String,
    begun: bool,
}

impl<'a> Story<'a> {
    /// Of this visit.
    pub fn new(site: &'a Site, visit: VisitId) -> Self {
        Self { site, visit, day: String::new(), begun: false }
    }

    /// Whether anything was told: whether there is such a visit.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// The lines of a step.
    pub fn told(&mut self, told: &Told) -> String {
        let mut text = String::new();
        if !self.begun {
            self.begun = true;
            text = format!(
                "Story of visit {}\n  device {}, site {}; times are UTC, probabilities 0 to 1\n",
                self.visit, told.device, self.site.id
            );
        }
        let at = if let Note::Heard(e) = &told.note { e.at } else { told.now };
        let indent = if matches!(told.note, Note::Heard(_)) { "  " } else { "    " };
        let head = self.clock(at);
        text + &head + indent + &self.words(&told.note)
    }

    /// The line of an event, if it is about the visit.
    pub fn event(&mut self, event: &Event) -> Option<String> {
        let Body::Visit(v) = &event.body else { return None };
        if v.visit != self.visit {
            return None;
        }
        let head = self.clock(event.detected_at);
        let when = if event.detected_at.since(event.time) < Span::from_secs(1) {
            String::new()
        } else {
            format!(" at {}", clock(event.time))
        };
        Some(format!(
            "{head}  > visit.{}{when}, number {}, confidence {:.3}: {}",
            v.fact.kind(),
            v.seq,
            v.confidence.get(),
            fact::words(&v.fact)
        ))
    }

    /// The time of day; before it, in a line of its own, the date where it is another.
    fn clock(&mut self, at: Timestamp) -> String {
        let day = at.to_string()[..10].to_owned();
        let head = if day == self.day { String::new() } else { format!("\n{day}\n") };
        self.day = day;
        head + &clock(at)
    }

    fn zone(&self, zone: ZoneIx) -> &str {
        &self.site.zone(zone).id
    }

    fn sensor(&self, sensor: SensorIx) -> &str {
        &self.site.sensor(sensor).id
    }
}

/// Time of day, UTC.
fn clock(at: Timestamp) -> String {
    at.to_string()[11..23].to_owned()
}

/// A duration, as people say it.
fn lasting(span: Span) -> String {
    let s = span.as_secs_f64();
    match s {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 600.0 => format!("{s:.0} s"),
        s if s < 36_000.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}
