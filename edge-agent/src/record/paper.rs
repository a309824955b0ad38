//! Lines of receipts, of what was sold in a day, and of door counters.

use gateway::observation as raw;
use serde::Serialize;
use visit_core::observation::{
    CountedPlace, Currency, DayTotals, DoorCount, Marks, Receipt, ReceiptKind, SaleRef,
};
use visit_core::site::{Site, TillIx};
use visit_core::time::Timestamp;

/// Ids of the places that papers come from.
pub(super) struct Places {
    tills: Vec<String>,
    zones: Vec<String>,
    floors: Vec<String>,
}

#[derive(Default, Serialize)]
pub(super) struct ReceiptLine {
    at: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    till: Option<String>,
    store: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refers_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refers_to_till: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refers_to_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    business_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    printed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    reprint: bool,
    #[serde(skip_serializing_if = "is_false")]
    partial: bool,
    #[serde(skip_serializing_if = "is_false")]
    unbalanced: bool,
}

#[derive(Serialize)]
pub(super) struct TotalsLine {
    at: String,
    kind: &'static str,
    store: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    till: Option<String>,
    business_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    net_minor: Option<i64>,
}

#[derive(Serialize)]
pub(super) struct CountLine {
    at: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    floor: Option<String>,
    counter: String,
    entered: u32,
    left: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    inside: Option<u32>,
}

impl From<&Site> for Places {
    fn from(site: &Site) -> Self {
        Self {
            tills: site.tills.iter().map(|t| t.id.clone()).collect(),
            zones: site.zones.iter().map(|z| z.id.clone()).collect(),
            floors: site.floors.iter().map(|f| f.id.clone()).collect(),
        }
    }
}

impl Places {
    /// A receipt as it may be kept.
    pub(super) fn receipt(&self, r: &Receipt) -> ReceiptLine {
        ReceiptLine {
            store: r.store.clone(),
            number: r.number.clone(),
            member: r.member.map(|token| token.to_string()),
            business_date: Some(date(r.business_date)),
            ..self.line(r.at, r.till, r.kind, r.refers_to.as_ref())
        }
        .said(r.amount_minor, r.currency, r.printed_at, r.content, r.marks)
    }

    /// A receipt as it came.
    pub(super) fn raw_receipt(&self, r: &raw::Receipt) -> ReceiptLine {
        ReceiptLine {
            store: r.store.clone(),
            number: r.number.clone(),
            member: r.member.clone(),
            business_date: r.business_date.map(date),
            ..self.line(r.at, r.till, r.kind, r.refers_to.as_ref())
        }
        .said(r.amount_minor, r.currency, r.printed_at, r.content, r.marks)
    }

    /// What was sold in a day.
    pub(super) fn totals(&self, t: &DayTotals) -> TotalsLine {
        TotalsLine {
            at: t.at.to_string(),
            kind: "totals",
            store: t.store.clone(),
            till: t.till.and_then(|ix| self.till(ix)),
            business_date: date(t.business_date),
            currency: t.currency.map(|c| c.as_str().to_owned()),
            receipts: t.receipts,
            net_minor: t.net_minor,
        }
    }

    /// What a door counter counted. Its name is known as a hash only, which tells it from others as well.
    pub(super) fn count(&self, c: &DoorCount) -> CountLine {
        let of = |ids: &[String], ix: u16| ids.get(usize::from(ix)).cloned();
        let (zone, floor) = match c.place {
            CountedPlace::Site => (None, None),
            CountedPlace::Zone(ix) => (of(&self.zones, ix.0), None),
            CountedPlace::Floor(ix) => (None, of(&self.floors, ix.0)),
        };
        CountLine {
            at: c.at.to_string(),
            kind: "count",
            zone,
            floor,
            counter: format!("{:016x}", c.counter),
            entered: c.entered,
            left: c.left,
            inside: c.inside,
        }
    }

    fn line(&self, at: Timestamp, till: TillIx, kind: ReceiptKind, sale: Option<&SaleRef>) -> ReceiptLine {
        ReceiptLine {
            at: at.to_string(),
            kind: "receipt",
            till: self.till(till),
            r#type: kind.as_str(),
            refers_to: sale.map(|s| s.number.clone()),
            refers_to_till: sale.and_then(|s| s.till).and_then(|ix| self.till(ix)),
            refers_to_date: sale.and_then(|s| s.business_date).map(date),
            ..ReceiptLine::default()
        }
    }

    fn till(&self, ix: TillIx) -> Option<String> {
        self.tills.get(usize::from(ix.0)).cloned()
    }
}

impl ReceiptLine {
    fn said(
        self,
        amount_minor: Option<i64>,
        currency: Option<Currency>,
        printed_at: Option<Timestamp>,
        content: u64,
        marks: Marks,
    ) -> Self {
        Self {
            amount_minor,
            currency: currency.map(|c| c.as_str().to_owned()),
            printed_at: printed_at.map(|at| at.to_string()),
            content: (content != 0).then(|| format!("{content:016x}")),
            reprint: marks.reprint,
            partial: marks.partial,
            unbalanced: marks.unbalanced,
            ..self
        }
    }
}

/// Days since 1970-01-01 as a date.
fn date(days: i32) -> String {
    let midnight = Timestamp::from_micros(i64::from(days) * 86_400_000_000).to_string();
    midnight.split('T').next().unwrap_or_default().to_owned()
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_false(flag: &bool) -> bool {
    !flag
}
