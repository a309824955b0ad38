//! `privacy report`: the data inventory of one configuration, for the record of processing and the impact assessment.

use crate::config::{Config, FeedSettings, PrivacySettings, SourceSettings};
use crate::privacy::lists::{self, Which};
use crate::privacy::{MEMBERS_FILE, STAFF_FILE, fixtures, inspect_key_file};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use visit_core::event::PrivacyMode;

/// The report.
pub(super) fn text(config: &Config) -> String {
    let mut text = String::new();
    for part in [head, captured, kept, sent, keys, operator] {
        part(config, &mut text);
        text.push('\n');
    }
    text
}

/// Damaged stores that were moved aside.
pub(super) fn quarantines(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_one = |path: &PathBuf| {
        path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with("quarantine-"))
    };
    let mut found: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).filter(is_one).collect();
    found.sort();
    found
}

fn head(config: &Config, out: &mut String) {
    let privacy = &config.agent.privacy;
    title(out, "What this configuration captures, keeps and sends");
    row(out, "site", &config.site.id);
    row(out, "gateway", &config.agent.gateway);
    row(out, "config_version", &format!("{:08x}", config.version));
    row(out, "mode", &format!("{}: {}", mode(privacy), meaning(privacy.mode)));
}

fn captured(config: &Config, out: &mut String) {
    let privacy = &config.agent.privacy;
    title(out, "Captured");
    for source in &config.agent.sources {
        let line = match source {
            SourceSettings::Replay(r) => {
                format!(
                    "recordings: {}",
                    r.paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(" ")
                )
            }
            SourceSettings::Feed(feed) => format!("receipts, {}", kind(feed)),
            SourceSettings::Node(node) => format!(
                "radio frames heard by the sensor node {}, whose cable {} carries addresses in the clear",
                node.sensor,
                node.device.display()
            ),
            SourceSettings::Radio(radio) => format!(
                "radio frames heard by {}; of data frames the first 24 bytes, the rest stays in the kernel",
                radio.name()
            ),
        };
        row(out, "source", &line);
    }
    row(
        out,
        "of a radio frame",
        "time, sensor, signal strength, sequence number, kind of frame, a hash of the radio's features",
    );
    row(out, "its address", "in memory only, until it is a pseudonym: never written, logged or sent");
    row(out, "network names", "dropped by the parser");
    row(
        out,
        "of a receipt",
        &format!(
            "store, till, number, time, total, type; card numbers are cut, phones masked; member: {}",
            if privacy.mode == PrivacyMode::Consented {
                "as keyed token, of members who agreed"
            } else {
                "dropped"
            }
        ),
    );
    let floor = privacy
        .rssi_floor
        .map_or_else(|| "none: set rssi_floor to stay on the premises".into(), |f| format!("{f} dBm"));
    row(out, "weakest frame", &floor);
    let hours = privacy
        .opening_hours
        .as_ref()
        .map_or_else(|| "always: set opening_hours".into(), ToString::to_string);
    row(out, "radios are heard", &hours);
    let zones =
        if privacy.excluded_zones.is_empty() { "none".into() } else { privacy.excluded_zones.join(" ") };
    row(out, "excluded zones", &zones);
    row(out, "opted out", &list(privacy.opt_out_list.as_deref(), privacy.opt_out_topic, Which::OptOut));
    if privacy.mode == PrivacyMode::Consented {
        row(out, "agreed", &list(privacy.consent_list.as_deref(), privacy.consent_topic, Which::Consent));
    }
}

fn kept(config: &Config, out: &mut String) {
    let privacy = &config.agent.privacy;
    let store = config.agent.store.dir.display();
    title(out, "Kept on this gateway");
    let ttl = privacy.ttl(privacy.mode).map_or(0, |ttl| ttl.as_secs() / 3600);
    if privacy.mode == PrivacyMode::Count {
        row(out, "visits", "nothing about single visits is written; in memory while they last");
    } else {
        row(
            out,
            "events of visits",
            &format!(
                "{store}: until the broker has them, at most {ttl} h; then they become numbers, which an event tells, and the file is written anew without them"
            ),
        );
        row(
            out,
            "visits that go on",
            &format!(
                "{store}: pseudonym and place, while the visit lasts; a run that begins {ttl} h later forgets them"
            ),
        );
        row(
            out,
            "which receipt was whose",
            &format!("{store}: visit id, until the business day {ttl} h ago is over, today's at least"),
        );
        row(
            out,
            "removed records",
            &format!(
                "leave the file within {ttl} h of being written; what the disk itself keeps of deleted files only encryption protects"
            ),
        );
    }
    if privacy.mode == PrivacyMode::Consented {
        row(
            out,
            "member tokens",
            &format!("{store}: with the events and receipts that wait, and while a linked visit lasts"),
        );
        let file = privacy.key_file.with_file_name(MEMBERS_FILE);
        let history = match privacy.keeps_history() {
            0 => "not kept".to_owned(),
            days => format!(
                "{}: for each token how many days they came and the last two, until {days} days after the last",
                file.display()
            ),
        };
        row(out, "how often members come", &history);
    }
    row(out, "receipts, flow figures", &format!("{store}: until the broker has them; they are of nobody"));
    for source in &config.agent.sources {
        if let SourceSettings::Feed(FeedSettings::Folder(f)) = source {
            let note = match f.keep_days {
                0 => "deleted once they are recorded".to_owned(),
                days => format!("as the till wrote them, beside, {days} days more"),
            };
            row(out, "receipt files", &format!("{}: {note}", f.path.display()));
        }
        if let SourceSettings::Replay(_) = source {
            row(out, "recordings", "hold raw addresses; nobody but you deletes them");
        }
    }
    let file = privacy.key_file.with_file_name(STAFF_FILE);
    match (privacy.remembers_staff(), fixtures::inspect(&file)) {
        (0, _) => row(out, "staff and equipment", "not remembered"),
        (days, known) => {
            let now = known.ok().flatten().map_or_else(String::new, |n| format!("; now {n}"));
            row(
                out,
                "staff and equipment",
                &format!(
                    "{}: keyed token and three days, no place and no time, until {days} business days after the last shift{now}",
                    file.display()
                ),
            );
        }
    }
    row(
        out,
        "erased today",
        "keyed hashes of pseudonyms that are not to be heard, until the business day is over",
    );
    for path in quarantines(&config.agent.store.dir) {
        row(
            out,
            "MOVED ASIDE",
            &format!("{}: a damaged store, as old as its name; nobody but you deletes it", path.display()),
        );
    }
}

fn sent(config: &Config, out: &mut String) {
    let (privacy, mqtt) = (&config.agent.privacy, &config.agent.mqtt);
    title(out, "Sent");
    let tls = if mqtt.tls.is_some() { "over TLS" } else { "NOT encrypted: set mqtt.tls" };
    row(out, "to", &format!("{}:{}, {tls}", mqtt.host, mqtt.port));
    let topic = |rest: &str| format!("{}/{}/{rest}", mqtt.prefix, config.site.id);
    row(
        out,
        &topic("flow/#"),
        &format!(
            "how many people, by place and five minutes; withheld where they are fewer than {}",
            privacy.k
        ),
    );
    match privacy.mode {
        PrivacyMode::Count => {
            row(out, &topic("receipt/#"), "receipts, of nobody");
        }
        PrivacyMode::Pseudonymous => {
            row(
                out,
                &topic("visit/#"),
                "single visits under a pseudonym of the business day: places, times, dwells, purchases",
            );
            row(out, &topic("receipt/#"), "receipts, with the visit that probably bought");
        }
        PrivacyMode::Consented => {
            row(
                out,
                &topic("visit/#"),
                "as in pseudonymous mode, and visit/linked: whose visit it is, by token, of members who agreed",
            );
            row(
                out,
                &topic("receipt/#"),
                "receipts, with the visit that probably bought, and the token of members who agreed",
            );
        }
    }
    row(out, &topic("privacy/#"), "degraded, erased, changed: what recipients have to know of their data");
    row(out, &topic("gateway/#"), "health of the gateway: counts, no pseudonyms");
    let web = &config.agent.web;
    let page = match (web.enabled, &web.token_file) {
        (false, _) => "switched off".to_owned(),
        (true, token) => format!(
            "http://{}/ to {}: flow figures as sent; visits of the day by how far they came, 1 to {} withheld{}; the newest {} events by the minute, in the smallest place with {} people; no pseudonym, visit, member or amount; in memory, until the day is over or the daemon stops",
            web.listen,
            if token.is_some() { "who has a token" } else { "whoever is on this machine" },
            privacy.k.saturating_sub(1),
            if privacy.mode == PrivacyMode::Count { " (in this mode: none)" } else { "" },
            crate::status::today::LINES,
            privacy.k,
        ),
    };
    row(out, "web page", &page);
    row(
        out,
        "how long there",
        "what the recipients keep is theirs to say; they have to honour privacy/erased",
    );
}

fn keys(config: &Config, out: &mut String) {
    let privacy = &config.agent.privacy;
    title(out, "Keys");
    let shown = privacy.key_file.display();
    let state = match inspect_key_file(&privacy.key_file) {
        Ok(Some(day)) => format!("{shown}: of business day {}", date(day)),
        Ok(None) => format!("{shown}: a seed"),
        Err(_) if !privacy.key_file.exists() => format!("{shown}: none yet"),
        Err(e) => e.to_string(),
    };
    row(out, "key file", &state);
    row(
        out,
        "pseudonyms",
        "keyed BLAKE3; the key is replaced by its own one-way hash each business day, and the old one overwritten",
    );
    row(
        out,
        "member tokens",
        "HMAC-SHA-256 of the member number under a key that the CRM has too (edge-agent privacy member-key)",
    );
}

fn operator(config: &Config, out: &mut String) {
    title(out, "For the operator");
    for line in [
        "put up the signs below where people come in, before radios hear them",
        "name a legal basis for each mode and region, and do the impact assessment: docs/privacy.md",
        "answer requests: edge-agent privacy erase --visit ID | --member TOKEN; opt-outs: privacy.opt_out_list",
    ] {
        let _ = writeln!(out, "  - {line}");
    }
    if config.agent.privacy.opt_out_list.is_none() && !config.agent.privacy.opt_out_topic {
        let _ = writeln!(
            out,
            "  - there is no way to opt out yet: set privacy.opt_out_list or privacy.opt_out_topic"
        );
    }
}

/// A mode, in a sentence.
fn meaning(mode: PrivacyMode) -> &'static str {
    match mode {
        PrivacyMode::Count => "how many people, and nothing about single visits",
        PrivacyMode::Pseudonymous => "single visits, under a pseudonym that changes every business day",
        PrivacyMode::Consented => {
            "single visits under a pseudonym; those of members who agreed are linked to them"
        }
    }
}

fn mode(privacy: &PrivacySettings) -> &'static str {
    crate::config::mode_word(privacy.mode)
}

fn list(path: Option<&Path>, topic: bool, which: Which) -> String {
    let mut parts = Vec::new();
    if let Some(path) = path {
        parts.push(match lists::inspect(which, path) {
            Ok(parsed) => format!("{}: {} entries", path.display(), parsed.entries.len()),
            Err(e) => format!("{}: {e}", path.display()),
        });
    }
    if topic {
        parts.push(format!("the retained topic …/privacy/{}", which.topic()));
    }
    if parts.is_empty() { "no list".into() } else { parts.join(", and ") }
}

fn kind(feed: &FeedSettings) -> String {
    match feed {
        FeedSettings::Serial(s) => format!("serial line {}", s.device.display()),
        FeedSettings::Printer(s) => format!("printer of till {}", s.till),
        FeedSettings::Http(s) => format!("HTTP at {}", s.listen),
        FeedSettings::Mqtt(s) => format!("MQTT topics {}", s.topics.join(" ")),
        FeedSettings::Folder(s) => format!("files in {}", s.path.display()),
    }
}

fn date(day: i32) -> String {
    use jiff::{ToSpan as _, civil};
    civil::date(1970, 1, 1).checked_add(day.days()).map_or_else(|_| day.to_string(), |d| d.to_string())
}

fn title(out: &mut String, text: &str) {
    let _ = writeln!(out, "{text}");
}

fn row(out: &mut String, name: &str, what: &str) {
    let _ = writeln!(out, "  {name:<24} {what}");
}
