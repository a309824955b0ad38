//! Who comes, what they carry, and what they mean to do.
//!
//! Parties are cast by turns from [`CAST`], so that every situation an engine must cope with happens within
//! any twenty parties, whatever the seed; who goes where, for how long and with what phone is drawn.

use super::journey::{Journey, Walker};
use super::phone::{Kind, Phone};
use super::plan::Plan;
use super::rng::Rng;
use super::scene::{Scene, browse};
use super::{DayOptions, PlanError};
use visit_core::site::ZoneKind;

/// What a person is to the mall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Visitor,
    Passer,
    /// Staff and equipment.
    Fixed,
}

/// Somebody, or something, that is here for a while.
pub(super) struct Person {
    pub(super) number: u32,
    pub(super) class: Class,
    pub(super) journey: Journey,
    pub(super) devices: Vec<Device>,
    pub(super) purchases: Vec<Purchase>,
    /// Tasks in the queue that name this person.
    pub(super) pending: u32,
}

pub(super) struct Device {
    pub(super) phone: Phone,
    /// Ordered acts, ms since the start of the day.
    pub(super) cues: Vec<(i64, Cue)>,
}

/// What a device does at a set moment.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cue {
    /// Scans now, whatever its gap.
    Scan,
    /// Changes its address, and from now on sends much that nobody hears.
    Rotate,
    /// Sends one scan under its present and its former address by turns.
    Alternate,
}

pub(super) struct Purchase {
    pub(super) at: i64,
    pub(super) till: usize,
    pub(super) amount_minor: i64,
    pub(super) member: Option<String>,
    /// This is a refund of that purchase of the same person.
    pub(super) refund_of: Option<usize>,
    /// Given by the till when it happens.
    pub(super) number: Option<String>,
}

#[derive(Clone, Copy)]
pub(super) enum Role {
    Shopper,
    /// Two together; one buys.
    Pair,
    /// Two together with phones of one model; see [`Scene::twins`].
    Twins,
    /// Their phone is silent for 12 to 20 minutes in the middle of a long stay.
    Silent,
    /// Brings back what they bought.
    Returner,
    /// Member who agreed to be linked, and buys.
    Member,
    /// Member who did not agree.
    PrivateMember,
    /// Buys, and carries no device.
    Phoneless,
    /// Also carries something that advertises over BLE.
    Headset,
    /// Crosses the mall without stopping.
    Shortcut,
}

pub(super) const CAST: [Role; 20] = [
    Role::Shopper,
    Role::Member,
    Role::Silent,
    Role::Twins,
    Role::Shopper,
    Role::Returner,
    Role::Shopper,
    Role::Pair,
    Role::Phoneless,
    Role::Shopper,
    Role::Member,
    Role::Shortcut,
    Role::Shopper,
    Role::Silent,
    Role::Headset,
    Role::Pair,
    Role::PrivateMember,
    Role::Shopper,
    Role::Phoneless,
    Role::Shopper,
];

/// Mean number of people in a party of [`CAST`].
pub(super) const PARTY_SIZE: f64 = 1.15;

/// The places that people go to.
pub(super) struct Stage {
    pub(super) gates: Vec<Gate>,
    pub(super) shops: Vec<Shop>,
    staff_zones: Vec<usize>,
}

pub(super) struct Gate {
    pub(super) zone: usize,
    /// The perimeter zone in front of it.
    pub(super) outside: Option<usize>,
}

pub(super) struct Shop {
    pub(super) zone: usize,
    pub(super) tills: Vec<usize>,
}

impl Stage {
    pub(super) fn new(plan: &Plan) -> Result<Self, PlanError> {
        let outside = |gate: usize| {
            let near = plan.zones[gate].neighbours.iter().copied();
            near.into_iter().find(|&z| plan.zones[z].kind == ZoneKind::Perimeter)
        };
        let gates: Vec<Gate> =
            plan.zones_of(ZoneKind::Entrance).map(|zone| Gate { zone, outside: outside(zone) }).collect();
        let door = gates.first().ok_or(PlanError::NoEntrance)?.zone;
        let tills_in = |zone| (0..plan.tills.len()).filter(|&t| plan.tills[t].zone == zone).collect();
        let shops: Vec<Shop> = plan
            .zones_of(ZoneKind::Shop)
            .filter(|&zone| plan.route(door, zone).is_some())
            .map(|zone| Shop { zone, tills: tills_in(zone) })
            .collect();
        if shops.iter().all(|s| s.tills.is_empty()) {
            return Err(PlanError::NoShop);
        }
        Ok(Self { gates, shops, staff_zones: plan.zones_of(ZoneKind::Staff).collect() })
    }

    /// The `turn`-th party, which comes at `now`. People are numbered from `number` on.
    pub(super) fn party(&self, plan: &Plan, turn: usize, number: u32, rng: &Rng, now: i64) -> Vec<Person> {
        let role = CAST[turn % CAST.len()];
        let mut scene = Scene::enter(self, plan, rng.fork(u64::from(number)), now);
        match role {
            Role::Shopper => vec![scene.shopper(number)],
            Role::Headset => {
                let mut person = scene.shopper(number);
                person.devices.push(device(Kind::Advertising, &rng.fork(u64::from(number)), 1));
                vec![person]
            }
            Role::Phoneless => {
                scene.shop_and_buy(None);
                vec![scene.leave(number, Vec::new())]
            }
            Role::Shortcut => {
                let phone = scene.some_phone();
                vec![scene.leave(number, vec![phone])]
            }
            Role::Member => vec![scene.member(number, turn)],
            Role::PrivateMember => {
                scene.shop_and_buy(Some(format!("M2{number:05}")));
                let phone = scene.device(Kind::Associated);
                vec![scene.leave(number, vec![phone])]
            }
            Role::Silent => vec![scene.silent(number)],
            Role::Returner => vec![scene.returner(number)],
            Role::Pair => scene.pair(number),
            Role::Twins => scene.twins(number),
        }
    }

    /// Somebody who passes by.
    pub(super) fn passer(&self, plan: &Plan, number: u32, rng: &Rng, now: i64) -> Person {
        let mut scene = Scene::enter_not(self, plan, rng.fork(u64::from(number)), now);
        let w = &mut scene.walker;
        let seconds = w.rng.between(12.0, 45.0);
        if plan.zones[w.zone].kind == ZoneKind::Entrance {
            w.stay(seconds);
        } else {
            w.stroll(seconds);
            let seconds = w.rng.between(8.0, 30.0);
            w.stroll(seconds);
        }
        let phone = scene.some_phone();
        scene.into_person(number, Class::Passer, vec![phone])
    }

    /// Staff and equipment: there before the doors open, and until the end of the day.
    pub(super) fn fixed(&self, plan: &Plan, mut number: u32, rng: &Rng, options: &DayOptions) -> Vec<Person> {
        let ends = options.length.as_micros() / 1000;
        let mut people = Vec::new();
        let places = self.shops.iter().map(|s| s.zone).chain(self.staff_zones.iter().copied());
        for (i, zone) in places.enumerate() {
            let own = rng.fork(u64::from(number));
            let kind = if i % 3 == 0 { Kind::Probing } else { Kind::Associated };
            people.push(self.staff(plan, number, &own, zone, kind, ends));
            number += 1;
            if i % 2 == 0 {
                let own = rng.fork(u64::from(number));
                let kind = if i % 4 == 0 { Kind::Advertising } else { Kind::Associated };
                people.push(equipment(plan, number, &own, zone, kind, ends));
                number += 1;
            }
        }
        people
    }

    fn staff(&self, plan: &Plan, number: u32, rng: &Rng, zone: usize, kind: Kind, ends: i64) -> Person {
        let mut own = rng.clone();
        let comes = (own.between(0.0, 900.0) * 1000.0) as i64;
        let mut w = Walker::new(plan, own, comes, zone);
        while w.now < ends {
            let shift = w.rng.between(5400.0, 9000.0);
            browse(&mut w, shift);
            let Some(&room) = self.staff_zones.get(w.rng.below(self.staff_zones.len())) else { continue };
            if room != zone && w.walk_to(room) {
                let rest = w.rng.between(600.0, 1200.0);
                w.stay(rest);
                w.walk_to(zone);
            }
        }
        person(number, Class::Fixed, w.finish(), vec![device(kind, rng, 0)], Vec::new())
    }
}

fn equipment(plan: &Plan, number: u32, rng: &Rng, zone: usize, kind: Kind, ends: i64) -> Person {
    let mut w = Walker::new(plan, rng.clone(), 0, zone);
    w.stay(ends as f64 / 1000.0);
    person(number, Class::Fixed, w.finish(), vec![device(kind, rng, 0)], Vec::new())
}

pub(super) fn person(
    number: u32,
    class: Class,
    journey: Journey,
    devices: Vec<Device>,
    purchases: Vec<Purchase>,
) -> Person {
    Person { number, class, journey, devices, purchases, pending: 0 }
}

pub(super) fn device(kind: Kind, rng: &Rng, nth: u64) -> Device {
    Device { phone: Phone::new(kind, rng.fork(0xd0 + nth)), cues: Vec::new() }
}
