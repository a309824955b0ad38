//! How long to wait before the next attempt: exponential with full jitter, so that hundreds of gateways that
//! lost the same broker do not come back in step.

use std::time::Duration;

/// Waits of 0 … min(`cap`, `base` · 2ⁿ) after the n-th failure in a row.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    base: Duration,
    cap: Duration,
    failures: u32,
    random: u64,
}

impl Backoff {
    /// `seed` decides all waits to come.
    pub(super) fn new(base: Duration, cap: Duration, seed: u64) -> Self {
        Self { base, cap, failures: 0, random: seed }
    }

    /// The wait after one more failure.
    pub(super) fn next(&mut self) -> Duration {
        let ceiling = self.base.saturating_mul(1 << self.failures.min(20)).min(self.cap);
        self.failures = self.failures.saturating_add(1);
        let fraction = (self.draw() >> 11) as f64 / (1u64 << 53) as f64;
        ceiling.mul_f64(fraction)
    }

    /// All is well again.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_cap_and_start_over_after_a_reset() {
        let (base, cap) = (Duration::from_millis(100), Duration::from_secs(2));
        let mut longest = [Duration::ZERO; 40];
        for seed in 0..200 {
            let mut backoff = Backoff::new(base, cap, seed);
            for (n, longest) in longest.iter_mut().enumerate() {
                let wait = backoff.next();
                assert!(wait <= cap.min(base * (1 << n.min(10))), "failure {n}: {wait:?}");
                *longest = wait.max(*longest);
            }
            backoff.reset();
            assert!(backoff.next() <= base);
        }
        assert!(longest[0] > base / 2 && longest[39] > cap / 2, "the jitter is full: {longest:?}");
    }

    #[test]
    fn two_gateways_do_not_wait_alike() {
        let waits = |seed| Backoff::new(Duration::from_secs(1), Duration::from_secs(60), seed).next();
        assert_ne!(waits(1), waits(2));
    }
}
