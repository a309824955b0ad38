//! A connection whose other end stopped reading does not stay for ever.

use std::future::Future;
use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// A stream that fails when a write has waited for too long.
pub(super) struct Stuck<F> {
    stream: TcpStream,
    limit: Duration,
    waits: Option<Pin<Box<Sleep>>>,
    told: F,
}

impl<F: Fn() + Unpin> Stuck<F> {
    /// `told` is called when it fails so.
    pub(super) fn new(stream: TcpStream, limit: Duration, told: F) -> Self {
        Self { stream, limit, waits: None, told }
    }

    fn watch<T>(&mut self, cx: &mut Context<'_>, poll: Poll<std::io::Result<T>>) -> Poll<std::io::Result<T>> {
        if poll.is_ready() {
            self.waits = None;
            return poll;
        }
        let limit = self.limit;
        let waits = self.waits.get_or_insert_with(|| Box::pin(sleep(limit)));
        if waits.as_mut().poll(cx).is_ready() {
            // Asked again, it fails again at once.
            waits.as_mut().reset(Instant::now());
            (self.told)();
            return Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the other end does not read")));
        }
        Poll::Pending
    }
}

impl<F: Fn() + Unpin> AsyncRead for Stuck<F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<F: Fn() + Unpin> AsyncWrite for Stuck<F> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
