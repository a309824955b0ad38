//! The demo.

pub mod day;
pub mod print;
pub mod site;

pub use site::CONSENTED;
