//! A full outbox, a full disk, too large records, a large file after a drained backlog, a locked folder.

#![allow(clippy::unwrap_used)] // the helpers of tests are outside of `#[test]`

mod store_support;

use edge_agent::store::{
    Batch, ByKind, Checkpoint, OpenError, OutboxSeq, Store, StoreError, StoreOptions, WhenFull,
};
use std::path::Path;
use std::process::Command;
use store_support::*;
use visit_core::event::{Body, Event};

async fn open(root: &Path, options: &StoreOptions) -> Store {
    let (store, recovered) = Store::open(root, options).unwrap();
    assert_eq!(recovered.quarantined, None);
    store
}

#[tokio::test]
async fn a_full_outbox_drops_flow_first_and_the_oldest_first() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path(), &StoreOptions { max_bytes: 10_000, ..options() }).await;
    // Visits and flows in turn until nearly full.
    let mixed = |n: u64| if n.is_multiple_of(2) { visit_event(n) } else { flow_event(n) };
    let mut n = 0;
    while store.stats().bytes < 9_500 {
        store.commit(batch([mixed(n)])).await.unwrap();
        n += 1;
    }
    let before = queued(&store).await;
    let told = store.commit(batch((1_000..1_003).map(visit_event))).await.unwrap();
    assert_eq!((told.dropped.visit, told.queued), (0, 3));
    assert!(told.dropped.flow >= 2, "{told:?}");
    // The oldest flows are gone, and nothing else.
    let gone: Vec<_> = (0..told.dropped.flow).map(|i| flow_event(2 * i + 1).id).collect();
    let mut expected: Vec<_> = before.into_iter().filter(|id| !gone.contains(id)).collect();
    expected.extend((1_000..1_003).map(|n| visit_event(n).id));
    assert_eq!(queued(&store).await, expected);
    // Only visits from here on: at last the oldest visits go.
    store.commit(batch((2_000..2_100).map(visit_event))).await.unwrap();
    let stats = store.stats();
    assert_eq!(stats.depth.flow, 0);
    assert!(stats.bytes <= 10_000 && stats.depth.visit > 20, "{stats:?}");
    assert!(stats.dropped.visit > 0 && stats.dropped.flow > 0);
    let left = queued(&store).await;
    assert_eq!(left.last(), Some(&visit_event(2_099).id));
    assert_eq!(left, (2_100 - left.len() as u64..2_100).map(|n| visit_event(n).id).collect::<Vec<_>>());
    // New flows do not push visits out.
    let told = store.commit(batch((3_000..3_005).map(flow_event))).await.unwrap();
    assert_eq!(told.dropped, ByKind { flow: 5 - told.queued, ..ByKind::default() });
    assert_eq!(store.stats().depth.visit, left.len() as u64);
}

#[tokio::test]
async fn an_outbox_that_may_not_drop_refuses_and_stays_as_it_was() {
    let root = tempfile::tempdir().unwrap();
    let options = StoreOptions { max_bytes: 2_000, when_full: WhenFull::Refuse, ..options() };
    let store = open(root.path(), &options).await;
    store.commit(batch((0..3).map(visit_event))).await.unwrap();
    let refused = store.commit(batch((3..30).map(visit_event))).await;
    assert!(matches!(refused, Err(StoreError::Full { max_bytes: 2_000, .. })), "{refused:?}");
    assert_eq!(store.stats().depth.visit, 3);
    store.acknowledge(vec![OutboxSeq(1), OutboxSeq(2), OutboxSeq(3)]).await.unwrap();
    assert_eq!(store.commit(batch((3..6).map(visit_event))).await.unwrap().queued, 3);
}

#[tokio::test]
async fn a_record_that_is_too_large_is_dropped_and_counted() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path(), &options()).await;
    let mut big = visit_event(1);
    big.site = "x".repeat(100_000);
    let told = store.commit(batch([big, visit_event(2)])).await.unwrap();
    assert_eq!((told.queued, told.oversized), (1, 1));
    let checkpoint = Some(Checkpoint { snapshot: vec![0; (64 << 20) + 1], position: 0 });
    let refused = store.commit(Batch { checkpoint, ..batch([visit_event(3)]) }).await;
    assert!(matches!(refused, Err(StoreError::SnapshotTooLarge { .. })));
    assert_eq!(store.stats().depth.visit, 1);
}

#[tokio::test]
async fn ids_are_remembered_up_to_the_limit_when_there_are_no_checkpoints() {
    let root = tempfile::tempdir().unwrap();
    let options = StoreOptions { max_recent: 50, ..options() };
    let store = open(root.path(), &options).await;
    for n in 0..20 {
        let told = store.commit(batch((n * 10..n * 10 + 10).map(visit_event))).await.unwrap();
        store.acknowledge((1..=told.newest.unwrap().0).map(OutboxSeq).collect()).await.unwrap();
    }
    assert_eq!(store.stats().recent, 50);
    store.close().await.unwrap();
    let store = open(root.path(), &options).await;
    let told = store.commit(batch((145..200).map(visit_event))).await.unwrap();
    assert_eq!((told.queued, told.skipped_duplicates), (5, 50));
}

#[tokio::test]
async fn no_ids_are_remembered_where_nothing_rewinds_and_those_of_before_are_forgotten() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path(), &options()).await;
    store.commit(batch((0..20).map(visit_event))).await.unwrap();
    assert_eq!(store.stats().recent, 20);
    store.close().await.unwrap();
    let store = open(root.path(), &StoreOptions { max_recent: 0, ..options() }).await;
    let told = store.commit(batch((10..30).map(visit_event))).await.unwrap();
    assert_eq!((told.queued, told.skipped_duplicates), (10, 10), "what is queued is known");
    assert_eq!(store.stats().recent, 0);
    store.acknowledge((1..=30).map(OutboxSeq).collect()).await.unwrap();
    store.close().await.unwrap();
    let store = open(root.path(), &options()).await;
    assert_eq!((store.stats().recent, store.stats().depth.total()), (0, 0));
}

#[tokio::test]
async fn dead_letters_leave_the_outbox_and_are_bounded() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path(), &StoreOptions { max_dead_letters: 3, ..options() }).await;
    store.commit(batch((0..8).map(visit_event))).await.unwrap();
    for seq in 1..=5 {
        store.dead_letter(OutboxSeq(seq), &"太大".repeat(500)).await.unwrap();
    }
    let stats = store.stats();
    assert_eq!((stats.dead_letters, stats.dead_lettered, stats.depth.visit), (3, 5, 3));
    store.close().await.unwrap();
    let store = open(root.path(), &options()).await;
    assert_eq!((store.stats().dead_letters, store.stats().depth.visit), (3, 3));
}

#[tokio::test]
async fn a_drained_backlog_gives_its_space_back() {
    let root = tempfile::tempdir().unwrap();
    let options = StoreOptions { rebuild_above: 2 << 20, ..options() };
    let store = open(root.path(), &options).await;
    let checkpoint = Checkpoint { snapshot: vec![9; 100_000], position: 4 };
    let ledger = vec![put(1), put(2)];
    store.commit(Batch { checkpoint: Some(checkpoint.clone()), ledger, ..batch([]) }).await.unwrap();
    for n in 0..40 {
        store.commit(batch((n * 500..n * 500 + 500).map(visit_event))).await.unwrap();
    }
    let full = store.stats();
    assert!(full.file_bytes > 4 << 20 && full.rebuilt == 0, "{full:?}");
    while let Some(last) = store.read_outbox(None, 1_000).await.unwrap().last() {
        if last.seq.0 == 20_000 {
            break;
        }
        store.acknowledge((1..=last.seq.0).map(OutboxSeq).collect()).await.unwrap();
    }
    store.acknowledge((1..=19_990).map(OutboxSeq).collect()).await.unwrap();
    store.commit(batch([visit_event(50_000)])).await.unwrap();
    // The rebuild comes after the answer: one more question is answered after it.
    let left = queued(&store).await;
    let stats = store.stats();
    assert!(stats.rebuilt >= 1 && stats.file_bytes < full.file_bytes / 2, "{stats:?}");
    assert_eq!(left.len(), 11);
    assert_eq!(store.commit(batch([visit_event(50_000)])).await.unwrap().skipped_duplicates, 1);
    store.close().await.unwrap();
    let (store, recovered) = Store::open(root.path(), &options).unwrap();
    assert_eq!((recovered.quarantined, recovered.outbox_depth), (None, 11));
    assert_eq!((recovered.checkpoint, recovered.ledger.len()), (Some(checkpoint), 2));
    assert_eq!(*store.newest().borrow(), Some(20_001));
    let lives = std::fs::read_dir(root.path())
        .unwrap()
        .filter(|e| e.as_ref().unwrap().file_name().to_str().unwrap().starts_with("live-"));
    assert_eq!(lives.count(), 1);
}

#[tokio::test]
async fn a_store_in_use_is_refused_in_words() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path(), &options()).await;
    let refused = Store::open(root.path(), &options()).map(|_| ()).unwrap_err();
    assert!(matches!(refused, OpenError::Locked { .. }));
    assert!(refused.to_string().contains("in use by another process"), "{refused}");
    let other = store.clone();
    store.close().await.unwrap();
    assert_eq!(other.commit(batch([])).await, Err(StoreError::Closed));
    drop(open(root.path(), &options()).await);
}

#[test]
fn a_path_that_is_a_file_is_refused_in_words() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("file");
    std::fs::write(&path, "not a folder").unwrap();
    let refused = Store::open(&path, &options()).map(|_| ()).unwrap_err();
    assert!(matches!(refused, OpenError::Io { .. }), "{refused:?}");
    assert!(refused.to_string().contains(path.to_str().unwrap()));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "not a folder");
}

/// A small file system in memory. Needs the right to mount; where that is missing the tests say so.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new(bytes: u64) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let options = format!("size={bytes}");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(dir.path()).output();
        if mounted.is_ok_and(|o| o.status.success()) {
            return Some(Self(dir));
        }
        eprintln!("SKIPPED: mounting a small file system needs root");
        None
    }

    fn remount(&self, option: &str) {
        let option = format!("remount,{option}");
        assert!(Command::new("mount").args(["-o", &option]).arg(self.0.path()).status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_recovers_when_there_is_space() {
    let Some(disk) = SmallDisk::new(8 << 20) else { return };
    let root = disk.0.path().join("store");
    let options = StoreOptions { ballast_bytes: 1 << 20, ..options() };
    let store = open(&root, &options).await;
    let mut durable: Vec<Event> = Vec::new();
    let mut n = 0;
    let refused = loop {
        let events: Vec<_> = (n..n + 200).map(visit_event).collect();
        match store.commit(batch(events.clone())).await {
            Ok(_) => durable.extend(events),
            Err(e) => break e,
        }
        n += 200;
        assert!(n < 200_000, "the disk never filled");
    };
    assert_eq!(refused, StoreError::NoSpace);
    assert!(durable.len() > 1_000);
    assert!(store.stats().low_space);
    // Nothing of the refused batch, everything of the others.
    let ids: Vec<_> = durable.iter().map(|e| e.id).collect();
    assert_eq!(queued(&store).await, ids);
    assert_eq!(store.commit(batch([visit_event(n)])).await, Err(StoreError::NoSpace));
    // Acknowledging works, and what was acknowledged stays so.
    for some in ids.chunks(100).take(5).enumerate() {
        let first = some.0 as u64 * 100 + 1;
        store.acknowledge((first..first + 100).map(OutboxSeq).collect()).await.unwrap();
    }
    assert_eq!(queued(&store).await, ids[500..]);
    // More disk: everything works again, the refused batch too, and the ballast is back.
    disk.remount("size=32m");
    let told = store.commit(batch((n..n + 200).map(visit_event))).await.unwrap();
    assert_eq!(told.queued, 200);
    assert!(!store.stats().low_space);
    store.close().await.unwrap();
    let (store, recovered) = Store::open(&root, &options).unwrap();
    assert_eq!((recovered.quarantined, recovered.outbox_depth), (None, ids.len() as u64 - 500 + 200));
    drop(store);
}

#[tokio::test]
async fn a_store_on_a_disk_that_filled_up_meanwhile_opens_and_drains() {
    let Some(disk) = SmallDisk::new(12 << 20) else { return };
    let root = disk.0.path().join("store");
    let options = StoreOptions { ballast_bytes: 1 << 20, ..options() };
    let store = open(&root, &options).await;
    for n in 0..10 {
        store.commit(batch((n * 100..n * 100 + 100).map(visit_event))).await.unwrap();
    }
    store.close().await.unwrap();
    // Somebody else takes the last byte.
    let mut filler = std::fs::File::create(disk.0.path().join("filler")).unwrap();
    while std::io::Write::write(&mut filler, &[1; 512]).is_ok_and(|n| n > 0) {}
    drop(filler);
    let store = open(&root, &options).await;
    assert!(store.stats().low_space);
    assert_eq!(queued(&store).await.len(), 1_000);
    store.acknowledge((1..=900).map(OutboxSeq).collect()).await.unwrap();
    store.close().await.unwrap();
    let store = open(&root, &options).await;
    assert_eq!(queued(&store).await.len(), 100);
    std::fs::remove_file(disk.0.path().join("filler")).unwrap();
    store.commit(batch([visit_event(5_000)])).await.unwrap();
    assert!(!store.stats().low_space);
}

#[tokio::test]
async fn a_full_or_read_only_disk_at_opening_is_said_in_words() {
    let Some(disk) = SmallDisk::new(3 << 20) else { return };
    let filler = disk.0.path().join("filler");
    while std::fs::write(&filler, vec![1; 64 << 20]).is_ok() {}
    let refused = Store::open(&disk.0.path().join("store"), &options()).map(|_| ()).unwrap_err();
    assert!(matches!(refused, OpenError::NoSpace { .. }), "{refused:?}");
    std::fs::remove_file(filler).unwrap();
    let store = open(&disk.0.path().join("store"), &options()).await;
    store.commit(batch([visit_event(1)])).await.unwrap();
    store.close().await.unwrap();
    disk.remount("ro");
    let refused = Store::open(&disk.0.path().join("store"), &options()).map(|_| ()).unwrap_err();
    assert!(matches!(refused, OpenError::NotWritable { .. }), "{refused:?}");
    disk.remount("rw");
    let (_, recovered) = Store::open(&disk.0.path().join("store"), &options()).unwrap();
    assert_eq!((recovered.quarantined, recovered.outbox_depth), (None, 1));
}

#[tokio::test]
async fn the_newest_sequence_and_the_oldest_moment_follow() {
    let root = tempfile::tempdir().unwrap();
    let store = open(root.path(), &options()).await;
    let newest = store.newest();
    assert_eq!(*newest.borrow(), None);
    let mut late = batch([flow_event(2)]);
    late.at = at(99);
    store.commit(batch([visit_event(1)])).await.unwrap();
    store.commit(late).await.unwrap();
    assert_eq!(*newest.borrow(), Some(2));
    assert_eq!(store.stats().oldest_queued_at, Some(at(1)));
    store.acknowledge(vec![OutboxSeq(1)]).await.unwrap();
    assert_eq!(store.stats().oldest_queued_at, Some(at(99)));
    let queued = store.read_outbox(Some(OutboxSeq(0)), 5).await.unwrap();
    assert!(matches!(queued[..], [ref q] if matches!(q.event.body, Body::Flow(_)) && q.queued_at == at(99)));
    assert!(store.read_outbox(Some(OutboxSeq(u64::MAX)), 5).await.unwrap().is_empty());
}
