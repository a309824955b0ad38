//! `edge-agent record`: what the radios of a configuration hear, to a file that `replay` reads.

use super::exit::{Exit, Failure};
use super::run::start_log;
use crate::agent;
use crate::config::{self, AgentConfig};
use crate::ears::radios::Radios;
use crate::ears::{self, Ears, UsualRates};
use crate::pipeline::wall_clock;
use crate::privacy::Privacy;
use crate::record::Recorder;
use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;
use tokio::task::JoinSet;
use tracing::{info, warn};
use visit_core::event::PrivacyMode;
use visit_core::site::Site;

/// Records what the radios and sensor nodes of a configuration hear, to a file that `replay` reads.
///
/// Stop the daemon first: a radio tunes for one. Nothing is inferred or published. Addresses are replaced by pseudonyms
/// under a key that is forgotten at the end, so that nobody, not even this gateway, finds them again.
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
    /// Write addresses as they are on the air: personal data, for which you need a reason and a date of deletion.
    #[arg(long)]
    raw: bool,
}

/// Runs `record`.
pub fn run(args: &RecordArgs) -> Result<Exit, Failure> {
    let wrong = |what: String| Failure::new(Exit::Config, what);
    let config = config::load(&args.config).map_err(|e| wrong(e.to_string()))?;
    start_log(&config.agent.log);
    if !config.agent.is_live() {
        return Err(wrong(format!(
            "{}: no radio among the sources: there is nothing to record",
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
            "recording raw addresses: these are personal data; delete {} when it has served",
            args.out.display()
        );
        None
    } else {
        Some(of_this_recording(&config.agent, &config.site).map_err(wrong)?)
    };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&args.out);
    let file = file.map_err(|e| Failure::io("cannot write", &args.out, &e))?;
    let out = Out::new(file, args.out.extension().is_some_and(|e| e == "gz"));
    let tags = &config.agent.inference.tags;
    let mut recorder = Recorder::new(out, privacy, tags, &config.site, args.max_mib << 20);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Unavailable, format!("cannot start the runtime: {e}")))?;
    let why = runtime
        .block_on(record(&config.agent, &config.site, &mut recorder, args.seconds))
        .and_then(|why| recorder.flush().map(|()| why))
        .map_err(|e| Failure::io("cannot write", &args.out, &e))?;
    let lines = recorder.written();
    recorder.into_inner().finish().map_err(|e| Failure::io("cannot write", &args.out, &e))?;
    info!(lines, file = %args.out.display(), "{why}");
    Ok(Exit::Ok)
}

async fn record(
    agent: &AgentConfig,
    site: &Site,
    recorder: &mut Recorder<Out>,
    seconds: Option<u64>,
) -> std::io::Result<&'static str> {
    let cancel = agent::stop_signal()?;
    let (ears, mut hearing) = Ears::new(site);
    let radios = Radios::start(agent, site, &ears, &UsualRates::default(), &cancel);
    let mut nodes = JoinSet::new();
    ears::start(agent, site, &ears, &mut nodes, &cancel);
    let end =
        tokio::time::Instant::now() + seconds.map_or(Duration::from_secs(86_400 * 365), Duration::from_secs);
    let mut flushed = tokio::time::interval(FLUSH);
    let mut took = Vec::new();
    let done = 'recording: loop {
        tokio::select! {
            () = hearing.wait() => {}
            _ = flushed.tick() => if let Err(e) = recorder.flush() { break Err(e) },
            () = tokio::time::sleep_until(end) => break Ok("the recording is done"),
            () = cancel.cancelled() => break Ok("the recording was stopped"),
        }
        hearing.take(wall_clock(), &mut took);
        for observation in took.drain(..) {
            match recorder.record(&observation) {
                Ok(true) => {}
                Ok(false) => break 'recording Ok("the recording is full (--max-mib)"),
                Err(e) => break 'recording Err(e),
            }
        }
    };
    cancel.cancel();
    radios.stopped().await;
    done
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

    fn finish(self) -> std::io::Result<()> {
        match self {
            Self::Plain(mut out) => out.flush(),
            Self::Gzip(out) => out.finish()?.flush(),
        }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Gzip(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Gzip(out) => out.flush(),
        }
    }
}

/// What a crash of the machine loses at most.
const FLUSH: Duration = Duration::from_secs(5);
