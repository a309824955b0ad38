//! Cross-shopping: of the visitors who dwelt in one shop, how many also dwelt in another.

use crate::site::ZoneIx;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Zones remembered of one visit: the first ones.
const ZONES: usize = 12;
/// Pairs of zones counted; beyond, new pairs are not.
const PAIRS: usize = 16_384;
/// Other zones named for each zone.
const NAMED: usize = 5;

/// Zones in which a visitor dwelt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Dwelt(Vec<ZoneIx>);

impl Dwelt {
    pub(super) fn at(&mut self, zone: ZoneIx) {
        if self.0.len() < ZONES && !self.0.contains(&zone) {
            self.0.push(zone);
            self.0.sort_unstable();
        }
    }
}

/// Visits that dwelt in a zone, and in two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shared {
    pairs: BTreeMap<(ZoneIx, ZoneIx), u32>,
}

impl Shared {
    /// A visit ended, or (`false`) had not after all.
    pub(super) fn ended(&mut self, dwelt: &Dwelt, ended: bool) {
        for a in &dwelt.0 {
            // A zone with itself: all its visitors.
            for b in &dwelt.0 {
                self.change((*a, *b), |n| if ended { n.saturating_add(1) } else { n.saturating_sub(1) });
            }
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (pair, more) in &other.pairs {
            self.change(*pair, |n| n.saturating_add(*more));
        }
    }

    fn change(&mut self, pair: (ZoneIx, ZoneIx), to: impl Fn(u32) -> u32) {
        if self.pairs.len() < PAIRS || self.pairs.contains_key(&pair) {
            let n = self.pairs.entry(pair).or_default();
            *n = to(*n);
        }
    }

    /// The zones most shared with `zone`, with the share of its visitors; only those of at least `k` visits.
    pub(super) fn with(&self, zone: ZoneIx, k: u32) -> Vec<(ZoneIx, f32)> {
        let all = self.pairs.get(&(zone, zone)).copied().unwrap_or(0);
        // Fewer than k who did not go there would be told as well as fewer than k who did.
        let tells_nobody = |n: u32| n >= k.max(1) && (n == all || all - n >= k);
        let range = self.pairs.range((zone, ZoneIx(0))..=(zone, ZoneIx(u16::MAX)));
        let mut others: Vec<(ZoneIx, u32)> =
            range.filter(|((_, b), n)| *b != zone && tells_nobody(**n)).map(|((_, b), n)| (*b, *n)).collect();
        others.sort_by_key(|(b, n)| (core::cmp::Reverse(*n), *b));
        others.truncate(NAMED);
        others.into_iter().map(|(b, n)| (b, n as f32 / all.max(1) as f32)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones(of: &[u16]) -> Dwelt {
        let mut d = Dwelt::default();
        of.iter().for_each(|z| d.at(ZoneIx(*z)));
        d
    }

    #[test]
    fn shares_are_of_the_visitors_of_the_first_zone() {
        let mut s = Shared::default();
        (0..12).for_each(|_| s.ended(&zones(&[1, 2]), true));
        (0..24).for_each(|_| s.ended(&zones(&[1]), true));
        (0..3).for_each(|_| s.ended(&zones(&[1, 3]), true));
        s.ended(&zones(&[1, 2]), true);
        s.ended(&zones(&[2, 1]), false);
        assert_eq!(s.with(ZoneIx(1), 10), [(ZoneIx(2), 12.0 / 39.0)]);
        assert_eq!(s.with(ZoneIx(2), 10), [(ZoneIx(1), 1.0)]);
        assert_eq!(s.with(ZoneIx(3), 1), [(ZoneIx(1), 1.0)]);
    }

    #[test]
    fn that_all_but_a_few_went_there_is_not_told() {
        let mut s = Shared::default();
        (0..20).for_each(|_| s.ended(&zones(&[1, 2]), true));
        s.ended(&zones(&[1]), true);
        assert_eq!(s.with(ZoneIx(1), 10), []);
        assert_eq!(s.with(ZoneIx(1), 1), [(ZoneIx(2), 20.0 / 21.0)]);
    }
}
