//! What the tests and benchmarks of the store share.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // no test uses all of it, and each includes it

use edge_agent::store::{Batch, Store, StoreOptions};
use std::path::Path;
use visit_core::engine::{LedgerChange, VisitRecord};
use visit_core::event::*;
use visit_core::observation::Pseudonym;
use visit_core::time::Timestamp;
use visit_core::visit::Device;

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_763_688_600_000_000 + seconds * 1_000_000)
}

pub fn options() -> StoreOptions {
    StoreOptions { ballast_bytes: 4096, ..StoreOptions::new(at(0)) }
}

/// The `n`-th visit event: a dwell, about 300 bytes as stored.
pub fn visit_event(n: u64) -> Event {
    let fact = VisitFact::DwellEnded(Dwell {
        zone: format!("F2-Z{:02}", n % 50),
        floor: "F2".into(),
        brand: Some("A brand of some length".into()),
        started_at: at(n as i64),
        duration_s: n as f64,
    });
    let body = Body::Visit(VisitEvent {
        visit: VisitId(u128::from(n / 8)),
        seq: (n % 8) as u32 + 1,
        device: Pseudonym(u128::from(n / 8) << 64),
        identity: Identity::Session,
        confidence: Confidence::new(0.9),
        fact,
    });
    event(n, body)
}

pub fn flow_event(n: u64) -> Event {
    let body = Body::Flow(FlowInterval {
        scope: FlowScope::Site,
        place: "mall".into(),
        period: FlowPeriod::Interval,
        from: at(n as i64),
        until: at(n as i64 + 300),
        revision: 0,
        basis: FlowBasis::Index,
        occupancy_basis: FlowBasis::Index,
        observed: Confidence::new(1.0),
        suppressed: false,
        rounded_to: None,
        footfall: Some(3),
        occupancy: None,
        capture_rate: None,
        bag_rate: None,
        sales: None,
        conversion: None,
        dwell_s: None,
        cross_shopping: Vec::new(),
    });
    event(n, body)
}

fn event(n: u64, body: Body) -> Event {
    Event {
        id: EventId::of("mall", b"test", "test", n),
        site: "mall".into(),
        time: at(n as i64),
        detected_at: at(n as i64 + 1),
        privacy_mode: PrivacyMode::Pseudonymous,
        config_version: 1,
        body,
    }
}

pub fn batch(events: impl IntoIterator<Item = Event>) -> Batch {
    Batch {
        events: events.into_iter().collect(),
        ledger: Vec::new(),
        checkpoint: None,
        settled: Vec::new(),
        at: at(1),
    }
}

pub fn put(visit: u64) -> LedgerChange {
    let device = Device::new(Pseudonym(u128::from(visit)), Identity::Session, Timestamp::from_micros(1));
    LedgerChange::Put(VisitRecord { visit: VisitId(u128::from(visit)), map_version: 1, device })
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

/// Ids of everything queued, in order.
pub async fn queued(store: &Store) -> Vec<EventId> {
    let mut ids = Vec::new();
    let mut after = None;
    loop {
        let page = store.read_outbox(after, 100).await.unwrap();
        let Some(last) = page.last() else { return ids };
        after = Some(last.seq);
        ids.extend(page.iter().map(|q| q.event.id));
    }
}

/// Copies a folder and what is in it.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
