//! A receipt has waited long enough: which one is it, and whose? And what a till says of its day.

use super::desk::desk;
use super::{Desk, Engine, Output};
use crate::event::{
    Attribution, BagCarried, Confidence, DeclaredTotals, EventId, LinkEvidence, PrivacyMode, ReceiptKeyBasis,
    ReceiptRecorded, ReceiptRef, ReceiptsReconciled, VisitFact, VisitId,
};
use crate::explain::Note;
use crate::observation::{DayTotals, Receipt, ReceiptKind};
use crate::purchase::{
    self, ATTRIBUTED, Buyer, Candidate, Paper, Posterior, ReceiptEntry, Verdict, candidates, share_out,
};
use crate::site::ZoneIx;
use crate::time::Timestamp;
use crate::visit::{Device, Phase};

/// Receipts that wait and are asked for their own buyers; each costs a look at every device.
const RIVALS: usize = 5;

impl Engine {
    pub(super) fn receipt_due(&mut self, now: Timestamp) {
        while let Some(paper) = self.state.purchases.due(now, self.config.receipt_wait) {
            self.decide_paper(paper, now);
        }
    }

    pub(super) fn decide_paper(&mut self, paper: Paper, now: Timestamp) {
        let ticket = match paper {
            Paper::Receipt(receipt) => {
                self.decide_receipt(&receipt, now);
                receipt.ticket
            }
            Paper::Totals(totals) => {
                let ticket = totals.ticket;
                self.decide_totals(totals, now);
                ticket
            }
        };
        self.settle_ticket(ticket);
    }

    /// What was taken in under this ticket needs to be kept no longer.
    pub(super) fn settle_ticket(&mut self, ticket: Option<u64>) {
        self.out.extend(ticket.map(Output::Settled));
    }

    fn decide_receipt(&mut self, receipt: &Receipt, now: Timestamp) {
        let id = Desk::receipt_id(&self.site, receipt, 0);
        match self.state.book.verdict(id, receipt) {
            Verdict::Copy => self.state.counts.receipts_repeated += 1,
            Verdict::New => self.record(id, receipt, now),
            Verdict::Revision { revision, buyer } => self.revise(id, receipt, revision, buyer, now),
        }
    }

    /// The first of its key.
    fn record(&mut self, id: EventId, receipt: &Receipt, now: Timestamp) {
        let mut changes = Vec::new();
        let takes_back = self.state.book.sale_of(receipt);
        let taken = takes_back.and_then(|sale| self.state.book.take_bag(sale, &mut changes));
        let p = self.buyers(receipt);
        if self.config.explain.is_some() {
            self.tell_receipt(receipt, &p, now);
        }
        let slot = p.best.filter(|(_, sure)| *sure >= p.none);
        let buyer = buyer(slot.and_then(|(slot, _)| self.visit_in(slot)), &p);
        if receipt.kind == ReceiptKind::Sale {
            let zone = self.site.till(receipt.till).zone;
            self.state.flow.sold(receipt.at, zone, self.site.floor_of(zone));
            self.state.purchases.learn(p.none);
        }
        if let (Some(visit), Some((_, sure))) = (buyer.visit, slot) {
            let zone = self.site.till(receipt.till).zone;
            self.state.purchases.decide(zone, receipt.at, visit, sure);
        }
        let retracts = taken.map(|(bag, _)| bag);
        let mut desk = desk!(self, now);
        let recorded = recorded(receipt, &desk, buyer, Links { retracts, takes_back, ..Links::default() });
        desk.publish_receipt(id, receipt.at, recorded);
        if let Some((slot, sure)) = slot.filter(|(_, sure)| *sure >= ATTRIBUTED) {
            let key = self.state.table.key_of(slot);
            if let Some(d) = self.state.table.get_mut(key) {
                let event = carry(d, receipt, sure, p.candidates, &mut desk);
                // What was not published cannot be taken back.
                let bag = (self.config.privacy_mode != PrivacyMode::Count).then_some(event);
                self.remember(id, receipt, bag, buyer, &mut changes);
                if let Some(member) = self.agreed(receipt).filter(|_| p.alone >= ATTRIBUTED) {
                    self.link_slot(key, member, LinkEvidence::Receipt, (receipt.at, p.alone), now);
                }
            }
        } else {
            self.remember(id, receipt, None, buyer, &mut changes);
        }
        if p.alone < ATTRIBUTED {
            self.suspect(receipt, now);
        }
        if let Some(visit) = taken.and_then(|(_, visit)| visit) {
            self.give_back(visit, now);
        }
        self.add_up(receipt, None, now, changes);
    }

    /// One that is known, with other content.
    fn revise(&mut self, id: EventId, receipt: &Receipt, revision: u32, buyer: Buyer, now: Timestamp) {
        let mut changes = Vec::new();
        self.state.counts.receipts_revised += 1;
        let former = Desk::receipt_id(&self.site, receipt, revision - 1);
        let links = Links {
            revision,
            replaces: Some(former),
            takes_back: self.state.book.sale_of(receipt),
            retracts: None,
        };
        let mut desk = desk!(self, now);
        let recorded = recorded(receipt, &desk, buyer, links);
        desk.publish_receipt(Desk::receipt_id(&self.site, receipt, revision), receipt.at, recorded);
        let before = self.state.book.revise(id, receipt, &mut changes);
        self.add_up(receipt, before.as_ref(), now, changes);
    }

    fn decide_totals(&mut self, totals: DayTotals, now: Timestamp) {
        let mut changes = Vec::new();
        let declared = DeclaredTotals { receipts: totals.receipts, net_minor: totals.net_minor };
        let key = (totals.store, totals.till, totals.business_date);
        let news = self.state.book.declare(key.clone(), totals.currency, declared, &mut changes);
        self.out.extend(changes.into_iter().map(Output::Ledger));
        if news {
            self.reconcile(&key, now);
        }
    }

    /// Adds a receipt to the totals of its day; where these were declared already, they are compared anew.
    fn add_up(
        &mut self,
        receipt: &Receipt,
        before: Option<&ReceiptEntry>,
        now: Timestamp,
        mut changes: Vec<super::LedgerChange>,
    ) {
        let store = self.site.till(receipt.till).store.clone();
        self.state.book.add_up(&store, receipt, before, &mut changes);
        self.out.extend(changes.into_iter().map(Output::Ledger));
        for till in [Some(receipt.till), None] {
            self.reconcile(&(store.clone(), till, receipt.business_date), now);
        }
    }

    fn reconcile(&mut self, key: &(String, Option<crate::site::TillIx>, i32), now: Timestamp) {
        let mut changes = Vec::new();
        let Some((entry, declared)) = self.state.book.compare(key, &mut changes) else { return };
        let r = entry.recorded;
        let counted = i64::from(r.sales) + i64::from(r.refunds) + i64::from(r.voids);
        let missing = declared.receipts.map(|n| i64::from(n) - counted);
        let difference_minor = declared.net_minor.map(|net| net.saturating_sub(r.net_minor));
        let till = entry.till.map(|till| self.site.till(till).id.clone());
        let mut desk = desk!(self, now);
        desk.publish_reconciled(ReceiptsReconciled {
            store: entry.store,
            till,
            business_date: entry.business_date,
            seq: entry.said,
            currency: entry.currency.map(|c| c.as_str().to_owned()),
            declared,
            recorded: r,
            missing,
            difference_minor,
            complete: missing.unwrap_or(0) == 0 && difference_minor.unwrap_or(0) == 0,
        });
        self.out.extend(changes.into_iter().map(Output::Ledger));
    }

    /// Who may have paid. What other receipts of the zone say of the candidates counts too: those that are decided, and
    /// those that wait.
    fn buyers(&self, receipt: &Receipt) -> Posterior {
        if receipt.kind != ReceiptKind::Sale {
            return Posterior { none: 1.0, ..Posterior::default() };
        }
        let zone = self.site.till(receipt.till).zone;
        let mut own = self.candidates(zone, receipt.at);
        if own.is_empty() {
            return share_out(&own, &[], self.state.purchases.heard());
        }
        self.discount(&mut own, zone, receipt.at);
        self.favour(&mut own, receipt);
        let others: Vec<_> = self.rivals(receipt).map(|r| self.candidates(zone, r.at)).collect();
        share_out(&own, &others, self.state.purchases.heard())
    }

    /// Who bought something else in the zone about that time has hardly bought this too.
    pub(super) fn discount(&self, candidates: &mut [Candidate], zone: ZoneIx, at: Timestamp) {
        for c in candidates {
            let bought = |visit| self.state.purchases.bought(zone, at, visit);
            c.weight *= 1.0 - self.visit_in(c.slot).map_or(0.0, bought);
        }
    }

    /// Other sales of the zone about that time, that wait.
    pub(super) fn rivals(&self, receipt: &Receipt) -> impl Iterator<Item = &Receipt> {
        let zone = self.site.till(receipt.till).zone;
        let id = Desk::receipt_id(&self.site, receipt, 0);
        let rival = move |r: &&Receipt| {
            self.site.till(r.till).zone == zone && Desk::receipt_id(&self.site, r, 0) != id
        };
        self.state.purchases.sales_around(receipt.at).filter(rival).take(RIVALS)
    }

    pub(super) fn candidates(&self, zone: ZoneIx, at: Timestamp) -> Vec<Candidate> {
        let visitor = |d: &Device| matches!(d.phase, Phase::Inside | Phase::Gone);
        let visitors = self.state.table.iter().filter(|(_, d)| visitor(d));
        candidates(zone, self.locator.taken_for(zone), at, visitors)
    }

    pub(super) fn visit_in(&self, slot: u32) -> Option<VisitId> {
        self.state.table.get(self.state.table.key_of(slot)).map(|d| d.visit(&self.site.id))
    }

    fn remember(
        &mut self,
        id: EventId,
        receipt: &Receipt,
        bag: Option<EventId>,
        buyer: Buyer,
        changes: &mut Vec<super::LedgerChange>,
    ) {
        let entry = ReceiptEntry {
            id,
            till: receipt.till,
            business_date: receipt.business_date,
            kind: receipt.kind,
            number: receipt.number.as_deref().map(purchase::number_hash),
            content: receipt.content,
            amount_minor: receipt.amount_minor,
            unreadable: purchase::is_unreadable(receipt),
            revision: 0,
            bag,
            // In count mode nothing about a visitor may rest on a disk.
            buyer: Buyer {
                visit: buyer.visit.filter(|_| self.config.privacy_mode != PrivacyMode::Count),
                ..buyer
            },
        };
        self.state.book.record(entry, self.config.max_receipts, changes);
    }

    /// A purchase of a visit that may still go on was taken back.
    fn give_back(&mut self, visit: VisitId, now: Timestamp) {
        let found =
            self.state.table.iter().find(|(_, d)| d.visit(&self.site.id) == visit).map(|(slot, _)| slot);
        let Some(slot) = found else { return };
        let key = self.state.table.key_of(slot);
        let mut desk = desk!(self, now);
        if let Some(d) = self.state.table.get_mut(key) {
            d.purchases = d.purchases.saturating_sub(1);
            if d.phase == Phase::Gone && d.purchases == 0 {
                desk.flow.bought(d.last_heard(), false);
            }
            desk.tell(d, || Note::TakenBack);
            desk.keep(d);
        }
    }
}

/// How a record of a receipt hangs together with others.
#[derive(Clone, Copy, Default)]
struct Links {
    revision: u32,
    replaces: Option<EventId>,
    takes_back: Option<EventId>,
    retracts: Option<EventId>,
}

fn buyer(visit: Option<VisitId>, p: &Posterior) -> Buyer {
    let sure = visit.and(p.best).map_or(p.none, |(_, sure)| sure);
    Buyer {
        visit,
        confidence: Confidence::new(sure),
        candidates: p.candidates,
        none: Confidence::new(p.none),
    }
}

fn carry(d: &mut Device, receipt: &Receipt, sure: f32, candidates: u32, desk: &mut Desk<'_>) -> EventId {
    let zone = desk.site.till(receipt.till).zone;
    if d.phase == Phase::Gone && d.purchases == 0 {
        desk.flow.bought(d.last_heard(), true);
    }
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
    desk.keep(d);
    id
}

fn may_link(receipt: &Receipt, desk: &Desk<'_>) -> bool {
    receipt.consented && desk.config.privacy_mode == PrivacyMode::Consented
}

fn recorded(receipt: &Receipt, desk: &Desk<'_>, buyer: Buyer, links: Links) -> ReceiptRecorded {
    let till = desk.site.till(receipt.till);
    // In count mode a receipt stands alone.
    let visit = buyer.visit.filter(|_| desk.config.privacy_mode != PrivacyMode::Count);
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
        unreadable: purchase::is_unreadable(receipt),
        attribution: Attribution {
            visit_id: visit.map(|v| v.to_string()),
            confidence: if visit.is_some() { buyer.confidence } else { buyer.none },
            candidates: buyer.candidates,
            none: buyer.none,
        },
        retracts: links.retracts,
        revision: links.revision,
        replaces: links.replaces,
        takes_back: links.takes_back,
        key: match receipt.number {
            Some(_) => ReceiptKeyBasis::Number,
            None => ReceiptKeyBasis::Content,
        },
        printed_at: receipt.printed_at,
        partial: receipt.marks.partial,
        unbalanced: receipt.marks.unbalanced,
    }
}
