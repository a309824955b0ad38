//! What recipients have to know of their data: some of it was taken out before they got it, somebody has asked that it
//! be erased, or the rules under which it is taken have changed.

use super::json::{Provenance, rfc3339};
#[cfg(feature = "schema")]
use super::schema;
use super::{CloudEvent, PrivacyMode, VisitId};
use crate::observation::MemberToken;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What happened to data about persons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PrivacyNotice {
    /// Facts about visits were taken out before they were published; what is left are these numbers.
    Degraded(Degraded),
    /// Somebody is to be forgotten: whoever has facts about these visits, or this member, has to erase them.
    Erased(Erased),
    /// From now on other privacy settings are in force.
    Changed(Changed),
}

/// Why facts were taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DegradeReason {
    /// They had waited for a broker as long as they may.
    Ttl,
    /// They were taken in another privacy mode than the one now in force.
    ModeChanged,
    /// A member withdrew their consent.
    ConsentWithdrawn,
}

/// Facts that were taken out, counted. A figure of fewer than k is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Degraded {
    /// The gateway they waited in.
    pub gateway: String,
    /// Why.
    pub reason: DegradeReason,
    /// When the first of them happened.
    pub from: Timestamp,
    /// When the last of them happened.
    pub until: Timestamp,
    /// How many facts about visits, by the last part of their type (`arrived`, `exited` …).
    pub visits: BTreeMap<String, Option<u32>>,
    /// How many receipts no longer say whose they are; the receipts themselves were not taken out.
    pub receipts: Option<u32>,
}

/// Who is to be forgotten.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Erased {
    /// The gateway that was asked.
    pub gateway: String,
    /// The visits.
    pub visits: Vec<VisitId>,
    /// The member, by token; null where single visits were asked for.
    pub member: Option<MemberToken>,
    /// Facts that were taken out before they were published.
    pub removed: u32,
}

/// Privacy settings that changed between two runs of a gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changed {
    /// The gateway.
    pub gateway: String,
    /// The mode before; the event's own `privacy_mode` is the one now in force.
    pub from_mode: PrivacyMode,
    /// The settings that are other than before, by key.
    pub settings: BTreeMap<String, Setting>,
}

/// A setting, before and now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Setting {
    /// Before; null where there was none.
    pub before: Option<String>,
    /// Now; null where there is none.
    pub now: Option<String>,
}

impl PrivacyNotice {
    /// The last part of the CloudEvents type and of the topic.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Degraded(_) => "degraded",
            Self::Erased(_) => "erased",
            Self::Changed(_) => "changed",
        }
    }

    /// The gateway that says it.
    pub fn gateway(&self) -> &str {
        match self {
            Self::Degraded(d) => &d.gateway,
            Self::Erased(e) => &e.gateway,
            Self::Changed(c) => &c.gateway,
        }
    }
}

/// `data` of `privacy.degraded`.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct DegradedData {
    /// The gateway they waited in.
    gateway: String,
    /// Why.
    reason: DegradeReason,
    /// When the first of them happened.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::DateTime"))]
    from: Timestamp,
    /// When the last of them happened.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "schema::DateTime"))]
    until: Timestamp,
    /// How many facts about visits, by the last part of their type (`arrived`, `exited` …); null: fewer than k.
    visits: BTreeMap<String, Option<u32>>,
    /// How many receipts no longer say whose they are; null: fewer than k.
    receipts: Option<u32>,
    #[serde(flatten)]
    provenance: Provenance,
}

/// `data` of `privacy.erased`.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct ErasedData {
    /// The gateway that was asked.
    gateway: String,
    /// The visits to erase.
    visits: Vec<String>,
    /// The member to forget, by token; null where single visits were asked for.
    member: Option<String>,
    /// Facts that were taken out before they were published.
    removed: u32,
    #[serde(flatten)]
    provenance: Provenance,
}

/// `data` of `privacy.changed`.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(super) struct ChangedData {
    /// The gateway.
    gateway: String,
    /// The mode before; `privacy_mode` is the one now in force.
    from_mode: PrivacyMode,
    /// The settings that are other than before, by key.
    settings: BTreeMap<String, Setting>,
    #[serde(flatten)]
    provenance: Provenance,
}

/// `data` of any of them.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum NoticeData {
    Degraded(DegradedData),
    Erased(ErasedData),
    Changed(ChangedData),
}

impl CloudEvent<'_> {
    pub(super) fn notice_data(&self, notice: &PrivacyNotice) -> NoticeData {
        let provenance = self.provenance();
        match notice {
            PrivacyNotice::Degraded(d) => NoticeData::Degraded(DegradedData {
                gateway: d.gateway.clone(),
                reason: d.reason,
                from: d.from,
                until: d.until,
                visits: d.visits.clone(),
                receipts: d.receipts,
                provenance,
            }),
            PrivacyNotice::Erased(e) => NoticeData::Erased(ErasedData {
                gateway: e.gateway.clone(),
                visits: e.visits.iter().map(ToString::to_string).collect(),
                member: e.member.map(|m| m.to_string()),
                removed: e.removed,
                provenance,
            }),
            PrivacyNotice::Changed(c) => NoticeData::Changed(ChangedData {
                gateway: c.gateway.clone(),
                from_mode: c.from_mode,
                settings: c.settings.clone(),
                provenance,
            }),
        }
    }
}
