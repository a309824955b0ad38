//! Which members who agreed are here (consented mode only): by what they carry, and by what their receipts have in common.
//!
//! - A member's app beacon, or the address of a phone of theirs, is known by declaration: the shell says whose it is
//!   ([`MemberHeard`]), and the visit that is heard under it is the member's.
//! - A receipt that names a member and is surely a visit's says whose the visit is.
//! - Several receipts of one member, none of them surely anybody's, accuse whoever was there each time. Of `N` visitors
//!   present, a share `p` is as likely to have paid as the suspect, receipt by receipt: `N·Πp` strangers are expected to be
//!   as suspicious by chance. Only below `BY_CHANCE` a link is claimed, and only if the suspect is the member with a
//!   probability of at least `ATTRIBUTED`: prior `heard/N` each, times the likelihood ratios of the receipts.
//!
//! Such evidence does not outlive a day, because the pseudonyms do not: following everybody who was near a till from one
//! day to the next, in order to find the one who agreed, is what pseudonyms are there to prevent.

use crate::event::{LinkEvidence, VisitId};
use crate::observation::{MemberHeard, MemberToken, Pseudonym};
use crate::purchase::ATTRIBUTED;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Strangers who may be as suspicious by chance.
const BY_CHANCE: f32 = 0.05;
/// Likelihood of a receipt if its buyer is the suspect, who was not found near the till: somebody else showed the card, or
/// the suspect was heard elsewhere.
const NOT_THERE: f32 = 0.05;
/// Receipts and addresses of longer ago are of another day.
const DAY: Span = Span::from_secs(24 * 3600);
/// Suspects of one member that are remembered: the likeliest.
const SUSPECTS: usize = 16;
/// Members whose receipts are compared at once; beyond, the one who bought longest ago is dropped.
const BUYERS: usize = 4096;
/// Addresses of members that are remembered at once; beyond, a new one is not.
const CARRIED: usize = 1 << 14;
/// Links that are remembered, so that each is said once; beyond, the oldest is forgotten.
const SAID: usize = 1 << 14;

/// What is known of members.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Members {
    carried: BTreeMap<Pseudonym, MemberHeard>,
    buyers: BTreeMap<MemberToken, Buying>,
    said: BTreeSet<(VisitId, MemberToken)>,
    /// The same, oldest first.
    order: VecDeque<(VisitId, MemberToken)>,
}

/// What the receipts of a member have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Buying {
    newest: Timestamp,
    receipts: u8,
    suspects: Vec<Suspect>,
}

/// A visit that may be the member's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Suspect {
    visit: VisitId,
    /// Receipts whose buyer it may be.
    there: u8,
    /// Natural logarithm of the likelihood ratio of all receipts.
    likely: f32,
    /// Natural logarithm of the share of visitors that are as suspicious, over all receipts.
    common: f32,
}

/// A visit that may have paid, and how much likelier what was heard of it is if it did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Presence {
    /// The visit.
    pub visit: VisitId,
    /// Likelihood ratio.
    pub weight: f32,
}

impl Members {
    /// Nobody is known to carry anything.
    pub fn none_carry(&self) -> bool {
        self.carried.is_empty()
    }

    /// What is heard under this address is a member's.
    pub fn carry(&mut self, heard: MemberHeard) {
        if self.carried.len() >= CARRIED && !self.carried.contains_key(&heard.device) {
            self.carried.retain(|_, c| heard.at.since(c.at) < DAY);
            if self.carried.len() >= CARRIED {
                return;
            }
        }
        self.carried.insert(heard.device, heard);
    }

    /// Whose address it is.
    pub fn carrier(&self, address: Pseudonym) -> Option<(MemberToken, LinkEvidence)> {
        self.carried.get(&address).map(|c| (c.member, c.by))
    }

    /// A visit is a member's; whether that is news.
    pub fn link(&mut self, visit: VisitId, member: MemberToken) -> bool {
        if !self.said.insert((visit, member)) {
            return false;
        }
        self.order.push_back((visit, member));
        if self.order.len() > SAID
            && let Some(oldest) = self.order.pop_front()
        {
            self.said.remove(&oldest);
        }
        true
    }

    /// Whether a visit was said to be a member's.
    pub fn is_linked(&self, visit: VisitId, member: MemberToken) -> bool {
        self.said.contains(&(visit, member))
    }

    /// A sale to a member: who may have paid, of `present` visitors of whom a share `heard` is heard at all. The visit that
    /// must be the member's by now, if there is one, and how sure that is.
    pub fn bought(
        &mut self,
        member: MemberToken,
        at: Timestamp,
        mut there: Vec<Presence>,
        present: usize,
        heard: f32,
    ) -> Option<(VisitId, f32)> {
        self.make_room(member);
        let new = Buying { newest: at, receipts: 0, suspects: Vec::new() };
        let buying = self.buyers.entry(member).or_insert_with(|| new.clone());
        if at.since(buying.newest).as_micros().abs() > DAY.as_micros() {
            *buying = new;
        }
        there.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.visit.cmp(&b.visit)));
        let present = (present.max(there.len())).max(1) as f32;
        buying.add(at, &there, present);
        buying.verdict(present, heard)
    }

    fn make_room(&mut self, member: MemberToken) {
        if self.buyers.len() >= BUYERS && !self.buyers.contains_key(&member) {
            let oldest = self.buyers.iter().min_by_key(|(token, b)| (b.newest, **token));
            if let Some(token) = oldest.map(|(token, _)| *token) {
                self.buyers.remove(&token);
            }
        }
    }

    /// Forgets a member.
    pub fn forget_member(&mut self, member: MemberToken) {
        self.carried.retain(|_, c| c.member != member);
        self.buyers.remove(&member);
        self.said.retain(|(_, m)| *m != member);
        self.order.retain(|(_, m)| *m != member);
    }

    /// Forgets a visit, and what was heard under its addresses.
    pub fn forget_visit(&mut self, visit: VisitId, addresses: &BTreeSet<Pseudonym>) {
        self.carried.retain(|address, _| !addresses.contains(address));
        self.buyers.values_mut().for_each(|b| b.suspects.retain(|s| s.visit != visit));
        self.said.retain(|(v, _)| *v != visit);
        self.order.retain(|(v, _)| *v != visit);
    }
}

impl Buying {
    /// One more receipt; `there`: the likeliest first.
    fn add(&mut self, at: Timestamp, there: &[Presence], present: f32) {
        let missed = libm::logf(NOT_THERE) * f32::from(self.receipts);
        for suspect in &mut self.suspects {
            if !there.iter().any(|t| t.visit == suspect.visit) {
                suspect.likely += libm::logf(NOT_THERE);
            }
        }
        for (rank, t) in (1u16..).zip(there) {
            let (likely, common) = (libm::logf(t.weight), libm::logf(f32::from(rank) / present));
            match self.suspects.iter_mut().find(|s| s.visit == t.visit) {
                Some(s) => {
                    s.there = s.there.saturating_add(1);
                    s.likely += likely;
                    s.common += common;
                }
                None => {
                    self.suspects.push(Suspect { visit: t.visit, there: 1, likely: missed + likely, common });
                }
            }
        }
        self.suspects.sort_by(|a, b| b.likely.total_cmp(&a.likely).then(a.visit.cmp(&b.visit)));
        self.suspects.truncate(SUSPECTS);
        self.newest = self.newest.max(at);
        self.receipts = self.receipts.saturating_add(1);
    }

    fn verdict(&self, present: f32, heard: f32) -> Option<(VisitId, f32)> {
        let best = self.suspects.first().filter(|s| s.there >= 2)?;
        let by_chance = present * libm::expf(best.common);
        let odds = |s: &Suspect| heard / present * libm::expf(s.likely.min(60.0));
        let all: f32 = self.suspects.iter().map(odds).sum();
        let sure = odds(best) / (all + 1.0 - heard);
        (by_chance <= BY_CHANCE && sure >= ATTRIBUTED).then_some((best.visit, sure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBER: MemberToken = MemberToken(7);

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_micros(minute * 60_000_000)
    }

    fn there(visits: &[(u128, f32)]) -> Vec<Presence> {
        visits.iter().map(|&(visit, weight)| Presence { visit: VisitId(visit), weight }).collect()
    }

    /// Three strangers at each till, and visit 1.
    fn buy(members: &mut Members, receipt: i64, with: Option<f32>) -> Option<(VisitId, f32)> {
        let stranger = |n: u128| (100 * receipt as u128 + n, 4.0);
        let mut all = vec![stranger(1), stranger(2), stranger(3)];
        all.extend(with.map(|weight| (1, weight)));
        members.bought(MEMBER, at(receipt * 40), there(&all), 300, 0.8)
    }

    #[test]
    fn the_one_who_was_there_each_time_is_the_member_and_one_time_is_not_enough() {
        let mut members = Members::default();
        assert_eq!(buy(&mut members, 1, Some(3.0)), None);
        assert_eq!(buy(&mut members, 2, Some(3.0)), None, "4 of 300, twice: 0.05 strangers, odds 9 in 300");
        assert_eq!(buy(&mut members, 3, Some(8.0)), None, "odds 72 in 300");
        let (visit, sure) = buy(&mut members, 4, Some(20.0)).unwrap();
        assert!(visit == VisitId(1) && (0.8..1.0).contains(&sure), "{visit:?} {sure}");
    }

    #[test]
    fn a_crowd_that_goes_shopping_together_betrays_nobody() {
        let mut members = Members::default();
        let crowd: Vec<_> = (1..=40).map(|n| (n, 5.0)).collect();
        for receipt in 1..=6 {
            assert_eq!(members.bought(MEMBER, at(receipt * 30), there(&crowd), 60, 0.8), None);
        }
    }

    #[test]
    fn who_is_absent_is_less_suspect_and_yesterday_is_forgotten() {
        let mut members = Members::default();
        buy(&mut members, 1, Some(30.0));
        buy(&mut members, 2, None);
        assert_eq!(buy(&mut members, 3, Some(30.0)), None, "absent once: 45 in 300");
        assert!(buy(&mut members, 4, Some(30.0)).is_some());
        assert_eq!(buy(&mut members, 100, Some(30.0)), None, "two days later");
    }

    #[test]
    fn a_link_is_said_once_and_forgotten_with_the_member_or_the_visit() {
        let mut members = Members::default();
        let heard = MemberHeard { at: at(0), device: Pseudonym(5), member: MEMBER, by: LinkEvidence::App };
        members.carry(heard);
        assert_eq!(members.carrier(Pseudonym(5)), Some((MEMBER, LinkEvidence::App)));
        assert!(members.link(VisitId(1), MEMBER) && !members.link(VisitId(1), MEMBER));
        assert!(members.link(VisitId(1), MemberToken(8)), "somebody else's card");
        members.forget_visit(VisitId(1), &BTreeSet::from([Pseudonym(5)]));
        assert!(members.none_carry() && members.link(VisitId(1), MEMBER));
        members.carry(heard);
        buy(&mut members, 1, None);
        members.forget_member(MEMBER);
        members.forget_member(MemberToken(8));
        assert_eq!(members, Members::default());
    }

    #[test]
    fn it_stays_bounded() {
        let mut members = Members::default();
        for n in 0..(CARRIED as u128 + 10) {
            let member = MemberToken(n);
            let heard = MemberHeard { at: at(0), device: Pseudonym(n), member, by: LinkEvidence::Address };
            members.carry(heard);
            members.link(VisitId(n), member);
            let crowd: Vec<_> = (0..40).map(|v| (v, 1.0)).collect();
            members.bought(member, at(n as i64), there(&crowd), 40, 0.5);
        }
        assert!(members.carried.len() == CARRIED && members.said.len() == SAID);
        assert_eq!(members.order.len(), SAID);
        let (first, last) = (MemberToken(0), MemberToken(CARRIED as u128 + 9));
        assert!(!members.is_linked(VisitId(0), first), "the oldest was forgotten");
        assert!(members.is_linked(VisitId(last.0), last), "and not the newest");
        assert!(members.buyers.len() == BUYERS);
        assert!(members.buyers.values().all(|b| b.suspects.len() == SUSPECTS));
    }
}
