//! What is done about a deaf adapter, from the mildest: the scan anew, off and on, its USB device reset.

use std::time::Duration;
use tokio::time::Instant;

/// An adapter that was reset has so long to hear something before the next step.
const STEP: Duration = Duration::from_secs(20);
/// After all steps, before they are taken again.
const ROUND: Duration = Duration::from_secs(300);

/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Connection, scan and stream are made anew, as after any step.
    Scan,
    /// The adapter is switched off; the scan switches it on.
    Power,
    /// The USB device is reset, as if it were pulled out and put back.
    Usb,
}

/// Which step is next, and when.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ladder {
    taken: usize,
    next: Option<Instant>,
}

impl Ladder {
    /// The adapter is deaf since now.
    pub(super) fn deaf(&mut self) {
        self.next.get_or_insert_with(Instant::now);
    }

    /// It hears: the next deafness begins with the mildest step.
    pub(super) fn hears(&mut self) {
        *self = Self::default();
    }

    /// The step that is due.
    pub(super) fn due(&mut self) -> Option<Step> {
        if self.next.is_none_or(|next| next > Instant::now()) {
            return None;
        }
        let step = [Step::Scan, Step::Power, Step::Usb][self.taken % 3];
        self.taken += 1;
        self.next = Some(Instant::now() + if self.taken.is_multiple_of(3) { ROUND } else { STEP });
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn steps_are_taken_in_turn_then_rarely_and_anew_once_it_heard() {
        let mut ladder = Ladder::default();
        assert_eq!(ladder.due(), None);
        ladder.deaf();
        let mut steps = Vec::new();
        for s in 0..400 {
            steps.extend(ladder.due().map(|step| (s, step)));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let wanted = [
            (0, Step::Scan),
            (20, Step::Power),
            (40, Step::Usb),
            (340, Step::Scan),
            (360, Step::Power),
            (380, Step::Usb),
        ];
        assert_eq!(steps, wanted);
        ladder.hears();
        assert_eq!(ladder.due(), None);
        ladder.deaf();
        assert_eq!(ladder.due(), Some(Step::Scan));
    }
}
