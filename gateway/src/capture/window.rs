//! A reader's view of the bytes ahead: fill, look, take. Grows to the largest piece asked for and no further.

use std::io::{self, ErrorKind, Read};

const CHUNK: usize = 64 << 10;

pub(crate) struct Window<R> {
    inner: R,
    buf: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
    /// An error that a look ahead ran into: told to whoever gets there.
    deferred: Option<io::Error>,
}

impl<R: Read> Window<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, buf: vec![0; CHUNK], start: 0, end: 0, offset: 0, deferred: None }
    }

    /// Bytes taken since the beginning.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// What is there without reading.
    pub(crate) fn ahead(&self) -> &[u8] {
        &self.buf[self.start..self.end]
    }

    /// The next bytes, up to `n`, without taking them. An error behind the first of them is kept for later.
    pub(crate) fn peek(&mut self, n: usize) -> io::Result<&[u8]> {
        match self.fill(n) {
            Err(e) if self.start == self.end => return Err(e),
            Err(e) => self.deferred = Some(e),
            Ok(_) => {}
        }
        Ok(self.ahead())
    }

    /// Reads until `n` bytes are ahead; `false` when the input ends before.
    #[inline]
    pub(crate) fn fill(&mut self, n: usize) -> io::Result<bool> {
        if self.end - self.start >= n { Ok(true) } else { self.refill(n) }
    }

    #[cold]
    fn refill(&mut self, n: usize) -> io::Result<bool> {
        self.buf.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.buf.len() < n {
            self.buf.resize(n, 0);
        }
        while self.end < n {
            if let Some(e) = self.deferred.take() {
                return Err(e);
            }
            match self.inner.read(&mut self.buf[self.end..]) {
                Ok(0) => return Ok(false),
                // A reader that claims more than the buffer holds must not become our panic.
                Ok(read) => self.end = (self.end + read).min(self.buf.len()),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }

    /// Takes up to `n` of the bytes ahead; they stay readable until the next `fill`.
    #[inline]
    pub(crate) fn cut(&mut self, n: usize) -> &[u8] {
        let n = n.min(self.end - self.start);
        self.start += n;
        self.offset += n as u64;
        &self.buf[self.start - n..self.start]
    }

    /// Passes over `n` bytes; `false` when the input ends before.
    pub(crate) fn skip(&mut self, mut n: u64) -> io::Result<bool> {
        loop {
            let ahead = (self.end - self.start) as u64;
            let step = ahead.min(n);
            self.cut(step as usize);
            n -= step;
            if n == 0 {
                return Ok(true);
            }
            if !self.fill(1)? {
                return Ok(false);
            }
        }
    }
}

/// What is ahead first, then the rest of the input: for a decoder on top of bytes that were looked at.
impl<R: Read> Read for Window<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if !out.is_empty() && !self.fill(1)? {
            return Ok(0);
        }
        let taken = self.cut(out.len());
        out[..taken.len()].copy_from_slice(taken);
        Ok(taken.len())
    }
}

impl<R: Read> io::BufRead for Window<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.fill(1)?;
        Ok(self.ahead())
    }

    fn consume(&mut self, n: usize) {
        self.cut(n);
    }
}
