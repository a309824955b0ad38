//! Calibration files: what `survey` writes and `run` and `replay` read.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use visit_core::position::{Calibration, SurveyModel};
use visit_core::site::Site;

/// No calibration is larger: 4,000 references of 4,000 sensors would not be one.
const MAX_FILE: u64 = 64 << 20;

fn read(path: &Path) -> Result<(Calibration, String), String> {
    let file = path.display();
    let mut text = String::new();
    let open = File::open(path).map_err(|e| format!("{file}: cannot open the calibration: {e}"))?;
    let read = open.take(MAX_FILE + 1).read_to_string(&mut text);
    read.map_err(|e| format!("{file}: cannot read the calibration: {e}"))?;
    if text.len() as u64 > MAX_FILE {
        return Err(format!("{file}: larger than {} MiB; this is no calibration", MAX_FILE >> 20));
    }
    let calibration = serde_json::from_str(&text).map_err(|e| {
        format!("{file}: no calibration: {e}; make one with `edge-agent survey --site SITE survey.jsonl --out FILE`")
    })?;
    Ok((calibration, text))
}

/// Reads a calibration file for use with a site map; its text comes too.
pub fn model(path: &Path, site: &Site) -> Result<(SurveyModel, String), String> {
    let (calibration, text) = read(path)?;
    let model = SurveyModel::new(site, &calibration).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok((model, text))
}

/// Writes a calibration, one reference a line; the file is whole or not there.
pub fn write(path: &Path, calibration: &Calibration) -> std::io::Result<()> {
    let partial = path.with_extension("partial");
    let mut out = std::io::BufWriter::new(File::create(&partial)?);
    let head = Calibration { references: Vec::new(), ..calibration.clone() };
    let head = serde_json::to_string(&head)?;
    let open = head.strip_suffix("]}").unwrap_or(&head);
    writeln!(out, "{open}")?;
    for (i, reference) in calibration.references.iter().enumerate() {
        let comma = if i + 1 < calibration.references.len() { "," } else { "" };
        writeln!(out, "{}{comma}", serde_json::to_string(reference)?)?;
    }
    writeln!(out, "]}}")?;
    out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    std::fs::rename(&partial, path)
}
