//! One connection from CONNECT to the end.
//!
//! Every message submitted is either in the queue of those without a packet id, or in flight under its id; an
//! event leaves the outbox when its PUBACK is in, and not before. When the connection ends, whatever was in
//! either place is still in the outbox, and the next connection reads it again.

mod verdicts;

use super::backoff::Backoff;
use super::config::MqttConfig;
use super::feed::{Feed, Next};
use super::link::{Limits, Link, Notice};
use super::message::{Identity, Message, OfflineReason};
use super::outbox::{Outbox, OutboxError, Queued};
use super::parting::{Leave, Parting};
use super::poison::Suspects;
use super::stats::PublishStats;
use crate::supervise::Beat;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Acknowledgements the store would not take, at most, before publishing waits for it.
const UNSTORED_ACKS: usize = 10_000;

/// What every connection needs.
pub(super) struct Context<'a, O> {
    pub(super) config: &'a MqttConfig,
    pub(super) who: &'a Identity,
    pub(super) outbox: &'a O,
    pub(super) health: &'a watch::Receiver<Value>,
    pub(super) stats: &'a PublishStats,
    pub(super) cancel: &'a CancellationToken,
    pub(super) parting: &'a Parting,
    pub(super) beat: &'a Beat,
}

/// What outlives a connection.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) suspects: Suspects,
    /// Acknowledged by a broker, not yet removed from the outbox.
    acks: Vec<u64>,
    /// A connection was lost or could not be made: what waits now is late.
    pub(super) interrupted: bool,
    /// The broker holds `online` of ours, and no last will.
    pub(super) owes_farewell: bool,
}

/// How a connection ended.
pub(super) enum End {
    /// Lost, or never made; `lived` from CONNACK on.
    Lost { why: String, lived: Duration },
    /// We were told to stop; `drained` when nothing was left to publish.
    Stopped { drained: bool },
}

/// Connects, publishes, and returns when the connection is over.
pub(super) async fn run<O: Outbox>(cx: &Context<'_, O>, memory: &mut Memory) -> End {
    let lost = |why: String| End::Lost { why, lived: Duration::ZERO };
    let slots = usize::from(cx.config.inflight.max(1));
    let mut link = match Link::open(cx.config, cx.who, slots + RESERVE) {
        Ok(link) => link,
        Err(e) => return lost(e.to_string()),
    };
    let first = tokio::select! {
        first = cx.beat.while_waiting(link.notices.recv()) => first,
        () = given_up(cx.cancel, memory.owes_farewell) => return End::Stopped { drained: false },
    };
    let limits = match first {
        Some(Notice::Connected(limits)) => limits,
        Some(Notice::Closed { why, .. }) => return lost(why),
        other => return lost(format!("the client began with {other:?}")),
    };
    cx.stats.connected();
    info!(host = cx.config.host, port = cx.config.port, ?limits, "connected to the broker");
    // The broker has our last will again.
    memory.owes_farewell = false;
    let mut session = Session::new(cx, memory, link, limits);
    let outcome = session.publish().await;
    cx.stats.disconnected();
    outcome
}

/// When a connection that is not there yet is waited for no longer.
async fn given_up(cancel: &CancellationToken, owes_farewell: bool) {
    cancel.cancelled().await;
    if owes_farewell {
        tokio::time::sleep(OWED).await;
    }
}

/// How long a broker that still holds our `online` is called when we are to stop.
const OWED: Duration = Duration::from_secs(5);
/// How long what is in flight is waited for when the daemon goes on in a moment.
const HASTE: Duration = Duration::from_millis(500);

/// Until health that was not there yet is looked for again.
const SOON: Duration = Duration::from_secs(1);
/// Between reports, however often there is something to be told at once.
const AT_MOST: Duration = Duration::from_secs(5);

/// Places beside the events: birth or farewell, and health.
const RESERVE: usize = 2;

/// A message the broker has not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tracked {
    Event(u64),
    Birth,
    Health,
    Farewell,
}

struct Session<'a, O> {
    cx: &'a Context<'a, O>,
    memory: &'a mut Memory,
    link: Link,
    limits: Limits,
    slots: usize,
    newest: watch::Receiver<Option<u64>>,
    feed: Feed,
    /// Submitted, no packet id yet.
    queue: VecDeque<Tracked>,
    /// By packet id.
    in_flight: HashMap<u16, Tracked>,
    /// Refused for now.
    retries: BTreeSet<u64>,
    pause: Backoff,
    paused_until: Option<Instant>,
    store_paused_until: Option<Instant>,
    began: Instant,
    last_progress: Instant,
    health: watch::Receiver<Value>,
    next_health: Instant,
    last_health: Option<Instant>,
    birth_answered: bool,
    stopping: Option<Stopping>,
}

/// A shutdown under way.
#[derive(Clone, Copy)]
struct Stopping {
    farewell_at: Instant,
    end_at: Instant,
    said: bool,
    drained: bool,
}

/// Why the session is over.
enum Over {
    Closed { why: String, by_broker: bool },
    Stopped,
}

impl<'a, O: Outbox> Session<'a, O> {
    fn new(cx: &'a Context<'a, O>, memory: &'a mut Memory, link: Link, limits: Limits) -> Self {
        let now = Instant::now();
        let newest = cx.outbox.newest();
        let slots = cx.config.inflight.min(limits.receive_max.unwrap_or(u16::MAX)).max(1);
        let at = *newest.borrow();
        Self {
            feed: Feed::new(at, cx.config.backlog_rate, now),
            cx,
            memory,
            link,
            limits,
            slots: slots.into(),
            newest,
            queue: VecDeque::new(),
            in_flight: HashMap::new(),
            retries: BTreeSet::new(),
            pause: Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 0),
            paused_until: None,
            store_paused_until: None,
            began: now,
            last_progress: now,
            health: cx.health.clone(),
            next_health: now,
            last_health: None,
            birth_answered: false,
            stopping: None,
        }
    }

    async fn publish(&mut self) -> End {
        let over = match self.submit(Message::status(self.cx.config, self.cx.who, None), Tracked::Birth) {
            Ok(()) => self.until_over().await,
            Err(over) => over,
        };
        self.store_acks().await;
        match over {
            Over::Stopped => {
                self.part().await;
                self.memory.owes_farewell = self.cx.parting.leave() == Leave::HandOver;
                End::Stopped { drained: self.stopping.is_some_and(|s| s.drained) }
            }
            Over::Closed { why, by_broker } => {
                self.look_for_poison(by_broker).await;
                match self.stopping {
                    Some(s) => End::Stopped { drained: s.drained },
                    None => End::Lost { why, lived: self.began.elapsed() },
                }
            }
        }
    }

    async fn until_over(&mut self) -> Over {
        let mut notices = Vec::with_capacity(self.slots);
        loop {
            let now = Instant::now();
            let step = match self.stopping {
                Some(stopping) => self.stop_step(stopping, now).await,
                None => self.step(now).await,
            };
            if let Err(over) = step {
                return over;
            }
            self.cx.beat.turn();
            let wake = self.wake_at(now).min(now + self.cx.beat.pace());
            let limit = self.slots.max(16);
            tokio::select! {
                n = self.link.notices.recv_many(&mut notices, limit) => {
                    if n == 0 {
                        return Over::Closed { why: "the MQTT client failed".into(), by_broker: false };
                    }
                }
                changed = self.newest.changed() => {
                    if changed.is_err() {
                        // The store is gone: nothing new can come, and nothing can be acknowledged.
                        return Over::Closed { why: "the outbox was closed".into(), by_broker: false };
                    }
                }
                Ok(()) = self.health.changed() => {
                    let soonest = self.last_health.map_or(now, |last| last + AT_MOST);
                    self.next_health = self.next_health.min(soonest);
                }
                () = self.cx.cancel.cancelled(), if self.stopping.is_none() => self.begin_to_stop(),
                () = sleep_until(wake) => {}
            }
            for notice in notices.drain(..) {
                if let Err(over) = self.hear(notice).await {
                    return over;
                }
            }
            self.store_acks().await;
            let events = self.events_out().count() as u64;
            self.cx.stats.in_flight.store(events, std::sync::atomic::Ordering::Relaxed);
        }
    }

    async fn step(&mut self, now: Instant) -> Result<(), Over> {
        if self.outstanding() > 0 && now >= self.last_progress + self.cx.config.ack_timeout {
            let why = format!("the broker acknowledged nothing for {:?}", self.cx.config.ack_timeout);
            return Err(Over::Closed { why, by_broker: false });
        }
        if now >= self.next_health {
            self.next_health = now + self.cx.config.health_interval;
            self.report_health()?;
        }
        self.fill(now).await
    }

    async fn stop_step(&mut self, stopping: Stopping, now: Instant) -> Result<(), Over> {
        if now >= stopping.end_at {
            return Err(Over::Stopped);
        }
        if stopping.said {
            return Ok(());
        }
        let leave = self.cx.parting.leave();
        if now < stopping.farewell_at {
            // Who goes on has time for the rest.
            if leave == Leave::Drain {
                self.fill(now).await?;
            }
            let newest = *self.newest.borrow();
            let drained = self.feed.is_empty(newest) && self.retries.is_empty();
            let done = (drained || leave != Leave::Drain) && self.events_out().count() == 0;
            if !done {
                return Ok(());
            }
            self.stopping = Some(Stopping { drained, said: true, ..stopping });
        } else {
            self.stopping = Some(Stopping { said: true, ..stopping });
        }
        if leave == Leave::HandOver {
            return Err(Over::Stopped);
        }
        let farewell = Message::status(self.cx.config, self.cx.who, Some(OfflineReason::Stopped));
        self.submit(farewell, Tracked::Farewell)
    }

    /// A quarter of the grace period, at most a second, is kept for the farewell.
    fn begin_to_stop(&mut self) {
        let grace = match self.cx.parting.leave() {
            Leave::Drain => self.cx.config.drain_timeout,
            Leave::HandOver | Leave::Move => HASTE,
        };
        let end_at = Instant::now() + grace;
        let farewell_at = end_at - (grace / 4).min(Duration::from_secs(1));
        self.stopping = Some(Stopping { farewell_at, end_at, said: false, drained: false });
    }

    fn report_health(&mut self) -> Result<(), Over> {
        let report = self.health.borrow().clone();
        if report.is_null() {
            // We were faster than who puts it together; what is retained is of the life before.
            self.next_health = Instant::now() + SOON;
            return Ok(());
        }
        if self.is_out(Tracked::Health) {
            return Ok(());
        }
        let message = Message::health(self.cx.config, self.cx.who, &report);
        match message.check_size(self.limits.max_packet) {
            Ok(()) => {
                self.last_health = Some(Instant::now());
                self.submit(message, Tracked::Health)
            }
            Err(why) => {
                warn!("health report not published: {why}");
                self.cx.stats.failed(format!("health report: {why}"));
                Ok(())
            }
        }
    }

    /// Submits events while there is room.
    async fn fill(&mut self, now: Instant) -> Result<(), Over> {
        if !self.birth_answered {
            // A broker that resets the connection takes its unread PUBACKs with it: only after the birth is
            // answered can an end of the connection be held against an event.
            return Ok(());
        }
        if self.store_paused_until.is_some_and(|t| now < t) || self.memory.acks.len() >= UNSTORED_ACKS {
            return Ok(());
        }
        if self.paused_until.is_some_and(|t| now < t) {
            return Ok(());
        }
        while self.outstanding() < self.slots {
            match self.choose(now).await {
                Ok(Some(next)) => self.submit_event(next).await?,
                Ok(None) => break,
                Err(e) => {
                    self.store_failed(&e);
                    break;
                }
            }
        }
        Ok(())
    }

    /// The next event: a suspect alone, a refused one again, or what the feed says.
    async fn choose(&mut self, now: Instant) -> Result<Option<Next>, OutboxError> {
        while let Some(seq) = self.memory.suspects.probe() {
            if self.outstanding() > 0 {
                return Ok(None);
            }
            match self.look_up(seq).await? {
                Some(queued) => return Ok(Some(Next { queued, late: true, again: true })),
                None => self.memory.suspects.acquit(seq),
            }
        }
        while let Some(seq) = self.retries.first().copied() {
            let found = self.look_up(seq).await?;
            self.retries.remove(&seq);
            if let Some(queued) = found {
                return Ok(Some(Next { queued, late: true, again: true }));
            }
        }
        loop {
            let newest = *self.newest.borrow_and_update();
            let hurry = self.stopping.is_some();
            let next = self.feed.next(self.cx.outbox, newest, now, hurry).await?;
            match next {
                // It went ahead as a suspect, and its acknowledgement is on the way to the store.
                Some(next) if self.is_settled(next.queued.seq) => {}
                other => return Ok(other),
            }
        }
    }

    fn is_settled(&self, seq: u64) -> bool {
        self.is_out(Tracked::Event(seq)) || self.memory.acks.contains(&seq)
    }

    async fn look_up(&self, seq: u64) -> Result<Option<Queued>, OutboxError> {
        let found = self.cx.outbox.read_after(seq.checked_sub(1), 1).await?;
        Ok(found.into_iter().find(|q| q.seq == seq))
    }

    async fn submit_event(&mut self, next: Next) -> Result<(), Over> {
        let Next { queued: Queued { seq, event, recovered }, late, again } = next;
        let resent = recovered || again || (late && self.memory.interrupted);
        let message = Message::event(self.cx.config, &event, resent)
            .and_then(|m| m.check_size(self.limits.max_packet).map(|()| m));
        match message {
            Ok(message) => {
                PublishStats::add(&self.cx.stats.published, 1);
                PublishStats::add(&self.cx.stats.resent, resent.into());
                self.submit(message, Tracked::Event(seq))
            }
            Err(why) => {
                self.bury(seq, why).await;
                Ok(())
            }
        }
    }

    fn submit(&mut self, message: Message, tracked: Tracked) -> Result<(), Over> {
        if self.outstanding() == 0 {
            self.last_progress = Instant::now();
        }
        self.link.submit(message).map_err(|e| Over::Closed {
            why: format!("the MQTT client takes no message: {e}"),
            by_broker: false,
        })?;
        self.queue.push_back(tracked);
        Ok(())
    }

    async fn hear(&mut self, notice: Notice) -> Result<(), Over> {
        match notice {
            Notice::Sent(id) => {
                if let Some(tracked) = self.queue.pop_front() {
                    self.in_flight.insert(id, tracked);
                }
                Ok(())
            }
            Notice::Acked(id, verdict) => {
                self.last_progress = Instant::now();
                match self.in_flight.remove(&id) {
                    Some(Tracked::Event(seq)) => self.judge(seq, verdict).await,
                    Some(other) => return self.answered(other, verdict),
                    None => {}
                }
                Ok(())
            }
            Notice::Closed { why, by_broker } => Err(Over::Closed { why, by_broker }),
            Notice::Connected(_) => {
                Err(Over::Closed { why: "the client connected again".into(), by_broker: false })
            }
        }
    }

    /// DISCONNECT, and the time for it to leave.
    async fn part(&mut self) {
        self.link.goodbye();
        let gone =
            async { while !matches!(self.link.notices.recv().await, None | Some(Notice::Closed { .. })) {} };
        if timeout(Duration::from_secs(1), gone).await.is_err() {
            warn!("DISCONNECT could not be sent: the broker will publish the last will");
        }
    }

    /// When there is something to do even if nothing happens.
    fn wake_at(&self, now: Instant) -> Instant {
        let mut wake = match self.stopping {
            Some(stopping) if stopping.said => return stopping.end_at,
            Some(stopping) => stopping.farewell_at,
            None if self.outstanding() > 0 => {
                self.next_health.min(self.last_progress + self.cx.config.ack_timeout)
            }
            None => self.next_health,
        };
        let pauses = [self.paused_until, self.store_paused_until].into_iter().flatten();
        let resume = pauses.filter(|t| *t > now).max();
        let holding = !self.birth_answered || self.memory.suspects.probe().is_some();
        let next = match resume {
            Some(resume) => Some(resume),
            None if holding || self.outstanding() >= self.slots => None,
            None => self.feed.backlog_ready_at(now),
        };
        if let Some(next) = next {
            wake = wake.min(next);
        }
        wake
    }

    fn outstanding(&self) -> usize {
        self.queue.len() + self.in_flight.len()
    }

    fn is_out(&self, tracked: Tracked) -> bool {
        self.queue.contains(&tracked) || self.in_flight.values().any(|t| *t == tracked)
    }

    fn events_out(&self) -> impl Iterator<Item = u64> + '_ {
        self.queue.iter().chain(self.in_flight.values()).filter_map(|t| match t {
            Tracked::Event(seq) => Some(*seq),
            _ => None,
        })
    }
}
