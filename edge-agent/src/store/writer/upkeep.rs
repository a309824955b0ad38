//! Keeps a store to its privacy rules: when a run begins, every now and then, and when somebody is to be forgotten.
//!
//! What is removed from the database stays in its file until that is written anew; so the file is, before anything
//! that was removed becomes older than it may ([`Policy::oldest_removed`]), and at once where somebody asked.

use super::super::db::Changes;
use super::super::error::StoreError;
use super::super::policy::{Forget, Forgotten, Link, Policy, PrivacyRules, Tally, notice_event};
use super::super::purge::{Fate, Place};
use super::super::record::{self, Key, Kind, Pending, Table};
use super::super::state::Incoming;
use super::super::types::{StoreOptions, WhenFull};
use super::{Open, Writer};
use crate::privacy::degrade;
use std::collections::{BTreeMap, BTreeSet};
use visit_core::event::{Body, Changed, DegradeReason, Erased, Event, PrivacyMode, PrivacyNotice, Setting};
use visit_core::observation::MemberToken;
use visit_core::time::{Span, Timestamp};

/// What a run under other rules, or so much later, does not take up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Begun {
    /// The visits of the ledger and the checkpoint.
    pub visits_forgotten: bool,
    /// Whose the receipts are that wait.
    pub members_forgotten: bool,
}

impl Writer {
    /// Begins a run under its rules, before anybody reads anything.
    pub(in super::super) fn begin(&mut self) -> Result<Begun, StoreError> {
        let Some(rules) = self.options.privacy.clone() else { return Ok(Begun::default()) };
        let now = self.options.now;
        let begun = self.attempt(|w| w.take_over(&rules, now))?;
        self.attempt(|w| w.look(&rules, now))?;
        self.tell();
        Ok(begun)
    }

    /// It is `now`. Looks for what is too old eight times in the life of a fact; to be called more often.
    pub(super) fn look_after(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let Some(rules) = self.options.privacy.clone() else { return Ok(()) };
        // A clock that was set back is no reason not to look.
        if self.looked.is_some_and(|last| now >= last && now.since(last) < rules.step()) {
            return Ok(());
        }
        self.attempt(|w| w.look(&rules, now))
    }

    /// Takes somebody out of everything that waits, and out of the file.
    pub(super) fn forget(&mut self, who: Forget) -> Result<Forgotten, StoreError> {
        let Some(rules) = self.options.privacy.clone() else {
            return Err(StoreError::Failed("it was opened without privacy rules".into()));
        };
        let visits: BTreeSet<_> = who.visits.iter().copied().collect();
        let members: BTreeSet<_> = who.members.iter().copied().collect();
        let mut told = Forgotten::default();
        let mut rule = |_: Timestamp, event: &Event| match degrade::without(event, &visits, &members) {
            Some(left) if left == *event => Fate::Keep,
            left => {
                match (&event.body, left.is_some()) {
                    (Body::Receipt(_), _) => told.receipts += 1,
                    _ => *told.events.entry(event.event_type()).or_default() += 1,
                }
                left.map_or(Fate::Remove, |event| Fate::Replace(Box::new(event)))
            }
        };
        self.purge(DegradeReason::ConsentWithdrawn, &mut rule, &rules, who.at, !who.asked)?;
        let open = self.open.as_mut().ok_or(StoreError::Closed)?;
        let mut changes = Changes::default();
        for entry in open.db.scan(&[Table::Link as u8], &[Table::Link as u8]) {
            let (key, value) = entry?;
            let Ok(link) = record::read::<Link>(Kind::Link, "a link", &value) else { continue };
            if visits.contains(&link.visit) || members.contains(&link.member) {
                changes.remove(key);
                told.links += 1;
            }
        }
        told.waiting_papers = strip_papers(open, &|member| members.contains(&member), &mut changes)?;
        open.state.removed(who.at);
        self.finish(changes)?;
        let removed = told.events.values().fold(told.receipts, |n, more| n.saturating_add(*more));
        let notice = who.asked.then(|| {
            PrivacyNotice::Erased(Erased {
                gateway: rules.gateway.clone(),
                visits: who.visits.clone(),
                member: who.members.first().copied(),
                removed,
            })
        });
        self.add(
            notice,
            &rules,
            who.at,
            Incoming { ledger: who.ledger, checkpoint: who.checkpoint, ..Incoming::default() },
        )?;
        told.scrubbed = self.scrub(who.at);
        Ok(told)
    }

    /// Puts the rules in force, and forgets what was kept under others or for too long.
    fn take_over(&mut self, rules: &PrivacyRules, now: Timestamp) -> Result<Begun, StoreError> {
        let Some(open) = &mut self.open else { return Err(StoreError::Closed) };
        let before = open.state.policy.take();
        let other_mode = before.as_ref().is_some_and(|p| p.mode != rules.mode);
        let lapsed = before.as_ref().is_some_and(|p| now.since(p.touched) >= rules.ttl_of(p.mode));
        // Of a store that says nothing of its rules only the strictest takes nothing over.
        let unknown = before.is_none() && rules.mode == PrivacyMode::Count;
        let begun = Begun {
            visits_forgotten: other_mode || lapsed || unknown,
            members_forgotten: rules.mode != PrivacyMode::Consented,
        };
        let settings = rules.settings.clone();
        open.state.policy = Some(match before.clone() {
            Some(p) => Policy {
                mode: rules.mode,
                since: if other_mode { now } else { p.since },
                touched: p.touched.max(now),
                settings,
                ..p
            },
            None => Policy {
                mode: rules.mode,
                since: now,
                touched: now,
                scrubbed: now,
                oldest_removed: None,
                settings,
                unreported: None,
            },
        });
        open.state.policy_changed = true;
        let mut changes = Changes::default();
        if begun.visits_forgotten {
            open.state.forget_visits(&open.db, &mut changes)?;
            // Now, as the visits were taken under rules that are no longer in force.
            open.state.removed(Timestamp::MIN);
        }
        if begun.members_forgotten && strip_papers(open, &|_| true, &mut changes)? > 0 {
            open.state.removed(Timestamp::MIN);
        }
        open.state.meta.commit += 1;
        open.state.put_meta(&mut changes);
        self.finish(changes)?;
        if other_mode {
            let mut rule = |_: Timestamp, event: &Event| fate(degrade::fit(event.clone(), rules.mode), event);
            self.purge(DegradeReason::ModeChanged, &mut rule, rules, now, true)?;
            self.scrub_is_due = true;
        }
        match before {
            Some(p) if p.settings != rules.settings => self.announce_change(&p, rules, now)?,
            _ => {}
        }
        Ok(begun)
    }

    fn announce_change(
        &mut self,
        before: &Policy,
        rules: &PrivacyRules,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let was: BTreeMap<_, _> = before.settings.iter().cloned().collect();
        let is: BTreeMap<_, _> = rules.settings.iter().cloned().collect();
        let keys: BTreeSet<_> = was.keys().chain(is.keys()).cloned().collect();
        let settings: BTreeMap<String, Setting> = keys
            .into_iter()
            .filter(|key| was.get(key) != is.get(key))
            .map(|key| {
                let setting = Setting { before: was.get(&key).cloned(), now: is.get(&key).cloned() };
                (key, setting)
            })
            .collect();
        for (key, Setting { before, now }) in &settings {
            let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".into());
            tracing::warn!("privacy.{key} changed: it was {}, and is {}", word(before), word(now));
        }
        let gateway = rules.gateway.clone();
        let notice = PrivacyNotice::Changed(Changed { gateway, from_mode: before.mode, settings });
        self.add(Some(notice), rules, now, Incoming::default())
    }

    /// Degrades what is too old; writes the file anew where that is due.
    fn look(&mut self, rules: &PrivacyRules, now: Timestamp) -> Result<(), StoreError> {
        // The clock has run on since the last look as it should: what is queued for a time to come is so because it
        // was ahead once.
        let steady =
            self.looked.is_some_and(|last| now >= last && now.since(last + rules.step()) < rules.step());
        self.looked = Some(now);
        let mut rule = |queued_at: Timestamp, event: &Event| {
            if steady && queued_at.since(now) > AHEAD {
                return Fate::Restamp(now);
            }
            let old = (now + rules.step()).since(queued_at) >= rules.ttl_of(event.privacy_mode);
            let mode = if old { PrivacyMode::Count } else { rules.mode };
            fate(degrade::fit(event.clone(), mode), event)
        };
        self.purge(DegradeReason::Ttl, &mut rule, rules, now, true)?;
        let Some(policy) = self.open.as_mut().and_then(|o| o.state.policy.as_mut()) else { return Ok(()) };
        if steady && policy.touched.since(now) > AHEAD {
            policy.touched = now;
        }
        let shortest = rules.ttl[0].min(rules.ttl[1]);
        let due = |removed: Timestamp| (now + rules.step()).since(removed) >= shortest;
        if policy.oldest_removed.is_some_and(due) || std::mem::take(&mut self.scrub_is_due) {
            self.scrub(now);
        }
        Ok(())
    }

    /// Takes out of both places what `rule` says, and tells how much that was.
    fn purge(
        &mut self,
        reason: DegradeReason,
        rule: &mut dyn FnMut(Timestamp, &Event) -> Fate,
        rules: &PrivacyRules,
        now: Timestamp,
        tell: bool,
    ) -> Result<(), StoreError> {
        // Left by a run that ended before it told.
        self.tell_purged(rules, now)?;
        let mut tally = Tally::new(reason);
        for place in [Place::Outbox, Place::Dead] {
            let mut from = None;
            loop {
                let Some(Open { db, state }) = &mut self.open else { return Err(StoreError::Closed) };
                let (changes, next) = state.purge_page(db, place, from, rule, &mut tally)?;
                if changes.bytes() > 0 {
                    self.finish(changes)?;
                }
                from = next;
                if from.is_none() {
                    break;
                }
            }
        }
        if tell {
            return self.tell_purged(rules, now);
        }
        if let Some(policy) = self.open.as_mut().and_then(|o| o.state.policy.as_mut()) {
            policy.unreported = None;
        }
        Ok(())
    }

    fn tell_purged(&mut self, rules: &PrivacyRules, now: Timestamp) -> Result<(), StoreError> {
        let Some(Open { state, .. }) = &mut self.open else { return Err(StoreError::Closed) };
        let Some(tally) = state.policy.as_mut().and_then(|p| p.unreported.take()) else { return Ok(()) };
        state.policy_changed = true;
        let (facts, receipts) = (tally.facts(), tally.receipts);
        self.stats.degraded += u64::from(facts) + u64::from(receipts);
        tracing::warn!(facts, receipts, reason = ?tally.reason, "facts about visits were taken out and are numbers now");
        self.add(Some(tally.notice(rules)), rules, now, Incoming::default())
    }

    /// Commits, with a notice.
    fn add(
        &mut self,
        notice: Option<PrivacyNotice>,
        rules: &PrivacyRules,
        now: Timestamp,
        mut incoming: Incoming,
    ) -> Result<(), StoreError> {
        let Some(Open { db, state }) = &mut self.open else { return Err(StoreError::Closed) };
        let event = notice.map(|notice| notice_event(notice, rules, now, state.meta.commit + 1));
        incoming.events.extend(event.map(|event| (now, event)));
        // Whoever has to know must not fail to for want of room.
        let options = StoreOptions { when_full: WhenFull::DropOldestFlowFirst, ..self.options.clone() };
        let (changes, told) = state.commit(db, incoming, &options)?;
        self.finish(changes)?;
        self.stats.committed += told.queued;
        self.stats.dropped.add(told.dropped);
        Ok(())
    }

    /// Writes the file anew, without what was removed from it; whether that was done.
    fn scrub(&mut self, now: Timestamp) -> bool {
        let next = self.number + 1;
        self.rebuild();
        let done = self.number == next;
        if let (true, Some(policy)) = (done, self.open.as_mut().and_then(|o| o.state.policy.as_mut())) {
            (policy.scrubbed, policy.oldest_removed) = (now, None);
            if let Some(open) = &mut self.open {
                open.state.policy_changed = true;
            }
        }
        if !done {
            tracing::error!("what was removed from the store is still in its file; it is tried again");
            self.scrub_is_due = true;
        }
        done
    }
}

fn fate(fitted: Option<Event>, event: &Event) -> Fate {
    match fitted {
        None => Fate::Remove,
        Some(fitted) if fitted == *event => Fate::Keep,
        Some(fitted) => Fate::Replace(Box::new(fitted)),
    }
}

/// Takes the members that `gone` says out of the papers that wait; how many there were.
fn strip_papers(
    open: &mut Open,
    gone: &dyn Fn(MemberToken) -> bool,
    changes: &mut Changes,
) -> Result<u32, StoreError> {
    let mut count = 0;
    for entry in open.db.scan(&[Table::Pending as u8], &[Table::Pending as u8]) {
        let (key, value) = entry?;
        let Ok(mut pending) = record::read::<Pending>(Kind::Pending, "a receipt", &value) else { continue };
        if degrade::forget_members(&mut pending.paper, gone)
            && let Some(value) = record::seal(Kind::Pending, &pending)
        {
            debug_assert_eq!(key, Key::Pending(pending.ticket).bytes());
            changes.put(key, value);
            count += 1;
        }
    }
    Ok(count)
}

/// A clock may be set right by so much, and nothing is stamped anew for it.
const AHEAD: Span = Span::from_secs(86_400);
