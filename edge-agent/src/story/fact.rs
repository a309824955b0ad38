//! Facts in a few words.

use visit_core::event::{Direction, Dwell, ExitReason, VisitFact};

pub(super) fn words(fact: &VisitFact) -> String {
    match fact {
        VisitFact::Approached(f) => f.zone.clone(),
        VisitFact::PassedBy(f) => f.zone.clone(),
        VisitFact::Arrived(f) => format!("by {}, floor {}", f.zone, f.floor),
        VisitFact::FloorChanged(f) => {
            let way = if f.direction == Direction::Up { "up" } else { "down" };
            format!("{way} from {} to {}", f.from_floor, f.floor)
        }
        VisitFact::DwellStarted(f) | VisitFact::DwellEnded(f) => dwell(f),
        VisitFact::BagCarried(f) => {
            let number = f.receipt.number.as_deref().unwrap_or("without a number");
            format!("receipt {number} of {}, {}; {} candidates", f.store, f.zone, f.candidates)
        }
        VisitFact::Exited(f) => {
            let why = match f.reason {
                ExitReason::Absence => "silent for too long",
                ExitReason::LeftByEntrance => "silent after it was heard at a door",
                ExitReason::NotAVisitor => "no visitor: its arrival is withdrawn",
                ExitReason::Evicted => "the device table was full",
            };
            let floors = f.floors.join(", ");
            format!(
                "from {}, {why}; {:.0} s inside, floors {floors}, dwells {}, receipts {}",
                f.zone, f.duration_s, f.stays, f.purchases
            )
        }
        VisitFact::Resumed(f) => format!("heard in {}, exit {} is retracted", f.zone, f.retracts),
        VisitFact::Merged(f) => format!("{} into {}", f.merged.join(" and "), f.into),
        VisitFact::Linked(_) => "a receipt of this visit names a member who agreed".to_owned(),
    }
}

fn dwell(f: &Dwell) -> String {
    let brand = f.brand.as_ref().map_or_else(String::new, |b| format!(" ({b})"));
    format!("{}{brand}, for {:.0} s", f.zone, f.duration_s)
}
