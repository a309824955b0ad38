//! Whose receipts were is forgotten when it may no longer be known: the receipts stay, the visits do not.

use super::{Book, ReceiptEntry, keep_receipt};
use crate::engine::LedgerChange;

impl Book {
    /// Forgets whose the receipts are that `which` says. A refund of one of them takes nothing back from a visit any
    /// more, and names no `bag_carried`.
    pub fn forget_buyers(&mut self, which: impl Fn(&ReceiptEntry) -> bool, changes: &mut Vec<LedgerChange>) {
        for (number, entry) in &mut self.receipts {
            if (entry.buyer.visit.is_some() || entry.bag.is_some()) && which(entry) {
                entry.buyer.visit = None;
                entry.buyer.confidence = entry.buyer.none;
                entry.bag = None;
                changes.push(keep_receipt(*number, *entry));
            }
        }
    }
}
