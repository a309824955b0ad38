//! What a person at a terminal sees of a site, over MQTT: `edge-agent watch` and `edge-agent tail`.
//!
//! - [`listen`]: one subscription, over and over, as a stream of [`Heard`].
//! - [`Model`]: what was heard, bounded, and what is true of it: pure, time is an argument.
//! - [`gateway`], [`flow`]: what one gateway, one place says, read with tolerance: fields may be added and missing.
//! - [`json`]: the same for scripts.
//! - [`screen`]: the same for eyes, drawn into a buffer; [`app`]: the terminal, its keys and its end.
//!
//! Everything that comes from the broker could have been written by anybody who may publish: it is bounded, cleaned
//! ([`crate::lines::text`]) and, where it is no message of ours, counted.

pub mod app;
pub mod flow;
pub mod gateway;
mod intake;
pub mod json;
pub mod listen;
pub mod model;
pub mod screen;
pub mod tail;

pub use listen::{Heard, Wanted};
pub use model::{Broker, Counts, Filter, Model, Receipts, Row};

#[cfg(test)]
mod tests;
