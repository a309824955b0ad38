//! Lines of lists, from a file or from the broker: hostile until read.
//!
//! | list | line | where |
//! |---|---|---|
//! | opt-out | 32 hexadecimal digits: hash of an address | file, topic |
//! | opt-out | `aa:bb:cc:dd:ee:ff`, `aa-bb-…` or `aabbccddeeff`: the address | file |
//! | consent | `token:` and 32 hexadecimal digits, in a topic the digits alone: token of a member | file, topic |
//! | consent | anything else: a member number | file |
//!
//! Blank lines and those that begin with `#` are skipped. A line that is none of these is counted and named by its
//! number, never by its content; the others count all the same.

use super::Entries;
use gateway::observation::MacAddr;

/// Where a list comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file on the gateway.
    File,
    /// A retained message: others may read it, so that nothing stands there in the clear.
    Topic,
}

/// A list that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parsed {
    /// What is on it.
    pub entries: Entries,
    /// Lines that are no entry.
    pub bad: u64,
    /// The first of them, from 1.
    pub first_bad: Vec<usize>,
}

/// The list has more entries than are taken: it is not used at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("has more than {0} entries; it is not used")]
pub(crate) struct TooMany(pub usize);

/// An opt-out list; `hash` makes an entry of an address.
pub(crate) fn opt_out(
    text: &[u8],
    origin: Origin,
    hash: impl Fn(MacAddr) -> u128,
) -> Result<Parsed, TooMany> {
    parse(text, MAX_OPT_OUT, |line| match (hex(line, 32), origin) {
        (Some(hash), _) => Some(hash),
        (None, Origin::File) => address(line).map(&hash),
        (None, Origin::Topic) => None,
    })
}

/// A consent list; `token` makes an entry of a member number.
pub(crate) fn consent(text: &[u8], origin: Origin, token: impl Fn(&str) -> u128) -> Result<Parsed, TooMany> {
    parse(text, MAX_CONSENT, |line| match (line.strip_prefix("token:"), origin) {
        (Some(digits), _) => hex(digits.trim(), 32),
        (None, Origin::Topic) => hex(line, 32),
        (None, Origin::File) => Some(token(line)),
    })
}

fn parse(text: &[u8], most: usize, entry: impl Fn(&str) -> Option<u128>) -> Result<Parsed, TooMany> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let mut parsed = Parsed::default();
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.split(|b| *b == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let text = std::str::from_utf8(line).ok().filter(|l| l.len() <= MAX_LINE).map(str::trim);
        match text.and_then(&entry) {
            Some(_) if found.len() == most => return Err(TooMany(most)),
            Some(entry) => found.push(entry),
            None => {
                parsed.bad += 1;
                if parsed.first_bad.len() < NAMED {
                    parsed.first_bad.push(number);
                }
            }
        }
    }
    parsed.entries = Entries::from(found);
    Ok(parsed)
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let right = text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
    right.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// An address as people copy it from a phone.
pub(crate) fn address(text: &str) -> Option<MacAddr> {
    let plain: String = match text.len() {
        17 => {
            let separator = text.chars().nth(2).filter(|c| matches!(c, ':' | '-'))?;
            let right = text.char_indices().all(|(i, c)| (i % 3 == 2) == (c == separator));
            right.then(|| text.replace(separator, ""))?
        }
        12 => text.to_owned(),
        _ => return None,
    };
    let number = hex(&plain, 12)?;
    let [.., a, b, c, d, e, f] = number.to_be_bytes();
    Some(MacAddr([a, b, c, d, e, f]))
}

/// Bytes of a line; no address, hash or member number is longer.
const MAX_LINE: usize = 256;
/// Bad lines named in the log.
const NAMED: usize = 5;
/// 4 MiB in memory.
const MAX_OPT_OUT: usize = 1 << 18;
/// 64 MiB in memory: of one mall's members none is missing.
const MAX_CONSENT: usize = 1 << 22;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hash(a: MacAddr) -> u128 {
        a.0.iter().fold(0, |n, b| n << 8 | u128::from(*b))
    }

    #[test]
    fn addresses_are_read_as_people_write_them_and_hashes_as_they_are() {
        let text = "\u{feff}# opt-out\r\nEE:6f:32:0f:5d:92\r\n\nee-6f-32-0f-5d-93\nEE6F320F5D94\n \
                    0000000000000000000000000000abcd \n";
        let list = opt_out(text.as_bytes(), Origin::File, hash).unwrap();
        assert_eq!((list.bad, list.entries.len()), (0, 4));
        for entry in [0xee6f_320f_5d92, 0xee6f_320f_5d93, 0xee6f_320f_5d94, 0xabcd] {
            assert!(list.entries.contains(entry), "{entry:x}");
        }
    }

    #[test]
    fn a_topic_holds_no_address_and_no_member_number() {
        let hashed = "0000000000000000000000000000abcd";
        let text = format!("ee:6f:32:0f:5d:92\n{hashed}\n13800000500\n");
        let list = opt_out(text.as_bytes(), Origin::Topic, hash).unwrap();
        assert_eq!((list.entries.len(), list.bad, list.first_bad), (1, 2, vec![1, 3]));
        let list = consent(text.as_bytes(), Origin::Topic, |_| 7).unwrap();
        assert_eq!((list.entries.len(), list.bad), (1, 2));
        let list =
            consent(format!("13800000500\ntoken:{hashed}\n{hashed}\n").as_bytes(), Origin::File, |_| 7);
        let list = list.unwrap();
        assert!(list.entries.contains(7) && list.entries.contains(0xabcd));
        assert_eq!(
            (list.entries.len(), list.bad),
            (2, 0),
            "32 digits may be a member number: twice the token 7"
        );
    }

    #[test]
    fn what_is_no_entry_is_counted_by_its_line_and_the_rest_counts() {
        let text = b"ee:6f:32:0f:5d:9\nee:6f:32-0f:5d:92\n\xff\xfe\nee:6f:32:0f:5d:92\nxx:6f:32:0f:5d:92\nee6f320f5d9g\n";
        let list = opt_out(text, Origin::File, hash).unwrap();
        assert_eq!((list.entries.len(), list.bad, &list.first_bad[..]), (1, 5, &[1, 2, 3, 5, 6][..]));
        let long = [b"a".repeat(10_000), b"\n".to_vec()].concat();
        assert_eq!(consent(&long, Origin::File, |_| 1).unwrap().bad, 1);
    }

    #[test]
    fn a_list_that_is_too_long_is_refused_whole() {
        let many: String = (0..=MAX_OPT_OUT).map(|n| format!("{n:032x}\n")).collect();
        assert_eq!(opt_out(many.as_bytes(), Origin::Topic, hash), Err(TooMany(MAX_OPT_OUT)));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in proptest::collection::vec(any::<u8>(), 0..400)) {
            for origin in [Origin::File, Origin::Topic] {
                let _ = opt_out(&text, origin, hash);
                let _ = consent(&text, origin, |_| 1);
            }
        }
    }
}
