//! Hunts for what must not be there: addresses, network names, member and card numbers, in the spellings in
//! which they could leak.
//!
//! A leak in a spelling not listed in [`Hunt::address`] would not be found; nor would one that a storage
//! engine has cut in two.
//!
//! Stands alone: tests of other crates include this file.

use anyhow::{Context, Result};
use std::collections::HashMap;
use std::path::Path;

/// Patterns to look for. All have at least four bytes: the first four are the key of the search.
#[derive(Default)]
pub struct Hunt {
    patterns: HashMap<[u8; 4], Vec<(Vec<u8>, String)>>,
    count: usize,
}

impl Hunt {
    /// An address: raw, hexadecimal without separator and with `:` `-` `.`, both cases, as a number; all
    /// of it in both byte orders.
    pub fn address(&mut self, address: [u8; 6]) {
        let mut reversed = address;
        reversed.reverse();
        for (order, bytes) in [("", address), (" reversed", reversed)] {
            let name = |how: &str| format!("address {}{order}, {how}", spell(&address, ":"));
            self.pattern(bytes.to_vec(), name("raw"));
            for separator in ["", ":", "-"] {
                let hex = spell(&bytes, separator);
                self.pattern(hex.to_uppercase().into_bytes(), name("upper-case hexadecimal"));
                self.pattern(hex.into_bytes(), name("hexadecimal"));
            }
            let [a, b, c, d, e, f] = bytes;
            let dotted = format!("{a:02x}{b:02x}.{c:02x}{d:02x}.{e:02x}{f:02x}");
            self.pattern(dotted.into_bytes(), name("dotted hexadecimal"));
            let number = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
            self.pattern(number.to_string().into_bytes(), name("decimal"));
            let list = bytes.map(|b| b.to_string());
            self.pattern(list.join(", ").into_bytes(), name("as a list"));
            self.pattern(list.join(",").into_bytes(), name("as a list"));
        }
    }

    /// A text: as it is, and in hexadecimal of both cases.
    pub fn text(&mut self, text: &str) {
        self.pattern(text.as_bytes().to_vec(), format!("text {text}"));
        let hex = spell(text.as_bytes(), "");
        self.pattern(hex.to_uppercase().into_bytes(), format!("text {text}, hexadecimal"));
        self.pattern(hex.into_bytes(), format!("text {text}, hexadecimal"));
    }

    /// A number of 128 bits (pseudonym, visit, member token): raw in both byte orders, hexadecimal of both cases.
    pub fn number(&mut self, number: u128) {
        for (order, bytes) in [("big-endian", number.to_be_bytes()), ("little-endian", number.to_le_bytes())]
        {
            self.pattern(bytes.to_vec(), format!("number {number:032x}, {order}"));
        }
        let hex = format!("{number:032x}");
        self.pattern(hex.to_uppercase().into_bytes(), format!("number {hex}, upper-case hexadecimal"));
        self.pattern(hex.clone().into_bytes(), format!("number {hex}, hexadecimal"));
    }

    /// How many patterns are looked for.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What was found in these bytes, at most ten, each with its position.
    pub fn search(&self, bytes: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        for (at, window) in bytes.windows(4).enumerate() {
            let key: [u8; 4] = window.try_into().expect("windows of four");
            for (pattern, name) in self.patterns.get(&key).into_iter().flatten() {
                if bytes[at..].starts_with(pattern) {
                    found.push(format!("{name}, at byte {at}"));
                    if found.len() == 10 {
                        return found;
                    }
                }
            }
        }
        found
    }

    /// What was found in the files below a folder, names included; and how many bytes were searched.
    pub fn search_folder(&self, folder: &Path) -> Result<(Vec<String>, u64)> {
        let (mut found, mut searched) = (Vec::new(), 0);
        for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            let in_name = self.search(path.as_os_str().as_encoded_bytes());
            found.extend(in_name.into_iter().map(|f| format!("name {}: {f}", path.display())));
            if path.is_dir() {
                let (below, bytes) = self.search_folder(&path)?;
                found.extend(below);
                searched += bytes;
            } else {
                let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
                searched += bytes.len() as u64;
                found.extend(self.search(&bytes).into_iter().map(|f| format!("{}: {f}", path.display())));
            }
        }
        Ok((found, searched))
    }

    fn pattern(&mut self, bytes: Vec<u8>, name: String) {
        let key = bytes.first_chunk::<4>().expect("patterns have at least four bytes");
        self.patterns.entry(*key).or_default().push((bytes, name));
        self.count += 1;
    }
}

fn spell(bytes: &[u8], separator: &str) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hunt() -> Hunt {
        let mut hunt = Hunt::default();
        hunt.address([0x02, 0xab, 0xcd, 0xef, 0x01, 0x9f]);
        hunt.text("canary-network-001");
        hunt
    }

    #[test]
    fn every_spelling_is_found() {
        for leak in [
            &b"\x00\x02\xab\xcd\xef\x01\x9f\x00"[..],
            b"\x9f\x01\xef\xcd\xab\x02",
            b"addr=02:ab:cd:ef:01:9f",
            b"02-AB-CD-EF-01-9F",
            b"02abcdef019f",
            b"9F01EFCDAB02",
            b"02ab.cdef.019f",
            b"MacAddr([2, 171, 205, 239, 1, 159])",
            b"2936917655967",
            b"ssid canary-network-001 heard",
            b"63616e6172792d6e6574776f726b2d303031",
        ] {
            assert!(!hunt().search(leak).is_empty(), "{}", String::from_utf8_lossy(leak));
        }
    }

    #[test]
    fn numbers_are_found_in_both_orders() {
        let mut hunt = Hunt::default();
        hunt.number(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
        for leak in [
            &b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"[..],
            b"\xff\xee\xdd\xcc\xbb\xaa\x99\x88\x77\x66\x55\x44\x33\x22\x11\x00",
            b"00112233445566778899aabbccddeeff",
            b"00112233445566778899AABBCCDDEEFF",
        ] {
            assert_eq!(hunt.search(leak).len(), 1);
        }
    }

    #[test]
    fn what_only_resembles_is_not_found() {
        assert_eq!(hunt().search(b"02:ab:cd:ef:01:9e canary-network-002 \x02\xab\xcd\xef\x01"), [""; 0]);
    }

    #[test]
    fn files_in_folders_and_their_names_are_searched() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("db")).unwrap();
        std::fs::write(dir.path().join("db/blob"), b"..02abcdef019f..").unwrap();
        std::fs::write(dir.path().join("02abcdef019f"), b"clean").unwrap();
        let (found, searched) = hunt().search_folder(dir.path()).unwrap();
        assert_eq!((found.len(), searched), (2, 21), "{found:?}");
    }
}
