//! A sensor node's serial line: the device and the clock around [`Link`].
//!
//! A node that is pulled out reads as end of file; its line is closed, and opened again when it is back under the same
//! name (`/dev/serial/by-id/…`).

use super::beacons::{Beacons, Verdict};
use super::clock::time_of;
use super::path::Ear;
use crate::config::NodeSettings;
use gateway::node::{BASE_BAUD, Link, Output, Settings, Wanted, sighting};
use gateway::observation::Frame;
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_serial::{SerialPort, SerialPortBuilderExt, SerialStream};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Waits between attempts to open the line: the first, doubled up to the last.
const AGAIN: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// Bytes read at once.
const CHUNK: usize = 16 << 10;
/// A line that takes nothing for so long is stuck.
const STUCK: Duration = Duration::from_secs(2);
/// How often health is told what is known of the node.
const TELL: Duration = Duration::from_secs(1);
/// How often it is looked which beacons were heard.
const LOOK: Duration = Duration::from_secs(5);

/// What the link is to want of a node.
pub(super) fn wanted(settings: &NodeSettings, rssi_floor: Option<i8>) -> Wanted {
    let channels = settings.channels.iter().filter(|c| (1..=14).contains(*c));
    let listening = Settings {
        channels: channels.fold(0, |mask, channel| mask | 1 << (channel - 1)),
        dwell_ms: settings.dwell_ms,
        ble: settings.ble,
        // What privacy would drop need not travel.
        rssi_floor: rssi_floor.unwrap_or(i8::MIN),
        health_ms: Settings::DEFAULT.health_ms,
    };
    Wanted { node: settings.node, settings: listening, baud: settings.baud }
}

/// Listens until `cancel`.
pub(super) async fn listen(
    device: PathBuf,
    wanted: Wanted,
    ear: Ear,
    beacons: Beacons,
    cancel: CancellationToken,
) {
    let now = Instant::now();
    let mut node = Node { link: Link::new(wanted), began: now, told: now, looked: now, ear, beacons };
    let shown = device.display();
    let mut wait = AGAIN.0;
    loop {
        match open(&device) {
            Ok(line) => {
                info!(ear = %node.ear.name(), device = %shown, "the line is open");
                wait = AGAIN.0;
                let Err(why) = node.converse(line, &cancel).await else { return };
                node.link.closed(&format!("{shown}: {why}"));
                // Closing says one thing only, for which no line is needed.
                while let Some(output) = node.link.poll() {
                    node.say(&output);
                }
                node.tell();
            }
            Err(e) => node.ear.down(format!("cannot open {shown}: {e}")),
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(AGAIN.1),
            () = cancel.cancelled() => return,
        }
    }
}

struct Node {
    link: Link,
    /// Origin of the link's clock.
    began: Instant,
    told: Instant,
    looked: Instant,
    ear: Ear,
    beacons: Beacons,
}

impl Node {
    /// Until the line is gone; `Ok` when we are to stop.
    async fn converse(&mut self, mut line: SerialStream, cancel: &CancellationToken) -> io::Result<()> {
        self.link.opened(self.now_us());
        // What was not heard while there was no line says nothing.
        self.looked = Instant::now();
        let mut chunk = vec![0; CHUNK];
        loop {
            while let Some(output) = self.link.poll() {
                match output {
                    Output::Send(bytes) => timeout(STUCK, line.write_all(&bytes)).await??,
                    // The node has answered what was written before: there is nothing to wait for.
                    Output::Rate(baud) => line.set_baud_rate(baud)?,
                    said => self.say(&said),
                }
            }
            if self.told.elapsed() >= TELL {
                self.tell();
            }
            if self.looked.elapsed() >= LOOK {
                self.look();
            }
            let due = self.link.next_deadline().map(|us| self.began + Duration::from_micros(us));
            let due = due.unwrap_or(self.told + TELL).min(self.told + TELL);
            tokio::select! {
                read = line.read(&mut chunk) => match read? {
                    0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it was pulled out")),
                    n => self.link.received(&chunk[..n], self.now_us()),
                },
                () = sleep_until(due) => {}
                () = cancel.cancelled() => return Ok(()),
            }
            self.link.advance(self.now_us());
        }
    }

    /// A node that hears none of its beacons may still hear Wi-Fi: it is limited, and not down.
    fn look(&mut self) {
        let past = std::mem::replace(&mut self.looked, Instant::now()).elapsed();
        match self.beacons.look(past, &self.ear) {
            Some(Verdict::Deaf(why)) => self.ear.limited(Some(format!("Bluetooth is {why}"))),
            Some(Verdict::Hears) => self.ear.limited(None),
            None => {}
        }
    }

    fn say(&mut self, output: &Output) {
        match output {
            Output::Heard { at_us, body } => {
                let at = time_of(self.began + Duration::from_micros(*at_us));
                if let Some(sighting) = sighting(body, at, self.ear.sensor()) {
                    if matches!(sighting.frame, Frame::Advertisement | Frame::IBeacon { .. }) {
                        self.beacons.heard(sighting.frame);
                    }
                    self.ear.heard(sighting);
                }
            }
            Output::Up => self.ear.up(),
            Output::Down(why) => self.ear.down(why.as_str()),
            Output::Send(_) | Output::Rate(_) => {}
        }
    }

    fn tell(&mut self) {
        self.told = Instant::now();
        self.ear.detail(json!(self.link.state()));
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

fn open(device: &Path) -> tokio_serial::Result<SerialStream> {
    tokio_serial::new(device.to_string_lossy(), BASE_BAUD).open_native_async()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_site;
    use crate::ears::{Ears, UsualRates};
    use visit_core::site::SensorIx;

    const MAP: &str = r#"
site = { id = "s", timezone = "UTC" }
floor = [{ id = "F1", level = 0 }]
zone = [{ id = "door", floor = "F1", kind = "entrance", position = [0, 0] }]
sensor = [{ id = "S1", zone = "door" }]
beacon = [
    { id = "left", zone = "door", uuid = "e2c56db5-dffb-48d2-b060-d0f5a71096e0", major = 1, minor = 0 },
    { id = "right", zone = "door", uuid = "e2c56db5-dffb-48d2-b060-d0f5a71096e0", major = 1, minor = 1 },
]
"#;

    #[tokio::test(start_paused = true)]
    async fn a_node_that_hears_none_of_its_beacons_is_limited_and_not_down() {
        let site = parse_site("site.toml", MAP).unwrap().value;
        let (ears, hearing) = Ears::new(&site);
        let ear = ears.ear("node S1", "node", &site, SensorIx(0));
        let beacons = Beacons::of(&site, "node S1", &UsualRates::default());
        let wanted = Wanted { node: None, settings: Settings::DEFAULT, baud: BASE_BAUD };
        let now = Instant::now();
        let mut node = Node { link: Link::new(wanted), began: now, told: now, looked: now, ear, beacons };
        node.say(&Output::Up);
        for minor in [0, 1].repeat(24) {
            tokio::time::advance(LOOK / 2).await;
            for minor in [minor, 1 - minor] {
                node.beacons.heard(Frame::IBeacon { uuid: site.beacons[0].uuid, major: 1, minor });
            }
            node.look();
        }
        assert_eq!(hearing.states()["node S1"].limited, None);
        for _ in 0..12 {
            tokio::time::advance(LOOK).await;
            node.look();
        }
        let state = hearing.states()["node S1"].clone();
        assert!(state.up && state.limited.is_some_and(|why| why.contains("none of the 2 beacons")));
        node.beacons.heard(Frame::IBeacon { uuid: site.beacons[0].uuid, major: 1, minor: 1 });
        tokio::time::advance(LOOK).await;
        node.look();
        assert_eq!(hearing.states()["node S1"].limited, None);
    }
}
