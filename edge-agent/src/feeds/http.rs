//! HTTP push: POS software posts, and gets its answer once everything is on the disk.
//!
//! | request | what |
//! |---|---|
//! | `POST /v1/receipts`, `/v1/postsalescreate`, `/v1/postdailysalessummary` | JSON: one document, a list, or one a line |
//! | `POST /v1/poslog` | POSLog XML |
//! | `GET /v1/health` | `{"ok":true}`; needs no token |
//!
//! | answer | when |
//! |---|---|
//! | 200 | all is durable, or nothing to record: `{"results":[{"kept":true},{"kept":false,"why":"…"}]}` |
//! | 400 | a document is wrong; nothing of the message was kept: `{"problems":[{"document":1,"path":"…","what":"…"}]}` |
//! | 401, 404, 405, 413 | no or a wrong token, another path, another method, more than 4 MiB |
//! | 422 | a till is not in the site map; what has one is kept |
//! | 503 | not kept for now (no room, stopping): send it again later |
//!
//! A message may be sent again at any time: a copy is recognised by its number, not by its message.

use super::port::{self, Told};
use super::{Arrival, Intake, NotKept, Paper, Reporter, documents};
use crate::config::HttpSettings;
use crate::pipeline::wall_clock;
use bytes::Bytes;
use gateway::pos::poslog::{self, PosLog};
use gateway::pos::push;
use gateway::pos::receipt::NotObserved;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use visit_core::site::TillIx;

/// Longest message.
const MAX_BODY: usize = 4 << 20;
/// Connections at once.
const CONNECTIONS: usize = 256;
/// A sender that takes longer for its headers, its body or the TLS handshake is let go.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is not durable by then is answered with 503.
const DURABLE: Duration = Duration::from_secs(10);
/// The shortest token that is one.
const MIN_TOKEN: usize = 16;

/// The feed.
pub struct Push {
    /// Its settings.
    pub settings: HttpSettings,
    /// For documents that do not say.
    pub defaults: push::Settings,
    /// For receipts whose own till is not in the site map.
    pub till: Option<TillIx>,
    /// Where papers go.
    pub intake: Intake,
    /// Its hand on the board.
    pub report: Reporter,
}

/// Listens until `cancel`.
pub async fn listen(push: Push, cancel: CancellationToken) {
    let push = Arc::new(push);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut told = Told::new(&push.report);
    let (listener, tls) = loop {
        let ready = match tls(push.settings.tls.as_ref()) {
            Ok(tls) => port::bind(push.settings.listen).await.map(|listener| (listener, tls)),
            Err(why) => Err(why),
        };
        match ready {
            Ok(ready) => break ready,
            Err(why) if told.again(&why, &cancel).await => {}
            Err(_) => return,
        }
    };
    push.report.up();
    info!(feed = %push.report.name(), listen = %push.settings.listen, "listening for receipts");
    loop {
        let stream = tokio::select! {
            stream = port::accept(&listener, &push.report) => stream,
            () = cancel.cancelled() => return,
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let (push, tls, cancel) = (Arc::clone(&push), tls.clone(), cancel.clone());
        tokio::spawn(async move {
            let served = async {
                match tls {
                    None => serve(stream, push).await,
                    Some(tls) => {
                        // A handshake that fails or takes for ever is the client's affair.
                        if let Ok(Ok(stream)) = timeout(PATIENCE, tls.accept(stream)).await {
                            serve(stream, push).await;
                        }
                    }
                }
            };
            tokio::select! {
                () = served => {}
                () = cancel.cancelled() => {}
            }
            drop(place);
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, push: Arc<Push>) {
    let service = hyper::service::service_fn(move |request| {
        let push = Arc::clone(&push);
        async move { Ok::<_, Infallible>(answer(&push, request).await) }
    });
    // A connection that breaks tells nobody anything: what was not answered is sent again.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(64 << 10)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(push: &Push, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let xml = match path.as_str() {
        "/v1/health" => return reply(StatusCode::OK, &json!({ "ok": true })),
        "/v1/poslog" => true,
        "/v1/receipts" | "/v1/postsalescreate" | "/v1/postdailysalessummary" => false,
        _ => {
            let what = "no such path; post to /v1/receipts or /v1/poslog";
            return reply(StatusCode::NOT_FOUND, &json!({ "error": what }));
        }
    };
    if request.method() != Method::POST {
        return reply(StatusCode::METHOD_NOT_ALLOWED, &json!({ "error": "only POST is served here" }));
    }
    if let Err(what) = authorised(&push.settings.token_file, &request) {
        return reply(StatusCode::UNAUTHORIZED, &json!({ "error": what }));
    }
    let body = match timeout(PATIENCE, Limited::new(request.into_body(), MAX_BODY).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(e)) if e.is::<LengthLimitError>() => {
            let what = format!("longer than {MAX_BODY} bytes; send fewer documents at once");
            return reply(StatusCode::PAYLOAD_TOO_LARGE, &json!({ "error": what }));
        }
        Ok(Err(_)) | Err(_) => {
            return reply(
                StatusCode::REQUEST_TIMEOUT,
                &json!({ "error": "the message did not come to its end" }),
            );
        }
    };
    push.report.change(|state| state.bytes += body.len() as u64);
    let papers = if xml { poslog(&body, &push.defaults) } else { json_documents(&body, &push.defaults) };
    match papers {
        Ok(papers) => keep(push, papers).await,
        Err(problems) => {
            push.report.change(|state| state.bad += 1);
            reply(StatusCode::BAD_REQUEST, &json!({ "problems": problems }))
        }
    }
}

async fn keep(push: &Push, papers: Vec<Paper>) -> Response<Full<Bytes>> {
    let captured = wall_clock();
    let arrival = |paper| Arrival { paper, till: push.till, captured, prompt: false };
    let arrivals = papers.into_iter().map(arrival).collect();
    let verdicts = match timeout(DURABLE, push.intake.deliver(push.report.name(), arrivals)).await {
        Ok(Ok(verdicts)) => verdicts,
        Ok(Err(NotKept)) | Err(_) => {
            let mut later = reply(
                StatusCode::SERVICE_UNAVAILABLE,
                &json!({ "error": "not kept for now; send it again" }),
            );
            later.headers_mut().insert(RETRY_AFTER, hyper::header::HeaderValue::from_static("5"));
            return later;
        }
    };
    let lost = verdicts
        .iter()
        .any(|v| matches!(v, Err(NotObserved::UnknownTill | NotObserved::NoTime | NotObserved::NoCount)));
    let results: Vec<Value> = verdicts
        .iter()
        .map(|verdict| match verdict {
            Ok(()) => json!({ "kept": true }),
            Err(why) => json!({ "kept": false, "why": why.to_string() }),
        })
        .collect();
    let status = if lost { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    reply(status, &json!({ "results": results }))
}

fn json_documents(body: &[u8], defaults: &push::Settings) -> Result<Vec<Paper>, Vec<Value>> {
    documents::read(body, defaults).map_err(|problems| {
        let told = |(n, p): (usize, push::Problem)| json!({ "document": n, "path": p.path, "what": p.what });
        problems.into_iter().map(told).collect()
    })
}

fn poslog(body: &[u8], defaults: &push::Settings) -> Result<Vec<Paper>, Vec<Value>> {
    let wrong = |what: String| vec![json!({ "document": 1, "path": "POSLog", "what": what })];
    let settings = poslog::Settings { zone: defaults.zone.clone(), currency: defaults.currency };
    let mut log = PosLog::new(body, settings).map_err(|e| wrong(e.to_string()))?;
    let mut papers = Vec::new();
    while let Some(receipt) = log.next().map_err(|e| wrong(e.to_string()))? {
        papers.push(Paper::Receipt(Box::new(receipt)));
    }
    Ok(papers)
}

/// Whether the request carries a token of the file, which is read each time: tokens can be exchanged while we run.
fn authorised(file: &Path, request: &Request<Incoming>) -> Result<(), &'static str> {
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
        .ok_or("no token; send Authorization: Bearer TOKEN")?;
    let tokens = std::fs::read_to_string(file).map_err(|e| {
        warn!(file = %file.display(), "no token can be checked: {e}");
        "the gateway cannot read its tokens"
    })?;
    // Hashes of equal length: comparing them tells nothing of how much of a token was right.
    let given = blake3::hash(given.trim_ascii());
    let known = tokens.lines().map(str::trim).filter(|token| token.len() >= MIN_TOKEN);
    if known.fold(false, |found, token| found | (blake3::hash(token.as_bytes()) == given)) {
        Ok(())
    } else {
        Err("the token is not known here")
    }
}

fn tls(files: Option<&(std::path::PathBuf, std::path::PathBuf)>) -> Result<Option<TlsAcceptor>, String> {
    use rustls::pki_types::pem::PemObject as _;
    let Some((cert, key)) = files else { return Ok(None) };
    let chain = rustls::pki_types::CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| format!("cert {}: no certificate in PEM: {e}", cert.display()))?;
    let secret = rustls::pki_types::PrivateKeyDer::from_pem_file(key)
        .map_err(|e| format!("key {}: no private key in PEM: {e}", key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|b| b.with_no_client_auth().with_single_cert(chain, secret))
        .map_err(|e| format!("cert {} and key {}: {e}", cert.display(), key.display()))?;
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

fn reply(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string() + "\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    response
}
