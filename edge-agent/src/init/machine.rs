//! What this machine can hear with. Nothing is opened or switched.

use gateway::wifi::nl80211::Nl80211;
use std::fs;
use std::path::Path;

/// A Wi-Fi interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wifi {
    /// `wlan1`.
    pub interface: String,
    /// Kernel driver.
    pub driver: String,
    /// Whether it can listen to everybody; `None` where the kernel would not say.
    pub can_monitor: Option<bool>,
    /// This machine is connected through it.
    pub in_use: bool,
}

impl Wifi {
    /// Whether it is worth listening with.
    pub fn is_fit(&self) -> bool {
        self.can_monitor == Some(true) && !self.in_use && self.driver != "brcmfmac"
    }

    /// Why not.
    pub fn why_not(&self) -> &'static str {
        match (self.can_monitor, self.in_use, self.driver.as_str()) {
            (_, _, "brcmfmac") => "its firmware delivers nothing in monitor mode",
            (Some(false), _, _) => "it has no monitor mode",
            (_, true, _) => "this machine is connected through it",
            (None, ..) => "the kernel does not say whether it has a monitor mode",
            _ => "",
        }
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Its name.
    pub hostname: Option<String>,
    /// IANA time zone.
    pub timezone: Option<String>,
    /// Wi-Fi interfaces.
    pub wifi: Vec<Wifi>,
    /// Bluetooth adapters.
    pub bluetooth: Vec<String>,
    /// Serial lines, by names that stay.
    pub serial: Vec<String>,
}

impl Machine {
    /// Looks at this machine.
    pub fn look() -> Self {
        let mut machine = Self::under(Path::new("/"));
        for wifi in &mut machine.wifi {
            wifi.can_monitor = can_monitor(&wifi.interface);
        }
        machine
    }

    /// Looks at what the files below `root` say.
    pub fn under(root: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(root.join(path)).ok().map(|t| t.trim().to_owned());
        let timezone = fs::read_link(root.join("etc/localtime"))
            .ok()
            .and_then(|link| Some(link.to_str()?.split_once("zoneinfo/")?.1.to_owned()))
            .or_else(|| read("etc/timezone"));
        let in_use = read("proc/net/route").unwrap_or_default();
        let wifi = names(&root.join("sys/class/net"))
            .into_iter()
            .filter(|name| root.join("sys/class/net").join(name).join("phy80211").exists())
            .map(|interface| {
                let driver = root.join("sys/class/net").join(&interface).join("device/driver");
                let driver = fs::read_link(driver).ok();
                let driver = driver.and_then(|d| Some(d.file_name()?.to_str()?.to_owned()));
                let in_use = in_use.lines().any(|line| line.split_whitespace().next() == Some(&interface));
                Wifi { interface, driver: driver.unwrap_or_default(), can_monitor: None, in_use }
            })
            .collect();
        let adapters = names(&root.join("sys/class/bluetooth"));
        let serial = names(&root.join("dev/serial/by-id"));
        Self {
            hostname: read("etc/hostname").filter(|name| super::id(name).is_ok()),
            timezone: timezone.filter(|tz| super::timezone(tz).is_ok()),
            wifi,
            bluetooth: adapters.into_iter().filter(|name| !name.contains(':')).collect(),
            serial: serial.into_iter().map(|name| format!("/dev/serial/by-id/{name}")).collect(),
        }
    }

    /// In a few lines.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        for w in &self.wifi {
            let fit = if w.is_fit() { "can listen".into() } else { format!("not used: {}", w.why_not()) };
            let driver = if w.driver.is_empty() { "unknown" } else { w.driver.as_str() };
            words.push(format!("Wi-Fi {} (driver {driver}): {fit}", w.interface));
        }
        words.extend(self.bluetooth.iter().map(|name| format!("Bluetooth {name}: can listen")));
        words.extend(self.serial.iter().map(|path| format!("serial line {path}: a sensor node?")));
        if words.is_empty() {
            words.push("no Wi-Fi radio, no Bluetooth adapter, no serial line".into());
        }
        words
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    names
}

fn can_monitor(interface: &str) -> Option<bool> {
    let mut kernel = Nl80211::connect().ok()?;
    let radio = kernel.interfaces().ok()?.into_iter().find(|there| there.name == interface)?.radio;
    let radio = kernel.radios().ok()?.into_iter().find(|r| r.index == radio)?;
    Some(radio.can_monitor())
}
