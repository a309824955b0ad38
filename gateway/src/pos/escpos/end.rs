//! Where a receipt ends: the stream of a printer line to single receipts.
//!
//! A receipt ends at a cut, at `ESC @` after text, at silence ([`Receipts::idle`]), when the connection closes
//! ([`Receipts::closed`]), or at a size limit. A cut or `ESC @` ends it *lazily*: the next ink begins the next
//! receipt, and what comes in between — the drawer's kick, feeds, another cut, status requests — still belongs to
//! the one before. So after a cut the receipt comes out with the next ink or with `idle`, whichever is first.
//!
//! - `ESC @` after an image alone does not end: drivers reset between the logo and the text. If another image
//!   comes instead of text, it does.
//! - Where a till cuts within a receipt (coupons, kitchen slips), [`Limits::cut_ends`] is off; where its driver
//!   resets the printer between lines, [`Limits::reset_ends`] is.
//! - Every byte belongs to exactly one receipt or to none ([`Printed::bytes`], [`Outside::bytes`]).
//! - When a receipt was printed is the caller's to say: there is no clock here.

use super::op::Op;
use super::render::{Losses, Printer, Renderer};
use super::tokens::{self, Junk, Span, Token, Tokeniser};
use std::collections::VecDeque;

/// One receipt as printed.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Printed {
    /// What a person reads, top to bottom.
    pub lines: Vec<String>,
    /// There is no text on it, only images.
    pub raster: bool,
    /// Something is missing: the size limit was reached, or a payload was cut off or damaged.
    pub partial: bool,
    /// Times the paper was cut after it (or within it, where cuts do not end receipts).
    pub cuts: u32,
    /// The cash drawer was opened with it.
    pub kicked_drawer: bool,
    /// Images on the paper: bands of a driver, logos.
    pub images: u32,
    /// Bytes of these images.
    pub image_bytes: u64,
    /// Bytes of the stream.
    pub bytes: u64,
    /// FNV-1a (64 bits) of the lines, each with a LF. Two copies of a text agree, whatever their bytes.
    pub text_hash: u64,
    /// FNV-1a (64 bits) of the images' hashes in order: the same for the same picture.
    pub image_hash: u64,
}

/// How receipts are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A cut ends a receipt.
    pub cut_ends: bool,
    /// `ESC @` after text ends a receipt.
    pub reset_ends: bool,
    /// Bytes of text and commands, without payloads. Bounds the memory of [`Printed::lines`].
    pub text: u64,
    /// Bytes with payloads.
    pub all: u64,
}

impl Default for Limits {
    /// 64 KiB of text (a receipt has 1 to 3) and 8 MiB with images.
    fn default() -> Self {
        Self { cut_ends: true, reset_ends: true, text: 64 << 10, all: 8 << 20 }
    }
}

/// What happened outside receipts. All only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// Bytes that belong to no receipt: resets, feeds, downloads before the first ink.
    pub bytes: u64,
    /// Drawer kicks without a receipt ("no sale").
    pub kicks: u64,
    /// Cuts without a receipt.
    pub cuts: u64,
}

/// Bytes in, receipts out. `received`, `idle` or `closed`, then `next` until it says `None`.
#[derive(Debug)]
pub struct Receipts {
    tokens: Tokeniser,
    paper: Paper,
    ready: VecDeque<Printed>,
}

#[derive(Debug)]
struct Paper {
    renderer: Renderer,
    limits: Limits,
    now: Printed,
    /// Where this receipt begins.
    start: Position,
    /// Something was printed, if only blanks.
    inked: bool,
    /// A barcode or QR code was printed.
    symbol: bool,
    ending: Ending,
    outside: Outside,
}

/// A place in the stream: bytes before it, and how many of them were payload.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    offset: u64,
    payload: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    No,
    Cut,
    Reset,
}

impl Receipts {
    /// A line at power-up. Limits below 1 KiB are taken as 1 KiB.
    pub fn new(printer: Printer, limits: Limits) -> Self {
        let limits = Limits { text: limits.text.max(1024), all: limits.all.max(1024), ..limits };
        Self {
            tokens: Tokeniser::new(printer.dialect),
            paper: Paper {
                renderer: Renderer::new(printer),
                limits,
                now: Printed::default(),
                start: Position::default(),
                inked: false,
                symbol: false,
                ending: Ending::No,
                outside: Outside::default(),
            },
            ready: VecDeque::new(),
        }
    }

    /// Takes the next bytes of the line.
    pub fn received(&mut self, chunk: &[u8]) {
        self.tokens.received(chunk);
    }

    /// Nothing was heard for as long as this till may pause within a receipt (2 to 5 s): it is complete.
    pub fn idle(&mut self) {
        self.drain();
        let cut_off = self.tokens.abandon();
        self.paper.now.partial |= cut_off;
        let counts = self.tokens.counts();
        let end = Position { offset: counts.bytes(), payload: counts.payload };
        self.ready.extend(self.paper.close(end));
    }

    /// The connection is closed: as [`idle`](Self::idle). The printer keeps its settings, as a real one does.
    pub fn closed(&mut self) {
        self.idle();
    }

    /// The next receipt that is complete.
    #[allow(clippy::should_implement_trait)] // `None` is not the end: more may be received
    pub fn next(&mut self) -> Option<Printed> {
        while self.ready.is_empty() && self.one() {}
        self.ready.pop_front()
    }

    /// Whether a receipt is on the paper that has not come out yet: the caller's idle timer should run.
    pub fn is_open(&self) -> bool {
        self.paper.inked || self.tokens.pending() > 0
    }

    /// Counters of the tokeniser.
    pub fn counts(&self) -> &tokens::Counts {
        self.tokens.counts()
    }

    /// What could not be decoded.
    pub fn losses(&self) -> &Losses {
        self.paper.renderer.losses()
    }

    /// What happened outside receipts.
    pub fn outside(&self) -> &Outside {
        &self.paper.outside
    }

    fn drain(&mut self) {
        while self.one() {}
    }

    /// Takes one token to the paper; false when there is none.
    fn one(&mut self) -> bool {
        let Some((token, span)) = self.tokens.next_at() else { return false };
        self.paper.put(token, span, &mut self.ready);
        true
    }
}

impl Paper {
    fn put(&mut self, token: Token<'_>, span: Span, ready: &mut VecDeque<Printed>) {
        let start = Position { offset: span.start, payload: span.payload_before };
        let end = Position { offset: span.end, payload: span.payload };
        match token {
            Token::Text(text) => return self.text(text, start, ready),
            Token::Image(image) if image.printed => {
                ready.extend(self.ink(true, start));
                self.now.images += 1;
                self.now.image_bytes += image.bytes;
                self.now.image_hash = tokens::fnv1a(self.now.image_hash, &image.hash.to_le_bytes());
            }
            Token::Symbol { .. } => {
                ready.extend(self.ink(false, start));
                self.symbol = true;
            }
            Token::Op(Op::Cut) => {
                self.now.cuts += 1;
                if self.inked && self.limits.cut_ends {
                    self.ending = Ending::Cut;
                }
            }
            Token::Op(Op::Drawer) => self.now.kicked_drawer = true,
            Token::Op(Op::Init) if self.inked && self.ending == Ending::No && self.limits.reset_ends => {
                self.ending = Ending::Reset;
            }
            Token::Junk(Junk::BadLength) => self.now.partial = true,
            _ => {}
        }
        self.renderer.put(token);
        if self.room(end) == 0 {
            ready.extend(self.overflow(end));
        }
    }

    /// Text is split where the limit is reached, so that the chunking does not show.
    fn text(&mut self, mut text: &[u8], mut at: Position, ready: &mut VecDeque<Printed>) {
        while !text.is_empty() {
            ready.extend(self.ink(false, at));
            let room = usize::try_from(self.room(at)).unwrap_or(usize::MAX);
            let (now, later) = text.split_at(text.len().min(room));
            self.renderer.put(Token::Text(now));
            at.offset += now.len() as u64;
            text = later;
            if self.room(at) == 0 {
                ready.extend(self.overflow(at));
            }
        }
    }

    /// Something visible comes: begins a receipt, after ending the one before where that is due.
    fn ink(&mut self, image: bool, at: Position) -> Option<Printed> {
        let ends = match self.ending {
            Ending::No => false,
            Ending::Cut => true,
            Ending::Reset => image || self.symbol || self.renderer.has_text(),
        };
        self.ending = Ending::No;
        let ended = if ends { self.close(at) } else { None };
        self.inked = true;
        ended
    }

    /// Bytes until a limit is reached.
    fn room(&self, at: Position) -> u64 {
        let all = at.offset - self.start.offset;
        let text = all - (at.payload - self.start.payload);
        self.limits.all.saturating_sub(all).min(self.limits.text.saturating_sub(text))
    }

    /// The limit: what there is comes out, and what follows is partial, too.
    fn overflow(&mut self, at: Position) -> Option<Printed> {
        self.now.partial = true;
        let ended = self.close(at);
        self.now.partial = true;
        ended
    }

    fn close(&mut self, at: Position) -> Option<Printed> {
        let has_text = self.renderer.has_text();
        let lines = self.renderer.take();
        let mut done = core::mem::take(&mut self.now);
        done.bytes = at.offset - self.start.offset;
        self.start = at;
        self.inked = false;
        self.symbol = false;
        self.ending = Ending::No;
        // Between two cuts, a line of dashes or the lower edge of a table is no receipt.
        let says = |c: char| c.is_alphanumeric() || c == char::REPLACEMENT_CHARACTER;
        if done.images == 0 && !lines.iter().any(|line| line.contains(says)) {
            self.outside.bytes += done.bytes;
            self.outside.kicks += u64::from(done.kicked_drawer);
            self.outside.cuts += u64::from(done.cuts);
            return None;
        }
        done.raster = done.images > 0 && !has_text;
        done.text_hash = lines
            .iter()
            .fold(tokens::FNV1A, |hash, line| tokens::fnv1a(tokens::fnv1a(hash, line.as_bytes()), b"\n"));
        done.lines = lines;
        Some(done)
    }
}

#[cfg(test)]
#[path = "end_tests.rs"]
mod tests;
