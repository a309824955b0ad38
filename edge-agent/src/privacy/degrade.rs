//! What of an event may be said in a mode: the one place that takes things out of events.
//!
//! An event that is degraded is what a stricter mode would have said of the same fact, under the same id, and says so
//! in its `privacy_mode`. A fact that a mode says nothing of is nothing.

use std::collections::BTreeSet;
use visit_core::event::{
    Attribution, Body, Confidence, Event, PrivacyMode, ReceiptRecorded, VisitFact, VisitId,
};
use visit_core::observation::{MemberToken, Observation};

/// What of `event` may be said in `mode`; `None`: nothing. An event that is strict enough stays as it is.
pub(crate) fn fit(event: Event, mode: PrivacyMode) -> Option<Event> {
    if strictness(event.privacy_mode) >= strictness(mode) && says_no_more_than(&event, mode) {
        return Some(event);
    }
    let body = match (event.body, mode) {
        (Body::Visit(_), PrivacyMode::Count) => return None,
        (Body::Visit(v), PrivacyMode::Pseudonymous) => match v.fact {
            VisitFact::Linked(_) => return None,
            _ => Body::Visit(v),
        },
        (Body::Receipt(r), PrivacyMode::Count) => Body::Receipt(unattributed(r)),
        (Body::Receipt(r), PrivacyMode::Pseudonymous) => Body::Receipt(ReceiptRecorded { member: None, ..r }),
        (other, _) => other,
    };
    let privacy_mode =
        if strictness(event.privacy_mode) < strictness(mode) { mode } else { event.privacy_mode };
    Some(Event { body, privacy_mode, ..event })
}

/// `event` without members that `gone` says; `None` when nothing is left of it.
pub(crate) fn without_members(event: Event, gone: &dyn Fn(MemberToken) -> bool) -> Option<Event> {
    let body = match event.body {
        Body::Visit(v) if member_of(&v.fact).is_some_and(gone) => return None,
        Body::Receipt(r) if r.member.is_some_and(gone) => {
            Body::Receipt(ReceiptRecorded { member: None, ..r })
        }
        other => other,
    };
    Some(Event { body, ..event })
}

/// `event` without what it says of these visits and members; `None` when nothing is left of it.
pub(crate) fn without(
    event: &Event,
    visits: &BTreeSet<VisitId>,
    members: &BTreeSet<MemberToken>,
) -> Option<Event> {
    let mut event = without_members(event.clone(), &|member| members.contains(&member))?;
    let is_named = |text: &String| visits.iter().any(|visit| visit.to_string() == *text);
    match &mut event.body {
        Body::Visit(v) if visits.contains(&v.visit) => return None,
        Body::Visit(v) => match &v.fact {
            VisitFact::Merged(m) if is_named(&m.into) || m.merged.iter().any(is_named) => return None,
            _ => {}
        },
        Body::Receipt(r) if r.attribution.visit_id.as_ref().is_some_and(is_named) => {
            r.attribution.visit_id = None;
            r.attribution.confidence = r.attribution.none;
            r.retracts = None;
        }
        Body::Receipt(_) | Body::Reconciled(_) | Body::Flow(_) | Body::Privacy(_) => {}
    }
    Some(event)
}

/// A paper that waits, without members that `gone` says; whether there were any.
pub(crate) fn forget_members(paper: &mut Observation, gone: &dyn Fn(MemberToken) -> bool) -> bool {
    match paper {
        Observation::Receipt(r) if r.member.is_some_and(gone) => {
            r.member = None;
            r.consented = false;
            true
        }
        _ => false,
    }
}

/// The member that a fact names.
pub(crate) fn member_of(fact: &VisitFact) -> Option<MemberToken> {
    match fact {
        VisitFact::Linked(linked) => u128::from_str_radix(&linked.member, 16).ok().map(MemberToken),
        _ => None,
    }
}

/// A receipt that says nothing of who paid. Nobody was considered, so nobody we heard paid.
pub(crate) fn unattributed(receipt: ReceiptRecorded) -> ReceiptRecorded {
    let nobody = Confidence::new(1.0);
    let attribution = Attribution { visit_id: None, confidence: nobody, candidates: 0, none: nobody };
    ReceiptRecorded { member: None, attribution, retracts: None, ..receipt }
}

/// Whether an event says something of a single visit or a member.
pub(crate) fn is_about_somebody(event: &Event) -> bool {
    !says_no_more_than(event, PrivacyMode::Count)
}

/// Count mode is the strictest.
pub(crate) fn strictness(mode: PrivacyMode) -> u8 {
    match mode {
        PrivacyMode::Consented => 0,
        PrivacyMode::Pseudonymous => 1,
        PrivacyMode::Count => 2,
    }
}

fn says_no_more_than(event: &Event, mode: PrivacyMode) -> bool {
    match (&event.body, mode) {
        (_, PrivacyMode::Consented) | (Body::Flow(_) | Body::Reconciled(_) | Body::Privacy(_), _) => true,
        (Body::Visit(v), PrivacyMode::Pseudonymous) => {
            member_of(&v.fact).is_none() && v.fact.kind() != "linked"
        }
        (Body::Visit(_), PrivacyMode::Count) => false,
        (Body::Receipt(r), PrivacyMode::Pseudonymous) => r.member.is_none(),
        (Body::Receipt(r), PrivacyMode::Count) => {
            let a = &r.attribution;
            r.member.is_none() && r.retracts.is_none() && a.visit_id.is_none() && a.candidates == 0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use visit_core::event::samples;

    fn modes() -> [PrivacyMode; 3] {
        [PrivacyMode::Consented, PrivacyMode::Pseudonymous, PrivacyMode::Count]
    }

    #[test]
    fn every_event_fits_every_mode_or_is_nothing_and_keeps_its_id() {
        for event in samples::all() {
            for mode in modes() {
                let kind = event.event_type();
                let fitted = fit(event.clone(), mode);
                let gone = match mode {
                    PrivacyMode::Consented => false,
                    PrivacyMode::Pseudonymous => kind == "mall.visit.linked",
                    PrivacyMode::Count => kind.starts_with("mall.visit."),
                };
                assert_eq!(fitted.is_none(), gone, "{kind} in {mode:?}");
                let Some(fitted) = fitted else { continue };
                assert!(says_no_more_than(&fitted, mode));
                assert_eq!((fitted.id, fitted.time), (event.id, event.time));
                assert_eq!(fit(fitted.clone(), mode), Some(fitted), "once is enough");
            }
        }
    }

    #[test]
    fn in_count_mode_nothing_of_a_receipt_says_who_paid() {
        for mut event in samples::all() {
            let Body::Receipt(r) = &mut event.body else { continue };
            r.member = Some(MemberToken(5));
            assert!(is_about_somebody(&event));
            let fitted = fit(event, PrivacyMode::Count).unwrap();
            assert_eq!(fitted.privacy_mode, PrivacyMode::Count);
            let Body::Receipt(r) = &fitted.body else { panic!() };
            assert_eq!((r.member, r.retracts, &r.attribution.visit_id), (None, None, &None));
            assert_eq!((r.attribution.candidates, r.attribution.none.get()), (0, 1.0));
            assert!(r.amount_minor.is_some() && r.takes_back.is_some(), "the receipt itself stays");
        }
    }

    #[test]
    fn a_member_who_withdrew_is_linked_by_nothing() {
        let member = MemberToken(0x6d65_6d62_6572);
        let gone = |m| m == member;
        let mut linked = 0;
        for mut event in samples::all() {
            if let Body::Receipt(r) = &mut event.body {
                r.member = Some(member);
            }
            let is_link = event.event_type() == "mall.visit.linked";
            linked += usize::from(is_link);
            let left = without_members(event, &gone);
            assert_eq!(left.is_none(), is_link);
            if let Some(Event { body: Body::Receipt(r), .. }) = left {
                assert_eq!(r.member, None);
                assert!(r.attribution.visit_id.is_some(), "the visit is no member");
            }
        }
        assert_eq!(linked, 1);
    }
}
