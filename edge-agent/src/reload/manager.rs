//! What the service manager is told of a reload (`sd_notify(3)`): `RELOADING=1` with the time it began, and
//! `READY=1` when it is over, taken or refused. So `systemctl reload` and `systemctl status` tell the truth.

use crate::supervise::{Notifier, State};
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;
use tracing::warn;

/// A reload begins.
pub fn reload_begins() {
    // `MONOTONIC_USEC` is what `Type=notify-reload` asks for; where that is unknown it is ignored.
    // The system's own numbers are too small for microseconds where they have 32 bits (armv7).
    let up = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
    tell(&State::Reloading(i64::try_from(up.as_micros()).unwrap_or(0)));
}

/// It is over: we run, as before or anew.
pub fn reload_is_over() {
    tell(&State::Ready);
}

fn tell(state: &State) {
    let told = Notifier::from_env().and_then(|manager| manager.map_or(Ok(()), |manager| manager.tell(state)));
    if let Err(e) = told {
        warn!("the service manager cannot be told of the reload: {e}");
    }
}
