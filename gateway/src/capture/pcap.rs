//! pcap (draft-ietf-opsawg-pcap): a file header of 24 bytes, then records.
//!
//! ```text
//! file header   magic (4)  version (2+2)  reserved (4+4)  snaplen (4)  link type and FCS length (4)
//! record        seconds (4)  fraction (4)  captured length (4)  original length (4)  packet
//! ```
//!
//! The magic number tells the byte order and whether fractions are µs (0xA1B2C3D4) or ns (0xA1B23C4D).

use super::window::Window;
use super::{CaptureError, Link, MAX_PACKET, Order, Packet, array};
use std::io::Read;
use visit_core::time::Timestamp;

const HEADER: usize = 24;
const RECORD: usize = 16;

/// The file header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    order: Order,
    nanoseconds: bool,
    link: Link,
}

impl Header {
    /// Byte order and whether fractions are ns; `None` when it is no pcap file.
    pub(super) fn magic(bytes: [u8; 4]) -> Option<(Order, bool)> {
        match u32::from_be_bytes(bytes) {
            0xa1b2_c3d4 => Some((Order::Big, false)),
            0xd4c3_b2a1 => Some((Order::Little, false)),
            0xa1b2_3c4d => Some((Order::Big, true)),
            0x4d3c_b2a1 => Some((Order::Little, true)),
            _ => None,
        }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (order, nanoseconds) = Self::magic(array(bytes, 0))?;
        let link = order.u32(&array(bytes, 20));
        // Bit 26: bits 28…31 hold the length of the frame check sequence in units of 16 bits.
        let fcs_len = if link & 1 << 26 != 0 { (link >> 28) as u8 * 2 } else { 0 };
        Some(Self { order, nanoseconds, link: Link::new(link as u16, fcs_len) })
    }
}

/// A stream of packets.
pub struct Reader<R> {
    window: Window<R>,
    header: Header,
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the file header.
    pub fn new(input: R) -> Result<Self, CaptureError> {
        let mut window = Window::new(input);
        let whole = window.fill(HEADER).map_err(|source| CaptureError::Io { offset: 0, source })?;
        if !whole {
            return Err(CaptureError::CutShort { offset: window.ahead().len() as u64 });
        }
        let header = Header::parse(window.cut(HEADER))
            .ok_or(CaptureError::Damaged { offset: 0, what: "no pcap magic number" })?;
        Ok(Self { window, header, ended: false })
    }

    /// What the packets are.
    pub fn link(&self) -> Link {
        self.header.link
    }

    /// The next packet; `None` at the end and after an error.
    #[allow(clippy::should_implement_trait)] // an Iterator cannot lend its buffer
    pub fn next(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        if self.ended {
            return Ok(None);
        }
        // Every early return below is the end; the way out with a packet takes it back.
        self.ended = true;
        let offset = self.window.offset();
        let io = |source| CaptureError::Io { offset, source };
        if !self.window.fill(RECORD).map_err(io)? {
            let left = self.window.ahead().len() as u64;
            return if left == 0 { Ok(None) } else { Err(CaptureError::CutShort { offset: offset + left }) };
        }
        let order = self.header.order;
        let record = self.window.cut(RECORD);
        let [seconds, fraction, captured, original_len] =
            [0, 4, 8, 12].map(|at| order.u32(&array(record, at)));
        if captured > MAX_PACKET {
            return Err(CaptureError::Damaged { offset, what: "a packet longer than 262144 bytes" });
        }
        let captured = captured as usize;
        if !self.window.fill(captured).map_err(io)? {
            return Err(CaptureError::CutShort {
                offset: self.window.offset() + self.window.ahead().len() as u64,
            });
        }
        let micros = if self.header.nanoseconds { fraction / 1000 } else { fraction };
        let at = Timestamp::from_micros(i64::from(seconds) * 1_000_000 + i64::from(micros));
        self.ended = false;
        Ok(Some(Packet {
            at: Some(at),
            link: self.header.link,
            data: self.window.cut(captured),
            original_len,
        }))
    }
}

/// A writer of little-endian µs files. For tests, generators and recorders.
pub mod write {
    use visit_core::time::Timestamp;

    /// Appends a file header.
    pub fn header(link: u16, out: &mut Vec<u8>) {
        out.extend_from_slice(&0xa1b2_c3d4u32.to_le_bytes());
        out.extend_from_slice(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        out.extend_from_slice(&super::MAX_PACKET.to_le_bytes());
        out.extend_from_slice(&u32::from(link).to_le_bytes());
    }

    /// Appends a whole packet. Times before 1970 or after 2106 have no place in this format and wrap.
    pub fn packet(at: Timestamp, data: &[u8], out: &mut Vec<u8>) {
        let us = at.as_micros();
        out.extend_from_slice(&(us.div_euclid(1_000_000) as u32).to_le_bytes());
        out.extend_from_slice(&(us.rem_euclid(1_000_000) as u32).to_le_bytes());
        let len = (data.len() as u32).to_le_bytes();
        out.extend_from_slice(&len);
        out.extend_from_slice(&len);
        out.extend_from_slice(data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Read3 = Vec<(i64, Vec<u8>, u32)>;

    fn read_all(bytes: &[u8]) -> (Read3, Option<CaptureError>) {
        let mut packets = Vec::new();
        let mut reader = match Reader::new(bytes) {
            Ok(reader) => reader,
            Err(e) => return (packets, Some(e)),
        };
        loop {
            match reader.next() {
                Ok(Some(p)) => packets.push((p.at.unwrap().as_micros(), p.data.to_vec(), p.original_len)),
                Ok(None) => return (packets, None),
                Err(e) => {
                    assert!(matches!(reader.next(), Ok(None)), "after an error it has ended");
                    return (packets, Some(e));
                }
            }
        }
    }

    fn file(order: Order, nanoseconds: bool, link: u32) -> Vec<u8> {
        let word = |w: u32| if order == Order::Big { w.to_be_bytes() } else { w.to_le_bytes() };
        let magic = if nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
        let fraction = if nanoseconds { 250_000_999 } else { 250_000 };
        let head = [magic, 0, 0, 0, 65535, link];
        let record = [1_700_000_000, fraction, 3, 900];
        let mut bytes: Vec<u8> = head.iter().chain(&record).flat_map(|w| word(*w)).collect();
        bytes.extend_from_slice(&[1, 2, 3]);
        bytes
    }

    #[test]
    fn both_byte_orders_and_both_resolutions_read_alike() {
        for order in [Order::Little, Order::Big] {
            for nanoseconds in [false, true] {
                let (packets, error) = read_all(&file(order, nanoseconds, 127));
                assert!(error.is_none());
                assert_eq!(packets, [(1_700_000_000_250_000, vec![1, 2, 3], 900)]);
            }
        }
    }

    #[test]
    fn the_link_type_may_carry_the_length_of_the_check_sequence() {
        let link = |l| Reader::new(&file(Order::Little, false, l)[..]).unwrap().link();
        assert_eq!(link(105), Link::Ieee80211 { fcs: false });
        assert_eq!(link(105 | 1 << 26 | 2 << 28), Link::Ieee80211 { fcs: true });
        assert_eq!(link(127), Link::Radiotap);
        assert_eq!(link(1), Link::Other(1));
    }

    #[test]
    fn a_capture_cut_anywhere_loses_only_its_last_packet() {
        let mut bytes = Vec::new();
        write::header(127, &mut bytes);
        write::packet(Timestamp::from_micros(5), &[9; 40], &mut bytes);
        let first = bytes.len();
        write::packet(Timestamp::from_micros(6), &[8; 40], &mut bytes);
        for cut in first + 1..bytes.len() {
            let (packets, error) = read_all(&bytes[..cut]);
            assert_eq!(packets.len(), 1);
            assert!(
                matches!(error, Some(CaptureError::CutShort { offset }) if offset == cut as u64),
                "{cut}"
            );
        }
        assert_eq!(read_all(&bytes).0.len(), 2);
    }

    #[test]
    fn a_length_that_lies_ends_the_reading() {
        let mut bytes = file(Order::Little, false, 127);
        bytes[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(read_all(&bytes).1, Some(CaptureError::Damaged { offset: 24, .. })));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            packets in proptest::collection::vec((0i64..4_000_000_000_000_000, proptest::collection::vec(any::<u8>(), 0..90)), 0..9),
        ) {
            let mut bytes = Vec::new();
            write::header(127, &mut bytes);
            packets.iter().for_each(|(us, data)| write::packet(Timestamp::from_micros(*us), data, &mut bytes));
            let wanted: Read3 = packets.into_iter().map(|(us, d)| (us, d.clone(), d.len() as u32)).collect();
            let (read, error) = read_all(&bytes);
            prop_assert!(error.is_none());
            prop_assert_eq!(read, wanted);
        }

        #[test]
        fn no_bytes_make_it_panic(tail in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = Vec::new();
            write::header(127, &mut bytes);
            bytes.extend_from_slice(&tail);
            let (packets, _) = read_all(&bytes);
            prop_assert!(packets.iter().map(|p| p.1.len()).sum::<usize>() <= tail.len());
            read_all(&tail);
        }
    }
}
