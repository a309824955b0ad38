//! How sure a fact is: from what speaks for it to the share of such facts that are true.
//!
//! Weights of hypotheses are not probabilities: the air is never quite as the model has it. Logistic regressions on days
//! stitched from real radio traces (`docs/accuracy.md`) make them so; they were fitted on other days than those shown there.

/// A dwell: it lasted for `length` (in units of what makes a dwell), a share `stayed` of it was spent staying rather than
/// walking about, and the phone is silent for `gap_s` seconds on average.
pub(super) fn dwell(length: f32, stayed: f32, gap_s: f32) -> f32 {
    let length = libm::logf(length.max(1.0)).min(2.0);
    let gap = rarity(gap_s);
    logistic(-8.4 + 12.7 * stayed + 1.5 * length + gap * (3.9 - 7.4 * stayed))
}

/// A dwell that has just begun, when so much speaks for it by now: most of those that are not quite likely yet go on.
pub(super) fn dwell_start(p: f32) -> f32 {
    1.0 - 0.36 * (1.0 - p)
}

/// A change of floor: so much of the weight said so when it was settled, it had been kept for `kept_s` seconds by then, and
/// a share `still` of the weight has it there now.
pub(super) fn climb(weight: f32, kept_s: f32, gap_s: f32, still: f32) -> f32 {
    let weight = weight.clamp(0.002, 0.9995);
    let kept = libm::logf(kept_s.clamp(5.0, 400.0) / 60.0);
    logistic(-1.6 + 0.45 * logit(weight) - 1.4 * kept + 0.87 * rarity(gap_s) + 2.1 * still)
}

/// An approach that the model gives this probability: what is heard by the sensors at a door and by no other is nearer
/// to the door than the model of a whole zone can say.
pub(super) fn approach(p: f32) -> f32 {
    1.0 - 0.35 * (1.0 - p) * (1.0 - p)
}

/// An arrival that was established: at a door first or not, and so likely inside by now.
pub(super) fn arrival(by_a_door: bool, inside: f32) -> f32 {
    if by_a_door { 1.0 - 0.03 * (1.0 - inside) } else { 0.97 }
}

/// How much rarer a phone is heard than every 15 s, log of the factor.
fn rarity(gap_s: f32) -> f32 {
    libm::logf(gap_s.clamp(3.0, 100.0) / 15.0)
}

/// Whose a receipt is, where the weights of the candidates give this probability: they are less sharp than the truth.
pub(crate) fn buyer(p: f32) -> f32 {
    let p = p.clamp(1e-4, 1.0 - 1e-4);
    logistic(1.75 * logit(p) + 0.3)
}

fn logit(p: f32) -> f32 {
    libm::logf(p / (1.0 - p))
}

fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + libm::expf(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_that_speaks_for_it_is_surer() {
        assert!(dwell(2.0, 0.9, 10.0) > dwell(1.0, 0.9, 10.0));
        assert!(dwell(1.0, 0.9, 10.0) > dwell(1.0, 0.5, 10.0));
        assert!(climb(0.999, 60.0, 10.0, 1.0) > climb(0.6, 60.0, 10.0, 1.0));
        assert!(climb(0.999, 60.0, 10.0, 1.0) > climb(0.999, 60.0, 10.0, 0.0));
        assert!(approach(0.9) > approach(0.5) && buyer(0.8) > buyer(0.6));
    }

    #[test]
    fn whatever_is_asked_the_answer_is_a_probability() {
        for x in [f32::MIN, -1.0, 0.0, 0.5, 1.0, f32::MAX] {
            for p in [dwell(x, 0.0, x), dwell(x, 1.0, x), climb(x, x, x, 0.0), buyer(x)] {
                assert!((0.0..=1.0).contains(&p), "{x}: {p}");
            }
        }
    }
}
