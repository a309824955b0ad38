//! Finding the one event that makes a broker hang up.
//!
//! MQTT 3.1.1 has no reason codes: a broker that dislikes a message (too large, not allowed, a plugin that
//! chokes) closes the connection, and the message would be sent again for ever, with all others behind it.
//! After [`SHORT_LIVES`] short connections in a row that ended with events in flight, those events are sent one
//! at a time. One that alone ends the connection [`STRIKES`] times is convicted. An ordinary broker restart
//! cannot convict: a probe is in flight for one round trip, and must be hit by it five times running.

use std::collections::BTreeMap;
use std::time::Duration;

const SHORT_LIVES: u32 = 3;
const STRIKES: u8 = 5;
const SHORT: Duration = Duration::from_secs(10);

/// How a connection ended, as far as it can be an event's fault.
#[derive(Debug)]
pub(super) struct Death {
    /// The broker closed it, and it had acknowledged the birth message: it talks to us, but not about these.
    pub(super) by_broker: bool,
    /// From CONNACK to the end.
    pub(super) lived: Duration,
    /// Sequences of the events not yet acknowledged.
    pub(super) in_flight: Vec<u64>,
}

/// The events under suspicion, with their strikes.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    short_lives: u32,
    strikes: BTreeMap<u64, u8>,
}

impl Suspects {
    /// The event to send alone, before anything else.
    pub(super) fn probe(&self) -> Option<u64> {
        self.strikes.keys().next().copied()
    }

    /// The broker took it, or it is gone.
    pub(super) fn acquit(&mut self, seq: u64) {
        if self.strikes.remove(&seq).is_some() && self.strikes.is_empty() {
            self.short_lives = 0;
        }
    }

    /// A connection ended; returns the event that is convicted by it.
    pub(super) fn connection_died(&mut self, death: &Death) -> Option<u64> {
        if !death.by_broker || death.lived > SHORT || death.in_flight.is_empty() {
            self.short_lives = 0;
            return None;
        }
        if let ([seq], Some(_)) = (&death.in_flight[..], self.probe())
            && let Some(strikes) = self.strikes.get_mut(seq)
        {
            *strikes += 1;
            if *strikes >= STRIKES {
                self.acquit(*seq);
                return Some(*seq);
            }
            return None;
        }
        self.short_lives += 1;
        if self.short_lives >= SHORT_LIVES {
            for seq in &death.in_flight {
                self.strikes.entry(*seq).or_insert(0);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn death(in_flight: &[u64]) -> Death {
        Death { by_broker: true, lived: Duration::from_millis(50), in_flight: in_flight.to_vec() }
    }

    #[test]
    fn the_event_that_alone_ends_every_connection_is_convicted() {
        let mut suspects = Suspects::default();
        for _ in 0..SHORT_LIVES {
            assert_eq!(suspects.probe(), None);
            assert_eq!(suspects.connection_died(&death(&[7, 8, 9])), None);
        }
        assert_eq!(suspects.probe(), Some(7));
        suspects.acquit(7);
        assert_eq!(suspects.probe(), Some(8));
        for _ in 1..STRIKES {
            assert_eq!(suspects.connection_died(&death(&[8])), None);
        }
        assert_eq!(suspects.connection_died(&death(&[8])), Some(8));
        assert_eq!(suspects.probe(), Some(9));
    }

    #[test]
    fn long_connections_and_our_own_hanging_up_accuse_nobody() {
        let mut suspects = Suspects::default();
        for _ in 0..10 {
            suspects.connection_died(&Death { lived: SHORT * 2, ..death(&[1]) });
            suspects.connection_died(&Death { by_broker: false, ..death(&[1]) });
            suspects.connection_died(&death(&[]));
        }
        assert_eq!(suspects.probe(), None);
    }
}
