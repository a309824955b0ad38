//! A small file of tokens with three numbers each, as text with a checksum: a first line that says what it is, a line for
//! each token (`<32 hex digits> <n> <n> <n>`, by token), and `check <first 64 bits of BLAKE3 over the lines before>`.

use std::collections::BTreeMap;

/// The text of a file.
pub(super) fn text(title: &str, rows: impl Iterator<Item = (u128, [i32; 3])>) -> String {
    let mut text = String::from(title);
    for (token, [a, b, c]) in rows {
        text.push_str(&format!("{token:032x} {a} {b} {c}\n"));
    }
    let check = blake3::hash(text.as_bytes());
    text.push_str(&format!("check {}\n", &check.to_hex()[..16]));
    text
}

/// What a file holds; `None`: it is damaged, or another.
pub(super) fn parse(title: &str, written: &str) -> Option<BTreeMap<u128, [i32; 3]>> {
    let body = written.strip_prefix(title)?;
    let mut rows = BTreeMap::new();
    for line in body.lines().take_while(|l| !l.starts_with("check ")) {
        let mut fields = line.split(' ');
        let token = u128::from_str_radix(fields.next()?, 16).ok()?;
        let mut number = || fields.next()?.parse().ok();
        rows.insert(token, [number()?, number()?, number()?]);
    }
    (text(title, rows.iter().map(|(token, row)| (*token, *row))) == written).then_some(rows)
}
