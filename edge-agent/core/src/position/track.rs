//! The few likeliest stories of one device: where it is, and the zones it came through.
//!
//! A [`Track`] keeps [`HYPOTHESES`] places where the device may be, each with a weight and a history of stretches in one
//! zone. Histories share what they have in common: they form a tree whose root is the stretch that is settled. When a
//! stretch that follows the root holds nearly all weight, or has waited for long enough, it is settled too: a [`Moved`]
//! comes out, and what contradicts it is dropped. So a change of zone is dated to its most likely moment, with the
//! evidence of what came after it (a fixed-lag smoother: the survivors of a Viterbi decoder, with weights that are
//! filtered probabilities), and what is kept is bounded and small.

use super::motion::{Motion, Spread};
use super::nodes::{Node, Nodes};
use crate::site::{FloorIx, ZoneIx};
use crate::time::Span;
use serde::{Deserialize, Serialize};

/// Hypotheses kept.
const HYPOTHESES: usize = 8;
/// Share of the weight that makes a change of zone settled at once.
const SURE: f32 = 0.999;
/// Nodes that are kept free for the next emission.
const ROOM: usize = 6;
/// So many hypotheses stay whatever it takes to make room.
const FEWEST: usize = 3;
/// Weights are kept as parts of 65 535, shares as parts of 255.
const ONE: f32 = 65_535.0;

/// Bytes only, so that it packs tightly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Hypothesis {
    weight: [u8; 2],
    /// Share of the weight that walks; the rest stays.
    walking: u8,
    /// Share of the time since it came into the zone in which it stayed rather than walked.
    stayed: u8,
    node: u8,
}

impl Hypothesis {
    fn weight(&self) -> u16 {
        u16::from_be_bytes(self.weight)
    }

    fn set_share(&mut self, share: f32) {
        self.weight = ((share * ONE).round() as u16).to_be_bytes();
    }
}

const NO_HYPOTHESIS: Hypothesis = Hypothesis { weight: [0; 2], walking: 0, stayed: 0, node: 0 };

/// A change of zone that is settled. The first of a device has no zone before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moved {
    /// The zone it moved to.
    pub to: ZoneIx,
    /// When, milliseconds after the device was first heard.
    pub since_ms: u32,
    /// When it had come to the zone before.
    pub came_ms: u32,
    /// Weight of the hypotheses that say so.
    pub sure: f32,
    /// Weight of the hypotheses that say it was to this floor.
    pub floor_sure: f32,
    /// Share of the time in the zone before in which it stayed rather than walked.
    pub stayed: f32,
}

/// Why a change of zone is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Nearly all weight says so.
    Weight,
    /// It has waited for long enough.
    Patience,
    /// Newer stories need its room.
    Room,
    /// Nothing more will be heard that could tell.
    End,
}

impl Moved {
    /// Why it was settled by an emission.
    pub fn why(&self, t: Moments) -> Settled {
        match () {
            () if self.sure >= SURE => Settled::Weight,
            () if t.now.saturating_sub(self.since_ms) >= t.patience => Settled::Patience,
            () => Settled::Room,
        }
    }
}

/// The hypotheses of one device; the weights sum to 1 within rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// Heaviest first.
    hypotheses: [Hypothesis; HYPOTHESES],
    nodes: Nodes,
    root: u8,
    /// How much stronger than the survey's phone it is heard, quarters of a dB.
    pub(super) offset: i8,
    /// Emissions this was learnt from, as far as they count.
    pub(super) learnt: u8,
}

/// Weights of one emission for every zone, for who stays and for who walks there; none above 1.
pub(super) struct Evidence<'a> {
    pub(super) stay: &'a [f32],
    pub(super) walk: &'a [f32],
}

/// Moments of an emission, milliseconds after the device was first heard.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    /// The emission before.
    pub before: u32,
    /// This one.
    pub now: u32,
    /// What waited for so long is settled.
    pub patience: u32,
}

impl Track {
    /// Knows nothing.
    pub const UNKNOWN: Self =
        Self { hypotheses: [NO_HYPOTHESIS; HYPOTHESES], nodes: Nodes::NONE, root: 0, offset: 0, learnt: 0 };

    /// Zones with their probability, likeliest first.
    pub fn iter(&self) -> impl Iterator<Item = (ZoneIx, f32)> + '_ {
        self.alive().map(|h| (self.nodes.get(h.node).zone, share(h)))
    }

    /// The likeliest zone and its probability; `None` when nothing is known.
    pub fn best(&self) -> Option<(ZoneIx, f32)> {
        self.iter().next()
    }

    /// Probability that it stays rather than walks.
    pub fn staying(&self) -> f32 {
        self.alive().map(|h| share(h) * (1.0 - f32::from(h.walking) / 255.0)).sum()
    }

    /// Probability of being in a zone now.
    pub fn of(&self, zone: ZoneIx) -> f32 {
        self.iter().find(|(z, _)| *z == zone).map_or(0.0, |(_, p)| p)
    }

    /// All stretches of all stories since what was settled last: zone, when it began and (unless it is there still)
    /// ended in milliseconds after the device was first heard, and the story's probability. Stories share stretches.
    pub fn stretches(&self, mut each: impl FnMut(ZoneIx, u32, Option<u32>, f32)) {
        for h in self.alive() {
            let (mut n, mut until) = (h.node, None);
            for _ in 0..Nodes::MOST {
                let node = self.nodes.get(n);
                if !node.is_nowhere() {
                    each(node.zone, node.since, until, share(h));
                }
                if node.parent == n || node.is_free() {
                    break;
                }
                (n, until) = (node.parent, Some(node.since));
            }
        }
    }

    /// Probability that the device is still in the stretch that is settled last.
    pub fn unmoved(&self) -> f32 {
        self.alive().filter(|h| h.node == self.root).map(share).sum()
    }

    /// Share of the time in the stretch that is settled last in which it stayed rather than walked; 0 when it has most
    /// likely moved on.
    pub fn stayed(&self) -> f32 {
        let here = self.alive().find(|h| h.node == self.root);
        here.map_or(0.0, |h| f32::from(h.stayed) / 255.0)
    }

    /// The stretch settled last: zone, and when it began in milliseconds after the device was first heard.
    pub fn settled(&self) -> Option<(ZoneIx, u32)> {
        let root = self.nodes.get(self.root);
        (!root.is_nowhere()).then_some((root.zone, root.since))
    }

    /// Everything was so many milliseconds later.
    pub fn shift(&mut self, ms: u32) {
        self.nodes.shift(ms);
    }

    /// How much stronger than the survey's phone it is heard, dB.
    pub fn offset(&self) -> f32 {
        f32::from(self.offset) / 4.0
    }

    /// Weighs the hypotheses anew, by the zone they say it is in.
    pub(super) fn weigh(&mut self, by: &[f32]) {
        let weights = self.hypotheses.map(|h| {
            let zone = usize::from(self.nodes.get(h.node).zone.0);
            share(&h) * by.get(zone).copied().unwrap_or(1.0)
        });
        let total: f32 = weights.iter().sum();
        if total > 0.0 {
            for (h, w) in self.hypotheses.iter_mut().zip(weights) {
                h.set_share(w / total);
            }
            self.hypotheses.sort_by_key(|h| core::cmp::Reverse(h.weight()));
        }
    }

    /// Settles the likeliest history to its end, whatever speaks for others.
    pub(super) fn settle_all(&mut self, floor_of: &[FloorIx], moved: &mut Vec<Moved>) {
        while let Some(child) = self.next_of_best() {
            self.settle(child, floor_of, moved);
        }
    }

    /// An emission.
    #[allow(clippy::too_many_arguments)] // what a filter needs
    pub(super) fn update(
        &mut self,
        t: Moments,
        motion: &Motion,
        first: &[f32],
        evidence: &Evidence<'_>,
        spread: &mut Spread,
        floor_of: &[FloorIx],
        moved: &mut Vec<Moved>,
    ) {
        let known = self.spread(t.now.saturating_sub(t.before), motion, spread);
        if !known {
            self.nodes.begin_at(t.now);
            self.root = 0;
            for (z, p) in first.iter().enumerate() {
                spread.stay[z] = p * 0.5;
                spread.walk[z] = p * 0.5;
            }
        }
        let mut top = Top::EMPTY;
        for z in 0..first.len() {
            let stay = spread.stay[z] * evidence.stay[z];
            let walk = spread.walk[z] * evidence.walk[z];
            top.offer(Candidate { zone: z as u16, from: spread.from[z], stay, walk });
        }
        self.take_over(&top, known, t);
        self.decide(t, floor_of, moved);
    }

    /// Where it may be so many milliseconds after its last emission; `false` when nothing is known of it.
    pub(super) fn spread(&self, ms: u32, motion: &Motion, spread: &mut Spread) -> bool {
        spread.clear();
        let step = motion.step(Span::from_millis(ms.into()));
        for (i, h) in self.alive().enumerate() {
            let w = share(h);
            let walk = w * f32::from(h.walking) / 255.0;
            let zone = usize::from(self.nodes.get(h.node).zone.0);
            motion.spread(zone, (w - walk, walk), &step, i as u8, spread);
        }
        motion.land(spread);
        self.hypotheses[0].weight() > 0
    }

    /// Replaces the hypotheses by the candidates, whose histories are those of the hypotheses they came from.
    fn take_over(&mut self, top: &Top, known: bool, t: Moments) {
        let total: f32 = top.0.iter().map(Candidate::weight).sum();
        if total <= 0.0 || !total.is_finite() {
            return; // evidence that fits nowhere says nothing
        }
        let old = self.hypotheses;
        let from = |c: &Candidate| old[usize::from(c.from)];
        // Free what no candidate comes from.
        let mut keep = 1 << self.root;
        for c in top.0.iter().filter(|c| known && c.weight() > 0.0) {
            keep |= self.nodes.line(from(c).node);
        }
        self.nodes.free_all_but(keep);
        self.hypotheses = [NO_HYPOTHESIS; HYPOTHESES];
        let midway = t.before + t.now.saturating_sub(t.before) / 2;
        let mut n = 0;
        for c in &top.0 {
            let weight = (c.weight() / total * ONE).round() as u16;
            if weight == 0 {
                break;
            }
            let staying = c.stay / c.weight();
            let parent = if known { from(c).node } else { self.root };
            let stretch = self.nodes.get(parent);
            let (node, stayed) = if stretch.zone.0 == c.zone {
                (parent, averaged(from(c).stayed, staying, stretch.since, t))
            } else {
                let (since, before) = if known { (midway, from(c).stayed) } else { (stretch.since, 0) };
                let begun = Node { since, zone: ZoneIx(c.zone), parent, stayed_before: before };
                match self.nodes.begin(begun) {
                    Some(node) => (node, parts(staying)),
                    None => continue, // the likeliest came first: this one goes
                }
            };
            let weight = weight.to_be_bytes();
            self.hypotheses[n] = Hypothesis { weight, walking: parts(1.0 - staying), stayed, node };
            n += 1;
        }
    }

    /// Settles what can be.
    fn decide(&mut self, t: Moments, floor_of: &[FloorIx], moved: &mut Vec<Moved>) {
        loop {
            let mut weight = [0.0f32; Nodes::MOST];
            for h in self.alive() {
                weight[usize::from(self.nodes.below(self.root, h.node))] += share(h);
            }
            let total: f32 = weight.iter().sum();
            let heavier = |a: &usize, b: &usize| weight[*a].total_cmp(&weight[*b]).then(b.cmp(a));
            let Some(best) = (0..Nodes::MOST).max_by(heavier) else { break };
            let child = best as u8;
            if child == self.root || total <= 0.0 {
                break;
            }
            let waited = t.now.saturating_sub(self.nodes.get(child).since) >= t.patience;
            if weight[best] / total < SURE && !waited {
                break;
            }
            self.settle(child, floor_of, moved);
        }
        self.make_room(floor_of, moved);
    }

    /// New stretches need room: the lightest hypotheses go, then the oldest part of the likeliest history is settled.
    fn make_room(&mut self, floor_of: &[FloorIx], moved: &mut Vec<Moved>) {
        let mut n = self.alive().count();
        while n > FEWEST && self.nodes.free() < ROOM {
            n -= 1;
            self.hypotheses[n] = NO_HYPOTHESIS;
            self.nodes.free_all_but(self.reached());
        }
        while self.nodes.free() < ROOM
            && let Some(child) = self.next_of_best()
        {
            self.settle(child, floor_of, moved);
        }
    }

    /// What follows the root in the likeliest history.
    fn next_of_best(&self) -> Option<u8> {
        let best = self.alive().next().filter(|h| h.node != self.root)?;
        Some(self.nodes.below(self.root, best.node))
    }

    /// The nodes of all histories, one bit each.
    fn reached(&self) -> u32 {
        self.alive().map(|h| self.nodes.line(h.node)).fold(1 << self.root, |a, b| a | b)
    }

    /// `child` of the root becomes the root; hypotheses that do not come by it go.
    fn settle(&mut self, child: u8, floor_of: &[FloorIx], moved: &mut Vec<Moved>) {
        let floor = |zone: ZoneIx| floor_of.get(usize::from(zone.0));
        let (from, to) = (self.nodes.get(self.root), self.nodes.get(child));
        let (mut total, mut sure, mut floor_sure) = (0.0, 0.0, 0.0);
        for h in self.alive() {
            let w = share(h);
            let by = self.nodes.below(self.root, h.node);
            total += w;
            sure += if by == child { w } else { 0.0 };
            floor_sure += if floor(self.nodes.get(by).zone) == floor(to.zone) { w } else { 0.0 };
        }
        moved.push(Moved {
            to: to.zone,
            since_ms: to.since,
            came_ms: from.since,
            sure: sure / total,
            floor_sure: floor_sure / total,
            stayed: f32::from(to.stayed_before) / 255.0,
        });
        let mut kept = [NO_HYPOTHESIS; HYPOTHESES];
        let through = self.alive().filter(|h| self.nodes.line(h.node) >> child & 1 == 1);
        kept.iter_mut().zip(through).for_each(|(k, h)| *k = *h);
        let left: f32 = kept.iter().map(share).sum();
        for h in &mut kept {
            h.set_share(share(h) / left.max(f32::MIN_POSITIVE));
        }
        self.hypotheses = kept;
        self.root = child;
        self.nodes.make_root(child);
        self.nodes.free_all_but(self.reached());
    }

    fn alive(&self) -> impl Iterator<Item = &Hypothesis> {
        self.hypotheses.iter().take_while(|h| h.weight() > 0)
    }
}

fn share(h: &Hypothesis) -> f32 {
    f32::from(h.weight()) / ONE
}

fn parts(share: f32) -> u8 {
    (share * 255.0).round() as u8
}

/// The share of time stayed since `since`, when the time since the last emission was stayed with probability `staying`.
fn averaged(before: u8, staying: f32, since: u32, t: Moments) -> u8 {
    let length = t.now.saturating_sub(since).max(1) as f32;
    let new = (t.now.saturating_sub(t.before) as f32 / length).min(1.0);
    let before = f32::from(before) / 255.0;
    parts(before + (staying - before) * new)
}

#[derive(Clone, Copy)]
struct Candidate {
    zone: u16,
    from: u8,
    stay: f32,
    walk: f32,
}

impl Candidate {
    fn weight(&self) -> f32 {
        self.stay + self.walk
    }
}

/// The heaviest candidates so far, heaviest first; equal weights keep the order of the map.
struct Top([Candidate; HYPOTHESES]);

impl Top {
    const EMPTY: Self = Self([Candidate { zone: 0, from: 0, stay: 0.0, walk: 0.0 }; HYPOTHESES]);

    fn offer(&mut self, c: Candidate) {
        let w = c.weight();
        if w > self.0[HYPOTHESES - 1].weight() {
            let mut i = HYPOTHESES - 1;
            while i > 0 && w > self.0[i - 1].weight() {
                self.0[i] = self.0[i - 1];
                i -= 1;
            }
            self.0[i] = c;
        }
    }
}
