//! The key of a business day, from the ratchet in a file or, for what is only played, derived for any day; and from it
//! the key that pseudonyms of a mode are made with.
//!
//! Each mode has pseudonyms of its own: what was said of a visit before the mode changed cannot be joined, by its
//! pseudonym, with what is said after.

use super::keys::{self, Key, KeyFile};
use super::refusal::Dropped;
use visit_core::event::PrivacyMode;

/// Keys of days.
pub(super) struct Daily {
    source: Source,
    mode: PrivacyMode,
    /// The key of pseudonyms of `mode`, and the day it is of.
    working: (i32, Key),
}

enum Source {
    /// The daemon's.
    Ratchet(KeyFile),
    /// In memory, of any day: key of a day = derived from the base and the day.
    PerDay { base: Key, members: Key, addresses: Key },
}

impl Daily {
    /// From the key file.
    pub(super) fn ratchet(file: KeyFile, mode: PrivacyMode) -> Self {
        let working = (file.state.day, of_mode(&file.state.pseudonyms, mode));
        Self { source: Source::Ratchet(file), mode, working }
    }

    /// Derived from a base for any day.
    pub(super) fn per_day(base: Key, members: Key, addresses: Key, mode: PrivacyMode) -> Self {
        let working = (i32::MIN, Key::default());
        let mut keys = Self { source: Source::PerDay { base, members, addresses }, mode, working };
        keys.derive_for(i32::MIN);
        keys
    }

    /// The key of pseudonyms on `wanted`. `plausible`: the clock of the source may be believed when it says that a new
    /// day has begun.
    pub(super) fn of_day(&mut self, wanted: i32, plausible: bool) -> Result<&Key, Dropped> {
        if let Source::Ratchet(file) = &self.source {
            if wanted < file.state.day {
                return Err(Dropped::BeforeKey);
            }
            if wanted > file.state.day {
                if !plausible || wanted.saturating_sub(file.state.day) > keys::MAX_LEAP_DAYS {
                    return Err(Dropped::AfterKey);
                }
                self.advance(wanted);
            }
        } else if self.working.0 != wanted {
            self.derive_for(wanted);
        }
        Ok(&self.working.1)
    }

    /// Moves the ratchet on to `day`, if that is later and not too far; whether it was.
    pub(super) fn advance(&mut self, day: i32) -> bool {
        let Source::Ratchet(file) = &mut self.source else { return false };
        let moves = day > file.state.day && day.saturating_sub(file.state.day) <= keys::MAX_LEAP_DAYS;
        if moves {
            file.advance(day);
            self.working = (day, of_mode(&file.state.pseudonyms, self.mode));
        }
        moves
    }

    /// Writes the key file, if that failed before.
    pub(super) fn save(&mut self) -> std::io::Result<()> {
        match &mut self.source {
            Source::Ratchet(file) => file.save(),
            Source::PerDay { .. } => Ok(()),
        }
    }

    /// The business day of the key in use; `None` where there is a key for every day.
    pub(super) fn day(&self) -> Option<i32> {
        match &self.source {
            Source::Ratchet(file) => Some(file.state.day),
            Source::PerDay { .. } => None,
        }
    }

    /// Whether the key in use is on disk.
    pub(super) fn is_saved(&self) -> bool {
        !matches!(&self.source, Source::Ratchet(file) if !file.saved)
    }

    /// The key of member tokens, which does not change with the day.
    pub(super) fn members(&self) -> &Key {
        match &self.source {
            Source::Ratchet(file) => &file.state.members,
            Source::PerDay { members, .. } => members,
        }
    }

    /// A key for one purpose that does not change with the day, from the lasting key of addresses.
    pub(super) fn lasting(&self, context: &str) -> Key {
        let addresses = match &self.source {
            Source::Ratchet(file) => &file.state.addresses,
            Source::PerDay { addresses, .. } => addresses,
        };
        keys::derive(context, addresses.as_slice())
    }

    fn derive_for(&mut self, day: i32) {
        if let Source::PerDay { base, .. } = &self.source {
            let mut input = zeroize::Zeroizing::new([0; 36]);
            input[..32].copy_from_slice(base.as_slice());
            input[32..].copy_from_slice(&day.to_be_bytes());
            self.working = (day, of_mode(&keys::derive(REPLAY_DAY, input.as_slice()), self.mode));
        }
    }
}

/// The key of a day that serves a mode.
fn of_mode(day_key: &Key, mode: PrivacyMode) -> Key {
    match mode {
        PrivacyMode::Pseudonymous => day_key.clone(),
        PrivacyMode::Consented => keys::derive(CONSENTED, day_key.as_slice()),
        PrivacyMode::Count => keys::derive(COUNT, day_key.as_slice()),
    }
}

/// The first 128 bits of keyed BLAKE3.
pub(super) fn hash128(key: &Key, input: &[u8]) -> u128 {
    let hash = blake3::keyed_hash(key, input);
    let (first, _) = hash.as_bytes().split_at(16);
    first.iter().fold(0, |n, &b| n << 8 | u128::from(b))
}

const REPLAY_DAY: &str = "edge-agent 2026-11 replay pseudonym key of a business day";
const CONSENTED: &str = "edge-agent 2026-11 pseudonym key of consented mode";
const COUNT: &str = "edge-agent 2026-11 pseudonym key of count mode";
