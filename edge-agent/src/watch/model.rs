//! What was heard of a site, bounded, and what is true of it.

use super::flow::Flow;
use super::gateway::{Gateway, State, ago};
use crate::lines::{Kind, Names, Told};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;
use visit_core::time::Timestamp;

/// Events that can be looked back at.
pub const EVENTS: usize = 1000;
/// Receipts that can be looked back at.
pub(super) const RECEIPTS: usize = 200;
/// Ids remembered, so that an event that comes again is not counted again.
pub(super) const IDS: usize = 20_000;
/// Gateways, floors, zones that are looked at.
pub(super) const PLACES: usize = 4096;

/// Site and id of a floor, zone or gateway.
pub type Place = (String, String);

/// The broker, as seen from here.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Broker {
    /// Not yet.
    #[default]
    Calling,
    /// Since then.
    Listening(Timestamp),
    /// Why not, since when, and when it is called again.
    Lost {
        /// In words.
        why: String,
        /// Since when.
        since: Timestamp,
        /// When it is called again.
        again: Timestamp,
    },
}

/// Messages by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All.
    pub messages: u64,
    /// Events, each once.
    pub events: u64,
    /// Events that came again.
    pub again: u64,
    /// Not JSON, or not what its topic promises.
    pub malformed: u64,
    /// Larger than anything we publish.
    pub too_large: u64,
    /// Topics of others below the prefix.
    pub not_ours: u64,
    /// Places and gateways beyond what is looked at.
    pub too_many: u64,
}

/// Receipts since the view was opened.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Receipts {
    /// Sales.
    pub sales: u64,
    /// Of these: attributed to a visit.
    pub matched: u64,
    /// Refunds and voids.
    pub taken_back: u64,
    /// Of which little could be read.
    pub unreadable: u64,
    /// Receipts that replace an earlier one.
    pub revised: u64,
}

/// One line of what happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What.
    pub told: Told,
    /// Where, if several sites are looked at.
    pub site: String,
}

/// Which events are shown.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Kinds; all when empty.
    pub kinds: Vec<&'static Kind>,
    /// A floor.
    pub floor: Option<String>,
}

impl Filter {
    /// Whether this is to be shown.
    pub fn shows(&self, told: &Told) -> bool {
        let kind = self.kinds.is_empty() || self.kinds.contains(&told.kind);
        // What belongs to no floor (a gateway that is lost, a merged visit) is shown under each.
        let floor = match (&self.floor, &told.floor) {
            (Some(wanted), Some(floor)) => wanted == floor,
            (Some(_), None) => told.scope.as_deref() != Some("site"),
            (None, _) => true,
        };
        kind && floor
    }
}

/// What was heard.
#[derive(Debug)]
pub struct Model {
    /// Names of places.
    pub names: Names,
    /// The site that is looked at; `None`: all.
    pub site: Option<String>,
    /// `host:port`.
    pub address: String,
    /// Show ids of visits.
    pub ids: bool,
    /// The broker.
    pub broker: Broker,
    /// Since when this is looked at.
    pub began: Timestamp,
    /// Messages.
    pub counts: Counts,
    /// Events, newest first.
    pub events: VecDeque<Row>,
    /// Receipts, newest first.
    pub receipt_rows: VecDeque<Row>,
    /// Receipts in numbers.
    pub receipts: Receipts,
    /// Events since the view was opened, by kind.
    pub by_kind: HashMap<&'static str, u64>,
    /// Newest figures of sites.
    pub sites: BTreeMap<String, Flow>,
    /// Newest figures of their business day.
    pub days: BTreeMap<String, Flow>,
    /// Newest figures of floors.
    pub floors: BTreeMap<Place, Flow>,
    /// Newest figures of zones.
    pub zones: BTreeMap<Place, Flow>,
    /// Gateways.
    pub gateways: BTreeMap<Place, Gateway>,
    pub(super) seen: HashSet<u128>,
    pub(super) order: VecDeque<u128>,
    /// Zone → floor, as events told it where no map is at hand.
    pub(super) learnt: HashMap<String, String>,
}

impl Model {
    /// Nothing heard yet.
    pub fn new(names: Names, site: Option<String>, address: String, ids: bool, now: Timestamp) -> Self {
        Self {
            names,
            site,
            address,
            ids,
            broker: Broker::Calling,
            began: now,
            counts: Counts::default(),
            events: VecDeque::new(),
            receipt_rows: VecDeque::new(),
            receipts: Receipts::default(),
            by_kind: HashMap::new(),
            sites: BTreeMap::new(),
            days: BTreeMap::new(),
            floors: BTreeMap::new(),
            zones: BTreeMap::new(),
            gateways: BTreeMap::new(),
            seen: HashSet::new(),
            order: VecDeque::new(),
            learnt: HashMap::new(),
        }
    }

    /// What has to be known before any figure is believed; most important first, empty when all is well.
    pub fn truths(&self, now: Timestamp) -> Vec<String> {
        let mut truths = Vec::new();
        match &self.broker {
            Broker::Calling => truths.push(format!("calling the broker at {} …", self.address)),
            Broker::Lost { why, since, again } => {
                let next = (again.as_micros() - now.as_micros()).max(0) / 1_000_000;
                let for_long = ago(now.as_micros().saturating_sub(since.as_micros()));
                truths.push(format!("NO BROKER for {for_long}: {why}; again in {next} s; figures are old"));
                // How the gateways are nobody can know now.
                return truths;
            }
            Broker::Listening(since) if self.gateways.is_empty() => {
                // What is retained comes at once.
                if now.as_micros().saturating_sub(since.as_micros()) > 2_000_000 {
                    truths.push(format!(
                        "no gateway has said that it is there: wrong site ({}), wrong prefix, or no right to read?",
                        self.site.as_deref().unwrap_or("any")
                    ));
                }
            }
            Broker::Listening(_) => {}
        }
        let states: Vec<_> = self.gateways.iter().map(|(id, g)| (id, g, g.state(now))).collect();
        if !states.is_empty() && states.iter().all(|(_, _, s)| *s <= State::Unknown) {
            truths.push("OFFLINE: no gateway is running; figures are those of before".into());
        }
        for ((_, id), gateway, state) in states {
            match state {
                State::Hears | State::Unknown => {}
                // It has just begun, or we have.
                State::Silent if gateway.health.is_none() && !self.has_looked_for(180, now) => {}
                State::Offline | State::Silent => truths.push(format!("{id} {}", gateway.words(now))),
                State::Deaf | State::Impaired => {
                    let problems = gateway.problems().join(" · ");
                    truths.push(format!("{id} {}: {problems}", state.word()));
                }
            }
        }
        truths
    }

    /// Whether the broker has been listened to for so many seconds.
    fn has_looked_for(&self, seconds: i64, now: Timestamp) -> bool {
        matches!(self.broker, Broker::Listening(since)
            if now.as_micros().saturating_sub(since.as_micros()) > seconds * 1_000_000)
    }

    /// Events that wait at all gateways together, and since when the oldest waits.
    pub fn outbox(&self) -> Option<(u64, Option<Timestamp>)> {
        let reports = || self.gateways.values().filter_map(|g| g.health.as_ref());
        let depth = reports().filter_map(|h| h.outbox).reduce(u64::saturating_add)?;
        Some((depth, reports().filter_map(|h| h.oldest).min()))
    }

    /// Floors with what is known of them: those of the map, highest first, then those only heard of.
    pub fn floor_rows(&self) -> Vec<(String, Option<&Flow>)> {
        let mut rows: Vec<(i32, String, Option<&Flow>)> = Vec::new();
        let several = self.sites.len() > 1;
        for ((site, id), flow) in &self.floors {
            let name = self.names.floor(id);
            let name = if several { format!("{site} {name}") } else { name };
            rows.push((self.level(id), name, Some(flow)));
        }
        for (id, level) in self.names.floors() {
            if !self.floors.keys().any(|(_, there)| there == id) {
                rows.push((level.into(), self.names.floor(id), None));
            }
        }
        rows.sort_by(|a, b| (-a.0, &a.1).cmp(&(-b.0, &b.1)));
        rows.into_iter().map(|(_, name, flow)| (name, flow)).collect()
    }

    fn level(&self, floor: &str) -> i32 {
        if let Some(level) = self.names.level(floor) {
            return level.into();
        }
        // Without a map: F3, L3 and 3 are the third, B1 is below.
        let digits: String = floor.chars().filter(char::is_ascii_digit).take(3).collect();
        let n: i32 = digits.parse().unwrap_or(0);
        if floor.starts_with(['B', 'b', '-']) { -n } else { n }
    }

    /// Ids of floors, for the filter, highest first.
    pub fn floor_ids(&self) -> Vec<String> {
        let heard = self.floors.keys().map(|(_, id)| id.clone());
        let mut ids: Vec<String> = heard.chain(self.names.floors().map(|(id, _)| id.to_owned())).collect();
        ids.sort_by_key(|id| (-self.level(id), id.clone()));
        ids.dedup();
        ids
    }

    /// How often an event of this type came since the view was opened.
    pub fn count(&self, event_type: &str) -> u64 {
        self.by_kind.get(event_type).copied().unwrap_or(0)
    }

    /// How the broker is, in words.
    pub fn broker_words(&self) -> String {
        match &self.broker {
            Broker::Calling => format!("calling {}", self.address),
            Broker::Listening(_) => {
                format!("connected to {}", self.address)
            }
            Broker::Lost { .. } => format!("NO BROKER at {}", self.address),
        }
    }

    pub(super) fn after(now: Timestamp, wait: Duration) -> Timestamp {
        Timestamp::from_micros(now.as_micros().saturating_add(i64::try_from(wait.as_micros()).unwrap_or(0)))
    }
}
