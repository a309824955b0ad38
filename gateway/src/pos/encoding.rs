//! UTF-8 out of what tills and their software write: UTF-8, UTF-16, GB18030 (and so GBK), Big5, Shift-JIS …
//!
//! A byte order mark decides; then what the caller says; then whether the first bytes are UTF-8. Bytes that the
//! encoding does not have become U+FFFD. Memory is two buffers, whatever the length of the stream.

use encoding_rs::{Decoder, Encoding, GB18030, UTF_8};
use std::io::{self, BufRead, Read};

/// Bytes from wherever they come. Asked for more every few kilobytes only: one reader for all costs no time, and one for
/// each would be a copy of its parser for each.
pub type AnyBytes<'a> = Box<dyn BufRead + Send + 'a>;

/// The bytes of a stream in UTF-8, without a byte order mark.
pub struct Utf8<R> {
    inner: R,
    decoder: Decoder,
    name: &'static str,
    out: Box<[u8]>,
    from: usize,
    to: usize,
    ended: bool,
}

/// Bytes decoded at a time.
const CHUNK: usize = 8 << 10;

impl<R: BufRead> Utf8<R> {
    /// `label`: a name of the WHATWG encoding standard (`gb18030`, `gbk`, `big5`, `utf-8` …); an unknown one is
    /// an error. Without a label and a byte order mark: UTF-8 where the first bytes are, else GB18030.
    pub fn new(mut inner: R, label: Option<&str>) -> io::Result<Self> {
        let start = inner.fill_buf()?;
        let encoding = match (label, Encoding::for_bom(start)) {
            (_, Some((encoding, _))) => encoding,
            (Some(label), None) => Encoding::for_label(label.trim().as_bytes()).ok_or_else(|| {
                let shown: String = label.chars().take(32).collect();
                io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("no encoding {shown:?}; wanted one like utf-8, gb18030, big5"),
                )
            })?,
            (None, None) => guess(start),
        };
        let out = vec![0; CHUNK * 3].into_boxed_slice();
        let decoder = encoding.new_decoder();
        Ok(Self { inner, decoder, name: encoding.name(), out, from: 0, to: 0, ended: false })
    }

    /// The encoding that is read.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl<R: BufRead> BufRead for Utf8<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.from == self.to && !self.ended {
            let bytes = self.inner.fill_buf()?;
            let last = bytes.is_empty();
            let chunk = &bytes[..bytes.len().min(CHUNK)];
            let (_, read, written, _) = self.decoder.decode_to_utf8(chunk, &mut self.out, last);
            self.inner.consume(read);
            (self.from, self.to, self.ended) = (0, written, last);
        }
        Ok(&self.out[self.from..self.to])
    }

    fn consume(&mut self, amount: usize) {
        self.from = (self.from + amount).min(self.to);
    }
}

impl<R: BufRead> Read for Utf8<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut ready = self.fill_buf()?;
        let read = ready.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

/// A character may be cut at the end of what is seen; only an error before that says it is not UTF-8.
fn guess(start: &[u8]) -> &'static Encoding {
    match std::str::from_utf8(start) {
        Err(e) if e.error_len().is_some() => GB18030,
        _ => UTF_8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn read(bytes: &[u8], label: Option<&str>) -> String {
        let mut out = String::new();
        // A small buffer parts characters.
        Utf8::new(BufReader::with_capacity(7, bytes), label).unwrap().read_to_string(&mut out).unwrap();
        out
    }

    #[test]
    fn encodings_are_told_by_mark_label_or_looks() {
        let text = "小票号,金额\n1,￥2.50 合计二元五角整\n";
        let (gb, ..) = GB18030.encode(text);
        assert_eq!(read(text.as_bytes(), None), text);
        assert_eq!(read(&gb, None), text);
        assert_eq!(read(&gb, Some("gbk")), text);
        assert_eq!(read(&[b"\xef\xbb\xbf", text.as_bytes()].concat(), Some("gbk")), text);
        let utf16: Vec<u8> = "\u{feff}金额".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&utf16, None), "金额");
    }

    #[test]
    fn wrong_bytes_become_replacement_characters_and_unknown_labels_errors() {
        assert_eq!(read(b"a\xffb", Some("utf-8")), "a\u{fffd}b");
        assert!(Utf8::new(&b""[..], Some("klingon")).is_err());
    }
}
