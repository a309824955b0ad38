//! Where the daemon's words go.

use crate::config::{LogFormat, LogSettings};
use crate::supervise::journal;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry, filter::Targets, fmt, reload};

/// Changes the level while the daemon runs.
pub(in crate::cli) struct LogLevel {
    /// Nothing where `RUST_LOG` decides.
    handle: Option<reload::Handle<Targets, Registry>>,
}

impl LogLevel {
    /// From now on this level.
    pub(super) fn set(&self, level: tracing::Level) {
        if let Some(handle) = &self.handle {
            // It fails only when there is no log any more.
            let _ = handle.reload(Targets::new().with_default(level));
        }
    }
}

/// Logs to standard error, with fields where that is the journal; `RUST_LOG` (`debug`, or
/// `warn,edge_agent::feeds=debug`) overrides the configured level.
pub(in crate::cli) fn start_log(settings: &LogSettings) -> LogLevel {
    let level = Targets::new().with_default(settings.level);
    let wanted = std::env::var("RUST_LOG").ok().filter(|text| !text.trim().is_empty());
    let overridden = wanted.is_some();
    let (filter, wrong) = match wanted.as_deref().map(str::parse) {
        Some(Ok(targets)) => (targets, None),
        Some(Err(e)) => (level, Some(e)),
        None => (level, None),
    };
    let colours =
        std::io::IsTerminal::is_terminal(&std::io::stderr()) && std::env::var_os("NO_COLOR").is_none();
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    let lines = match settings.format {
        LogFormat::Text => journal::layer(std::io::stderr()).unwrap_or_else(|| lines.boxed()),
        LogFormat::Json => lines.json().boxed(),
    };
    let (filter, handle) = reload::Layer::new(filter);
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    if let Some(e) = wrong {
        tracing::warn!("RUST_LOG is not understood, the configured level counts: {e}");
    }
    LogLevel { handle: (!overridden).then_some(handle) }
}
