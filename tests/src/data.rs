//! The evaluation data, which is not part of the repository.

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A folder of evaluation data and the folder of the scoring programs, where the machine has both.
///
/// Data: `$EDGE_AGENT_DATA/<name>`, or `../shared/data/<name>` beside the repository. Programs: `eval`
/// beside the data folder.
pub fn evaluation(name: &str) -> Option<(PathBuf, PathBuf)> {
    let data = match std::env::var_os("EDGE_AGENT_DATA") {
        Some(folder) => PathBuf::from(folder),
        None => repository().join("../shared/data"),
    };
    let day = data.join(name);
    let programs = data.join("../eval");
    (day.join("day.jsonl.gz").is_file() && programs.join("score.py").is_file()).then_some((day, programs))
}
