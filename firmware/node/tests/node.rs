//! A node on a line of memory, with time as an argument.
#![allow(missing_docs, clippy::unwrap_used)]

use embedded_hal::digital::{ErrorType, OutputPin};
use proptest::prelude::*;
use sensor_node::{Board, Identity, Line, Node};
use sensor_wire::{
    Address, BASE_BAUD, Ble, Body, Command, Deframer, Health, ROOM, Report, Reset, Settings, Wifi, encode,
};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::rc::Rc;

const QUEUE: usize = 32;
const SECOND: u64 = 1_000_000;
const WHO: Identity =
    Identity { node: [1, 2, 3, 4, 5, 6], firmware: [0, 1, 0], reset: Reset::Power, wifi: true, ble: true };

/// Both ends of a line: what the gateway wrote, what the node wrote, and its rate.
#[derive(Clone, Default)]
struct Wire(Rc<RefCell<Ends>>);

#[derive(Default)]
struct Ends {
    to_node: VecDeque<u8>,
    from_node: Vec<u8>,
    baud: u32,
    cannot: Option<u32>,
}

impl embedded_io::ErrorType for Wire {
    type Error = Infallible;
}

impl embedded_io::Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        Ok(self.0.borrow_mut().to_node.pop_front().map_or(0, |b| {
            buf[0] = b;
            1
        }))
    }
}

impl embedded_io::ReadReady for Wire {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(!self.0.borrow().to_node.is_empty())
    }
}

impl embedded_io::Write for Wire {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        self.0.borrow_mut().from_node.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Line for Wire {
    fn set_baud(&mut self, baud: u32) -> bool {
        let mut ends = self.0.borrow_mut();
        let can = ends.cannot != Some(baud);
        if can {
            ends.baud = baud;
        }
        can
    }
}

#[derive(Clone, Default)]
struct Lamp(Rc<RefCell<bool>>);

impl ErrorType for Lamp {
    type Error = Infallible;
}

impl OutputPin for Lamp {
    fn set_low(&mut self) -> Result<(), Infallible> {
        *self.0.borrow_mut() = false;
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        *self.0.borrow_mut() = true;
        Ok(())
    }
}

#[derive(Default)]
struct Desk {
    tuned: Vec<u8>,
    ble: Vec<bool>,
    restarts: u32,
}

impl Board for Desk {
    fn tune(&mut self, channel: u8) {
        self.tuned.push(channel);
    }

    fn listen_ble(&mut self, on: bool) {
        self.ble.push(on);
    }

    fn memory_free(&self) -> u32 {
        4_096
    }

    fn restart(&mut self) {
        self.restarts += 1;
    }

    #[cfg(feature = "bench")]
    fn exit(&mut self) {}
}

struct Bench {
    node: Node<Wire, Lamp, QUEUE>,
    wire: Wire,
    lamp: Lamp,
    desk: Desk,
    deframer: Deframer<Report>,
}

impl Bench {
    fn new() -> Self {
        let (wire, lamp, mut desk) = (Wire::default(), Lamp::default(), Desk::default());
        wire.0.borrow_mut().baud = BASE_BAUD;
        let mut node = Node::new(WHO, wire.clone(), lamp.clone());
        node.start(0, &mut desk);
        let mut bench = Self { node, wire, lamp, desk, deframer: Deframer::new() };
        assert!(matches!(bench.said()[..], [Report { seq: 0, body: Body::Hello(_), .. }]));
        bench
    }

    fn tell(&mut self, command: &Command) {
        let mut room = [0; ROOM];
        self.wire.0.borrow_mut().to_node.extend(encode(command, &mut room).unwrap());
    }

    fn turn(&mut self, now_us: u64) -> Vec<Report> {
        self.node.turn(now_us, &mut self.desk);
        self.said()
    }

    fn said(&mut self) -> Vec<Report> {
        let bytes = std::mem::take(&mut self.wire.0.borrow_mut().from_node);
        bytes.iter().filter_map(|b| self.deframer.push(*b)).map(Result::unwrap).collect()
    }

    fn baud(&self) -> u32 {
        self.wire.0.borrow().baud
    }
}

fn ble(rssi: i8) -> Body {
    Body::Ble(Ble { addr: Address([1; 6]), rssi })
}

fn health(reports: &[Report]) -> Health {
    reports
        .iter()
        .find_map(|r| match r.body {
            Body::Health(h) => Some(h),
            _ => None,
        })
        .unwrap()
}

#[test]
fn what_is_heard_is_reported_in_order_with_its_own_time_and_the_next_number() {
    let mut b = Bench::new();
    for i in 0..5 {
        b.node.heard(1_000 + i, ble(-60));
    }
    let said = b.turn(2_000);
    assert_eq!(
        said.iter().map(|r| (r.seq, r.at_us)).collect::<Vec<_>>(),
        [(1, 1_000), (2, 1_001), (3, 1_002), (4, 1_003), (5, 1_004)]
    );
}

#[test]
fn a_full_queue_drops_and_says_so_in_health_and_the_numbers_have_no_gap() {
    let mut b = Bench::new();
    for _ in 0..QUEUE + 7 {
        b.node.heard(1, ble(-60));
    }
    b.node.counted(3, 40, 2);
    let mut said = b.turn(1);
    said.extend(b.turn(2));
    said.extend(b.turn(5 * SECOND));
    assert!(said.windows(2).all(|w| w[1].seq == w[0].seq + 1));
    let expected = Health {
        wifi_heard: 3,
        ble_heard: 40,
        dropped: 7 + 2,
        queue_peak: QUEUE as u16,
        bad_commands: 0,
        memory_free: 4_096,
        channel: 6,
    };
    assert_eq!(health(&said), expected);
}

#[test]
fn settings_are_confirmed_and_obeyed() {
    let mut b = Bench::new();
    b.turn(1);
    let settings =
        Settings { channels: 1 << 12, ble: false, rssi_floor: -70, health_ms: 1_000, ..Settings::DEFAULT };
    b.tell(&Command::Configure(settings));
    assert_eq!(b.turn(2)[0].body, Body::Configured(settings));
    assert_eq!((b.desk.tuned.last(), b.desk.ble.last()), (Some(&13), Some(&false)));
    b.node.heard(3, ble(-71));
    b.node.heard(4, ble(-70));
    assert_eq!(b.turn(5).len(), 1, "one was too weak");
    b.tell(&Command::Hello);
    let Body::Hello(hello) = b.turn(6)[0].body else { panic!("no hello") };
    assert_eq!((hello.node, hello.settings), (WHO.node, settings));
    b.tell(&Command::Restart);
    b.turn(7);
    assert_eq!(b.desk.restarts, 1);
}

#[test]
fn another_rate_is_announced_at_the_old_one_and_left_again_when_the_gateway_is_gone() {
    let mut b = Bench::new();
    b.tell(&Command::Baud(921_600));
    assert_eq!(b.turn(SECOND)[0].body, Body::Baud(921_600));
    assert_eq!(b.baud(), 921_600);
    assert!(*b.lamp.0.borrow());
    b.tell(&Command::Ping);
    b.turn(6 * SECOND);
    b.turn(11 * SECOND);
    assert_eq!(b.baud(), 921_600, "the ping kept it");
    let said = b.turn(12 * SECOND);
    assert_eq!(b.baud(), BASE_BAUD);
    assert!(said.iter().any(|r| matches!(r.body, Body::Hello(_))));
    assert!(!*b.lamp.0.borrow());
}

#[test]
fn a_rate_that_cannot_be_is_refused_and_one_that_the_line_cannot_is_not_kept() {
    let mut b = Bench::new();
    b.tell(&Command::Baud(50));
    assert_eq!(b.turn(1), []);
    b.wire.0.borrow_mut().cannot = Some(3_000_000);
    b.tell(&Command::Baud(3_000_000));
    b.turn(2);
    assert_eq!(b.baud(), BASE_BAUD);
}

#[test]
fn a_test_command_is_refused_on_a_wall() {
    let mut b = Bench::new();
    b.tell(&Command::Bench(sensor_wire::Bench::Hear(3)));
    let said = b.turn(5 * SECOND);
    if cfg!(feature = "bench") {
        assert_eq!(said.iter().filter(|r| matches!(r.body, Body::Wifi(Wifi { .. }))).count(), 3);
    } else {
        assert_eq!((said.len(), health(&said).bad_commands), (1, 1));
    }
}

proptest! {
    #[test]
    fn whatever_is_on_the_line_the_node_obeys_the_next_command(
        noise in proptest::collection::vec(any::<u8>(), 0..2000)
    ) {
        let mut b = Bench::new();
        b.wire.0.borrow_mut().to_node.extend(&noise);
        b.tell(&Command::Hello);
        let mut said = Vec::new();
        for now in 0..100 {
            said.extend(b.turn(now));
        }
        prop_assert!(said.iter().any(|r| matches!(r.body, Body::Hello(_))));
    }
}
