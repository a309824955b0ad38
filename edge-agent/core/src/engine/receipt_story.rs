//! How the buyer of a receipt was sought, for the story of a visit that may have to do with it.

use super::{Engine, Output};
use crate::event::VisitId;
use crate::explain::{Note, ReceiptStory, Told, Waiting, Weighed};
use crate::observation::{Receipt, ReceiptKind};
use crate::purchase::{ATTRIBUTED, Candidate, Posterior, shares};
use crate::site::ZoneIx;
use crate::time::Timestamp;
use crate::visit::Device;

/// Who was in the zone with at least this probability is told about its receipts, candidate or not.
const THERE: f32 = 0.05;

impl Engine {
    /// Tells how the buyer of a receipt was sought, if the visit whose story is told may have to do with it.
    #[cold]
    pub(super) fn tell_receipt(&mut self, receipt: &Receipt, p: &Posterior, now: Timestamp) {
        let Some(visit) = self.config.explain.filter(|_| receipt.kind == ReceiptKind::Sale) else { return };
        let mut devices = self.state.table.iter().map(|(_, d)| d);
        let Some(d) = devices.find(|d| d.visit(&self.site.id) == visit) else { return };
        let zone = self.site.till(receipt.till).zone;
        let (device, there) = (d.name, there(d, zone, receipt.at));
        let (candidates, nobody) = self.weighed(receipt, zone);
        if there < THERE && candidates.iter().all(|c| c.visit != visit) {
            return;
        }
        let waiting = self.rivals(receipt).map(|r| Waiting {
            till: r.till,
            at: r.at,
            number: r.number.clone(),
            candidates: self.candidates(zone, r.at).len() as u32,
        });
        let story = ReceiptStory {
            receipt: receipt.clone(),
            zone,
            nobody,
            heard: self.state.purchases.heard(),
            best: p.best.and_then(|(slot, sure)| Some((self.visit_in(slot)?, sure))),
            none: p.none,
            least: ATTRIBUTED,
            there,
            waiting: waiting.collect(),
            decided: self.state.purchases.decided_around(zone, receipt.at),
            candidates,
        };
        self.out.push_back(Output::Told(Told { device, now, note: Note::Receipt(Box::new(story)) }));
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
