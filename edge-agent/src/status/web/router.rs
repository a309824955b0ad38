//! Requests to answers.

use super::Shared;
use super::assets::{self, PAGE};
use super::guard::{COOKIE_NAME, SESSION_S};
use crate::status::{metrics, now};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use axum::routing::{get, post};
use std::sync::Arc;
use std::time::Duration;

/// Longest body, a login's.
const MAX_BODY: usize = 4 << 10;
/// Longest request target.
const MAX_TARGET: usize = 1 << 10;
/// A wrong token is answered after so long: nobody guesses many.
const WRONG_TOKEN: Duration = Duration::from_millis(500);
/// A shorter answer is one packet as it is.
const WORTH_PACKING: usize = 1_200;
/// A body that takes longer does not come.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// Nothing from elsewhere, no inline code, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/api/v1/now", get(document))
        .route("/events", get(events))
        .route("/metrics", get(prometheus))
        .route("/login", get(login_page).post(login))
        .route("/logout", post(logout))
        .fallback(asset)
        .with_state(shared)
}

/// Everything a request has to pass, the answer, and what every answer carries.
pub(super) async fn answer(
    shared: &Shared,
    mut router: Router,
    request: Request<hyper::body::Incoming>,
) -> Response<Body> {
    use axum::extract::Request as AxumRequest;
    use hyper::service::Service as _;
    let _ = &mut router;
    shared.status.web(|web| web.requests += 1);
    let mut response = match refuse(shared, &request) {
        Some(refusal) => refusal,
        None => {
            let request: AxumRequest = request.map(Body::new);
            let service = hyper_util::service::TowerToHyperService::new(router);
            service.call(request).await.unwrap_or_else(|never| match never {})
        }
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Why a request is not answered, if so.
fn refuse<B>(shared: &Shared, request: &Request<B>) -> Option<Response<Body>> {
    let (uri, headers) = (request.uri(), request.headers());
    let refused = |reason, status, text: &str| {
        shared.refused(reason);
        Some(plain(status, text))
    };
    if uri.path().len() + uri.query().map_or(0, str::len) > MAX_TARGET {
        return refused("target", StatusCode::URI_TOO_LONG, "the address is too long");
    }
    if !shared.guard.is_our_host(headers, uri) {
        let what = "this name is not ours: open the page by its address, or add the name to web.hosts";
        return refused("host", StatusCode::MISDIRECTED_REQUEST, what);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) && !is_from_here(headers) {
        return refused("origin", StatusCode::FORBIDDEN, "this form is on another page");
    }
    // What is the same for everybody, and where one logs in.
    let open = uri.path() == "/login" || assets::asset(uri.path()).is_some();
    if open || shared.guard.is_allowed(headers) {
        return None;
    }
    if uri.path() == "/" {
        return Some(redirect("/login"));
    }
    shared.refused("token");
    let mut response = plain(StatusCode::UNAUTHORIZED, "a token is needed: Authorization: Bearer TOKEN");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    Some(response)
}

/// Whether a form was sent by a page of ours. Browsers that do not say are too old to be fooled through their cookies: ours
/// are SameSite=Strict.
fn is_from_here(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|v| v.to_str().ok());
    if let Some(site) = site {
        return matches!(site, "same-origin" | "none");
    }
    let host = headers.get(header::HOST).and_then(|v| v.to_str().ok()).unwrap_or("");
    match headers.get(header::ORIGIN).map(|v| v.to_str().unwrap_or("")) {
        Some(origin) => origin.split_once("://").is_some_and(|(_, from)| from.eq_ignore_ascii_case(host)),
        None => true,
    }
}

async fn page(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response<Body> {
    if shared.guard.demands_token() { html(&headers, &assets::with_logout()) } else { html(&headers, PAGE) }
}

async fn login_page(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response<Body> {
    if shared.guard.is_allowed(&headers) { redirect("/") } else { html(&headers, assets::LOGIN) }
}

async fn login(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Body) -> Response<Body> {
    let read = tokio::time::timeout(BODY_PATIENCE, to_bytes(body, MAX_BODY)).await;
    let Ok(Ok(body)) = read else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "no login is as long as that, or takes so long");
    };
    let token = zeroize::Zeroizing::new(form_field(&body, "token").unwrap_or_default());
    let cookie = if shared.guard.demands_token() && shared.guard.knows(&token) {
        shared.guard.cookie(&token)
    } else {
        None
    };
    let Some(cookie) = cookie else {
        shared.refused("login");
        tokio::time::sleep(WRONG_TOKEN).await;
        return redirect("/login?wrong");
    };
    // Behind a proxy with TLS the cookie is to travel over TLS only.
    let proto = headers.get("x-forwarded-proto").map(HeaderValue::as_bytes);
    let secure = if proto == Some(b"https") { "; Secure" } else { "" };
    with_cookie(redirect("/"), &format!("{cookie}; Max-Age={SESSION_S}{secure}"))
}

async fn logout() -> Response<Body> {
    with_cookie(redirect("/login"), "; Max-Age=0")
}

fn with_cookie(mut response: Response<Body>, rest: &str) -> Response<Body> {
    let text = format!("{COOKIE_NAME}={rest}; Path=/; HttpOnly; SameSite=Strict");
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

async fn document(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response<Body> {
    packed(&headers, "application/json", now::document(&shared.status).to_string().into_bytes())
}

async fn events(State(shared): State<Arc<Shared>>) -> Response<Body> {
    match shared.live.follow() {
        Some(body) => answer_with(StatusCode::OK, "text/event-stream", body),
        None => {
            shared.refused("listeners");
            let mut response =
                plain(StatusCode::SERVICE_UNAVAILABLE, "too many pages follow this gateway; close one");
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
            response
        }
    }
}

async fn prometheus(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response<Body> {
    let health = shared.status.health().borrow().clone();
    let Some(health) = health else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "nothing is known yet; ask again in a moment");
    };
    let gateway = shared.status.gateway();
    let text = metrics::text(&health, &gateway.site.id, &gateway.gateway);
    packed(&headers, metrics::CONTENT_TYPE, text.into_bytes())
}

async fn asset(uri: Uri, method: Method, headers: HeaderMap) -> Response<Body> {
    let Some(asset) = assets::asset(uri.path()) else {
        return plain(StatusCode::NOT_FOUND, "there is no such page; / is the one there is");
    };
    if !matches!(method, Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "this can only be read");
    }
    // The file changes with the daemon only.
    let tag = concat!("\"", env!("CARGO_PKG_VERSION"), "-");
    let tag = format!("{tag}{}\"", &blake3::hash(asset.text.as_bytes()).to_hex()[..16]);
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == tag.as_bytes());
    let mut response = if known {
        answer_with(StatusCode::NOT_MODIFIED, asset.content_type, Body::empty())
    } else {
        packed(&headers, asset.content_type, asset.text.as_bytes().to_vec())
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

fn html(headers: &HeaderMap, page: &str) -> Response<Body> {
    let language = assets::language(headers);
    let page = assets::in_language(page, language).into_bytes();
    let mut response = packed(headers, "text/html; charset=utf-8", page);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language));
    headers.append(header::VARY, HeaderValue::from_static("Accept-Language"));
    response
}

fn redirect(to: &'static str) -> Response<Body> {
    let mut response = plain(StatusCode::SEE_OTHER, to);
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static(to));
    response
}

fn plain(status: StatusCode, text: &str) -> Response<Body> {
    answer_with(status, "text/plain; charset=utf-8", Body::from(format!("{text}\n")))
}

/// The answer, packed where the client can unpack it: a page is loaded over a mall's uplink. Nothing secret is in it whose
/// length could tell anything (BREACH).
fn packed(headers: &HeaderMap, content_type: &'static str, body: Vec<u8>) -> Response<Body> {
    use std::io::Write as _;
    let wanted = headers.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or("");
    let unpacks = wanted.split(',').any(|part| {
        let (coding, weight) = part.split_once(';').unwrap_or((part, ""));
        coding.trim().eq_ignore_ascii_case("gzip") && !matches!(weight.trim(), "q=0" | "q=0.0")
    });
    let mut response = if unpacks && body.len() > WORTH_PACKING {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        // Memory takes everything.
        let done = packer.write_all(&body).and_then(|()| packer.finish());
        let mut response = answer_with(StatusCode::OK, content_type, Body::from(done.unwrap_or_default()));
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response
    } else {
        answer_with(StatusCode::OK, content_type, Body::from(body))
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    response
}

fn answer_with(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A field of a form (`application/x-www-form-urlencoded`), decoded.
fn form_field(body: &[u8], name: &str) -> Option<Vec<u8>> {
    let pair =
        body.split(|b| *b == b'&').find_map(|pair| pair.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
    let mut out = Vec::with_capacity(pair.len());
    let mut bytes = pair.iter();
    while let Some(b) = bytes.next() {
        out.push(match b {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(*bytes.next()?).to_digit(16);
                u8::try_from(digit()? << 4 | digit()?).ok()?
            }
            b => *b,
        });
    }
    Some(out)
}
