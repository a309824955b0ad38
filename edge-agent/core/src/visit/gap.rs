//! How long a device is used to be silent, and so when its silence says that it left.
//!
//! Gaps between emissions of one device are exponential with an unknown rate; the rate has a Gamma prior, so the
//! next gap is Lomax: P(gap > t) = (β / (β + t))^α. Old gaps are forgotten by a factor at each new one.

use crate::time::Span;
use serde::{Deserialize, Serialize};

/// Prior shape and scale (seconds), forgetting factor: INFERENCE figures from real scan gaps.
const ALPHA_0: f32 = 2.0;
const BETA_0: f32 = 100.0;
const FORGET: f32 = 0.9;
/// What follows within this time is of the same scan.
const ONE_SCAN: Span = Span::from_secs(3);
/// No silence shorter than this is an absence.
pub(super) const FLOOR: Span = Span::from_secs(120);
/// A silence this long is an absence whatever the device is used to.
const CAP: Span = Span::from_secs(900);

/// Visitors leave once in about 40 minutes: per second.
const LEAVES: f32 = 1.0 / 2400.0;

/// What is known of one device's gaps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gaps {
    alpha: f32,
    beta: f32,
}

impl Default for Gaps {
    fn default() -> Self {
        Self { alpha: ALPHA_0, beta: BETA_0 }
    }
}

impl Gaps {
    /// The mean gap, seconds.
    pub fn mean(&self) -> f32 {
        self.beta / self.alpha
    }

    /// Learns from one gap.
    pub fn learn(&mut self, gap: Span) {
        if gap < ONE_SCAN {
            return;
        }
        self.alpha = FORGET * self.alpha + 1.0;
        self.beta = FORGET * self.beta + gap.as_secs_f32().clamp(0.0, CAP.as_secs_f32());
    }

    /// The silence that only a share `p` of gaps exceeds, kept within 120…900 s.
    pub fn quantile(&self, p: f32) -> Span {
        let t = self.beta * (libm::powf(p, -1.0 / self.alpha) - 1.0);
        Span::from_secs_f32(t).clamp(FLOOR, CAP)
    }

    /// Rate at which it speaks after so long a silence, per second: the hazard of a Lomax distribution.
    pub fn hazard(&self, silence: Span) -> f32 {
        self.alpha / (self.beta + silence.as_secs_f32().max(0.0))
    }

    /// Probability that a device that is still here is silent for so long.
    pub fn still_here(&self, silence: Span) -> f32 {
        libm::powf(self.beta / (self.beta + silence.as_secs_f32().max(0.0)), self.alpha)
    }

    /// Probability that a visitor is still here after so long a silence: that, against having left at any moment of it.
    pub fn present(&self, silence: Span) -> f32 {
        let here = self.still_here(silence);
        // ∫ still_here from 0 to the silence; the shape is above 1 whatever was learnt.
        let share = self.beta / (self.beta + silence.as_secs_f32().max(0.0));
        let left = LEAVES * self.beta / (self.alpha - 1.0) * (1.0 - here / share);
        here / (here + left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prior_waits_ten_minutes_and_a_chatty_phone_two() {
        let mut g = Gaps::default();
        assert_eq!(g.quantile(0.02).as_secs_f32().round(), 607.0);
        for _ in 0..50 {
            g.learn(Span::from_secs(5));
        }
        assert_eq!(g.quantile(0.02), FLOOR);
        for _ in 0..50 {
            g.learn(Span::from_secs(600));
        }
        assert_eq!(g.quantile(0.02), CAP);
    }

    #[test]
    fn belief_in_presence_only_falls_with_silence() {
        let g = Gaps::default();
        let p: Vec<f32> = [0, 30, 120, 600].map(|s| g.still_here(Span::from_secs(s))).to_vec();
        assert_eq!(p[0], 1.0);
        assert!(p.windows(2).all(|w| w[0] > w[1]));
        let p: Vec<f32> = [0, 30, 120, 600].map(|s| g.present(Span::from_secs(s))).to_vec();
        assert!(
            p[0] == 1.0 && p[1] > 0.98 && p[2] > 0.9 && p[3] < 0.4 && p.windows(2).all(|w| w[0] > w[1]),
            "{p:?}"
        );
    }
}
