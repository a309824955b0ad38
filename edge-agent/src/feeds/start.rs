//! Starts the feeds of a configuration.

use super::folder::Folder;
use super::followed::{Followed, follow};
use super::http::Push;
use super::mqtt::Subscription;
use super::silence::Watch;
use super::tap::drain::{self, Reader, Readers};
use super::tap::queue::Queue;
use super::tap::{self, Line, Tap, socket};
use super::{Board, Desk, Intake};
use crate::config::{AgentConfig, FeedSettings, SourceSettings};
use crate::ears::Hearing;
use crate::pipeline::{LiveInput, wall_clock};
use crate::privacy::{BusinessCalendar, Which};
use crate::publish::{MqttConfig, Password, Protocol, TlsConfig};
use crate::supervise::Beat;
use gateway::names::Names;
use gateway::pos::push;
use gateway::pos::template::Template;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use visit_core::event::PrivacyMode;
use visit_core::observation::Currency;
use visit_core::site::{Site, TillIx};

/// Why the feeds cannot start: what the configuration names does not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

/// The feeds of a daemon, running.
pub struct Feeds {
    /// What they bring.
    pub input: LiveInput,
    /// Their tasks; dropping this ends them.
    pub tasks: JoinSet<()>,
}

/// Starts all feeds; they end with `cancel`. `mqtt` is the connection of `[mqtt]`, for feeds on the same broker;
/// `hearing` is what is heard beside them.
pub fn start(
    agent: &AgentConfig,
    site: &Site,
    mqtt: &MqttConfig,
    hearing: Hearing,
    cancel: &CancellationToken,
) -> Result<Feeds, StartError> {
    let calendar = BusinessCalendar::new(site).ok_or_else(|| zone_error(site))?;
    let zone = TimeZone::get(&site.timezone).map_err(|_| zone_error(site))?;
    let (intake, deliveries) = Intake::new();
    let board = Board::default();
    let names = Arc::new(Names::from(site));
    let hours = agent.receipts.opening_hours;
    let mut watch = Watch::new(hours, zone.clone(), agent.receipts.silent_after);
    let mut tasks = JoinSet::new();
    let now = wall_clock();
    for (i, source) in agent.sources.iter().enumerate() {
        let SourceSettings::Feed(feed) = source else { continue };
        let till = feed.till().and_then(|id| site.till_named(id));
        let defaults = |currency: Option<Currency>| push::Settings {
            zone: Some(zone.clone()),
            currency: currency.or(agent.receipts.currency),
            till_known: till.is_some(),
        };
        let (kind, place) = match feed {
            // Taps are started together, below.
            FeedSettings::Serial(_) | FeedSettings::Printer(_) => continue,
            FeedSettings::Http(s) => ("http", s.listen.to_string()),
            FeedSettings::Mqtt(s) => ("mqtt", s.topics.join(" ")),
            FeedSettings::Folder(s) => ("folder", s.path.display().to_string()),
        };
        let report = board.reporter(&format!("{kind} {place}"), kind);
        watch.expect(report.name(), now);
        let (intake, cancel) = (intake.clone(), cancel.clone());
        match feed {
            FeedSettings::Http(s) => {
                let defaults = defaults(s.currency);
                let push = Push { settings: s.clone(), defaults, till, intake, report };
                tasks.spawn(super::http::listen(push, cancel));
            }
            FeedSettings::Mqtt(s) => {
                let mut broker = mqtt.clone();
                if let Some((host, port)) = &s.broker {
                    let password = s.password_file.as_deref().map(Password::from_file).transpose();
                    broker = MqttConfig {
                        host: host.clone(),
                        port: *port,
                        protocol: Protocol::Mqtt5,
                        username: s.username.clone(),
                        password: password
                            .map_err(|e| StartError(format!("source[{i}].password_file: {e}")))?,
                        tls: s.tls.as_ref().map(TlsConfig::from),
                        ..MqttConfig::default()
                    };
                }
                let own = || format!("edge-agent-{}-{}-receipts-{i}", site.id, agent.gateway);
                let client_id = s.client_id.clone().unwrap_or_else(own);
                let defaults = defaults(s.currency);
                let subscription =
                    Subscription { settings: s.clone(), broker, client_id, defaults, till, intake, report };
                tasks.spawn(super::mqtt::listen(subscription, cancel));
            }
            FeedSettings::Folder(s) => {
                let defaults = defaults(s.currency);
                let folder = Folder { settings: s.clone(), defaults, till, intake, report };
                tasks.spawn(super::folder::watch(folder, cancel));
            }
            FeedSettings::Serial(_) | FeedSettings::Printer(_) => {}
        }
    }
    let taps = taps(agent, &zone)?;
    let mut readers = Readers::new();
    for Tap { line, template } in &taps {
        let report = board.reporter(&line.name(), line.kind());
        watch.expect(report.name(), now);
        // The map was checked against the configuration.
        let till = site.till_named(line.till()).unwrap_or(TillIx(u16::MAX));
        readers.insert(line.name(), Reader { template: Arc::clone(template), till, report });
    }
    if let (Some(path), false) = (agent.receipts.tap_socket.clone(), taps.is_empty()) {
        let (intake, cancel) = (intake.clone(), cancel.clone());
        tasks.spawn(async move { socket::take(&path, readers, intake, cancel).await });
    } else if !taps.is_empty() {
        let queue = Queue::default();
        tasks.spawn(drain::drain(queue.clone(), readers, intake.clone(), cancel.clone()));
        tasks.spawn(tap::listen(taps, queue, board.clone(), cancel.clone(), Beat::default()));
    }
    let desk = Desk::new(names, calendar);
    let lists = people(agent, site, mqtt, cancel, &mut tasks);
    Ok(Feeds {
        input: LiveInput { hearing, heard: 0, deliveries, desk, board, watch, lists, received: 0 },
        tasks,
    })
}

/// Longest published list, bytes: half a million entries.
const MAX_LIST: u32 = 16 << 20;

/// Follows the lists of people that are published: `{prefix}/{site}/privacy/opt-out` and `…/privacy/consent`, where there are any.
fn people(
    agent: &AgentConfig,
    site: &Site,
    mqtt: &MqttConfig,
    cancel: &CancellationToken,
    tasks: &mut JoinSet<()>,
) -> mpsc::Receiver<(Which, Vec<u8>)> {
    let (lists, published) = mpsc::channel(2);
    let privacy = &agent.privacy;
    let consented = privacy.mode == PrivacyMode::Consented;
    let wanted =
        [(Which::OptOut, privacy.opt_out_topic), (Which::Consent, privacy.consent_topic && consented)];
    let topic = |which: Which| format!("{}/{}/privacy/{}", mqtt.prefix, site.id, which.topic());
    let topics: Vec<_> = wanted.into_iter().filter(|w| w.1).map(|(which, _)| (topic(which), which)).collect();
    if !topics.is_empty() {
        let client_id = format!("edge-agent-{}-{}-people", site.id, agent.gateway);
        let people = Followed {
            broker: mqtt.clone(),
            client_id,
            what: "published lists of people",
            topics,
            longest: MAX_LIST,
            messages: lists,
        };
        tasks.spawn(follow(people, cancel.clone()));
    }
    published
}

/// The taps of a configuration, each with its template; `zone` is the site's.
pub fn taps(agent: &AgentConfig, zone: &TimeZone) -> Result<Vec<Tap>, StartError> {
    let mut taps: Vec<Tap> = Vec::new();
    // Many tills share a few templates, each of which takes a quarter of a megabyte.
    let mut known: BTreeMap<Option<PathBuf>, Arc<Template>> = BTreeMap::new();
    let mut problems = Vec::new();
    for (i, source) in agent.sources.iter().enumerate() {
        let line = match source {
            SourceSettings::Feed(FeedSettings::Serial(s)) => Line::Serial(s.clone()),
            SourceSettings::Feed(FeedSettings::Printer(s)) => Line::Printer(s.clone()),
            _ => continue,
        };
        if taps.iter().any(|tap| tap.line.name() == line.name()) {
            problems.push(format!("source[{i}].till: {} has a {} already", line.till(), line.kind()));
        }
        let path = line.template().map(Path::to_owned);
        if let Some(template) = known.get(&path) {
            taps.push(Tap { line, template: Arc::clone(template) });
            continue;
        }
        match path.as_deref().map_or_else(|| Ok(Template::none()), Template::load) {
            Ok(template) => {
                let template = Arc::new(template.with_defaults(Some(zone.clone()), agent.receipts.currency));
                known.insert(path, Arc::clone(&template));
                taps.push(Tap { line, template });
            }
            Err(e) => problems.push(format!("source[{i}].template: {e}")),
        }
    }
    if problems.is_empty() { Ok(taps) } else { Err(StartError(problems.join("\n"))) }
}

fn zone_error(site: &Site) -> StartError {
    StartError(format!("site.timezone: {:?} is not known", site.timezone))
}
