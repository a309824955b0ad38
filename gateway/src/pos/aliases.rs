//! A receipt has one number here, and a refund may mean it by another: POSLog links by the sequence number of the till's
//! log, and a receipt that prints a number of its own has that.
//!
//! Remembers the last [`MAX`] aliases, in memory: a link by an alias to a sale from before the start of this process
//! is kept as it came.

use std::collections::{BTreeMap, VecDeque};
use visit_core::site::TillIx;

/// Aliases that are remembered; of them the oldest go.
pub const MAX: usize = 32_768;

/// Till, alias, business date (the smallest where it is not known).
type Key = (TillIx, String, i32);

/// What other numbers receipts go by.
#[derive(Clone, Debug, Default)]
pub struct Aliases {
    numbers: BTreeMap<Key, String>,
    order: VecDeque<Key>,
}

impl Aliases {
    /// A receipt with a number has these, too; `day` is its business date, if it is known.
    pub fn learn(&mut self, till: TillIx, number: &str, aliases: &[String], day: Option<i32>) {
        for alias in aliases {
            let key = (till, alias.clone(), day.unwrap_or(i32::MIN));
            if self.numbers.insert(key.clone(), number.to_owned()).is_none() {
                self.order.push_back(key);
            }
        }
        while self.order.len() > MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.numbers.remove(&oldest);
            }
        }
    }

    /// Puts the number of the sale in the place of another number that a refund means it by.
    pub fn resolve(&self, till: TillIx, refers_to: &mut visit_core::observation::SaleRef) {
        let till = refers_to.till.unwrap_or(till);
        let of = |from: i32, to: i32| {
            let range = (till, refers_to.number.clone(), from)..=(till, refers_to.number.clone(), to);
            self.numbers.range(range).next_back().map(|(_, number)| number)
        };
        let found = match refers_to.business_date {
            Some(day) => of(day, day).or_else(|| of(i32::MIN, i32::MIN)),
            None => of(i32::MIN, i32::MAX),
        };
        if let Some(number) = found {
            refers_to.number.clone_from(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use visit_core::observation::SaleRef;

    fn meant(aliases: &Aliases, number: &str, day: Option<i32>) -> String {
        let mut link = SaleRef { till: None, number: number.into(), business_date: day };
        aliases.resolve(TillIx(1), &mut link);
        link.number
    }

    #[test]
    fn a_link_by_another_number_means_the_sale_of_its_day_or_else_the_last() {
        let mut aliases = Aliases::default();
        aliases.learn(TillIx(1), "A-77", &["9001".into(), "id-1".into()], Some(10));
        aliases.learn(TillIx(1), "A-12", &["9001".into()], Some(11));
        aliases.learn(TillIx(2), "B-1", &["9001".into()], Some(12));
        assert_eq!(meant(&aliases, "9001", Some(10)), "A-77");
        assert_eq!(meant(&aliases, "9001", None), "A-12");
        assert_eq!(meant(&aliases, "id-1", None), "A-77");
        assert_eq!(meant(&aliases, "9001", Some(9)), "9001", "what is not known stays");
    }

    #[test]
    fn memory_is_bounded() {
        let mut aliases = Aliases::default();
        for n in 0..MAX + 10 {
            aliases.learn(TillIx(1), "A", &[n.to_string()], None);
        }
        assert_eq!((aliases.numbers.len(), aliases.order.len()), (MAX, MAX));
        assert_eq!(meant(&aliases, "9", None), "9");
        assert_eq!(meant(&aliases, "10", None), "A");
    }
}
