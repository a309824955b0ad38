//! Staff and equipment, remembered across days: a till or a guard's phone that was found to be no visitor yesterday is
//! none today, from its first frame on.
//!
//! What is remembered of a device is a keyed token of its address (under a key that serves nothing else and never
//! leaves the gateways), and the business days it was found and was last here for a shift. No place, no time, no
//! name. It is forgotten
//!
//! - `privacy.remember_staff_days` business days after it was last here for at least `inference.staff_presence_h`: being
//!   heard again is not enough, so that somebody who once stayed for long is a visitor again;
//! - after [`PROBATION`] days when it was never heard again: most addresses of phones are used once;
//! - when there are more than [`MOST`]: who was here least lately goes first.
//!
//! A device counts as known from the business day *after* the one it was found in: within that day the engine knows,
//! and a recording that goes back over it hears what it heard before.

use super::keys::{Key, replace};
use super::table;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use visit_core::observation::Pseudonym;
use visit_core::time::{Span, Timestamp};

/// What is remembered, and what of today belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fixtures {
    /// By token; this alone outlives the day.
    known: BTreeMap<u128, Known>,
    /// Found today, and not heard since: whose address it is, its next frame says.
    found: BTreeSet<Pseudonym>,
    /// Those of earlier days that were heard today: token, and since when.
    today: BTreeMap<Pseudonym, (u128, Timestamp)>,
    day: i32,
}

/// Business days, since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    /// When it was found to be no visitor.
    found: i32,
    /// When it was last here for a shift.
    worked: i32,
    /// When it was heard last.
    heard: i32,
}

/// The memory at work.
pub(super) struct Memory {
    fixtures: Fixtures,
    /// Business days; 0: nothing is remembered.
    days: u16,
    presence: Span,
    key: Key,
    file: Option<PathBuf>,
    dirty: bool,
    pub(super) problem: Option<String>,
}

impl Memory {
    /// With what is in `file`, or in memory only.
    pub(super) fn open(days: u16, key: Key, file: Option<PathBuf>) -> Self {
        let mut memory = Self {
            fixtures: Fixtures::default(),
            days,
            presence: PRESENCE,
            key,
            file,
            dirty: false,
            problem: None,
        };
        let Some(path) = memory.file.clone() else { return memory };
        match std::fs::read_to_string(&path).map(|text| parse(&text)) {
            // Switched off: what was remembered before goes.
            Ok(_) if days == 0 => drop(memory.erase()),
            Ok(Some(known)) => memory.fixtures.known = known,
            Ok(None) => {
                tracing::warn!("{} is damaged: staff of earlier days are learnt anew", path.display());
                memory.dirty = true;
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => tracing::warn!("{}: {e}: staff of earlier days are learnt anew", path.display()),
        }
        memory
    }

    /// How long somebody has to be here for a shift.
    pub(super) fn set_presence(&mut self, presence: Span) {
        self.presence = presence;
    }

    fn is_on(&self) -> bool {
        self.days > 0
    }

    /// How many devices are remembered.
    pub(super) fn len(&self) -> usize {
        self.fixtures.known.len()
    }

    /// What is heard as `device` today was found to be no visitor.
    pub(super) fn found(&mut self, device: Pseudonym) {
        if self.is_on() && self.fixtures.found.len() < MOST {
            self.fixtures.found.insert(device);
        }
    }

    /// `device` was heard, and this is its address: if it was found to be no visitor, it is remembered.
    pub(super) fn learn(&mut self, device: Pseudonym, address: &[u8], day: i32) {
        if !self.fixtures.found.is_empty() && self.fixtures.found.remove(&device) {
            let token = self.token(address);
            let new = Known { found: day, worked: day, heard: day };
            let known = self.fixtures.known.entry(token).or_insert(new);
            known.worked = known.worked.max(day);
            self.dirty = true;
            self.bound();
        }
    }

    /// Whether the device with this address, heard as `device` today, was staff or a thing on an earlier day.
    pub(super) fn knows(&mut self, address: &[u8], device: Pseudonym, at: Timestamp, day: i32) -> bool {
        if self.fixtures.known.is_empty() {
            return false;
        }
        self.begin(day);
        let token = self.token(address);
        let oldest = day.saturating_sub(i32::from(self.days));
        let Some(known) = self.fixtures.known.get_mut(&token) else { return false };
        if known.heard < day {
            known.heard = day;
            self.dirty = true;
        }
        let yes = known.found < day && known.worked >= oldest;
        if yes {
            self.fixtures.today.entry(device).or_insert((token, at));
        }
        yes
    }

    /// A device that is known was heard: after a shift's time it has worked today.
    pub(super) fn heard(&mut self, device: Pseudonym, at: Timestamp, day: i32) {
        if day == self.fixtures.day
            && let Some(&(token, since)) = self.fixtures.today.get(&device)
            && at.since(since) >= self.presence
        {
            self.fixtures.today.remove(&device);
            if let Some(known) = self.fixtures.known.get_mut(&token) {
                known.worked = known.worked.max(day);
                self.dirty = true;
            }
        }
    }

    /// Forgets whose time is over by business day `day`.
    pub(super) fn expire(&mut self, day: i32) {
        let days = i32::from(self.days);
        let before = self.len();
        self.fixtures.known.retain(|_, k| {
            let limit = if k.heard > k.found { days } else { days.min(PROBATION) };
            k.worked >= day.saturating_sub(limit)
        });
        self.dirty |= self.len() != before;
    }

    /// Forgets one device.
    pub(super) fn forget(&mut self, address: &[u8]) {
        let token = self.token(address);
        self.dirty |= self.fixtures.known.remove(&token).is_some();
    }

    /// Forgets everything, on disk too; gives how many there were.
    pub(super) fn erase(&mut self) -> usize {
        let count = self.len();
        self.fixtures = Fixtures::default();
        self.dirty = true;
        self.save();
        count
    }

    /// Writes the file, if there is something new.
    pub(super) fn save(&mut self) {
        let (Some(path), true) = (&self.file, self.dirty) else { return };
        match replace(path, &text(&self.fixtures.known)) {
            Ok(()) => (self.dirty, self.problem) = (false, None),
            Err(e) => {
                let why = format!("{}: {e}", path.display());
                if self.problem.as_ref() != Some(&why) {
                    tracing::warn!("what is remembered of staff cannot be written: {why}");
                }
                self.problem = Some(why);
            }
        }
    }

    /// What is remembered, for a snapshot.
    pub(super) fn fixtures(&self) -> &Fixtures {
        &self.fixtures
    }

    /// Goes on from a snapshot.
    pub(super) fn restore(&mut self, fixtures: Fixtures) {
        if self.is_on() {
            self.fixtures = fixtures;
        }
    }

    /// It is business day `day`; observations of the day before may yet come.
    fn begin(&mut self, day: i32) {
        if self.fixtures.day < day {
            self.fixtures.day = day;
            self.fixtures.today.clear();
            self.expire(day);
        }
    }

    fn bound(&mut self) {
        while self.len() > MOST {
            let least = self.fixtures.known.iter().min_by_key(|(token, k)| (k.worked, k.heard, **token));
            let Some(token) = least.map(|(token, _)| *token) else { return };
            self.fixtures.known.remove(&token);
        }
    }

    fn token(&self, address: &[u8]) -> u128 {
        super::hash128(&self.key, address)
    }
}

/// How many a file holds; for `check` and the report. `None`: it is none of ours.
pub(crate) fn inspect(path: &Path) -> io::Result<Option<usize>> {
    Ok(parse(&std::fs::read_to_string(path)?).map(|known| known.len()))
}

fn text(known: &BTreeMap<u128, Known>) -> String {
    table::text(MAGIC, known.iter().map(|(token, k)| (*token, [k.found, k.worked, k.heard])))
}

fn parse(written: &str) -> Option<BTreeMap<u128, Known>> {
    let known = |[found, worked, heard]: [i32; 3]| Known { found, worked, heard };
    table::parse(MAGIC, written).map(|rows| rows.into_iter().map(|(t, row)| (t, known(row))).collect())
}

const MAGIC: &str = "edge-agent staff and equipment v1\n";
/// Devices remembered at most.
const MOST: usize = 4096;
/// Business days that a device is remembered which was never heard again: over a weekend.
const PROBATION: i32 = 3;
/// Until the configuration says otherwise.
const PRESENCE: Span = Span::from_secs(4 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    const ADDR: &[u8] = &[1, 2, 3, 4, 5, 6, 7];
    const P: Pseudonym = Pseudonym(9);

    fn at(day: i32, hour: i64) -> Timestamp {
        Timestamp::from_micros((i64::from(day) * 24 + hour) * 3_600_000_000)
    }

    fn memory() -> Memory {
        Memory::open(14, Key::new(&[5; 32]), None)
    }

    /// Found to be no visitor on a day, and heard again on it.
    fn is_found(m: &mut Memory, address: &[u8], day: i32) {
        m.found(P);
        m.learn(P, address, day);
    }

    /// Heard on a day, from hour 0 on, for so many hours.
    fn comes(m: &mut Memory, day: i32, hours: i64) -> bool {
        let known = m.knows(ADDR, P, at(day, 0), day);
        if known {
            m.heard(P, at(day, hours), day);
        }
        known
    }

    #[test]
    fn a_device_is_known_from_the_day_after_it_was_found() {
        let mut m = memory();
        assert!(!comes(&mut m, 100, 9));
        is_found(&mut m, ADDR, 100);
        assert!(!comes(&mut m, 100, 9), "within the day the engine knows");
        assert!(comes(&mut m, 101, 9));
        assert!(!m.knows(&[0; 7], P, at(101, 1), 101));
    }

    #[test]
    fn shifts_renew_and_visits_do_not() {
        let mut m = memory();
        is_found(&mut m, ADDR, 100);
        for day in 101..200 {
            assert!(comes(&mut m, day, 8), "{day}");
        }
        // From now on an hour a day: a customer, two weeks after the last shift.
        let last = 199;
        for day in 200..=last + 14 {
            assert!(comes(&mut m, day, 1), "{day}");
        }
        assert!(!comes(&mut m, last + 15, 1));
        assert_eq!(m.len(), 0);
    }

    #[test]
    fn an_address_that_was_used_once_is_soon_forgotten() {
        let mut m = memory();
        is_found(&mut m, ADDR, 100);
        m.expire(103);
        assert_eq!(m.len(), 1);
        m.expire(104);
        assert_eq!(m.len(), 0);
    }

    #[test]
    fn the_number_is_bounded_and_who_worked_least_lately_goes() {
        let mut m = memory();
        is_found(&mut m, ADDR, 99);
        for n in 0..MOST as u32 {
            is_found(&mut m, &n.to_be_bytes(), 100);
        }
        assert_eq!(m.len(), MOST);
        assert!(!comes(&mut m, 101, 1), "the one of day 99 made room");
    }

    #[test]
    fn what_is_remembered_survives_a_restart_and_holds_no_address() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("staff");
        let open = |days| Memory::open(days, Key::new(&[5; 32]), Some(path.clone()));
        let mut m = open(14);
        is_found(&mut m, ADDR, 100);
        m.save();
        assert_eq!(inspect(&path).unwrap(), Some(1));
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        let written = std::fs::read(&path).unwrap();
        assert!(!written.windows(6).any(|w| w == &ADDR[1..]));
        assert!(comes(&mut open(14), 101, 1));
        // Damage costs the memory, and nothing else.
        for cut in 0..written.len() {
            std::fs::write(&path, &written[..cut]).unwrap();
            assert!(!comes(&mut open(14), 101, 1), "cut to {cut}");
        }
        std::fs::write(&path, &written).unwrap();
        assert_eq!(open(0).len(), 0);
        assert_eq!(inspect(&path).unwrap(), Some(0), "switched off, it is erased");
    }

    #[test]
    fn nothing_is_remembered_where_nothing_is_to_be() {
        let mut m = Memory::open(0, Key::new(&[5; 32]), None);
        is_found(&mut m, ADDR, 100);
        assert!(m.len() == 0 && !comes(&mut m, 101, 1));
    }
}
