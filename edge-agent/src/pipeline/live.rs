//! The loop where things happen now: feeds deliver, and time is the wall clock's.
//!
//! What a feed delivers is durable before the feed hears of it ([`Store::receive`](crate::store::Store::receive)), and
//! stays in the store until it is recorded: a crash at any point loses nothing, and what a sender then sends again the
//! engine knows. A delivery that cannot be kept (the disk is full, too much waits) is given back at once: its feed has
//! it still.
//!
//! What radios hear comes another way ([`crate::ears`]): it is taken in before time moves on, so that what waited while
//! a commit took long is not late, and it is lost when we die.

use super::{HOUSEKEEPING, Input, Pipeline, PipelineError, PipelineReport, wall_clock};
use crate::ears::Hearing;
use crate::feeds::silence::{Transition, Watch};
use crate::feeds::{Board, Delivery, Desk, Verdict};
use crate::privacy::Which;
use crate::status::health::{Counted, counted};
use crate::store::StoreError;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use visit_core::observation::Observation;
use visit_core::time::Timestamp;

/// Papers that are made durable together, at most; a delivery is not divided.
const TOGETHER: usize = 1_024;

/// What feeds and ears bring.
pub struct LiveInput {
    /// What ears hear.
    pub hearing: Hearing,
    /// Sightings taken in since start.
    pub heard: u64,
    /// What feeds deliver.
    pub deliveries: mpsc::Receiver<Delivery>,
    /// From a feed's words to ours.
    pub desk: Desk,
    /// How they are doing.
    pub board: Board,
    /// Notices when one falls silent.
    pub watch: Watch,
    /// Lists of people that were published.
    pub lists: mpsc::Receiver<(Which, Vec<u8>)>,
    /// Papers received since start.
    pub received: u64,
}

impl LiveInput {
    /// Counters by name.
    pub(super) fn counted(&self) -> Counted {
        counted([("received", self.received), ("heard", self.heard)])
    }
}

impl Pipeline {
    /// Runs until `cancel`.
    pub(super) async fn run_live(
        &mut self,
        cancel: &CancellationToken,
    ) -> Result<PipelineReport, PipelineError> {
        let mut report = PipelineReport::default();
        let mut housekeeping = Instant::now();
        let mut uncommitted = None;
        self.report_health();
        loop {
            let now = wall_clock();
            self.room.forget_buyers(self.privacy.first_day_kept(now));
            // With more to take in, time stays until that is done.
            if self.listen(now, &mut report) {
                self.room.advance(now);
            }
            let linger = self.may_wait(&mut uncommitted, housekeeping);
            if linger.is_zero() {
                self.commit(&mut report, None, cancel).await?;
                uncommitted = None;
            }
            self.look_after_live(&mut housekeeping, now).await;
            self.room.keep_knowledge(false);
            let pace = self.beat.pace();
            let wait = self.room.next_deadline().map_or(pace, |at| {
                Duration::from_micros(at.since(now).as_micros().max(0).unsigned_abs()).min(pace)
            });
            let wait = uncommitted.map_or(wait, |_| wait.min(linger));
            let Input::Live(live) = &mut self.input else { break };
            tokio::select! {
                // Where there are no feeds, none ever comes.
                Some(first) = live.deliveries.recv() => self.receive(first, &mut report).await?,
                () = live.hearing.wait() => {}
                Some((which, list)) = live.lists.recv() => {
                    self.commit(&mut report, None, cancel).await?;
                    let changes = self.privacy.published(which, &list);
                    self.withdraw(changes, now).await;
                }
                () = tokio::time::sleep(wait) => {}
                () = cancel.cancelled() => break,
            }
        }
        // What was heard up to now counts.
        self.listen(wall_clock(), &mut report);
        self.room.keep_knowledge(true);
        self.privacy.keep();
        // What waits for its decision is durable, and decided after the next start.
        self.commit(&mut report, None, cancel).await?;
        self.report_health();
        self.beat.finish();
        Ok(report)
    }

    /// Takes in what ears heard; says whether that was all.
    pub(super) fn listen(&mut self, now: Timestamp, report: &mut PipelineReport) -> bool {
        let Input::Live(live) = &mut self.input else { return true };
        let mut took = Vec::new();
        let all = live.hearing.take(now, &mut took);
        for observation in took {
            live.heard += u64::from(matches!(observation, gateway::observation::Observation::Sighting(_)));
            report.observations += 1;
            // A refused observation is counted where it was refused.
            if let Ok(kept) = self.privacy.observe(observation) {
                for member in self.privacy.take_heard_members() {
                    self.room.observe(Observation::MemberHeard(member));
                }
                self.room.observe(kept);
            }
        }
        all
    }

    /// Makes a delivery durable, with those that came in meanwhile, and tells the feeds.
    async fn receive(&mut self, first: Delivery, report: &mut PipelineReport) -> Result<(), PipelineError> {
        let Input::Live(live) = &mut self.input else { return Ok(()) };
        let mut deliveries = vec![first];
        let mut papers = deliveries[0].arrivals.len();
        while papers < TOGETHER
            && let Ok(more) = live.deliveries.try_recv()
        {
            papers += more.arrivals.len();
            deliveries.push(more);
        }
        let mut kept = Vec::with_capacity(papers);
        let mut counts = Vec::new();
        let mut verdicts: Vec<Vec<Verdict>> = Vec::with_capacity(deliveries.len());
        for delivery in &deliveries {
            let verdict = |arrival| {
                let heard = live.desk.observe(arrival)?;
                // What privacy refuses here has no place in the site map.
                let paper = self.privacy.observe(heard);
                match paper.map_err(|_| gateway::pos::receipt::NotObserved::UnknownTill)? {
                    // A count is worth nothing after its interval: it need not outlive us.
                    count @ Observation::DoorCount(_) => counts.push(count),
                    paper => kept.push(paper),
                }
                Ok(())
            };
            verdicts.push(delivery.arrivals.iter().map(verdict).collect());
        }
        let tickets = match self.beat.while_waiting(self.store.receive(kept.clone())).await {
            Ok(tickets) => tickets,
            Err(why @ (StoreError::NoSpace | StoreError::TooManyPending { .. } | StoreError::Failed(_))) => {
                warn!("receipts are not taken in, their senders keep them: {why}");
                return Ok(());
            }
            Err(why) => return Err(why.into()),
        };
        let now = wall_clock();
        for (delivery, verdicts) in deliveries.into_iter().zip(verdicts) {
            let durable = verdicts.iter().filter(|v| v.is_ok()).count() as u64;
            live.received += durable;
            live.board.change(&delivery.feed, |state| {
                state.delivered += durable;
                state.refused += verdicts.len() as u64 - durable;
                if durable > 0 {
                    state.last_delivered_at = Some(now);
                }
            });
            if durable > 0 {
                speaks(live.watch.heard(&delivery.feed, now), &live.board);
            }
            // A feed that no longer waits has gone; what it brought is kept all the same.
            let _ = delivery.done.send(verdicts);
        }
        report.observations += (tickets.len() + counts.len()) as u64;
        for count in counts {
            self.room.observe(count);
        }
        for (paper, ticket) in kept.into_iter().zip(tickets) {
            self.take_in(with_ticket(paper, ticket));
        }
        Ok(())
    }

    async fn look_after_live(&mut self, last: &mut Instant, now: Timestamp) {
        if last.elapsed() >= HOUSEKEEPING
            && let Input::Live(live) = &mut self.input
        {
            for transition in live.watch.look(now) {
                speaks(Some(transition), &live.board);
            }
        }
        self.look_after(last).await;
    }
}

/// A feed fell silent, or speaks again: to the log and to the board.
fn speaks(transition: Option<Transition>, board: &Board) {
    match transition {
        Some(Transition::Silent { feed, since }) => {
            error!(%feed, since = %since, "this feed is silent for longer than usual");
            board.change(&feed, |state| state.silent_since = Some(since));
        }
        Some(Transition::Speaks { feed }) => {
            info!(%feed, "this feed speaks again");
            board.change(&feed, |state| state.silent_since = None);
        }
        None => {}
    }
}

/// The paper as the engine takes it in, with the ticket under which the store keeps it.
pub(super) fn with_ticket(mut paper: Observation, ticket: u64) -> Observation {
    match &mut paper {
        Observation::Receipt(r) => r.ticket = Some(ticket),
        Observation::DayTotals(t) => t.ticket = Some(ticket),
        Observation::Sighting(_)
        | Observation::SensorHealth(_)
        | Observation::DoorCount(_)
        | Observation::MemberHeard(_) => {}
    }
    paper
}
