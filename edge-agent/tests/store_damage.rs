//! A damaged store: never a panic, never a silent loss, never a crash loop; and the fresh one works.

#![allow(clippy::unwrap_used)] // the helpers of tests are outside of `#[test]`

mod store_support;

use edge_agent::store::{Checkpoint, Recovered, Store};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use store_support::*;
use visit_core::event::EventId;

const EVENTS: u64 = 400;

/// A store with events, visits and a checkpoint, closed.
fn sound_store(root: &Path) {
    runtime().block_on(async {
        let (store, _) = Store::open(root, &options()).unwrap();
        for n in 0..EVENTS / 20 {
            let mut batch = batch((n * 20..n * 20 + 20).map(visit_event));
            batch.ledger = vec![put(n)];
            if n == 10 {
                batch.checkpoint = Some(Checkpoint { snapshot: vec![7; 40_000], position: 10 });
            }
            store.commit(batch).await.unwrap();
        }
        store.close().await.unwrap();
    });
}

fn database(root: &Path) -> PathBuf {
    root.join("live-1/db")
}

/// Opens what was damaged: whatever is missing must have been reported, and the store must be usable.
fn open_damaged(root: &Path, what: &str) -> (Recovered, usize) {
    runtime().block_on(async {
        let (store, recovered) = Store::open(root, &options()).unwrap_or_else(|e| panic!("{what}: {e}"));
        let there: BTreeSet<EventId> = queued(&store).await.into_iter().collect();
        let intact = (0..EVENTS).filter(|n| there.contains(&visit_event(*n).id)).count();
        let whole = intact == EVENTS as usize
            && recovered.ledger.len() == EVENTS as usize / 20
            && recovered.checkpoint.is_some();
        assert!(whole || recovered.quarantined.is_some(), "{what}: loss was not reported");
        if let Some(q) = &recovered.quarantined {
            assert!(q.path.join("db").exists(), "{what}: the evidence is gone");
        }
        let told = store.commit(batch([visit_event(1_000_000)])).await.unwrap();
        assert_eq!(told.queued, 1, "{what}");
        assert!(told.newest.unwrap().0 > EVENTS, "{what}: a sequence was given away twice");
        store.close().await.unwrap();
        let (store, again) = Store::open(root, &options()).unwrap();
        assert_eq!(again.quarantined, None, "{what}: the fresh store is damaged");
        assert_eq!(again.outbox_depth as usize, there.len() + 1, "{what}");
        assert_eq!(again.session, recovered.session + 1);
        drop(store);
        (recovered, intact)
    })
}

/// Damages a copy of a sound store at many places; gives how many events were kept on average.
fn damage_everywhere(trials: u64, damage: impl Fn(&Path, u64, u64)) -> f64 {
    let root = tempfile::tempdir().unwrap();
    let sound = root.path().join("sound");
    sound_store(&sound);
    let mut kept = 0;
    for trial in 0..trials {
        let copy = root.path().join(format!("copy-{trial}"));
        copy_folder(&sound, &copy);
        let len = fs::metadata(database(&copy)).unwrap().len();
        damage(&database(&copy), trial, len);
        let (_, intact) = open_damaged(&copy, &format!("trial {trial}"));
        kept += intact;
        fs::remove_dir_all(copy).unwrap();
    }
    kept as f64 / trials as f64
}

fn used_bytes(path: &Path) -> u64 {
    let bytes = fs::read(path).unwrap();
    bytes.iter().rposition(|b| *b != 0).unwrap() as u64
}

#[test]
fn flipped_bytes_are_survived_and_reported() {
    let kept = damage_everywhere(40, |path, trial, _| {
        let mut bytes = fs::read(path).unwrap();
        let used = used_bytes(path);
        let at = (used * trial / 40) as usize;
        bytes[at] ^= 1 << (trial % 8);
        fs::write(path, bytes).unwrap();
    });
    assert!(kept > EVENTS as f64 * 0.95, "one flipped bit cost {} of {EVENTS} events", EVENTS as f64 - kept);
}

#[test]
fn zeroed_pages_are_survived_and_reported() {
    let kept = damage_everywhere(20, |path, trial, _| {
        let mut bytes = fs::read(path).unwrap();
        let used = used_bytes(path);
        let at = (used * trial / 20) as usize;
        let end = (at + 4096).min(bytes.len());
        bytes[at..end].fill(0);
        fs::write(path, bytes).unwrap();
    });
    assert!(kept > EVENTS as f64 * 0.8, "only {kept} of {EVENTS} events kept");
}

#[test]
fn truncation_is_survived_and_reported() {
    damage_everywhere(25, |path, trial, len| {
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(len * trial / 25).unwrap();
    });
}

#[test]
fn a_lost_tail_is_exposed_and_keeps_what_is_whole() {
    let root = tempfile::tempdir().unwrap();
    sound_store(root.path());
    let path = database(root.path());
    let used = used_bytes(&path);
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(used / 2).unwrap();
    let (recovered, intact) = open_damaged(root.path(), "half");
    assert!(intact > 0, "nothing was salvaged from half a store");
    let q = recovered.quarantined.unwrap();
    assert!(q.ledger_lost, "a ledger older than published events came back");
    assert_eq!(q.path, root.path().join(format!("quarantine-{}", at(0).as_micros() / 1_000_000)));
}

#[test]
fn a_vanished_database_is_exposed() {
    let root = tempfile::tempdir().unwrap();
    sound_store(root.path());
    fs::remove_dir_all(root.path().join("live-1")).unwrap();
    runtime().block_on(async {
        let (store, recovered) = Store::open(root.path(), &options()).unwrap();
        assert!(recovered.quarantined.unwrap().reason.contains("gone"));
        assert_eq!(recovered.session, 2);
        drop(store);
    });
}

#[test]
fn a_rescue_cut_short_is_done_again() {
    let root = tempfile::tempdir().unwrap();
    sound_store(root.path());
    // What a crash leaves between moving the damaged database aside and finishing the new one.
    fs::rename(root.path().join("live-1"), root.path().join("quarantine-1")).unwrap();
    fs::create_dir(root.path().join("building-1")).unwrap();
    let (recovered, intact) = open_damaged(root.path(), "interrupted");
    assert_eq!(intact, EVENTS as usize);
    assert!(recovered.quarantined.is_some());
}

#[test]
fn a_quarantine_cut_short_is_finished() {
    let root = tempfile::tempdir().unwrap();
    sound_store(root.path());
    // What a crash leaves while the spoilt database is replaced by the copy made before it was opened.
    copy_folder(&root.path().join("live-1"), &root.path().join("pristine"));
    fs::rename(root.path().join("live-1"), root.path().join("building-1")).unwrap();
    let (recovered, intact) = open_damaged(root.path(), "interrupted");
    assert_eq!((intact, recovered.ledger.len()), (EVENTS as usize, EVENTS as usize / 20));
    assert!(recovered.quarantined.is_some());
}

#[test]
fn a_sound_store_leaves_no_copy_of_itself() {
    let root = tempfile::tempdir().unwrap();
    sound_store(root.path());
    // A copy from an opening that was cut short must not be taken for evidence.
    fs::create_dir(root.path().join("pristine")).unwrap();
    let (recovered, _) = open_damaged(root.path(), "sound");
    assert_eq!(recovered.quarantined, None);
    let mut names: Vec<_> =
        fs::read_dir(root.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["ballast", "high-water", "live-1", "lock"]);
}

#[test]
fn a_database_that_kills_its_reader_is_not_opened_a_fourth_time() {
    let root = tempfile::tempdir().unwrap();
    sound_store(root.path());
    fs::write(root.path().join("opening"), "3").unwrap();
    let (recovered, intact) = open_damaged(root.path(), "killer");
    assert_eq!(intact, EVENTS as usize, "carving found too little");
    let q = recovered.quarantined.unwrap();
    assert!(q.reason.contains("never finished") && q.carved == EVENTS, "{q:?}");
}

#[test]
fn leftovers_of_a_rebuild_are_removed() {
    let root = tempfile::tempdir().unwrap();
    sound_store(root.path());
    copy_folder(&root.path().join("live-1"), &root.path().join("live-2"));
    fs::create_dir(root.path().join("building-3")).unwrap();
    runtime().block_on(async {
        let (store, recovered) = Store::open(root.path(), &options()).unwrap();
        assert_eq!((recovered.quarantined, recovered.outbox_depth), (None, EVENTS));
        drop(store);
    });
    assert!(!root.path().join("live-1").exists() && !root.path().join("building-3").exists());
}

#[test]
fn a_lost_high_water_file_is_made_anew() {
    let root = tempfile::tempdir().unwrap();
    sound_store(root.path());
    fs::remove_file(root.path().join("high-water")).unwrap();
    let (recovered, intact) = open_damaged(root.path(), "no mark");
    assert_eq!((recovered.quarantined, intact), (None, EVENTS as usize));
}

/// Events so large that a page of them has a file of its own.
fn large_event(n: u64) -> visit_core::event::Event {
    let mut event = visit_event(n);
    event.site = "x".repeat(20_000);
    event
}

fn blobs(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(folder.join("blobs")).unwrap();
    all.map(|e| e.unwrap().path()).filter(|p| fs::metadata(p).unwrap().len() > 100_000).collect()
}

#[test]
fn pages_with_files_of_their_own_are_inspected_quarantined_and_saved() {
    let root = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let (store, _) = Store::open(root.path(), &options()).unwrap();
        for n in 0..20 {
            store.commit(batch((n * 5..n * 5 + 5).map(large_event))).await.unwrap();
        }
        store.close().await.unwrap();
    });
    assert!(!blobs(&root.path().join("live-1")).is_empty(), "or this tests nothing");
    let seen = edge_agent::store::inspect::Inspection::open(root.path()).unwrap();
    assert_eq!(seen.faults(), []);
    assert_eq!(seen.peek(None, 1_000).len(), 100);
    drop(seen);
    // Of the file of all other pages nothing is left.
    fs::write(database(root.path()), b"").unwrap();
    runtime().block_on(async {
        let (store, recovered) = Store::open(root.path(), &options()).unwrap();
        let quarantine = recovered.quarantined.unwrap();
        assert!(!blobs(&quarantine.path).is_empty(), "the evidence is whole");
        let saved = queued(&store).await.len();
        assert!((80..=100).contains(&saved), "{saved}: the last page is not yet so large");
    });
}

#[test]
fn a_snapshot_makes_no_files_of_its_own() {
    let root = tempfile::tempdir().unwrap();
    runtime().block_on(async {
        let (store, _) = Store::open(root.path(), &options()).unwrap();
        for n in 0..30 {
            let mut batch = batch((n * 5..n * 5 + 5).map(visit_event));
            batch.checkpoint = Some(Checkpoint { snapshot: vec![n as u8; 300_000], position: n });
            store.commit(batch).await.unwrap();
        }
        store.close().await.unwrap();
    });
    let live = root.path().join("live-1");
    assert_eq!(fs::read_dir(live.join("blobs")).unwrap().count(), 0);
}
