//! What the store costs: durable events a second, bytes to the device, reopening.
//!
//! `cargo bench -p edge-agent --bench store [-- FOLDER]`: FOLDER should lie on the device in question (an SD
//! card), not in memory. A program and no statistics: the device decides, not the processor.

#[path = "../tests/store_support/mod.rs"]
mod store_support;

use edge_agent::store::{OutboxSeq, Store};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use store_support::*;

fn main() {
    let base = std::env::args()
        .skip(1)
        .find(|a| !a.starts_with("--"))
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let root = base.join(format!("store-bench-{}", std::process::id()));
    runtime().block_on(async {
        for size in [1u64, 20, 200, 1_000] {
            commits(&root.join(format!("commits-{size}")), size).await;
        }
        backlog(&root.join("backlog")).await;
    });
    if let Err(e) = std::fs::remove_dir_all(&root) {
        eprintln!("cannot remove {}: {e}", root.display());
    }
}

/// Commits batches of `size` events for two seconds.
async fn commits(root: &Path, size: u64) {
    let (store, _) = Store::open(root, &options()).expect("a new folder can be opened");
    let before = bytes_to_device();
    let begun = Instant::now();
    let mut took = Vec::new();
    let mut n = 0;
    while begun.elapsed() < Duration::from_secs(2) && n < 200_000 {
        let events = batch((n..n + size).map(visit_event));
        let at = Instant::now();
        let told = store.commit(events).await.expect("the disk has room");
        took.push(at.elapsed());
        n += size;
        let newest = told.newest.map_or(0, |s| s.0);
        store.acknowledge((newest + 1 - size..=newest).map(OutboxSeq).collect()).await.expect("as before");
    }
    let spent: Duration = took.iter().sum();
    took.sort();
    let at = |q: f64| took[((took.len() - 1) as f64 * q) as usize].as_secs_f64() * 1e3;
    let device = bytes_to_device() - before;
    println!(
        "batches of {size:>4}: {:>7.0} durable events/s; commit p50 {:.2} ms, p99 {:.2} ms; {} bytes to the device per event, {} per commit; {} handed over per event",
        n as f64 / spent.as_secs_f64(),
        at(0.5),
        at(0.99),
        device / n,
        device / took.len() as u64,
        store.stats().bytes_written / n,
    );
}

/// Reopens a store with 100,000 events, then drains it.
async fn backlog(root: &Path) {
    const EVENTS: u64 = 100_000;
    let (store, _) = Store::open(root, &options()).expect("a new folder can be opened");
    for n in (0..EVENTS).step_by(500) {
        store.commit(batch((n..n + 500).map(visit_event))).await.expect("the disk has room");
    }
    let stats = store.stats();
    store.close().await.expect("as before");
    let begun = Instant::now();
    let (store, recovered) = Store::open(root, &options()).expect("it was open before");
    println!(
        "reopening with {} events ({} bytes queued, file of {} bytes): {:.2} s",
        recovered.outbox_depth,
        stats.bytes,
        stats.file_bytes,
        begun.elapsed().as_secs_f64()
    );
    let begun = Instant::now();
    let mut after = None;
    loop {
        let page = store.read_outbox(after, 200).await.expect("it reads");
        let Some(last) = page.last() else { break };
        after = Some(last.seq);
        store.acknowledge(page.iter().map(|q| q.seq).collect()).await.expect("it removes");
    }
    println!("draining: {:.0} events/s", EVENTS as f64 / begun.elapsed().as_secs_f64());
    println!(
        "afterwards: file of {} bytes, rebuilt {} times",
        store.stats().file_bytes,
        store.stats().rebuilt
    );
    store.close().await.expect("as before");
}

/// Bytes this process caused to be sent to the device, as Linux counts them.
fn bytes_to_device() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    io.lines().find_map(|l| l.strip_prefix("write_bytes: ")?.parse().ok()).unwrap_or(0)
}
