//! Who bought, when every receipt has a buyer of its own.

use super::buyer::Candidate;
use crate::time::Span;
use crate::visit::confidence;

/// People of one party come in, come into the shop and are heard last within this time of each other.
const PARTY: Span = Span::from_secs(45);
/// Candidates of another receipt that are looked at: the likeliest.
const RIVALS: usize = 6;
/// Ways to share out the other receipts that are followed: the likeliest.
const WAYS: usize = 256;
/// As if so many more were in the zone who do not buy.
const MORE: f32 = 0.2;
/// Share of buyers who are heard, but elsewhere.
const ELSEWHERE: f32 = 0.03;

/// Who may have bought.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Posterior {
    /// The likeliest buyer: slot in the device table, and probability that it or one of its party bought.
    pub best: Option<(u32, f32)>,
    /// Probability that the likeliest buyer bought, and nobody else of its party.
    pub alone: f32,
    /// How many visits could have been the buyer.
    pub candidates: u32,
    /// Probability of nobody we heard.
    pub none: f32,
}

/// What speaks for each candidate, for nobody we heard, and for somebody who was heard elsewhere; in one unit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shares {
    pub(crate) weights: Vec<f32>,
    pub(crate) none: f32,
    pub(crate) elsewhere: f32,
}

/// Who bought, of the candidates of a receipt and those of others nearby, each of which has another buyer. `heard` is the
/// share of buyers that are heard at all.
pub fn share_out(candidates: &[Candidate], others: &[Vec<Candidate>], heard: f32) -> Posterior {
    let Shares { weights, none, elsewhere } = shares(candidates, others, heard);
    let total = none + elsewhere + weights.iter().sum::<f32>();
    let mut p = Posterior { best: None, alone: 0.0, candidates: candidates.len() as u32, none: none / total };
    let heavier = |a: &usize, b: &usize| weights[*a].total_cmp(&weights[*b]).then(b.cmp(a));
    if let Some(best) = (0..weights.len()).max_by(heavier) {
        let together = |c: &Candidate| {
            let apart = |i: usize| c.came[i].since(candidates[best].came[i]).as_micros().abs();
            apart(0).max(apart(1)) <= PARTY.as_micros()
        };
        let party: f32 = candidates.iter().zip(&weights).filter(|(c, _)| together(c)).map(|(_, w)| w).sum();
        p.best = Some((candidates[best].slot, confidence::buyer(party / total)));
        p.alone = confidence::buyer(weights[best] / total);
    }
    p
}

/// Weighs the candidates of a receipt and those of others nearby against each other.
pub(crate) fn shares(candidates: &[Candidate], others: &[Vec<Candidate>], heard: f32) -> Shares {
    let ways = ways(others, heard);
    let free_of =
        |slot: u32| ways.iter().filter(|(taken, _)| !taken.contains(&slot)).map(|(_, w)| w).sum::<f32>();
    let all: f32 = ways.iter().map(|(_, w)| w).sum();
    Shares {
        weights: candidates.iter().map(|c| c.weight * free_of(c.slot)).collect(),
        none: nobody(candidates, heard) * all,
        elsewhere: ELSEWHERE * others_there(candidates) * all,
    }
}

/// Weight of nobody: the fewer buyers are heard, and the more people are in the zone anyway, the likelier it is.
fn nobody(candidates: &[Candidate], heard: f32) -> f32 {
    (1.0 - heard) / heard * others_there(candidates)
}

/// How many people there are in the zone besides the buyer.
fn others_there(candidates: &[Candidate]) -> f32 {
    (candidates.iter().map(|c| c.there).sum::<f32>() - 1.0).max(0.0) + MORE
}

/// The likeliest ways in which other receipts may have been bought: the slots that are taken, and the weight.
fn ways(others: &[Vec<Candidate>], heard: f32) -> Vec<(Vec<u32>, f32)> {
    let mut ways: Vec<(Vec<u32>, f32)> = vec![(Vec::new(), 1.0)];
    for candidates in others {
        let mut best: Vec<&Candidate> = candidates.iter().collect();
        best.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.slot.cmp(&b.slot)));
        best.truncate(RIVALS);
        let mut more = Vec::with_capacity(ways.len() * (best.len() + 1));
        for (taken, weight) in &ways {
            more.push((taken.clone(), weight * nobody(candidates, heard)));
            for c in best.iter().filter(|c| !taken.contains(&c.slot)) {
                let mut taken = taken.clone();
                taken.push(c.slot);
                more.push((taken, weight * c.weight));
            }
        }
        more.sort_by(|a, b| b.1.total_cmp(&a.1));
        more.truncate(WAYS);
        let most = more.first().map_or(1.0, |(_, w)| *w);
        more.iter_mut().for_each(|(_, w)| *w /= most.max(f32::MIN_POSITIVE));
        ways = more;
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn candidate(slot: u32, weight: f32) -> Candidate {
        let came = Timestamp::from_micros(i64::from(slot) * 1_000_000_000);
        Candidate { slot, weight, there: 1.0, came: [came; 2] }
    }

    #[test]
    fn the_only_candidate_bought_the_surer_the_more_buyers_are_heard() {
        let p = |heard| share_out(&[candidate(1, 5.0)], &[], heard).best.unwrap().1;
        assert!(p(0.9) > 0.99 && p(0.5) > 0.95 && p(0.1) < 0.9, "{} {} {}", p(0.9), p(0.5), p(0.1));
    }

    #[test]
    fn each_receipt_takes_its_buyer_from_the_other() {
        let both = [candidate(1, 10.0), candidate(2, 5.0)];
        let alone = share_out(&both, &[], 0.9);
        let beside = share_out(&both, &[vec![candidate(1, 20.0)]], 0.9);
        assert_eq!((alone.best.unwrap().0, beside.best.unwrap().0), (1, 2));
        assert!(beside.best.unwrap().1 > 0.8, "{beside:?}");
    }

    #[test]
    fn people_who_came_together_are_one_buyer() {
        let mut both = [candidate(1, 10.0), candidate(2, 9.0)];
        both[1].came = both[0].came;
        let p = share_out(&both, &[], 0.9);
        assert!(p.best.unwrap().1 > 0.9 && p.alone < 0.7, "but which of them did is open: {p:?}");
    }

    #[test]
    fn many_rivals_stay_bounded_and_finite() {
        let others: Vec<Vec<Candidate>> =
            (0..8).map(|r| (0..40).map(|c| candidate(r * 7 + c, 1e6)).collect()).collect();
        let p = share_out(&others[0], &others[1..], 0.9);
        assert!(p.best.unwrap().1.is_finite() && p.none < 0.1, "{p:?}");
    }
}
