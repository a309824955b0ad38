//! Radiotap: what the radio says about a frame, in front of the frame (radiotap.org).
//!
//! ```text
//! 0        1        2                 4                       8
//! +--------+--------+-----------------+-----------------------+------------------------- - -
//! | ver 0  | pad    | header length   | present word          | more words while bit 31,
//! |        |        | (u16)           | (u32)                 | then the fields
//! +--------+--------+-----------------+-----------------------+------------------------- - -
//! ```
//!
//! Everything is little-endian. A present word names the fields that follow, lowest bit first; each field is
//! aligned to its natural size *relative to the start of the header*. Bit 31: another word follows. Bit 29:
//! that word starts again in the radiotap namespace, bit 30: it belongs to a vendor, whose fields are skipped
//! as a block of the length given in the data. Without either the next word continues the numbering (32…),
//! where nothing is defined.
//!
//! Invariants: no field is read beyond the header's length; after a bit no standard defines nothing is read,
//! because nobody knows how long it is.

/// Size and alignment of the fields of bits 0…27.
const FIELDS: [(u8, u8); 28] = [
    (8, 8),  // 0 TSFT
    (1, 1),  // 1 flags
    (1, 1),  // 2 rate
    (4, 2),  // 3 channel: frequency, flags
    (2, 2),  // 4 FHSS
    (1, 1),  // 5 antenna signal, dBm
    (1, 1),  // 6 antenna noise, dBm
    (2, 2),  // 7 lock quality
    (2, 2),  // 8 transmit attenuation
    (2, 2),  // 9 transmit attenuation, dB
    (1, 1),  // 10 transmit power, dBm
    (1, 1),  // 11 antenna
    (1, 1),  // 12 antenna signal, dB
    (1, 1),  // 13 antenna noise, dB
    (2, 2),  // 14 receive flags
    (2, 2),  // 15 transmit flags
    (1, 1),  // 16 RTS retries
    (1, 1),  // 17 data retries
    (8, 4),  // 18 XChannel: flags, frequency, channel, power
    (3, 1),  // 19 MCS
    (8, 4),  // 20 A-MPDU status
    (12, 2), // 21 VHT
    (12, 8), // 22 timestamp
    (12, 2), // 23 HE
    (12, 2), // 24 HE-MU
    (6, 2),  // 25 HE-MU-other-user (radiotap.org; Wireshark cannot step over it)
    (1, 1),  // 26 zero-length PSDU
    (4, 2),  // 27 L-SIG
];

mod bit {
    pub(super) const TSFT: u32 = 0;
    pub(super) const FLAGS: u32 = 1;
    pub(super) const CHANNEL: u32 = 3;
    pub(super) const DBM_SIGNAL: u32 = 5;
    pub(super) const XCHANNEL: u32 = 18;
    pub(super) const TLV: u32 = 28;
    pub(super) const RADIOTAP: u32 = 29;
    pub(super) const VENDOR: u32 = 30;
    pub(super) const EXT: u32 = 31;
}

const FLAG_FCS_AT_END: u8 = 0x10;
const FLAG_BAD_FCS: u8 = 0x40;
/// A vendor's namespace: OUI, sub-namespace, length of what to skip.
const VENDOR_HEADER: usize = 6;

/// What we understood of a radiotap header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repr {
    /// Length of the header: where the 802.11 frame begins.
    pub header_len: u16,
    /// The radio's clock at the first bit of the frame, µs.
    pub tsft: Option<u64>,
    /// Signal strength, dBm. Of several it is the first: Linux puts the combined value into the first word and
    /// the single antennas after it. Values no receiver measures (0 and above, -128) count as none.
    pub rssi: Option<i8>,
    /// Centre frequency, MHz.
    pub frequency: Option<u16>,
    /// The frame still has its four-byte frame check sequence at the end.
    pub fcs_at_end: bool,
    /// The radio found the frame check sequence wrong.
    pub bad_fcs: bool,
    /// A bit that no standard defines was set: the fields after it were not read.
    pub undefined: bool,
}

/// Why bytes are no radiotap header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Shorter than the smallest header, or than its own length says.
    Truncated,
    /// A version other than 0.
    Version(u8),
    /// The header's length does not hold its own words and fields.
    Length,
}

impl Repr {
    /// Reads the header at the start of `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let header = Header::new(bytes)?;
        let mut repr = Self { header_len: header.bytes.len() as u16, ..Self::default() };
        let mut pos = header.fields_at()?;

        let mut vendor = false;
        // Only a word that starts a namespace numbers its bits from 0.
        let mut starts = true;
        for word in header.words() {
            if vendor {
                // Its fields were skipped as a block when the namespace was announced.
            } else if !starts {
                if word & 0x1fff_ffff != 0 {
                    repr.undefined = true;
                    return Ok(repr);
                }
            } else {
                let mut left = word & ((1 << bit::TLV) - 1);
                while left != 0 {
                    let n = left.trailing_zeros();
                    left &= left - 1;
                    let (size, align) = FIELDS[n as usize];
                    let (size, align) = (usize::from(size), usize::from(align));
                    pos = (pos + align - 1) & !(align - 1);
                    let field = header.bytes.get(pos..pos + size).ok_or(Malformed::Length)?;
                    repr.take(n, field);
                    pos += size;
                }
                if word & (1 << bit::TLV) != 0 {
                    // The rest are type-length-value fields (U-SIG, EHT): nothing of ours is among them.
                    return Ok(repr);
                }
            }
            match (word & (1 << bit::RADIOTAP) != 0, word & (1 << bit::VENDOR) != 0) {
                (true, true) => return Err(Malformed::Length),
                (true, false) => (vendor, starts) = (false, true),
                (false, true) => {
                    pos = (pos + 1) & !1;
                    let head = header.bytes.get(pos..pos + VENDOR_HEADER).ok_or(Malformed::Length)?;
                    pos += VENDOR_HEADER + usize::from(u16::from_le_bytes([head[4], head[5]]));
                    if pos > header.bytes.len() {
                        return Err(Malformed::Length);
                    }
                    (vendor, starts) = (true, true);
                }
                (false, false) => starts = false,
            }
        }
        Ok(repr)
    }

    /// Appends a header with these values: one word, as a driver would write it. For tests and generators.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let base = out.len();
        let mut present = 1 << bit::FLAGS;
        out.extend_from_slice(&[0; 8]);
        if let Some(tsft) = self.tsft {
            present |= 1 << bit::TSFT;
            out.extend_from_slice(&tsft.to_le_bytes());
        }
        let fcs = if self.fcs_at_end { FLAG_FCS_AT_END } else { 0 };
        out.push(fcs | if self.bad_fcs { FLAG_BAD_FCS } else { 0 });
        if let Some(mhz) = self.frequency {
            present |= 1 << bit::CHANNEL;
            if !(out.len() - base).is_multiple_of(2) {
                out.push(0);
            }
            out.extend_from_slice(&mhz.to_le_bytes());
            out.extend_from_slice(&[0; 2]);
        }
        if let Some(dbm) = self.rssi {
            present |= 1 << bit::DBM_SIGNAL;
            out.push(dbm.to_le_bytes()[0]);
        }
        let len = (out.len() - base) as u16;
        out[base + 2..base + 4].copy_from_slice(&len.to_le_bytes());
        out[base + 4..base + 8].copy_from_slice(&u32::to_le_bytes(present));
    }

    fn take(&mut self, n: u32, field: &[u8]) {
        match (n, field) {
            (bit::TSFT, &[a, b, c, d, e, f, g, h]) => {
                self.tsft = self.tsft.or(Some(u64::from_le_bytes([a, b, c, d, e, f, g, h])));
            }
            (bit::FLAGS, &[flags]) => {
                self.fcs_at_end |= flags & FLAG_FCS_AT_END != 0;
                self.bad_fcs |= flags & FLAG_BAD_FCS != 0;
            }
            (bit::CHANNEL, &[a, b, ..]) | (bit::XCHANNEL, &[_, _, _, _, a, b, ..]) => {
                let mhz = Some(u16::from_le_bytes([a, b])).filter(|mhz| *mhz != 0);
                self.frequency = self.frequency.or(mhz);
            }
            (bit::DBM_SIGNAL, &[dbm]) => self.rssi = self.rssi.or(plausible_rssi(i8::from_le_bytes([dbm]))),
            _ => {}
        }
    }
}

/// A signal strength that a receiver can have measured: -127…-1 dBm. Drivers write 0 or -128 for "unknown".
pub fn plausible_rssi(dbm: i8) -> Option<i8> {
    (-127..=-1).contains(&dbm).then_some(dbm)
}

/// The channel number of a centre frequency in MHz (802.11-2020 annex E): 2.4, 4.9, 5 and 6 GHz.
///
/// Numbers repeat between 2.4/5 GHz and 6 GHz; who needs the band keeps the frequency.
pub fn channel(mhz: u16) -> Option<u8> {
    let number = match mhz {
        2412..=2472 => (mhz - 2407) / 5,
        2484 => 14,
        4910..=4980 => (mhz - 4000) / 5,
        5005..=5895 => (mhz - 5000) / 5,
        5935 => 2,
        5955..=7115 => (mhz - 5950) / 5,
        _ => return None,
    };
    u8::try_from(number).ok()
}

/// The raw header: its length is checked once, against the bytes and against its own words.
struct Header<'a> {
    bytes: &'a [u8],
}

impl<'a> Header<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let &[version, _, len_low, len_high, ..] = bytes else { return Err(Malformed::Truncated) };
        if version != 0 {
            return Err(Malformed::Version(version));
        }
        let len = usize::from(u16::from_le_bytes([len_low, len_high]));
        if len < 8 {
            return Err(Malformed::Length);
        }
        bytes.get(..len).map(|bytes| Self { bytes }).ok_or(Malformed::Truncated)
    }

    /// The present words, to the first without bit 31.
    fn words(&self) -> impl Iterator<Item = u32> {
        let mut more = true;
        self.bytes[4..].chunks_exact(4).map_while(move |w| {
            let word = u32::from_le_bytes([w[0], w[1], w[2], w[3]]);
            core::mem::replace(&mut more, word & (1 << bit::EXT) != 0).then_some(word)
        })
    }

    /// Where the fields begin: behind the last present word, which must be there.
    fn fields_at(&self) -> Result<usize, Malformed> {
        let mut pos = 4;
        for word in self.words() {
            pos += 4;
            if word & (1 << bit::EXT) == 0 {
                return Ok(pos);
            }
        }
        Err(Malformed::Length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A header of these words and field bytes.
    fn header(words: &[u32], fields: &[u8]) -> Vec<u8> {
        let len = 4 + 4 * words.len() + fields.len();
        let mut out = vec![0, 0, len as u8, 0];
        words.iter().for_each(|w| out.extend_from_slice(&w.to_le_bytes()));
        out.extend_from_slice(fields);
        out
    }

    #[test]
    fn alignment_counts_from_the_start_of_the_header() {
        // Flags at 8, one byte of padding, channel at 10, signal at 14.
        let bytes = header(&[0x2a], &[0x10, 0xee, 0x6c, 0x09, 0xa0, 0x00, 0xd2]);
        let repr = Repr::parse(&bytes).unwrap();
        assert_eq!((repr.rssi, repr.frequency, repr.fcs_at_end), (Some(-46), Some(2412), true));
        // With two words the TSFT at 12 moves to 16.
        let mut fields = vec![0; 4];
        fields.extend_from_slice(&7u64.to_le_bytes());
        fields.extend_from_slice(&[0xd2, 0xd0, 0]);
        let bytes = header(&[0xa000_0021, 0x0000_0820], &fields);
        let repr = Repr::parse(&bytes).unwrap();
        assert_eq!((repr.tsft, repr.rssi), (Some(7), Some(-46)));
    }

    #[test]
    fn the_first_antenna_that_measured_something_counts() {
        let words = [0xa000_0020, 0xa000_0820, 0x0000_0820];
        let repr = Repr::parse(&header(&words, &[0, 0xc4, 0, 0xd8, 1])).unwrap();
        assert_eq!(repr.rssi, Some(-60));
    }

    #[test]
    fn a_vendors_fields_are_skipped_as_a_block() {
        // Vendor header at 16 (3 words), 5 bytes skipped; then flags and signal in a new radiotap word.
        let words = [0xc000_0000, 0xa000_0fff, 0x0000_0022];
        let fields = [0xaa, 0xbb, 0xcc, 0, 5, 0, 1, 2, 3, 4, 5, 0x40, 0xb0];
        let repr = Repr::parse(&header(&words, &fields)).unwrap();
        assert_eq!((repr.rssi, repr.bad_fcs, repr.undefined), (Some(-80), true, false));
    }

    #[test]
    fn undefined_bits_stop_the_reading_and_say_so() {
        let repr = Repr::parse(&header(&[0x8000_0020, 0x0000_0002], &[0xd2, 0x40])).unwrap();
        assert_eq!((repr.rssi, repr.bad_fcs, repr.undefined), (Some(-46), false, true));
    }

    #[test]
    fn every_defined_field_is_stepped_over() {
        // All fields but the signal in the first word, the signal behind them in the second.
        let all = 0x0fff_ffff & !(1 << bit::DBM_SIGNAL);
        let mut aligned = 12usize;
        for (_, (size, align)) in FIELDS.iter().enumerate().filter(|(n, _)| all >> n & 1 == 1) {
            aligned = aligned.next_multiple_of(usize::from(*align)) + usize::from(*size);
        }
        // Summed by hand from radiotap.org: a size or an alignment that is off by one shows here.
        assert_eq!(aligned, 136);
        let mut fields = vec![0; aligned - 12];
        fields.push(0xd2);
        let repr = Repr::parse(&header(&[0xa000_0000 | all, 0x20], &fields)).unwrap();
        assert_eq!(repr.rssi, Some(-46));
    }

    #[test]
    fn headers_that_lie_about_their_length_are_refused() {
        assert_eq!(Repr::parse(&[0, 0, 8]), Err(Malformed::Truncated));
        assert_eq!(Repr::parse(&[1, 0, 8, 0, 0, 0, 0, 0]), Err(Malformed::Version(1)));
        assert_eq!(Repr::parse(&[0, 0, 7, 0, 0, 0, 0, 0]), Err(Malformed::Length));
        assert_eq!(Repr::parse(&[0, 0, 9, 0, 0, 0, 0, 0]), Err(Malformed::Truncated));
        assert_eq!(Repr::parse(&[0, 0, 8, 0, 0x20, 0, 0, 0]), Err(Malformed::Length));
        assert_eq!(Repr::parse(&[0, 0, 8, 0, 0, 0, 0, 0x80]), Err(Malformed::Length));
        assert_eq!(Repr::parse(&header(&[0x6000_0000], &[0; 8])), Err(Malformed::Length));
    }

    #[test]
    fn frequencies_become_channels() {
        let known = [(2412, 1), (2472, 13), (2484, 14), (5180, 36), (5825, 165), (5935, 2), (5955, 1)];
        for (mhz, number) in known {
            assert_eq!(channel(mhz), Some(number), "{mhz}");
        }
        assert_eq!((channel(7115), channel(0), channel(900), channel(65535)), (Some(233), None, None, None));
    }

    proptest! {
        #[test]
        fn what_is_emitted_reads_back(
            tsft in any::<Option<u64>>(), rssi in proptest::option::of(-127i8..0),
            frequency in proptest::option::of(1u16..), fcs_at_end: bool, bad_fcs: bool,
        ) {
            let mut bytes = Vec::new();
            let repr = Repr { header_len: 0, tsft, rssi, frequency, fcs_at_end, bad_fcs, undefined: false };
            repr.emit(&mut bytes);
            let repr = Repr { header_len: bytes.len() as u16, ..repr };
            prop_assert_eq!(Repr::parse(&bytes), Ok(repr));
        }

        #[test]
        fn no_bytes_make_it_panic(words in proptest::collection::vec(any::<u32>(), 0..6),
                                  fields in proptest::collection::vec(any::<u8>(), 0..96)) {
            let bytes = header(&words, &fields);
            if let Ok(repr) = Repr::parse(&bytes) {
                prop_assert!(usize::from(repr.header_len) <= bytes.len());
            }
            let _ = Repr::parse(&fields);
        }
    }
}
