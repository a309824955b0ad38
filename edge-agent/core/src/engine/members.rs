//! Visits of members who agreed: said once each, by the surest evidence there is. Nothing of this happens but in consented
//! mode.

use super::desk::desk;
use super::table::Key;
use super::{Desk, Engine};
use crate::event::{LinkEvidence, Linked, PrivacyMode, VisitFact};
use crate::identity::Closed;
use crate::member::{Members, Presence};
use crate::observation::{MemberHeard, MemberToken, Receipt, ReceiptKind};
use crate::purchase::Candidate;
use crate::time::Timestamp;
use crate::visit::{Device, Phase};

/// How sure it is that what a member carries is with them: by declaration, nobody has measured how often phones are lent.
const CARRIED: f32 = 0.99;
/// Odds that a member's card is shown by the member, and not by somebody else who was lent it. Taken, not measured.
const OWN_CARD: f32 = 9.0;

impl Engine {
    /// What is heard under an address is a member's.
    pub(super) fn member_heard(&mut self, heard: MemberHeard) {
        if self.config.privacy_mode == PrivacyMode::Consented {
            self.state.members.carry(heard);
        }
    }

    /// A member carries the device that an emission is of: once the visit has begun, it is theirs.
    pub(super) fn recognise(members: &mut Members, d: &mut Device, e: &Closed, desk: &mut Desk<'_>) {
        if d.phase != Phase::Inside || desk.config.privacy_mode != PrivacyMode::Consented {
            return;
        }
        if let Some((member, by)) = members.carrier(e.address) {
            link(members, d, member, by, (e.at, CARRIED), desk);
        }
    }

    /// A receipt of a member whose device is known was most likely paid by whoever carries it.
    pub(super) fn favour(&self, own: &mut [Candidate], receipt: &Receipt) {
        let Some(member) = self.agreed(receipt) else { return };
        let others = own.len() as f32;
        for c in own {
            let is_theirs = |visit| self.state.members.is_linked(visit, member);
            if self.visit_in(c.slot).is_some_and(is_theirs) {
                c.weight *= OWN_CARD * others;
            }
        }
    }

    /// A receipt of a member was decided, and is surely nobody's: with the others of theirs it may yet say who they are.
    pub(super) fn suspect(&mut self, receipt: &Receipt, now: Timestamp) {
        let Some(member) = self.agreed(receipt).filter(|_| receipt.kind == ReceiptKind::Sale) else { return };
        let zone = self.site.till(receipt.till).zone;
        let mut own = self.candidates(zone, receipt.at);
        self.discount(&mut own, zone, receipt.at);
        let presence = |c: &Candidate| Some(Presence { visit: self.visit_in(c.slot)?, weight: c.weight });
        let there: Vec<_> = own.iter().filter(|c| c.weight > 0.0).filter_map(presence).collect();
        let visitor = |d: &Device| matches!(d.phase, Phase::Inside | Phase::Gone);
        let present = self.state.table.iter().filter(|(_, d)| visitor(d)).count();
        let heard = self.state.purchases.heard();
        let found = self.state.members.bought(member, receipt.at, there, present, heard);
        let Some((visit, sure)) = found else { return };
        let slot = self.state.table.iter().find(|(_, d)| d.visit(&self.site.id) == visit).map(|(s, _)| s);
        let Some(key) = slot.map(|slot| self.state.table.key_of(slot)) else { return };
        self.link_slot(key, member, LinkEvidence::Copresence, (receipt.at, sure), now);
    }

    /// The visit in a slot is a member's.
    pub(super) fn link_slot(
        &mut self,
        key: Key,
        member: MemberToken,
        evidence: LinkEvidence,
        said: (Timestamp, f32),
        now: Timestamp,
    ) {
        let mut desk = desk!(self, now);
        let Some(d) = self.state.table.get_mut(key) else { return };
        link(&mut self.state.members, d, member, evidence, said, &mut desk);
        desk.keep(d);
    }

    /// The member whom a receipt names, if they agreed.
    pub(super) fn agreed(&self, receipt: &Receipt) -> Option<MemberToken> {
        receipt.member.filter(|_| receipt.consented && self.config.privacy_mode == PrivacyMode::Consented)
    }
}

/// Publishes that a visit is a member's, if that is news.
fn link(
    members: &mut Members,
    d: &mut Device,
    member: MemberToken,
    evidence: LinkEvidence,
    (at, sure): (Timestamp, f32),
    desk: &mut Desk<'_>,
) {
    if members.link(d.visit(&desk.site.id), member) {
        let fact = VisitFact::Linked(Linked { member: member.to_string(), evidence, history: None });
        desk.publish(d, at, sure, fact);
    }
}
