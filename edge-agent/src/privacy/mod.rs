//! The only place where what a gateway heard becomes what may be kept: raw addresses become pseudonyms,
//! member numbers become tokens, card numbers are cut. Behind this module nothing can name a person.
//!
//! - Pseudonym: the first 128 bits of keyed BLAKE3 over one byte for the kind of address and the address,
//!   under the key of the business day. Kinds: 1 Wi-Fi, 2 Bluetooth LE, 3 an iBeacon the site knows (UUID,
//!   major, minor: its address may change, it does not). Keys: a ratchet in a file; see `keys.rs`.
//! - An observation of a day before the key's is dropped and counted (`before_key`): its key is destroyed. So
//!   a clock that jumps back a day loses sightings until it is right again, and never privacy. One of a later day
//!   moves the key on when it is at most an hour ahead of the wall clock, and is dropped otherwise
//!   (`after_key`): a source with a wrong clock must not cost the key. Nor may the wall clock itself: it moves
//!   the key by 400 days at most.
//! - Member token: the first 128 bits of keyed BLAKE3 over the member number under a key that does *not*
//!   change, so that tokens match the list of members who agreed and the CRM's own. Kept in consented mode,
//!   of members on the list, only. Whoever has the key file can test guessed numbers against tokens; nobody
//!   else can.
//!
//! Nothing here is logged with its content, and every drop is counted by its reason.

mod business_day;
mod consent;
mod keys;
mod recent;
mod refusal;

pub use business_day::BusinessCalendar;
pub(crate) use consent::{member_numbers, read_consent_list};
pub(crate) use keys::{SEED_DAY, inspect as inspect_key_file};
pub use refusal::{Dropped, PrivacyError};

use crate::config::{PrivacySettings, TagMeaning, TagRule};
use gateway::observation::{self as raw, Frame};
use gateway::pos::digits;
use keys::{Key, KeyFile};
use recent::Recent;
use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::PathBuf;
use visit_core::event::PrivacyMode;
use visit_core::observation::{
    DayTotals, Heard, MemberToken, Observation, Pseudonym, Receipt, SaleRef, Sighting,
};
use visit_core::site::Site;
use visit_core::time::{Span, Timestamp};
use zeroize::Zeroizing;

/// Turns what was heard into what may be kept.
pub struct Privacy {
    keys: Keys,
    calendar: BusinessCalendar,
    recent: Recent,
    /// The wall clock, when it was last told.
    now: Timestamp,
    mode: PrivacyMode,
    rssi_floor: Option<i8>,
    /// For each sensor whether it is listened to.
    listened: Vec<bool>,
    tills: usize,
    /// Sorted by UUID.
    tags: Vec<TagRule>,
    consented: HashSet<MemberToken>,
    dropped: [u64; Dropped::ALL.len()],
}

enum Keys {
    /// The daemon's.
    Ratchet(KeyFile),
    /// In memory, of any day: key of a day = derived from the base and the day.
    PerDay { base: Key, members: Key, day: i32, key: Key },
}

impl Privacy {
    /// Opens the key file (and makes it, where there is none) and reads the consent list. `now` is the wall
    /// clock's: it says which business day the key is to be of.
    pub fn open(
        settings: &PrivacySettings,
        tags: &[TagRule],
        site: &Site,
        now: Timestamp,
    ) -> Result<Self, PrivacyError> {
        let mut calendar = calendar(site)?;
        let keys = Keys::Ratchet(KeyFile::open(&settings.key_file, calendar.day(now))?);
        let mut privacy = Self::with_keys(keys, calendar, settings, tags, site)?;
        privacy.now = now;
        Ok(privacy)
    }

    /// With keys derived from `base` for any day, kept in memory only. With a random `base` this serves a demo;
    /// with [`public_base`] a replay.
    pub fn in_memory(
        settings: &PrivacySettings,
        tags: &[TagRule],
        site: &Site,
        base: [u8; 32],
    ) -> Result<Self, PrivacyError> {
        let base = Zeroizing::new(base);
        let members = keys::derive(REPLAY_MEMBERS, &*base);
        let keys = Keys::PerDay { day: i32::MIN, key: day_key(&base, i32::MIN), base, members };
        Self::with_keys(keys, calendar(site)?, settings, tags, site)
    }

    /// For a daemon that plays recordings: keys for any day, derived from the key file's (which is made where there
    /// is none). The recordings hold raw addresses on disk, so a ratchet would protect nothing; and a restart may go
    /// back over midnight, which a ratchet cannot.
    pub fn for_recording(
        settings: &PrivacySettings,
        tags: &[TagRule],
        site: &Site,
        now: Timestamp,
    ) -> Result<Self, PrivacyError> {
        let mut calendar = calendar(site)?;
        let file = KeyFile::open(&settings.key_file, calendar.day(now))?;
        let base = keys::derive(RECORDING_BASE, &*file.state.members);
        let keys =
            Keys::PerDay { day: i32::MIN, key: day_key(&base, i32::MIN), base, members: file.state.members };
        Self::with_keys(keys, calendar, settings, tags, site)
    }

    /// For offline replay: keys anybody can derive from the site's id, so that a replay gives the same events
    /// everywhere. Such pseudonyms protect nothing; the daemon never publishes them.
    pub fn for_replay(site: &Site) -> Result<Self, PrivacyError> {
        let settings = PrivacySettings {
            mode: PrivacyMode::Pseudonymous,
            key_file: PathBuf::new(),
            consent_list: None,
            k: 1,
            rssi_floor: None,
            excluded_zones: Vec::new(),
        };
        Self::in_memory(&settings, &[], site, public_base(site))
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
        let Keys::Ratchet(file) = &mut self.keys else { return Ok(()) };
        if day > file.state.day && day.saturating_sub(file.state.day) <= keys::MAX_LEAP_DAYS {
            file.advance(day);
            self.recent.forget();
        }
        file.save()
    }

    /// When the business day after that of `now` begins.
    pub fn next_rotation(&mut self, now: Timestamp) -> Timestamp {
        self.calendar.next_start(now)
    }

    /// The business day of the key in use, days since 1970-01-01; `None` where there is a key for every day.
    pub fn key_day(&self) -> Option<i32> {
        match &self.keys {
            Keys::Ratchet(file) => Some(file.state.day),
            Keys::PerDay { .. } => None,
        }
    }

    /// Whether the key in use is on disk. When it is not, an old key still is: raise the alarm.
    pub fn key_is_saved(&self) -> bool {
        !matches!(&self.keys, Keys::Ratchet(file) if !file.saved)
    }

    /// How many observations were dropped, by reason.
    pub fn dropped(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Dropped::ALL.iter().map(|&(reason, name)| (name, self.dropped[reason as usize]))
    }

    /// The token of a member number.
    pub fn member_token(&self, number: &str) -> MemberToken {
        MemberToken(hash128(self.lasting_key(), number.trim().as_bytes()))
    }

    fn with_keys(
        keys: Keys,
        calendar: BusinessCalendar,
        settings: &PrivacySettings,
        tags: &[TagRule],
        site: &Site,
    ) -> Result<Self, PrivacyError> {
        let excluded: HashSet<_> =
            settings.excluded_zones.iter().filter_map(|id| site.zone_named(id)).collect();
        let mut privacy = Self {
            keys,
            calendar,
            recent: Recent::default(),
            now: Timestamp::MIN,
            mode: settings.mode,
            rssi_floor: settings.rssi_floor,
            listened: site.sensors.iter().map(|s| !excluded.contains(&s.zone)).collect(),
            tills: site.tills.len(),
            tags: tags.to_vec(),
            consented: HashSet::new(),
            dropped: [0; Dropped::ALL.len()],
        };
        privacy.tags.sort_by_key(|t| t.uuid);
        if let (PrivacyMode::Consented, Some(path)) = (settings.mode, &settings.consent_list) {
            let list = read_consent_list(path)
                .map_err(|source| PrivacyError::Consent { path: path.clone(), source })?;
            privacy.consented = member_numbers(&list).map(|n| privacy.member_token(n)).collect();
        }
        Ok(privacy)
    }

    fn sighting(&mut self, s: &raw::Sighting) -> Result<Sighting, Dropped> {
        match self.listened.get(usize::from(s.sensor.0)) {
            None => return Err(Dropped::Unknown),
            Some(false) => return Err(Dropped::ExcludedZone),
            Some(true) => {}
        }
        match (self.rssi_floor, s.rssi) {
            (Some(_), None) => return Err(Dropped::NoRssi),
            (Some(floor), Some(rssi)) if rssi < floor => return Err(Dropped::RssiFloor),
            _ => {}
        }
        let (kind, heard) = match s.frame {
            Frame::ProbeRequest => (WIFI, Heard::Unassociated),
            Frame::Association | Frame::Data => (WIFI, Heard::Associated),
            Frame::Advertisement => (BLE, Heard::Advertisement),
            Frame::IBeacon { uuid, .. } => match self.tag(uuid) {
                None => (BLE, Heard::Advertisement),
                Some(TagMeaning::Member) => (TAG, Heard::Tag),
                Some(TagMeaning::Staff) => return Err(Dropped::StaffTag),
                Some(TagMeaning::Asset) => return Err(Dropped::AssetTag),
            },
        };
        let day = self.calendar.day(s.at);
        let key = self.keys.of_day(day, s.at <= self.now + AHEAD)?;
        let device = Pseudonym(match s.frame {
            Frame::IBeacon { uuid, major, minor } if kind == TAG => {
                let mut input = [kind; 21];
                input[1..17].copy_from_slice(&uuid);
                input[17..19].copy_from_slice(&major.to_be_bytes());
                input[19..].copy_from_slice(&minor.to_be_bytes());
                hash128(key, &input)
            }
            _ => {
                let mut input = [kind; 7];
                input[1..].copy_from_slice(&s.addr.0);
                self.recent.get_or(day, input, |input| hash128(key, input))
            }
        });
        Ok(Sighting {
            at: s.at,
            sensor: s.sensor,
            device,
            rssi: s.rssi,
            seq: s.seq,
            fingerprint: s.fingerprint,
            randomised: heard == Heard::Unassociated && s.addr.is_local(),
            heard,
        })
    }

    fn receipt(&mut self, r: raw::Receipt) -> Result<Receipt, Dropped> {
        if usize::from(r.till.0) >= self.tills {
            return Err(Dropped::Unknown);
        }
        let number = r.member.map(Zeroizing::new);
        let member = match self.mode {
            PrivacyMode::Consented => {
                number.map(|n| self.member_token(&n)).filter(|t| self.consented.contains(t))
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
        let short = hash128(self.lasting_key(), text.as_bytes()) & 0xf_ffff;
        format!("{cut}#{short:05x}")
    }

    /// The key that does not change with the day.
    fn lasting_key(&self) -> &Key {
        match &self.keys {
            Keys::Ratchet(file) => &file.state.members,
            Keys::PerDay { members, .. } => members,
        }
    }

    fn tag(&self, uuid: [u8; 16]) -> Option<TagMeaning> {
        self.tags.binary_search_by_key(&uuid, |t| t.uuid).ok().map(|i| self.tags[i].means)
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

impl Keys {
    /// `plausible`: the clock of the source may be believed when it says that a new day has begun.
    fn of_day(&mut self, wanted: i32, plausible: bool) -> Result<&Key, Dropped> {
        match self {
            Self::Ratchet(file) => {
                if wanted < file.state.day {
                    return Err(Dropped::BeforeKey);
                }
                if wanted > file.state.day {
                    if !plausible || wanted.saturating_sub(file.state.day) > keys::MAX_LEAP_DAYS {
                        return Err(Dropped::AfterKey);
                    }
                    file.advance(wanted);
                }
                Ok(&file.state.pseudonyms)
            }
            Self::PerDay { base, day, key, .. } => {
                if *day != wanted {
                    *key = day_key(base, wanted);
                    *day = wanted;
                }
                Ok(key)
            }
        }
    }
}

/// The base of a site's replay keys. Public on purpose.
pub fn public_base(site: &Site) -> [u8; 32] {
    blake3::derive_key(REPLAY_BASE, site.id.as_bytes())
}

fn calendar(site: &Site) -> Result<BusinessCalendar, PrivacyError> {
    BusinessCalendar::new(site).ok_or_else(|| PrivacyError::TimeZone(site.timezone.clone()))
}

fn day_key(base: &Key, day: i32) -> Key {
    let mut input = Zeroizing::new([0; 36]);
    input[..32].copy_from_slice(&**base);
    input[32..].copy_from_slice(&day.to_be_bytes());
    keys::derive(REPLAY_DAY, &*input)
}

fn hash128(key: &Key, input: &[u8]) -> u128 {
    let hash = blake3::keyed_hash(key, input);
    let (first, _) = hash.as_bytes().split_at(16);
    first.iter().fold(0, |n, &b| n << 8 | u128::from(b))
}

/// So much a source's clock may be ahead and still begin a new day.
const AHEAD: Span = Span::from_secs(3600);
const WIFI: u8 = 1;
const BLE: u8 = 2;
const TAG: u8 = 3;
const RECORDING_BASE: &str = "edge-agent 2026-11 base of the keys of recordings";
const REPLAY_BASE: &str = "edge-agent 2026-11 public base of replay keys";
const REPLAY_DAY: &str = "edge-agent 2026-11 replay pseudonym key of a business day";
const REPLAY_MEMBERS: &str = "edge-agent 2026-11 replay member token key";

#[cfg(test)]
mod tests;
