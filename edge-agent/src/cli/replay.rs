//! `edge-agent replay`: recordings to events, offline, deterministic, as fast as the machine can.

use super::exit::{Exit, Failure};
use crate::calibration;
use crate::config;
use crate::privacy::Privacy;
use clap::Args;
use gateway::names::Names;
use gateway::observation::{MacAddr, Observation};
use gateway::pos::template::Template;
use gateway::source::{OpenError, Replay, ReplayInput};
use serde_json::json;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use visit_core::engine::{Engine, EngineConfig, Output, Taken};
use visit_core::event::{Body, CloudEvent, Event, Extra};
use visit_core::observation::{Currency, Observation as Kept, Pseudonym};
use visit_core::site::{SensorIx, Site, TillIx};
use visit_core::time::Timestamp;

/// Arguments of `replay`.
#[derive(Args, Clone, Debug)]
pub struct ReplayArgs {
    /// Recordings: pcap, pcapng (radiotap or plain 802.11), observation logs (.jsonl), receipts as POSLog (XML), as
    /// CSV (.csv) or as a till sent them to its printer (--template), each possibly gzip. Several are merged by time.
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// The site map.
    #[arg(long, value_name = "FILE")]
    site: PathBuf,
    /// Do not learn from what is heard where emissions of each zone are heard.
    #[arg(long)]
    no_learning: bool,
    /// What `survey` made of a commissioning walk.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
    /// Where the events go, one CloudEvent a line; standard output when left out.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// The sensor that made the captures: one for all inputs, or once for each.
    #[arg(long, value_name = "ID")]
    sensor: Vec<String>,
    /// The till of receipts that do not name one.
    #[arg(long, value_name = "ID")]
    till: Option<String>,
    /// How printed receipts are read.
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// The currency of receipts that name none (ISO 4217).
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// When prints that show no time were captured (RFC 3339); when their file was written if left out.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Add the address to each visit event (`data.addr`). For evaluation only; the daemon has no such switch.
    #[arg(long)]
    with_addr: bool,
    /// Where to write which address belongs to which device, one JSON object a line. For evaluation only.
    #[arg(long, value_name = "FILE")]
    links: Option<PathBuf>,
}

/// Runs `replay`.
pub fn run(args: &ReplayArgs) -> Result<Exit, Failure> {
    let site = config::read_site(&args.site).map_err(|e| Failure::new(Exit::Config, e.to_string()))?;
    for warning in &site.warnings {
        eprintln!("edge-agent: warning: {warning}");
    }
    let site = Arc::new(site.value);
    let replay = open(args, &site)?;
    let privacy = Privacy::for_replay(&site).map_err(|e| Failure::new(Exit::Config, e.to_string()))?;
    let events = Lines::create(args.events.as_deref())?;
    let links = args.links.as_deref().map(|path| Lines::create(Some(path))).transpose()?;
    let survey = args.calibration.as_deref().map(|path| calibration::model(path, &site)).transpose();
    let survey = survey.map_err(|e| Failure::new(Exit::Config, e))?.map(|(model, _)| Arc::new(model));
    let config = EngineConfig {
        links: links.is_some(),
        survey,
        learn: !args.no_learning,
        map_version: site.version(),
        ..EngineConfig::default()
    };
    let mut player = Player {
        engine: Engine::new(site, config),
        privacy,
        addresses: (args.with_addr || links.is_some()).then(HashMap::new),
        with_addr: args.with_addr,
        devices: Vec::new(),
        events,
        links,
        written: 0,
    };
    player.play(replay)
}

fn open(args: &ReplayArgs, site: &Site) -> Result<Replay, Failure> {
    let sensors = args.sensor.iter().map(|id| sensor(site, id)).collect::<Result<Vec<_>, _>>()?;
    if sensors.len() > 1 && sensors.len() != args.inputs.len() {
        return Err(Failure::new(
            Exit::Config,
            format!(
                "--sensor: {} sensors for {} inputs; give one for all, or one for each",
                sensors.len(),
                args.inputs.len()
            ),
        ));
    }
    let till = args.till.as_deref().map(|id| till(site, id)).transpose()?;
    let template = args.template.as_deref().map(Template::load).transpose();
    let template = template.map_err(|e| Failure::new(Exit::Config, e.to_string()))?.map(Arc::new);
    let currency = args.currency.as_deref().map(|code| {
        let wrong = || format!("--currency: {code:?} is no ISO 4217 code; write three capital letters: CNY");
        Currency::new(code).ok_or_else(|| Failure::new(Exit::Config, wrong()))
    });
    let currency = currency.transpose()?;
    let at = args.at.as_deref().map(|text| {
        let wrong = || format!("--at: {text:?} is no time; write one like 2025-11-21T18:42:07+08:00");
        Timestamp::parse_rfc3339(text).ok_or_else(|| Failure::new(Exit::Config, wrong()))
    });
    let at = at.transpose()?;
    let input = |(i, path): (usize, &PathBuf)| ReplayInput {
        path: path.clone(),
        sensor: sensors.get(i).or(sensors.first()).copied(),
        till,
        template: template.clone(),
        currency,
        at,
    };
    let inputs = args.inputs.iter().enumerate().map(input).collect();
    Replay::open(inputs, Arc::new(Names::from(site))).map_err(|e| open_failure(&e))
}

/// What a recording that cannot be opened means for the exit code.
pub(super) fn open_failure(e: &OpenError) -> Failure {
    let exit = match e {
        OpenError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            Exit::NoPermission
        }
        OpenError::Io { .. } => Exit::NoInput,
        OpenError::NoSensor { .. } => Exit::Config,
        OpenError::UnknownFormat { .. }
        | OpenError::LinkType { .. }
        | OpenError::Table { .. }
        | OpenError::Capture { .. } => Exit::BadData,
    };
    Failure::new(exit, e.to_string())
}

fn sensor(site: &Site, id: &str) -> Result<SensorIx, Failure> {
    let known = site.sensors.iter().map(|s| s.id.as_str());
    site.sensor_named(id).ok_or_else(|| unknown("--sensor", "sensor", id, known))
}

fn till(site: &Site, id: &str) -> Result<TillIx, Failure> {
    let known = site.tills.iter().map(|t| t.id.as_str());
    site.till_named(id).ok_or_else(|| unknown("--till", "till", id, known))
}

fn unknown<'a>(flag: &str, what: &str, id: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let near = visit_core::site::closest(id, known);
    let hint = near.map_or(String::new(), |n| format!("; did you mean {n:?}?"));
    Failure::new(Exit::Config, format!("{flag}: the site map has no {what} {id:?}{hint}"))
}

struct Player {
    engine: Engine,
    privacy: Privacy,
    /// What pseudonyms stand for, when the evaluation asks.
    addresses: Option<HashMap<Pseudonym, MacAddr>>,
    with_addr: bool,
    /// Links in the order they were found.
    devices: Vec<(Pseudonym, Pseudonym)>,
    events: Lines,
    links: Option<Lines>,
    written: u64,
}

impl Player {
    fn play(&mut self, mut replay: Replay) -> Result<Exit, Failure> {
        let started = Instant::now();
        let mut errors = 0u64;
        loop {
            match replay.next() {
                Ok(Some(observation)) => self.observe(observation)?,
                Ok(None) => break,
                Err(why) => {
                    eprintln!("edge-agent: {why}");
                    errors += 1;
                }
            }
        }
        while let Some(at) = self.engine.next_deadline() {
            self.engine.advance(at);
            self.drain()?;
        }
        self.events.finish()?;
        self.write_links()?;
        let counts = *replay.counts();
        for problem in replay.problems().kept() {
            eprintln!("edge-agent: {problem}");
        }
        let more = replay.problems().total().saturating_sub(replay.problems().kept().len() as u64);
        if more > 0 {
            eprintln!("edge-agent: … and {more} more");
        }
        self.summarise(&counts, started.elapsed().as_secs_f64());
        let bad = errors + counts.bad_lines + counts.damaged_inputs > 0;
        Ok(if bad { Exit::BadData } else { Exit::Ok })
    }

    fn observe(&mut self, observation: Observation) -> Result<(), Failure> {
        let at = observation.at();
        let addr = match &observation {
            Observation::Sighting(s) => Some(s.addr),
            Observation::Receipt(_) | Observation::SensorHealth(_) | Observation::DayTotals(_) => None,
        };
        // A refused observation is counted where it was refused.
        let Ok(kept) = self.privacy.observe(observation) else { return Ok(()) };
        if let (Kept::Sighting(s), Some(addr), Some(known)) = (&kept, addr, &mut self.addresses) {
            known.insert(s.device, addr);
        }
        // A clock that is wrong, or was not believed yet, does not say how late it is.
        if self.engine.observe(kept) == Taken::Accepted {
            self.engine.advance(at);
        }
        self.drain()
    }

    fn drain(&mut self) -> Result<(), Failure> {
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Event(event) => self.write(&event)?,
                Output::Link { address, device } => self.devices.push((address, device)),
                Output::Ledger(_) | Output::Settled(_) | Output::NotAVisitor(_) => {}
            }
        }
        Ok(())
    }

    fn write(&mut self, event: &Event) -> Result<(), Failure> {
        let mut extra = Extra::default();
        if let (Body::Visit(v), true, Some(known)) = (&event.body, self.with_addr, &self.addresses) {
            extra.addr = known.get(&v.device).map(|addr| addr.reveal());
        }
        self.written += 1;
        self.events.write(&CloudEvent { event, extra: &extra }.to_json())
    }

    /// One line for each address: the device it was last said to belong to.
    fn write_links(&mut self) -> Result<(), Failure> {
        let (Some(lines), Some(known)) = (&mut self.links, &self.addresses) else { return Ok(()) };
        let last: HashMap<Pseudonym, Pseudonym> = self.devices.iter().copied().collect();
        let mut done = std::collections::HashSet::new();
        for (address, _) in &self.devices {
            if let (true, Some(addr)) = (done.insert(address), known.get(address)) {
                let device = root(&last, *address);
                lines.write(&json!({ "addr": addr.reveal(), "device": device.to_string() }).to_string())?;
            }
        }
        lines.finish()
    }

    fn summarise(&self, counts: &gateway::counts::Counts, seconds: f64) {
        let nonzero = |all: &mut dyn Iterator<Item = (&'static str, u64)>| -> String {
            all.filter(|(_, n)| *n > 0).map(|(name, n)| format!("{name} {n}")).collect::<Vec<_>>().join(", ")
        };
        eprintln!("source:  {}", nonzero(&mut counts.iter()));
        let refused = nonzero(&mut self.privacy.dropped());
        if !refused.is_empty() {
            eprintln!("refused: {refused}");
        }
        eprintln!("engine:  {}", nonzero(&mut self.engine.counts().named().into_iter()));
        let rate = counts.yielded as f64 / seconds.max(1e-9);
        eprintln!(
            "{} events from {} observations in {seconds:.2} s ({rate:.0}/s)",
            self.written, counts.yielded
        );
    }
}

/// Follows links to the device that an address ended up with.
fn root(last: &HashMap<Pseudonym, Pseudonym>, mut address: Pseudonym) -> Pseudonym {
    // Chains are short; the bound guards against a cycle.
    for _ in 0..64 {
        match last.get(&address) {
            Some(next) if *next != address => address = *next,
            _ => break,
        }
    }
    address
}

/// A file, or standard output, written by lines.
struct Lines {
    name: PathBuf,
    out: BufWriter<Box<dyn Write>>,
}

impl Lines {
    fn create(path: Option<&Path>) -> Result<Self, Failure> {
        let (name, out): (_, Box<dyn Write>) = match path {
            Some(path) => {
                let file = File::create(path).map_err(|e| match e.kind() {
                    io::ErrorKind::PermissionDenied => Failure::io("cannot write", path, &e),
                    _ => Failure::new(Exit::CannotCreate, format!("cannot create {}: {e}", path.display())),
                })?;
                (path.to_owned(), Box::new(file))
            }
            None => (PathBuf::from("standard output"), Box::new(io::stdout())),
        };
        Ok(Self { name, out: BufWriter::with_capacity(1 << 18, out) })
    }

    fn write(&mut self, line: &str) -> Result<(), Failure> {
        let done = self.out.write_all(line.as_bytes()).and_then(|()| self.out.write_all(b"\n"));
        done.map_err(|e| Failure::new(Exit::Io, format!("cannot write {}: {e}", self.name.display())))
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.out
            .flush()
            .map_err(|e| Failure::new(Exit::Io, format!("cannot write {}: {e}", self.name.display())))
    }
}
