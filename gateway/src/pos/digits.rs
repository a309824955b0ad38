//! Card and phone numbers in texts of receipts are cut.
//!
//! A card number is a run of 13 to 19 digits (ISO/IEC 7812-1) whose Luhn sum is right; it keeps its last four.
//! Full-width digits do not hide it, nor zeros before it, nor single blanks or hyphens where cards have them (groups of
//! one length, 4-6-5, 6-13 …). One other number in ten has a right sum by chance and is cut as well: better than to
//! keep one card. Receipts' numbers are often parted otherwise (0123-01-20251121-0045), and stay.
//!
//! A phone number is a mainland Chinese mobile number: eleven digits that begin with 13 to 19, alone or after
//! +86 or 0086. It keeps its first three and last four digits (138****0500). Receipt numbers may look like one,
//! so phones are cut in free texts ([`cut_free_text`]) and not in the fields that identify a receipt.

use std::ops::Range;

/// A free text (an item's name, a note) without card and phone numbers.
pub fn cut_free_text(text: &str) -> String {
    // Most texts have no such run; they are copied as they are.
    if text.chars().filter(|c| digit(*c).is_some()).count() < PHONE_DIGITS {
        return text.to_owned();
    }
    cut(text, true)
}

/// `text` with every card number cut to `****` and four digits.
pub fn truncate_cards(text: &str) -> String {
    cut(text, false)
}

const PHONE_DIGITS: usize = 11;

fn cut(text: &str, phones: bool) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut groups = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        if digit(chars[i]).is_none() {
            out.push(chars[i]);
            i += 1;
            continue;
        }
        i = find_groups(&chars, i, &mut groups);
        put_groups(&chars, &groups, phones, &mut out);
    }
    out
}

/// The groups of digits that begin at `from` with one blank or hyphen between two; gives back their end.
fn find_groups(chars: &[char], from: usize, groups: &mut Vec<Range<usize>>) -> usize {
    groups.clear();
    let mut start = from;
    loop {
        let len = chars[start..].iter().take_while(|c| digit(**c).is_some()).count();
        let end = start + len;
        groups.push(start..end);
        let joined = matches!(chars.get(end), Some(' ' | '-'));
        if !(joined && chars.get(end + 1).is_some_and(|c| digit(*c).is_some())) {
            return end;
        }
        start = end + 1;
    }
}

/// Writes groups of digits; of those that make a number to be cut, the longest that begins first.
fn put_groups(chars: &[char], groups: &[Range<usize>], phones: bool, out: &mut String) {
    let mut first = 0;
    while first < groups.len() {
        let mut digits = Vec::with_capacity(CARD_DIGITS.1);
        let mut found = None;
        for (last, group) in groups.iter().enumerate().skip(first) {
            let none_yet = digits.is_empty();
            let more = chars[group.clone()].iter().filter_map(|c| digit(*c));
            // No issuer begins with 0, but tills fill up with it.
            digits.extend(more.skip_while(|d| none_yet && *d == 0));
            if digits.len() > CARD_DIGITS.1 {
                break;
            }
            let as_card = is_card(&digits) && is_grouped_as_cards_are(&groups[first..=last]);
            found = shortened(&digits, as_card, phones).map(|short| (last, short)).or(found);
        }
        let last = match found {
            Some((last, short)) => {
                out.push_str(&short);
                last
            }
            None => {
                out.extend(&chars[groups[first].clone()]);
                first
            }
        };
        if last + 1 < groups.len() {
            out.push(chars[groups[last].end]);
        }
        first = last + 1;
    }
}

/// What is left of a number that must be cut.
fn shortened(digits: &[u8], as_card: bool, phones: bool) -> Option<String> {
    let text = |digits: &[u8]| digits.iter().map(|d| char::from(b'0' + d)).collect::<String>();
    if as_card {
        return Some(format!("****{}", text(&digits[digits.len() - 4..])));
    }
    let phone = phone(digits).filter(|_| phones)?;
    Some(format!("{}****{}", text(&phone[..3]), text(&phone[7..])))
}

fn is_card(digits: &[u8]) -> bool {
    (CARD_DIGITS.0..=CARD_DIGITS.1).contains(&digits.len()) && !begins_with_a_date(digits) && luhn(digits)
}

/// Whether blanks and hyphens stand where they do in numbers of cards.
fn is_grouped_as_cards_are(groups: &[Range<usize>]) -> bool {
    let len = |i: usize| groups[i].len();
    match groups.len() {
        0 | 1 => true,
        2 => matches!((len(0), len(1)), (6, 7..=13) | (4, 9..=15) | (8, 5..=11)),
        3 if len(0) == 4 && len(1) == 6 => len(2) >= 3,
        last => (1..last - 1).all(|i| len(i) == len(0)) && (len(0) == 4 || len(last - 1) <= len(0)),
    }
}

/// 20251121…: the number of a receipt. No card begins so: of the numbers that begin with 2, ISO/IEC 7812 issuers have
/// 2200 to 2204 and 2221 to 2720.
fn begins_with_a_date(digits: &[u8]) -> bool {
    let two = |at: usize| digits[at] * 10 + digits[at + 1];
    two(0) == 20 && (15..=99).contains(&two(2)) && (1..=12).contains(&two(4)) && (1..=31).contains(&two(6))
}

/// Digits of a card number, fewest and most (ISO/IEC 7812-1).
const CARD_DIGITS: (usize, usize) = (13, 19);

/// The eleven digits of a mobile number, without the country's code.
fn phone(digits: &[u8]) -> Option<&[u8]> {
    let local = match digits {
        [8, 6, rest @ ..] if rest.len() == PHONE_DIGITS => rest,
        all => all,
    };
    (local.len() == PHONE_DIGITS && local[0] == 1 && local[1] >= 3).then_some(local)
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
            ("77 4111 1111 1111 1111 0042", "77 ****1111 0042"),
            ("４１１１１１１１１１１１１１１１", "****1111"),
            ("卡号:6222020200000000006,", "卡号:****0006,"),
            ("0004111111111111111", "****1111"),
            ("00000000004111111111111111", "****1111"),
            ("3782-822463-10005", "****0005"),
            ("622202 0200000000006", "****0006"),
            ("4111 111111111111", "****1111"),
            ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "****1111"),
            ("41-11-11-11-11-11-11-11", "****1111"),
        ] {
            assert_eq!(truncate_cards(text), cut, "{text}");
        }
    }

    #[test]
    fn phones_are_masked_in_free_texts_only() {
        for (text, cut) in [
            ("会员手机 13800000500", "会员手机 138****0500"),
            ("138-0000-0500", "138****0500"),
            ("+86 13800000500", "+138****0500"),
            ("13800000500 和 13900000600", "138****0500 和 139****0600"),
            ("4111111111111111 13800000500", "****1111 138****0500"),
            ("APPLE HONEYCRISP 01234567890", "APPLE HONEYCRISP 01234567890"),
        ] {
            assert_eq!(cut_free_text(text), cut, "{text}");
        }
        assert_eq!(truncate_cards("13800000500"), "13800000500");
    }

    #[test]
    fn other_numbers_stay() {
        for text in [
            "",
            "2025112100230",
            "2025112118420736",
            "20251121-0001",
            "4111111111111112",
            "123456789012",
            "F2-Z03",
            "12345678901234567890",
            "0123-01-20251121-0123",
            "2345-012-876543",
            "0000000000000",
            "0012345678905",
            "- -",
        ] {
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
