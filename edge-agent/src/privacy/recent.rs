//! Pseudonyms of the addresses heard last, and what is known of their owners, so that the frames of one burst, and
//! several sensors that hear it, cost one hash.
//!
//! 256 places, each for the address that came to it last. All of one business day: with the day's key they are wiped,
//! and when the table is dropped.

use zeroize::{Zeroize, ZeroizeOnDrop};

const PLACES: usize = 256;

/// The addresses heard last.
#[derive(ZeroizeOnDrop)]
pub(super) struct Recent {
    day: i32,
    places: Box<[Place; PLACES]>,
}

/// A kind and an address, and their pseudonym. Kinds are not 0, so an empty place is of no address.
#[derive(Clone, Copy, Zeroize)]
struct Place {
    address: [u8; 7],
    #[zeroize(skip)]
    standing: Standing,
    pseudonym: u128,
}

/// What is known of an address before anything is inferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing.
    Unknown,
    /// Its owner does not want to be heard.
    OptedOut,
    /// It was staff or equipment on an earlier day.
    Fixture,
}

impl Default for Recent {
    fn default() -> Self {
        let empty = Place { address: [0; 7], standing: Standing::Unknown, pseudonym: 0 };
        Self { day: i32::MIN, places: Box::new([empty; PLACES]) }
    }
}

impl Recent {
    /// The pseudonym of an address (a byte for its kind first) on `day`, and its standing; computed where they are not
    /// here.
    pub(super) fn get_or(
        &mut self,
        day: i32,
        address: [u8; 7],
        compute: impl FnOnce(&[u8]) -> (u128, Standing),
    ) -> (u128, Standing) {
        if self.day != day {
            self.forget();
            self.day = day;
        }
        let place = &mut self.places[place_of(&address)];
        if place.address != address {
            let (pseudonym, standing) = compute(&address);
            *place = Place { address, standing, pseudonym };
        }
        (place.pseudonym, place.standing)
    }

    /// Wipes everything.
    pub(super) fn forget(&mut self) {
        self.places.zeroize();
    }
}

/// Random addresses differ in all bytes, those of one maker in the last three. Whoever chooses theirs to meet in one
/// place makes us compute, as without the table.
fn place_of(address: &[u8; 7]) -> usize {
    let mix = address.iter().fold(0u32, |n, b| n.wrapping_mul(0x0100_0193) ^ u32::from(*b));
    (mix ^ mix >> 16) as usize % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(recent: &mut Recent, day: i32, address: [u8; 7], pseudonym: u128) -> u128 {
        recent.get_or(day, address, |_| (pseudonym, Standing::Unknown)).0
    }

    const A: [u8; 7] = [1, 2, 0, 0, 0, 0, 1];
    const B: [u8; 7] = [2, 2, 0, 0, 0, 0, 1];

    #[test]
    fn an_address_is_computed_once_a_day_and_kind() {
        let mut recent = Recent::default();
        assert_eq!(get(&mut recent, 1, A, 10), 10);
        assert_eq!(get(&mut recent, 1, A, 11), 10);
        assert_eq!(get(&mut recent, 1, B, 12), 12);
        assert_eq!(get(&mut recent, 2, A, 13), 13, "another day, another key");
        assert_eq!(get(&mut recent, 1, A, 14), 14);
    }

    #[test]
    fn addresses_that_share_a_place_replace_each_other() {
        let same = (0..=u16::MAX)
            .map(|n| [1, 2, 0, 0, 0, (n >> 8) as u8, n as u8])
            .find(|other| *other != A && place_of(other) == place_of(&A))
            .unwrap();
        let mut recent = Recent::default();
        assert_eq!(get(&mut recent, 1, A, 1), 1);
        assert_eq!(get(&mut recent, 1, same, 2), 2);
        assert_eq!(get(&mut recent, 1, A, 3), 3);
    }

    #[test]
    fn nothing_is_left_after_forgetting() {
        let mut recent = Recent::default();
        get(&mut recent, 1, A, u128::MAX);
        recent.forget();
        assert!(recent.places.iter().all(|p| p.address == [0; 7] && p.pseudonym == 0));
        assert_eq!(get(&mut recent, 1, A, 5), 5);
    }
}
