//! A Bluetooth adapter's ear, through BlueZ.
//!
//! btleplug finds the adapter; the scan itself uses the library below it (bluez-async), which can ask for every report:
//! without a threshold of its own BlueZ tells a signal strength only when it changes by 8 dB, and each event of btleplug
//! costs a question to the bus. Beside the scan stands an advertisement monitor, where BlueZ offers them ([`monitor`]): without
//! one the kernel has the chip filter duplicates.
//!
//! Nothing here trusts the stream: when bluetoothd, the bus or the adapter dies, it neither ends nor fails. So the adapter
//! is asked every few seconds whether it is there, switched on and scanning, and silence is judged as of any radio
//! ([`Deafness`]), and by the site's own beacons ([`Beacons`]). Whatever is wrong, everything is thrown away and made anew:
//! connection, scan, stream.

mod ladder;
mod monitor;
mod scan;
#[cfg(test)]
mod tests;

use super::beacons::{Beacons, Verdict};
use super::{Ear, UsualRates};
use crate::config::BleSettings;
use bluez_async::{AdapterId, BluetoothEvent, BluetoothSession, DiscoveryFilter, Transport};
use btleplug::api::{Central as _, Manager as _};
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use gateway::deafness::{Change, Deafness};
use gateway::wifi::reset::Device;
use jiff::tz::TimeZone;
use ladder::{Ladder, Step};
use monitor::{Monitor, NoMonitor};
use scan::Scan;
use serde_json::json;
use std::convert::Infallible;
use std::fmt::Display;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use visit_core::site::Site;

/// How often the adapter is asked how it is.
const ASK: Duration = Duration::from_secs(5);
/// An answer that takes longer will not come.
const ANSWER: Duration = Duration::from_secs(5);
/// Waits before everything is made anew.
const AGAIN: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(10)];
/// A scan that lasted so long was no failure of its start.
const LASTED: Duration = Duration::from_secs(60);

/// Listens until `cancel`; `watch` is of [`watch`].
pub(super) async fn listen(mut watch: Watch, cancel: CancellationToken) {
    let mut failures = 0;
    loop {
        let begun = Instant::now();
        let why = tokio::select! {
            // Dropping the stream of a connection that died may panic.
            why = AssertUnwindSafe(watch.scan()).catch_unwind() => why.unwrap_or("the connection broke".into()),
            () = cancel.cancelled() => break,
        };
        watch.ear.down(why);
        watch.restarts += 1;
        if begun.elapsed() >= LASTED {
            failures = 0;
        }
        tokio::select! {
            () = watch.reset() => {}
            () = cancel.cancelled() => break,
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN[failures.min(AGAIN.len() - 1)]) => {}
            () = cancel.cancelled() => break,
        }
        failures += 1;
    }
    watch.keep();
}

/// What listens, and watches over the adapter. `zone` is the site's.
pub(super) fn watch(
    settings: BleSettings,
    ear: Ear,
    rates: UsualRates,
    site: &Site,
    zone: TimeZone,
) -> Watch {
    let beacons = Beacons::of(site, ear.name(), &rates);
    Watch {
        deafness: rates.watch(ear.name()),
        kept: None,
        rates,
        settings,
        scan: Scan::new(ear.clone(), beacons),
        ear,
        zone,
        adapter: None,
        device: None,
        monitor: Ok(false),
        restarts: 0,
        why: String::new(),
        ladder: Ladder::default(),
        step: None,
    }
}

pub(super) struct Watch {
    settings: BleSettings,
    ear: Ear,
    zone: TimeZone,
    scan: Scan,
    deafness: Deafness,
    rates: UsualRates,
    /// In which hour what is usual was kept.
    kept: Option<u8>,
    /// The adapter's name, once it was found.
    adapter: Option<String>,
    device: Option<Device>,
    /// Whether the kernel has our monitor; or why there is none.
    monitor: Result<bool, String>,
    restarts: u64,
    /// Why it is deaf.
    why: String,
    ladder: Ladder,
    /// To be taken before the next scan.
    step: Option<Step>,
}

impl Watch {
    /// Scans until something is wrong: what.
    async fn scan(&mut self) -> String {
        let (lost, session) = match BluetoothSession::new().await {
            Ok(connected) => connected,
            Err(e) => return format!("no system bus: {e}; is dbus running?"),
        };
        tokio::select! {
            lost = lost => lost.err().map_or("the bus is gone".into(), |e| format!("the bus is gone: {e}")),
            scan = self.scan_with(&session) => scan.err().unwrap_or_default(),
        }
    }

    async fn scan_with(&mut self, session: &BluetoothSession) -> Result<Infallible, String> {
        let (adapter, name) = self.adapter(session).await?;
        self.device = Device::of("bluetooth", &name).or(self.device.take());
        self.adapter = Some(name.clone());
        let monitor = self.monitor(&name).await;
        let filter = DiscoveryFilter {
            // Any threshold makes BlueZ report every signal strength, and not only changes of 8 dB.
            rssi_threshold: Some(-127),
            transport: Some(Transport::Le),
            duplicate_data: Some(true),
            ..DiscoveryFilter::default()
        };
        let events = answer("listening", session.adapter_event_stream(&adapter)).await?;
        let start = session.start_discovery_on_adapter_with_filter(&adapter, &filter);
        answer("starting the scan", start).await?;
        info!(ear = %self.ear.name(), adapter = name, "scanning");
        if !self.is_deaf() {
            self.ear.up();
        }
        self.scan.begin();
        self.follow(session, &adapter, events, monitor.as_ref()).await
    }

    /// A monitor, where there can be one. Without it the scan goes on: chips differ, and some report everything anyway.
    async fn monitor(&mut self, adapter: &str) -> Option<Monitor> {
        if !self.settings.monitor {
            self.monitor = Err("monitor = false in the configuration".to_owned());
            return None;
        }
        let registered = tokio::time::timeout(ANSWER, Monitor::register(adapter)).await;
        let registered = registered
            .unwrap_or_else(|_| Err(NoMonitor::Refused(format!("no answer within {} s", ANSWER.as_secs()))));
        let (monitor, state) = match registered {
            Ok(monitor) => (Some(monitor), Ok(false)),
            Err(NoMonitor::NotOffered) => {
                (None, Err("this bluetoothd runs without --experimental and offers no monitors".to_owned()))
            }
            Err(NoMonitor::Refused(why)) => (None, Err(format!("BlueZ refused a monitor: {why}"))),
        };
        if state != self.monitor
            && let Err(why) = &state
        {
            info!(ear = %self.ear.name(), "no advertisement monitor, the chip may filter duplicates: {why}");
        }
        self.monitor = state;
        monitor
    }

    /// The adapter that is asked for, or the first; switched on.
    async fn adapter(&self, session: &BluetoothSession) -> Result<(AdapterId, String), String> {
        let manager = answer("asking BlueZ", btleplug::platform::Manager::new()).await?;
        let mut found = None;
        for adapter in answer("asking BlueZ for adapters", manager.adapters()).await? {
            let about = answer("asking an adapter", adapter.adapter_info()).await?;
            let name = about.split(' ').next().unwrap_or_default().to_owned();
            if self.settings.adapter.as_ref().is_none_or(|wanted| *wanted == name) {
                found = Some(name);
                break;
            }
        }
        let wanted = self.settings.adapter.as_deref().unwrap_or("Bluetooth adapter");
        let name = found
            .ok_or_else(|| format!("there is no {wanted}; `bluetoothctl list` shows those there are"))?;
        let all = answer("asking BlueZ for adapters", session.get_adapters()).await?;
        let info = all.into_iter().find(|a| a.id.to_string() == name).ok_or("the adapter went away")?;
        if !info.powered {
            let on = session.set_powered(&info.id, true);
            answer("switching the adapter on (`rfkill unblock bluetooth`?)", on).await?;
        }
        Ok((info.id, name))
    }

    async fn follow(
        &mut self,
        session: &BluetoothSession,
        adapter: &AdapterId,
        events: impl Stream<Item = BluetoothEvent>,
        monitor: Option<&Monitor>,
    ) -> Result<Infallible, String> {
        let mut events = std::pin::pin!(events);
        let mut ask = tokio::time::interval(ASK);
        ask.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ask.tick().await;
        let (mut looked, mut reports) = (Instant::now(), self.scan.reports);
        loop {
            if self.scan.is_pending() {
                // What belongs to a signal strength came in the same message: it is in the stream already.
                match events.next().now_or_never().flatten() {
                    Some(event) => self.scan.take(session, event).await,
                    None => self.scan.flush(),
                }
                continue;
            }
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => self.scan.take(session, event).await,
                    None => return Err("the stream of BlueZ ended".into()),
                },
                _ = ask.tick() => {
                    if let Some(monitor) = monitor {
                        self.monitor = Ok(monitor.is_active());
                    }
                    let judged = self.judge(self.scan.reports - reports, looked.elapsed());
                    (looked, reports) = (Instant::now(), self.scan.reports);
                    self.tell();
                    judged?;
                    let info = answer("asking the adapter", session.get_adapter_info(adapter)).await?;
                    if !info.powered {
                        return Err("the adapter was switched off".into());
                    }
                    if !info.discovering {
                        return Err("the scan was stopped".into());
                    }
                }
            }
        }
    }

    fn tell(&self) {
        let filtered = self.scan.duplicates.filtered();
        self.ear.detail(json!({
            "reports": self.scan.reports,
            "repeats": self.scan.repeats,
            "filters_duplicates": filtered,
            "monitor": match &self.monitor {
                Ok(true) => "active",
                Ok(false) => "waiting for the kernel",
                Err(why) => why,
            },
            "beacons": self.scan.beacons.usual(),
            "deaf": self.is_deaf(),
            "restarts": self.restarts,
        }));
        // Who wants no monitor wants the filter.
        let limited = self.settings.monitor && filtered == Some(true);
        self.ear.limited(limited.then(|| {
            let remedy = match &self.monitor {
                Err(why) => format!("{why}: docs/hardware.md says how to change that"),
                Ok(_) => "although a monitor tells it not to, or nothing here sends more often".to_owned(),
            };
            format!("no device is reported twice within four seconds: the chip filters duplicates; {remedy}")
        }));
    }

    fn is_deaf(&self) -> bool {
        self.deafness.is_deaf() || self.scan.beacons.is_deaf()
    }

    /// For `past`, until now, there were so many reports. An error when the scan is to be made anew.
    fn judge(&mut self, reports: u64, past: Duration) -> Result<(), String> {
        let hour = jiff::Timestamp::now().to_zoned(self.zone.clone()).hour().unsigned_abs();
        if self.kept.replace(hour).is_some_and(|kept| kept != hour) {
            self.keep();
        }
        let was_deaf = self.is_deaf();
        if let Some(Change::Deaf { silent, expected }) = self.deafness.heard(reports, past, hour) {
            self.deafness.reset();
            self.why = format!(
                "deaf: nothing heard for {} s, where about {expected:.0} advertisements are usual",
                silent.as_secs()
            );
        }
        if let Some(Verdict::Deaf(why)) = self.scan.beacons.look(past, &self.ear) {
            self.why = why;
        }
        match (was_deaf, self.is_deaf()) {
            (false, true) => {
                self.ear.down(self.why.clone());
                self.ladder.deaf();
            }
            (true, false) => {
                self.ladder.hears();
                self.ear.up();
            }
            _ => {}
        }
        self.step = self.ladder.due();
        if self.step.is_some() { Err(self.why.clone()) } else { Ok(()) }
    }

    /// Takes the step that is due.
    async fn reset(&mut self) {
        let Some(step) = self.step.take() else { return };
        let ear = self.ear.name();
        let usb = self.device.as_ref().filter(|device| device.is_usb());
        match (step, usb) {
            (Step::Scan, _) => info!(%ear, "resetting the scan"),
            (Step::Usb, Some(device)) => match device.reset_usb() {
                Ok(()) => info!(%ear, "reset the USB device"),
                Err(e) => warn!(%ear, "cannot reset the USB device: {e}"),
            },
            // An adapter of another sort has nothing harder than that.
            (Step::Power | Step::Usb, _) => match self.switch_off().await {
                Ok(()) => info!(%ear, "switched the adapter off, and on again"),
                Err(e) => warn!(%ear, "cannot switch the adapter off: {e}"),
            },
        }
    }

    /// The next scan switches it on.
    async fn switch_off(&self) -> Result<(), String> {
        let (lost, session) = BluetoothSession::new().await.map_err(|e| format!("no system bus: {e}"))?;
        let off = async {
            let all = answer("asking BlueZ for adapters", session.get_adapters()).await?;
            let name = self.adapter.as_deref().unwrap_or_default();
            let adapter = all.into_iter().find(|a| a.id.to_string() == name).ok_or("the adapter is gone")?;
            answer("switching it off", session.set_powered(&adapter.id, false)).await
        };
        tokio::select! {
            lost = lost => Err(lost.err().map_or("the bus is gone".into(), |e| format!("the bus is gone: {e}"))),
            done = off => done,
        }
    }

    fn keep(&self) {
        self.scan.beacons.note(self.ear.name(), &self.rates);
        self.rates.keep(self.ear.name(), &self.deafness);
    }
}

/// Waits for an answer, not for ever.
async fn answer<T, E: Display>(doing: &str, asked: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match tokio::time::timeout(ANSWER, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(e)) => Err(format!("{doing}: {e}")),
        Err(_) => Err(format!("{doing}: no answer within {} s; is bluetoothd running?", ANSWER.as_secs())),
    }
}
