//! Payment card numbers in texts of receipts are cut to their last four digits.
//!
//! A card number is a run of 13 to 19 digits (ISO/IEC 7812-1) whose Luhn sum is right; single blanks or
//! hyphens between digits, and full-width digits, do not hide it. One other number in ten has a right sum by
//! chance and is cut as well: better than to keep one card.

/// `text` with every card number cut to `****` and four digits.
pub(super) fn truncate_cards(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let (digits, end) = run(&chars, i);
        if (13..=19).contains(&digits.len()) && luhn(&digits) {
            out.push_str("****");
            out.extend(digits[digits.len() - 4..].iter().map(|d| char::from(b'0' + d)));
        } else {
            out.extend(&chars[i..end]);
        }
        i = end;
    }
    out
}

/// The digits of the run that starts at `from`, and where it ends; without a digit there, the next place.
fn run(chars: &[char], from: usize) -> (Vec<u8>, usize) {
    let (mut digits, mut end, mut i) = (Vec::new(), from + 1, from);
    while let Some(&c) = chars.get(i) {
        if let Some(d) = digit(c) {
            digits.push(d);
            end = i + 1;
        } else if digits.is_empty() || !matches!(c, ' ' | '-') || end != i {
            break;
        }
        i += 1;
    }
    (digits, end)
}

fn digit(c: char) -> Option<u8> {
    let full_width = ('０'..='９').contains(&c).then(|| c as u32 - '０' as u32);
    c.to_digit(10).or(full_width).map(|d| d as u8)
}

/// ISO/IEC 7812-1 annex B.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = (digits.iter().rev().enumerate())
        .map(|(i, &d)| match (i % 2, u32::from(d) * 2) {
            (0, _) => u32::from(d),
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn card_numbers_are_cut_however_they_are_written() {
        for (text, cut) in [
            ("4111111111111111", "****1111"),
            ("card 4111 1111 1111 1111 ok", "card ****1111 ok"),
            ("5500-0000-0000-0004", "****0004"),
            ("４１１１１１１１１１１１１１１１", "****1111"),
            ("卡号:6222020200000000006,", "卡号:****0006,"),
        ] {
            assert_eq!(truncate_cards(text), cut, "{text}");
        }
    }

    #[test]
    fn other_numbers_stay() {
        for text in
            ["", "20251121-0001", "4111111111111112", "123456789012", "F2-Z03", "12345678901234567890", "- -"]
        {
            assert_eq!(truncate_cards(text), text);
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_text_without_digits_is_untouched(s in "\\PC{0,60}") {
            let cut = truncate_cards(&s);
            if !s.chars().any(|c| digit(c).is_some()) {
                prop_assert_eq!(cut, s);
            }
        }
    }
}
