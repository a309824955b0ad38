//! `edge-agent check`: is everything right for `run`? Every problem at once; for each what to type next.
//!
//! First what the files say, then, once they can be used, what they find around them: inputs, store, keys,
//! broker, clock. Changes nothing: no file is made and no key is drawn.

mod broker;
mod environment;
mod feeds;
mod host;
mod radios;
pub(in crate::cli) mod service;

use super::exit::{Exit, Failure};
use crate::config::{self, Located};
use crate::init::text::TO_MEASURE;
use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use visit_core::site::Site;

/// Checks the configuration, the site map, and what they need.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckArgs {
    /// The gateway's configuration
    #[arg(long, value_name = "FILE", default_value = "/etc/edge-agent/agent.toml")]
    pub config: PathBuf,
    /// Check this site map alone
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    pub site: Option<PathBuf>,
    /// Do not call the broker
    #[arg(long)]
    pub offline: bool,
}

/// Prints the report to standard output. [`Exit::Config`] when anything is wrong.
pub fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    let report = examine(args);
    let mut out = std::io::stdout().lock();
    // Somebody who closes the pipe has seen enough.
    let _ = write!(out, "{report}").and_then(|()| out.flush());
    Ok(report.exit())
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Must be put right.
    pub errors: Vec<Finding>,
    /// Should be looked at.
    pub warnings: Vec<Finding>,
    /// What is right.
    pub right: Vec<String>,
}

/// Something found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What, and where.
    pub what: String,
    /// What to type or do next.
    pub next: Option<String>,
}

impl Report {
    /// How the command ends.
    pub fn exit(&self) -> Exit {
        if self.errors.is_empty() { Exit::Ok } else { Exit::Config }
    }

    fn error(&mut self, what: impl Into<String>, next: impl Into<String>) {
        self.errors.push(Finding { what: what.into(), next: Some(next.into()) });
    }

    fn warn(&mut self, what: impl Into<String>, next: impl Into<String>) {
        self.warnings.push(Finding { what: what.into(), next: Some(next.into()) });
    }

    fn right(&mut self, what: impl Into<String>) {
        self.right.push(what.into());
    }

    /// Messages of files say themselves what would be right.
    fn add(&mut self, errors: &[Located], warnings: &[Located]) {
        let finding = |l: &Located| Finding { what: l.to_string(), next: None };
        self.errors.extend(errors.iter().map(finding));
        self.warnings.extend(warnings.iter().map(finding));
    }

    fn summary(&mut self, site: &Site) {
        let (f, z) = (site.floors.len(), site.zones.len());
        let (s, t) = (site.sensors.len(), site.tills.len());
        let text =
            format!("site {:?} ({}): floors {f}, zones {z}, sensors {s}, tills {t}", site.id, site.timezone);
        self.right(text);
    }
}

/// Problems first, then warnings, then what is right.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (title, findings) in [("wrong", &self.errors), ("to look at", &self.warnings)] {
            if !findings.is_empty() {
                writeln!(f, "{title} ({}):", findings.len())?;
            }
            for finding in findings {
                writeln!(f, "  {}", finding.what)?;
                if let Some(next) = &finding.next {
                    writeln!(f, "    -> {next}")?;
                }
            }
        }
        if !self.right.is_empty() {
            writeln!(f, "right ({}):", self.right.len())?;
        }
        self.right.iter().try_for_each(|what| writeln!(f, "  {what}"))
    }
}

/// Everything `check` looks at, without printing.
pub fn examine(args: &CheckArgs) -> Report {
    let mut report = Report::default();
    if let Some(path) = &args.site {
        match config::read_site(path) {
            Ok(loaded) => {
                report.add(&[], &loaded.warnings);
                report.summary(&loaded.value);
                measured(&loaded.text, &mut report);
            }
            Err(e) => report.add(&e.errors, &e.warnings),
        }
        return report;
    }
    if !args.config.exists() {
        let next = "sudo edge-agent init writes one; or name yours: --config FILE";
        report.error(format!("{}: there is no such file", args.config.display()), next);
        return report;
    }
    let read = config::examine(&args.config);
    report.add(&read.errors, &read.warnings);
    let site = read.site.as_ref().map(|(site, _)| site);
    if let Some(site) = site {
        report.summary(site);
    }
    if let (Some(agent), Some(map)) = (&read.agent, &read.published) {
        report.right(format!(
            "site map: published version {}, signed off by {}; {} is not read",
            map.version,
            map.signed_off_by,
            agent.site_map.display()
        ));
    }
    if let Some((_, text)) = &read.site {
        measured(text, &mut report);
    }
    // Of a configuration that is wrong the values stand in for others: nothing to look for.
    if let Some(agent) = &read.agent {
        let privacy = format!("{:?}", agent.privacy.mode).to_lowercase();
        report.right(format!(
            "gateway {:?}: sources {}, privacy mode {privacy}",
            agent.gateway,
            agent.sources.len()
        ));
        environment::examine(agent, site, args.offline, &mut report);
    }
    report
}

/// Positions that `init` made up and nobody has measured.
fn measured(site_text: &str, report: &mut Report) {
    let made_up = site_text.lines().filter(|line| line.trim_end().ends_with(TO_MEASURE)).count();
    if made_up > 0 {
        report.warn(
            format!(
                "site map: {made_up} positions were made up by init: where people are is guessed wrongly"
            ),
            format!("measure them, and take the mark {TO_MEASURE:?} away"),
        );
    }
}

#[cfg(test)]
mod tests;
