//! ESC/POS, the language of receipt printers: from the bytes on the printer's line to the lines a person reads.
//!
//! Three steps, each usable alone and none with a clock or I/O:
//!
//! 1. [`tokens`] cuts the byte stream into text, commands and payloads, over any chunking. It decodes no
//!    character: no GB18030, Big5, Shift-JIS or EUC-KR character holds a byte below 0x20, so commands and text
//!    separate without knowing the encoding. What each command looks like, by dialect: [`table`].
//! 2. [`render`] keeps the printer's state (code page, Chinese mode, width, position; [`pages`]) and prints the
//!    tokens on a strip of paper made of character columns.
//! 3. [`end`] decides where one receipt stops and the next begins. [`end::Receipts`] joins all three: bytes in,
//!    [`end::Printed`] out.
//!
//! Sources: Epson's ESC/POS command reference; Star's line mode command specification; what Bematech, Daruma,
//! Elgin/Sweda and Diebold printers are sent by public drivers.

pub mod dialects;
pub mod end;
pub mod op;
pub mod pages;
pub mod render;
pub mod table;
pub mod tokens;

pub use end::{Printed, Receipts};
pub use op::Op;
pub use render::Printer;
pub use table::Dialect;
pub use tokens::{Token, Tokeniser};
