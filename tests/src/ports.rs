//! Loopback ports for tests that must know a port before the program that listens on it is started.
//!
//! "Bind port 0 and drop it" is not enough: the kernel may give the same port to the next who asks, or to an outgoing
//! connection, before the program has bound it; with fifty ports at once it does. So ports are taken from outside the
//! kernel's ephemeral range, where nobody gets one without asking for it, and each is claimed for the life of this
//! process by an abstract unix socket of its name (unix(7)): no test process that runs beside it claims it, too, and
//! nothing is left behind.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::Mutex;

/// Ports of everybody's own choice begin here; below are those of well-known services.
const FIRST: u16 = 10_000;

/// What this process has claimed. Held until it ends.
static CLAIMED: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());

/// A loopback port that nobody listens on, and that no other test gets while this process lives.
pub fn free_port() -> io::Result<u16> {
    let end = ephemeral_begins().unwrap_or(32_768).max(FIRST + 1_000);
    let span = u32::from(end - FIRST);
    // Processes begin at different places, so that they seldom look at each other's.
    let start = std::process::id().wrapping_mul(211) % span;
    for n in 0..span {
        let port = FIRST + ((start + n) % span) as u16;
        if claim(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, format!("no free port from {FIRST} to {end}")))
}

/// Whether the port is this process's from now on.
fn claim(port: u16) -> bool {
    let name = format!("edge-agent-test-port-{port}");
    let claimed = SocketAddr::from_abstract_name(name).and_then(|name| UnixListener::bind_addr(&name));
    let mut all = CLAIMED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    claimed.map(|claim| all.push(claim)).is_ok()
}

/// The first port that the kernel gives to those who do not choose (`ip_local_port_range`, ip(7)).
fn ephemeral_begins() -> Option<u16> {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    range.split_whitespace().next()?.parse().ok()
}
