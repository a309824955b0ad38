//! Emissions: what several sensors heard of one address at one moment.
//!
//! All sightings of one address within [`WINDOW`] of the first are one emission; each sensor counts with its
//! strongest RSSI. A phone's burst of probe requests over several channels is thus one piece of evidence, as it
//! should be: its frames share the place and the bodies in the way.

use super::index::ByPseudonym;
use crate::observation::{Heard, Pseudonym, Sighting};
use crate::site::SensorIx;
use crate::time::{Span, Timestamp};
use core::fmt;
use core::ops::{Deref, DerefMut};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// An emission is open this long.
pub(super) const WINDOW: Span = Span::from_millis(300);

/// Sensors kept for one emission: the strongest ones, which are those that say where it was.
pub(crate) const SENSORS: usize = 12;

/// Emissions still open, oldest first. As many as addresses were heard within 300 ms; who adds must see to a bound.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Emissions {
    open: VecDeque<Open>,
    /// Number of the oldest open emission; they are numbered as they begin.
    first: u64,
    by_address: ByPseudonym<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Open {
    began: Timestamp,
    address: Pseudonym,
    heard: Heard,
    fingerprint: Option<u64>,
    first_seq: Option<u16>,
    last_seq: Option<u16>,
    sensors: Ears,
}

/// An emission nothing more can be added to.
#[derive(Clone, Debug, PartialEq)]
pub struct Closed {
    /// When its first frame was captured.
    pub at: Timestamp,
    /// Address that was heard.
    pub address: Pseudonym,
    /// The most telling kind of frame.
    pub heard: Heard,
    /// Hash of the information elements, where there was one.
    pub fingerprint: Option<u64>,
    /// Sequence number of its first frame.
    pub first_seq: Option<u16>,
    /// Sequence number of its last frame.
    pub last_seq: Option<u16>,
    /// Who heard it and how strongly, strongest first; ties by sensor.
    pub sensors: Ears,
}

/// The sensors that heard one emission, each with its strongest RSSI; kept in place, as emissions come and go fast.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(SensorIx, Option<i8>)>", into = "Vec<(SensorIx, Option<i8>)>")]
pub struct Ears {
    count: u8,
    /// Those after `count` are as [`Self::NONE`] has them.
    all: [(SensorIx, Option<i8>); SENSORS],
}

impl Emissions {
    /// When the oldest open emission closes.
    pub fn next_close(&self) -> Option<Timestamp> {
        self.open.front().map(|e| e.began + WINDOW)
    }

    /// How many emissions are open.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Adds a sighting to the emission of its address, or begins one. Sightings come in time order.
    pub fn add(&mut self, s: &Sighting) {
        let number = self.by_address.get(&s.device).copied();
        let open = number.and_then(|n| self.open.get_mut(usize::try_from(n.checked_sub(self.first)?).ok()?));
        if let Some(open) = open {
            open.add(s);
            return;
        }
        self.by_address.insert(s.device, self.first + self.open.len() as u64);
        let mut sensors = Ears::NONE;
        sensors.add(s.sensor, s.rssi);
        self.open.push_back(Open {
            began: s.at,
            address: s.device,
            heard: s.heard,
            fingerprint: s.fingerprint,
            first_seq: s.seq,
            last_seq: s.seq,
            sensors,
        });
    }

    /// Takes the oldest emission if it closes at or before `now`.
    pub fn close(&mut self, now: Timestamp) -> Option<Closed> {
        if self.next_close()? > now {
            return None;
        }
        let mut open = self.open.pop_front()?;
        self.first += 1;
        self.by_address.remove(&open.address);
        open.sensors.sort_by_key(|(sensor, rssi)| (core::cmp::Reverse(*rssi), *sensor));
        Some(Closed {
            at: open.began,
            address: open.address,
            heard: open.heard,
            fingerprint: open.fingerprint,
            first_seq: open.first_seq,
            last_seq: open.last_seq,
            sensors: open.sensors,
        })
    }
}

impl Open {
    fn add(&mut self, s: &Sighting) {
        self.fingerprint = self.fingerprint.or(s.fingerprint);
        self.first_seq = self.first_seq.or(s.seq);
        self.last_seq = s.seq.or(self.last_seq);
        if s.heard != Heard::Unassociated {
            self.heard = s.heard;
        }
        self.sensors.add(s.sensor, s.rssi);
    }
}

impl Ears {
    const NONE: Self = Self { count: 0, all: [(SensorIx(0), None); SENSORS] };

    fn add(&mut self, sensor: SensorIx, rssi: Option<i8>) {
        if let Some((_, known)) = self.iter_mut().find(|(s, _)| *s == sensor) {
            *known = (*known).max(rssi);
        } else if let Some(free) = self.all.get_mut(usize::from(self.count)) {
            *free = (sensor, rssi);
            self.count += 1;
        } else if let Some(weakest) = self.iter_mut().min_by_key(|(_, rssi)| *rssi)
            && weakest.1 < rssi
        {
            *weakest = (sensor, rssi);
        }
    }
}

impl Deref for Ears {
    type Target = [(SensorIx, Option<i8>)];

    fn deref(&self) -> &Self::Target {
        &self.all[..usize::from(self.count)]
    }
}

impl DerefMut for Ears {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.all[..usize::from(self.count)]
    }
}

impl fmt::Debug for Ears {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Stored as a list. Of a longer one, which we do not write, the first are taken.
impl From<Vec<(SensorIx, Option<i8>)>> for Ears {
    fn from(list: Vec<(SensorIx, Option<i8>)>) -> Self {
        let mut ears = Self::NONE;
        for (free, heard) in ears.all.iter_mut().zip(&list) {
            *free = *heard;
            ears.count += 1;
        }
        ears
    }
}

impl From<Ears> for Vec<(SensorIx, Option<i8>)> {
    fn from(ears: Ears) -> Self {
        ears.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(ms: i64, address: u128, sensor: u16, rssi: i8) -> Sighting {
        Sighting {
            at: Timestamp::from_micros(ms * 1000),
            sensor: SensorIx(sensor),
            device: Pseudonym(address),
            rssi: Some(rssi),
            seq: None,
            fingerprint: None,
            randomised: true,
            heard: Heard::Unassociated,
        }
    }

    #[test]
    fn one_frame_heard_by_three_sensors_is_one_emission_with_the_strongest_first() {
        let mut e = Emissions::default();
        for (ms, sensor, rssi) in [(0, 3, -80), (5, 1, -60), (9, 2, -70), (20, 3, -75)] {
            e.add(&sighting(ms, 7, sensor, rssi));
        }
        assert_eq!(e.close(Timestamp::from_micros(299_999)), None);
        let closed = e.close(Timestamp::from_micros(300_000)).unwrap();
        assert_eq!(
            *closed.sensors,
            [(SensorIx(1), Some(-60)), (SensorIx(2), Some(-70)), (SensorIx(3), Some(-75))]
        );
        assert_eq!(e.next_close(), None);
    }

    #[test]
    fn addresses_do_not_mix_and_close_in_the_order_they_began() {
        let mut e = Emissions::default();
        e.add(&sighting(0, 1, 1, -60));
        e.add(&sighting(10, 2, 1, -61));
        e.add(&sighting(20, 1, 2, -62));
        let far = Timestamp::from_micros(10_000_000);
        assert_eq!(e.close(far).unwrap().sensors.len(), 2);
        e.add(&sighting(400, 1, 5, -50));
        assert_eq!(e.close(far).unwrap().address, Pseudonym(2));
        assert_eq!(*e.close(far).unwrap().sensors, [(SensorIx(5), Some(-50))]);
        assert_eq!(e.close(far), None);
    }
}
