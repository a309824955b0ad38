//! The command table: how long each ESC/POS command is, and what it does to the paper.
//!
//! [`shape`] looks at the first bytes of a command and says how long its header is and what follows. It needs at
//! most [`MAX_HEADER`](super::tokens::MAX_HEADER) bytes to decide. Lengths are those of Epson's ESC/POS command
//! reference ("GS ( k", "ESC D", …: one page each); what a dialect does differently is in [`super::dialects`].
//!
//! A parameter that can only be a small number is never ESC, FS or GS: where one stands there, the command was
//! sent without its parameter (real drivers do), and the next command begins.

use super::dialects::{self, Mode};
use super::op::{Asks, Op, Symbol, Tabs};
use super::tokens::Junk;

/// Whose commands the line speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Epson and the many that follow it: nearly all Chinese printers, Elgin i7/i9, Perto, TecToy.
    #[default]
    Epson,
    /// Bematech MP series: ESC/Bema at power-up, ESC/POS after `GS F9h 5 1`.
    Bematech,
    /// Daruma DR series.
    Daruma,
    /// Sweda SI, Elgin VOX and Nix, Diebold, Dataregis; Citizen in its Bematech-like emulation.
    Sweda,
    /// Star line mode (not Star printers set to ESC/POS emulation: those are Epson).
    Star,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Epson, Self::Bematech, Self::Daruma, Self::Sweda, Self::Star];

    /// `epson`, `bematech`, `daruma`, `sweda` or `star`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|d| d.name() == name)
    }

    /// As [`named`](Self::named) takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Epson => "epson",
            Self::Bematech => "bematech",
            Self::Daruma => "daruma",
            Self::Sweda => "sweda",
            Self::Star => "star",
        }
    }
}

/// Length of the header, and what comes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Bytes.
    pub len: u8,
    /// What follows.
    pub then: Then,
}

/// What follows a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing: a control character.
    Control(Op),
    /// Nothing: the command is whole.
    Op(Op),
    /// A payload of so many bytes.
    Counted(Payload, u64),
    /// A payload of at most `max` bytes up to the byte `end`.
    Until {
        /// What it is.
        payload: Payload,
        /// The terminator, not part of it.
        end: u8,
        /// Longer is malformed.
        max: usize,
        /// A byte outside 0x20…0x7E is malformed.
        printable: bool,
    },
    /// `ESC &`: `count` glyphs of `rows` bytes height.
    Glyphs {
        /// Bytes per column.
        rows: u8,
        /// Glyphs.
        count: u8,
    },
    /// `FS q`: logos.
    Logos {
        /// Logos.
        count: u8,
    },
    /// The header is to be skipped.
    Junk(Junk),
}

/// What becomes of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// An image on the paper.
    Printed,
    /// A download.
    Stored,
    /// Parameters that do not show in the text.
    Skipped,
    /// The data of a barcode.
    Symbol(Symbol),
}

pub(super) const ESC: u8 = 0x1b;
pub(super) const FS: u8 = 0x1c;
pub(super) const GS: u8 = 0x1d;
const DLE: u8 = 0x10;

/// The shape of what `rest` begins with (a control character, or `b`/`k` of Star's raster mode), or `None` when
/// more bytes are needed to know. `rest` is not empty.
pub fn shape(dialect: Dialect, mode: &mut Mode, rest: &[u8]) -> Option<Shape> {
    match dialects::shape(dialect, mode, rest) {
        dialects::Answer::Own(shape) => return Some(shape),
        dialects::Answer::More => return None,
        dialects::Answer::AsEpson => {}
    }
    match *rest.first()? {
        b'\n' => control(Op::LineFeed),
        b'\r' => control(Op::CarriageReturn),
        b'\t' => control(Op::Tab),
        0x0c => control(Op::FormFeed),
        0x18 => control(Op::Cancel),
        // padding; buzzer; end of condensed print
        0x00 | 0x07 | 0x12 => control(Op::Other),
        DLE => dle(rest),
        ESC => esc(rest),
        FS => fs(mode, rest),
        GS => gs(rest),
        _ => junk(1, Junk::Control),
    }
}

fn esc(rest: &[u8]) -> Option<Shape> {
    match *rest.get(1)? {
        b'@' => op(2, Op::Init),
        0x0c => op(2, Op::FormFeed),
        b'L' => op(2, Op::PageMode(true)),
        b'S' => op(2, Op::PageMode(false)),
        b'v' => op(2, Op::Asks(Asks::Paper)),
        b'2' | b'<' | b'4' | b'5' | 0x0e | 0x0f | 0x12 | 0x14 => op(2, Op::Other),
        b'i' | b'm' => op(2, Op::Cut),
        b't' => param(rest, Op::CodePage),
        b'd' => param(rest, Op::Feed),
        b'e' => param(rest, Op::Feed),
        b'J' | b'K' => param(rest, |_| Op::FeedDots),
        b'!' => param(rest, Op::PrintMode),
        b' ' | b'3' | b'=' | b'?' | b'%' => param(rest, |_| Op::Other),
        b'R' => switch(rest, Op::International),
        b'M' => switch(rest, Op::Font),
        b'-' | b'E' | b'G' | b'T' | b'U' | b'V' | b'a' | b'r' | b'u' | b'{' => switch(rest, |_| Op::Other),
        b'$' => words(rest, |n| Op::Absolute(n as u16)),
        b'\\' => words(rest, |n| Op::Relative(n as u16 as i16)),
        b'c' | b'B' => fixed(rest, 4, Op::Other),
        b'W' => fixed(rest, 10, Op::Other),
        b'p' => match *rest.get(2)? {
            ESC | FS | GS => junk(2, Junk::Malformed),
            _ => fixed(rest, 5, Op::Drawer),
        },
        b'(' => counted(rest, 3, 5, Payload::Skipped),
        b'*' => bit_image(rest, &[32, 33]),
        b'&' => {
            let &[_, _, rows, from, to] = rest.get(..5)? else { return None };
            if !(1..=3).contains(&rows) || from > to || from < 0x20 || to > 0x7e {
                return junk(2, Junk::Malformed);
            }
            then(5, Then::Glyphs { rows, count: to - from + 1 })
        }
        b'D' => tab_stops(rest),
        // Chinese printers: a two-dimensional code, ESC Z version level size nL nH data
        b'Z' => {
            let n = u16(*rest.get(5)?, *rest.get(6)?);
            then(7, Then::Counted(Payload::Symbol(Symbol::Qr), n))
        }
        other => unknown(rest, other),
    }
}

fn fs(mode: &mut Mode, rest: &[u8]) -> Option<Shape> {
    match *rest.get(1)? {
        b'&' => op(2, Op::Chinese(true)),
        b'.' => op(2, Op::Chinese(false)),
        b'!' => param(rest, |n| Op::ChineseWide(n & 4 != 0)),
        b'W' => switch(rest, |n| Op::ChineseWide(n & 1 != 0)),
        b'-' => switch(rest, |_| Op::Other),
        b'C' => switch(rest, |n| Op::ShiftJis(n & 0x0f != 0)),
        b'S' | b'?' => fixed(rest, 4, Op::Other),
        // a stored logo: its bytes went by another day
        b'p' => fixed(rest, 4, Op::FeedDots),
        b'2' => {
            rest.get(3)?;
            then(4, Then::Counted(Payload::Stored, mode.chinese_glyph))
        }
        b'q' => match *rest.get(2)? {
            0 | ESC | FS | GS => junk(2, Junk::Malformed),
            count => then(3, Then::Logos { count }),
        },
        b'g' => {
            let n = u16(*rest.get(8)?, *rest.get(9)?);
            let stores = rest[2] & 0x0f == 1;
            then(10, Then::Counted(Payload::Skipped, if stores { n } else { 0 }))
        }
        // FS ( C 2 0 48 m: 1 a byte a character, 2 UTF-8
        b'(' if rest.get(2..5)? == b"C\x02\x00" => {
            let (function, m) = (*rest.get(5)?, *rest.get(6)?);
            op(7, if function == 48 { Op::Utf8(m & 0x0f == 2) } else { Op::Other })
        }
        b'(' => {
            let shape = counted(rest, 3, 5, Payload::Skipped)?;
            if rest[2] == b'A' && rest[3] == 2 && rest[4] == 0 && *rest.get(5)? == 48 {
                mode.chinese_glyph = match *rest.get(6)? & 0x0f {
                    1 => 60,
                    2 => 32,
                    _ => 72,
                };
            }
            Some(shape)
        }
        other => unknown(rest, other),
    }
}

fn gs(rest: &[u8]) -> Option<Shape> {
    match *rest.get(1)? {
        b'!' => param(rest, |n| Op::Width((n >> 4 & 7) + 1)),
        b':' | b'c' => op(2, Op::Other),
        // sent by some Windows drivers before a reset; in no manual
        b'S' => junk(2, Junk::Unknown),
        b'/' | b'h' | b'w' | b'f' | b'I' => param(rest, |_| Op::Other),
        b'r' => switch(rest, |n| Op::Asks(Asks::State(n & 0x0f))),
        b'B' | b'H' | b'T' | b'a' | b'b' | b'E' => switch(rest, |_| Op::Other),
        b'L' => words(rest, |n| Op::LeftMargin(n as u16)),
        b'W' => words(rest, |n| Op::AreaWidth(n as u16)),
        b'P' => fixed(rest, 4, Op::Other),
        b'$' | b'\\' => fixed(rest, 4, Op::Vertical),
        b'^' | b'z' => fixed(rest, 5, Op::Other),
        b'g' => fixed(rest, 6, Op::Other),
        b'C' => match *rest.get(2)? & 0x0f {
            1 => fixed(rest, 9, Op::Other),
            _ => fixed(rest, 5, Op::Other),
        },
        b'V' => match *rest.get(2)? {
            65 | 66 | 97 | 98 | 103 | 104 => fixed(rest, 4, Op::Cut),
            ESC | FS | GS => junk(2, Junk::Malformed),
            _ => op(3, Op::Cut),
        },
        b'*' => {
            let &[_, _, x, y] = rest.get(..4)? else { return None };
            then(4, Then::Counted(Payload::Stored, 8 * u64::from(x) * u64::from(y)))
        }
        b'v' | b'Q' => match *rest.get(2)? {
            b'0' => {
                let &[_, _, _, _, xl, xh, yl, yh] = rest.get(..8)? else { return None };
                then(8, Then::Counted(Payload::Printed, u16(xl, xh) * u16(yl, yh)))
            }
            _ => unknown(rest, b'v'),
        },
        b'(' => group(rest),
        b'8' => {
            let size = rest.get(3..7)?;
            let size = size.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b));
            if rest[2] != b'L' || size < 2 {
                return junk(2, Junk::Malformed);
            }
            then(9, Then::Counted(graphics(*rest.get(8)?), size - 2))
        }
        b'k' => barcode(rest),
        other => unknown(rest, other),
    }
}

/// `GS ( x pL pH`: of `k` (2D codes) and `L` (graphics) the function byte decides.
fn group(rest: &[u8]) -> Option<Shape> {
    let &[_, _, kind, pl, ph] = rest.get(..5)? else { return None };
    let size = u16(pl, ph);
    match kind {
        b'L' if size >= 2 => then(7, Then::Counted(graphics(*rest.get(6)?), size - 2)),
        b'k' if size >= 3 => {
            let symbol = match *rest.get(5)? {
                49 => Symbol::Qr,
                _ => Symbol::Other,
            };
            // function 80 stores the data; 81 prints them, right after
            match *rest.get(6)? {
                80 => {
                    rest.get(7)?;
                    then(8, Then::Counted(Payload::Symbol(symbol), size - 3))
                }
                _ => then(7, Then::Counted(Payload::Skipped, size - 2)),
            }
        }
        _ => then(5, Then::Counted(Payload::Skipped, size)),
    }
}

/// Graphics by function: 112, 113 fill the print buffer (50 prints it, right after); 67, 83, … store logos.
fn graphics(function: u8) -> Payload {
    match function {
        112 | 113 => Payload::Printed,
        67 | 68 | 83 | 84 => Payload::Stored,
        _ => Payload::Skipped,
    }
}

fn barcode(rest: &[u8]) -> Option<Shape> {
    match *rest.get(2)? {
        0..=6 => until(3, Payload::Symbol(Symbol::Barcode), 0, 255, true),
        // Chinese printers: QR, GS k a version level nL nH data
        97 => {
            let n = u16(*rest.get(5)?, *rest.get(6)?);
            then(7, Then::Counted(Payload::Symbol(Symbol::Qr), n))
        }
        65..=79 => {
            let n = u64::from(*rest.get(3)?);
            then(4, Then::Counted(Payload::Symbol(Symbol::Barcode), n))
        }
        _ => junk(2, Junk::Malformed),
    }
}

fn dle(rest: &[u8]) -> Option<Shape> {
    match *rest.get(1)? {
        4 => match *rest.get(2)? {
            7 | 8 | 18 => fixed(rest, 4, Op::Other),
            n => op(3, Op::Asks(Asks::Now(n))),
        },
        5 => fixed(rest, 3, Op::Other),
        0x14 => match *rest.get(2)? {
            1 => fixed(rest, 5, Op::Drawer),
            2 => fixed(rest, 5, Op::Other),
            7 => fixed(rest, 4, Op::Other),
            8 => fixed(rest, 10, Op::Other),
            _ => junk(3, Junk::Malformed),
        },
        _ => junk(1, Junk::Control),
    }
}

/// `ESC D` n1…nk NUL: ascending, at most 32; the first that is not ends the list (Epson: "processed as data").
fn tab_stops(rest: &[u8]) -> Option<Shape> {
    let mut tabs = Tabs::NONE;
    for at in 2..=34u8 {
        match *rest.get(usize::from(at))? {
            0 => return op(at + 1, Op::Tabs(tabs)),
            stop if tabs.push(stop) => {}
            _ => return op(at, Op::Tabs(tabs)),
        }
    }
    junk(2, Junk::Malformed)
}

/// A command that is not in the table: three bytes like most, if it is a command at all.
fn unknown(rest: &[u8], letter: u8) -> Option<Shape> {
    if !(0x20..0x7f).contains(&letter) {
        return junk(1, Junk::Unknown);
    }
    match *rest.get(2)? {
        0x0a | ESC | FS | GS => junk(2, Junk::Unknown),
        _ => junk(3, Junk::Unknown),
    }
}

/// `ESC *` m nL nH; `triple` are the values of m with three bytes a column.
pub(super) fn bit_image(rest: &[u8], triple: &[u8]) -> Option<Shape> {
    let &[_, _, m, nl, nh] = rest.get(..5)? else { return None };
    let columns = u16(nl, nh);
    then(5, Then::Counted(Payload::Printed, columns * if triple.contains(&m) { 3 } else { 1 }))
}

/// A payload whose u16 length stands at `at` of a header of `len`.
pub(super) fn counted(rest: &[u8], at: usize, len: u8, payload: Payload) -> Option<Shape> {
    rest.get(usize::from(len) - 1)?;
    then(len, Then::Counted(payload, u16(*rest.get(at)?, *rest.get(at + 1)?)))
}

pub(super) fn until(len: u8, payload: Payload, end: u8, max: usize, printable: bool) -> Option<Shape> {
    then(len, Then::Until { payload, end, max, printable })
}

/// Three bytes, any parameter.
pub(super) fn param(rest: &[u8], make: impl Fn(u8) -> Op) -> Option<Shape> {
    op(3, make(*rest.get(2)?))
}

/// Three bytes, a parameter of few values.
pub(super) fn switch(rest: &[u8], make: impl Fn(u8) -> Op) -> Option<Shape> {
    match *rest.get(2)? {
        ESC | FS | GS => junk(2, Junk::Malformed),
        n => op(3, make(n)),
    }
}

/// Four bytes, a u16.
fn words(rest: &[u8], make: impl Fn(u64) -> Op) -> Option<Shape> {
    op(4, make(u16(*rest.get(2)?, *rest.get(3)?)))
}

pub(super) fn fixed(rest: &[u8], len: u8, what: Op) -> Option<Shape> {
    rest.get(usize::from(len) - 1)?;
    op(len, what)
}

pub(super) fn op(len: u8, op: Op) -> Option<Shape> {
    then(len, Then::Op(op))
}

pub(super) fn control(op: Op) -> Option<Shape> {
    then(1, Then::Control(op))
}

pub(super) fn junk(len: u8, junk: Junk) -> Option<Shape> {
    then(len, Then::Junk(junk))
}

pub(super) fn then(len: u8, then: Then) -> Option<Shape> {
    Some(Shape { len, then })
}

/// Little-endian, as all lengths of ESC/POS.
pub(super) fn u16(low: u8, high: u8) -> u64 {
    u64::from(low) | u64::from(high) << 8
}
