//! The last thing before the store: whatever the engine says, nothing is kept that the mode does not allow.
//!
//! The engine knows the mode and keeps to it. This does not rely on that: what is stopped here is counted, and in count
//! and pseudonymous mode it is a defect, which the log tells. In consented mode it is also how a consent that was
//! withdrawn while a receipt waited takes effect.

use super::{Privacy, degrade};
use crate::store::Batch;
use visit_core::engine::LedgerChange;
use visit_core::event::{Body, Event, PrivacyMode, VisitFact};
use visit_core::purchase::BookEntry;

impl Privacy {
    /// Takes out of a batch what may not be kept.
    pub fn gate(&mut self, batch: &mut Batch) {
        let before = self.stopped;
        let events = std::mem::take(&mut batch.events);
        batch.events = events.iter().filter_map(|event| self.pass(event)).collect();
        batch.events.iter_mut().for_each(|event| self.add_history(event));
        if self.mode == PrivacyMode::Count {
            let visit = |change: &LedgerChange| matches!(change, LedgerChange::Put(_));
            self.stopped += batch.ledger.iter().filter(|change| visit(change)).count() as u64;
            batch.ledger.retain(|change| !visit(change));
            batch.checkpoint = None;
            for change in &mut batch.ledger {
                if let LedgerChange::Keep(record) = change
                    && let BookEntry::Receipt(entry) = &mut record.entry
                {
                    entry.buyer = Default::default();
                    entry.bag = None;
                }
            }
        }
        if self.mode != PrivacyMode::Consented && self.stopped != before {
            tracing::error!(
                stopped = self.stopped - before,
                "facts that this privacy mode does not allow were stopped before they were stored: a defect"
            );
        }
    }

    /// How many facts were stopped.
    pub fn stopped(&self) -> u64 {
        self.stopped
    }

    /// How often the member comes whom a link names: the engine cannot know.
    fn add_history(&mut self, event: &mut Event) {
        let day = self.calendar.day(event.time);
        if let Body::Visit(v) = &mut event.body
            && let Some(member) = degrade::member_of(&v.fact)
            && let VisitFact::Linked(linked) = &mut v.fact
        {
            linked.history = self.history.visited(member, day);
        }
    }

    fn pass(&mut self, event: &Event) -> Option<Event> {
        let said = event.privacy_mode;
        let agreed = |member| self.lists.has_agreed(member);
        let kept = match self.mode {
            PrivacyMode::Consented => degrade::without_members(event.clone(), &|member| !agreed(member)),
            mode => degrade::fit(event.clone(), mode).map(|e| Event { privacy_mode: said, ..e }),
        };
        // In count mode the engine still says how many may have bought: that is taken out, and is no defect.
        let names_nobody = |e: &Event| matches!(&e.body, Body::Receipt(r) if r.member.is_none());
        let stopped = kept.as_ref().is_none_or(|kept| kept != event) && !names_nobody(event);
        self.stopped += u64::from(stopped);
        kept
    }
}
