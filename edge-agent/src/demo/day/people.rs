//! Who comes, what they carry, and what they mean to do.
//!
//! Parties are cast by turns from [`CAST`], so that every situation an engine must cope with happens within
//! any twenty parties, whatever the seed; who goes where, for how long and with what phone is drawn.

use super::journey::{Journey, Walker};
use super::phone::{Kind, Phone};
use super::plan::Plan;
use super::rng::Rng;
use super::{DayOptions, PlanError};
use crate::demo::site::CONSENTED;
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
enum Role {
    Shopper,
    /// Two together; one buys.
    Pair,
    /// Two together with phones of one model; see [`Stage::twins`].
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

const CAST: [Role; 20] = [
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
    gates: Vec<Gate>,
    shops: Vec<Shop>,
    staff_zones: Vec<usize>,
}

struct Gate {
    zone: usize,
    /// The perimeter zone in front of it.
    outside: Option<usize>,
}

struct Shop {
    zone: usize,
    tills: Vec<usize>,
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

fn person(
    number: u32,
    class: Class,
    journey: Journey,
    devices: Vec<Device>,
    purchases: Vec<Purchase>,
) -> Person {
    Person { number, class, journey, devices, purchases, pending: 0 }
}

fn device(kind: Kind, rng: &Rng, nth: u64) -> Device {
    Device { phone: Phone::new(kind, rng.fork(0xd0 + nth)), cues: Vec::new() }
}

/// Stands and looks, then takes some steps, for about so many seconds.
fn browse(w: &mut Walker<'_>, seconds: f64) {
    let ends = w.now + (seconds * 1000.0) as i64;
    while w.now < ends {
        let left = (ends - w.now) as f64 / 1000.0;
        let pause = w.rng.between(60.0, 240.0).min(left);
        w.stay(pause);
        if w.now + 20_000 < ends {
            let steps = w.rng.between(4.0, 12.0);
            w.stroll(steps);
        }
    }
}

/// One party's visit while it is being written.
#[derive(Clone)]
struct Scene<'a> {
    stage: &'a Stage,
    walker: Walker<'a>,
    bills: Vec<Bill>,
    /// Of this person, for devices.
    rng: Rng,
    begins: i64,
}

#[derive(Clone)]
struct Bill {
    at: i64,
    till: usize,
    amount_minor: i64,
    member: Option<String>,
    refund_of: Option<usize>,
}

impl<'a> Scene<'a> {
    /// Before the doors.
    fn enter_not(stage: &'a Stage, plan: &'a Plan, rng: Rng, now: i64) -> Self {
        let mut own = rng.fork(1);
        let gate = &stage.gates[own.below(stage.gates.len())];
        let walker = Walker::new(plan, own, now, gate.outside.unwrap_or(gate.zone));
        Self { stage, walker, bills: Vec::new(), rng, begins: now }
    }

    /// Through the doors.
    fn enter(stage: &'a Stage, plan: &'a Plan, rng: Rng, now: i64) -> Self {
        let mut scene = Self::enter_not(stage, plan, rng, now);
        let w = &mut scene.walker;
        if plan.zones[w.zone].kind == ZoneKind::Perimeter {
            let before = w.rng.between(15.0, 45.0);
            w.stroll(before);
            let gates = stage.gates.iter();
            if let Some(gate) = gates.into_iter().find(|g| g.outside == Some(w.zone)) {
                w.walk_to(gate.zone);
            }
        }
        let at_door = w.rng.between(8.0, 25.0);
        w.stroll(at_door);
        scene
    }

    fn shopper(mut self, number: u32) -> Person {
        let stops = [1, 1, 2, 2, 3, 4][self.walker.rng.below(6)];
        for _ in 0..stops {
            let seconds = match self.walker.rng.below(20) {
                0..6 => self.walker.rng.between(40.0, 120.0),
                6..15 => self.walker.rng.between(240.0, 600.0),
                _ => self.walker.rng.between(600.0, 1800.0),
            };
            let shop = self.go_shopping(seconds);
            if seconds >= 180.0 && self.walker.rng.chance(0.45) {
                self.pay(shop, None);
            }
        }
        let phone = self.some_phone();
        self.leave(number, vec![phone])
    }

    fn member(mut self, number: u32, turn: usize) -> Person {
        // Two members in a turn of the cast: each of the list comes once before any comes again.
        let nth = turn / CAST.len() * 2 + usize::from(turn % CAST.len() > CAST.len() / 4);
        let minor = nth % CONSENTED.len();
        self.shop_and_buy(Some(CONSENTED[minor].to_owned()));
        if self.walker.rng.chance(0.5) {
            self.shop_and_buy(Some(CONSENTED[minor].to_owned()));
        }
        let kind = if nth.is_multiple_of(2) { Kind::Tag { minor: minor as u16 } } else { Kind::Associated };
        let phone = self.device(kind);
        self.leave(number, vec![phone])
    }

    fn silent(mut self, number: u32) -> Person {
        let before = self.walker.rng.between(300.0, 480.0);
        self.go_shopping(before);
        let silence = self.walker.rng.between(720.0, 1200.0);
        self.walker.stay_silent(silence);
        let after = self.walker.rng.between(300.0, 900.0);
        browse(&mut self.walker, after);
        let kind = if self.walker.rng.chance(0.5) { Kind::Probing } else { Kind::Associated };
        let mut device = self.device(kind);
        // Used before it went silent: so that its silence says something.
        device.phone.gap_s = device.phone.gap_s.min(30.0);
        self.leave(number, vec![device])
    }

    fn returner(mut self, number: u32) -> Person {
        let shop = self.go_shopping(420.0);
        let bought = self.bills.len();
        let paid = self.pay(shop, None);
        let home = self.stage.shops[shop].zone;
        self.go_shopping(400.0);
        self.walker.walk_to(home);
        let seconds = self.walker.rng.between(200.0, 320.0);
        browse(&mut self.walker, seconds);
        if paid {
            let sale = self.bills[bought].clone();
            let at = self.walker.now - 30_000;
            self.bills.push(Bill { at, refund_of: Some(bought), ..sale });
        }
        let phone = self.device(Kind::Associated);
        self.leave(number, vec![phone])
    }

    fn pair(mut self, number: u32) -> Vec<Person> {
        self.shop_and_buy(None);
        self.go_shopping(300.0);
        let (first, second) = (self.some_phone(), device(Kind::Probing, &self.rng, 9));
        let mut friend = self.clone();
        friend.bills.clear();
        // They leave together, too.
        vec![self.leave(number, vec![first]), friend.leave(number + 1, vec![second])]
    }

    /// Two people in one shop, with phones of one model whose addresses change within two seconds, and
    /// whose sequence numbers lie so close that either new address could belong to either phone. One of them
    /// goes; then the other's phone is heard under both its addresses by turns, so that it can be told.
    fn twins(mut self, number: u32) -> Vec<Person> {
        self.go_shopping(60.0);
        let change = self.walker.now + (self.walker.rng.between(300.0, 400.0) * 1000.0) as i64;
        let until = (change - self.walker.now) as f64 / 1000.0 + 45.0;
        browse(&mut self.walker, until);
        let (mut stays, mut goes) = (self.clone(), self);
        browse(&mut stays.walker, 780.0);
        goes.walker.rng = goes.walker.rng.fork(2);
        goes.go_shopping(500.0);

        let mut first = stays.device(Kind::Probing);
        let mut second = device(Kind::Probing, &goes.rng, 1);
        first.phone.unheard = 0;
        second.phone = second.phone.twin_of(&first.phone);
        second.phone.unheard = 0;
        for phone in [&mut first.phone, &mut second.phone] {
            (phone.gap_s, phone.offset_db) = (35.0, 2.0);
        }
        first.cues = vec![(change - 9_000, Cue::Scan), (change, Cue::Rotate), (change + 5_000, Cue::Scan)];
        second.cues =
            vec![(change - 7_000, Cue::Scan), (change + 1_500, Cue::Rotate), (change + 7_000, Cue::Scan)];
        first.cues.extend([240_000, 241_500, 420_000, 421_500].map(|after| (change + after, Cue::Alternate)));
        vec![stays.leave(number, vec![first]), goes.leave(number + 1, vec![second])]
    }

    /// Goes to some shop and stays there; the index of the shop.
    fn go_shopping(&mut self, seconds: f64) -> usize {
        let shops = &self.stage.shops;
        let mut shop = self.walker.rng.below(shops.len());
        if shops[shop].zone == self.walker.zone {
            shop = (shop + 1) % shops.len();
        }
        self.walker.walk_to(shops[shop].zone);
        browse(&mut self.walker, seconds);
        shop
    }

    fn shop_and_buy(&mut self, member: Option<String>) {
        let seconds = self.walker.rng.between(260.0, 700.0);
        let mut shop = self.go_shopping(seconds);
        if self.stage.shops[shop].tills.is_empty()
            && let Some(other) = self.stage.shops.iter().position(|s| !s.tills.is_empty())
        {
            shop = other;
            self.walker.walk_to(self.stage.shops[shop].zone);
            browse(&mut self.walker, seconds);
        }
        self.pay(shop, member);
    }

    /// Pays 5 to 45 s before now, which is when it leaves the shop. `false` where there is no till.
    fn pay(&mut self, shop: usize, member: Option<String>) -> bool {
        let tills = &self.stage.shops[shop].tills;
        let rng = &mut self.walker.rng;
        let Some(&till) = tills.get(rng.below(tills.len())) else { return false };
        let at = self.walker.now - (rng.between(5.0, 45.0) * 1000.0) as i64;
        let amount = rng.log_normal(16_800.0, 0.8).clamp(500.0, 2_000_000.0) as i64;
        self.bills.push(Bill { at, till, amount_minor: amount / 10 * 10, member, refund_of: None });
        true
    }

    fn device(&self, kind: Kind) -> Device {
        device(kind, &self.rng, 0)
    }

    /// A phone as visitors have them.
    fn some_phone(&self) -> Device {
        let mut device = match self.rng.fork(3).below(20) {
            0..7 => return self.device(Kind::Probing),
            7..13 => return self.device(Kind::Associated),
            _ => self.device(Kind::Probing),
        };
        device.phone = device.phone.rotating(self.begins);
        device
    }

    fn leave(mut self, number: u32, devices: Vec<Device>) -> Person {
        let w = &mut self.walker;
        let gate = &self.stage.gates[w.rng.below(self.stage.gates.len())];
        w.walk_to(gate.zone);
        let at_door = w.rng.between(6.0, 15.0);
        w.stroll(at_door);
        if let Some(outside) = gate.outside
            && w.walk_to(outside)
        {
            let after = w.rng.between(5.0, 30.0);
            w.stroll(after);
        }
        self.into_person(number, Class::Visitor, devices)
    }

    fn into_person(self, number: u32, class: Class, devices: Vec<Device>) -> Person {
        let purchases = self.bills.into_iter().map(|b| Purchase {
            at: b.at,
            till: b.till,
            amount_minor: b.amount_minor,
            member: b.member,
            refund_of: b.refund_of,
            number: None,
        });
        person(number, class, self.walker.finish(), devices, purchases.collect())
    }
}
