//! Under which privacy rules a store is kept, and was kept by the run before.

use super::types::Checkpoint;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use visit_core::engine::LedgerChange;
use visit_core::event::{Body, DegradeReason, Degraded, Event, EventId, PrivacyMode, PrivacyNotice, VisitId};
use visit_core::observation::{MemberToken, Pseudonym};
use visit_core::time::{Span, Timestamp};

/// The rules now in force. Without them ([`super::StoreOptions::privacy`]) a store keeps everything for ever: tools.
#[derive(Clone, Debug, PartialEq)]
pub struct PrivacyRules {
    /// What may be kept of people.
    pub mode: PrivacyMode,
    /// How long facts about single visits may be kept that were taken in pseudonymous, and in consented mode.
    pub ttl: [Span; 2],
    /// Numbers of fewer facts than this are withheld from notices.
    pub k: u32,
    /// Who says in a notice what was taken out: the site, …
    pub site: String,
    /// … the gateway, …
    pub gateway: String,
    /// … and its configuration.
    pub config_version: u32,
    /// All privacy settings in words: kept, so that the next run can tell what changed.
    pub settings: Vec<(String, String)>,
}

impl PrivacyRules {
    /// How long facts may be kept that were taken in `mode`.
    pub(super) fn ttl_of(&self, mode: PrivacyMode) -> Span {
        match mode {
            PrivacyMode::Consented => self.ttl[1],
            PrivacyMode::Pseudonymous | PrivacyMode::Count => self.ttl[0],
        }
    }

    /// The time between two looks for what is too old. What would become so until the next look goes at this one, so
    /// that nothing is ever kept longer than it may.
    pub(super) fn step(&self) -> Span {
        Span::from_micros(self.ttl[0].as_micros().min(self.ttl[1].as_micros()) / STEPS)
    }
}

/// Each look may cost a copy of the database: eight in the life of a fact.
const STEPS: i64 = 8;

/// What a run leaves for the next. Rewritten when it changes, and every ten minutes while there are commits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Policy {
    /// The mode.
    pub mode: PrivacyMode,
    /// Since when.
    pub since: Timestamp,
    /// When something was committed last, to ten minutes.
    pub touched: Timestamp,
    /// When the file was last without remains of what had been removed.
    pub scrubbed: Timestamp,
    /// When the oldest of what was removed since then had been queued.
    pub oldest_removed: Option<Timestamp>,
    /// The settings in words.
    pub settings: Vec<(String, String)>,
    /// What was taken out and is not told yet.
    pub unreported: Option<Tally>,
}

/// A visit that was said to be a member's; kept as long as the visit is in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// The visit.
    pub visit: VisitId,
    /// Whose it is.
    pub member: MemberToken,
    /// The visit's device.
    pub device: Pseudonym,
}

/// Who is to be forgotten.
#[derive(Clone, Debug, PartialEq)]
pub struct Forget {
    /// These visits.
    pub visits: Vec<VisitId>,
    /// These members.
    pub members: Vec<MemberToken>,
    /// What follows for ledger and book.
    pub ledger: Vec<LedgerChange>,
    /// The checkpoint without them, where there is one.
    pub checkpoint: Option<Checkpoint>,
    /// Somebody asked: the recipients are told whom to forget. Else a consent was withdrawn: they are told how much was
    /// taken out.
    pub asked: bool,
    /// Wall clock.
    pub at: Timestamp,
}

/// What was taken out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Facts that waited for the broker or among the dead letters, by type.
    pub events: BTreeMap<String, u32>,
    /// Receipts that waited there and no longer say whose they are.
    pub receipts: u32,
    /// Links of a visit to a member.
    pub links: u32,
    /// Receipts that wait to be recorded, and no longer name the member.
    pub waiting_papers: u32,
    /// The file was written anew, so that nothing of it is left there.
    pub scrubbed: bool,
}

/// Facts taken out, counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub reason: DegradeReason,
    pub from: Timestamp,
    pub until: Timestamp,
    /// Facts about visits, by kind.
    pub visits: BTreeMap<String, u32>,
    /// Receipts that no longer say whose they are.
    pub receipts: u32,
}

impl Tally {
    pub(super) fn new(reason: DegradeReason) -> Self {
        let (from, until) = (Timestamp::MAX, Timestamp::MIN);
        Self { reason, from, until, visits: BTreeMap::new(), receipts: 0 }
    }

    /// Whether nothing was taken out.
    pub(super) fn is_empty(&self) -> bool {
        self.visits.is_empty() && self.receipts == 0
    }

    /// Facts about visits.
    pub(super) fn facts(&self) -> u32 {
        self.visits.values().fold(0, |n, more| n.saturating_add(*more))
    }

    /// Something of `event` was taken out.
    pub(super) fn count(&mut self, event: &Event) {
        match &event.body {
            Body::Visit(v) => {
                let kind = self.visits.entry(v.fact.kind().to_owned()).or_default();
                *kind = kind.saturating_add(1);
            }
            Body::Receipt(_) => self.receipts = self.receipts.saturating_add(1),
            Body::Flow(_) | Body::Reconciled(_) | Body::Privacy(_) => return,
        }
        self.from = self.from.min(event.time);
        self.until = self.until.max(event.time);
    }

    /// What the recipients are told.
    pub(super) fn notice(self, rules: &PrivacyRules) -> PrivacyNotice {
        let figure = |n: u32| (n >= rules.k).then_some(n);
        PrivacyNotice::Degraded(Degraded {
            gateway: rules.gateway.clone(),
            reason: self.reason,
            from: self.from,
            until: self.until,
            visits: self.visits.into_iter().map(|(kind, n)| (kind, figure(n))).collect(),
            receipts: figure(self.receipts),
        })
    }
}

/// The event of a notice; `number` tells it from all others of this gateway.
pub(super) fn notice_event(
    notice: PrivacyNotice,
    rules: &PrivacyRules,
    now: Timestamp,
    number: u64,
) -> Event {
    let kind = format!("privacy.{}", notice.kind());
    Event {
        id: EventId::of(&rules.site, rules.gateway.as_bytes(), &kind, number),
        site: rules.site.clone(),
        time: now,
        detected_at: now,
        privacy_mode: rules.mode,
        config_version: rules.config_version,
        body: Body::Privacy(notice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use visit_core::event::samples;

    #[test]
    fn what_is_told_counts_by_kind_and_withholds_small_numbers() {
        let mut tally = Tally::new(DegradeReason::Ttl);
        assert!(tally.is_empty());
        for event in samples::all() {
            (0..if event.event_type() == "mall.visit.arrived" { 10 } else { 1 })
                .for_each(|_| tally.count(&event));
        }
        let hour = Span::from_secs(3600);
        let rules = PrivacyRules {
            mode: PrivacyMode::Pseudonymous,
            ttl: [hour, hour],
            k: 10,
            site: "mall".into(),
            gateway: "gw".into(),
            config_version: 1,
            settings: Vec::new(),
        };
        assert_eq!(tally.facts(), 20);
        let event = notice_event(tally.notice(&rules), &rules, Timestamp::from_micros(5), 7);
        let Body::Privacy(PrivacyNotice::Degraded(d)) = &event.body else { panic!() };
        assert_eq!((d.visits["arrived"], d.visits["exited"], d.receipts), (Some(10), None, None));
        assert_eq!(d.visits.len(), 11, "no flow figure is a fact about a visit");
        assert!(d.from < d.until);
        assert_eq!(rules.step(), Span::from_secs(450));
    }
}
