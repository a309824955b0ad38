//! What a gateway hears.
//!
//! [`observation`] is what every source yields.

pub mod observation;
