//! The transaction as a receipt, once all of it was read.

use super::super::Settings;
use super::{Builder, TotalType};
use crate::pos::money::Decimal;
use crate::pos::receipt::{Feed, Item, Receipt};
use crate::pos::when;
use visit_core::observation::ReceiptKind;

impl Builder {
    /// The transaction as a receipt.
    pub(in crate::pos::poslog) fn finish(mut self, settings: &Settings) -> Receipt {
        let mut r = std::mem::take(&mut self.receipt);
        r.feed = Feed::PosLog;
        let [own, of_total, of_first] = self.currency;
        r.currency = own.or(of_total).or(of_first).or(settings.currency);
        let sequence = r.number.take();
        r.number = self.printed.take().or(sequence.clone());
        r.aliases = [sequence, self.id.take()]
            .into_iter()
            .flatten()
            .filter(|n| Some(n) != r.number.as_ref())
            .collect();
        let m = std::mem::take(&mut self.member);
        r.member = m.account.or(m.holder).or(m.vendor).or(m.programme).or(m.customer);
        let end = self.end.take().or(self.receipt_time.take()).or(self.log_time.take());
        for (field, text, to_end) in [("BeginDateTime", self.begin.take(), false), ("EndDateTime", end, true)]
        {
            let Some(text) = text else { continue };
            let at = when::moment(&text, settings.zone.as_ref());
            if at.is_none() {
                let wanted = "is no time, or one without an offset where the time zone is not known; \
                              wanted 2017-10-01T02:02:54+08:00";
                r.doubt(field, wanted);
            }
            *(if to_end { &mut r.end } else { &mut r.begin }) = at;
        }
        if r.kind == ReceiptKind::Sale && self.returns > 0 && self.sales == 0 {
            r.kind = ReceiptKind::Refund;
        }
        r.flags.cut |= self.tenders.cut;
        std::mem::take(&mut self.tenders).put(&mut r);
        r.tax = match self.totals.tax {
            Some(tax) => r.minor(TotalType::Tax.field(), tax),
            None => sum(&mut r, "Tax/Amount", &self.line_tax),
        };
        let paid = r.tendered.map(|t| t.saturating_sub(r.change.unwrap_or(0)));
        let tax = r.tax;
        r.total = self.totals.total(paid, tax, &mut r);
        for goods in std::mem::take(&mut self.lines) {
            let amount = goods.amount.and_then(|a| r.minor("ExtendedAmount", a));
            r.add_item(Item { name: goods.name, code: goods.code, quantity: goods.quantity, amount });
        }
        r.settle();
        r
    }
}

fn sum(receipt: &mut Receipt, field: &str, amounts: &[Decimal]) -> Option<i64> {
    amounts.iter().filter_map(|a| receipt.minor(field, *a)).reduce(i64::saturating_add)
}
