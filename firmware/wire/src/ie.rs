//! Information elements and the fingerprint made from them (IEEE 802.11-2020 §9.4.2).
//!
//! ```text
//! +----+--------+----------------+      id 255: the first byte of the body is the extension id
//! | id | length | body           | …
//! +----+--------+----------------+
//! ```
//!
//! Privacy invariants: the networks a phone asks for (SSID, SSID list, short SSID list, known BSSID) are not
//! yielded by [`Elements`] at all, nor do they enter the fingerprint. The bodies of the WPS and P2P elements
//! do not enter it either: they carry UUIDs, device names and addresses, and a fingerprint is to say which
//! *model* of phone this is, not which phone.
//!
//! What changes with the channel or the moment and not with the phone is left out: DS parameter set, the first
//! byte of supported operating classes (the current class), and of FILS request parameters all behind their
//! bitmap (the time the phone is going to stay on this channel: one phone showed 60 values in a day).
//!
//! One phone may show several sets of elements: another state of its software, another band. What its radio can do stays
//! the same, so a fingerprint says that apart:
//!
//! ```text
//! 63        48 47                                       0
//! ┌───────────┬──────────────────────────────────────────┐
//! │ radio     │ elements                                 │
//! └───────────┴──────────────────────────────────────────┘
//! ```
//!
//! `radio` is a hash of the HT capabilities (§9.4.2.54) without what software switches (SM power save, 40 MHz
//! intolerant), 0 where there are none.
//!
//! The fingerprint is stored and compared across machines and versions: its function is frozen by a test.

/// Bytes of elements that are looked at; no frame of a phone is longer (802.11-2020 §9.3.3.1: 2,304).
pub const MAX_LEN: usize = 2304;

mod id {
    pub(super) const SSID: u8 = 0;
    pub(super) const DS_PARAMETER_SET: u8 = 3;
    pub(super) const SUPPORTED_OPERATING_CLASSES: u8 = 59;
    pub(super) const HT_CAPABILITIES: u8 = 45;
    pub(super) const SSID_LIST: u8 = 84;
    pub(super) const VENDOR: u8 = 221;
    pub(super) const EXTENSION: u8 = 255;
    pub(super) const EXT_FILS_REQUEST_PARAMETERS: u8 = 2;
    pub(super) const EXT_KNOWN_BSSID: u8 = 57;
    pub(super) const EXT_SHORT_SSID_LIST: u8 = 58;
}

/// OUI and type of Wi-Fi Protected Setup.
const WPS: [u8; 4] = [0x00, 0x50, 0xf2, 0x04];
/// OUI and type of Wi-Fi Direct.
const P2P: [u8; 4] = [0x50, 0x6f, 0x9a, 0x09];

/// One element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Element id.
    pub id: u8,
    /// Element id extension, of elements with id 255.
    pub extension: Option<u8>,
    /// What follows length and extension id.
    pub body: &'a [u8],
}

impl Element<'_> {
    /// Appends the element; a body longer than its length field can say is cut. For tests and generators.
    #[cfg(any(test, feature = "alloc"))]
    pub fn emit(&self, out: &mut alloc::vec::Vec<u8>) {
        let room = 255 - usize::from(self.extension.is_some());
        let body = &self.body[..self.body.len().min(room)];
        out.extend_from_slice(&[self.id, (body.len() + 255 - room) as u8]);
        out.extend(self.extension);
        out.extend_from_slice(body);
    }
}

/// The elements of a frame in order, without those that name networks. Ends at a malformed tail.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: &'a [u8],
    malformed: bool,
}

impl<'a> Elements<'a> {
    /// Elements of these bytes, of which at most [`MAX_LEN`] are looked at.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: &bytes[..bytes.len().min(MAX_LEN)], malformed: bytes.len() > MAX_LEN }
    }

    /// The bytes are more than can be elements, or (known at the end) the last element runs past them.
    pub fn malformed(&self) -> bool {
        self.malformed
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        loop {
            let (&[id, len], rest) = match self.rest.split_first_chunk::<2>() {
                Some(split) => split,
                None => {
                    self.malformed |= !self.rest.is_empty();
                    self.rest = &[];
                    return None;
                }
            };
            let Some((body, rest)) = rest.split_at_checked(usize::from(len)) else {
                self.malformed = true;
                self.rest = &[];
                return None;
            };
            self.rest = rest;
            let element = match (id, body.split_first()) {
                (id::SSID | id::SSID_LIST, _) => continue,
                (id::EXTENSION, Some((&(id::EXT_KNOWN_BSSID | id::EXT_SHORT_SSID_LIST), _))) => continue,
                (id::EXTENSION, Some((&extension, body))) => Element { id, extension: Some(extension), body },
                (id::EXTENSION, None) => {
                    // An extension without extension id.
                    self.malformed = true;
                    continue;
                }
                _ => Element { id, extension: None, body },
            };
            return Some(element);
        }
    }
}

/// What the elements of a frame say about the model of the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Hash of the ordered elements; `None` when there were none to hash.
    pub hash: Option<u64>,
    /// There was a malformed tail, which is not part of the hash.
    pub malformed: bool,
}

/// The fingerprint of a probe request's elements.
pub fn fingerprint(bytes: &[u8]) -> Fingerprint {
    let mut elements = Elements::new(bytes);
    let mut hash = StableHash::new();
    let mut any = false;
    let mut radio = 0;
    for element in &mut elements {
        if element.id == id::HT_CAPABILITIES {
            radio = radio_of(element.body);
        }
        let body = match element.id {
            id::DS_PARAMETER_SET => continue,
            id::EXTENSION if element.extension == Some(id::EXT_FILS_REQUEST_PARAMETERS) => {
                &element.body[..element.body.len().min(1)]
            }
            id::SUPPORTED_OPERATING_CLASSES => element.body.get(1..).unwrap_or_default(),
            id::VENDOR if element.body.starts_with(&WPS) || element.body.starts_with(&P2P) => {
                &element.body[..4]
            }
            _ => element.body,
        };
        any = true;
        let extension = element.extension.map_or(0, |e| u64::from(e) + 1);
        hash.word(u64::from(element.id) | (body.len() as u64) << 8 | extension << 16);
        hash.bytes(body);
    }
    let hash = any.then(|| join(radio, hash.finish()));
    Fingerprint { hash, malformed: elements.malformed() }
}

/// The same elements in a frame of another length: some of its elements are not known.
pub fn of_length(fingerprint: u64, length: u16) -> u64 {
    let mut hash = StableHash(fingerprint);
    hash.word(u64::from(length));
    join((fingerprint >> ELEMENT_BITS) as u16, hash.finish())
}

const ELEMENT_BITS: u32 = 48;

fn join(radio: u16, elements: u64) -> u64 {
    u64::from(radio) << ELEMENT_BITS | elements & ((1 << ELEMENT_BITS) - 1)
}

/// What the radio can do: HT capability information, A-MPDU parameters and the set of MCS. Never 0.
fn radio_of(ht: &[u8]) -> u16 {
    // In the capability information, SM power save (bits 2, 3) and 40 MHz intolerant (bit 14) are switched by software.
    const SWITCHED: [u8; 2] = [0b0000_1100, 0b0100_0000];
    let mut hash = StableHash::new();
    for (i, byte) in ht.iter().take(19).enumerate() {
        hash.word(u64::from(byte & !SWITCHED.get(i).copied().unwrap_or(0)));
    }
    (hash.finish() as u16).max(1)
}

/// The fingerprint of a model that is known only by a name, in logs that do not have the elements. Of its radio nothing
/// is known.
pub fn fingerprint_of_name(name: &str) -> u64 {
    let mut hash = StableHash::new();
    // No element has this id and length: names do not meet elements.
    hash.word(u64::MAX);
    hash.bytes(name.as_bytes());
    hash.word(name.len() as u64);
    join(0, hash.finish())
}

/// A 64-bit hash, the same on every machine and in every version; not meant to resist an adversary.
///
/// Words of eight bytes (little-endian, the last one filled with zeros) are mixed in by rotate, xor and
/// multiply, each a bijection; the end is the finalizer of `MurmurHash3` (Appleby, public domain), so that every
/// bit of the input moves every bit of the output.
struct StableHash(u64);

impl StableHash {
    /// 2^64 divided by the golden ratio, odd.
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

    fn new() -> Self {
        Self(Self::MULTIPLIER)
    }

    fn word(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(29) ^ word).wrapping_mul(Self::MULTIPLIER);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for w in &mut words {
            self.word(u64::from_le_bytes([w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]]));
        }
        let tail = words.remainder();
        if !tail.is_empty() {
            self.word(tail.iter().rev().fold(0, |word, b| word << 8 | u64::from(*b)));
        }
    }

    fn finish(self) -> u64 {
        let mut h = self.0;
        h = (h ^ h >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        h = (h ^ h >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        h ^ h >> 33
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn of(parts: &[&[u8]]) -> u64 {
        let print = fingerprint(&parts.concat());
        assert!(!print.malformed);
        print.hash.unwrap()
    }

    const RATES: &[u8] = &[1, 4, 2, 4, 11, 22];
    const HT: &[u8] = &[45, 3, 0x2d, 0x40, 0x1b];

    /// Frozen: fingerprints are kept in logs and compared between machines. When this fails, revert the change.
    #[test]
    fn fingerprints_are_frozen() {
        assert_eq!(of(&[RATES, HT]), FROZEN_ELEMENTS);
        assert_eq!(fingerprint_of_name("model-00"), FROZEN_NAME);
    }
    const FROZEN_ELEMENTS: u64 = 12_021_625_067_971_540_421;
    const FROZEN_NAME: u64 = 276_095_287_119_654;

    #[test]
    fn what_software_switches_leaves_the_radio_as_it_is() {
        let radio = |fingerprint: u64| fingerprint >> ELEMENT_BITS;
        let ht = |low: u8, high: u8| of(&[RATES, &[45, 4, low, high, 0x17, 0xff]]);
        assert_ne!(ht(0x2d, 0x00), ht(0x2d, 0x40));
        assert_eq!(radio(ht(0x2d, 0x00)), radio(ht(0x2d, 0x40)));
        assert_eq!(radio(ht(0x2d, 0x00)), radio(ht(0x21, 0x00)));
        assert_ne!(radio(ht(0x2d, 0x00)), radio(ht(0x2d, 0x01)));
        assert_eq!(radio(of(&[RATES])), 0);
        let long = of_length(ht(0x2d, 0x00), 131);
        assert_ne!(long, of_length(ht(0x2d, 0x00), 132));
        assert_eq!(radio(long), radio(ht(0x2d, 0x00)));
    }

    #[test]
    fn the_network_asked_for_does_not_matter() {
        let plain = of(&[RATES, HT]);
        assert_eq!(of(&[&[0, 4, b'h', b'o', b'm', b'e'], RATES, HT]), plain);
        assert_eq!(of(&[&[0, 0], RATES, &[84, 3, 0, 1, b'x'], HT, &[255, 5, 58, 1, 2, 3, 4]]), plain);
        assert_eq!(of(&[RATES, HT, &[255, 7, 57, 1, 2, 3, 4, 5, 6]]), plain);
    }

    #[test]
    fn the_channel_does_not_matter() {
        assert_eq!(of(&[RATES, &[3, 1, 1], HT]), of(&[RATES, &[3, 1, 11], HT]));
        assert_eq!(of(&[RATES, &[59, 3, 81, 81, 83]]), of(&[RATES, &[59, 3, 115, 81, 83]]));
        assert_ne!(of(&[RATES, &[59, 3, 81, 81, 83]]), of(&[RATES, &[59, 3, 81, 81, 84]]));
        assert_eq!(of(&[RATES, &[255, 3, 2, 0, 0x17]]), of(&[RATES, &[255, 3, 2, 0, 0x2a]]));
        assert_ne!(of(&[RATES, &[255, 3, 2, 0, 0x17]]), of(&[RATES, &[255, 3, 2, 1, 0x17]]));
    }

    #[test]
    fn names_and_addresses_of_one_phone_do_not_matter() {
        let wps = |uuid: u8| [&[221, 6][..], &WPS, &[uuid, 1]].concat();
        assert_eq!(of(&[RATES, &wps(1)]), of(&[RATES, &wps(2)]));
        assert_ne!(of(&[RATES, &wps(1)]), of(&[RATES]));
        let vendor = |x: u8| [221, 6, 0x00, 0x50, 0xf2, 0x02, x, 1];
        assert_ne!(of(&[RATES, &vendor(1)]), of(&[RATES, &vendor(2)]));
    }

    #[test]
    fn order_length_and_extension_matter() {
        assert_ne!(of(&[RATES, HT]), of(&[HT, RATES]));
        assert_ne!(of(&[&[1, 1, 0]]), of(&[&[1, 2, 0, 0]]));
        assert_ne!(of(&[&[255, 2, 35, 1]]), of(&[&[255, 2, 36, 1]]));
    }

    #[test]
    fn a_malformed_tail_is_noticed_and_left_out() {
        let whole = fingerprint(RATES);
        for tail in [&[45][..], &[45, 3, 1], &[255, 0]] {
            let print = fingerprint(&[RATES, tail].concat());
            assert_eq!(print, Fingerprint { malformed: true, ..whole }, "{tail:?}");
        }
        assert_eq!(fingerprint(&[]), Fingerprint { hash: None, malformed: false });
        assert_eq!(fingerprint(&[0, 0]), Fingerprint { hash: None, malformed: false });
        assert!(fingerprint(&[1; 3 * MAX_LEN]).malformed);
    }

    proptest! {
        #[test]
        fn what_is_emitted_reads_back(parts in proptest::collection::vec(
            (1u8..84, proptest::collection::vec(any::<u8>(), 0..20)), 0..20,
        )) {
            let mut bytes = Vec::new();
            let wanted: Vec<_> =
                parts.iter().map(|(id, body)| Element { id: *id, extension: None, body }).collect();
            wanted.iter().for_each(|e| e.emit(&mut bytes));
            let mut elements = Elements::new(&bytes);
            let read: Vec<_> = elements.by_ref().collect();
            prop_assert_eq!(read, wanted);
            prop_assert!(!elements.malformed());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let mut elements = Elements::new(&bytes);
            let read: usize = elements.by_ref().map(|e| e.body.len() + 2).sum();
            prop_assert!(read <= bytes.len());
            fingerprint(&bytes);
        }
    }
}
