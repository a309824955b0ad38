//! Marks: where the phone is from a moment on, typed while walking.

use super::read::{WalkError, for_each_line, moment, zone};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Write};
use std::path::Path;
use visit_core::site::{Site, ZoneIx};
use visit_core::time::Timestamp;

/// Marks beyond this are not typed by anybody.
const MAX_MARKS: usize = 1_000_000;

/// Where the phone is from a moment on; nowhere in particular when there is no zone.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    at: String,
    zone: Option<String>,
}

/// Marks in the order of time.
pub(super) struct Marks(Vec<(Timestamp, Option<ZoneIx>)>);

impl Marks {
    pub(super) fn read(path: &Path, site: &Site) -> Result<Self, WalkError> {
        let mut marks = Vec::new();
        let mut wrong = None;
        for_each_line(path, |number, line| {
            let read = line.map_err(str::to_owned).and_then(|line| {
                let mark: Mark = serde_json::from_str(line).map_err(|e| {
                    format!("{e}; a mark is {{\"at\":\"2025-11-20T00:53:20Z\",\"zone\":\"F1-Z05\"}}")
                })?;
                Ok((moment(&mark.at)?, mark.zone.map(|z| zone(&z, site)).transpose()?))
            });
            match read {
                Ok(mark) => marks.push(mark),
                Err(why) => wrong = wrong.take().or(Some(format!("{}:{number}: {why}", path.display()))),
            }
            wrong.is_none() && marks.len() < MAX_MARKS
        })?;
        // A mark that is left out would put the phone in the zone before it.
        if let Some(why) = wrong {
            return Err(WalkError::Mark(why));
        }
        if marks.is_empty() || marks.len() >= MAX_MARKS {
            let what = if marks.is_empty() {
                "no marks in it"
            } else {
                "more than a million marks; nobody typed those"
            };
            return Err(WalkError::Mark(format!("{}: {what}", path.display())));
        }
        marks.sort_by_key(|(at, _)| *at);
        Ok(Self(marks))
    }

    /// Where the phone was.
    pub(super) fn at(&self, at: Timestamp) -> Option<ZoneIx> {
        let n = self.0.partition_point(|(since, _)| *since <= at);
        self.0[..n].last().and_then(|(_, zone)| *zone)
    }
}

/// Writes a mark for each line of `input`: the id of the zone the phone is in from now on, or `-` for none; `?` lists the
/// zones. Whoever ends in a zone has left it: what is heard later is no part of the walk.
pub fn mark(
    mut input: impl BufRead,
    out: &mut dyn Write,
    tell: &mut dyn Write,
    site: &Site,
    now: impl Fn() -> Timestamp,
) -> std::io::Result<u64> {
    let (mut marks, mut inside) = (0, false);
    let mut line = Vec::new();
    loop {
        line.clear();
        let is_over = input.read_until(b'\n', &mut line)? == 0;
        let text = String::from_utf8_lossy(&line);
        let zone = match text.trim() {
            _ if is_over && inside => None,
            _ if is_over => return Ok(marks),
            "" => continue,
            "?" => {
                list(site, tell)?;
                continue;
            }
            "-" => None,
            id => match zone(id, site) {
                Ok(zone) => Some(site.zone(zone).id.clone()),
                Err(why) => {
                    writeln!(tell, "{why}; nothing marked")?;
                    continue;
                }
            },
        };
        inside = zone.is_some();
        let at = now().to_string();
        writeln!(tell, "{at} {}", zone.as_deref().unwrap_or("nowhere"))?;
        writeln!(out, "{}", serde_json::to_string(&Mark { at, zone })?)?;
        out.flush()?;
        marks += 1;
    }
}

fn list(site: &Site, tell: &mut dyn Write) -> std::io::Result<()> {
    for zone in &site.zones {
        writeln!(tell, "  {} {}", zone.id, zone.name.as_deref().unwrap_or(""))?;
    }
    Ok(())
}
