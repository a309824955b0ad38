//! A small mall, phones that are heard clearly, and a script that plays them in the order of time.
//!
//! ```text
//! F2                 S3 ── C2 ── V2            one sensor in each zone, 80 m apart: a phone heard at −52 dBm
//! F1   P1 ── E1 ──┐        │      │            by the sensor of a zone, and by no other, is in that zone
//!      P2 ── E2 ──┴─ C1 ── S1, S2, V1, BACK
//! ```
#![allow(dead_code, unreachable_pub)] // each test uses its part

use std::sync::Arc;
use visit_core::engine::{Engine, EngineConfig, LedgerChange, Output};
use visit_core::event::{Body, Event, FlowInterval, ReceiptRecorded, VisitEvent, VisitFact};
use visit_core::observation::{
    Currency, Heard, MemberToken, Observation, Pseudonym, Receipt, ReceiptKind, SensorHealth, Sighting,
};
use visit_core::site::{FloorDraft, SensorDraft, Site, SiteDraft, TillDraft, ZoneDraft};
use visit_core::time::{Span, Timestamp};

/// 2025-11-21T02:00:00Z, the second 0 of all scripts.
const OPENING: i64 = 1_763_690_400;

/// Second `s` of the script.
pub fn at(s: i64) -> Timestamp {
    Timestamp::from_micros((OPENING + s) * 1_000_000)
}

/// Second of the script of a moment.
pub fn second(t: Timestamp) -> i64 {
    t.as_micros().div_euclid(1_000_000) - OPENING
}

pub fn site() -> Arc<Site> {
    let zone = |id: &str, floor: &str, kind: &str, position: [f64; 2], neighbours: &[&str]| ZoneDraft {
        id: id.into(),
        floor: floor.into(),
        kind: kind.into(),
        brand: (kind == "shop").then(|| format!("brand of {id}")),
        position,
        neighbours: neighbours.iter().map(|n| (*n).into()).collect(),
        ..ZoneDraft::default()
    };
    let zones = vec![
        zone("P1", "F1", "perimeter", [-80.0, 0.0], &["E1"]),
        zone("P2", "F1", "perimeter", [-80.0, 160.0], &["E2"]),
        zone("E1", "F1", "entrance", [0.0, 0.0], &["P1", "C1"]),
        zone("E2", "F1", "entrance", [0.0, 160.0], &["P2", "C1"]),
        zone("C1", "F1", "concourse", [80.0, 80.0], &["E1", "E2", "S1", "S2", "V1", "BACK"]),
        zone("S1", "F1", "shop", [160.0, 0.0], &["C1"]),
        zone("S2", "F1", "shop", [160.0, 160.0], &["C1"]),
        zone("V1", "F1", "vertical", [160.0, 80.0], &["C1", "V2"]),
        zone("BACK", "F1", "staff", [80.0, 240.0], &["C1"]),
        zone("V2", "F2", "vertical", [160.0, 80.0], &["V1", "C2"]),
        zone("C2", "F2", "concourse", [80.0, 80.0], &["V2", "S3"]),
        zone("S3", "F2", "shop", [80.0, 0.0], &["C2"]),
    ];
    let draft = SiteDraft {
        id: "mall".into(),
        timezone: "Asia/Shanghai".into(),
        floors: [("F1", 0), ("F2", 1)]
            .map(|(id, level)| FloorDraft { id: id.into(), level, name: None })
            .to_vec(),
        sensors: zones
            .iter()
            .map(|z| SensorDraft { id: format!("by-{}", z.id), zone: z.id.clone(), ..SensorDraft::default() })
            .collect(),
        tills: ["S1", "S2", "S3"]
            .map(|z| TillDraft { id: format!("till-{z}"), zone: z.into(), ..TillDraft::default() })
            .to_vec(),
        zones,
        ..SiteDraft::default()
    };
    let (site, warnings) = Site::build(draft).expect("the map is sound");
    assert_eq!(warnings, [], "the map is good");
    Arc::new(site)
}

pub fn config() -> EngineConfig {
    EngineConfig { map_version: site().version(), ..EngineConfig::default() }
}

/// A phone heard in a zone: change what matters.
pub fn sighting(s: i64, who: u128, zone: &str) -> Sighting {
    let sensor = site().sensor_named(&format!("by-{zone}")).expect("every zone has a sensor");
    Sighting {
        at: at(s),
        sensor,
        device: Pseudonym(who),
        rssi: Some(-52),
        seq: None,
        fingerprint: None,
        randomised: true,
        heard: Heard::Unassociated,
    }
}

/// A sale: change what matters.
pub fn sale(s: i64, shop: &str, number: &str) -> Receipt {
    Receipt {
        at: at(s),
        till: site().till_named(&format!("till-{shop}")).expect("every shop has a till"),
        store: format!("brand of {shop}"),
        number: Some(number.into()),
        kind: ReceiptKind::Sale,
        amount_minor: Some(12_900),
        currency: Currency::new("CNY"),
        member: None,
        consented: false,
        refers_to: None,
        business_date: 20_413,
        printed_at: None,
        content: 0,
        marks: Default::default(),
        ticket: None,
    }
}

/// The sale with this number of the same till.
pub fn sale_ref(number: &str) -> visit_core::observation::SaleRef {
    visit_core::observation::SaleRef { till: None, number: number.into(), business_date: None }
}

pub fn member(token: u128) -> Option<MemberToken> {
    Some(MemberToken(token))
}

/// What is observed, in any order of writing.
#[derive(Clone, Default)]
pub struct Script(pub Vec<Observation>);

impl Script {
    /// Heard every 20 s in a zone, first at `from`, last before `until`.
    pub fn stay(self, who: u128, zone: &str, from: i64, until: i64) -> Self {
        self.stay_as(who, zone, from, until, |_| {})
    }

    /// As [`Self::stay`], with each sighting changed.
    pub fn stay_as(
        mut self,
        who: u128,
        zone: &str,
        from: i64,
        until: i64,
        change: impl Fn(&mut Sighting),
    ) -> Self {
        let template = sighting(from, who, zone);
        for s in (from..until).step_by(20) {
            let mut heard = Sighting { at: at(s), ..template };
            change(&mut heard);
            self.0.push(Observation::Sighting(heard));
        }
        self
    }

    /// Comes in by `E1` in the first two minutes from `from`, and is in the concourse in the third.
    pub fn come_in(self, who: u128, from: i64) -> Self {
        self.stay(who, "P1", from, from + 60).stay(who, "E1", from + 60, from + 120).stay(
            who,
            "C1",
            from + 120,
            from + 180,
        )
    }

    pub fn receipt(mut self, receipt: Receipt) -> Self {
        self.0.push(Observation::Receipt(receipt));
        self
    }

    pub fn health(mut self, s: i64, zone: &str, up: bool) -> Self {
        let sensor = sighting(s, 0, zone).sensor;
        self.0.push(Observation::SensorHealth(SensorHealth { at: at(s), sensor, up }));
        self
    }

    /// In the order of capture.
    pub fn in_order(mut self) -> Vec<Observation> {
        self.0.sort_by_key(Observation::at);
        self.0
    }

    /// Plays everything and waits until nothing more can happen.
    pub fn play(self) -> Played {
        self.play_with(config())
    }

    pub fn play_with(self, config: EngineConfig) -> Played {
        let mut played = Played::new(config);
        played.observe_all(self.in_order());
        played.run_out();
        played
    }

    /// Plays everything; then it is second `s`.
    pub fn play_until(self, s: i64) -> Played {
        let mut played = Played::new(config());
        played.observe_all(self.in_order());
        played.advance(s);
        played
    }
}

/// An engine and what it said.
pub struct Played {
    pub engine: Engine,
    pub out: Vec<Output>,
}

impl Played {
    pub fn new(config: EngineConfig) -> Self {
        Self { engine: Engine::new(site(), config), out: Vec::new() }
    }

    pub fn observe_all(&mut self, observations: Vec<Observation>) {
        for o in observations {
            let now = o.at();
            self.engine.observe(o);
            self.engine.advance(now);
        }
        self.drain();
    }

    /// It is second `s`, and whatever observation could still come is in.
    pub fn advance(&mut self, s: i64) {
        self.engine.advance(at(s) + Span::from_secs(1));
        self.drain();
    }

    pub fn run_out(&mut self) {
        while let Some(now) = self.engine.next_deadline() {
            self.engine.advance(now);
            self.drain();
        }
    }

    pub fn drain(&mut self) {
        self.out.extend(std::iter::from_fn(|| self.engine.poll()));
    }

    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.out.iter().filter_map(|o| match o {
            Output::Event(e) => Some(e),
            _ => None,
        })
    }

    /// Visit events with the moment they happened.
    pub fn visits(&self) -> impl Iterator<Item = (&Event, &VisitEvent)> {
        self.events().filter_map(|e| match &e.body {
            Body::Visit(v) => Some((e, v)),
            _ => None,
        })
    }

    /// What was said about a device: kinds in order.
    pub fn kinds(&self, who: u128) -> Vec<&'static str> {
        self.of(who).map(|(_, v)| v.fact.kind()).collect()
    }

    pub fn of(&self, who: u128) -> impl Iterator<Item = (&Event, &VisitEvent)> {
        self.visits().filter(move |(_, v)| v.device == Pseudonym(who))
    }

    /// The only event of a kind about a device.
    pub fn only(&self, who: u128, kind: &str) -> (&Event, &VisitFact) {
        let all: Vec<_> = self.of(who).filter(|(_, v)| v.fact.kind() == kind).collect();
        let [(event, visit)] = all[..] else {
            panic!("{} events {kind} in {:?}", all.len(), self.kinds(who))
        };
        (event, &visit.fact)
    }

    pub fn receipts(&self) -> Vec<&ReceiptRecorded> {
        self.events()
            .filter_map(|e| match &e.body {
                Body::Receipt(r) => Some(r),
                _ => None,
            })
            .collect()
    }

    pub fn flow(&self) -> Vec<&FlowInterval> {
        self.events()
            .filter_map(|e| match &e.body {
                Body::Flow(f) => Some(f),
                _ => None,
            })
            .collect()
    }

    /// The ledger as a store would have it.
    pub fn ledger(&self) -> Vec<visit_core::engine::VisitRecord> {
        let mut kept = std::collections::BTreeMap::new();
        for o in &self.out {
            match o {
                Output::Ledger(LedgerChange::Put(r)) => {
                    kept.insert(r.visit, r.clone());
                }
                Output::Ledger(LedgerChange::Remove(visit)) => {
                    kept.remove(visit);
                }
                _ => {}
            }
        }
        kept.into_values().collect()
    }
}
