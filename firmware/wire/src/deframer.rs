//! From a stream of bytes to messages, whatever the bytes.

use crate::frame::{self, MAX_ON_LINE, Message};
use core::marker::PhantomData;

pub use crate::frame::Bad;

/// Collects bytes until a delimiter. What is no message is told, and the next delimiter begins anew; no bytes stop it,
/// make it panic, or make it grow.
#[derive(Clone, Debug)]
pub struct Deframer<M> {
    buffer: [u8; MAX_ON_LINE],
    /// Bytes since the last delimiter, also those that did not fit.
    len: usize,
    message: PhantomData<M>,
}

impl<M: Message> Deframer<M> {
    /// At the beginning of a line.
    pub const fn new() -> Self {
        Self { buffer: [0; MAX_ON_LINE], len: 0, message: PhantomData }
    }

    /// Takes the next byte; the message that it ends, if it does.
    pub fn push(&mut self, byte: u8) -> Option<Result<M, Bad>> {
        if byte != 0 {
            if let Some(place) = self.buffer.get_mut(self.len) {
                *place = byte;
            }
            self.len = self.len.saturating_add(1);
            return None;
        }
        let len = core::mem::take(&mut self.len);
        match self.buffer.get_mut(..len) {
            Some([]) => None,
            Some(stuffed) => Some(frame::decode(stuffed)),
            None => Some(Err(Bad::TooLong)),
        }
    }

    /// The line was cut: what came is half a frame. Whether there was any.
    pub fn cut(&mut self) -> bool {
        core::mem::take(&mut self.len) > 0
    }
}

impl<M: Message> Default for Deframer<M> {
    fn default() -> Self {
        Self::new()
    }
}
