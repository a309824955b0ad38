//! What speaks for a visitor being the buyer: they were at the till, long enough to choose and to pay, and left soon after.
//!
//! The weight of a candidate is a likelihood ratio: how much likelier is what was heard of them if they bought than if
//! they did not.

use crate::site::ZoneIx;
use crate::time::{Span, Timestamp};
use crate::visit::Device;

/// A buyer is heard at most this long before the receipt was printed.
const BEFORE: Span = Span::from_secs(900);
/// Half of all buyers have been in the shop for this long, seconds; few for much less.
const CHOOSING_S: f32 = 200.0;
/// Those who leave once they have paid are out of the shop after this long, give or take, seconds …
const LEAVES_S: f32 = 38.0;
const SPREAD_S: f32 = 20.0;
/// … others seem to, for the end of a stay is not always heard well …
const UNSURE: f32 = 0.16;
const UNSURE_S: f32 = 60.0;
/// … and these stay on, as long as people who do not buy.
const STAYS_ON: f32 = 0.02;
/// Mean length of a stay, seconds.
const STAY_S: f32 = 900.0;
/// The end of a stay lies within half of this share of a phone's mean silence, one way or the other.
const SILENCE: f32 = 0.5;
/// Of two zones that are hard to tell apart the wrong one counts for this much.
const MISTAKEN: f32 = 0.3;
/// A candidate that weighs less is none.
const LEAST: f32 = 0.003;

/// What speaks for a device being the buyer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Its slot in the device table.
    pub slot: u32,
    /// How much.
    pub weight: f32,
    /// Probability that it was there at all.
    pub there: f32,
    /// When it came into the mall and into the zone.
    pub came: [Timestamp; 2],
}

/// All devices that may have bought in `zone` at `at`; `taken_for`: the zones that somebody there may be taken to be in.
pub fn candidates<'a>(
    zone: ZoneIx,
    taken_for: &[(ZoneIx, f32)],
    at: Timestamp,
    devices: impl Iterator<Item = (u32, &'a Device)>,
) -> Vec<Candidate> {
    let factor = |z: ZoneIx| match taken_for.iter().find(|(other, _)| *other == z) {
        _ if z == zone => 1.0,
        Some((_, likely)) => likely.min(1.0) * MISTAKEN,
        None => 0.0,
    };
    devices.filter_map(|(slot, d)| candidate(factor, at, slot, d)).collect()
}

fn candidate(factor: impl Fn(ZoneIx) -> f32, at: Timestamp, slot: u32, d: &Device) -> Option<Candidate> {
    if d.last_heard() < at - BEFORE || d.first_heard > at {
        return None;
    }
    let [ms, last] = [at, d.last_heard()].map(|t| t.since(d.first_heard).as_secs_f32());
    let unsure = d.gaps.mean() * SILENCE;
    let (mut total, mut there, mut most, mut came) = (0.0, 0.0, 0.0, 0);
    d.stretches(|zone, since, until, p| {
        let p = p * factor(zone);
        let [since_s, until_s] = [Some(since), until].map(|ms| ms.map(|ms| ms as f32 / 1000.0));
        let elapsed = ms - since_s.unwrap_or(0.0);
        if p <= 0.0 || elapsed <= 0.0 {
            return;
        }
        let w = p * weight(elapsed, until_s.map(|u| u - ms), last - ms, unsure);
        total += w;
        there += if until_s.is_none_or(|u| u > ms) { p } else { 0.0 };
        if w > most {
            (most, came) = (w, since);
        }
    });
    let came = [d.came_in(), d.moment(came)];
    (total > LEAST).then_some(Candidate { slot, weight: total, there, came })
}

/// How much likelier a stay is if its visitor bought at some moment than if not: the stay had lasted `elapsed` seconds
/// by then, and ended `left` seconds after it (to about `unsure`), or was going on when the visitor was heard last,
/// `heard` seconds after.
fn weight(elapsed: f32, left: Option<f32>, heard: f32, unsure: f32) -> f32 {
    let q = elapsed / CHOOSING_S;
    let chosen = (q * q) * (q * q);
    let long_enough = chosen / (1.0 + chosen);
    let spread = (SPREAD_S * SPREAD_S + unsure * unsure).sqrt();
    let parts = [(1.0 - UNSURE - STAYS_ON, spread), (UNSURE, UNSURE_S)];
    let leaving = match left {
        Some(left) => {
            let density = parts.map(|(share, spread)| {
                let z = (left - LEAVES_S) / spread;
                share * libm::expf(-0.5 * z * z) / (spread * ROOT_TAU)
            });
            let stays_on = if left > 0.0 { 1.0 } else { libm::expf(left / SPREAD_S) };
            density.iter().sum::<f32>() * STAY_S + STAYS_ON * stays_on
        }
        None => {
            let yet = parts.map(|(share, spread)| {
                share * 0.5 * libm::erfcf((heard - LEAVES_S) / spread * core::f32::consts::FRAC_1_SQRT_2)
            });
            yet.iter().sum::<f32>() / libm::expf(-heard.max(0.0) / STAY_S) + STAYS_ON
        }
    };
    long_enough * leaving
}

/// √(2π).
const ROOT_TAU: f32 = 2.506_628;
