//! What really happened on the generated day, for scoring what was inferred.

use super::journey::Journey;
use super::people::{Class, Person};
use super::plan::Plan;
use gateway::observation::MacAddr;
use serde_json::{Value, json};
use visit_core::site::ZoneKind;
use visit_core::time::Timestamp;

/// One true fact.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// When it happened; for a dwell, when the stay began.
    pub at: Timestamp,
    /// Number of the person or thing.
    pub visitor: u32,
    /// What happened.
    pub fact: Fact,
}

/// What can happen. Zones and tills by their index in the [`Plan`].
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// From now on one of their devices has this address.
    Address {
        /// The address.
        addr: MacAddr,
    },
    /// They came in by this entrance.
    Arrived {
        /// The entrance.
        zone: usize,
    },
    /// They reached another floor; floors crossed on one ride are one change.
    FloorChanged {
        /// The zone they left by.
        from_zone: usize,
        /// The zone they reached.
        to_zone: usize,
    },
    /// They stayed in a zone for at least three minutes.
    Dwell {
        /// The zone.
        zone: usize,
        /// The end of the stay.
        until: Timestamp,
    },
    /// They bought something, phone in pocket.
    Bag {
        /// The till.
        till: usize,
        /// Receipt number.
        number: String,
        /// Total in minor units.
        amount_minor: i64,
    },
    /// They took something back.
    Refunded {
        /// The till.
        till: usize,
        /// Number of the sale taken back.
        refers_to: String,
    },
    /// Somebody without any device bought something.
    UnmatchedReceipt {
        /// Receipt number.
        number: String,
    },
    /// They left by this entrance.
    Exited {
        /// The entrance.
        zone: usize,
    },
    /// They came close and did not come in. Whether any sensor heard them is not said here.
    PassedBy {
        /// Where.
        zone: usize,
    },
    /// Staff or equipment.
    NotAVisitor {
        /// Where it is at first.
        zone: usize,
    },
}

/// A stay shorter than this is no dwell.
const DWELL_MS: i64 = 180_000;

/// The facts that are settled when a person sets out, in no particular order: times in ms since the start of
/// the day.
pub(super) fn settled(person: &Person, start: Timestamp, plan: &Plan) -> Vec<(i64, Fact)> {
    let journey = &person.journey;
    let begins = journey.legs.first().map_or(0, |l| l.begins);
    let first_zone = journey.legs.first().map_or(0, |l| l.zone);
    if person.devices.is_empty() {
        // Nothing can be inferred about them, so nothing is scored but their receipts.
        return Vec::new();
    }
    let mut facts: Vec<(i64, Fact)> =
        person.devices.iter().map(|d| (begins, Fact::Address { addr: d.phone.addr })).collect();
    match person.class {
        Class::Passer => facts.push((begins, Fact::PassedBy { zone: first_zone })),
        Class::Fixed => facts.push((begins, Fact::NotAVisitor { zone: first_zone })),
        Class::Visitor => visit(journey, start, plan, &mut facts),
    }
    facts
}

fn visit(journey: &Journey, start: Timestamp, plan: &Plan, facts: &mut Vec<(i64, Fact)>) {
    let stays = journey.stays();
    let at_door = |s: &&(i64, i64, usize)| plan.zones[s.2].kind == ZoneKind::Entrance;
    if let (Some(first), Some(last)) = (stays.iter().find(at_door), stays.iter().rev().find(at_door)) {
        facts.push((first.0, Fact::Arrived { zone: first.2 }));
        facts.push((last.1, Fact::Exited { zone: last.2 }));
    }
    for &(begins, ends, zone) in &stays {
        if ends - begins >= DWELL_MS {
            facts.push((begins, Fact::Dwell { zone, until: super::moment(start, ends) }));
        }
    }
    for c in &journey.crossings {
        facts.push((c.at, Fact::FloorChanged { from_zone: c.from_zone, to_zone: c.to_zone }));
    }
}

/// One line of a truth file: JSON with `at`, `visitor`, `event` and what belongs to the event.
///
/// | event | further fields |
/// |---|---|
/// | `address` | `addr` |
/// | `arrived`, `exited`, `passed_by`, `not_a_visitor` | `zone`, `floor` |
/// | `floor_changed` | `from`, `to` (floors) |
/// | `dwell` | `zone`, `floor`, `until`, `seconds` |
/// | `bag_carried` | `zone`, `floor`, `receipt`, `amount_minor` |
/// | `refunded` | `zone`, `floor`, `receipt` (the sale) |
/// | `unmatched_receipt` | `receipt` |
pub fn truth_line(truth: &Truth, plan: &Plan) -> String {
    let id = |zone: usize| plan.zones.get(zone).map(|z| z.id.as_str());
    let floor = |zone: usize| plan.zones.get(zone).map(|z| z.floor.as_str());
    let till_zone = |till: usize| plan.tills.get(till).map_or(usize::MAX, |t| t.zone);
    let place = |event: &str, zone: usize| json!({"event": event, "zone": id(zone), "floor": floor(zone)});
    let mut line = match &truth.fact {
        Fact::Address { addr } => json!({"event": "address", "addr": addr.reveal()}),
        Fact::Arrived { zone } => place("arrived", *zone),
        Fact::Exited { zone } => place("exited", *zone),
        Fact::PassedBy { zone } => place("passed_by", *zone),
        Fact::NotAVisitor { zone } => place("not_a_visitor", *zone),
        Fact::FloorChanged { from_zone, to_zone } => {
            json!({"event": "floor_changed", "from": floor(*from_zone), "to": floor(*to_zone)})
        }
        Fact::Dwell { zone, until } => {
            let mut line = place("dwell", *zone);
            line["until"] = Value::from(until.to_string());
            line["seconds"] = Value::from(until.since(truth.at).as_secs_f64());
            line
        }
        Fact::Bag { till, number, amount_minor } => {
            let mut line = place("bag_carried", till_zone(*till));
            line["receipt"] = Value::from(number.as_str());
            line["amount_minor"] = Value::from(*amount_minor);
            line
        }
        Fact::Refunded { till, refers_to } => {
            let mut line = place("refunded", till_zone(*till));
            line["receipt"] = Value::from(refers_to.as_str());
            line
        }
        Fact::UnmatchedReceipt { number } => json!({"event": "unmatched_receipt", "receipt": number}),
    };
    line["at"] = Value::from(truth.at.to_string());
    line["visitor"] = Value::from(format!("v{:05}", truth.visitor));
    line.to_string()
}
