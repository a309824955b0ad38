//! The few likeliest zones of one device.

use crate::site::ZoneIx;
use serde::{Deserialize, Serialize};

/// How many zones a belief keeps. What falls off is the tail: with twelve zones less than 1 % of the mass.
const KEPT: usize = 12;

/// Weights are kept as parts of 65 535.
const ONE: f32 = 65_535.0;

/// A probability over zones, its twelve likeliest, likeliest first; weights sum to 1 within rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Belief {
    entries: [(ZoneIx, u16); KEPT],
}

impl Belief {
    /// Knows nothing.
    pub const UNKNOWN: Self = Self { entries: [(ZoneIx(0), 0); KEPT] };

    /// Keeps the likeliest of `weights` (any positive scale, one for each zone).
    pub fn from_weights(weights: &[f32]) -> Self {
        let mut top = Top::EMPTY;
        for (z, &w) in weights.iter().enumerate() {
            top.offer(ZoneIx(z as u16), w);
        }
        top.into_belief()
    }

    /// Keeps the likeliest zones of `prior` (any positive scale) weighed with `log_likelihood` (nats, none above 0);
    /// one of each for each zone.
    pub fn posterior(prior: &[f32], log_likelihood: &[f32]) -> Self {
        let mut top = Top::EMPTY;
        for (z, (&p, &l)) in prior.iter().zip(log_likelihood).enumerate() {
            // Most zones are far too unlikely to be kept, and a bound costs less than an exponential.
            if p * exp_at_most(l) > top.least() {
                top.offer(ZoneIx(z as u16), p * libm::expf(l));
            }
        }
        top.into_belief()
    }

    /// Zones with their probability, likeliest first.
    pub fn iter(&self) -> impl Iterator<Item = (ZoneIx, f32)> + '_ {
        self.entries.iter().filter(|(_, w)| *w > 0).map(|&(z, w)| (z, f32::from(w) / ONE))
    }

    /// The likeliest zone and its probability; `None` when nothing is known.
    pub fn best(&self) -> Option<(ZoneIx, f32)> {
        self.iter().next()
    }

    /// Probability of one zone.
    pub fn of(&self, zone: ZoneIx) -> f32 {
        self.iter().find(|(z, _)| *z == zone).map_or(0.0, |(_, p)| p)
    }
}

/// The likeliest zones so far, likeliest first; equal weights keep the order of the map.
struct Top([(ZoneIx, f32); KEPT]);

impl Top {
    const EMPTY: Self = Self([(ZoneIx(0), 0.0); KEPT]);

    /// A zone must weigh more than this to get in.
    fn least(&self) -> f32 {
        self.0[KEPT - 1].1
    }

    fn offer(&mut self, zone: ZoneIx, weight: f32) {
        if weight > self.least() {
            let mut i = KEPT - 1;
            while i > 0 && weight > self.0[i - 1].1 {
                self.0[i] = self.0[i - 1];
                i -= 1;
            }
            self.0[i] = (zone, weight);
        }
    }

    fn into_belief(self) -> Belief {
        let total: f32 = self.0.iter().map(|(_, w)| w).sum();
        if total <= 0.0 || !total.is_finite() {
            return Belief::UNKNOWN;
        }
        Belief { entries: self.0.map(|(z, w)| (z, (w / total * ONE).round() as u16)) }
    }
}

/// Not less than `e^x`, for `x` ≤ 0: the series of `e^-x` has positive terms only, so leaving some out makes it less,
/// and its inverse more. The margin is for rounding.
fn exp_at_most(x: f32) -> f32 {
    let t = -x;
    1.000_01 / (1.0 + t * (1.0 + t * (0.5 + t * (1.0 / 6.0 + t * (1.0 / 24.0)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_never_below_the_exponential() {
        for i in 0..=160_000 {
            let x = -i as f32 / 10_000.0;
            assert!(exp_at_most(x) >= libm::expf(x), "at {x}");
        }
    }

    #[test]
    fn passing_over_the_unlikely_changes_nothing() {
        let mut seed = 1u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 40) as f32 / (1 << 24) as f32
        };
        for zones in [1, 5, 12, 13, 40, 300] {
            for _ in 0..100 {
                let prior: Vec<f32> = (0..zones).map(|_| random() * random()).collect();
                let nats: Vec<f32> = (0..zones).map(|_| -16.0 * random()).collect();
                let weights: Vec<f32> = prior.iter().zip(&nats).map(|(p, l)| p * libm::expf(*l)).collect();
                assert_eq!(Belief::posterior(&prior, &nats), Belief::from_weights(&weights));
            }
        }
    }

    #[test]
    fn the_likeliest_come_first_and_sum_to_one() {
        let weights: Vec<f32> = (0..40).map(|i| (i * 7 % 40) as f32).collect();
        let b = Belief::from_weights(&weights);
        let p: Vec<f32> = b.iter().map(|(_, p)| p).collect();
        assert!(p.windows(2).all(|w| w[0] >= w[1]));
        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-3);
        assert_eq!(p.len(), KEPT);
    }

    #[test]
    fn weights_without_sense_say_unknown() {
        assert_eq!(Belief::from_weights(&[0.0; 5]).best(), None);
        assert_eq!(Belief::from_weights(&[]).best(), None);
        assert_eq!(Belief::from_weights(&[f32::INFINITY, 1.0]).best(), None);
    }
}
