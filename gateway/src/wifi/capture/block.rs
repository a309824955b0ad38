//! One block of a TPACKET_V3 ring: packets with the kernel's time of arrival (`linux/if_packet.h`).
//!
//! ```text
//! block   0 version  4 private  8 status  12 packets  16 offset of the first  20 length  24 …
//! packet  0 offset of the next, from here  4 s  8 ns  12 kept  16 original  20 status  24 u16 where it begins, from here
//! ```
//!
//! In the byte order of the machine. The kernel wrote it, and still every offset is checked: what is wrong ends the
//! block, and cannot do more.

use crate::capture::{Link, Packet};
use visit_core::time::Timestamp;

const PACKETS: usize = 12;
const FIRST: usize = 16;
/// The packet's header as far as it is read.
const HEADER: usize = 26;

/// Packets of a block, in order of arrival.
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    block: &'a [u8],
    at: usize,
    left: u32,
}

impl<'a> Packets<'a> {
    /// Packets of `block`.
    pub fn new(block: &'a [u8]) -> Self {
        match (u32_at(block, PACKETS), u32_at(block, FIRST)) {
            (Some(left), Some(first)) => Self { block, at: first as usize, left },
            _ => Self { block, at: 0, left: 0 },
        }
    }

    fn read(&mut self) -> Option<Packet<'a>> {
        let header = self.block.get(self.at..)?;
        if header.len() < HEADER {
            return None;
        }
        let field = |at| u32_at(header, at).unwrap_or(0);
        let begin = usize::from(u16::from_ne_bytes([header[24], header[25]]));
        let data = header.get(begin..begin.checked_add(field(12) as usize)?)?;
        let micros = i64::from(field(4)) * 1_000_000 + i64::from(field(8) / 1_000);
        let next = field(0) as usize;
        self.left = if next == 0 { 0 } else { self.left - 1 };
        self.at += next;
        Some(Packet {
            at: Some(Timestamp::from_micros(micros)),
            link: Link::Radiotap,
            data,
            original_len: field(16),
        })
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        if self.left == 0 {
            return None;
        }
        let packet = self.read();
        if packet.is_none() {
            self.left = 0;
        }
        packet
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_ne_bytes(*b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn block(packets: &[&[u8]]) -> Vec<u8> {
        let mut out = vec![0; 48];
        out[PACKETS..PACKETS + 4].copy_from_slice(&(packets.len() as u32).to_ne_bytes());
        out[FIRST..FIRST + 4].copy_from_slice(&48u32.to_ne_bytes());
        for (n, data) in packets.iter().enumerate() {
            let last = n + 1 == packets.len();
            let next = if last { 0 } else { 48 + data.len() as u32 };
            let fields = [next, 7, 1_999, data.len() as u32, 500, 0];
            fields.iter().for_each(|f| out.extend_from_slice(&f.to_ne_bytes()));
            out.extend_from_slice(&48u16.to_ne_bytes());
            out.extend_from_slice(&[0; 22]);
            out.extend_from_slice(data);
        }
        out
    }

    #[test]
    fn packets_come_with_their_time_and_length_on_the_air() {
        let bytes = block(&[b"one", b"", b"three"]);
        let read: Vec<_> = Packets::new(&bytes).collect();
        assert_eq!(read.iter().map(|p| p.data).collect::<Vec<_>>(), [&b"one"[..], b"", b"three"]);
        assert_eq!((read[2].at, read[2].original_len), (Some(Timestamp::from_micros(7_000_001)), 500));
    }

    #[test]
    fn a_length_that_lies_ends_the_block() {
        let mut bytes = block(&[b"one", b"two"]);
        bytes[48 + 12] = 0xff;
        assert_eq!(Packets::new(&bytes).count(), 0);
        assert_eq!(Packets::new(&bytes[..20]).count(), 0);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_go_on_for_ever(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Packets::new(&bytes).count() <= bytes.len());
        }
    }
}
