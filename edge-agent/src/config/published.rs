//! The site map as it is published: one retained message, `{prefix}/{site}/config/site-map`, and the copy a gateway
//! keeps of it in the store's folder, so that it starts with the same map without a broker.

use super::{ConfigErrors, Loaded, Located, parse_site};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use visit_core::site::Site;

/// Longest text of a site map that is taken, bytes. The largest mall's has some hundred thousand.
pub const MAX_MAP: usize = 1 << 20;
/// Longest message: JSON writes a quotation mark or a line break in two bytes, and everything else as it is.
pub const MAX_MESSAGE: usize = 2 * MAX_MAP + (64 << 10);
/// Longest packet. A broker drops what is larger without a word (MQTT 5 §3.1.2.11.4), so what is somewhat too large must
/// still come, to be refused in words.
pub const MAX_PACKET: u32 = 2 * MAX_MESSAGE as u32;

/// The topic of a site's map.
pub fn topic(prefix: &str, site: &str) -> String {
    format!("{prefix}/{site}/config/site-map")
}

/// The retained message on `…/config/site-map`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SiteMapMessage {
    /// Increases with each map that is published; an older one than that in force is refused.
    #[schemars(range(min = 1))]
    pub version: u64,
    /// SHA-256 of `site_map` in UTF-8, 64 hexadecimal digits in lower case.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// Who signed it off.
    #[schemars(length(min = 1))]
    pub signed_off_by: String,
    /// When.
    #[schemars(extend("format" = "date-time"))]
    pub signed_off_at: String,
    /// The text of the site map, TOML.
    pub site_map: String,
}

/// Why a published site map is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The reason, as it is counted.
    pub reason: &'static str,
    /// In words; one problem a line.
    pub why: String,
}

impl Refused {
    /// A refusal.
    pub fn new(reason: &'static str, why: impl Into<String>) -> Self {
        Self { reason, why: why.into() }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl SiteMapMessage {
    /// For a text, signed off by somebody at `at` (RFC 3339).
    pub fn new(version: u64, site_map: String, by: &str, at: String) -> Self {
        Self { version, sha256: sha256(&site_map), signed_off_by: by.to_owned(), signed_off_at: at, site_map }
    }

    /// Reads a message: its form, its size and its checksum.
    pub fn parse(payload: &[u8]) -> Result<Self, Refused> {
        if payload.len() > MAX_MESSAGE {
            return Err(Refused::new(
                "too_large",
                format!("the message has {} bytes, more than {MAX_MESSAGE}", payload.len()),
            ));
        }
        let message: Self = serde_json::from_slice(payload)
            .map_err(|e| Refused::new("unreadable", format!("the message is no site map message: {e}")))?;
        if message.site_map.len() > MAX_MAP {
            return Err(Refused::new(
                "too_large",
                format!("the site map has {} bytes, more than {MAX_MAP}", message.site_map.len()),
            ));
        }
        let found = sha256(&message.site_map);
        if found != message.sha256 {
            return Err(Refused::new(
                "checksum",
                format!("sha256 is {}, that of the text is {found}", shown(&message.sha256)),
            ));
        }
        let wrong = |what: &str| Err(Refused::new("unreadable", what.to_owned()));
        if message.version == 0 {
            return wrong("version 0; versions begin with 1");
        }
        if message.signed_off_by.trim().is_empty() {
            return wrong("signed_off_by is empty; who signed it off?");
        }
        if message.signed_off_at.parse::<jiff::Timestamp>().is_err() {
            return wrong("signed_off_at is no time such as 2026-11-26T09:00:00Z");
        }
        Ok(message)
    }

    /// The site map it carries.
    pub fn site(&self) -> Result<Loaded<Site>, ConfigErrors> {
        parse_site(&format!("published site map, version {}", self.version), &self.site_map)
    }

    /// As it is published and kept.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("text and numbers always serialise")
    }
}

/// SHA-256 in hexadecimal digits.
pub fn sha256(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

/// Where the copy is, in the folder of a store.
pub fn kept_at(store: &Path) -> PathBuf {
    store.join("site-map.json")
}

/// The copy, if there is one. One that is damaged does not count, and the error says so.
pub fn kept(store: &Path) -> Result<Option<SiteMapMessage>, Located> {
    let path = kept_at(store);
    let problem = |what: String| Located {
        file: path.display().to_string(),
        line: None,
        path: String::new(),
        message: format!("the copy of the published site map does not count, the file site_map does: {what}"),
    };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(problem(e.to_string())),
    };
    let mut bytes = Vec::new();
    file.take(MAX_MESSAGE as u64 + 1).read_to_end(&mut bytes).map_err(|e| problem(e.to_string()))?;
    SiteMapMessage::parse(&bytes).map(Some).map_err(|e| problem(e.to_string()))
}

/// Keeps a copy, or takes it away: the file is whole, or as it was.
pub fn keep(store: &Path, message: Option<&SiteMapMessage>) -> io::Result<()> {
    let path = kept_at(store);
    let Some(message) = message else {
        return match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        };
    };
    let partial = path.with_extension("partial");
    let mut file = File::create(&partial)?;
    file.write_all(&message.to_json())?;
    file.sync_all()?;
    fs::rename(&partial, &path)?;
    File::open(store)?.sync_all()
}

/// Not more than a checksum's length of what a stranger wrote.
fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(64).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> SiteMapMessage {
        SiteMapMessage::new(3, "[site]\n".into(), "Li", "2026-11-26T09:00:00Z".into())
    }

    fn reason(change: impl Fn(&mut SiteMapMessage)) -> &'static str {
        let mut message = message();
        change(&mut message);
        SiteMapMessage::parse(&message.to_json()).unwrap_err().reason
    }

    #[test]
    fn what_is_wrong_with_a_message_is_told_by_its_reason() {
        assert_eq!(SiteMapMessage::parse(&message().to_json()), Ok(message()));
        assert_eq!(reason(|m| m.site_map.push('x')), "checksum");
        assert_eq!(reason(|m| m.sha256 = "文".repeat(500)), "checksum");
        assert_eq!(reason(|m| m.version = 0), "unreadable");
        assert_eq!(reason(|m| m.signed_off_by = " ".into()), "unreadable");
        assert_eq!(reason(|m| m.signed_off_at = "yesterday".into()), "unreadable");
        assert_eq!(
            reason(|m| *m = SiteMapMessage::new(1, " ".repeat(MAX_MAP + 1), "Li", m.signed_off_at.clone())),
            "too_large"
        );
        assert_eq!(SiteMapMessage::parse(&vec![b' '; MAX_MESSAGE + 1]).unwrap_err().reason, "too_large");
        for garbage in ["", "{}", "[]", "\u{0}", "{\"version\":1.5}"] {
            assert_eq!(SiteMapMessage::parse(garbage.as_bytes()).unwrap_err().reason, "unreadable");
        }
    }

    #[test]
    fn a_copy_is_kept_replaced_and_taken_away_and_a_damaged_one_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(kept(folder.path()), Ok(None));
        keep(folder.path(), Some(&message())).unwrap();
        assert_eq!(kept(folder.path()), Ok(Some(message())));
        let bytes = fs::read(kept_at(folder.path())).unwrap();
        fs::write(kept_at(folder.path()), &bytes[..bytes.len() - 5]).unwrap();
        assert!(kept(folder.path()).unwrap_err().message.contains("does not count"));
        keep(folder.path(), None).unwrap();
        keep(folder.path(), None).unwrap();
        assert_eq!(kept(folder.path()), Ok(None));
    }
}
