//! The commissioning walk: reading it, judging the installation by it, and drawing it.
//!
//! [`read`] turns a labelled walk into scans; [`Assessment`] says what to expect of a calibration made of them, by
//! leaving parts of the walk out; [`picture`] draws it.

mod read;

pub use read::{Walk, WalkError, labelled, mark, of_phone};
