//! What the parties do: one visit each, written from the doors to the doors.

use super::journey::Walker;
use super::people::{CAST, Class, Cue, Device, Person, Purchase, Stage, device, person};
use super::phone::Kind;
use super::plan::Plan;
use super::rng::Rng;
use crate::demo::site::CONSENTED;
use visit_core::site::ZoneKind;

/// One party's visit while it is being written.
#[derive(Clone)]
pub(super) struct Scene<'a> {
    stage: &'a Stage,
    pub(super) walker: Walker<'a>,
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
    pub(super) fn enter_not(stage: &'a Stage, plan: &'a Plan, rng: Rng, now: i64) -> Self {
        let mut own = rng.fork(1);
        let gate = &stage.gates[own.below(stage.gates.len())];
        let walker = Walker::new(plan, own, now, gate.outside.unwrap_or(gate.zone));
        Self { stage, walker, bills: Vec::new(), rng, begins: now }
    }

    /// Through the doors.
    pub(super) fn enter(stage: &'a Stage, plan: &'a Plan, rng: Rng, now: i64) -> Self {
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

    pub(super) fn shopper(mut self, number: u32) -> Person {
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

    pub(super) fn member(mut self, number: u32, turn: usize) -> Person {
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

    pub(super) fn silent(mut self, number: u32) -> Person {
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

    pub(super) fn returner(mut self, number: u32) -> Person {
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

    pub(super) fn pair(mut self, number: u32) -> Vec<Person> {
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
    pub(super) fn twins(mut self, number: u32) -> Vec<Person> {
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

    pub(super) fn shop_and_buy(&mut self, member: Option<String>) {
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

    pub(super) fn device(&self, kind: Kind) -> Device {
        device(kind, &self.rng, 0)
    }

    /// A phone as visitors have them.
    pub(super) fn some_phone(&self) -> Device {
        let mut device = match self.rng.fork(3).below(20) {
            0..7 => return self.device(Kind::Probing),
            7..13 => return self.device(Kind::Associated),
            _ => self.device(Kind::Probing),
        };
        device.phone = device.phone.rotating(self.begins);
        device
    }

    pub(super) fn leave(mut self, number: u32, devices: Vec<Device>) -> Person {
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

    pub(super) fn into_person(self, number: u32, class: Class, devices: Vec<Device>) -> Person {
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

/// Stands and looks, then takes some steps, for about so many seconds.
pub(super) fn browse(w: &mut Walker<'_>, seconds: f64) {
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
