//! The site's fixed beacons as a radio's heartbeat. Pure: time comes from the caller.
//!
//! A beacon sends ten times a second, day and night. How often a radio usually hears each is learnt, from the minutes in
//! which it was heard at all. Then silence says one of two things:
//!
//! - **One is not heard** for `MISSING`, while the radio hears others: the beacon is missing (its battery, a ladder in the way).
//! - **None is heard** any more, of at least two that fell silent together: no two batteries end in the same minute. The radio is
//!   deaf for Bluetooth, after `SHORTEST` at the earliest and as soon as `EXPECTED` reports would have come, whatever else it
//!   still hears.
//!
//! A radio that hears no beacon after it was reset, but other devices for as long as `GIVE_UP`, is not deaf: the beacons were
//! switched off, and are all missing.

use std::time::Duration;

/// Reports that would have come: that none did is no chance.
const EXPECTED: f32 = 20.0;
/// Shorter silences are the chip's business.
const SHORTEST: Duration = Duration::from_secs(20);
/// Beacons that fall silent within this time fall silent together. A chip that filters duplicates reports each every ten
/// seconds.
const TOGETHER: Duration = Duration::from_secs(30);
/// A beacon that is not heard for so long is missing.
const MISSING: Duration = Duration::from_secs(300);
/// A radio that hears others for so long while it is thought to be deaf is not.
const GIVE_UP: Duration = Duration::from_secs(120);
/// Reports a second from which a beacon counts as usually heard. A chip that filters duplicates makes 0.1 of a near one.
const USUAL: f32 = 0.05;
/// Weight of the latest minute.
const RECENT: f32 = 0.1;
const MINUTE: Duration = Duration::from_secs(60);

/// Watches over the beacons that one radio hears.
#[derive(Clone, Debug, Default)]
pub struct Heartbeat {
    beacons: Vec<Beat>,
    minute: Duration,
    deaf: bool,
    /// For how long others were heard since it is deaf.
    others: Duration,
}

/// What a radio knows of one beacon.
#[derive(Clone, Copy, Debug, Default)]
struct Beat {
    /// Reports a second; 0 of one that was never heard.
    rate: f32,
    minute: u64,
    silent: Duration,
    missing: bool,
}

/// What changed. Beacons are known by their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A beacon that is usually heard is not.
    Missing(usize),
    /// It is heard again.
    Back(usize),
    /// None of so many beacons was heard for this long: the radio is deaf.
    Deaf {
        /// How long.
        silent: Duration,
        /// How many fell silent together.
        beacons: usize,
    },
    /// It is deaf no more.
    Hears,
}

impl Heartbeat {
    /// For beacons whose usual rates (reports a second, 0: not known) are these.
    pub fn knowing(rates: &[f32]) -> Self {
        let beacons = rates.iter().map(|rate| Beat { rate: *rate, ..Beat::default() }).collect();
        Self { beacons, ..Self::default() }
    }

    /// Usual rates, for [`Heartbeat::knowing`]. What is missing has none: after a restart nobody waits for it.
    pub fn rates(&self) -> impl Iterator<Item = f32> + '_ {
        self.beacons.iter().map(|b| if b.missing { 0.0 } else { b.rate })
    }

    /// Whether the radio is deaf by its beacons.
    pub fn is_deaf(&self) -> bool {
        self.deaf
    }

    /// Beacons that are missing.
    pub fn missing(&self) -> impl Iterator<Item = usize> + '_ {
        self.beacons.iter().enumerate().filter(|(_, b)| b.missing).map(|(i, _)| i)
    }

    /// How many beacons this radio usually hears.
    pub fn usual(&self) -> usize {
        self.beacons.iter().filter(|b| b.is_usual()).count()
    }

    /// For `past`, until now, each beacon was heard so many times, and others at all or not.
    pub fn heard(&mut self, counts: &[u64], others: bool, past: Duration) -> Vec<Change> {
        let mut changes = Vec::new();
        for (i, (beat, count)) in self.beacons.iter_mut().zip(counts).enumerate() {
            beat.minute += count;
            beat.silent = if *count > 0 { Duration::ZERO } else { beat.silent + past };
            if *count > 0 && std::mem::take(&mut beat.missing) {
                changes.push(Change::Back(i));
            }
        }
        self.learn(past);
        if self.deaf {
            self.while_deaf(counts, others, past, &mut changes);
            return changes;
        }
        if let Some(deaf) = self.all_silent() {
            (self.deaf, self.others) = (true, Duration::ZERO);
            changes.push(deaf);
            return changes;
        }
        for (i, beat) in self.beacons.iter_mut().enumerate() {
            if beat.is_usual() && beat.silent >= MISSING && beat.rate * beat.silent.as_secs_f32() >= EXPECTED
            {
                beat.missing = true;
                changes.push(Change::Missing(i));
            }
        }
        changes
    }

    fn while_deaf(&mut self, counts: &[u64], others: bool, past: Duration, changes: &mut Vec<Change>) {
        if counts.iter().any(|count| *count > 0) {
            self.deaf = false;
        } else {
            self.others += if others { past } else { Duration::ZERO };
            if self.others < GIVE_UP {
                return;
            }
            self.deaf = false;
            for (i, beat) in self.beacons.iter_mut().enumerate().filter(|(_, b)| b.is_usual()) {
                beat.missing = true;
                changes.push(Change::Missing(i));
            }
        }
        changes.push(Change::Hears);
    }

    fn all_silent(&self) -> Option<Change> {
        let usual = || self.beacons.iter().filter(|b| b.is_usual());
        let silent = usual().map(|b| b.silent).min()?;
        let together = || usual().filter(|b| b.silent <= silent + TOGETHER);
        let expected = together().map(|b| b.rate).sum::<f32>() * silent.as_secs_f32();
        let beacons = together().count();
        (beacons >= 2 && silent >= SHORTEST && expected >= EXPECTED)
            .then_some(Change::Deaf { silent, beacons })
    }

    fn learn(&mut self, past: Duration) {
        self.minute += past;
        if self.minute < MINUTE {
            return;
        }
        let time = std::mem::take(&mut self.minute).as_secs_f32();
        for beat in &mut self.beacons {
            let rate = std::mem::take(&mut beat.minute) as f32 / time;
            if rate > 0.0 && beat.rate > 0.0 {
                beat.rate += (rate - beat.rate) * RECENT;
            } else if rate > 0.0 {
                beat.rate = rate;
            }
        }
    }
}

impl Beat {
    fn is_usual(&self) -> bool {
        self.rate >= USUAL && !self.missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Duration = Duration::from_secs(5);

    /// `seconds` in which each beacon is heard so many times every five seconds; what changed, and when.
    fn run(radio: &mut Heartbeat, seconds: u32, counts: &[u64], others: bool) -> Vec<(u32, Change)> {
        let looks = 1..=seconds / 5;
        looks.flat_map(|n| radio.heard(counts, others, LOOK).into_iter().map(move |c| (n * 5, c))).collect()
    }

    fn knowing(counts: &[u64]) -> Heartbeat {
        let mut radio = Heartbeat::knowing(&vec![0.0; counts.len()]);
        assert_eq!(run(&mut radio, 300, counts, true), []);
        radio
    }

    #[test]
    fn a_radio_that_hears_phones_but_none_of_its_beacons_is_deaf_within_a_minute() {
        for counts in [[50, 50, 50], [50, 1, 0], [5, 1, 1], [2, 1, 1]] {
            let mut radio = knowing(&counts);
            let changes = run(&mut radio, 60, &[0, 0, 0], true);
            let [(after, Change::Deaf { .. })] = changes[..] else { panic!("{counts:?}: {changes:?}") };
            assert!((20..=60).contains(&after), "{counts:?}: {after}");
            assert!(radio.is_deaf());
            assert_eq!(run(&mut radio, 5, &counts, true), [(5, Change::Hears)]);
        }
    }

    #[test]
    fn one_empty_battery_is_a_missing_beacon_and_no_deafness() {
        let mut radio = knowing(&[50, 50, 50]);
        assert_eq!(run(&mut radio, 3_600, &[50, 0, 50], true), [(300, Change::Missing(1))]);
        assert_eq!((radio.missing().collect::<Vec<_>>(), radio.usual()), (vec![1], 2));
        assert_eq!(run(&mut radio, 3_600, &[50, 50, 50], true), [(5, Change::Back(1))]);
        let mut radio = knowing(&[50]);
        assert_eq!(run(&mut radio, 3_600, &[0], true), [(300, Change::Missing(0))], "the only one");
    }

    #[test]
    fn batteries_that_end_one_after_the_other_are_no_deafness() {
        let mut radio = knowing(&[50, 50]);
        assert_eq!(run(&mut radio, 120, &[50, 0], true), []);
        assert_eq!(
            run(&mut radio, 3_600, &[0, 0], true),
            [(180, Change::Missing(1)), (300, Change::Missing(0))]
        );
    }

    #[test]
    fn beacons_that_are_switched_off_are_missing_once_the_radio_was_reset_and_hears_others() {
        let mut radio = knowing(&[50, 50]);
        let changes = run(&mut radio, 3_600, &[0, 0], true);
        let deaf = Change::Deaf { silent: SHORTEST, beacons: 2 };
        let given_up = [Change::Missing(0), Change::Missing(1), Change::Hears].map(|c| (140, c));
        assert_eq!(changes, [vec![(20, deaf)], given_up.to_vec()].concat());
        let mut radio = knowing(&[50, 50]);
        assert_eq!(
            run(&mut radio, 3_600, &[0, 0], false),
            [(20, deaf)],
            "nothing at all: deaf until it hears"
        );
    }

    #[test]
    fn what_was_never_heard_often_is_not_waited_for() {
        assert_eq!(run(&mut Heartbeat::knowing(&[0.0; 3]), 3_600, &[0, 0, 0], true), []);
        // Once in five minutes, from far away.
        let mut radio = Heartbeat::knowing(&[0.0, 0.0]);
        for _ in 0..20 {
            assert_eq!(run(&mut radio, 5, &[1, 1], true), []);
            assert_eq!(run(&mut radio, 295, &[0, 0], true), []);
        }
    }

    #[test]
    fn rates_outlive_a_restart_but_those_of_missing_beacons() {
        let mut radio = knowing(&[50, 50, 50]);
        run(&mut radio, 600, &[50, 50, 0], true);
        let rates: Vec<f32> = radio.rates().collect();
        assert_eq!(rates, [10.0, 10.0, 0.0]);
        let mut again = Heartbeat::knowing(&rates);
        let deaf = Change::Deaf { silent: SHORTEST, beacons: 2 };
        assert_eq!(run(&mut again, 30, &[0, 0, 0], true), [(20, deaf)]);
    }
}
