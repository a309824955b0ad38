//! The files a configuration names whose contents count when it is read: a certificate that was renewed is a change.
//!
//! Lists of people and bearer tokens are not among them: they are looked at while the daemon runs.

use super::{AgentConfig, FeedSettings, MqttTlsSettings, SourceSettings};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Hashes of files, by the key that names them. Nothing of their contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<(String, PathBuf), Option<[u8; 32]>>);

impl Files {
    /// Of a configuration, as they are now.
    pub(super) fn of(agent: &AgentConfig) -> Self {
        let mut files = Self::default();
        files.add("inference.calibration", agent.inference.calibration.as_deref());
        files.add("mqtt.password_file", agent.mqtt.password_file.as_deref());
        files.tls("mqtt.tls", agent.mqtt.tls.as_ref());
        for (i, source) in agent.sources.iter().enumerate() {
            let SourceSettings::Feed(feed) = source else { continue };
            let key = |name: &str| format!("source[{i}].{name}");
            match feed {
                FeedSettings::Serial(s) => files.add(&key("template"), s.template.as_deref()),
                FeedSettings::Printer(s) => files.add(&key("template"), s.template.as_deref()),
                FeedSettings::Http(s) => {
                    if let Some((cert, private)) = &s.tls {
                        files.add(&key("tls.cert"), Some(cert));
                        files.add(&key("tls.key"), Some(private));
                    }
                }
                FeedSettings::Mqtt(s) => {
                    files.add(&key("password_file"), s.password_file.as_deref());
                    files.tls(&key("tls"), s.tls.as_ref());
                }
                FeedSettings::Folder(_) => {}
            }
        }
        files
    }

    /// The files whose contents differ, by key; what is named by one of the two only is no news of contents.
    pub fn changed<'a>(&'a self, new: &'a Self) -> impl Iterator<Item = (&'a str, &'a Path)> {
        let differs = |(named, hash): &(&'a (String, PathBuf), &'a Option<[u8; 32]>)| {
            self.0.get(*named).is_some_and(|before| before != *hash)
        };
        new.0.iter().filter(differs).map(|((key, path), _)| (key.as_str(), path.as_path()))
    }

    fn tls(&mut self, key: &str, tls: Option<&MqttTlsSettings>) {
        let Some(tls) = tls else { return };
        self.add(&format!("{key}.ca"), Some(&tls.ca));
        if let Some((cert, private)) = &tls.client {
            self.add(&format!("{key}.cert"), Some(cert));
            self.add(&format!("{key}.key"), Some(private));
        }
    }

    fn add(&mut self, key: &str, path: Option<&Path>) {
        let Some(path) = path else { return };
        // What cannot be read is told by who needs it.
        let hash = std::fs::read(path).ok().map(|bytes| *blake3::hash(&bytes).as_bytes());
        self.0.insert((key.to_owned(), path.to_owned()), hash);
    }
}
