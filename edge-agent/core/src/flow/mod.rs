//! How many: footfall, occupancy and rates of each interval, hour and business day, for the site, each floor and each
//! zone.
//!
//! A fact counts in the interval in which it happened, also when it becomes known later: a figure that changes is told
//! again, as a revision. People whose phones can be followed are counted one by one, weighted by how likely they are
//! still there; families of phones that cannot be are counted by how often they scan (`crowd`). Where a door counter
//! counts or has counted, its word is taken or what was learnt from it (`counters`); elsewhere figures are an index of
//! devices. What fewer than k people stand behind is withheld (`withhold`).
//!
//! Intervals in which nothing at all was observed are not reported: silence is no evidence of emptiness.

mod agenda;
mod close;
mod counters;
mod crowd;
mod gauge;
mod shared;
mod tally;
mod withhold;

pub use agenda::KEPT_FOR;
pub use counters::{Lessons, Taught};

use crate::calendar::Calendar;
use crate::identity::ByPseudonym;
use crate::observation::{DoorCount, Pseudonym};
use crate::site::{FloorIx, SensorIx, Site, ZoneIx, ZoneKind};
use crate::time::{Span, Timestamp};
use crate::visit::Device;
use agenda::{Agenda, Kept, Stretch};
use counters::Counters;
use crowd::Crowd;
use serde::{Deserialize, Serialize};
use shared::Dwelt;
use std::collections::{BTreeSet, VecDeque};
use tally::Tally;

/// Time between two looks at who is where.
const SAMPLE: Span = Span::from_secs(60);

/// The counters of what is running, and of what may yet be corrected.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Flow {
    running: Option<Running>,
    tally: Tally,
    /// Intervals that are over, oldest first.
    kept: VecDeque<Kept>,
    /// Hours and days with what was told of them.
    stretches: Vec<Stretch>,
    agenda: Agenda,
    crowd: Crowd,
    /// Devices that cannot be followed among their like: they are counted with the crowd.
    lost: ByPseudonym<()>,
    counters: Counters,
    /// Where visitors of visits that go on dwelt.
    dwelt: ByPseudonym<Dwelt>,
}

/// The interval that is running.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Running {
    from: Timestamp,
    /// When to look next.
    sample: Timestamp,
}

impl Flow {
    /// No interval has begun.
    pub fn new(site: &Site) -> Self {
        Self {
            running: None,
            tally: Tally::new(site),
            kept: VecDeque::new(),
            stretches: Vec::new(),
            agenda: Agenda::default(),
            crowd: Crowd::default(),
            lost: ByPseudonym::default(),
            counters: Counters::default(),
            dwelt: ByPseudonym::default(),
        }
    }

    /// Something was observed at `at`: an interval runs.
    pub fn observed(&mut self, at: Timestamp, step: Span, calendar: &Calendar) {
        if self.running.is_none() {
            let from = at.floor_to(step);
            self.running = Some(Running { from, sample: at.floor_to(SAMPLE) + SAMPLE });
            self.begin(from, calendar);
        }
    }

    /// When there is something to do: a look at who is where, the end of an interval, a report.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let sample = self.running.map(|r| r.sample);
        sample.into_iter().chain(self.agenda.next()).min()
    }

    /// A phone that cannot be followed among its like was heard, most likely in `zone`.
    pub fn in_the_crowd(&mut self, family: u64, zone: ZoneIx, at: Timestamp) {
        self.crowd.heard(family, zone, at);
    }

    /// Whether a device cannot be followed among its like.
    pub fn lost_in_the_crowd(&mut self, who: Pseudonym, lost: bool) {
        if lost {
            self.lost.insert(who, ());
        } else {
            self.lost.remove(&who);
        }
    }

    /// An address that may be a visitor's was heard by a sensor of `zone`.
    pub fn heard(&mut self, address: Pseudonym, rssi: Option<i8>, zone: ZoneIx) {
        if !self.counters.is_empty() {
            self.counters.heard(address, rssi, zone.0);
        }
    }

    /// A door counter counted.
    pub fn counted(&mut self, count: &DoorCount) {
        let from = self.running.map_or(count.at, |r| r.from);
        self.counters.says(count, from);
    }

    /// What door counters taught.
    pub fn taught(&self) -> &Taught {
        self.counters.taught()
    }

    /// Goes on with what they taught before.
    pub fn know(&mut self, taught: Taught) {
        self.counters.know(taught);
    }

    /// Somebody came in.
    pub fn arrived(&mut self, at: Timestamp, zone: ZoneIx, floor: FloorIx) {
        let t = self.tally_at(at);
        t.site.entered += 1;
        t.floor(floor).entered += 1;
        t.zone(zone).entered += 1;
    }

    /// A visitor came to a floor from another one.
    pub fn entered_floor(&mut self, at: Timestamp, floor: FloorIx) {
        self.tally_at(at).floor(floor).entered += 1;
    }

    /// A visitor came to a zone.
    pub fn entered_zone(&mut self, at: Timestamp, zone: ZoneIx) {
        self.tally_at(at).zone(zone).entered += 1;
    }

    /// Somebody approached and did not come in; `heard` is the probability that such a one is heard at all.
    pub fn passed_by(&mut self, at: Timestamp, heard: f32) {
        self.tally_at(at).passed_by += 1.0 / heard.clamp(LEAST_HEARD, 1.0);
    }

    /// A dwell ended.
    pub fn dwelt(&mut self, at: Timestamp, who: Pseudonym, zone: ZoneIx, length: Span) {
        self.tally_at(at).zone(zone).dwells.count(length);
        self.dwelt.entry(who).or_default().at(zone);
    }

    /// A till sold something.
    pub fn sold(&mut self, at: Timestamp, zone: ZoneIx, floor: FloorIx) {
        let t = self.tally_at(at);
        t.site.sales += 1;
        t.floor(floor).sales += 1;
        t.zone(zone).sales += 1;
    }

    /// A visit ended at `at`.
    pub fn exited(&mut self, at: Timestamp, who: Pseudonym, with_bag: bool) {
        let dwelt = self.dwelt.get(&who).cloned().unwrap_or_default();
        let t = self.tally_at(at);
        t.exits += 1;
        t.exits_with_bag += u32::from(with_bag);
        t.shared.ended(&dwelt, true);
    }

    /// Whoever left at `at` turned out to have bought, or (`false`) not to have.
    pub fn bought(&mut self, at: Timestamp, bought: bool) {
        let n = &mut self.tally_at(at).exits_with_bag;
        *n = if bought { n.saturating_add(1) } else { n.saturating_sub(1) };
    }

    /// The exit of `at` is taken back.
    pub fn resumed(&mut self, at: Timestamp, who: Pseudonym, with_bag: bool) {
        let dwelt = self.dwelt.get(&who).cloned().unwrap_or_default();
        let t = self.tally_at(at);
        t.exits = t.exits.saturating_sub(1);
        t.exits_with_bag = t.exits_with_bag.saturating_sub(u32::from(with_bag));
        t.shared.ended(&dwelt, false);
    }

    /// The arrival of `at` is taken back.
    pub fn not_a_visitor(&mut self, at: Timestamp, who: Pseudonym) {
        let t = self.tally_at(at);
        t.site.entered = t.site.entered.saturating_sub(1);
        self.forget(who);
    }

    /// Nothing more will come of this visit.
    pub fn forget(&mut self, who: Pseudonym) {
        self.dwelt.remove(&who);
        self.lost.remove(&who);
    }

    /// Nothing of the addresses of a device is kept.
    pub fn forget_addresses(&mut self, addresses: &BTreeSet<Pseudonym>) {
        for address in addresses {
            self.forget(*address);
            self.counters.forget(*address);
        }
    }

    /// Looks at who is where.
    fn sample<'a>(
        &mut self,
        site: &Site,
        now: Timestamp,
        devices: impl Iterator<Item = &'a Device>,
        down: &[SensorIx],
    ) {
        let t = &mut self.tally;
        for d in devices.filter(|d| d.is_inside() && !self.lost.contains_key(&d.name)) {
            let here = d.gaps.present(now.since(d.last_heard()));
            t.site.add_person(here);
            for (zone, p) in d.track.iter() {
                t.zone(zone).add_person(here * p);
                t.floor(site.floor_of(zone)).add_person(here * p);
            }
        }
        for c in self.crowd.count() {
            if site.zone(c.zone).kind == ZoneKind::Perimeter {
                continue;
            }
            for place in [
                &mut t.site,
                &mut t.floors[usize::from(site.floor_of(c.zone).0)],
                &mut t.zones[usize::from(c.zone.0)],
            ] {
                place.people += c.people;
                place.variance += c.variance;
            }
        }
        heard(t, site, down);
    }

    /// The tally of the interval of a moment: that is running, or is kept; of what is older, that of its day; else the
    /// running one.
    fn tally_at(&mut self, at: Timestamp) -> &mut Tally {
        if self.running.is_some_and(|r| at >= r.from) {
            return &mut self.tally;
        }
        if let Some(i) = self.kept.iter().rposition(|k| (k.from..k.until).contains(&at)) {
            return &mut self.kept[i].tally;
        }
        let oldest = self.kept.front().map_or(Timestamp::MAX, |k| k.from);
        let day = self.stretches.iter_mut().find(|s| at < oldest && s.is_day_of(at));
        day.map_or(&mut self.tally, |day| &mut day.before)
    }
}

/// Nobody counts for more than so many like it.
const LEAST_HEARD: f32 = 0.1;

/// Of each place, the share of its sensors that hear; where there are none, that of the site.
fn heard(t: &mut Tally, site: &Site, down: &[SensorIx]) {
    let mut floors = vec![(0u32, 0u32); site.floors.len()];
    let mut zones = vec![(0u32, 0u32); site.zones.len()];
    let mut all = (0u32, 0u32);
    for (i, sensor) in site.sensors.iter().enumerate() {
        let up = u32::from(!down.contains(&SensorIx(i as u16)));
        let floor = usize::from(site.floor_of(sensor.zone).0);
        for (ups, of) in [&mut all, &mut floors[floor], &mut zones[usize::from(sensor.zone.0)]] {
            *ups += up;
            *of += 1;
        }
    }
    let share = |(up, of): (u32, u32), default: f32| if of == 0 { default } else { up as f32 / of as f32 };
    let site_share = share(all, 1.0);
    t.site.sampled(site_share);
    t.floors.iter_mut().zip(floors).for_each(|(place, n)| place.sampled(share(n, site_share)));
    t.zones.iter_mut().zip(zones).for_each(|(place, n)| place.sampled(share(n, site_share)));
}
