//! Text of others on a terminal: cleaned, measured in columns, cut and filled.

use unicode_width::UnicodeWidthChar as _;

/// Characters of one name or value that are looked at; the rest is not shown.
const MAX_CHARS: usize = 100;

/// Without control characters: an escape sequence in a name must not reach the terminal.
pub fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !is_invisible(*c)).take(MAX_CHARS).collect()
}

/// Marks that reorder or hide text, or break a line.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Columns a character takes: East Asian wide and full-width ones take two, combining marks none.
fn columns(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// Columns a text takes.
pub fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// The text, ending in `…` if it would take more than so many columns.
pub fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    if most == 0 {
        return String::new();
    }
    let mut taken = 0;
    let mut out: String = text
        .chars()
        .take_while(|&c| {
            taken += columns(c);
            taken < most
        })
        .collect();
    out.push('…');
    out
}

/// The text cut and filled with blanks to exactly so many columns.
pub fn pad(text: &str, to: usize) -> String {
    let text = cut(text, to);
    let blanks = to.saturating_sub(width(&text));
    text + &" ".repeat(blanks)
}

/// As [`pad`], with the blanks before the text: for numbers.
pub fn pad_left(text: &str, to: usize) -> String {
    let text = cut(text, to);
    " ".repeat(to.saturating_sub(width(&text))) + &text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns_and_are_never_cut_in_half() {
        assert_eq!(width("进场 F1"), 7);
        assert_eq!(cut("进场大厅", 5), "进场…");
        assert_eq!(pad("进场大厅", 6), "进场… ");
        assert_eq!(pad_left("7", 3), "  7");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn what_moves_the_cursor_or_turns_the_text_is_left_out() {
        assert_eq!(clean("a\x1b[2J\u{202e}b\u{2028}c\u{7}\u{9b}d\u{e0041}"), "a[2Jbcd");
        assert_eq!(clean(&"x".repeat(10_000)).len(), MAX_CHARS);
    }
}
