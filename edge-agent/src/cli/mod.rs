//! The command line: one file for each command.

pub mod check;
pub mod check_template;
#[cfg(feature = "embedded-broker")]
pub mod demo;
pub mod exit;
pub mod init;
pub mod inputs;
pub mod outbox;
pub mod privacy;
pub mod record;
pub mod replay;
pub mod run;
pub mod schema;
mod site;
pub mod site_map;
pub mod survey;
pub mod tail;
pub mod tap;
pub mod viewer;
pub mod watch;

use clap::{Parser, Subcommand};
use exit::{Exit, Failure};
use std::process::ExitCode;

/// In-store sensing for shopping malls: hears radios and receipts, infers visits on the spot, publishes them over
/// MQTT.
#[derive(Parser)]
#[command(name = "edge-agent", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the daemon.
    Run(run::RunArgs),
    /// Show everything on this machine, with nothing installed: a made-up mall, its own broker, a day at speed.
    #[cfg(feature = "embedded-broker")]
    Demo(demo::DemoArgs),
    /// Turn recordings into events, offline and as fast as the machine can.
    Replay(replay::ReplayArgs),
    Init(init::InitArgs),
    /// Check configuration, site map and machine: every problem at once, and what to do about it.
    Check(check::CheckArgs),
    CheckTemplate(check_template::CheckTemplateArgs),
    /// Look into the outbox of a stopped daemon.
    Outbox(outbox::OutboxArgs),
    Privacy(privacy::PrivacyArgs),
    Record(record::RecordArgs),
    SiteMap(site_map::SiteMapArgs),
    Survey(survey::SurveyArgs),
    Tail(tail::TailArgs),
    Tap(tap::TapArgs),
    Watch(watch::WatchArgs),
    /// Print or write the JSON Schemas and the AsyncAPI document of what is published.
    Schema(schema::SchemaArgs),
}

/// Parses the command line and runs what it asks for.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; everything else is a wrong command line.
            let exit = if error.use_stderr() { Exit::Config } else { Exit::Ok };
            let _ = error.print();
            return exit.into();
        }
    };
    let done = match cli.command {
        Command::Run(args) => run::run(&args),
        #[cfg(feature = "embedded-broker")]
        Command::Demo(args) => demo::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Check(args) => check::run(&args),
        Command::CheckTemplate(args) => check_template::run(&args),
        Command::Outbox(args) => outbox::run(&args),
        Command::Privacy(args) => privacy::run(&args),
        Command::Record(args) => record::run(&args),
        Command::SiteMap(args) => site_map::run(&args),
        Command::Survey(args) => survey::run(&args),
        Command::Tail(args) => tail::run(&args),
        Command::Tap(args) => tap::run(&args),
        Command::Watch(args) => watch::run(&args),
        Command::Schema(args) => schema::run(&args),
    };
    finish(done)
}

/// Says why it failed, and ends with the code that goes with it.
fn finish(done: Result<Exit, Failure>) -> ExitCode {
    done.unwrap_or_else(|failure| {
        eprintln!("edge-agent: {failure}");
        failure.exit
    })
    .into()
}
