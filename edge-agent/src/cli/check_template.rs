//! `edge-agent check-template`: what a template finds on sample prints, where, and what it misses and why.

mod hints;
mod show;

use super::exit::{Exit, Failure};
use clap::Args;
use gateway::pos::escpos::end::{Printed, Receipts};
use gateway::pos::escpos::render::Printer;
use gateway::pos::template::Template;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use visit_core::observation::Currency;

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
    /// Show every line as the rules see it; card, phone and member numbers cut.
    #[arg(long)]
    lines: bool,
}

/// Runs `check-template`.
pub fn run(args: &CheckTemplateArgs) -> Result<Exit, Failure> {
    let template = Template::load(&args.template).map_err(|e| Failure::new(Exit::Config, e.to_string()))?;
    let mut out = format!("template {:?} ({})\n", template.name, args.template.display());
    let open: Vec<&str> = [
        (template.zone.is_none(), "timezone: the site's"),
        (template.currency.is_none(), "currency: that of [receipts]"),
    ]
    .into_iter()
    .filter_map(|(open, what)| open.then_some(what))
    .collect();
    if !open.is_empty() {
        let _ = writeln!(out, "left open, as it may be: {}", open.join("; "));
    }
    // A sample says nothing of where it was printed: times and amounts are read all the same.
    let template = template.with_defaults(Some(jiff::tz::TimeZone::UTC), Currency::new("XXX"));
    let mut unsound = 0;
    for path in &args.samples {
        let bytes = std::fs::read(path).map_err(|e| Failure::io("cannot read", path, &e))?;
        let sample = Sample::print(&template, path, &bytes);
        let _ = writeln!(
            out,
            "\n{}: {}, {}",
            path.display(),
            count(bytes.len(), "byte"),
            count(sample.papers.len(), "paper")
        );
        if sample.papers.is_empty() {
            out.push_str("  nothing is printed by these bytes\n");
            unsound += 1;
        }
        for doubt in &sample.doubts {
            let _ = writeln!(out, "  ! {doubt}");
        }
        let mut sound = true;
        let mut n = 0;
        for printed in &sample.papers {
            let read = template.explain(printed);
            if read.len() > 1 {
                let _ =
                    writeln!(out, "  {} receipts came out in one piece; their heads part them", read.len());
            }
            for explained in &read {
                n += 1;
                sound &= show::paper(&template, printed, explained, n, args.lines, &mut out);
            }
        }
        if !sound && sample.wrapped > 0 {
            let (n, columns) = (count(sample.wrapped as usize, "line"), template.printer.columns);
            let _ = writeln!(
                out,
                "  ! {n} did not fit {columns} columns and went on below; is the paper wider (columns = 64)?"
            );
        }
        unsound += usize::from(!sound);
    }
    match args.samples.len() {
        0 => out.push_str("no sample was given; the template itself is right\n"),
        n => {
            let _ = writeln!(out, "\n{} of {} read in full", n - unsound.min(n), count(n, "sample"));
        }
    }
    // Somebody who closes the pipe has seen enough.
    let _ = std::io::stdout().lock().write_all(out.as_bytes());
    Ok(if unsound == 0 { Exit::Ok } else { Exit::BadData })
}

/// What a sample prints.
struct Sample {
    papers: Vec<Printed>,
    /// What does not fit the printer that the template describes.
    doubts: Vec<String>,
    /// Lines that were too long for the paper.
    wrapped: u64,
}

impl Sample {
    fn print(template: &Template, path: &Path, bytes: &[u8]) -> Self {
        // The paper typed off, in UTF-8; other bytes are a print, whatever the file is called.
        let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\x1b'));
        let is_text = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("txt"));
        if let Some(text) = text.filter(|_| is_text) {
            let lines = text.lines().map(str::to_owned).collect();
            return Self {
                papers: vec![Printed { lines, ..Printed::default() }],
                doubts: Vec::new(),
                wrapped: 0,
            };
        }
        let (papers, feed) = print(template, template.printer.clone(), bytes);
        Self { papers, doubts: hints::printer(template, &feed, bytes), wrapped: feed.losses().wrapped }
    }
}

/// The papers that these bytes make on a printer, and the feed at its end.
fn print(template: &Template, printer: Printer, bytes: &[u8]) -> (Vec<Printed>, Receipts) {
    let mut feed = Receipts::new(printer, template.limits);
    feed.received(bytes);
    feed.closed();
    let papers = std::iter::from_fn(|| feed.next()).collect();
    (papers, feed)
}

fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
