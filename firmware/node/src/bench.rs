//! Frames that were never on the air, for tests.

/// A probe request without its check sequence, from one of many phones.
pub(crate) fn probe(number: u32) -> [u8; FRAME.len()] {
    let mut frame = FRAME;
    // Locally administered, and not a group.
    frame[10] = 0x02;
    frame[12..16].copy_from_slice(&(number % PHONES).to_be_bytes());
    frame[22..24].copy_from_slice(&((number as u16) << 4).to_le_bytes());
    frame
}

const PHONES: u32 = 4_096;

const FRAME: [u8; 60] = [
    0x40, 0, 0, 0, // probe request
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // to all
    0, 0, 0, 0, 0, 0, // from whom: filled in
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // in any network
    0, 0, // sequence control: filled in
    0, 0, // any name
    1, 4, 2, 4, 11, 22, // rates
    50, 8, 12, 18, 24, 36, 48, 72, 96, 108, // more rates
    3, 1, 6, // channel
    45, 2, 0xef, 0x01, // HT capabilities, cut short
    127, 4, 0, 0, 0x0a, 0x02, // extended capabilities
    221, 3, 0, 0x50, 0xf2, // a vendor's
];
