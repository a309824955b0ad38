//! Health in Prometheus' text format (version 0.0.4), without a library: the format is a few lines.
//!
//! Every metric is made from [`Health`], which the retained topic carries too. Labels are names of the configuration (radios,
//! feeds, lists) and of fixed sets (reasons, kinds): their number is bounded, and none of them is about a person.
//! `docs/monitoring/README.md` lists them all; a test compares.

use super::health::{Counted, Health};
use std::fmt::{Display, Write as _};

/// The type that goes with the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// More names than a gateway has radios, feeds and reasons: beyond it, a defect of ours, they are left out.
const MOST_LABELS: usize = 512;

/// The metrics of a moment.
pub fn text(health: &Health, site: &str, gateway: &str) -> String {
    let mut out = Text::default();
    let info = [("version", health.version.as_str()), ("site", site), ("gateway", gateway)];
    out.family("edge_agent_build_info", GAUGE, "Version, site and gateway; always 1.");
    out.sample(&info, 1);
    daemon(health, &mut out);
    sources(health, &mut out);
    privacy(health, &mut out);
    engine(health, &mut out);
    outbox(health, &mut out);
    broker(health, &mut out);
    machine(health, &mut out);
    web(health, &mut out);
    out.text
}

fn daemon(health: &Health, out: &mut Text) {
    let p = &health.pipeline;
    out.one("process_start_time_seconds", GAUGE, "When this run began.", health.started_at.seconds());
    out.one(
        "edge_agent_session",
        GAUGE,
        "Runs of the daemon on this store: each start adds one.",
        health.session,
    );
    out.one("edge_agent_health_timestamp_seconds", GAUGE, "When this was put together.", health.at.seconds());
    out.one(
        "edge_agent_pipeline_progress_timestamp_seconds",
        GAUGE,
        "When the pipeline said last that it goes on.",
        p.progress_at.seconds(),
    );
    if let Some(at) = p.source_at {
        out.one(
            "edge_agent_source_timestamp_seconds",
            GAUGE,
            "The time of what is heard: now for live sources, then for recordings.",
            at.seconds(),
        );
    }
}

fn sources(health: &Health, out: &mut Text) {
    let p = &health.pipeline;
    out.counts("edge_agent_source_records_total", "What the source yielded.", "what", &p.source);
    let ears: Vec<_> = p.ears.iter().flatten().take(MOST_LABELS).collect();
    if !ears.is_empty() {
        out.family("edge_agent_ear_up", GAUGE, "Whether a radio or node can hear.");
        for (name, ear) in &ears {
            out.sample(&[("ear", name), ("sensor", &ear.sensor), ("kind", ear.kind)], u8::from(ear.up));
        }
        out.family("edge_agent_ear_limited", GAUGE, "1 when a radio or node hears, but not as it should.");
        ears.iter().for_each(|(name, ear)| out.sample(&[("ear", name)], u8::from(ear.limited.is_some())));
        out.family(
            "edge_agent_ear_missing_beacons",
            GAUGE,
            "Fixed beacons of the site map that a radio usually hears, and does not.",
        );
        ears.iter().for_each(|(name, ear)| out.sample(&[("ear", name)], ear.missing_beacons.len()));
        out.family("edge_agent_ear_sightings_total", COUNTER, "Sightings that a radio or node handed on.");
        ears.iter().for_each(|(name, ear)| out.sample(&[("ear", name)], ear.heard));
        out.family(
            "edge_agent_ear_sightings_dropped_total",
            COUNTER,
            "Sightings dropped for want of room in the queue.",
        );
        ears.iter().for_each(|(name, ear)| out.sample(&[("ear", name)], ear.dropped));
        out.family(
            "edge_agent_ear_last_heard_timestamp_seconds",
            GAUGE,
            "Capture time of the latest sighting; absent before the first.",
        );
        for (name, ear) in &ears {
            if let Some(at) = ear.last_heard_at {
                out.sample(&[("ear", name)], super::Stamp(at).seconds());
            }
        }
    }
    let feeds: Vec<_> = p.feeds.iter().flatten().take(MOST_LABELS).collect();
    if feeds.is_empty() {
        return;
    }
    out.family("edge_agent_feed_up", GAUGE, "Whether a receipt feed can receive.");
    feeds.iter().for_each(|(n, f)| out.sample(&[("feed", n), ("kind", &f.kind)], u8::from(f.up)));
    out.family(
        "edge_agent_feed_silent",
        GAUGE,
        "1 when a feed delivered nothing for longer than usual within opening hours.",
    );
    feeds.iter().for_each(|(n, f)| out.sample(&[("feed", n)], u8::from(f.silent_since.is_some())));
    out.family("edge_agent_feed_received_bytes_total", COUNTER, "Bytes that a feed received.");
    feeds.iter().for_each(|(n, f)| out.sample(&[("feed", n)], f.bytes));
    out.family(
        "edge_agent_feed_papers_total",
        COUNTER,
        "Papers by what became of them: delivered is durable, refused was nothing to record, bad was unreadable, lost had no room.",
    );
    for (name, f) in &feeds {
        let outcomes = [("delivered", f.delivered), ("refused", f.refused), ("bad", f.bad), ("lost", f.lost)];
        outcomes.iter().for_each(|(outcome, n)| out.sample(&[("feed", name), ("outcome", outcome)], *n));
    }
    out.family(
        "edge_agent_feed_last_delivered_timestamp_seconds",
        GAUGE,
        "When a feed delivered last; absent before the first time.",
    );
    for (name, f) in &feeds {
        if let Some(at) = f.last_delivered_at {
            out.sample(&[("feed", name)], super::Stamp(at).seconds());
        }
    }
}

fn privacy(health: &Health, out: &mut Text) {
    let p = &health.pipeline;
    out.counts(
        "edge_agent_privacy_dropped_total",
        "Observations that may not be kept, by reason.",
        "reason",
        &p.privacy_dropped,
    );
    out.one(
        "edge_agent_privacy_stopped_total",
        COUNTER,
        "Facts that may not be told, and were stopped.",
        p.privacy_stopped,
    );
    out.one(
        "edge_agent_privacy_degraded_total",
        COUNTER,
        "Facts that waited too long and became numbers.",
        p.privacy_degraded,
    );
    out.one(
        "edge_agent_privacy_key_saved",
        GAUGE,
        "1 when the key of the day is on disk; 0: that of a day before still is.",
        u8::from(p.key_saved),
    );
    out.one(
        "edge_agent_staff_remembered",
        GAUGE,
        "Devices of staff, and things, that are remembered.",
        p.staff_remembered,
    );
    out.one(
        "edge_agent_members_remembered",
        GAUGE,
        "Members whose visits are counted up.",
        p.members_remembered,
    );
    if !p.privacy_lists.is_empty() {
        out.family("edge_agent_privacy_list_entries", GAUGE, "Entries in force of a list of people.");
        p.privacy_lists.iter().for_each(|(n, l)| out.sample(&[("list", n)], l.entries));
        out.family("edge_agent_privacy_list_ok", GAUGE, "0 when a list could not be read again.");
        p.privacy_lists.iter().for_each(|(n, l)| out.sample(&[("list", n)], u8::from(l.problem.is_none())));
    }
}

fn engine(health: &Health, out: &mut Text) {
    let p = &health.pipeline;
    let (outcomes, decisions): (Counted, Counted) =
        p.engine.clone().into_iter().partition(|(name, _)| OUTCOMES.contains(&name.as_str()));
    out.counts(
        "edge_agent_engine_observations_total",
        "Observations by what became of them: late ones came after their time was over.",
        "outcome",
        &outcomes,
    );
    out.counts("edge_agent_engine_decisions_total", "What the engine decided.", "kind", &decisions);
    out.one("edge_agent_devices", GAUGE, "Devices followed now.", p.devices);
    out.one(
        "edge_agent_receipts_waiting",
        GAUGE,
        "Receipts that are durable and wait for their decision.",
        p.receipts_waiting,
    );
}

fn outbox(health: &Health, out: &mut Text) {
    let (o, s) = (&health.outbox, &health.store);
    out.family("edge_agent_outbox_events", GAUGE, "Events that wait for the broker.");
    o.depth_by_kind.iter().for_each(|(kind, n)| out.sample(&[("kind", kind)], n));
    out.one("edge_agent_outbox_bytes", GAUGE, "Their bytes.", o.bytes);
    out.one("edge_agent_outbox_max_bytes", GAUGE, "Bytes that waiting events may take.", o.max_bytes);
    out.one(
        "edge_agent_outbox_oldest_age_seconds",
        GAUGE,
        "How long the oldest has waited; 0 when nothing waits.",
        o.oldest_age_s,
    );
    out.one("edge_agent_outbox_committed_total", COUNTER, "Events made durable.", o.committed);
    out.counts(
        "edge_agent_outbox_dropped_total",
        "Events dropped to make room, by kind.",
        "kind",
        &o.dropped,
    );
    out.one(
        "edge_agent_dead_letters",
        GAUGE,
        "Events kept apart because no broker takes them.",
        o.dead_letters,
    );
    out.one(
        "edge_agent_store_low_space",
        GAUGE,
        "1 when the disk is full, or was lately.",
        u8::from(o.low_space),
    );
    out.one("edge_agent_store_file_bytes", GAUGE, "Size of the database file.", s.file_bytes);
    out.one(
        "edge_agent_store_written_bytes_total",
        COUNTER,
        "Bytes handed to the database; the device sees several times that.",
        s.bytes_written,
    );
    out.one(
        "edge_agent_store_reopened_total",
        COUNTER,
        "Times the database was opened anew after an error.",
        s.reopened,
    );
    out.one(
        "edge_agent_store_rebuilt_total",
        COUNTER,
        "Times the database was rebuilt to give space back.",
        s.rebuilt,
    );
    out.one(
        "edge_agent_store_oversized_total",
        COUNTER,
        "Records that were too large, and dropped.",
        s.oversized,
    );
    out.one(
        "edge_agent_store_unreadable_total",
        COUNTER,
        "Queued records that could not be read.",
        s.unreadable,
    );
    out.one(
        "edge_agent_store_quarantines",
        GAUGE,
        "Damaged databases that were set aside and lie in the store's folder.",
        s.quarantines,
    );
}

fn broker(health: &Health, out: &mut Text) {
    let b = &health.broker;
    out.one("edge_agent_broker_connected", GAUGE, "Whether there is a connection.", u8::from(b.connected));
    out.one("edge_agent_broker_reconnects_total", COUNTER, "Connections after the first.", b.reconnects);
    out.one(
        "edge_agent_events_published_total",
        COUNTER,
        "Events submitted, every attempt counted.",
        b.published,
    );
    out.one("edge_agent_events_acknowledged_total", COUNTER, "Events a broker acknowledged.", b.acknowledged);
    out.one("edge_agent_events_resent_total", COUNTER, "Events submitted that were marked resent.", b.resent);
    out.one("edge_agent_events_refused_total", COUNTER, "Events refused for now.", b.refused);
    out.one(
        "edge_agent_events_dead_lettered_total",
        COUNTER,
        "Events set aside because no broker takes them.",
        b.dead_lettered,
    );
    out.one(
        "edge_agent_events_without_subscriber_total",
        COUNTER,
        "Events acknowledged for which there was no subscriber. MQTT 5 only.",
        b.no_subscribers,
    );
    out.one("edge_agent_events_in_flight", GAUGE, "Events submitted and not acknowledged yet.", b.in_flight);
}

fn machine(health: &Health, out: &mut Text) {
    let (m, clock) = (&health.machine, &health.clock);
    let some = |out: &mut Text, name, kind, help, value: Option<f64>| {
        if let Some(value) = value {
            out.one(name, kind, help, value);
        }
    };
    some(
        out,
        "edge_agent_clock_synchronised",
        GAUGE,
        "1 when the clock follows a time server; absent where that cannot be told.",
        clock.synchronised.map(|yes| f64::from(u8::from(yes))),
    );
    some(
        out,
        "edge_agent_clock_synchronised_timestamp_seconds",
        GAUGE,
        "When the clock was set by a time server last, where that is known.",
        clock.synchronised_at.map(super::Stamp::seconds),
    );
    some(out, "process_cpu_seconds_total", COUNTER, "Processor time of the daemon.", m.cpu_s);
    some(out, "process_resident_memory_bytes", GAUGE, "Memory of the daemon.", m.rss_bytes.map(|n| n as f64));
    some(out, "process_open_fds", GAUGE, "Files and sockets that are open.", m.open_fds.map(|n| n as f64));
    some(
        out,
        "edge_agent_disk_free_bytes",
        GAUGE,
        "Bytes free on the disk of the store.",
        m.disk_free_bytes.map(|n| n as f64),
    );
    some(out, "edge_agent_disk_size_bytes", GAUGE, "Its size.", m.disk_size_bytes.map(|n| n as f64));
    some(
        out,
        "edge_agent_temperature_celsius",
        GAUGE,
        "The processor's temperature; absent where there is none to read.",
        m.temperature_c,
    );
    if let Some(t) = m.throttling {
        out.family(
            "edge_agent_throttled",
            GAUGE,
            "What slows a Raspberry Pi down, now; absent on other machines.",
        );
        for (reason, is) in [
            ("under_voltage", t.under_voltage),
            ("frequency_capped", t.frequency_capped),
            ("throttled", t.throttled),
            ("too_warm", t.too_warm),
        ] {
            out.sample(&[("reason", reason)], u8::from(is));
        }
    }
}

fn web(health: &Health, out: &mut Text) {
    let Some(w) = &health.web else { return };
    out.one("edge_agent_web_listeners", GAUGE, "Pages that are open and follow live.", w.listeners);
    out.one(
        "edge_agent_web_requests_total",
        COUNTER,
        "Requests to the page, its API and /metrics.",
        w.requests,
    );
    out.counts("edge_agent_web_refused_total", "Requests refused, by reason.", "reason", &w.refused);
    out.one(
        "edge_agent_web_slow_dropped_total",
        COUNTER,
        "Pages that did not keep up, and were let go.",
        w.slow_dropped,
    );
}

/// Of the engine's counters: what became of observations.
const OUTCOMES: [&str; 5] = ["accepted", "late", "wrong_time", "unknown_place", "reorder_overflow"];

const GAUGE: &str = "gauge";
const COUNTER: &str = "counter";

#[derive(Default)]
struct Text {
    text: String,
    name: &'static str,
}

impl Text {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.name = name;
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(self.name);
        for (i, (name, value)) in labels.iter().enumerate() {
            self.text.push(if i == 0 { '{' } else { ',' });
            let _ = write!(self.text, "{name}=\"");
            for c in value.chars() {
                match c {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    c => self.text.push(c),
                }
            }
            self.text.push('"');
        }
        let _ = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn one(&mut self, name: &'static str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(&[], value);
    }

    fn counts(&mut self, name: &'static str, help: &str, label: &str, counts: &Counted) {
        if counts.is_empty() {
            return;
        }
        self.family(name, COUNTER, help);
        for (what, n) in counts.iter().take(MOST_LABELS) {
            self.sample(&[(label, what)], n);
        }
    }
}

#[cfg(test)]
mod tests;
