//! The sensor node: a Wi-Fi sniffer and a Bluetooth LE scanner on a serial line.
//!
//! The line is UART 0's pins (TX GPIO 21, RX GPIO 20), where development boards have their USB adapter: the boot ROM
//! talks there at 115,200 baud when the chip starts, which costs no frame. The lamp is GPIO 8.

#![no_std]
#![no_main]

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::channel::Channel;
use embedded_io::{ErrorType, Read, ReadReady, Write};
use esp_backtrace as _;
use esp_hal::clock::CpuClock;
use esp_hal::gpio::{Level, Output, OutputConfig};
use esp_hal::rtc_cntl::{Rtc, RwdtStage, SocResetReason};
use esp_hal::time::{Duration, Instant};
use esp_hal::timer::timg::TimerGroup;
use esp_hal::uart::{Config as UartConfig, Uart};
use esp_hal::{Blocking, main, ram, system};
use portable_atomic::{AtomicU32, Ordering};
use sensor_node::wire::{BASE_BAUD, Body, Reset};
use sensor_node::{Board, Identity, Line, Node};

esp_bootloader_esp_idf::esp_app_desc!();

/// Reports that may wait for the line: a tenth of a second at full load.
const QUEUE: usize = 256;

/// From the radio driver's context to the main loop. The driver must never wait.
static HEARD: Channel<CriticalSectionRawMutex, (u64, Body), 64> = Channel::new();
static WIFI_HEARD: AtomicU32 = AtomicU32::new(0);
static LOST: AtomicU32 = AtomicU32::new(0);

fn now_us() -> u64 {
    Instant::now().duration_since_epoch().as_micros()
}

#[main]
fn main() -> ! {
    let p = esp_hal::init(esp_hal::Config::default().with_cpu_clock(CpuClock::max()));
    // The second is memory that the boot loader needs no longer.
    esp_alloc::heap_allocator!(size: 72 * 1024);
    esp_alloc::heap_allocator!(#[ram(reclaimed)] size: 64 * 1024);
    let timers = TimerGroup::new(p.TIMG0);
    esp_rtos::start(timers.timer0, p.FROM_CPU_INTR0);

    // Also out of a crash, which would otherwise stand still for ever.
    let mut watchdog = Rtc::new(p.RTC_TIMER).rwdt;
    watchdog.set_timeout(RwdtStage::Stage0, Duration::from_secs(10));
    watchdog.enable();

    let uart = UartConfig::default().with_baudrate(BASE_BAUD);
    // Only a rate that cannot be divided is refused, and this one can.
    let uart = Uart::new(p.UART1, uart).expect("the base rate").with_tx(p.GPIO21).with_rx(p.GPIO20);
    let lamp = Output::new(p.GPIO8, Level::Low, OutputConfig::default());

    let mut board = Chip {
        #[cfg(feature = "wifi")]
        sniffer: sniffer::Sniffer::start(p.WIFI),
        #[cfg(feature = "ble")]
        scanner: scanner::Scanner::start(p.BT),
    };
    let mut id = [0; 6];
    id.copy_from_slice(esp_hal::efuse::base_mac_address().as_bytes());
    let identity = Identity {
        node: id,
        firmware: sensor_node::version(),
        reset: reset(),
        wifi: cfg!(feature = "wifi"),
        ble: cfg!(feature = "ble"),
    };
    let mut node: Node<Port, _, QUEUE> = Node::new(identity, Port(uart), lamp);
    node.start(now_us(), &mut board);
    loop {
        watchdog.feed();
        let ble = board.scan(|body| node.heard(now_us(), body));
        while let Ok((at_us, body)) = HEARD.try_receive() {
            node.heard(at_us, body);
        }
        node.counted(WIFI_HEARD.swap(0, Ordering::Relaxed), ble, LOST.swap(0, Ordering::Relaxed));
        node.turn(now_us(), &mut board);
    }
}

fn reset() -> Reset {
    match system::reset_reason() {
        Some(SocResetReason::ChipPowerOn) => Reset::Power,
        Some(SocResetReason::CoreSw | SocResetReason::Cpu0Sw) => Reset::Asked,
        Some(SocResetReason::SysBrownOut) => Reset::Brownout,
        Some(_) => Reset::Watchdog,
        None => Reset::Unknown,
    }
}

struct Chip {
    #[cfg(feature = "wifi")]
    sniffer: sniffer::Sniffer,
    #[cfg(feature = "ble")]
    scanner: scanner::Scanner,
}

impl Chip {
    /// Reports what the scanner heard since the last call; how many that were.
    #[cfg(feature = "ble")]
    fn scan(&mut self, mut report: impl FnMut(Body)) -> u32 {
        let mut heard = 0;
        self.scanner.take(|body| {
            heard += 1;
            report(body);
        });
        heard
    }

    #[cfg(not(feature = "ble"))]
    fn scan(&mut self, _: impl FnMut(Body)) -> u32 {
        0
    }
}

impl Board for Chip {
    fn tune(&mut self, channel: u8) {
        #[cfg(feature = "wifi")]
        self.sniffer.tune(channel);
        let _ = channel;
    }

    fn listen_ble(&mut self, on: bool) {
        #[cfg(feature = "ble")]
        self.scanner.listen(on);
        let _ = on;
    }

    fn memory_free(&self) -> u32 {
        esp_alloc::HEAP.free() as u32
    }

    fn restart(&mut self) {
        system::software_reset()
    }
}

/// The line.
struct Port(Uart<'static, Blocking>);

impl ErrorType for Port {
    type Error = <Uart<'static, Blocking> as ErrorType>::Error;
}

impl Read for Port {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        Read::read(&mut self.0, buf)
    }
}

impl ReadReady for Port {
    fn read_ready(&mut self) -> Result<bool, Self::Error> {
        ReadReady::read_ready(&mut self.0)
    }
}

impl Write for Port {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        Write::write(&mut self.0, buf)
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        Write::flush(&mut self.0)
    }
}

impl Line for Port {
    fn set_baud(&mut self, baud: u32) -> bool {
        self.0.apply_config(&UartConfig::default().with_baudrate(baud)).is_ok()
    }
}

#[cfg(feature = "wifi")]
mod sniffer {
    //! Wi-Fi frames, whoever they are for.

    use super::{HEARD, LOST, Ordering, WIFI_HEARD, now_us};
    use core::cell::RefCell;
    use embassy_sync::blocking_mutex::Mutex;
    use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
    use esp_hal::peripherals::WIFI;
    use esp_radio::wifi::sniffer::{PromiscuousPkt, Sniffer as Radio};
    use esp_radio::wifi::{ControllerConfig, SecondaryChannel, WifiController};
    use esp_wifi_sys_esp32c3::include::{
        WIFI_PROMIS_FILTER_MASK_DATA, WIFI_PROMIS_FILTER_MASK_MGMT, esp_wifi_set_promiscuous_filter,
        wifi_promiscuous_filter_t, wifi_promiscuous_pkt_type_t_WIFI_PKT_DATA as DATA,
        wifi_promiscuous_pkt_type_t_WIFI_PKT_MGMT as MANAGEMENT,
    };
    use sensor_node::wire::{Body, Wifi};
    use sensor_node::{Seldom, dot11};

    static CONNECTED: Mutex<CriticalSectionRawMutex, RefCell<Seldom>> =
        Mutex::new(RefCell::new(Seldom::new()));

    /// Length of a frame check sequence, which comes with the frame.
    const FCS: usize = 4;

    pub struct Sniffer {
        wifi: WifiController<'static>,
        radio: Radio,
    }

    impl Sniffer {
        /// A radio that does not start is a crash, and the watchdog's: the node tries again.
        pub fn start(wifi: WIFI<'static>) -> Self {
            let wifi = WifiController::new(wifi, ControllerConfig::default()).expect("the Wi-Fi radio");
            let mut radio = wifi.sniffer();
            radio.set_receive_cb(heard);
            let filter = wifi_promiscuous_filter_t {
                filter_mask: WIFI_PROMIS_FILTER_MASK_MGMT | WIFI_PROMIS_FILTER_MASK_DATA,
            };
            // SAFETY: the driver is up, and copies the filter. What it refuses, `heard` sorts out.
            unsafe { esp_wifi_set_promiscuous_filter(&filter) };
            radio.set_promiscuous_mode(true).expect("promiscuous mode");
            Self { wifi, radio }
        }

        pub fn tune(&mut self, channel: u8) {
            let _ = self.radio.set_promiscuous_mode(channel != 0);
            if channel != 0 {
                let _ = self.wifi.set_channel(channel, SecondaryChannel::None);
            }
        }
    }

    /// In the driver's context.
    fn heard(packet: PromiscuousPkt<'_>) {
        // First: of other types the data does not exist, whatever its length says.
        if !matches!(packet.frame_type, MANAGEMENT | DATA) || packet.rx_cntl.rx_state != 0 {
            return;
        }
        WIFI_HEARD.fetch_add(1, Ordering::Relaxed);
        let frame = &packet.data[..packet.data.len().saturating_sub(FCS)];
        let (rssi, channel) = (packet.rx_cntl.rssi as i8, packet.rx_cntl.channel as u8);
        let seldom = |wifi: &Wifi| {
            !dot11::is_data(frame) || CONNECTED.lock(|c| c.borrow_mut().lets(wifi.addr.0, now_us()))
        };
        if let Some(wifi) = dot11::client(frame, rssi, channel).filter(seldom)
            && HEARD.try_send((now_us(), Body::Wifi(wifi))).is_err()
        {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(feature = "ble")]
mod scanner {
    //! Bluetooth LE advertisements.

    use esp_hal::peripherals::BT;
    use esp32c3::controller::Controller;
    use sensor_node::hci;
    use sensor_node::wire::Body;

    /// Of every 100 ms the radio listens so long; the rest is Wi-Fi's.
    const WINDOW_MS: u16 = if cfg!(feature = "wifi") { 30 } else { 100 };

    pub struct Scanner(Controller);

    impl Scanner {
        pub fn start(bt: BT<'static>) -> Self {
            let mut controller = Controller::start(bt);
            for command in
                [hci::reset(), hci::event_mask(), hci::le_event_mask(), hci::scan_parameters(100, WINDOW_MS)]
            {
                controller.command(&command);
            }
            Self(controller)
        }

        pub fn listen(&mut self, on: bool) {
            self.0.command(&hci::scan_enable(on));
        }

        /// What came in since the last call.
        pub fn take(&mut self, mut report: impl FnMut(Body)) {
            while let Some(event) = self.0.event() {
                hci::advertisements(event, &mut report);
            }
        }
    }
}
