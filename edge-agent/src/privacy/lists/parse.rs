//! Lines of lists, from a file or from the broker: hostile until read.
//!
//! | list | line | where |
//! |---|---|---|
//! | opt-out | 32 hexadecimal digits: hash of an address | file, topic |
//! | opt-out | `aa:bb:cc:dd:ee:ff`, `aa-bb-…` or `aabbccddeeff`: the address | file |
//! | consent | `token:` and 32 hexadecimal digits, in a topic the digits alone: token of a member | file, topic |
//! | consent | anything else: a member number | file |
//!
//! A line of a consent list may go on with what the member carries, each after a blank: `app=UUID/MAJOR/MINOR`, the iBeacon
//! of their app, and `address=aa:bb:cc:dd:ee:ff`, that of a phone of theirs in the mall's network; or, in a topic always, 32
//! hexadecimal digits in their place: the token of the words `app=…` or `address=…`, in lower case.
//!
//! Blank lines and those that begin with `#` are skipped. A line that is none of these is counted and named by its
//! number, never by its content; the others count all the same.

use super::{Carried, Entries};
use gateway::observation::MacAddr;
use visit_core::event::LinkEvidence;

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
    /// What members carry.
    pub carried: Carried,
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
    let mut found = Vec::new();
    let mut parsed = parse(text, |line| {
        let entry = match (hex(line, 32), origin) {
            (Some(hash), _) => Some(hash),
            (None, Origin::File) => address(line).map(&hash),
            (None, Origin::Topic) => None,
        };
        take(&mut found, entry, MAX_OPT_OUT)
    })?;
    parsed.entries = Entries::from(found);
    Ok(parsed)
}

/// A consent list; `token` makes an entry of a member number.
pub(crate) fn consent(text: &[u8], origin: Origin, token: impl Fn(&str) -> u128) -> Result<Parsed, TooMany> {
    let (mut members, mut carried) = (Vec::new(), Vec::new());
    let mut parsed = parse(text, |line| {
        let (line, words) = carriers(line);
        let member = match (line.strip_prefix("token:"), origin) {
            _ if line.is_empty() => None,
            (Some(digits), _) => hex(digits.trim(), 32),
            (None, Origin::Topic) => hex(line, 32),
            (None, Origin::File) => Some(token(line)),
        };
        let hashes = words.iter().map(|word| carrier(word, origin, &token)).collect::<Option<Vec<_>>>();
        let hashes = member.and(hashes);
        if carried.len() + words.len() > MAX_CARRIED {
            return Err(TooMany(MAX_CARRIED));
        }
        let taken = take(&mut members, member.filter(|_| hashes.is_some()), MAX_CONSENT)?;
        carried.extend(
            member.into_iter().flat_map(|m| hashes.iter().flatten().map(move |(hash, by)| (*hash, m, *by))),
        );
        Ok(taken)
    })?;
    (parsed.entries, parsed.carried) = (Entries::from(members), Carried::from(carried));
    Ok(parsed)
}

/// Cuts off what the member carries.
fn carriers(line: &str) -> (&str, Vec<&str>) {
    let (mut member, mut words) = (line, Vec::new());
    while let Some((before, word)) = member.rsplit_once(char::is_whitespace)
        && is_carrier(word)
    {
        words.push(word);
        member = before.trim_end();
    }
    if is_carrier(member) { ("", words) } else { (member, words) }
}

fn is_carrier(word: &str) -> bool {
    word.starts_with("app=") || word.starts_with("address=")
}

/// The hash of a thing that a member carries.
fn carrier(word: &str, origin: Origin, token: impl Fn(&str) -> u128) -> Option<(u128, LinkEvidence)> {
    let (key, value) = word.split_once('=')?;
    let by = if key == "app" { LinkEvidence::App } else { LinkEvidence::Address };
    let hash = match (hex(value, 32), origin, by) {
        (Some(hash), _, _) => hash,
        (None, Origin::Topic, _) => return None,
        (None, Origin::File, LinkEvidence::App) => token(&app(value)?),
        (None, Origin::File, _) => token(&address_word(address(value)?)),
    };
    Some((hash, by))
}

/// The words for an address, whose token stands for it.
pub(super) fn address_word(address: MacAddr) -> String {
    let [a, b, c, d, e, f] = address.0;
    format!("address={a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

/// The words for an iBeacon, whose token stands for it.
pub(super) fn app_word(uuid: [u8; 16], [major, minor]: [u16; 2]) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let [a, b, c, d, e] = [&uuid[..4], &uuid[4..6], &uuid[6..8], &uuid[8..10], &uuid[10..]].map(hex);
    format!("app={a}-{b}-{c}-{d}-{e}/{major}/{minor}")
}

fn app(text: &str) -> Option<String> {
    let mut parts = text.split('/');
    let uuid = parts.next()?;
    let plain: String = uuid.chars().filter(|c| *c != '-').collect();
    let dashes = uuid.char_indices().all(|(i, c)| (c == '-') == matches!(i, 8 | 13 | 18 | 23));
    let uuid = hex(&plain, 32).filter(|_| dashes)?.to_be_bytes();
    let mut number = || parts.next()?.parse().ok();
    let numbers = [number()?, number()?];
    parts.next().is_none().then(|| app_word(uuid, numbers))
}

fn take(found: &mut Vec<u128>, entry: Option<u128>, most: usize) -> Result<bool, TooMany> {
    if entry.is_some() && found.len() == most {
        return Err(TooMany(most));
    }
    found.extend(entry);
    Ok(entry.is_some())
}

/// Reads a list line by line; `entry` says whether a line is one.
fn parse(text: &[u8], mut entry: impl FnMut(&str) -> Result<bool, TooMany>) -> Result<Parsed, TooMany> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let mut parsed = Parsed::default();
    for (number, line) in (1..).zip(text.split(|b| *b == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let text = std::str::from_utf8(line).ok().filter(|l| l.len() <= MAX_LINE).map(str::trim);
        if !text.map_or(Ok(false), &mut entry)? {
            parsed.bad += 1;
            if parsed.first_bad.len() < NAMED {
                parsed.first_bad.push(number);
            }
        }
    }
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
/// 48 MiB in memory.
const MAX_CARRIED: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use visit_core::observation::MemberToken;

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

    #[test]
    fn what_members_carry_is_known_by_its_token_however_it_is_written() {
        let token = |words: &str| u128::from(crc32c::crc32c(words.as_bytes()));
        let beacon = "F7826DA6-4fa2-4e98-8024-bc5b71e0893e/7/65535";
        let (app, address) =
            (token("app=f7826da6-4fa2-4e98-8024-bc5b71e0893e/7/65535"), token("address=ee:6f:32:0f:5d:92"));
        let text = format!("A 12  app={beacon}\taddress=EE-6f-32-0f-5d-92\nB address={address:032x}\nC\n");
        let list = consent(text.as_bytes(), Origin::File, token).unwrap();
        assert_eq!((list.bad, list.entries.len()), (0, 3));
        let member = |name| Some(MemberToken(token(name)));
        assert_eq!(list.carried.whose(app, LinkEvidence::App), member("A 12"));
        assert_eq!(list.carried.whose(address, LinkEvidence::Address), None, "of two members it is nobody's");
        assert_eq!(list.carried.whose(address, LinkEvidence::App), None);
        for wrong in [
            "D app=f7826da6/7/1",
            "D app=f7826da64fa24e988024bc5b71e0893e/7/1",
            "app=f7826da6-4fa2-4e98-8024-bc5b71e0893e/7/1",
            "D address=ee:6f",
            "D app=f7826da6-4fa2-4e98-8024-bc5b71e0893e/7/65536",
            "D app=f7826da6-4fa2-4e98-8024-bc5b71e0893e/7",
        ] {
            let list = consent(wrong.as_bytes(), Origin::File, token).unwrap();
            assert_eq!((list.bad, list.entries.len()), (1, 0), "{wrong}");
        }
        let hex = format!("{:032x}", 5);
        let clear = format!("{hex} address=ee:6f:32:0f:5d:92\n{hex} app={hex}\n");
        let list = consent(clear.as_bytes(), Origin::Topic, token).unwrap();
        assert_eq!((list.bad, list.entries.len(), list.carried.len()), (1, 1, 1), "no address in a topic");
        assert_eq!(list.carried.whose(5, LinkEvidence::App), Some(MemberToken(5)));
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
