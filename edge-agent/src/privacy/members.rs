//! Tokens of members: what stands for a member number wherever it is kept or said.
//!
//! Token = the first 16 bytes of HMAC-SHA-256 over the member number (UTF-8, blanks at both ends cut off), keyed with
//! the group's member key. That is what every language and every database of a CRM has at hand: it is given the member
//! key (`edge-agent privacy member-key`), computes the token of each of its members once, and knows whom a token
//! means. Without the key a token says nothing; with it, guessed numbers can be tested: it is a secret.

use super::keys::Key;
use ring::hmac;
use visit_core::observation::MemberToken;

/// The token of a member number.
pub(super) fn token(key: &Key, number: &str) -> MemberToken {
    MemberToken(hmac128(&hmac_key(key.as_slice()), number.trim().as_bytes()))
}

/// A key for [`hmac128`].
pub(super) fn hmac_key(secret: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret)
}

/// The first 128 bits of HMAC-SHA-256 (RFC 2104, FIPS 180-4), big-endian.
pub(super) fn hmac128(key: &hmac::Key, message: &[u8]) -> u128 {
    let tag = hmac::sign(key, message);
    tag.as_ref().iter().take(16).fold(0, |n, &b| n << 8 | u128::from(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn the_hash_is_that_of_the_standard() {
        let tag = hmac128(&hmac_key(b"Jefe"), b"what do ya want for nothing?");
        assert_eq!(format!("{tag:032x}"), "5bdcc146bf60754e6a042426089575c7");
    }

    /// The vectors of docs/crm.md: what a CRM computes.
    #[test]
    fn tokens_are_those_of_the_documented_vectors() {
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(0..).for_each(|(b, i)| *b = i);
        let key = Key::new(&bytes);
        for (number, token) in crate::privacy::tests::member_vectors() {
            assert_eq!(super::token(&key, &number).to_string(), token, "{number:?}");
        }
    }
}
