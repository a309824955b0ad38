//! `edge-agent replay`: recordings to events, offline, deterministic, as fast as the machine can.

use super::exit::{Exit, Failure};
use super::inputs::InputArgs;
use super::site::read_site;
use crate::privacy::Privacy;
use crate::story::Story;
use clap::Args;
use gateway::observation::{MacAddr, Observation};
use gateway::source::Replay;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use visit_core::engine::{Engine, EngineConfig, Output, Taken};
use visit_core::event::{Body, CloudEvent, Event, Extra, VisitId};
use visit_core::observation::{Observation as Kept, Pseudonym};
use visit_core::site::Site;

/// Arguments of `replay`.
#[derive(Args, Clone, Debug)]
pub struct ReplayArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Where the events go, one CloudEvent a line; standard output when left out, unless --explain has it.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Add the address to each visit event (`data.addr`). For evaluation only; the daemon has no such switch.
    #[arg(long)]
    with_addr: bool,
    /// Where to write which address belongs to which device, one JSON object a line. For evaluation only.
    #[arg(long, value_name = "FILE")]
    links: Option<PathBuf>,
    /// Tell the story of one visit on standard output: what was heard of it, where that put it, and why each event came of
    /// it. VISIT is the `visit_id` of an event of the same recordings.
    #[arg(long, value_name = "VISIT", value_parser = visit_id)]
    explain: Option<VisitId>,
    /// Where the story goes instead.
    #[arg(long, value_name = "FILE", requires = "explain")]
    story: Option<PathBuf>,
}

/// Runs `replay`.
pub fn run(args: &ReplayArgs) -> Result<Exit, Failure> {
    let site = Arc::new(read_site(&args.input.site)?);
    let replay = args.input.open(&site)?;
    let privacy = Privacy::for_replay(&site).map_err(|e| Failure::new(Exit::Config, e.to_string()))?;
    // Standard output is the story's, if there is one.
    let to_stdout = args.explain.is_none() || args.story.is_some();
    let events = (args.events.is_some() || to_stdout).then(|| Lines::create(args.events.as_deref()));
    let events = events.transpose()?;
    let told = match args.explain {
        Some(visit) => Some(Telling::new(&site, visit, args.story.as_deref())?),
        None => None,
    };
    let links = args.links.as_deref().map(|path| Lines::create(Some(path))).transpose()?;
    let config = EngineConfig { links: links.is_some(), explain: args.explain, ..args.input.engine(&site)? };
    let mut player = Player {
        engine: Engine::new(Arc::clone(&site), config),
        privacy,
        addresses: (args.with_addr || links.is_some()).then(HashMap::new),
        with_addr: args.with_addr,
        devices: Vec::new(),
        events,
        links,
        told,
        written: 0,
    };
    player.play(replay)
}

struct Player<'a> {
    engine: Engine,
    privacy: Privacy,
    /// What pseudonyms stand for, when the evaluation asks.
    addresses: Option<HashMap<Pseudonym, MacAddr>>,
    with_addr: bool,
    /// Links in the order they were found.
    devices: Vec<(Pseudonym, Pseudonym)>,
    events: Option<Lines>,
    links: Option<Lines>,
    told: Option<Telling<'a>>,
    written: u64,
}

impl Player<'_> {
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
        if let Some(events) = &mut self.events {
            events.finish()?;
        }
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
        if let Some(told) = &mut self.told {
            told.finish()?;
        }
        let bad = errors + counts.bad_lines + counts.damaged_inputs > 0;
        Ok(if bad { Exit::BadData } else { Exit::Ok })
    }

    fn observe(&mut self, observation: Observation) -> Result<(), Failure> {
        let at = observation.at();
        let addr = match &observation {
            Observation::Sighting(s) => Some(s.addr),
            Observation::Receipt(_)
            | Observation::SensorHealth(_)
            | Observation::DayTotals(_)
            | Observation::DoorCount(_) => None,
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
                Output::Told(step) => {
                    if let Some(told) = &mut self.told {
                        told.out.write(&told.story.told(&step))?;
                    }
                }
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
        if let Some(told) = &mut self.told {
            told.event(event)?;
        }
        match &mut self.events {
            Some(events) => events.write(&CloudEvent { event, extra: &extra }.to_json()),
            None => Ok(()),
        }
    }

    /// One line for each address: the device it was last said to belong to.
    fn write_links(&mut self) -> Result<(), Failure> {
        let (Some(lines), Some(known)) = (&mut self.links, &self.addresses) else { return Ok(()) };
        let last: HashMap<Pseudonym, Pseudonym> = self.devices.iter().copied().collect();
        let mut done = HashSet::new();
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

/// The story of a visit on its way out.
struct Telling<'a> {
    visit: VisitId,
    story: Story<'a>,
    out: Lines,
    /// Visits there are events of, and one of them.
    visits: HashSet<VisitId>,
    first: Option<VisitId>,
}

impl<'a> Telling<'a> {
    fn new(site: &'a Site, visit: VisitId, path: Option<&Path>) -> Result<Self, Failure> {
        let (story, out) = (Story::new(site, visit), Lines::create(path)?);
        Ok(Self { visit, story, out, visits: HashSet::new(), first: None })
    }

    fn event(&mut self, event: &Event) -> Result<(), Failure> {
        if let Body::Visit(v) = &event.body {
            self.first = self.first.or(Some(v.visit));
            self.visits.insert(v.visit);
        }
        match self.story.event(event) {
            Some(line) => self.out.write(&line),
            None => Ok(()),
        }
    }

    /// Ends the story; an error if there was none.
    fn finish(&mut self) -> Result<(), Failure> {
        self.out.finish()?;
        if self.story.has_begun() {
            return Ok(());
        }
        let there = match self.first {
            Some(first) => format!("there are {} other visits, such as {first}", self.visits.len()),
            None => "there are no visits at all".to_owned(),
        };
        Err(Failure::new(
            Exit::BadData,
            format!(
                "--explain: no visit {} in these recordings: {there}. The ids are `visit_id` in the events that `replay` \
                 writes of the same recordings with the same map; those a gateway publishes are made with a key of its own",
                self.visit
            ),
        ))
    }
}

/// A visit id as events show it.
fn visit_id(text: &str) -> Result<VisitId, String> {
    let wrong = || "no visit id; copy the 32 hexadecimal digits of `visit_id` from an event of `replay --events FILE`";
    let digits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let id = u128::from_str_radix(text, 16).ok().filter(|_| digits);
    id.map(VisitId).ok_or_else(|| wrong().to_owned())
}

/// Follows links to the device that an address ended up with.
pub(super) fn root(last: &HashMap<Pseudonym, Pseudonym>, mut address: Pseudonym) -> Pseudonym {
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
pub(super) struct Lines {
    name: PathBuf,
    out: BufWriter<Box<dyn Write>>,
}

impl Lines {
    pub(super) fn create(path: Option<&Path>) -> Result<Self, Failure> {
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

    pub(super) fn write(&mut self, line: &str) -> Result<(), Failure> {
        let done = self.out.write_all(line.as_bytes()).and_then(|()| self.out.write_all(b"\n"));
        done.map_err(|e| Failure::new(Exit::Io, format!("cannot write {}: {e}", self.name.display())))
    }

    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.out
            .flush()
            .map_err(|e| Failure::new(Exit::Io, format!("cannot write {}: {e}", self.name.display())))
    }
}
