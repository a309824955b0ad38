//! Which Wi-Fi channel to listen on, and until when.

use sensor_wire::Settings;

/// Goes round the channels of the settings.
#[derive(Clone, Debug)]
pub(crate) struct Hopper {
    channel: u8,
    until_us: u64,
}

/// Shorter stays hear less than the tuning costs.
const SHORTEST_MS: u16 = 20;

impl Hopper {
    pub(crate) const fn new() -> Self {
        Self { channel: 0, until_us: 0 }
    }

    /// The channel now; 0: none.
    pub(crate) fn channel(&self) -> u8 {
        self.channel
    }

    /// Other settings: begins anew with the next call.
    pub(crate) fn restart(&mut self) {
        self.until_us = 0;
    }

    /// A channel to tune to, if it is time for another; 0: none any more.
    pub(crate) fn next(&mut self, settings: &Settings, now_us: u64) -> Option<u8> {
        if now_us < self.until_us {
            return None;
        }
        let ms = settings.dwell_ms.max(SHORTEST_MS);
        self.until_us = now_us + u64::from(ms) * 1_000;
        let listed = |channel: &u8| settings.channels & (1 << (channel - 1)) != 0;
        let next = (self.channel + 1..=14).chain(1..=self.channel.min(14)).find(listed).unwrap_or(0);
        (core::mem::replace(&mut self.channel, next) != next).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(channels: u16) -> Settings {
        Settings { channels, dwell_ms: 200, ..Settings::DEFAULT }
    }

    #[test]
    fn it_goes_round_the_listed_channels_and_stays_on_each() {
        let mut hopper = Hopper::new();
        let three = settings(Settings::DEFAULT.channels);
        let mut heard = std::vec::Vec::new();
        for ms in 0..1_000 {
            heard.extend(hopper.next(&three, ms * 1_000));
        }
        assert_eq!(heard, [1, 6, 11, 1, 6]);
    }

    #[test]
    fn one_channel_is_tuned_to_once_and_none_stops() {
        let mut hopper = Hopper::new();
        assert_eq!(hopper.next(&settings(1 << 13), 0), Some(14));
        assert_eq!(hopper.next(&settings(1 << 13), 500_000), None);
        hopper.restart();
        assert_eq!(hopper.next(&settings(0), 500_001), Some(0));
        assert_eq!((hopper.next(&settings(0), 900_000), hopper.channel()), (None, 0));
    }
}
