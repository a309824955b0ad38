//! Says of each address at most one thing in a while: a connected phone sends hundreds of data frames a second, and one every
//! few seconds tells as well that it is there.

/// Addresses that are remembered. Two that share a place take it from each other, and are reported more often.
const PLACES: usize = 64;
/// An address is not reported again before, µs.
const AGAIN_US: u64 = 5_000_000;

/// When each address was last let through.
#[derive(Clone, Debug)]
pub struct Seldom {
    places: [Option<([u8; 6], u64)>; PLACES],
}

impl Default for Seldom {
    fn default() -> Self {
        Self::new()
    }
}

impl Seldom {
    /// Nobody was let through yet.
    pub const fn new() -> Self {
        Self { places: [None; PLACES] }
    }

    /// Whether this address is to be reported at `now_us`.
    pub fn lets(&mut self, address: [u8; 6], now_us: u64) -> bool {
        let mix = address.iter().fold(0u32, |n, b| n.wrapping_mul(0x0100_0193) ^ u32::from(*b));
        let place = &mut self.places[(mix ^ mix >> 16) as usize % PLACES];
        match place {
            Some((known, at)) if *known == address && now_us.saturating_sub(*at) < AGAIN_US => false,
            _ => {
                *place = Some((address, now_us));
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_let_through_once_in_five_seconds() {
        let mut seldom = Seldom::new();
        let (a, b) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let let_through = (0..20_000u64).filter(|ms| seldom.lets(a, ms * 1_000)).count();
        assert_eq!(let_through, 4);
        assert!(seldom.lets(b, 20_000_000) && !seldom.lets(b, 20_000_001));
    }

    #[test]
    fn a_crowd_of_addresses_is_reported_and_never_silenced() {
        let mut seldom = Seldom::new();
        for n in 0..10_000u32 {
            let [a, b, c, d] = n.to_be_bytes();
            assert!(seldom.lets([2, 1, a, b, c, d], u64::from(n)), "it is new");
        }
    }
}
