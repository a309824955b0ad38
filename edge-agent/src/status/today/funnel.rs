//! Visits of the day by how far they came, each counted once; and receipts.

use super::VISITS;
use serde::Serialize;
use std::collections::HashMap;
use visit_core::event::ReceiptRecorded;
use visit_core::observation::ReceiptKind;

/// What a fact says of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Near,
    Passed,
    Inside,
    Dwelt,
    Bag,
    Left,
    /// It had not left.
    Back,
    /// It was staff, or a thing.
    NoVisitor,
}

/// How many visits came how far. Each stage holds those that came further.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Funnel {
    /// Were near.
    pub approached: u64,
    /// Of these: went on without coming in.
    pub passed_by: u64,
    /// Were inside.
    pub arrived: u64,
    /// Of these: stayed somewhere.
    pub dwelt: u64,
    /// Of these: carry a bag.
    pub bag: u64,
    /// Have left.
    pub left: u64,
}

const NEAR: u8 = 1;
const PASSED: u8 = 2;
const INSIDE: u8 = 4;
const DWELT: u8 = 8;
const BAG: u8 = 16;
const LEFT: u8 = 32;

/// The visits of the day.
#[derive(Clone, Debug, Default)]
pub(super) struct Visits {
    stages: HashMap<u64, u8>,
    funnel: Funnel,
}

impl Visits {
    pub(super) fn funnel(&self) -> Funnel {
        self.funnel
    }

    pub(super) fn step(&mut self, visit: u64, step: Step) {
        let was = self.stages.get(&visit).copied().unwrap_or(0);
        // Who is inside was near: of a visit that began before we did, the first facts are missing.
        let inside = (was | NEAR | INSIDE) & !PASSED;
        let is = match step {
            Step::Near => was | NEAR,
            Step::Passed => was | NEAR | PASSED,
            Step::Inside => inside,
            Step::Dwelt => inside | DWELT,
            Step::Bag => inside | BAG,
            Step::Left => inside | LEFT,
            Step::Back => inside & !LEFT,
            Step::NoVisitor => 0,
        };
        self.set(visit, was, is);
    }

    /// Several turned out to be one.
    pub(super) fn merge(&mut self, merged: &[u64], into: u64) {
        let was = self.stages.get(&into).copied().unwrap_or(0);
        let mut is = was;
        for visit in merged.iter().filter(|v| **v != into) {
            let other = self.stages.get(visit).copied().unwrap_or(0);
            self.set(*visit, other, 0);
            // It has left when the one that goes on has.
            is |= other & !LEFT;
        }
        if is & INSIDE != 0 {
            is &= !PASSED;
        }
        self.set(into, was, is);
    }

    fn set(&mut self, visit: u64, was: u8, is: u8) {
        let f = &mut self.funnel;
        for (bit, n) in [
            (NEAR, &mut f.approached),
            (PASSED, &mut f.passed_by),
            (INSIDE, &mut f.arrived),
            (DWELT, &mut f.dwelt),
            (BAG, &mut f.bag),
            (LEFT, &mut f.left),
        ] {
            match (was & bit != 0, is & bit != 0) {
                (false, true) => *n += 1,
                (true, false) => *n = n.saturating_sub(1),
                _ => {}
            }
        }
        if is == 0 {
            self.stages.remove(&visit);
            return;
        }
        if self.stages.len() >= VISITS && !self.stages.contains_key(&visit) {
            // Those that are over have been counted. One that is resumed after all may count twice.
            self.stages.retain(|_, stages| *stages & (LEFT | PASSED) == 0);
            if self.stages.len() >= VISITS {
                self.stages.clear();
            }
        }
        self.stages.insert(visit, is);
    }
}

/// The receipts of the day, each counted once, as it was recorded first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Receipts {
    /// Sales.
    pub sales: u64,
    /// Sales with a buyer we are sure of.
    pub matched: u64,
    /// Sales with a likely buyer.
    pub likely: u64,
    /// Sales of nobody we heard.
    pub unmatched: u64,
    /// Refunds and voids.
    pub taken_back: u64,
    /// Receipts that could not be read.
    pub unreadable: u64,
}

/// As for `visit.bag_carried`.
const SURE: f32 = 0.8;

impl Receipts {
    pub(super) fn add(&mut self, receipt: &ReceiptRecorded) {
        if receipt.revision > 0 {
            return;
        }
        self.unreadable += u64::from(receipt.unreadable);
        if receipt.kind != ReceiptKind::Sale {
            self.taken_back += 1;
            return;
        }
        self.sales += 1;
        *match &receipt.attribution {
            a if a.visit_id.is_none() => &mut self.unmatched,
            a if a.confidence.get() >= SURE => &mut self.matched,
            _ => &mut self.likely,
        } += 1;
    }
}
