//! What BlueZ says of advertisements, put together to reports.

use super::ANSWER;
use crate::ears::Ear;
use crate::ears::beacons::Beacons;
use crate::pipeline::wall_clock;
use bluez_async::{BleUuid as _, BluetoothEvent, BluetoothSession, DeviceEvent, DeviceId, DeviceInfo};
use gateway::ble;
use gateway::ble::duplicates::Duplicates;
use gateway::observation::{Frame, MacAddr, Sighting};
use gateway::wifi::radiotap::plausible_rssi;
use std::collections::HashMap;
use tokio::time::Instant;
use uuid::Uuid;

/// Devices whose kind of advertisement is remembered; beyond, all are forgotten and learnt anew.
const REMEMBERED: usize = 4_096;

/// What is heard, over all scans of an adapter.
pub(super) struct Scan {
    ear: Ear,
    /// Origin of the clock of `duplicates`.
    began: Instant,
    /// What each device advertises.
    kinds: HashMap<DeviceId, Frame>,
    /// A signal strength whose advertisement may follow in the same message.
    pending: Option<(DeviceId, i16)>,
    pub(super) duplicates: Duplicates,
    pub(super) beacons: Beacons,
    pub(super) reports: u64,
    /// Of these, from devices that had reported before.
    pub(super) repeats: u64,
}

impl Scan {
    pub(super) fn new(ear: Ear, beacons: Beacons) -> Self {
        Self {
            ear,
            began: Instant::now(),
            kinds: HashMap::new(),
            pending: None,
            duplicates: Duplicates::default(),
            beacons,
            reports: 0,
            repeats: 0,
        }
    }

    /// BlueZ may be another: nothing of what it said before belongs to what it says now.
    pub(super) fn begin(&mut self) {
        self.kinds.clear();
        self.pending = None;
    }

    /// Whether a report is not complete yet.
    pub(super) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    pub(super) async fn take(&mut self, session: &BluetoothSession, event: BluetoothEvent) {
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
    pub(super) fn flush(&mut self) {
        let Some((id, rssi)) = self.pending.take() else { return };
        let Some(addr) = address(&id) else { return };
        let frame = self.kinds.get(&id).copied().unwrap_or(Frame::Advertisement);
        self.reports += 1;
        self.repeats += u64::from(self.duplicates.report(addr, self.began.elapsed()));
        self.beacons.heard(frame);
        self.ear.heard(Sighting {
            at: wall_clock(),
            sensor: self.ear.sensor(),
            addr,
            rssi: i8::try_from(rssi).ok().and_then(plausible_rssi),
            channel: None,
            seq: None,
            fingerprint: None,
            frame,
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
