//! Lists of people: members who agreed to be linked, and addresses whose owners do not want to be heard.
//!
//! Each comes from a file on the gateway, from a retained topic, or from both, and is looked at again while the daemon
//! runs: a file that was replaced counts once it has been the same for two looks, so that none is read half-written;
//! a message counts at once. What is in force when a list cannot be read is the safer of the two: an opt-out list stays
//! as it was; a consent list too, for it is the operator's word until another is given.
//!
//! Of what a topic said a copy is kept beside the key (hashes and tokens only, mode 0600): a gateway that starts
//! without a broker must not hear whom it was told not to hear.

mod parse;

pub(crate) use parse::{Origin, Parsed, address};

use super::keys::{Key, replace};
use super::members::{self, hmac_key, hmac128};
use super::refusal::PrivacyError;
use crate::config::PrivacySettings;
use gateway::observation::MacAddr;
use ring::hmac;
use serde::Serialize;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use visit_core::event::{LinkEvidence, PrivacyMode};
use visit_core::observation::MemberToken;
use visit_core::time::Timestamp;
use zeroize::Zeroizing;

/// Hashes or tokens, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entries(Vec<u128>);

impl From<Vec<u128>> for Entries {
    fn from(mut all: Vec<u128>) -> Self {
        all.sort_unstable();
        all.dedup();
        all.shrink_to_fit();
        Self(all)
    }
}

impl Entries {
    /// Whether it is on the list.
    pub(crate) fn contains(&self, entry: u128) -> bool {
        self.0.binary_search(&entry).is_ok()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn lines(&self, title: &str, carried: &Carried) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(100 + self.0.len() * 33 + carried.len() * 80));
        text.push_str(title);
        for entry in &self.0 {
            text.push_str(&format!("{entry:032x}\n"));
        }
        for (hash, member, by) in &carried.0 {
            let word = if *by == LinkEvidence::App { "app" } else { "address" };
            text.push_str(&format!("{member:032x} {word}={hash:032x}\n"));
        }
        text
    }
}

/// What members carry: hash, member, and what it is; sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried(Vec<(u128, u128, LinkEvidence)>);

impl From<Vec<(u128, u128, LinkEvidence)>> for Carried {
    fn from(mut all: Vec<(u128, u128, LinkEvidence)>) -> Self {
        all.sort_unstable_by_key(|(hash, member, by)| (*hash, *by == LinkEvidence::App, *member));
        all.dedup();
        all.shrink_to_fit();
        Self(all)
    }
}

impl Carried {
    /// Whose it is. What two members are said to carry is nobody's.
    pub(crate) fn whose(&self, hash: u128, by: LinkEvidence) -> Option<MemberToken> {
        let from = self.0.partition_point(|(h, ..)| *h < hash);
        let mut all = self.0[from..].iter().take_while(|(h, ..)| *h == hash).filter(|(.., b)| *b == by);
        let (_, member, _) = all.next()?;
        all.next().is_none().then_some(MemberToken(*member))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Addresses that are not heard.
    OptOut,
    /// Members who agreed.
    Consent,
}

impl Which {
    /// The last level of its topic.
    pub fn topic(self) -> &'static str {
        match self {
            Self::OptOut => "opt-out",
            Self::Consent => "consent",
        }
    }
}

/// How a list is: for health and the log. Nothing of its content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ListState {
    /// Entries in force.
    pub entries: usize,
    /// Apps and addresses of members that are known.
    pub carried: usize,
    /// Lines that are no entry.
    pub bad_lines: u64,
    /// When it was read last.
    pub read_at: Option<String>,
    /// Why it could not be read again; what was in force before still is.
    pub problem: Option<String>,
}

/// What follows from lists that changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListChanges {
    /// Something changed.
    pub any: bool,
    /// Members who had agreed and no longer do.
    pub withdrawn: Vec<MemberToken>,
}

/// A list from one place.
struct Source {
    which: Which,
    origin: Origin,
    /// The file; of a topic, our copy of it.
    path: PathBuf,
    /// The file as it was read, and as it was at the last look.
    read: Option<Stamp>,
    seen: Option<Stamp>,
    entries: Entries,
    carried: Carried,
    state: ListState,
}

/// What changes when a file is written anew: when, how long, which.
type Stamp = (i64, i64, u64, u64);

/// All lists of a gateway.
pub(super) struct Lists {
    salt: hmac::Key,
    members: Key,
    sources: Vec<Source>,
}

impl Lists {
    /// Reads the lists that the settings name. A file has to be there; of a topic there may be no copy yet.
    pub(super) fn open(settings: &PrivacySettings, site: &str, members: &Key) -> Result<Self, PrivacyError> {
        let consented = settings.mode == PrivacyMode::Consented;
        let copy = |which: Which| settings.key_file.with_file_name(format!("{}.list", which.topic()));
        let file = |which, path: &Option<PathBuf>| path.clone().map(|path| (which, Origin::File, path));
        let topic = |which, yes: bool| yes.then(|| (which, Origin::Topic, copy(which)));
        let named = [
            file(Which::OptOut, &settings.opt_out_list),
            topic(Which::OptOut, settings.opt_out_topic),
            file(Which::Consent, &settings.consent_list).filter(|_| consented),
            topic(Which::Consent, settings.consent_topic && consented),
        ];
        let mut lists = Self {
            salt: salt(settings, site),
            members: members.clone(),
            sources: named
                .into_iter()
                .flatten()
                .map(|(which, origin, path)| Source {
                    which,
                    origin,
                    path,
                    read: None,
                    seen: None,
                    entries: Entries::default(),
                    carried: Carried::default(),
                    state: ListState::default(),
                })
                .collect(),
        };
        for i in 0..lists.sources.len() {
            let source = &lists.sources[i];
            match lists.read(source) {
                Ok((stamp, parsed)) => drop(lists.take(i, parsed, Some(stamp), None)),
                // Nothing was published yet, as far as we know.
                Err(e) if source.origin == Origin::Topic && e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => {
                    let (name, path) = (source.name(), source.path.clone());
                    return Err(PrivacyError::List { name, path, source: e });
                }
            }
        }
        Ok(lists)
    }

    /// For a gateway without lists.
    pub(super) fn none(settings: &PrivacySettings, site: &str, members: &Key) -> Self {
        Self { salt: salt(settings, site), members: members.clone(), sources: Vec::new() }
    }

    /// Whether the owner of an address does not want to be heard.
    pub(super) fn is_out(&self, address: MacAddr) -> bool {
        let mut lists = self.of(Which::OptOut).filter(|s| s.entries.len() > 0).peekable();
        lists.peek().is_some() && {
            let hash = hmac128(&self.salt, &address.0);
            lists.any(|s| s.entries.contains(hash))
        }
    }

    /// Whether a member agreed.
    pub(super) fn has_agreed(&self, member: MemberToken) -> bool {
        self.of(Which::Consent).any(|s| s.entries.contains(member.0))
    }

    /// Whether any member is known by what they carry.
    pub(super) fn anything_carried(&self) -> bool {
        self.of(Which::Consent).any(|s| s.carried.len() > 0)
    }

    /// The member who has a phone with this address.
    pub(super) fn owner(&self, address: MacAddr) -> Option<MemberToken> {
        self.whose(&parse::address_word(address), LinkEvidence::Address)
    }

    /// The member whose app sends this iBeacon.
    pub(super) fn app_of(&self, uuid: [u8; 16], numbers: [u16; 2]) -> Option<MemberToken> {
        self.whose(&parse::app_word(uuid, numbers), LinkEvidence::App)
    }

    fn whose(&self, words: &str, by: LinkEvidence) -> Option<MemberToken> {
        let hash = members::token(&self.members, words).0;
        self.of(Which::Consent).find_map(|s| s.carried.whose(hash, by))
    }

    /// Looks at the files; takes over those that changed and have settled.
    pub(super) fn look(&mut self, now: Timestamp) -> ListChanges {
        let mut changes = ListChanges::default();
        for i in 0..self.sources.len() {
            let source = &mut self.sources[i];
            if source.origin == Origin::Topic {
                continue;
            }
            let stamp = stamp(&source.path);
            let settled = stamp.as_ref().ok() == source.seen.as_ref();
            source.seen = stamp.as_ref().ok().copied();
            match stamp {
                Err(e) => source.fail(&e.to_string()),
                Ok(stamp) if source.read == Some(stamp) => {}
                Ok(_) if !settled => {}
                Ok(stamp) => match self.read(&self.sources[i]) {
                    Ok((_, parsed)) => {
                        let before = self.take(i, parsed, Some(stamp), Some(now));
                        self.follow(i, &before, &mut changes);
                    }
                    Err(e) => {
                        // Not again before it is another file.
                        self.sources[i].read = Some(stamp);
                        self.sources[i].fail(&e.to_string());
                    }
                },
            }
        }
        changes
    }

    /// A list was published. Nothing at all instead of a list is what remains when a retained message is deleted:
    /// nobody agreed then; but whoever opted out did not take that back.
    pub(super) fn published(&mut self, which: Which, payload: &[u8], now: Timestamp) -> ListChanges {
        let mut changes = ListChanges::default();
        let place = |s: &Source| s.which == which && s.origin == Origin::Topic;
        let Some(i) = self.sources.iter().position(place) else { return changes };
        if payload.is_empty() && which == Which::OptOut {
            self.sources[i].fail("an empty message was published, which is no list");
            return changes;
        }
        match self.parse(which, Origin::Topic, payload) {
            Ok(parsed) => {
                let text = parsed.entries.lines(COPY, &parsed.carried);
                let before = self.take(i, parsed, None, Some(now));
                self.follow(i, &before, &mut changes);
                if let Err(e) = replace(&self.sources[i].path, &text) {
                    let path = self.sources[i].path.display().to_string();
                    let problem = format!("in force, but no copy could be kept in {path}: {e}");
                    tracing::error!(list = self.sources[i].name(), "{problem}");
                    self.sources[i].state.problem = Some(problem);
                }
            }
            Err(e) => self.sources[i].fail(&e.to_string()),
        }
        changes
    }

    /// The states of all lists, by name.
    pub(super) fn states(&self) -> impl Iterator<Item = (&'static str, &ListState)> {
        self.sources.iter().map(|s| (s.name(), &s.state))
    }

    fn of(&self, which: Which) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(move |s| s.which == which)
    }

    /// What follows from a list that was `before` otherwise.
    fn follow(&self, i: usize, before: &Entries, changes: &mut ListChanges) {
        changes.any = true;
        if self.sources[i].which == Which::Consent {
            let members = before.0.iter().map(|entry| MemberToken(*entry));
            changes.withdrawn.extend(members.filter(|member| !self.has_agreed(*member)));
        }
    }

    fn read(&self, source: &Source) -> io::Result<(Stamp, Parsed)> {
        let stamp = stamp(&source.path)?;
        let text = read_list(&source.path)?;
        self.parse(source.which, source.origin, &text).map(|parsed| (stamp, parsed))
    }

    fn parse(&self, which: Which, origin: Origin, text: &[u8]) -> io::Result<Parsed> {
        let parsed = match which {
            Which::OptOut => parse::opt_out(text, origin, |address| hmac128(&self.salt, &address.0)),
            Which::Consent => parse::consent(text, origin, |number| members::token(&self.members, number).0),
        };
        parsed.map_err(|e| io::Error::new(io::ErrorKind::FileTooLarge, e))
    }

    /// Puts a list in force; gives the one before.
    fn take(&mut self, i: usize, parsed: Parsed, stamp: Option<Stamp>, now: Option<Timestamp>) -> Entries {
        let source = &mut self.sources[i];
        let name = source.name();
        if parsed.bad > 0 {
            tracing::warn!(list = name, bad = parsed.bad, lines = ?parsed.first_bad, "lines of a list are no entries and count for nothing");
        }
        (source.read, source.seen) = (stamp.or(source.read), stamp.or(source.seen));
        source.state = ListState {
            entries: parsed.entries.len(),
            carried: parsed.carried.len(),
            bad_lines: parsed.bad,
            read_at: now.map(|now| now.to_string()),
            problem: None,
        };
        if now.is_some() {
            tracing::info!(
                list = name,
                entries = source.state.entries,
                "a list was read again and is in force"
            );
        }
        source.carried = parsed.carried;
        std::mem::replace(&mut source.entries, parsed.entries)
    }
}

impl Source {
    fn name(&self) -> &'static str {
        match (self.which, self.origin) {
            (Which::OptOut, Origin::File) => "opt_out_list",
            (Which::OptOut, Origin::Topic) => "opt_out_topic",
            (Which::Consent, Origin::File) => "consent_list",
            (Which::Consent, Origin::Topic) => "consent_topic",
        }
    }

    fn fail(&mut self, why: &str) {
        if self.state.problem.as_deref() != Some(why) {
            tracing::error!(
                list = self.name(),
                "a list cannot be read again, the last one stays in force: {why}"
            );
        }
        self.state.problem = Some(why.to_owned());
    }
}

/// Reads a list; wiped when dropped.
pub(crate) fn read_list(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    if size > MAX_LIST {
        let text = format!("larger than {} MiB", MAX_LIST >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    let mut text = Zeroizing::new(Vec::with_capacity(size as usize + 1));
    file.take(MAX_LIST).read_to_end(&mut text)?;
    Ok(text)
}

/// What an opt-out list or consent list in a file holds, with nothing of it in force; for `check`.
pub(crate) fn inspect(which: Which, path: &Path) -> io::Result<Parsed> {
    let text = read_list(path)?;
    let any = Key::default();
    let parsed = match which {
        Which::OptOut => {
            parse::opt_out(&text, Origin::File, |a| a.0.iter().fold(0, |n, b| n << 8 | u128::from(*b)))
        }
        Which::Consent => parse::consent(&text, Origin::File, |number| members::token(&any, number).0),
    };
    parsed.map_err(|e| io::Error::new(io::ErrorKind::FileTooLarge, e))
}

/// The line of an opt-out list that stands for an address.
pub(crate) fn opt_out_line(settings: &PrivacySettings, site: &str, address: MacAddr) -> String {
    format!("{:032x}", hmac128(&salt(settings, site), &address.0))
}

fn salt(settings: &PrivacySettings, site: &str) -> hmac::Key {
    hmac_key(settings.opt_out_salt.as_deref().unwrap_or(site).as_bytes())
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let m = std::fs::metadata(path)?;
    Ok((m.mtime(), m.mtime_nsec(), m.len(), m.ino()))
}

/// Three million members.
pub(crate) const MAX_LIST: u64 = 64 << 20;
const COPY: &str =
    "# A copy of what was published, so that it is in force without a broker too. Written by edge-agent.\n";
