//! The newest events, a line each: what, about when, and roughly where. Of nobody.

use super::LINES;
use crate::status::Stamp;
use serde::Serialize;
use std::collections::VecDeque;
use visit_core::event::{Direction, Dwell, Exited, FloorChanged, ReceiptRecorded};
use visit_core::observation::ReceiptKind;
use visit_core::time::{Span, Timestamp};

/// A line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Counts the lines of this run.
    pub n: u64,
    /// The minute.
    pub at: Stamp,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
    /// The floor, where enough people are on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<String>,
    /// The zone, where enough people are in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// 临场
    Approached,
    /// 路过
    PassedBy,
    /// 进场
    Arrived,
    /// 爬楼
    FloorChanged {
        /// To a higher floor.
        up: bool,
    },
    /// 驻留 began
    DwellStarted,
    /// 驻留 ended
    DwellEnded {
        /// After so many minutes.
        minutes: u32,
    },
    /// 提袋
    BagCarried,
    /// 离店
    Exited {
        /// After so many minutes, to the nearest ten.
        minutes: u32,
    },
    /// It was staff, or a thing.
    NotAVisitor,
    /// 返回
    Resumed,
    /// 合并
    Merged,
    /// 小票回传
    Receipt,
    /// A refund or void.
    ReceiptTakenBack,
    /// A receipt that could not be read.
    ReceiptUnreadable,
}

impl What {
    pub(super) fn climbed(f: &FloorChanged) -> Self {
        Self::FloorChanged { up: f.direction == Direction::Up }
    }

    pub(super) fn stayed(f: &Dwell) -> Self {
        Self::DwellEnded { minutes: minutes(f.duration_s) }
    }

    pub(super) fn exited(f: &Exited) -> Self {
        Self::Exited { minutes: (minutes(f.duration_s) + 5) / 10 * 10 }
    }

    pub(super) fn receipt(r: &ReceiptRecorded) -> Self {
        match r.kind {
            _ if r.unreadable => Self::ReceiptUnreadable,
            ReceiptKind::Sale => Self::Receipt,
            _ => Self::ReceiptTakenBack,
        }
    }
}

fn minutes(seconds: f64) -> u32 {
    (seconds / 60.0).round().clamp(0.0, 100_000.0) as u32
}

/// The newest lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    lines: VecDeque<Line>,
    last: u64,
}

impl Lines {
    pub(super) fn push(
        &mut self,
        at: Timestamp,
        what: What,
        (floor, zone): (Option<String>, Option<String>),
    ) {
        self.last += 1;
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        let at = Stamp(at.floor_to(Span::from_secs(60)));
        self.lines.push_back(Line { n: self.last, at, what, floor, zone });
    }

    pub(super) fn after(&self, n: u64) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.n > n)
    }
}
