//! Receipts in recordings besides POSLog: what a till sent to its printer, and tables.

use super::{Bytes, Failure, OpenError, ReplayInput, Tally, is_damage, observed};
use crate::counts::Place;
use crate::names::Names;
use crate::observation::Observation;
use crate::pos::escpos::end::Receipts;
use crate::pos::receipt::Receipt;
use crate::pos::table::{Mapping, Table, TableError};
use crate::pos::template::{Reading, Template};
use jiff::tz::TimeZone;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use visit_core::site::TillIx;

/// Bytes read at once.
const CHUNK: usize = 16 << 10;

/// Receipts of one recording.
pub(super) enum Papers {
    Printed {
        bytes: Bytes,
        receipts: Box<Receipts>,
        template: Arc<Template>,
        read: VecDeque<Reading>,
        number: u64,
        ended: bool,
    },
    Table(Box<Table<Bytes>>),
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
        let template = Arc::new(template.as_ref().clone().with_defaults(zone, spec.currency));
        let receipts = Box::new(Receipts::new(template.printer.clone(), template.limits));
        Ok(Self::Printed { bytes, receipts, template, read: VecDeque::new(), number: 0, ended: false })
    }

    pub(super) fn next(
        &mut self,
        path: &Arc<Path>,
        till: Option<TillIx>,
        names: &Names,
        tally: &mut Tally,
    ) -> Result<Option<Observation>, Failure> {
        loop {
            let Some((place, receipt)) = self.receipt(path, tally)? else { return Ok(None) };
            if let Some(observation) = observed(&receipt, path, place, till, names, tally) {
                return Ok(Some(observation));
            }
        }
    }

    /// The next receipt, with its number in the recording.
    fn receipt(&mut self, path: &Arc<Path>, tally: &mut Tally) -> Result<Option<(Place, Receipt)>, Failure> {
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
                    Ok(receipt) => return Ok(Some((Place::Line(row.line), receipt))),
                    Err(problems) => {
                        tally.counts.bad_lines += 1;
                        for problem in problems {
                            tally.problems.report(path, Place::Line(row.line), || problem.to_string());
                        }
                    }
                }
            },
            Self::Printed { bytes, receipts, template, read, number, ended } => loop {
                while let Some(reading) = read.pop_front() {
                    *number += 1;
                    tally.counts.transactions += 1;
                    match reading {
                        Reading::Receipt(receipt) => {
                            return Ok(Some((Place::Transaction(*number), *receipt)));
                        }
                        // A Z-report has no time of its own to be played at.
                        Reading::Skipped(_) | Reading::Totals(_) => tally.counts.no_receipts += 1,
                    }
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
