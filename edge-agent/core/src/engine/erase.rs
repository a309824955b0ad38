//! What the engine knows of somebody, taken out of it: because they asked, or because its time is over.
//!
//! Nothing is said about it: no exit, no event. Who is still here and goes on to be heard would be a visit of its own,
//! under the same pseudonym; the shell has to see to it that they are not. An emission that is still open stays: let
//! time pass it first.
//!
//! What is added to [`EngineState`] about visits or members has to be forgotten here as well.

use super::{Engine, EngineState, LedgerChange, Output};
use crate::event::VisitId;
use crate::observation::{MemberToken, Observation, Pseudonym, Receipt};
use std::collections::BTreeSet;

impl Engine {
    /// Forgets a visit, in the book of receipts too. Gives back the device's pseudonym, if the visit was followed.
    pub fn forget_visit(&mut self, visit: VisitId) -> Option<Pseudonym> {
        let mut changes = Vec::new();
        let device = self.state.forget_visit(&self.site.id, visit, &mut changes);
        self.out.extend(changes.into_iter().map(Output::Ledger));
        device
    }

    /// Forgets that receipts which wait for their decision are of this member.
    pub fn forget_member(&mut self, member: MemberToken) {
        self.state.forget_member(member);
    }

    /// Forgets whose the receipts of business days before `day` (days since 1970-01-01) are.
    pub fn forget_buyers(&mut self, day: i32) {
        let mut changes = Vec::new();
        self.state.book.forget_buyers(|entry| entry.business_date < day, &mut changes);
        self.out.extend(changes.into_iter().map(Output::Ledger));
    }
}

impl EngineState {
    /// As [`Engine::forget_visit`], in a snapshot of the site with this id; `changes`: what follows for the ledger.
    pub fn forget_visit(
        &mut self,
        site: &str,
        visit: VisitId,
        changes: &mut Vec<LedgerChange>,
    ) -> Option<Pseudonym> {
        self.book.forget_buyers(|entry| entry.buyer.visit == Some(visit), changes);
        self.purchases.forget_visit(visit);
        self.members.forget_visit(visit, &BTreeSet::new());
        let slot = self.table.iter().find(|(_, d)| d.visit(site) == visit).map(|(slot, _)| slot)?;
        let key = self.table.key_of(slot);
        let addresses = self.table.addresses(key);
        let name = self.table.remove(key)?.name;
        self.flow.forget(name);
        self.table.unpoint(&addresses);
        self.members.forget_visit(visit, &addresses);
        self.flow.forget_addresses(&addresses);
        let spoke = |o: &Observation| match o {
            Observation::Sighting(s) => addresses.contains(&s.device),
            Observation::MemberHeard(m) => addresses.contains(&m.device),
            _ => false,
        };
        self.waiting.retain(|o| !spoke(o));
        self.doubted.take_if(|o| spoke(o));
        changes.push(LedgerChange::Remove(visit));
        Some(name)
    }

    /// As [`Engine::forget_member`].
    pub fn forget_member(&mut self, member: MemberToken) {
        let forget = |r: &mut Receipt| {
            if r.member == Some(member) {
                r.member = None;
                r.consented = false;
            }
        };
        for o in self.waiting.iter_mut().chain(&mut self.doubted) {
            if let Observation::Receipt(r) = o {
                forget(r);
            }
        }
        let theirs = |o: &Observation| matches!(o, Observation::MemberHeard(m) if m.member == member);
        self.waiting.retain(|o| !theirs(o));
        self.doubted.take_if(|o| theirs(o));
        self.purchases.receipts_mut().for_each(forget);
        self.members.forget_member(member);
    }
}
