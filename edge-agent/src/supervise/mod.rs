//! What the service manager is told of us, and what it sees in its journal.
//!
//! systemd starts the daemon with `Type=notify`: it is told when we are ready, when we stop, and now and then in one
//! line how we are. With `WatchdogSec=` it restarts us when we fall silent. So that silence means something, no timer
//! feeds the watchdog: every part that must go on has a [`Beat`], which it moves by its own work, and systemd hears
//! from us only when all of them moved since it heard last ([`Progress`]).
//!
//! | part | moves when |
//! |------|------------|
//! | pipeline | its loop has come round, or it waits on purpose (for the next observation, for room on a full disk) |
//! | store | its thread has answered a request; the watch asks it for nothing in particular when nobody else does |
//! | publisher | its loop has come round, connected or not |
//! | tap | all its lines are listened to, and its queue can be had |
//!
//! Without systemd none of this costs anything but an error in the log when a part hangs.

pub mod journal;
mod notify;
mod progress;
mod watch;

pub use notify::{Notifier, State};
pub use progress::{Beat, Look, Progress};
pub use watch::{Supervisor, Watch};
