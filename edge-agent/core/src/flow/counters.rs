//! Door counters: what they say of each interval, and what is learnt from it for when they are silent.

use super::gauge::{Gauge, Heard, LEVELS};
use crate::event::Estimate;
use crate::identity::ByPseudonym;
use crate::observation::{CountedPlace, DoorCount, Pseudonym};
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a counter said of who is inside holds for so long.
const HOLDS: Span = Span::from_secs(900);
/// Counters at once.
const COUNTERS: usize = 1024;
/// Addresses told apart in one interval; beyond, there are as many as that.
const ADDRESSES: usize = 1 << 17;
/// Footfall by counter and by arrivals: older ones count half after so many people.
const LEARNT: f32 = 2000.0;
/// People counted before the ratio of the two is used.
const FEWEST: f32 = 50.0;

/// All counters of a site.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Counters {
    all: BTreeMap<(CountedPlace, u64), Counter>,
    places: Taught,
    /// Addresses heard in this interval that may be visitors': how loudly, and in which place. Only where there is a counter.
    heard: ByPseudonym<(i8, u16)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Counter {
    /// Inside by this counter's doors.
    inside: f32,
    said: Timestamp,
    /// The integral goes until then.
    told_until: Timestamp,
    /// Of this interval.
    entered: u32,
    /// People times seconds, and seconds, of this interval.
    integral: f32,
    seconds: f32,
}

/// What door counters taught, by place.
pub type Taught = BTreeMap<CountedPlace, Lessons>;

/// What they taught of one place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lessons {
    gauge: Gauge,
    /// Came in by the counter, and by arrivals.
    counted: f32,
    arrived: f32,
}

/// What counters say of a place in an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Said {
    /// They said it themselves, all the time; else it is what was learnt from them.
    pub counted: bool,
    pub entered: Option<u32>,
    pub occupancy: Option<Estimate>,
}

impl Counters {
    /// What they taught.
    pub(super) fn taught(&self) -> &Taught {
        &self.places
    }

    /// Goes on with what was taught before.
    pub(super) fn know(&mut self, taught: Taught) {
        self.places = taught;
    }

    /// Whether there are none and never were.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty() && self.places.is_empty()
    }

    /// A counter says something.
    pub(super) fn says(&mut self, tick: &DoorCount, from: Timestamp) {
        let key = (tick.place, tick.counter);
        if self.all.len() >= COUNTERS && !self.all.contains_key(&key) {
            return;
        }
        self.places.entry(tick.place).or_default();
        let new = Counter {
            inside: 0.0,
            said: tick.at,
            told_until: tick.at,
            entered: 0,
            integral: 0.0,
            seconds: 0.0,
        };
        let c = self.all.entry(key).or_insert(new);
        c.integrate(tick.at, from);
        c.said = c.said.max(tick.at);
        c.entered = c.entered.saturating_add(tick.entered);
        let change = f64::from(tick.entered) - f64::from(tick.left);
        c.inside = tick.inside.map_or((c.inside + change as f32).max(0.0), |n| n as f32);
    }

    /// An address was heard by a sensor of zone `zone`.
    pub(super) fn heard(&mut self, address: Pseudonym, rssi: Option<i8>, zone: u16) {
        let rssi = rssi.unwrap_or(i8::MIN + 1);
        if self.heard.len() >= ADDRESSES && !self.heard.contains_key(&address) {
            return;
        }
        let entry = self.heard.entry(address).or_insert((rssi, zone));
        if rssi > entry.0 {
            *entry = (rssi, zone);
        }
    }

    /// This address was not heard.
    pub(super) fn forget(&mut self, address: Pseudonym) {
        self.heard.remove(&address);
    }

    /// A business day begins: who was forgotten inside has gone home.
    pub(super) fn new_day(&mut self) {
        self.all.values_mut().for_each(|c| c.inside = 0.0);
    }

    /// The interval from `from` until `until` is over. For every place with a counter: what it says, given how many
    /// arrivals there were.
    pub(super) fn close(
        &mut self,
        from: Timestamp,
        until: Timestamp,
        is_in: impl Fn(u16, CountedPlace) -> bool,
        arrivals: impl Fn(CountedPlace) -> u32,
    ) -> BTreeMap<CountedPlace, Said> {
        let length = until.since(from).as_secs_f32();
        let mut counted: BTreeMap<CountedPlace, (f32, u32, bool)> = BTreeMap::new();
        for ((place, _), c) in &mut self.all {
            c.integrate(until, from);
            let all_the_time = c.seconds >= 0.9 * length;
            let of_place = counted.entry(*place).or_insert((0.0, 0, true));
            of_place.0 += c.integral / c.seconds.max(1.0);
            of_place.1 = of_place.1.saturating_add(c.entered);
            of_place.2 &= all_the_time;
            (c.entered, c.integral, c.seconds) = (0, 0.0, 0.0);
        }
        let mut heard: BTreeMap<CountedPlace, Heard> = BTreeMap::new();
        for (rssi, zone) in self.heard.values() {
            for place in self.places.keys().filter(|p| is_in(*zone, **p)) {
                let n = heard.entry(*place).or_default();
                (0..LEVELS.len()).filter(|i| *rssi >= LEVELS[*i]).for_each(|i| n[i] += 1);
            }
        }
        self.heard.clear();
        let said = self.places.iter_mut().map(|(place, taught)| {
            let heard = heard.get(place).copied().unwrap_or_default();
            let arrived = arrivals(*place);
            let said = match counted.get(place) {
                Some((people, entered, true)) => taught.learn(heard, *people, *entered, arrived),
                _ => taught.tell(heard, arrived),
            };
            (*place, said)
        });
        let said = said.collect();
        // A counter that is silent for two days is gone: it no longer makes the others incomplete.
        self.all.retain(|_, c| until.since(c.said) < GONE);
        said
    }
}

const GONE: Span = Span::from_secs(2 * 86_400);

impl Counter {
    /// Who was inside since it was last asked, until `at`.
    fn integrate(&mut self, at: Timestamp, from: Timestamp) {
        let until = at.min(self.said + HOLDS);
        let seconds = until.since(self.told_until.max(from)).as_secs_f32();
        if seconds > 0.0 {
            self.integral += self.inside * seconds;
            self.seconds += seconds;
        }
        self.told_until = self.told_until.max(at);
    }
}

impl Lessons {
    fn learn(&mut self, heard: Heard, people: f32, entered: u32, arrived: u32) -> Said {
        self.gauge.learn(heard, people);
        self.counted += entered as f32;
        self.arrived += arrived as f32;
        if self.counted + self.arrived > 2.0 * LEARNT {
            self.counted *= 0.5;
            self.arrived *= 0.5;
        }
        let people = (people * 10.0).round() / 10.0;
        let exactly = Estimate { estimate: people, low: people, high: people };
        Said { counted: true, entered: Some(entered), occupancy: Some(exactly) }
    }

    fn tell(&self, heard: Heard, arrived: u32) -> Said {
        let known = self.counted >= FEWEST && self.arrived >= FEWEST;
        let entered = known.then(|| (arrived as f32 * self.counted / self.arrived).round() as u32);
        Said { counted: false, entered, occupancy: self.gauge.read(heard) }
    }
}
