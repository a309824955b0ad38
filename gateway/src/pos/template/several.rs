//! Several receipts on one paper: printers without a cutter, tills that send one after the other without a word between.
//!
//! Silence or a cut usually parts them. Where neither does, their heads do: the paper's first line stands there again,
//! and behind each of them is a receipt of its own, with a number of its own and a total. Anything less is one receipt
//! (an order of several parts, a shop that prints its name below, too).

use super::rules::{Field, Lines};
use super::{Rules, Template};
use std::ops::Range;

impl Template {
    /// Where the receipts of a paper are: one range of lines for each.
    pub(super) fn several(&self, lines: &[String]) -> Vec<Range<usize>> {
        let whole: Vec<Range<usize>> = std::iter::once(0..lines.len()).collect();
        let Some(head) = lines.iter().find(|line| line.chars().filter(|c| c.is_alphanumeric()).count() > 1)
        else {
            return whole;
        };
        let begins: Vec<usize> = (0..lines.len()).filter(|i| lines[*i] == *head).collect();
        if begins.len() < 2 || begins.len() > MAX_RECEIPTS {
            return whole;
        }
        let ends = begins.iter().skip(1).copied().chain([lines.len()]);
        let parts: Vec<Range<usize>> = begins.iter().copied().zip(ends).map(|(from, to)| from..to).collect();
        let mut numbers: Vec<String> = Vec::new();
        for part in &parts {
            let lines = Lines::new(lines[part.clone()].to_vec(), &self.needles);
            let found = |field: Field| {
                let at = Field::ALL.iter().position(|f| *f == field)?;
                let rules: &Rules = self.fields.get(at)?;
                rules.find(&lines).ok()
            };
            match (found(Field::Number), found(Field::Total)) {
                (Some(number), Some(_)) if !numbers.contains(&number.value) => numbers.push(number.value),
                _ => return whole,
            }
        }
        parts
    }
}

/// More than this on one paper are no receipts.
const MAX_RECEIPTS: usize = 64;
