//! The kernel's filter of a capture, in classic BPF: what is no client's frame never leaves the kernel, and of a data
//! frame nothing behind the header does.
//!
//! | frame | kept |
//! |---|---|
//! | probe request | all of it, up to [`MAX_FRAME`]: its elements tell the model |
//! | association, reassociation request; authentication | the header |
//! | data and null towards an access point | the header |
//! | everything else | nothing |
//!
//! That is what [`frame::Repr::parse`](crate::wifi::frame::Repr::parse) keeps, but for what a few instructions cannot
//! tell: an access point's half of an authentication, and a frame that ends within its header.

use nix::libc::sock_filter;

/// Bytes kept of a probe request, radiotap header included: the largest management frame is 2,304 and its header.
pub const MAX_FRAME: u32 = 2_560;
/// The header up to and including sequence control, which is all that is read of other frames.
const HEADER: u32 = 24;

const LD_BYTE: u16 = 0x30; // A = packet[k]
const LD_BYTE_X: u16 = 0x50; // A = packet[X + k]
const LSH: u16 = 0x64; // A <<= k
const OR_X: u16 = 0x4c; // A |= X
const AND: u16 = 0x54; // A &= k
const ADD: u16 = 0x04; // A += k
const JEQ: u16 = 0x15; // A == k ?
const TAX: u16 = 0x07; // X = A
const TXA: u16 = 0x87; // A = X
const RET: u16 = 0x06; // keep k bytes
const RET_A: u16 = 0x16; // keep A bytes

/// The program. A load behind the end of a packet ends it with "keep nothing".
pub const PROGRAM: [sock_filter; 22] = [
    // X = length of the radiotap header, little-endian at 2.
    op(LD_BYTE, 3),
    op(LSH, 8),
    op(TAX, 0),
    op(LD_BYTE, 2),
    op(OR_X, 0),
    op(TAX, 0),
    // Frame control, first byte: subtype, type, version.
    op(LD_BYTE_X, 0),
    jeq(0x40, WHOLE - 8, 0),            // 7: probe request
    jeq(0x00, HEAD - 9, 0),             // 8: association request
    jeq(0x20, HEAD - 10, 0),            // 9: reassociation request
    jeq(0xb0, HEAD - 11, 0),            // 10: authentication
    jeq(0xd8, NOTHING - 12, 0),         // 11: a reserved subtype of data
    op(AND, 0x0f),                      // 12
    jeq(0x08, 0, NOTHING - 14),         // 13: data, whatever its subtype
    op(LD_BYTE_X, 1),                   // 14: flags
    op(AND, 0x03),                      // 15: to the distribution system, from it
    jeq(0x01, HEAD - 17, NOTHING - 17), // 16
    op(RET, MAX_FRAME),                 // 17 = WHOLE
    op(TXA, 0),                         // 18 = HEAD
    op(ADD, HEADER),
    op(RET_A, 0),
    op(RET, 0), // 21 = NOTHING
];
const WHOLE: u8 = 17;
const HEAD: u8 = 18;
const NOTHING: u8 = 21;

const fn op(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}

/// Jumps are counted from the instruction behind this one.
const fn jeq(k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: JEQ, jt, jf, k }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::MacAddr;
    use crate::wifi::frame::{self, Skip};
    use crate::wifi::radiotap;
    use proptest::prelude::*;

    /// What the kernel does with the program: bytes to keep.
    fn run(packet: &[u8]) -> u32 {
        let (mut a, mut x, mut at) = (0u32, 0u32, 0usize);
        loop {
            let sock_filter { code, jt, jf, k } = PROGRAM[at];
            at += 1;
            let load = |offset: u32| packet.get(offset as usize).copied().map(u32::from);
            match code {
                LD_BYTE | LD_BYTE_X => match load(if code == LD_BYTE { k } else { x + k }) {
                    Some(byte) => a = byte,
                    None => return 0,
                },
                LSH => a <<= k,
                OR_X => a |= x,
                AND => a &= k,
                ADD => a += k,
                JEQ => at += usize::from(if a == k { jt } else { jf }),
                TAX => x = a,
                TXA => a = x,
                RET => return k,
                RET_A => return a,
                other => panic!("no such instruction: {other:x}"),
            }
        }
    }

    fn captured(radio: radiotap::Repr, frame: &[u8]) -> (Vec<u8>, usize) {
        let mut bytes = Vec::new();
        radio.emit(&mut bytes);
        let header = bytes.len();
        bytes.extend_from_slice(frame);
        (bytes, header)
    }

    proptest! {
        #[test]
        fn the_kernel_keeps_what_the_parser_uses(
            control: u8, flags: u8, tsft: Option<u64>, rssi in proptest::option::of(-100i8..-1),
            rest in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let radio = radiotap::Repr { tsft, rssi, frequency: Some(2437), ..Default::default() };
            let frame: Vec<u8> = [control, flags].into_iter().chain(rest).collect();
            let (bytes, header) = captured(radio, &frame);
            let kept = run(&bytes) as usize;
            match frame::Repr::parse(&frame) {
                Ok(whole) => {
                    prop_assert!(kept >= header + 24);
                    let cut = &bytes[header..bytes.len().min(kept)];
                    let read = frame::Repr::parse(cut).unwrap();
                    prop_assert_eq!(read.transmitter, whole.transmitter);
                    prop_assert_eq!((read.kind, read.sequence, read.qos), (whole.kind, whole.sequence, whole.qos));
                    if whole.kind == frame::Kind::ProbeRequest {
                        prop_assert_eq!(read.elements, whole.elements);
                    } else {
                        prop_assert_eq!(kept, header + 24, "no content leaves the kernel");
                    }
                }
                Err(Skip::Truncated) => {}
                Err(Skip::FromAp) if control == 0xb0 => prop_assert_eq!(kept, header + 24),
                Err(_) => prop_assert_eq!(kept, 0),
            }
        }

        #[test]
        fn no_packet_leads_it_astray(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            run(&bytes);
        }
    }

    #[test]
    fn a_data_frame_loses_its_content() {
        let mut frame = Vec::new();
        let null = frame::Repr {
            kind: frame::Kind::Data,
            transmitter: MacAddr([2; 6]),
            sequence: 1,
            fragment: 0,
            retry: false,
            protected: false,
            qos: true,
            elements: Some(b"a secret"),
        };
        null.emit(MacAddr([8; 6]), &mut frame);
        let (bytes, header) = captured(radiotap::Repr::default(), &frame);
        assert_eq!(run(&bytes) as usize, header + 24);
    }
}
