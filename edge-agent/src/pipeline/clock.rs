//! What time it is for the source: the wall clock's time, or a recording's own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;
use visit_core::time::{Span, Timestamp};

/// How fast a source's time goes by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As fast as the machine can.
    AsFastAsPossible,
    /// So many times as fast as it happened; more than 0.
    Times(f64),
}

impl Pace {
    /// 0 stands for as fast as possible; `None` for what is no speed.
    pub fn new(speed: f64) -> Option<Self> {
        match speed {
            0.0 => Some(Self::AsFastAsPossible),
            s if s.is_finite() && s > 0.0 => Some(Self::Times(s)),
            _ => None,
        }
    }
}

/// The wall clock.
pub fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

/// A recording's clock: it starts with the first observation.
pub(super) struct Clock {
    pace: Pace,
    /// When the recording's time was what, and the newest time asked for.
    started: Option<(Instant, Timestamp)>,
    newest: Timestamp,
}

/// A gap longer than this is not waited out: a closed mall, or a line with a wrong date.
const LEAP: Span = Span::from_secs(36 * 3600);

impl Clock {
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, started: None, newest: Timestamp::MIN }
    }

    /// How long to wait until the recording's next observation, made at `at`; `None` when it is time already.
    pub(super) fn wait_for(&mut self, at: Timestamp) -> Option<Duration> {
        let leap = at.since(self.newest).as_micros().abs() > LEAP.as_micros();
        if leap || self.started.is_none() {
            self.started = Some((Instant::now(), at));
        }
        self.newest = at;
        self.wait_until(at)
    }

    /// How long to wait until it is `at` in the recording; `None` when it is already.
    pub(super) fn wait_until(&self, at: Timestamp) -> Option<Duration> {
        let (Pace::Times(speed), Some((instant, first))) = (self.pace, self.started) else { return None };
        let ahead = at.since(first).as_micros().max(0) as f64 / 1e6 / speed;
        let ahead = Duration::try_from_secs_f64(ahead).unwrap_or(Duration::MAX);
        // Timers have millisecond ticks: shorter waits are not worth one.
        let wait = ahead.checked_sub(instant.elapsed())?;
        (wait >= Duration::from_millis(1)).then_some(wait)
    }

    /// What time it is in the recording; `None` before it began, and where it has no pace.
    pub(super) fn now(&self) -> Option<Timestamp> {
        let (Pace::Times(speed), Some((instant, first))) = (self.pace, self.started) else { return None };
        Some(first + Span::from_micros((instant.elapsed().as_secs_f64() * speed * 1e6) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_recording_waits_for_its_own_time_divided_by_the_speed() {
        let mut clock = Clock::new(Pace::new(60.0).unwrap());
        let at = |s: i64| Timestamp::from_micros(s * 1_000_000);
        assert_eq!(clock.wait_for(at(100)), None);
        assert_eq!(clock.wait_for(at(160)), Some(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(clock.wait_for(at(160)), None);
        assert_eq!(clock.now(), Some(at(160)));
        assert_eq!(clock.wait_for(at(90)), None, "the past needs no wait");
    }

    #[tokio::test(start_paused = true)]
    async fn a_leap_of_days_is_not_waited_out() {
        let mut clock = Clock::new(Pace::new(1.0).unwrap());
        let at = |s: i64| Timestamp::from_micros(s * 1_000_000);
        assert_eq!(clock.wait_for(at(100)), None);
        assert_eq!(clock.wait_for(Timestamp::MAX), None);
        assert_eq!(clock.wait_for(at(110)), None, "back from the leap, time begins anew");
        assert_eq!(clock.wait_for(at(115)), Some(Duration::from_secs(5)));
    }

    #[test]
    fn what_is_no_speed_is_refused() {
        for s in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Pace::new(s), None);
        }
        assert_eq!(Pace::new(0.0), Some(Pace::AsFastAsPossible));
    }
}
