//! How fast counters grow: over the last minute.

use super::health::{Health, Rates};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// What a rate is over.
const WINDOW: Duration = Duration::from_secs(60);
/// A shorter time says nothing.
const ENOUGH: f64 = 5.0;

/// Counters as they were, for a minute.
#[derive(Debug, Default)]
pub(super) struct Meter {
    seen: VecDeque<(Instant, Counters)>,
}

#[derive(Debug, Default)]
struct Counters {
    ears: BTreeMap<String, u64>,
    feeds: BTreeMap<String, u64>,
}

impl Meter {
    /// The rates up to `now`; call it about as often as counters are looked at.
    pub(super) fn rates(&mut self, health: &Health, now: Instant) -> Rates {
        let ears = health.pipeline.ears.iter().flatten().map(|(name, ear)| (name.clone(), ear.heard));
        let feeds = health.pipeline.feeds.iter().flatten().map(|(name, f)| (name.clone(), f.delivered));
        let counters = Counters { ears: ears.collect(), feeds: feeds.collect() };
        // The newest that is a minute old stays, to compare with.
        while self.seen.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= WINDOW) {
            self.seen.pop_front();
        }
        let rates = match self.seen.front() {
            Some((at, then)) => {
                let seconds = now.duration_since(*at).as_secs_f64();
                Rates {
                    ears_per_s: growth(&then.ears, &counters.ears, seconds, 1.0),
                    feeds_per_min: growth(&then.feeds, &counters.feeds, seconds, 60.0),
                }
            }
            None => Rates::default(),
        };
        self.seen.push_back((now, counters));
        rates
    }
}

fn growth(
    then: &BTreeMap<String, u64>,
    now: &BTreeMap<String, u64>,
    seconds: f64,
    per: f64,
) -> BTreeMap<String, f64> {
    if seconds < ENOUGH {
        return BTreeMap::new();
    }
    let rate = |(name, n): (&String, &u64)| {
        let grown = n.saturating_sub(*then.get(name)?) as f64;
        Some((name.clone(), (grown * per / seconds * 10.0).round() / 10.0))
    };
    now.iter().filter_map(rate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ears::EarState;

    #[test]
    fn a_rate_is_of_the_last_minute_and_absent_before_there_is_one() {
        let mut meter = Meter::default();
        let health = |heard| {
            let mut health = Health::default();
            let ear = EarState { heard, ..EarState::default() };
            health.pipeline.ears = Some(BTreeMap::from([("wifi wlan1".to_owned(), ear)]));
            health
        };
        let start = Instant::now();
        let mut at = |s: u64, heard| meter.rates(&health(heard), start + Duration::from_secs(s)).ears_per_s;
        assert!(at(0, 0).is_empty());
        assert_eq!(at(10, 50)["wifi wlan1"], 5.0);
        for s in 2..=6 {
            at(s * 10, 50);
        }
        // All that was heard is more than a minute ago.
        assert_eq!(at(80, 50)["wifi wlan1"], 0.0);
    }
}
