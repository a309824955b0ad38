//! The Bluetooth controller, spoken to without a host stack.

use esp_hal::peripherals::BT;
use esp_hal::time::{Duration, Instant};
use esp_radio::ble::Config;
use esp_radio::ble::controller::BleConnector;
use sensor_node::hci::{self, MAX_EVENT, Packet};

/// A controller that has not answered a command by then will not.
const PATIENCE: Duration = Duration::from_millis(200);

/// The controller.
pub struct Controller {
    connector: BleConnector<'static>,
    event: [u8; MAX_EVENT],
}

impl Controller {
    /// Powers it up.
    pub fn start(bt: BT<'static>) -> Self {
        let connector = BleConnector::new(bt, Config::default()).expect("the Bluetooth radio");
        Self { connector, event: [0; MAX_EVENT] }
    }

    /// Gives a command and waits for its own answer; events about other things are lost meanwhile. Whether it was
    /// carried out.
    pub fn command(&mut self, command: &Packet) -> bool {
        if self.connector.write(command.bytes()).is_err() {
            return false;
        }
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE {
            if let Some(done) = self.event().and_then(|event| hci::completes(event, command)) {
                return done;
            }
        }
        false
    }

    /// The next event, if there is one.
    pub fn event(&mut self) -> Option<&[u8]> {
        let len = self.connector.next(&mut self.event).ok().filter(|len| *len > 0)?;
        self.event.get(..len)
    }
}
