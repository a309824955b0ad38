//! A phone changes its address and goes on: is a new address a device we know?
//!
//! Candidates are the devices of the same family ([`crate::identity::Families`]) that spoke lately. For each there is a
//! rate at which it would be heard so, under another address, just now: how often it speaks, how often devices of the family
//! change their address, how likely its sequence numbers and its place are then. Against all these stands the rate at which
//! somebody is heard for the first time.
//!
//! - If it is most likely one of them, the address leads to that device from now on, and the visit goes on. Should the former
//!   address speak again, the two were two: the new address becomes a device of its own.
//! - If it may be, it is a device of its own, in doubt. A candidate that is heard again is out. When one is left and has
//!   been silent for longer than it is used to, it has become the newcomer: the two are one visit. Where both had published,
//!   `visit.merged` says so; nothing is renumbered.

use super::desk::desk;
use super::table::Key;
use super::{Engine, Output};
use crate::event::{Identity, Merged, VisitFact};
use crate::identity::{Closed, ONE_SCAN, Voice};
use crate::observation::{Heard, Pseudonym};
use crate::time::{Span, Timestamp};
use crate::visit::{self, Device, Phase};
use serde::{Deserialize, Serialize};

/// A new address that may continue one of several devices; time will tell which.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Doubt {
    newcomer: Key,
    fingerprint: u64,
    began: Timestamp,
    /// The likeliest first.
    candidates: Vec<Candidate>,
}

/// A device that a newcomer may be.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Candidate {
    device: Key,
    name: Pseudonym,
    /// Of the same family: what it says under yet another address says nothing about the newcomer.
    same_family: bool,
}

/// New addresses in doubt at once; beyond, the oldest doubt is dropped and stays two devices.
const DOUBTS: usize = 1024;
/// Candidates of a doubt.
const CANDIDATES: usize = 4;
/// How long a doubt is kept.
const KEPT: Span = Span::from_secs(7200);
/// A candidate whose silence is this unlikely if it were still there has become the newcomer.
const SILENT: f32 = 0.1;
/// From this probability on a new address is a device we know …
const KNOWN: f32 = 0.6;
/// … and from this one on it may be.
const PERHAPS: f32 = 0.3;
/// Sequence numbers a phone may have used between two addresses.
const MAX_SEQUENCE_STEP: u16 = 64;
/// No phone sends under two addresses within this time; few do within that.
const TOO_SOON: Span = Span::from_millis(5);
const SOON: Span = Span::from_millis(20);
/// A device that has been silent for longer was away.
const LONGEST_SILENCE: Span = Span::from_secs(900);
/// Against somebody new, a device that is heard so rarely changes nothing.
const NEGLIGIBLE: f32 = 1e-5;
/// Sequence numbers there are.
const SEQUENCE_NUMBERS: u16 = 4096;
/// Probability that a device shows elements that were never heard under one of its addresses, per emission.
const OTHER_ELEMENTS: f32 = 0.02;

/// Whose an emission is.
pub(super) enum Who {
    /// A device's, under an address of it that is known.
    Known,
    /// A device's, under a new address.
    Renamed,
    /// A new device's, or one of these.
    New(Vec<Candidate>),
}

/// What a new address is.
pub(super) enum Newcomer {
    /// A device we know. Its sequence numbers went on, or did not.
    Known {
        /// The device.
        device: Key,
        /// They went on.
        goes_on: bool,
        /// Its former address may turn out to be somebody else's.
        may_part: bool,
    },
    /// Somebody, or one of these.
    New(Vec<Candidate>, Option<Pseudonym>),
}

impl Engine {
    /// Who speaks under an address that was never heard before?
    pub(super) fn who(&mut self, e: &Closed) -> Newcomer {
        let Some(fingerprint) = e.fingerprint.filter(|_| e.heard == Heard::Unassociated) else {
            return Newcomer::New(Vec::new(), None);
        };
        let (own, related) = self.state.families.candidates(fingerprint);
        let habits = self.state.families.habits(fingerprint);
        let likeliest = self.locator.consider(&e.sensors, &self.state.trims);
        let least = NEGLIGIBLE * habits.new_per_second() / likeliest;
        let change = self.state.families.change(fingerprint);
        let within = habits.within_scan() / ONE_SCAN.as_secs_f32();
        let goes_on = habits.goes_on();
        let soon = if habits.are_fleeting() { TOO_SOON } else { SOON };
        let mut all = self.weigh(own, e, soon, (within, change), goes_on, least);
        let related = self.weigh(related, e, soon, (0.0, OTHER_ELEMENTS), goes_on, least);
        all.extend(related.into_iter().map(|w| Weighed { same_family: false, ..w }));
        // Equal weights keep their order.
        all.sort_by(|a, b| b.rate.total_cmp(&a.rate));
        let rate: f32 = all.iter().map(|w| w.rate).sum();
        let known = rate / (rate + habits.new_per_second());
        let best = all.first().copied();
        let told = best.filter(|_| e.first_seq.is_some()).map(|b| b.goes_on);
        let silence = best.map_or(ONE_SCAN, |b| b.silence);
        self.state.families.learn(fingerprint, known, silence, told, e.at);
        match best {
            Some(best) if known >= KNOWN => Newcomer::Known {
                device: best.device,
                goes_on: best.goes_on,
                may_part: !habits.are_fleeting(),
            },
            Some(_) if known >= PERHAPS => {
                let candidate = |w: &Weighed| {
                    let name = self.state.table.get(w.device)?.name;
                    Some(Candidate { device: w.device, name, same_family: w.same_family })
                };
                Newcomer::New(all.iter().take(CANDIDATES).filter_map(candidate).collect(), None)
            }
            _ if habits.are_fleeting() => match self.state.families.only(fingerprint) {
                Some(name) => self.only_one(name, e.at),
                None => Newcomer::New(Vec::new(), None),
            },
            _ => Newcomer::New(Vec::new(), None),
        }
    }

    /// Of a family whose addresses say nothing there was only one device so far, and it was not heard of for long: it is back.
    fn only_one(&self, name: Pseudonym, at: Timestamp) -> Newcomer {
        match self.state.table.find(name) {
            None => Newcomer::New(Vec::new(), Some(name)),
            Some(device) => match self.state.table.get(device) {
                Some(d) if at.since(d.last_heard()) >= LONGEST_SILENCE => {
                    Newcomer::Known { device, goes_on: false, may_part: false }
                }
                _ => Newcomer::New(Vec::new(), None),
            },
        }
    }

    /// How often each of these devices would be heard so, against somebody new. Where it would not be `least` as often were
    /// it in the likeliest place, its place is not looked at.
    fn weigh(
        &mut self,
        voices: Vec<Voice>,
        e: &Closed,
        soon: Span,
        (within, change): (f32, f32),
        goes_on: f32,
        least: f32,
    ) -> Vec<Weighed> {
        let mut all = Vec::with_capacity(voices.len());
        for voice in voices {
            let key = Key { slot: voice.slot, generation: voice.generation };
            let Some(d) = self.state.table.get(key) else { continue };
            let silence = e.at.since(d.last_heard().max(voice.at));
            if silence > LONGEST_SILENCE {
                continue;
            }
            let step = voice.seq.zip(e.first_seq).map(|(a, b)| b.wrapping_sub(a) % SEQUENCE_NUMBERS);
            let near = step.is_some_and(|step| (1..=MAX_SEQUENCE_STEP).contains(&step));
            let counted = match step {
                None => 1.0,
                Some(_) if near => goes_on * f32::from(SEQUENCE_NUMBERS / MAX_SEQUENCE_STEP) + 1.0 - goes_on,
                Some(_) => 1.0 - goes_on,
            };
            let ms = u32::try_from(silence.as_micros().max(0) / 1000).unwrap_or(u32::MAX);
            let speaks = match silence {
                s if s < soon => 0.0,
                s if s < ONE_SCAN => within,
                s => d.gaps.hazard(s) * change,
            };
            let rate = speaks * counted;
            let there = if rate > least { self.locator.likelier_than_new(&d.track, ms) } else { 1.0 };
            all.push(Weighed { device: key, rate: rate * there, silence, goes_on: near, same_family: true });
        }
        all
    }

    /// `address` is another one of a device we know.
    pub(super) fn goes_by(&mut self, e: &Closed, device: Key, goes_on: bool, since: Option<Timestamp>) {
        let Closed { address, fingerprint, at, .. } = *e;
        self.state.counts.continued += 1;
        let Some(d) = self.state.table.get_mut(device) else { return };
        if !goes_on && d.identity == Identity::Session {
            d.identity = Identity::Linked;
        }
        let name = d.name;
        self.state.table.alias(address, device, since);
        if let Some(fingerprint) = fingerprint {
            self.state.families.met(fingerprint, name, true, at);
        }
        if self.config.links {
            self.out.push_back(Output::Link { address, device: name });
        }
    }

    /// An address speaks that leads to `device`. If that went by another one since, the two are two, and the other is a
    /// device of its own.
    pub(super) fn speaks_again(&mut self, e: &Closed, now: Timestamp) {
        let at = e.at;
        let fleeting = e.fingerprint.is_some_and(|f| self.state.families.habits(f).are_fleeting());
        let Some(other) = self.state.table.superseded(e.address, at).filter(|_| !fleeting) else { return };
        // It may be a device of its own since, or nobody's.
        if self.state.table.find(other) != self.state.table.find(e.address) {
            return;
        }
        self.state.counts.parted += 1;
        if self.state.table.is_full() {
            self.make_room(now);
        }
        let key = self.state.table.insert(Device::new(other, Identity::Session, at));
        // It may be another one that fell silent.
        if let Some(fingerprint) = e.fingerprint {
            let (own, _) = self.state.families.candidates(fingerprint);
            let silent = own.into_iter().map(|v| Key { slot: v.slot, generation: v.generation });
            let candidate = |device: Key| {
                let d = self.state.table.get(device)?;
                let silent = at.since(d.last_heard()) <= LONGEST_SILENCE && d.name != other;
                silent.then_some(Candidate { device, name: d.name, same_family: true })
            };
            let speaks = self.state.table.find(e.address);
            let candidates = silent.filter(|k| Some(*k) != speaks).filter_map(candidate).collect();
            self.doubt(key, fingerprint, candidates, at);
        }
        if self.config.links {
            self.out.push_back(Output::Link { address: other, device: other });
        }
    }

    /// Takes in that `key` was heard: it may raise a doubt, or settle one.
    pub(super) fn listen(&mut self, key: Key, e: &Closed, who: Who, now: Timestamp) {
        let Some(fingerprint) = e.fingerprint.filter(|_| e.heard == Heard::Unassociated) else { return };
        // They begin in order of time: the oldest is first.
        while self.state.doubts.front().is_some_and(|d| now.since(d.began) > KEPT) {
            self.state.doubts.pop_front();
        }
        match who {
            Who::New(candidates) => self.doubt(key, fingerprint, candidates, e.at),
            Who::Known if !self.state.families.habits(fingerprint).are_fleeting() => {
                self.rule_out(key, |_| true);
                self.settle(key, now);
            }
            // What a device says under an address it took since says nothing about those it may have had.
            Who::Known | Who::Renamed => {
                self.rule_out(key, |c| !c.same_family);
                self.settle(key, now);
            }
        }
        let voice = Voice { slot: key.slot, generation: key.generation, seq: e.last_seq, at: e.at };
        if let Some((one, other)) = self.state.families.remember(fingerprint, e.address.0, voice) {
            // What was taken for two kinds of phones is one, and here is one of it.
            let [one, other] = [one, other].map(|v| Key { slot: v.slot, generation: v.generation });
            let began = |k| self.state.table.get(k).map(|d| d.first_heard);
            match began(one).zip(began(other)) {
                Some((a, b)) if a <= b => self.join(one, other, now),
                Some(_) => self.join(other, one, now),
                None => {}
            }
        }
    }

    fn doubt(&mut self, newcomer: Key, fingerprint: u64, candidates: Vec<Candidate>, began: Timestamp) {
        if candidates.is_empty() {
            return;
        }
        if self.state.doubts.len() == DOUBTS {
            self.state.doubts.pop_front();
        }
        self.state.doubts.push_back(Doubt { newcomer, fingerprint, began, candidates });
    }

    /// `key` speaks: no newcomer continues it, of those for which that tells.
    fn rule_out(&mut self, key: Key, tells: impl Fn(&Candidate) -> bool) {
        for doubt in &mut self.state.doubts {
            doubt.candidates.retain(|c| c.device != key || !tells(c));
        }
        self.state.doubts.retain(|d| !d.candidates.is_empty());
    }

    /// If `key` is a newcomer with one candidate left that fell silent, joins the two.
    fn settle(&mut self, key: Key, now: Timestamp) {
        let Some(place) = self.state.doubts.iter().position(|d| d.newcomer == key) else { return };
        let [Candidate { device: older, .. }] = self.state.doubts[place].candidates[..] else { return };
        // It is gone, or turned out to be no visitor: there is nothing to go on with.
        let Some(d) = self.state.table.get(older).filter(|d| d.phase != Phase::NotAVisitor) else {
            self.state.doubts.remove(place);
            return;
        };
        if d.gaps.still_here(now.since(d.last_heard())) < SILENT {
            let fingerprint = self.state.doubts[place].fingerprint;
            self.state.doubts.remove(place);
            let voice = |k: Key| Voice { slot: k.slot, generation: k.generation, seq: None, at: now };
            self.state.families.moved(fingerprint, voice(key), voice(older));
            self.join(older, key, now);
        }
    }

    /// A newcomer was heard no more, and nothing was said of it: it was most likely the first of those it may have been.
    pub(super) fn forgotten(&mut self, key: Key, name: Pseudonym) {
        let Some(place) = self.state.doubts.iter().position(|d| d.newcomer == key) else { return };
        let Some(doubt) = self.state.doubts.remove(place) else { return };
        if let Some(known) = doubt.candidates.first().filter(|_| self.config.links) {
            self.out.push_back(Output::Link { address: name, device: known.name });
        }
    }

    /// The device at `newer` is the one at `older`: its address leads there, its state goes on there.
    fn join(&mut self, older: Key, newer: Key, now: Timestamp) {
        let Some(new) = self.state.table.remove(newer) else { return };
        self.state.counts.continued += 1;
        self.state.table.alias(new.name, older, None);
        // The newcomer's own doubts and voices now belong to the older device.
        for doubt in &mut self.state.doubts {
            doubt.candidates.iter_mut().filter(|c| c.device == newer).for_each(|c| c.device = older);
        }
        let Some(d) = self.state.table.get_mut(older) else { return };
        if self.config.links {
            self.out.push_back(Output::Link { address: new.name, device: d.name });
        }
        let mut desk = desk!(self, now);
        visit::go_on_as(d, &new, &mut desk);
        desk.flow.forget(new.name);
        if new.seq > 0 {
            let merged = [&*d, &new].map(|d| d.visit(&desk.site.id).to_string()).to_vec();
            let fact = VisitFact::Merged(Merged { merged, into: d.visit(&desk.site.id).to_string() });
            desk.publish(d, new.first_heard, 0.9, fact);
            desk.forget(&new);
        }
        if d.identity == Identity::Session {
            d.identity = Identity::Linked;
        }
        if d.seq > 0 {
            desk.keep(d);
        }
        self.state.table.reschedule(older);
    }
}

/// What speaks for one device.
#[derive(Clone, Copy)]
struct Weighed {
    device: Key,
    /// Per second, times the likelihood ratio of what was heard.
    rate: f32,
    silence: Span,
    /// The sequence numbers went on.
    goes_on: bool,
    same_family: bool,
}
