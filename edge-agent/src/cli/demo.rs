//! `edge-agent demo`: a made-up mall, its own broker and a day at speed, on this machine alone.
//!
//! What is printed is what a subscriber of the broker received: the whole way, from frames to MQTT, is the daemon's.

use super::exit::{Exit, Failure};
use super::run::agent_failure;
use crate::agent;
use crate::calendar;
use crate::config::{self, PrivacySettings, TagMeaning, TagRule, WebSettings};
use crate::demo::broker::Broker;
use crate::demo::day::{Day, DayOptions, Plan};
use crate::demo::summary::Summary;
use crate::demo::{self, CONSENTED, site};
use crate::lines::{Names, Style, View};
use crate::pipeline::{EngineRoom, Input, LINGER, Pace, Pipeline, wall_clock};
use crate::privacy::Privacy;
use crate::publish::{Identity, MqttConfig, Protocol};
use crate::reload::Standing;
use crate::status::{Gateway, Status, web};
use crate::store::{Store, StoreOptions};
use crate::supervise::Beat;
use anyhow::Context as _;
use clap::Args;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use visit_core::engine::EngineConfig;
use visit_core::event::PrivacyMode;
use visit_core::site::Site;

/// Arguments of `demo`.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Port of the demo's broker on 127.0.0.1; 1883, or any free one, when left out.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Port of the web page on 127.0.0.1; 8480, or any free one, when left out.
    #[arg(long, value_name = "PORT")]
    web_port: Option<u16>,
    /// How many times as fast as in life; 0: as fast as the machine can.
    #[arg(long, value_name = "TIMES", default_value_t = 600.0)]
    speed: f64,
    /// Stop by itself after so many seconds.
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Another day of the same mall.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Also print the flow of floors and zones.
    #[arg(long)]
    verbose: bool,
    /// Write the mall into this folder instead, to try other commands with: site map, commissioning walk, a day, what was
    /// true of it.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["port", "web_port", "speed", "seconds", "verbose"])]
    write: Option<PathBuf>,
}

/// Figures of fewer people are withheld.
const DEMO_K: u32 = 2;
/// Where the demo's broker listens unless told otherwise: the port of MQTT.
const MQTT_PORT: u16 = 1883;
/// How long the last events may take from the broker to the screen.
const LAST_EVENTS: Duration = Duration::from_secs(3);

/// Runs `demo`.
pub fn run(args: &DemoArgs) -> Result<Exit, Failure> {
    if let Some(folder) = &args.write {
        return write(folder, args.seed);
    }
    let pace = Pace::new(args.speed).ok_or_else(|| {
        Failure::new(
            Exit::Config,
            format!("--speed {}: must be 0 or more; 600 plays an hour in six seconds", args.speed),
        )
    })?;
    let broker = match args.port {
        Some(port) => Broker::start(port)?,
        None => Broker::start(MQTT_PORT).or_else(|_| Broker::start(0))?,
    };
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|e| Failure::new(Exit::Unavailable, format!("cannot start the runtime: {e}")))?;
    runtime.block_on(demo(args, pace, broker.port()))
}

fn write(folder: &Path, seed: u64) -> Result<Exit, Failure> {
    let site = config::parse_site("the built-in site", site::TOML);
    let site = site.map_err(|e| Failure::new(Exit::Software, e.to_string()))?.value;
    let files = demo::write::write(folder, &Plan::from(&site), seed).map_err(|e| match e.kind() {
        std::io::ErrorKind::PermissionDenied => Failure::io("cannot write to", folder, &e),
        _ => Failure::new(Exit::CannotCreate, format!("cannot write to {}: {e}", folder.display())),
    })?;
    eprintln!("wrote {} to {}", files.join(", "), folder.display());
    Ok(Exit::Ok)
}

async fn demo(args: &DemoArgs, pace: Pace, port: u16) -> Result<Exit, Failure> {
    let software = |e: anyhow::Error| Failure::new(Exit::Software, format!("{e:#}"));
    let site = config::parse_site("the built-in site", site::TOML).context("site").map_err(software)?.value;
    let site = Arc::new(site);
    let plan = Plan::from(&*site);
    let folder = TempDir::with_prefix("edge-agent-demo-")
        .map_err(|e| Failure::new(Exit::CannotCreate, format!("no folder for the demo's store: {e}")))?;
    let cancel = agent::stop_signal().context("signals").map_err(software)?;
    let screen = Screen::new(&site, args.verbose);
    let (listener, settings) = web_page(args.web_port).await?;
    screen.say(&format!(
        "{}: a made-up mall, one day at {}× speed. Ctrl-c stops it.\n\
         Its broker listens on 127.0.0.1:{port}; see the same events with:\n\n    \
         mosquitto_sub -p {port} -t 'mall/v1/#' -v\n\n\
         The operators' page: http://{}/\n",
        site.name.as_deref().unwrap_or(&site.id),
        args.speed,
        settings.listen
    ));
    let started = Instant::now();
    let subscriber = Subscriber::start(port, screen.clone()).await;
    let (pipeline, status, who) = assemble(&site, &plan, args.seed, pace, &folder).map_err(software)?;
    if let Some(seconds) = args.seconds {
        let stop = cancel.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            stop.cancel();
        });
    }
    let mqtt =
        MqttConfig { host: "127.0.0.1".into(), port, protocol: Protocol::Mqtt311, ..MqttConfig::default() };
    let page = tokio::spawn(web::serve_on(listener, settings, status.clone(), cancel.clone()));
    let report = agent::serve(pipeline, status, mqtt, who, cancel, agent::Succession::default())
        .await
        .map_err(|e| agent_failure(&e))?;
    page.abort();
    subscriber.finish(report.publisher.stats.acknowledged).await;
    screen.say(&screen.summary().table(started.elapsed()));
    Ok(Exit::Ok)
}

fn assemble(
    site: &Arc<Site>,
    plan: &Plan,
    seed: u64,
    pace: Pace,
    folder: &TempDir,
) -> anyhow::Result<(Pipeline, Status, Identity)> {
    let now = wall_clock();
    let consent_list = folder.path().join("consented.txt");
    std::fs::write(&consent_list, CONSENTED.join("\n")).context("consent list")?;
    let settings = PrivacySettings {
        consent_list: Some(consent_list),
        ..PrivacySettings::new(PrivacyMode::Consented, folder.path().join("privacy.key"))
    };
    let tags = [TagRule { uuid: site::MEMBER_TAG_UUID, means: TagMeaning::Member }];
    let privacy = Privacy::for_recording(&settings, &tags, site, now).context("privacy")?;
    let (store, recovered) =
        Store::open(&folder.path().join("store"), &StoreOptions::new(now)).context("store")?;
    let day = Day::new(plan, DayOptions { seed, ..DayOptions::default() }).context("day")?;
    let engine = EngineConfig {
        privacy_mode: PrivacyMode::Consented,
        map_version: site.version(),
        config_version: site.version(),
        calendar: calendar::of(site),
        // A small mall, of people who are made up: with the usual ten hardly a figure would be told.
        k: DEMO_K,
        ..EngineConfig::default()
    };
    let store_dir = folder.path().join("store");
    let status = Status::new(Gateway {
        site: site.clone(),
        gateway: "demo".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        session: recovered.session,
        started_at: now,
        mode: PrivacyMode::Consented,
        k: engine.k,
        max_bytes: StoreOptions::new(now).max_bytes,
        store_dir,
        live: false,
        config: Standing::default(),
    });
    let pipeline = Pipeline {
        input: Input::generated(day),
        privacy,
        room: EngineRoom::new(site.clone(), engine),
        store,
        pace,
        checkpoint: Duration::from_secs(300),
        linger: LINGER,
        pulse: status.pulse(),
        beat: Beat::default(),
    };
    let who = Identity {
        site: site.id.clone(),
        gateway: "demo".into(),
        session: recovered.session,
        version: env!("CARGO_PKG_VERSION").into(),
        started_at: now,
    };
    Ok((pipeline, status, who))
}

/// A port for the page: the one that was asked for, or the usual one, or any.
async fn web_page(port: Option<u16>) -> Result<(tokio::net::TcpListener, WebSettings), Failure> {
    let mut settings = WebSettings::default();
    settings.listen.set_port(port.unwrap_or(settings.listen.port()));
    let mut bound = web::bind(&settings).await;
    if bound.is_err() && port.is_none() {
        settings.listen.set_port(0);
        bound = web::bind(&settings).await;
    }
    let listener = bound.map_err(|e| Failure::new(Exit::Unavailable, format!("the web page: {e}")))?;
    if let Ok(address) = listener.local_addr() {
        settings.listen = address;
    }
    Ok((listener, settings))
}

/// Prints events and keeps count of them.
#[derive(Clone)]
struct Screen {
    view: Arc<View>,
    summary: Arc<Mutex<Summary>>,
}

impl Screen {
    fn new(site: &Site, verbose: bool) -> Self {
        let no_color = std::env::var_os("NO_COLOR");
        let style = Style::for_output(std::io::stdout().is_terminal(), no_color.as_deref());
        let style = Style { verbose, ids: true, ..style };
        Self { view: Arc::new(View::new(Names::from(site), style)), summary: Arc::default() }
    }

    fn event(&self, event: &Value) {
        self.summary().add(event);
        if let Some(line) = self.view.line(event) {
            self.say(&line);
        }
    }

    fn summary(&self) -> std::sync::MutexGuard<'_, Summary> {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints a line. A reader that went away (`| head`) is no error of ours.
    fn say(&self, text: &str) {
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }
}

/// A client of the broker that sees every event, as an outside one would.
struct Subscriber {
    screen: Screen,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Subscriber {
    /// Returns when it is subscribed.
    async fn start(port: u16, screen: Screen) -> Self {
        let mut options = MqttOptions::new("edge-agent-demo-screen", "127.0.0.1", port);
        options.set_max_packet_size(1 << 20, 1 << 20);
        let (client, mut events) = AsyncClient::new(options, 64);
        let stop = CancellationToken::new();
        let (subscribed, is_subscribed) = tokio::sync::oneshot::channel();
        let (stopped, shown) = (stop.clone(), screen.clone());
        let task = tokio::spawn(async move {
            let mut subscribed = Some(subscribed);
            loop {
                let event = tokio::select! {
                    event = events.poll() => event,
                    () = stopped.cancelled() => return,
                };
                match event {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        let _ = client.try_subscribe("mall/v1/#", QoS::AtLeastOnce);
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => {
                        if let Some(tell) = subscribed.take() {
                            let _ = tell.send(());
                        }
                    }
                    Ok(Event::Incoming(Packet::Publish(p))) => {
                        if let Ok(event) = serde_json::from_slice(&p.payload) {
                            shown.event(&event);
                        }
                    }
                    Ok(_) => {}
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        });
        let _ = tokio::time::timeout(LAST_EVENTS, is_subscribed).await;
        Self { screen, stop, task }
    }

    /// Waits until `published` events were seen, or it takes too long.
    async fn finish(self, published: u64) {
        let until = Instant::now() + LAST_EVENTS;
        while self.screen.summary().events() < published && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.stop.cancel();
        let _ = self.task.await;
    }
}
