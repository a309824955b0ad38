//! The tokeniser: bytes of a printer line, in chunks of any size, to text, commands and payloads.
//!
//! Invariants:
//! - The tokens do not depend on the chunking, except that a run of text may come in several pieces.
//! - Every byte received is counted exactly once: as text, control, command, payload or junk, or it is still
//!   [`Tokeniser::pending`].
//! - Memory is the last chunk, at most [`MAX_HEADER`] bytes of an unfinished command and [`MAX_SYMBOL`] bytes of
//!   a barcode: images and downloads are counted and hashed, never kept.
//! - "Incomplete" is no error. Malformed input is consumed, counted and skipped.

use super::dialects::Mode;
use super::op::{Op, Symbol};
use super::table::{self, Dialect, Payload, Shape, Then};
use core::ops::Range;

/// A longer payload is taken for a damaged length: 4 MiB is an image of 576 dots' width and 7 m of paper.
pub const MAX_PAYLOAD: u64 = 4 << 20;
/// What is kept of a barcode's or QR code's data, bytes. QR codes on receipts are addresses of 100 to 300.
pub const MAX_SYMBOL: usize = 512;
/// The longest command without payload: `ESC D` with all its 32 stops and the NUL.
pub const MAX_HEADER: usize = 35;

/// One piece of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// Bytes 0x20…0xFF but DEL, not decoded; never empty.
    Text(&'a [u8]),
    /// A command or control that may change what is on the paper.
    Op(Op),
    /// An image, a logo or a download is complete.
    Image(Image),
    /// A barcode or QR code. `data` holds at most [`MAX_SYMBOL`] of its bytes.
    Symbol {
        /// Which.
        kind: Symbol,
        /// The code's data, not decoded.
        data: &'a [u8],
    },
    /// Bytes that are no ESC/POS of this dialect; they have been skipped.
    Junk(Junk),
}

/// A payload that was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Prints at once; false for downloads (fonts, logos to be printed later).
    pub printed: bool,
    /// Bytes of payload, the command's header not counted.
    pub bytes: u64,
    /// FNV-1a (64 bits) of the payload.
    pub hash: u64,
}

/// Where a token stands: offsets from the first byte ever received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Of its first byte.
    pub start: u64,
    /// Past its last byte.
    pub end: u64,
    /// Bytes of payload in the stream before `start`.
    pub payload_before: u64,
    /// Bytes of payload in the stream before `end`.
    pub payload: u64,
}

/// Why bytes were skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Junk {
    /// A control byte without meaning here.
    Control,
    /// A command that is not in the table of the dialect.
    Unknown,
    /// A command whose parameters cannot be.
    Malformed,
    /// A declared length above [`MAX_PAYLOAD`]: everything up to the next `ESC @` is skipped.
    BadLength,
}

/// Where the bytes went, and how many times something was met. All only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes of text.
    pub text: u64,
    /// Bytes of control characters that mean something: LF, CR, HT, …
    pub control: u64,
    /// Bytes of commands: their headers, without payloads.
    pub command: u64,
    /// Bytes of payloads.
    pub payload: u64,
    /// Bytes that were skipped.
    pub junk: u64,
    /// Times: a control byte without meaning.
    pub unknown_controls: u64,
    /// Times: a command that is not in the table.
    pub unknown_commands: u64,
    /// Times: parameters that cannot be.
    pub malformed: u64,
    /// Times: a length that cannot be, and a resynchronisation at the next `ESC @`.
    pub resyncs: u64,
    /// Times: a command or payload cut off by [`Tokeniser::abandon`].
    pub abandoned: u64,
}

impl Counts {
    /// Bytes accounted for.
    pub fn bytes(&self) -> u64 {
        self.text + self.control + self.command + self.payload + self.junk
    }
}

/// See the module. `received` takes a chunk, then `next` until it says `None`.
#[derive(Debug)]
pub struct Tokeniser {
    dialect: Dialect,
    mode: Mode,
    buf: Vec<u8>,
    at: usize,
    state: State,
    symbol: Vec<u8>,
    image: Running,
    counts: Counts,
    /// Of the token at work: its beginning.
    span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ground,
    /// `left` bytes of a payload to come.
    Counted {
        payload: Payload,
        left: u64,
    },
    /// A payload up to a terminator, at most `left` bytes.
    Until {
        payload: Payload,
        end: u8,
        left: usize,
        printable: bool,
    },
    /// `ESC &`: `left` glyphs to come, each its width and `rows` × width bytes.
    Glyphs {
        rows: u8,
        left: u8,
        payload: u64,
    },
    /// `FS q`: `left` images to come, each xL xH yL yH and 8·x·y bytes.
    Logos {
        left: u8,
        payload: u64,
    },
    /// After a bad length: skip to `ESC @`.
    Resync,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    bytes: u64,
    hash: u64,
}

/// What a step made; text and symbols are borrowed from the tokeniser afterwards.
enum Made {
    Text(Range<usize>),
    Op(Op),
    Image(Image),
    Symbol(Symbol),
    Junk(Junk),
}

impl Tokeniser {
    /// A printer line at power-up.
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            mode: Mode::power_up(dialect),
            buf: Vec::new(),
            at: 0,
            state: State::Ground,
            symbol: Vec::new(),
            image: Running::NEW,
            counts: Counts::default(),
            span: Span::default(),
        }
    }

    /// Takes the next bytes of the line. Call [`next`](Self::next) until it says `None` before the next chunk:
    /// what was not taken out is kept.
    pub fn received(&mut self, chunk: &[u8]) {
        self.buf.drain(..self.at);
        self.at = 0;
        self.buf.extend_from_slice(chunk);
    }

    /// The next token, or `None` until more is received.
    #[allow(clippy::should_implement_trait)] // it lends: an iterator cannot
    pub fn next(&mut self) -> Option<Token<'_>> {
        self.next_at().map(|(token, _)| token)
    }

    /// The next token and where it stands in the stream.
    pub fn next_at(&mut self) -> Option<(Token<'_>, Span)> {
        loop {
            if let Some(made) = self.step()? {
                let span = Span { end: self.counts.bytes(), payload: self.counts.payload, ..self.span };
                let token = match made {
                    Made::Text(range) => Token::Text(self.buf.get(range).unwrap_or_default()),
                    Made::Op(op) => Token::Op(op),
                    Made::Image(image) => Token::Image(image),
                    Made::Symbol(kind) => Token::Symbol { kind, data: &self.symbol },
                    Made::Junk(junk) => Token::Junk(junk),
                };
                return Some((token, span));
            }
        }
    }

    /// The sender stopped in the middle (silence, or the connection closed): forgets an unfinished command or
    /// payload, and stops searching for `ESC @`. True when a payload was cut off: something is missing on the
    /// paper. Take all tokens out first.
    pub fn abandon(&mut self) -> bool {
        let cut_off = self.state != State::Ground;
        self.counts.abandoned += u64::from(cut_off || self.pending() > 0);
        self.counts.junk += self.pending();
        self.at = self.buf.len();
        self.state = State::Ground;
        self.mode.raster = false;
        cut_off
    }

    /// Bytes received and not yet part of a token.
    pub fn pending(&self) -> u64 {
        (self.buf.len() - self.at) as u64
    }

    /// Where the bytes went.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// One step: outer `None` when more bytes are needed, inner `None` when bytes went by without a token.
    fn step(&mut self) -> Option<Option<Made>> {
        let rest = self.buf.get(self.at..)?;
        if rest.is_empty() && !matches!(self.state, State::Counted { left: 0, .. }) {
            return None;
        }
        match self.state {
            State::Ground => self.ground(),
            State::Counted { payload, left } => {
                let take = left.min(rest.len() as u64) as usize;
                self.take(payload, take);
                self.state = State::Counted { payload, left: left - take as u64 };
                if left > take as u64 { None } else { Some(Some(self.completed(payload))) }
            }
            State::Until { payload, end, left, printable } => Some(self.until(payload, end, left, printable)),
            State::Glyphs { rows, left, payload } => self.glyphs(rows, left, payload),
            State::Logos { left, payload } => self.logos(left, payload),
            State::Resync => self.resync(),
        }
    }

    fn ground(&mut self) -> Option<Option<Made>> {
        let rest = self.buf.get(self.at..)?;
        self.span.start = self.counts.bytes();
        self.span.payload_before = self.counts.payload;
        let text = rest.iter().position(|b| *b < 0x20 || *b == 0x7f).unwrap_or(rest.len());
        if text > 0 && !(self.mode.raster && matches!(rest[0], b'b' | b'k')) {
            let range = self.at..self.at + text;
            self.at += text;
            self.counts.text += text as u64;
            return Some(Some(Made::Text(range)));
        }
        let shape = table::shape(self.dialect, &mut self.mode, rest)?;
        Some(self.enter(shape))
    }

    /// Takes a command's header, and begins its payload if it has one.
    fn enter(&mut self, shape: Shape) -> Option<Made> {
        let len = u64::from(shape.len);
        self.at += usize::from(shape.len);
        match shape.then {
            Then::Junk(junk) => self.counts.junk(junk, len),
            Then::Control(_) => self.counts.control += len,
            _ => self.counts.command += len,
        }
        self.symbol.clear();
        self.image = Running::NEW;
        match shape.then {
            Then::Junk(junk) => return Some(Made::Junk(junk)),
            Then::Control(op) | Then::Op(op) => return Some(Made::Op(op)),
            Then::Counted(_, left) if left > MAX_PAYLOAD => {
                self.state = State::Resync;
                self.counts.resyncs += 1;
                return Some(Made::Junk(Junk::BadLength));
            }
            Then::Counted(payload, left) => self.state = State::Counted { payload, left },
            Then::Until { payload, end, max, printable } => {
                self.state = State::Until { payload, end, left: max, printable };
            }
            Then::Glyphs { rows, count } => self.state = State::Glyphs { rows, left: count, payload: 0 },
            Then::Logos { count } => self.state = State::Logos { left: count, payload: 0 },
        }
        None
    }

    /// Counts `n` bytes of payload, and keeps or hashes them.
    fn take(&mut self, payload: Payload, n: usize) {
        let bytes = &self.buf[self.at..self.at + n];
        if matches!(payload, Payload::Symbol(_)) {
            let room = MAX_SYMBOL - self.symbol.len();
            self.symbol.extend_from_slice(&bytes[..n.min(room)]);
        } else {
            self.image.add(bytes);
        }
        self.at += n;
        self.counts.payload += n as u64;
    }

    fn completed(&mut self, payload: Payload) -> Made {
        self.state = State::Ground;
        match payload {
            Payload::Printed => Made::Image(self.image.image(true)),
            Payload::Stored => Made::Image(self.image.image(false)),
            Payload::Skipped => Made::Op(Op::Other),
            Payload::Symbol(kind) => Made::Symbol(kind),
        }
    }

    fn until(&mut self, payload: Payload, end: u8, left: usize, printable: bool) -> Option<Made> {
        let rest = &self.buf[self.at..];
        let stop = rest.iter().position(|b| *b == end || (printable && !(0x20..0x7f).contains(b)));
        let found = stop.unwrap_or(rest.len());
        let take = found.min(left);
        self.take(payload, take);
        if take < found || (stop.is_some() && self.buf.get(self.at) != Some(&end)) {
            // too long, or a byte that no such code can hold: the rest is read as commands and text
            self.state = State::Ground;
            self.counts.malformed += 1;
            return Some(Made::Junk(Junk::Malformed));
        }
        if stop.is_none() {
            self.state = State::Until { payload, end, left: left - take, printable };
            return None;
        }
        self.at += 1;
        self.counts.command += 1;
        Some(self.completed(payload))
    }

    fn glyphs(&mut self, rows: u8, left: u8, payload: u64) -> Option<Option<Made>> {
        if payload > 0 {
            let n = payload.min(self.pending()) as usize;
            self.take(Payload::Stored, n);
            self.state = State::Glyphs { rows, left, payload: payload - n as u64 };
        } else if left > 0 {
            let width = u64::from(*self.buf.get(self.at)?);
            self.take(Payload::Stored, 1);
            self.state = State::Glyphs { rows, left: left - 1, payload: width * u64::from(rows) };
        }
        if self.state == (State::Glyphs { rows, left: 0, payload: 0 }) {
            return Some(Some(self.completed(Payload::Stored)));
        }
        Some(None)
    }

    fn logos(&mut self, left: u8, payload: u64) -> Option<Option<Made>> {
        if payload > 0 {
            let n = payload.min(self.pending()) as usize;
            self.take(Payload::Stored, n);
            self.state = State::Logos { left, payload: payload - n as u64 };
        } else if left > 0 {
            let &[xl, xh, yl, yh] = self.buf.get(self.at..self.at + 4)? else { return None };
            let size = 8 * table::u16(xl, xh) * table::u16(yl, yh);
            self.take(Payload::Stored, 4);
            if size > MAX_PAYLOAD {
                self.state = State::Resync;
                self.counts.resyncs += 1;
                return Some(Some(Made::Junk(Junk::BadLength)));
            }
            self.state = State::Logos { left: left - 1, payload: size };
        }
        if self.state == (State::Logos { left: 0, payload: 0 }) {
            return Some(Some(self.completed(Payload::Stored)));
        }
        Some(None)
    }

    fn resync(&mut self) -> Option<Option<Made>> {
        let rest = &self.buf[self.at..];
        let found = rest.windows(2).position(|w| w == [0x1b, b'@']);
        // an ESC at the very end may be the first half
        let skip = found.unwrap_or(rest.len() - usize::from(rest.last() == Some(&0x1b)));
        self.at += skip;
        self.counts.junk += skip as u64;
        found?;
        self.state = State::Ground;
        self.mode = Mode::power_up(self.dialect);
        Some(None)
    }
}

impl Running {
    const NEW: Self = Self { bytes: 0, hash: FNV1A };

    fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.hash = fnv1a(self.hash, bytes);
    }

    fn image(&self, printed: bool) -> Image {
        Image { printed, bytes: self.bytes, hash: self.hash }
    }
}

impl Counts {
    fn junk(&mut self, junk: Junk, len: u64) {
        self.junk += len;
        match junk {
            Junk::Control => self.unknown_controls += 1,
            Junk::Unknown => self.unknown_commands += 1,
            Junk::Malformed => self.malformed += 1,
            Junk::BadLength => self.resyncs += 1,
        }
    }
}

/// The FNV-1a hash of 64 bits of nothing (RFC 9923). Stable over versions, which a library's hasher is not.
pub(super) const FNV1A: u64 = 0xcbf2_9ce4_8422_2325;

/// Continues a hash.
pub(super) fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;
