//! `edge-agent outbox`: looks into the store of a stopped agent, and changes nothing.

use super::exit::{Exit, Failure};
use crate::store::inspect::{Fault, Inspection};
use crate::store::{OpenError, OutboxSeq};
use clap::{Args, Subcommand};
use std::io::{self, Write};
use std::path::PathBuf;
use visit_core::event::{CloudEvent, Extra};

/// Look into the store: what waits to be published, and whether it is sound.
#[derive(Args, Clone, Debug)]
pub struct OutboxArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Clone, Debug)]
enum Command {
    /// How much is queued, since when, of what kind.
    Stats(Where),
    /// The next events to be published, one line of CloudEvents JSON each.
    Peek {
        #[command(flatten)]
        at: Where,
        /// How many events.
        #[arg(short = 'n', long, default_value_t = 10)]
        count: usize,
        /// Begin after this sequence.
        #[arg(long, value_name = "SEQ")]
        after: Option<u64>,
    },
    /// Reads every record; prints those that are damaged. Exit code 65 when there are any.
    Verify(Where),
}

#[derive(Args, Clone, Debug)]
struct Where {
    /// The store's folder. The agent that uses it must be stopped.
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
}

/// Does what was asked; prints to standard output.
pub fn run(args: &OutboxArgs) -> Result<Exit, Failure> {
    run_to(args, &mut io::stdout().lock())
}

/// As [`run`], printing to `out`.
pub fn run_to(args: &OutboxArgs, out: &mut impl Write) -> Result<Exit, Failure> {
    let result = match &args.command {
        Command::Stats(at) => stats(&open(at)?, out),
        Command::Peek { at, count, after } => peek(&open(at)?, after.map(OutboxSeq), *count, out),
        Command::Verify(at) => verify(&open(at)?, out),
    };
    match result {
        // `| head` read all it wanted.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Ok),
        Err(e) => Err(Failure::new(Exit::Io, format!("cannot print: {e}"))),
        Ok(exit) => Ok(exit),
    }
}

fn open(at: &Where) -> Result<Inspection, Failure> {
    Inspection::open(&at.store).map_err(|e| {
        let exit = match &e {
            OpenError::Locked { .. } => Exit::Unavailable,
            OpenError::NoSpace { .. } => Exit::CannotCreate,
            OpenError::NotWritable { .. } => Exit::NoPermission,
            OpenError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => Exit::NoInput,
            OpenError::Io { source, .. } if source.kind() == io::ErrorKind::NotADirectory => Exit::NoInput,
            OpenError::Io { .. } | OpenError::Database { .. } => Exit::Io,
        };
        Failure::new(exit, e.to_string())
    })
}

fn stats(store: &Inspection, out: &mut impl Write) -> io::Result<Exit> {
    let Some(o) = store.overview() else {
        print_faults(store.faults(), out)?;
        return Ok(Exit::BadData);
    };
    writeln!(out, "queued           {} events, {} bytes", o.depth.total(), o.bytes)?;
    for (kind, count) in o.depth.named() {
        writeln!(out, "  {kind:<14} {count}")?;
    }
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".into());
    writeln!(out, "oldest           {}", or_none(o.oldest_queued_at.map(|t| t.to_string())))?;
    writeln!(out, "newest sequence  {}", or_none(o.newest.map(|s| s.to_string())))?;
    writeln!(out, "dead letters     {}", o.dead_letters)?;
    writeln!(out, "visits           {}", o.visits)?;
    writeln!(out, "receipts waiting {}", o.pending)?;
    writeln!(out, "receipt book     {}", o.book)?;
    let checkpoint = o.checkpoint.map(|(position, bytes)| format!("{bytes} bytes at position {position}"));
    writeln!(out, "checkpoint       {}", or_none(checkpoint))?;
    writeln!(out, "sessions         {}", o.session)?;
    writeln!(out, "file             {} bytes", o.file_bytes)?;
    if o.faults > 0 {
        writeln!(out, "damaged          {} records, see `edge-agent outbox verify`", o.faults)?;
        return Ok(Exit::BadData);
    }
    Ok(Exit::Ok)
}

fn peek(
    store: &Inspection,
    after: Option<OutboxSeq>,
    count: usize,
    out: &mut impl Write,
) -> io::Result<Exit> {
    let extra = Extra::default();
    for queued in store.peek(after, count) {
        writeln!(out, "{}", CloudEvent { event: &queued.event, extra: &extra }.to_json())?;
    }
    Ok(if store.faults().is_empty() { Exit::Ok } else { Exit::BadData })
}

fn verify(store: &Inspection, out: &mut impl Write) -> io::Result<Exit> {
    print_faults(store.faults(), out)?;
    let (entries, faults) = store.overview().map_or((0, 1), |o| (o.entries, o.faults));
    writeln!(out, "{entries} records read, {faults} faults")?;
    Ok(if faults == 0 { Exit::Ok } else { Exit::BadData })
}

fn print_faults(faults: &[Fault], out: &mut impl Write) -> io::Result<()> {
    faults.iter().try_for_each(|fault| writeln!(out, "{}: {}", fault.key, fault.reason))
}
