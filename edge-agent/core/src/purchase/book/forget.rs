//! Whose receipts were is forgotten when it may no longer be known: the receipts stay, the visits do not.

use super::{Book, ReceiptEntry, keep_receipt};
use crate::engine::LedgerChange;

impl ReceiptEntry {
    /// Forgets which visit it is of; whether it was of any.
    pub fn forget_buyer(&mut self) -> bool {
        let known = self.buyer.visit.is_some() || self.bag.is_some();
        if known {
            self.buyer.visit = None;
            self.buyer.confidence = self.buyer.none;
            self.bag = None;
        }
        known
    }
}

impl Book {
    /// Forgets whose the receipts are that `which` says. A refund of one of them takes nothing back from a visit any
    /// more, and names no `bag_carried`.
    pub fn forget_buyers(&mut self, which: impl Fn(&ReceiptEntry) -> bool, changes: &mut Vec<LedgerChange>) {
        for (number, entry) in &mut self.receipts {
            if which(entry) && entry.forget_buyer() {
                changes.push(keep_receipt(*number, *entry));
            }
        }
    }
}
