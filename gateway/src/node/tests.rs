//! A link and a real node, joined by a line of memory, with time as an argument.

use super::link::{Link, Output, Wanted};
use super::sighting;
use crate::observation::{Frame, MacAddr};
use crate::wifi::frame;
use embedded_hal::digital::{ErrorType, OutputPin};
use proptest::prelude::*;
use sensor_node::{Board, Identity, Line, Node, dot11};
use sensor_wire::{Address, BASE_BAUD, Bench, Ble, Body, Client, Command, ROOM, Reset, Settings, encode};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::rc::Rc;
use visit_core::site::SensorIx;
use visit_core::time::Timestamp;

const MS: u64 = 1_000;
const SECOND: u64 = 1_000 * MS;
const WHO: [u8; 6] = [0x60, 0x55, 0xf9, 1, 2, 3];

/// Each byte with the rate it was sent at: read at another, or at one that the line does not carry, it is noise.
#[derive(Default)]
struct Ends {
    to_node: VecDeque<(u32, u8)>,
    from_node: Vec<(u32, u8)>,
    node_baud: u32,
    fastest: u32,
}

impl Ends {
    fn carried(&self, (sent_at, byte): (u32, u8), read_at: u32) -> u8 {
        let right = sent_at == read_at && sent_at <= self.fastest;
        if right { byte } else { byte.rotate_left(3) ^ 0xa5 }
    }
}

#[derive(Clone, Default)]
struct Wire(Rc<RefCell<Ends>>);

impl embedded_io::ErrorType for Wire {
    type Error = Infallible;
}

impl embedded_io::Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        let mut ends = self.0.borrow_mut();
        let Some(sent) = ends.to_node.pop_front() else { return Ok(0) };
        buf[0] = ends.carried(sent, ends.node_baud);
        Ok(1)
    }
}

impl embedded_io::ReadReady for Wire {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(!self.0.borrow().to_node.is_empty())
    }
}

impl embedded_io::Write for Wire {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        let mut ends = self.0.borrow_mut();
        let baud = ends.node_baud;
        ends.from_node.extend(buf.iter().map(|b| (baud, *b)));
        Ok(buf.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Line for Wire {
    fn set_baud(&mut self, baud: u32) -> bool {
        self.0.borrow_mut().node_baud = baud;
        true
    }
}

struct NoLamp;

impl ErrorType for NoLamp {
    type Error = Infallible;
}

impl OutputPin for NoLamp {
    fn set_low(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

struct Desk;

impl Board for Desk {
    fn tune(&mut self, _: u8) {}
    fn listen_ble(&mut self, _: bool) {}
    fn memory_free(&self) -> u32 {
        1
    }
    fn restart(&mut self) {}
    fn exit(&mut self) {}
}

fn wanted(baud: u32) -> Wanted {
    Wanted { node: None, settings: Settings { dwell_ms: 100, ..Settings::DEFAULT }, baud }
}

/// Both ends.
struct Pair {
    link: Link,
    node: Option<Node<Wire, NoLamp, 64>>,
    wire: Wire,
    link_baud: u32,
    now_us: u64,
    node_started_us: u64,
    heard: Vec<(u64, Body)>,
    /// Whether the link says that the node hears, or why it does not, each time.
    said: Vec<Result<(), String>>,
}

impl Pair {
    fn new(wanted: Wanted) -> Self {
        let mut pair = Self {
            link: Link::new(wanted),
            node: None,
            wire: Wire::default(),
            link_baud: BASE_BAUD,
            now_us: 1_000 * SECOND,
            node_started_us: 0,
            heard: Vec::new(),
            said: Vec::new(),
        };
        pair.start_node();
        pair
    }

    fn start_node(&mut self) {
        self.wire = Wire::default();
        *self.wire.0.borrow_mut() = Ends { node_baud: BASE_BAUD, fastest: 1_000_000, ..Ends::default() };
        let who = Identity { node: WHO, firmware: [0, 1, 0], reset: Reset::Power, wifi: true, ble: true };
        let mut node = Node::new(who, self.wire.clone(), NoLamp);
        node.start(0, &mut Desk);
        self.node_started_us = self.now_us;
        self.node = Some(node);
    }

    fn open(&mut self) {
        self.link_baud = BASE_BAUD;
        self.link.opened(self.now_us);
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(output) = self.link.poll() {
            match output {
                Output::Send(bytes) => {
                    let sent = bytes.iter().map(|b| (self.link_baud, *b));
                    self.wire.0.borrow_mut().to_node.extend(sent);
                }
                Output::Rate(baud) => self.link_baud = baud,
                Output::Heard { at_us, body } => self.heard.push((at_us, body)),
                Output::Up => self.said.push(Ok(())),
                Output::Down(why) => self.said.push(Err(why)),
            }
            self.said.dedup();
        }
    }

    fn came(&mut self) -> Vec<u8> {
        let mut ends = self.wire.0.borrow_mut();
        let sent = std::mem::take(&mut ends.from_node);
        sent.into_iter().map(|sent| ends.carried(sent, self.link_baud)).collect()
    }

    fn run(&mut self, for_us: u64) {
        let end = self.now_us + for_us;
        while self.now_us < end {
            self.now_us += 10 * MS;
            if let Some(node) = &mut self.node {
                node.turn(self.now_us - self.node_started_us, &mut Desk);
            }
            let bytes = self.came();
            self.link.received(&bytes, self.now_us);
            self.settle();
            self.link.advance(self.now_us);
            self.settle();
        }
    }

    fn tell(&mut self, command: &Command) {
        let mut room = [0; ROOM];
        let sent = encode(command, &mut room).unwrap().iter().map(|b| (self.link_baud, *b));
        self.wire.0.borrow_mut().to_node.extend(sent);
    }
}

#[test]
fn a_node_is_greeted_configured_and_brought_to_the_wanted_rate_and_heard() {
    let mut p = Pair::new(wanted(921_600));
    p.open();
    p.run(3 * SECOND);
    assert_eq!(p.said, [Ok(())]);
    assert_eq!((p.link_baud, p.wire.0.borrow().node_baud), (921_600, 921_600));
    p.tell(&Command::Bench(Bench::Hear(1_000)));
    p.run(3 * SECOND);
    let state = p.link.state();
    assert_eq!((p.heard.len(), state.lost, state.bad, state.early), (1_000, 0, 0, 0));
    assert_eq!((state.node.as_deref(), state.firmware.as_deref()), (Some("6055f9010203"), Some("0.1.0")));
    // 1,004 s on our clock, 4 s on the node's.
    let (at, _) = p.heard[0];
    assert!(at.abs_diff(1_003 * SECOND) < 100 * MS, "{at}");
}

#[test]
fn a_line_too_slow_for_the_wanted_rate_stays_at_the_base_rate() {
    let mut p = Pair::new(wanted(3_000_000));
    p.open();
    p.run(20 * SECOND);
    assert_eq!((p.link_baud, p.wire.0.borrow().node_baud), (BASE_BAUD, BASE_BAUD));
    assert_eq!(p.said.last(), Some(&Ok(())));
    p.tell(&Command::Bench(Bench::Hear(10)));
    p.run(SECOND);
    assert_eq!(p.heard.len(), 10);
}

#[test]
fn a_node_left_at_another_rate_is_found_there_or_comes_back() {
    let mut p = Pair::new(wanted(921_600));
    p.open();
    p.run(3 * SECOND);
    // The agent died, and another one opens the line.
    p.link = Link::new(wanted(921_600));
    p.said.clear();
    p.open();
    p.run(5 * SECOND);
    assert_eq!((p.said.last(), p.link_baud), (Some(&Ok(())), 921_600));
    // One that knows nothing of that rate waits until the node has come back.
    p.link = Link::new(wanted(BASE_BAUD));
    p.open();
    p.run(8 * SECOND);
    assert_eq!((p.said.last(), p.link_baud), (Some(&Ok(())), BASE_BAUD));
}

#[test]
fn a_node_that_is_pulled_and_plugged_in_again_hears_again_and_its_clock_is_learnt_anew() {
    let mut p = Pair::new(wanted(921_600));
    p.open();
    p.run(60 * SECOND);
    p.node = None;
    p.link.closed("it was pulled out");
    p.settle();
    assert_eq!(p.said.last(), Some(&Err("it was pulled out".into())));
    p.run(60 * SECOND);
    p.start_node();
    p.open();
    p.run(3 * SECOND);
    assert_eq!(p.said.last(), Some(&Ok(())));
    p.tell(&Command::Bench(Bench::Hear(1)));
    p.run(SECOND);
    assert!(p.heard[0].0.abs_diff(p.now_us - SECOND) < 100 * MS);
    assert_eq!((p.link.state().opened, p.link.state().lost), (2, 0));
}

#[test]
fn a_node_that_starts_anew_behind_its_adapter_is_noticed_and_nothing_counts_as_lost() {
    let mut p = Pair::new(wanted(BASE_BAUD));
    p.open();
    p.run(30 * SECOND);
    p.start_node();
    p.run(3 * SECOND);
    let state = p.link.state();
    assert_eq!((state.restarts, state.lost), (1, 0));
    p.tell(&Command::Bench(Bench::Hear(2)));
    p.run(SECOND);
    assert_eq!(p.heard.len(), 2);
}

#[test]
fn a_node_that_falls_silent_is_down_within_its_patience_and_up_when_it_speaks() {
    let mut p = Pair::new(wanted(921_600));
    p.open();
    p.run(10 * SECOND);
    let node = p.node.take();
    p.run(16 * SECOND);
    assert_eq!(p.said.last(), Some(&Err("it says nothing".into())));
    p.run(10 * SECOND);
    assert_eq!(p.said.last(), Some(&Err("nobody answers on the line".into())));
    p.node = node;
    p.run(10 * SECOND);
    assert_eq!(p.said.last(), Some(&Ok(())));
}

#[test]
fn a_node_whose_radios_hear_nothing_at_all_is_down_although_it_speaks() {
    let mut p = Pair::new(wanted(BASE_BAUD));
    p.open();
    p.run(119 * SECOND);
    assert_eq!(p.said, [Ok(())]);
    p.run(10 * SECOND);
    assert_eq!(p.said.last(), Some(&Err("its radios hear nothing at all".into())));
    p.node.as_mut().unwrap().counted(1, 0, 0);
    p.run(6 * SECOND);
    assert_eq!(p.said.last(), Some(&Ok(())));
}

#[test]
fn another_node_than_the_one_that_belongs_here_is_not_listened_to() {
    let mut p = Pair::new(Wanted { node: Some([9; 6]), ..wanted(BASE_BAUD) });
    p.open();
    p.run(SECOND);
    p.node.as_mut().unwrap().heard(1, Body::Ble(Ble { addr: Address([1; 6]), rssi: -60 }));
    p.run(SECOND);
    let why = "node 6055f9010203 is here, and 090909090909 belongs here".to_owned();
    assert_eq!((p.said.last(), p.heard.len()), (Some(&Err(why)), 0));
    assert_eq!(p.link.state().early, 1);
}

#[test]
fn what_the_line_loses_is_counted() {
    let mut p = Pair::new(wanted(BASE_BAUD));
    p.open();
    p.run(3 * SECOND);
    p.tell(&Command::Bench(Bench::Hear(10)));
    p.now_us += 10 * MS;
    p.node.as_mut().unwrap().turn(p.now_us - p.node_started_us, &mut Desk);
    let bytes = p.came();
    // Some frames away from the middle, and the two halves that are left.
    let cut = [&bytes[..bytes.len() / 3], &bytes[bytes.len() / 2..]].concat();
    p.link.received(&cut, p.now_us);
    p.settle();
    p.run(SECOND);
    let state = p.link.state();
    assert_eq!(p.heard.len() as u64 + state.lost, 10);
    assert!(state.lost > 0 && state.bad == 1, "{state:?}");
}

#[test]
fn reports_become_sightings_with_what_they_carry() {
    let wifi = sensor_wire::Wifi {
        addr: Address([2, 0, 0, 0, 0, 1]),
        rssi: -60,
        channel: 6,
        sequence: 77,
        client: Client::Association,
        fingerprint: Some(5u64.to_le_bytes()),
    };
    let at = Timestamp::from_micros(7);
    let heard = sighting(&Body::Wifi(wifi), at, SensorIx(3)).unwrap();
    assert_eq!((heard.at, heard.sensor, heard.addr), (at, SensorIx(3), MacAddr([2, 0, 0, 0, 0, 1])));
    assert_eq!((heard.rssi, heard.channel, heard.seq), (Some(-60), Some(6), Some(77)));
    assert_eq!((heard.fingerprint, heard.frame), (Some(5), Frame::Association));
    let group = sensor_wire::Wifi { addr: Address([3, 0, 0, 0, 0, 1]), ..wifi };
    assert_eq!(sighting(&Body::Wifi(group), at, SensorIx(3)), None);
}

proptest! {
    /// Two parsers, one rule: what a node reports of a frame is what the gateway would have made of it.
    #[test]
    fn a_node_and_a_gateway_read_a_frame_alike(
        control in prop_oneof![
            Just(0x40u8), Just(0x00), Just(0x20), Just(0xb0), Just(0x08), Just(0x48), Just(0x88), Just(0xc8), any::<u8>()
        ],
        flags: u8, rest in proptest::collection::vec(any::<u8>(), 0..120),
    ) {
        let bytes = [&[control, flags][..], &rest].concat();
        let here = frame::Repr::parse(&bytes).ok().filter(|f| !f.transmitter.is_group());
        let there = dot11::client(&bytes, -60, 6);
        prop_assert_eq!(here.map(|f| (f.transmitter.0, f.sequence)), there.map(|w| (w.addr.0, w.sequence)));
        if let (Some(here), Some(there)) = (here, there) {
            let probe = here.kind == frame::Kind::ProbeRequest;
            prop_assert_eq!(probe, there.client == Client::Probe);
            let fingerprint = here.elements.filter(|_| probe).and_then(|e| crate::wifi::ie::fingerprint(e).hash);
            prop_assert_eq!(fingerprint, there.fingerprint.map(u64::from_le_bytes));
        }
    }

    #[test]
    fn no_bytes_at_any_time_make_it_panic(
        pieces in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..200), 0u64..30_000_000), 0..50)
    ) {
        let mut link = Link::new(wanted(921_600));
        let mut now = 0;
        link.opened(now);
        for (bytes, wait) in pieces {
            link.received(&bytes, now);
            now += wait;
            link.advance(now);
            while link.poll().is_some() {}
            prop_assert!(link.next_deadline().is_some());
        }
    }
}
