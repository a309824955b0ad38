//! Transmitters: what they send, and how long they are silent in between.
//!
//! Gaps between scans are log-normal, each device about its own median. Pooled over devices at rest they give
//! p50/p90/p99 of about 40/190/700 s, which is what real phones do; a moving phone is a used phone and is
//! heard more often.

use super::rng::Rng;
use gateway::observation::{Frame, MacAddr};

/// What kind of transmitter this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Not associated: probe requests.
    Probing,
    /// Associated to the mall's network: one association, then data.
    Associated,
    /// BLE advertisements without a beacon.
    Advertising,
    /// A member's beacon.
    Tag {
        /// Minor number.
        minor: u16,
    },
}

/// One transmitter.
#[derive(Clone, Debug)]
pub(super) struct Phone {
    pub(super) rng: Rng,
    pub(super) kind: Kind,
    pub(super) addr: MacAddr,
    /// The address before the last rotation.
    pub(super) old_addr: MacAddr,
    /// Median gap at rest, s.
    pub(super) gap_s: f64,
    gap_sigma: f64,
    /// How much stronger than the reference it sends, dB.
    pub(super) offset_db: f64,
    fingerprint: u64,
    seq: u16,
    /// Frames it sends unheard between two scans, at most.
    pub(super) unheard: u16,
    /// When the address changes next, ms since the start of the day; never for most.
    pub(super) rotates_at: i64,
    associated: bool,
}

/// What a frame carries, whoever hears it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) addr: MacAddr,
    pub(super) channel: Option<u8>,
    pub(super) seq: Option<u16>,
    pub(super) fingerprint: Option<u64>,
    pub(super) frame: Frame,
}

/// Number of phone models. Two phones of one model look alike.
const MODELS: usize = 14;

impl Phone {
    pub(super) fn new(kind: Kind, mut rng: Rng) -> Self {
        let addr = random_addr(&mut rng, kind);
        let (median, sigma_of_device, gap_sigma) = match kind {
            Kind::Probing => (42.0, 0.45, 1.15),
            // Power save wakes it more often than it scans.
            Kind::Associated => (22.0, 0.4, 1.1),
            Kind::Advertising => (20.0, 0.3, 0.7),
            Kind::Tag { .. } => (12.0, 0.2, 0.5),
        };
        // Few models are common: the square of a uniform number.
        let u = rng.unit();
        let model = ((u * u) * MODELS as f64) as u64;
        Self {
            gap_s: rng.log_normal(median, sigma_of_device),
            gap_sigma,
            offset_db: if matches!(kind, Kind::Probing | Kind::Associated) { 0.0 } else { -8.0 }
                + 3.0 * rng.normal(),
            fingerprint: Rng::new(model).next(),
            seq: rng.below(4096) as u16,
            unheard: 3,
            rotates_at: i64::MAX,
            associated: false,
            old_addr: addr,
            addr,
            kind,
            rng,
        }
    }

    /// Makes it change its address every 3 to 15 minutes; the sequence number runs on.
    pub(super) fn rotating(mut self, now: i64) -> Self {
        self.rotates_at = now + self.life_of_address();
        self
    }

    /// Makes it the same model as `other`, with a sequence number close by, as happens now and then.
    pub(super) fn twin_of(mut self, other: &Self) -> Self {
        self.fingerprint = other.fingerprint;
        self.seq = (other.seq + 5) & 0xfff;
        self
    }

    /// Time to the next scan, ms.
    pub(super) fn gap_ms(&mut self, moving: bool) -> i64 {
        let gap = self.rng.log_normal(self.gap_s, self.gap_sigma);
        // Nothing scans for an hour and then again: such a phone is off.
        ((gap * if moving { 0.45 } else { 1.0 }).clamp(0.5, 1800.0) * 1000.0) as i64
    }

    /// Changes the address if it is time to.
    pub(super) fn rotate_if_due(&mut self, now: i64) -> bool {
        if now < self.rotates_at {
            return false;
        }
        self.rotate();
        self.rotates_at = now + self.life_of_address();
        true
    }

    /// Changes the address.
    pub(super) fn rotate(&mut self) {
        self.old_addr = self.addr;
        self.addr = random_addr(&mut self.rng, self.kind);
    }

    /// How many frames the next scan has.
    pub(super) fn frames(&mut self) -> u8 {
        match self.kind {
            Kind::Probing => [1, 1, 2, 2, 3][self.rng.below(5)],
            _ => 1,
        }
    }

    /// Frames between two scans that nobody heard.
    pub(super) fn pass_over(&mut self) {
        let n = self.rng.below(usize::from(self.unheard) + 1) as u16;
        self.seq = (self.seq + n) & 0xfff;
    }

    /// The next frame, under the present or the former address.
    pub(super) fn send(&mut self, former: bool) -> Sent {
        self.seq = (self.seq + 1) & 0xfff;
        let channel = [1, 6, 11][self.rng.below(3)];
        let wifi = |frame, fingerprint| Sent {
            addr: if former { self.old_addr } else { self.addr },
            channel: Some(channel),
            seq: Some(self.seq),
            fingerprint,
            frame,
        };
        let ble = |frame| Sent { addr: self.addr, channel: None, seq: None, fingerprint: None, frame };
        match self.kind {
            Kind::Probing => wifi(Frame::ProbeRequest, Some(self.fingerprint)),
            Kind::Associated if !self.associated => {
                // A fingerprint comes of probe requests only: the elements of an association are others.
                let sent = wifi(Frame::Association, None);
                self.associated = true;
                sent
            }
            Kind::Associated => wifi(Frame::Data, None),
            Kind::Advertising => ble(Frame::Advertisement),
            Kind::Tag { minor } => {
                ble(Frame::IBeacon { uuid: crate::demo::site::MEMBER_TAG_UUID, major: 1, minor })
            }
        }
    }

    fn life_of_address(&mut self) -> i64 {
        (self.rng.between(180.0, 900.0) * 1000.0) as i64
    }
}

/// Unicast and locally administered; a BLE device takes a static random address (Core 5.4 Vol 6 Part B §1.3.2.1).
fn random_addr(rng: &mut Rng, kind: Kind) -> MacAddr {
    let r = rng.next().to_be_bytes();
    let first = match kind {
        Kind::Probing | Kind::Associated => r[0] & 0xfc | 0x02,
        Kind::Advertising | Kind::Tag { .. } => r[0] & 0x3e | 0xc0,
    };
    MacAddr([first, r[1], r[2], r[3], r[4], r[5]])
}
