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

mod climb;
pub(crate) mod confidence;
mod device;
mod gap;
mod stay;
mod story;

use climb::Climb;
pub use device::{Device, Phase};
pub use gap::Gaps;
pub use stay::Stay;
use stay::{Turn, Unmoved};

use crate::engine::{Desk, EngineCounts};
use crate::event::{
    Approached, Arrived, Direction, Dwell, EventId, ExitReason, Exited, FloorChanged, Identity, PassedBy,
    Resumed, VisitFact,
};
use crate::explain::{Arrival, DwellStep, Note, SilenceStep};
use crate::position::Moved;
use crate::site::{ZoneIx, ZoneKind};
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
/// A dwell is said that is at least this likely one.
const LIKELY: f32 = 0.5;
/// Share of emissions from staff zones that makes staff, and how many at least.
const STAFF_SHARE: f32 = 0.5;
const STAFF_EMISSIONS: u16 = 20;

/// What becomes of a device after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It stays in the table.
    Keep,
    /// Nothing more can come of it.
    Forget,
}

/// A device was heard: its track is already updated, and settled what `moved` says. `gap` is the time since it was
/// heard before.
pub fn heard(d: &mut Device, at: Timestamp, gap: Option<Span>, moved: &[Moved], desk: &mut Desk<'_>) {
    if let Some(gap) = gap {
        d.gaps.learn(gap);
    }
    d.emissions = d.emissions.saturating_add(1);
    let left_at = d.last_heard();
    d.heard_at(at);
    if d.phase == Phase::Gone {
        resume(d, left_at, at, desk);
    }
    let Some((zone, _)) = d.track.best() else {
        d.decide_at(at + patience(d, desk));
        return;
    };
    if desk.site.zone(zone).kind == ZoneKind::Staff {
        d.in_staff_zones = d.in_staff_zones.saturating_add(1);
    }
    if d.phase != Phase::NotAVisitor && is_staff(d, at, desk) {
        exclude(d, desk);
        desk.not_a_visitor(d);
    }
    if d.phase != Phase::NotAVisitor {
        door(d, at, zone, desk);
        count_inside(d, desk);
        arrival(d, at, desk);
        go(d, moved, desk);
        let here = d.track.settled().filter(|_| d.track.unmoved() > 0.5);
        let unmoved = here.map(|(zone, since)| Unmoved { zone, since, stayed: d.track.stayed() });
        if unmoved.is_some() {
            let climb = d.climbs.heard(d.millis(at));
            climbed(d, climb, desk);
        }
        let turn = d.stays.heard(d.millis(at), unmoved);
        take(d, turn, desk);
        arrival(d, at, desk);
        dwell_start(d, desk);
    }
    d.decide_at(at + patience(d, desk));
}

/// This device was staff or equipment on an earlier day: it is from its first emission on.
pub fn exclude_known(d: &mut Device, desk: &mut Desk<'_>) {
    if d.phase != Phase::NotAVisitor {
        exclude(d, desk);
    }
}

/// A device has been silent until `d.due`.
pub fn silent(d: &mut Device, desk: &mut Desk<'_>) -> After {
    match d.phase {
        Phase::Heard if left_unannounced(d, desk) => {
            story::silent(d, SilenceStep::Exit, desk);
            arrive(d, Arrival::Left, desk);
            leave(d, desk);
            After::Keep
        }
        Phase::Heard => {
            story::silent(d, SilenceStep::Nobody, desk);
            desk.counts.unestablished += 1;
            After::Forget
        }
        Phase::Approached => {
            pass_by(d, desk);
            After::Forget
        }
        Phase::Inside => {
            story::silent(d, SilenceStep::Exit, desk);
            leave(d, desk);
            After::Keep
        }
        Phase::Gone | Phase::NotAVisitor => {
            story::silent(d, SilenceStep::Forgotten, desk);
            After::Forget
        }
    }
}

/// The device table is full and this device must go.
pub fn evict(d: &mut Device, desk: &mut Desk<'_>) {
    desk.tell(d, || Note::Evicted);
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
    finish_stays(d, false, desk);
}

/// The device heard as `new` is `d` under another address: `d` goes on where `new` is.
pub fn go_on_as(d: &mut Device, new: &Device, desk: &mut Desk<'_>) {
    if desk.explains(d) {
        let visit = new.visit(&desk.site.id);
        desk.tell(d, || Note::Continued { visit, since: new.first_heard });
    }
    if desk.explains(new) {
        let visit = d.visit(&desk.site.id);
        desk.tell(new, || Note::GoesOnAs { visit });
    }
    let later = d.millis(new.first_heard);
    d.track = new.track;
    d.track.shift(later);
    let left_at = d.last_heard();
    d.heard_at(new.last_heard());
    d.emissions = d.emissions.saturating_add(new.emissions);
    d.floors |= new.floors;
    d.purchases = d.purchases.saturating_add(new.purchases);
    d.stays.dwells = d.stays.dwells.saturating_add(new.stays.dwells);
    if d.phase == Phase::Gone {
        resume(d, left_at, new.first_heard, desk);
    }
    for stay in new.stays.all() {
        let since_ms = later + stay.since;
        let (sure, stayed) = (stay.sure, stay.stayed);
        go(d, &[Moved { to: stay.zone, since_ms, came_ms: since_ms, sure, floor_sure: sure, stayed }], desk);
    }
    if new.phase == Phase::Inside {
        // Its arrival was no second visitor's.
        desk.flow.not_a_visitor(new.came_in(), new.name);
        if d.phase != Phase::Inside {
            arrive(d, Arrival::OtherAddress, desk);
        }
    }
    d.decide_at(d.last_heard() + patience(d, desk));
}

/// First heard well at a door or in front of one; or, after that, the way from there to the inside.
fn door(d: &mut Device, at: Timestamp, zone: ZoneIx, desk: &mut Desk<'_>) {
    let outside = 1.0 - desk.locator.inside(&d.track);
    if d.phase == Phase::Approached {
        let from_outside = d.door().is_some_and(|z| desk.site.zone(z).kind == ZoneKind::Perimeter);
        match desk.site.zone(zone).kind {
            ZoneKind::Perimeter => {}
            ZoneKind::Entrance if from_outside => {
                d.came_to(zone);
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
    d.came_to(zone);
    d.phase = Phase::Approached;
    desk.tell(d, || Note::Approached { outside: (outside, AT_DOOR) });
    let fact = VisitFact::Approached(Approached { zone: desk.zone_id(zone) });
    desk.publish(d, at, confidence::approach(outside), fact);
}

fn count_inside(d: &mut Device, desk: &Desk<'_>) {
    let inside = desk.locator.inside(&d.track);
    if inside > INSIDE {
        d.inside_in_a_row = d.inside_in_a_row.saturating_add(1);
    } else if inside < AT_DOOR {
        d.inside_in_a_row = 0;
    }
}

/// Publishes the arrival once inside is established.
fn arrival(d: &mut Device, at: Timestamp, desk: &mut Desk<'_>) {
    let presence = at.since(d.first_heard);
    let why = match d.phase {
        Phase::Approached => {
            let in_a_row = (d.inside_in_a_row, INSIDE_IN_A_ROW);
            let came_in = in_a_row.0 >= in_a_row.1 && presence >= NOT_PASSING;
            // Nobody takes minutes to pass a door; in front of it people wait for a bus.
            let on_the_pavement = d.door().is_some_and(|z| desk.site.zone(z).kind == ZoneKind::Perimeter);
            let at_door = (at.since(d.came_in()), desk.config.dwell_threshold);
            let dwelt = !on_the_pavement && at_door.0 >= at_door.1;
            match () {
                () if came_in => Some(Arrival::Inside { in_a_row, presence: (presence, NOT_PASSING) }),
                () => dwelt.then_some(Arrival::AtTheDoor(at_door.0, at_door.1)),
            }
        }
        Phase::Heard => {
            let moved_on = !d.was_here && d.stays.moves() >= MOVES && presence <= SOON;
            let why = Arrival::MovedOn { zones: (d.stays.moves(), MOVES), within: (presence, SOON) };
            moved_on.then_some(why)
        }
        Phase::Inside | Phase::Gone | Phase::NotAVisitor => None,
    };
    if let Some(why) = why {
        arrive(d, why, desk);
    }
}

fn arrive(d: &mut Device, why: Arrival, desk: &mut Desk<'_>) {
    let door = d.door().filter(|z| desk.site.zone(*z).kind != ZoneKind::Perimeter);
    let zone = door.or(d.stays.current().map(|s| s.zone)).or(d.track.best().map(|(z, _)| z));
    let Some(zone) = zone else { return };
    d.phase = Phase::Inside;
    let inside = desk.locator.inside(&d.track);
    let confidence = confidence::arrival(d.door().is_some(), inside);
    desk.tell(d, || Note::Arrived { why, first_heard: d.first_heard, inside });
    let fact = VisitFact::Arrived(Arrived { zone: desk.zone_id(zone), floor: desk.floor_id_of(zone) });
    desk.publish(d, d.came_in(), confidence, fact);
    d.arrived_seq = u8::try_from(d.seq).unwrap_or(u8::MAX);
    let floor = desk.locator.floor_of(zone);
    desk.flow.arrived(d.came_in(), zone, floor);
    // Where it had settled by the time the arrival was sure, it went after it arrived.
    let Some(stay) = d.stays.current().filter(|s| s.zone != zone) else { return };
    desk.flow.entered_zone(d.moment(stay.since), stay.zone);
    if let Some(on) = d.climbs.on().filter(|on| *on != floor) {
        publish_floor_change(d, Climb { from: floor, to: on, since: stay.since, sure: stay.sure }, desk);
    }
}

/// Takes in changes of zone.
fn go(d: &mut Device, moved: &[Moved], desk: &mut Desk<'_>) {
    for m in moved {
        let climb = d.climbs.go(desk.locator.floor_of(m.to), m);
        climbed(d, climb, desk);
        let turn = d.stays.go(m);
        take(d, turn, desk);
    }
}

/// A stay ended, another began: says what follows from it.
fn take(d: &mut Device, turn: Turn, desk: &mut Desk<'_>) {
    if let Some(stay) = turn.ended {
        end_stay(d, stay, turn.published, desk);
    }
    let Some(stay) = d.stays.current().filter(|_| turn.entered) else { return };
    let floor = desk.locator.floor_of(stay.zone);
    d.floors |= Device::floor_bit(floor);
    if d.phase == Phase::Inside {
        desk.flow.entered_zone(d.moment(stay.since), stay.zone);
    }
}

/// Says that the floor changed, if it did.
fn climbed(d: &mut Device, climb: Option<Climb>, desk: &mut Desk<'_>) {
    let Some(climb) = climb else { return };
    if d.phase == Phase::Inside {
        publish_floor_change(d, climb, desk);
    } else {
        story::climbed(d, &climb, desk);
    }
}

fn publish_floor_change(d: &mut Device, climb: Climb, desk: &mut Desk<'_>) {
    let (from, to) = (desk.site.floor(climb.from), desk.site.floor(climb.to));
    let fact = VisitFact::FloorChanged(FloorChanged {
        from_floor: from.id.clone(),
        floor: to.id.clone(),
        direction: if to.level > from.level { Direction::Up } else { Direction::Down },
    });
    let since = d.moment(climb.since);
    let (floor, p) = desk.locator.floor(&d.track);
    let still = if floor == climb.to { p } else { 0.0 };
    let kept = d.last_heard().since(since).as_secs_f32();
    story::climbed(d, &climb, desk);
    desk.publish(d, since, confidence::climb(climb.sure, kept, d.gaps.mean(), still), fact);
    desk.flow.entered_floor(since, climb.to);
}

/// Says that a stay has become a dwell.
fn dwell_start(d: &mut Device, desk: &mut Desk<'_>) {
    if d.phase == Phase::Inside
        && let Some(stay) = d.stays.current().filter(|s| is_dwell(d, s, desk))
        && !d.stays.published
    {
        d.stays.published = true;
        publish_dwell_start(d, &stay, desk);
    }
}

/// Nothing more will be heard that could tell: settles the likeliest story and ends the last stay.
fn finish_stays(d: &mut Device, gone: bool, desk: &mut Desk<'_>) {
    let mut moved = Vec::new();
    if gone {
        desk.locator.settle_gone(&mut d.track, &mut moved);
    } else {
        desk.locator.settle_all(&mut d.track, &mut moved);
    }
    for m in &moved {
        desk.tell(d, || Note::moved(d, m, None));
    }
    go(d, &moved, desk);
    let climb = d.climbs.conclude();
    climbed(d, climb, desk);
    let turn = d.stays.conclude();
    take(d, turn, desk);
    let turn = d.stays.end();
    take(d, turn, desk);
}

/// A stay is over: says so if it was a dwell.
fn end_stay(d: &mut Device, stay: Stay, published: bool, desk: &mut Desk<'_>) {
    if d.phase != Phase::Inside || !(published || is_dwell(d, &stay, desk)) {
        let so = if d.phase == Phase::Inside { DwellStep::WasNone } else { DwellStep::NotArrived };
        story::stayed(d, &stay, so, desk);
        return;
    }
    if !published {
        publish_dwell_start(d, &stay, desk);
    }
    d.stays.dwells = d.stays.dwells.saturating_add(1);
    let until = d.moment(stay.until);
    desk.flow.dwelt(until, d.name, stay.zone, stay.length());
    story::stayed(d, &stay, DwellStep::Ends, desk);
    let fact = VisitFact::DwellEnded(dwell(d, &stay, until, desk));
    desk.publish(d, until, sure(d, &stay, desk), fact);
}

/// Whether a stay is long enough, and likely enough one, to be a dwell.
fn is_dwell(d: &Device, stay: &Stay, desk: &Desk<'_>) -> bool {
    stay.length() >= desk.config.dwell_threshold && sure(d, stay, desk) >= LIKELY
}

fn sure(d: &Device, stay: &Stay, desk: &Desk<'_>) -> f32 {
    let length = stay.length().as_secs_f32() / desk.config.dwell_threshold.as_secs_f32().max(1.0);
    confidence::dwell(length, stay.stayed, d.gaps.mean())
}

fn publish_dwell_start(d: &mut Device, stay: &Stay, desk: &mut Desk<'_>) {
    let passed = d.moment(stay.since) + desk.config.dwell_threshold;
    story::stayed(d, stay, DwellStep::Begins, desk);
    let fact = VisitFact::DwellStarted(dwell(d, stay, passed, desk));
    desk.publish(d, passed, confidence::dwell_start(sure(d, stay, desk)), fact);
}

fn dwell(d: &Device, stay: &Stay, until: Timestamp, desk: &Desk<'_>) -> Dwell {
    let since = d.moment(stay.since);
    Dwell {
        zone: desk.zone_id(stay.zone),
        floor: desk.floor_id_of(stay.zone),
        brand: desk.site.zone(stay.zone).brand.clone(),
        started_at: since,
        duration_s: until.since(since).as_secs_f64(),
    }
}

/// How long a silence is waited out before something is decided.
fn patience(d: &Device, desk: &Desk<'_>) -> Span {
    let waited = d.gaps.quantile(quantile(d, desk));
    match d.phase {
        Phase::Inside if is_at_door(d, desk) => waited,
        // A phone that slept in a pocket was not used to it before: 270 s is the 95th percentile of real gaps.
        Phase::Inside | Phase::Gone => waited.max(POCKET),
        Phase::Heard | Phase::Approached => waited,
        Phase::NotAVisitor => REMEMBERED,
    }
}

/// The share of gaps that are longer than the silence that is waited out.
fn quantile(d: &Device, desk: &Desk<'_>) -> f32 {
    match d.phase {
        Phase::Inside if is_at_door(d, desk) => PROVISIONAL_AT_DOOR,
        Phase::Inside | Phase::Gone => PROVISIONAL,
        // Nothing was said yet that would have to be taken back: no hurry.
        Phase::Heard | Phase::Approached | Phase::NotAVisitor => FINAL,
    }
}

fn is_at_door(d: &Device, desk: &Desk<'_>) -> bool {
    1.0 - desk.locator.inside(&d.track) > AT_DOOR
}

/// Never heard at a door when it came, but gone now: somebody, and not something, left. That it was not merely a phone
/// that changed its address is known when it was heard at a door last, when its address does not change, or when it
/// kept its address for longer than phones do.
fn left_unannounced(d: &Device, desk: &Desk<'_>) -> bool {
    let outside = 1.0 - desk.locator.inside(&d.track);
    let presence = d.last_heard().since(d.first_heard);
    let kept_address = d.identity == Identity::Stable || presence >= ADDRESS_LIFE;
    d.track.best().is_some() && presence >= desk.config.dwell_threshold && (outside > AT_DOOR || kept_address)
}

fn leave(d: &mut Device, desk: &mut Desk<'_>) {
    let reason = if is_at_door(d, desk) { ExitReason::LeftByEntrance } else { ExitReason::Absence };
    let still_here = d.gaps.still_here(desk.now.since(d.last_heard()));
    publish_exit(d, reason, None, 1.0 - still_here, desk);
    d.phase = Phase::Gone;
    d.decide_at((d.last_heard() + d.gaps.quantile(FINAL)).max(desk.now + RESUMABLE));
}

fn publish_exit(
    d: &mut Device,
    reason: ExitReason,
    retracts: Option<EventId>,
    confidence: f32,
    desk: &mut Desk<'_>,
) {
    let gone = !matches!(reason, ExitReason::NotAVisitor | ExitReason::Evicted);
    finish_stays(d, gone, desk);
    // On a new map nobody knows where it was last heard; still the visit is over, and people leave by doors.
    let known = d.track.best().map(|(z, _)| z).or(d.door());
    let (zone, confidence) = match known {
        Some(zone) => (zone, confidence),
        None => (desk.site.any_door(), 0.0),
    };
    if reason != ExitReason::NotAVisitor {
        desk.flow.exited(d.last_heard(), d.name, d.purchases > 0);
    }
    let fact = VisitFact::Exited(Exited {
        zone: desk.zone_id(zone),
        reason,
        duration_s: d.last_heard().since(d.came_in()).as_secs_f64(),
        floors: desk.floor_ids(d.floors),
        stays: u32::from(d.stays.dwells),
        purchases: u32::from(d.purchases),
        retracts: retracts.map(|id| id.to_string()),
    });
    desk.publish(d, d.last_heard(), confidence, fact);
    d.exit_seq = d.seq;
}

/// The exit of `left_at` is taken back.
fn resume(d: &mut Device, left_at: Timestamp, at: Timestamp, desk: &mut Desk<'_>) {
    d.phase = Phase::Inside;
    let Some((zone, _)) = d.track.best() else { return };
    desk.tell(d, || Note::Resumed);
    let exit = desk.event_id(d, "exited", d.exit_seq);
    d.exit_seq = 0;
    desk.flow.resumed(left_at, d.name, d.purchases > 0);
    let fact = VisitFact::Resumed(Resumed { zone: desk.zone_id(zone), retracts: exit.to_string() });
    desk.publish(d, at, 1.0, fact);
}

fn pass_by(d: &mut Device, desk: &mut Desk<'_>) {
    let Some(zone) = d.door() else { return };
    // A phone that speaks every so often is missed by chance while it passes.
    let gap = d.gaps.mean();
    let passing = d.last_heard().since(d.first_heard).as_secs_f32() + gap;
    desk.flow.passed_by(d.first_heard, 1.0 - libm::expf(-passing / gap));
    story::silent(d, SilenceStep::PassedBy, desk);
    let fact = VisitFact::PassedBy(PassedBy { zone: desk.zone_id(zone), started_at: d.first_heard });
    let confidence = 1.0 - d.gaps.still_here(desk.now.since(d.last_heard()));
    desk.publish(d, d.first_heard, confidence, fact);
}

fn is_staff(d: &Device, at: Timestamp, desk: &Desk<'_>) -> bool {
    let all_day = at.since(d.first_heard) >= desk.config.staff_presence;
    let backstage =
        d.emissions >= STAFF_EMISSIONS && f32::from(d.in_staff_zones) > STAFF_SHARE * f32::from(d.emissions);
    all_day || backstage
}

/// Staff or equipment: what was said about it is withdrawn, and no more is said.
fn exclude(d: &mut Device, desk: &mut Desk<'_>) {
    story::not_a_visitor(d, desk);
    let EngineCounts { not_visitors, .. } = desk.counts;
    *not_visitors += 1;
    if d.phase == Phase::Inside {
        let arrival = desk.event_id(d, "arrived", d.arrived_seq.into());
        desk.flow.not_a_visitor(d.came_in(), d.name);
        publish_exit(d, ExitReason::NotAVisitor, Some(arrival), 1.0, desk);
    }
    d.phase = Phase::NotAVisitor;
}
