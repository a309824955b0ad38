//! Families: devices that show the same information elements, and who of them a new address may be.
//!
//! A phone may show several sets of elements. Two sets that were both heard under one address, and under another, are one
//! family; sets of another family whose radio can do the same may be of one phone too, which is less likely.
//!
//! Of each family is learnt what is usual ([`Habits`]): how often its devices change their address, whether the sequence
//! numbers then go on (of older phones they do, newer ones draw them anew), and how often a new device comes.

use crate::observation::Pseudonym;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};

/// Devices remembered of one family, newest last.
const MEMBERS: usize = 16;
/// Families remembered; those not heard of for longest are forgotten.
const FAMILIES: usize = 4096;
/// Families remembered of one kind of radio.
const RELATED: usize = 8;
/// Pairs of element sets that were heard under one address, and wait to be heard under another.
const PAIRS: usize = 256;
/// After so many scans it is known whether they are ever heard alone.
const TOGETHER: u16 = 10;
/// What is heard within this time is one scan.
pub const ONE_SCAN: Span = Span::from_secs(3);
/// A device that was heard within this time is heard just now.
const NOW: Span = Span::from_secs(120);
/// Bits of a fingerprint that say what the radio can do; the others are the elements.
const RADIO_SHIFT: u32 = 48;

/// How a device last sounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voice {
    /// Slot of the device in the device table.
    pub slot: u32,
    /// Generation of that slot.
    pub generation: u32,
    /// Its last sequence number, where it had one.
    pub seq: Option<u16>,
    /// When.
    pub at: Timestamp,
}

/// What is usual in a family, counted. Old counts fade.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Habits {
    /// Scans under an address that was heard before.
    returns: f32,
    /// Scans under a new address of a device that was known.
    changes: f32,
    /// Changes of address within a scan.
    within: f32,
    /// How many times the sequence numbers went on over such a change, and of how many.
    went_on: f32,
    counted: f32,
    /// Devices that were heard for the first time.
    new: f32,
    /// For so many seconds.
    seconds: f32,
}

impl Habits {
    const NONE: Self =
        Self { returns: 0.0, changes: 0.0, within: 0.0, went_on: 0.0, counted: 0.0, new: 0.0, seconds: 0.0 };

    /// Probability that a device's next scan is under another address, where in `all` families together it is so often.
    fn change(&self, all: f32) -> f32 {
        (self.changes + PRIOR * all) / (self.changes + self.returns + PRIOR)
    }

    /// Probability that the sequence numbers then go on.
    pub fn goes_on(&self) -> f32 {
        (self.went_on + 1.0) / (self.counted + 2.0)
    }

    /// Devices heard for the first time, per second.
    pub fn new_per_second(&self) -> f32 {
        (self.new + 1.0) / (self.seconds + NEW_EVERY_S)
    }

    /// Changes of address within a scan, per scan.
    pub fn within_scan(&self) -> f32 {
        (self.within + 0.02) / (self.changes + self.returns + 1.0)
    }

    /// Its addresses last for hardly more than one scan.
    pub fn are_fleeting(&self) -> bool {
        self.changes + self.returns >= FEW && self.changes > 2.0 * self.returns
    }

    fn fade(&mut self) {
        if self.changes + self.returns > MANY {
            for count in
                [&mut self.returns, &mut self.changes, &mut self.within, &mut self.went_on, &mut self.counted]
            {
                *count *= 0.5;
            }
        }
        if self.seconds > LONG_S {
            self.new *= 0.5;
            self.seconds *= 0.5;
        }
    }
}

/// As long as little is known of a family, one new device in this time is expected, seconds.
const NEW_EVERY_S: f32 = 1800.0;
/// As if so many scans of a family had been like those of all.
const PRIOR: f32 = 3.0;
/// … and of all, so many like those of a phone that changes its address every third time.
const PRIOR_OF_ALL: (f32, f32) = (1.0, 3.0);
/// Scans that tell how long addresses last.
const FEW: f32 = 2.0;
/// More scans, or a longer time, count half.
const MANY: f32 = 20_000.0;
const LONG_S: f32 = 86_400.0;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Family {
    voices: VecDeque<Voice>,
    /// Scans, as far as they are counted.
    scans: u16,
    /// Families with such a radio beside whose scans some of them were: how many, and the last of them.
    beside: Vec<(u64, u16, u16)>,
    only: Only,
    habits: Habits,
    heard: Timestamp,
}

/// How many devices of a family there have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Only {
    /// None yet.
    Nobody,
    /// As far as is known one, by this name.
    One(u128),
    /// There were two at a time.
    Several,
}

/// What was last heard of the device in a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Last {
    generation: u32,
    /// Low bits of the address.
    address: u32,
    elements: u64,
}

/// Who last sounded how, by family. Bounded: 4096 families with 16 devices each, and 16 bytes for each device.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Families {
    /// By the elements that were heard first of it.
    families: HashMap<u64, Family>,
    /// Elements of a family that goes by others.
    also: HashMap<u64, u64>,
    /// Families by radio, newest last.
    radios: HashMap<u16, VecDeque<u64>>,
    /// Two element sets of one address, and the low bits of that.
    pairs: VecDeque<(u64, u64, u32)>,
    /// By slot.
    last: Vec<Last>,
    /// What is usual in all of them.
    all: Habits,
}

impl Default for Families {
    fn default() -> Self {
        Self {
            families: HashMap::new(),
            also: HashMap::new(),
            radios: HashMap::new(),
            pairs: VecDeque::new(),
            last: Vec::new(),
            all: Habits::NONE,
        }
    }
}

impl Families {
    /// Remembers how a device sounded under an address. Gives back two devices, should it turn out that they are one.
    pub fn remember(&mut self, fingerprint: u64, address: u128, voice: Voice) -> Option<(Voice, Voice)> {
        let id = self.family(fingerprint, voice.at);
        let returns = self.compare(fingerprint, address as u32, &voice);
        // It may have become a part of another family just now.
        let id = self.also.get(&id).copied().unwrap_or(id);
        let same = self.watch(id, voice.at);
        let id = self.also.get(&id).copied().unwrap_or(id);
        let family = self.families.get_mut(&id)?;
        family.habits.seconds += voice.at.since(family.heard).as_secs_f32().max(0.0);
        let before = family.voices.iter().find(|v| v.slot == voice.slot);
        if returns && before.is_some_and(|v| voice.at.since(v.at) >= ONE_SCAN) {
            family.habits.returns += 1.0;
            self.all.returns += 1.0;
            self.all.fade();
        }
        family.habits.fade();
        family.heard = family.heard.max(voice.at);
        family.voices.retain(|v| v.slot != voice.slot);
        if family.voices.len() == MEMBERS {
            family.voices.pop_front();
        }
        family.voices.push_back(voice);
        same
    }

    /// Devices that a new address with this fingerprint may be: of its family, then of families with such a radio.
    pub fn candidates(&self, fingerprint: u64) -> (Vec<Voice>, Vec<Voice>) {
        let id = self.id(fingerprint);
        let voices = |id: &u64| self.families.get(id).into_iter().flat_map(|f| f.voices.iter());
        let own = voices(&id).copied().collect();
        let radio = (fingerprint >> RADIO_SHIFT) as u16;
        let related = self.radios.get(&radio).filter(|_| radio != 0);
        let related = related.into_iter().flatten().filter(|other| **other != id);
        (own, related.flat_map(voices).copied().collect())
    }

    /// Probability that the next scan of a device of this family is under another address.
    pub fn change(&self, fingerprint: u64) -> f32 {
        let of_all =
            (self.all.changes + PRIOR_OF_ALL.0) / (self.all.changes + self.all.returns + PRIOR_OF_ALL.1);
        self.habits(fingerprint).change(of_all)
    }

    /// The device in one slot is that in another one.
    pub fn moved(&mut self, fingerprint: u64, from: Voice, to: Voice) {
        let id = self.id(fingerprint);
        let Some(family) = self.families.get_mut(&id) else { return };
        family.voices.retain(|v| v.slot != to.slot);
        for v in family.voices.iter_mut().filter(|v| (v.slot, v.generation) == (from.slot, from.generation)) {
            (v.slot, v.generation) = (to.slot, to.generation);
        }
    }

    /// The name of the only device of a family there has been.
    pub fn only(&self, fingerprint: u64) -> Option<Pseudonym> {
        let id = self.id(fingerprint);
        match self.families.get(&id)?.only {
            Only::One(name) => Some(Pseudonym(name)),
            Only::Nobody | Only::Several => None,
        }
    }

    /// A device of this family was heard for the first time, and the others of it are gone or not.
    pub fn met(&mut self, fingerprint: u64, name: Pseudonym, alone: bool, at: Timestamp) {
        let id = self.family(fingerprint, at);
        let Some(family) = self.families.get_mut(&id) else { return };
        family.only = match family.only {
            Only::Nobody => Only::One(name.0),
            Only::One(known) if alone && known == name.0 => Only::One(known),
            Only::One(_) | Only::Several => Only::Several,
        };
    }

    /// The family of a fingerprint, by the first that was heard of it.
    pub fn id(&self, fingerprint: u64) -> u64 {
        self.also.get(&fingerprint).copied().unwrap_or(fingerprint)
    }

    /// What is usual in the family of a fingerprint.
    pub fn habits(&self, fingerprint: u64) -> Habits {
        let id = self.id(fingerprint);
        self.families.get(&id).map_or(Habits::NONE, |f| f.habits)
    }

    /// A new address was a device known before with probability `same`, which had been silent for so long, and then the
    /// sequence numbers went on or not.
    pub fn learn(
        &mut self,
        fingerprint: u64,
        same: f32,
        silence: Span,
        went_on: Option<bool>,
        at: Timestamp,
    ) {
        let id = self.family(fingerprint, at);
        let Some(family) = self.families.get_mut(&id) else { return };
        let habits = &mut family.habits;
        if silence < ONE_SCAN {
            habits.within += same;
        } else {
            habits.changes += same;
            self.all.changes += same;
        }
        habits.new += 1.0 - same;
        if let Some(went_on) = went_on {
            habits.counted += same;
            habits.went_on += if went_on { same } else { 0.0 };
        }
    }

    /// The family of a fingerprint; a new one if there is none.
    fn family(&mut self, fingerprint: u64, at: Timestamp) -> u64 {
        let id = self.id(fingerprint);
        if self.families.contains_key(&id) {
            return id;
        }
        if self.families.len() >= FAMILIES {
            self.forget_some();
        }
        let family = Family {
            voices: VecDeque::new(),
            scans: 0,
            beside: Vec::new(),
            only: Only::Nobody,
            habits: Habits::NONE,
            heard: at,
        };
        self.families.insert(fingerprint, family);
        let radio = self.radios.entry((fingerprint >> RADIO_SHIFT) as u16).or_default();
        if radio.len() == RELATED {
            radio.pop_front();
        }
        radio.push_back(fingerprint);
        fingerprint
    }

    /// Forgets the half that was not heard of for longest.
    fn forget_some(&mut self) {
        let mut heard: Vec<(Timestamp, u64)> = self.families.iter().map(|(id, f)| (f.heard, *id)).collect();
        heard.sort_unstable();
        heard.truncate(heard.len() / 2);
        for (_, id) in heard {
            self.families.remove(&id);
        }
        let known = &self.families;
        self.also.retain(|_, id| known.contains_key(id));
        self.radios.retain(|_, ids| {
            ids.retain(|id| known.contains_key(id));
            !ids.is_empty()
        });
    }

    /// Whether the device goes by the same address as before. If that showed other elements then: once is chance, under
    /// another address it is a habit.
    fn compare(&mut self, fingerprint: u64, address: u32, voice: &Voice) -> bool {
        let slot = voice.slot as usize;
        if self.last.len() <= slot {
            self.last.resize(slot + 1, Last::default());
        }
        let now = Last { generation: voice.generation, address, elements: fingerprint };
        let before = core::mem::replace(&mut self.last[slot], now);
        let same = before.generation == now.generation && before.address == address;
        if !same || before.elements == fingerprint {
            return same;
        }
        let of = |elements: u64| self.also.get(&elements).copied().unwrap_or(elements);
        let (a, b) = (of(before.elements), of(fingerprint));
        let (a, b) = (a.min(b), a.max(b));
        if a == b {
            return true;
        }
        if self.pairs.iter().any(|(x, y, under)| (*x, *y) == (a, b) && *under != address) {
            self.pairs.retain(|(x, y, _)| (*x, *y) != (a, b));
            self.unite(a, b);
        } else if !self.pairs.contains(&(a, b, address)) {
            if self.pairs.len() == PAIRS {
                self.pairs.pop_front();
            }
            self.pairs.push_back((a, b, address));
        }
        true
    }

    /// Elements that are only ever heard in scans with others, of such a radio, are of the same phones.
    fn watch(&mut self, id: u64, at: Timestamp) -> Option<(Voice, Voice)> {
        let radio = (id >> RADIO_SHIFT) as u16;
        let family = self.families.get_mut(&id)?;
        if family.scans == 0 || at.since(family.heard) >= ONE_SCAN {
            family.scans = family.scans.saturating_add(1);
        }
        if radio == 0 {
            return None;
        }
        let others: Vec<u64> =
            self.radios.get(&radio).into_iter().flatten().filter(|other| **other != id).copied().collect();
        for other in others {
            let near = self.families.get(&other).is_some_and(|f| at.since(f.heard) < ONE_SCAN);
            if near && (self.heard_beside(id, other) || self.heard_beside(other, id)) {
                return self.become_one(id, other, at);
            }
        }
        None
    }

    /// Unites two families; where each has one device that is heard just now, these are one too.
    fn become_one(&mut self, a: u64, b: u64, at: Timestamp) -> Option<(Voice, Voice)> {
        let only = |id: u64| {
            let mut now = self.families.get(&id)?.voices.iter().filter(|v| at.since(v.at) < NOW);
            let one = now.next().copied()?;
            now.next().is_none().then_some(one)
        };
        let both = only(a).zip(only(b)).filter(|(one, other)| one.slot != other.slot);
        let (older, newer) = if a < b { (a, b) } else { (b, a) };
        self.unite(older, newer);
        both
    }

    /// The scan of `id` that is going on is beside one of `other`; whether it has always been so.
    fn heard_beside(&mut self, id: u64, other: u64) -> bool {
        let theirs = self.families.get(&other).map_or(0, |f| f.scans);
        let Some(family) = self.families.get_mut(&id) else { return false };
        let now = family.scans;
        if now > TOGETHER || theirs < now {
            return false;
        }
        match family.beside.iter().position(|(known, ..)| *known == other) {
            Some(i) if family.beside[i].2 < now => {
                family.beside[i].1 += 1;
                family.beside[i].2 = now;
            }
            None if family.beside.len() < RELATED => family.beside.push((other, 1, now)),
            _ => {}
        }
        family.beside.contains(&(other, TOGETHER, TOGETHER))
            || family.beside.contains(&(other, TOGETHER - 1, TOGETHER))
    }

    /// The two are one family from now on, under the first name.
    fn unite(&mut self, a: u64, b: u64) {
        let Some(gone) = self.families.remove(&b) else { return };
        let Some(family) = self.families.get_mut(&a) else {
            self.families.insert(b, gone);
            return;
        };
        for voice in gone.voices {
            family.voices.retain(|v| v.slot != voice.slot || v.at > voice.at);
            if family.voices.iter().all(|v| v.slot != voice.slot) {
                let at = family.voices.partition_point(|v| v.at <= voice.at);
                family.voices.insert(at, voice);
            }
        }
        while family.voices.len() > MEMBERS {
            family.voices.pop_front();
        }
        family.heard = family.heard.max(gone.heard);
        family.only = match (family.only, gone.only) {
            (Only::Nobody, one) | (one, Only::Nobody) => one,
            (Only::One(a), Only::One(b)) if a == b => Only::One(a),
            _ => Only::Several,
        };
        let (habits, other) = (&mut family.habits, gone.habits);
        habits.returns += other.returns;
        habits.changes += other.changes;
        habits.within += other.within;
        habits.went_on += other.went_on;
        habits.counted += other.counted;
        habits.new += other.new;
        habits.seconds = habits.seconds.max(other.seconds);
        self.also.values_mut().filter(|id| **id == b).for_each(|id| *id = a);
        self.also.insert(b, a);
        self.radios.values_mut().for_each(|ids| ids.retain(|id| *id != b));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_micros(s * 1_000_000)
    }

    fn voice(slot: u32, s: i64) -> Voice {
        Voice { slot, generation: 0, seq: Some(0), at: at(s) }
    }

    fn slots(voices: &[Voice]) -> Vec<u32> {
        voices.iter().map(|v| v.slot).collect()
    }

    #[test]
    fn candidates_are_of_the_family_or_have_such_a_radio() {
        let mut f = Families::default();
        let radio = |r: u64, elements: u64| r << RADIO_SHIFT | elements;
        f.remember(radio(1, 9), 1, voice(1, 0));
        f.remember(radio(1, 9), 2, voice(2, 10));
        f.remember(radio(1, 8), 3, voice(3, 20));
        f.remember(radio(2, 9), 4, voice(4, 20));
        f.remember(radio(0, 5), 5, voice(5, 20));
        let (own, related) = f.candidates(radio(1, 9));
        assert_eq!((slots(&own), slots(&related)), (vec![1, 2], vec![3]));
        assert_eq!(f.candidates(radio(0, 6)), (vec![], vec![]), "of the radio nothing is known");
    }

    #[test]
    fn two_sets_of_elements_under_two_addresses_are_one_family() {
        let mut f = Families::default();
        f.remember(7, 100, voice(1, 0));
        f.remember(8, 100, voice(1, 1));
        f.remember(7, 200, voice(2, 2));
        assert_eq!(slots(&f.candidates(8).0), [1], "once may be chance");
        f.remember(8, 200, voice(2, 3));
        assert_eq!(slots(&f.candidates(7).0), [1, 2]);
        assert_eq!(slots(&f.candidates(8).0), [1, 2]);
        // The same address again and again is one address.
        for s in 0..10 {
            f.remember(if s % 2 == 0 { 17 } else { 18 }, 300, voice(3, s));
        }
        assert_eq!(slots(&f.candidates(18).0), [3]);
        assert!(!f.also.contains_key(&18));
    }

    #[test]
    fn elements_that_are_never_heard_but_beside_others_of_such_a_radio_are_of_the_same_phone() {
        let mut f = Families::default();
        let radio = |elements: u64| 3 << RADIO_SHIFT | elements;
        let mut same = None;
        for scan in 0..12 {
            f.remember(radio(1), 1000 + scan as u128, voice(1, scan * 30));
            same = same.or(f.remember(radio(2), 2000 + scan as u128, voice(2, scan * 30 + 1)));
            // Another phone, which scans on its own.
            f.remember(radio(4), 3000 + scan as u128, voice(3, scan * 37 + 15));
        }
        let (one, other) = same.unwrap();
        assert_eq!([one.slot, other.slot].iter().sum::<u32>(), 3);
        assert_eq!(slots(&f.candidates(radio(1)).0), slots(&f.candidates(radio(2)).0));
        assert_eq!(slots(&f.candidates(radio(4)).0), [3]);
    }

    #[test]
    fn what_is_usual_in_a_family_is_learnt() {
        let mut f = Families::default();
        // One phone that keeps its address, one that takes another each time and draws its sequence numbers anew.
        for s in 0..100 {
            f.remember(7, 1, voice(1, s * 10));
            f.remember(8, s as u128, voice(2, s * 10));
            f.learn(8, 1.0, Span::from_secs(10), Some(false), at(s * 10));
        }
        assert!(f.change(7) < 0.05 && !f.habits(7).are_fleeting());
        let fleeting = f.habits(8);
        assert!(f.change(8) > 0.95 && fleeting.are_fleeting() && fleeting.goes_on() < 0.02);
        let per_hour = |h: Habits| h.new_per_second() * 3600.0;
        assert!(per_hour(f.habits(7)) < 1.5);
        for s in 100..200 {
            f.remember(7, 1, voice(1, s * 10));
            f.learn(7, 0.0, Span::from_secs(10), None, at(s * 10));
        }
        assert!(per_hour(f.habits(7)) > 90.0, "{}", per_hour(f.habits(7)));
    }

    #[test]
    fn families_stay_bounded() {
        let mut f = Families::default();
        for i in 0..20_000u32 {
            let elements = u64::from(i) | u64::from(i % 7) << RADIO_SHIFT;
            f.remember(elements, u128::from(i), voice(i % 100, i64::from(i)));
            f.remember(1, u128::from(i), voice(i % 100, i64::from(i)));
        }
        assert!(f.families.len() <= FAMILIES && f.also.len() <= FAMILIES, "{}", f.families.len());
        assert!(f.families.values().all(|m| m.voices.len() <= MEMBERS));
        assert!(f.radios.values().all(|ids| ids.len() <= RELATED));
        assert!(f.pairs.len() <= PAIRS && f.last.len() <= 100);
        assert!(f.families.contains_key(&1), "what is heard of stays");
    }
}
