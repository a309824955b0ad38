//! What the service manager is told of a reload (`sd_notify(3)`): `RELOADING=1` with the time it began, and
//! `READY=1` when it is over, taken or refused. So `systemctl reload` and `systemctl status` tell the truth.

use nix::time::{ClockId, clock_gettime};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use tracing::warn;

/// A reload begins.
pub fn reload_begins() {
    // `MONOTONIC_USEC` is what `Type=notify-reload` asks for; where that is unknown it is ignored.
    let now =
        clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |t| t.tv_sec() * 1_000_000 + t.tv_nsec() / 1_000);
    tell(&format!("RELOADING=1\nMONOTONIC_USEC={now}"));
}

/// It is over: we run, as before or anew.
pub fn reload_is_over() {
    tell("READY=1");
}

fn tell(words: &str) {
    let Some(address) = std::env::var_os("NOTIFY_SOCKET").filter(|address| !address.is_empty()) else {
        return;
    };
    let told = (|| {
        let address = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(&address)?,
        };
        let socket = UnixDatagram::unbound()?;
        // A manager whose queue is full must not hold us up.
        socket.set_nonblocking(true)?;
        socket.send_to_addr(words.as_bytes(), &address)
    })();
    if let Err(e) = told {
        warn!("the service manager cannot be told of the reload: {e}");
    }
}
