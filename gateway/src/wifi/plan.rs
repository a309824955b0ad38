//! Which channel to listen to next. Pure: the radio tunes, and says what it heard.
//!
//! A radio hears one channel at a time, phones send on all of them. The plan visits every channel, those that yield more
//! more often: up to `FAVOUR` times as often as one that yields nothing. It starts from where phones are known to
//! probe and learns from what is heard. Which channel comes next is that of a weighted round-robin: each gains its weight
//! at every turn, the richest is visited and pays for all; so visits of a channel are spread evenly.
//!
//! Where nobody was heard for a minute the radio stays longer, the longer the fewer the channels: a phone that comes scans all of
//! them within a second or two and is as likely to be heard, and every change of the channel costs processor time.

use super::nl80211::{Channel, band};
use std::time::Duration;

/// The best channel is visited so many times as often as one that yields nothing.
const FAVOUR: f32 = 4.0;
/// Weight of the latest visit in a channel's average yield: some 20 visits are remembered.
const RECENT: f32 = 0.05;

/// Nobody was heard for so long: the air is quiet.
const QUIET: Duration = Duration::from_secs(60);
/// How long to stay on a channel then, where there are few.
const QUIET_DWELL: Duration = Duration::from_secs(2);
/// Access points may all be on one channel: it has its turn again so soon, on average, and their absence is no deafness.
const ROUND: Duration = Duration::from_secs(7);

/// Channel 5 of 6 GHz; every fourth 20 MHz from there on.
const FIRST_PREFERRED: u16 = 5_975;

/// The channels of a radio in their turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    dwell: Duration,
    /// How long nobody was heard, counted in stays.
    silent: Duration,
    turns: Vec<Turn>,
    current: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Turn {
    mhz: u16,
    /// Sightings in a visit, averaged.
    yields: f32,
    credit: f32,
}

impl Plan {
    /// A plan over these frequencies (MHz), with a stay of `dwell` on each; `None` when there are none.
    pub fn new(channels: &[u16], dwell: Duration) -> Option<Self> {
        let turn = |&mhz: &u16| Turn { mhz, yields: expected(mhz), credit: 0.0 };
        let mut turns: Vec<Turn> = Vec::with_capacity(channels.len());
        for turn in channels.iter().map(turn) {
            if turns.iter().all(|t| t.mhz != turn.mhz) {
                turns.push(turn);
            }
        }
        let mut plan = Self { dwell, silent: Duration::ZERO, turns, current: 0 };
        (!plan.turns.is_empty()).then(|| {
            plan.advance();
            plan
        })
    }

    /// The channels of a radio where phones probe: 1, 6 and 11; of 5 GHz those where they may send unasked; of 6 GHz
    /// the preferred scanning channels (IEEE 802.11ax-2021 §26.17.2.3.3). All that may be used where there are none.
    pub fn channels_of(radio: &[Channel]) -> Vec<u16> {
        let usable = || radio.iter().filter(|c| !c.disabled);
        let probed: Vec<u16> = usable()
            .filter(|c| match band(c.mhz) {
                "2.4" => matches!(c.mhz, 2412 | 2437 | 2462),
                "5" => !c.radar && !c.no_ir,
                _ => c.mhz >= FIRST_PREFERRED && (c.mhz - FIRST_PREFERRED).is_multiple_of(80),
            })
            .map(|c| c.mhz)
            .collect();
        if probed.is_empty() { usable().map(|c| c.mhz).collect() } else { probed }
    }

    /// The channel to be on, MHz.
    pub fn current(&self) -> u16 {
        self.turns[self.current].mhz
    }

    /// How long to stay; `None`: for ever, there is no other.
    pub fn dwell(&self) -> Option<Duration> {
        let quiet = || self.dwell.max(QUIET_DWELL.min(ROUND.div_f32(self.rarest())));
        (self.turns.len() > 1).then(|| if self.silent >= QUIET { quiet() } else { self.dwell })
    }

    /// All channels, MHz.
    pub fn channels(&self) -> impl Iterator<Item = u16> {
        self.turns.iter().map(|t| t.mhz)
    }

    /// The stay is over, and brought so many sightings: the next channel.
    pub fn next(&mut self, sightings: u64) -> u16 {
        self.silent = if sightings == 0 { self.silent.saturating_add(self.dwell) } else { Duration::ZERO };
        let turn = &mut self.turns[self.current];
        turn.yields += (sightings.min(10_000) as f32 - turn.yields) * RECENT;
        self.advance();
        self.current()
    }

    /// The current channel cannot be tuned to: it is left out from now on. `false` when it is the last one.
    pub fn give_up(&mut self) -> bool {
        if self.turns.len() < 2 {
            return false;
        }
        self.turns.swap_remove(self.current);
        self.current = 0;
        self.advance();
        true
    }

    /// How often each channel is to be visited, relative to the others.
    fn weights(&self) -> impl Iterator<Item = f32> {
        let best = self.turns.iter().map(|t| t.yields).fold(f32::MIN_POSITIVE, f32::max);
        self.turns.iter().map(move |t| 1.0 + (FAVOUR - 1.0) * t.yields / best)
    }

    /// Every how many stays the least visited channel has its turn.
    fn rarest(&self) -> f32 {
        self.weights().sum::<f32>() / self.weights().fold(FAVOUR, f32::min)
    }

    fn advance(&mut self) {
        let weights: Vec<f32> = self.weights().collect();
        let total: f32 = weights.iter().sum();
        for (turn, weight) in self.turns.iter_mut().zip(weights) {
            turn.credit += weight;
        }
        let richest = (0..self.turns.len()).max_by(|&a, &b| {
            // Of equals the first.
            self.turns[a].credit.total_cmp(&self.turns[b].credit).then(b.cmp(&a))
        });
        self.current = richest.unwrap_or(0);
        self.turns[self.current].credit -= total;
    }
}

/// What a visit yields before anything is known, relative to others: phones probe on 2.4 GHz most.
fn expected(mhz: u16) -> f32 {
    match (band(mhz), mhz) {
        ("2.4", 2412 | 2437 | 2462) => 1.0,
        ("2.4", _) | ("5", _) => 0.3,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deafness::SHORTEST;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const DWELL: Duration = Duration::from_millis(200);

    fn visits(plan: &mut Plan, turns: usize, yields: impl Fn(u16) -> u64) -> BTreeMap<u16, usize> {
        let mut visits = BTreeMap::new();
        for _ in 0..turns {
            let now = plan.current();
            *visits.entry(now).or_default() += 1;
            plan.next(yields(now));
        }
        visits
    }

    #[test]
    fn a_channel_that_yields_more_is_visited_more_and_none_is_forgotten() {
        let mut plan = Plan::new(&[2412, 2437, 5180], DWELL).unwrap();
        let early = visits(&mut plan, 90, |_| 0);
        assert!(early[&2412] > early[&5180] && early[&5180] >= 10, "{early:?}");
        let _ = visits(&mut plan, 600, |mhz| if mhz == 5180 { 40 } else { 1 });
        let learnt = visits(&mut plan, 600, |mhz| if mhz == 5180 { 40 } else { 1 });
        assert!((380..=400).contains(&learnt[&5180]) && learnt[&2412] >= 100, "{learnt:?}");
    }

    #[test]
    fn one_channel_is_for_ever_and_none_is_no_plan() {
        let mut one = Plan::new(&[2437, 2437], DWELL).unwrap();
        assert_eq!((one.dwell(), one.next(3), one.give_up()), (None, 2437, false));
        assert_eq!(Plan::new(&[], DWELL), None);
    }

    #[test]
    fn it_stays_longer_while_nobody_is_heard() {
        let mut plan = Plan::new(&[2412, 2437, 2462], DWELL).unwrap();
        let _ = visits(&mut plan, 299, |_| 0);
        assert_eq!(plan.dwell(), Some(DWELL), "one stay short of a minute");
        plan.next(0);
        assert_eq!(plan.dwell(), Some(QUIET_DWELL));
        assert_eq!(visits(&mut plan, 30, |_| 0).len(), 3);
        plan.next(1);
        assert_eq!(plan.dwell(), Some(DWELL), "somebody came");
        let mut slow = Plan::new(&[2412, 2437], 5 * QUIET_DWELL).unwrap();
        let _ = visits(&mut slow, 100, |_| 0);
        assert_eq!(slow.dwell(), Some(5 * QUIET_DWELL), "never shorter than asked for");
    }

    #[test]
    fn a_channel_that_alone_has_access_points_is_heard_before_its_absence_passes_for_deafness() {
        for (channels, favoured) in [(3, 1), (12, 3), (27, 3)] {
            let all: Vec<u16> = (0..channels).map(|n| 5180 + 20 * n).collect();
            let mut plan = Plan::new(&all, DWELL).unwrap();
            let _ = visits(&mut plan, 2_000, |mhz| if mhz < 5180 + 20 * favoured { 9 } else { 0 });
            let mut longest = BTreeMap::new();
            let (mut now, mut last) = (Duration::ZERO, BTreeMap::new());
            for _ in 0..5_000 {
                let (mhz, quiet) = (plan.current(), plan.silent >= QUIET);
                if quiet && let Some(left) = last.get(&mhz) {
                    let away = longest.entry(mhz).or_insert(Duration::ZERO);
                    *away = (*away).max(now - *left);
                }
                now += plan.dwell().unwrap();
                last.insert(mhz, now);
                plan.next(0);
            }
            let longest = longest.into_values().max().unwrap();
            assert!(
                longest < SHORTEST * 3 / 4,
                "{channels} channels, {favoured} of them favoured: {longest:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_tuned_to_is_left_out() {
        let mut plan = Plan::new(&[2412, 2437, 2462], DWELL).unwrap();
        let gone = plan.current();
        assert!(plan.give_up());
        assert!(plan.channels().all(|mhz| mhz != gone) && plan.channels().count() == 2);
    }

    #[test]
    fn phones_probe_where_they_may_send_unasked() {
        let open = |mhz| Channel { mhz, disabled: false, no_ir: false, radar: false };
        let radio = [
            open(2412),
            open(2417),
            Channel { disabled: true, ..open(2462) },
            open(5180),
            Channel { radar: true, no_ir: true, ..open(5260) },
            open(5955),
            open(5975),
            open(6055),
        ];
        assert_eq!(Plan::channels_of(&radio), [2412, 5180, 5975, 6055]);
        let silent = [Channel { no_ir: true, ..open(5180) }];
        assert_eq!(Plan::channels_of(&silent), [5180], "better than nothing");
    }

    proptest! {
        #[test]
        fn every_channel_has_its_turn(
            channels in proptest::collection::btree_set(2412u16..7100, 1..40),
            yields in proptest::collection::vec(0u64..1_000_000, 1..50),
        ) {
            let channels: Vec<u16> = channels.into_iter().collect();
            let mut plan = Plan::new(&channels, DWELL).unwrap();
            let seen = visits(&mut plan, channels.len() * 10, |mhz| yields[usize::from(mhz) % yields.len()]);
            prop_assert_eq!(seen.len(), channels.len());
        }
    }
}
