//! A reader that fails when one event of a document takes more bytes than it may.

use std::io::{self, BufRead, Read};

pub(super) struct Limited<R> {
    inner: R,
    limit: usize,
    left: usize,
}

impl<R> Limited<R> {
    pub(super) fn new(inner: R, limit: usize) -> Self {
        Self { inner, limit, left: limit }
    }

    /// A new event begins.
    pub(super) fn begin(&mut self) {
        self.left = self.limit;
    }
}

impl<R: BufRead> BufRead for Limited<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let bytes = self.inner.fill_buf()?;
        if self.left == 0 && !bytes.is_empty() {
            let what = format!("one element, text or comment is longer than {} bytes", self.limit);
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(&bytes[..bytes.len().min(self.left)])
    }

    fn consume(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount);
        self.inner.consume(amount);
    }
}

impl<R: BufRead> Read for Limited<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut ready = self.fill_buf()?;
        let read = ready.read(out)?;
        self.consume(read);
        Ok(read)
    }
}
