//! A receipt has waited long enough: whose is it?

use super::desk::desk;
use super::{Desk, Engine};
use crate::event::{
    Attribution, BagCarried, Confidence, EventId, LinkEvidence, Linked, PrivacyMode, ReceiptKeyBasis,
    ReceiptRecorded, ReceiptRef, VisitFact,
};
use crate::observation::{Receipt, ReceiptKind};
use crate::purchase::{ATTRIBUTED, Posterior, posterior};
use crate::time::Timestamp;
use crate::visit::{Device, Phase};

impl Engine {
    pub(super) fn receipt_due(&mut self, now: Timestamp) {
        while let Some(receipt) = self.state.purchases.due(now) {
            self.decide_receipt(&receipt, now);
        }
    }

    pub(super) fn decide_receipt(&mut self, receipt: &Receipt, now: Timestamp) {
        let id = Desk::receipt_id(&self.site, receipt);
        if self.state.purchases.is_known(id) {
            self.state.counts.receipts_repeated += 1;
            return;
        }
        let retracts = match receipt.kind {
            ReceiptKind::Sale => None,
            ReceiptKind::Refund | ReceiptKind::Void => self.state.purchases.take_back(receipt),
        };
        let zone = self.site.till(receipt.till).zone;
        let p = match receipt.kind {
            ReceiptKind::Sale => {
                let visitor = |d: &Device| matches!(d.phase, Phase::Inside | Phase::Gone);
                posterior(zone, receipt.at, self.state.table.iter().filter(|(_, d)| visitor(d)))
            }
            ReceiptKind::Refund | ReceiptKind::Void => Posterior { none: 1.0, ..Posterior::default() },
        };
        let mut desk = desk!(self, now);
        let buyer = p.best.filter(|(_, sure)| *sure >= p.none);
        let recorded = recorded(receipt, &desk, buyer_visit(&self.state.table, buyer), &p, retracts);
        desk.publish_receipt(id, receipt.at, recorded);
        let mut bag = None;
        if let Some((slot, sure)) = buyer.filter(|(_, sure)| *sure >= ATTRIBUTED) {
            let key = self.state.table.key_of(slot);
            if let Some(d) = self.state.table.get_mut(key) {
                let id = carry(d, receipt, sure, p.candidates, &mut desk);
                // What was not published cannot be taken back.
                bag = (self.config.privacy_mode != PrivacyMode::Count).then_some(id);
            }
        }
        self.state.purchases.decided(id, receipt, bag);
    }
}

fn buyer_visit(table: &super::table::Table, buyer: Option<(u32, f32)>) -> Option<String> {
    let (slot, _) = buyer?;
    table.get(table.key_of(slot)).map(|d| d.visit.to_string())
}

fn carry(d: &mut Device, receipt: &Receipt, sure: f32, candidates: u32, desk: &mut Desk<'_>) -> EventId {
    let zone = desk.site.till(receipt.till).zone;
    d.purchases = d.purchases.saturating_add(1);
    let fact = VisitFact::BagCarried(BagCarried {
        zone: desk.zone_id(zone),
        floor: desk.floor_id_of(zone),
        store: receipt.store.clone(),
        receipt: ReceiptRef {
            number: receipt.number.clone(),
            amount_minor: receipt.amount_minor,
            currency: receipt.currency.map(|c| c.as_str().to_owned()),
        },
        candidates,
    });
    let id = desk.publish(d, receipt.at, sure, fact);
    if let Some(member) = receipt.member.filter(|_| may_link(receipt, desk)) {
        let fact = VisitFact::Linked(Linked { member: member.to_string(), evidence: LinkEvidence::Receipt });
        desk.publish(d, receipt.at, sure, fact);
    }
    desk.keep(d);
    id
}

fn may_link(receipt: &Receipt, desk: &Desk<'_>) -> bool {
    receipt.consented && desk.config.privacy_mode == PrivacyMode::Consented
}

fn recorded(
    receipt: &Receipt,
    desk: &Desk<'_>,
    visit_id: Option<String>,
    p: &Posterior,
    retracts: Option<EventId>,
) -> ReceiptRecorded {
    let till = desk.site.till(receipt.till);
    // In count mode a receipt stands alone.
    let visit_id = visit_id.filter(|_| desk.config.privacy_mode != PrivacyMode::Count);
    let sure = visit_id.as_ref().and(p.best).map_or(p.none, |(_, sure)| sure);
    ReceiptRecorded {
        store: receipt.store.clone(),
        till: till.id.clone(),
        zone: desk.zone_id(till.zone),
        number: receipt.number.clone(),
        kind: receipt.kind,
        amount_minor: receipt.amount_minor,
        currency: receipt.currency.map(|c| c.as_str().to_owned()),
        business_date: receipt.business_date,
        member: receipt.member.filter(|_| may_link(receipt, desk)),
        unreadable: receipt.number.is_none() && receipt.amount_minor.is_none(),
        attribution: Attribution {
            visit_id,
            confidence: Confidence::new(sure),
            candidates: p.candidates,
            none: Confidence::new(p.none),
        },
        retracts,
        revision: 0,
        replaces: None,
        takes_back: None,
        key: match receipt.number {
            Some(_) => ReceiptKeyBasis::Number,
            None => ReceiptKeyBasis::Content,
        },
        printed_at: receipt.printed_at,
        partial: receipt.marks.partial,
        unbalanced: receipt.marks.unbalanced,
    }
}
