//! Deciding, strictly in the order of time.
//!
//! Five things happen on their own time: a flow interval ends, an observation has its turn, an emission closes, a
//! device has been silent for long enough, a receipt has waited for long enough. The earliest goes first; at the same
//! moment they go in this order.

use super::continuity::{Newcomer, Who};
use super::desk::desk;
use super::table::Key;
use super::{Desk, Engine, Output};
use crate::event::Identity;
use crate::explain::{Emission, Note};
use crate::identity::{Closed, class_of};
use crate::observation::{Heard, Observation, Pseudonym, SensorHealth, Sighting};
use crate::position::{Moments, Moved};
use crate::purchase::Paper;
use crate::site::ZoneKind;
use crate::time::{Span, Timestamp};
use crate::visit::{self, After, Device};

/// Emissions open at once: no channel carries so many in the time one is open. Beyond, the oldest closes early.
const MAX_OPEN: usize = 1 << 14;

/// Families whose next scan is under another address with at least this probability take other addresses.
const ROTATES: f32 = 0.2;

/// After so long a silence of everything we begin to hear anew …
const QUIET: Span = Span::from_secs(1800);
/// … and whoever is heard in this time after that was there before.
const BEGINNING: Span = Span::from_secs(300);

/// What has its turn next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Flow,
    Observation,
    Emission,
    Device,
    Receipt,
}

/// What was heard of a device, and where that puts it.
#[cold]
fn tell_heard(d: &Device, e: &Closed, first: bool, moments: Moments, moved: &[Moved], desk: &mut Desk<'_>) {
    let emission = Emission {
        at: e.at,
        first,
        by: e.sensors.to_vec(),
        kind: e.heard,
        alone: desk.locator.alone(),
        belief: d.track.iter().collect(),
        staying: d.track.staying(),
        inside: desk.locator.inside(&d.track),
        offset_db: d.track.offset(),
    };
    desk.tell(d, || Note::Heard(Box::new(emission)));
    for m in moved {
        desk.tell(d, || Note::moved(d, m, Some(moments)));
    }
}

impl Engine {
    /// The next step and its time.
    pub(super) fn next_step(&self) -> Option<(Timestamp, Step)> {
        let s = &self.state;
        let mut next = None;
        // In the order of steps: of equal times the first stays.
        let mut consider = |at: Option<Timestamp>, step| {
            if let Some(at) = at
                && next.is_none_or(|(earliest, _)| at < earliest)
            {
                next = Some((at, step));
            }
        };
        consider(s.flow.next_deadline(), Step::Flow);
        consider(s.waiting.front().map(Observation::at), Step::Observation);
        consider(s.emissions.next_close(), Step::Emission);
        consider(s.table.next_deadline(), Step::Device);
        consider(s.purchases.next_deadline(self.config.receipt_wait), Step::Receipt);
        next
    }

    /// Takes all steps before `horizon`. Those at that very moment wait: what else happens then may yet come in.
    pub(super) fn decide(&mut self, horizon: Timestamp) {
        while let Some((at, step)) = self.next_step().filter(|(at, _)| *at < horizon) {
            match step {
                Step::Flow => self.close_interval(at),
                Step::Observation => self.take_turn(),
                Step::Emission => self.close_emission(at),
                Step::Device => self.device_silent(at),
                Step::Receipt => self.receipt_due(at),
            }
        }
        self.state.decided = self.state.decided.max(horizon);
    }

    /// Evicts one device.
    pub(super) fn make_room(&mut self, now: Timestamp) {
        let Some(key) = self.state.table.victim() else { return };
        let Some(mut device) = self.state.table.remove(key) else { return };
        self.state.counts.evicted += 1;
        let mut desk = desk!(self, now);
        visit::evict(&mut device, &mut desk);
        desk.flow.forget(device.name);
        desk.forget(&device);
    }

    /// A paper waits for its decision.
    fn wait(&mut self, at: Timestamp, paper: Paper) {
        if let Some(oldest) = self.state.purchases.add(paper) {
            self.decide_paper(oldest, at);
        }
    }

    fn take_turn(&mut self) {
        let Some(observation) = self.state.waiting.pop_front() else { return };
        self.state.flow.observed(observation.at(), self.config.flow_interval, &self.config.calendar);
        match observation {
            Observation::Sighting(s) => self.hear(&s),
            Observation::SensorHealth(SensorHealth { sensor, up, .. }) => {
                self.state.down.retain(|s| *s != sensor);
                if !up {
                    self.state.down.push(sensor);
                }
                self.locator.set_sensor(sensor, up);
            }
            Observation::Receipt(r) => {
                self.state.counts.receipts += 1;
                self.wait(r.at, Paper::Receipt(r));
            }
            Observation::DayTotals(t) => self.wait(t.at, Paper::Totals(t)),
            Observation::DoorCount(c) => self.state.flow.counted(&c),
            Observation::MemberHeard(m) => self.member_heard(m),
        }
    }

    fn hear(&mut self, s: &Sighting) {
        let zone = self.site.sensor(s.sensor).zone;
        if s.randomised && self.site.zone(zone).kind != ZoneKind::Perimeter {
            self.state.flow.heard(s.device, s.rssi, zone);
        }
        self.state.emissions.add(s);
        if self.state.emissions.open() > MAX_OPEN
            && let Some(closes) = self.state.emissions.next_close()
        {
            self.state.counts.reorder_overflow += 1;
            self.close_emission(closes);
        }
    }

    fn close_emission(&mut self, now: Timestamp) {
        let Some(e) = self.state.emissions.close(now) else { return };
        self.state.counts.emissions += 1;
        let beginning = self.has_just_begun(e.at);
        let (key, who) = self.device_of(&e, beginning, now);
        let is_new = matches!(who, Who::New(_));
        let Some(d) = self.state.table.get_mut(key) else { return };
        let seq = d.seq;
        let gap = (!is_new).then(|| e.at.since(d.last_heard()));
        let moments = d.moments(e.at);
        self.moved.clear();
        self.locator.update(
            &mut d.track,
            moments,
            d.was_here,
            &e.sensors,
            &mut self.state.trims,
            &mut self.moved,
        );
        if class_of(e.heard) == Identity::Stable {
            d.identity = Identity::Stable;
        }
        let mut desk = desk!(self, now);
        if e.heard == Heard::Fixture {
            visit::exclude_known(d, &mut desk);
        }
        if desk.explains(d) {
            tell_heard(d, &e, is_new, moments, &self.moved, &mut desk);
        }
        visit::heard(d, e.at, gap, &self.moved, &mut desk);
        if !self.state.members.none_carry() {
            Self::recognise(&mut self.state.members, d, &e, &mut desk);
        }
        if d.seq != seq {
            desk.keep(d);
        }
        self.count_in_crowd(key, &e);
        self.state.table.reschedule(key);
        if self.config.learn {
            self.take_lessons(key, &e, moments, now);
        }
        self.listen(key, &e, who, now);
    }

    /// The device of an emission.
    fn device_of(&mut self, e: &Closed, beginning: bool, now: Timestamp) -> (Key, Who) {
        if let Some(key) = self.state.table.find(e.address) {
            self.speaks_again(e, now);
            return (key, Who::Known);
        }
        match self.who(e) {
            Newcomer::Known { device, goes_on, may_part } => {
                self.goes_by(e, device, goes_on, may_part.then_some(e.at));
                (device, Who::Renamed)
            }
            Newcomer::New(doubts, only) => {
                // The only one of its kind there has been, and gone since: it has come back.
                let back = only.filter(|name| self.state.table.find(*name).is_none());
                let name = back.unwrap_or(e.address);
                if let Some(fingerprint) = e.fingerprint.filter(|_| doubts.is_empty()) {
                    self.state.families.met(fingerprint, name, back.is_some(), e.at);
                }
                if self.config.links {
                    self.out.push_back(Output::Link { address: e.address, device: name });
                }
                let key = self.newcomer(e, name, beginning, now);
                if back.is_some() {
                    self.state.table.alias(e.address, key, None);
                }
                (key, Who::New(doubts))
            }
        }
    }

    fn newcomer(&mut self, e: &Closed, name: Pseudonym, was_here: bool, now: Timestamp) -> Key {
        if self.state.table.is_full() {
            self.make_room(now);
        }
        self.state.counts.devices += 1;
        let class = if name == e.address { class_of(e.heard) } else { Identity::Linked };
        let mut device = Device::new(name, class, e.at);
        device.was_here = was_here;
        self.state.table.insert(device)
    }

    /// Whether we have only just begun to hear: whoever is heard now may have come long before, as staff did who open
    /// an empty mall.
    fn has_just_begun(&mut self, at: Timestamp) -> bool {
        let since = match self.state.hearing {
            Some((since, last)) if at.since(last) < QUIET => since,
            _ => at,
        };
        self.state.hearing = Some((since, at));
        at.since(since) < BEGINNING
    }

    fn device_silent(&mut self, now: Timestamp) {
        let Some(key) = self.state.table.due(now) else { return };
        let mut desk = desk!(self, now);
        let Some(d) = self.state.table.get_mut(key) else { return };
        let seq = d.seq;
        match visit::silent(d, &mut desk) {
            After::Keep => {
                if d.seq != seq {
                    desk.keep(d);
                }
                self.state.table.reschedule(key);
            }
            After::Forget => {
                desk.forget(d);
                let name = d.name;
                desk.flow.forget(name);
                self.forgotten(key, name);
                self.state.table.remove(key);
            }
        }
    }

    /// A phone that takes other addresses cannot be followed among its like; until it is known to be inside under one
    /// address, and not joined of several, it is counted with them, by their scans.
    fn count_in_crowd(&mut self, key: Key, e: &Closed) {
        let Some(fingerprint) = e.fingerprint.filter(|_| e.heard == Heard::Unassociated) else { return };
        let families = &self.state.families;
        let Some(d) = self.state.table.get(key) else { return };
        let lost = d.identity == Identity::Linked;
        self.state.flow.lost_in_the_crowd(d.name, lost);
        let followed = !lost && (d.is_inside() || families.change(fingerprint) < ROTATES);
        if let Some((zone, _)) = d.track.best().filter(|_| !followed) {
            self.state.flow.in_the_crowd(families.id(fingerprint), zone, e.at);
        }
    }

    fn close_interval(&mut self, now: Timestamp) {
        let devices = self.state.table.iter().map(|(_, d)| d);
        let (step, k, down) = (self.config.flow_interval, self.config.k, &self.state.down);
        let all = self.state.flow.advance(&self.site, step, k, now, devices, down);
        let mut desk = desk!(self, now);
        for interval in all {
            desk.publish_flow(interval);
        }
    }
}
