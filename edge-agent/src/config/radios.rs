//! What `agent.toml` says of radios, checked: `[[source]]` of the kinds `wifi` and `ble`.

use super::agent::number;
use super::reader::Table;
use gateway::wifi::radio::{Channels, Setup};
use gateway::wifi::radiotap;
use std::time::Duration;

/// A `[[source]]` that listens to the air.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RadioSettings {
    /// A Wi-Fi radio in monitor mode.
    Wifi(WifiSettings),
    /// A Bluetooth adapter.
    Ble(BleSettings),
}

/// `kind = "wifi"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WifiSettings {
    /// Id of the sensor in the site map.
    pub sensor: String,
    /// Interface, channels, dwell.
    pub setup: Setup,
}

/// `kind = "ble"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BleSettings {
    /// Id of the sensor in the site map.
    pub sensor: String,
    /// The adapter, such as `hci0`; the first there is when absent.
    pub adapter: Option<String>,
    /// Register an advertisement monitor, so that the chip does not filter duplicates.
    pub monitor: bool,
}

impl RadioSettings {
    /// Id of the sensor in the site map.
    pub fn sensor(&self) -> &str {
        match self {
            Self::Wifi(s) => &s.sensor,
            Self::Ble(s) => &s.sensor,
        }
    }

    /// The interface or adapter, where one is named.
    pub fn device(&self) -> Option<&str> {
        match self {
            Self::Wifi(s) => Some(&s.setup.interface),
            Self::Ble(s) => s.adapter.as_deref(),
        }
    }

    /// Its name on the board and in the log: `wifi wlan1`.
    pub fn name(&self) -> String {
        match self {
            Self::Wifi(s) => format!("wifi {}", s.setup.interface),
            Self::Ble(s) => format!("ble {}", s.adapter.as_deref().unwrap_or("any adapter")),
        }
    }
}

/// The kinds of radios.
#[derive(Clone, Copy, Debug)]
pub(super) enum RadioKind {
    Wifi,
    Ble,
}

pub(super) fn radio(t: &Table<'_>, kind: RadioKind) -> RadioSettings {
    let sensor = t.required_string("sensor", "\"F1-S01\"");
    let radio = match kind {
        RadioKind::Wifi => RadioSettings::Wifi(WifiSettings { sensor, setup: wifi(t) }),
        RadioKind::Ble => {
            let adapter = t.string("adapter", "\"hci0\"");
            if let Some(wrong) = adapter.as_deref().filter(|a| !is_name(a)) {
                t.problem("adapter", format!("{wrong:?} is no adapter; write adapter = \"hci0\""));
            }
            let monitor = t.boolean("monitor", "false").unwrap_or(true);
            RadioSettings::Ble(BleSettings { sensor, adapter, monitor })
        }
    };
    t.done();
    radio
}

fn wifi(t: &Table<'_>) -> Setup {
    let interface = t.required_string("interface", "\"wlan1\"");
    if !interface.is_empty() && !is_name(&interface) {
        t.problem("interface", format!("{interface:?} is no interface; write interface = \"wlan1\""));
    }
    let listed = t.integers("channels", 1..=7_115, "[1, 6, 11, 36, 5975]");
    let stay = t.boolean("stay", "true").unwrap_or(false);
    if stay && listed.is_some() {
        t.problem("stay", "leaves the channel as it is; leave channels out, or stay");
    }
    let channels = match listed {
        _ if stay => Channels::Stay,
        None => Channels::Auto,
        Some(listed) => {
            if listed.is_empty() {
                t.problem("channels", "is empty; leave it out for those where phones probe");
            }
            let wrong = listed.iter().find(|n| mhz(**n).is_none());
            if let Some(n) = wrong {
                let message = format!(
                    "{n} is neither a channel of 2.4 or 5 GHz (1…14, 36…177) nor a frequency in MHz; \
                     write 6 GHz as MHz, such as 5975"
                );
                t.problem("channels", message);
            }
            Channels::These(listed.into_iter().filter_map(mhz).collect())
        }
    };
    Setup { interface, channels, dwell: Duration::from_millis(number(t, "dwell_ms", 20..=60_000, 200)) }
}

/// A number up to 177 is a channel of 2.4 or 5 GHz, a larger one a frequency.
fn mhz(n: i64) -> Option<u16> {
    let mhz = match n {
        1..=13 => 2407 + 5 * n,
        14 => 2484,
        36..=177 => 5000 + 5 * n,
        _ => n,
    };
    u16::try_from(mhz).ok().filter(|mhz| radiotap::channel(*mhz).is_some())
}

/// Names of interfaces are at most 15 bytes and become part of paths.
fn is_name(name: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    (1..=15).contains(&name.len()) && name.chars().all(part) && !name.starts_with('.')
}
