//! What an element says when it ends: its text, where it stands.

use super::{Builder, Goods, LinkUse, Name, TotalType};
use crate::pos::money::Decimal;
use crate::pos::receipt::{MAX_ITEMS, Member};
use crate::pos::when;
use visit_core::observation::{Currency, ReceiptKind};

impl Builder {
    /// An element ends; it is the last of `path`, and `text` was directly in it.
    pub(in crate::pos::poslog) fn element(&mut self, path: &[Name], text: &str) {
        use Name as N;
        let text = text.trim();
        match path {
            [.., N::Transaction, N::RetailStoreId] => {
                self.receipt.store = self.receipt.text(text);
                self.store_is_sure = true;
            }
            [.., N::Transaction, N::BusinessUnit, N::UnitId] if !self.passed_over => {
                self.receipt.store = self.receipt.text(text);
            }
            [.., N::Transaction, N::WorkstationId] => self.receipt.till = self.receipt.text(text),
            [.., N::Transaction, N::TillId] if self.receipt.till.is_none() => {
                self.receipt.till = self.receipt.text(text);
            }
            [.., N::Transaction, N::SequenceNumber] => self.receipt.number = self.receipt.text(text),
            [.., N::Transaction | N::RetailTransaction, N::ReceiptNumber] => {
                self.printed = self.receipt.text(text);
            }
            [.., N::Transaction, N::TransactionId] => self.id = self.receipt.text(text),
            [.., N::Transaction, N::BusinessDayDate] => {
                self.receipt.business_date = when::date(text);
                if self.receipt.business_date.is_none() {
                    self.receipt.doubt("BusinessDayDate", "is no date; wanted one like 2017-09-30");
                }
            }
            [.., N::Transaction, N::BeginDateTime] => self.begin = self.receipt.text(text),
            [.., N::Transaction, N::EndDateTime] => self.end = self.receipt.text(text),
            [.., N::Transaction | N::RetailTransaction, N::ReceiptDateTime] => {
                self.receipt_time = self.receipt.text(text);
            }
            [.., N::Transaction, N::PosLogDateTime] if !self.passed_over => {
                self.log_time = self.receipt.text(text);
            }
            [.., N::Transaction, N::CurrencyCode] => {
                let code = Currency::new(text);
                if code.is_none() {
                    self.receipt.doubt("CurrencyCode", "is no ISO 4217 code; wanted three capital letters");
                }
                self.currency[0] = code.or(self.currency[0]);
            }
            [.., N::RetailTransaction, N::Total] if self.total_type != TotalType::Other => {
                let amount = self.decimal(self.total_type.field(), text);
                self.totals.set(self.total_type, amount);
            }
            // Before the fields of goods: a link may be one of them.
            [.., N::TransactionLink | N::ReturnTransactionLink] => self.link_ends(),
            [.., N::LineItem, N::Sale | N::Return, field] => self.goods(*field, text),
            [.., N::Sale | N::Return, N::PosIdentity, N::PosItemId] => self.goods(N::PosItemId, text),
            [.., N::LineItem, N::Tender, N::Amount] => {
                let amount = self.decimal("Tender/Amount", text);
                if let Some(tender) = &mut self.line.tender {
                    tender.amount = amount;
                }
            }
            [.., N::LineItem, N::Tender, N::TenderChange, N::Amount] => {
                let change = self.decimal("TenderChange/Amount", text);
                if let Some(tender) = &mut self.line.tender {
                    tender.change = change;
                }
            }
            [.., N::LineItem, N::Tax, N::Amount] => self.line.tax = self.decimal("Tax/Amount", text),
            [.., N::RetailTransaction, N::LineItem] => self.line_ends(),
            [.., N::TransactionLink | N::ReturnTransactionLink, field] => self.link_field(*field, text),
            [.., N::TransactionLink | N::ReturnTransactionLink, N::BusinessUnit, N::UnitId] => {
                self.link_field(N::RetailStoreId, text);
            }
            [.., N::LoyaltyAccount, N::LoyaltyProgram, N::LoyaltyAccountId] => {
                keep(&mut self.member.programme, text);
            }
            [.., N::LoyaltyAccountId] => keep(&mut self.member.account, text),
            [.., N::LoyaltyAccount, N::CustomerId] => keep(&mut self.member.holder, text),
            [.., N::NcrLoyaltyId] => keep(&mut self.member.vendor, text),
            [.., N::Customer, N::CustomerId] => keep(&mut self.member.customer, text),
            _ => {}
        }
    }

    fn decimal(&mut self, field: &str, text: &str) -> Option<Decimal> {
        Decimal::parse(text).map_err(|e| self.receipt.doubt(field, e)).ok()
    }

    fn goods(&mut self, field: Name, text: &str) {
        let Some(mut goods) = self.line.goods.take() else { return };
        match field {
            Name::Description => goods.name = self.receipt.free_text(text),
            Name::ItemId => goods.code = self.receipt.free_text(text),
            Name::PosItemId if goods.code.is_none() => goods.code = self.receipt.free_text(text),
            Name::Quantity => goods.quantity = self.decimal("Quantity", text),
            Name::ExtendedAmount => goods.amount = self.decimal("ExtendedAmount", text),
            _ => {}
        }
        self.line.goods = Some(goods);
    }

    fn line_ends(&mut self) {
        let line = std::mem::take(&mut self.line);
        if line.voided {
            self.receipt.voided_items += u32::from(line.goods.is_some());
            if let Some(goods) = line.goods {
                self.take_back(&goods);
            }
            return;
        }
        if let Some(mut goods) = line.goods {
            self.sales += u32::from(!line.is_return);
            self.returns += u32::from(line.is_return);
            if line.is_return {
                goods.amount = goods.amount.map(|a| a.magnitude().negated());
                goods.quantity = goods.quantity.map(|q| q.magnitude().negated());
            }
            push(&mut self.lines, goods, MAX_ITEMS, &mut self.receipt.flags.cut);
        }
        if let Some(tender) = line.tender {
            self.tenders.push(tender);
        }
        if let Some(tax) = line.tax {
            push(&mut self.line_tax, tax, MAX_ITEMS, &mut self.receipt.flags.cut);
        }
    }

    /// A voided line with a negative amount takes back the last line that is its opposite.
    fn take_back(&mut self, voided: &Goods) {
        let Some(amount) = voided.amount.filter(|a| a.is_negative()) else { return };
        let opposite = |g: &Goods| {
            g.amount == Some(amount.negated())
                && (g.code.as_ref(), &g.name) == (voided.code.as_ref(), &voided.name)
        };
        if let Some(at) = self.lines.iter().rposition(opposite) {
            self.lines.remove(at);
            self.sales = self.sales.saturating_sub(1);
        }
    }

    fn link_field(&mut self, field: Name, text: &str) {
        let link = &mut self.link.link;
        match field {
            Name::RetailStoreId => link.store = self.receipt.text(text),
            Name::WorkstationId => link.till = self.receipt.text(text),
            Name::BusinessDayDate => link.business_date = when::date(text),
            Name::ReceiptNumber => {
                link.number = self.receipt.text(text);
                link.by_alias = false;
                self.link.by_id = false;
            }
            Name::SequenceNumber if link.number.is_none() || self.link.by_id => {
                link.number = self.receipt.text(text);
                link.by_alias = true;
                self.link.by_id = false;
            }
            Name::TransactionId if link.number.is_none() => {
                link.number = self.receipt.text(text);
                link.by_alias = true;
                self.link.by_id = true;
            }
            _ => {}
        }
    }

    fn link_ends(&mut self) {
        let draft = std::mem::take(&mut self.link);
        match draft.use_of {
            LinkUse::Other => return,
            LinkUse::Voids => self.receipt.kind = ReceiptKind::Void,
            LinkUse::TakesBack => {}
        }
        if draft.link.number.is_some() {
            self.receipt.refers_to.get_or_insert(draft.link);
        }
    }
}

/// Keeps the last number that is one.
fn keep(slot: &mut Option<Member>, text: &str) {
    *slot = Member::new(text).or(slot.take());
}

fn push<T>(list: &mut Vec<T>, entry: T, max: usize, cut: &mut bool) {
    if list.len() < max {
        list.push(entry);
    } else {
        *cut = true;
    }
}
