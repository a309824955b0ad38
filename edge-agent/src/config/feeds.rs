//! What `agent.toml` says of receipt feeds, checked: `[[source]]` of the kinds `serial`, `printer`, `http`, `mqtt` and
//! `folder`, and `[receipts]`.

use super::agent::{Reader, number, seconds};
use super::reader::Table;
use super::settings::{AgentConfig, MqttTlsSettings, SourceSettings};
use gateway::pos::table::Column;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use visit_core::observation::Currency;

/// `[receipts]`: what all receipt feeds have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptSettings {
    /// For feeds that name no currency.
    pub currency: Option<Currency>,
    /// Minutes of the local day at which the mall opens and closes; closing may be after midnight (more than 1440).
    pub opening_hours: (u16, u16),
    /// A feed of which too little is known is silent after this long within opening hours.
    pub silent_after: Duration,
    /// A receipt waits so long for its decision: what is heard just after the sale counts too.
    pub decide_after: Duration,
    /// Where the tap process (`edge-agent tap`) hands over what printers print; `None`: the daemon listens itself.
    pub tap_socket: Option<PathBuf>,
}

/// A `[[source]]` that brings receipts.
#[derive(Clone, Debug, PartialEq)]
pub enum FeedSettings {
    /// A copy of the line between till and printer.
    Serial(SerialSettings),
    /// A network printer: TCP port 9100.
    Printer(PrinterSettings),
    /// POS software pushes JSON over HTTP.
    Http(HttpSettings),
    /// POS software publishes over MQTT.
    Mqtt(MqttFeedSettings),
    /// Files dropped in a folder.
    Folder(FolderSettings),
}

/// `kind = "serial"`
#[derive(Clone, Debug, PartialEq)]
pub struct SerialSettings {
    /// Id of the till in the site map.
    pub till: String,
    /// The line, best by a name that stays: `/dev/serial/by-id/…`.
    pub device: PathBuf,
    /// Bits a second.
    pub baud: u32,
    /// 7 or 8.
    pub data_bits: u8,
    /// None, even or odd.
    pub parity: Parity,
    /// 1 or 2.
    pub stop_bits: u8,
    /// How its receipts are read; `None`: they are recorded as unreadable.
    pub template: Option<PathBuf>,
}

/// Parity of a serial line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parity {
    /// No parity bit.
    #[default]
    None,
    /// Even.
    Even,
    /// Odd.
    Odd,
}

/// `kind = "printer"`
#[derive(Clone, Debug, PartialEq)]
pub struct PrinterSettings {
    /// Id of the till in the site map.
    pub till: String,
    /// Where tills print to.
    pub listen: SocketAddr,
    /// `host:port` of the real printer, to which every byte goes on; `None`: we are the printer, and only listen.
    pub forward: Option<String>,
    /// How its receipts are read; `None`: they are recorded as unreadable.
    pub template: Option<PathBuf>,
}

/// `kind = "http"`
#[derive(Clone, Debug, PartialEq)]
pub struct HttpSettings {
    /// Where POS software posts to.
    pub listen: SocketAddr,
    /// File with the bearer tokens that may post, one a line.
    pub token_file: PathBuf,
    /// Our certificate and its private key, PEM; `None`: plain HTTP.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// The till of receipts whose own is not in the site map.
    pub till: Option<String>,
    /// For receipts without a currency.
    pub currency: Option<Currency>,
}

/// `kind = "mqtt"`
#[derive(Clone, Debug, PartialEq)]
pub struct MqttFeedSettings {
    /// Topic filters.
    pub topics: Vec<String>,
    /// Another broker than `[mqtt]`: host and port.
    pub broker: Option<(String, u16)>,
    /// User name at that broker.
    pub username: Option<String>,
    /// File that holds the password.
    pub password_file: Option<PathBuf>,
    /// TLS to that broker.
    pub tls: Option<MqttTlsSettings>,
    /// Client id; one made of site and gateway when absent.
    pub client_id: Option<String>,
    /// The till of receipts whose own is not in the site map.
    pub till: Option<String>,
    /// For receipts without a currency.
    pub currency: Option<Currency>,
}

/// `kind = "folder"`
#[derive(Clone, Debug, PartialEq)]
pub struct FolderSettings {
    /// Where files are dropped: `.xml` (POSLog), `.csv`, `.jsonl`, `.json`.
    pub path: PathBuf,
    /// How often it is looked through.
    pub poll: Duration,
    /// A file whose size and time have not changed for this long is complete.
    pub settle: Duration,
    /// Days that files which were taken in are kept in `done/`; 0: they are deleted at once.
    pub keep_days: u16,
    /// The till of receipts whose own is not in the site map.
    pub till: Option<String>,
    /// For receipts without a currency.
    pub currency: Option<Currency>,
    /// WHATWG label of the encoding of CSV files; told by the first bytes when absent.
    pub encoding: Option<String>,
    /// Columns of CSV files by their own names, where they are not known ones: (name, what it holds).
    pub columns: Vec<(String, Column)>,
}

impl FeedSettings {
    /// The till it names.
    pub fn till(&self) -> Option<&str> {
        match self {
            Self::Serial(s) => Some(&s.till),
            Self::Printer(s) => Some(&s.till),
            Self::Http(s) => s.till.as_deref(),
            Self::Mqtt(s) => s.till.as_deref(),
            Self::Folder(s) => s.till.as_deref(),
        }
    }
}

/// The kinds of `[[source]]` that are read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FeedKind {
    Serial,
    Printer,
    Http,
    Mqtt,
    Folder,
}

/// Reads a `[[source]]` of one of these kinds.
pub(super) fn feed(r: &Reader<'_>, t: &Table<'_>, kind: FeedKind) -> FeedSettings {
    let settings = match kind {
        FeedKind::Serial => FeedSettings::Serial(serial(r, t)),
        FeedKind::Printer => FeedSettings::Printer(printer(r, t)),
        FeedKind::Http => FeedSettings::Http(http(r, t)),
        FeedKind::Mqtt => FeedSettings::Mqtt(mqtt(r, t)),
        FeedKind::Folder => FeedSettings::Folder(folder(r, t)),
    };
    t.done();
    settings
}

/// Reads `[receipts]`.
pub(super) fn receipts(r: &Reader<'_>, t: &Table<'_>) -> ReceiptSettings {
    let hours = t.string("opening_hours", HOURS);
    let opening_hours = hours.and_then(|text| {
        let hours = opening_hours(&text);
        if hours.is_none() {
            t.problem(
                "opening_hours",
                format!("{text:?} are no opening hours; write opening_hours = {HOURS}"),
            );
        }
        hours
    });
    let settings = ReceiptSettings {
        currency: currency(t),
        opening_hours: opening_hours.unwrap_or((10 * 60, 22 * 60)),
        silent_after: Duration::from_secs(60 * number(t, "silent_after_min", 10..=10_080, 120)),
        decide_after: seconds(t, "decide_after_s", 0..=600, 180),
        tap_socket: r.path(t, "tap_socket", "\"/run/edge-agent/tap.sock\""),
    };
    t.done();
    settings
}

/// What sources say about each other, and what deserves a second look.
pub(super) fn check(root: &Table<'_>, agent: &AgentConfig, doubts: &mut Vec<(String, String)>) {
    let feeds = || {
        agent.sources.iter().enumerate().filter_map(|(i, source)| match source {
            SourceSettings::Feed(feed) => Some((i, feed)),
            SourceSettings::Replay(_) | SourceSettings::Node(_) | SourceSettings::Radio(_) => None,
        })
    };
    let mut live = agent.sources.iter().enumerate().filter(|(_, source)| source.is_live());
    if let Some((i, _)) = live.next().filter(|_| live.count() + 1 < agent.sources.len()) {
        let message = "brings what happens now, and another source plays recordings, which have a clock of their \
                       own; give each a gateway of its own";
        root.problem(&format!("source[{i}]"), message);
    }
    let mut taken: Vec<(Place<'_>, usize)> = Vec::new();
    for (i, source) in agent.sources.iter().enumerate() {
        let place = match source {
            SourceSettings::Feed(FeedSettings::Serial(s)) => Some(Place::Path(&s.device)),
            SourceSettings::Feed(FeedSettings::Printer(s)) => Some(Place::Port(s.listen)),
            SourceSettings::Feed(FeedSettings::Http(s)) => Some(Place::Port(s.listen)),
            SourceSettings::Feed(FeedSettings::Folder(s)) => Some(Place::Path(&s.path)),
            SourceSettings::Node(s) => Some(Place::Path(&s.device)),
            SourceSettings::Radio(radio) => radio.device().map(|name| Place::Path(Path::new(name))),
            SourceSettings::Feed(FeedSettings::Mqtt(_)) | SourceSettings::Replay(_) => None,
        };
        let other = place.and_then(|place| taken.iter().find(|(other, _)| other.overlaps(place)));
        match (place, other) {
            (Some(place), Some((_, j))) => {
                root.problem(&format!("source[{i}]"), format!("{place} is source[{j}]'s already"));
            }
            (Some(place), None) => taken.push((place, i)),
            (None, _) => {}
        }
    }
    for (i, feed) in feeds() {
        match feed {
            FeedSettings::Printer(s) if s.forwards_to_itself() => {
                let message = "leads back to its own listen; write the address of the printer";
                root.problem(&format!("source[{i}].forward"), message);
            }
            FeedSettings::Printer(s) if s.forward.is_some() && agent.receipts.tap_socket.is_none() => {
                let message = "tills print through this process: they cannot while it restarts; give printers a \
                               process of their own (receipts.tap_socket, edge-agent tap)";
                doubts.push((format!("source[{i}].forward"), message.into()));
            }
            FeedSettings::Http(s) if s.tls.is_none() && !s.listen.ip().is_loopback() => {
                let message = "without cert and key the token and the receipts travel in the clear";
                doubts.push((format!("source[{i}].listen"), message.into()));
            }
            _ => {}
        }
    }
}

/// What one source has to itself.
#[derive(Clone, Copy)]
enum Place<'a> {
    Path(&'a Path),
    Port(SocketAddr),
}

impl Place<'_> {
    fn overlaps(self, other: Place<'_>) -> bool {
        match (self, other) {
            (Place::Path(a), Place::Path(b)) => a == b,
            (Place::Port(a), Place::Port(b)) => {
                let everywhere = a.ip().is_unspecified() || b.ip().is_unspecified();
                // A port that could not be read stands as 0, and has been told.
                a.port() == b.port() && a.port() != 0 && (a.ip() == b.ip() || everywhere)
            }
            _ => false,
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Path(path) => path.display().fmt(f),
            Place::Port(address) => address.fmt(f),
        }
    }
}

impl PrinterSettings {
    /// What it received it would receive again, for ever.
    fn forwards_to_itself(&self) -> bool {
        let to = self.forward.as_deref().and_then(|to| to.replace("localhost", "127.0.0.1").parse().ok());
        to.is_some_and(|to: SocketAddr| {
            let here = to.ip().is_loopback() && self.listen.ip().is_unspecified();
            to.port() == self.listen.port() && (to.ip() == self.listen.ip() || here)
        })
    }
}

fn serial(r: &Reader<'_>, t: &Table<'_>) -> SerialSettings {
    t.present_or_missing("device", DEVICE);
    SerialSettings {
        till: t.required_string("till", TILL),
        device: r.path(t, "device", DEVICE).unwrap_or_default(),
        baud: number(t, "baud", 300..=4_000_000, 9_600),
        data_bits: number(t, "data_bits", 7..=8, 8),
        parity: t
            .one_of("parity", &[("none", Parity::None), ("even", Parity::Even), ("odd", Parity::Odd)])
            .unwrap_or_default(),
        stop_bits: number(t, "stop_bits", 1..=2, 1),
        template: r.path(t, "template", TEMPLATE),
    }
}

fn printer(r: &Reader<'_>, t: &Table<'_>) -> PrinterSettings {
    let forward = t.string("forward", "\"10.0.0.7:9100\"");
    if let Some(text) = &forward
        && !text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    {
        t.problem("forward", format!("{text:?} is no host and port; write forward = \"10.0.0.7:9100\""));
    }
    PrinterSettings {
        till: t.required_string("till", TILL),
        listen: listen(t, "\"0.0.0.0:9100\""),
        forward,
        template: r.path(t, "template", TEMPLATE),
    }
}

fn http(r: &Reader<'_>, t: &Table<'_>) -> HttpSettings {
    t.present_or_missing("token_file", TOKENS);
    let (cert, key) = (
        r.secret(t, "cert", "\"/etc/edge-agent/gw-01.pem\""),
        r.secret(t, "key", "\"/etc/edge-agent/gw-01.key\""),
    );
    if cert.is_some() != key.is_some() {
        let (have, lack) = if cert.is_some() { ("cert", "key") } else { ("key", "cert") };
        t.problem(have, format!("comes with {lack}: a certificate and its private key go together"));
    }
    HttpSettings {
        listen: listen(t, "\"127.0.0.1:8088\""),
        token_file: r.secret(t, "token_file", TOKENS).unwrap_or_default(),
        tls: cert.zip(key),
        till: t.string("till", TILL),
        currency: currency(t),
    }
}

fn mqtt(r: &Reader<'_>, t: &Table<'_>) -> MqttFeedSettings {
    t.present_or_missing("topics", TOPICS);
    let topics = t.strings("topics", TOPICS).unwrap_or_default();
    if let Some(bad) = topics.iter().find(|filter| !is_topic_filter(filter)) {
        t.problem("topics", format!("{bad:?} is no topic filter (MQTT 5.0 §4.7.1); write topics = {TOPICS}"));
    }
    let tls = r.tls(&t.table("tls"));
    let host = t.string("host", "\"pos-broker.example\"");
    let port = number(t, "port", 1..=65_535, if tls.is_some() { 8883 } else { 1883 });
    let (username, password_file) =
        (t.string("username", "\"gw-01\""), r.secret(t, "password_file", "\"/etc/edge-agent/pos-password\""));
    if host.is_none() && (username.is_some() || password_file.is_some() || tls.is_some() || t.has("port")) {
        let message = "is missing; port, username, password_file and tls are those of another broker than [mqtt]: \
                       write host = \"pos-broker.example\", or leave them out";
        t.problem("host", message);
    }
    MqttFeedSettings {
        topics,
        broker: host.map(|host| (host, port)),
        username,
        password_file,
        tls,
        client_id: t.string("client_id", "\"edge-agent-mall-1-gw-01-pos\""),
        till: t.string("till", TILL),
        currency: currency(t),
    }
}

fn folder(r: &Reader<'_>, t: &Table<'_>) -> FolderSettings {
    t.present_or_missing("path", "\"/srv/pos\"");
    FolderSettings {
        path: r.path(t, "path", "\"/srv/pos\"").unwrap_or_default(),
        poll: seconds(t, "poll_s", 1..=3_600, 2),
        settle: seconds(t, "settle_s", 1..=3_600, 5),
        keep_days: number(t, "keep_days", 0..=3_650, 7),
        till: t.string("till", TILL),
        currency: currency(t),
        encoding: t.string("encoding", "\"gb18030\""),
        columns: columns(t),
    }
}

/// `["amount=实付金额", …]`: what a column holds, and the name it has in the file.
fn columns(t: &Table<'_>) -> Vec<(String, Column)> {
    let mut columns = Vec::new();
    for text in t.strings("columns", COLUMNS).unwrap_or_default() {
        let column = text.split_once('=').and_then(|(what, name)| {
            let what = what.trim();
            let column = COLUMN_WORDS.iter().find(|(word, _)| *word == what)?.1;
            Some((name.trim().to_owned(), column)).filter(|(name, _)| !name.is_empty())
        });
        match column {
            Some(column) => columns.push(column),
            None => {
                let words: Vec<_> = COLUMN_WORDS.iter().map(|(word, _)| *word).collect();
                let message = format!(
                    "{text:?} names no column; write columns = {COLUMNS}, with one of {} before the =",
                    words.join(", ")
                );
                t.problem("columns", message);
            }
        }
    }
    columns
}

fn listen(t: &Table<'_>, example: &str) -> SocketAddr {
    t.present_or_missing("listen", example);
    let text = t.string("listen", example);
    let address = text.as_ref().and_then(|text| text.parse().ok());
    if let (Some(text), None) = (&text, address) {
        t.problem("listen", format!("{text:?} is no address and port; write listen = {example}"));
    }
    address.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)))
}

fn currency(t: &Table<'_>) -> Option<Currency> {
    let text = t.string("currency", "\"CNY\"")?;
    let code = Currency::new(&text);
    if code.is_none() {
        t.problem("currency", format!("{text:?} is no ISO 4217 code; write currency = \"CNY\""));
    }
    code
}

/// `"10:00-22:00"` as minutes of the day; a closing time not after the opening time is that of the next day.
fn opening_hours(text: &str) -> Option<(u16, u16)> {
    let minutes = |text: &str| {
        let (h, m) = text.trim().split_once(':')?;
        let (h, m): (u16, u16) = (h.parse().ok()?, m.parse().ok()?);
        (m < 60 && h <= 24 && h * 60 + m <= 24 * 60).then(|| h * 60 + m)
    };
    let (open, close) = text.split_once('-')?;
    let (open, close) = (minutes(open).filter(|m| *m < 24 * 60)?, minutes(close)?);
    Some((open, if close <= open { close + 24 * 60 } else { close }))
}

/// MQTT 5.0 §4.7.1: `#` alone on the last level, `+` alone on its level, not empty.
fn is_topic_filter(filter: &str) -> bool {
    let levels: Vec<_> = filter.split('/').collect();
    let last = levels.len() - 1;
    let fits = |(i, level): (usize, &&str)| match *level {
        "#" => i == last,
        "+" => true,
        other => !other.contains(['#', '+', '\0']),
    };
    !filter.is_empty() && levels.iter().enumerate().all(fits)
}

const HOURS: &str = "\"10:00-22:00\"";
const TILL: &str = "\"till-1\"";
const DEVICE: &str = "\"/dev/serial/by-id/usb-tap-1\"";
const TEMPLATE: &str = "\"templates/zh-generic.toml\"";
const TOKENS: &str = "\"/etc/edge-agent/push-tokens\"";
const TOPICS: &str = "[\"pos/+/receipts\"]";
const COLUMNS: &str = "[\"amount=实付金额\"]";
const COLUMN_WORDS: &[(&str, Column)] = &[
    ("store", Column::Store),
    ("till", Column::Till),
    ("number", Column::Number),
    ("date", Column::Date),
    ("time", Column::Time),
    ("business_date", Column::BusinessDate),
    ("type", Column::Type),
    ("amount", Column::Amount),
    ("currency", Column::Currency),
    ("member", Column::Member),
    ("refers_to", Column::RefersTo),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_hours_may_go_past_midnight() {
        assert_eq!(opening_hours("10:00-22:00"), Some((600, 1320)));
        assert_eq!(opening_hours("10:30 - 02:00"), Some((630, 1560)));
        assert_eq!(opening_hours("00:00-24:00"), Some((0, 1440)));
        assert_eq!(opening_hours("10:00-10:00"), Some((600, 2040)), "around the clock");
        for wrong in
            ["", "10-22", "10:60-22:00", "24:00-01:00", "10:00-25:00", "2000:00-1:00", "70000:00-1:00"]
        {
            assert_eq!(opening_hours(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn topic_filters_are_those_of_the_standard() {
        for right in ["pos/+/receipts", "#", "a/#", "+", "/a", "a//b"] {
            assert!(is_topic_filter(right), "{right}");
        }
        for wrong in ["", "a#", "#/a", "a/#/b", "a+/b", "a\0"] {
            assert!(!is_topic_filter(wrong), "{wrong:?}");
        }
    }
}
