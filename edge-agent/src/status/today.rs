//! What the operators' page shows of the mall: how many people there are, what happened today, and the newest events.
//!
//! Fed with events once they are durable. Everything is bounded: one figure a place of the site map, one point a flow
//! interval of the day, the last [`LINES`] events, and eight bytes and a few bits for each visit of the day, up to
//! [`VISITS`]. Nothing of it is written anywhere: after a restart it begins anew, and says since when; a reload hands it over.
//!
//! What is not shown (docs/privacy.md): no pseudonym, visit, member or amount; of `count` mode nothing about visits at all,
//! because there is nothing; numbers from 1 to k − 1 of visits are withheld; the line of an event names the smallest place
//! in which, by the last figures, at least k people are, and the minute.

mod funnel;
mod lines;
#[cfg(test)]
mod tests;

pub use funnel::{Funnel, Receipts};
pub use lines::{Line, What};

use crate::privacy::BusinessCalendar;
use funnel::{Step, Visits};
use lines::Lines;
use std::collections::{BTreeMap, HashMap, VecDeque};
use visit_core::event::{
    Body, Event, ExitReason, FlowInterval, FlowPeriod, FlowScope, PrivacyMode, ReceiptRecorded, VisitFact,
    VisitId,
};
use visit_core::site::Site;
use visit_core::time::Timestamp;

/// Lines kept of the newest events.
pub const LINES: usize = 40;
/// Visits of a day that are told apart. A visit takes 9 bytes, in a table of twice as many places.
pub const VISITS: usize = 1 << 16;
/// Points of the day's curve: a minute each, a day of 25 hours.
const POINTS: usize = 1_500;

/// How the site is seen.
#[derive(Clone, Debug)]
pub struct View {
    mode: PrivacyMode,
    k: u32,
    calendar: Option<BusinessCalendar>,
    /// Zone → its floor.
    floors: HashMap<String, String>,
    site: String,
}

impl View {
    /// From the site map and the privacy settings.
    pub fn of(site: &Site, mode: PrivacyMode, k: u32) -> Self {
        let floor = |z: &visit_core::site::Zone| (z.id.clone(), site.floor(z.floor).id.clone());
        Self {
            mode,
            k,
            calendar: BusinessCalendar::new(site),
            floors: site.zones.iter().map(floor).collect(),
            site: site.id.clone(),
        }
    }

    fn knows(&self, scope: FlowScope, place: &str) -> bool {
        match scope {
            FlowScope::Site => place == self.site,
            FlowScope::Floor => self.floors.values().any(|floor| floor == place),
            FlowScope::Zone => self.floors.contains_key(place),
        }
    }
}

/// An event, reduced to what is shown of it.
#[derive(Clone, Debug)]
pub struct Seen {
    at: Timestamp,
    known_at: Timestamp,
    fact: Fact,
}

#[derive(Clone, Debug)]
enum Fact {
    Visit { visit: u64, step: Step, what: What, zone: Option<String>, floor: Option<String> },
    Merged { merged: Vec<u64>, into: u64 },
    Receipt(Box<ReceiptRecorded>),
    Flow(Box<FlowInterval>),
}

impl Seen {
    /// What is shown of an event; nothing of those that are not.
    pub fn of(event: &Event) -> Option<Self> {
        let fact = match &event.body {
            Body::Visit(v) => {
                let id = short(v.visit);
                let (step, what, zone, floor) = match &v.fact {
                    VisitFact::Approached(f) => (Step::Near, What::Approached, Some(&f.zone), None),
                    VisitFact::PassedBy(f) => (Step::Passed, What::PassedBy, Some(&f.zone), None),
                    VisitFact::Arrived(f) => (Step::Inside, What::Arrived, Some(&f.zone), None),
                    VisitFact::FloorChanged(f) => (Step::Inside, What::climbed(f), None, Some(&f.floor)),
                    VisitFact::DwellStarted(f) => (Step::Dwelt, What::DwellStarted, Some(&f.zone), None),
                    VisitFact::DwellEnded(f) => (Step::Dwelt, What::stayed(f), Some(&f.zone), None),
                    VisitFact::BagCarried(f) => (Step::Bag, What::BagCarried, Some(&f.zone), None),
                    VisitFact::Exited(f) if f.reason == ExitReason::NotAVisitor => {
                        (Step::NoVisitor, What::NotAVisitor, Some(&f.zone), None)
                    }
                    VisitFact::Exited(f) => (Step::Left, What::exited(f), Some(&f.zone), None),
                    VisitFact::Resumed(f) => (Step::Back, What::Resumed, Some(&f.zone), None),
                    VisitFact::Linked(_) => return None,
                    VisitFact::Merged(f) => {
                        let ids = f.merged.iter().filter_map(|text| parsed(text)).collect();
                        let fact = Fact::Merged { merged: ids, into: parsed(&f.into)? };
                        return Some(Self { at: event.time, known_at: event.detected_at, fact });
                    }
                };
                Fact::Visit { visit: id, step, what, zone: zone.cloned(), floor: floor.cloned() }
            }
            Body::Receipt(r) => Fact::Receipt(Box::new(r.clone())),
            Body::Flow(f) if f.period == FlowPeriod::Interval => Fact::Flow(Box::new(f.clone())),
            Body::Flow(_) | Body::Reconciled(_) | Body::Privacy(_) => return None,
        };
        Some(Self { at: event.time, known_at: event.detected_at, fact })
    }
}

/// Enough of it to tell the visits of a day apart: two of 65,536 share it once in ten billion days.
fn short(visit: VisitId) -> u64 {
    (visit.0 >> 64) as u64
}

fn parsed(text: &str) -> Option<u64> {
    u128::from_str_radix(text, 16).ok().map(|id| short(VisitId(id)))
}

/// A point of the day's curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The interval's start.
    pub from: Timestamp,
    /// The figures of the whole site.
    pub flow: FlowInterval,
}

/// What is shown, as of now.
#[derive(Clone, Debug)]
pub struct Today {
    view: View,
    /// The run began; nothing for recordings, whose time is another.
    started_at: Option<Timestamp>,
    day: Option<Day>,
    visits: Visits,
    receipts: Receipts,
    flow: BTreeMap<(FlowScope, String), FlowInterval>,
    curve: VecDeque<Point>,
    lines: Lines,
    /// When the newest fact was known.
    newest: Option<Timestamp>,
}

/// The business day that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Days since 1970-01-01.
    pub number: i32,
    /// When it began.
    pub began: Timestamp,
    /// Since when it is counted: later than its beginning where the daemon started in between.
    pub since: Timestamp,
}

impl Today {
    /// Nothing seen yet.
    pub fn new(view: View, started_at: Option<Timestamp>) -> Self {
        Self {
            view,
            started_at,
            day: None,
            visits: Visits::default(),
            receipts: Receipts::default(),
            flow: BTreeMap::new(),
            curve: VecDeque::new(),
            lines: Lines::default(),
            newest: None,
        }
    }

    /// The same day, seen under another configuration; nothing where less may be shown now, or of another day.
    pub fn under(mut self, view: View) -> Option<Self> {
        let same_rules = |v: &View| (v.mode, v.k, v.site.clone());
        let same_day = self.day.is_none_or(|day| {
            let mut calendar = view.calendar.clone();
            calendar
                .as_mut()
                .is_some_and(|c| (c.day(day.began), c.start(day.began)) == (day.number, day.began))
        });
        if same_rules(&self.view) != same_rules(&view) || !same_day {
            return None;
        }
        self.flow.retain(|(scope, place), _| view.knows(*scope, place));
        self.view = view;
        Some(self)
    }

    /// It is `now` for the source: a new business day begins with nothing.
    pub fn advance(&mut self, now: Timestamp) {
        let Some(calendar) = &mut self.view.calendar else { return };
        let number = calendar.day(now);
        if self.day.is_some_and(|day| day.number >= number) {
            return;
        }
        let began = calendar.start(now);
        let first = self.day.is_none();
        let since = if first { self.started_at.unwrap_or(now) } else { began };
        self.day = Some(Day { number, began, since: since.max(began) });
        self.visits = Visits::default();
        self.receipts = Receipts::default();
        self.curve.clear();
    }

    /// Takes a fact in.
    pub fn add(&mut self, seen: Seen) {
        self.advance(seen.known_at);
        self.newest = self.newest.max(Some(seen.known_at));
        // What happened yesterday and is known only now is yesterday's.
        let of_today = self.day.is_none_or(|day| seen.at >= day.began);
        match seen.fact {
            Fact::Visit { visit, step, what, zone, floor } => {
                if of_today {
                    self.visits.step(visit, step);
                }
                let place = self.nameable(zone.as_deref(), floor.as_deref());
                self.lines.push(seen.at, what, place);
            }
            Fact::Merged { merged, into } => {
                self.visits.merge(&merged, into);
                self.lines.push(seen.at, What::Merged, (None, None));
            }
            Fact::Receipt(receipt) => {
                if of_today {
                    self.receipts.add(&receipt);
                }
                // A till is no visitor: its place is always named.
                let floor = self.view.floors.get(&receipt.zone).cloned();
                let what = What::receipt(&receipt);
                self.lines.push(seen.at, what, (floor, Some(receipt.zone)));
            }
            Fact::Flow(flow) => self.told(*flow),
        }
    }

    fn told(&mut self, flow: FlowInterval) {
        if !self.view.knows(flow.scope, &flow.place) {
            return;
        }
        if flow.scope == FlowScope::Site && self.day.is_none_or(|day| flow.until > day.began) {
            match self.curve.iter_mut().rev().find(|p| p.from <= flow.from) {
                Some(point) if point.from == flow.from => point.flow = flow.clone(),
                Some(point) if point.from < flow.from => {
                    let after = self.curve.partition_point(|p| p.from < flow.from);
                    self.curve.insert(after, Point { from: flow.from, flow: flow.clone() });
                }
                _ => self.curve.push_front(Point { from: flow.from, flow: flow.clone() }),
            }
            while self.curve.len() > POINTS {
                self.curve.pop_front();
            }
        }
        let place = (flow.scope, flow.place.clone());
        // Corrections of earlier intervals come before the newest, and do not replace it.
        if self.flow.get(&place).is_none_or(|told| (told.from, told.revision) <= (flow.from, flow.revision)) {
            self.flow.insert(place, flow);
        }
    }

    /// The smallest place around this one in which at least k people are.
    fn nameable(&self, zone: Option<&str>, floor: Option<&str>) -> (Option<String>, Option<String>) {
        let floor = floor.or_else(|| self.view.floors.get(zone?).map(String::as_str));
        let crowded = |scope, place: Option<&str>| {
            let flow = self.flow.get(&(scope, place?.to_owned()))?;
            let most = flow.occupancy.map_or(0.0, |o| o.estimate).max(flow.footfall.unwrap_or(0) as f32);
            (!flow.suppressed && most >= self.view.k as f32).then(|| place.map(str::to_owned))?
        };
        match crowded(FlowScope::Zone, zone) {
            Some(zone) => (floor.map(str::to_owned), Some(zone)),
            None => (crowded(FlowScope::Floor, floor), None),
        }
    }

    /// When the newest fact was known.
    pub fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// The day that is shown; nothing before the first fact.
    pub fn day(&self) -> Option<Day> {
        self.day
    }

    /// The visits of the day; nothing where single visits are not followed.
    pub fn funnel(&self) -> Option<Funnel> {
        (self.view.mode != PrivacyMode::Count).then(|| self.visits.funnel())
    }

    /// The receipts of the day.
    pub fn receipts(&self) -> Receipts {
        self.receipts
    }

    /// The newest figures of a place.
    pub fn flow(&self, scope: FlowScope, place: &str) -> Option<&FlowInterval> {
        self.flow.get(&(scope, place.to_owned()))
    }

    /// The day's figures of the whole site, oldest first.
    pub fn curve(&self) -> impl Iterator<Item = &Point> {
        self.curve.iter()
    }

    /// Lines after the one with this number, oldest first.
    pub fn lines(&self, after: u64) -> impl Iterator<Item = &Line> {
        self.lines.after(after)
    }
}
