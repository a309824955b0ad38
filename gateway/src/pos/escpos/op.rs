//! What commands mean to a reader of the text, whatever their bytes.

/// What a command does to the paper, as far as a reader of the text cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// LF: prints the line.
    LineFeed,
    /// CR: nothing on most printers, a line feed on some.
    CarriageReturn,
    /// HT: to the next tab stop.
    Tab,
    /// FF, `ESC FF`: ends the line (or the page of page mode).
    FormFeed,
    /// CAN: drops what page mode has not printed; no effect on lines.
    Cancel,
    /// `ESC @`: everything as at power-up.
    Init,
    /// `ESC t`: the code page of bytes 0x80…0xFF, by the printer's own number.
    CodePage(u8),
    /// `ESC R`: the national variant of 12 ASCII characters.
    International(u8),
    /// `FS &`, `FS .`: double-byte characters on, off.
    Chinese(bool),
    /// `FS C`: Japanese text is in JIS, and double-byte only after `FS &`; or in Shift_JIS, whatever `FS &` says.
    ShiftJis(bool),
    /// `FS ( C`, function 48: text is UTF-8, or in the printer's pages again.
    Utf8(bool),
    /// `ESC !`: font (bit 0) and double width (bit 5) at once.
    PrintMode(u8),
    /// `GS !`, `SO`, `DC4`, `ESC W`, …: characters this many times as wide, 1…8.
    Width(u8),
    /// `FS W`, `FS !`: double-byte characters twice as wide.
    ChineseWide(bool),
    /// `ESC M`: 0 = A (12 dots a column), others = B (9 dots).
    Font(u8),
    /// `ESC $`: position from the left margin, dots.
    Absolute(u16),
    /// `ESC \`: position from here, dots.
    Relative(i16),
    /// `ESC D`: the tab stops.
    Tabs(Tabs),
    /// `GS L`: left margin, dots.
    LeftMargin(u16),
    /// `GS W`: width of the printing area, dots.
    AreaWidth(u16),
    /// `ESC d`: prints the line and feeds this many lines.
    Feed(u8),
    /// `ESC J`, …: prints the line and feeds some dots.
    FeedDots,
    /// `ESC L`, `ESC S`: page mode, where text is set in a rectangle, begins or ends.
    PageMode(bool),
    /// `GS $`, `GS \`: vertical position, in page mode only.
    Vertical,
    /// The paper is cut.
    Cut,
    /// The cash drawer is opened.
    Drawer,
    /// The till asks how the printer is, and waits for the answer.
    Asks(Asks),
    /// Understood, and nothing of it shows in the text (bold, line spacing, status requests, …).
    Other,
}

/// What a till asks of a printer's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// `DLE EOT n`: 1 printer, 2 cause of being offline, 3 error, 4 paper.
    Now(u8),
    /// `GS r n`: 1 paper, 2 drawer.
    State(u8),
    /// `ESC v`: paper.
    Paper,
}

/// Tab stops in columns, ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tabs {
    stops: [u8; 32],
    len: u8,
}

impl Tabs {
    /// Every eight columns: how printers power up.
    pub const POWER_UP: Self = {
        let mut stops = [0; 32];
        let mut i = 0;
        while i < 31 {
            stops[i] = (i as u8 + 1) * 8;
            i += 1;
        }
        Self { stops, len: 31 }
    };

    /// None: HT does nothing.
    pub const NONE: Self = Self { stops: [0; 32], len: 0 };

    /// Adds a stop; false when there are 32, or it is not beyond the last one.
    pub fn push(&mut self, stop: u8) -> bool {
        let fits = self.len < 32 && stop > self.stops().last().copied().unwrap_or(0);
        if fits {
            self.stops[usize::from(self.len)] = stop;
            self.len += 1;
        }
        fits
    }

    /// The stops in force.
    pub fn stops(&self) -> &[u8] {
        self.stops.get(..usize::from(self.len)).unwrap_or(&self.stops)
    }
}

/// Barcodes: those with their data in the stream, not as an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Symbol {
    /// One-dimensional, any kind.
    Barcode,
    /// QR code.
    Qr,
    /// PDF417, Aztec, DataMatrix, …
    Other,
}
