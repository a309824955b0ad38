//! A port to listen on, taken as soon as it can be, however long that takes.
//!
//! A port that is in use may be free in a moment (the program before us is still stopping) or never (two programs want
//! it). Neither is a reason to stop the other feeds: we try again every two seconds, say why in the log once, and in the
//! health for as long as it lasts.

use super::Reporter;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Between attempts to listen, and after an error of `accept`.
const AGAIN: Duration = Duration::from_secs(2);

/// Says what keeps a feed from listening: in the health always, in the log when it changes.
pub(super) struct Told<'a> {
    report: &'a Reporter,
    last: String,
}

impl<'a> Told<'a> {
    pub(super) fn new(report: &'a Reporter) -> Self {
        Self { report, last: String::new() }
    }

    /// Says it, and waits before the next attempt; false when there is to be none.
    pub(super) async fn again(&mut self, why: &str, cancel: &CancellationToken) -> bool {
        if self.last != why {
            warn!(feed = %self.report.name(), "{why}; trying again every {} s", AGAIN.as_secs());
        }
        self.report.down(why);
        why.clone_into(&mut self.last);
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => true,
            () = cancel.cancelled() => false,
        }
    }
}

/// Listens on `address`, or says why that cannot be.
pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|e| format!("cannot listen on {address}: {}", why(&e, address)))
}

/// The reason with what to do about it.
pub fn why(e: &io::Error, address: SocketAddr) -> String {
    match e.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "the port is in use by another program; ss -ltnp 'sport = :{}' shows which",
                address.port()
            )
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address; ip -brief address lists its own".into()
        }
        io::ErrorKind::PermissionDenied => "ports below 1024 are not for us; take one from 1024 up".into(),
        _ => e.to_string(),
    }
}

/// The next connection. An error of `accept` (no descriptor left, usually) is told and tried again.
pub(super) async fn accept(listener: &TcpListener, report: &Reporter) -> TcpStream {
    let mut failed = false;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if failed {
                    report.up();
                }
                return stream;
            }
            Err(e) => {
                if !failed {
                    warn!(feed = %report.name(), "cannot accept connections: {e}");
                }
                failed = true;
                report.change(|state| state.problem = Some(format!("cannot accept connections: {e}")));
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}
