//! Receipts in recordings besides POSLog: what a till sent to its printer, and tables.

use super::{Bytes, Failure, OpenError, ReplayInput, Tally, is_damage, observed};
use crate::counts::Place;
use crate::names::Names;
use crate::observation::Observation;
use crate::pos::escpos::end::Receipts;
use crate::pos::receipt::Receipt;
use crate::pos::table::{Mapping, Table, TableError};
use crate::pos::template::{Reading, Template};
use crate::pos::totals::DayTotals;
use jiff::tz::TimeZone;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use visit_core::site::TillIx;
use visit_core::time::Timestamp;

/// Bytes read at once.
const CHUNK: usize = 16 << 10;

/// One of a recording.
enum Paper {
    Receipt(Box<Receipt>),
    Totals(DayTotals),
}

/// When a file was written.
fn written(path: &Path) -> Option<Timestamp> {
    let since = std::fs::metadata(path).ok()?.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp::from_micros(i64::try_from(since.as_micros()).ok()?))
}

/// Receipts of one recording.
pub(super) enum Papers {
    Printed {
        bytes: Bytes,
        receipts: Box<Receipts>,
        template: Arc<Template>,
        read: VecDeque<Reading>,
        number: u64,
        ended: bool,
        /// Of the last paper that showed a time; before, of the file.
        captured: Timestamp,
        zone: Option<TimeZone>,
    },
    Table(Box<Table<'static>>),
}

impl Papers {
    pub(super) fn open(bytes: Bytes, spec: &ReplayInput, zone: Option<TimeZone>) -> Result<Self, OpenError> {
        let path = &spec.path;
        let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
        if name.ends_with(".csv") || name.ends_with(".csv.gz") {
            let mapping = Mapping {
                zone,
                currency: spec.currency,
                till_known: spec.till.is_some(),
                ..Mapping::default()
            };
            let table =
                Table::new(bytes, mapping).map_err(|e| OpenError::Table { path: path.clone(), source: e })?;
            return Ok(Self::Table(Box::new(table)));
        }
        let Some(template) = &spec.template else {
            return Err(OpenError::UnknownFormat { path: path.clone() });
        };
        let template = Arc::new(template.as_ref().clone().with_defaults(zone.clone(), spec.currency));
        let captured = spec.at.or_else(|| written(path)).unwrap_or(Timestamp::from_micros(0));
        let receipts = Box::new(Receipts::new(template.printer.clone(), template.limits));
        let (read, number, ended) = (VecDeque::new(), 0, false);
        Ok(Self::Printed { bytes, receipts, template, read, number, ended, captured, zone })
    }

    pub(super) fn next(
        &mut self,
        path: &Arc<Path>,
        till: Option<TillIx>,
        names: &Names,
        tally: &mut Tally,
    ) -> Result<Option<Observation>, Failure> {
        loop {
            let Some((place, paper)) = self.paper(path, tally)? else { return Ok(None) };
            let captured = self.captured(&paper);
            match paper {
                Paper::Receipt(receipt) => {
                    if let Some(seen) = observed(&receipt, path, place, till, captured, names, tally) {
                        return Ok(Some(seen));
                    }
                }
                Paper::Totals(totals) => {
                    match captured.map(|at| (at, totals.observe(names, till, at, self.day(at)))) {
                        Some((_, Ok(totals))) => return Ok(Some(Observation::DayTotals(totals))),
                        Some((_, Err(why))) => {
                            tally.counts.bad_lines += 1;
                            tally.problems.report(path, place, || why.to_string());
                        }
                        None => tally.counts.no_receipts += 1,
                    }
                }
            }
        }
    }

    /// When a paper without a time was captured: with the one before it; of the first, when the file was written.
    fn captured(&mut self, paper: &Paper) -> Option<Timestamp> {
        let Self::Printed { captured, .. } = self else { return None };
        if let Paper::Receipt(r) = paper
            && let Some(at) = r.end.or(r.begin)
        {
            *captured = at;
        }
        Some(*captured)
    }

    /// The day of a moment by the calendar, for totals that do not say theirs.
    fn day(&self, at: Timestamp) -> i32 {
        let Self::Printed { zone, .. } = self else { return 0 };
        let zone = zone.clone().unwrap_or(TimeZone::UTC);
        let epoch = jiff::civil::Date::constant(1970, 1, 1);
        jiff::Timestamp::from_microsecond(at.as_micros())
            .and_then(|at| epoch.until(at.to_zoned(zone).date()))
            .map_or(0, |span| span.get_days())
    }

    /// The next receipt or report of a day, with its number in the recording.
    fn paper(&mut self, path: &Arc<Path>, tally: &mut Tally) -> Result<Option<(Place, Paper)>, Failure> {
        match self {
            Self::Table(table) => loop {
                let row = match table.next() {
                    Ok(Some(row)) => row,
                    Ok(None) => return Ok(None),
                    Err(TableError::Io(e)) if !is_damage(&e) => return Err(Failure::Io(e)),
                    Err(e) => return Err(Failure::Damage(Place::Line(0), e.to_string())),
                };
                tally.counts.lines += 1;
                match row.receipt {
                    Ok(receipt) => {
                        return Ok(Some((Place::Line(row.line), Paper::Receipt(Box::new(receipt)))));
                    }
                    Err(problems) => {
                        tally.counts.bad_lines += 1;
                        for problem in problems {
                            tally.problems.report(path, Place::Line(row.line), || problem.to_string());
                        }
                    }
                }
            },
            Self::Printed { bytes, receipts, template, read, number, ended, .. } => loop {
                while let Some(reading) = read.pop_front() {
                    *number += 1;
                    tally.counts.transactions += 1;
                    let paper = match reading {
                        Reading::Receipt(receipt) => Paper::Receipt(receipt),
                        Reading::Totals(totals) => Paper::Totals(totals),
                        Reading::Skipped(_) => {
                            tally.counts.no_receipts += 1;
                            continue;
                        }
                    };
                    return Ok(Some((Place::Transaction(*number), paper)));
                }
                if let Some(printed) = receipts.next() {
                    read.extend(template.read(&printed));
                    continue;
                }
                if *ended {
                    return Ok(None);
                }
                let mut chunk = [0; CHUNK];
                match bytes.read(&mut chunk) {
                    Ok(0) => {
                        receipts.closed();
                        *ended = true;
                    }
                    Ok(n) => receipts.received(&chunk[..n]),
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    Err(e) if is_damage(&e) => {
                        return Err(Failure::Damage(Place::Transaction(*number + 1), e.to_string()));
                    }
                    Err(e) => return Err(Failure::Io(e)),
                }
            },
        }
    }
}
