//! A phone changes its address and goes on: which device does a new address continue?
//!
//! A newcomer whose fingerprint and sequence number go on where an older device stopped is in doubt: it may be that
//! device, or another phone of the same model. A candidate that is heard again under its old address is out. When
//! one candidate is left and has been silent for longer than it is used to, it has become the newcomer: the two are
//! one visit. Where both had published, `visit.merged` says so; nothing is renumbered.

use super::desk::desk;
use super::table::Key;
use super::{Engine, Output};
use crate::event::{Identity, Merged, VisitFact};
use crate::identity::{Closed, Voice};
use crate::observation::Heard;
use crate::time::{Span, Timestamp};
use crate::visit::{self, Device, Phase};
use serde::{Deserialize, Serialize};

/// A new address that may continue one of several devices; time will tell which.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Doubt {
    newcomer: Key,
    began: Timestamp,
    candidates: Vec<Key>,
}

/// New addresses in doubt at once; beyond, the oldest doubt is dropped and stays two devices.
const DOUBTS: usize = 256;
/// More candidates than this are not worth a doubt.
const CANDIDATES: usize = 4;
/// Sequence numbers a phone may have used between two addresses, where the new one is first heard at a door: there
/// somebody new is the likelier story.
const STEP_AT_DOOR: u16 = 8;
/// How long a doubt is kept.
const KEPT: Span = Span::from_secs(600);
/// A candidate whose silence is this unlikely if it were still there has become the newcomer.
const SILENT: f32 = 0.1;
/// Belief in the neighbourhood of where the newcomer was first heard, that makes a device a candidate.
const NEAR: f32 = 0.1;

impl Engine {
    /// Takes in that `key` was heard: it may raise a doubt, or settle one.
    pub(super) fn listen(&mut self, key: Key, e: &Closed, is_new: bool, now: Timestamp) {
        let (Some(fingerprint), Some(first), Some(last)) = (e.fingerprint, e.first_seq, e.last_seq) else {
            return;
        };
        if e.heard != Heard::Unassociated {
            return;
        }
        // They begin in order of time: the oldest is first.
        while self.state.doubts.front().is_some_and(|d| now.since(d.began) > KEPT) {
            self.state.doubts.pop_front();
        }
        if is_new {
            self.doubt(key, fingerprint, first, e);
        } else {
            self.rule_out(key);
            self.settle(key, now);
        }
        let voice = Voice { slot: key.slot, generation: key.generation, seq: last, at: e.at };
        self.state.families.remember(fingerprint, voice);
    }

    fn doubt(&mut self, newcomer: Key, fingerprint: u64, seq: u16, e: &Closed) {
        let Some((sensor, _)) = e.sensors.first() else { return };
        let zone = self.site.sensor(*sensor).zone;
        let table = &self.state.table;
        let near = |d: &Device| {
            let around = self.site.zone(zone).neighbours.iter().map(|n| d.track.of(*n)).sum::<f32>();
            d.track.of(zone) + around > NEAR
        };
        let at_door = table.get(newcomer).is_some_and(|d| d.phase == Phase::Approached);
        let max_step = if at_door { STEP_AT_DOOR } else { u16::MAX };
        let candidates: Vec<Key> = self
            .state
            .families
            .candidates(fingerprint, seq, e.at)
            .filter(|v| seq.wrapping_sub(v.seq) % 4096 <= max_step)
            .map(|v| Key { slot: v.slot, generation: v.generation })
            .filter(|k| {
                *k != newcomer && table.get(*k).is_some_and(|d| d.phase != Phase::NotAVisitor && near(d))
            })
            .collect();
        if candidates.is_empty() || candidates.len() > CANDIDATES {
            return;
        }
        if self.state.doubts.len() == DOUBTS {
            self.state.doubts.pop_front();
        }
        self.state.doubts.push_back(Doubt { newcomer, began: e.at, candidates });
    }

    /// `key` speaks under its old address: no newcomer continues it.
    fn rule_out(&mut self, key: Key) {
        for doubt in &mut self.state.doubts {
            doubt.candidates.retain(|c| *c != key);
        }
        self.state.doubts.retain(|d| !d.candidates.is_empty());
    }

    /// If `key` is a newcomer with one candidate left that fell silent, joins the two.
    fn settle(&mut self, key: Key, now: Timestamp) {
        let Some(place) = self.state.doubts.iter().position(|d| d.newcomer == key) else { return };
        let [older] = self.state.doubts[place].candidates[..] else { return };
        // It is gone, or turned out to be no visitor: there is nothing to go on with.
        let Some(d) = self.state.table.get(older).filter(|d| d.phase != Phase::NotAVisitor) else {
            self.state.doubts.remove(place);
            return;
        };
        if d.gaps.still_here(now.since(d.last_heard())) < SILENT {
            self.state.doubts.remove(place);
            self.join(older, key, now);
        }
    }

    /// The device at `newer` is the one at `older`: its address leads there, its state goes on there.
    fn join(&mut self, older: Key, newer: Key, now: Timestamp) {
        let Some(new) = self.state.table.remove(newer) else { return };
        self.state.counts.continued += 1;
        self.state.table.point(new.name, older);
        // The newcomer's own doubts and voices now belong to the older device.
        for doubt in &mut self.state.doubts {
            doubt.candidates.iter_mut().filter(|c| **c == newer).for_each(|c| *c = older);
        }
        let Some(d) = self.state.table.get_mut(older) else { return };
        if self.config.links {
            self.out.push_back(Output::Link { address: new.name, device: d.name });
        }
        let mut desk = desk!(self, now);
        visit::go_on_as(d, &new, &mut desk);
        if new.seq > 0 {
            let merged = [&*d, &new].map(|d| d.visit(&desk.site.id).to_string()).to_vec();
            let fact = VisitFact::Merged(Merged { merged, into: d.visit(&desk.site.id).to_string() });
            desk.publish(d, new.first_heard, 0.9, fact);
            desk.forget(&new);
        }
        if d.identity == Identity::Linked {
            d.identity = Identity::Session;
        }
        if d.seq > 0 {
            desk.keep(d);
        }
        self.state.table.reschedule(older);
    }
}
