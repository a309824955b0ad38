//! Templates: how a tenant's printed receipts are read. TOML that mall IT can write; see `docs/templates.md`.

use super::escpos::end::{Limits, Printed};
use super::escpos::render::Printer;
use super::receipt::{Feed, Receipt};
use super::totals::DayTotals;
use std::time::Duration;

/// A template, checked.
#[derive(Clone, Debug)]
pub struct Template {
    /// The printer.
    pub printer: Printer,
    /// How its receipts are told apart.
    pub limits: Limits,
    /// Silence after which a receipt is complete.
    pub idle: Duration,
}

/// What a printed paper is.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// A receipt; unreadable where neither number nor total was found.
    Receipt(Box<Receipt>),
    /// The totals of a day.
    Totals(DayTotals),
    /// No receipt: a kitchen slip, a handover, a bill before payment. The rule that said so.
    Skipped(String),
}

impl Template {
    /// No template: everything printed is a receipt that cannot be read.
    pub fn none() -> Self {
        Self { printer: Printer::default(), limits: Limits::default(), idle: Duration::from_secs(3) }
    }

    /// Reads a paper.
    pub fn read(&self, printed: &Printed) -> Reading {
        let mut receipt = Receipt { feed: Feed::EscPos, ..Receipt::default() };
        receipt.flags.cut = printed.partial;
        receipt.settle();
        Reading::Receipt(Box::new(receipt))
    }
}
