//! What a till or a store says it sold in a business day: a Z-report (日结), or a `postdailysalessummary`.

use super::receipt::NotObserved;
use crate::names::Names;
use visit_core::observation::{self, Currency};
use visit_core::site::TillIx;
use visit_core::time::Timestamp;

/// Totals of one day, with the names of the feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayTotals {
    /// The store as the feed calls it.
    pub store: Option<String>,
    /// The till as the feed calls it; `None`: all tills of the store.
    pub till: Option<String>,
    /// Business date, days since 1970-01-01; `None`: that of the capture.
    pub business_date: Option<i32>,
    /// ISO 4217 code of the amount.
    pub currency: Option<Currency>,
    /// Receipts of that day: sales, refunds and voids together.
    pub receipts: Option<u32>,
    /// Sales less refunds and voids, minor units.
    pub net: Option<i64>,
}

impl DayTotals {
    /// The totals as sources yield them. `till` is the one the feed belongs to, for totals that name none. `day` is
    /// the business date at `captured` by the site's calendar.
    pub fn observe(
        &self,
        names: &Names,
        till: Option<TillIx>,
        captured: Timestamp,
        day: i32,
    ) -> Result<observation::DayTotals, NotObserved> {
        let (store, till) = match (&self.store, &self.till, till) {
            (store, Some(named), fallback) => {
                let till = names.till_of(store.as_deref(), Some(named)).or(fallback);
                let till = till.ok_or(NotObserved::UnknownTill)?;
                (names.store(till).ok_or(NotObserved::UnknownTill)?, Some(till))
            }
            (Some(store), None, None) => {
                let mut stores = names.tills.values().map(|(_, of)| of.as_str());
                (stores.find(|of| of == store).ok_or(NotObserved::UnknownTill)?, None)
            }
            (_, None, Some(till)) => (names.store(till).ok_or(NotObserved::UnknownTill)?, Some(till)),
            (None, None, None) => return Err(NotObserved::UnknownTill),
        };
        Ok(observation::DayTotals {
            at: captured,
            store: store.to_owned(),
            till,
            business_date: self.business_date.unwrap_or(day),
            currency: self.currency,
            receipts: self.receipts,
            net_minor: self.net,
            ticket: None,
        })
    }
}
