//! The operators' page, its API and `/metrics`: one small HTTP server.
//!
//! | request | what |
//! |---|---|
//! | `GET /` | the page |
//! | `GET /api/v1/now` | everything it shows, JSON |
//! | `GET /events` | the same, and what changes, as server-sent events |
//! | `GET /metrics` | Prometheus |
//! | `GET`, `POST /login`, `POST /logout` | where a token is demanded |
//!
//! Everything that comes in is hostile: headers are limited to 16 KiB and ten seconds, bodies to 4 KiB, connections to
//! [`CONNECTIONS`], those that follow live to [`LISTENERS`]. Who does not read what is sent is let go after
//! [`STUCK`]. The `Host` has to be ours (`guard.rs`): a page on the internet cannot reach this one through a name of its own.
//! It speaks no TLS; beyond this machine it demands a token and belongs behind a proxy that does.

mod assets;
mod guard;
mod live;
mod router;
mod stuck;
#[cfg(test)]
mod tests;

use super::Status;
use crate::config::WebSettings;
use guard::Guard;
use hyper_util::rt::{TokioIo, TokioTimer};
use live::Live;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use stuck::Stuck;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Connections at once.
pub const CONNECTIONS: usize = 64;
/// Pages that follow live at once.
pub const LISTENERS: usize = 16;
/// A request whose headers take longer is let go.
const PATIENCE: Duration = Duration::from_secs(10);
/// Whoever reads nothing for so long is let go.
pub const STUCK: Duration = Duration::from_secs(20);
/// Between attempts to listen.
const AGAIN: Duration = Duration::from_secs(5);

/// What every request needs.
pub(crate) struct Shared {
    status: Status,
    guard: Guard,
    live: Live,
}

/// Serves until `cancel`. A port that is taken is tried again: the page is no reason to stop.
pub async fn serve(settings: WebSettings, status: Status, cancel: CancellationToken) {
    let mut told = String::new();
    let listener = loop {
        let problem = match bind(&settings).await {
            Ok(listener) => break listener,
            Err(problem) => problem,
        };
        if problem != told {
            warn!("the web page: {problem}; trying again every {} s", AGAIN.as_secs());
        }
        status.web(|web| web.problem = Some(problem.clone()));
        told = problem;
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = cancel.cancelled() => return,
        }
    };
    serve_on(listener, settings, status, cancel).await;
}

/// Listens, or says why that cannot be.
pub async fn bind(settings: &WebSettings) -> Result<TcpListener, String> {
    let address = settings.listen;
    TcpListener::bind(address)
        .await
        .map_err(|e| format!("cannot listen on {address}: {}", crate::feeds::why_not(&e, address)))
}

/// Serves what comes in over this listener until `cancel`.
pub async fn serve_on(
    listener: TcpListener,
    settings: WebSettings,
    status: Status,
    cancel: CancellationToken,
) {
    let address = listener.local_addr().unwrap_or(settings.listen);
    info!("the web page: http://{address}/");
    if !address.ip().is_loopback() {
        warn!(
            "the web page is open to the network and speaks no TLS of its own: token and figures travel in the clear \
             unless a proxy with TLS stands before it (docs/web.md)"
        );
    }
    status.web(|web| (web.up, web.problem) = (true, None));
    let live = Live::new(status.clone());
    let shared = Arc::new(Shared { guard: Guard::new(&settings), live, status });
    let (looking, stop) = (Arc::clone(&shared), cancel.clone());
    let looker = tokio::spawn(async move { looking.live.look(&stop).await });
    let router = router::router(Arc::clone(&shared));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = cancel.cancelled() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(e) => {
                warn!("the web page cannot accept connections: {e}");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            shared.refused("connections");
            continue;
        };
        let (router, shared, cancel) = (router.clone(), Arc::clone(&shared), cancel.clone());
        tokio::spawn(async move {
            let slow = Arc::clone(&shared);
            let stream = Stuck::new(stream, STUCK, move || slow.live.slow());
            let service = hyper::service::service_fn(move |request| {
                let (router, shared) = (router.clone(), Arc::clone(&shared));
                async move { Ok::<_, Infallible>(router::answer(&shared, router, request).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .max_buf_size(16 << 10)
                .serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                // A connection that breaks tells nobody anything.
                _ = connection => {}
                () = cancel.cancelled() => {}
            }
            drop(place);
        });
    }
    let _ = looker.await;
}

impl Shared {
    fn refused(&self, reason: &'static str) {
        self.status.web(|web| *web.refused.entry(reason.to_owned()).or_default() += 1);
    }
}
