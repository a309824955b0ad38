//! The keys behind pseudonyms, and the file that holds them.
//!
//! The key of a business day is a one-way ratchet: `key(d + 1) = BLAKE3-derive-key(CONTEXT, key(d))`. The file
//! holds the newest key only; when a day begins it is replaced (temporary file, fsync, rename, fsync of the
//! folder), the old file overwritten in its place and the old key wiped from memory. So whoever takes the gateway
//! today cannot recompute yesterday's pseudonyms, and gateways that once held the same key stay in step without
//! talking. What overwriting is worth depends on what is below: a disk writes over the old sectors; flash and
//! copying file systems (btrfs, ext4 with `data=journal`) write elsewhere and may keep the old cells for a while.
//! Encrypt the disk where that matters.
//!
//! Two forms of the file, both text:
//!
//! ```text
//! edge-agent privacy key v2          a key of one day, as we write it
//! day 20413                          business day, days since 1970-01-01
//! pseudonyms <64 hex digits>
//! members <64 hex digits>            does not ratchet: member tokens are the same every day. The CRM has it too
//! addresses <64 hex digits>          does not ratchet: staff that are remembered, and recordings. Nobody else has it
//! check <16 hex digits>              first 64 bits of BLAKE3 over the lines before
//! ```
//! or 64 hex digits alone: a seed for a new group of gateways. It is taken as of [`SEED_DAY`], ratcheted to
//! today and replaced by the first form, whichever day each gateway gets it. (A first version had no `addresses`; of
//! such a file one is drawn.)
//!
//! Invariants: a file that cannot be read whole and checked is an error and never replaced by a new key; a
//! key is used only once it is on disk, or once its day's predecessor is (a full disk delays the writing, and
//! a restart then derives the same key again).

use super::PrivacyError;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::ops::Deref;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::{Zeroize as _, Zeroizing};

/// A secret of 256 bits, wiped when dropped. It has a place of its own, so that moving it leaves no copy behind.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Key(Box<[u8; 32]>);

impl Key {
    /// A key that is at hand elsewhere.
    pub(super) fn new(bytes: &[u8; 32]) -> Self {
        Self(Box::new(*bytes))
    }
}

impl Deref for Key {
    type Target = [u8; 32];

    fn deref(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Tells nothing.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

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
    pub(super) addresses: Key,
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
                Some(Written::First(state)) => {
                    (KeyState { addresses: drawn().map_err(error)?, ..state }, true)
                }
                Some(Written::Seed(seed)) if today >= SEED_DAY => (from_seed(&seed), true),
                Some(Written::Seed(_)) => return Err(PrivacyError::Clock { path: path.to_owned() }),
                None => return Err(PrivacyError::Damaged { path: path.to_owned() }),
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                if today < SEED_DAY {
                    return Err(PrivacyError::Clock { path: path.to_owned() });
                }
                (KeyState { day: today, ..from_seed(&drawn().map_err(error)?) }, true)
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
            self.pseudonyms = derive(NEXT_DAY, self.pseudonyms.as_slice());
            self.day += 1;
        }
    }

    fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(MAX_FILE as usize));
        text.push_str(MAGIC);
        text.push_str(&format!("day {}\n", self.day));
        let keys =
            [("pseudonyms", &self.pseudonyms), ("members", &self.members), ("addresses", &self.addresses)];
        for (name, key) in keys {
            text.push_str(name);
            text.push(' ');
            push_hex(&mut text, key.as_slice());
            text.push('\n');
        }
        let check = check(&text);
        text.push_str(&check);
        text
    }
}

/// A key for one purpose, from another.
pub(super) fn derive(context: &str, key: &[u8]) -> Key {
    let mut derived = Key::default();
    let mut hasher = blake3::Hasher::new_derive_key(context);
    hasher.update(key);
    // Into its place at once: a value that is returned would be copied on the way.
    let mut output = hasher.finalize_xof();
    output.fill(derived.0.as_mut_slice());
    hasher.zeroize();
    output.zeroize();
    derived
}

/// A random key.
fn drawn() -> io::Result<Key> {
    let mut key = Key::default();
    getrandom::fill(key.0.as_mut_slice()).map_err(|e| io::Error::other(e.to_string()))?;
    Ok(key)
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
        Some(Written::Record(state) | Written::First(state)) => Ok(Some(state.day)),
    }
}

/// The key of member tokens in a file, in hexadecimal; what the CRM is given.
pub(crate) fn member_key(path: &Path) -> Result<Zeroizing<String>, PrivacyError> {
    inspect(path)?;
    let text = read(path).map_err(|source| PrivacyError::Key { path: path.to_owned(), source })?;
    let members = match parse(&text) {
        Some(Written::Seed(seed)) => from_seed(&seed).members,
        Some(Written::Record(state) | Written::First(state)) => state.members,
        None => return Err(PrivacyError::Damaged { path: path.to_owned() }),
    };
    let mut hex = Zeroizing::new(String::with_capacity(64));
    push_hex(&mut hex, members.as_slice());
    Ok(hex)
}

enum Written {
    Record(KeyState),
    /// The first version: of its address key nothing is known.
    First(KeyState),
    Seed(Key),
}

fn from_seed(seed: &Key) -> KeyState {
    KeyState {
        day: SEED_DAY,
        pseudonyms: derive(FIRST_DAY, seed.as_slice()),
        members: derive(MEMBERS, seed.as_slice()),
        addresses: derive(ADDRESSES, seed.as_slice()),
    }
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
    let first = text.starts_with(FIRST_MAGIC);
    let body = text.strip_prefix(if first { FIRST_MAGIC } else { MAGIC })?;
    let mut lines = body.split_inclusive('\n');
    let mut field = |name: &str| lines.next()?.strip_suffix('\n')?.strip_prefix(name)?.strip_prefix(' ');
    let state = KeyState {
        day: field("day")?.parse().ok()?,
        pseudonyms: unhex(field("pseudonyms")?)?,
        members: unhex(field("members")?)?,
        addresses: if first { Key::default() } else { unhex(field("addresses")?)? },
    };
    if first {
        let (lines, _) = text.split_at_checked(text.len().checked_sub(CHECK)?)?;
        return text.ends_with(&check(lines)).then_some(Written::First(state));
    }
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
    let mut key = Key::default();
    if bytes.len() != 64 {
        return None;
    }
    for (byte, pair) in key.0.iter_mut().zip(bytes.chunks_exact(2)) {
        let digit = |c: u8| char::from(c).to_digit(16);
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(key)
}

/// Replaces `path` so that after a power cut it holds the old text or the new, whole; then writes over the old.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_added_extension("new");
    // Left over from a power cut, perhaps with other permissions.
    match OpenOptions::new().write(true).open(&temporary) {
        Ok(left_over) => wipe(&left_over)?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    match fs::remove_file(&temporary) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // Held open, the old file can be reached when its name is gone.
    let old = match OpenOptions::new().write(true).open(path) {
        Ok(old) => Some(old),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(e),
    };
    fs::rename(&temporary, path)?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()?;
    old.map_or(Ok(()), |old| wipe(&old))
}

/// Writes zeroes over a file, where it lies.
fn wipe(file: &File) -> io::Result<()> {
    let length = usize::try_from(file.metadata()?.len().min(MAX_WIPED)).unwrap_or(0);
    file.write_all_at(&vec![0; length], 0)?;
    file.sync_all()
}

/// The check line.
const CHECK: usize = "check 0123456789abcdef\n".len();
const MAGIC: &str = "edge-agent privacy key v2\n";
const FIRST_MAGIC: &str = "edge-agent privacy key v1\n";
const NEXT_DAY: &str = "edge-agent 2026-11 pseudonym key of the next business day";
const FIRST_DAY: &str = "edge-agent 2026-11 pseudonym key of the first business day of a seed";
const MEMBERS: &str = "edge-agent 2026-11 member token key";
const ADDRESSES: &str = "edge-agent 2026-11 lasting key of addresses";
/// 2025-01-01: the day a seed is taken to be of. No gateway of this kind ran before.
pub(crate) const SEED_DAY: i32 = 20_089;
/// A key is moved forward at most so far. A clock that is years ahead would otherwise destroy the key for
/// good; one that catches up after months in a drawer must not be refused.
pub(super) const MAX_LEAP_DAYS: i32 = 400;
/// The longest form has some 320 bytes; anything longer is something else.
const MAX_FILE: u64 = 512;
/// What replaces a file is never longer than this: lists that are kept beside the key among them.
const MAX_WIPED: u64 = 64 << 20;

#[cfg(test)]
mod tests;
