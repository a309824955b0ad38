//! What cannot change while the daemon runs, and when the engine's state is good for the new configuration.

use crate::config::{Config, ReplaySettings, SourceSettings};

/// Why `new` cannot follow `old` without a restart; one reason for each key.
pub fn refusals(old: &Config, new: &Config) -> Vec<String> {
    let mut reasons = Vec::new();
    let (a, b) = (&old.agent, &new.agent);
    let mut refuse = |changed: bool, key: &str, why: &str| {
        if changed {
            reasons.push(format!("{key} cannot change while the daemon runs: {why}; restart it for that"));
        }
    };
    refuse(
        a.gateway != b.gateway,
        "gateway",
        "its topics and its status are named after it, and would stay behind",
    );
    refuse(old.site.id != new.site.id, "site.id", "topics and visits are named after it");
    refuse(a.store.dir != b.store.dir, "store.dir", "the events that wait there would stay behind");
    refuse(
        a.privacy.key_file != b.privacy.key_file,
        "privacy.key_file",
        "under another key everybody who is here would be somebody else",
    );
    refuse(a.is_live() != b.is_live(), "source", "recordings and what happens now have clocks of their own");
    refuse(
        recordings(old) != recordings(new),
        "source",
        "of a recording that plays nobody could say how far another one is",
    );
    refuse(a.log.format != b.log.format, "log.format", "the log would change its form in the middle");
    reasons
}

/// Why the engine cannot go on from its state in memory; nothing when it can.
pub fn cut(old: &Config, new: &Config) -> Option<&'static str> {
    let (a, b) = (&old.agent, &new.agent);
    if old.site.version() != new.site.version() {
        return Some("the site map has other places");
    }
    if (&old.site.timezone, old.site.business_day_starts)
        != (&new.site.timezone, new.site.business_day_starts)
    {
        return Some("business days begin at another time");
    }
    if a.privacy.mode != b.privacy.mode {
        return Some("the privacy mode is another");
    }
    if old.survey.is_some() != new.survey.is_some() || old.files.changed(&new.files).any(is_calibration) {
        return Some("the calibration is another");
    }
    if a.inference.calibration != b.inference.calibration {
        return Some("the calibration is another");
    }
    if a.inference.flow_interval != b.inference.flow_interval {
        return Some("flow intervals have another length");
    }
    None
}

/// Whether who publishes does so at the same place: only then may the retained status stay as it is.
pub fn same_place(old: &Config, new: &Config) -> bool {
    let place = |c: &Config| {
        let m = &c.agent.mqtt;
        (m.host.clone(), m.port, m.prefix.clone(), m.client_id.clone())
    };
    place(old) == place(new)
}

fn is_calibration((key, _): (&str, &std::path::Path)) -> bool {
    key == "inference.calibration"
}

fn recordings(config: &Config) -> Vec<(&[std::path::PathBuf], Option<&str>)> {
    let replay = |source| match source {
        &SourceSettings::Replay(ReplaySettings { ref paths, ref sensor, .. }) => {
            Some((paths.as_slice(), sensor.as_deref()))
        }
        _ => None,
    };
    config.agent.sources.iter().filter_map(replay).collect()
}

#[cfg(test)]
mod tests {
    use super::super::changes;
    use super::*;
    use crate::config;

    const AGENT: &str = "gateway = \"g\"\nmqtt.host = \"b\"\nstore.dir = \"store\"\nprivacy.key_file = \"key\"\n\
        [[source]]\nkind = \"http\"\nlisten = \"127.0.0.1:1\"\ntoken_file = \"t\"\n";
    const SITE: &str = "[site]\nid = \"m\"\ntimezone = \"UTC\"\n[[floor]]\nid = \"F1\"\nlevel = 0\n\
        [[zone]]\nid = \"z\"\nfloor = \"F1\"\nkind = \"entrance\"\nposition = [0.0, 0.0]\nneighbours = []\n\
        [[sensor]]\nid = \"s\"\nzone = \"z\"\nposition = [0.0, 0.0]\n";

    fn load(agent: &str, site: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("site.toml"), site).unwrap();
        std::fs::write(folder.path().join("agent.toml"), agent).unwrap();
        let mut config = config::load(&folder.path().join("agent.toml")).unwrap_or_else(|e| panic!("{e}"));
        // As if both had been in one folder.
        config.agent.store.dir = config.agent.store.dir.file_name().unwrap().into();
        config.agent.privacy.key_file = "key".into();
        config.agent.site_map = "site.toml".into();
        config
    }

    #[test]
    fn what_would_leave_something_behind_is_refused_by_its_key() {
        let old = load(AGENT, SITE);
        assert_eq!(refusals(&old, &load(AGENT, SITE)), [""; 0]);
        for (key, agent, site) in [
            ("gateway", AGENT.replace("\"g\"", "\"h\""), SITE.to_owned()),
            ("site.id", AGENT.to_owned(), SITE.replace("\"m\"", "\"n\"")),
            ("store.dir", AGENT.replace("\"store\"", "\"other\""), SITE.to_owned()),
            ("log.format", format!("log.format = \"json\"\n{AGENT}"), SITE.to_owned()),
        ] {
            let reasons = refusals(&old, &load(&agent, &site));
            assert!(reasons.len() == 1 && reasons[0].starts_with(key), "{key}: {reasons:?}");
        }
        let replay = "gateway = \"g\"\nmqtt.host = \"b\"\nstore.dir = \"store\"\nprivacy.key_file = \"key\"\n\
            [[source]]\nkind = \"replay\"\npaths = [\"a.jsonl\"]\n";
        assert!(refusals(&old, &load(replay, SITE)).iter().all(|r| r.starts_with("source")));
        let replay = load(replay, SITE);
        assert_eq!(refusals(&replay, &load(&old_text(&replay).replace("a.jsonl", "b.jsonl"), SITE)).len(), 1);
    }

    fn old_text(config: &Config) -> String {
        config.text.clone()
    }

    #[test]
    fn the_state_goes_on_under_other_thresholds_and_not_on_another_map() {
        let old = load(AGENT, SITE);
        let new = load(&format!("inference.dwell_threshold_s = 60\n{AGENT}"), SITE);
        assert_eq!(cut(&old, &new), None);
        assert_ne!(old.version, new.version, "events say under which configuration they were inferred");
        let sensor = format!("{SITE}[[sensor]]\nid = \"s2\"\nzone = \"z\"\nposition = [9.0, 0.0]\n");
        let new = load(AGENT, &sensor);
        assert!(cut(&old, &new).unwrap().contains("places"));
        assert_ne!(old.version, new.version);
        let told: Vec<String> = changes(&old, &new).iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 2);
        assert!(told[0].starts_with("site map: site.toml (places "), "{told:?}");
        assert_eq!(told[1], "site map: sensor \"s2\": added");
        let new = load(&format!("privacy.mode = \"count\"\n{AGENT}"), SITE);
        assert!(cut(&old, &new).unwrap().contains("privacy mode"));
        let new = load(&format!("inference.flow_interval_min = 15\n{AGENT}"), SITE);
        assert!(cut(&old, &new).unwrap().contains("flow"));
        assert!(same_place(&old, &new));
        assert!(!same_place(&old, &load(&AGENT.replace("\"b\"", "\"c\""), SITE)));
        assert_eq!(changes(&old, &load(&format!("# why\n{AGENT}"), SITE)), []);
    }
}
