//! `[web]`: the operators' page and `/metrics`.

use super::agent::{Doubt, Reader};
use super::reader::Table;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// `[web]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebSettings {
    /// Serve it at all.
    pub enabled: bool,
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// File with the tokens that may see it; without one, whoever is on this machine may.
    pub token_file: Option<PathBuf>,
    /// Names under which it is reached, beside addresses and `localhost`.
    pub hosts: Vec<String>,
}

impl Default for WebSettings {
    fn default() -> Self {
        Self { enabled: true, listen: DEFAULT, token_file: None, hosts: Vec::new() }
    }
}

/// Reads `[web]`.
pub(super) fn web(r: &Reader<'_>, t: &Table<'_>, doubts: &mut Vec<Doubt>) -> WebSettings {
    let settings = WebSettings {
        enabled: t.boolean("enabled", "true").unwrap_or(true),
        listen: listen(t).unwrap_or(DEFAULT),
        token_file: r.path(t, "token_file", TOKENS),
        hosts: t.strings("hosts", "[\"gw-01.mall.example\"]").unwrap_or_default(),
    };
    for host in &settings.hosts {
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || ":/[]".contains(c)) {
            let message =
                format!("{host:?} is no host name; write hosts = [\"gw-01.mall.example\"], without a port");
            t.problem("hosts", message);
        }
    }
    if settings.enabled && !settings.listen.ip().is_loopback() {
        let listen = settings.listen;
        if settings.token_file.is_none() {
            let message = format!(
                "is missing; {listen} is open to the network: write token_file = {TOKENS}, or listen = \"{DEFAULT}\""
            );
            t.problem("token_file", message);
        }
        doubts.push((
            "web.listen".into(),
            format!(
                "{listen} is open to the network, and the page speaks no TLS of its own: put a proxy with TLS before it"
            ),
        ));
    }
    t.done();
    settings
}

fn listen(t: &Table<'_>) -> Option<SocketAddr> {
    let text = t.string("listen", "\"127.0.0.1:8480\"")?;
    let address = text.parse::<SocketAddr>().ok().filter(|address| address.port() != 0);
    if address.is_none() {
        t.problem("listen", format!("{text:?} is no address and port; write listen = \"{DEFAULT}\""));
    }
    address
}

const DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8480);
const TOKENS: &str = "\"/etc/edge-agent/web-tokens\"";
