use super::{EngineRoom, HOUSEKEEPING, Input, LINGER, LiveInput, Pace, Pipeline, PipelineReport, wall_clock};
use crate::config::parse_site;
use crate::demo::site::TOML;
use crate::ears::{Ear, Ears, time_of};
use crate::feeds::silence::Watch;
use crate::feeds::{Board, Desk, Intake};
use crate::privacy::{BusinessCalendar, Privacy};
use crate::publish::{Leave, Parting};
use crate::status::Pulse;
use crate::store::{Queued, Store, StoreOptions};
use crate::supervise::Beat;
use gateway::names::Names;
use gateway::observation::{Frame, MacAddr, Sighting};
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use visit_core::engine::EngineConfig;
use visit_core::site::{SensorIx, Site, ZoneKind};
use visit_core::time::Span;

/// A pipeline that hears for the demo's site, and the ears.
fn pipeline(site: &Arc<Site>, store: &Store) -> (Pipeline, Ears, Pulse) {
    let (ears, hearing) = Ears::new(site);
    let desk = Desk::new(Arc::new(Names::from(&**site)), BusinessCalendar::new(site).unwrap());
    let watch = Watch::new((0, 1440), TimeZone::UTC, Duration::from_secs(3600));
    // No feed and no list holds the other end.
    let ((_, deliveries), (_, lists)) = (Intake::new(), mpsc::channel(1));
    let live =
        LiveInput { hearing, heard: 0, deliveries, desk, board: Board::default(), watch, lists, received: 0 };
    let pulse = Pulse::default();
    let config = EngineConfig { map_version: site.version(), ..EngineConfig::default() };
    let pipeline = Pipeline {
        input: Input::Live(Box::new(live)),
        privacy: Privacy::for_replay(site).unwrap(),
        room: EngineRoom::new(site.clone(), config),
        store: store.clone(),
        pace: Pace::AsFastAsPossible,
        checkpoint: Duration::from_secs(300),
        linger: LINGER,
        pulse: pulse.clone(),
        beat: Beat::default(),
    };
    (pipeline, ears, pulse)
}

/// The ear of the entrance, and its sensor.
fn door(site: &Site, ears: &Ears) -> (Ear, SensorIx) {
    let entrance =
        site.sensors.iter().position(|s| site.zones[usize::from(s.zone.0)].kind == ZoneKind::Entrance);
    let sensor = SensorIx(entrance.unwrap() as u16);
    let ear = ears.ear("node door", "node", site, sensor);
    ear.up();
    (ear, sensor)
}

/// One phone, heard so many seconds ago each time.
fn hear(ear: &Ear, sensor: SensorIx, seconds_ago: &[i64]) {
    let now = Instant::now();
    for (seq, ago) in (0..).zip(seconds_ago) {
        ear.heard(Sighting {
            at: time_of(now) - Span::from_secs(*ago),
            sensor,
            addr: MacAddr([2, 0, 0, 0, 0, 1]),
            rssi: Some(-40),
            channel: Some(6),
            seq: Some(seq),
            fingerprint: None,
            frame: Frame::ProbeRequest,
        });
    }
}

#[tokio::test]
async fn what_an_ear_hears_becomes_an_event_and_health_says_who_hears() {
    let site = Arc::new(parse_site("site.toml", TOML).unwrap().value);
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path(), &StoreOptions::new(wall_clock())).unwrap();
    let (pipeline, ears, pulse) = pipeline(&site, &store);
    let (ear, sensor) = door(&site, &ears);
    // What waited while the pipeline was busy is not late.
    hear(&ear, sensor, &[100, 80, 60, 40, 20, 0]);
    let cancel = CancellationToken::new();
    let (mut newest, stop) = (store.newest(), cancel.clone());
    let running = tokio::spawn(async move { pipeline.run(&stop).await });
    tokio::time::timeout(Duration::from_secs(30), newest.changed()).await.unwrap().unwrap();
    let queued = store.read_outbox(None, 10).await.unwrap();
    assert_eq!(queued[0].event.topic_suffix(), format!("{}/visit/approached", site.id));

    ear.down("it was pulled out");
    cancel.cancel();
    let report = running.await.unwrap().unwrap();
    let known = report.observations - 6;
    assert!(known >= site.sensors.len() as u64, "of each sensor it is known whether it hears: {known}");
    let health = serde_json::to_value(&*pulse.last().unwrap()).unwrap();
    assert_eq!(health["source"]["heard"], 6);
    let door = &health["ears"]["node door"];
    assert_eq!((&door["up"], &door["problem"]), (&false.into(), &"it was pulled out".into()));
    drop(store.close().await);
}

#[tokio::test(start_paused = true)]
async fn what_is_decided_waits_for_more_as_long_as_it_may() {
    let site = Arc::new(parse_site("site.toml", TOML).unwrap().value);
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path(), &StoreOptions::new(wall_clock())).unwrap();
    let (mut pipeline, ears, _) = pipeline(&site, &store);
    pipeline.linger = Duration::from_secs(1);
    let (mut since, begun) = (None, Instant::now());
    assert_eq!(pipeline.may_wait(&mut since, begun), Duration::MAX, "there is nothing");

    let (ear, sensor) = door(&site, &ears);
    hear(&ear, sensor, &[100, 80, 60, 40, 20, 0]);
    assert!(pipeline.listen(wall_clock(), &mut PipelineReport::default()));
    pipeline.room.advance(wall_clock());
    assert!(pipeline.room.events() > 0);
    assert_eq!(pipeline.may_wait(&mut since, begun), Duration::from_secs(1));
    tokio::time::advance(Duration::from_millis(400)).await;
    assert_eq!(pipeline.may_wait(&mut since, begun), Duration::from_millis(600));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(pipeline.may_wait(&mut since, begun), Duration::ZERO);
    pipeline.linger = 2 * HOUSEKEEPING;
    assert!(!pipeline.may_wait(&mut since, begun).is_zero());
    tokio::time::advance(HOUSEKEEPING - Duration::from_millis(1400)).await;
    assert!(pipeline.may_wait(&mut since, begun).is_zero(), "the store is looked after");
    assert!(pipeline.room.take_batch(wall_clock(), None).is_some());
    assert_eq!((pipeline.may_wait(&mut since, begun), since), (Duration::MAX, None), "the next waits anew");
    drop(store.close().await);
}

#[tokio::test]
async fn who_is_here_is_the_same_visit_in_the_next_life_of_the_daemon() {
    let site = Arc::new(parse_site("site.toml", TOML).unwrap().value);
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions::new(wall_clock());
    let (store, recovered) = Store::open(dir.path(), &options).unwrap();
    drop(recovered);
    let (first, ears, _pulse) = pipeline(&site, &store);
    let (ear, sensor) = door(&site, &ears);
    hear(&ear, sensor, &[100, 80, 60, 40, 20, 0]);
    let (cancel, parting) = (CancellationToken::new(), Parting::default());
    let (mut newest, stop, leave) = (store.newest(), cancel.clone(), parting.clone());
    let running = tokio::spawn(async move { first.run_and_hand_over(&stop, &leave).await });
    tokio::time::timeout(Duration::from_secs(30), newest.changed()).await.unwrap().unwrap();
    parting.decide(Leave::HandOver);
    cancel.cancel();
    let (report, state) = running.await.unwrap().unwrap();
    assert!(report.events > 0);
    let state = state.unwrap();
    let said = store.read_outbox(None, 10).await.unwrap();
    store.close().await.unwrap();

    let (store, recovered) = Store::open(dir.path(), &options).unwrap();
    let (mut second, ears, _pulse) = pipeline(&site, &store);
    second.go_on(&state, recovered, wall_clock()).unwrap();
    let (known, fresh) = (second.room.devices(), pipeline(&site, &store).0.room.devices());
    assert_eq!((known, fresh), (1, 0));
    let (ear, sensor) = door(&site, &ears);
    hear(&ear, sensor, &[0]);
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let running = tokio::spawn(async move { second.run_and_hand_over(&stop, &Parting::default()).await });
    // What waits in an ear is taken in before it looks whether to stop.
    cancel.cancel();
    let (report, state) = running.await.unwrap().unwrap();
    assert!(report.observations > 0 && state.is_none(), "it was heard, and nothing goes on");
    let queued = store.read_outbox(None, 10).await.unwrap();
    let ids = |of: &[Queued]| of.iter().map(|q| q.event.id).collect::<Vec<_>>();
    assert_eq!(ids(&queued), ids(&said), "who had approached does not approach again");
    drop(store.close().await);
}
