//! Is a radio that hears nothing in a silent place, or deaf? Pure: time comes from the caller.
//!
//! A radio hears more than phones: access points and fixed beacons send all day and are its heartbeat. How many frames
//! are usual is learnt for each hour of the local day; until an hour was heard once, what was usual lately stands in. A
//! radio is deaf when it hears nothing for as long as `EXPECTED` frames would have taken, but not before
//! `SHORTEST`. Where at least one frame comes every two seconds, that is within 45 s; where less is usual, silence
//! says less.
//!
//! Before anything was heard at all, `FIRST` stands in: a mall's air is never empty for long, and an antenna that was
//! never screwed on must not pass for an empty mall.

use std::time::Duration;

/// Frames that would have come: that none did is then no chance (e⁻²⁰ if they came independently).
const EXPECTED: f32 = 20.0;
/// Shorter silences are the driver's business: it tunes, calibrates, changes state.
pub(crate) const SHORTEST: Duration = Duration::from_secs(20);
/// Frames a second, before anything is known.
const FIRST: f32 = 0.5;
/// Weight of the latest minute in the average of its hour: some 30 minutes are remembered, over days.
const RECENT: f32 = 1.0 / 30.0;
const MINUTE: Duration = Duration::from_secs(60);

/// Watches over one radio.
#[derive(Clone, Debug)]
pub struct Deafness {
    usual: Usual,
    silent: Duration,
    minute: (Duration, u64),
    deaf: bool,
}

/// How much a radio usually hears: frames a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usual {
    /// Lately.
    pub latest: f32,
    /// By hour of the local day, where that hour was heard.
    pub by_hour: [Option<f32>; 24],
}

/// A radio changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// Nothing was heard for this long, where so many frames were usual.
    Deaf {
        /// How long.
        silent: Duration,
        /// Frames that would have been usual meanwhile.
        expected: f32,
    },
    /// It hears again.
    Hears,
}

impl Default for Deafness {
    fn default() -> Self {
        Self::knowing(Usual { latest: FIRST, by_hour: [None; 24] })
    }
}

impl Deafness {
    /// Goes on with what was learnt before.
    pub fn knowing(usual: Usual) -> Self {
        Self { usual, silent: Duration::ZERO, minute: (Duration::ZERO, 0), deaf: false }
    }

    /// What it has learnt.
    pub fn usual(&self) -> Usual {
        self.usual
    }

    /// Whether it is deaf.
    pub fn is_deaf(&self) -> bool {
        self.deaf
    }

    /// For `past`, until now, it heard so many frames of any sort; `hour` is that of the local day.
    pub fn heard(&mut self, frames: u64, past: Duration, hour: u8) -> Option<Change> {
        let hour = usize::from(hour % 24);
        if frames > 0 {
            self.silent = Duration::ZERO;
            self.learn(frames, past, hour);
            return std::mem::take(&mut self.deaf).then_some(Change::Hears);
        }
        self.silent += past;
        let rate = self.usual.by_hour[hour].unwrap_or(self.usual.latest);
        let expected = rate * self.silent.as_secs_f32();
        if self.deaf || self.silent < SHORTEST || expected < EXPECTED {
            // Silence that is no deafness is learnt, too.
            if !self.deaf {
                self.learn(0, past, hour);
            }
            return None;
        }
        self.deaf = true;
        // What was counted of this minute was the beginning of the silence.
        self.minute = (Duration::ZERO, 0);
        Some(Change::Deaf { silent: self.silent, expected })
    }

    /// It was reset: silence is counted anew, and it stays deaf until it hears.
    pub fn reset(&mut self) {
        self.silent = Duration::ZERO;
    }

    fn learn(&mut self, frames: u64, past: Duration, hour: usize) {
        self.minute.0 += past;
        self.minute.1 += frames;
        if self.minute.0 < MINUTE {
            return;
        }
        let (time, frames) = std::mem::take(&mut self.minute);
        let rate = frames as f32 / time.as_secs_f32();
        self.usual.latest += (rate - self.usual.latest) * RECENT;
        let usual = self.usual.by_hour[hour].get_or_insert(self.usual.latest);
        *usual += (rate - *usual) * RECENT;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Seconds until it is deaf, in a silence of an hour.
    fn silence(radio: &mut Deafness, hour: u8) -> Option<u32> {
        (1..3_600).find(|_| matches!(radio.heard(0, SECOND, hour), Some(Change::Deaf { .. })))
    }

    fn hear(radio: &mut Deafness, seconds: u32, every: u32, hour: u8) {
        for s in 0..seconds {
            assert_eq!(radio.heard(u64::from(s % every == 0), SECOND, hour), None);
        }
    }

    #[test]
    fn silence_in_a_lively_place_is_deafness_within_a_minute() {
        let mut radio = Deafness::default();
        hear(&mut radio, 7_200, 1, 15);
        assert!(silence(&mut radio, 15).is_some_and(|s| s <= 25));
        assert_eq!(radio.heard(0, SECOND, 15), None, "said once");
        assert_eq!(radio.heard(1, SECOND, 15), Some(Change::Hears));
    }

    #[test]
    fn a_radio_that_never_heard_anything_is_deaf_after_forty_seconds() {
        let mut radio = Deafness::default();
        assert_eq!(silence(&mut radio, 3), Some(40));
        radio.reset();
        assert_eq!(silence(&mut radio, 3), None, "it is still the same deafness");
        assert!(radio.is_deaf());
    }

    #[test]
    fn quiet_nights_are_learnt_and_do_not_make_the_day_quiet() {
        let mut radio = Deafness::default();
        hear(&mut radio, 4 * 3_600, 1, 15);
        // At night a frame every minute: the first night it takes time to believe it, and it may alarm.
        for s in 0..6 * 3_600 {
            radio.heard(u64::from(s % 60 == 0), SECOND, 3);
        }
        assert!(silence(&mut radio, 3).is_none_or(|s| s > 300));
        let mut radio = Deafness { silent: Duration::ZERO, deaf: false, ..radio };
        assert!(silence(&mut radio, 15).is_some_and(|s| s <= 30), "by day the same silence is deafness");
    }
}
