//! A radio that listens: monitor interface, channels in turn, capture; and what resets it when it no longer does.
//!
//! Which interface is listened to:
//!
//! | `interface` is | then |
//! |---|---|
//! | in monitor mode already | it is used as it is, and left as it is |
//! | of a radio that can have a monitor interface besides | one is made, `mon-<radio>`, and removed at the end |
//! | of a radio that cannot | it is turned into a monitor, and back at the end |
//! | unknown to nl80211 | it is listened to without tuning |
//!
//! To tune, the radio must not serve another interface that is up: the one that was named is taken down, others are
//! left alone and named in the error. With [`Channels::Stay`] nothing is tuned and nothing taken down.

use super::capture::{Capture, CaptureError, Stats, index_of};
use super::nl80211::{Interface, Nl80211, Radio, iftype};
use super::plan::Plan;
use super::{Rules, sighting};
use crate::counts::Counts;
use crate::observation::Sighting;
use nix::libc;
use std::fs::{self, File};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};
use visit_core::site::SensorIx;

/// Which channels are listened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channels {
    /// Those where phones probe, as far as radio and regulatory domain allow.
    Auto,
    /// These, MHz.
    These(Vec<u16>),
    /// The one it is on: somebody else uses this radio, too.
    Stay,
}

/// What to listen with, and to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// An interface of the radio.
    pub interface: String,
    /// Which channels.
    pub channels: Channels,
    /// How long on each.
    pub dwell: Duration,
}

/// Why a radio does not listen.
#[derive(Debug, thiserror::Error)]
pub enum RadioError {
    /// The capture.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The driver has no monitor mode.
    #[error(
        "{radio} (driver {driver}) has no monitor mode; docs/hardware.md names adapters whose drivers have one"
    )]
    NoMonitorMode {
        /// The radio.
        radio: String,
        /// Its driver.
        driver: String,
    },
    /// Another interface of the same radio holds the channel.
    #[error(
        "{others} of the same radio is up and holds the channel: `ip link set {others} down`, or write stay = true"
    )]
    Busy {
        /// The others.
        others: String,
    },
    /// None of the channels can be tuned to.
    #[error(
        "none of the channels {wanted:?} (MHz) may be used with {radio} under regulatory domain {domain}"
    )]
    NoChannel {
        /// What was asked for.
        wanted: Vec<u16>,
        /// The radio.
        radio: String,
        /// The domain in force.
        domain: String,
    },
    /// The kernel refused.
    #[error("{interface}: {doing}: {source}{}", hint(source))]
    Io {
        /// The interface.
        interface: String,
        /// What was done.
        doing: &'static str,
        /// The cause.
        source: io::Error,
    },
}

fn hint(source: &io::Error) -> &'static str {
    match source.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => " (it needs CAP_NET_ADMIN: run as the service does, or as root)",
        Some(libc::ERFKILL) => " (the radio is switched off: `rfkill unblock wifi`)",
        _ => "",
    }
}

/// What is to be undone at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Undo {
    Nothing,
    Remove(u32),
    TurnBack(u32, u32),
}

/// A radio that listens.
pub struct Listener {
    monitor: Monitor,
    plan: Option<Plan>,
    capture: Capture,
    /// When this channel was tuned to, and what it brought.
    since: Instant,
    sightings: u64,
    /// Frames of any sort, by the interface's own counter.
    frames: FrameCounter,
}

/// The interface that is listened to, and how it came to be.
struct Monitor {
    name: String,
    index: u32,
    /// Nothing where nl80211 does not know the interface.
    kernel: Option<Nl80211>,
    radio: Option<Radio>,
    undo: Undo,
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let Some(kernel) = &mut self.kernel else { return };
        // A radio that was pulled out took its interface with it.
        let _ = match self.undo {
            Undo::Nothing => Ok(()),
            Undo::Remove(index) => kernel.remove(index),
            Undo::TurnBack(index, kind) => {
                kernel.set_up(index, false).and_then(|()| kernel.set_type(index, kind))
            }
        };
    }
}

impl Listener {
    /// Makes ready what is needed and listens.
    pub fn open(setup: &Setup) -> Result<Self, RadioError> {
        let mut monitor = Monitor::make(setup)?;
        let mut plan = monitor.plan(setup)?;
        if let Some(plan) = &mut plan {
            monitor.tune(plan)?;
        }
        let capture = Capture::open(&monitor.name)?;
        let frames = FrameCounter::open(&monitor.name);
        Ok(Self { monitor, plan, capture, since: Instant::now(), sightings: 0, frames })
    }

    /// Listens for about so long, and no longer once `stop` can be read or was closed; changes the channel when it is time.
    pub fn listen(
        &mut self,
        at_most: Duration,
        stop: BorrowedFd<'_>,
        sensor: SensorIx,
        counts: &mut Counts,
        mut each: impl FnMut(Sighting),
    ) -> Result<(), RadioError> {
        let dwell = self.plan.as_ref().and_then(Plan::dwell);
        let left = dwell.map_or(at_most, |dwell| dwell.saturating_sub(self.since.elapsed()).min(at_most));
        if self.capture.wait(left, stop)? {
            let mut sightings = 0;
            let read = self.capture.read(|packet| {
                let heard = packet.at.and_then(|at| sighting(packet, at, sensor, Rules::LIVE, counts));
                if let Some(heard) = heard {
                    sightings += 1;
                    each(heard);
                }
            });
            counts.frames += read;
            counts.yielded += sightings;
            self.sightings += sightings;
        }
        if dwell.is_some_and(|dwell| self.since.elapsed() >= dwell)
            && let Some(plan) = &mut self.plan
        {
            plan.next(std::mem::take(&mut self.sightings));
            self.monitor.tune(plan)?;
            self.since = Instant::now();
        }
        Ok(())
    }

    /// Frames of any sort that the radio delivered since this was last asked: more than pass the filter.
    pub fn frames(&mut self) -> u64 {
        self.frames.since_last()
    }

    /// What the kernel counted.
    pub fn stats(&mut self) -> Result<Stats, RadioError> {
        Ok(self.capture.stats()?)
    }

    /// The interface that is listened to.
    pub fn interface(&self) -> &str {
        &self.monitor.name
    }

    /// The radio, where nl80211 knows it.
    pub fn radio(&self) -> Option<&Radio> {
        self.monitor.radio.as_ref()
    }

    /// The channels in turn, MHz; none when it stays where it is.
    pub fn channels(&self) -> Vec<u16> {
        self.plan.iter().flat_map(Plan::channels).collect()
    }
}

impl Monitor {
    fn make(setup: &Setup) -> Result<Self, RadioError> {
        let name = &setup.interface;
        let fail = |doing| move |source: io::Error| RadioError::Io { interface: name.clone(), doing, source };
        let missing = || CaptureError::NoInterface(name.clone());
        let mut kernel = match Nl80211::connect() {
            Ok(kernel) => kernel,
            // No Wi-Fi driver is loaded, or the kernel has no generic netlink: the interface may hear all the same.
            Err(e)
                if e.kind() == io::ErrorKind::NotFound || e.raw_os_error() == Some(libc::EPROTONOSUPPORT) =>
            {
                return Self::plain(setup);
            }
            Err(e) => return Err(fail("asking nl80211")(e)),
        };
        let interfaces = kernel.interfaces().map_err(fail("listing interfaces"))?;
        let Some(named) = interfaces.iter().find(|i| &i.name == name) else { return Self::plain(setup) };
        let radios = kernel.radios().map_err(fail("listing radios"))?;
        let radio = radios.into_iter().find(|r| r.index == named.radio).ok_or_else(missing)?;
        if named.kind == iftype::MONITOR {
            kernel.set_up(named.index, true).map_err(fail("setting it up"))?;
            let (name, index) = (name.clone(), named.index);
            return Ok(Self { name, index, kernel: Some(kernel), radio: Some(radio), undo: Undo::Nothing });
        }
        if !radio.can_monitor() {
            return Err(RadioError::NoMonitorMode { driver: driver_of(&radio.name), radio: radio.name });
        }
        let monitor = monitor_name(&radio);
        // One that a run before this one left behind.
        if let Some(left) = interfaces.iter().find(|i| i.name == monitor && i.radio == radio.index) {
            kernel.remove(left.index).map_err(fail("removing an old monitor interface"))?;
        }
        if setup.channels != Channels::Stay {
            kernel.set_up(named.index, false).map_err(fail("taking it down, to tune"))?;
        }
        let made = match kernel.new_monitor(radio.index, &monitor) {
            Ok(()) => {
                let index = index_of(&monitor).ok_or_else(missing)?;
                Self {
                    name: monitor,
                    index,
                    kernel: Some(kernel),
                    radio: Some(radio),
                    undo: Undo::Remove(index),
                }
            }
            Err(e) if e.raw_os_error() == Some(libc::EOPNOTSUPP) && setup.channels != Channels::Stay => {
                kernel.set_type(named.index, iftype::MONITOR).map_err(fail("turning it into a monitor"))?;
                let undo = Undo::TurnBack(named.index, named.kind);
                let (name, index) = (name.clone(), named.index);
                Self { name, index, kernel: Some(kernel), radio: Some(radio), undo }
            }
            Err(e) => return Err(fail("making a monitor interface")(e)),
        };
        made.up()
    }

    /// An interface that nl80211 does not know.
    fn plain(setup: &Setup) -> Result<Self, RadioError> {
        let name = setup.interface.clone();
        let index = index_of(&name).ok_or_else(|| CaptureError::NoInterface(name.clone()))?;
        Ok(Self { name, index, kernel: None, radio: None, undo: Undo::Nothing })
    }

    fn up(mut self) -> Result<Self, RadioError> {
        let up = self.kernel.as_mut().map_or(Ok(()), |kernel| kernel.set_up(self.index, true));
        up.map_err(|source| RadioError::Io { interface: self.name.clone(), doing: "setting it up", source })?;
        Ok(self)
    }

    fn plan(&mut self, setup: &Setup) -> Result<Option<Plan>, RadioError> {
        let (Some(radio), Some(kernel)) = (&self.radio, &mut self.kernel) else { return Ok(None) };
        let wanted = match &setup.channels {
            Channels::Stay => return Ok(None),
            Channels::Auto => Plan::channels_of(&radio.channels),
            Channels::These(channels) => channels.clone(),
        };
        let usable: Vec<u16> = wanted.iter().copied().filter(|mhz| radio.usable(*mhz).is_some()).collect();
        let plan = Plan::new(&usable, setup.dwell).ok_or_else(|| RadioError::NoChannel {
            wanted,
            radio: radio.name.clone(),
            domain: kernel.regulatory_domain().unwrap_or_else(|_| "unknown".into()),
        })?;
        Ok(Some(plan))
    }

    /// Tunes to the plan's channel, or to the next one that can be tuned to.
    fn tune(&mut self, plan: &mut Plan) -> Result<(), RadioError> {
        let Some(kernel) = &mut self.kernel else { return Ok(()) };
        loop {
            let Err(source) = kernel.tune(self.index, plan.current()) else { return Ok(()) };
            match source.raw_os_error() {
                Some(libc::EBUSY) => return Err(RadioError::Busy { others: self.others() }),
                Some(libc::EINVAL | libc::EOPNOTSUPP) if plan.give_up() => {}
                Some(libc::ENODEV | libc::ENETDOWN) => {
                    return Err(CaptureError::Down(self.name.clone()).into());
                }
                _ => {
                    return Err(RadioError::Io { interface: self.name.clone(), doing: "tuning", source });
                }
            }
        }
    }

    /// Other interfaces of the same radio.
    fn others(&mut self) -> String {
        let (Some(radio), Some(kernel)) = (&self.radio, &mut self.kernel) else { return String::new() };
        let of_radio = |i: &Interface| i.radio == radio.index && i.index != self.index;
        let all = kernel.interfaces().unwrap_or_default();
        all.iter().filter(|i| of_radio(i)).map(|i| i.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// At most 15 characters, as interfaces have.
fn monitor_name(radio: &Radio) -> String {
    format!("mon-{}", radio.name).chars().take(15).collect()
}

/// The driver of a radio, such as `ath9k_htc`.
pub fn driver_of(radio: &str) -> String {
    let link = fs::read_link(format!("/sys/class/ieee80211/{radio}/device/driver"));
    let name = link.ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    name.unwrap_or_else(|| "unknown".into())
}

/// Frames that an interface received, filter or not. The file stays open: it is asked every second, and says the number anew
/// whenever it is read from its beginning.
struct FrameCounter {
    /// Nothing where the interface has no such counter.
    file: Option<File>,
    last: u64,
}

impl FrameCounter {
    fn open(interface: &str) -> Self {
        let file = File::open(format!("/sys/class/net/{interface}/statistics/rx_packets")).ok();
        let mut counter = Self { file, last: 0 };
        counter.since_last();
        counter
    }

    fn since_last(&mut self) -> u64 {
        let mut digits = [0; 24];
        let read = self.file.as_ref().and_then(|file| file.read_at(&mut digits, 0).ok()).unwrap_or(0);
        let now: u64 =
            std::str::from_utf8(&digits[..read]).ok().and_then(|t| t.trim().parse().ok()).unwrap_or(0);
        now.saturating_sub(std::mem::replace(&mut self.last, now))
    }
}
