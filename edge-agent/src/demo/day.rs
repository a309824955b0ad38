//! A day in a mall, generated: what its sensors hear and its tills print, in time order, and what was true.
//!
//! Invariants:
//! - The same plan, options and seed give the same observations, on every machine. No clock is read.
//! - Observations come in time order, at whole milliseconds, so that a log of them loses nothing.
//! - Memory is bounded by who is present, not by the length of the day: people are made when they come and
//!   forgotten when they have gone, and frames are made when they are sent.
//!
//! Within the first twenty parties every situation occurs that an engine must cope with: pairs, phones that
//! change their address, phones that fall silent, staff, people without phones, members, refunds.

mod journey;
mod log;
mod options;
mod people;
mod phone;
mod plan;
mod radio;
mod rng;
mod scene;
mod truth;
mod walk;

pub use log::to_log_line;
pub use options::{DayOptions, PlanError};
pub use plan::{Plan, PlanSensor, PlanTill, PlanZone};
pub use truth::{Fact, Truth, truth_line};
pub use walk::{WalkOptions, WalkReading, commissioning_walk, walk_line};

use gateway::observation::{Observation, Receipt, Sighting};
use people::{Cue, Person, Stage};
use phone::Sent;
use rng::Rng;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use visit_core::observation::{Currency, ReceiptKind, SaleRef};
use visit_core::site::{SensorIx, TillIx};
use visit_core::time::{Span, Timestamp};

/// An observation, or a fact about the day that no sensor can know.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// What the mall's gateways yield.
    Observed(Observation),
    /// What really happened.
    True(Truth),
}

/// The generator. As an [`Iterator`] it yields observations; [`Day::next_entry`] yields the truth as well.
pub struct Day {
    plan: Plan,
    options: DayOptions,
    stage: Stage,
    queue: BinaryHeap<Queued>,
    /// Breaks ties in the queue: first in, first out.
    order: u64,
    /// Present, or with tasks left; slots are used again.
    people: Vec<Option<Person>>,
    free: Vec<usize>,
    next_number: u32,
    parties: usize,
    /// Receipts so far, for each till.
    receipts: Vec<u32>,
    rng: Rng,
    ends: i64,
}

enum Task {
    Party,
    Passer,
    Scan { who: usize, device: usize },
    Cue { who: usize, device: usize, cue: usize },
    Till { who: usize, purchase: usize },
    Yield(Entry),
}

/// A task at a moment, ms since the start; the greatest is the next.
struct Queued {
    at: i64,
    order: u64,
    task: Task,
}

impl Day {
    /// Prepares a day.
    pub fn new(plan: &Plan, options: DayOptions) -> Result<Self, PlanError> {
        options::check(plan)?;
        let options = options.within_bounds();
        let mut day = Self {
            stage: Stage::new(plan)?,
            plan: plan.clone(),
            queue: BinaryHeap::new(),
            order: 0,
            people: Vec::new(),
            free: Vec::new(),
            next_number: 0,
            parties: 0,
            receipts: vec![0; plan.tills.len()],
            rng: Rng::new(options.seed),
            ends: options.length.as_micros() / 1000,
            options,
        };
        let fixed = day.stage.fixed(&day.plan, 0, &day.rng, &day.options);
        day.next_number = fixed.len() as u32;
        for person in fixed {
            day.admit(person);
        }
        let opens = day.options.opens_after.as_micros() / 1000;
        day.push(opens, Task::Party);
        day.push(0, Task::Passer);
        Ok(day)
    }

    /// The next observation or fact, in time order; `None` when the day is over.
    pub fn next_entry(&mut self) -> Option<Entry> {
        loop {
            let Queued { at, task, .. } = self.queue.pop()?;
            if at >= self.ends {
                self.queue.clear();
                return None;
            }
            match task {
                Task::Yield(entry) => return Some(entry),
                Task::Party => self.party(at),
                Task::Passer => self.passer(at),
                Task::Scan { who, device } => self.scan(at, who, device),
                Task::Cue { who, device, cue } => self.cue(at, who, device, cue),
                Task::Till { who, purchase } => self.till(at, who, purchase),
            }
        }
    }

    /// How many tasks wait. Bounded by the number of people present.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// How many people and things are present, or have something left to do.
    pub fn present(&self) -> usize {
        self.people.len() - self.free.len()
    }

    fn push(&mut self, at: i64, task: Task) {
        self.order += 1;
        self.queue.push(Queued { at, order: self.order, task });
    }

    fn push_truth(&mut self, at: i64, visitor: u32, fact: Fact) {
        let truth = Truth { at: moment(self.options.start, at), visitor, fact };
        self.push(at, Task::Yield(Entry::True(truth)));
    }

    fn party(&mut self, now: i64) {
        let per_hour = self.options.visitors_per_hour / people::PARTY_SIZE;
        let Some(gap) = self.arrival_gap(now, per_hour) else { return };
        let party = self.stage.party(&self.plan, self.parties, self.next_number, &self.rng, now);
        self.parties += 1;
        self.next_number = self.next_number.wrapping_add(party.len() as u32);
        for person in party {
            self.admit(person);
        }
        self.push(now + gap, Task::Party);
    }

    fn passer(&mut self, now: i64) {
        let Some(gap) = self.arrival_gap(now, self.options.passers_per_hour) else { return };
        if now > 0 {
            let person = self.stage.passer(&self.plan, self.next_number, &self.rng, now);
            self.next_number = self.next_number.wrapping_add(1);
            self.admit(person);
        }
        self.push(now + gap, Task::Passer);
    }

    /// Time to the next arrival at so many an hour, ms; more come at noon and in the evening.
    fn arrival_gap(&mut self, now: i64, per_hour: f64) -> Option<i64> {
        const BY_HOUR: [f64; 12] = [0.9, 1.0, 1.2, 1.1, 0.9, 0.9, 1.0, 1.2, 1.3, 1.2, 0.8, 0.5];
        if per_hour.is_nan() || per_hour <= 0.0 {
            return None;
        }
        let hour = ((now - self.options.opens_after.as_micros() / 1000) / 3_600_000).clamp(0, 11);
        let rate = per_hour.min(36_000.0) * BY_HOUR[hour as usize];
        Some((self.rng.exponential(3_600_000.0 / rate) as i64).max(1))
    }

    /// Takes somebody in: their settled truth and their first tasks go into the queue.
    fn admit(&mut self, mut person: Person) {
        for (at, fact) in truth::settled(&person, self.options.start, &self.plan) {
            self.push_truth(at, person.number, fact);
        }
        let who = self.free.pop().unwrap_or_else(|| {
            self.people.push(None);
            self.people.len() - 1
        });
        let begins = person.journey.legs.first().map_or(0, |l| l.begins);
        let mut tasks = Vec::new();
        for (device, d) in person.devices.iter_mut().enumerate() {
            // People come somewhere within a gap, and more likely within a long one; the longer of two draws
            // stands for that.
            let gap = d.phone.gap_ms(true).max(d.phone.gap_ms(true));
            let phase = (d.phone.rng.unit() * gap as f64) as i64;
            tasks.push((begins + phase, Task::Scan { who, device }));
            tasks.extend(d.cues.iter().enumerate().map(|(cue, c)| (c.0, Task::Cue { who, device, cue })));
        }
        let purchases = person.purchases.iter().enumerate();
        tasks.extend(purchases.map(|(purchase, p)| (p.at, Task::Till { who, purchase })));
        person.pending = tasks.len() as u32;
        if tasks.is_empty() {
            self.free.push(who);
            return;
        }
        self.people[who] = Some(person);
        for (at, task) in tasks {
            self.push(at, task);
        }
    }

    /// One task that named this person is done for good.
    fn done(&mut self, who: usize) {
        let Some(person) = &mut self.people[who] else { return };
        person.pending -= 1;
        if person.pending == 0 {
            self.people[who] = None;
            self.free.push(who);
        }
    }

    /// A scan by the phone's own rhythm; asks for the next one.
    fn scan(&mut self, now: i64, who: usize, device: usize) {
        let Some(person) = &mut self.people[who] else { return };
        let Some((_, leg)) = person.journey.leg_at(now) else { return self.done(who) };
        let (moving, silent, leg_ends) = (leg.moving, leg.silent, leg.ends);
        let phone = &mut person.devices[device].phone;
        if silent {
            let wakes = leg_ends + (phone.rng.unit() * 20_000.0) as i64;
            return self.push(wakes, Task::Scan { who, device });
        }
        let next = now + phone.gap_ms(moving);
        let rotated = phone.rotate_if_due(now).then_some((person.number, phone.addr));
        if let Some((number, addr)) = rotated {
            self.push_truth(now, number, Fact::Address { addr });
        }
        self.send_scan(now, who, device, false);
        self.push(next, Task::Scan { who, device });
    }

    fn cue(&mut self, now: i64, who: usize, device: usize, cue: usize) {
        let Some(person) = &mut self.people[who] else { return };
        let number = person.number;
        let acts = &mut person.devices[device];
        match acts.cues[cue].1 {
            Cue::Scan => self.send_scan(now, who, device, false),
            Cue::Alternate => self.send_scan(now, who, device, true),
            Cue::Rotate => {
                acts.phone.rotate();
                acts.phone.unheard = 60;
                let addr = acts.phone.addr;
                self.push_truth(now, number, Fact::Address { addr });
            }
        }
        self.done(who);
    }

    /// Sends the frames of one scan and gives each to the sensors that hear it.
    fn send_scan(&mut self, now: i64, who: usize, device: usize, alternate: bool) {
        const FRAME_EVERY_MS: i64 = 40;
        let Some(person) = &mut self.people[who] else { return };
        let Some((leg_index, leg)) = person.journey.leg_at(now) else { return };
        let spot = leg.spot_at(now);
        let number = person.number;
        let phone = &mut person.devices[device].phone;
        phone.pass_over();
        let frames = if alternate { 4 } else { phone.frames() };
        let mut heard = Vec::new();
        for i in 0..frames {
            let at = now + i64::from(i) * FRAME_EVERY_MS;
            let sent = phone.send(alternate && matches!(i, 1 | 2));
            for (s, sensor) in self.plan.sensors.iter().enumerate() {
                let place = radio::place(number, leg_index, s);
                let level = radio::level_of(&self.plan, sensor);
                let rssi = radio::receive(sensor, level, spot, phone.offset_db, place, &mut phone.rng);
                if let Some(rssi) = rssi {
                    let at = at + phone.rng.below(20) as i64;
                    heard.push((at, sighting(moment(self.options.start, at), s, rssi, sent)));
                }
            }
        }
        for (at, sighting) in heard {
            self.push(at, Task::Yield(Entry::Observed(Observation::Sighting(sighting))));
        }
    }

    fn till(&mut self, now: i64, who: usize, purchase: usize) {
        let Some(person) = &mut self.people[who] else { return };
        let (number, heard) = (person.number, !person.devices.is_empty());
        let refers_to = match person.purchases[purchase].refund_of {
            Some(sale) => person.purchases[sale].number.clone(),
            None => None,
        };
        let bill = &mut person.purchases[purchase];
        let counter = &mut self.receipts[bill.till];
        *counter += 1;
        let store = self.plan.tills[bill.till].store.clone();
        let printed = format!("{store}-{counter:05}");
        bill.number = Some(printed.clone());
        let receipt = Receipt {
            at: moment(self.options.start, now),
            till: TillIx(bill.till as u16),
            store,
            number: Some(printed.clone()),
            kind: if bill.refund_of.is_some() { ReceiptKind::Refund } else { ReceiptKind::Sale },
            amount_minor: Some(bill.amount_minor),
            currency: Currency::new("CNY"),
            member: bill.member.clone(),
            refers_to: refers_to.clone().map(|number| SaleRef { till: None, number, business_date: None }),
            business_date: None,
            printed_at: None,
            content: 0,
            marks: Default::default(),
        };
        let fact = match (heard, refers_to) {
            (true, Some(refers_to)) => Fact::Refunded { till: bill.till, refers_to },
            (true, None) => Fact::Bag { till: bill.till, number: printed, amount_minor: bill.amount_minor },
            (false, _) => Fact::UnmatchedReceipt { number: printed },
        };
        self.push_truth(now, number, fact);
        self.push(now, Task::Yield(Entry::Observed(Observation::Receipt(receipt))));
        self.done(who);
    }
}

impl Iterator for Day {
    type Item = Observation;

    fn next(&mut self) -> Option<Observation> {
        loop {
            if let Entry::Observed(observation) = self.next_entry()? {
                return Some(observation);
            }
        }
    }
}

impl Ord for Queued {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Queued {}

fn sighting(at: Timestamp, sensor: usize, rssi: i8, sent: Sent) -> Sighting {
    Sighting {
        at,
        sensor: SensorIx(sensor as u16),
        addr: sent.addr,
        rssi: Some(rssi),
        channel: sent.channel,
        seq: sent.seq,
        fingerprint: sent.fingerprint,
        frame: sent.frame,
    }
}

fn moment(start: Timestamp, ms: i64) -> Timestamp {
    start + Span::from_millis(ms)
}
