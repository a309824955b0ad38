//! The one loop: source → privacy → engine → store, and the only reader of the clock.
//!
//! Time is the source's. A live source runs on the wall clock; a recording runs on its own, paced by
//! [`Pace`]. What the engine says is committed in batches: at once when there is nothing else to do, else when
//! 256 events or 20 ms have come together, so that a fast replay shares its flushes and a live event
//! waits for none.
//!
//! A source that can rewind is resumed exactly: every checkpoint holds the engine's whole state with the source's
//! position, and after a crash both go on from there. Events that were already committed come out again with the
//! same ids and are recognised by the store.

mod clock;
mod engine_room;
mod input;
mod knowledge;
mod live;
#[cfg(test)]
mod live_tests;

pub use clock::{Pace, wall_clock};
pub use engine_room::EngineRoom;
pub(crate) use engine_room::{Without, forget_in_snapshot};
pub use input::Input;
pub use knowledge::KnowledgeFile;
pub use live::LiveInput;

use crate::privacy::{ListChanges, Privacy};
use crate::publish::Parting;
use crate::status::health::counted;
use crate::status::{PipelineHealth, Pulse};
use crate::store::{Batch, Checkpoint, Committed, Forget, Recovered, Store, StoreError};
use crate::supervise::Beat;
use clock::Clock;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use visit_core::observation::Observation;
use visit_core::time::Timestamp;

/// Events that are committed together at most.
const BATCH: usize = 256;
/// So long what is decided waits for more, unless the configuration says otherwise: its latency is of this order anyway.
pub const LINGER: Duration = Duration::from_millis(20);
/// Waits between attempts to commit when the disk is full, growing up to the last.
const RETRY: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5)];
/// How often health is reported, and the key and clock are looked after.
const HOUSEKEEPING: Duration = Duration::from_secs(10);
/// Observations taken in before other tasks get a turn.
const BURST: usize = 512;

/// How the pipeline is set up.
pub struct Pipeline {
    /// What is heard.
    pub input: Input,
    /// Addresses to pseudonyms.
    pub privacy: Privacy,
    /// The engine with its batch.
    pub room: EngineRoom,
    /// Where events are kept.
    pub store: Store,
    /// How fast a recording is played.
    pub pace: Pace,
    /// Time between checkpoints.
    pub checkpoint: Duration,
    /// How long what is decided waits for more, to be committed together.
    pub linger: Duration,
    /// Where it tells how it is, and what it has committed.
    pub pulse: Pulse,
    /// Moves with every turn of the loop, for who watches over us.
    pub beat: Beat,
}

/// What one life of the daemon hands to the next in the same process: the engine with what belongs to it.
#[derive(Clone)]
pub struct State {
    snapshot: Vec<u8>,
    position: u64,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("bytes", &self.snapshot.len()).finish_non_exhaustive()
    }
}

/// What the pipeline did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PipelineReport {
    /// The source ended by itself.
    pub ended: bool,
    /// Observations taken in.
    pub observations: u64,
    /// Records of the source that could not be used.
    pub bad_records: u64,
    /// Events committed.
    pub events: u64,
}

/// Why the pipeline gave up.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The store cannot be written.
    #[error("the store failed: {0}")]
    Store(#[from] StoreError),
    /// A source that should go on where it stopped cannot.
    #[error("cannot go on where the last run stopped: {0}")]
    Rewind(gateway::source::ReadError),
}

impl Pipeline {
    /// Takes up what the last life of this process handed over; [`Self::resume`] where that cannot be used.
    pub fn go_on(
        &mut self,
        state: &State,
        recovered: Recovered,
        wall: Timestamp,
    ) -> Result<(), PipelineError> {
        match self.room.restore(&state.snapshot) {
            Ok(remembered) => {
                self.privacy.restore(remembered);
                // Receipts that are pending in the store wait for their decision in the engine.
                self.input.rewind_to(state.position).map_err(PipelineError::Rewind)
            }
            Err(why) => {
                warn!("what was known before the reload cannot be used, going on from the ledger: {why}");
                self.resume(recovered, wall)
            }
        }
    }

    /// Takes up what an earlier run left: its checkpoint if the source can rewind, else its ledger.
    pub fn resume(&mut self, recovered: Recovered, wall: Timestamp) -> Result<(), PipelineError> {
        if let Some(q) = &recovered.quarantined {
            error!(moved_to = %q.path.display(), salvaged = q.salvaged, "the store was damaged: {}", q.reason);
        }
        if !self.input.can_rewind() {
            if !recovered.ledger.is_empty() {
                info!(visits = recovered.ledger.len(), "taking up the visits of the ledger");
            }
            let Recovered { ledger, book, pending, links, .. } = recovered;
            self.room.take_up(ledger, book, wall);
            self.room.take_up_links(links.iter().map(|link| (link.visit, link.member)));
            if !pending.is_empty() {
                info!(receipts = pending.len(), "taking up receipts that were not recorded yet");
            }
            for (ticket, paper) in pending {
                self.room.observe(live::with_ticket(paper, ticket));
            }
            return Ok(());
        }
        // Killed before its first checkpoint, a recording begins anew, and so do its visits: the ledger would put
        // their end before their beginning.
        let Some(checkpoint) = recovered.checkpoint else { return Ok(()) };
        match self.room.restore(&checkpoint.snapshot) {
            Ok(remembered) => {
                self.privacy.restore(remembered);
                info!(position = checkpoint.position, "going on from the last checkpoint");
            }
            Err(why) => {
                warn!("the last checkpoint cannot be used, going on from the ledger: {why}");
                self.room.take_up(recovered.ledger, Vec::new(), wall);
            }
        }
        self.input.rewind_to(checkpoint.position).map_err(PipelineError::Rewind)
    }

    /// Runs until the source ends or `cancel`; then commits what is left, with a last checkpoint.
    pub async fn run(mut self, cancel: &CancellationToken) -> Result<PipelineReport, PipelineError> {
        self.work(cancel).await.map(|(report, _)| report)
    }

    /// As [`Self::run`]; gives the state of everything if the daemon then goes on.
    pub async fn run_and_hand_over(
        mut self,
        cancel: &CancellationToken,
        parting: &Parting,
    ) -> Result<(PipelineReport, Option<State>), PipelineError> {
        let (report, position) = self.work(cancel).await?;
        let state = || State { snapshot: self.snapshot(), position };
        Ok((report, parting.goes_on().then(state)))
    }

    /// What was done, and the position up to which it was.
    async fn work(&mut self, cancel: &CancellationToken) -> Result<(PipelineReport, u64), PipelineError> {
        if matches!(self.input, Input::Live(_)) {
            return self.run_live(cancel).await.map(|report| (report, 0));
        }
        let mut report = PipelineReport::default();
        let mut clock = Clock::new(self.pace);
        let mut housekeeping = Instant::now();
        let mut checkpointed = Instant::now();
        let mut uncommitted = None;
        self.report_health();
        let mut since_yield = 0;
        // What was taken in; an observation that was pulled and not taken in when we stop is for the next run.
        let mut position = self.input.position();
        let mut next = self.pull(&mut report);
        while let Some(observation) = next.take() {
            let at = observation.at();
            while let Some(wait) = clock.wait_for(at) {
                self.commit(&mut report, None, cancel).await?;
                uncommitted = None;
                // Silence has its deadlines too: an exit does not wait for the next frame.
                let deadline =
                    self.room.next_deadline().and_then(|due| clock.wait_until(due)).unwrap_or(wait);
                tokio::select! {
                    () = tokio::time::sleep(wait.min(deadline).min(self.beat.pace())) => {}
                    () = cancel.cancelled() => break,
                }
                if let Some(now) = clock.now() {
                    self.room.advance(now.min(at));
                }
                self.look_after(&mut housekeeping).await;
            }
            if cancel.is_cancelled() {
                break;
            }
            // A refused observation is counted where it was refused.
            if let Ok(kept) = self.privacy.observe(observation) {
                self.take_in(kept);
            }
            report.observations += 1;
            position = self.input.position();
            if self.input.can_rewind() && checkpointed.elapsed() >= self.checkpoint {
                let checkpoint = Checkpoint { snapshot: self.snapshot(), position };
                self.commit(&mut report, Some(checkpoint), cancel).await?;
                (checkpointed, uncommitted) = (Instant::now(), None);
            }
            if self.may_wait(&mut uncommitted, housekeeping).is_zero() {
                self.commit(&mut report, None, cancel).await?;
                uncommitted = None;
            }
            self.look_after(&mut housekeeping).await;
            since_yield += 1;
            if since_yield >= BURST {
                tokio::task::yield_now().await;
                since_yield = 0;
            }
            next = self.pull(&mut report);
        }
        self.finish(report, position, cancel).await.map(|report| (report, position))
    }

    /// How long what is decided may still wait for more before it is committed, where the oldest waits `since` then and
    /// [`Self::look_after`] was last done at `housekeeping`: what that looks after lies in the store, nothing may wait beside it.
    fn may_wait(&self, since: &mut Option<Instant>, housekeeping: Instant) -> Duration {
        if self.room.has_nothing_to_commit() {
            *since = None;
            return Duration::MAX;
        }
        let waited = since.get_or_insert_with(Instant::now).elapsed();
        let due = self.room.events() >= BATCH || housekeeping.elapsed() >= HOUSEKEEPING;
        if due { Duration::ZERO } else { self.linger.saturating_sub(waited) }
    }

    /// The source ended, or we are to stop.
    async fn finish(
        &mut self,
        mut report: PipelineReport,
        position: u64,
        cancel: &CancellationToken,
    ) -> Result<PipelineReport, PipelineError> {
        if !cancel.is_cancelled() {
            // A recording that is over takes its time with it: what was waited for is decided.
            self.room.run_out();
            report.ended = true;
        }
        let checkpoint = self.input.can_rewind().then(|| Checkpoint { snapshot: self.snapshot(), position });
        self.commit(&mut report, checkpoint, cancel).await?;
        self.privacy.keep();
        self.report_health();
        report.bad_records = self.input.bad_records();
        self.beat.finish();
        Ok(report)
    }

    /// The engine takes an observation in; what it finds to be no visitor is remembered.
    fn take_in(&mut self, observation: Observation) {
        self.room.forget_buyers(self.privacy.first_day_kept(observation.at()));
        for member in self.privacy.take_heard_members() {
            self.room.observe(Observation::MemberHeard(member));
        }
        self.room.observe(observation);
        for device in self.room.take_not_visitors() {
            self.privacy.not_a_visitor(device);
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        self.room.snapshot(&self.privacy.remembered())
    }

    /// The next observation; problems of the source are logged and counted, and it goes on.
    fn pull(&mut self, report: &mut PipelineReport) -> Option<gateway::observation::Observation> {
        loop {
            match self.input.next() {
                Ok(next) => return next,
                Err(why) => {
                    error!("source: {why}");
                    report.bad_records += 1;
                }
            }
        }
    }

    /// Makes everything said so far durable. A full disk is waited out: nothing is lost but time.
    async fn commit(
        &mut self,
        report: &mut PipelineReport,
        checkpoint: Option<Checkpoint>,
        cancel: &CancellationToken,
    ) -> Result<(), PipelineError> {
        let Some(mut batch) = self.room.take_batch(wall_clock(), checkpoint) else { return Ok(()) };
        self.privacy.gate(&mut batch);
        let seen = self.pulse.see(&batch.events);
        let stored = persist(&self.store, batch, cancel);
        let Committed { queued, .. } = self.beat.while_waiting(stored).await?;
        self.pulse.committed(seen);
        report.events += queued;
        Ok(())
    }

    /// Every now and then: the key of the day, the lists of people, what grows old in the store, and a word about health.
    async fn look_after(&mut self, last: &mut Instant) {
        self.beat.turn();
        if last.elapsed() < HOUSEKEEPING {
            return;
        }
        *last = Instant::now();
        let now = wall_clock();
        if let Err(why) = self.privacy.advance(now) {
            error!("cannot save the key of the day, yesterday's is still on disk: {why}");
        }
        let changes = self.privacy.look_after();
        self.withdraw(changes, now).await;
        if let Err(why) = self.beat.while_waiting(self.store.look_after(now)).await {
            error!(
                "what may no longer be kept could not be taken out of the store, it is tried again: {why}"
            );
        }
        self.report_health();
    }

    /// Members who no longer agree are taken out of what waits.
    async fn withdraw(&mut self, changes: ListChanges, at: Timestamp) {
        let members = changes.withdrawn;
        if members.is_empty() {
            return;
        }
        for member in &members {
            self.room.forget_member(*member);
        }
        let (visits, ledger) = (Vec::new(), Vec::new());
        let who = Forget { visits, members, ledger, checkpoint: None, asked: false, at };
        if let Err(why) = self.beat.while_waiting(self.store.forget(who)).await {
            error!("members who withdrew their consent could not be taken out of the store: {why}");
        }
    }

    fn report_health(&self) {
        let stats = self.store.stats();
        self.pulse.beat(PipelineHealth {
            progress_at: wall_clock().into(),
            source_at: self.room.now().map(Into::into),
            source: self.input.counted(),
            feeds: self.input.feeds(),
            ears: self.input.ears(),
            receipts_waiting: stats.pending,
            privacy_dropped: counted(self.privacy.dropped()),
            privacy_stopped: self.privacy.stopped(),
            privacy_degraded: stats.degraded,
            privacy_lists: self.privacy.lists().map(|(n, l)| (n.to_owned(), l.clone())).collect(),
            staff_remembered: self.privacy.staff_remembered() as u64,
            members_remembered: self.privacy.history_len() as u64,
            engine: counted(self.room.counts().named()),
            devices: self.room.devices() as u64,
            key_saved: self.privacy.key_is_saved(),
        });
    }
}

/// Commits, again and again while the disk is full; gives up when told to stop.
async fn persist(store: &Store, batch: Batch, cancel: &CancellationToken) -> Result<Committed, StoreError> {
    let mut attempt = 0;
    loop {
        match store.commit(batch.clone()).await {
            Err(StoreError::NoSpace) => {
                let wait = RETRY[attempt.min(RETRY.len() - 1)];
                if attempt == 0 {
                    error!("the disk is full: events wait in memory until there is room");
                }
                attempt += 1;
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = cancel.cancelled() => return Err(StoreError::NoSpace),
                }
            }
            done => {
                if attempt > 0 {
                    info!("the disk has room again");
                }
                return done;
            }
        }
    }
}
