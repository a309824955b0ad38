//! The publisher against brokers that misbehave and a store that fails.
#![allow(missing_docs, clippy::unwrap_used)]

mod publish_support;

use edge_agent::publish::memory::{MemoryOutbox, arrival};
use publish_support::fake::{Answer, FakeBroker, silent_listener};
use publish_support::{config, run};
use rumqttc::v5::mqttbytes::v5::{PubAckReason, Publish};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const TAKEN: Answer = Answer::Ack(PubAckReason::Success);

fn is_event(p: &Publish) -> bool {
    p.topic.ends_with(b"arrived")
}

fn resent(p: &Publish) -> bool {
    serde_json::from_slice::<serde_json::Value>(&p.payload).unwrap()["data"]["resent"] == true
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_refused_for_quota_is_sent_again_later_and_says_so() {
    sent_again_later(PubAckReason::QuotaExceeded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_the_acl_forbids_waits_until_it_is_allowed() {
    sent_again_later(PubAckReason::NotAuthorized).await;
}

async fn sent_again_later(reason: PubAckReason) {
    let refusals = AtomicU32::new(2);
    let mut broker = FakeBroker::start(move |p| {
        let refuse = is_event(p)
            && refusals.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok();
        if refuse { Answer::Ack(reason) } else { TAKEN }
    })
    .await;
    let running = run(config(broker.port), MemoryOutbox::with_events(1));
    running.until_empty().await;
    let report = running.stop().await;
    assert_eq!((report.stats.refused, report.stats.acknowledged, report.stats.published), (2, 1, 3));
    assert_eq!((report.stats.reconnects, report.stats.dead_lettered), (0, 0));
    let mut events = vec![];
    while let Ok(p) = broker.heard.try_recv() {
        if is_event(&p) {
            events.push(resent(&p));
        }
    }
    assert_eq!(events, [false, true, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_refused_for_good_is_kept_apart_with_the_reason() {
    for (reason, words) in [
        (PubAckReason::TopicNameInvalid, "topic name invalid (0x90)"),
        (PubAckReason::PayloadFormatInvalid, "payload format invalid (0x99)"),
    ] {
        let broker = FakeBroker::start(move |p| {
            let refuse = p.payload.windows(6).any(|w| w == b"POISON");
            if refuse { Answer::Ack(reason) } else { TAKEN }
        })
        .await;
        let outbox = MemoryOutbox::with_events(2);
        outbox.store(arrival(3, "POISON"), false);
        outbox.push(2);
        let running = run(config(broker.port), outbox);
        running.until_empty().await;
        let dead = running.outbox.dead();
        assert!(dead.len() == 1 && dead[&3].contains(words), "{dead:?}");
        let report = running.stop().await;
        assert_eq!(
            (report.stats.acknowledged, report.stats.dead_lettered, report.stats.reconnects),
            (4, 1, 0)
        );
        assert!(report.stats.last_error.unwrap().contains(words));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_takes_events_and_forgets_to_acknowledge_is_left() {
    let mut broker = FakeBroker::start(|p| if is_event(p) { Answer::Nothing } else { TAKEN }).await;
    let mut config = config(broker.port);
    config.ack_timeout = Duration::from_secs(1);
    let running = run(config, MemoryOutbox::with_events(1));
    running.until("two reconnects", |r| r.stats.snapshot().reconnects >= 2).await;
    let snapshot = running.stats.snapshot();
    assert!(snapshot.last_error.unwrap().contains("acknowledged nothing"));
    assert!(running.outbox.len() == 1 && running.outbox.dead().is_empty(), "nothing is given up");
    let mut marks = vec![];
    while let Ok(p) = broker.heard.try_recv() {
        if is_event(&p) {
            marks.push(resent(&p));
        }
    }
    assert!(!marks[0] && marks[1..].iter().all(|m| *m), "{marks:?}");
    running.task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_that_makes_a_broker_hang_up_is_found_and_the_others_arrive() {
    let broker = FakeBroker::start(|p| {
        let poison = p.payload.windows(6).any(|w| w == b"POISON");
        if poison { Answer::HangUp } else { TAKEN }
    })
    .await;
    let outbox = MemoryOutbox::with_events(5);
    outbox.store(arrival(6, "POISON"), false);
    outbox.push(20);
    let running = run(config(broker.port), outbox);
    running.until_empty().await;
    let dead = running.outbox.dead();
    assert!(dead.len() == 1 && dead[&6].contains("hangs up"), "{dead:?}");
    assert_eq!(running.stop().await.stats.dead_lettered, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_accepts_and_never_answers_is_given_up_and_named() {
    let (port, called, listener) = silent_listener().await;
    let mut config = config(port);
    config.connect_timeout = Duration::from_secs(1);
    let running = run(config, MemoryOutbox::with_events(1));
    running.until("it gives up", |r| r.stats.snapshot().last_error.is_some()).await;
    assert!(called.load(Ordering::Relaxed));
    assert!(running.stats.snapshot().last_error.unwrap().contains("did not answer for 1s"));
    assert!(!running.stats.is_connected());
    let report = running.stop().await;
    assert!(!report.drained && report.stats.published == 0);
    listener.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn live_events_do_not_wait_behind_the_backlog() {
    let mut broker = FakeBroker::start(|_| TAKEN).await;
    let mut config = config(broker.port);
    config.backlog_rate = 50;
    let running = run(config, MemoryOutbox::with_events(1_000));
    running.until("the backlog flows", |r| r.stats.snapshot().acknowledged > 0).await;
    running.outbox.push(1);
    let live = arrival(1_001, "F1-Z01").id.to_string();
    let mut before = 0;
    loop {
        let p = tokio::time::timeout(publish_support::PATIENCE, broker.heard.recv()).await.unwrap().unwrap();
        if p.payload.windows(32).any(|w| w == live.as_bytes()) {
            break;
        }
        before += 1;
    }
    assert!(before < 200, "{before} events went before it");
    running.task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_for_a_while_costs_nothing_but_time() {
    let broker = FakeBroker::start(|_| TAKEN).await;
    let outbox = MemoryOutbox::with_events(50);
    outbox.fail(1);
    let running = run(config(broker.port), outbox);
    running.until("acknowledged", |r| r.stats.snapshot().acknowledged >= 50).await;
    running.until_empty().await;
    let report = running.stop().await;
    assert!(report.drained && report.stats.store_errors >= 1);
    assert!(report.stats.last_error.unwrap().contains("told to fail"));
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_publishes_what_is_queued_before_it_says_goodbye() {
    let mut broker = FakeBroker::start(|_| TAKEN).await;
    let mut config = config(broker.port);
    config.backlog_rate = 1;
    let running = run(config, MemoryOutbox::with_events(300));
    running.until("connected", |r| r.stats.is_connected()).await;
    let outbox = running.outbox.clone();
    let report = running.stop().await;
    assert!(report.drained && outbox.is_empty(), "{report:?}");
    let mut last = None;
    while let Ok(p) = broker.heard.try_recv() {
        last = Some(p);
    }
    let status: serde_json::Value = serde_json::from_slice(&last.unwrap().payload).unwrap();
    assert_eq!(status["reason"], "stopped");
}
