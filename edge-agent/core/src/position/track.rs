//! Where one device is, and the way it came: several hypotheses, each with its history.
//!
//! A hypothesis is a zone with two weights, staying there and walking there. At every emission each moves on to all
//! zones it may have reached, is weighed with what was heard, and the [`HYPOTHESES`] likeliest are kept; of several
//! that reach one zone the weights add up and the history of the heaviest goes on. Histories are a tree of
//! [`Node`]s, one for each stretch in a zone; hypotheses share what they have in common.
//!
//! What all hypotheses agree on (nearly: [`SURE`]), or most after [`LAG`] emissions, is settled: it leaves the tree as
//! a [`Moved`]. So every change of zone is decided with the hindsight of the emissions after it, and dated half-way
//! between the last emission before and the first after it. This is fixed-lag smoothing by survivors (as in an online
//! Viterbi decoder), with weights that are filtered probabilities; what is kept is bounded and small.

use super::motion::{Motion, Spread};
use crate::site::{FloorIx, ZoneIx};
use crate::time::Span;
use serde::{Deserialize, Serialize};

/// Hypotheses kept.
const HYPOTHESES: usize = 8;
/// Stretches kept.
const NODES: usize = 12;
/// Share of the weight that makes a change of zone settled at once …
const SURE: f32 = 0.995;
/// … and after so many emissions most of the weight does.
const LAG: u8 = 15;
/// Nodes that are kept free for the next emission.
const ROOM: usize = 4;
/// Weights are kept as parts of 65 535, the walking share as parts of 255.
const ONE: f32 = 65_535.0;
/// Nobody knows where: the zone of the root before anything is settled.
const NOWHERE: ZoneIx = ZoneIx(u16::MAX);
/// Parent of a node that is not in use.
const FREE: u8 = 15;

/// A stretch in one zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    /// When it began, milliseconds after the device was first heard.
    since: u32,
    zone: ZoneIx,
    /// The stretch before; the root's is itself.
    parent: u8,
    /// Emissions since it began.
    age: u8,
}

const NO_NODE: Node = Node { since: 0, zone: NOWHERE, parent: FREE, age: 0 };

/// The nodes, packed: a parent and an age are half a byte each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Nodes {
    since: [u32; NODES],
    zone: [ZoneIx; NODES],
    links: [u8; NODES],
}

impl Nodes {
    const NONE: Self = Self { since: [0; NODES], zone: [NOWHERE; NODES], links: [FREE; NODES] };

    fn get(&self, n: u8) -> Node {
        let i = usize::from(n);
        match (self.since.get(i), self.zone.get(i), self.links.get(i)) {
            (Some(since), Some(zone), Some(links)) => {
                Node { since: *since, zone: *zone, parent: links & 15, age: links >> 4 }
            }
            _ => NO_NODE,
        }
    }

    fn set(&mut self, n: usize, node: Node) {
        self.since[n] = node.since;
        self.zone[n] = node.zone;
        self.links[n] = node.age.min(LAG) << 4 | node.parent;
    }

    fn is_free(&self, n: usize) -> bool {
        self.links[n] & 15 == FREE
    }

    /// An emission later, as far as it counts.
    fn age(&mut self) {
        for links in self.links.iter_mut().filter(|l| **l & 15 != FREE && **l >> 4 < LAG) {
            *links += 16;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Hypothesis {
    weight: u16,
    walking: u8,
    node: u8,
}

const NO_HYPOTHESIS: Hypothesis = Hypothesis { weight: 0, walking: 0, node: 0 };

/// A change of zone that is settled. The first of a device has no zone before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moved {
    /// The zone it moved to.
    pub to: ZoneIx,
    /// When, milliseconds after the device was first heard.
    pub since_ms: u32,
    /// Weight of the hypotheses that say so.
    pub sure: f32,
    /// Weight of the hypotheses that say it was to this floor.
    pub floor_sure: f32,
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

impl Track {
    /// Knows nothing.
    pub const UNKNOWN: Self =
        Self { hypotheses: [NO_HYPOTHESIS; HYPOTHESES], nodes: Nodes::NONE, root: 0, offset: 0, learnt: 0 };

    /// Zones with their probability, likeliest first.
    pub fn iter(&self) -> impl Iterator<Item = (ZoneIx, f32)> + '_ {
        self.alive().map(|h| (self.node(h.node).zone, share(h)))
    }

    /// The likeliest zone and its probability; `None` when nothing is known.
    pub fn best(&self) -> Option<(ZoneIx, f32)> {
        self.iter().next()
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
            for _ in 0..NODES {
                let node = self.node(n);
                if node.zone != NOWHERE {
                    each(node.zone, node.since, until, share(h));
                }
                if node.parent == n || node.parent == FREE {
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

    /// The stretch settled last: zone, and when it began in milliseconds after the device was first heard.
    pub fn settled(&self) -> Option<(ZoneIx, u32)> {
        let root = self.node(self.root);
        (root.zone != NOWHERE).then_some((root.zone, root.since))
    }

    /// Everything was so many milliseconds later.
    pub fn shift(&mut self, ms: u32) {
        self.nodes.since.iter_mut().for_each(|since| *since = since.saturating_add(ms));
    }

    /// Settles the likeliest history to its end, whatever speaks for others.
    pub fn settle_all(&mut self, floor_of: &[FloorIx], moved: &mut Vec<Moved>) {
        while let Some(child) = self.next_of_best() {
            self.settle(child, floor_of, moved);
        }
    }

    /// An emission at `now`, milliseconds after the device was first heard; the one before it was at `before`.
    #[allow(clippy::too_many_arguments)] // what a filter needs
    pub(super) fn update(
        &mut self,
        (before, now): (u32, u32),
        motion: &Motion,
        first: &[f32],
        evidence: &Evidence<'_>,
        spread: &mut Spread,
        floor_of: &[FloorIx],
        moved: &mut Vec<Moved>,
    ) {
        spread.clear();
        let known = self.hypotheses[0].weight > 0;
        if known {
            let step = motion.step(Span::from_millis(i64::from(now.saturating_sub(before))));
            for (i, h) in self.hypotheses.iter().enumerate().take_while(|(_, h)| h.weight > 0) {
                let w = share(h);
                let walk = w * f32::from(h.walking) / 255.0;
                let zone = usize::from(self.node(h.node).zone.0);
                motion.spread(zone, (w - walk, walk), &step, i as u8, spread);
            }
            motion.land(spread);
        } else {
            self.nodes.set(0, Node { since: now, zone: NOWHERE, parent: 0, age: 0 });
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
        self.take_over(&top, known, before + (now - before.min(now)) / 2);
        self.decide(floor_of, moved);
    }

    /// Replaces the hypotheses by the candidates, whose histories are those of the hypotheses they came from.
    fn take_over(&mut self, top: &Top, known: bool, midway: u32) {
        let total: f32 = top.0.iter().map(|c| c.stay + c.walk).sum();
        if total <= 0.0 || !total.is_finite() {
            return; // evidence that fits nowhere says nothing
        }
        let old = *self;
        self.nodes.age();
        // Free what no candidate comes from.
        let mut keep = 1u32 << self.root;
        for c in top.0.iter().filter(|c| known && c.weight() > 0.0) {
            keep |= self.line(old.hypotheses[usize::from(c.from)].node);
        }
        self.free_all_but(keep);
        self.hypotheses = [NO_HYPOTHESIS; HYPOTHESES];
        let mut n = 0;
        for c in &top.0 {
            let w = c.weight() / total;
            let weight = (w * ONE).round() as u16;
            if weight == 0 {
                break;
            }
            let parent = if known { old.hypotheses[usize::from(c.from)].node } else { self.root };
            let node = if self.node(parent).zone.0 == c.zone {
                parent
            } else {
                let since = if known { midway } else { self.node(parent).since };
                match self.begin(Node { since, zone: ZoneIx(c.zone), parent, age: 0 }) {
                    Some(node) => node,
                    None => continue, // the likeliest came first: this one goes
                }
            };
            let walking = (c.walk / c.weight() * 255.0).round() as u8;
            self.hypotheses[n] = Hypothesis { weight, walking, node };
            n += 1;
        }
    }

    /// Settles what can be.
    fn decide(&mut self, floor_of: &[FloorIx], moved: &mut Vec<Moved>) {
        loop {
            let mut weight = [0.0f32; NODES];
            for h in self.alive() {
                weight[usize::from(self.child_of_root(h.node))] += share(h);
            }
            let total: f32 = weight.iter().sum();
            let Some(best) = (0..NODES).max_by(|a, b| weight[*a].total_cmp(&weight[*b]).then(b.cmp(a)))
            else {
                return;
            };
            let best_node = best as u8;
            if best_node == self.root || total <= 0.0 {
                break;
            }
            if weight[best] / total < SURE && self.node(best_node).age < LAG {
                break;
            }
            self.settle(best_node, floor_of, moved);
        }
        self.make_room(floor_of, moved);
    }

    /// New stretches need room: the lightest hypotheses go, then the oldest part of the likeliest history is settled.
    fn make_room(&mut self, floor_of: &[FloorIx], moved: &mut Vec<Moved>) {
        let mut n = self.alive().count();
        while n > 3 && self.free() < ROOM {
            n -= 1;
            self.hypotheses[n] = NO_HYPOTHESIS;
            self.free_all_but(self.reached());
        }
        while self.free() < ROOM
            && let Some(child) = self.next_of_best()
        {
            self.settle(child, floor_of, moved);
        }
    }

    /// What follows the root in the likeliest history.
    fn next_of_best(&self) -> Option<u8> {
        let best = self.alive().next().filter(|h| h.node != self.root)?;
        Some(self.child_of_root(best.node))
    }

    /// The nodes of all histories, one bit each.
    fn reached(&self) -> u32 {
        self.alive().map(|h| self.line(h.node)).fold(1 << self.root, |a, b| a | b)
    }

    /// `child` of the root becomes the root; hypotheses that do not come by it go.
    fn settle(&mut self, child: u8, floor_of: &[FloorIx], moved: &mut Vec<Moved>) {
        let floor = |zone: ZoneIx| floor_of.get(usize::from(zone.0));
        let to = self.node(child);
        let (mut total, mut sure, mut floor_sure) = (0.0, 0.0, 0.0);
        for h in self.alive() {
            let w = share(h);
            let by = self.child_of_root(h.node);
            total += w;
            sure += if by == child { w } else { 0.0 };
            floor_sure += if floor(self.node(by).zone) == floor(to.zone) { w } else { 0.0 };
        }
        moved.push(Moved {
            to: to.zone,
            since_ms: to.since,
            sure: sure / total,
            floor_sure: floor_sure / total,
        });
        let mut kept = [NO_HYPOTHESIS; HYPOTHESES];
        let through = self.alive().filter(|h| self.line(h.node) >> child & 1 == 1);
        kept.iter_mut().zip(through).for_each(|(k, h)| *k = *h);
        let left: f32 = kept.iter().map(share).sum();
        for h in &mut kept {
            h.weight = (share(h) / left.max(f32::MIN_POSITIVE) * ONE).round() as u16;
        }
        self.hypotheses = kept;
        self.root = child;
        self.nodes.set(usize::from(child), Node { parent: child, ..to });
        self.free_all_but(self.reached());
    }

    fn alive(&self) -> impl Iterator<Item = &Hypothesis> {
        self.hypotheses.iter().take_while(|h| h.weight > 0)
    }

    fn node(&self, n: u8) -> Node {
        self.nodes.get(n)
    }

    /// A node and those before it, one bit each.
    fn line(&self, mut n: u8) -> u32 {
        let mut line = 0;
        for _ in 0..NODES {
            line |= 1 << (n & 31);
            let parent = self.node(n).parent;
            if parent == n || parent == FREE {
                break;
            }
            n = parent;
        }
        line
    }

    /// The node below the root on the way to `n`; the root for itself.
    fn child_of_root(&self, mut n: u8) -> u8 {
        for _ in 0..NODES {
            let parent = self.node(n).parent;
            if n == self.root || parent == self.root || parent == FREE {
                break;
            }
            n = parent;
        }
        n
    }

    fn begin(&mut self, node: Node) -> Option<u8> {
        let place = (0..NODES).find(|n| self.nodes.is_free(*n))?;
        self.nodes.set(place, node);
        Some(place as u8)
    }

    fn free(&self) -> usize {
        (0..NODES).filter(|n| self.nodes.is_free(*n)).count()
    }

    fn free_all_but(&mut self, keep: u32) {
        for i in (0..NODES).filter(|i| keep >> i & 1 == 0) {
            self.nodes.set(i, NO_NODE);
        }
    }
}

fn share(h: &Hypothesis) -> f32 {
    f32::from(h.weight) / ONE
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
