//! Consistent overhead byte stuffing: bytes without 00, and back.

/// Bytes that `n` may become.
pub(crate) const fn max_len(n: usize) -> usize {
    n + n / 254 + 1
}

/// Stuffs `from` into `to`; how many bytes that are, or `None` when they do not fit.
pub(crate) fn encode(from: &[u8], to: &mut [u8]) -> Option<usize> {
    let (mut code_at, mut at, mut code) = (0, 1, 1u8);
    for &byte in from {
        if byte != 0 {
            *to.get_mut(at)? = byte;
            (at, code) = (at + 1, code + 1);
        }
        if byte == 0 || code == 0xff {
            *to.get_mut(code_at)? = code;
            (code_at, at, code) = (at, at + 1, 1);
        }
    }
    *to.get_mut(code_at)? = code;
    Some(at)
}

/// Takes the stuffing out, in place; how many bytes are left, or `None` when this is no stuffing.
pub(crate) fn decode(bytes: &mut [u8]) -> Option<usize> {
    let (mut from, mut to) = (0, 0);
    while from < bytes.len() {
        let code = usize::from(bytes[from]);
        let run = from + 1..from + code.max(1);
        if code == 0 || run.end > bytes.len() || bytes[run.clone()].contains(&0) {
            return None;
        }
        from = run.end;
        let len = run.len();
        bytes.copy_within(run, to);
        to += len;
        if code != 0xff && from < bytes.len() {
            bytes[to] = 0;
            to += 1;
        }
    }
    Some(to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    fn stuffed(bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![0; max_len(bytes.len())];
        let n = encode(bytes, &mut out).unwrap();
        out.truncate(n);
        out
    }

    /// From the paper, and the case where a run of 254 bytes ends.
    #[test]
    fn the_examples_of_the_paper() {
        assert_eq!(stuffed(&[]), [1]);
        assert_eq!(stuffed(&[0]), [1, 1]);
        assert_eq!(stuffed(&[0x11, 0x22, 0, 0x33]), [3, 0x11, 0x22, 2, 0x33]);
        assert_eq!(stuffed(&[0x11, 0, 0, 0]), [2, 0x11, 1, 1, 1]);
        let long: Vec<u8> = (1..=254).collect();
        assert_eq!(stuffed(&long)[..2], [0xff, 1]);
    }

    proptest! {
        #[test]
        fn what_is_stuffed_has_no_zero_and_comes_out_again(
            bytes in proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..600)
        ) {
            let mut out = stuffed(&bytes);
            prop_assert!(!out.contains(&0));
            let n = decode(&mut out).unwrap();
            prop_assert_eq!(&out[..n], &bytes[..]);
        }

        #[test]
        fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let n = decode(&mut bytes);
            prop_assert!(n.is_none_or(|n| n <= bytes.len()));
        }

        #[test]
        fn what_does_not_fit_is_not_stuffed(bytes in proptest::collection::vec(any::<u8>(), 1..300)) {
            let needed = stuffed(&bytes).len();
            prop_assert_eq!(encode(&bytes, &mut vec![0; needed - 1]), None);
        }
    }
}
