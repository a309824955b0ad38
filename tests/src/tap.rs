//! A made-up radio: a TAP device whose link type is radiotap, as an interface in monitor mode has it.
//!
//! What is written to it arrives at packet sockets as if from the air: real capture without any radio. It cannot tune,
//! scan or be deaf by itself; what needs that runs on kernel radios (`tests/radio-lab`). Needs root.
#![allow(unsafe_code)] // ioctls

use anyhow::{Context, Result};
use gateway::observation::MacAddr;
use gateway::wifi::{frame, radiotap};
use nix::libc;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::UdpSocket;
use std::os::fd::AsRawFd as _;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// `ARPHRD_IEEE80211_RADIOTAP`.
const RADIOTAP: libc::c_ulong = 803;

/// A made-up radio. Its interface goes away with it.
pub struct Tap {
    device: File,
    name: String,
}

impl Tap {
    /// A new one, up; `None` where this machine lets nobody make one.
    pub fn new() -> Result<Option<Self>> {
        Self::of_link_type(RADIOTAP)
    }

    /// As [`Tap::new`], of another link type.
    pub fn of_link_type(link_type: libc::c_ulong) -> Result<Option<Self>> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("air{}x{}", process::id() % 100_000, MADE.fetch_add(1, Ordering::Relaxed));
        Self::named(&name, link_type)
    }

    /// As [`Tap::new`], by a name.
    pub fn named(name: &str, link_type: libc::c_ulong) -> Result<Option<Self>> {
        let Ok(device) = OpenOptions::new().read(true).write(true).open("/dev/net/tun") else {
            return Ok(None);
        };
        let mut request = request(name);
        request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI) as libc::c_short;
        // SAFETY: an `ifreq`, as TUNSETIFF wants it.
        let made = unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
        if nix::errno::Errno::result(made).is_err() {
            return Ok(None);
        }
        // SAFETY: TUNSETLINK takes a number.
        let set = unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETLINK, link_type) };
        nix::errno::Errno::result(set).context("TUNSETLINK")?;
        let tap = Self { device, name: name.to_owned() };
        tap.set_up(true)?;
        Ok(Some(tap))
    }

    /// The name of the interface.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A frame comes from the air.
    pub fn hear(&mut self, frame: &[u8]) -> Result<()> {
        Ok(self.device.write_all(frame)?)
    }

    /// `ip link set … up`, or down.
    pub fn set_up(&self, up: bool) -> Result<()> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let mut request = request(&self.name);
        request.ifr_ifru.ifru_flags = if up { libc::IFF_UP as libc::c_short } else { 0 };
        // SAFETY: an `ifreq`, as SIOCSIFFLAGS wants it.
        let set = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw mut request) };
        nix::errno::Errno::result(set).context("SIOCSIFFLAGS")?;
        Ok(())
    }
}

/// A frame of a phone as a monitor interface delivers it: on channel 6, -30 to -89 dBm.
pub fn heard(kind: frame::Kind, phone: u32, sequence: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let rssi = Some(-30 - (phone % 60) as i8);
    radiotap::Repr { rssi, frequency: Some(2437), ..Default::default() }.emit(&mut bytes);
    let [a, b, c, d] = phone.to_be_bytes();
    let elements = [0, 0, 1, 4, 2, 4, 11, 22];
    let repr = frame::Repr {
        kind,
        transmitter: MacAddr([2, 0, a, b, c, d]),
        sequence: sequence % 4096,
        fragment: 0,
        retry: false,
        protected: false,
        qos: false,
        elements: Some(&elements),
    };
    repr.emit(MacAddr([255; 6]), &mut bytes);
    bytes
}

fn request(name: &str) -> libc::ifreq {
    // SAFETY: plain integers and bytes, for which zeros are values.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes().take(libc::IFNAMSIZ - 1)) {
        *to = from as libc::c_char;
    }
    request
}
