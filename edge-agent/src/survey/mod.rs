//! The commissioning walk: reading it, judging the installation by it, and drawing it.
//!
//! [`labelled`] and [`of_phone`] turn walks into scans; [`visit_core::position::Inspection`] judges them; [`Report`] says what
//! was found, by the names of the site map, as JSON and (`text`, `words`) for people; [`picture`] draws it.

mod found;
mod marks;
mod picture;
mod read;
mod report;
mod text;
mod words;

pub use marks::mark;
pub use picture::picture;
pub use read::{Recording, Walk, WalkError, labelled, of_phone};
pub use report::{REPORT_FORMAT, Report};
