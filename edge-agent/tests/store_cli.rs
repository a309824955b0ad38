//! `edge-agent outbox` on stopped, running, damaged and missing stores.

#![allow(clippy::unwrap_used)] // the helpers of tests are outside of `#[test]`

mod store_support;

use clap::Parser;
use edge_agent::cli::exit::{Exit, Failure};
use edge_agent::cli::outbox::{OutboxArgs, run_to};
use edge_agent::store::{OutboxSeq, Store};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use store_support::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    outbox: OutboxArgs,
}

fn outbox(words: &[&str], store: &Path) -> Result<(Exit, String), Failure> {
    let line = ["outbox"].iter().chain(words).copied().chain(["--store", store.to_str().unwrap()]);
    let mut out = Vec::new();
    let exit = run_to(&Line::parse_from(line).outbox, &mut out)?;
    Ok((exit, String::from_utf8(out).unwrap()))
}

/// Every file below `root` with its bytes.
fn everything(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(everything(&path));
        } else {
            files.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    files
}

fn stopped_store() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let (store, _) = Store::open(root.path(), &options()).unwrap();
        store.commit(batch((0..20).map(visit_event))).await.unwrap();
        store.commit(batch((20..25).map(flow_event))).await.unwrap();
        store.dead_letter(OutboxSeq(1), "too large").await.unwrap();
        store.close().await.unwrap();
    });
    root
}

#[test]
fn a_stopped_store_is_shown_and_not_touched() {
    let root = stopped_store();
    let before = everything(root.path());
    let (exit, text) = outbox(&["stats"], root.path()).unwrap();
    assert_eq!(exit, Exit::Ok);
    for part in ["24 events", "visit          19", "flow           5", "dead letters     1", "sequence  25"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let (exit, text) = outbox(&["peek", "-n", "3", "--after", "10"], root.path()).unwrap();
    assert_eq!(exit, Exit::Ok);
    let ids: Vec<_> = text
        .lines()
        .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, (10..13).map(|n| visit_event(n).id.to_string()).collect::<Vec<_>>());
    let (exit, text) = outbox(&["verify"], root.path()).unwrap();
    assert_eq!(exit, Exit::Ok);
    assert!(text.ends_with("0 faults\n"), "{text}");
    assert_eq!(everything(root.path()), before);
}

#[test]
fn a_damaged_store_is_told_and_not_touched() {
    let root = stopped_store();
    let db = root.path().join("live-1/db");
    let mut bytes = std::fs::read(&db).unwrap();
    let at = bytes.windows(8).position(|w| w == b"A brand ").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&db, bytes).unwrap();
    let before = everything(root.path());
    let (exit, text) = outbox(&["verify"], root.path()).unwrap();
    assert_eq!(exit, Exit::BadData);
    assert!(text.lines().count() >= 2, "{text}");
    assert_eq!(outbox(&["stats"], root.path()).unwrap().0, Exit::BadData);
    assert_eq!(everything(root.path()), before);
}

#[test]
fn a_store_in_use_is_said_to_be() {
    let root = stopped_store();
    let (store, _) = Store::open(root.path(), &options()).unwrap();
    let failure = outbox(&["stats"], root.path()).unwrap_err();
    assert_eq!(failure.exit, Exit::Unavailable);
    assert!(failure.message.contains("in use"), "{failure}");
    drop(store);
}

#[test]
fn a_wrong_path_is_no_input_and_creates_nothing() {
    let root = tempfile::tempdir().unwrap();
    for path in [root.path().join("nowhere"), root.path().to_owned()] {
        for word in ["stats", "peek", "verify"] {
            let failure = outbox(&[word], &path).unwrap_err();
            assert_eq!(failure.exit, Exit::NoInput, "{failure}");
        }
    }
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
}
