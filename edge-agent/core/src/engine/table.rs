//! The device table: a fixed number of slots, addresses that lead to them, and one timer for each.
//!
//! A slot's generation tells a device from those that had the slot before. When the table is full the least
//! valuable of a few slots goes: first those about which nothing was said, then the longest silent.

use crate::identity::ByPseudonym;
use crate::observation::Pseudonym;
use crate::time::{Span, Timestamp};
use crate::visit::{Device, Phase};
use core::cmp::Reverse;
use serde::{Deserialize, Serialize};
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

/// Slots looked at to find one to evict: the cost of a flood of addresses stays bounded.
const EVICTION_SAMPLE: usize = 64;

/// Changes of address that are remembered, should they turn out to be none.
const FOLLOWED: usize = 4096;
/// Aliases looked through for the last one of a device.
const RECENT: usize = 1024;
/// Within one scan a phone may go back to an address; after so long a silence it would be another phone in any case.
const ONE_SCAN: Span = Span::from_secs(3);
const LONGEST_SILENCE: Span = Span::from_secs(1800);

/// A device in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Key {
    /// Its slot.
    pub(super) slot: u32,
    /// The generation of the slot it belongs to.
    pub(super) generation: u32,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Slot {
    generation: u32,
    /// When the timer in the heap fires; `None` when there is none.
    scheduled: Option<Timestamp>,
    device: Option<Device>,
}

/// The table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Table {
    capacity: usize,
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_address: ByPseudonym<Key>,
    /// Addresses that lead to a device and are not its name, oldest first.
    aliases: VecDeque<(Pseudonym, Key)>,
    /// By an address: the one that its device went by since, and from when on.
    followed: ByPseudonym<(Pseudonym, Timestamp)>,
    /// The keys of `followed`, oldest first.
    order: VecDeque<Pseudonym>,
    /// Where the next search for a victim begins.
    hand: usize,
    /// Rebuilt from the slots after a restore.
    #[serde(skip)]
    timers: BinaryHeap<Reverse<(Timestamp, u32)>>,
}

impl Table {
    /// A slot, the entry of its address (with the index's load of 7/8 and a control byte), and its timer.
    pub(super) const BYTES_PER_DEVICE: usize = size_of::<Slot>()
        + (size_of::<(Pseudonym, Key)>() + 1) * 8 / 7
        + size_of::<Reverse<(Timestamp, u32)>>();

    /// For at most `capacity` devices.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            slots: Vec::new(),
            free: Vec::new(),
            by_address: ByPseudonym::default(),
            aliases: VecDeque::new(),
            followed: ByPseudonym::default(),
            order: VecDeque::new(),
            hand: 0,
            timers: BinaryHeap::new(),
        }
    }

    /// How many devices are in the table.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether another device needs an eviction first.
    pub(super) fn is_full(&self) -> bool {
        self.free.is_empty() && self.slots.len() >= self.capacity
    }

    /// The device an address leads to.
    pub(super) fn find(&self, address: Pseudonym) -> Option<Key> {
        self.by_address.get(&address).copied().filter(|k| self.get(*k).is_some())
    }

    /// A device.
    pub(super) fn get(&self, key: Key) -> Option<&Device> {
        let slot = self.slots.get(key.slot as usize)?;
        slot.device.as_ref().filter(|_| slot.generation == key.generation)
    }

    /// A device, to change; call [`Self::reschedule`] after changing its `due`.
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Device> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        slot.device.as_mut().filter(|_| slot.generation == key.generation)
    }

    /// All devices with their slots, by slot.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Device)> {
        self.slots.iter().enumerate().filter_map(|(i, s)| Some((i as u32, s.device.as_ref()?)))
    }

    /// The key of an occupied slot.
    pub(super) fn key_of(&self, slot: u32) -> Key {
        Key { slot, generation: self.slots.get(slot as usize).map_or(0, |s| s.generation) }
    }

    /// Puts a device in a free slot, reachable by its name. The table must not be full.
    pub(super) fn insert(&mut self, device: Device) -> Key {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let key = self.key_of(slot);
        self.by_address.insert(device.name, key);
        self.slots[slot as usize].device = Some(device);
        self.reschedule(key);
        key
    }

    /// Takes a device out of the table.
    pub(super) fn remove(&mut self, key: Key) -> Option<Device> {
        let slot = self.slots.get_mut(key.slot as usize).filter(|s| s.generation == key.generation)?;
        let device = slot.device.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        slot.scheduled = None;
        self.free.push(key.slot);
        if self.by_address.get(&device.name) == Some(&key) {
            self.by_address.remove(&device.name);
        }
        // Other addresses of the device lead nowhere now, until they are the oldest.
        Some(device)
    }

    /// Makes `address` lead to a device; if the device went by another one until `since`, that is remembered.
    pub(super) fn alias(&mut self, address: Pseudonym, key: Key, since: Option<Timestamp>) {
        if let Some(since) = since {
            let before = self.aliases.iter().rev().take(RECENT).find(|(_, k)| *k == key).map(|(a, _)| *a);
            if let Some(before) = before.or(self.get(key).map(|d| d.name)) {
                self.follow(before, address, since);
            }
        }
        if self.aliases.len() >= self.capacity / 2 + 16
            && let Some((oldest, was)) = self.aliases.pop_front()
            && self.by_address.get(&oldest) == Some(&was)
        {
            self.by_address.remove(&oldest);
        }
        self.aliases.push_back((address, key));
        self.by_address.insert(address, key);
    }

    /// All addresses that lead to a device.
    pub(super) fn addresses(&self, key: Key) -> BTreeSet<Pseudonym> {
        self.by_address.iter().filter(|(_, k)| **k == key).map(|(address, _)| *address).collect()
    }

    /// These addresses lead nowhere any more.
    pub(super) fn unpoint(&mut self, addresses: &BTreeSet<Pseudonym>) {
        self.by_address.retain(|address, _| !addresses.contains(address));
        self.aliases.retain(|(address, _)| !addresses.contains(address));
        self.followed.retain(|before, (since, _)| !addresses.contains(before) && !addresses.contains(since));
        self.order.retain(|before| !addresses.contains(before));
    }

    /// The address that the device of `address` went by since, if it did before `at`: it does not any more.
    pub(super) fn superseded(&mut self, address: Pseudonym, at: Timestamp) -> Option<Pseudonym> {
        let (other, since) = *self.followed.get(&address)?;
        if at.since(since) < ONE_SCAN {
            return None;
        }
        self.followed.remove(&address);
        (at.since(since) <= LONGEST_SILENCE).then_some(other)
    }

    fn follow(&mut self, before: Pseudonym, address: Pseudonym, since: Timestamp) {
        if self.order.len() >= FOLLOWED
            && let Some(oldest) = self.order.pop_front()
        {
            self.followed.remove(&oldest);
        }
        self.order.push_back(before);
        self.followed.insert(before, (address, since));
    }

    /// Sets the timer of a device to its `due`.
    pub(super) fn reschedule(&mut self, key: Key) {
        let Some(slot) = self.slots.get_mut(key.slot as usize) else { return };
        let Some(device) = &slot.device else { return };
        // A later due is found when the earlier timer fires: one timer a device, however often it is heard.
        if device.due() < Timestamp::MAX && slot.scheduled.is_none_or(|at| device.due() < at) {
            slot.scheduled = Some(device.due());
            self.timers.push(Reverse((device.due(), key.slot)));
            // Timers of devices that are gone, or of a due that came nearer, stay behind until there are many.
            if self.timers.len() > 2 * self.slots.len() + 64 {
                self.rebuild_timers();
            }
        }
    }

    /// When the next timer fires; a little early for a device that was heard since.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    /// The next device that is due at or before `now`.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<Key> {
        while let Some(mut timer) = self.timers.peek_mut() {
            let Reverse((at, index)) = *timer;
            if at > now {
                return None;
            }
            let slot = &mut self.slots[index as usize];
            match &slot.device {
                _ if slot.scheduled != Some(at) => {
                    PeekMut::pop(timer);
                }
                // Heard since: the same timer, later. Moving it costs half of taking it out and putting it back.
                Some(d) if d.due() > now => {
                    slot.scheduled = Some(d.due());
                    *timer = Reverse((d.due(), index));
                }
                device => {
                    let key = device.is_some().then_some(Key { slot: index, generation: slot.generation });
                    slot.scheduled = None;
                    PeekMut::pop(timer);
                    if key.is_some() {
                        return key;
                    }
                }
            }
        }
        None
    }

    /// The device to give up when the table is full.
    pub(super) fn victim(&mut self) -> Option<Key> {
        let n = self.slots.len();
        let worth = |d: &Device| (d.phase == Phase::Inside, d.phase == Phase::Approached, d.last_heard());
        let sample = (0..n.min(EVICTION_SAMPLE)).map(|i| (self.hand + i) % n);
        let worst = sample
            .filter_map(|i| Some((worth(self.slots[i].device.as_ref()?), i)))
            .min_by(|a, b| a.0.cmp(&b.0).then(a.1.cmp(&b.1)))?;
        self.hand = (self.hand + EVICTION_SAMPLE) % n;
        Some(self.key_of(worst.1 as u32))
    }

    /// Goes on after deserialising, with room for `capacity` devices.
    pub(super) fn resume(&mut self, capacity: usize) {
        self.capacity = capacity.max(1);
        self.rebuild_timers();
    }

    fn rebuild_timers(&mut self) {
        self.timers = self
            .slots
            .iter()
            .enumerate()
            .filter_map(|(i, s)| Some(Reverse((s.scheduled?, i as u32))))
            .collect();
    }
}

#[cfg(test)]
mod tests;
