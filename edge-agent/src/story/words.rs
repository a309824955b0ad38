//! Steps of a story in words: what was compared with what.

use super::{Story, clock, lasting};
use visit_core::explain::{Arrival, DwellStep, Dwelling, Emission, Note, SilenceStep};
use visit_core::observation::Heard;
use visit_core::position::Settled;

/// Zones of a belief that are named, and the least probability of one.
const ZONES: usize = 3;
const NAMED: f32 = 0.005;

impl Story<'_> {
    pub(super) fn words(&self, note: &Note) -> String {
        match note {
            Note::Heard(e) => self.heard(e),
            Note::Moved { to, since, sure, why, patience } => {
                let why = match why {
                    Settled::Weight => "nearly all that was heard says so".to_owned(),
                    Settled::Patience => format!("it has waited for {}", lasting(*patience)),
                    Settled::Room => "newer possibilities need the room".to_owned(),
                    Settled::End => "nothing more will be heard that could tell".to_owned(),
                };
                format!("went to {} at {}: probability {sure:.3}; {why}", self.zone(*to), clock(*since))
            }
            Note::Approached { outside: (p, least) } => {
                format!("it is at a door or in front of one: outside {p:.2} (needs {least:.2})")
            }
            Note::Arrived { why, first_heard, inside } => {
                format!(
                    "it is a visitor, first heard {}: {}; inside {inside:.2}",
                    clock(*first_heard),
                    arrival(why)
                )
            }
            Note::Climbed { from, to, since, weight, kept, gap_s, still, said } => {
                let [from, to] = [from, to].map(|f| &self.site.floor(*f).id);
                let unsaid = if *said { "" } else { "; not said, it has not arrived" };
                format!(
                    "from floor {from} to {to} at {}: probability {weight:.3} when settled, kept for {}, {still:.2} by now; \
                     heard every {gap_s:.0} s{unsaid}",
                    clock(*since),
                    lasting(*kept)
                )
            }
            Note::Stayed { zone, since, until, made_of, so } => {
                let zone = self.zone(*zone);
                let [since, until] = [since, until].map(|t| clock(*t));
                format!("stay in {zone} from {since} to {until}, {}: {}", stay(*so), dwelling(made_of))
            }
            Note::Silent { silence, waited, quantile, gap_s, still_here, outside, so } => {
                let silence = lasting(*silence);
                let so = match so {
                    SilenceStep::Exit => "it has left",
                    SilenceStep::PassedBy => "it passed by",
                    SilenceStep::Nobody => "it is forgotten, never established that it was anybody",
                    SilenceStep::Forgotten => {
                        return format!(
                            "silent for {silence}: it is forgotten, what was said of it is final"
                        );
                    }
                };
                format!(
                    "silent for {silence} (needs {}; of its silences a share of {quantile} is longer, their mean is \
                     {gap_s:.0} s): {so}; still here {still_here:.3}, outside when heard last {:.2}",
                    lasting(*waited),
                    outside.max(0.0)
                )
            }
            Note::Resumed => "heard again after its exit was said".to_owned(),
            Note::NotAVisitor { presence, at_most, in_staff_zones: (staff, all) } => format!(
                "no visitor but staff or equipment: there for {} (visitors are for less than {}); in staff zones {staff} of {all} times it was heard",
                lasting(*presence),
                lasting(*at_most)
            ),
            Note::Continued { visit, since } => format!(
                "it goes on under another address, which was visit {visit} since {}: explain that for what was heard until now",
                clock(*since)
            ),
            Note::GoesOnAs { visit } => {
                format!("it is visit {visit} under another address: explain that for what follows")
            }
            Note::Evicted => "the device table is full, and it has been silent longest".to_owned(),
            Note::Receipt(story) => self.receipt(story),
            Note::TakenBack => "something it had bought was taken back".to_owned(),
        }
    }

    fn heard(&self, e: &Emission) -> String {
        let first = if e.first { "for the first time " } else { "" };
        let kind = match e.kind {
            Heard::Unassociated => "",
            Heard::Associated => " (associated)",
            Heard::Advertisement => " (advertisement)",
            Heard::Tag => " (tag)",
            Heard::Fixture => " (staff or equipment of earlier days)",
        };
        let by = e.by.iter().map(|(sensor, rssi)| {
            let rssi = rssi.map_or_else(|| "?".to_owned(), |r| r.to_string());
            format!("{} {rssi}", self.sensor(*sensor))
        });
        let by = by.collect::<Vec<_>>().join(", ");
        let likely = e.belief.iter().filter(|(_, p)| *p >= NAMED).take(ZONES);
        let belief = likely.map(|(z, p)| format!("{} {p:.2}", self.zone(*z))).collect::<Vec<_>>().join(", ");
        let alone = e.alone.map_or_else(String::new, |(z, p)| format!(" (alone: {} {p:.2})", self.zone(z)));
        let offset = match e.offset_db {
            db if db.abs() < 1.0 => String::new(),
            db => format!(", phone {db:+.0} dB"),
        };
        format!(
            "heard {first}by {by} dBm{kind}: {belief}{alone}; inside {:.2}, staying {:.2}{offset}",
            e.inside, e.staying
        )
    }
}

fn arrival(why: &Arrival) -> String {
    match why {
        Arrival::Inside { in_a_row, presence } => format!(
            "inside {} times in a row (needs {}), and there for {} (needs {})",
            in_a_row.0,
            in_a_row.1,
            lasting(presence.0),
            lasting(presence.1)
        ),
        Arrival::AtTheDoor(stayed, least) => {
            format!("at the door for {} (needs {})", lasting(*stayed), lasting(*least))
        }
        Arrival::MovedOn { zones, within } => format!(
            "not heard at a door, but in {} zones after the first (needs {}) within {} (at most {})",
            zones.0,
            zones.1,
            lasting(within.0),
            lasting(within.1)
        ),
        Arrival::Left => "not heard at a door when it came, but it left as somebody does".to_owned(),
        Arrival::OtherAddress => "it had arrived under its other address".to_owned(),
    }
}

fn stay(so: DwellStep) -> &'static str {
    match so {
        DwellStep::Begins => "a dwell by now",
        DwellStep::Ends => "the dwell is over",
        DwellStep::WasNone => "no dwell",
        DwellStep::NotArrived => "not said, it has not arrived",
    }
}

fn dwelling(d: &Dwelling) -> String {
    format!(
        "{} (needs {}); {:.2} of it staying rather than walking, heard every {:.0} s: probability {:.2} (needs {:.2})",
        lasting(d.length.0),
        lasting(d.length.1),
        d.stayed,
        d.gap_s,
        d.sure.0,
        d.sure.1
    )
}
