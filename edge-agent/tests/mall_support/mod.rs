//! The demo's mall as files, and the binary.
#![allow(dead_code, unreachable_pub)] // each test uses its part

use edge_agent::demo::day::Plan;
use edge_agent::demo::site;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// How the binary ended.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs `edge-agent` in a folder.
pub fn agent(folder: &Path, words: &[&str], typed: &str) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_edge-agent"))
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), typed.as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: ended.status.code().unwrap(), out: text(ended.stdout), err: text(ended.stderr) }
}

pub fn plan() -> Plan {
    Plan::from(&edge_agent::config::parse_site("site.toml", site::TOML).unwrap().value)
}

/// A folder with the site map, of whose sensors those are left that are `wanted`.
pub fn mall(wanted: impl Fn(&str) -> bool) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut kept = String::new();
    for part in site::TOML.split_inclusive("\n\n") {
        let id = part.split("[[sensor]]\nid = \"").nth(1).and_then(|rest| rest.split('"').next());
        if id.is_none_or(&wanted) {
            kept.push_str(part);
        }
    }
    std::fs::write(folder.path().join("site.toml"), kept).unwrap();
    folder
}

pub fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// The text of a block ```` ```text ```` after a line of a document that contains `mark`.
pub fn example(document: &str, mark: &str) -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(document);
    let text = std::fs::read_to_string(docs).unwrap();
    let rest = text.split(mark).nth(1).unwrap_or_else(|| panic!("{mark:?} is not in {document}"));
    let block = rest.split("```text\n").nth(1).and_then(|rest| rest.split("```").next());
    block.unwrap_or_else(|| panic!("no block after {mark:?}")).to_owned()
}
