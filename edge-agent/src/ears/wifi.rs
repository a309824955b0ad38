//! A Wi-Fi radio's ear: a thread that listens, watches over the radio, and brings it back.
//!
//! What cannot listen (no such interface, no permission, pulled out) is tried again, at longer and longer intervals. What
//! listens and hears nothing where something is usual is deaf ([`Deafness`]): it is down for the engine, and reset in
//! steps, from the mildest: the interface, the driver, the USB device; then from the beginning, less and less often.

use super::{Ear, UsualRates};
use crate::config::WifiSettings;
use gateway::counts::Counts;
use gateway::deafness::{Change, Deafness};
use gateway::wifi::nl80211::band;
use gateway::wifi::radio::{Listener, RadioError, driver_of};
use gateway::wifi::reset::Device;
use jiff::tz::TimeZone;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::{Value, json};
use std::io::PipeReader;
use std::os::fd::AsFd as _;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often the radio is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// A look may come so much sooner, together with a change of the channel.
const EARLY: Duration = Duration::from_millis(100);
/// How often its particulars are told: as often as health is put together.
const TELL: Duration = Duration::from_secs(5);
/// Waits before an interface that cannot be listened to is tried again.
const AGAIN: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(10)];
/// A radio that was reset has so long to hear something before the next step.
const STEP: Duration = Duration::from_secs(15);
/// After all steps, before they are taken again.
const ROUND: Duration = Duration::from_secs(300);

/// Starts a thread that listens until `cancel`; `zone` is the site's, for the hours of its day. Within a Tokio runtime.
pub(super) fn start(
    settings: WifiSettings,
    ear: Ear,
    rates: UsualRates,
    zone: TimeZone,
    cancel: CancellationToken,
) -> std::io::Result<JoinHandle<()>> {
    // The thread waits for frames: a pipe that closes wakes it, so that it need not look for a stop now and then.
    let (stop, open) = std::io::pipe()?;
    let stopped = cancel.clone();
    tokio::spawn(async move {
        stopped.cancelled().await;
        drop(open);
    });
    let watch = Watch {
        deafness: rates.watch(ear.name()),
        kept: None,
        rates,
        settings,
        ear,
        zone,
        cancel,
        stop,
        counts: Counts::default(),
        device: None,
        passed: (0, 0),
        lost: (0, 0),
        resets: 0,
        step: 0,
        next_step: None,
    };
    std::thread::Builder::new().name("wifi".into()).spawn(move || watch.run())
}

struct Watch {
    settings: WifiSettings,
    ear: Ear,
    zone: TimeZone,
    cancel: CancellationToken,
    /// Closed once `cancel` is.
    stop: PipeReader,
    counts: Counts,
    deafness: Deafness,
    rates: UsualRates,
    /// In which hour what is usual was kept.
    kept: Option<u8>,
    /// Behind the radio, when it was last seen.
    device: Option<Device>,
    /// Frames that passed the kernel's filter and those it dropped: of captures that are over, and of this one.
    passed: (u64, u64),
    lost: (u64, u64),
    resets: u64,
    /// The step to take next, and when.
    step: usize,
    next_step: Option<Instant>,
}

impl Watch {
    fn run(mut self) {
        let mut failures = 0;
        while !self.cancel.is_cancelled() {
            let problem = match Listener::open(&self.settings.setup) {
                Ok(listener) => {
                    failures = 0;
                    self.listening(listener)
                }
                Err(problem) => Some(problem),
            };
            let Some(problem) = problem else { continue };
            self.ear.down(problem.to_string());
            self.pause(AGAIN[failures.min(AGAIN.len() - 1)]);
            failures += 1;
        }
        self.rates.keep(self.ear.name(), &self.deafness);
    }

    /// Until something is wrong with the interface; nothing when it is to be opened anew, or we stop.
    fn listening(&mut self, mut listener: Listener) -> Option<RadioError> {
        self.begin(&listener);
        let mut looked = Instant::now();
        let mut told: Option<Instant> = None;
        let sensor = self.ear.sensor();
        while !self.cancel.is_cancelled() {
            let ear = &self.ear;
            let (stop, left) = (self.stop.as_fd(), LOOK.saturating_sub(looked.elapsed()));
            if let Err(problem) = listener.listen(left, stop, sensor, &mut self.counts, |s| ear.heard(s)) {
                return Some(problem);
            }
            let past = looked.elapsed();
            if past + EARLY < LOOK {
                continue;
            }
            looked = Instant::now();
            match listener.stats() {
                Ok(stats) => (self.passed.1, self.lost.1) = (stats.passed, stats.dropped),
                Err(problem) => return Some(problem),
            }
            let again = self.judge(listener.frames(), past);
            if again || told.is_none_or(|told| told.elapsed() >= TELL) {
                told = Some(looked);
                self.ear.detail(self.detail(&listener));
            }
            if again {
                drop(listener);
                self.reset();
                return None;
            }
        }
        None
    }

    fn begin(&mut self, listener: &Listener) {
        self.passed = (self.passed.0 + self.passed.1, 0);
        self.lost = (self.lost.0 + self.lost.1, 0);
        if let Some(radio) = listener.radio() {
            self.device = Device::of("ieee80211", &radio.name);
        }
        info!(
            ear = %self.ear.name(),
            interface = listener.interface(),
            channels_mhz = ?listener.channels(),
            "listening"
        );
        if !self.deafness.is_deaf() {
            self.ear.up();
        }
    }

    /// Whether the radio is to be reset.
    fn judge(&mut self, frames: u64, past: Duration) -> bool {
        let hour = self.hour();
        if self.kept.replace(hour).is_some_and(|kept| kept != hour) {
            self.rates.keep(self.ear.name(), &self.deafness);
        }
        match self.deafness.heard(frames, past, hour) {
            Some(Change::Deaf { silent, expected }) => {
                self.ear.down(format!(
                    "deaf: nothing heard for {} s, where about {expected:.0} frames are usual",
                    silent.as_secs()
                ));
                self.next_step = Some(Instant::now());
            }
            Some(Change::Hears) => {
                (self.step, self.next_step) = (0, None);
                self.ear.up();
            }
            None => {}
        }
        self.next_step.is_some_and(|at| Instant::now() >= at)
    }

    /// The next step; the interface is made anew in any case.
    fn reset(&mut self) {
        self.resets += 1;
        self.deafness.reset();
        let ear = self.ear.name();
        match (self.step, &self.device) {
            (0, _) | (_, None) => info!(%ear, "resetting the interface"),
            (1, Some(device)) => match device.rebind() {
                Ok(()) => info!(%ear, "reset the driver"),
                Err(why) => warn!(%ear, "cannot reset the driver: {why}"),
            },
            (_, Some(device)) => match device.reset_usb() {
                Ok(()) => info!(%ear, "reset the USB device"),
                Err(why) => warn!(%ear, "cannot reset the USB device: {why}"),
            },
        }
        self.step = (self.step + 1) % 3;
        self.next_step = Some(Instant::now() + if self.step == 0 { ROUND } else { STEP });
    }

    fn detail(&self, listener: &Listener) -> Value {
        let counts: Value =
            self.counts.iter().filter(|(_, n)| *n > 0).map(|(k, n)| (k.to_owned(), json!(n))).collect();
        let bands: Vec<&str> = listener.channels().iter().map(|mhz| band(*mhz)).collect();
        let radio = listener.radio().map(|r| r.name.as_str());
        json!({
            "interface": listener.interface(),
            "radio": radio,
            "driver": radio.map(driver_of),
            "channels": bands.len(),
            "deaf": self.deafness.is_deaf(),
            "passed": self.passed.0 + self.passed.1,
            "dropped_by_kernel": self.lost.0 + self.lost.1,
            "resets": self.resets,
            "counts": counts,
        })
    }

    fn hour(&self) -> u8 {
        jiff::Timestamp::now().to_zoned(self.zone.clone()).hour().unsigned_abs()
    }

    /// Waits, unless we stop.
    fn pause(&self, time: Duration) {
        let mut fds = [PollFd::new(self.stop.as_fd(), PollFlags::POLLIN)];
        // A signal may cut it short: then the next attempt comes a little early.
        let _ = poll(&mut fds, PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX));
    }
}
