//! Who was erased, or withdrew their consent, is not heard for the rest of the business day: they would be followed
//! again under the same pseudonym, and what is known of it elsewhere would go on.
//!
//! Kept are keyed hashes of pseudonyms of the day, in memory and, so that a restart does not forget, in a file beside
//! the key: from them nobody gets back to the pseudonym that was erased. With the next day's key there are new
//! pseudonyms, and nothing is kept.

use super::keys::{Key, replace};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use visit_core::observation::Pseudonym;

/// Those that are not heard.
pub(super) struct Refused {
    key: Key,
    file: Option<PathBuf>,
    today: Today,
}

/// Hashes, of the day they were added last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Today {
    day: i32,
    hashes: BTreeSet<u128>,
}

impl Refused {
    /// With what is in `file`, if that is of business day `day`.
    pub(super) fn open(key: Key, file: Option<PathBuf>, day: i32) -> Self {
        let mut refused = Self { key, file, today: Today::default() };
        if let Some(path) = &refused.file {
            match std::fs::read_to_string(path).map(|text| parse(&text)) {
                Ok(Some(today)) => refused.today = today,
                Ok(None) => {
                    tracing::warn!("{} is damaged: who was erased today is heard again", path.display());
                }
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => tracing::warn!("{}: {e}: who was erased today is heard again", path.display()),
            }
        }
        refused.begin(day);
        refused
    }

    /// Whether nobody is on it.
    pub(super) fn is_empty(&self) -> bool {
        self.today.hashes.is_empty()
    }

    /// Whether what is heard under this pseudonym is to be dropped.
    pub(super) fn contains(&self, device: Pseudonym) -> bool {
        !self.is_empty() && self.today.hashes.contains(&self.hash(device))
    }

    /// From now on, on business day `day`, this pseudonym is not heard.
    pub(super) fn add(&mut self, device: Pseudonym, day: i32) {
        self.begin(day);
        if self.today.hashes.len() < MOST {
            self.today.hashes.insert(self.hash(device));
        }
        self.save();
    }

    /// It is business day `day`: those of the days before have other pseudonyms now.
    pub(super) fn begin(&mut self, day: i32) {
        if self.today.day < day {
            let nobody = self.is_empty();
            self.today = Today { day, hashes: BTreeSet::new() };
            if !nobody {
                self.save();
            }
        }
    }

    /// For a snapshot.
    pub(super) fn today(&self) -> &Today {
        &self.today
    }

    /// Goes on from a snapshot.
    pub(super) fn restore(&mut self, today: Today) {
        self.today = today;
    }

    fn save(&self) {
        let Some(path) = &self.file else { return };
        let mut text = format!("{MAGIC}{}\n", self.today.day);
        for hash in &self.today.hashes {
            text.push_str(&format!("{hash:032x}\n"));
        }
        if let Err(e) = replace(path, &text) {
            tracing::error!("{}: {e}: after a restart, who was erased today is heard again", path.display());
        }
    }

    fn hash(&self, device: Pseudonym) -> u128 {
        super::hash128(&self.key, &device.0.to_be_bytes())
    }
}

fn parse(text: &str) -> Option<Today> {
    let mut lines = text.strip_prefix(MAGIC)?.lines();
    let day = lines.next()?.parse().ok()?;
    let hashes = lines.map(|l| u128::from_str_radix(l, 16).ok()).collect::<Option<_>>()?;
    Some(Today { day, hashes })
}

const MAGIC: &str = "edge-agent not heard today v1\nday ";
/// More than ask in a day.
const MOST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_refused_is_refused_after_a_restart_and_not_on_the_next_day() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("erased");
        let open = |day| Refused::open(Key::new(&[3; 32]), Some(path.clone()), day);
        let (who, other) = (Pseudonym(0x1234_5678_9abc_def0_1122_3344_5566_7788), Pseudonym(8));
        let mut r = open(5);
        assert!(!r.contains(who) && r.is_empty());
        r.add(who, 5);
        assert!(r.contains(who) && !r.contains(other));
        assert!(open(5).contains(who));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&who.to_string()), "the pseudonym itself is not kept");
        assert!(!open(6).contains(who));
        assert!(!std::fs::read_to_string(&path).unwrap().contains(text.lines().nth(2).unwrap()));
        std::fs::write(&path, "rubbish").unwrap();
        assert!(open(5).is_empty());
    }
}
