//! Questions on a terminal: each with what is taken when nothing is typed, and asked again when the answer is wrong.

use std::io::{self, BufRead, Write};

/// Asks until the answer is right. `None`: there are no more answers (the end of the input).
pub fn until_right<T>(
    input: &mut impl BufRead,
    output: &mut impl Write,
    question: &str,
    default: Option<&str>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> io::Result<Option<T>> {
    loop {
        match default {
            Some(default) if !default.is_empty() => write!(output, "{question} [{default}]: ")?,
            _ => write!(output, "{question}: ")?,
        }
        output.flush()?;
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            writeln!(output)?;
            return Ok(None);
        }
        let typed = line.trim();
        let answer = if typed.is_empty() { default.unwrap_or("") } else { typed };
        match parse(answer) {
            Ok(right) => return Ok(Some(right)),
            Err(why) => writeln!(output, "  {why}")?,
        }
    }
}
