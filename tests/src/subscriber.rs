//! A subscriber that records everything the broker delivers, and misses nothing across broker restarts.
//!
//! It holds a persistent session (MQTT 3.1.1, clean session off, QoS 1) and acknowledges a message only
//! after recording it. A connection that fails is given up whole: the next one begins with a fresh client,
//! and the broker sends again what was not acknowledged.

use crate::wait::wait_until;
use anyhow::Result;
use rumqttc::{Client, Event, MqttOptions, Packet, Publish, QoS};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

/// A recording subscriber; ends with its value.
pub struct Subscriber {
    record: Arc<Mutex<Record>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What was delivered.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Every delivery in order of arrival: topic and payload.
    pub messages: Vec<(String, Vec<u8>)>,
    /// The CloudEvents among them, by id.
    pub events: BTreeMap<String, Value>,
    /// Deliveries of an event already known, apart from what the broker had retained.
    pub duplicates: usize,
    /// Ids that came twice with different contents.
    pub contradictions: BTreeSet<String>,
    /// Messages on event topics that are no CloudEvent.
    pub malformed: Vec<String>,
    subscribed: bool,
}

impl Subscriber {
    /// Subscribes to `filter` and returns when the broker has confirmed it.
    pub fn start(port: u16, filter: &str) -> Result<Self> {
        let record = Arc::new(Mutex::new(Record::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let (their_record, their_stop, filter) = (record.clone(), stop.clone(), filter.to_owned());
        let thread = std::thread::Builder::new().name("subscriber".into()).spawn(move || {
            while !their_stop.load(Ordering::Relaxed) {
                one_connection(port, &filter, &their_record, &their_stop);
                // The broker may be down: try again soon, but do not spin.
                sleep(Duration::from_millis(50));
            }
        })?;
        let subscriber = Self { record, stop, thread: Some(thread) };
        wait_until("the subscription is confirmed", Duration::from_secs(10), || {
            subscriber.record().subscribed
        });
        Ok(subscriber)
    }

    /// What was delivered up to now.
    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ids of all events delivered up to now.
    pub fn ids(&self) -> BTreeSet<String> {
        self.record().events.keys().cloned().collect()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Record {
    /// Takes one delivery in.
    pub fn take(&mut self, topic: &str, payload: &[u8], retained: bool) {
        self.messages.push((topic.to_owned(), payload.to_vec()));
        let is_event = ["/visit/", "/receipt/", "/flow/"].iter().any(|part| topic.contains(part));
        if !is_event {
            return;
        }
        let Some((id, event)) = cloud_event(payload) else {
            self.malformed.push(format!("{topic}: {}", String::from_utf8_lossy(payload)));
            return;
        };
        match self.events.get(&id) {
            None => drop(self.events.insert(id, event)),
            Some(known) => {
                self.duplicates += usize::from(!retained);
                if *known != event {
                    self.contradictions.insert(id);
                }
            }
        }
    }

    /// The events of one kind, `visit.arrived` for example.
    pub fn of_kind(&self, kind: &str) -> usize {
        let wanted = format!("mall.{kind}");
        self.events.values().filter(|e| e["type"] == wanted.as_str()).count()
    }
}

/// Id and content; `resent` is left out, for it tells of the delivery and not of the fact.
fn cloud_event(payload: &[u8]) -> Option<(String, Value)> {
    let mut event: Value = serde_json::from_slice(payload).ok()?;
    if event["specversion"] != "1.0" {
        return None;
    }
    let id = event["id"].as_str().filter(|id| !id.is_empty())?.to_owned();
    event.get_mut("data")?.as_object_mut()?.remove("resent");
    Some((id, event))
}

fn one_connection(port: u16, filter: &str, record: &Mutex<Record>, stop: &AtomicBool) {
    let mut options = MqttOptions::new("system-tests-recorder", "127.0.0.1", port);
    options.set_clean_session(false);
    options.set_manual_acks(true);
    options.set_max_packet_size(1 << 20, 1 << 20);
    let (client, mut connection) = Client::new(options, 1024);
    while !stop.load(Ordering::Relaxed) {
        let event = match connection.recv_timeout(Duration::from_millis(200)) {
            Ok(Ok(event)) => event,
            Ok(Err(_)) => return,
            Err(rumqttc::RecvTimeoutError::Timeout) => continue,
            Err(rumqttc::RecvTimeoutError::Disconnected) => return,
        };
        let went = match event {
            // A session that is still there holds its subscription; subscribing anew would only have the
            // retained messages sent again.
            Event::Incoming(Packet::ConnAck(ack)) if !ack.session_present => {
                client.try_subscribe(filter, QoS::AtLeastOnce)
            }
            Event::Incoming(Packet::SubAck(_)) => {
                record.lock().unwrap_or_else(PoisonError::into_inner).subscribed = true;
                Ok(())
            }
            Event::Incoming(Packet::Publish(publish)) => take_and_acknowledge(&client, &publish, record),
            _ => Ok(()),
        };
        if went.is_err() {
            return;
        }
    }
}

fn take_and_acknowledge(
    client: &Client,
    publish: &Publish,
    record: &Mutex<Record>,
) -> Result<(), rumqttc::ClientError> {
    record.lock().unwrap_or_else(PoisonError::into_inner).take(
        &publish.topic,
        &publish.payload,
        publish.retain,
    );
    client.try_ack(publish)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: &str = "mall/v1/s/visit/arrived";

    fn event(id: &str, zone: &str, resent: bool) -> Vec<u8> {
        format!(r#"{{"specversion":"1.0","id":"{id}","type":"mall.visit.arrived","data":{{"zone":"{zone}","resent":{resent}}}}}"#)
            .into_bytes()
    }

    #[test]
    fn the_same_fact_sent_again_is_a_duplicate_and_no_contradiction() {
        let mut r = Record::default();
        r.take(TOPIC, &event("a", "hall", false), false);
        r.take(TOPIC, &event("a", "hall", true), false);
        assert_eq!((r.events.len(), r.duplicates, r.contradictions.len()), (1, 1, 0));
        assert_eq!(r.of_kind("visit.arrived"), 1);
    }

    #[test]
    fn one_id_with_two_facts_is_a_contradiction() {
        let mut r = Record::default();
        r.take(TOPIC, &event("a", "hall", false), false);
        r.take(TOPIC, &event("a", "door", false), false);
        assert_eq!(r.contradictions.len(), 1);
    }

    #[test]
    fn what_is_no_cloudevent_is_malformed_and_status_is_no_event() {
        let mut r = Record::default();
        r.take(TOPIC, b"{}", false);
        r.take("mall/v1/s/gateway/gw-1/status", b"{}", true);
        assert_eq!((r.malformed.len(), r.messages.len(), r.events.len()), (1, 2, 0));
    }
}
