//! `edge-agent check-template`: what a template finds on sample prints, and what it misses and why.

use super::exit::{Exit, Failure};
use clap::Args;
use gateway::pos::escpos::end::{Printed, Receipts};
use gateway::pos::receipt::Receipt;
use gateway::pos::template::{Explained, Field, Reading, Template};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Shows what a template reads on sample prints.
///
/// Samples are what a till sent to its printer, byte by byte (captured with `cat /dev/ttyUSB0 > sample.bin` or
/// `nc -l 9100 > sample.bin`), or texts (.txt, UTF-8). Ends with 0 when every receipt has a number, a total and a
/// time and its amounts agree, with 65 when one has not, with 64 when the template is wrong.
#[derive(Args, Clone, Debug)]
pub struct CheckTemplateArgs {
    /// The template.
    #[arg(value_name = "FILE")]
    template: PathBuf,
    /// Sample prints.
    #[arg(value_name = "SAMPLE")]
    samples: Vec<PathBuf>,
    /// Show every line as the rules see it, card and phone numbers cut.
    #[arg(long)]
    lines: bool,
}

/// Runs `check-template`.
pub fn run(args: &CheckTemplateArgs) -> Result<Exit, Failure> {
    let template = Template::load(&args.template).map_err(|e| Failure::new(Exit::Config, e.to_string()))?;
    // A sample says nothing of where it was printed: times and amounts are read all the same.
    let template =
        template.with_defaults(Some(jiff::tz::TimeZone::UTC), visit_core::observation::Currency::new("XXX"));
    let mut out = format!("template {:?} ({})\n", template.name, args.template.display());
    let mut sound = true;
    for path in &args.samples {
        let bytes = std::fs::read(path).map_err(|e| Failure::io("cannot read", path, &e))?;
        let papers = papers(&template, path, &bytes);
        let _ = writeln!(out, "\n{}: {}", path.display(), count(papers.len(), "paper"));
        if papers.is_empty() {
            out.push_str("  nothing is printed by these bytes\n");
            sound = false;
        }
        for (i, printed) in papers.iter().enumerate() {
            sound &= describe(&template, printed, i + 1, args.lines, &mut out);
        }
    }
    if args.samples.is_empty() {
        out.push_str("no sample was given; the template itself is right\n");
    }
    // Somebody who closes the pipe has seen enough.
    let _ = std::io::stdout().lock().write_all(out.as_bytes());
    Ok(if sound { Exit::Ok } else { Exit::BadData })
}

fn papers(template: &Template, path: &Path, bytes: &[u8]) -> Vec<Printed> {
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("txt")) {
        let lines = String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect();
        return vec![Printed { lines, ..Printed::default() }];
    }
    let mut receipts = Receipts::new(template.printer.clone(), template.limits);
    receipts.received(bytes);
    receipts.closed();
    std::iter::from_fn(|| receipts.next()).collect()
}

/// Writes what was found on a paper; whether it is all there.
fn describe(template: &Template, printed: &Printed, n: usize, lines: bool, out: &mut String) -> bool {
    let Explained { reading, fields, lines: seen } = template.explain(printed);
    let _ = write!(out, "  paper {n}: ");
    let sound = match &reading {
        Reading::Skipped(line) => {
            let _ = writeln!(out, "no receipt, because of the line {line:?} (skip_if)");
            true
        }
        Reading::Totals(t) => {
            let _ = writeln!(out, "totals of a day (z_report)");
            let date = t.business_date.map(date_of);
            for (name, value) in [
                ("date", date),
                ("receipts", t.receipts.map(|n| n.to_string())),
                ("net", t.net.map(|n| format!("{n} minor units"))),
            ] {
                let _ = writeln!(out, "    {name:<16} {}", value.as_deref().unwrap_or("- not found"));
            }
            t.receipts.is_some() || t.net.is_some()
        }
        Reading::Receipt(r) => {
            let _ = writeln!(out, "{}", headline(r, printed));
            for (field, found) in &fields {
                let _ = match found {
                    Ok(f) => writeln!(
                        out,
                        "    {:<16} {:<28} line {}, rule {}",
                        field.name(),
                        f.shown(*field),
                        f.line,
                        f.rule
                    ),
                    Err(why) if NEEDED.contains(field) => writeln!(out, "    {:<16} - {why}", field.name()),
                    Err(_) => writeln!(out, "    {:<16} -", field.name()),
                };
            }
            verdict(r, &fields, out)
        }
    };
    if lines || !sound {
        for (i, line) in seen.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
            let _ = writeln!(out, "    {:>4} | {}", i + 1, gateway::pos::digits::cut_free_text(line));
        }
    }
    sound
}

/// What a receipt should have; the rest is welcome.
const NEEDED: [Field; 2] = [Field::Number, Field::Total];

fn headline(r: &Receipt, printed: &Printed) -> String {
    let mut words = vec![r.kind.as_str().to_owned()];
    for (is, word) in [
        (r.flags.reprint, "a copy"),
        (r.flags.training, "training mode: not recorded"),
        (printed.partial, "partial"),
        (printed.raster, "images only, no text"),
    ] {
        if is {
            words.push(word.into());
        }
    }
    words.join(", ")
}

/// Writes what is missing or does not fit; whether nothing is.
fn verdict(
    r: &Receipt,
    fields: &[(Field, Result<gateway::pos::template::Found, String>)],
    out: &mut String,
) -> bool {
    let mut wrong: Vec<String> = Vec::new();
    let asked = |field| fields.iter().any(|(f, _)| *f == field);
    for (field, there) in [(Field::Number, r.number.is_some()), (Field::Total, r.total.is_some())] {
        if !there {
            let how = if asked(field) { "not found" } else { "not asked for; give it a rule" };
            wrong.push(format!("{}: {how}", field.name()));
        }
    }
    if r.end.is_none() {
        wrong.push("datetime (or date and time): not found".into());
    }
    if r.flags.unbalanced {
        wrong.push("amounts: tendered less change is not the total".into());
    }
    wrong.extend(r.doubts.iter().map(ToString::to_string));
    if wrong.is_empty() {
        let at = r.end.map_or_else(String::new, |t| t.to_string());
        let _ = writeln!(out, "    all there: total {} minor units, printed {at}", r.total.unwrap_or(0));
    }
    for what in &wrong {
        let _ = writeln!(out, "    ! {what}");
    }
    wrong.is_empty()
}

fn date_of(day: i32) -> String {
    let mut text = visit_core::time::Timestamp::from_micros(i64::from(day) * 86_400_000_000).to_string();
    text.truncate(10);
    text
}

fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
