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
        let mut top = [(ZoneIx(0), 0.0f32); KEPT];
        for (z, &w) in weights.iter().enumerate() {
            if w > top[KEPT - 1].1 {
                // Insertion into a short sorted list; equal weights keep the order of the map.
                let mut i = KEPT - 1;
                while i > 0 && w > top[i - 1].1 {
                    top[i] = top[i - 1];
                    i -= 1;
                }
                top[i] = (ZoneIx(z as u16), w);
            }
        }
        let total: f32 = top.iter().map(|(_, w)| w).sum();
        if total <= 0.0 || !total.is_finite() {
            return Self::UNKNOWN;
        }
        let mut entries = [(ZoneIx(0), 0); KEPT];
        for (entry, (z, w)) in entries.iter_mut().zip(top) {
            *entry = (z, (w / total * ONE).round() as u16);
        }
        Self { entries }
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

#[cfg(test)]
mod tests {
    use super::*;

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
