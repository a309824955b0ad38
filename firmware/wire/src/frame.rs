//! One message to one frame.

use crate::cobs;
use crate::{Command, Report, version};
use crc::{CRC_32_ISO_HDLC, Crc, Table};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One table of 1 KiB: a node has flash for that, and not for the 16 KiB of the fastest one.
const CRC: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);
const CRC_LEN: usize = 4;
/// Set in the layout byte of commands.
const TO_NODE: u8 = 0x80;
/// Layout, message and checksum, at most.
const MAX: usize = 384;
/// A frame on the line, delimiters included, at most.
pub(crate) const MAX_ON_LINE: usize = cobs::max_len(MAX) + 2;

/// What is sent in a frame.
pub trait Message: Serialize + DeserializeOwned {
    /// First byte of a frame of layout 0.
    const DIRECTION: u8;
}

impl Message for Report {
    const DIRECTION: u8 = 0;
}

impl Message for Command {
    const DIRECTION: u8 = TO_NODE;
}

/// The message is longer than a frame may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Room for any frame.
pub type Room = [u8; ROOM];
/// Bytes of [`Room`].
pub const ROOM: usize = MAX_ON_LINE;

/// Writes a message as a frame, delimiters included.
pub fn encode<'a, M: Message>(message: &M, room: &'a mut Room) -> Result<&'a [u8], TooLong> {
    let mut plain = [0; MAX];
    plain[0] = M::DIRECTION | version::CURRENT;
    let written = postcard::to_slice(message, &mut plain[1..MAX - CRC_LEN]).map_err(|_| TooLong)?.len();
    let len = 1 + written;
    let crc = CRC.checksum(&plain[..len]).to_le_bytes();
    plain[len..len + CRC_LEN].copy_from_slice(&crc);
    room[0] = 0;
    let stuffed = cobs::encode(&plain[..len + CRC_LEN], &mut room[1..MAX_ON_LINE - 1]).ok_or(TooLong)?;
    room[1 + stuffed] = 0;
    Ok(&room[..stuffed + 2])
}

/// Why bytes between two delimiters are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// They are more than a frame may be.
    TooLong,
    /// No stuffed bytes, or fewer than a frame has.
    NoFrame,
    /// The checksum is another one.
    Checksum,
    /// It goes the other way: the line's ends are joined.
    Direction,
    /// A layout that is not known here.
    Layout(u8),
    /// A right checksum, and no message of this layout.
    Content,
}

/// Reads what was between two delimiters; works in place.
pub(crate) fn decode<M: Message>(stuffed: &mut [u8]) -> Result<M, Bad> {
    let len = cobs::decode(stuffed).ok_or(Bad::NoFrame)?;
    let (body, crc) = stuffed[..len].split_last_chunk::<CRC_LEN>().ok_or(Bad::NoFrame)?;
    let (&layout, message) = body.split_first().ok_or(Bad::NoFrame)?;
    if CRC.checksum(body) != u32::from_le_bytes(*crc) {
        return Err(Bad::Checksum);
    }
    if layout & TO_NODE != M::DIRECTION {
        return Err(Bad::Direction);
    }
    if !version::is_known(layout & !TO_NODE) {
        return Err(Bad::Layout(layout & !TO_NODE));
    }
    match postcard::take_from_bytes(message) {
        Ok((message, [])) => Ok(message),
        Ok(_) | Err(_) => Err(Bad::Content),
    }
}
