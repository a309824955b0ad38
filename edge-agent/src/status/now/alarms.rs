//! What needs somebody: the same conditions, under the same names, as the Prometheus rules in docs/monitoring, as far as one
//! look can tell them. Each name is a section of docs/operations.md.

use crate::status::health::Health;
use serde::Serialize;
use visit_core::time::Timestamp;

/// A thing that needs somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// `gateway-deaf`, `broker-gone` …: the section of docs/operations.md.
    pub id: &'static str,
    /// It loses something now, or will.
    pub critical: bool,
    /// Which radio, node or feed.
    pub about: Option<String>,
    /// What the daemon says of it, in its words.
    pub detail: Option<String>,
}

/// The alarms of this health, worst first.
pub fn alarms(health: &Health, now: Timestamp) -> Vec<Alarm> {
    let mut found = Vec::new();
    let mut add = |is: bool, id, critical, about: Option<&str>, detail: Option<String>| {
        if is {
            found.push(Alarm { id, critical, about: about.map(str::to_owned), detail });
        }
    };
    let Health { pipeline: p, outbox, store, broker, clock, machine, .. } = health;
    let silent = now.since(p.progress_at.0).as_secs_f64();
    // On a full disk it waits on purpose.
    add(silent > 60.0 && !outbox.low_space, "pipeline-stalled", true, None, None);
    for (name, ear) in p.ears.iter().flatten() {
        add(!ear.up, "gateway-deaf", true, Some(name), ear.problem.clone());
    }
    add(!broker.connected, "broker-gone", true, None, broker.last_error.clone());
    add(outbox.low_space, "disk-full", true, None, None);
    add(outbox.dropped.values().any(|n| *n > 0), "outbox-dropping", true, None, None);
    add(outbox.oldest_age_s > 3600.0, "outbox-old", true, None, None);
    add(store.quarantines > 0, "store-quarantined", true, None, None);
    for (name, ear) in p.ears.iter().flatten() {
        add(ear.limited.is_some(), "radio-limited", false, Some(name), ear.limited.clone());
        let missing = &ear.missing_beacons;
        add(!missing.is_empty(), "beacon-missing", false, Some(name), Some(missing.join(", ")));
    }
    for (name, feed) in p.feeds.iter().flatten() {
        add(!feed.up, "feed-down", false, Some(name), feed.problem.clone());
        add(feed.silent_since.is_some(), "feed-silent", false, Some(name), None);
    }
    let unheard = broker.no_subscribers * 2 > broker.acknowledged;
    add(broker.connected && unheard, "nobody-listening", false, None, None);
    add(outbox.dead_letters > 0, "dead-letters", false, None, None);
    add(clock.synchronised == Some(false), "clock-not-synchronised", false, None, None);
    let low = machine.disk_free_bytes.zip(machine.disk_size_bytes);
    let low = low.is_some_and(|(free, size)| free < 256 << 20 || free < size / 10);
    add(low, "disk-low", false, None, None);
    add(!p.key_saved, "privacy-key-not-saved", false, None, None);
    add(machine.temperature_c.is_some_and(|c| c >= 80.0), "gateway-hot", false, None, None);
    let slowed = |t: crate::status::machine::Throttling| t.under_voltage || t.throttled || t.frequency_capped;
    add(machine.throttling.is_some_and(slowed), "gateway-throttled", false, None, None);
    // In the order of the list: those that lose something first.
    found.sort_by_key(|alarm| !alarm.critical);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ears::EarState;
    use crate::status::Stamp;
    use visit_core::time::Span;

    fn ids(health: &Health) -> Vec<&'static str> {
        alarms(health, health.at.0).into_iter().map(|alarm| alarm.id).collect()
    }

    fn ears(health: &mut Health) -> impl Iterator<Item = &mut EarState> {
        health.pipeline.ears.iter_mut().flatten().map(|(_, ear)| ear)
    }

    #[test]
    fn a_healthy_gateway_needs_nobody() {
        assert_eq!(ids(&Health::sample()), [""; 0]);
    }

    #[test]
    fn each_ailment_has_its_name_and_those_that_lose_something_come_first() {
        type Ail = fn(&mut Health);
        let ailments: [(Ail, &str); 11] = [
            (|h| h.pipeline.ears.iter_mut().flatten().for_each(|(_, ear)| ear.up = false), "gateway-deaf"),
            (|h| ears(h).for_each(|ear| ear.limited = Some("why".into())), "radio-limited"),
            (|h| ears(h).for_each(|ear| ear.missing_beacons = vec!["B1".into()]), "beacon-missing"),
            (|h| h.pipeline.feeds.iter_mut().flatten().for_each(|(_, feed)| feed.up = false), "feed-down"),
            (|h| h.broker.connected = false, "broker-gone"),
            (|h| h.broker.no_subscribers = h.broker.acknowledged, "nobody-listening"),
            (|h| h.outbox.oldest_age_s = 3_601.0, "outbox-old"),
            (|h| h.store.quarantines = 1, "store-quarantined"),
            (|h| h.clock.synchronised = Some(false), "clock-not-synchronised"),
            (|h| h.machine.disk_free_bytes = Some(1 << 30), "disk-low"),
            (|h| h.machine.temperature_c = Some(80.0), "gateway-hot"),
        ];
        let mut all = Health::sample();
        for (ail, id) in ailments {
            let mut one = Health::sample();
            ail(&mut one);
            assert_eq!(ids(&one), [id]);
            ail(&mut all);
        }
        let raised = alarms(&all, all.at.0);
        assert!(raised.is_sorted_by_key(|alarm| !alarm.critical) && raised.len() == ailments.len() - 1);
    }

    #[test]
    fn a_pipeline_that_says_nothing_is_stuck_unless_the_disk_is_full() {
        let mut health = Health::sample();
        health.pipeline.progress_at = Stamp(health.at.0 - Span::from_secs(61));
        assert_eq!(ids(&health), ["pipeline-stalled"]);
        health.outbox.low_space = true;
        assert_eq!(ids(&health), ["disk-full"]);
    }
}
