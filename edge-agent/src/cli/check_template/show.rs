//! One paper on the screen: what it is, every field with the line it stands in, what is missing and why.

use super::hints;
use gateway::pos::digits;
use gateway::pos::escpos::end::Printed;
use gateway::pos::money::{Decimal, exponent};
use gateway::pos::receipt::Receipt;
use gateway::pos::template::{Asked, Explained, Field, Found, Reading, Template};
use gateway::pos::totals::DayTotals;
use std::fmt::Write as _;
use visit_core::observation::Currency;
use visit_core::time::Timestamp;

/// Writes what was found on a paper; whether it is all there.
pub(super) fn paper(
    template: &Template,
    printed: &Printed,
    explained: &Explained,
    n: usize,
    lines: bool,
    out: &mut String,
) -> bool {
    let Explained { reading, fields, flags, lines: seen } = explained;
    let clean = Clean::new(explained);
    let _ = write!(out, "  paper {n}: ");
    let sound = match reading {
        Reading::Skipped(_) => {
            let line = flags.first().map_or(0, |(_, line)| *line);
            let _ = writeln!(out, "no receipt (skip_if), because of line {line}: {}", clean.line(seen, line));
            true
        }
        Reading::Totals(t) => {
            let line = flags.first().map_or(0, |(_, line)| *line);
            let _ = writeln!(
                out,
                "totals of a day (z_report), because of line {line}: {}",
                clean.line(seen, line)
            );
            found(fields, seen, &clean, out);
            totals(t, out)
        }
        Reading::Receipt(r) => {
            let _ = writeln!(out, "{}", headline(r, printed));
            found(fields, seen, &clean, out);
            for (name, line) in flags {
                let _ = writeln!(
                    out,
                    "    {:<16} {:<24} line {line}: {}",
                    format!("({name})"),
                    "yes",
                    clean.line(seen, *line)
                );
            }
            verdict(template, r, explained, &clean, out)
        }
    };
    if lines || !sound {
        for (i, line) in seen.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
            let _ = writeln!(out, "    {:>4} | {}", i + 1, clean.text(line));
        }
    }
    sound
}

/// Fields that were found, one a line; then the names of the others.
fn found(fields: &[(Asked, Result<Found, String>)], seen: &[String], clean: &Clean, out: &mut String) {
    let mut absent = Vec::new();
    for (asked, found) in fields {
        match found {
            Ok(f) => {
                let value = match asked {
                    Asked::Field(field) => f.shown(*field),
                    Asked::Total(_) => f.value.clone(),
                };
                let _ = writeln!(
                    out,
                    "    {:<16} {:<24} line {}, rule {}: {}",
                    asked.name(),
                    value,
                    f.line,
                    f.rule,
                    clean.line(seen, f.line)
                );
            }
            Err(_) => absent.push(asked.name()),
        }
    }
    if !absent.is_empty() {
        let _ = writeln!(out, "    not on it: {}", absent.join(", "));
    }
}

fn totals(t: &DayTotals, out: &mut String) -> bool {
    let sound = t.receipts.is_some() || t.net.is_some();
    if sound {
        let date = t.business_date.map_or("the day it is printed".into(), date_of);
        let receipts = t.receipts.map_or("any number of".into(), |n| n.to_string());
        let net = t.net.map_or("unknown".into(), |net| amount(net, t.currency));
        let _ = writeln!(out, "    = {date}: {receipts} receipts, net {net}");
    } else {
        out.push_str("    ! neither receipts nor net was found: there is nothing to compare\n");
    }
    sound
}

fn headline(r: &Receipt, printed: &Printed) -> String {
    let mut words = vec![r.kind.as_str().to_owned()];
    let cuts = format!("cut {} times", printed.cuts);
    for (is, word) in [
        (r.flags.reprint, "a copy"),
        (r.flags.training, "training mode: not recorded"),
        (printed.partial, "partial: something is missing"),
        (printed.raster, "images only, no text: recorded as unreadable"),
        (printed.cuts > 1, &cuts),
        (printed.kicked_drawer, "drawer opened"),
    ] {
        if is {
            words.push(word.into());
        }
    }
    words.join(", ")
}

/// Writes what is missing or does not fit; whether nothing is.
fn verdict(template: &Template, r: &Receipt, explained: &Explained, clean: &Clean, out: &mut String) -> bool {
    let why = |field: Field| {
        let asked = explained.fields.iter().find(|(asked, _)| *asked == Asked::Field(field));
        match asked {
            None => format!("no rule asks for it; write one under [fields] {}", field.name()),
            Some((_, Err(why))) => why.clone(),
            Some((_, Ok(_))) => "what was found is none".into(),
        }
    };
    let mut wrong: Vec<String> = Vec::new();
    let mut missing = |field: Field, name: &str| {
        let hint = hints::field(field, &explained.lines, |line| clean.text(line));
        wrong.push(format!("{name}: {}{hint}", why(field)));
    };
    if r.number.is_none() {
        missing(Field::Number, "number");
    }
    if r.total.is_none() {
        missing(Field::Total, "total");
    }
    if r.end.is_none() && !r.doubts.iter().any(|d| d.field == "datetime") {
        missing(Field::Datetime, "datetime (or date and time)");
    }
    if r.flags.unbalanced {
        let [total, tendered] = [r.total, r.tendered].map(|n| amount(n.unwrap_or(0), r.currency));
        let change =
            r.change.map_or_else(|| "no change".into(), |n| format!("change {}", amount(n, r.currency)));
        wrong.push(format!(
            "amounts: tendered {tendered}, {change}, but total {total}; recorded as unbalanced. Give what was paid to \
             total, what was handed over to tendered, what was taken off to discount"
        ));
    }
    wrong.extend(r.doubts.iter().map(ToString::to_string));
    let number = r.number.as_deref().map_or("no number".into(), |n| format!("number {}", clean.text(n)));
    let total = r.total.map_or("no total".into(), |n| format!("total {}", amount(n, r.currency)));
    let at = match (r.end, r.business_date) {
        (Some(at), _) => local(at, template),
        (None, Some(day)) => date_of(day),
        (None, None) => "no time".into(),
    };
    let _ = writeln!(
        out,
        "    = {}, {number}, {total}, {at}{}",
        r.kind.as_str(),
        if wrong.is_empty() { "" } else { ":" }
    );
    for what in &wrong {
        let _ = writeln!(out, "    ! {what}");
    }
    wrong.is_empty()
}

/// Texts for the screen: without card, phone and member numbers.
struct Clean {
    member: Option<(String, String)>,
}

impl Clean {
    fn new(explained: &Explained) -> Self {
        let member = explained.fields.iter().find_map(|(asked, found)| match (asked, found) {
            (Asked::Field(Field::Member), Ok(f)) => Some((f.value.clone(), f.shown(Field::Member))),
            _ => None,
        });
        Self { member }
    }

    fn text(&self, line: &str) -> String {
        let line = match &self.member {
            Some((number, shown)) => line.replace(number.as_str(), shown),
            None => line.to_owned(),
        };
        digits::cut_free_text(&line)
    }

    /// A line by its number, from 1, on one line of the screen.
    fn line(&self, lines: &[String], number: usize) -> String {
        let text = self.text(lines.get(number.wrapping_sub(1)).map_or("", String::as_str));
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn amount(minor: i64, currency: Option<Currency>) -> String {
    let code = currency.filter(|c| c.as_str() != "XXX");
    let text = Decimal::new(minor, currency.map_or(2, exponent)).to_string();
    code.map_or(text.clone(), |code| format!("{text} {}", code.as_str()))
}

fn local(at: Timestamp, template: &Template) -> String {
    let zone = template.zone.clone().unwrap_or(jiff::tz::TimeZone::UTC);
    jiff::Timestamp::from_microsecond(at.as_micros())
        .map_or_else(|_| at.to_string(), |t| t.to_zoned(zone).datetime().to_string().replace('T', " "))
}

fn date_of(day: i32) -> String {
    let mut text = Timestamp::from_micros(i64::from(day) * 86_400_000_000).to_string();
    text.truncate(10);
    text
}
