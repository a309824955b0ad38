//! The demo.

#[cfg(feature = "embedded-broker")]
pub mod broker;
pub mod day;
pub mod site;
pub mod summary;
pub mod write;

pub use site::CONSENTED;
