//! The demo.

#[cfg(feature = "embedded-broker")]
pub mod broker;
pub mod day;
pub mod print;
pub mod site;
pub mod write;

pub use site::CONSENTED;
