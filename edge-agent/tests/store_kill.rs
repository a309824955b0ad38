//! `kill -9` at random moments: whatever was reported durable is there afterwards.

#![allow(clippy::unwrap_used)] // the helpers of tests are outside of `#[test]`

mod store_support;

use edge_agent::store::{Checkpoint, Store, StoreOptions};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use store_support::*;
use visit_core::event::EventId;

const FOLDER: &str = "STORE_KILL_FOLDER";
const FIRST: &str = "STORE_KILL_FIRST";
const KILLS: u32 = 52;

fn child_options() -> StoreOptions {
    // Rebuilds often, so that some kills fall into one.
    StoreOptions { rebuild_above: 256 << 10, ..options() }
}

/// The child: commits, acknowledges and checkpoints as fast as it can until it is killed, and says what the
/// store reported. Does nothing unless the test below starts it.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let mut out = std::io::stdout().lock();
    runtime().block_on(async {
        let (store, _) = Store::open(Path::new(&folder), &child_options()).unwrap();
        for round in 0u64.. {
            let numbers = first + round * 5..first + round * 5 + 5;
            let mut batch = batch(numbers.clone().map(visit_event));
            batch.ledger = vec![put(round % 100)];
            if round % 7 == 0 {
                let snapshot = vec![round as u8; 50_000];
                batch.checkpoint = Some(Checkpoint { snapshot, position: round });
            }
            store.commit(batch).await.unwrap();
            for n in numbers {
                writeln!(out, "durable {n}").unwrap();
            }
            out.flush().unwrap();
            if round % 3 == 0 {
                let some = store.read_outbox(None, 13).await.unwrap();
                for queued in &some {
                    writeln!(out, "acknowledging {:032x}", queued.event.id.0).unwrap();
                }
                out.flush().unwrap();
                store.acknowledge(some.iter().map(|q| q.seq).collect()).await.unwrap();
            }
        }
    });
}

#[test]
fn what_was_durable_survives_kill_9() {
    let root = tempfile::tempdir().unwrap();
    let mut durable: BTreeSet<EventId> = BTreeSet::new();
    let mut acknowledged: BTreeSet<EventId> = BTreeSet::new();
    let mut random = 0x2545_f491_4f6c_dd1du64;
    for kill in 0..KILLS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The test harness says two lines before the child says anything.
        let lines_to_hear = 8 + (random >> 33) % 90;
        let first = u64::from(kill) * 1_000_000;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(FOLDER, root.path())
            .env(FIRST, first.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut heard = 0;
        let mut hear = |line: &str, durable: &mut BTreeSet<_>, acknowledged: &mut BTreeSet<_>| {
            if let Some((_, n)) = line.rsplit_once("durable ") {
                // The last line of a killed process may be cut.
                if let Ok(n) = n.parse::<u64>() {
                    durable.insert(EventId::of("mall", b"test", "test", n));
                }
            } else if let Some(id) = line.strip_prefix("acknowledging ") {
                acknowledged.insert(EventId(u128::from_str_radix(id, 16).unwrap_or(0)));
            }
            heard += 1;
            heard
        };
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while lines.read_line(&mut line).unwrap() > 0 {
            // A number without its line end may be a part of it.
            if line.ends_with('\n') && hear(line.trim_end(), &mut durable, &mut acknowledged) == lines_to_hear
            {
                child.kill().unwrap();
            }
            line.clear();
        }
        child.wait().unwrap();
    }
    runtime().block_on(async {
        let (store, recovered) = Store::open(root.path(), &child_options()).unwrap();
        assert_eq!(recovered.quarantined, None);
        assert_eq!(recovered.session, u64::from(KILLS) + 1);
        let there: BTreeSet<EventId> = queued(&store).await.into_iter().collect();
        let lost: Vec<_> =
            durable.iter().filter(|id| !there.contains(id) && !acknowledged.contains(id)).collect();
        assert!(lost.is_empty(), "{} of {} lost", lost.len(), durable.len());
        assert!(durable.len() > 1_000, "only {} events were committed", durable.len());
        assert!(recovered.checkpoint.is_some_and(|c| c.snapshot == vec![c.position as u8; 50_000]));
    });
}
