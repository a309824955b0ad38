//! The documents describe the keys that the code reads, all of them and no others, and the examples load.

use edge_agent::config;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// The keys a document describes: a heading such as `[mqtt.tls]` and below it the first column of a table.
fn described(document: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(docs().join(document)).expect("the document is there");
    let mut keys = BTreeSet::new();
    let mut prefix = None;
    for line in text.lines() {
        // `###` divides a table.
        if line.starts_with('#') && !line.starts_with("###") {
            let table = line.strip_prefix("## `").and_then(|l| l.strip_suffix('`'));
            prefix = table.map(|t| match t.trim_matches(['[', ']']) {
                "agent.toml" => String::new(),
                table => {
                    keys.insert(table.to_owned());
                    format!("{table}.")
                }
            });
        } else if let (Some(prefix), Some(key)) = (&prefix, line.strip_prefix("| `")) {
            keys.insert(format!("{prefix}{}", key.split('`').next().unwrap_or(key)));
        }
    }
    keys
}

#[test]
fn every_key_of_the_configuration_is_documented_and_every_documented_key_exists() {
    assert_eq!(described("configuration.md"), BTreeSet::from_iter(config::agent_keys()));
}

#[test]
fn every_key_of_the_site_map_is_documented_and_every_documented_key_exists() {
    assert_eq!(described("site-map.md"), BTreeSet::from_iter(config::site_keys()));
}

#[test]
fn the_examples_load_together_without_a_warning_and_use_every_key() {
    let read = |file: &str| std::fs::read_to_string(docs().join("examples").join(file)).unwrap();
    for file in ["agent.toml", "agent-receipts.toml", "agent-nodes.toml", "agent-radios.toml"] {
        let config = config::load(&docs().join("examples").join(file)).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(config.warnings, [], "{file}");
        assert_eq!(config.site.zones.len(), 8);
    }
    let agent =
        ["agent.toml", "agent-receipts.toml", "agent-nodes.toml", "agent-radios.toml"].map(read).concat();
    for (file, text, keys) in
        [("agent", agent, config::agent_keys()), ("site", read("site.toml"), config::site_keys())]
    {
        for key in keys {
            let last = key.rsplit('.').next().unwrap();
            let used = text
                .lines()
                .any(|l| l.starts_with(&format!("{last} = ")) || l.trim_matches(['[', ']']) == key);
            assert!(used, "no example of {file} shows {key}");
        }
    }
}

#[test]
fn the_smallest_configuration_of_the_document_loads() {
    let text = std::fs::read_to_string(docs().join("configuration.md")).unwrap();
    let block = text.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let loaded = config::parse_agent("agent.toml", block, Path::new("/etc/edge-agent")).unwrap();
    assert_eq!(loaded.warnings, []);
}

#[test]
fn the_defaults_of_the_example_are_the_defaults() {
    let defaults = config::parse_agent(
        "agent.toml",
        "gateway = \"g\"\nmqtt.host = \"h\"\nmqtt.tls.ca = \"c\"\nsource = [{ kind = \"replay\", paths = [\"d\"] }]",
        Path::new("/etc"),
    )
    .unwrap()
    .value;
    let example = config::read_agent(&docs().join("examples/agent.toml")).unwrap().value;
    assert_eq!(example.store, defaults.store);
    assert_eq!(example.log, defaults.log);
    assert_eq!(example.privacy.k, defaults.privacy.k);
    assert_eq!(example.privacy.key_file, defaults.privacy.key_file);
    let inference =
        config::InferenceSettings { tags: Vec::new(), calibration: None, ..example.inference.clone() };
    assert_eq!(inference, defaults.inference);
    let (e, d) = (&example.mqtt, &defaults.mqtt);
    assert_eq!((e.port, e.protocol, &e.prefix), (d.port, d.protocol, &d.prefix));
    assert_eq!((e.keep_alive, e.inflight, e.backlog_rate), (d.keep_alive, d.inflight, d.backlog_rate));
}
