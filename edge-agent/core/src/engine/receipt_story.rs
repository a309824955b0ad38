//! How the buyer of a receipt was sought, for the stories of those who may have to do with it.

use super::{Engine, Output};
use crate::event::VisitId;
use crate::explain::{Note, ReceiptStory, Told, Weighed};
use crate::observation::{Receipt, ReceiptKind};
use crate::purchase::{ATTRIBUTED, Candidate, Posterior, shares};
use crate::site::ZoneIx;
use crate::time::Timestamp;
use crate::visit::Device;

/// Who was in the zone with at least this probability is told about its receipts, candidate or not.
const THERE: f32 = 0.05;

impl Engine {
    /// Tells how the buyer of a receipt was sought, to all whose stories are told and who may have to do with it.
    #[cold]
    pub(super) fn tell_receipt(&mut self, receipt: &Receipt, p: &Posterior, now: Timestamp) {
        let Some(subject) = self.config.explain.clone() else { return };
        if receipt.kind != ReceiptKind::Sale {
            return;
        }
        let zone = self.site.till(receipt.till).zone;
        let (candidates, nobody) = self.weighed(receipt, zone);
        let waiting = self.rivals(receipt).map(|r| {
            let n = self.candidates(self.site.till(r.till).zone, r.at).len() as u32;
            (r.till, r.at, r.number.clone(), n)
        });
        let story = ReceiptStory {
            receipt: receipt.clone(),
            zone,
            nobody,
            heard: self.state.purchases.heard(),
            best: p.best.and_then(|(slot, sure)| Some((self.visit_in(slot)?, sure))),
            none: p.none,
            least: ATTRIBUTED,
            there: 0.0,
            waiting: waiting.collect(),
            decided: self.state.purchases.decided_around(zone, receipt.at),
            candidates,
        };
        let mut told = Vec::new();
        for (_, d) in self.state.table.iter().filter(|(_, d)| subject.is_about(&self.site.id, d)) {
            let visit = d.visit(&self.site.id);
            let there = there(d, zone, receipt.at);
            if there >= THERE || story.candidates.iter().any(|c| c.visit == visit) {
                let note = Note::Receipt(Box::new(ReceiptStory { there, ..story.clone() }));
                told.push(Output::Told(Told { visit, device: d.name, now, note }));
            }
        }
        self.out.extend(told);
    }

    /// The candidates with their weights, and what speaks for nobody and for somebody heard elsewhere.
    fn weighed(&self, receipt: &Receipt, zone: ZoneIx) -> (Vec<Weighed>, (f32, f32)) {
        let alone = self.candidates(zone, receipt.at);
        let mut own = alone.clone();
        self.discount(&mut own, zone, receipt.at);
        let others: Vec<Vec<Candidate>> = self.rivals(receipt).map(|r| self.candidates(zone, r.at)).collect();
        let shares = shares(&own, &others, self.state.purchases.heard());
        let visit = |c: &Candidate| self.visit_in(c.slot).unwrap_or(VisitId(0));
        let all = alone.iter().zip(&shares.weights);
        let mut all: Vec<Weighed> = all
            .map(|(c, weight)| Weighed {
                visit: visit(c),
                alone: c.weight,
                weight: *weight,
                there: c.there,
                came_in: c.came[0],
                came_to_zone: c.came[1],
            })
            .collect();
        all.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.visit.cmp(&b.visit)));
        (all, (shares.none, shares.elsewhere))
    }
}

/// Probability that a device was in a zone at a moment.
fn there(d: &Device, zone: ZoneIx, at: Timestamp) -> f32 {
    if at < d.first_heard || at > d.last_heard() {
        return 0.0;
    }
    let ms = d.millis(at);
    let mut sum = 0.0;
    d.stretches(|z, since, until, p| {
        sum += if z == zone && (since..=until.unwrap_or(u32::MAX)).contains(&ms) { p } else { 0.0 };
    });
    sum.min(1.0)
}
