//! The demo.

#[cfg(feature = "embedded-broker")]
pub mod broker;
