//! One node's line: who is there, at what rate, what was lost, and whether it hears.
//!
//! ```text
//!            ┌────────── silence, or another rate does not work ──────────┐
//!            ▼                                                            │
//!  opened ─▶ seeking: "hello?" every half second ──hello──▶ speaking: configure, change rate,
//!            (at the base rate, then at the wanted one)     ping every two seconds, take reports
//! ```
//!
//! Bytes that were on the line before we opened it are lost, so the gateway asks. A node that hears no ping goes back to
//! the base rate by itself ([`Command::Ping`]), and one that was left at the wanted rate by an agent that died is found
//! there.

use super::clock::ClockMap;
use super::state::{self, NodeState};
use sensor_wire::{
    BASE_BAUD, Bad, Body, Command, Deframer, Hello, NodeId, ROOM, Report, Settings, encode, version,
};
use std::collections::VecDeque;

/// What a node is to be and to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The node that belongs on this line; `None`: whichever is there.
    pub node: Option<NodeId>,
    /// How it is to listen.
    pub settings: Settings,
    /// The rate to speak at once we know each other, bits a second.
    pub baud: u32,
}

/// What the link wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Write these bytes.
    Send(Vec<u8>),
    /// Set the line's rate, bits a second, once everything is written.
    Rate(u32),
    /// This was heard, at that time of our clock, µs. See [`super::sighting`].
    Heard {
        /// When.
        at_us: u64,
        /// What.
        body: Body,
    },
    /// The node hears.
    Up,
    /// It does not, or nobody knows.
    Down(String),
}

/// A node's line. All times are µs of one monotonic clock.
#[derive(Debug)]
pub struct Link {
    wanted: Wanted,
    deframer: Deframer<Report>,
    clock: ClockMap,
    phase: Phase,
    baud: u32,
    /// The wanted rate did not work since the line was opened.
    rate_refused: bool,
    next_seq: Option<u16>,
    /// The node's newest time.
    newest_us: u64,
    last_frame_us: u64,
    /// When its radios last had heard something more.
    heard_more_us: u64,
    deaf: bool,
    state: NodeState,
    outputs: VecDeque<Output>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    /// Asked so many times; asks again at `due_us`.
    Seeking {
        asked: u32,
        due_us: u64,
    },
    /// Pings at `due_us`. `trial_us`: another rate was asked for or set, and has to work until then.
    Speaking {
        due_us: u64,
        trial_us: Option<u64>,
    },
}

/// Between two questions who is there.
const ASK: u64 = 500_000;
/// Questions at one rate, before the other is tried.
const ASKED_AT_ONE_RATE: u32 = 6;
/// A node that was not heard of after so many questions is missing: three seconds at each rate.
const MISSING_AFTER: u32 = 2 * ASKED_AT_ONE_RATE;
const PING: u64 = 2_000_000;
/// Another rate works within this time, or not at all.
const TRIAL: u64 = 1_500_000;
/// A node reports its health every [`Settings::health_ms`]; three times that without a frame, it is gone.
const SILENT_HEALTHS: u64 = 3;
/// A radio in a mall that hears nothing at all for so long is deaf: there is always an access point or a beacon.
const DEAF: u64 = 120_000_000;
/// What was heard may have waited in the node so long; what is older is of a node that has started anew.
const WAITED: u64 = 10_000_000;

impl Link {
    /// A line that is not open.
    pub fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            deframer: Deframer::new(),
            clock: ClockMap::default(),
            phase: Phase::Closed,
            baud: BASE_BAUD,
            rate_refused: false,
            next_seq: None,
            newest_us: 0,
            last_frame_us: 0,
            heard_more_us: 0,
            deaf: false,
            state: NodeState { baud: BASE_BAUD, ..NodeState::default() },
            outputs: VecDeque::new(),
        }
    }

    /// The line was opened, at [`BASE_BAUD`].
    pub fn opened(&mut self, now_us: u64) {
        self.state.opened += 1;
        self.rate_refused = false;
        self.baud = BASE_BAUD;
        self.forget();
        self.seek(now_us);
    }

    /// The line is gone; why, in words.
    pub fn closed(&mut self, why: &str) {
        self.phase = Phase::Closed;
        self.outputs.clear();
        if self.deframer.cut() {
            self.state.bad += 1;
        }
        self.outputs.push_back(Output::Down(why.to_owned()));
    }

    /// Bytes came. [`poll`](Self::poll) afterwards.
    pub fn received(&mut self, bytes: &[u8], now_us: u64) {
        for byte in bytes {
            match self.deframer.push(*byte) {
                None => {}
                Some(Ok(report)) => self.take(&report, now_us),
                Some(Err(why)) => {
                    self.state.bad(why);
                    if let Bad::Layout(layout) = why {
                        self.outputs.push_back(Output::Down(other_layout(layout, layout)));
                    }
                }
            }
        }
    }

    /// It is `now_us`. To be called when [`next_deadline`](Self::next_deadline) has come.
    pub fn advance(&mut self, now_us: u64) {
        match self.phase {
            Phase::Closed => {}
            Phase::Seeking { asked, due_us } if now_us >= due_us => self.ask_again(asked, now_us),
            Phase::Seeking { .. } => {}
            Phase::Speaking { trial_us: Some(until), .. } if now_us >= until => {
                self.rate_refused = true;
                if self.baud == BASE_BAUD {
                    // It did not answer, and is where it was.
                    self.phase = Phase::Speaking { due_us: now_us, trial_us: None };
                } else {
                    self.down("it is not understood at the other rate", now_us);
                }
            }
            Phase::Speaking { .. } if now_us >= self.last_frame_us + self.patience() => {
                self.down("it says nothing", now_us);
            }
            Phase::Speaking { due_us, trial_us } if now_us >= due_us => {
                self.send(&Command::Ping);
                self.phase = Phase::Speaking { due_us: now_us + PING, trial_us };
            }
            Phase::Speaking { .. } => {}
        }
    }

    /// When there is something to do even if nothing comes.
    pub fn next_deadline(&self) -> Option<u64> {
        match self.phase {
            Phase::Closed => None,
            Phase::Seeking { due_us, .. } => Some(due_us),
            Phase::Speaking { due_us, trial_us } => {
                let silent_us = self.last_frame_us + self.patience();
                Some(due_us.min(silent_us).min(trial_us.unwrap_or(u64::MAX)))
            }
        }
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What is known of the node.
    pub fn state(&self) -> NodeState {
        NodeState { baud: self.baud, drift_ppm: self.clock.drift_ppm(), ..self.state.clone() }
    }

    fn take(&mut self, report: &Report, now_us: u64) {
        self.state.frames += 1;
        self.last_frame_us = now_us;
        let Report { seq, at_us, body } = report;
        let of_now = matches!(body, Body::Hello(_) | Body::Health(_) | Body::Configured(_) | Body::Baud(_));
        let waited = if of_now { 0 } else { WAITED };
        if at_us.saturating_add(waited) < self.newest_us {
            self.state.restarts += 1;
            self.forget();
        }
        self.newest_us = self.newest_us.max(*at_us);
        let gap = self.next_seq.map_or(0, |next| seq.wrapping_sub(next));
        self.state.lost += u64::from(gap);
        self.next_seq = Some(seq.wrapping_add(1));
        self.clock.arrived(*at_us, now_us);
        if let Phase::Speaking { due_us, trial_us: Some(_) } = self.phase
            && self.baud != BASE_BAUD
        {
            // It is understood at the rate on trial.
            self.phase = Phase::Speaking { due_us, trial_us: None };
        }
        match body {
            Body::Hello(hello) => self.greet(hello, now_us),
            Body::Health(health) => {
                let more =
                    (health.wifi_heard, health.ble_heard) != (self.state.wifi_heard, self.state.ble_heard);
                self.state.health(health);
                self.listen_to_its_radios(more, now_us);
            }
            Body::Configured(_) => {}
            Body::Baud(baud) => self.follow(*baud, now_us),
            Body::Wifi(_) | Body::Beacon(_) | Body::Ble(_) => {
                if matches!(self.phase, Phase::Speaking { .. }) {
                    let at_us = self.clock.ours(*at_us, now_us);
                    self.outputs.push_back(Output::Heard { at_us, body: *body });
                } else {
                    self.state.early += 1;
                }
            }
        }
    }

    /// A hello: in answer to ours, or of a node that has just started.
    fn greet(&mut self, hello: &Hello, now_us: u64) {
        self.state.introduced(hello);
        if let Some(wanted) = self.wanted.node.filter(|wanted| *wanted != hello.node) {
            let (there, here) = (state::id(&hello.node), state::id(&wanted));
            self.outputs.push_back(Output::Down(format!("node {there} is here, and {here} belongs here")));
            return;
        }
        if version::common(hello.oldest, hello.newest).is_none() {
            self.outputs.push_back(Output::Down(other_layout(hello.oldest, hello.newest)));
            return;
        }
        let mut trial_us = match self.phase {
            Phase::Speaking { trial_us, .. } => trial_us,
            Phase::Closed | Phase::Seeking { .. } => None,
        };
        if hello.settings != self.wanted.settings {
            self.send(&Command::Configure(self.wanted.settings));
        }
        if self.baud != self.wanted.baud && !self.rate_refused && trial_us.is_none() {
            self.send(&Command::Baud(self.wanted.baud));
            trial_us = Some(now_us + TRIAL);
        }
        self.phase = Phase::Speaking { due_us: now_us + PING, trial_us };
        self.heard_more_us = now_us;
        self.deaf = false;
        self.outputs.push_back(Output::Up);
    }

    /// The node changes its rate, and so do we; then we ask whether that worked.
    fn follow(&mut self, baud: u32, now_us: u64) {
        if baud != self.wanted.baud || !matches!(self.phase, Phase::Speaking { .. }) {
            return;
        }
        self.set_rate(baud);
        self.send(&Command::Hello);
        self.phase = Phase::Speaking { due_us: now_us + PING, trial_us: Some(now_us + TRIAL) };
    }

    fn listen_to_its_radios(&mut self, more: bool, now_us: u64) {
        if more {
            self.heard_more_us = now_us;
        }
        if !matches!(self.phase, Phase::Speaking { .. }) {
            return;
        }
        let deaf = now_us.saturating_sub(self.heard_more_us) >= DEAF;
        if deaf != std::mem::replace(&mut self.deaf, deaf) {
            self.outputs.push_back(if deaf {
                Output::Down("its radios hear nothing at all".to_owned())
            } else {
                Output::Up
            });
        }
    }

    fn ask_again(&mut self, asked: u32, now_us: u64) {
        if asked == MISSING_AFTER {
            self.outputs.push_back(Output::Down("nobody answers on the line".to_owned()));
        }
        if asked > 0 && asked.is_multiple_of(ASKED_AT_ONE_RATE) && self.wanted.baud != BASE_BAUD {
            self.set_rate(if self.baud == BASE_BAUD { self.wanted.baud } else { BASE_BAUD });
        }
        self.send(&Command::Hello);
        self.phase = Phase::Seeking { asked: asked.saturating_add(1), due_us: now_us + ASK };
    }

    fn down(&mut self, why: &str, now_us: u64) {
        self.outputs.push_back(Output::Down(why.to_owned()));
        if self.baud != BASE_BAUD {
            self.set_rate(BASE_BAUD);
        }
        self.seek(now_us);
    }

    fn seek(&mut self, now_us: u64) {
        self.ask_again(0, now_us);
    }

    fn set_rate(&mut self, baud: u32) {
        self.baud = baud;
        self.outputs.push_back(Output::Rate(baud));
    }

    /// A node that has started anew, or another one: nothing that was learnt counts.
    fn forget(&mut self) {
        self.deframer.cut();
        self.clock = ClockMap::default();
        (self.next_seq, self.newest_us) = (None, 0);
    }

    fn patience(&self) -> u64 {
        u64::from(self.wanted.settings.health_ms.max(1_000)) * 1_000 * SILENT_HEALTHS
    }

    fn send(&mut self, command: &Command) {
        let mut room = [0; ROOM];
        if let Ok(frame) = encode(command, &mut room) {
            self.outputs.push_back(Output::Send(frame.to_vec()));
        }
    }
}

fn other_layout(oldest: u8, newest: u8) -> String {
    format!(
        "it speaks layouts {oldest} to {newest}, this gateway {} to {}: update the older of the two",
        version::MIN,
        version::CURRENT
    )
}
