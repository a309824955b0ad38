//! Emissions wait until hindsight says where they came from, and are then lessons for the model of the air.

use super::Engine;
use super::table::Key;
use crate::identity::{Closed, Ears};
use crate::position::Moments;
use crate::site::SensorIx;
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// So long after it was heard, most of what speaks for and against a place has been heard too.
const HINDSIGHT: Span = Span::from_secs(240);
/// Emissions that wait at once; of more, those that come while there is no room are not used.
const WAITING: usize = 1024;
/// A device teaches once in so many milliseconds of its visit: a chatty phone is no better a teacher, and a thing that
/// never moves would teach one place over and over.
const EVERY_MS: u32 = 3_000;
/// Probability of a place that makes a lesson.
const SURE: f32 = 0.9;

/// An emission that waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Lesson {
    at: Timestamp,
    device: Key,
    ears: Ears,
}

/// Emissions that wait, oldest first.
pub(super) type Lessons = VecDeque<Lesson>;

impl Engine {
    /// An emission of a device may become a lesson; those that waited for long enough do.
    pub(super) fn take_lessons(&mut self, device: Key, e: &Closed, t: Moments, now: Timestamp) {
        if self.state.lessons.len() < WAITING && t.now / EVERY_MS != t.before / EVERY_MS {
            self.state.lessons.push_back(Lesson { at: e.at, device, ears: e.sensors });
        }
        while self.state.lessons.front().is_some_and(|l| now.since(l.at) >= HINDSIGHT) {
            if let Some(lesson) = self.state.lessons.pop_front() {
                self.learn(&lesson);
            }
        }
    }

    fn learn(&mut self, lesson: &Lesson) {
        let Some(d) = self.state.table.get(lesson.device) else { return };
        if lesson.at < d.first_heard {
            return; // another visit of the same device
        }
        let Some((zone, _)) = d.zone_at(d.millis(lesson.at)).filter(|(_, p)| *p >= SURE) else { return };
        // Of a sensor that is down nobody can tell what it would have heard.
        let level = |zone| self.site.floor(self.site.floor_of(zone)).level;
        let near = |s: &SensorIx| level(self.site.sensor(*s).zone).abs_diff(level(zone)) <= 1;
        if self.state.down.iter().any(near) {
            return;
        }
        let offset = d.track.offset();
        self.locator.teach(zone, &lesson.ears, &self.state.trims, offset, &mut self.state.learnt);
    }
}
