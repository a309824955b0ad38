//! System tests: the real binary against real parts.
//!
//! A test builds an [`Installation`] (a folder with site map, configuration and a generated day), starts a
//! [`Broker`] on a free port, lets a [`Subscriber`] record everything the broker delivers, and runs the
//! binary as a process of its own ([`Agent`]): started, killed, starved of disk, fed with rubbish.
//!
//! Nothing here waits blindly: [`wait_until`] watches for a fact and fails with the fact's name. Where the
//! machine lacks a part, the test calls [`skipped`], which says so on stderr in a form that `tests/run`
//! repeats at its end.
//!
//! The binary is the one `tests/run` has built; see [`agent::binary`].

pub mod agent;
pub mod broker;
pub mod canary;
pub mod data;
pub mod day;
pub mod http;
pub mod installation;
pub mod manager;
pub mod nodes;
pub mod ports;
pub mod prometheus;
pub mod random;
pub mod subscriber;
pub mod tap;
pub mod terminal;
pub mod tills;
pub mod wait;

pub use agent::{Agent, Finished};
pub use broker::Broker;
pub use day::{DayFacts, write_day};
pub use installation::{Installation, Settings};
pub use manager::Manager;
pub use ports::free_port;
pub use random::Random;
pub use subscriber::Subscriber;
pub use tap::Tap;
pub use terminal::Terminal;
pub use tills::Tills;
pub use wait::{holds_for, wait_until};

/// Says why a test does not run here. Always the same first word, for `tests/run` to find.
pub fn skipped(reason: &str) {
    eprintln!("SKIPPED: {reason}");
}

/// Whether this process is root, as some tests must be (mounting, changing user).
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Whether a program answers to its name on this machine.
pub fn has_program(name: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else { return false };
    std::env::split_paths(&path).chain(["/usr/sbin".into()]).any(|dir| dir.join(name).is_file())
}
