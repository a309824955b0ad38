//! `edge-agent survey`: from a commissioning walk to a calibration, and what to expect of it.

use super::exit::{Exit, Failure};
use super::replay::open_failure;
use crate::calibration;
use crate::config;
use crate::pipeline::wall_clock;
use crate::survey::{self, Walk, WalkError};
use clap::Args;
use gateway::observation::MacAddr;
use std::path::{Path, PathBuf};
use visit_core::position::{Assessment, Calibration};
use visit_core::site::Site;

/// Make a calibration of a commissioning walk, and say what to expect of the installation.
#[derive(Args, Clone, Debug)]
pub struct SurveyArgs {
    /// The walk: JSON lines of `at`, `sensor`, `rssi`, `zone` (and `floor`); or, with --phone and --marks, a recording
    /// of the phone that was carried. May be gzip.
    #[arg(required_unless_present = "mark", value_name = "WALK")]
    walk: Option<PathBuf>,
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
    /// The address of the phone that was carried, in a recording.
    #[arg(long, value_name = "ADDRESS", requires = "marks", value_parser = address)]
    phone: Option<MacAddr>,
    /// Where that phone was: JSON lines of `at` and `zone`, each good until the next.
    #[arg(long, value_name = "FILE", requires = "phone")]
    marks: Option<PathBuf>,
    /// While walking: write a mark for each zone id typed; `-` for between zones. End with Ctrl-D.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["walk", "out", "picture", "phone"])]
    mark: Option<PathBuf>,
}

/// Runs `survey`.
pub fn run(args: &SurveyArgs) -> Result<Exit, Failure> {
    let site = config::read_site(&args.site).map_err(|e| Failure::new(Exit::Config, e.to_string()))?;
    for warning in &site.warnings {
        eprintln!("edge-agent: warning: {warning}");
    }
    let site = site.value;
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
        let why = "the walk has no usable rows: nothing to calibrate with".to_owned();
        return Err(Failure::new(Exit::BadData, why));
    }
    let assessment = Assessment::of(&site, &walk.scans);
    let calibration = Calibration::from_scans(&site, &walk.scans).with_confusions(&site, &assessment);
    if let Some(path) = &args.out {
        calibration::write(path, &calibration).map_err(|e| cannot_create(path, &e))?;
        eprintln!("wrote {}: {} references of {} zones", path.display(), calibration.references.len(), 0);
    }
    Ok(if walk.skipped > 0 { Exit::BadData } else { Exit::Ok })
}

fn read(args: &SurveyArgs, site: &Site) -> Result<Walk, Failure> {
    let path = args.walk.as_deref().unwrap_or(Path::new(""));
    let walk = match (args.phone, &args.marks) {
        (Some(phone), Some(marks)) => survey::of_phone(path, phone, marks, site),
        _ => survey::labelled(path, site),
    };
    walk.map_err(|e| match &e {
        WalkError::Io { path, source } => Failure::io("cannot read", path, source),
        WalkError::Recording(e) => open_failure(e),
        WalkError::Mark(_) => Failure::new(Exit::BadData, e.to_string()),
    })
}

fn mark(path: &Path, site: &Site) -> Result<Exit, Failure> {
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|e| cannot_create(path, &e))?;
    eprintln!("type the id of the zone you are in, `-` when between zones; Ctrl-D to end");
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
