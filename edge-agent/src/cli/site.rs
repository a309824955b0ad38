//! The site map, as commands other than `run` and `check` read it.

use super::exit::{Exit, Failure};
use crate::config;
use std::path::Path;
use visit_core::site::Site;

/// Warnings that are said one by one; `check` says all.
const SAID: usize = 3;

/// Reads a site map; says what is odd about it, but not at length.
pub(super) fn read_site(path: &Path) -> Result<Site, Failure> {
    let site = config::read_site(path).map_err(|e| Failure::new(Exit::Config, e.to_string()))?;
    for warning in site.warnings.iter().take(SAID) {
        eprintln!("edge-agent: warning: {warning}");
    }
    if site.warnings.len() > SAID {
        let more = site.warnings.len() - SAID;
        eprintln!("edge-agent: … and {more} more; `edge-agent check --site {}` says all", path.display());
    }
    Ok(site.value)
}
