//! What we publish of receipts.

use super::{Confidence, EventId};
use crate::observation::{MemberToken, ReceiptKind};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Whose receipt it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Attribution {
    /// The most likely buyer's visit; absent when "nobody we heard" is likelier.
    pub visit_id: Option<String>,
    /// Probability of that visit; of `none` where there is no visit.
    pub confidence: Confidence,
    /// How many visits could have been the buyer.
    pub candidates: u32,
    /// Probability that the buyer carried no device we heard.
    pub none: Confidence,
}

/// A receipt, recorded once, attributed or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReceiptRecorded {
    /// The store that sold.
    pub store: String,
    /// The till.
    pub till: String,
    /// The zone of the till.
    pub zone: String,
    /// Number as printed.
    pub number: Option<String>,
    /// Sale, refund or void.
    pub kind: ReceiptKind,
    /// Total in minor units of the currency.
    pub amount_minor: Option<i64>,
    /// ISO 4217 code.
    pub currency: Option<String>,
    /// Business date of the till, days since 1970-01-01.
    pub business_date: i32,
    /// Token of a member who agreed (consented mode only).
    pub member: Option<MemberToken>,
    /// It could not be read: only store, till and time are known.
    pub unreadable: bool,
    /// Whose receipt it is.
    pub attribution: Attribution,
    /// Id of the `visit.bag_carried` this refund takes back.
    pub retracts: Option<EventId>,
    /// 0 for the first record of a receipt; each record of the same receipt with other content adds one.
    pub revision: u32,
    /// Id of the `receipt.recorded` that this revision replaces.
    pub replaces: Option<EventId>,
    /// For a refund or void: id of the first `receipt.recorded` of the sale it takes back, if that is known.
    pub takes_back: Option<EventId>,
    /// What makes it one receipt and not another.
    pub key: ReceiptKeyBasis,
    /// When the till says it was done, by its own clock.
    pub printed_at: Option<Timestamp>,
    /// Something of it is missing: the line was cut off, or it was longer than is kept.
    pub partial: bool,
    /// Its amounts do not add up.
    pub unbalanced: bool,
}

/// What makes a receipt one and not another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReceiptKeyBasis {
    /// Store, till, business date, number and type.
    Number,
    /// There is no number: till, minute, total and content. Two equal receipts in one minute are taken for one.
    Content,
}

/// What was recorded of a business day against what the till or its store says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReceiptsReconciled {
    /// The store.
    pub store: String,
    /// The till; absent: all tills of the store.
    pub till: Option<String>,
    /// Business date, days since 1970-01-01.
    pub business_date: i32,
    /// 1 for the first comparison of this day; each later one (receipts came late, totals were corrected) adds one.
    pub seq: u32,
    /// ISO 4217 code of the amounts.
    pub currency: Option<String>,
    /// What was declared.
    pub declared: DeclaredTotals,
    /// What was recorded.
    pub recorded: RecordedTotals,
    /// Receipts declared and not recorded; negative where more were recorded. Absent where no number was declared.
    pub missing: Option<i64>,
    /// Declared net less recorded net, minor units. Absent where no amount was declared.
    pub difference_minor: Option<i64>,
    /// Everything that was declared agrees.
    pub complete: bool,
}

/// What a Z-report or a `postdailysalessummary` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeclaredTotals {
    /// Receipts of that day: sales, refunds and voids together.
    pub receipts: Option<u32>,
    /// Sales less refunds and voids, minor units.
    pub net_minor: Option<i64>,
}

/// What was recorded of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecordedTotals {
    /// Sales.
    pub sales: u32,
    /// Refunds.
    pub refunds: u32,
    /// Voids.
    pub voids: u32,
    /// Receipts that could not be read: each may be one of the missing.
    pub unreadable: u32,
    /// Sales less refunds and voids, minor units.
    pub net_minor: i64,
}
