//! What a till says: receipts as they are printed, pushed or dropped as files.
//!
//! [`escpos`] turns the bytes a till sends to its printer into the lines a person reads. A feed of data becomes
//! [`receipt::Receipt`]s: [`poslog`] (ARTS/OMG POSLog 2.x and 6), [`push`] (JSON: the malls' `postsalescreate` and
//! our own), [`table`] (CSV and JSON lines of a drop folder). Amounts are decimals on the wire and integer minor
//! units inside ([`money`]); times without an offset are the site's ([`when`]). Printed receipts are
//! read with a [`template`]; [`content`] tells a revision of a receipt from a copy of it.
//!
//! Free texts lose card and phone numbers here, in the parser ([`digits`]): nothing after it has to.

pub mod aliases;
pub mod content;
pub mod digits;
pub mod encoding;
pub mod escpos;
pub mod money;
pub mod poslog;
pub mod push;
pub mod receipt;
pub mod skew;
pub mod table;
pub mod template;
pub mod totals;
pub mod when;
