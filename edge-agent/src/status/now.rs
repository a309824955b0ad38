//! `GET /api/v1/now`: everything the operators' page shows, as one JSON document. Described in docs/web.md.
//!
//! The document is made of sections. Who follows live (`/events`) gets it whole once, and then the sections that changed.

mod alarms;
mod document;

pub use alarms::{Alarm, alarms};
pub use document::*;

use super::health::Health;
use super::today::{Day, Funnel, Receipts};
use super::{Stamp, Status};
use visit_core::event::{Estimate, FlowInterval, FlowScope};
use visit_core::site::{Site, ZoneKind};

/// The document as of now. As a value: code that writes it directly would be there twice, for the sections that change are
/// compared as values.
pub fn document(status: &Status) -> serde_json::Value {
    let lines = status.today(|today| today.lines(0).cloned().collect());
    let now = Now { plan: plan(status), sections: sections(status), lines };
    // Plain data: it always serialises.
    serde_json::to_value(now).unwrap_or_default()
}

fn plan(status: &Status) -> Plan {
    let gateway = status.gateway();
    let site = &gateway.site;
    let zone = |z: &visit_core::site::Zone| ZonePlan {
        id: z.id.clone(),
        name: z.name.clone(),
        brand: z.brand.clone(),
        kind: kind(z.kind),
        at: metres(z.position),
    };
    let floors = site.floors.iter().enumerate().map(|(i, floor)| FloorPlan {
        id: floor.id.clone(),
        level: floor.level,
        name: floor.name.clone(),
        zones: site.zones.iter().filter(|z| usize::from(z.floor.0) == i).map(zone).collect(),
    });
    Plan {
        site: SiteName { id: site.id.clone(), name: site.name.clone(), timezone: site.timezone.clone() },
        gateway: gateway.gateway.clone(),
        version: gateway.version.clone(),
        live: gateway.live,
        mode: gateway.mode,
        k: gateway.k,
        floors: floors.collect(),
    }
}

/// What changes, as of now.
pub fn sections(status: &Status) -> Sections {
    let gateway = status.gateway();
    let health = status.health().borrow().clone();
    let wall = crate::pipeline::wall_clock();
    let heard_at = health.as_ref().and_then(|h| h.pipeline.source_at);
    let k = u64::from(gateway.k);
    status.today(|today| {
        // Between two reports time goes on: a live source's by the clock, a recording's by what is said of it.
        let told = heard_at.max(today.newest().map(Stamp));
        let source_at = if gateway.live { Some(Stamp(wall)) } else { told };
        if let Some(at) = source_at {
            today.advance(at.0);
        }
        let figure = |flow: &FlowInterval| figure(flow, source_at);
        let places = |scope, ids: &mut dyn Iterator<Item = &String>| {
            ids.filter_map(|id| Some((id.clone(), figure(today.flow(scope, id)?)))).collect()
        };
        let site = &gateway.site;
        Sections {
            time: Time { source_at: source_at.map(minute), day: today.day().map(day) },
            flow: Flow {
                site: today.flow(FlowScope::Site, &site.id).map(figure),
                floors: places(FlowScope::Floor, &mut site.floors.iter().map(|f| &f.id)),
                zones: places(FlowScope::Zone, &mut site.zones.iter().map(|z| &z.id)),
            },
            curve: today
                .curve()
                .map(|p| CurvePoint {
                    from: Stamp(p.from),
                    state: state(&p.flow),
                    occupancy: p.flow.occupancy.map(tenths),
                })
                .collect(),
            visits: today.funnel().map(|f| visits(&f, k)),
            receipts: receipts(&today.receipts(), k),
            alarms: health.as_deref().map_or_else(Vec::new, |h| alarms(h, wall)),
            sensors: sensors(site, health.as_deref()),
            feeds: health.as_deref().map_or_else(Vec::new, feeds),
            health: health.as_deref().map(of_itself),
        }
    })
}

/// Seconds would be news every second.
fn minute(at: Stamp) -> Stamp {
    Stamp(at.0.floor_to(visit_core::time::Span::from_secs(60)))
}

fn day(day: Day) -> DayNow {
    DayNow { began: Stamp(day.began), since: Stamp(day.since), whole: day.since <= day.began }
}

fn state(flow: &FlowInterval) -> FigureState {
    match flow {
        f if f.observed.get() <= 0.0 => FigureState::Unobserved,
        // Where others are told all the same, occupancy alone may be withheld.
        f if f.suppressed || f.occupancy.is_none() => FigureState::Withheld,
        _ => FigureState::Told,
    }
}

fn figure(flow: &FlowInterval, now: Option<Stamp>) -> Figure {
    let length = flow.until.since(flow.from).as_micros();
    // Two intervals that never came, and a minute for the one that is being told.
    let late = now.is_some_and(|now| now.0.since(flow.until).as_micros() > 2 * length + 60_000_000);
    Figure {
        state: state(flow),
        stale: late,
        from: Stamp(flow.from),
        until: Stamp(flow.until),
        occupancy: flow.occupancy.map(tenths),
        footfall: flow.footfall,
        basis: flow.occupancy_basis,
        observed: rounded(flow.observed.get(), 1_000.0),
        rounded_to: flow.rounded_to,
    }
}

/// A day's curve is sent whole: digits that nobody reads are left out.
fn tenths(e: Estimate) -> People {
    let tenths = |n| rounded(n, 10.0);
    People { estimate: tenths(e.estimate), low: tenths(e.low), high: tenths(e.high) }
}

/// In 64 bits: widened afterwards, 0.3 would be 0.30000001192092896.
fn rounded(n: f32, parts: f64) -> f64 {
    (f64::from(n) * parts).round() / parts
}

fn metres([x, y]: [f32; 2]) -> [f64; 2] {
    [rounded(x, 100.0), rounded(y, 100.0)]
}

fn visits(f: &Funnel, k: u64) -> Visits {
    let told = |n: u64| (n == 0 || n >= k).then_some(n);
    Visits {
        approached: told(f.approached),
        passed_by: told(f.passed_by),
        arrived: told(f.arrived),
        dwelt: told(f.dwelt),
        bag: told(f.bag),
        left: told(f.left),
    }
}

fn receipts(r: &Receipts, k: u64) -> ReceiptCounts {
    let small = |n: u64| n > 0 && n < k;
    // One of them withheld alone would be the difference of the others.
    let withheld = small(r.matched) || small(r.likely);
    let told = |n: u64| (!withheld).then_some(n);
    ReceiptCounts {
        sales: r.sales,
        matched: told(r.matched),
        likely: told(r.likely),
        unmatched: told(r.unmatched),
        taken_back: r.taken_back,
        unreadable: r.unreadable,
    }
}

fn sensors(site: &Site, health: Option<&Health>) -> Vec<SensorNow> {
    let ears = health.and_then(|h| h.pipeline.ears.as_ref());
    let rates = health.map(|h| &h.rates.ears_per_s);
    let sensor = |s: &visit_core::site::Sensor| {
        let own = ears.into_iter().flatten().filter(|(_, ear)| ear.sensor == s.id);
        let own: Vec<_> = own
            .map(|(name, ear)| EarNow {
                name: name.clone(),
                kind: ear.kind,
                up: ear.up,
                problem: ear.problem.clone(),
                per_s: rates.and_then(|r| r.get(name).copied()),
                last_heard_at: ear.last_heard_at.map(Stamp),
                dropped: ear.dropped,
            })
            .collect();
        let state = match (ears, own.as_slice()) {
            (None, _) => Hearing::Recorded,
            (_, []) => Hearing::Elsewhere,
            (_, own) if own.iter().any(|ear| ear.up) => Hearing::Hears,
            _ => Hearing::Deaf,
        };
        let zone = site.zone(s.zone).id.clone();
        SensorNow { id: s.id.clone(), zone, at: metres(s.position), state, ears: own }
    };
    site.sensors.iter().map(sensor).collect()
}

fn feeds(health: &Health) -> Vec<FeedNow> {
    let feeds = health.pipeline.feeds.iter().flatten();
    feeds
        .map(|(name, f)| FeedNow {
            name: name.clone(),
            up: f.up,
            problem: f.problem.clone(),
            delivered: f.delivered,
            refused: f.refused + f.bad,
            lost: f.lost,
            last_delivered_at: f.last_delivered_at.map(Stamp),
            silent_since: f.silent_since.map(Stamp),
        })
        .collect()
}

fn of_itself(health: &Health) -> HealthNow {
    HealthNow {
        at: health.at,
        started_at: health.started_at,
        devices: health.pipeline.devices,
        receipts_waiting: health.pipeline.receipts_waiting,
        outbox: health.outbox.clone(),
        store: health.store.clone(),
        broker: health.broker.clone(),
        clock: health.clock,
        machine: health.machine.clone(),
    }
}

fn kind(kind: ZoneKind) -> &'static str {
    ZoneKind::NAMES.iter().find(|(_, k)| *k == kind).map_or("", |(name, _)| name)
}
