//! How often members who agreed come, and when they were here last (consented mode only): for each token the number of
//! business days a visit was linked to them, the last of these and the one before. No place, no hour, no device.
//!
//! A member is forgotten `privacy.member_history_days` days after the last visit, with their consent, and when they ask. Only
//! live sources keep such a history: what a recording tells of frequency was true when it was made.

use super::keys::replace;
use super::table;
use std::collections::BTreeMap;
use std::path::PathBuf;
use visit_core::event::MemberHistory;
use visit_core::observation::MemberToken;

/// The history at work.
pub(super) struct History {
    seen: BTreeMap<MemberToken, Seen>,
    /// 0: nothing is kept.
    days: u16,
    file: Option<PathBuf>,
    dirty: bool,
    problem: Option<String>,
}

/// Business days, since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    visit_days: i32,
    last: i32,
    /// The visit day before the last; the last itself where there is none.
    before: i32,
}

impl History {
    /// With what is in `file`; without one nothing is kept.
    pub(super) fn open(days: u16, file: Option<PathBuf>) -> Self {
        let mut history = Self {
            seen: BTreeMap::new(),
            days: if file.is_some() { days } else { 0 },
            file,
            dirty: false,
            problem: None,
        };
        let Some(path) = history.file.clone() else { return history };
        match std::fs::read_to_string(&path).map(|text| table::parse(MAGIC, &text)) {
            // Switched off, or another mode: what was kept before goes.
            Ok(_) if days == 0 => {
                history.dirty = true;
                history.save();
            }
            Ok(Some(rows)) => {
                let seen = |[visit_days, last, before]: [i32; 3]| Seen { visit_days, last, before };
                history.seen = rows.into_iter().map(|(token, row)| (MemberToken(token), seen(row))).collect();
            }
            Ok(None) => {
                tracing::warn!("{} is damaged: visits of members are counted anew", path.display());
                history.dirty = true;
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => tracing::warn!("{}: {e}: visits of members are counted anew", path.display()),
        }
        history
    }

    /// How many members are in it.
    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    /// A visit on this business day was linked to a member: how often they come. Nothing where that is not kept, and on a
    /// day before the last, of which the number was another.
    pub(super) fn visited(&mut self, member: MemberToken, day: i32) -> Option<MemberHistory> {
        if self.days == 0 || (self.seen.len() >= MOST && !self.seen.contains_key(&member)) {
            return None;
        }
        let first = Seen { visit_days: 1, last: day, before: day };
        let seen = match self.seen.get_mut(&member) {
            None => {
                self.dirty = true;
                *self.seen.entry(member).or_insert(first)
            }
            Some(seen) if seen.last > day => return None,
            Some(seen) => {
                if seen.last < day {
                    *seen =
                        Seen { visit_days: seen.visit_days.saturating_add(1), last: day, before: seen.last };
                    self.dirty = true;
                }
                *seen
            }
        };
        let since = u32::try_from(seen.last - seen.before).ok().filter(|days| *days > 0);
        Some(MemberHistory { visit_days: seen.visit_days.unsigned_abs(), days_since_last: since })
    }

    /// Forgets a member; whether they were in it.
    pub(super) fn forget(&mut self, member: MemberToken) -> bool {
        let known = self.seen.remove(&member).is_some();
        self.dirty |= known;
        known
    }

    /// Forgets whose time is over by business day `day`, and who does not agree.
    pub(super) fn expire(&mut self, day: i32, agreed: impl Fn(MemberToken) -> bool) {
        let (before, oldest) = (self.seen.len(), day.saturating_sub(i32::from(self.days)));
        self.seen.retain(|member, seen| seen.last >= oldest && agreed(*member));
        self.dirty |= self.seen.len() != before;
    }

    /// Writes the file, if there is something new.
    pub(super) fn save(&mut self) {
        let (Some(path), true) = (&self.file, self.dirty) else { return };
        let rows = self.seen.iter().map(|(token, s)| (token.0, [s.visit_days, s.last, s.before]));
        let done = match self.days {
            0 => std::fs::remove_file(path),
            _ => replace(path, &table::text(MAGIC, rows)),
        };
        match done {
            Ok(()) => (self.dirty, self.problem) = (false, None),
            Err(e) => {
                let why = format!("{}: {e}", path.display());
                if self.problem.as_ref() != Some(&why) {
                    tracing::warn!("how often members come cannot be written: {why}");
                }
                self.problem = Some(why);
            }
        }
    }
}

/// Members in one file: some 20 MB.
const MOST: usize = 1 << 18;
const MAGIC: &str = "edge-agent visits of members v1\n";

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBER: MemberToken = MemberToken(7);

    fn told(visit_days: u32, days_since_last: Option<u32>) -> Option<MemberHistory> {
        Some(MemberHistory { visit_days, days_since_last })
    }

    #[test]
    fn visit_days_are_counted_once_and_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("members-seen");
        let mut history = History::open(400, Some(file.clone()));
        assert_eq!(history.visited(MEMBER, 100), told(1, None));
        assert_eq!(history.visited(MEMBER, 100), told(1, None), "another visit of that day");
        assert_eq!(history.visited(MEMBER, 107), told(2, Some(7)));
        history.save();
        let mut again = History::open(400, Some(file.clone()));
        assert_eq!(again.visited(MEMBER, 107), told(2, Some(7)), "the same fact says the same");
        assert_eq!(again.visited(MEMBER, 106), None, "of an earlier day nothing is said");
        assert_eq!(again.visited(MEMBER, 108), told(3, Some(1)));
        again.save();
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace(" 3 ", " 4 ")).unwrap();
        assert_eq!(History::open(400, Some(file.clone())).len(), 0, "damaged");
        std::fs::write(&file, text).unwrap();
        assert_eq!(History::open(0, Some(file.clone())).len(), 0);
        assert!(!file.exists(), "switched off, it is gone");
    }

    #[test]
    fn who_was_not_here_for_long_or_does_not_agree_is_forgotten() {
        let mut history = History::open(30, Some("/nonexistent/members-seen".into()));
        for (member, day) in [(1, 60), (2, 70), (3, 70)] {
            history.visited(MemberToken(member), day);
        }
        history.expire(95, |member| member != MemberToken(3));
        assert_eq!(history.seen.keys().copied().collect::<Vec<_>>(), [MemberToken(2)]);
        assert!(history.forget(MemberToken(2)) && !history.forget(MemberToken(2)));
        assert_eq!(History::open(30, None).visited(MEMBER, 1), None, "recordings keep none");
    }
}
