//! Stretches in one zone, as a tree: what the stories of a [`super::Track`] have in common is kept once.
//!
//! ```text
//! 31           17 16       5 4     0
//! ┌──────────────┬──────────┬───────┐
//! │ began        │ zone     │ parent│   s after `base` · index in the map, 4095 for nowhere · node, 31 for none
//! └──────────────┴──────────┴───────┘
//! ```
//!
//! `base` moves on with the root, so 9 h of open questions fit; what is longer ago than that is taken for 9 h.

use crate::site::ZoneIx;
use serde::{Deserialize, Serialize};

/// Nodes kept: as many as fit a device into its 256 bytes. Twenty-four do no better.
const NODES: usize = 17;
const ZONE_BITS: u32 = 12;
const PARENT_BITS: u32 = 5;
const LONGEST_S: u32 = (1 << (32 - ZONE_BITS - PARENT_BITS)) - 1;
/// Nobody knows where: the zone of the root before anything is settled.
const NOWHERE: ZoneIx = ZoneIx((1 << ZONE_BITS) - 1);
/// Parent of a node that is not in use.
const NONE: u8 = (1 << PARENT_BITS) - 1;

/// A stretch in one zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// When it began, milliseconds after the device was first heard; kept to the second.
    pub(super) since: u32,
    pub(super) zone: ZoneIx,
    /// The stretch before; the root's is itself.
    pub(super) parent: u8,
    /// Share of the stretch before that was stayed rather than walked, parts of 255.
    pub(super) stayed_before: u8,
}

impl Node {
    pub(super) fn is_nowhere(&self) -> bool {
        self.zone == NOWHERE
    }

    pub(super) fn is_free(&self) -> bool {
        self.parent == NONE
    }
}

/// The tree. Bytes only, so that it packs tightly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Nodes {
    /// Seconds after the device was first heard.
    base: [u8; 4],
    packed: [[u8; 4]; NODES],
    stayed_before: [u8; NODES],
}

const FREE: u32 = NONE as u32;

impl Nodes {
    /// As many as there can be.
    pub(super) const MOST: usize = NODES;
    pub(super) const NONE: Self =
        Self { base: [0; 4], packed: [FREE.to_be_bytes(); NODES], stayed_before: [0; NODES] };

    pub(super) fn get(&self, n: u8) -> Node {
        let packed = self.packed.get(usize::from(n)).map_or(FREE, |p| u32::from_be_bytes(*p));
        Node {
            since: (self.base() + (packed >> (ZONE_BITS + PARENT_BITS))).saturating_mul(1000),
            zone: ZoneIx((packed >> PARENT_BITS) as u16 & NOWHERE.0),
            parent: packed as u8 & NONE,
            stayed_before: self.stayed_before.get(usize::from(n)).copied().unwrap_or(0),
        }
    }

    fn set(&mut self, n: usize, node: Node) {
        let since = ((node.since.saturating_add(500)) / 1000).saturating_sub(self.base()).min(LONGEST_S);
        let zone = u32::from(node.zone.0 & NOWHERE.0);
        let packed = since << (ZONE_BITS + PARENT_BITS) | zone << PARENT_BITS | u32::from(node.parent);
        self.packed[n] = packed.to_be_bytes();
        self.stayed_before[n] = node.stayed_before;
    }

    /// Only a root in no zone, from `ms` on.
    pub(super) fn begin_at(&mut self, ms: u32) {
        *self = Self { base: (ms / 1000).to_be_bytes(), ..Self::NONE };
        self.set(0, Node { since: ms, zone: NOWHERE, parent: 0, stayed_before: 0 });
    }

    /// One more; `None` when there is no room.
    pub(super) fn begin(&mut self, node: Node) -> Option<u8> {
        let place = self.packed.iter().position(|p| is_free(*p))?;
        self.set(place, node);
        Some(place as u8)
    }

    /// `n` is the root now; nothing counts from before it began.
    pub(super) fn make_root(&mut self, n: u8) {
        let base = self.get(n).since / 1000;
        let later = base.saturating_sub(self.base());
        self.base = base.to_be_bytes();
        for (i, bytes) in self.packed.iter_mut().enumerate().filter(|(_, p)| !is_free(**p)) {
            let packed = u32::from_be_bytes(*bytes);
            let since = (packed >> (ZONE_BITS + PARENT_BITS)).saturating_sub(later);
            let mut rest = packed & ((1 << (ZONE_BITS + PARENT_BITS)) - 1);
            if i == usize::from(n) {
                rest = rest & !FREE | u32::from(n);
            }
            *bytes = (since << (ZONE_BITS + PARENT_BITS) | rest).to_be_bytes();
        }
    }

    pub(super) fn shift(&mut self, ms: u32) {
        self.base = self.base().saturating_add((ms.saturating_add(500)) / 1000).to_be_bytes();
    }

    fn base(&self) -> u32 {
        u32::from_be_bytes(self.base)
    }

    pub(super) fn free(&self) -> usize {
        self.packed.iter().filter(|p| is_free(**p)).count()
    }

    /// Frees what has no bit in `keep`.
    pub(super) fn free_all_but(&mut self, keep: u32) {
        for (i, packed) in self.packed.iter_mut().enumerate() {
            if keep >> i & 1 == 0 {
                *packed = FREE.to_be_bytes();
            }
        }
    }

    /// A node and those before it, one bit each.
    pub(super) fn line(&self, mut n: u8) -> u32 {
        let mut line = 0;
        for _ in 0..NODES {
            line |= 1 << (n & NONE);
            let parent = self.get(n).parent;
            if parent == n || parent == NONE {
                break;
            }
            n = parent;
        }
        line
    }

    /// The node below `root` on the way to `n`; the root for itself.
    pub(super) fn below(&self, root: u8, mut n: u8) -> u8 {
        for _ in 0..NODES {
            let parent = self.get(n).parent;
            if n == root || parent == root || parent == NONE {
                break;
            }
            n = parent;
        }
        n
    }
}

fn is_free(packed: [u8; 4]) -> bool {
    packed[3] & NONE == NONE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_kept_to_the_second_after_the_root() {
        let mut nodes = Nodes::NONE;
        nodes.begin_at(5_000_400);
        let n =
            nodes.begin(Node { since: 5_060_700, zone: ZoneIx(4094), parent: 0, stayed_before: 9 }).unwrap();
        let m =
            nodes.begin(Node { since: 5_120_000, zone: ZoneIx(0), parent: n, stayed_before: 255 }).unwrap();
        assert!(nodes.get(0).is_nowhere());
        assert_eq!(nodes.below(0, m), n);
        nodes.make_root(n);
        nodes.free_all_but(nodes.line(m));
        assert_eq!(nodes.get(n), Node { since: 5_061_000, zone: ZoneIx(4094), parent: n, stayed_before: 9 });
        assert_eq!(nodes.get(m), Node { since: 5_120_000, zone: ZoneIx(0), parent: n, stayed_before: 255 });
        assert_eq!(nodes.free(), NODES - 2);
        nodes.shift(60_000);
        assert_eq!(nodes.get(m).since, 5_180_000);
    }

    #[test]
    fn what_lies_further_back_than_can_be_kept_is_taken_for_the_furthest() {
        let mut nodes = Nodes::NONE;
        nodes.begin_at(0);
        let n = nodes.begin(Node { since: u32::MAX, zone: ZoneIx(1), parent: 0, stayed_before: 0 }).unwrap();
        assert_eq!(nodes.get(n).since, LONGEST_S * 1000);
        nodes.make_root(n);
        assert_eq!(nodes.get(n).since, LONGEST_S * 1000);
    }
}
