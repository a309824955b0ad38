//! The demo's mall as files, for whoever wants to try `replay`, `explain` and `survey` before having a mall.

use super::day::{
    Day, DayOptions, Entry, Plan, WalkOptions, commissioning_walk, to_log_line, truth_line, walk_line,
};
use super::site;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes the map (`site.toml`), a commissioning walk of it (`survey.jsonl`), a day (`day.jsonl`) and what was true of that
/// day (`truth.jsonl`) into a folder. The same seed gives the same bytes. Returns the files.
pub fn write(folder: &Path, plan: &Plan, seed: u64) -> io::Result<[&'static str; 4]> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("site.toml"), site::TOML)?;
    let create = |name: &str| File::create(folder.join(name)).map(BufWriter::new);
    let mut walk = create("survey.jsonl")?;
    for reading in commissioning_walk(plan, WalkOptions { seed, ..WalkOptions::default() }) {
        if let Some(line) = walk_line(&reading, plan) {
            writeln!(walk, "{line}")?;
        }
    }
    walk.flush()?;
    let (mut log, mut truth) = (create("day.jsonl")?, create("truth.jsonl")?);
    let mut day = Day::new(plan, DayOptions { seed, ..DayOptions::default() }).map_err(io::Error::other)?;
    while let Some(entry) = day.next_entry() {
        match entry {
            Entry::Observed(o) => {
                if let Some(line) = to_log_line(&o, plan) {
                    writeln!(log, "{line}")?;
                }
            }
            Entry::True(t) => writeln!(truth, "{}", truth_line(&t, plan))?,
        }
    }
    log.flush()?;
    truth.flush()?;
    Ok(["site.toml", "survey.jsonl", "day.jsonl", "truth.jsonl"])
}
