//! Who may see the page.
//!
//! Two questions. Is the `Host` ours? A page on the internet whose name suddenly stands for this machine (DNS rebinding)
//! sends its own name. Addresses and `localhost` are ours, and the names in `web.hosts`. And, where a token is demanded: does
//! the request carry it, as `Authorization: Bearer`, or a cookie that was given for it? The cookie is not the token: it is
//! a time of expiry with a keyed hash of it and the token, under a key of this run. It ends with the run, with the token
//! and after twelve hours.

use crate::config::WebSettings;
use hyper::header::{AUTHORIZATION, COOKIE, HOST};
use hyper::{HeaderMap, Uri};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::warn;
use zeroize::Zeroizing;

/// The shortest token that is one.
pub(super) const MIN_TOKEN: usize = 16;
/// Longest token file.
const MAX_FILE: u64 = 64 << 10;
/// How long a cookie is good.
pub(super) const SESSION_S: u64 = 12 * 3600;
/// Its name.
pub(super) const COOKIE_NAME: &str = "edge_agent";

/// Asks both questions.
pub(super) struct Guard {
    hosts: Vec<String>,
    token_file: Option<PathBuf>,
    key: [u8; 32],
}

impl Guard {
    pub(super) fn new(settings: &WebSettings) -> Self {
        let mut key = [0; 32];
        if getrandom::fill(&mut key).is_err() {
            // Without randomness cookies cannot be told from forged ones: none is good then.
            warn!("no randomness for the web page's cookies: only bearer tokens are taken");
            key = [0; 32];
        }
        let hosts = settings.hosts.iter().map(|h| h.to_ascii_lowercase()).collect();
        Self { hosts, token_file: settings.token_file.clone(), key }
    }

    /// Whether a token is demanded.
    pub(super) fn demands_token(&self) -> bool {
        self.token_file.is_some()
    }

    /// Whether the request was meant for us.
    pub(super) fn is_our_host(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let mut given = headers.get_all(HOST).iter();
        let (first, second) = (given.next(), given.next());
        let Some(host) = first.filter(|_| second.is_none()).and_then(|h| h.to_str().ok()) else {
            return false;
        };
        // A request for a proxy names a host in its first line, too.
        let same = uri.authority().is_none_or(|a| a.as_str().eq_ignore_ascii_case(host));
        let Some(name) = name_of(host) else { return false };
        same && (name == "localhost" || name.parse::<IpAddr>().is_ok() || self.hosts.contains(&name))
    }

    /// Whether the request may see what it asks for.
    pub(super) fn is_allowed(&self, headers: &HeaderMap) -> bool {
        if self.token_file.is_none() {
            return true;
        }
        let bearer = headers.get(AUTHORIZATION).and_then(|v| v.as_bytes().strip_prefix(b"Bearer "));
        if bearer.is_some_and(|token| self.knows(token)) {
            return true;
        }
        let cookies = headers.get_all(COOKIE).iter().filter_map(|v| v.to_str().ok());
        let ours = cookies
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().strip_prefix(COOKIE_NAME)?.strip_prefix('='));
        // Few suffice: more are somebody's attempt to keep us busy.
        ours.take(4).any(|cookie| self.is_ours(cookie))
    }

    /// Whether this is a token of the file, which is read each time: tokens can be exchanged while we run.
    pub(super) fn knows(&self, given: &[u8]) -> bool {
        // Hashes of equal length, compared in constant time: that tells nothing of how much of a token was right.
        let given = blake3::hash(given.trim_ascii());
        self.tokens().iter().fold(false, |found, token| found | (*token == given))
    }

    /// A cookie for who has shown this token.
    pub(super) fn cookie(&self, token: &[u8]) -> Option<String> {
        let expires = now_s() + SESSION_S;
        let mac = self.mac(expires, blake3::hash(token.trim_ascii()))?;
        Some(format!("{expires}.{}", mac.to_hex()))
    }

    fn is_ours(&self, cookie: &str) -> bool {
        let Some((expires, mac)) = cookie.split_once('.') else { return false };
        let (Ok(expires), Ok(given)) = (expires.parse::<u64>(), blake3::Hash::from_hex(mac)) else {
            return false;
        };
        if expires < now_s() || expires > now_s() + SESSION_S {
            return false;
        }
        let known = self.tokens().into_iter().filter_map(|token| self.mac(expires, token));
        known.fold(false, |found, mac| found | (mac == given))
    }

    fn mac(&self, expires: u64, token: blake3::Hash) -> Option<blake3::Hash> {
        let drawn = self.key != [0; 32];
        drawn.then(|| {
            let mut hash = blake3::Hasher::new_keyed(&self.key);
            hash.update(&expires.to_be_bytes()).update(token.as_bytes());
            hash.finalize()
        })
    }

    /// Hashes of the tokens.
    fn tokens(&self) -> Vec<blake3::Hash> {
        use std::io::Read as _;
        let Some(path) = &self.token_file else { return Vec::new() };
        let mut text = Zeroizing::new(String::new());
        let read = std::fs::File::open(path).and_then(|f| f.take(MAX_FILE).read_to_string(&mut text));
        if let Err(e) = read {
            warn!(file = %path.display(), "no token of the web page can be checked: {e}");
            return Vec::new();
        }
        let tokens = text.lines().map(str::trim).filter(|token| token.len() >= MIN_TOKEN);
        tokens.map(|token| blake3::hash(token.as_bytes())).collect()
    }
}

/// The name or address in a `Host`, without its port, in lower case.
fn name_of(host: &str) -> Option<String> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (name, port) = rest.split_once(']')?;
            (name, port)
        }
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let port_is_one = port.is_empty() || port.strip_prefix(':').is_some_and(|p| p.parse::<u16>().is_ok());
    (port_is_one && !name.is_empty()).then(|| name.to_ascii_lowercase())
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}
