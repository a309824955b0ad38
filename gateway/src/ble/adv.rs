//! Advertising data: a row of AD structures (Bluetooth Core 5.4, vol 3 part C §11).
//!
//! ```text
//! +--------+------+------------------+      length counts the type and the data;
//! | length | type | data (length-1)  | …    length 0 ends the row early, the rest is padding
//! +--------+------+------------------+
//! ```

/// Manufacturer specific data (Core Specification Supplement, part A §1.4).
const MANUFACTURER: u8 = 0xff;
/// Service data of a 16-bit UUID (the same, part A §1.11).
const SERVICE_DATA: u8 = 0x16;

/// Bytes that are looked at: an extended advertisement is at most 1,650 long (Core 5.4, vol 4 part E §7.8.54).
pub const MAX_LEN: usize = 1650;

/// One AD structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Structure<'a> {
    /// AD type, from the Bluetooth assigned numbers.
    pub ad_type: u8,
    /// AD data.
    pub data: &'a [u8],
}

impl<'a> Structure<'a> {
    /// Company identifier and data, when this is manufacturer specific data.
    pub fn manufacturer(&self) -> Option<(u16, &'a [u8])> {
        if self.ad_type != MANUFACTURER {
            return None;
        }
        let (company, data) = self.data.split_first_chunk::<2>()?;
        Some((u16::from_le_bytes(*company), data))
    }

    /// UUID and data, when this is service data of a 16-bit UUID.
    pub fn service(&self) -> Option<(u16, &'a [u8])> {
        if self.ad_type != SERVICE_DATA {
            return None;
        }
        let (uuid, data) = self.data.split_first_chunk::<2>()?;
        Some((u16::from_le_bytes(*uuid), data))
    }

    /// Appends the structure; data longer than its length field can say is cut. For tests and generators.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let data = &self.data[..self.data.len().min(254)];
        out.extend_from_slice(&[data.len() as u8 + 1, self.ad_type]);
        out.extend_from_slice(data);
    }
}

/// The AD structures of an advertisement in order. Ends at a malformed tail.
#[derive(Clone, Debug)]
pub struct Structures<'a> {
    rest: &'a [u8],
    malformed: bool,
}

impl<'a> Structures<'a> {
    /// Structures of these bytes, of which at most [`MAX_LEN`] are looked at.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: &bytes[..bytes.len().min(MAX_LEN)], malformed: bytes.len() > MAX_LEN }
    }

    /// The bytes are more than an advertisement, or (known at the end) the last structure runs past them.
    pub fn malformed(&self) -> bool {
        self.malformed
    }
}

impl<'a> Iterator for Structures<'a> {
    type Item = Structure<'a>;

    fn next(&mut self) -> Option<Structure<'a>> {
        let (&len, rest) = self.rest.split_first().filter(|(len, _)| **len != 0)?;
        let Some((body, rest)) = rest.split_at_checked(usize::from(len)) else {
            self.malformed = true;
            self.rest = &[];
            return None;
        };
        self.rest = rest;
        body.split_first().map(|(&ad_type, data)| Structure { ad_type, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_zero_length_ends_the_row() {
        let mut structures = Structures::new(&[2, 1, 6, 0, 9, 9]);
        assert_eq!(structures.next(), Some(Structure { ad_type: 1, data: &[6] }));
        assert_eq!((structures.next(), structures.malformed()), (None, false));
    }

    #[test]
    fn a_structure_past_the_end_is_noticed() {
        let mut structures = Structures::new(&[1, 9, 3, 1, 6]);
        assert_eq!(structures.next(), Some(Structure { ad_type: 9, data: &[] }));
        assert_eq!((structures.next(), structures.malformed()), (None, true));
    }

    #[test]
    fn company_identifiers_are_little_endian() {
        let of = |ad_type, data| Structure { ad_type, data }.manufacturer();
        assert_eq!(of(0xff, &[0x4c, 0x00, 2]), Some((0x004c, &[2][..])));
        assert_eq!(of(0xff, &[0x4c]), None);
        assert_eq!(of(0xfe, &[0x4c, 0x00]), None);
    }

    proptest! {
        #[test]
        fn what_is_emitted_reads_back(parts in proptest::collection::vec(
            (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..40)), 0..12,
        )) {
            let mut bytes = Vec::new();
            let wanted: Vec<_> =
                parts.iter().map(|(ad_type, data)| Structure { ad_type: *ad_type, data }).collect();
            wanted.iter().for_each(|s| s.emit(&mut bytes));
            let mut structures = Structures::new(&bytes);
            prop_assert_eq!(structures.by_ref().collect::<Vec<_>>(), wanted);
            prop_assert!(!structures.malformed());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let read: usize = Structures::new(&bytes).map(|s| s.data.len() + 2).sum();
            prop_assert!(read <= bytes.len());
        }
    }
}
