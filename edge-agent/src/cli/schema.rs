//! `edge-agent schema`: the event contract as JSON Schemas, samples and an AsyncAPI document.

use super::exit::{Exit, Failure};
use crate::publish::contract::{Document, documents};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Prints the AsyncAPI document, or writes or checks all files of the contract.
#[derive(Clone, Debug, clap::Args)]
pub struct SchemaArgs {
    /// Write all files of the contract into this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "check")]
    pub out: Option<PathBuf>,
    /// Compare this folder with the contract of this version; exit code 65 when it differs.
    #[arg(long, value_name = "DIR")]
    pub check: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: &SchemaArgs) -> Result<Exit, Failure> {
    match (&args.out, &args.check) {
        (Some(dir), _) => write(dir),
        (None, Some(dir)) => check(dir),
        (None, None) => print(),
    }
}

fn print() -> Result<Exit, Failure> {
    let asyncapi = documents().into_iter().find(|d| d.path == "asyncapi.json");
    let text = asyncapi.expect("a test sees that the contract has this document").text;
    match write!(std::io::stdout().lock(), "{text}") {
        // `| head` has seen enough.
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::Ok),
        Err(e) => Err(Failure::new(Exit::Io, format!("standard output: {e}"))),
        Ok(()) => Ok(Exit::Ok),
    }
}

fn write(dir: &Path) -> Result<Exit, Failure> {
    for Document { path, text } in documents() {
        let file = dir.join(path);
        let made = match file.parent() {
            Some(parent) => std::fs::create_dir_all(parent),
            None => Ok(()),
        };
        made.and_then(|()| std::fs::write(&file, text))
            .map_err(|e| Failure::new(Exit::CannotCreate, format!("cannot write {}: {e}", file.display())))?;
    }
    Ok(Exit::Ok)
}

fn check(dir: &Path) -> Result<Exit, Failure> {
    let problems = drift(&documents(), dir)?;
    if problems.is_empty() {
        return Ok(Exit::Ok);
    }
    let shown = dir.display();
    let list = problems.join("\n  ");
    Err(Failure::new(
        Exit::BadData,
        format!(
            "{shown} is not the contract of this version; run `edge-agent schema --out {shown}`:\n  {list}"
        ),
    ))
}

/// What in `dir` is missing, different, or no part of the contract that `documents` are.
pub fn drift(documents: &[Document], dir: &Path) -> Result<Vec<String>, Failure> {
    let mut problems = Vec::new();
    for Document { path, text } in documents {
        let file = dir.join(path);
        match std::fs::read(&file) {
            Ok(found) if found == text.as_bytes() => {}
            Ok(_) => problems.push(format!("{path}: differs")),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => problems.push(format!("{path}: missing")),
            Err(e) => return Err(Failure::io("cannot read", &file, &e)),
        }
    }
    for folder in ["", "samples"] {
        let place = dir.join(folder);
        let Ok(entries) = std::fs::read_dir(&place) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            let known = documents.iter().any(|d| d.path == path);
            if path.ends_with(".json") && !known {
                problems.push(format!("{path}: no part of the contract"));
            }
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(out: Option<&Path>, check: Option<&Path>) -> SchemaArgs {
        SchemaArgs { out: out.map(Into::into), check: check.map(Into::into) }
    }

    #[test]
    fn what_is_written_checks_and_every_kind_of_drift_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(run(&args(Some(dir.path()), None)).unwrap(), Exit::Ok);
        assert_eq!(run(&args(None, Some(dir.path()))).unwrap(), Exit::Ok);
        std::fs::write(dir.path().join("asyncapi.json"), "{}\n").unwrap();
        std::fs::remove_file(dir.path().join("samples/mall.visit.arrived.json")).unwrap();
        std::fs::write(dir.path().join("mall.visit.teleported.schema.json"), "{}\n").unwrap();
        let failure = run(&args(None, Some(dir.path()))).unwrap_err();
        assert_eq!(failure.exit, Exit::BadData);
        for part in
            ["asyncapi.json: differs", "mall.visit.arrived.json: missing", "teleported.schema.json: no part"]
        {
            assert!(failure.message.contains(part), "{part}: {}", failure.message);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let failure = run(&args(Some(file.path()), None)).unwrap_err();
        assert_eq!(failure.exit, Exit::CannotCreate);
        assert!(failure.message.contains(&file.path().display().to_string()));
    }
}
