//! `edge-agent tail`: what happens, as it happens, one line an event.

use super::exit::{Exit, Failure};
use super::viewer::ViewerArgs;
use crate::agent;
use crate::lines::{Kind, Lang, Style, View};
use crate::watch::Filter;
use crate::watch::tail::{self, End, Options};
use clap::Args;
use std::io::IsTerminal as _;

/// Print events as they come over MQTT, one line each. Ends with ctrl-c, or when nobody reads the pipe.
#[derive(Args, Clone, Debug)]
pub struct TailArgs {
    #[command(flatten)]
    viewer: ViewerArgs,
    /// Only events of this kind: arrived, floor_changed, 进场 …, or visit, receipt, flow, privacy, gateway; repeatable
    #[arg(long, value_name = "KIND")]
    kind: Vec<String>,
    /// Only events of this floor
    #[arg(long, value_name = "ID")]
    floor: Option<String>,
    /// Events as they are published, one JSON object a line
    #[arg(long)]
    json: bool,
    /// Names of kinds
    #[arg(long, value_enum, default_value_t)]
    lang: Lang,
    /// Also the flow of floors and zones
    #[arg(long, short)]
    verbose: bool,
    /// End after so many
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

/// The kinds somebody asks for.
pub(super) fn kinds(asked: &[String]) -> Result<Vec<&'static Kind>, Failure> {
    let mut kinds = Vec::new();
    for text in asked.iter().flat_map(|list| list.split(',')) {
        kinds.extend(Kind::meant(text).map_err(|e| Failure::new(Exit::Config, format!("--kind: {e}")))?);
    }
    Ok(kinds)
}

/// Runs `tail`.
pub fn run(args: &TailArgs) -> Result<Exit, Failure> {
    let filter = Filter { kinds: kinds(&args.kind)?, floor: args.floor.clone() };
    let (wanted, model) = args.viewer.open()?;
    let mut out = std::io::stdout();
    let style = Style::for_output(out.is_terminal(), std::env::var_os("NO_COLOR").as_deref());
    let style = Style { lang: args.lang, ids: args.viewer.ids, ..style };
    // Who asks for flow, or for one floor, wants the figures of floors and zones as well.
    let verbose = args.verbose || filter.kinds.iter().any(|k| k.group() == "flow");
    let view = View::new(model.names.clone(), style);
    let options = Options { view, filter, verbose, json: args.json, count: args.count };
    let address = wanted.address();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime =
        runtime.map_err(|e| Failure::new(Exit::Unavailable, format!("cannot start the runtime: {e}")))?;
    let end = runtime.block_on(async {
        let cancel = agent::stop_signal()?;
        let mut log = |text: &str| eprintln!("edge-agent tail: {text}");
        Ok(tail::run(wanted, model, options, cancel, &mut out, &mut log).await)
    });
    runtime.shutdown_background();
    match end {
        Ok(End::Done) => Ok(Exit::Ok),
        Ok(End::Refused(why)) => {
            let next = "name another user with --username and --password-file";
            Err(Failure::new(Exit::NoPermission, format!("broker {address}: {why}; {next}")))
        }
        Ok(End::Write(kind)) => Err(Failure::new(Exit::Io, format!("cannot write: {kind}"))),
        Err(e) => {
            let e: std::io::Error = e;
            Err(Failure::new(Exit::Unavailable, format!("cannot watch for signals: {e}")))
        }
    }
}
