//! What `agent.toml` says of receipt feeds, checked: `[[source]]` of the kinds `serial`, `printer`, `http`, `mqtt` and
//! `folder`, and `[receipts]`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use visit_core::observation::Currency;

use super::settings::MqttTlsSettings;

/// `[receipts]`: what all receipt feeds have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptSettings {
    /// For feeds that name no currency.
    pub currency: Option<Currency>,
    /// Minutes of the local day at which the mall opens and closes; closing may be after midnight (more than 1440).
    pub opening_hours: (u16, u16),
    /// A feed of which too little is known is silent after this long within opening hours.
    pub silent_after: Duration,
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
    pub columns: Vec<(String, gateway::pos::table::Column)>,
}
