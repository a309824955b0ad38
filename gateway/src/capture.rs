//! Capture files: pcap and pcapng, as a stream in constant memory.
//!
//! A reader yields [`Packet`]s until the end. What it cannot read it says ([`CaptureError`]) and then it has
//! ended: after a length that lies there is no way back into step.

pub mod pcap;
pub mod pcapng;
pub(crate) mod window;

use std::io::{self, Read};
use visit_core::time::Timestamp;

/// The largest packet that is believed, bytes: libpcap's `MAXIMUM_SNAPLEN`.
pub const MAX_PACKET: u32 = 262_144;

/// What the bytes of a packet are (tcpdump.org/linktypes.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// 127: radiotap header, then the 802.11 frame.
    Radiotap,
    /// 105: the 802.11 frame; no signal strength.
    Ieee80211 {
        /// The file says that frames end with their frame check sequence.
        fcs: bool,
    },
    /// Anything else.
    Other(u16),
}

impl Link {
    fn new(number: u16, fcs_len: u8) -> Self {
        match number {
            127 => Self::Radiotap,
            105 => Self::Ieee80211 { fcs: fcs_len == 4 },
            other => Self::Other(other),
        }
    }
}

/// A packet of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Capture time; simple packet blocks have none.
    pub at: Option<Timestamp>,
    /// What the bytes are.
    pub link: Link,
    /// What was kept of it.
    pub data: &'a [u8],
    /// How long it was on the air, bytes.
    pub original_len: u32,
}

/// Why a capture ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be read.
    #[error("reading at byte {offset}: {source}")]
    Io {
        /// Bytes read before.
        offset: u64,
        /// The cause.
        source: io::Error,
    },
    /// It ends within a record, as when a recorder was killed.
    #[error("the capture ends within a record (at byte {offset}); everything before it was read")]
    CutShort {
        /// Where the file ends.
        offset: u64,
    },
    /// A field that cannot be; the rest is not readable.
    #[error("byte {offset}: {what}; the rest of this capture was not read")]
    Damaged {
        /// Where the record begins.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// A reader of either format.
pub enum Capture<R> {
    /// pcap.
    Pcap(pcap::Reader<R>),
    /// pcapng.
    Pcapng(pcapng::Reader<R>),
}

/// The formats of capture files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// pcap.
    Pcap,
    /// pcapng.
    Pcapng,
}

impl Format {
    /// By the first four bytes of a file.
    pub fn recognise(start: &[u8]) -> Option<Self> {
        let magic = *start.first_chunk::<4>()?;
        if pcap::Header::magic(magic).is_some() {
            Some(Self::Pcap)
        } else {
            (magic == pcapng::SECTION_HEADER.to_le_bytes()).then_some(Self::Pcapng)
        }
    }
}

impl<R: Read> Capture<R> {
    /// Reads the file header.
    pub fn new(format: Format, input: R) -> Result<Self, CaptureError> {
        Ok(match format {
            Format::Pcap => Self::Pcap(pcap::Reader::new(input)?),
            Format::Pcapng => Self::Pcapng(pcapng::Reader::new(input)?),
        })
    }

    /// The next packet; `None` at the end. After an error: `None`.
    #[allow(clippy::should_implement_trait)] // an Iterator cannot lend its buffer
    pub fn next(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        match self {
            Self::Pcap(reader) => reader.next(),
            Self::Pcapng(reader) => reader.next(),
        }
    }

    /// The one link type of the whole file, where the format has such a thing.
    pub fn link(&self) -> Option<Link> {
        match self {
            Self::Pcap(reader) => Some(reader.link()),
            Self::Pcapng(_) => None,
        }
    }
}

/// Integers in the byte order of whoever wrote the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, b: &[u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(*b),
            Self::Big => u16::from_be_bytes(*b),
        }
    }

    fn u32(self, b: &[u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(*b),
            Self::Big => u32::from_be_bytes(*b),
        }
    }

    fn u64(self, b: &[u8; 8]) -> u64 {
        match self {
            Self::Little => u64::from_le_bytes(*b),
            Self::Big => u64::from_be_bytes(*b),
        }
    }
}

/// `N` bytes of a block whose length was checked; zeros where there are fewer, so that it cannot panic.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|b| b.first_chunk()).copied().unwrap_or([0; N])
}
