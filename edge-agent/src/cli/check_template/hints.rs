//! What may help where something was not found: lines that look like it, and what the printer's settings may be.

use super::print;
use gateway::pos::escpos::end::Receipts;
use gateway::pos::escpos::pages::{MultiByte, Page};
use gateway::pos::escpos::render::Printer;
use gateway::pos::escpos::table::Dialect;
use gateway::pos::template::{Field, Template};

/// Lines shown for one field.
const LINES: usize = 3;

/// Lines that look as if they held a field, each as it would be asked for.
pub(super) fn field(field: Field, lines: &[String], clean: impl Fn(&str) -> String) -> String {
    let found: Vec<String> = lines
        .iter()
        .enumerate()
        .filter_map(|(i, line)| {
            let (label, block) = looks_like(field, line)?;
            let rule = rule(&clean(label), block)?;
            Some(format!(
                "\n        line {} may be it: {}\n          {} = ['{rule}']",
                i + 1,
                clean(line),
                field.name()
            ))
        })
        .collect();
    // Totals stand at the end, numbers and times at the beginning.
    let from = if field == Field::Total { found.len().saturating_sub(LINES) } else { 0 };
    found.into_iter().skip(from).take(LINES).collect()
}

/// What stands before the value, and the building block for it.
fn looks_like(field: Field, line: &str) -> Option<(&str, &'static str)> {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
    match field {
        Field::Total => {
            let at = line
                .rfind(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',' | '-')))
                .map_or(0, |i| i + line[i..].chars().next().map_or(0, char::len_utf8));
            let (label, value) = line.split_at(at);
            let decimals =
                value.rsplit(['.', ',']).next().filter(|d| d.len() == 2 && d.len() + 1 < value.len());
            let has_words = label.chars().any(char::is_alphabetic);
            (decimals.is_some() && has_words && digits(label) == 0).then_some((label, "{amount}"))
        }
        Field::Number => {
            let at = line.find([':', '#'])?;
            let (label, value) = line.split_at(at);
            let value = value[1..].split_whitespace().next()?;
            let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '_'));
            let is_date = value.len() == 10 && value.chars().filter(|c| matches!(c, '-' | '/')).count() == 2;
            (plain && !is_date && (3..=24).contains(&digits(value))).then_some((label, "{id}"))
        }
        Field::Datetime => {
            let at = line.find(|c: char| c.is_ascii_digit())?;
            let (label, value) = line.split_at(at);
            let marks = value.matches([':', '-', '/', '.', '年', '时', '時']).count();
            let clock = value.contains([':', '时', '時', '시']);
            (clock && marks >= 3 && digits(value) >= 8).then_some((label, "{datetime}"))
        }
        _ => None,
    }
}

/// A rule that fits a line with this label.
fn rule(label: &str, block: &str) -> Option<String> {
    let words: Vec<&str> = label.split(|c: char| c.is_whitespace() || ":：.=$€£¥#".contains(c)).collect();
    let words: Vec<String> = words.into_iter().filter(|w| !w.is_empty()).map(escaped).collect();
    if words.is_empty() {
        return (block == "{datetime}").then(|| block.to_owned());
    }
    Some(format!("^{}{{sep}}{block}", words.join(r"\s*")))
}

fn escaped(word: &str) -> String {
    let mut out = String::new();
    for c in word.chars() {
        // In a literal string of TOML there is no way to write it.
        let c = if c == '\'' { '.' } else { c };
        if c != '.' && !c.is_alphanumeric() && c.is_ascii() && !matches!(c, '-' | '/' | ' ' | ',' | '%' | '&')
        {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// What does not fit the printer that the template describes, and what would fit better.
pub(super) fn printer(template: &Template, feed: &Receipts, bytes: &[u8]) -> Vec<String> {
    let mut doubts = Vec::new();
    let junk = strange(feed);
    if junk > 0 {
        let dialect = template.printer.dialect;
        let better: Vec<&str> = Dialect::ALL
            .into_iter()
            .filter(|other| *other != dialect)
            .filter(|other| {
                strange(&print(template, Printer { dialect: *other, ..template.printer.clone() }, bytes).1)
                    == 0
            })
            .map(Dialect::name)
            .collect();
        let hint = match better[..] {
            [] => String::new(),
            _ => format!("; none are left with dialect = {}", quoted(&better)),
        };
        doubts
            .push(format!("{junk} commands are not in dialect {:?} and were skipped{hint}", dialect.name()));
    }
    let losses = feed.losses();
    if losses.undecodable > 0 {
        // Every byte is a character of a single-byte page: that it can be read says nothing.
        let better: Vec<&str> = ["utf-8", "gb18030", "big5", "shift_jis", "euc-kr"]
            .into_iter()
            .filter(|name| {
                Page::named(name) != Some(Page::Multi(template.printer.multi_byte.unwrap_or(MultiByte::Utf8)))
            })
            .filter_map(|name| Some((name, encoded(&template.printer, name)?)))
            .filter(|(_, printer)| print(template, printer.clone(), bytes).1.losses().undecodable == 0)
            .map(|(name, _)| name)
            .collect();
        let hint = match better[..] {
            [] => String::new(),
            _ => format!("; all can be read with encoding = {}", quoted(&better)),
        };
        let n = losses.undecodable;
        let them = if n == 1 { "1 character is none" } else { &format!("{n} characters are none") };
        doubts.push(format!("{them} of this encoding, shown as \u{fffd}{hint}"));
    }
    if losses.undecodable == 0 && is_utf_8(&template.printer, template, bytes) {
        doubts.push(
            "all text that is not ASCII is well-formed UTF-8, which it hardly is by chance; try encoding = \"utf-8\"".to_owned(),
        );
    }
    if losses.unknown_pages > 0 {
        doubts.push(format!(
            "{} times a code page was selected (ESC t n) that is not known of this printer; name it: pages.N = \"cp858\"",
            losses.unknown_pages
        ));
    }
    doubts
}

/// Commands that are none, of this dialect.
fn strange(feed: &Receipts) -> u64 {
    let counts = feed.counts();
    counts.unknown_controls + counts.unknown_commands + counts.malformed + counts.resyncs
}

/// Several characters that only UTF-8 writes so, and none that it does not.
fn is_utf_8(printer: &Printer, template: &Template, bytes: &[u8]) -> bool {
    if printer.multi_byte == Some(MultiByte::Utf8) {
        return false;
    }
    let Some(printer) = encoded(printer, "utf-8") else { return false };
    let (papers, feed) = print(template, printer, bytes);
    let text = papers.iter().flat_map(|paper| &paper.lines).flat_map(|line| line.chars());
    feed.losses().undecodable == 0 && text.filter(|c| !c.is_ascii()).count() >= 3
}

/// The same printer with text in this double-byte encoding.
fn encoded(printer: &Printer, name: &str) -> Option<Printer> {
    let Some(Page::Multi(multi)) = Page::named(name) else { return None };
    Some(Printer { multi_byte: Some(multi), multi_byte_at_power_up: true, ..printer.clone() })
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" or ")
}
