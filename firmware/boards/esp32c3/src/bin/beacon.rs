//! A store's fixed iBeacon: it only transmits. Which beacon it is stands in the environment of the build
//! (`firmware/build --beacon UUID MAJOR MINOR`).

#![no_std]
#![no_main]

use esp_backtrace as _;
use esp_hal::clock::CpuClock;
use esp_hal::delay::Delay;
use esp_hal::timer::timg::TimerGroup;
use esp_hal::{main, ram, system};
use esp32c3::controller::Controller;
use sensor_node::hci;
use sensor_node::ibeacon::IBeacon;

esp_bootloader_esp_idf::esp_app_desc!();

/// Apple's interval for beacons.
const INTERVAL_MS: u16 = 100;
/// An hour without a fresh start is enough: a controller that has hung is silent for no longer.
const FRESH_START_MS: u32 = 3_600_000;

const BEACON: IBeacon = IBeacon {
    uuid: uuid(env!("BEACON_UUID")),
    major: number(env!("BEACON_MAJOR")),
    minor: number(env!("BEACON_MINOR")),
    measured_power: -59,
};

#[main]
fn main() -> ! {
    // Power is all it costs: the slowest clock that the radio runs with.
    let p = esp_hal::init(esp_hal::Config::default().with_cpu_clock(CpuClock::_80MHz));
    esp_alloc::heap_allocator!(size: 32 * 1024);
    esp_alloc::heap_allocator!(#[ram(reclaimed)] size: 64 * 1024);
    let timers = TimerGroup::new(p.TIMG0);
    esp_rtos::start(timers.timer0, p.FROM_CPU_INTR0);
    let mut controller = Controller::start(p.BT);
    let commands = [
        hci::reset(),
        hci::event_mask(),
        hci::advertising_parameters(INTERVAL_MS),
        hci::advertising_data(&BEACON.advertisement()),
        hci::advertising_enable(true),
    ];
    let advertises = commands.iter().all(|command| controller.command(command));
    // One that could not begin tries again soon.
    Delay::new().delay_millis(if advertises { FRESH_START_MS } else { 1_000 });
    system::software_reset()
}

/// `8-4-4-4-12` hexadecimal digits.
const fn uuid(text: &str) -> [u8; 16] {
    let (text, mut out, mut at, mut digits) = (text.as_bytes(), [0; 16], 0, 0);
    assert!(text.len() == 36, "BEACON_UUID is 8-4-4-4-12 hexadecimal digits");
    while at < text.len() {
        let digit = match text[at] {
            c @ b'0'..=b'9' => c - b'0',
            c @ b'a'..=b'f' => c - b'a' + 10,
            c @ b'A'..=b'F' => c - b'A' + 10,
            b'-' if matches!(at, 8 | 13 | 18 | 23) => {
                at += 1;
                continue;
            }
            _ => panic!("BEACON_UUID is 8-4-4-4-12 hexadecimal digits"),
        };
        out[digits / 2] = out[digits / 2] << 4 | digit;
        digits += 1;
        at += 1;
    }
    out
}

const fn number(text: &str) -> u16 {
    let (text, mut at, mut number) = (text.as_bytes(), 0, 0u32);
    assert!(!text.is_empty(), "BEACON_MAJOR and BEACON_MINOR are 0 to 65535");
    while at < text.len() {
        assert!(text[at].is_ascii_digit(), "BEACON_MAJOR and BEACON_MINOR are 0 to 65535");
        number = number * 10 + (text[at] - b'0') as u32;
        assert!(number <= 65_535, "BEACON_MAJOR and BEACON_MINOR are 0 to 65535");
        at += 1;
    }
    number as u16
}
