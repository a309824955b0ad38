//! What a till says: receipts as they are printed, pushed or dropped as files.

pub mod escpos;
