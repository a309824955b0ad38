//! `edge-agent record`: what the sources of a configuration hear and receive, to a file that `replay` reads.

use super::exit::{Exit, Failure};
use super::run::{mqtt_config, start_log};
use crate::agent;
use crate::config::{self, AgentConfig, Config, SourceSettings};
use crate::ears::radios::Radios;
use crate::ears::{self, Ears, UsualRates};
use crate::feeds::{self, Delivery, Desk};
use crate::pipeline::wall_clock;
use crate::privacy::Privacy;
use crate::record::Recorder;
use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{info, warn};
use visit_core::event::PrivacyMode;
use visit_core::site::Site;

/// Records what the radios and sensor nodes of a configuration hear, and with `--receipts` what its feeds receive, to a
/// file that `replay` reads.
///
/// Stop the daemon first: a radio tunes for one. Nothing is inferred or published. Addresses are replaced by pseudonyms
/// under a key that is forgotten at the end, so that nobody, not even this gateway, finds them again; members' numbers are
/// left out, or replaced in the same way.
#[derive(Args, Clone, Debug)]
pub struct RecordArgs {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "/etc/edge-agent/agent.toml")]
    config: PathBuf,
    /// Where to: `.jsonl`, or `.jsonl.gz` compressed. Must not exist yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Stop after this many MiB, before compression.
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    max_mib: u64,
    /// Stop after this many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    seconds: Option<u64>,
    /// Record receipts, totals of days and door counts, too. Their senders are told that these were taken, and will not send
    /// them again: they are in the recording, and nowhere else.
    #[arg(long)]
    receipts: bool,
    /// Write addresses and members' numbers as they come: personal data, for which you need a reason and a date of deletion.
    #[arg(long)]
    raw: bool,
}

/// Runs `record`.
pub fn run(args: &RecordArgs) -> Result<Exit, Failure> {
    let wrong = |what: String| Failure::new(Exit::Config, what);
    let config = config::load(&args.config).map_err(|e| wrong(e.to_string()))?;
    start_log(&config.agent.log);
    let feeds = config.agent.sources.iter().filter(|s| matches!(s, SourceSettings::Feed(_))).count();
    if !config.agent.is_live() || feeds == config.agent.sources.len() && !args.receipts {
        let what = if feeds == 0 { "" } else { " (--receipts records the feeds)" };
        return Err(wrong(format!(
            "{}: no radio among the sources: there is nothing to record{what}",
            args.config.display()
        )));
    }
    if config.agent.privacy.mode == PrivacyMode::Count {
        let what = "privacy.mode = \"count\" keeps nothing of a single device, and a recording is all of them: record \
                    with a configuration that has another mode";
        return Err(wrong(what.into()));
    }
    let privacy = if args.raw {
        warn!(
            "recording raw addresses and members' numbers: these are personal data; delete {} when it has served",
            args.out.display()
        );
        None
    } else {
        Some(of_this_recording(&config.agent, &config.site).map_err(wrong)?)
    };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&args.out);
    let file = file.map_err(|e| Failure::io("cannot write", &args.out, &e))?;
    let disk = file.try_clone().map_err(|e| Failure::io("cannot write", &args.out, &e))?;
    let out = Out::new(file, args.out.extension().is_some_and(|e| e == "gz"));
    let tags = &config.agent.inference.tags;
    let mut recorder = Recorder::new(out, privacy, tags, &config.site, args.max_mib << 20);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Unavailable, format!("cannot start the runtime: {e}")))?;
    let why = runtime
        .block_on(record(&config, args, &mut recorder, &disk))?
        .and_then(|why| recorder.flush().map(|()| why))
        .map_err(|e| Failure::io("cannot write", &args.out, &e))?;
    let lines = recorder.written();
    recorder.into_inner().finish().map_err(|e| Failure::io("cannot write", &args.out, &e))?;
    info!(lines, file = %args.out.display(), "{why}");
    Ok(Exit::Ok)
}

/// Why it ended; or why it could not begin.
async fn record(
    config: &Config,
    args: &RecordArgs,
    recorder: &mut Recorder<Out>,
    disk: &File,
) -> Result<io::Result<&'static str>, Failure> {
    let (agent, site) = (&config.agent, &config.site);
    let cancel = agent::stop_signal().map_err(|e| Failure::new(Exit::Unavailable, e.to_string()))?;
    let (ears, hearing) = Ears::new(site);
    // Where feeds are not recorded they are not started, and their senders keep what they have.
    let (mut hearing, mut papers, _feeds) = if args.receipts {
        let started = feeds::start::start(agent, site, &mqtt_config(&agent.mqtt)?, hearing, &cancel);
        let feeds::start::Feeds { input, tasks } =
            started.map_err(|e| Failure::new(Exit::Config, e.to_string()))?;
        warn!("receipts that are taken now are in this recording, and nowhere else");
        (input.hearing, Some((input.deliveries, input.desk)), Some((tasks, input.lists)))
    } else {
        (hearing, None, None)
    };
    let radios = Radios::start(agent, site, &ears, &UsualRates::default(), &cancel);
    let mut nodes = JoinSet::new();
    ears::start(agent, site, &ears, &mut nodes, &cancel);
    let end = tokio::time::Instant::now()
        + args.seconds.map_or(Duration::from_secs(86_400 * 365), Duration::from_secs);
    let mut flushed = tokio::time::interval(FLUSH);
    let mut took = Vec::new();
    let done = 'recording: loop {
        tokio::select! {
            () = hearing.wait() => {}
            Some(delivery) = next(&mut papers) => {
                let desk = papers.as_mut().map(|(_, desk)| desk);
                match desk.map_or(Ok(true), |desk| take(delivery, desk, recorder, disk)) {
                    Ok(true) => {}
                    Ok(false) => break Ok(FULL),
                    Err(e) => break Err(e),
                }
            }
            _ = flushed.tick() => if let Err(e) = recorder.flush() { break Err(e) },
            () = tokio::time::sleep_until(end) => break Ok("the recording is done"),
            () = cancel.cancelled() => break Ok("the recording was stopped"),
        }
        hearing.take(wall_clock(), &mut took);
        for observation in took.drain(..) {
            match recorder.record(&observation) {
                Ok(true) => {}
                Ok(false) => break 'recording Ok(FULL),
                Err(e) => break 'recording Err(e),
            }
        }
    };
    cancel.cancel();
    radios.stopped().await;
    Ok(done)
}

/// The next delivery; where no feed is recorded none ever comes.
async fn next(papers: &mut Option<(mpsc::Receiver<Delivery>, Desk)>) -> Option<Delivery> {
    match papers {
        Some((deliveries, _)) => deliveries.recv().await,
        None => None,
    }
}

/// Writes what a feed delivers; it is told so when that is on the disk. `false`: there is no room, and the sender keeps it.
fn take(delivery: Delivery, desk: &mut Desk, recorder: &mut Recorder<Out>, disk: &File) -> io::Result<bool> {
    let mut verdicts = Vec::with_capacity(delivery.arrivals.len());
    for arrival in &delivery.arrivals {
        let observed = desk.observe(arrival);
        if let Ok(observation) = &observed
            && !recorder.record(observation)?
        {
            return Ok(false);
        }
        verdicts.push(observed.map(drop));
    }
    recorder.flush()?;
    disk.sync_data()?;
    // A feed that no longer waits has gone; what it brought is kept all the same.
    let _ = delivery.done.send(verdicts);
    Ok(true)
}

/// Privacy with a key that nobody has.
fn of_this_recording(agent: &AgentConfig, site: &Site) -> Result<Privacy, String> {
    let mut base = [0; 32];
    getrandom::fill(&mut base).map_err(|e| format!("no random numbers: {e}"))?;
    Privacy::in_memory(&agent.privacy, &agent.inference.tags, site, base).map_err(|e| e.to_string())
}

/// The file, compressed or not.
enum Out {
    Plain(BufWriter<File>),
    Gzip(GzEncoder<BufWriter<File>>),
}

impl Out {
    fn new(file: File, gzip: bool) -> Self {
        let file = BufWriter::new(file);
        if gzip { Self::Gzip(GzEncoder::new(file, Compression::default())) } else { Self::Plain(file) }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(mut out) => out.flush(),
            Self::Gzip(out) => out.finish()?.flush(),
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Gzip(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Gzip(out) => out.flush(),
        }
    }
}

const FULL: &str = "the recording is full (--max-mib)";
/// What a crash of the machine loses at most of what radios hear.
const FLUSH: Duration = Duration::from_secs(5);
