//! The node itself: what it is told, what it says, and when.

#[cfg(feature = "bench")]
use crate::bench;
use crate::hop::Hopper;
use crate::queue::Queue;
use embedded_hal::digital::OutputPin;
use embedded_io::{Read, ReadReady, Write};
use sensor_wire::{
    BASE_BAUD, Body, Command, Deframer, Health, Hello, NodeId, ROOM, Report, Reset, Settings, encode, version,
};

/// A serial line.
pub trait Line: Read + ReadReady + Write {
    /// Changes the rate, bits a second, once all that was written is on the wire; says whether it can.
    fn set_baud(&mut self, baud: u32) -> bool;
}

/// What a board does for a node.
pub trait Board {
    /// Listens on this Wi-Fi channel; 0: on none.
    fn tune(&mut self, channel: u8);
    /// Listens to Bluetooth LE, or no longer.
    fn listen_ble(&mut self, on: bool);
    /// Bytes of memory that are free.
    fn memory_free(&self) -> u32;
    /// Starts anew. A board returns from this in tests only.
    fn restart(&mut self);
    /// Ends an emulation.
    #[cfg(feature = "bench")]
    fn exit(&mut self);
}

/// Who a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its id for life.
    pub node: NodeId,
    /// Version of the firmware.
    pub firmware: [u8; 3],
    /// Why it started.
    pub reset: Reset,
    /// It has a Wi-Fi radio that is listened to.
    pub wifi: bool,
    /// It has a Bluetooth radio that is listened to.
    pub ble: bool,
}

/// A node; up to `N` reports wait for the line.
pub struct Node<L, P, const N: usize> {
    identity: Identity,
    line: L,
    lamp: P,
    settings: Settings,
    baud: u32,
    seq: u16,
    queue: Queue<(u64, Body), N>,
    deframer: Deframer<Command>,
    hopper: Hopper,
    health: Health,
    health_due_us: u64,
    last_command_us: Option<u64>,
    #[cfg(feature = "bench")]
    to_hear: (u32, u32),
}

/// A gateway that says nothing for so long is gone.
const GATEWAY_GONE_US: u64 = 6_000_000;
/// Bytes read in one turn, so that a line that never pauses does not keep the node from reporting.
const READ_AT_ONCE: usize = 64;
/// Reports sent in one turn, so that the node hears commands in between.
const SENT_AT_ONCE: usize = 16;
/// Health is not reported more often, milliseconds.
const HEALTH_SHORTEST_MS: u16 = 500;
/// Rates a line may be asked for.
const BAUDS: core::ops::RangeInclusive<u32> = 9_600..=3_000_000;

impl<L: Line, P: OutputPin, const N: usize> Node<L, P, N> {
    /// A node that has just started, on a line at [`BASE_BAUD`].
    pub fn new(identity: Identity, line: L, lamp: P) -> Self {
        Self {
            identity,
            line,
            lamp,
            settings: Settings::DEFAULT,
            baud: BASE_BAUD,
            seq: 0,
            queue: Queue::new(),
            deframer: Deframer::new(),
            hopper: Hopper::new(),
            health: Health::default(),
            health_due_us: 0,
            last_command_us: None,
            #[cfg(feature = "bench")]
            to_hear: (0, 0),
        }
    }

    /// Says hello, and sets the radios up. To be called once, before anything else.
    pub fn start(&mut self, now_us: u64, board: &mut impl Board) {
        self.hello(now_us);
        self.configure(self.settings, board);
        self.health_due_us = now_us + self.health_us();
    }

    /// Something was heard at `at_us`. It is reported in its turn, or dropped and counted when too much waits.
    pub fn heard(&mut self, at_us: u64, what: Body) {
        let rssi = match what {
            Body::Wifi(w) => w.rssi,
            Body::Beacon(b) => b.rssi,
            Body::Ble(b) => b.rssi,
            _ => 0,
        };
        if rssi >= self.settings.rssi_floor && !self.queue.push((at_us, what)) {
            self.health.dropped = self.health.dropped.wrapping_add(1);
        }
    }

    /// What the radios counted since the last call: Wi-Fi frames and advertisements of any kind, and what was lost
    /// between them and [`heard`](Self::heard).
    pub fn counted(&mut self, wifi: u32, ble: u32, lost: u32) {
        let health = &mut self.health;
        health.wifi_heard = health.wifi_heard.wrapping_add(wifi);
        health.ble_heard = health.ble_heard.wrapping_add(ble);
        health.dropped = health.dropped.wrapping_add(lost);
    }

    /// One turn: commands, channels, reports, health. To be called again and again.
    pub fn turn(&mut self, now_us: u64, board: &mut impl Board) {
        self.obey(now_us, board);
        self.mind_the_gateway(now_us);
        if self.identity.wifi
            && let Some(channel) = self.hopper.next(&self.settings, now_us)
        {
            board.tune(channel);
        }
        #[cfg(feature = "bench")]
        self.hear_made_up(now_us);
        for _ in 0..SENT_AT_ONCE {
            let Some((at_us, body)) = self.queue.pop() else { break };
            self.send(at_us, body);
        }
        if now_us >= self.health_due_us {
            self.health_due_us = now_us + self.health_us();
            self.report_health(now_us, board);
        }
    }

    /// The line, for boards that look after it.
    pub fn line(&mut self) -> &mut L {
        &mut self.line
    }

    fn obey(&mut self, now_us: u64, board: &mut impl Board) {
        for _ in 0..READ_AT_ONCE {
            let mut byte = [0];
            if !matches!(self.line.read_ready(), Ok(true)) || !matches!(self.line.read(&mut byte), Ok(1)) {
                return;
            }
            match self.deframer.push(byte[0]) {
                None => {}
                Some(Ok(command)) => {
                    self.last_command_us = Some(now_us);
                    let _ = self.lamp.set_high();
                    self.carry_out(command, now_us, board);
                }
                Some(Err(_)) => self.health.bad_commands = self.health.bad_commands.wrapping_add(1),
            }
        }
    }

    fn carry_out(&mut self, command: Command, now_us: u64, board: &mut impl Board) {
        match command {
            Command::Hello => self.hello(now_us),
            Command::Ping => {}
            Command::Configure(settings) => {
                self.configure(settings, board);
                self.send(now_us, Body::Configured(settings));
            }
            Command::Baud(baud) => self.change_rate(baud, now_us),
            Command::Restart => board.restart(),
            #[cfg(feature = "bench")]
            Command::Bench(sensor_wire::Bench::Hear(n)) => self.to_hear.1 = self.to_hear.1.saturating_add(n),
            #[cfg(feature = "bench")]
            Command::Bench(sensor_wire::Bench::Chatter) => {
                let _ = self.line.write_all(CHATTER);
                board.restart();
            }
            #[cfg(feature = "bench")]
            Command::Bench(sensor_wire::Bench::Exit) => board.exit(),
            #[cfg(not(feature = "bench"))]
            Command::Bench(_) => self.health.bad_commands = self.health.bad_commands.wrapping_add(1),
        }
    }

    fn configure(&mut self, settings: Settings, board: &mut impl Board) {
        self.settings = settings;
        self.hopper.restart();
        if self.identity.ble {
            board.listen_ble(settings.ble);
        }
    }

    fn change_rate(&mut self, baud: u32, now_us: u64) {
        if !BAUDS.contains(&baud) {
            return;
        }
        self.send(now_us, Body::Baud(baud));
        let _ = self.line.flush();
        // One that cannot stays where the gateway will look for it again.
        self.baud = if self.line.set_baud(baud) { baud } else { BASE_BAUD };
    }

    /// A gateway that has gone will look for us where we began.
    fn mind_the_gateway(&mut self, now_us: u64) {
        let Some(last) = self.last_command_us else { return };
        if now_us.saturating_sub(last) < GATEWAY_GONE_US {
            return;
        }
        self.last_command_us = None;
        let _ = self.lamp.set_low();
        if self.baud != BASE_BAUD {
            self.line.set_baud(BASE_BAUD);
            self.baud = BASE_BAUD;
            self.hello(now_us);
        }
    }

    fn hello(&mut self, now_us: u64) {
        let Identity { node, firmware, reset, wifi, ble } = self.identity;
        let hello = Hello {
            node,
            firmware,
            oldest: version::MIN,
            newest: version::CURRENT,
            reset,
            wifi,
            ble,
            settings: self.settings,
        };
        self.send(now_us, Body::Hello(hello));
    }

    fn report_health(&mut self, now_us: u64, board: &impl Board) {
        self.health.queue_peak = self.queue.peak() as u16;
        self.health.memory_free = board.memory_free();
        self.health.channel = self.hopper.channel();
        self.send(now_us, Body::Health(self.health));
    }

    fn health_us(&self) -> u64 {
        u64::from(self.settings.health_ms.max(HEALTH_SHORTEST_MS)) * 1_000
    }

    /// What the line does not take is a gap in the numbers, as what it loses.
    fn send(&mut self, at_us: u64, body: Body) {
        let mut room = [0; ROOM];
        if let Ok(frame) = encode(&Report { seq: self.seq, at_us, body }, &mut room) {
            let _ = self.line.write_all(frame);
        }
        self.seq = self.seq.wrapping_add(1);
    }

    /// As much as there is room for: a radio cannot be asked to wait, a test can.
    #[cfg(feature = "bench")]
    fn hear_made_up(&mut self, now_us: u64) {
        while self.to_hear.1 > 0 && !self.queue.is_full() {
            let number = self.to_hear.0;
            self.to_hear = (number.wrapping_add(1), self.to_hear.1 - 1);
            let rssi = -40 - (number % 32) as i8;
            self.counted(1, 0, 0);
            if let Some(wifi) = crate::dot11::client(&bench::probe(number), rssi, self.hopper.channel()) {
                self.heard(now_us, Body::Wifi(wifi));
            }
        }
    }
}

/// What an ESP32-C3 says when it starts, at the rate it starts with.
#[cfg(feature = "bench")]
const CHATTER: &[u8] = b"ESP-ROM:esp32c3-api1-20210207\r\nBuild:Feb  7 2021\r\nrst:0x1 (POWERON),boot:0xc \
(SPI_FAST_FLASH_BOOT)\r\nSPIWP:0xee\r\nmode:DIO, clock div:1\r\nload:0x3fcd5820,len:0x16c8\r\nentry 0x403cc710\r\n";
