//! `GET /api/v1/now`: everything the operators' page shows, as one JSON document. Described in docs/web.md.
//!
//! The document is made of sections. Who follows live (`/events`) gets it whole once, and then the sections that changed.

mod alarms;

pub use alarms::{Alarm, alarms};

use super::health::{BrokerHealth, Health, OutboxHealth, StoreHealth};
use super::machine::{ClockHealth, MachineHealth};
use super::today::{Day, Funnel, Line, Receipts};
use super::{Stamp, Status};
use serde::Serialize;
use std::collections::BTreeMap;
use visit_core::event::{Estimate, FlowBasis, FlowInterval, FlowScope, PrivacyMode};
use visit_core::site::{Site, ZoneKind};

/// The document.
#[derive(Clone, Debug, Serialize)]
pub struct Now {
    /// What does not change while the daemon runs.
    #[serde(flatten)]
    pub plan: Plan,
    /// The sections that do.
    #[serde(flatten)]
    pub sections: Sections,
    /// The newest events, oldest first.
    pub lines: Vec<Line>,
}

/// What does not change while the daemon runs.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The site.
    pub site: SiteName,
    /// The gateway.
    pub gateway: String,
    /// Version of the daemon.
    pub version: String,
    /// What is heard happens now, and is not a recording.
    pub live: bool,
    /// `count`, `pseudonymous` or `consented`.
    pub mode: PrivacyMode,
    /// Figures of fewer people are withheld.
    pub k: u32,
    /// Floors, by level.
    pub floors: Vec<FloorPlan>,
}

/// A site's names.
#[derive(Clone, Debug, Serialize)]
pub struct SiteName {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// IANA time zone: times are shown in it.
    pub timezone: String,
}

/// A floor with its zones.
#[derive(Clone, Debug, Serialize)]
pub struct FloorPlan {
    /// Its id.
    pub id: String,
    /// Storeys above the ground floor.
    pub level: i16,
    /// What people call it.
    pub name: Option<String>,
    /// Its zones.
    pub zones: Vec<ZonePlan>,
}

/// A zone.
#[derive(Clone, Debug, Serialize)]
pub struct ZonePlan {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// Who trades there.
    pub brand: Option<String>,
    /// `perimeter`, `entrance`, `shop`, `concourse`, `vertical` or `staff`.
    pub kind: &'static str,
    /// Centre, metres.
    pub at: [f32; 2],
}

/// The sections that change.
#[derive(Clone, Debug, Serialize)]
pub struct Sections {
    /// The clock.
    pub time: Time,
    /// How many people, by place.
    pub flow: Flow,
    /// How many people in the site, by interval of the day, oldest first.
    pub curve: Vec<CurvePoint>,
    /// Visits of the day by how far they came; null where single visits are not followed.
    pub visits: Option<Visits>,
    /// Receipts of the day.
    pub receipts: ReceiptCounts,
    /// What needs somebody.
    pub alarms: Vec<Alarm>,
    /// Sensors of the site map, and who hears for them.
    pub sensors: Vec<SensorNow>,
    /// Receipt feeds.
    pub feeds: Vec<FeedNow>,
    /// The gateway itself; null before the first report.
    pub health: Option<HealthNow>,
}

/// The clock.
#[derive(Clone, Debug, Serialize)]
pub struct Time {
    /// The time of what is heard: now, or in a recording then.
    pub source_at: Option<Stamp>,
    /// The business day that is counted.
    pub day: Option<DayNow>,
}

/// The business day that is counted.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct DayNow {
    /// When it began.
    pub began: Stamp,
    /// Since when it is counted.
    pub since: Stamp,
    /// All of it is counted.
    pub whole: bool,
}

/// Figures by place.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Flow {
    /// The site's.
    pub site: Option<Figure>,
    /// By floor.
    pub floors: BTreeMap<String, Figure>,
    /// By zone.
    pub zones: BTreeMap<String, Figure>,
}

/// The figures of a place, from its last flow interval.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// `told`: there are figures · `withheld`: fewer than k people · `unobserved`: no sensor heard, deaf is not empty.
    pub state: FigureState,
    /// The interval ended long ago: it is no longer true.
    pub stale: bool,
    /// Its start.
    pub from: Stamp,
    /// Its end.
    pub until: Stamp,
    /// People in the place, with a 90 % interval.
    pub occupancy: Option<Estimate>,
    /// People who came in.
    pub footfall: Option<u32>,
    /// Where occupancy comes from: `index` is devices, not people.
    pub basis: FlowBasis,
    /// Share of the place's sensors that heard.
    pub observed: f32,
    /// Told to the nearest multiple of this.
    pub rounded_to: Option<u32>,
}

/// What is known of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FigureState {
    /// There are figures.
    Told,
    /// Fewer than k people.
    Withheld,
    /// No sensor heard.
    Unobserved,
}

/// A point of the day's curve.
#[derive(Clone, Debug, Serialize)]
pub struct CurvePoint {
    /// The interval's start.
    pub from: Stamp,
    /// What is known.
    pub state: FigureState,
    /// People in the site.
    pub occupancy: Option<Estimate>,
}

/// Visits of the day; null where they are from 1 to k − 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Visits {
    /// Were near.
    pub approached: Option<u64>,
    /// Went on without coming in.
    pub passed_by: Option<u64>,
    /// Were inside.
    pub arrived: Option<u64>,
    /// Stayed somewhere.
    pub dwelt: Option<u64>,
    /// Carry a bag.
    pub bag: Option<u64>,
    /// Have left.
    pub left: Option<u64>,
}

/// Receipts of the day; whose they are is null where that is from 1 to k − 1 of one sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ReceiptCounts {
    /// Sales.
    pub sales: u64,
    /// With a buyer we are sure of.
    pub matched: Option<u64>,
    /// With a likely buyer.
    pub likely: Option<u64>,
    /// Of nobody we heard.
    pub unmatched: Option<u64>,
    /// Refunds and voids.
    pub taken_back: u64,
    /// Could not be read.
    pub unreadable: u64,
}

/// A sensor of the site map.
#[derive(Clone, Debug, Serialize)]
pub struct SensorNow {
    /// Its id.
    pub id: String,
    /// The zone it hangs in.
    pub zone: String,
    /// Metres.
    pub at: [f32; 2],
    /// Whether it hears.
    pub state: Hearing,
    /// Who hears for it.
    pub ears: Vec<EarNow>,
}

/// Whether a sensor hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hearing {
    /// It does.
    Hears,
    /// Its sources are down or deaf.
    Deaf,
    /// No source of this gateway hears for it.
    Elsewhere,
    /// A recording speaks for it.
    Recorded,
}

/// A radio or node.
#[derive(Clone, Debug, Serialize)]
pub struct EarNow {
    /// Its name.
    pub name: String,
    /// `node`, `wifi` or `ble`.
    pub kind: &'static str,
    /// It can hear.
    pub up: bool,
    /// Why not.
    pub problem: Option<String>,
    /// Sightings a second over the last minute.
    pub per_s: Option<f64>,
    /// When it heard last.
    pub last_heard_at: Option<Stamp>,
    /// Sightings dropped for want of room.
    pub dropped: u64,
}

/// A receipt feed.
#[derive(Clone, Debug, Serialize)]
pub struct FeedNow {
    /// Its name.
    pub name: String,
    /// It can receive.
    pub up: bool,
    /// Why not.
    pub problem: Option<String>,
    /// Papers that are durable.
    pub delivered: u64,
    /// Papers and documents that were of no use.
    pub refused: u64,
    /// Papers lost for want of room.
    pub lost: u64,
    /// When it delivered last.
    pub last_delivered_at: Option<Stamp>,
    /// Nothing came for longer than usual, since then.
    pub silent_since: Option<Stamp>,
}

/// The gateway itself.
#[derive(Clone, Debug, Serialize)]
pub struct HealthNow {
    /// When it was looked at.
    pub at: Stamp,
    /// When this run began.
    pub started_at: Stamp,
    /// Devices followed now.
    pub devices: u64,
    /// Receipts that wait for their decision.
    pub receipts_waiting: u64,
    /// What waits for the broker.
    pub outbox: OutboxHealth,
    /// Where it waits.
    pub store: StoreHealth,
    /// The broker.
    pub broker: BrokerHealth,
    /// The clock.
    pub clock: ClockHealth,
    /// The machine.
    pub machine: MachineHealth,
}

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
        at: z.position,
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
        observed: flow.observed.get(),
        rounded_to: flow.rounded_to,
    }
}

/// A day's curve is sent whole: what nobody reads is left out.
fn tenths(e: Estimate) -> Estimate {
    let tenths = |n: f32| (n * 10.0).round() / 10.0;
    Estimate { estimate: tenths(e.estimate), low: tenths(e.low), high: tenths(e.high) }
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
        SensorNow { id: s.id.clone(), zone, at: s.position, state, ears: own }
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
