//! Families: devices with the same information elements, and which of them a new address may continue.
//!
//! A new address continues an old one when the fingerprint is the same and the sequence number goes on where the
//! old one stopped (older radios; new ones redraw it, and are then counted, not followed).

use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};

/// Members remembered for one fingerprint, newest last.
const MEMBERS: usize = 16;
/// Fingerprints remembered; the oldest is forgotten.
const FAMILIES: usize = 4096;
/// Sequence numbers a phone may have used between two addresses.
const MAX_SEQUENCE_STEP: u16 = 64;
/// Silence between two addresses of one phone.
const MAX_SILENCE: Span = Span::from_secs(180);

/// How a device last sounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voice {
    /// Slot of the device in the device table.
    pub slot: u32,
    /// Generation of that slot.
    pub generation: u32,
    /// Its last sequence number.
    pub seq: u16,
    /// When.
    pub at: Timestamp,
}

/// Who last sounded how, by fingerprint. Bounded: 4096 fingerprints with 16 devices each.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Families {
    members: HashMap<u64, VecDeque<Voice>>,
    /// Fingerprints in the order they were first heard.
    order: VecDeque<u64>,
}

impl Families {
    /// Remembers how a device sounded.
    pub fn remember(&mut self, fingerprint: u64, voice: Voice) {
        if !self.members.contains_key(&fingerprint) {
            if self.order.len() == FAMILIES
                && let Some(oldest) = self.order.pop_front()
            {
                self.members.remove(&oldest);
            }
            self.order.push_back(fingerprint);
        }
        let members = self.members.entry(fingerprint).or_default();
        members.retain(|v| v.slot != voice.slot);
        if members.len() == MEMBERS {
            members.pop_front();
        }
        members.push_back(voice);
    }

    /// Devices a new address with this fingerprint may continue, longest silent first.
    pub fn candidates(&self, fingerprint: u64, seq: u16, at: Timestamp) -> impl Iterator<Item = Voice> + '_ {
        self.members.get(&fingerprint).into_iter().flatten().copied().filter(move |v| {
            let step = seq.wrapping_sub(v.seq) % 4096;
            (1..=MAX_SEQUENCE_STEP).contains(&step) && at.since(v.at) <= MAX_SILENCE
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(slot: u32, seq: u16, s: i64) -> Voice {
        Voice { slot, generation: 0, seq, at: Timestamp::from_micros(s * 1_000_000) }
    }

    #[test]
    fn a_sequence_that_goes_on_is_a_candidate_even_over_the_wrap() {
        let mut f = Families::default();
        f.remember(9, voice(1, 4090, 0));
        f.remember(9, voice(2, 2000, 0));
        let at = Timestamp::from_micros(30_000_000);
        assert_eq!(f.candidates(9, 5, at).map(|v| v.slot).collect::<Vec<_>>(), [1]);
        assert_eq!(
            f.candidates(9, 4090, at).count(),
            0,
            "the same number is a retransmission, not a new address"
        );
        assert_eq!(f.candidates(8, 5, at).count(), 0);
        assert_eq!(f.candidates(9, 5, Timestamp::from_micros(181_000_000)).count(), 0);
    }

    #[test]
    fn families_stay_bounded() {
        let mut f = Families::default();
        for i in 0..10_000u32 {
            f.remember(u64::from(i), voice(i, 0, 0));
            f.remember(1, voice(i, 0, 0));
        }
        assert!(f.members.len() <= FAMILIES);
        assert!(f.members.values().all(|m| m.len() <= MEMBERS));
    }
}
