//! An advertisement monitor of BlueZ: while one is registered, the kernel leaves the chip's duplicate filter off.
//!
//! A discovery alone turns that filter on, whatever is asked of BlueZ, and a chip that obeys reports a beacon once a scan of
//! some ten seconds. With any monitor every report comes, in the discovery's scan as well. So ours matches nothing that is ever
//! sent: for what matches, BlueZ would call us once more for each report, without a signal strength
//! ([0014](../../../../docs/decisions/0014-an-advertisement-monitor-beside-the-discovery.md)).
//!
//! BlueZ offers monitors to those who publish an object on the bus, and up to 5.82 at least only where bluetoothd was started
//! with `--experimental`. The object is on a connection of its own: when that closes, BlueZ takes the monitor away.

use super::ANSWER;
use dbus::Path;
use dbus::arg::{PropMap, RefArg, Variant};
use dbus::channel::{MatchingReceiver as _, Sender as _, default_reply};
use dbus::message::{MatchRule, Message};
use dbus::nonblock::{Proxy, SyncConnection};
use dbus_tokio::connection::new_system_sync;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::JoinHandle;

/// A monitor that is registered until it is dropped.
pub(super) struct Monitor {
    active: Arc<AtomicBool>,
    _connection: Arc<SyncConnection>,
    driver: JoinHandle<()>,
}

/// Why there is no monitor.
#[derive(Debug)]
pub(super) enum NoMonitor {
    /// This bluetoothd offers none.
    NotOffered,
    /// It does, and refused ours.
    Refused(String),
}

impl Monitor {
    /// Registers a monitor with the adapter of this name.
    pub(super) async fn register(adapter: &str) -> Result<Self, NoMonitor> {
        let (resource, connection) =
            new_system_sync().map_err(|e| NoMonitor::Refused(format!("no system bus: {e}")))?;
        let driver = tokio::spawn(async move { drop(resource.await) });
        let active = Arc::new(AtomicBool::new(false));
        let monitor = Self { active: Arc::clone(&active), _connection: Arc::clone(&connection), driver };
        connection.start_receive(
            MatchRule::new_method_call(),
            Box::new(move |call, connection| {
                if let Some(answer) = answer(&call, &active).filter(|_| !call.get_no_reply()) {
                    // Whoever asked is gone where this fails.
                    let _ = connection.send(answer);
                }
                true
            }),
        );
        let bluez = Proxy::new("org.bluez", format!("/org/bluez/{adapter}"), ANSWER, connection);
        let called = bluez.method_call(MANAGER, "RegisterMonitor", (Path::from(ROOT),)).await;
        match called {
            Ok(()) => Ok(monitor),
            Err(e) if e.name() == Some("org.freedesktop.DBus.Error.UnknownMethod") => {
                Err(NoMonitor::NotOffered)
            }
            Err(e) => Err(NoMonitor::Refused(e.to_string())),
        }
    }

    /// Whether the kernel has taken it.
    pub(super) fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// What BlueZ asks of our two objects: the root, and the monitor below it.
fn answer(call: &Message, active: &AtomicBool) -> Option<Message> {
    let (path, member) = (call.path()?, call.member()?);
    match (&*path, &*member) {
        (ROOT, "GetManagedObjects") => {
            let interfaces = HashMap::from([(MONITOR, properties())]);
            Some(call.method_return().append1(HashMap::from([(Path::from(NOTHING), interfaces)])))
        }
        (NOTHING, "GetAll") => Some(call.method_return().append1(properties())),
        (NOTHING, "Activate" | "Release") => {
            active.store(&*member == "Activate", Ordering::Relaxed);
            Some(call.method_return())
        }
        // Nothing matches; should it, its reports reach us as those of the discovery do.
        (NOTHING, "DeviceFound" | "DeviceLost") => Some(call.method_return()),
        _ => default_reply(call),
    }
}

fn properties() -> PropMap {
    let (start, kind, content) = PATTERN;
    let patterns = vec![(start, kind, content.to_vec())];
    let value = |value: Box<dyn RefArg>| Variant(value);
    PropMap::from([
        ("Type".into(), value(Box::new("or_patterns".to_owned()))),
        ("Patterns".into(), value(Box::new(patterns))),
    ])
}

const MANAGER: &str = "org.bluez.AdvertisementMonitorManager1";
const MONITOR: &str = "org.bluez.AdvertisementMonitor1";
const ROOT: &str = "/org/edge_agent";
const NOTHING: &str = "/org/edge_agent/nothing";

/// First byte, kind of AD structure (data of a manufacturer), content: of the company 0xffff, which is nobody's (Bluetooth
/// Assigned Numbers), what nobody sends. One pattern: chips that match themselves have room for few.
const PATTERN: (u8, u8, &[u8]) = (0, 0xff, b"\xff\xffedge-agent hears all");
