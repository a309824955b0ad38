//! `edge-agent survey`: from a commissioning walk to a calibration, and what to expect of it.

use super::exit::{Exit, Failure};
use super::inputs::{open_failure, sensors_of};
use super::site::read_site;
use crate::calibration;
use crate::pipeline::wall_clock;
use crate::survey::{self, Recording, Report, Walk, WalkError};
use clap::Args;
use gateway::observation::MacAddr;
use std::io::Write;
use std::path::{Path, PathBuf};
use visit_core::position::{Calibration, Inspection};
use visit_core::site::Site;

/// Make a calibration of a commissioning walk, and say what to expect of the installation.
#[derive(Args, Clone, Debug)]
pub struct SurveyArgs {
    /// The walks, one file for each person who walked: JSON lines of `at`, `sensor`, `rssi`, `zone` (and `floor`). Or, with
    /// --phone and --marks, what the gateways recorded meanwhile. Each may be gzip.
    #[arg(required_unless_present = "mark", value_name = "WALK")]
    walks: Vec<PathBuf>,
    /// The site map.
    #[arg(long, value_name = "FILE")]
    site: PathBuf,
    /// Where the calibration goes; without it the walk is only judged.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Where a picture of floors, zones, sensors and confusion goes (SVG).
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    /// The address of the phone that was carried, in recordings.
    #[arg(long, value_name = "ADDRESS", requires = "marks", value_parser = address)]
    phone: Option<MacAddr>,
    /// Where that phone was: JSON lines of `at` and `zone`, each good until the next.
    #[arg(long, value_name = "FILE", requires = "phone")]
    marks: Option<PathBuf>,
    /// The sensor that made the captures: one for all recordings, or once for each.
    #[arg(long, value_name = "ID", requires = "phone")]
    sensor: Vec<String>,
    /// While walking: write a mark for each zone id typed; `-` for between zones. End with Ctrl-D.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["walks", "out", "picture", "json", "phone"])]
    mark: Option<PathBuf>,
}

/// Runs `survey`.
pub fn run(args: &SurveyArgs) -> Result<Exit, Failure> {
    let site = read_site(&args.site)?;
    if let Some(path) = &args.mark {
        return mark(path, &site);
    }
    let walk = read(args, &site)?;
    for problem in &walk.problems {
        eprintln!("edge-agent: {problem}");
    }
    let more = walk.skipped.saturating_sub(walk.problems.len() as u64);
    if more > 0 {
        eprintln!("edge-agent: … and {more} more");
    }
    if walk.scans.is_empty() {
        return Err(Failure::new(Exit::BadData, nothing(args, &walk)));
    }
    let inspection = Inspection::of(&site, &walk.scans);
    if let Some(path) = &args.out {
        let calibration = Calibration::from_scans(&site, &walk.scans);
        let calibration = calibration.with_confusions(&site, &inspection.assessment);
        calibration::write(path, &calibration).map_err(|e| cannot_create(path, &e))?;
        let zones = site.zones.len() - calibration.unvisited(&site).len();
        let references = calibration.references.len();
        eprintln!("wrote {}: {references} places in {zones} zones", path.display());
    }
    if let Some(path) = &args.picture {
        std::fs::write(path, survey::picture(&site, &inspection)).map_err(|e| cannot_create(path, &e))?;
        eprintln!("wrote {}", path.display());
    }
    let report = Report::of(&site, &walk.scans, &inspection, walk.readings, walk.skipped);
    print(&report, args.json)?;
    Ok(if walk.skipped > 0 { Exit::BadData } else { Exit::Ok })
}

fn print(report: &Report, json: bool) -> Result<(), Failure> {
    let text = match json {
        true => {
            serde_json::to_string_pretty(report).map_err(|e| Failure::new(Exit::Software, e.to_string()))?
                + "\n"
        }
        false => report.to_string(),
    };
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Somebody who closes the pipe has seen enough.
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Io, format!("cannot write standard output: {e}")))
        }
        _ => Ok(()),
    }
}

fn read(args: &SurveyArgs, site: &Site) -> Result<Walk, Failure> {
    let walk = match (args.phone, &args.marks) {
        (Some(phone), Some(marks)) => {
            let sensors = sensors_of(site, &args.sensor, args.walks.len())?;
            let recording = |(i, path): (usize, &PathBuf)| Recording {
                path: path.clone(),
                sensor: sensors.get(i).or(sensors.first()).copied(),
            };
            let recordings: Vec<Recording> = args.walks.iter().enumerate().map(recording).collect();
            survey::of_phone(&recordings, phone, marks, site)
        }
        _ => survey::labelled(&args.walks, site),
    };
    walk.map_err(|e| match &e {
        WalkError::Io { path, source } => Failure::io("cannot read", path, source),
        WalkError::Recording(e) => open_failure(e),
        WalkError::Mark(_) => Failure::new(Exit::BadData, e.to_string()),
    })
}

/// Why there is nothing to calibrate with.
fn nothing(args: &SurveyArgs, walk: &Walk) -> String {
    match args.phone {
        None => "the walk has no usable rows: nothing to calibrate with".to_owned(),
        Some(_) if walk.unplaced > 0 => format!(
            "the phone was heard {} times, and never while the marks say where it was; do the clocks of the gateways and of \
             the terminal with the marks agree?",
            walk.unplaced
        ),
        Some(_) => "the recordings do not hold the phone; phones show each network, and each scan, another address: see \
                    \"Which phone\" in docs/survey.md"
            .to_owned(),
    }
}

fn mark(path: &Path, site: &Site) -> Result<Exit, Failure> {
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|e| cannot_create(path, &e))?;
    eprintln!("type the id of the zone you are in, `-` when between zones, `?` for all zones; Ctrl-D to end");
    let marks = survey::mark(std::io::stdin().lock(), &mut file, &mut std::io::stderr(), site, wall_clock);
    let marks = marks.map_err(|e| Failure::io("cannot write", path, &e))?;
    eprintln!("{marks} marks in {}", path.display());
    Ok(Exit::Ok)
}

fn address(text: &str) -> Result<MacAddr, String> {
    MacAddr::parse(text).ok_or_else(|| "no MAC address; write aa:bb:cc:dd:ee:ff".to_owned())
}

fn cannot_create(path: &Path, e: &std::io::Error) -> Failure {
    match e.kind() {
        std::io::ErrorKind::PermissionDenied => Failure::io("cannot write", path, e),
        _ => Failure::new(Exit::CannotCreate, format!("cannot create {}: {e}", path.display())),
    }
}
