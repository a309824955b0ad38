//! Where facts become events: numbered within their visit, stamped, put in the outbox with the visit's ledger.

use super::{EngineConfig, EngineCounts, LedgerChange, Output, VisitRecord};
use crate::event::{
    Body, Confidence, Event, EventId, FlowInterval, FlowPeriod, PrivacyMode, ReceiptRecorded,
    ReceiptsReconciled, VisitEvent, VisitFact,
};
use crate::explain::{Note, Told};
use crate::flow::Flow;
use crate::observation::Receipt;
use crate::position::Locator;
use crate::site::{Site, ZoneIx};
use crate::time::Timestamp;
use crate::visit::Device;
use std::collections::VecDeque;

/// What the rules of a visit need at hand, at one moment.
pub struct Desk<'a> {
    /// The map.
    pub site: &'a Site,
    /// Reads beliefs.
    pub locator: &'a Locator,
    /// Settings.
    pub config: &'a EngineConfig,
    /// The running flow interval.
    pub flow: &'a mut Flow,
    /// Counters.
    pub counts: &'a mut EngineCounts,
    pub(super) out: &'a mut VecDeque<Output>,
    /// The moment that is being decided.
    pub now: Timestamp,
}

/// A [`Desk`] over the parts of an engine, leaving its device table free.
macro_rules! desk {
    ($engine:ident, $now:expr) => {
        $crate::engine::Desk {
            site: &$engine.site,
            locator: &$engine.locator,
            config: &$engine.config,
            flow: &mut $engine.state.flow,
            counts: &mut $engine.state.counts,
            out: &mut $engine.out,
            now: $now,
        }
    };
}
pub(super) use desk;

impl Desk<'_> {
    /// Publishes a fact about the visit of `d` that happened at `time`, and keeps the visit's state with it.
    pub fn publish(&mut self, d: &mut Device, time: Timestamp, confidence: f32, fact: VisitFact) -> EventId {
        d.seq += 1;
        let id = self.event_id(d, fact.kind(), d.seq);
        if self.config.privacy_mode == PrivacyMode::Count {
            return id;
        }
        let body = Body::Visit(VisitEvent {
            visit: d.visit(&self.site.id),
            seq: d.seq,
            device: d.name,
            identity: d.identity,
            confidence: Confidence::new(confidence),
            fact,
        });
        self.push(id, time, body);
        id
    }

    /// Whether the story of `d` is wanted.
    #[inline]
    pub fn explains(&self, d: &Device) -> bool {
        self.config.explain.is_some_and(|visit| d.visit(&self.site.id) == visit)
    }

    /// Tells a step of the story of `d`, if it is wanted.
    #[inline]
    pub fn tell(&mut self, d: &Device, note: impl FnOnce() -> Note) {
        if self.explains(d) {
            self.out.push_back(Output::Told(Told { device: d.name, now: self.now, note: note() }));
        }
    }

    /// Stores the state of a visit of which something was published.
    pub fn keep(&mut self, d: &Device) {
        if d.seq > 0 && self.config.privacy_mode != PrivacyMode::Count {
            let record = VisitRecord {
                visit: d.visit(&self.site.id),
                map_version: self.config.map_version,
                device: d.clone(),
            };
            self.out.push_back(Output::Ledger(LedgerChange::Put(record)));
        }
    }

    /// The visit is over for good.
    pub fn forget(&mut self, d: &Device) {
        if d.seq > 0 && self.config.privacy_mode != PrivacyMode::Count {
            self.out.push_back(Output::Ledger(LedgerChange::Remove(d.visit(&self.site.id))));
        }
    }

    /// Tells the shell that this device is staff or equipment.
    pub fn not_a_visitor(&mut self, d: &Device) {
        self.out.push_back(Output::NotAVisitor(d.name));
    }

    /// Publishes a receipt.
    pub fn publish_receipt(&mut self, id: EventId, time: Timestamp, receipt: ReceiptRecorded) {
        self.push(id, time, Body::Receipt(receipt));
    }

    /// Publishes a comparison of a day's receipts.
    pub fn publish_reconciled(&mut self, r: ReceiptsReconciled) {
        let subject = format!("{:?}|{:?}|{}", r.store, r.till, r.business_date);
        let id = EventId::of(&self.site.id, subject.as_bytes(), "receipt.reconciled", u64::from(r.seq));
        self.push(id, self.now, Body::Reconciled(r));
    }

    /// Publishes a flow interval.
    pub fn publish_flow(&mut self, flow: FlowInterval) {
        let mut subject = format!("{}/{}", flow.scope.as_str(), flow.place);
        if flow.period != FlowPeriod::Interval {
            subject = format!("{subject}/{}", flow.period.as_str());
        }
        if flow.revision > 0 {
            subject = format!("{subject}/{}", flow.revision);
        }
        let id =
            EventId::of(&self.site.id, subject.as_bytes(), "flow.interval", flow.from.as_micros() as u64);
        self.push(id, flow.until, Body::Flow(flow));
    }

    /// Id of the `seq`-th event of a visit.
    pub fn event_id(&self, d: &Device, kind: &str, seq: u32) -> EventId {
        EventId::of(&self.site.id, &d.visit(&self.site.id).0.to_be_bytes(), kind, u64::from(seq))
    }

    /// Id under which a revision of a receipt is recorded (texts quoted, so that none can imitate another): store,
    /// till, business date, number and type, or, without a number, till, minute, total and content.
    pub fn receipt_id(site: &Site, r: &Receipt, revision: u32) -> EventId {
        let key = match &r.number {
            Some(number) => {
                format!("{:?}|{}|{}|{number:?}|{}", r.store, r.till.0, r.business_date, r.kind.as_str())
            }
            None => {
                let minute = r.printed_at.unwrap_or(r.at).as_micros().div_euclid(60_000_000);
                let (total, content) = (r.amount_minor, r.content);
                format!("{:?}|{}|{minute}|{total:?}|{content:x}|{}", r.store, r.till.0, r.kind.as_str())
            }
        };
        EventId::of(&site.id, key.as_bytes(), "receipt.recorded", u64::from(revision))
    }

    /// Id of a zone in the site map.
    pub fn zone_id(&self, zone: ZoneIx) -> String {
        self.site.zone(zone).id.clone()
    }

    /// Id of the floor of a zone.
    pub fn floor_id_of(&self, zone: ZoneIx) -> String {
        self.site.floor(self.site.floor_of(zone)).id.clone()
    }

    /// Ids of the floors in a set of [`Device::floor_bit`]s, by level.
    pub fn floor_ids(&self, floors: u32) -> Vec<String> {
        let chosen = |(i, _): &(usize, _)| floors >> (*i).min(31) & 1 == 1;
        self.site.floors.iter().enumerate().filter(chosen).map(|(_, f)| f.id.clone()).collect()
    }

    fn push(&mut self, id: EventId, time: Timestamp, body: Body) {
        self.out.push_back(Output::Event(Event {
            id,
            site: self.site.id.clone(),
            time,
            detected_at: self.now,
            privacy_mode: self.config.privacy_mode,
            config_version: self.config.config_version,
            body,
        }));
    }
}
