//! What Bematech, Daruma, Sweda/Elgin/Diebold and Star printers do differently from Epson's.
//!
//! | | drawer | cut | double width | bold |
//! |---|---|---|---|---|
//! | Epson | `ESC p m t t`, `DLE DC4 1 m t` | `GS V`, `ESC i`, `ESC m` | `ESC !`, `GS !` | `ESC E n` |
//! | Bematech (ESC/Bema) | `ESC v n`, `ESC 80h n` | `ESC w`, `ESC m` | `SO`, `ESC W n` | `ESC E`, `ESC F` |
//! | Daruma | `ESC p` | `ESC m` | `SO`, `DC4` | `ESC E`, `ESC F` |
//! | Sweda, Elgin VOX | `ESC v n` | `ESC w`, `ESC m` | `ESC W n` | `ESC E`, `ESC F` |
//! | Diebold | `ESC & n on off` | `ESC w` | `ESC W n` | `ESC E`, `ESC F` |
//! | Star | `BEL`, `FS`, `EM`, `SUB` | `ESC d n` | `SO`, `ESC W n`, `ESC i h w` | `ESC E`, `ESC F` |
//!
//! Commands not named here are Epson's ([`super::table`]).

use super::op::{Op, Symbol};
use super::table::{
    Dialect, ESC, FS, GS, Payload, Shape, Then, bit_image, control, counted, fixed, op, param, switch, then,
    u16, until,
};

/// What a printer was told that changes how its commands look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// Star: between `ESC * r A` and `ESC * r B`, where `b` and `k` are commands.
    pub raster: bool,
    /// Bematech: the printer is in ESC/Bema, not in ESC/POS.
    pub bema: bool,
    /// Bytes of one user-defined Chinese character (`FS 2`): 72, 60 or 32 by font.
    pub chinese_glyph: u64,
}

impl Mode {
    /// At power-up.
    pub fn power_up(dialect: Dialect) -> Self {
        Self { raster: false, bema: dialect == Dialect::Bematech, chinese_glyph: 72 }
    }
}

/// What a dialect says to the first bytes of a command.
pub(super) enum Answer {
    /// This is how it looks.
    Own(Shape),
    /// More bytes are needed.
    More,
    /// As on an Epson printer.
    AsEpson,
}

/// Asks the dialect. `rest` is not empty.
pub(super) fn shape(dialect: Dialect, mode: &mut Mode, rest: &[u8]) -> Answer {
    let own = match dialect {
        Dialect::Epson => return Answer::AsEpson,
        Dialect::Bematech => bematech(mode, rest),
        Dialect::Daruma => daruma(rest),
        Dialect::Sweda => sweda(rest),
        Dialect::Star => star(mode, rest),
    };
    match own {
        Some(Some(shape)) => Answer::Own(shape),
        Some(None) => Answer::More,
        None => Answer::AsEpson,
    }
}

/// `None`: as Epson. `Some(None)`: more bytes are needed.
type Own = Option<Option<Shape>>;

fn bematech(mode: &mut Mode, rest: &[u8]) -> Own {
    match rest {
        [ESC | GS] => Some(None),
        [GS, 0xf9, ..] => Some(mode_switch(mode, rest)),
        // QR: GS k Q level size version mode nL nH data
        [GS, b'k'] => Some(None),
        [GS, b'k', b'Q', ..] => Some(counted(rest, 7, 9, Payload::Symbol(Symbol::Qr))),
        _ if mode.bema => bema(rest),
        _ => None,
    }
}

/// `GS F9h 5 n`: n = 0 ESC/Bema, n = 1 ESC/POS; the others of `GS F9h` are settings of four bytes, too.
fn mode_switch(mode: &mut Mode, rest: &[u8]) -> Option<Shape> {
    let &[_, _, setting, value] = rest.get(..4)? else { return None };
    if setting == b'5' {
        mode.bema = value & 1 == 0;
    }
    op(4, Op::Other)
}

/// ESC/Bema, as the older Elgin, Sweda, Diebold and Daruma printers speak it, too.
fn bema(rest: &[u8]) -> Own {
    Some(match rest {
        [ESC] => None,
        [ESC, b'E' | b'F' | b'H' | b'P' | b'T' | b'0' | b'1' | b'O', ..] => op(2, Op::Other),
        [ESC, b'w', ..] => op(2, Op::Cut),
        [ESC, b'v' | 0x80, ..] => fixed(rest, 3, Op::Drawer),
        [ESC, b'W', ..] => switch(rest, wide),
        [ESC, b'd' | b'V' | b'S' | b'x' | b'z' | b'N' | b'l' | b'Q' | b'C', ..] => {
            switch(rest, |_| Op::Other)
        }
        [ESC, b'A', ..] => param(rest, |_| Op::Other),
        [ESC, b'f', ..] => fixed(rest, 4, Op::FeedDots),
        [0x0e, ..] => control(Op::Width(2)),
        [0x14, ..] => control(Op::Width(1)),
        [0x07 | 0x0f | 0x12, ..] => control(Op::Other),
        _ => return None,
    })
}

fn daruma(rest: &[u8]) -> Own {
    Some(match rest {
        [ESC] => None,
        [ESC, b'p', ..] => op(2, Op::Drawer),
        [ESC, b'j' | b'w', ..] => switch(rest, |_| Op::Other),
        [ESC, b'd', ..] => param(rest, Op::Feed),
        [ESC, b'*', ..] => bit_image(rest, b"m!\x20"),
        // QR: ESC 81h nL nH size level data; the length counts size and level
        [ESC, 0x81, ..] => qr_daruma(rest),
        // barcode: ESC b type width height digits data NUL
        [ESC, b'b', ..] => rest.get(5).and(until(6, Payload::Symbol(Symbol::Barcode), 0, 255, true)),
        _ => return bema(rest),
    })
}

fn qr_daruma(rest: &[u8]) -> Option<Shape> {
    let &[_, _, low, high, _, _] = rest.get(..6)? else { return None };
    then(6, Then::Counted(Payload::Symbol(Symbol::Qr), u16(low, high).saturating_sub(2)))
}

fn sweda(rest: &[u8]) -> Own {
    Some(match rest {
        [ESC | GS] | [GS, b'k'] => None,
        // Diebold
        [ESC, b'&'] => None,
        [ESC, b'&', b'0' | b'1', ..] => fixed(rest, 5, Op::Drawer),
        [GS, b'o', ..] => fixed(rest, 6, Op::Other),
        // QR: GS k 0Bh level mode , data NUL
        [GS, b'k', 0x0b, ..] => rest.get(5).and(until(6, Payload::Symbol(Symbol::Qr), 0, 4096, false)),
        _ => return bema(rest),
    })
}

fn wide(n: u8) -> Op {
    Op::Width(1 + (n & 1))
}

/// Star line mode. `FS` opens the drawer there, so Epson's `FS &` does not exist.
fn star(mode: &mut Mode, rest: &[u8]) -> Own {
    Some(match rest {
        [b'b' | b'k', ..] if mode.raster => counted(rest, 1, 3, Payload::Printed),
        [0x07 | FS | 0x19 | 0x1a, ..] => control(Op::Drawer),
        [0x0e, ..] => control(Op::Width(2)),
        [0x14, ..] => control(Op::Width(1)),
        [0x0f | 0x12, ..] => control(Op::Other),
        [0x0b, ..] => control(Op::FormFeed),
        [ESC, second, ..] => return star_escape(mode, *second, rest),
        [ESC] => None,
        _ => return None,
    })
}

fn star_escape(mode: &mut Mode, second: u8, rest: &[u8]) -> Own {
    Some(match second {
        b'd' => switch(rest, |_| Op::Cut),
        b'i' => rest.get(3).and_then(|w| op(4, Op::Width((w & 7).min(5) + 1))),
        b'W' => switch(rest, |n| Op::Width((n & 7).min(5) + 1)),
        b'h' => switch(rest, |_| Op::Other),
        b'a' => param(rest, Op::Feed),
        b'I' => param(rest, |_| Op::FeedDots),
        b'A' | b'C' | b'N' | b'Q' | b'/' | b'_' | b'l' | b'y' | b'z' | 0x06 => param(rest, |_| Op::Other),
        b'E' | b'F' | b'0' | b'1' | b'O' | b'M' | b'P' | b'g' | b':' => op(2, Op::Other),
        b'p' => op(2, Op::Chinese(true)),
        b'q' => op(2, Op::Chinese(false)),
        b'$' => switch(rest, |n| Op::ShiftJis(n & 1 == 1)),
        b's' | 0x07 => fixed(rest, 4, Op::Other),
        b'K' | b'L' => counted(rest, 2, 4, Payload::Printed),
        b'X' => image(rest, 3),
        b'k' => image(rest, 24),
        // barcode: ESC b type digits width height data RS
        b'b' => rest.get(5).and(until(6, Payload::Symbol(Symbol::Barcode), 0x1e, 255, false)),
        b'B' => until(2, Payload::Skipped, 0, 16, false),
        b'#' => until(2, Payload::Skipped, 0, 64, false),
        b'*' => raster_mode(mode, rest),
        GS => star_gs(rest),
        0x1e => fixed(rest, 4, Op::Other),
        _ => return None,
    })
}

fn image(rest: &[u8], per_column: u64) -> Option<Shape> {
    let &[_, _, low, high] = rest.get(..4)? else { return None };
    then(4, Then::Counted(Payload::Printed, u16(low, high) * per_column))
}

/// `ESC * r x …`: A begins, B ends raster mode, R and C clear; the others carry a number up to NUL.
fn raster_mode(mode: &mut Mode, rest: &[u8]) -> Option<Shape> {
    let &[_, _, r, what] = rest.get(..4)? else { return None };
    if r != b'r' {
        return bit_image(rest, &[32, 33]);
    }
    match what {
        b'A' | b'B' => {
            mode.raster = what == b'A';
            op(4, Op::Other)
        }
        b'R' | b'C' => op(4, Op::Other),
        _ => until(4, Payload::Skipped, 0, 16, false),
    }
}

/// `ESC GS …`: positions, alignment, code page, raster, 2D codes.
fn star_gs(rest: &[u8]) -> Option<Shape> {
    let tail = rest.get(2..)?;
    match *tail.first()? {
        b't' => rest.get(3).and_then(|n| op(4, Op::CodePage(*n))),
        b'a' => fixed(rest, 4, Op::Other),
        b'A' => position(rest, |n| Op::Absolute(n as u16)),
        b'R' => position(rest, |n| Op::Relative(n as u16 as i16)),
        0x03 | 0x07 => fixed(rest, 6, Op::Other),
        0x19 => fixed(rest, 7, Op::Other),
        b')' => counted(rest, 4, 6, Payload::Skipped),
        // ESC GS S m xL xH yL yH n data
        b'S' => {
            let &[_, _, _, _, xl, xh, yl, yh, _] = rest.get(..9)? else { return None };
            then(9, Then::Counted(Payload::Printed, u16(xl, xh) * u16(yl, yh)))
        }
        b'y' => match *rest.get(3)? {
            b'S' => fixed(rest, 6, Op::Other),
            b'D' => counted(rest, 6, 8, Payload::Symbol(Symbol::Qr)),
            _ => op(4, Op::Other),
        },
        b'x' => match *rest.get(3)? {
            b'S' if *rest.get(4)? & 0x0f == 0 => fixed(rest, 8, Op::Other),
            b'S' => fixed(rest, 6, Op::Other),
            b'D' => counted(rest, 4, 6, Payload::Symbol(Symbol::Other)),
            _ => op(4, Op::Other),
        },
        _ => fixed(rest, 4, Op::Other),
    }
}

fn position(rest: &[u8], make: impl Fn(u64) -> Op) -> Option<Shape> {
    op(5, make(u16(*rest.get(3)?, *rest.get(4)?)))
}
