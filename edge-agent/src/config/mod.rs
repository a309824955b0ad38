//! Configuration: two TOML files, read whole, every problem reported at once.
//!
//! `agent.toml` says what this gateway does ([`AgentConfig`]), `site.toml` what the mall looks like
//! ([`Site`]). [`load`] reads both and checks what one says about the other. Reading has no side effects: no
//! file is made, no key is drawn, nothing is connected.
//!
//! Paths inside `agent.toml` are relative to the folder of that file. Unknown keys are errors: a key with a
//! slip in it would otherwise be a setting silently left at its default.

mod agent;
mod ears;
mod feeds;
mod files;
mod privacy;
pub mod published;
mod radios;
mod reader;
mod secret;
mod settings;
mod site_map;
mod web;

pub use ears::NodeSettings;
pub use feeds::{
    FeedSettings, FolderSettings, HttpSettings, MqttFeedSettings, Parity, PrinterSettings, ReceiptSettings,
    SerialSettings,
};
pub use files::Files;
pub use privacy::{PrivacySettings, mode_word};
pub use published::SiteMapMessage;
pub use radios::{BleSettings, RadioSettings, WifiSettings};
pub use reader::Located;
pub use settings::{
    AgentConfig, InferenceSettings, LogFormat, LogSettings, MqttProtocol, MqttSettings, MqttTlsSettings,
    ReplaySettings, Role, SourceSettings, StoreSettings, TagMeaning, TagRule,
};
pub use web::WebSettings;

use std::fmt;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use visit_core::position::SurveyModel;
use visit_core::site::Site;

/// Everything that was wrong, and what deserves a second look besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    /// Must be put right.
    pub errors: Vec<Located>,
    /// Should be looked at.
    pub warnings: Vec<Located>,
}

impl ConfigErrors {
    pub(crate) fn new(mut errors: Vec<Located>, mut warnings: Vec<Located>) -> Self {
        for list in [&mut errors, &mut warnings] {
            list.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        }
        Self { errors, warnings }
    }
}

/// One problem a line.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// A file that was read and is right.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    /// What it says.
    pub value: T,
    /// What deserves a second look.
    pub warnings: Vec<Located>,
    /// The file as it was written.
    pub text: String,
}

/// The whole configuration of a gateway.
#[derive(Clone, Debug)]
pub struct Config {
    /// `agent.toml`.
    pub agent: AgentConfig,
    /// The site map it names.
    pub site: Site,
    /// The calibration it names.
    pub survey: Option<Arc<SurveyModel>>,
    /// [`AgentConfig::version`] of all.
    pub version: u32,
    /// What deserves a second look in either.
    pub warnings: Vec<Located>,
    /// `agent.toml` as it was written.
    pub text: String,
    /// The site map as it was written.
    pub site_text: String,
    /// Where the site map is from, if it was published.
    pub published: Option<SiteMapMessage>,
    /// Other files it names whose contents count when it is read.
    pub files: Files,
}

/// Reads `agent.toml` at `path` and the site map it names, and checks them against each other.
pub fn load(path: &Path) -> Result<Config, ConfigErrors> {
    examine(path).config()
}

/// As [`load`], with `text` for what `agent.toml` at `path` says, and `map` for the site map.
pub fn load_with_map(path: &Path, text: &str, map: SiteMapMessage) -> Result<Config, ConfigErrors> {
    examine_text(path, text.to_owned(), Some(map)).config()
}

/// What two files say, as far as they are right, and everything that is wrong with either.
pub(crate) struct Examined {
    /// Nothing unless it is right.
    pub(crate) agent: Option<AgentConfig>,
    /// With its text; nothing unless it is right.
    pub(crate) site: Option<(Site, String)>,
    /// The same of the calibration.
    pub(crate) survey: Option<(SurveyModel, String)>,
    /// `agent.toml` as it was written.
    text: String,
    /// What the site map was published in.
    pub(crate) published: Option<SiteMapMessage>,
    pub(crate) errors: Vec<Located>,
    pub(crate) warnings: Vec<Located>,
}

impl Examined {
    fn config(self) -> Result<Config, ConfigErrors> {
        match self {
            Self {
                agent: Some(agent),
                site: Some((site, site_text)),
                survey,
                errors,
                warnings,
                text,
                published,
            } if errors.is_empty() => {
                let (survey, calibration) =
                    survey.map_or((None, String::new()), |(s, text)| (Some(Arc::new(s)), text));
                let version = agent.version(&site_text, calibration.as_bytes());
                let files = Files::of(&agent);
                Ok(Config { agent, site, survey, version, warnings, text, site_text, published, files })
            }
            Self { errors, warnings, .. } => Err(ConfigErrors::new(errors, warnings)),
        }
    }
}

/// As [`load`]. Where one file is wrong the other is read all the same.
pub(crate) fn examine(path: &Path) -> Examined {
    match read_text(path, "the configuration") {
        Ok(text) => examine_text(path, text, None),
        Err(ConfigErrors { errors, warnings }) => Examined {
            agent: None,
            site: None,
            survey: None,
            text: String::new(),
            published: None,
            errors,
            warnings,
        },
    }
}

/// The site map is `map`, else the one that was published and kept, else the file.
fn examine_text(path: &Path, text: String, map: Option<SiteMapMessage>) -> Examined {
    let folder = path.parent().unwrap_or(Path::new(""));
    let agent::Read { agent, mut errors, mut warnings } =
        agent::read(&path.display().to_string(), &text, folder);
    let right = errors.is_empty();
    let kept = || {
        let agent = agent.as_ref().filter(|agent| agent.site_map_topic)?;
        published::kept(&agent.store.dir).unwrap_or_else(|problem| {
            warnings.push(problem);
            None
        })
    };
    let published = map.or_else(kept);
    // Of a file that is no TOML nobody knows which site map it names.
    let site = agent.as_ref().and_then(|agent| {
        let read = match &published {
            Some(map) => map.site(),
            None => read_site(&agent.site_map),
        };
        match read {
            Ok(site) => {
                errors.extend(agent.problems_with(&site.value));
                warnings.extend(site.warnings);
                Some((site.value, site.text))
            }
            Err(e) => {
                errors.extend(e.errors);
                warnings.extend(e.warnings);
                None
            }
        }
    });
    let survey = agent.as_ref().zip(site.as_ref()).and_then(|(agent, (site, _))| {
        agent.survey(site).unwrap_or_else(|e| {
            errors.push(e);
            None
        })
    });
    Examined { agent: agent.filter(|_| right), site, survey, text, published, errors, warnings }
}

/// Reads a site map.
pub fn read_site(path: &Path) -> Result<Loaded<Site>, ConfigErrors> {
    site_map::parse(&path.display().to_string(), &read_text(path, "the site map")?)
}

/// As [`read_site`], from text; `name` stands for the file in messages.
pub fn parse_site(name: &str, text: &str) -> Result<Loaded<Site>, ConfigErrors> {
    site_map::parse(name, text)
}

/// Reads `agent.toml`. What it says about the site map is checked by [`AgentConfig::problems_with`].
pub fn read_agent(path: &Path) -> Result<Loaded<AgentConfig>, ConfigErrors> {
    let text = read_text(path, "the configuration")?;
    let folder = path.parent().unwrap_or(Path::new(""));
    agent::parse(&path.display().to_string(), &text, folder)
}

/// As [`read_agent`], from text; relative paths start at `folder`.
pub fn parse_agent(name: &str, text: &str, folder: &Path) -> Result<Loaded<AgentConfig>, ConfigErrors> {
    agent::parse(name, text, folder)
}

/// Every key the configuration may hold, such as `mqtt.tls.ca`: what the documentation has to describe.
pub fn agent_keys() -> Vec<String> {
    agent::keys().into_iter().collect()
}

/// Every key the site map may hold, such as `zone.floor`.
pub fn site_keys() -> Vec<String> {
    site_map::keys().into_iter().collect()
}

fn read_text(path: &Path, what: &str) -> Result<String, ConfigErrors> {
    let fail = |message: String| {
        let file = path.display().to_string();
        ConfigErrors::from(vec![Located { file, line: None, path: String::new(), message }])
    };
    let file = std::fs::File::open(path).map_err(|e| fail(format!("cannot open {what}: {e}")))?;
    let mut bytes = Vec::new();
    let read = file.take(MAX_FILE + 1).read_to_end(&mut bytes);
    read.map_err(|e| fail(format!("cannot read {what}: {e}")))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(fail(format!("is larger than {} MiB; is this {what}?", MAX_FILE >> 20)));
    }
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let line = 1 + e.as_bytes()[..at].iter().filter(|b| **b == b'\n').count();
        fail(format!("line {line} is not UTF-8; save the file as UTF-8"))
    })
}

/// The largest mall's map has some hundred kilobytes.
const MAX_FILE: u64 = 8 << 20;

#[cfg(test)]
mod tests;
