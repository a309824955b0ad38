//! A broker that is away for days: what may wait, waits; what may not becomes numbers, is told of, and is in no byte of
//! the store.
//!
//! Days are played through the real chain, from what a radio hears to the store, in virtual time.
#![allow(missing_docs, clippy::unwrap_used, unreachable_pub, dead_code)]

#[path = "../../tests/src/canary.rs"]
mod canary;

use canary::Hunt;
use edge_agent::config::PrivacySettings;
use edge_agent::demo::day::{Day, DayOptions, Plan};
use edge_agent::demo::{CONSENTED, site};
use edge_agent::pipeline::EngineRoom;
use edge_agent::privacy::Privacy;
use edge_agent::store::{Forget, PrivacyRules, Store, StoreOptions};
use gateway::observation::Observation as Heard;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Runtime;
use visit_core::engine::EngineConfig;
use visit_core::event::{Body, Event, PrivacyMode, PrivacyNotice, VisitFact, VisitId};
use visit_core::observation::{MemberToken, Observation};
use visit_core::site::Site;
use visit_core::time::{Span, Timestamp};

const HOUR: Span = Span::from_secs(3600);
/// In pseudonymous and in consented mode.
const TTL_H: [u16; 2] = [20, 24];
const DAY: i64 = 86_400;

fn days() -> [DayOptions; 3] {
    let options = DayOptions {
        opens_after: Span::from_secs(300),
        length: Span::from_secs(5400),
        visitors_per_hour: 60.0,
        ..DayOptions::default()
    };
    [0, 1, 2].map(|n| DayOptions {
        seed: 7 + n as u64,
        start: options.start + Span::from_secs(n * DAY),
        ..options.clone()
    })
}

fn rules(mode: PrivacyMode) -> PrivacyRules {
    PrivacyRules {
        mode,
        ttl: TTL_H.map(|h| Span::from_secs(i64::from(h) * 3600)),
        k: 10,
        site: "demo".into(),
        gateway: "gw".into(),
        config_version: 1,
        settings: vec![("mode".into(), format!("{mode:?}"))],
    }
}

fn options(mode: PrivacyMode, now: Timestamp) -> StoreOptions {
    StoreOptions { privacy: Some(rules(mode)), ..StoreOptions::new(now) }
}

/// Everything that stands for a person in what was heard and said.
#[derive(Default)]
struct Persons {
    addresses: BTreeSet<[u8; 6]>,
    members: BTreeSet<String>,
    numbers: BTreeSet<u128>,
}

impl Persons {
    fn hear(&mut self, heard: &Heard) {
        match heard {
            Heard::Sighting(s) => drop(self.addresses.insert(s.addr.0)),
            Heard::Receipt(r) => self.members.extend(r.member.clone()),
            _ => {}
        }
    }

    fn keep(&mut self, kept: &Observation) {
        match kept {
            Observation::Sighting(s) => drop(self.numbers.insert(s.device.0)),
            Observation::Receipt(r) => self.numbers.extend(r.member.map(|m| m.0)),
            _ => {}
        }
    }

    fn say(&mut self, event: &Event) {
        match &event.body {
            Body::Visit(v) => {
                self.numbers.extend([v.visit.0, v.device.0]);
                if let VisitFact::Linked(l) = &v.fact {
                    self.numbers.insert(u128::from_str_radix(&l.member, 16).unwrap());
                }
            }
            Body::Receipt(r) => self.numbers.extend(r.member.map(|m| m.0)),
            _ => {}
        }
    }

    fn hunt_raw(&self) -> Hunt {
        let mut hunt = Hunt::default();
        self.addresses.iter().for_each(|a| hunt.address(*a));
        self.members.iter().for_each(|m| hunt.text(m));
        hunt
    }

    fn hunt_numbers(&self) -> Hunt {
        let mut hunt = Hunt::default();
        self.numbers.iter().for_each(|n| hunt.number(*n));
        hunt
    }
}

/// A mall that plays its days into a store whose broker is away.
struct Mall {
    runtime: Runtime,
    site: Arc<Site>,
    folder: tempfile::TempDir,
    settings: PrivacySettings,
}

impl Mall {
    fn new(mode: PrivacyMode) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let consent = folder.path().join("consent");
        std::fs::write(&consent, CONSENTED.join("\n")).unwrap();
        let settings = PrivacySettings {
            consent_list: Some(consent),
            ttl_h: Some(TTL_H[usize::from(mode == PrivacyMode::Consented)]),
            ..PrivacySettings::new(mode, folder.path().join("key"))
        };
        let site = Arc::new(edge_agent::config::parse_site("site", site::TOML).unwrap().value);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { runtime, site, folder, settings }
    }

    fn store(&self) -> std::path::PathBuf {
        self.folder.path().join("store")
    }

    fn open(&self, now: Timestamp) -> Store {
        Store::open(&self.store(), &options(self.settings.mode, now)).unwrap().0
    }

    /// Plays a day; the store is looked after all the time, and for `after` once it is over. Gives who was there.
    fn play(&self, store: &Store, day: DayOptions, after: Span) -> Persons {
        let plan = Plan::from(&*self.site);
        let mut persons = Persons::default();
        let mut privacy = Privacy::in_memory(&self.settings, &[], &self.site, [7; 32]).unwrap();
        let config = EngineConfig {
            privacy_mode: self.settings.mode,
            map_version: self.site.version(),
            ..EngineConfig::default()
        };
        let mut room = EngineRoom::new(self.site.clone(), config);
        let mut looked = day.start;
        let end = day.start + day.length + after;
        let commit = |room: &mut EngineRoom, privacy: &mut Privacy, persons: &mut Persons, at| {
            let Some(mut batch) = room.take_batch(at, None) else { return };
            batch.events.iter().for_each(|e| persons.say(e));
            privacy.gate(&mut batch);
            self.runtime.block_on(store.commit(batch)).unwrap();
        };
        for heard in Day::new(&plan, day).unwrap() {
            let at = heard.at();
            persons.hear(&heard);
            room.forget_buyers(privacy.first_day_kept(at));
            if let Ok(kept) = privacy.observe(heard) {
                persons.keep(&kept);
                room.observe(kept);
            }
            if room.events() > 50 {
                commit(&mut room, &mut privacy, &mut persons, at);
            }
            if at.since(looked) > Span::from_secs(600) {
                looked = at;
                self.runtime.block_on(store.look_after(at)).unwrap();
            }
        }
        room.run_out();
        commit(&mut room, &mut privacy, &mut persons, looked);
        while looked < end {
            looked = looked + HOUR;
            room.forget_buyers(privacy.first_day_kept(looked));
            commit(&mut room, &mut privacy, &mut persons, looked);
            self.runtime.block_on(store.look_after(looked)).unwrap();
        }
        persons
    }

    fn outbox(&self, store: &Store) -> Vec<Event> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let some = self.runtime.block_on(store.read_outbox(after, 1000)).unwrap();
            let Some(last) = some.last() else { return all };
            after = Some(last.seq);
            all.extend(some.into_iter().map(|q| q.event));
        }
    }
}

#[track_caller]
fn clean(hunt: &Hunt, folder: &Path, what: &str) {
    let (found, searched) = hunt.search_folder(folder).unwrap();
    assert!(searched > 10_000, "{searched} bytes are nothing to search");
    assert!(found.is_empty(), "{what}: {found:#?}");
}

fn kinds(events: &[Event], prefix: &str) -> usize {
    events.iter().filter(|e| e.event_type().starts_with(prefix)).count()
}

/// Three days without a broker; the night after each is played to the next morning.
fn outage(mode: PrivacyMode) {
    let mall = Mall::new(mode);
    let days = days();
    let store = mall.open(days[0].start);
    let mut yesterday: Option<Persons> = None;
    for (n, day) in days.into_iter().enumerate() {
        let last = n == 2;
        let persons = mall.play(&store, day, if last { Span::ZERO } else { Span::from_secs(20 * 3600) });
        clean(&persons.hunt_raw(), &mall.store(), "addresses and members");
        let numbers = persons.hunt_numbers();
        assert!(numbers.len() > 100, "{}", numbers.len());
        if mode == PrivacyMode::Count {
            clean(&numbers, &mall.store(), "pseudonyms of today");
            let planted = mall.store().join("planted");
            std::fs::write(&planted, persons.numbers.first().unwrap().to_le_bytes()).unwrap();
            assert_eq!(numbers.search_folder(&mall.store()).unwrap().0.len(), 1, "the search has teeth");
            std::fs::remove_file(planted).unwrap();
        } else {
            // The search has teeth: what may wait does, and is found.
            assert!(!numbers.search_folder(&mall.store()).unwrap().0.is_empty() || !last);
        }
        if let Some(before) = yesterday.replace(persons) {
            let mut gone = before;
            // A member is the same on both days, and may be in what was heard today.
            gone.numbers.retain(|n| !yesterday.as_ref().unwrap().numbers.contains(n));
            clean(&gone.hunt_numbers(), &mall.store(), "yesterday's pseudonyms and visits");
        }
    }
    let events = mall.outbox(&store);
    let told: u32 = events
        .iter()
        .filter_map(|e| match &e.body {
            Body::Privacy(PrivacyNotice::Degraded(d)) => Some(d.visits.values().flatten().sum::<u32>()),
            _ => None,
        })
        .sum();
    assert!(kinds(&events, "mall.flow") > 100, "flow figures of all days wait");
    if mode == PrivacyMode::Count {
        assert_eq!((kinds(&events, "mall.visit"), told), (0, 0));
    } else {
        assert!(told > 200, "it is told how much was taken out: {told}");
        assert!(kinds(&events, "mall.visit") > 100, "today's visits wait");
        assert!(mall.runtime.block_on(async { store.stats() }).degraded > u64::from(told) - 1);
    }
    // Receipts of all days wait, those of past days without their buyer.
    let receipts: Vec<_> =
        events.iter().filter_map(|e| if let Body::Receipt(r) = &e.body { Some(r) } else { None }).collect();
    let days: BTreeSet<_> = receipts.iter().map(|r| r.business_date).collect();
    assert_eq!(days.len(), 3, "no receipt was lost");
    let today = days.last().unwrap();
    let mut older = receipts.iter().filter(|r| r.business_date != *today);
    assert!(older.all(|r| r.attribution.visit_id.is_none() && r.member.is_none()));
    mall.runtime.block_on(store.close()).unwrap();
}

#[test]
fn three_days_without_a_broker_keep_no_pseudonym_of_yesterday() {
    outage(PrivacyMode::Pseudonymous);
}

#[test]
fn three_days_without_a_broker_keep_no_member_of_yesterday() {
    outage(PrivacyMode::Consented);
}

#[test]
fn three_days_without_a_broker_keep_nobody_in_count_mode() {
    outage(PrivacyMode::Count);
}

#[test]
fn a_gateway_that_was_off_for_days_forgets_at_its_start() {
    let mall = Mall::new(PrivacyMode::Pseudonymous);
    let day = days()[0].clone();
    let later = day.start + Span::from_secs(3 * DAY);
    let store = mall.open(day.start);
    let numbers = mall.play(&store, day, Span::ZERO).hunt_numbers();
    mall.runtime.block_on(store.close()).unwrap();
    assert!(!numbers.search_folder(&mall.store()).unwrap().0.is_empty());
    let store = mall.open(later);
    let events = mall.outbox(&store);
    assert_eq!(kinds(&events, "mall.visit"), 0);
    assert_eq!(kinds(&events, "mall.privacy.degraded"), 1);
    clean(&numbers, &mall.store(), "what was kept before");
    mall.runtime.block_on(store.close()).unwrap();
}

#[test]
fn a_stricter_mode_keeps_nothing_of_the_one_before_and_says_so() {
    let mut mall = Mall::new(PrivacyMode::Consented);
    let day = days()[0].clone();
    let evening = day.start + Span::from_secs(7200);
    let store = mall.open(day.start);
    let persons = mall.play(&store, day, Span::ZERO);
    assert!(kinds(&mall.outbox(&store), "mall.visit.linked") > 0);
    mall.runtime.block_on(store.close()).unwrap();
    // Members first.
    mall.settings.mode = PrivacyMode::Pseudonymous;
    let store = mall.open(evening);
    let events = mall.outbox(&store);
    assert_eq!(kinds(&events, "mall.visit.linked"), 0);
    assert!(kinds(&events, "mall.visit") > 0);
    mall.runtime.block_on(store.close()).unwrap();
    // Then visits.
    mall.settings.mode = PrivacyMode::Count;
    let store = mall.open(evening);
    let events = mall.outbox(&store);
    assert_eq!(kinds(&events, "mall.visit"), 0);
    assert_eq!(kinds(&events, "mall.privacy.degraded"), 2);
    let changed: Vec<_> = events
        .iter()
        .filter_map(|e| match &e.body {
            Body::Privacy(PrivacyNotice::Changed(c)) => {
                Some((c.from_mode, c.settings["mode"].now.clone().unwrap()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        changed,
        [
            (PrivacyMode::Consented, "Pseudonymous".to_owned()),
            (PrivacyMode::Pseudonymous, "Count".to_owned())
        ]
    );
    clean(&persons.hunt_numbers(), &mall.store(), "what the mode before kept");
    mall.runtime.block_on(store.close()).unwrap();
    // Nothing changes: nothing is said.
    let store = mall.open(evening);
    assert_eq!(mall.outbox(&store).len(), events.len());
}

#[test]
fn a_member_who_withdraws_is_taken_out_of_what_waits() {
    let mall = Mall::new(PrivacyMode::Consented);
    let day = days()[0].clone();
    let at = day.start + Span::from_secs(7200);
    let store = mall.open(day.start);
    mall.play(&store, day, Span::ZERO);
    let linked = |events: &[Event]| -> BTreeSet<(VisitId, MemberToken)> {
        events
            .iter()
            .filter_map(|e| match &e.body {
                Body::Visit(v) => match &v.fact {
                    VisitFact::Linked(l) => {
                        Some((v.visit, MemberToken(u128::from_str_radix(&l.member, 16).unwrap())))
                    }
                    _ => None,
                },
                _ => None,
            })
            .collect()
    };
    let before = mall.outbox(&store);
    let (visit, member) = *linked(&before).first().unwrap();
    let mut hunt = Hunt::default();
    hunt.number(member.0);
    assert!(!hunt.search_folder(&mall.store()).unwrap().0.is_empty());
    let who = Forget {
        visits: Vec::new(),
        members: vec![member],
        ledger: Vec::new(),
        checkpoint: None,
        asked: false,
        at,
    };
    let told = mall.runtime.block_on(store.forget(who)).unwrap();
    assert!(told.events["mall.visit.linked"] >= 1 && told.receipts >= 1 && told.scrubbed, "{told:?}");
    let after = mall.outbox(&store);
    assert!(linked(&after).iter().all(|(_, m)| *m != member));
    let of_visit = |events: &[Event]| {
        events.iter().filter(|e| matches!(&e.body, Body::Visit(v) if v.visit == visit)).count()
    };
    assert_eq!(of_visit(&after), of_visit(&before) - 1, "the visit goes on as a pseudonym");
    assert_eq!(kinds(&after, "mall.privacy.degraded"), 1);
    assert_eq!(after.len(), before.len() - told.events["mall.visit.linked"] as usize + 1);
    clean(&hunt, &mall.store(), "the member");
}
