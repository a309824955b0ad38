//! Whether everything that must go on goes on.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How often a part moves at least, where nobody wants it more often.
const PACE: Duration = Duration::from_secs(10);

/// A part's sign of life, moved by its own work.
#[derive(Clone, Debug)]
pub struct Beat(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    turns: AtomicU64,
    finished: AtomicBool,
    pace_ms: AtomicU64,
}

impl Default for Beat {
    fn default() -> Self {
        let pace_ms = AtomicU64::new(PACE.as_millis() as u64);
        Self(Arc::new(Inner { turns: AtomicU64::new(0), finished: AtomicBool::new(false), pace_ms }))
    }
}

impl Beat {
    /// A turn of the part's loop is done.
    pub fn turn(&self) {
        // One writer: no need for the price of an atomic addition, a million times a second.
        self.0.turns.store(self.0.turns.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// The part has done its work and will not move again.
    pub fn finish(&self) {
        self.0.finished.store(true, Relaxed);
    }

    /// A loop that waits must come round after so long.
    pub fn pace(&self) -> Duration {
        Duration::from_millis(self.0.pace_ms.load(Relaxed))
    }

    /// Waits for something that is another's to do, and moves meanwhile.
    pub async fn while_waiting<T>(&self, wait: impl Future<Output = T>) -> T {
        let mut wait = pin!(wait);
        loop {
            tokio::select! {
                biased;
                done = &mut wait => return done,
                () = tokio::time::sleep(self.pace()) => self.turn(),
            }
        }
    }

    /// Asks the part to move at least so often; never less often than it would by itself.
    fn set_pace(&self, pace: Duration) {
        let pace = pace.clamp(Duration::from_millis(50), PACE);
        self.0.pace_ms.store(pace.as_millis() as u64, Relaxed);
    }

    fn turns(&self) -> u64 {
        self.0.turns.load(Relaxed)
    }

    fn is_finished(&self) -> bool {
        self.0.finished.load(Relaxed)
    }
}

/// The parts that must go on, and since when they did not.
#[derive(Debug, Default)]
pub struct Progress(Vec<Part>);

#[derive(Debug)]
struct Part {
    name: &'static str,
    beat: Beat,
    /// Turns at the last look, and when they were other than that.
    seen: u64,
    moved: Instant,
    /// It moved since everything was found well.
    fresh: bool,
}

/// What a look finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Every part moved since this was last found.
    Alive,
    /// Not yet: this one has not moved for so long, longer than the others.
    Waiting(&'static str, Duration),
}

impl Progress {
    /// Another part, which is to move at least every `pace`.
    pub fn must_go_on(&mut self, name: &'static str, beat: Beat, pace: Duration, now: Instant) {
        beat.set_pace(pace);
        self.0.push(Part { name, seen: beat.turns(), beat, moved: now, fresh: false });
    }

    /// How everything is `now`.
    pub fn look(&mut self, now: Instant) -> Look {
        for part in &mut self.0 {
            let turns = part.beat.turns();
            if turns != part.seen || part.beat.is_finished() {
                (part.seen, part.moved, part.fresh) = (turns, now, true);
            }
        }
        match self.0.iter().filter(|part| !part.fresh).min_by_key(|part| part.moved) {
            Some(part) => Look::Waiting(part.name, now.duration_since(part.moved)),
            None => {
                for part in &mut self.0 {
                    part.fresh = false;
                }
                Look::Alive
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn one_part_that_hangs_is_enough_and_is_named() {
        let (a, b, start) = (Beat::default(), Beat::default(), Instant::now());
        let mut progress = Progress::default();
        progress.must_go_on("pipeline", a.clone(), SECOND, start);
        progress.must_go_on("store", b.clone(), SECOND, start);
        assert_eq!(progress.look(start), Look::Waiting("pipeline", Duration::ZERO));
        a.turn();
        b.turn();
        assert_eq!(progress.look(start + SECOND), Look::Alive);
        assert_eq!(progress.look(start + SECOND), Look::Waiting("pipeline", Duration::ZERO), "once each");
        for seconds in 2..60 {
            a.turn();
            let hung = SECOND * (seconds - 1);
            assert_eq!(progress.look(start + SECOND * seconds), Look::Waiting("store", hung));
        }
        b.turn();
        assert_eq!(progress.look(start + SECOND * 60), Look::Alive, "it was only slow");
    }

    #[test]
    fn what_is_finished_need_not_move() {
        let (a, b, start) = (Beat::default(), Beat::default(), Instant::now());
        let mut progress = Progress::default();
        progress.must_go_on("pipeline", a.clone(), SECOND, start);
        progress.must_go_on("publisher", b.clone(), SECOND, start);
        a.finish();
        b.turn();
        assert_eq!(progress.look(start), Look::Alive);
        assert_eq!(progress.look(start + SECOND), Look::Waiting("publisher", SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_another_moves_at_the_pace_asked_for() {
        let beat = Beat::default();
        assert_eq!(beat.pace(), PACE);
        beat.set_pace(2 * SECOND);
        beat.while_waiting(tokio::time::sleep(9 * SECOND)).await;
        assert_eq!(beat.turns(), 4);
        beat.set_pace(60 * SECOND);
        assert_eq!(beat.pace(), PACE, "never slower than by itself");
    }
}
