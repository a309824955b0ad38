//! What happened: the life of one visit.
//!
//! ```text
//!            first heard at a door          inside is established
//!   Heard ───────────────────────▶ Approached ───────────────────▶ Inside ⇄ Gone
//!     │            silent: nothing said │ silent: passed_by           silent: exited, resumed
//!     └── hours on end, or in staff zones ──▶ NotAVisitor (an arrival already published is retracted)
//! ```
//!
//! A device that was never heard at a door is followed in silence: it may be a phone that was missed there, or a
//! till, a television, a guard. It becomes a visit when it moves on from zone to zone, or leaves by a door.

mod device;
mod gap;
mod stay;

pub use device::{Device, Phase};
pub use stay::Stay;

use crate::engine::{Desk, EngineCounts};
use crate::event::{
    Approached, Arrived, Direction, Dwell, EventId, ExitReason, Exited, FloorChanged, Identity, PassedBy,
    Resumed, VisitFact,
};
use crate::site::{FloorIx, ZoneIx, ZoneKind};
use crate::time::{Span, Timestamp};

/// Belief in "at a door" from which a device counts as heard well there.
const AT_DOOR: f32 = 0.5;
/// Belief in "inside" that makes an emission an inside one.
const INSIDE: f32 = 0.8;
/// So many inside emissions in a row establish that somebody came in …
const INSIDE_IN_A_ROW: u8 = 2;
/// … who was there for at least this long: passing a door takes less.
const NOT_PASSING: Span = Span::from_secs(50);
/// Something heard inside first is somebody if it soon settles in this many zones after the first, never going back
/// to the one before: things stay, and their echoes go back and forth.
const MOVES: u8 = 2;
const SOON: Span = Span::from_secs(1800);
/// Phones that change their address while they probe do so within this time.
const ADDRESS_LIFE: Span = Span::from_secs(1200);
/// A floor counts as reached at this belief, seen twice.
const FLOOR_SETTLED: f32 = 0.98;
/// The first floor of a visit needs less: it changes nothing.
const FIRST_FLOOR: f32 = 0.8;
/// A silence that only this share of gaps exceeds is an exit, provisionally …
const PROVISIONAL: f32 = 0.02;
/// … but not before a phone may have slept in a pocket …
const POCKET: Span = Span::from_secs(300);
/// … sooner after an emission at a door …
const PROVISIONAL_AT_DOOR: f32 = 0.1;
/// … and for good.
const FINAL: f32 = 0.005;
/// Never final before a provisional exit could be taken back for this long.
const RESUMABLE: Span = Span::from_secs(600);
/// Staff and equipment are remembered through this much silence.
const REMEMBERED: Span = Span::from_secs(6 * 3600);
/// Share of emissions from staff zones that makes staff, and how many at least.
const STAFF_SHARE: f32 = 0.5;
const STAFF_EMISSIONS: u32 = 20;

/// What becomes of a device after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It stays in the table.
    Keep,
    /// Nothing more can come of it.
    Forget,
}

/// A device was heard: its belief is already updated. `gap` is the time since it was heard before.
pub fn heard(d: &mut Device, at: Timestamp, gap: Option<Span>, desk: &mut Desk<'_>) {
    if let Some(gap) = gap {
        d.gaps.learn(gap);
    }
    d.emissions = d.emissions.saturating_add(1);
    d.last_heard = at;
    if d.phase == Phase::Gone {
        resume(d, at, desk);
    }
    let Some((zone, _)) = d.belief.best() else {
        d.due = at + patience(d, desk);
        return;
    };
    if desk.site.zone(zone).kind == ZoneKind::Staff {
        d.in_staff_zones = d.in_staff_zones.saturating_add(1);
    }
    if d.phase != Phase::NotAVisitor && is_staff(d, at, desk) {
        exclude(d, desk);
    }
    if d.phase != Phase::NotAVisitor {
        door(d, at, zone, desk);
        let floor_change = floor(d, at, desk);
        arrival(d, at, desk);
        if let Some(change) = floor_change {
            publish_floor_change(d, change, desk);
        }
        stay(d, at, desk);
    }
    d.due = at + patience(d, desk);
}

/// A device has been silent until `d.due`.
pub fn silent(d: &mut Device, desk: &mut Desk<'_>) -> After {
    match d.phase {
        Phase::Heard if left_unannounced(d, desk) => {
            arrive(d, desk);
            leave(d, desk);
            After::Keep
        }
        Phase::Heard => {
            desk.counts.unestablished += 1;
            After::Forget
        }
        Phase::Approached => {
            pass_by(d, desk);
            After::Forget
        }
        Phase::Inside => {
            leave(d, desk);
            After::Keep
        }
        Phase::Gone | Phase::NotAVisitor => After::Forget,
    }
}

/// The device table is full and this device must go.
pub fn evict(d: &mut Device, desk: &mut Desk<'_>) {
    match d.phase {
        Phase::Inside => {
            publish_exit(d, ExitReason::Evicted, None, 1.0, desk);
        }
        Phase::Approached => pass_by(d, desk),
        Phase::Heard | Phase::Gone | Phase::NotAVisitor => {}
    }
}

/// We were deaf for longer than a dwell takes: what the device did meanwhile is no stay we could vouch for.
pub fn lost_sight(d: &mut Device, desk: &mut Desk<'_>) {
    if let Some(stay) = d.stays.end() {
        end_stay(d, stay, desk);
    }
}

/// The device heard as `new` is `d` under another address: `d` goes on where `new` is.
pub fn go_on_as(d: &mut Device, new: &Device, desk: &mut Desk<'_>) {
    d.belief = new.belief;
    d.last_heard = new.last_heard;
    d.emissions = d.emissions.saturating_add(new.emissions);
    d.floors |= new.floors;
    d.purchases = d.purchases.saturating_add(new.purchases);
    d.dwells = d.dwells.saturating_add(new.dwells);
    d.floor = new.floor.or(d.floor);
    d.next_floor = new.next_floor;
    if d.phase == Phase::Gone {
        resume(d, new.first_heard, desk);
    }
    if new.phase == Phase::Inside {
        // Its arrival was no second visitor's.
        desk.flow.not_a_visitor();
        if d.phase != Phase::Inside {
            arrive(d, desk);
        }
    }
    d.due = d.last_heard + patience(d, desk);
}

/// First heard well at a door or in front of one; or, after that, the way from there to the inside.
fn door(d: &mut Device, at: Timestamp, zone: ZoneIx, desk: &mut Desk<'_>) {
    let outside = 1.0 - desk.locator.inside(&d.belief);
    if d.phase == Phase::Approached {
        let from_outside = d.door.is_some_and(|z| desk.site.zone(z).kind == ZoneKind::Perimeter);
        match desk.site.zone(zone).kind {
            ZoneKind::Perimeter => {}
            ZoneKind::Entrance if from_outside => {
                d.door = Some(zone);
                d.came_in_at(at);
            }
            // Missed at the door: the arrival is the first of the emissions inside that establish it.
            _ if from_outside && d.inside_in_a_row == 0 => d.came_in_at(at),
            _ => {}
        }
        return;
    }
    if d.phase != Phase::Heard || outside < AT_DOOR || desk.locator.is_inside(zone) {
        return;
    }
    if d.stays.current().is_some_and(|s| desk.locator.is_inside(s.zone)) {
        return; // it settled inside before: it is leaving, not approaching
    }
    d.door = Some(zone);
    d.phase = Phase::Approached;
    let fact = VisitFact::Approached(Approached { zone: desk.zone_id(zone) });
    desk.publish(d, at, outside, fact);
}

/// Counts inside emissions; publishes the arrival once inside is established.
fn arrival(d: &mut Device, at: Timestamp, desk: &mut Desk<'_>) {
    let inside = desk.locator.inside(&d.belief);
    if inside > INSIDE {
        d.inside_in_a_row = d.inside_in_a_row.saturating_add(1);
    } else if inside < AT_DOOR {
        d.inside_in_a_row = 0;
    }
    let established = match d.phase {
        Phase::Approached => {
            let came_in = d.inside_in_a_row >= INSIDE_IN_A_ROW && at.since(d.first_heard) >= NOT_PASSING;
            // Nobody takes minutes to pass a door; in front of it people wait for a bus.
            let on_the_pavement = d.door.is_some_and(|z| desk.site.zone(z).kind == ZoneKind::Perimeter);
            let dwelt = !on_the_pavement && at.since(d.came_in()) >= desk.config.dwell_threshold;
            came_in || dwelt
        }
        Phase::Heard => d.stays.moves() >= MOVES && at.since(d.first_heard) <= SOON,
        Phase::Inside | Phase::Gone | Phase::NotAVisitor => false,
    };
    if established {
        arrive(d, desk);
    }
}

fn arrive(d: &mut Device, desk: &mut Desk<'_>) {
    let door = d.door.filter(|z| desk.site.zone(*z).kind != ZoneKind::Perimeter);
    let zone = door.or(d.stays.current().map(|s| s.zone)).or(d.belief.best().map(|(z, _)| z));
    let Some(zone) = zone else { return };
    d.phase = Phase::Inside;
    let confidence = if d.door.is_some() { desk.locator.inside(&d.belief) } else { 0.8 };
    let fact = VisitFact::Arrived(Arrived { zone: desk.zone_id(zone), floor: desk.floor_id_of(zone) });
    desk.publish(d, d.came_in(), confidence, fact);
    d.arrived_seq = d.seq;
    let floor = desk.locator.floor_of(zone);
    desk.flow.arrived(zone, floor);
    // Where it had settled by the time the arrival was sure, it entered too.
    if let Some(stay) = d.stays.current().filter(|s| s.zone != zone) {
        desk.flow.entered_zone(stay.zone);
    }
    if let Some(settled) = d.floor.filter(|f| *f != floor) {
        desk.flow.entered_floor(settled);
    }
}

/// A change of floor that has settled: from, to, when, how surely.
#[derive(Clone, Copy)]
struct FloorChange {
    from: FloorIx,
    to: FloorIx,
    since: Timestamp,
    belief: f32,
}

fn floor(d: &mut Device, at: Timestamp, desk: &Desk<'_>) -> Option<FloorChange> {
    let (floor, belief) = desk.locator.floor(&d.belief);
    let Some(settled) = d.floor else {
        if belief > FIRST_FLOOR {
            d.floor = Some(floor);
            d.floors |= Device::floor_bit(floor);
        }
        return None;
    };
    if floor == settled {
        d.next_floor = None;
        return None;
    }
    let (since, times) = match d.next_floor {
        Some((next, since, times)) if next == floor => (since, times.saturating_add(1)),
        _ => (at, 1),
    };
    d.next_floor = Some((floor, since, times));
    if belief < FLOOR_SETTLED || times < 2 {
        return None;
    }
    d.floor = Some(floor);
    d.floors |= Device::floor_bit(floor);
    d.next_floor = None;
    Some(FloorChange { from: settled, to: floor, since, belief })
}

fn publish_floor_change(d: &mut Device, change: FloorChange, desk: &mut Desk<'_>) {
    if d.phase != Phase::Inside {
        return;
    }
    let (from, to) = (desk.site.floor(change.from), desk.site.floor(change.to));
    let fact = VisitFact::FloorChanged(FloorChanged {
        from_floor: from.id.clone(),
        floor: to.id.clone(),
        direction: if to.level > from.level { Direction::Up } else { Direction::Down },
    });
    desk.publish(d, change.since, change.belief, fact);
    desk.flow.entered_floor(change.to);
}

fn stay(d: &mut Device, at: Timestamp, desk: &mut Desk<'_>) {
    let before = d.stays.current().map(|s| s.zone);
    let ended = d.stays.update(at, &d.belief);
    if let Some(stay) = ended {
        end_stay(d, stay, desk);
    }
    if d.phase != Phase::Inside {
        return;
    }
    let confidence = d.stays.current().map_or(0.0, |s| d.belief.of(s.zone));
    let threshold = desk.config.dwell_threshold;
    let Some(stay) = d.stays.current_mut() else { return };
    if before != Some(stay.zone) {
        desk.flow.entered_zone(stay.zone);
    }
    if !stay.published && stay.length() >= threshold {
        stay.published = true;
        let stay = *stay;
        publish_dwell_start(d, &stay, confidence, desk);
    }
}

/// A stay is over: says so if it was a dwell.
fn end_stay(d: &mut Device, stay: Stay, desk: &mut Desk<'_>) {
    if d.phase != Phase::Inside || stay.length() < desk.config.dwell_threshold {
        return;
    }
    if !stay.published {
        publish_dwell_start(d, &stay, ENDED_DWELL, desk);
    }
    d.dwells = d.dwells.saturating_add(1);
    desk.flow.dwelt(stay.zone, stay.length());
    let fact = VisitFact::DwellEnded(dwell(&stay, stay.until, desk));
    desk.publish(d, stay.until, ENDED_DWELL, fact);
}

/// A stay that others followed was held by several emissions above the entry belief.
const ENDED_DWELL: f32 = 0.9;

fn publish_dwell_start(d: &mut Device, stay: &Stay, confidence: f32, desk: &mut Desk<'_>) {
    let passed = stay.since + desk.config.dwell_threshold;
    let fact = VisitFact::DwellStarted(dwell(stay, passed, desk));
    desk.publish(d, passed, confidence, fact);
}

fn dwell(stay: &Stay, until: Timestamp, desk: &Desk<'_>) -> Dwell {
    Dwell {
        zone: desk.zone_id(stay.zone),
        floor: desk.floor_id_of(stay.zone),
        brand: desk.site.zone(stay.zone).brand.clone(),
        started_at: stay.since,
        duration_s: until.since(stay.since).as_secs_f64(),
    }
}

/// How long a silence is waited out before something is decided.
fn patience(d: &Device, desk: &Desk<'_>) -> Span {
    let at_door = 1.0 - desk.locator.inside(&d.belief) > AT_DOOR;
    match d.phase {
        Phase::Inside if at_door => d.gaps.quantile(PROVISIONAL_AT_DOOR),
        // A phone that slept in a pocket was not used to it before: 270 s is the 95th percentile of real gaps.
        Phase::Inside | Phase::Gone => d.gaps.quantile(PROVISIONAL).max(POCKET),
        // Nothing was said yet that would have to be taken back: no hurry.
        Phase::Heard | Phase::Approached => d.gaps.quantile(FINAL),
        Phase::NotAVisitor => REMEMBERED,
    }
}

/// Never heard at a door when it came, but gone now: somebody, and not something, left. That it was not merely a phone
/// that changed its address is known when it was heard at a door last, when its address does not change, or when it
/// kept its address for longer than phones do.
fn left_unannounced(d: &Device, desk: &Desk<'_>) -> bool {
    let outside = 1.0 - desk.locator.inside(&d.belief);
    let presence = d.last_heard.since(d.first_heard);
    let kept_address = d.identity == Identity::Stable || presence >= ADDRESS_LIFE;
    d.belief.best().is_some()
        && presence >= desk.config.dwell_threshold
        && (outside > AT_DOOR || kept_address)
}

fn leave(d: &mut Device, desk: &mut Desk<'_>) {
    let at_door = 1.0 - desk.locator.inside(&d.belief) > AT_DOOR;
    let reason = if at_door { ExitReason::LeftByEntrance } else { ExitReason::Absence };
    let still_here = d.gaps.still_here(desk.now.since(d.last_heard));
    publish_exit(d, reason, None, 1.0 - still_here, desk);
    d.phase = Phase::Gone;
    d.due = (d.last_heard + d.gaps.quantile(FINAL)).max(desk.now + RESUMABLE);
}

fn publish_exit(
    d: &mut Device,
    reason: ExitReason,
    retracts: Option<EventId>,
    confidence: f32,
    desk: &mut Desk<'_>,
) {
    if let Some(stay) = d.stays.end() {
        end_stay(d, stay, desk);
    }
    // On a new map nobody knows where it was last heard; still the visit is over, and people leave by doors.
    let known = d.belief.best().map(|(z, _)| z).or(d.door);
    let (zone, confidence) = match known {
        Some(zone) => (zone, confidence),
        None => (desk.site.any_door(), 0.0),
    };
    if reason != ExitReason::NotAVisitor {
        desk.flow.exited(d.purchases > 0);
    }
    let fact = VisitFact::Exited(Exited {
        zone: desk.zone_id(zone),
        reason,
        duration_s: d.last_heard.since(d.came_in()).as_secs_f64(),
        floors: desk.floor_ids(d.floors),
        stays: u32::from(d.dwells),
        purchases: u32::from(d.purchases),
        retracts: retracts.map(|id| id.to_string()),
    });
    desk.publish(d, d.last_heard, confidence, fact);
    d.exit_seq = d.seq;
}

fn resume(d: &mut Device, at: Timestamp, desk: &mut Desk<'_>) {
    d.phase = Phase::Inside;
    let Some((zone, _)) = d.belief.best() else { return };
    let exit = desk.event_id(d, "exited", d.exit_seq);
    d.exit_seq = 0;
    desk.flow.resumed(d.purchases > 0);
    let fact = VisitFact::Resumed(Resumed { zone: desk.zone_id(zone), retracts: exit.to_string() });
    desk.publish(d, at, 1.0, fact);
}

fn pass_by(d: &mut Device, desk: &mut Desk<'_>) {
    let Some(zone) = d.door else { return };
    desk.flow.passed_by();
    let fact = VisitFact::PassedBy(PassedBy { zone: desk.zone_id(zone), started_at: d.first_heard });
    let confidence = 1.0 - d.gaps.still_here(desk.now.since(d.last_heard));
    desk.publish(d, d.first_heard, confidence, fact);
}

fn is_staff(d: &Device, at: Timestamp, desk: &Desk<'_>) -> bool {
    let all_day = at.since(d.first_heard) >= desk.config.staff_presence;
    let backstage =
        d.emissions >= STAFF_EMISSIONS && d.in_staff_zones as f32 > STAFF_SHARE * d.emissions as f32;
    all_day || backstage
}

/// Staff or equipment: what was said about it is withdrawn, and no more is said.
fn exclude(d: &mut Device, desk: &mut Desk<'_>) {
    let EngineCounts { not_visitors, .. } = desk.counts;
    *not_visitors += 1;
    if d.phase == Phase::Inside {
        let arrival = desk.event_id(d, "arrived", d.arrived_seq);
        desk.flow.not_a_visitor();
        publish_exit(d, ExitReason::NotAVisitor, Some(arrival), 1.0, desk);
    }
    d.phase = Phase::NotAVisitor;
}
