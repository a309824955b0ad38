//! The kernel's interface to Wi-Fi radios, as far as listening needs it (`linux/nl80211.h`): which radios there are and
//! what they can do, a monitor interface made and removed, a channel set, the regulatory domain.
//!
//! Our own, over a netlink socket, instead of a crate: eight commands, synchronous, in the thread that listens. Changing
//! anything needs `CAP_NET_ADMIN`; looking does not.

pub mod message;
mod socket;

use super::radiotap;
use message::{Attributes, GENERIC};
use nix::libc;
use nix::sys::socket::SockProtocol;
use socket::Socket;
use std::collections::BTreeMap;
use std::io;

mod command {
    pub(super) const GET_WIPHY: u8 = 1;
    pub(super) const SET_WIPHY: u8 = 2;
    pub(super) const GET_INTERFACE: u8 = 5;
    pub(super) const SET_INTERFACE: u8 = 6;
    pub(super) const NEW_INTERFACE: u8 = 7;
    pub(super) const DEL_INTERFACE: u8 = 8;
    pub(super) const GET_REG: u8 = 31;
}

mod attr {
    pub(super) const WIPHY: u16 = 1;
    pub(super) const WIPHY_NAME: u16 = 2;
    pub(super) const IFINDEX: u16 = 3;
    pub(super) const IFNAME: u16 = 4;
    pub(super) const IFTYPE: u16 = 5;
    pub(super) const WIPHY_BANDS: u16 = 22;
    pub(super) const SUPPORTED_IFTYPES: u16 = 32;
    pub(super) const REG_ALPHA2: u16 = 33;
    pub(super) const WIPHY_FREQ: u16 = 38;
    pub(super) const CHANNEL_WIDTH: u16 = 159;
    pub(super) const SPLIT_WIPHY_DUMP: u16 = 174;

    pub(super) const BAND_FREQS: u16 = 1;
    pub(super) const FREQ_MHZ: u16 = 1;
    pub(super) const FREQ_DISABLED: u16 = 2;
    pub(super) const FREQ_NO_IR: u16 = 3;
    pub(super) const FREQ_RADAR: u16 = 5;
}

/// Interface types that matter here.
pub mod iftype {
    /// A client of an access point.
    pub const STATION: u32 = 2;
    /// An access point.
    pub const ACCESS_POINT: u32 = 3;
    /// Hears everything.
    pub const MONITOR: u32 = 6;
}

/// `NL80211_CHAN_WIDTH_20_NOHT`: the narrowest, which hears what all phones can hear.
const WIDTH_20_NOHT: u32 = 0;
/// `GENL_ID_CTRL`, `CTRL_CMD_GETFAMILY`, `CTRL_ATTR_FAMILY_ID`, `CTRL_ATTR_FAMILY_NAME`.
const CONTROL: (u16, u8, u16, u16) = (16, 3, 1, 2);

/// One channel of a radio, as the regulatory domain in force has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Channel {
    /// Its centre, MHz.
    pub mhz: u16,
    /// Nobody may use it here, nor listen: the driver does not tune to it.
    pub disabled: bool,
    /// Nobody may begin to send on it: phones do not probe here unless they hear a network.
    pub no_ir: bool,
    /// Radar has priority: as `no_ir`.
    pub radar: bool,
}

/// A radio.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Radio {
    /// Its number, `0` for `phy0`.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Types of interfaces it can have.
    pub types: Vec<u32>,
    /// Its channels, by frequency.
    pub channels: Vec<Channel>,
}

impl Radio {
    /// Whether its driver knows monitor mode.
    pub fn can_monitor(&self) -> bool {
        self.types.contains(&iftype::MONITOR)
    }

    /// A channel by its frequency, unless it is disabled.
    pub fn usable(&self, mhz: u16) -> Option<&Channel> {
        self.channels.iter().find(|c| c.mhz == mhz && !c.disabled)
    }

    /// Its bands that have a channel in use, such as `["2.4", "5"]`.
    pub fn bands(&self) -> Vec<&'static str> {
        let mut bands: Vec<_> = self.channels.iter().filter(|c| !c.disabled).map(|c| band(c.mhz)).collect();
        bands.dedup();
        bands
    }
}

/// The band of a frequency, in GHz.
pub fn band(mhz: u16) -> &'static str {
    match mhz {
        0..3_000 => "2.4",
        3_000..5_935 => "5",
        _ => "6",
    }
}

/// An interface of a radio.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// The radio it belongs to.
    pub radio: u32,
    /// See [`iftype`].
    pub kind: u32,
    /// The channel it is on, MHz, where the kernel says.
    pub mhz: Option<u16>,
}

/// A connection to nl80211.
pub struct Nl80211 {
    generic: Socket,
    route: Socket,
    family: u16,
}

impl Nl80211 {
    /// Connects. `NotFound`: this kernel has no Wi-Fi (no driver is loaded).
    pub fn connect() -> io::Result<Self> {
        let mut generic = Socket::open(SockProtocol::NetlinkGeneric)?;
        let route = Socket::open(SockProtocol::NetlinkRoute)?;
        let (kind, get_family, id, name) = CONTROL;
        let answer = generic.ask(kind, &[get_family, 1, 0, 0], |m| m.string(name, "nl80211"))?;
        let family = answer.iter().find_map(|body| attributes(body).find(id)?.u16());
        Ok(Self { generic, route, family: family.ok_or(io::ErrorKind::NotFound)? })
    }

    /// All radios.
    pub fn radios(&mut self) -> io::Result<Vec<Radio>> {
        let fixed = [command::GET_WIPHY, 0, 0, 0];
        let parts = self.generic.dump(self.family, &fixed, |m| m.attribute(attr::SPLIT_WIPHY_DUMP, &[]))?;
        let mut radios: BTreeMap<u32, Radio> = BTreeMap::new();
        for part in &parts {
            add_radio(attributes(part), &mut radios);
        }
        for radio in radios.values_mut() {
            radio.channels.sort_unstable();
            radio.channels.dedup_by_key(|c| c.mhz);
        }
        Ok(radios.into_values().collect())
    }

    /// All interfaces of radios.
    pub fn interfaces(&mut self) -> io::Result<Vec<Interface>> {
        let all = self.generic.dump(self.family, &[command::GET_INTERFACE, 0, 0, 0], |m| m)?;
        Ok(all.iter().filter_map(|body| interface(&attributes(body))).collect())
    }

    /// Makes a monitor interface.
    pub fn new_monitor(&mut self, radio: u32, name: &str) -> io::Result<()> {
        let fixed = [command::NEW_INTERFACE, 0, 0, 0];
        let fill = |m: message::Builder| {
            m.number(attr::WIPHY, radio).string(attr::IFNAME, name).number(attr::IFTYPE, iftype::MONITOR)
        };
        self.generic.ask(self.family, &fixed, fill).map(drop)
    }

    /// Turns an interface that is down into one of another type.
    pub fn set_type(&mut self, interface: u32, kind: u32) -> io::Result<()> {
        let fixed = [command::SET_INTERFACE, 0, 0, 0];
        let fill = |m: message::Builder| m.number(attr::IFINDEX, interface).number(attr::IFTYPE, kind);
        self.generic.ask(self.family, &fixed, fill).map(drop)
    }

    /// Removes an interface.
    pub fn remove(&mut self, interface: u32) -> io::Result<()> {
        let fixed = [command::DEL_INTERFACE, 0, 0, 0];
        self.generic.ask(self.family, &fixed, |m| m.number(attr::IFINDEX, interface)).map(drop)
    }

    /// Tunes. `ResourceBusy`: another interface of the same radio is up and holds the channel.
    pub fn tune(&mut self, interface: u32, mhz: u16) -> io::Result<()> {
        let fixed = [command::SET_WIPHY, 0, 0, 0];
        let fill = |m: message::Builder| {
            m.number(attr::IFINDEX, interface)
                .number(attr::WIPHY_FREQ, mhz.into())
                .number(attr::CHANNEL_WIDTH, WIDTH_20_NOHT)
        };
        self.generic.ask(self.family, &fixed, fill).map(drop)
    }

    /// The regulatory domain in force, such as `"CN"`; `"00"` is the world's, the most careful.
    pub fn regulatory_domain(&mut self) -> io::Result<String> {
        let answer = self.generic.ask(self.family, &[command::GET_REG, 0, 0, 0], |m| m)?;
        let text = answer.iter().find_map(|body| Some(attributes(body).find(attr::REG_ALPHA2)?.text()));
        text.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// `ip link set … up`, or down.
    pub fn set_up(&mut self, interface: u32, up: bool) -> io::Result<()> {
        let flag = libc::IFF_UP as u32;
        // struct ifinfomsg: family and padding, type, index, flags, which of them change.
        let mut fixed = vec![0; 4];
        fixed.extend_from_slice(&interface.to_ne_bytes());
        fixed.extend_from_slice(&(if up { flag } else { 0 }).to_ne_bytes());
        fixed.extend_from_slice(&flag.to_ne_bytes());
        self.route.ask(libc::RTM_NEWLINK, &fixed, |m| m).map(drop)
    }
}

fn attributes(body: &[u8]) -> Attributes<'_> {
    Attributes(body.get(GENERIC..).unwrap_or_default())
}

/// A dump is split: each part adds to what the parts before it said of the same radio.
fn add_radio(part: Attributes<'_>, radios: &mut BTreeMap<u32, Radio>) {
    let Some(index) = part.clone().find(attr::WIPHY).and_then(|a| a.u32()) else { return };
    let radio = radios.entry(index).or_insert_with(|| Radio { index, ..Radio::default() });
    for attribute in part {
        match attribute.kind {
            attr::WIPHY_NAME => radio.name = attribute.text(),
            attr::SUPPORTED_IFTYPES => radio.types.extend(attribute.nested().map(|t| u32::from(t.kind))),
            attr::WIPHY_BANDS => {
                let bands = attribute.nested().filter_map(|band| band.nested().find(attr::BAND_FREQS));
                radio.channels.extend(bands.flat_map(|f| f.nested()).filter_map(|f| channel(&f.nested())));
            }
            _ => {}
        }
    }
}

fn channel(about: &Attributes<'_>) -> Option<Channel> {
    let has = |kind| about.clone().find(kind).is_some();
    let mhz = u16::try_from(about.clone().find(attr::FREQ_MHZ)?.u32()?).ok()?;
    // What has no channel number (60 GHz, sub-GHz) is nothing phones probe on.
    radiotap::channel(mhz)?;
    Some(Channel {
        mhz,
        disabled: has(attr::FREQ_DISABLED),
        no_ir: has(attr::FREQ_NO_IR),
        radar: has(attr::FREQ_RADAR),
    })
}

fn interface(about: &Attributes<'_>) -> Option<Interface> {
    let number = |kind| about.clone().find(kind).and_then(|a| a.u32());
    Some(Interface {
        index: number(attr::IFINDEX)?,
        name: about.clone().find(attr::IFNAME)?.text(),
        radio: number(attr::WIPHY)?,
        kind: number(attr::IFTYPE)?,
        mhz: number(attr::WIPHY_FREQ).and_then(|f| u16::try_from(f).ok()),
    })
}

#[cfg(test)]
mod tests {
    use super::message::Builder;
    use super::*;
    use proptest::prelude::*;

    fn nest(fill: impl FnOnce(Builder) -> Builder) -> Vec<u8> {
        fill(Builder::new(0, 0, 0, &[])).finish()[message::HEADER..].to_vec()
    }

    #[test]
    fn a_radio_comes_in_parts() {
        let frequency = |mhz, flags: &[u16]| {
            nest(|m| flags.iter().fold(m.number(attr::FREQ_MHZ, mhz), |m, f| m.attribute(*f, &[])))
        };
        let frequencies = nest(|m| {
            m.attribute(0, &frequency(2412, &[])).attribute(1, &frequency(2484, &[attr::FREQ_DISABLED]))
        });
        let radar = [attr::FREQ_NO_IR, attr::FREQ_RADAR];
        let more = nest(|m| m.attribute(0, &frequency(5260, &radar)).attribute(1, &frequency(58_320, &[])));
        let band = |f: &[u8]| nest(|m| m.attribute(attr::BAND_FREQS, f));
        let bands = nest(|m| m.attribute(0, &band(&frequencies)));
        let types = nest(|m| m.attribute(2, &[]).attribute(6, &[]));
        let first = nest(|m| {
            m.number(attr::WIPHY, 3)
                .string(attr::WIPHY_NAME, "phy3")
                .attribute(attr::SUPPORTED_IFTYPES, &types)
        });
        let second = nest(|m| m.number(attr::WIPHY, 3).attribute(attr::WIPHY_BANDS, &bands));
        let bands = nest(|m| m.attribute(1, &band(&more)));
        let third = nest(|m| m.number(attr::WIPHY, 3).attribute(attr::WIPHY_BANDS, &bands));
        let mut radios = BTreeMap::new();
        [first, second, third].iter().for_each(|part| add_radio(Attributes(part), &mut radios));
        let radio = &radios[&3];
        assert_eq!((radio.name.as_str(), radio.can_monitor()), ("phy3", true));
        assert_eq!(radio.channels.iter().map(|c| c.mhz).collect::<Vec<_>>(), [2412, 2484, 5260]);
        assert!(radio.usable(2412).is_some() && radio.usable(2484).is_none());
        assert_eq!(radio.bands(), ["2.4", "5"]);
        assert!(radio.channels[2].radar && radio.channels[2].no_ir);
    }

    #[test]
    fn an_interface_needs_no_channel() {
        let about = nest(|m| {
            m.number(attr::IFINDEX, 4)
                .string(attr::IFNAME, "wlan0")
                .number(attr::WIPHY, 0)
                .number(attr::IFTYPE, 2)
        });
        let wanted = Interface { index: 4, name: "wlan0".into(), radio: 0, kind: iftype::STATION, mhz: None };
        assert_eq!(interface(&Attributes(&about)), Some(wanted));
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = interface(&Attributes(&bytes));
            let with_index = [nest(|m| m.number(attr::WIPHY, 0)), bytes].concat();
            add_radio(Attributes(&with_index), &mut BTreeMap::new());
        }
    }
}
