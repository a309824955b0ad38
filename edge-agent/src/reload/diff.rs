//! What changed between two configurations, key by key, as a person would tell it.
//!
//! Both files are TOML: tables are compared by key; lists of tables (`[[source]]`, `[[zone]]` …) by what names an
//! element, so that one that was put in front of others is one addition.

use crate::config::Config;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use toml::{Table, Value};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A key has another value; nothing stands for its default.
    Key {
        /// Where, such as `inference.dwell_threshold_s` or `zone "F1-Z01": kind`.
        key: String,
        /// As it was written.
        old: Option<String>,
        /// As it is now.
        new: Option<String>,
    },
    /// An element of a list of tables is new.
    Added(String),
    /// One is gone.
    Removed(String),
    /// Elements of a list are in another order.
    Moved(String),
    /// A file has other contents.
    File {
        /// The key that names it.
        key: String,
        /// The file.
        path: PathBuf,
    },
    /// The site map is another.
    Map {
        /// What it was.
        old: String,
        /// What it is.
        new: String,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { key, old, new } => {
                let shown = |v: &Option<String>| v.clone().unwrap_or_else(|| "(default)".into());
                write!(f, "{key}: {} -> {}", shown(old), shown(new))
            }
            Self::Added(what) => write!(f, "{what}: added"),
            Self::Removed(what) => write!(f, "{what}: removed"),
            Self::Moved(list) => write!(f, "{list}: in another order"),
            Self::File { key, path } => write!(f, "{key}: {} has other contents", path.display()),
            Self::Map { old, new } => write!(f, "site map: {old} -> {new}"),
        }
    }
}

/// Everything that changed. Empty when the two are the same but for comments and layout of `agent.toml`.
pub fn changes(old: &Config, new: &Config) -> Vec<Change> {
    let mut found = Found::default();
    found.texts("", &old.text, &new.text);
    let files = old.files.changed(&new.files);
    found.0.extend(files.map(|(key, path)| Change::File { key: key.to_owned(), path: path.to_owned() }));
    if old.site_text != new.site_text || source(old) != source(new) {
        found.0.push(Change::Map { old: name(old), new: name(new) });
        found.texts("site map: ", &old.site_text, &new.site_text);
    }
    found.0
}

fn source(config: &Config) -> Option<u64> {
    config.published.as_ref().map(|map| map.version)
}

/// Which map, by version or file, and the version of its places.
fn name(config: &Config) -> String {
    let places = config.site.version();
    match &config.published {
        Some(map) => format!("published version {} (places {places:08x})", map.version),
        None => format!("{} (places {places:08x})", config.agent.site_map.display()),
    }
}

/// A list that would fill the log is cut.
const LONGEST: usize = 120;

#[derive(Default)]
struct Found(Vec<Change>);

impl Found {
    /// Both were read before: a text that is no TOML does not come here.
    fn texts(&mut self, prefix: &str, old: &str, new: &str) {
        if let (Ok(old), Ok(new)) = (old.parse::<Table>(), new.parse::<Table>()) {
            self.tables(prefix, &old, &new);
        }
    }

    fn tables(&mut self, prefix: &str, old: &Table, new: &Table) {
        let keys: Vec<&String> = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))).collect();
        let none = Value::Table(Table::new());
        for key in keys {
            match (old.get(key), new.get(key)) {
                (Some(a), Some(b)) if a == b => {}
                (a, b) if is_table(a) && is_table(b) => {
                    let table =
                        |v: Option<&Value>| v.unwrap_or(&none).as_table().cloned().unwrap_or_default();
                    self.tables(&format!("{prefix}{key}."), &table(a), &table(b));
                }
                (a, b) if is_list(a) && is_list(b) => self.lists(&format!("{prefix}{key}"), a, b),
                (a, b) => self.0.push(Change::Key {
                    key: format!("{prefix}{key}"),
                    old: a.map(shown),
                    new: b.map(shown),
                }),
            }
        }
    }

    fn lists(&mut self, list: &str, old: Option<&Value>, new: Option<&Value>) {
        let (old, new) = (named(old), named(new));
        let order = |of: &[(String, &Table)], other: &[(String, &Table)]| -> Vec<String> {
            let both = |name: &&(String, &Table)| other.iter().any(|o| o.0 == name.0);
            of.iter().filter(both).map(|n| n.0.clone()).collect()
        };
        for (name, table) in &old {
            match new.iter().find(|n| n.0 == *name) {
                Some((_, now)) if table != now => self.tables(&format!("{list} {name}: "), table, now),
                Some(_) => {}
                None => self.0.push(Change::Removed(format!("{list} {name}"))),
            }
        }
        for (name, _) in &new {
            if !old.iter().any(|o| o.0 == *name) {
                self.0.push(Change::Added(format!("{list} {name}")));
            }
        }
        if order(&old, &new) != order(&new, &old) {
            self.0.push(Change::Moved(list.to_owned()));
        }
    }
}

/// Elements with what names them: an id, else a kind and what it is for; the n-th of a name gets a number.
fn named(list: Option<&Value>) -> Vec<(String, &Table)> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let tables = list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table);
    let name = |table: &Table| {
        let kind = table.get("kind").and_then(Value::as_str).filter(|_| !table.contains_key("id"));
        let told = NAMES.iter().find_map(|key| table.get(*key)).map(shown);
        [kind.map(str::to_owned), told].into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    tables
        .map(|table| {
            let name = name(table);
            let n = seen.entry(name.clone()).and_modify(|n| *n += 1).or_insert(1);
            (if *n == 1 { name } else { format!("{name} #{n}") }, table)
        })
        .collect()
}

/// Keys that name an element, the best first.
const NAMES: &[&str] = &["id", "sensor", "till", "uuid", "listen", "path", "topics", "paths", "device"];

fn is_table(value: Option<&Value>) -> bool {
    value.is_none_or(Value::is_table)
}

/// A list of tables; an empty one too.
fn is_list(value: Option<&Value>) -> bool {
    value.is_none_or(|v| v.as_array().is_some_and(|all| all.iter().all(Value::is_table)))
}

/// In one line that is not too long.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(old: &str, new: &str) -> Vec<String> {
        let mut found = Found::default();
        found.texts("", old, new);
        found.0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn keys_are_told_with_old_and_new_value_and_layout_is_no_change() {
        let old =
            "gateway = \"a\"\n[inference]\ndwell_threshold_s = 180\n[mqtt]\nhost = \"b\"\ntls.ca = \"x\"\n";
        let new = "# better\ngateway   = \"a\"\nmqtt = { host = \"c\" }\ninference = { dwell_threshold_s = 300, learn = false }\n";
        assert_eq!(
            told(old, new),
            [
                "inference.dwell_threshold_s: 180 -> 300",
                "inference.learn: (default) -> false",
                "mqtt.host: \"b\" -> \"c\"",
                "mqtt.tls.ca: \"x\" -> (default)",
            ]
        );
        assert_eq!(told(old, old), [""; 0]);
    }

    #[test]
    fn elements_of_lists_are_known_by_their_names_wherever_they_stand() {
        let zone = |id: &str, kind: &str| format!("[[zone]]\nid = {id:?}\nkind = {kind:?}\n");
        let old = zone("a", "shop") + &zone("b", "shop") + &zone("c", "shop");
        let new = zone("new", "door") + &zone("c", "shop") + &zone("a", "café");
        assert_eq!(
            told(&old, &new),
            [
                "zone \"a\": kind: \"shop\" -> \"café\"",
                "zone \"b\": removed",
                "zone \"new\": added",
                "zone: in another order"
            ]
        );
        let source = |kind: &str, key: &str| format!("[[source]]\nkind = {kind:?}\n{key}\n");
        let wifi = source("wifi", "sensor = \"S1\"");
        let old = wifi.clone() + &source("http", "listen = \"[::1]:80\"");
        let new = source("ble", "sensor = \"S1\"") + &wifi + &wifi;
        assert_eq!(
            told(&old, &new),
            ["source http \"[::1]:80\": removed", "source ble \"S1\": added", "source wifi \"S1\" #2: added"]
        );
        assert_eq!(told("", &wifi), ["source wifi \"S1\": added"]);
    }

    #[test]
    fn long_values_are_cut_at_a_character() {
        let told = told("", &format!("name = {:?}", "文".repeat(500)));
        assert!(told[0].ends_with('…') && told[0].chars().count() < 150, "{told:?}");
    }
}
