//! The printer: tokens to the lines a person sees on the paper.
//!
//! The paper is a grid of columns of 12 dots (font A; 9 in font B). A line keeps what stands in each column, so
//! that positions (`ESC $`, tabs) and overprinting work as on paper; a new line begins at LF, a feed, an image, a
//! code, and where the next character no longer fits (the printer's wrap). What is kept and what is not:
//!
//! - A line has no trailing blanks; a gap of any height is one empty line; nothing is empty at the ends.
//! - Double width counts its columns, but the text stays text: `Total`, not `T o t a l`.
//! - Alignment (`ESC a`) is ignored: it moves a whole line and tells nothing about it.
//! - Barcodes and QR codes with their data in the stream are lines of their own, `[BARCODE …]`, `[QR …]`,
//!   `[CODE …]`: they often hold the receipt's number. Images leave nothing.
//! - What cannot be decoded is U+FFFD, and counted.

use super::op::{Op, Symbol, Tabs};
use super::pages::{MultiByte, Page, international};
use super::table::Dialect;
use super::tokens::Token;

/// A printer as a till's settings describe it.
#[derive(Clone, Debug)]
pub struct Printer {
    /// Whose commands.
    pub dialect: Dialect,
    /// Columns of font A: 48 on 80 mm paper, 32 on 58 mm, 42 on many an Epson. At least 1.
    pub columns: u8,
    /// The double-byte encoding of its fonts, if it has any.
    pub multi_byte: Option<MultiByte>,
    /// Double-byte mode is on at power-up, without `FS &`: as printers sold in China are.
    pub multi_byte_at_power_up: bool,
    /// The single-byte page at power-up.
    pub page: Page,
    /// Pages by number where this printer differs from its dialect.
    pub pages: Vec<(u8, Page)>,
    /// CR ends the line (a switch of the printer); a LF right after it is part of it.
    pub cr_is_line_feed: bool,
}

impl Default for Printer {
    /// An 80 mm printer as sold in mainland China.
    fn default() -> Self {
        Self {
            dialect: Dialect::Epson,
            columns: 48,
            multi_byte: Some(MultiByte::Gb18030),
            multi_byte_at_power_up: true,
            page: Page::Oem(&oem_cp::code_table::DECODING_TABLE_CP437),
            pages: Vec::new(),
            cr_is_line_feed: false,
        }
    }
}

/// What could not be shown as it was meant. All only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Characters that are none in the encoding in force.
    pub undecodable: u64,
    /// Code pages selected that are not known; their upper halves are undecodable.
    pub unknown_pages: u64,
    /// Lines that ended because the next character no longer fitted.
    pub wrapped: u64,
}

/// See the module. [`put`](Self::put) tokens, then [`take`](Self::take) the lines.
#[derive(Debug)]
pub struct Renderer {
    printer: Printer,
    /// What `ESC @` resets.
    set: State,
    /// One entry a column from the paper's left edge; NUL where a wide character continues.
    line: Vec<char>,
    /// Columns from the left margin.
    cursor: usize,
    /// The bytes of an unfinished character.
    partial: Vec<u8>,
    after_cr: bool,
    lines: Vec<String>,
    gap: bool,
    text: bool,
    losses: Losses,
}

#[derive(Debug)]
struct State {
    page: [char; 128],
    multi_byte: Option<MultiByte>,
    /// The double-byte font that `FS &` switches on.
    font: Option<MultiByte>,
    shift_jis: bool,
    national: u8,
    width: u8,
    chinese_wide: bool,
    font_b: bool,
    tabs: Tabs,
    margin_dots: u16,
    area_dots: Option<u16>,
    page_mode: bool,
}

/// Dots a column of font A, of font B.
const FONT_DOTS: (usize, usize) = (12, 9);

impl Renderer {
    /// Paper at its beginning, in a printer at power-up.
    pub fn new(printer: Printer) -> Self {
        let set = State::power_up(&printer);
        Self {
            printer,
            set,
            line: Vec::new(),
            cursor: 0,
            partial: Vec::new(),
            after_cr: false,
            lines: Vec::new(),
            gap: false,
            text: false,
            losses: Losses::default(),
        }
    }

    /// Prints a token.
    pub fn put(&mut self, token: Token<'_>) {
        let after_cr = core::mem::take(&mut self.after_cr);
        match token {
            Token::Text(bytes) => self.bytes(bytes),
            Token::Op(op) => {
                self.finish_character();
                self.op(op, after_cr);
            }
            Token::Image(image) => {
                self.finish_character();
                if image.printed {
                    self.end_line(false);
                }
            }
            Token::Symbol { kind, data } => {
                self.finish_character();
                self.symbol(kind, data);
            }
            Token::Junk(_) => self.finish_character(),
        }
    }

    /// Ends the line and takes what is on the paper. The printer keeps its settings.
    pub fn take(&mut self) -> Vec<String> {
        self.finish_character();
        self.end_line(false);
        self.gap = false;
        self.text = false;
        core::mem::take(&mut self.lines)
    }

    /// Whether anything but blanks was printed as text since the last [`take`](Self::take).
    pub fn has_text(&self) -> bool {
        self.text
    }

    /// What could not be shown.
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    fn op(&mut self, op: Op, after_cr: bool) {
        match op {
            Op::LineFeed if after_cr && self.printer.cr_is_line_feed => {}
            Op::LineFeed => self.end_line(true),
            Op::CarriageReturn => {
                self.after_cr = true;
                if self.printer.cr_is_line_feed {
                    self.end_line(true);
                }
            }
            Op::Tab => self.tab(),
            Op::FormFeed => {
                self.end_line(false);
                self.set.page_mode = false;
            }
            Op::Init => {
                self.end_line(false);
                self.set = State::power_up(&self.printer);
            }
            Op::CodePage(n) => self.code_page(n),
            Op::International(n) => self.set.national = n,
            // a printer in Shift_JIS needs no mode for it, and cannot be talked out of it
            Op::Chinese(_) if self.set.shift_jis => {}
            Op::Chinese(on) => self.set.multi_byte = self.set.font.filter(|_| on),
            Op::ShiftJis(on) => {
                if matches!(self.printer.multi_byte, Some(MultiByte::ShiftJis | MultiByte::Jis)) {
                    self.set.shift_jis = on;
                    self.set.font = Some(if on { MultiByte::ShiftJis } else { MultiByte::Jis });
                    self.set.multi_byte = self.set.font.filter(|_| on);
                }
            }
            Op::Utf8(true) => self.set.multi_byte = Some(MultiByte::Utf8),
            Op::Utf8(false) => {
                self.set.multi_byte = self.set.font.filter(|_| self.printer.multi_byte_at_power_up);
            }
            Op::PrintMode(n) => {
                self.set.font_b = n & 1 != 0;
                self.set.width = 1 + (n >> 5 & 1);
            }
            Op::Width(n) => self.set.width = n,
            Op::ChineseWide(on) => self.set.chinese_wide = on,
            Op::Font(n) => self.set.font_b = n & 0x0f != 0,
            Op::Absolute(dots) => self.cursor = self.column(i64::from(dots)),
            Op::Relative(dots) => {
                let here = self.cursor * self.dots();
                self.cursor = self.column(here as i64 + i64::from(dots));
            }
            Op::Tabs(tabs) => self.set.tabs = tabs,
            Op::LeftMargin(dots) => self.set.margin_dots = dots,
            Op::AreaWidth(dots) => self.set.area_dots = Some(dots),
            Op::Feed(n) => {
                self.end_line(n > 0);
                self.gap |= n > 1;
            }
            Op::FeedDots | Op::Cut => self.end_line(false),
            Op::PageMode(on) => self.set.page_mode = on,
            Op::Vertical if self.set.page_mode => self.end_line(false),
            Op::Vertical | Op::Cancel | Op::Drawer | Op::Asks(_) | Op::Other => {}
        }
    }

    fn code_page(&mut self, n: u8) {
        let own = self.printer.pages.iter().find(|(number, _)| *number == n).map(|(_, page)| *page);
        match own.or_else(|| Page::numbered(self.printer.dialect, n)) {
            Some(Page::Multi(multi)) => self.set.multi_byte = Some(multi),
            Some(page) => {
                self.set.page = page.table();
                // a page of bytes ends an encoding that another page began, not the printer's own mode
                if self.set.multi_byte != self.set.font {
                    self.set.multi_byte = None;
                }
            }
            None => {
                self.losses.unknown_pages += 1;
                self.set.page = [char::REPLACEMENT_CHARACTER; 128];
            }
        }
    }

    /// Text in the encoding in force; a character may go on in the next call.
    fn bytes(&mut self, bytes: &[u8]) {
        let Some(multi) = self.set.multi_byte else {
            return bytes.iter().for_each(|b| self.single(*b));
        };
        let mut rest = bytes;
        // at most three bytes wait, and one character has at most four
        while let (false, [next, tail @ ..]) = (self.partial.is_empty(), rest) {
            self.partial.push(*next);
            rest = tail;
            let mut waiting = core::mem::take(&mut self.partial);
            let mut at = 0;
            while let Some(len) = waiting.get(at..).filter(|w| !w.is_empty()).and_then(|w| multi.char_len(w))
            {
                self.character(multi, &waiting[at..at + len]);
                at += len;
            }
            waiting.drain(..at);
            self.partial = waiting;
        }
        while !rest.is_empty() {
            let Some(len) = multi.char_len(rest) else {
                self.partial.extend_from_slice(rest);
                return;
            };
            let (one, tail) = rest.split_at(len);
            self.character(multi, one);
            rest = tail;
        }
    }

    /// A command in the middle of a character: what there is of it, byte by byte.
    fn finish_character(&mut self) {
        let Some(multi) = self.set.multi_byte else { return };
        let waiting = core::mem::take(&mut self.partial);
        waiting.iter().for_each(|b| self.character(multi, core::slice::from_ref(b)));
    }

    fn character(&mut self, multi: MultiByte, bytes: &[u8]) {
        match bytes {
            [ascii @ 0..=0x7f] => self.single(*ascii),
            _ => {
                let c = multi.decode(bytes).unwrap_or(char::REPLACEMENT_CHARACTER);
                self.losses.undecodable += u64::from(c == char::REPLACEMENT_CHARACTER);
                let columns = multi.columns(bytes.len(), c);
                let width = if self.set.chinese_wide && columns == 2 { 2 } else { self.set.width };
                self.glyph(c, columns * usize::from(width));
            }
        }
    }

    fn single(&mut self, byte: u8) {
        let mut c = match byte {
            0..=0x7f => char::from(byte),
            _ => self.set.page[usize::from(byte & 0x7f)],
        };
        if self.set.national != 0 {
            c = international(self.set.national, c);
        }
        self.losses.undecodable += u64::from(c == char::REPLACEMENT_CHARACTER);
        self.glyph(c, usize::from(self.set.width));
    }

    /// Puts a character on the paper, `columns` wide.
    fn glyph(&mut self, c: char, columns: usize) {
        let area = self.area();
        let columns = columns.min(area);
        if self.cursor + columns > area {
            self.losses.wrapped += 1;
            self.end_line(true);
        }
        let from = self.margin() + self.cursor;
        let to = from + columns;
        self.cursor += columns;
        // U+00A0 and the ideographic space are blanks, too
        let blank = c.is_whitespace();
        self.text |= !blank;
        if from == self.line.len() {
            self.line.push(c);
        } else {
            if self.line.len() < to {
                self.line.resize(to, ' ');
            }
            if blank && self.line[from..to].iter().any(|old| *old != ' ') {
                return; // a blank leaves what is under it
            }
            self.clear(from, to);
            self.line[from] = c;
        }
        self.line.resize(self.line.len().max(to), '\0');
        self.line[from + 1..to].fill('\0');
    }

    /// Removes the wide characters that columns `from..to` cut in two.
    fn clear(&mut self, from: usize, to: usize) {
        let mut at = from;
        while at > 0 && self.line[at] == '\0' {
            self.line[at] = ' ';
            at -= 1;
            if self.line[at] != '\0' {
                self.line[at] = ' ';
                break;
            }
        }
        self.line.iter_mut().skip(to).take_while(|c| **c == '\0').for_each(|c| *c = ' ');
    }

    /// Ends the line. `feeds`: an empty one shows as a gap.
    fn end_line(&mut self, feeds: bool) {
        self.cursor = 0;
        let line: String = self.line.drain(..).filter(|c| *c != '\0').collect();
        let line = line.trim_end();
        if line.is_empty() {
            self.gap |= feeds;
        } else {
            self.push(line.to_owned());
        }
    }

    fn push(&mut self, line: String) {
        if core::mem::take(&mut self.gap) && !self.lines.is_empty() {
            self.lines.push(String::new());
        }
        self.lines.push(line);
    }

    fn symbol(&mut self, kind: Symbol, data: &[u8]) {
        self.end_line(false);
        let name = match kind {
            Symbol::Barcode => "BARCODE",
            Symbol::Qr => "QR",
            Symbol::Other => "CODE",
        };
        // some drivers count their own NUL or line feed into the data
        let data = String::from_utf8_lossy(data);
        let data = data.trim_end_matches(|c: char| c.is_control());
        let data: String = data.chars().map(|c| if c.is_control() { '.' } else { c }).collect();
        self.push(format!("[{name} {data}]"));
    }

    fn tab(&mut self) {
        let area = self.area();
        let next = self.set.tabs.stops().iter().map(|s| usize::from(*s)).find(|s| *s > self.cursor);
        if let Some(next) = next {
            self.cursor = next.min(area);
        }
    }

    /// The column nearest to a position in dots; inside the area.
    fn column(&self, dots: i64) -> usize {
        let width = self.dots();
        let dots = usize::try_from(dots.max(0)).unwrap_or(0);
        ((dots + width / 2) / width).min(self.area())
    }

    fn dots(&self) -> usize {
        if self.set.font_b { FONT_DOTS.1 } else { FONT_DOTS.0 }
    }

    fn margin(&self) -> usize {
        usize::from(self.set.margin_dots).min(self.paper_dots() - self.dots()) / self.dots()
    }

    /// Columns between the margins: never none.
    fn area(&self) -> usize {
        let paper = self.paper_dots() / self.dots();
        let right = paper.saturating_sub(self.margin()).max(1);
        match self.set.area_dots {
            Some(dots) => right.min((usize::from(dots) / self.dots()).max(1)),
            None => right,
        }
    }

    fn paper_dots(&self) -> usize {
        usize::from(self.printer.columns.max(1)) * FONT_DOTS.0
    }
}

impl State {
    fn power_up(printer: &Printer) -> Self {
        Self {
            page: printer.page.table(),
            multi_byte: printer.multi_byte.filter(|_| printer.multi_byte_at_power_up),
            font: printer.multi_byte,
            shift_jis: false,
            national: 0,
            width: 1,
            chinese_wide: false,
            font_b: false,
            tabs: Tabs::POWER_UP,
            margin_dots: 0,
            area_dots: None,
            page_mode: false,
        }
    }
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
