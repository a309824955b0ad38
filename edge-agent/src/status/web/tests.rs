//! The page's server over a real socket, and what it does with hostile clients.

use super::*;
use crate::pipeline::wall_clock;
use crate::status::{Gateway, PipelineHealth};
use serde_json::Value;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use visit_core::event::PrivacyMode;

struct Page {
    address: SocketAddr,
    status: Status,
    _dir: tempfile::TempDir,
    tokens: std::path::PathBuf,
    cancel: CancellationToken,
}

const TOKEN: &str = "a-token-that-nobody-guesses";

impl Page {
    async fn start(token: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tokens = dir.path().join("tokens");
        std::fs::write(&tokens, format!("short\n{TOKEN}\n")).unwrap();
        let site = crate::config::parse_site("site.toml", crate::demo::site::TOML).unwrap().value;
        let status = Status::new(Gateway {
            site: Arc::new(site),
            gateway: "gw".into(),
            version: "0".into(),
            session: 1,
            started_at: wall_clock(),
            mode: PrivacyMode::Pseudonymous,
            k: 10,
            store_dir: dir.path().to_owned(),
            max_bytes: 1 << 20,
            live: true,
            config: crate::reload::Standing::default(),
        });
        let settings = WebSettings {
            listen: "127.0.0.1:0".parse().unwrap(),
            token_file: token.then(|| tokens.clone()),
            hosts: vec!["gw.mall.example".into()],
            ..WebSettings::default()
        };
        let listener = bind(&settings).await.unwrap();
        let address = listener.local_addr().unwrap();
        let cancel = CancellationToken::new();
        tokio::spawn(serve_on(listener, settings, status.clone(), cancel.clone()));
        Self { address, status, _dir: dir, tokens, cancel }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// What is answered to these bytes, until the connection is closed.
    async fn raw(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        let _ = stream.write_all(request).await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn get(&self, path: &str, headers: &str) -> String {
        let text = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
        self.raw(text.as_bytes()).await
    }

    async fn post(&self, path: &str, headers: &str, body: &str) -> String {
        let length = body.len();
        let text = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        self.raw(text.as_bytes()).await
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

fn code(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

fn json(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn every_answer_forbids_what_the_page_does_not_need() {
    let page = Page::start(false).await;
    for path in ["/", "/style.css", "/api/v1/now", "/metrics", "/nothing", "/login"] {
        let answer = page.get(path, "").await.to_ascii_lowercase();
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-",
        ] {
            assert!(answer.contains(header), "{path} lacks {header}:\n{answer}");
        }
    }
    for file in [assets::PAGE, assets::LOGIN] {
        for inline in ["<style", "style=", "onclick", "onload", "javascript:", "http://", "https://"] {
            assert!(!file.contains(inline), "{inline} is against the policy");
        }
    }
}

#[tokio::test]
async fn the_page_speaks_the_readers_language() {
    let page = Page::start(false).await;
    for (wanted, language) in [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("en;q=0.3, zh-TW;q=0.7", "zh-Hans"),
        ("fr, en;q=0.5, zh;q=0.1", "en"),
        ("zh;q=0", "en"),
        (";;;,q=,zh;q=x", "en"),
    ] {
        let answer = page.get("/", &format!("Accept-Language: {wanted}\r\n")).await;
        assert!(answer.contains(&format!("<html lang=\"{language}\"")), "{wanted}");
        assert!(
            answer.to_ascii_lowercase().contains(&format!("content-language: {}", language.to_lowercase()))
        );
    }
}

#[tokio::test]
async fn what_is_long_is_packed_for_those_who_can_unpack_it() {
    use std::io::Read as _;
    let page = Page::start(false).await;
    let mut stream = page.connect().await;
    let ask = "GET /style.css HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept-Encoding: br, GZIP;q=0.5\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    assert!(head.contains("content-encoding: gzip") && head.contains("vary: accept-encoding"), "{head}");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&answer[end + 4..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, assets::asset("/style.css").unwrap().text);
    assert!(!page.get("/style.css", "Accept-Encoding: gzip;q=0\r\n").await.contains("content-encoding"));
}

#[tokio::test]
async fn a_page_elsewhere_that_lends_its_name_to_this_machine_reaches_nothing() {
    let page = Page::start(false).await;
    let with = |host: &str| format!("GET /api/v1/now HTTP/1.1\r\nConnection: close\r\n{host}\r\n");
    for ours in [
        "Host: localhost",
        "Host: LOCALHOST:8480",
        "Host: 127.0.0.1:1",
        "Host: [::1]:8480",
        "Host: gw.mall.example",
    ] {
        assert_eq!(code(&page.raw(with(&format!("{ours}\r\n")).as_bytes()).await), 200, "{ours}");
    }
    for other in [
        "Host: evil.example\r\n",
        "Host: localhost.evil.example\r\n",
        "Host: 127.0.0.1.evil.example\r\n",
        "Host: localhost:80:80\r\n",
        "Host: localhost@evil.example\r\n",
        "Host: localhost\r\nHost: evil.example\r\n",
        "Host: \r\n",
        "",
    ] {
        let answer = page.raw(with(other).as_bytes()).await;
        assert!(matches!(code(&answer), 400 | 421), "{other:?}: {answer}");
        assert!(!answer.contains("\"floors\""));
    }
    let proxy = "GET http://evil.example/api/v1/now HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(code(&page.raw(proxy.as_bytes()).await), 421);
}

#[tokio::test]
async fn where_a_token_is_demanded_nothing_is_told_without_it() {
    let page = Page::start(true).await;
    for path in ["/api/v1/now", "/events", "/metrics"] {
        for headers in [
            "",
            "Authorization: Bearer short\r\n",
            "Authorization: Bearer a-token-that-nobody-guesseS\r\n",
            "Authorization: Basic YTpi\r\n",
            "Cookie: edge_agent=99999999999.0000\r\n",
            "Cookie: edge_agent=x; edge_agent=; edge_agent=.\r\n",
        ] {
            let answer = page.get(path, headers).await;
            assert_eq!(code(&answer), 401, "{path} {headers}");
            assert!(!answer.contains("Lantern Court"));
        }
    }
    let answer = page.get("/", "").await;
    assert!(code(&answer) == 303 && answer.contains("location: /login"), "{answer}");
    assert_eq!(code(&page.get("/login", "").await), 200);
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    assert!(page.get("/", &bearer).await.contains("id=\"logout\">"), "who signed in can sign out");
    assert_eq!(json(&page.get("/api/v1/now", &bearer).await)["site"]["name"], "Lantern Court");
}

#[tokio::test]
async fn a_login_gives_a_cookie_that_scripts_and_other_sites_do_not_get() {
    let page = Page::start(true).await;
    let wrong = page.post("/login", "", "token=guessed-guessed-guessed").await;
    assert!(
        code(&wrong) == 303 && wrong.contains("/login?wrong") && !wrong.contains("set-cookie"),
        "{wrong}"
    );
    let elsewhere = page.post("/login", "Sec-Fetch-Site: cross-site\r\n", &format!("token={TOKEN}")).await;
    assert_eq!(code(&elsewhere), 403);
    let origin = page.post("/login", "Origin: https://evil.example\r\n", &format!("token={TOKEN}")).await;
    assert_eq!(code(&origin), 403);

    let right = page
        .post("/login", "Origin: http://localhost\r\n", &format!("x=1&token={}", TOKEN.replace('-', "%2d")))
        .await;
    let line = right.lines().find(|l| l.starts_with("set-cookie: ")).unwrap_or_else(|| panic!("{right}"));
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!line.contains(TOKEN));
    let cookie = line.trim_start_matches("set-cookie: ").split(';').next().unwrap();
    assert_eq!(code(&page.get("/api/v1/now", &format!("Cookie: a=b; {cookie}\r\n")).await), 200);
    // One digit of it changed.
    let (head, last) = cookie.split_at(cookie.len() - 1);
    let forged = format!("{head}{}", if last == "0" { '1' } else { '0' });
    assert_eq!(code(&page.get("/api/v1/now", &format!("Cookie: {forged}\r\n")).await), 401);
    // The token is taken away: what was given for it is worth nothing.
    std::fs::write(&page.tokens, "another-token-of-the-file\n").unwrap();
    assert_eq!(code(&page.get("/api/v1/now", &format!("Cookie: {cookie}\r\n")).await), 401);
}

#[tokio::test]
async fn hostile_requests_get_an_error_or_nothing_and_the_next_one_is_served() {
    let page = Page::start(false).await;
    let long = "x".repeat(20_000);
    let body = "y".repeat(64 << 10);
    let requests: Vec<Vec<u8>> = vec![
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"\r\n\r\n\r\n\0\0\0\0".to_vec(),
        format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").into_bytes(),
        format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\nConnection: close\r\n\r\n").into_bytes(),
        format!("POST /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes(),
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\nffffffffffffffff1\r\n".to_vec(),
        b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_vec(),
        b"GET /%2e%2e/%00 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_vec(),
        b"DELETE /api/v1/now HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_vec(),
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_vec(),
    ];
    for request in requests {
        let answer = page.raw(&request).await;
        let shown = String::from_utf8_lossy(&request[..request.len().min(60)]).into_owned();
        assert!(code(&answer) == 0 || code(&answer) >= 300, "{shown}: {answer}");
        assert!(!answer.contains("root:"));
        assert_eq!(code(&page.get("/", "").await), 200, "after {shown}");
    }
}

#[tokio::test]
async fn the_document_says_what_is_there_and_what_is_not_known() {
    let page = Page::start(false).await;
    let now = json(&page.get("/api/v1/now", "").await);
    assert_eq!(now["floors"].as_array().unwrap().len(), 4);
    assert!(now["health"].is_null() && now["flow"]["site"].is_null());
    assert_eq!(now["visits"]["arrived"], 0);
    assert_eq!(code(&page.get("/metrics", "").await), 503);
}

#[tokio::test]
async fn every_key_of_the_document_is_described() {
    let page = Page::start(false).await;
    page.status.pulse().beat(PipelineHealth::default());
    let Value::Object(now) = json(&page.get("/api/v1/now", "").await) else { panic!("no object") };
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/web.md")).unwrap();
    let missing: Vec<_> = now.keys().filter(|key| !text.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "docs/web.md does not describe {missing:?}");
}

#[test]
fn every_alarm_has_words_in_both_languages_and_a_section_of_the_runbook() {
    let source = include_str!("../now/alarms.rs");
    let ids = source.split('"').skip(1).step_by(2).filter(|word| word.contains('-'));
    let alerts = include_str!("../../../../docs/monitoring/README.md");
    let words = include_str!("page/words.js");
    let mut n = 0;
    for id in ids {
        n += 1;
        assert_eq!(words.matches(&format!("\"{id}\": ")).count(), 2, "{id} in words.js");
        assert!(alerts.contains(&format!("| `{id}` |")), "{id} is no alert");
    }
    assert!(n >= 15, "{n}");
}

#[tokio::test]
async fn who_follows_gets_everything_and_then_what_changes() {
    let page = Page::start(false).await;
    let mut stream = page.connect().await;
    stream.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut text = String::new();
    let mut until = async |what: &str| {
        let mut buffer = [0; 4096];
        let read = async {
            while !text.contains(what) {
                let n = stream.read(&mut buffer).await.unwrap();
                assert!(n > 0, "closed before {what}: {text}");
                text.push_str(&String::from_utf8_lossy(&buffer[..n]));
            }
        };
        tokio::time::timeout(Duration::from_secs(20), read).await.unwrap_or_else(|_| panic!("no {what}"));
    };
    until("event: now\n").await;
    until("\"floors\"").await;
    // Something is known: the next look finds it.
    page.status.pulse().beat(PipelineHealth::default());
    until("event: change\n").await;
    page.status.web(|web| assert_eq!(web.listeners, 1));
}

#[tokio::test]
async fn more_pages_than_places_are_sent_away_and_a_place_is_free_again() {
    let page = Page::start(false).await;
    let mut open = Vec::new();
    for _ in 0..LISTENERS {
        let mut stream = page.connect().await;
        stream.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut first = [0; 15];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200 OK");
        open.push(stream);
    }
    let refused = page.get("/events", "").await;
    assert!(code(&refused) == 503 && refused.contains("retry-after"), "{refused}");
    page.status.web(|web| assert_eq!(web.refused["listeners"], 1));
    open.clear();
    let freed = async {
        loop {
            let mut stream = page.connect().await;
            stream.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
            let mut first = [0; 12];
            stream.read_exact(&mut first).await.unwrap();
            if first.ends_with(b"200") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), freed).await.unwrap();
}

#[tokio::test]
async fn connections_are_bounded_and_those_that_say_nothing_are_let_go() {
    let page = Page::start(false).await;
    let mut silent = Vec::new();
    for _ in 0..CONNECTIONS {
        silent.push(page.connect().await);
    }
    // No place is left: the next one is closed unheard.
    let turned_away = async {
        loop {
            if page.get("/", "").await.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), turned_away).await.unwrap();
    // Whoever sends no headers is let go after ten seconds.
    let served = async {
        while code(&page.get("/", "").await) != 200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE + Duration::from_secs(15), served).await.unwrap();
}

#[tokio::test]
async fn who_does_not_read_is_let_go_and_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    let counted = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let count = Arc::clone(&counted);
    let told = move || {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    };
    let mut stuck = Stuck::new(server, Duration::from_millis(200), told);
    let chunk = vec![0; 1 << 20];
    let failed = async {
        loop {
            if let Err(e) = stuck.write_all(&chunk).await {
                return e;
            }
        }
    };
    let why = tokio::time::timeout(Duration::from_secs(20), failed).await.unwrap();
    assert_eq!(why.kind(), std::io::ErrorKind::TimedOut);
    assert_eq!(counted.load(std::sync::atomic::Ordering::Relaxed), 1);
    drop(client);
}
