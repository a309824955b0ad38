//! The store under random actions, in lock-step with a model of a few lines.
//!
//! A crash is a copy of the folder, taken between two requests, on which the test goes on: what `kill -9` leaves.

#![allow(clippy::unwrap_used)] // the helpers of tests are outside of `#[test]`

mod store_support;

use edge_agent::store::{Batch, Checkpoint, OutboxSeq, Store, StoreOptions};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use store_support::*;
use visit_core::engine::LedgerChange;
use visit_core::event::{EventId, VisitId};

#[derive(Clone, Debug)]
enum Action {
    /// Events by number, visits put, visits removed, a checkpoint of so many bytes.
    Commit {
        events: Vec<u64>,
        put: Vec<u64>,
        remove: Vec<u64>,
        checkpoint: Option<usize>,
    },
    /// The n-th queued events, and one that is not queued.
    Acknowledge(Vec<usize>),
    DeadLetter(usize),
    Close,
    Crash,
}

fn action() -> impl Strategy<Value = Action> {
    let numbers = |max: u64, len| proptest::collection::vec(0..max, 0..len);
    let commit =
        (numbers(60, 12), numbers(8, 4), numbers(8, 4), proptest::option::weighted(0.2, 0usize..40_000))
            .prop_map(|(events, put, remove, checkpoint)| Action::Commit { events, put, remove, checkpoint });
    prop_oneof![
        6 => commit,
        3 => proptest::collection::vec(0usize..20, 0..6).prop_map(Action::Acknowledge),
        1 => (0usize..20).prop_map(Action::DeadLetter),
        1 => Just(Action::Close),
        1 => Just(Action::Crash),
    ]
}

#[derive(Default)]
struct Model {
    outbox: BTreeMap<OutboxSeq, EventId>,
    recent: BTreeSet<EventId>,
    ledger: BTreeSet<VisitId>,
    checkpoint: Option<Checkpoint>,
    /// Acknowledged since the last commit: may come back after a crash.
    acknowledged: BTreeMap<OutboxSeq, EventId>,
    dead: u64,
    session: u64,
}

impl Model {
    fn nth(&self, n: usize) -> Option<OutboxSeq> {
        self.outbox.keys().nth(n).copied()
    }
}

struct Run {
    root: tempfile::TempDir,
    generation: u32,
    store: Option<Store>,
    model: Model,
}

impl Run {
    fn folder(&self) -> std::path::PathBuf {
        self.root.path().join(self.generation.to_string())
    }

    async fn open(&mut self) {
        let options = StoreOptions { rebuild_above: 1 << 20, ..options() };
        let (store, recovered) = Store::open(&self.folder(), &options).unwrap();
        self.model.session += 1;
        assert_eq!(recovered.quarantined, None);
        assert_eq!(recovered.session, self.model.session);
        assert_eq!(recovered.checkpoint, self.model.checkpoint);
        assert_eq!(recovered.ledger.iter().map(|r| r.visit).collect::<BTreeSet<_>>(), self.model.ledger);
        // Acknowledgements need not have survived, nothing else may be missing.
        for queued in store.read_outbox(None, 1000).await.unwrap() {
            assert!(queued.recovered);
            let was = self.model.outbox.get(&queued.seq).or(self.model.acknowledged.get(&queued.seq));
            assert_eq!(was, Some(&queued.event.id));
            self.model.outbox.insert(queued.seq, queued.event.id);
        }
        self.model.acknowledged.clear();
        self.store = Some(store);
        self.check().await;
    }

    async fn check(&self) {
        let store = self.store.as_ref().unwrap();
        let read = store.read_outbox(None, 1000).await.unwrap();
        let read: BTreeMap<_, _> = read.into_iter().map(|q| (q.seq, q.event.id)).collect();
        assert_eq!(read, self.model.outbox);
        let stats = store.stats();
        assert_eq!(stats.depth.total(), self.model.outbox.len() as u64);
        assert_eq!(stats.bytes == 0, self.model.outbox.is_empty());
        assert_eq!(stats.oldest_queued_at.is_some(), !self.model.outbox.is_empty());
        assert_eq!(stats.visits, self.model.ledger.len() as u64);
        assert_eq!(stats.recent, self.model.recent.len() as u64);
        assert_eq!(stats.dead_letters, self.model.dead);
    }

    async fn act(&mut self, action: Action) {
        let store = self.store.clone().unwrap();
        let model = &mut self.model;
        match action {
            Action::Commit { events, put: puts, remove, checkpoint } => {
                let checkpoint =
                    checkpoint.map(|n| Checkpoint { snapshot: vec![n as u8; n], position: n as u64 });
                let ledger: Vec<_> = puts
                    .iter()
                    .map(|v| put(*v))
                    .chain(remove.iter().map(|v| LedgerChange::Remove(VisitId(u128::from(*v)))))
                    .collect();
                let events: Vec<_> = events.into_iter().map(visit_event).collect();
                let new = events.iter().map(|e| e.id).filter(|id| {
                    !model.outbox.values().any(|known| known == id) && !model.recent.contains(id)
                });
                let mut fresh = Vec::new();
                for id in new.collect::<Vec<_>>() {
                    if !fresh.contains(&id) {
                        fresh.push(id);
                    }
                }
                let skipped = (events.len() - fresh.len()) as u64;
                let before = *store.newest().borrow();
                let told = store
                    .commit(Batch {
                        events,
                        ledger,
                        checkpoint: checkpoint.clone(),
                        settled: Vec::new(),
                        at: at(1),
                    })
                    .await
                    .unwrap();
                assert_eq!((told.queued, told.skipped_duplicates), (fresh.len() as u64, skipped));
                let queued = store.read_outbox(before.map(OutboxSeq), 1000).await.unwrap();
                assert_eq!(queued.iter().map(|q| q.event.id).collect::<Vec<_>>(), fresh);
                assert_eq!(told.newest, queued.last().map(|q| q.seq));
                assert!(queued.iter().all(|q| !q.recovered));
                model.outbox.extend(queued.into_iter().map(|q| (q.seq, q.event.id)));
                model.recent.extend(fresh);
                if checkpoint.is_some() {
                    model.recent.clear();
                    model.checkpoint = checkpoint;
                }
                model.ledger.extend(puts.into_iter().map(|v| VisitId(u128::from(v))));
                for v in remove {
                    model.ledger.remove(&VisitId(u128::from(v)));
                }
                model.acknowledged.clear();
            }
            Action::Acknowledge(places) => {
                let mut seqs: Vec<_> = places.into_iter().filter_map(|n| model.nth(n)).collect();
                seqs.push(OutboxSeq(u64::MAX));
                seqs.extend(model.acknowledged.keys());
                store.acknowledge(seqs.clone()).await.unwrap();
                for seq in seqs {
                    if let Some(id) = model.outbox.remove(&seq) {
                        model.acknowledged.insert(seq, id);
                    }
                }
            }
            Action::DeadLetter(n) => {
                let seq = model.nth(n).unwrap_or(OutboxSeq(999_999));
                store.dead_letter(seq, "the broker will not have it").await.unwrap();
                if model.outbox.remove(&seq).is_some() {
                    model.dead += 1;
                    model.acknowledged.clear();
                }
            }
            Action::Close => {
                self.store = None;
                store.close().await.unwrap();
                model.acknowledged.clear();
                return self.open().await;
            }
            Action::Crash => {
                let old = self.folder();
                self.generation += 1;
                copy_folder(&old, &self.folder());
                self.store = None;
                drop(store);
                return self.open().await;
            }
        }
        self.check().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_store_does_as_the_model_does(actions in proptest::collection::vec(action(), 1..40)) {
        runtime().block_on(async {
            let root = tempfile::tempdir().unwrap();
            let mut run = Run { root, generation: 0, store: None, model: Model::default() };
            run.open().await;
            for action in actions {
                run.act(action).await;
            }
        });
    }
}
