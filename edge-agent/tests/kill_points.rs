//! Killed at every point: whatever the moment, the events that come out are those of an undisturbed run.
//!
//! The pipeline is a future; every point at which it waits is a point at which it can die. Here it is polled a few
//! times, dropped, and begun again on the store it left, until the recording is over.

#![allow(missing_docs, clippy::unwrap_used)]

use edge_agent::demo::day::{Day, DayOptions, Plan, to_log_line};
use edge_agent::demo::site;
use edge_agent::pipeline::{EngineRoom, Input, LINGER, Pace, Pipeline};
use edge_agent::privacy::Privacy;
use edge_agent::status::Pulse;
use edge_agent::store::{Store, StoreOptions};
use edge_agent::supervise::Beat;
use gateway::names::Names;
use gateway::source::{Replay, ReplayInput, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use visit_core::engine::EngineConfig;
use visit_core::event::{Event, EventId};
use visit_core::site::Site;
use visit_core::time::{Span, Timestamp};

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

/// A recording of the first busy minutes of a demo day.
fn record(site: &Site, to: &Path) {
    let plan = Plan::from(site);
    let options = DayOptions {
        opens_after: Span::from_secs(60),
        length: Span::from_secs(3600),
        visitors_per_hour: 30.0,
        ..DayOptions::default()
    };
    let start = options.start;
    let day = Day::new(&plan, options).unwrap();
    let lines: Vec<String> = day
        .take_while(|o| o.at().since(start) < Span::from_secs(700))
        .filter_map(|o| to_log_line(&o, &plan))
        .collect();
    fs::write(to, lines.join("\n")).unwrap();
}

/// How a run ends before its time.
#[derive(Clone, Copy, PartialEq)]
enum Stop {
    Killed,
    Asked,
}

struct Bench {
    site: Arc<Site>,
    recording: std::path::PathBuf,
    checkpoint: Duration,
}

impl Bench {
    fn pipeline(&self, store: &Path) -> Pipeline {
        let (store, recovered) = Store::open(store, &StoreOptions::new(NOW)).unwrap();
        let input = ReplayInput { path: self.recording.clone(), ..ReplayInput::default() };
        let replay = Replay::open(vec![input], Arc::new(Names::from(&*self.site))).unwrap();
        let config = EngineConfig { map_version: self.site.version(), ..EngineConfig::default() };
        let mut pipeline = Pipeline {
            input: Input::Source(Source::Replay(replay)),
            privacy: Privacy::for_replay(&self.site).unwrap(),
            room: EngineRoom::new(self.site.clone(), config),
            store,
            pace: Pace::AsFastAsPossible,
            checkpoint: self.checkpoint,
            linger: LINGER,
            pulse: Pulse::default(),
            beat: Beat::default(),
        };
        pipeline.resume(recovered, NOW).unwrap();
        pipeline
    }

    /// Runs to the end, stopped by `end` after `polls()` polls each time; returns how often it was.
    fn run(&self, store: &Path, end: Stop, mut polls: impl FnMut() -> Option<usize>) -> usize {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut deaths = 0;
        loop {
            let pipeline = self.pipeline(store);
            let handle = pipeline.store.clone();
            let mut left = polls();
            let ended = runtime.block_on(async {
                let cancel = CancellationToken::new();
                let mut run = Box::pin(pipeline.run(&cancel));
                std::future::poll_fn(|cx| match run.as_mut().poll(cx) {
                    Poll::Ready(done) => Poll::Ready(Some(done)),
                    Poll::Pending => match &mut left {
                        Some(0) if end == Stop::Killed => Poll::Ready(None),
                        Some(0) => {
                            cancel.cancel();
                            Poll::Pending
                        }
                        Some(n) => {
                            *n -= 1;
                            Poll::Pending
                        }
                        None => Poll::Pending,
                    },
                })
                .await
            });
            // The folder is free again when the store's thread has ended.
            runtime.block_on(async { drop(handle.close().await) });
            match ended {
                Some(report) if report.as_ref().unwrap().ended => return deaths,
                Some(_) | None => deaths += 1,
            }
        }
    }

    /// Everything in the outbox, by id.
    fn outbox(store: &Path) -> BTreeMap<EventId, Event> {
        let (store, _) = Store::open(store, &StoreOptions::new(NOW)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut all = BTreeMap::new();
            let mut after = None;
            loop {
                let some = store.read_outbox(after, 1000).await.unwrap();
                let Some(last) = some.last() else { break };
                after = Some(last.seq);
                for queued in some {
                    let known = all.insert(queued.event.id, queued.event);
                    assert_eq!(known, None, "one event queued twice");
                }
            }
            store.close().await.unwrap();
            all
        })
    }
}

fn compare(checkpoint: Duration, end: Stop, at_least: usize) {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("day.jsonl");
    let site = Arc::new(edge_agent::config::parse_site("site", site::TOML).unwrap().value);
    record(&site, &recording);
    let bench = Bench { site, recording, checkpoint };

    let calm = folder.path().join("calm");
    bench.run(&calm, end, || None);
    let expected = Bench::outbox(&calm);
    assert!(expected.len() > 80, "only {} events", expected.len());

    let stormy = folder.path().join("stormy");
    let mut n = 0;
    let deaths = bench.run(&stormy, end, || {
        // 0, 1, 2 … polls: soon longer than it takes to get on, so that it does end.
        n += 1;
        Some(if end == Stop::Killed { n % 23 + n / 23 } else { n / 100 })
    });
    let got = Bench::outbox(&stormy);
    let ids = |all: &BTreeMap<EventId, Event>| all.keys().copied().collect::<BTreeSet<_>>();
    assert_eq!(ids(&got), ids(&expected));
    assert!(got == expected, "an event has the same id and says something else");
    assert!(deaths >= at_least, "it died only {deaths} times");
    eprintln!("{} events, {deaths} deaths", got.len());
}

#[test]
fn with_a_checkpoint_at_every_step_nothing_is_lost_or_new() {
    compare(Duration::ZERO, Stop::Killed, 40);
}

#[test]
fn asked_to_stop_at_any_moment_it_goes_on_exactly_there() {
    compare(Duration::MAX, Stop::Asked, 3);
}

#[test]
fn without_any_checkpoint_the_recording_begins_anew_and_nothing_is_new() {
    compare(Duration::MAX, Stop::Killed, 3);
}
