//! The story of a visit: what the engine saw of it, believed and decided, with the numbers it compared.
//!
//! Off unless [`crate::engine::EngineConfig::explain`] names the visit; then the engine yields a [`Told`] for each step, in
//! order and just before the events that follow from it. Nothing is decided differently: events are the same with and
//! without.

use crate::event::VisitId;
use crate::observation::{self, Pseudonym, Receipt};
use crate::position::{Moments, Moved, Settled};
use crate::site::{FloorIx, SensorIx, TillIx, ZoneIx};
use crate::time::{Span, Timestamp};
use crate::visit::Device;

/// A step of a story.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// First pseudonym of the device.
    pub device: Pseudonym,
    /// When the engine took it; what it is about may lie before.
    pub now: Timestamp,
    /// The step.
    pub note: Note,
}

/// What was seen, believed or decided. Probabilities and weights lie between 0 and 1 unless said otherwise.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// It was heard.
    Heard(Box<Emission>),
    /// A change of zone is settled: it is sure enough, or nothing more will be heard that could tell.
    Moved {
        /// Where it went.
        to: ZoneIx,
        /// When.
        since: Timestamp,
        /// Weight of the stories that say so.
        sure: f32,
        /// Why it is settled now.
        why: Settled,
        /// What has waited for so long is settled; it goes by how often the device is heard.
        patience: Span,
    },
    /// It came near: heard well at a door or in front of one.
    Approached {
        /// Probability of not being inside, and the least that counts.
        outside: (f32, f32),
    },
    /// It came in.
    Arrived {
        /// What established it.
        why: Arrival,
        /// When it was heard first.
        first_heard: Timestamp,
        /// Probability of being inside by now.
        inside: f32,
    },
    /// The floor changed.
    Climbed {
        /// From where.
        from: FloorIx,
        /// To where.
        to: FloorIx,
        /// When.
        since: Timestamp,
        /// Weight of the stories that said so when it was settled.
        weight: f32,
        /// How long it has been kept by now.
        kept: Span,
        /// Mean silence of the device, seconds.
        gap_s: f32,
        /// Probability of being on that floor now.
        still: f32,
        /// Whether it is said: only of who has arrived.
        said: bool,
    },
    /// A stay is, or was, a dwell; or was none.
    Stayed {
        /// Where.
        zone: ZoneIx,
        /// From when.
        since: Timestamp,
        /// Until when, as far as is known.
        until: Timestamp,
        /// What is compared.
        made_of: Dwelling,
        /// What follows.
        so: DwellStep,
    },
    /// It has been silent for so long that something is decided.
    Silent {
        /// How long.
        silence: Span,
        /// How long was to be waited.
        waited: Span,
        /// Which quantile of its gaps that is: share of gaps that are longer.
        quantile: f32,
        /// Mean silence, seconds.
        gap_s: f32,
        /// Probability that it is still here.
        still_here: f32,
        /// Probability of having been outside, or at a door, when heard last.
        outside: f32,
        /// What follows.
        so: SilenceStep,
    },
    /// It was heard again after its exit had been published.
    Resumed,
    /// It is staff or equipment: no visitor.
    NotAVisitor {
        /// There since.
        presence: Span,
        /// Who is there for so long is none.
        at_most: Span,
        /// Emissions most likely from staff zones, and all of them.
        in_staff_zones: (u16, u16),
    },
    /// It goes on under another address.
    Continued {
        /// The visit that had begun under it.
        visit: VisitId,
        /// When that was heard first.
        since: Timestamp,
    },
    /// It is another visit under another address, and ends here.
    GoesOnAs {
        /// The visit that goes on.
        visit: VisitId,
    },
    /// The device table was full: it was the one to go.
    Evicted,
    /// A receipt that it may have to do with was decided.
    Receipt(Box<ReceiptStory>),
    /// Something it had bought was taken back.
    TakenBack,
}

/// One emission.
#[derive(Clone, Debug, PartialEq)]
pub struct Emission {
    /// When.
    pub at: Timestamp,
    /// It was never heard before.
    pub first: bool,
    /// By whom, and how strongly, dBm; strongest first.
    pub by: Vec<(SensorIx, Option<i8>)>,
    /// What was heard.
    pub kind: observation::Heard,
    /// The zone this emission alone speaks for, and with what probability.
    pub alone: Option<(ZoneIx, f32)>,
    /// Where it is, with all that was heard before: likeliest first.
    pub belief: Vec<(ZoneIx, f32)>,
    /// Probability that it stays rather than walks.
    pub staying: f32,
    /// Probability of being inside.
    pub inside: f32,
    /// How much stronger than others it is heard, dB.
    pub offset_db: f32,
}

/// What established an arrival.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrival {
    /// So many emissions in a row were most likely inside, of so many; and it was there for so long, of so long.
    Inside {
        /// Emissions.
        in_a_row: (u8, u8),
        /// Time since it was heard first.
        presence: (Span, Span),
    },
    /// It was at the door for so long, of so long.
    AtTheDoor(Span, Span),
    /// Never heard at a door, it settled in so many zones after the first, of so many, soon enough: within so long, of so
    /// long.
    MovedOn {
        /// Zones.
        zones: (u8, u8),
        /// Time since it was heard first.
        within: (Span, Span),
    },
    /// Never heard at a door when it came, it left as somebody does, and not something.
    Left,
    /// Under its other address it had arrived.
    OtherAddress,
}

/// What the confidence of a dwell is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dwelling {
    /// How long it has lasted, and how long a dwell lasts at least.
    pub length: (Span, Span),
    /// Share of that time in which it stayed rather than walked about.
    pub stayed: f32,
    /// Mean silence of the device, seconds.
    pub gap_s: f32,
    /// How likely it is a dwell, and how likely it has to be.
    pub sure: (f32, f32),
}

/// What follows from a stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DwellStep {
    /// It is a dwell by now.
    Begins,
    /// The dwell is over.
    Ends,
    /// It is over, and was none.
    WasNone,
    /// It is over, of somebody who has not arrived: nothing is said of those.
    NotArrived,
}

/// What follows from a silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SilenceStep {
    /// It left; which may have to be taken back.
    Exit,
    /// It never came in.
    PassedBy,
    /// It was never established that it was anybody.
    Nobody,
    /// Its exit is final, or it was no visitor: it is forgotten.
    Forgotten,
}

/// How the buyer of a receipt was sought.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceiptStory {
    /// The receipt.
    pub receipt: Receipt,
    /// Zone of its till.
    pub zone: ZoneIx,
    /// Who may have bought, heaviest first.
    pub candidates: Vec<Weighed>,
    /// Weight of nobody we heard, and of a buyer who was heard elsewhere, in the same unit.
    pub nobody: (f32, f32),
    /// Share of buyers that are heard at all, as far as was learnt.
    pub heard: f32,
    /// The likeliest buyer, and how sure that is.
    pub best: Option<(VisitId, f32)>,
    /// How sure it is that nobody we heard bought.
    pub none: f32,
    /// Surer than this makes a `bag_carried`.
    pub least: f32,
    /// Probability that the one whose story this is was in the zone just then.
    pub there: f32,
    /// Sales of the same zone about that time that wait for their own buyers.
    pub waiting: Vec<Waiting>,
    /// Sales of the same zone about that time whose buyers are known: when, who, how surely.
    pub decided: Vec<(Timestamp, VisitId, f32)>,
}

/// Another sale that waits for its buyer.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// Its till.
    pub till: TillIx,
    /// When.
    pub at: Timestamp,
    /// Its number.
    pub number: Option<String>,
    /// How many visits may have bought it.
    pub candidates: u32,
}

/// What speaks for a buyer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weighed {
    /// The visit.
    pub visit: VisitId,
    /// How much likelier what was heard of it is if it bought than if not.
    pub alone: f32,
    /// The same, times the chance that it did not buy what others nearby are about.
    pub weight: f32,
    /// Probability that it was in the zone just then.
    pub there: f32,
    /// When it came into the mall.
    pub came_in: Timestamp,
    /// When it came into the zone.
    pub came_to_zone: Timestamp,
}

impl Note {
    /// Of a change of zone that a device's track settled.
    pub fn moved(d: &Device, moved: &Moved, moments: Option<Moments>) -> Self {
        Self::Moved {
            to: moved.to,
            since: d.moment(moved.since_ms),
            sure: moved.sure,
            why: moments.map_or(Settled::End, |t| moved.why(t)),
            patience: Span::from_millis(moments.map_or(0, |t| t.patience).into()),
        }
    }
}
