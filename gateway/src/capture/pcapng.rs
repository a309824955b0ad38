//! pcapng (draft-ietf-opsawg-pcapng): a file is a row of blocks.
//!
//! ```text
//! +--------------+------------------+--------------------------+------------------+
//! | type (4)     | total length (4) | body, padded to 4 bytes  | total length (4) |
//! +--------------+------------------+--------------------------+------------------+
//! section header   0x0A0D0D0A   byte-order magic, version, section length, options
//! interface        1            link type (2), reserved (2), snaplen (4), options
//! packet (old)     2            interface (2), drops (2), time (4+4), captured (4), original (4), packet
//! simple packet    3            original (4), packet; has no time
//! enhanced packet  6            interface (4), time (4+4), captured (4), original (4), packet, options
//! ```
//!
//! A section sets the byte order and starts with no interfaces. Blocks of other types are passed over without
//! buffering them. The second length must equal the first.

use super::window::Window;
use super::{CaptureError, Link, MAX_PACKET, Order, Packet, array};
use std::io::Read;
use visit_core::time::Timestamp;

/// Type of a section header; the same in both byte orders.
pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

/// Type and total length in front, total length behind.
const FRAMING: u32 = 12;
/// More interfaces than any recorder has; each costs memory here.
const MAX_INTERFACES: usize = 1024;
/// Options of an interface that are looked at.
const MAX_INTERFACE_BLOCK: u32 = 65_536;

/// A stream of packets.
pub struct Reader<R> {
    window: Window<R>,
    order: Order,
    interfaces: Vec<Interface>,
    /// Rest of the block whose packet was yielded last, without the length behind it; and that length.
    open_block: Option<(u64, u32)>,
    ended: bool,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: Link,
    snaplen: u32,
    resolution: Resolution,
    offset_s: i64,
}

impl<R: Read> Reader<R> {
    /// Checks that the file begins with a section header.
    pub fn new(input: R) -> Result<Self, CaptureError> {
        let mut window = Window::new(input);
        let whole = window.fill(4).map_err(|source| CaptureError::Io { offset: 0, source })?;
        if !whole {
            return Err(CaptureError::CutShort { offset: window.ahead().len() as u64 });
        }
        if window.ahead()[..4] != SECTION_HEADER.to_le_bytes() {
            return Err(CaptureError::Damaged { offset: 0, what: "no pcapng section header" });
        }
        Ok(Self { window, order: Order::Little, interfaces: Vec::new(), open_block: None, ended: false })
    }

    /// The next packet; `None` at the end and after an error.
    #[allow(clippy::should_implement_trait)] // an Iterator cannot lend its buffer
    pub fn next(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        if self.ended {
            return Ok(None);
        }
        // Every early return below is the end; the way out with a packet takes it back.
        self.ended = true;
        loop {
            if let Some((rest, total)) = self.open_block.take() {
                self.finish_block(rest, total)?;
            }
            let offset = self.window.offset();
            if !self.fill(8)? {
                return if self.window.ahead().is_empty() { Ok(None) } else { Err(self.cut_short()) };
            }
            let head = self.window.ahead();
            let kind = self.order.u32(&array(head, 0));
            if kind == SECTION_HEADER {
                self.begin_section(offset)?;
                continue;
            }
            let total = self.order.u32(&array(head, 4));
            if total < FRAMING || !total.is_multiple_of(4) {
                return Err(damaged(offset, "a block length that is no multiple of 4, or below 12"));
            }
            self.window.cut(8);
            let body = total - FRAMING;
            let fixed = match kind {
                ENHANCED_PACKET | OLD_PACKET => 20,
                SIMPLE_PACKET => 4,
                INTERFACE => {
                    self.begin_interface(offset, body)?;
                    self.finish_block(0, total)?;
                    continue;
                }
                _ => {
                    self.open_block = Some((u64::from(body), total));
                    continue;
                }
            };
            if body < fixed {
                return Err(damaged(offset, "a packet block too short for its fields"));
            }
            self.need(fixed as usize)?;
            let order = self.order;
            let fields = self.window.cut(fixed as usize);
            let word = |at| order.u32(&array(fields, at));
            let (interface, time, captured, original_len) = match kind {
                ENHANCED_PACKET => (word(0), Some((word(4), word(8))), word(12), word(16)),
                OLD_PACKET => {
                    (u32::from(order.u16(&array(fields, 0))), Some((word(4), word(8))), word(12), word(16))
                }
                _ => (0, None, word(0), word(0)),
            };
            let Some(interface) = self.interfaces.get(interface as usize).copied() else {
                return Err(damaged(offset, "a packet of an interface that was not described before it"));
            };
            let captured = match (kind, interface.snaplen) {
                (SIMPLE_PACKET, 1..) => captured.min(interface.snaplen),
                _ => captured,
            };
            if captured > body - fixed || captured > MAX_PACKET {
                return Err(damaged(offset, "a packet longer than its block, or than 262144 bytes"));
            }
            self.need(captured as usize)?;
            self.open_block = Some((u64::from(body - fixed - captured), total));
            self.ended = false;
            let at = time.map(|(high, low)| interface.time(u64::from(high) << 32 | u64::from(low)));
            let data = self.window.cut(captured as usize);
            return Ok(Some(Packet { at, link: interface.link, data, original_len }));
        }
    }

    fn begin_section(&mut self, offset: u64) -> Result<(), CaptureError> {
        self.need(16)?;
        let head = self.window.cut(16);
        self.order = match u32::from_le_bytes(array(head, 8)) {
            BYTE_ORDER_MAGIC => Order::Little,
            swapped if swapped == BYTE_ORDER_MAGIC.swap_bytes() => Order::Big,
            _ => return Err(damaged(offset, "a section without byte-order magic")),
        };
        let total = self.order.u32(&array(head, 4));
        let major = self.order.u16(&array(head, 12));
        if total < 28 || !total.is_multiple_of(4) {
            return Err(damaged(offset, "a section header of impossible length"));
        }
        if major != 1 {
            return Err(damaged(offset, "a pcapng version other than 1"));
        }
        self.interfaces.clear();
        self.finish_block(u64::from(total) - 20, total)
    }

    fn begin_interface(&mut self, offset: u64, body: u32) -> Result<(), CaptureError> {
        if !(8..=MAX_INTERFACE_BLOCK).contains(&body) {
            return Err(damaged(offset, "an interface description of impossible length"));
        }
        if self.interfaces.len() == MAX_INTERFACES {
            return Err(damaged(offset, "more than 1024 interfaces in one section"));
        }
        self.need(body as usize)?;
        let order = self.order;
        let interface = Interface::parse(order, self.window.cut(body as usize));
        self.interfaces.push(interface);
        Ok(())
    }

    /// Passes over the rest of a block and compares the length behind it.
    fn finish_block(&mut self, rest: u64, total: u32) -> Result<(), CaptureError> {
        let offset = self.window.offset();
        let there = self.window.skip(rest).map_err(|source| CaptureError::Io { offset, source })?;
        if !there {
            return Err(self.cut_short());
        }
        self.need(4)?;
        let order = self.order;
        if order.u32(&array(self.window.cut(4), 0)) != total {
            return Err(damaged(offset + rest, "the length behind a block is not the one in front of it"));
        }
        Ok(())
    }

    fn fill(&mut self, n: usize) -> Result<bool, CaptureError> {
        let offset = self.window.offset();
        self.window.fill(n).map_err(|source| CaptureError::Io { offset, source })
    }

    fn need(&mut self, n: usize) -> Result<(), CaptureError> {
        if self.fill(n)? { Ok(()) } else { Err(self.cut_short()) }
    }

    fn cut_short(&self) -> CaptureError {
        CaptureError::CutShort { offset: self.window.offset() + self.window.ahead().len() as u64 }
    }
}

fn damaged(offset: u64, what: &'static str) -> CaptureError {
    CaptureError::Damaged { offset, what }
}

impl Interface {
    /// The body of an interface description, at least 8 bytes. Options that do not fit are as if absent.
    fn parse(order: Order, body: &[u8]) -> Self {
        let number = order.u16(&array(body, 0));
        let mut interface = Self {
            link: Link::new(number, 0),
            snaplen: order.u32(&array(body, 4)),
            resolution: Resolution::PerSecond { multiply: 1, divide: 1 },
            offset_s: 0,
        };
        let mut rest = body.get(8..).unwrap_or_default();
        while let Some((head, tail)) = rest.split_first_chunk::<4>() {
            let code = order.u16(&array(head, 0));
            let len = usize::from(order.u16(&array(head, 2)));
            let Some(value) = tail.get(..len).filter(|_| code != 0) else { break };
            match (code, value) {
                (9, &[resolution]) => interface.resolution = Resolution::new(resolution),
                (13, &[fcs_len]) => interface.link = Link::new(number, fcs_len),
                (14, value) if len == 8 => interface.offset_s = order.u64(&array(value, 0)).cast_signed(),
                _ => {}
            }
            rest = tail.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
        interface
    }

    fn time(&self, ticks: u64) -> Timestamp {
        let micros = self.resolution.micros(ticks);
        Timestamp::from_micros(micros.saturating_add(self.offset_s.saturating_mul(1_000_000)))
    }
}

/// What a tick is: `if_tsresol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resolution {
    /// Ticks × multiply ÷ divide are µs; one of both is 1.
    PerSecond { multiply: u64, divide: u64 },
    /// 2^n ticks are a second.
    Binary(u8),
}

impl Resolution {
    fn new(byte: u8) -> Self {
        let exponent = u32::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            return Self::Binary(byte & 0x7f);
        }
        // Beyond 10^25 ticks a second even the largest count is less than 1 µs.
        let power = |n: u32| 10u64.checked_pow(n).unwrap_or(u64::MAX);
        Self::PerSecond {
            multiply: power(6u32.saturating_sub(exponent)),
            divide: power(exponent.saturating_sub(6)),
        }
    }

    fn micros(self, ticks: u64) -> i64 {
        let micros = match self {
            Self::PerSecond { multiply, divide } => ticks.saturating_mul(multiply) / divide,
            Self::Binary(n) => u64::try_from((u128::from(ticks) * 1_000_000) >> n).unwrap_or(u64::MAX),
        };
        i64::try_from(micros).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Writes blocks in one byte order.
    struct Writer(Order, Vec<u8>);

    impl Writer {
        fn word(&self, w: u32) -> [u8; 4] {
            if self.0 == Order::Big { w.to_be_bytes() } else { w.to_le_bytes() }
        }

        fn half(&self, w: u16) -> [u8; 2] {
            if self.0 == Order::Big { w.to_be_bytes() } else { w.to_le_bytes() }
        }

        fn block(&mut self, kind: u32, body: &[u8]) -> &mut Self {
            let padded = body.len().next_multiple_of(4);
            let total = self.word(padded as u32 + FRAMING);
            let kind = self.word(kind);
            self.1.extend_from_slice(&kind);
            self.1.extend_from_slice(&total);
            self.1.extend_from_slice(body);
            self.1.resize(self.1.len() + padded - body.len(), 0);
            self.1.extend_from_slice(&total);
            self
        }

        fn section(&mut self, order: Order) -> &mut Self {
            self.0 = order;
            let mut body = self.word(BYTE_ORDER_MAGIC).to_vec();
            body.extend_from_slice(&self.half(1));
            body.extend_from_slice(&[0, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
            self.block(SECTION_HEADER, &body)
        }

        fn interface(&mut self, link: u16, snaplen: u32, options: &[(u16, &[u8])]) -> &mut Self {
            let mut body = self.half(link).to_vec();
            body.extend_from_slice(&[0, 0]);
            body.extend_from_slice(&self.word(snaplen));
            for (code, value) in options {
                body.extend_from_slice(&self.half(*code));
                body.extend_from_slice(&self.half(value.len() as u16));
                body.extend_from_slice(value);
                body.resize(body.len().next_multiple_of(4), 0);
            }
            self.block(INTERFACE, &body)
        }

        fn packet(&mut self, interface: u32, ticks: u64, data: &[u8]) -> &mut Self {
            let len = data.len() as u32;
            let words = [interface, (ticks >> 32) as u32, ticks as u32, len, len + 7];
            let mut body: Vec<u8> = words.iter().flat_map(|w| self.word(*w)).collect();
            body.extend_from_slice(data);
            self.block(ENHANCED_PACKET, &body)
        }
    }

    fn writer() -> Writer {
        let mut w = Writer(Order::Little, Vec::new());
        w.section(Order::Little);
        w
    }

    type Read4 = Vec<(Option<i64>, Link, Vec<u8>, u32)>;

    fn read_all(bytes: &[u8]) -> (Read4, Option<CaptureError>) {
        let mut packets = Vec::new();
        let mut reader = match Reader::new(bytes) {
            Ok(reader) => reader,
            Err(e) => return (packets, Some(e)),
        };
        loop {
            match reader.next() {
                Ok(Some(p)) => {
                    packets.push((p.at.map(Timestamp::as_micros), p.link, p.data.to_vec(), p.original_len));
                }
                Ok(None) => return (packets, None),
                Err(e) => {
                    assert!(matches!(reader.next(), Ok(None)), "after an error it has ended");
                    return (packets, Some(e));
                }
            }
        }
    }

    #[test]
    fn sections_of_both_byte_orders_and_several_interfaces_read() {
        let mut w = writer();
        w.interface(127, 0, &[]).interface(105, 0, &[(9, &[9]), (13, &[4])]);
        w.block(0xbad, &[1, 2, 3, 4, 5]).packet(1, 5_000_000_123, &[1]).packet(0, 7, &[2, 3]);
        w.section(Order::Big).interface(127, 0, &[(14, &[0, 0, 0, 0, 0, 0, 0, 2]), (9, &[3])]);
        w.packet(0, 1_500, &[4, 5, 6, 7, 8]);
        let (packets, error) = read_all(&w.1);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(
            packets,
            [
                (Some(5_000_000), Link::Ieee80211 { fcs: true }, vec![1], 8),
                (Some(7), Link::Radiotap, vec![2, 3], 9),
                (Some(3_500_000), Link::Radiotap, vec![4, 5, 6, 7, 8], 12),
            ]
        );
    }

    #[test]
    fn ticks_of_every_resolution_become_microseconds() {
        let cases =
            [(6, 5, 5), (9, 5_999, 5), (0, 3, 3_000_000), (3, 2, 2_000), (0x80 | 20, 3 << 19, 1_500_000)];
        for (byte, ticks, micros) in cases {
            assert_eq!(Resolution::new(byte).micros(ticks), micros, "{byte:#x}");
        }
        assert_eq!(Resolution::new(127).micros(u64::MAX), 1);
        assert_eq!(Resolution::new(0).micros(u64::MAX), i64::MAX);
        assert_eq!(Resolution::new(0xff).micros(u64::MAX), 0);
    }

    #[test]
    fn simple_packets_have_no_time_and_end_at_the_snaplen() {
        let mut w = writer();
        w.interface(127, 6, &[]);
        let mut body = w.word(100).to_vec();
        body.extend_from_slice(&[1, 2, 3, 4, 5, 6]);
        w.block(SIMPLE_PACKET, &body);
        assert_eq!(read_all(&w.1).0, [(None, Link::Radiotap, vec![1, 2, 3, 4, 5, 6], 100)]);
    }

    #[test]
    fn the_obsolete_packet_block_reads() {
        let mut w = writer();
        w.interface(127, 0, &[]);
        let mut body = w.half(0).to_vec();
        body.extend_from_slice(&[9, 9]);
        body.extend([0u32, 42, 2, 2].iter().flat_map(|x| w.word(*x)));
        body.extend_from_slice(&[7, 8]);
        w.block(OLD_PACKET, &body);
        assert_eq!(read_all(&w.1).0, [(Some(42), Link::Radiotap, vec![7, 8], 2)]);
    }

    #[test]
    fn lengths_that_lie_end_the_reading() {
        let whole = |edit: &dyn Fn(&mut Vec<u8>, usize)| {
            let mut w = writer();
            w.interface(127, 0, &[]);
            let at = w.1.len();
            w.packet(0, 1, &[1, 2, 3, 4]);
            edit(&mut w.1, at);
            read_all(&w.1).1
        };
        let put = |at: usize, value: u32| {
            move |bytes: &mut Vec<u8>, start: usize| {
                bytes[start + at..start + at + 4].copy_from_slice(&value.to_le_bytes());
            }
        };
        assert!(whole(&|_, _| {}).is_none());
        for (at, value) in [(4, 8), (4, 37), (4, 24), (8, 1), (20, 5), (20, u32::MAX), (32, 1)] {
            let error = whole(&put(at, value));
            assert!(matches!(error, Some(CaptureError::Damaged { .. })), "{at} {value} {error:?}");
        }
        assert!(matches!(whole(&put(4, 0xffff_fffc)), Some(CaptureError::CutShort { .. })));
    }

    #[test]
    fn a_capture_cut_anywhere_loses_only_its_last_packet() {
        let mut w = writer();
        w.interface(127, 0, &[]).packet(0, 1, &[1; 30]);
        let first = w.1.len();
        w.packet(0, 2, &[2; 30]);
        for cut in first + 1..w.1.len() {
            let (packets, error) = read_all(&w.1[..cut]);
            assert!(matches!(error, Some(CaptureError::CutShort { .. })), "{cut}");
            assert!(!packets.is_empty());
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            big: bool,
            packets in proptest::collection::vec((0u64..1 << 60, proptest::collection::vec(any::<u8>(), 0..70)), 0..9),
        ) {
            let mut w = Writer(Order::Little, Vec::new());
            w.section(if big { Order::Big } else { Order::Little }).interface(127, 0, &[]);
            packets.iter().for_each(|(ticks, data)| { w.packet(0, *ticks, data); });
            let (read, error) = read_all(&w.1);
            prop_assert!(error.is_none());
            let wanted: Read4 = packets.into_iter()
                .map(|(t, d)| (Some(t as i64), Link::Radiotap, d.clone(), d.len() as u32 + 7)).collect();
            prop_assert_eq!(read, wanted);
        }

        #[test]
        fn no_damage_makes_it_panic(
            at in 0usize..160, with in proptest::collection::vec(any::<u8>(), 1..24),
        ) {
            let mut w = writer();
            w.interface(127, 0, &[(9, &[9])]).packet(0, 1, &[1; 9]).packet(0, 2, &[2; 20]);
            let end = w.1.len();
            for (i, b) in with.iter().enumerate() {
                w.1[(at + i) % end] = *b;
            }
            let (packets, _) = read_all(&w.1);
            prop_assert!(packets.iter().map(|p| p.2.len()).sum::<usize>() <= end);
        }
    }
}
