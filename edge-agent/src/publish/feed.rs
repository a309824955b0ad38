//! Which event is next: live ones first, the backlog behind them at a limited rate.
//!
//! The line between the two is the newest sequence at the moment of connecting. Each lane is in order of
//! sequence; a live event may overtake a backlog event of the same visit, which is why consumers order by the
//! `seq` in the data, not by arrival.

use super::outbox::{Outbox, OutboxError, Queued};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// Events read ahead from the outbox, per lane.
const CHUNK: usize = 256;

/// The two lanes of one connection.
pub(super) struct Feed {
    live: Lane,
    backlog: Lane,
    backlog_end: Option<u64>,
    bucket: Bucket,
}

/// An event to publish.
#[derive(Debug)]
pub(super) struct Next {
    pub(super) queued: Queued,
    /// It comes from the backlog.
    pub(super) late: bool,
    /// It was submitted before, for certain.
    pub(super) again: bool,
}

impl Feed {
    /// Lanes on both sides of `newest`, the newest sequence now.
    pub(super) fn new(newest: Option<u64>, backlog_rate: u32, now: Instant) -> Self {
        Self {
            live: Lane { cursor: newest, ready: VecDeque::new() },
            backlog: Lane { cursor: None, ready: VecDeque::new() },
            backlog_end: newest,
            bucket: Bucket::new(backlog_rate, now),
        }
    }

    /// The next event that may go now. `hurry` lifts the rate limit.
    pub(super) async fn next<O: Outbox>(
        &mut self,
        outbox: &O,
        newest: Option<u64>,
        now: Instant,
        hurry: bool,
    ) -> Result<Option<Next>, OutboxError> {
        if let Some(queued) = self.live.next(outbox, newest).await? {
            return Ok(Some(Next { queued, late: false, again: false }));
        }
        if !hurry && self.bucket.ready_at(now) > now {
            return Ok(None);
        }
        let next = self.backlog.next(outbox, self.backlog_end).await?;
        if next.is_some() {
            self.bucket.take(now);
        }
        Ok(next.map(|queued| Next { queued, late: true, again: false }))
    }

    /// When the rate limit lets the next backlog event go; `None` when there is no backlog.
    pub(super) fn backlog_ready_at(&self, now: Instant) -> Option<Instant> {
        (!self.backlog.is_empty(self.backlog_end)).then(|| self.bucket.ready_at(now))
    }

    /// Whether everything up to `newest` was handed out.
    pub(super) fn is_empty(&self, newest: Option<u64>) -> bool {
        self.live.is_empty(newest) && self.backlog.is_empty(self.backlog_end)
    }
}

struct Lane {
    /// The last sequence handed out or read ahead.
    cursor: Option<u64>,
    ready: VecDeque<Queued>,
}

impl Lane {
    /// The next event up to `end`.
    async fn next<O: Outbox>(&mut self, outbox: &O, end: Option<u64>) -> Result<Option<Queued>, OutboxError> {
        if self.ready.is_empty() && self.cursor < end {
            let mut chunk = outbox.read_after(self.cursor, CHUNK).await?;
            // Nothing left below `end`, which was known before the outbox was read.
            let read_to = chunk.last().map_or(end, |last| end.min(Some(last.seq)));
            chunk.retain(|q| Some(q.seq) <= end);
            self.cursor = read_to;
            self.ready = chunk.into();
        }
        Ok(self.ready.pop_front())
    }

    fn is_empty(&self, end: Option<u64>) -> bool {
        self.ready.is_empty() && self.cursor >= end
    }
}

/// A token bucket that holds a tenth of a second's worth.
struct Bucket {
    interval: Duration,
    burst: Duration,
    /// Events handed out so far are paid for up to this moment.
    paid_until: Instant,
}

impl Bucket {
    fn new(rate: u32, now: Instant) -> Self {
        let interval = Duration::from_secs(1) / rate.max(1);
        Self { interval, burst: Duration::from_millis(100).max(interval), paid_until: now }
    }

    fn ready_at(&self, now: Instant) -> Instant {
        (self.paid_until + self.interval).checked_sub(self.burst).unwrap_or(now)
    }

    fn take(&mut self, now: Instant) {
        self.paid_until = self.paid_until.max(now) + self.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::MemoryOutbox;
    use super::*;

    async fn take(feed: &mut Feed, outbox: &MemoryOutbox, now: Instant) -> Option<(u64, bool)> {
        let newest = *outbox.newest().borrow();
        feed.next(outbox, newest, now, false).await.unwrap().map(|n| (n.queued.seq, n.late))
    }

    #[tokio::test]
    async fn live_events_overtake_a_backlog_that_keeps_its_rate() {
        let outbox = MemoryOutbox::with_events(1000);
        let start = Instant::now();
        let mut feed = Feed::new(Some(1000), 100, start);
        let mut handed_out = 0;
        while let Some((seq, late)) = take(&mut feed, &outbox, start).await {
            handed_out += 1;
            assert_eq!((seq, late), (handed_out, true));
        }
        assert_eq!(handed_out, 10, "a tenth of a second's worth at once");
        outbox.push(1);
        assert_eq!(take(&mut feed, &outbox, start).await, Some((1001, false)));
        let ready = feed.backlog_ready_at(start).unwrap();
        assert!(ready > start && ready <= start + Duration::from_millis(10));
        for second in 1..=9 {
            let now = start + Duration::from_secs(second);
            while take(&mut feed, &outbox, now).await.is_some() {
                handed_out += 1;
            }
        }
        assert!(handed_out <= 10 * 10, "never more than the burst for each visit: {handed_out}");
        assert!(!feed.is_empty(Some(1001)));
    }

    #[tokio::test]
    async fn gaps_and_an_empty_outbox_end_the_feed() {
        let outbox = MemoryOutbox::with_events(10);
        outbox.acknowledge((1..=10).collect()).await.unwrap();
        let now = Instant::now();
        let mut feed = Feed::new(Some(10), 100, now);
        assert_eq!(take(&mut feed, &outbox, now).await, None);
        assert!(feed.is_empty(Some(10)));
        assert_eq!(feed.backlog_ready_at(now), None);
        assert!(Feed::new(None, 1, now).is_empty(None));
    }
}
