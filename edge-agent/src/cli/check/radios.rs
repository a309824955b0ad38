//! Whether the radios of the configuration can listen, and what to do when not. Nothing is tuned, made or switched.

use super::Report;
use crate::config::{AgentConfig, BleSettings, RadioSettings, SourceSettings, WifiSettings};
use gateway::wifi::capture::{Capture, CaptureError};
use gateway::wifi::nl80211::{Interface, Nl80211, Radio, iftype};
use gateway::wifi::plan::Plan;
use gateway::wifi::radio::{Channels, driver_of};
use std::fs;
use std::path::Path;

/// `CAP_NET_ADMIN` and `CAP_NET_RAW` of `linux/capability.h`.
const NET_ADMIN: u32 = 12;
const NET_RAW: u32 = 13;
const BUY: &str = "use a USB adapter of docs/hardware.md, and name its interface";

/// Looks at every radio.
pub(super) fn examine(agent: &AgentConfig, report: &mut Report) {
    let radios = agent.sources.iter().enumerate().filter_map(|(i, source)| match source {
        SourceSettings::Radio(radio) => Some((i, radio)),
        SourceSettings::Feed(_) | SourceSettings::Node(_) | SourceSettings::Replay(_) => None,
    });
    let mut wifi_seen = false;
    for (i, radio) in radios {
        match radio {
            RadioSettings::Wifi(settings) => {
                if !wifi_seen {
                    capabilities(report);
                    super::service::examine(report);
                    super::host::switched_off("wlan", report);
                }
                wifi_seen = true;
                wifi(i, settings, report);
            }
            RadioSettings::Ble(settings) => {
                super::host::switched_off("bluetooth", report);
                ble(i, settings, report);
            }
        }
    }
}

fn capabilities(report: &mut Report) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("CapEff:"));
    let held = line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
    for (name, bit) in [("CAP_NET_RAW", NET_RAW), ("CAP_NET_ADMIN", NET_ADMIN)] {
        if held >> bit & 1 == 0 {
            report.warn(
                format!("{name} is not held by who runs this: what needs it cannot be told"),
                "the service holds it with systemd/edge-agent-wifi.conf; check as root to see the rest",
            );
        }
    }
}

fn wifi(i: usize, settings: &WifiSettings, report: &mut Report) {
    let name = &settings.setup.interface;
    let found = Nl80211::connect().and_then(|mut kernel| {
        let interface = kernel.interfaces()?.into_iter().find(|there| there.name == *name);
        let radio = interface.as_ref().map(|there| there.radio);
        let radio = kernel.radios()?.into_iter().find(|r| Some(r.index) == radio);
        Ok((interface.zip(radio), kernel.regulatory_domain().unwrap_or_else(|_| "unknown".into())))
    });
    match found {
        Ok((Some((interface, radio)), domain)) => {
            known(i, settings, &interface, &radio, &domain, report);
        }
        Ok((None, _)) => unknown(i, name, report),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => unknown(i, name, report),
        Err(e) => report.error(format!("source[{i}]: asking nl80211: {e}"), "iw list"),
    }
}

/// An interface that nl80211 does not know: it can only be listened to as it is.
fn unknown(i: usize, name: &str, report: &mut Report) {
    match Capture::open(name) {
        Ok(_) => report.right(format!("wifi {name}: in monitor mode; its channel is not ours to change")),
        Err(e @ CaptureError::NoInterface(_)) => {
            report.error(format!("source[{i}].interface: {e}"), "iw dev; is the adapter plugged in?");
        }
        Err(e @ CaptureError::NotMonitor { .. }) => {
            report.error(format!("source[{i}].interface: {e}, and no Wi-Fi driver knows it"), BUY);
        }
        Err(e) => report.error(format!("source[{i}].interface: {e}"), format!("ip link show {name}")),
    }
}

fn known(
    i: usize,
    settings: &WifiSettings,
    interface: &Interface,
    radio: &Radio,
    domain: &str,
    report: &mut Report,
) {
    let (name, driver) = (&interface.name, driver_of(&radio.name));
    if !radio.can_monitor() {
        let what =
            format!("source[{i}].interface: {name} ({}, driver {driver}) has no monitor mode", radio.name);
        report.error(what, BUY);
        return;
    }
    report.right(format!(
        "wifi {name}: {}, driver {driver}, monitor mode, bands {} GHz, regulatory domain {domain}",
        radio.name,
        radio.bands().join(", ")
    ));
    if driver == "brcmfmac" {
        let what =
            format!("wifi {name}: brcmfmac offers monitor mode, but most firmware delivers nothing to it");
        report.warn(what, BUY);
    }
    if domain == "00" && settings.setup.channels != Channels::Stay {
        let what = format!(
            "wifi {name}: the regulatory domain is the world's, which closes channels of 5 and 6 GHz"
        );
        report.warn(what, "iw reg set CN, or your country's code; to keep it: cfg80211.ieee80211_regdom=CN");
    }
    if settings.setup.channels == Channels::Stay {
        let on = interface.mhz.map_or("the channel it is on".into(), |mhz| format!("{mhz} MHz"));
        report.right(format!("wifi {name}: stays on {on}"));
        return;
    }
    if matches!(interface.kind, iftype::STATION | iftype::ACCESS_POINT) && is_up(name) {
        let what = format!("wifi {name} is up: the daemon takes it down, to tune");
        report.warn(what, "if this gateway is connected through it, write stay = true");
    }
    let wanted = match &settings.setup.channels {
        Channels::These(channels) => channels.clone(),
        Channels::Auto | Channels::Stay => Plan::channels_of(&radio.channels),
    };
    let (right, wrong): (Vec<u16>, Vec<u16>) = wanted.iter().partition(|mhz| radio.usable(**mhz).is_some());
    if !wrong.is_empty() {
        let what =
            format!("source[{i}].channels: {wrong:?} MHz may not be used with {} in {domain}", radio.name);
        if right.is_empty() {
            report.error(what, "iw list; iw reg get");
        } else {
            report.warn(what, "iw list; iw reg get");
        }
    }
    if !right.is_empty() {
        let round = settings.setup.dwell.as_secs_f32() * right.len() as f32;
        report.right(format!(
            "wifi {name}: {} channels, about {round:.1} s a round: {right:?} MHz",
            right.len()
        ));
    }
}

fn is_up(name: &str) -> bool {
    let flags = fs::read_to_string(format!("/sys/class/net/{name}/flags")).unwrap_or_default();
    flags.trim().strip_prefix("0x").and_then(|hex| u32::from_str_radix(hex, 16).ok()).unwrap_or(0) & 1 == 1
}

fn ble(i: usize, settings: &BleSettings, report: &mut Report) {
    if cfg!(not(feature = "bluetooth")) {
        report.error(format!("source[{i}]: this build has no Bluetooth"), "install the full package");
        return;
    }
    let adapters: Vec<String> = fs::read_dir("/sys/class/bluetooth")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .filter(|name| !name.contains(':'))
        .collect();
    match &settings.adapter {
        Some(wanted) if !adapters.contains(wanted) => {
            let there = if adapters.is_empty() { "none".into() } else { adapters.join(", ") };
            report.error(
                format!("source[{i}].adapter: there is no {wanted} (there are: {there})"),
                "bluetoothctl list; is the adapter plugged in? rfkill list",
            );
        }
        None if adapters.is_empty() => {
            report.error(
                format!("source[{i}]: there is no Bluetooth adapter"),
                "rfkill list; dmesg | grep -i bluetooth",
            );
        }
        _ => report.right(format!("ble: adapters {}", adapters.join(", "))),
    }
    if Path::new(BUS).exists() {
        report.right(format!("ble: the system bus is at {BUS}"));
        #[cfg(feature = "bluetooth")]
        if let Some(adapter) = settings.adapter.as_ref().or(adapters.first())
            && settings.monitor
        {
            monitors(adapter, report);
        }
    } else {
        report.error(
            format!("source[{i}]: no system bus at {BUS}: BlueZ cannot be reached"),
            "apt install bluez; systemctl enable --now bluetooth",
        );
    }
}

/// Whether BlueZ offers advertisement monitors, without which the kernel has the chip filter duplicates.
#[cfg(feature = "bluetooth")]
fn monitors(adapter: &str, report: &mut Report) {
    use dbus::Message;
    use dbus::channel::{BusType, Channel};
    const MANAGER: &str = "org.bluez.AdvertisementMonitorManager1";
    let call = Message::new_method_call(
        "org.bluez",
        format!("/org/bluez/{adapter}"),
        "org.freedesktop.DBus.Properties",
        "GetAll",
    );
    // The name of an adapter was checked: it can be part of a path.
    let Ok(call) = call else { return };
    let asked = Channel::get_private(BusType::System).and_then(|bus| {
        bus.send_with_reply_and_block(call.append1(MANAGER), std::time::Duration::from_secs(5))
    });
    match asked {
        Ok(_) => report.right("ble: BlueZ offers advertisement monitors: chips need not filter duplicates"),
        Err(e) if e.name() == Some("org.freedesktop.DBus.Error.InvalidArgs") => report.warn(
            "ble: bluetoothd runs without --experimental: a chip that filters duplicates reports each device about \
             once in ten seconds",
            "Experimental = true under [General] of /etc/bluetooth/main.conf; systemctl restart bluetooth",
        ),
        Err(e) => report.warn(format!("ble: BlueZ does not say what it offers: {e}"), "systemctl status bluetooth"),
    }
}

/// Where the system bus listens.
const BUS: &str = "/run/dbus/system_bus_socket";
