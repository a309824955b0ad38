//! The keys behind pseudonyms, and the file that holds them.
//!
//! The key of a business day is a one-way ratchet: `key(d + 1) = BLAKE3-derive-key(CONTEXT, key(d))`. The file
//! holds the newest key only; when a day begins it is replaced (temporary file, fsync, rename, fsync of the
//! folder) and the old key wiped from memory. So whoever takes the gateway today cannot recompute
//! yesterday's pseudonyms, and gateways that once held the same key stay in step without talking. (Flash may
//! keep a copy of overwritten blocks for a while; encrypt the disk where that matters.)
//!
//! Two forms of the file, both text:
//!
//! ```text
//! edge-agent privacy key v1          a key of one day, as we write it
//! day 20413                          business day, days since 1970-01-01
//! pseudonyms <64 hex digits>
//! members <64 hex digits>            does not ratchet: member tokens are the same every day
//! check <16 hex digits>              first 64 bits of BLAKE3 over the lines before
//! ```
//! or 64 hex digits alone: a seed for a new group of gateways. It is taken as of [`SEED_DAY`], ratcheted to
//! today and replaced by the first form, whichever day each gateway gets it.
//!
//! Invariants: a file that cannot be read whole and checked is an error and never replaced by a new key; a
//! key is used only once it is on disk, or once its day's predecessor is (a full disk delays the writing, and
//! a restart then derives the same key again).

use super::PrivacyError;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A secret of 256 bits, wiped when dropped.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// The day key of pseudonyms, the stable key of member tokens, and where they are kept.
pub(super) struct KeyFile {
    path: PathBuf,
    pub(super) state: KeyState,
    /// The file holds this state.
    pub(super) saved: bool,
}

/// What the file holds.
pub(super) struct KeyState {
    pub(super) day: i32,
    pub(super) pseudonyms: Key,
    pub(super) members: Key,
}

impl KeyFile {
    /// Opens the file and brings its key to `today`; draws a new key when there is no file.
    ///
    /// A key that is newer than `today` is kept: the clock is behind, or was ahead.
    pub(super) fn open(path: &Path, today: i32) -> Result<Self, PrivacyError> {
        let error = |source| PrivacyError::Key { path: path.to_owned(), source };
        let (state, fresh) = match read(path) {
            Ok(text) => match parse(&text) {
                Some(Written::Record(state)) => (state, false),
                Some(Written::Seed(seed)) if today >= SEED_DAY => (from_seed(&seed), true),
                Some(Written::Seed(_)) => return Err(PrivacyError::Clock { path: path.to_owned() }),
                None => return Err(PrivacyError::Damaged { path: path.to_owned() }),
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                if today < SEED_DAY {
                    return Err(PrivacyError::Clock { path: path.to_owned() });
                }
                let mut seed = Zeroizing::new([0; 32]);
                getrandom::fill(&mut *seed).map_err(|e| error(io::Error::other(e.to_string())))?;
                (KeyState { day: today, ..from_seed(&seed) }, true)
            }
            Err(e) => return Err(error(e)),
        };
        if !fresh {
            let mode = fs::metadata(path).map_err(error)?.permissions().mode();
            if mode & 0o077 != 0 {
                return Err(PrivacyError::Permissions { path: path.to_owned(), mode: mode & 0o7777 });
            }
        }
        let mut keys = Self { path: path.to_owned(), state, saved: !fresh };
        if fresh {
            // Not to be used before it is on disk: no restart could derive it again.
            keys.state.ratchet_to(today);
            keys.save().map_err(error)?;
        } else if today.saturating_sub(keys.state.day) > MAX_LEAP_DAYS {
            return Err(PrivacyError::Leap { path: path.to_owned(), days: today - keys.state.day });
        } else if today > keys.state.day {
            keys.advance(today);
        }
        Ok(keys)
    }

    /// Moves on to `day`, which is after the state's. When the file cannot be written the key is used all
    /// the same, and [`Self::save`] should be called again: a restart derives it anew from the old one.
    pub(super) fn advance(&mut self, day: i32) {
        self.state.ratchet_to(day);
        self.saved = false;
        // The caller sees the outcome in `saved`.
        let _ = self.save();
    }

    /// Writes the file, if it is behind.
    pub(super) fn save(&mut self) -> io::Result<()> {
        if !self.saved {
            replace(&self.path, &self.state.text())?;
            self.saved = true;
        }
        Ok(())
    }
}

impl KeyState {
    /// Once per elapsed day; never backwards.
    fn ratchet_to(&mut self, day: i32) {
        while self.day < day {
            self.pseudonyms = derive(NEXT_DAY, &*self.pseudonyms);
            self.day += 1;
        }
    }

    fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(256));
        text.push_str(MAGIC);
        text.push_str(&format!("day {}\n", self.day));
        for (name, key) in [("pseudonyms", &self.pseudonyms), ("members", &self.members)] {
            text.push_str(name);
            text.push(' ');
            push_hex(&mut text, &**key);
            text.push('\n');
        }
        let check = check(&text);
        text.push_str(&check);
        text
    }
}

/// A key for one purpose, from another.
pub(super) fn derive(context: &str, key: &[u8]) -> Key {
    Zeroizing::new(blake3::derive_key(context, key))
}

/// Whether a file holds a key, and of which day; for `check`. `None` in it means a seed.
pub(crate) fn inspect(path: &Path) -> Result<Option<i32>, PrivacyError> {
    let error = |source| PrivacyError::Key { path: path.to_owned(), source };
    let text = read(path).map_err(error)?;
    let mode = fs::metadata(path).map_err(error)?.permissions().mode();
    match parse(&text) {
        _ if mode & 0o077 != 0 => {
            Err(PrivacyError::Permissions { path: path.to_owned(), mode: mode & 0o7777 })
        }
        None => Err(PrivacyError::Damaged { path: path.to_owned() }),
        Some(Written::Seed(_)) => Ok(None),
        Some(Written::Record(state)) => Ok(Some(state.day)),
    }
}

enum Written {
    Record(KeyState),
    Seed(Key),
}

fn from_seed(seed: &Key) -> KeyState {
    KeyState { day: SEED_DAY, pseudonyms: derive(FIRST_DAY, &**seed), members: derive(MEMBERS, &**seed) }
}

fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(MAX_FILE as usize));
    File::open(path)?.take(MAX_FILE).read_to_string(&mut text)?;
    Ok(text)
}

fn parse(text: &Zeroizing<String>) -> Option<Written> {
    if let Some(seed) = unhex(text.trim_end()) {
        return Some(Written::Seed(seed));
    }
    let body = text.strip_prefix(MAGIC)?;
    let mut lines = body.split_inclusive('\n');
    let mut field = |name: &str| lines.next()?.strip_suffix('\n')?.strip_prefix(name)?.strip_prefix(' ');
    let state = KeyState {
        day: field("day")?.parse().ok()?,
        pseudonyms: unhex(field("pseudonyms")?)?,
        members: unhex(field("members")?)?,
    };
    // Written again it has to be the same to the last byte, the check included.
    (state.text() == *text).then_some(Written::Record(state))
}

fn check(text: &str) -> String {
    format!("check {}\n", &blake3::hash(text.as_bytes()).to_hex().as_str()[..16])
}

fn push_hex(out: &mut String, bytes: &[u8]) {
    for b in bytes {
        for digit in [b >> 4, b & 15] {
            out.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
}

fn unhex(text: &str) -> Option<Key> {
    let bytes = text.as_bytes();
    let mut key = Zeroizing::new([0; 32]);
    if bytes.len() != 64 {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(bytes.chunks_exact(2)) {
        let digit = |c: u8| char::from(c).to_digit(16);
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(key)
}

/// Replaces `path` so that after a power cut it holds the old text or the new, whole.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_added_extension("new");
    // Left over from a power cut, perhaps with other permissions.
    match fs::remove_file(&temporary) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

const MAGIC: &str = "edge-agent privacy key v1\n";
const NEXT_DAY: &str = "edge-agent 2026-11 pseudonym key of the next business day";
const FIRST_DAY: &str = "edge-agent 2026-11 pseudonym key of the first business day of a seed";
const MEMBERS: &str = "edge-agent 2026-11 member token key";
/// 2025-01-01: the day a seed is taken to be of. No gateway of this kind ran before.
pub(crate) const SEED_DAY: i32 = 20_089;
/// A key is moved forward at most so far. A clock that is years ahead would otherwise destroy the key for
/// good; one that catches up after months in a drawer must not be refused.
pub(super) const MAX_LEAP_DAYS: i32 = 400;
/// The longest form has 236 bytes; anything longer is something else.
const MAX_FILE: u64 = 512;

#[cfg(test)]
mod tests;
