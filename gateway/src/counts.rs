//! What became of everything a source took in: one counter per reason, and the first problems in words.
//!
//! Invariant: whatever a source reads and does not yield adds to exactly one of the counters listed under
//! "dropped"; the counters under "noticed" describe what was yielded (or an input as a whole).

use core::fmt;
use std::path::Path;
use std::sync::Arc;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// Counters of a source. All start at zero and only grow.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)+
        }

        impl Counts {
            /// Every counter with its name, in the order of declaration.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)+].into_iter()
            }

            /// Adds another source's counters to these.
            pub fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)+
            }
        }
    };
}

counters! {
    /// Taken in: radio frames of captures.
    frames,
    /// Taken in: lines of observation logs, blank ones not counted.
    lines,
    /// Taken in: transactions of POSLog documents.
    transactions,
    /// Observations yielded.
    yielded,

    /// Dropped: the frame check sequence is wrong.
    bad_fcs,
    /// Dropped: the frame ends before its transmitter address and sequence number.
    truncated,
    /// Dropped: the radiotap header is no radiotap header.
    malformed_radiotap,
    /// Dropped: a link type other than 802.11.
    unsupported_link,
    /// Dropped: a frame of a protocol version or type this parser does not know.
    unsupported,
    /// Dropped: management frames that say nothing about a visitor (action, deauthentication, …).
    other_management,
    /// Dropped: control frames.
    control,
    /// Dropped: sent by an access point.
    ap_frames,
    /// Dropped: sent from station to station without an access point (IBSS, TDLS).
    ad_hoc,
    /// Dropped: sent between access points (WDS, mesh).
    wds,
    /// Dropped: the transmitter address is a group address.
    group_address,
    /// Dropped: the record has no time of capture.
    no_time,
    /// Dropped: a line of a log, or a receipt of a document, that could not be used.
    bad_lines,
    /// Dropped: transactions that are no receipt (signing on, training mode, suspended, broken off).
    no_receipts,

    /// Noticed: a recorded group address was accepted as an anonymised one.
    group_address_kept,
    /// Noticed: the radio gave no usable signal strength.
    no_rssi,
    /// Noticed: the recorder kept only the first bytes of the frame; it has no fingerprint.
    cut_by_snaplen,
    /// Noticed: bits of a radiotap header that no standard defines; fields after them were not read.
    undefined_radiotap,
    /// Noticed: information elements that run past the end of their frame.
    malformed_elements,
    /// Noticed: BLE advertising structures that run past the end of their advertisement.
    malformed_advertisements,
    /// Noticed: fields of receipts that could not be used; the receipt was.
    doubted_fields,
    /// Noticed: an input ended within a record, or its rest could not be read.
    damaged_inputs,
}

/// Where in an input a problem was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Line number of a log, from 1.
    Line(u64),
    /// Record number of a capture, from 1: the last one that was begun.
    Record(u64),
    /// Transaction number of a POSLog document, from 1.
    Transaction(u64),
}

/// Something wrong with an input, in words. Never contains an address, an SSID or a member number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The input.
    pub input: Arc<Path>,
    /// Where in it.
    pub place: Place,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, n) = match self.place {
            Place::Line(n) => ("line", n),
            Place::Record(n) => ("record", n),
            Place::Transaction(n) => ("transaction", n),
        };
        write!(f, "{}: {unit} {n}: {}", self.input.display(), self.what)
    }
}

/// The first [`Problems::KEPT`] problems; the rest are only counted.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    kept: Vec<Problem>,
    total: u64,
}

impl Problems {
    /// How many are kept in words.
    pub const KEPT: usize = 10;

    /// The problems that were kept, in the order in which they were found.
    pub fn kept(&self) -> &[Problem] {
        &self.kept
    }

    /// How many there were.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Counts a problem; the words are made only when they are kept.
    pub(crate) fn report(&mut self, input: &Arc<Path>, place: Place, what: impl FnOnce() -> String) {
        self.total += 1;
        if self.kept.len() < Self::KEPT {
            self.kept.push(Problem { input: Arc::clone(input), place, what: what() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_have_names_and_add_up() {
        let mut a = Counts { frames: 2, control: 1, ..Counts::default() };
        a.add(&Counts { frames: 3, ..Counts::default() });
        let seen: Vec<_> = a.iter().filter(|(_, n)| *n > 0).collect();
        assert_eq!(seen, [("frames", 5), ("control", 1)]);
    }

    #[test]
    fn only_the_first_problems_are_kept_in_words() {
        let mut problems = Problems::default();
        let input: Arc<Path> = Path::new("a.jsonl").into();
        for n in 1..=25 {
            problems.report(&input, Place::Line(n), || format!("wrong {n}"));
        }
        assert_eq!((problems.kept().len(), problems.total()), (Problems::KEPT, 25));
        assert_eq!(problems.kept()[0].to_string(), "a.jsonl: line 1: wrong 1");
    }
}
