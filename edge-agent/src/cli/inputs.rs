//! What `replay` reads, and with which engine.

use super::exit::{Exit, Failure};
use crate::{calendar, calibration};
use clap::Args;
use gateway::names::Names;
use gateway::pos::template::Template;
use gateway::source::{OpenError, Replay, ReplayInput};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use visit_core::engine::EngineConfig;
use visit_core::observation::Currency;
use visit_core::site::{SensorIx, Site, TillIx};
use visit_core::time::{Span, Timestamp};

/// Recordings, the map they were made on, and what is needed to read them.
#[derive(Args, Clone, Debug)]
pub struct InputArgs {
    /// Recordings: pcap, pcapng (radiotap or plain 802.11), observation logs (.jsonl), receipts as POSLog (XML), as
    /// CSV (.csv) or as a till sent them to its printer (--template), each possibly gzip. Several are merged by time.
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// The site map.
    #[arg(long, value_name = "FILE")]
    pub site: PathBuf,
    /// Do not learn from what is heard where emissions of each zone are heard.
    #[arg(long)]
    pub no_learning: bool,
    /// What `survey` made of a commissioning walk.
    #[arg(long, value_name = "FILE")]
    pub calibration: Option<PathBuf>,
    /// The sensor that made the captures: one for all inputs, or once for each.
    #[arg(long, value_name = "ID")]
    pub sensor: Vec<String>,
    /// The till of receipts that do not name one.
    #[arg(long, value_name = "ID")]
    pub till: Option<String>,
    /// How printed receipts are read.
    #[arg(long, value_name = "FILE")]
    pub template: Option<PathBuf>,
    /// The currency of receipts that name none (ISO 4217).
    #[arg(long, value_name = "CODE")]
    pub currency: Option<String>,
    /// When prints that show no time were captured (RFC 3339); when their file was written if left out.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Length of a flow interval, minutes.
    #[arg(long, value_name = "MINUTES", default_value_t = 5)]
    pub flow_interval: u16,
    /// Flow figures of fewer people than this are withheld.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub k: u32,
}

impl InputArgs {
    /// Opens the recordings.
    pub(super) fn open(&self, site: &Site) -> Result<Replay, Failure> {
        let sensors = sensors_of(site, &self.sensor, self.inputs.len())?;
        let till = self.till.as_deref().map(|id| till(site, id)).transpose()?;
        let template = self.template.as_deref().map(Template::load).transpose();
        let template = template.map_err(|e| Failure::new(Exit::Config, e.to_string()))?.map(Arc::new);
        let currency = self.currency.as_deref().map(|code| {
            let wrong =
                || format!("--currency: {code:?} is no ISO 4217 code; write three capital letters: CNY");
            Currency::new(code).ok_or_else(|| Failure::new(Exit::Config, wrong()))
        });
        let currency = currency.transpose()?;
        let at = self.at.as_deref().map(|text| {
            let wrong = || format!("--at: {text:?} is no time; write one like 2025-11-21T18:42:07+08:00");
            Timestamp::parse_rfc3339(text).ok_or_else(|| Failure::new(Exit::Config, wrong()))
        });
        let at = at.transpose()?;
        let input = |(i, path): (usize, &PathBuf)| ReplayInput {
            path: path.clone(),
            sensor: sensors.get(i).or(sensors.first()).copied(),
            till,
            template: template.clone(),
            currency,
            at,
        };
        let inputs = self.inputs.iter().enumerate().map(input).collect();
        Replay::open(inputs, Arc::new(Names::from(site))).map_err(|e| open_failure(&e))
    }

    /// The engine's settings: the defaults, the calibration, and what is to be learnt.
    pub(super) fn engine(&self, site: &Site) -> Result<EngineConfig, Failure> {
        let survey = self.calibration.as_deref().map(|path| calibration::model(path, site)).transpose();
        let survey = survey.map_err(|e| Failure::new(Exit::Config, e))?.map(|(model, _)| Arc::new(model));
        Ok(EngineConfig {
            survey,
            learn: !self.no_learning,
            map_version: site.version(),
            flow_interval: flow_interval(self.flow_interval)?,
            k: self.k,
            calendar: calendar::of(site),
            ..EngineConfig::default()
        })
    }
}

fn flow_interval(minutes: u16) -> Result<Span, Failure> {
    if minutes > 0 && 60 % minutes == 0 {
        return Ok(Span::from_secs(i64::from(minutes) * 60));
    }
    let parts = "1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30 or 60";
    let wrong = format!("--flow-interval: {minutes} minutes are no part of an hour; write {parts}");
    Err(Failure::new(Exit::Config, wrong))
}

/// What a recording that cannot be opened means for the exit code.
pub(super) fn open_failure(e: &OpenError) -> Failure {
    let exit = match e {
        OpenError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            Exit::NoPermission
        }
        OpenError::Io { .. } => Exit::NoInput,
        OpenError::NoSensor { .. } => Exit::Config,
        OpenError::UnknownFormat { .. }
        | OpenError::LinkType { .. }
        | OpenError::Table { .. }
        | OpenError::Capture { .. } => Exit::BadData,
    };
    Failure::new(exit, e.to_string())
}

/// The sensors that made so many inputs: none said, one for all, or one for each.
pub(super) fn sensors_of(site: &Site, ids: &[String], inputs: usize) -> Result<Vec<SensorIx>, Failure> {
    if ids.len() > 1 && ids.len() != inputs {
        let why =
            format!("--sensor: {} sensors for {inputs} inputs; give one for all, or one for each", ids.len());
        return Err(Failure::new(Exit::Config, why));
    }
    ids.iter().map(|id| sensor(site, id)).collect()
}

fn sensor(site: &Site, id: &str) -> Result<SensorIx, Failure> {
    let known = site.sensors.iter().map(|s| s.id.as_str());
    site.sensor_named(id).ok_or_else(|| unknown("--sensor", "sensor", id, known))
}

fn till(site: &Site, id: &str) -> Result<TillIx, Failure> {
    let known = site.tills.iter().map(|t| t.id.as_str());
    site.till_named(id).ok_or_else(|| unknown("--till", "till", id, known))
}

fn unknown<'a>(flag: &str, what: &str, id: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let near = visit_core::site::closest(id, known);
    let hint = near.map_or(String::new(), |n| format!("; did you mean {n:?}?"));
    Failure::new(Exit::Config, format!("{flag}: the site map has no {what} {id:?}{hint}"))
}
