//! The contract as `docs/schema/v1` has it, carried in the program.
//!
//! The files are made from the types that are serialised ([`asyncapi`](super::asyncapi)); a test holds one against the
//! other. The generator itself would take twenty times their room in the program.

use std::io::Read;

/// A file of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Path below the contract's folder, with `/`.
    pub path: String,
    /// Content, ending with a line break.
    pub text: String,
}

/// All files of the contract, in the order of their paths.
pub fn documents() -> Vec<Document> {
    let packed: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/contract.deflate"));
    let mut text = String::new();
    flate2::read::DeflateDecoder::new(packed)
        .read_to_string(&mut text)
        .expect("what the build packed is whole, and was UTF-8");
    let mut parts = text.split_terminator('\0').map(str::to_owned);
    std::iter::from_fn(|| Some(Document { path: parts.next()?, text: parts.next()? })).collect()
}
