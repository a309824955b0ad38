//! A Bluetooth adapter's ear, through BlueZ.
//!
//! btleplug finds the adapter; the scan itself uses the library below it (bluez-async), which can ask for every report:
//! without a threshold of its own BlueZ tells a signal strength only when it changes by 8 dB, and each event of btleplug
//! costs a question to the bus.
//!
//! Nothing here trusts the stream: when bluetoothd, the bus or the adapter dies, it neither ends nor fails. So the adapter
//! is asked every few seconds whether it is there, switched on and scanning, and silence is judged as of any radio
//! ([`Deafness`]). Whatever is wrong, everything is thrown away and made anew: connection, scan, stream.

use super::{Ear, UsualRates};
use crate::config::BleSettings;
use crate::pipeline::wall_clock;
use bluez_async::{
    AdapterId, BleUuid as _, BluetoothEvent, BluetoothSession, DeviceEvent, DeviceId, DeviceInfo,
    DiscoveryFilter, Transport,
};
use btleplug::api::{Central as _, Manager as _};
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use gateway::ble;
use gateway::deafness::{Change, Deafness};
use gateway::observation::{Frame, MacAddr, Sighting};
use gateway::wifi::radiotap::plausible_rssi;
use gateway::wifi::reset::Device;
use jiff::tz::TimeZone;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::fmt::Display;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

/// How often the adapter is asked how it is.
const ASK: Duration = Duration::from_secs(5);
/// An answer that takes longer will not come.
const ANSWER: Duration = Duration::from_secs(5);
/// Waits before everything is made anew.
const AGAIN: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(10)];
/// A scan that lasted so long was no failure of its start.
const LASTED: Duration = Duration::from_secs(60);
/// Devices whose kind of advertisement is remembered; beyond, all are forgotten and learnt anew.
const REMEMBERED: usize = 4_096;

/// Listens until `cancel`; `zone` is the site's.
pub(super) async fn listen(
    settings: BleSettings,
    ear: Ear,
    rates: UsualRates,
    zone: TimeZone,
    cancel: CancellationToken,
) {
    let mut watch = Watch {
        deafness: rates.watch(ear.name()),
        kept: None,
        rates,
        settings,
        ear,
        zone,
        device: None,
        restarts: 0,
        deaf_before: 0,
    };
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
            () = tokio::time::sleep(AGAIN[failures.min(AGAIN.len() - 1)]) => {}
            () = cancel.cancelled() => break,
        }
        failures += 1;
    }
    watch.rates.keep(watch.ear.name(), &watch.deafness);
}

struct Watch {
    settings: BleSettings,
    ear: Ear,
    zone: TimeZone,
    deafness: Deafness,
    rates: UsualRates,
    /// In which hour what is usual was kept.
    kept: Option<u8>,
    device: Option<Device>,
    restarts: u64,
    /// Scans in a row that ended deaf.
    deaf_before: u32,
}

/// One scan's memory.
struct Scan<'a> {
    ear: &'a Ear,
    /// What each device advertises.
    kinds: HashMap<DeviceId, Frame>,
    /// A signal strength whose advertisement may follow in the same message.
    pending: Option<(DeviceId, i16)>,
    seen: HashSet<MacAddr>,
    reports: u64,
    /// Of these, from devices that had reported before: few, where the adapter filters duplicates.
    repeats: u64,
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
        if !self.deafness.is_deaf() {
            self.ear.up();
        }
        let ear = self.ear.clone();
        let mut scan = Scan {
            ear: &ear,
            kinds: HashMap::new(),
            pending: None,
            seen: HashSet::new(),
            reports: 0,
            repeats: 0,
        };
        self.follow(session, &adapter, events, &mut scan).await
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
        scan: &mut Scan<'_>,
    ) -> Result<Infallible, String> {
        let mut events = std::pin::pin!(events);
        let mut ask = tokio::time::interval(ASK);
        ask.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ask.tick().await;
        let (mut looked, mut reports) = (Instant::now(), 0);
        loop {
            if scan.pending.is_some() {
                // What belongs to a signal strength came in the same message: it is in the stream already.
                match events.next().now_or_never().flatten() {
                    Some(event) => scan.take(session, event).await,
                    None => scan.flush(),
                }
                continue;
            }
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => scan.take(session, event).await,
                    None => return Err("the stream of BlueZ ended".into()),
                },
                _ = ask.tick() => {
                    self.judge(scan.reports - reports, looked.elapsed())?;
                    (looked, reports) = (Instant::now(), scan.reports);
                    self.ear.detail(json!({
                        "reports": scan.reports,
                        "repeats": scan.repeats,
                        "deaf": self.deafness.is_deaf(),
                        "restarts": self.restarts,
                    }));
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

    /// An error when the scan is to be made anew.
    fn judge(&mut self, reports: u64, past: Duration) -> Result<(), String> {
        let hour = jiff::Timestamp::now().to_zoned(self.zone.clone()).hour().unsigned_abs();
        if self.kept.replace(hour).is_some_and(|kept| kept != hour) {
            self.rates.keep(self.ear.name(), &self.deafness);
        }
        match self.deafness.heard(reports, past, hour) {
            Some(Change::Deaf { silent, expected }) => {
                let why = format!(
                    "deaf: nothing heard for {} s, where about {expected:.0} advertisements are usual",
                    silent.as_secs()
                );
                self.deafness.reset();
                self.deaf_before += 1;
                // The first time a new scan will do.
                if self.deaf_before > 1
                    && let Some(device) = self.device.as_ref().filter(|d| d.is_usb())
                {
                    match device.reset_usb() {
                        Ok(()) => info!(ear = %self.ear.name(), "reset the USB device"),
                        Err(e) => warn!(ear = %self.ear.name(), "cannot reset the USB device: {e}"),
                    }
                }
                Err(why)
            }
            Some(Change::Hears) => {
                self.deaf_before = 0;
                self.ear.up();
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Scan<'_> {
    async fn take(&mut self, session: &BluetoothSession, event: BluetoothEvent) {
        let BluetoothEvent::Device { id, event } = event else { return };
        if self.pending.as_ref().is_some_and(|(pending, _)| *pending != id) {
            self.flush();
        }
        match event {
            // A new device's first report is not in the message; it may be gone again.
            DeviceEvent::Discovered => {
                let info = tokio::time::timeout(ANSWER, session.get_device_info(&id)).await;
                if let Ok(Ok(DeviceInfo { manufacturer_data, service_data, rssi, .. })) = info {
                    self.is(&id, of_manufacturers(&manufacturer_data).or_else(|| of_services(&service_data)));
                    self.pending = rssi.map(|rssi| (id, rssi));
                }
            }
            DeviceEvent::Rssi { rssi } => {
                self.flush();
                self.pending = Some((id, rssi));
            }
            DeviceEvent::ManufacturerData { manufacturer_data } => {
                self.is(&id, of_manufacturers(&manufacturer_data));
            }
            DeviceEvent::ServiceData { service_data } => self.is(&id, of_services(&service_data)),
            _ => {}
        }
    }

    /// What a device advertises. A phone that is a beacon and something else in turn remains the beacon.
    fn is(&mut self, id: &DeviceId, frame: Option<Frame>) {
        let Some(frame) = frame else { return };
        if self.kinds.len() >= REMEMBERED && !self.kinds.contains_key(id) {
            self.kinds.clear();
        }
        self.kinds.insert(id.clone(), frame);
    }

    /// A report is complete.
    fn flush(&mut self) {
        let Some((id, rssi)) = self.pending.take() else { return };
        let Some(addr) = address(&id) else { return };
        if self.seen.len() >= REMEMBERED {
            self.seen.clear();
        }
        self.reports += 1;
        self.repeats += u64::from(!self.seen.insert(addr));
        self.ear.heard(Sighting {
            at: wall_clock(),
            sensor: self.ear.sensor(),
            addr,
            rssi: i8::try_from(rssi).ok().and_then(plausible_rssi),
            channel: None,
            seq: None,
            fingerprint: None,
            frame: self.kinds.get(&id).copied().unwrap_or(Frame::Advertisement),
        });
    }
}

fn of_manufacturers(data: &HashMap<u16, Vec<u8>>) -> Option<Frame> {
    data.iter().find_map(|(company, data)| ble::of_manufacturer(*company, data))
}

fn of_services(data: &HashMap<Uuid, Vec<u8>>) -> Option<Frame> {
    data.iter().find_map(|(uuid, data)| ble::of_service((uuid.to_ble_u16()?, data)))
}

/// BlueZ names a device by its address: `hci0/dev_AA_BB_CC_DD_EE_FF`.
fn address(id: &DeviceId) -> Option<MacAddr> {
    let name = id.to_string();
    MacAddr::parse(&name.rsplit_once("dev_")?.1.replace('_', ":"))
}

/// Waits for an answer, not for ever.
async fn answer<T, E: Display>(doing: &str, asked: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match tokio::time::timeout(ANSWER, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(e)) => Err(format!("{doing}: {e}")),
        Err(_) => Err(format!("{doing}: no answer within {} s; is bluetoothd running?", ANSWER.as_secs())),
    }
}
