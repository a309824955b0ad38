//! How far each till's clock is from ours: the rolling median of capture time − till time.
//!
//! A receipt reaches the gateway a little after the till's time, some much later (a till that was offline, a
//! folder read at night). The median of the last 31 does not mind a few of those.

use std::collections::{HashMap, VecDeque};
use visit_core::site::TillIx;
use visit_core::time::{Span, Timestamp};

/// Receipts of a till that count.
const WINDOW: usize = 31;
/// Before so many, nothing is said.
const ENOUGH: usize = 5;
/// A pushed receipt this old or younger tells of its till's clock; an older one has waited somewhere.
const FRESH: Span = Span::from_secs(600);
/// Further off than this a receipt is late, not its till's clock wrong by it: it does not count.
const FARTHEST: Span = Span::from_secs(86_400);

/// The skews of all tills. Memory: 31 numbers a till of the site map.
#[derive(Clone, Debug, Default)]
pub struct Skew {
    tills: HashMap<TillIx, VecDeque<i64>>,
}

impl Skew {
    /// A receipt with a time of the till's own was captured.
    pub fn observe(&mut self, till: TillIx, captured: Timestamp, said: Timestamp) {
        let skew = captured.since(said).as_micros();
        if skew.saturating_abs() > FARTHEST.as_micros() {
            return;
        }
        let last = self.tills.entry(till).or_default();
        last.push_back(skew);
        if last.len() > WINDOW {
            last.pop_front();
        }
    }

    /// What must be added to the till's time to have ours; `None` before five receipts.
    pub fn of(&self, till: TillIx) -> Option<Span> {
        let last = self.tills.get(&till).filter(|last| last.len() >= ENOUGH)?;
        let mut sorted: Vec<i64> = last.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).map(|us| Span::from_micros(*us))
    }

    /// When a receipt that reached us at `captured` was done. One that was printed at that moment (`prompt`) says so
    /// itself; one that waited somewhere says what its till's clock showed (`said`), which is learnt from the others.
    pub fn happened(
        &mut self,
        till: TillIx,
        captured: Timestamp,
        said: Option<Timestamp>,
        prompt: bool,
    ) -> Timestamp {
        let Some(said) = said else { return captured };
        if prompt || captured.since(said).as_micros().saturating_abs() <= FRESH.as_micros() {
            self.observe(till, captured, said);
        }
        if prompt { captured } else { self.corrected(till, said).min(captured) }
    }

    /// A till's time by our clock; as it is where the skew is not known.
    pub fn corrected(&self, till: TillIx, said: Timestamp) -> Timestamp {
        self.of(till).map_or(said, |skew| said.saturating_add(skew))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_receipt_does_not_move_the_clock_and_a_wrong_clock_is_learnt() {
        let (till, mut skew) = (TillIx(3), Skew::default());
        let at = |s: i64| Timestamp::from_micros(1_700_000_000_000_000 + s * 1_000_000);
        for n in 0..4 {
            skew.observe(till, at(n * 60 + 300), at(n * 60));
            assert_eq!(skew.of(till), None);
        }
        skew.observe(till, at(9_000), at(0));
        skew.observe(till, at(90_000_000), at(0));
        assert_eq!(skew.of(till), Some(Span::from_secs(300)));
        assert_eq!(skew.corrected(till, at(0)), at(300));
        // The clock is set right: the window forgets.
        for n in 0..WINDOW as i64 {
            skew.observe(till, at(n), at(n));
        }
        assert_eq!(skew.of(till), Some(Span::ZERO));
        assert_eq!(skew.corrected(TillIx(9), at(7)), at(7));
    }

    #[test]
    fn a_receipt_that_waited_is_dated_by_its_till_and_one_just_printed_by_us() {
        let (till, mut skew) = (TillIx(0), Skew::default());
        let at = |s: i64| Timestamp::from_micros(1_700_000_000_000_000 + s * 1_000_000);
        // The till is 40 s behind.
        for n in 0..5 {
            assert_eq!(skew.happened(till, at(n * 60), Some(at(n * 60 - 40)), true), at(n * 60));
        }
        assert_eq!(skew.happened(till, at(9_000), Some(at(1_000)), false), at(1_040));
        assert_eq!(skew.happened(till, at(9_000), None, false), at(9_000));
        assert_eq!(skew.happened(till, at(9_000), Some(at(90_000)), false), at(9_000), "never in the future");
    }

    #[test]
    fn times_at_the_ends_of_the_range_are_harmless() {
        let mut skew = Skew::default();
        for _ in 0..9 {
            skew.observe(TillIx(0), Timestamp::MAX, Timestamp::MIN);
            skew.observe(TillIx(0), Timestamp::MIN, Timestamp::MAX);
        }
        assert_eq!(skew.of(TillIx(0)), None);
    }
}
