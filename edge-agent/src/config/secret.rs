//! Where a secret is: in a file, or with systemd.
//!
//! `credential:NAME` stands for what the unit's `LoadCredential=NAME:…` handed to the service, a file of that name in
//! `$CREDENTIALS_DIRECTORY`. Elsewhere (`edge-agent check` in a shell, a container) it is `credentials/NAME` beside the
//! configuration, where the unit's drop-in takes it from.

use super::agent::Reader;
use super::reader::Table;
use std::path::{Path, PathBuf};

const CREDENTIAL: &str = "credential:";

impl Reader<'_> {
    /// The file of a secret.
    pub(super) fn secret(&self, t: &Table<'_>, key: &'static str, example: &str) -> Option<PathBuf> {
        let path = self.path(t, key, example)?;
        // What is not relative to the folder is no credential, whatever its name.
        let Some(name) = path.strip_prefix(self.folder()).ok().and_then(Path::to_str).and_then(named) else {
            return Some(path);
        };
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            let message = format!("{name:?} is no name of a credential; write {key} = \"{CREDENTIAL}{key}\"");
            t.problem(key, message);
            return None;
        }
        let given = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|dir| !dir.is_empty());
        Some(given.map_or_else(|| self.folder().join("credentials"), PathBuf::from).join(name))
    }
}

fn named(text: &str) -> Option<&str> {
    text.strip_prefix(CREDENTIAL)
}

#[cfg(test)]
mod tests {
    use super::super::parse_agent;
    use std::path::Path;

    const REST: &str = "gateway = \"gw\"\nsource = [{ kind = \"replay\", paths = [\"day.jsonl\"] }]\n";

    fn password_file(value: &str) -> Result<Option<std::path::PathBuf>, String> {
        let mqtt =
            format!("[mqtt]\nhost = \"broker.example\"\nusername = \"gw\"\npassword_file = {value:?}\n");
        parse_agent("agent.toml", &format!("{REST}{mqtt}"), Path::new("/etc/edge-agent"))
            .map(|loaded| loaded.value.mqtt.password_file)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn a_credential_is_beside_the_configuration_where_systemd_gives_none() {
        let file = |path: &str| Ok(Some(path.into()));
        assert_eq!(password_file("credential:mqtt"), file("/etc/edge-agent/credentials/mqtt"));
        assert_eq!(password_file("mqtt-password"), file("/etc/edge-agent/mqtt-password"));
        assert_eq!(password_file("/run/credential:mqtt"), file("/run/credential:mqtt"));
    }

    #[test]
    fn a_credential_is_one_name() {
        for wrong in ["credential:", "credential:../password", "credential:a/b", "credential:."] {
            let why = password_file(wrong).unwrap_err();
            assert!(why.contains("mqtt.password_file") && why.contains("no name of a credential"), "{why}");
        }
    }
}
