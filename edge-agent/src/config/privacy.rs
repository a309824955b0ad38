//! `[privacy]`: what may be kept and said of people.

use super::agent::{Doubt, Reader, number};
use super::reader::Table;
use super::settings::StoreSettings;
use crate::privacy::OpeningHours;
use std::path::PathBuf;
use std::time::Duration;
use visit_core::event::PrivacyMode;

/// `[privacy]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivacySettings {
    /// What may be published about a person.
    pub mode: PrivacyMode,
    /// The gateway group's key file.
    pub key_file: PathBuf,
    /// Members who agreed, one a line; in consented mode only.
    pub consent_list: Option<PathBuf>,
    /// Members who agreed, as tokens, from the retained topic `…/privacy/consent`; in consented mode only.
    pub consent_topic: bool,
    /// Addresses whose owners do not want to be heard.
    pub opt_out_list: Option<PathBuf>,
    /// The same, as hashes, from the retained topic `…/privacy/opt-out`.
    pub opt_out_topic: bool,
    /// What addresses are hashed with for either; the site's id where absent.
    pub opt_out_salt: Option<String>,
    /// Flow figures below this many people are suppressed.
    pub k: u32,
    /// Weaker frames are dropped, dBm.
    pub rssi_floor: Option<i8>,
    /// Ids of zones whose sensors are not listened to.
    pub excluded_zones: Vec<String>,
    /// When radios are listened to; always where absent.
    pub opening_hours: Option<OpeningHours>,
    /// Hours that facts about single visits may wait here, where the default of the mode is not wanted.
    pub ttl_h: Option<u16>,
    /// Business days that devices of staff, and things, are remembered; 0: not at all.
    pub remember_staff_days: u16,
    /// Days after their last visit that it is known how often a member came; 0: not at all. In consented mode only.
    pub member_history_days: u16,
}

impl PrivacySettings {
    /// The defaults, in this mode, with the key in this file.
    pub fn new(mode: PrivacyMode, key_file: PathBuf) -> Self {
        Self {
            mode,
            key_file,
            consent_list: None,
            consent_topic: false,
            opt_out_list: None,
            opt_out_topic: false,
            opt_out_salt: None,
            k: 10,
            rssi_floor: None,
            excluded_zones: Vec::new(),
            opening_hours: None,
            ttl_h: None,
            remember_staff_days: REMEMBER_STAFF_DAYS,
            member_history_days: MEMBER_HISTORY_DAYS,
        }
    }

    /// How long facts about single visits that were taken in `mode` may wait here; in count mode there are none.
    pub fn ttl(&self, mode: PrivacyMode) -> Option<Duration> {
        let hours = match mode {
            PrivacyMode::Count => return None,
            PrivacyMode::Pseudonymous => PSEUDONYMOUS_TTL_H,
            PrivacyMode::Consented => CONSENTED_TTL_H,
        };
        Some(Duration::from_secs(u64::from(self.ttl_h.unwrap_or(hours)) * 3600))
    }

    /// As [`Self::remember_staff_days`]; count mode keeps nothing about single devices.
    pub fn remembers_staff(&self) -> u16 {
        if self.mode == PrivacyMode::Count { 0 } else { self.remember_staff_days }
    }

    /// As [`Self::member_history_days`]; only consented mode knows members.
    pub fn keeps_history(&self) -> u16 {
        if self.mode == PrivacyMode::Consented { self.member_history_days } else { 0 }
    }

    /// Everything that says what is captured, kept and for how long, by key; for the log and to see what changed.
    pub fn in_words(&self) -> Vec<(String, String)> {
        let none = || "none".to_owned();
        let path = |path: &Option<PathBuf>| path.as_ref().map_or_else(none, |p| p.display().to_string());
        let ttl = self.ttl(self.mode).map_or_else(none, |ttl| (ttl.as_secs() / 3600).to_string());
        let hours = self.opening_hours.as_ref().map_or_else(|| "always".to_owned(), ToString::to_string);
        let mut excluded = self.excluded_zones.clone();
        excluded.sort();
        [
            ("mode", mode_word(self.mode).to_owned()),
            ("ttl_h", ttl),
            ("k", self.k.to_string()),
            ("rssi_floor", self.rssi_floor.map_or_else(none, |floor| floor.to_string())),
            ("excluded_zones", excluded.join(" ")),
            ("opening_hours", hours),
            ("opt_out_list", path(&self.opt_out_list)),
            ("opt_out_topic", self.opt_out_topic.to_string()),
            ("consent_list", path(&self.consent_list)),
            ("consent_topic", self.consent_topic.to_string()),
            ("remember_staff_days", self.remembers_staff().to_string()),
            ("member_history_days", self.keeps_history().to_string()),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
    }
}

/// The word for a mode in configuration, events and logs.
pub fn mode_word(mode: PrivacyMode) -> &'static str {
    MODES.iter().find(|(_, m)| *m == mode).map_or("", |(word, _)| word)
}

pub(super) fn privacy(
    reader: &Reader<'_>,
    t: &Table<'_>,
    store: &StoreSettings,
    doubts: &mut Vec<Doubt>,
) -> PrivacySettings {
    let mode = t.one_of("mode", MODES).unwrap_or(PrivacyMode::Pseudonymous);
    let key_file = reader.path(t, "key_file", "\"/var/lib/edge-agent/privacy.key\"").unwrap_or_else(|| {
        // Beside the store, not in it: a damaged store is moved aside, and the key must stay.
        store.dir.parent().unwrap_or(&store.dir).join("privacy.key")
    });
    let settings = PrivacySettings {
        consent_list: reader.path(t, "consent_list", "\"/etc/edge-agent/consent.txt\""),
        consent_topic: t.boolean("consent_topic", "true").unwrap_or(false),
        opt_out_list: reader.path(t, "opt_out_list", "\"/etc/edge-agent/opt-out.txt\""),
        opt_out_topic: t.boolean("opt_out_topic", "true").unwrap_or(false),
        opt_out_salt: salt(t),
        k: number(t, "k", 1..=1_000, 10),
        rssi_floor: t.integer("rssi_floor", -120..=-1, "-90").and_then(|r| i8::try_from(r).ok()),
        excluded_zones: t.strings("excluded_zones", "[\"F1-Z03\"]").unwrap_or_default(),
        opening_hours: opening_hours(t),
        ttl_h: t.integer("ttl_h", 1..=MAX_TTL_H, "48").and_then(|h| u16::try_from(h).ok()),
        remember_staff_days: number(t, "remember_staff_days", 0..=365, REMEMBER_STAFF_DAYS),
        member_history_days: number(t, "member_history_days", 0..=1_100, MEMBER_HISTORY_DAYS),
        ..PrivacySettings::new(mode, key_file)
    };
    if mode == PrivacyMode::Consented {
        if settings.consent_list.is_none() && !settings.consent_topic {
            let message = "is missing; consented mode links nobody without the list of members who agreed: \
                           write consent_list = \"/etc/edge-agent/consent.txt\", or consent_topic = true";
            t.problem("consent_list", message);
        }
    } else {
        for key in ["consent_list", "consent_topic", "member_history_days"] {
            if t.has(key) {
                let message = "is not used in this mode; only mode = \"consented\" links members";
                doubts.push((format!("privacy.{key}"), message.into()));
            }
        }
    }
    if mode == PrivacyMode::Count {
        for (key, why) in [
            ("ttl_h", "nothing about single visits is kept in this mode that could grow old"),
            ("remember_staff_days", "count mode remembers no devices, staff's included"),
        ] {
            if t.has(key) {
                doubts.push((format!("privacy.{key}"), format!("is not used in this mode: {why}")));
            }
        }
    }
    if settings.opt_out_salt.is_some() && settings.opt_out_list.is_none() && !settings.opt_out_topic {
        let message = "is not used without an opt-out list; write opt_out_list or opt_out_topic as well";
        doubts.push(("privacy.opt_out_salt".into(), message.into()));
    }
    if settings.k < 5 {
        let message = format!("{} is few: flow of so small groups tells of persons", settings.k);
        doubts.push(("privacy.k".into(), message));
    }
    t.done();
    settings
}

fn opening_hours(t: &Table<'_>) -> Option<OpeningHours> {
    let text = t.string("opening_hours", HOURS)?;
    let hours = OpeningHours::parse(&text);
    if hours.is_none() {
        let by_day = "\"Mo-Fr 10:00-22:00; Sa,Su 09:00-23:00\"";
        let message =
            format!("{text:?} are no opening hours; write opening_hours = {HOURS}, or by weekday: {by_day}");
        t.problem("opening_hours", message);
    }
    hours
}

fn salt(t: &Table<'_>) -> Option<String> {
    let text = t.string("opt_out_salt", "\"mall-1 opt-out\"")?;
    if !(8..=128).contains(&text.len()) {
        t.problem("opt_out_salt", format!("has {} bytes; expected 8…128", text.len()));
    }
    Some(text)
}

const HOURS: &str = "\"10:00-22:00\"";
const MODES: &[(&str, PrivacyMode)] = &[
    ("pseudonymous", PrivacyMode::Pseudonymous),
    ("count", PrivacyMode::Count),
    ("consented", PrivacyMode::Consented),
];
/// Over a night and the day after: what a broker that failed in the evening needs to be mended.
const PSEUDONYMOUS_TTL_H: u16 = 48;
/// Over a weekend: members agreed to be known.
const CONSENTED_TTL_H: u16 = 72;
/// 30 days. Whoever needs more does not want a limit.
const MAX_TTL_H: i64 = 720;
/// Over a holiday week, and the week after.
const REMEMBER_STAFF_DAYS: u16 = 14;
/// Over a year, so that who comes each spring festival is known to.
const MEMBER_HISTORY_DAYS: u16 = 400;
