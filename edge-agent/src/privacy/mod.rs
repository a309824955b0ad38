//! The only place where what a gateway heard becomes what may be kept: raw addresses become pseudonyms,
//! member numbers become tokens, card numbers are cut. Behind this module nothing can name a person.
//!
//! - Pseudonym: the first 128 bits of keyed BLAKE3 over one byte for the kind of address and the address,
//!   under the key of the business day. Kinds: 1 Wi-Fi, 2 Bluetooth LE, 3 an iBeacon the site knows (UUID,
//!   major, minor: its address may change, it does not). Keys: a ratchet in a file; see `keys.rs`, `daily.rs`.
//! - An observation of a day before the key's is dropped and counted (`before_key`): its key is destroyed. So
//!   a clock that jumps back a day loses sightings until it is right again, and never privacy. One of a later day
//!   moves the key on when it is at most an hour ahead of the wall clock, and is dropped otherwise
//!   (`after_key`): a source with a wrong clock must not cost the key. Nor may the wall clock itself: it moves
//!   the key by 400 days at most.
//! - Member token: see `members.rs`. Kept in consented mode, of members on the list, only.
//! - What a member who agreed carries, and how often they come: `lists.rs`, `history.rs`.
//! - Capture is limited to the premises, to opening hours, and to those who did not opt out: `capture.rs`, `lists.rs`.
//! - Staff and things are remembered across days, by token, where the configuration says so: `fixtures.rs`.
//! - What comes out of the engine passes `gate.rs` on its way to the store; what waits there and grows old, or is of
//!   another mode, is degraded by `degrade.rs`.
//!
//! Nothing here is logged with its content, and every drop is counted by its reason.

mod business_day;
mod capture;
mod daily;
pub(crate) mod degrade;
pub(crate) mod fixtures;
mod gate;
pub(crate) mod history;
mod hours;
mod keys;
pub(crate) mod lists;
mod members;
mod recent;
mod refusal;
mod refused;
mod table;

pub use business_day::BusinessCalendar;
pub use hours::OpeningHours;
pub(crate) use keys::{SEED_DAY, inspect as inspect_key_file, member_key};
pub use lists::{ListChanges, ListState, Which};
pub use refusal::{Dropped, PrivacyError};

use crate::config::{PrivacySettings, TagRule};
use daily::{Daily, hash128};
use fixtures::{Fixtures, Memory};
use gateway::observation as raw;
use gateway::pos::digits;
use history::History;
use hours::Doors;
use keys::{Key, KeyFile};
use lists::Lists;
use recent::Recent;
use refused::{Refused, Today};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::io;
use std::path::PathBuf;
use visit_core::event::PrivacyMode;
use visit_core::observation::{
    DayTotals, MemberHeard, MemberToken, Observation, Pseudonym, Receipt, SaleRef,
};
use visit_core::site::Site;
use visit_core::time::{Span, Timestamp};
use zeroize::Zeroizing;

/// Turns what was heard into what may be kept.
pub struct Privacy {
    keys: Daily,
    calendar: BusinessCalendar,
    recent: Recent,
    /// The wall clock, when it was last told.
    now: Timestamp,
    mode: PrivacyMode,
    rssi_floor: Option<i8>,
    doors: Option<Doors>,
    /// For each sensor whether it is listened to.
    listened: Vec<bool>,
    tills: usize,
    /// Sorted by UUID.
    tags: Vec<TagRule>,
    /// Fixed beacons of the site map: UUID, major, minor.
    beacons: HashSet<([u8; 16], u16, u16)>,
    lists: Lists,
    memory: Memory,
    history: History,
    /// Members that were heard, to be told to the engine.
    heard_members: Vec<MemberHeard>,
    /// Apps of members that were heard in this hour.
    apps_heard: (Timestamp, BTreeSet<Pseudonym>),
    refused: Refused,
    /// The newest business day anything was heard on.
    newest_day: i32,
    /// How long facts about single visits may be kept.
    ttl: Span,
    /// By the hour: the first business day whose receipts may say which visit they are of.
    kept: Option<(Timestamp, i32)>,
    receipts: Key,
    dropped: [u64; Dropped::ALL.len()],
    stopped: u64,
}

/// What has to survive with a snapshot of the engine, so that a recording that goes back to it hears what it heard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    fixtures: Fixtures,
    refused: Today,
}

impl Privacy {
    /// Opens the key file (and makes it, where there is none) and reads the lists. `now` is the wall
    /// clock's: it says which business day the key is to be of.
    pub fn open(
        settings: &PrivacySettings,
        tags: &[TagRule],
        site: &Site,
        now: Timestamp,
    ) -> Result<Self, PrivacyError> {
        let mut calendar = calendar(site)?;
        let today = calendar.day(now);
        let keys = Daily::ratchet(KeyFile::open(&settings.key_file, today)?, settings.mode);
        let lists = Lists::open(settings, &site.id, keys.members())?;
        let beside = |name| Some(settings.key_file.with_file_name(name));
        let memory = Memory::open(settings.remembers_staff(), keys.lasting(FIXTURES), beside(STAFF_FILE));
        let refused = Refused::open(keys.lasting(REFUSED), beside(REFUSED_FILE), today);
        let history = History::open(settings.keeps_history(), beside(MEMBERS_FILE));
        Ok(Self { now, history, ..Self::with(keys, calendar, lists, memory, refused, settings, tags, site) })
    }

    /// With keys derived from `base` for any day, kept in memory only. With a random `base` this serves a demo;
    /// with [`public_base`] a replay.
    pub fn in_memory(
        settings: &PrivacySettings,
        tags: &[TagRule],
        site: &Site,
        base: [u8; 32],
    ) -> Result<Self, PrivacyError> {
        let base = Key::new(&base);
        let members = keys::derive(REPLAY_MEMBERS, base.as_slice());
        let addresses = keys::derive(REPLAY_ADDRESSES, base.as_slice());
        Self::playing(base, members, addresses, settings, tags, site)
    }

    /// For a daemon that plays recordings: keys for any day, derived from the key file's (which is made where there
    /// is none). The recordings hold raw addresses on disk, so a ratchet would protect nothing; and a restart may go
    /// back over midnight, which a ratchet cannot. What is remembered of staff is part of the engine's snapshot.
    pub fn for_recording(
        settings: &PrivacySettings,
        tags: &[TagRule],
        site: &Site,
        now: Timestamp,
    ) -> Result<Self, PrivacyError> {
        let file = KeyFile::open(&settings.key_file, calendar(site)?.day(now))?;
        let base = keys::derive(RECORDING_BASE, file.state.addresses.as_slice());
        let (members, addresses) = (file.state.members.clone(), file.state.addresses.clone());
        Self::playing(base, members, addresses, settings, tags, site)
    }

    /// For offline replay: keys anybody can derive from the site's id, so that a replay gives the same events
    /// everywhere. Such pseudonyms protect nothing; the daemon never publishes them.
    pub fn for_replay(site: &Site) -> Result<Self, PrivacyError> {
        let settings = PrivacySettings::new(PrivacyMode::Pseudonymous, PathBuf::new());
        Self::in_memory(&settings, &[], site, public_base(site))
    }

    fn playing(
        base: Key,
        members: Key,
        addresses: Key,
        settings: &PrivacySettings,
        tags: &[TagRule],
        site: &Site,
    ) -> Result<Self, PrivacyError> {
        let keys = Daily::per_day(base, members, addresses, settings.mode);
        let named =
            settings.opt_out_list.is_some() || settings.opt_out_topic || settings.consent_list.is_some();
        let lists = match named || settings.consent_topic {
            true => Lists::open(settings, &site.id, keys.members())?,
            false => Lists::none(settings, &site.id, keys.members()),
        };
        let memory = Memory::open(settings.remembers_staff(), keys.lasting(FIXTURES), None);
        let refused = Refused::open(keys.lasting(REFUSED), None, i32::MIN);
        Ok(Self::with(keys, calendar(site)?, lists, memory, refused, settings, tags, site))
    }

    #[allow(clippy::too_many_arguments)] // all its parts
    fn with(
        keys: Daily,
        calendar: BusinessCalendar,
        lists: Lists,
        memory: Memory,
        refused: Refused,
        settings: &PrivacySettings,
        tags: &[TagRule],
        site: &Site,
    ) -> Self {
        let excluded: HashSet<_> =
            settings.excluded_zones.iter().filter_map(|id| site.zone_named(id)).collect();
        let mut tags = tags.to_vec();
        tags.sort_by_key(|t| t.uuid);
        let hours = settings.opening_hours.clone();
        Self {
            receipts: keys::derive(RECEIPTS, keys.members().as_slice()),
            keys,
            recent: Recent::default(),
            now: Timestamp::MIN,
            mode: settings.mode,
            rssi_floor: settings.rssi_floor,
            doors: hours.map(|hours| Doors::new(hours, calendar.zone().clone())),
            calendar,
            listened: site.sensors.iter().map(|s| !excluded.contains(&s.zone)).collect(),
            tills: site.tills.len(),
            tags,
            beacons: site.beacons.iter().map(|b| (b.uuid, b.major, b.minor)).collect(),
            lists,
            memory,
            history: History::open(0, None),
            heard_members: Vec::new(),
            apps_heard: (Timestamp::MIN, BTreeSet::new()),
            refused,
            newest_day: i32::MIN,
            ttl: settings.ttl(settings.mode).map_or(Span::ZERO, span),
            kept: None,
            dropped: [0; Dropped::ALL.len()],
            stopped: 0,
        }
    }

    /// With how long somebody has to be here to be staff.
    #[must_use]
    pub fn with_staff_presence(mut self, presence: Span) -> Self {
        self.memory.set_presence(presence);
        self
    }

    /// What may be kept of an observation, or why nothing.
    ///
    /// With the first sighting of a new business day the key file is replaced, which waits for the disk.
    pub fn observe(&mut self, heard: raw::Observation) -> Result<Observation, Dropped> {
        let kept = match heard {
            raw::Observation::Sighting(s) => self.sighting(&s).map(Observation::Sighting),
            raw::Observation::Receipt(r) => self.receipt(r).map(Observation::Receipt),
            raw::Observation::SensorHealth(h) if usize::from(h.sensor.0) < self.listened.len() => {
                Ok(Observation::SensorHealth(h))
            }
            raw::Observation::SensorHealth(_) => Err(Dropped::Unknown),
            raw::Observation::DayTotals(t)
                if t.till.is_some_and(|till| usize::from(till.0) >= self.tills) =>
            {
                Err(Dropped::Unknown)
            }
            raw::Observation::DayTotals(t) => {
                Ok(Observation::DayTotals(DayTotals { store: digits::truncate_cards(&t.store), ..t }))
            }
            // Numbers of people, of nobody in particular.
            raw::Observation::DoorCount(c) => Ok(Observation::DoorCount(c)),
        };
        if let Err(reason) = kept {
            self.dropped[reason as usize] += 1;
        }
        kept
    }

    /// Tells the wall clock. Moves the key on when `now` is in a new business day, so that yesterday's dies
    /// even where nothing is heard, and writes the key file if that failed before.
    ///
    /// To be called every minute or so, which costs a comparison: a clock that is set right jumps.
    pub fn advance(&mut self, now: Timestamp) -> io::Result<()> {
        self.now = now;
        let day = self.calendar.day(now);
        if self.keys.day().is_some() {
            if self.keys.advance(day) {
                self.recent.forget();
            }
            self.refused.begin(day);
            self.memory.expire(day);
            let lists = &self.lists;
            self.history.expire(day, |member| lists.has_agreed(member));
        }
        self.keys.save()
    }

    /// Looks at the lists, and writes down what is remembered. Reads files: to be called every ten seconds or so.
    pub fn look_after(&mut self) -> ListChanges {
        self.memory.save();
        self.history.save();
        let changes = self.lists.look(self.now);
        self.follow(&changes);
        changes
    }

    /// Writes down what is remembered, before the end.
    pub fn keep(&mut self) {
        self.memory.save();
        self.history.save();
    }

    /// A list was published.
    pub fn published(&mut self, which: Which, payload: &[u8]) -> ListChanges {
        let changes = self.lists.published(which, payload, self.now);
        self.follow(&changes);
        changes
    }

    fn follow(&mut self, changes: &ListChanges) {
        if changes.any {
            self.recent.forget();
            self.apps_heard.1.clear();
        }
        for member in &changes.withdrawn {
            self.history.forget(*member);
        }
    }

    /// The engine found that this is no visitor: it is remembered, if it is heard again today.
    pub fn not_a_visitor(&mut self, device: Pseudonym) {
        self.memory.found(device);
    }

    /// Nothing more is heard of this device today.
    pub fn refuse(&mut self, device: Pseudonym) {
        // Nothing may have been heard in this run; of what is only played the clock says nothing.
        let day = if self.key_day().is_some() { self.calendar.day(self.now) } else { i32::MIN };
        self.refused.add(device, self.newest_day.max(day));
    }

    /// Forgets staff and equipment of all days; how many there were.
    pub fn forget_staff(&mut self) -> usize {
        self.recent.forget();
        self.memory.erase()
    }

    /// What belongs to a snapshot of the engine.
    pub fn remembered(&self) -> Remembered {
        Remembered { fixtures: self.memory.fixtures().clone(), refused: self.refused.today().clone() }
    }

    /// Goes on from a snapshot.
    pub fn restore(&mut self, remembered: Remembered) {
        self.recent.forget();
        self.memory.restore(remembered.fixtures);
        self.refused.restore(remembered.refused);
    }

    /// When the business day after that of `now` begins.
    pub fn next_rotation(&mut self, now: Timestamp) -> Timestamp {
        self.calendar.next_start(now)
    }

    /// The first business day whose receipts may still say which visit they are of: today, at least. By the hour, so
    /// that a recording that goes back finds the same.
    pub fn first_day_kept(&mut self, now: Timestamp) -> i32 {
        let hour = now.floor_to(Span::from_secs(3600));
        if self.kept.is_none_or(|(of, _)| of != hour) {
            let last_gone = self.calendar.day(hour.saturating_add(Span::from_micros(-self.ttl.as_micros())));
            self.kept = Some((hour, self.calendar.day(hour).min(last_gone + 1)));
        }
        self.kept.map_or(i32::MIN, |(_, day)| day)
    }

    /// The business day of a moment.
    pub fn business_day(&mut self, at: Timestamp) -> i32 {
        self.calendar.day(at)
    }

    /// The business day of the key in use, days since 1970-01-01; `None` where there is a key for every day.
    pub fn key_day(&self) -> Option<i32> {
        self.keys.day()
    }

    /// Whether the key in use is on disk. When it is not, an old key still is: raise the alarm.
    pub fn key_is_saved(&self) -> bool {
        self.keys.is_saved()
    }

    /// How many observations were dropped, by reason.
    pub fn dropped(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Dropped::ALL.iter().map(|&(reason, name)| (name, self.dropped[reason as usize]))
    }

    /// How the lists are, by the key that names them.
    pub fn lists(&self) -> impl Iterator<Item = (&'static str, &ListState)> {
        self.lists.states()
    }

    /// How many devices of staff, and things, are remembered.
    pub fn staff_remembered(&self) -> usize {
        self.memory.len()
    }

    /// Forgets how often a member came, on disk too; whether that was known.
    pub fn forget_history(&mut self, member: MemberToken) -> bool {
        let known = self.history.forget(member);
        self.history.save();
        known
    }

    /// Of how many members it is known how often they come.
    pub fn history_len(&self) -> usize {
        self.history.len()
    }

    /// Members that were heard since the last call, by what they carry.
    pub fn take_heard_members(&mut self) -> Vec<MemberHeard> {
        std::mem::take(&mut self.heard_members)
    }

    /// The token of a member number.
    pub fn member_token(&self, number: &str) -> MemberToken {
        members::token(self.keys.members(), number)
    }

    fn receipt(&mut self, r: raw::Receipt) -> Result<Receipt, Dropped> {
        if usize::from(r.till.0) >= self.tills {
            return Err(Dropped::Unknown);
        }
        let number = r.member.map(Zeroizing::new);
        let member = match self.mode {
            PrivacyMode::Consented => {
                number.map(|n| self.member_token(&n)).filter(|t| self.lists.has_agreed(*t))
            }
            PrivacyMode::Count | PrivacyMode::Pseudonymous => None,
        };
        Ok(Receipt {
            at: r.at,
            till: r.till,
            store: digits::truncate_cards(&r.store),
            number: r.number.map(|number| self.receipt_number(&number)),
            kind: r.kind,
            amount_minor: r.amount_minor,
            currency: r.currency,
            member,
            consented: member.is_some(),
            refers_to: r.refers_to.map(|sale| SaleRef { number: self.receipt_number(&sale.number), ..sale }),
            business_date: r.business_date.unwrap_or_else(|| self.calendar.day(r.at)),
            printed_at: r.printed_at,
            content: r.content,
            marks: r.marks,
            ticket: None,
        })
    }

    /// A receipt's number without what may be a card in it. One long number in ten passes for a card: five digits of
    /// a keyed hash keep two of them apart that end alike, and are far too few to find a card by.
    fn receipt_number(&self, text: &str) -> String {
        let cut = digits::truncate_cards(text);
        if cut == text {
            return cut;
        }
        let short = hash128(&self.receipts, text.as_bytes()) & 0xf_ffff;
        format!("{cut}#{short:05x}")
    }
}

/// Tells how it is set, and no key.
impl fmt::Debug for Privacy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Privacy")
            .field("mode", &self.mode)
            .field("key_day", &self.key_day())
            .finish_non_exhaustive()
    }
}

/// The base of a site's replay keys. Public on purpose.
pub fn public_base(site: &Site) -> [u8; 32] {
    blake3::derive_key(REPLAY_BASE, site.id.as_bytes())
}

/// A span of the core.
pub(crate) fn span(d: std::time::Duration) -> Span {
    Span::from_micros(i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
}

fn calendar(site: &Site) -> Result<BusinessCalendar, PrivacyError> {
    BusinessCalendar::new(site).ok_or_else(|| PrivacyError::TimeZone(site.timezone.clone()))
}

/// Who was erased today; beside the key file.
const REFUSED_FILE: &str = "erased-today";
/// Staff and equipment of earlier days; beside the key file.
pub(crate) const STAFF_FILE: &str = "staff-devices";
/// How often members come; beside the key file.
pub(crate) const MEMBERS_FILE: &str = "members-seen";
const FIXTURES: &str = "edge-agent 2026-11 tokens of staff and equipment";
const REFUSED: &str = "edge-agent 2026-11 hashes of who was erased today";
const RECEIPTS: &str = "edge-agent 2026-11 short hashes of receipt numbers";
const RECORDING_BASE: &str = "edge-agent 2026-11 base of the keys of recordings";
const REPLAY_BASE: &str = "edge-agent 2026-11 public base of replay keys";
const REPLAY_MEMBERS: &str = "edge-agent 2026-11 replay member token key";
const REPLAY_ADDRESSES: &str = "edge-agent 2026-11 replay lasting key of addresses";

#[cfg(test)]
mod tests;
