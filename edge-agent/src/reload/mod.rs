//! Changing what runs: a new configuration is taken whole, or not at all, and what changed is said.
//!
//! SIGHUP, or a site map that is published (`site_map_topic`), asks for it. Then:
//!
//! 1. The configuration is read and checked as at start. Any problem: all are logged, health says so
//!    (`config.problem`), and what runs goes on untouched.
//! 2. What changed is found (`diff`) and logged. Nothing: nothing happens.
//! 3. What cannot change while we run is refused (`limits`).
//! 4. The daemon ends one life and begins the next in the same process: pipeline and publisher stop at once, the
//!    store closes, all is built anew, and the engine goes on from its state in memory where that is good for the new
//!    configuration, else from the ledger as after a restart. The broker hears DISCONNECT and a new birth, no `offline`.
//! 5. What cannot be built gives way to what ran before, loudly.
//!
//! The loop that does this is `cli/run.rs`.

mod diff;
pub mod limits;
mod manager;
mod standing;

pub use diff::{Change, changes};
pub use manager::{reload_begins, reload_is_over};
pub use standing::{InForce, MapInForce, Standing};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGHUP. Those that come while one is dealt with are one.
pub struct Hangups(Signal);

impl Hangups {
    /// Watches for it from now on.
    pub fn watch() -> std::io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// The next.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
