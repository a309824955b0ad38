//! Tables by pseudonym that hash nothing: a pseudonym is the output of a keyed hash already.
//!
//! Whoever sends frames does not know the key of the day, so they cannot choose addresses that fall together. The
//! keys of an offline replay are public; there a forged recording costs whoever plays it some time, as the tables
//! are bounded.

use crate::observation::Pseudonym;
use core::hash::{BuildHasherDefault, Hasher};
use std::collections::HashMap;

/// A map from pseudonyms.
pub(crate) type ByPseudonym<V> = HashMap<Pseudonym, V, BuildHasherDefault<LowBits>>;

/// Takes the low 64 bits of a pseudonym for its hash.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LowBits(u64);

impl Hasher for LowBits {
    fn write_u128(&mut self, n: u128) {
        self.0 = n as u64;
    }

    /// Nothing but pseudonyms is hashed; FNV-1a all the same, so that no key is ever wrong.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::hash::BuildHasher;

    #[test]
    fn a_pseudonym_is_its_own_hash() {
        let hasher = BuildHasherDefault::<LowBits>::default();
        assert_eq!(hasher.hash_one(Pseudonym(7 << 64 | 9)), 9);
    }
}
