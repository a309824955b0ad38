//! The daemon put together: pipeline and publisher over one store, from signal to drained.

use crate::pipeline::{Pipeline, PipelineError, PipelineReport, State};
use crate::publish::{
    Identity, MqttConfig, Parting, PublishStats, Publisher, PublisherError, PublisherReport,
};
use crate::status::{Pulse, Status};
use crate::store::{Store, StoreError};
use crate::supervise::Supervisor;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often a drained outbox is looked for after the source has ended.
const LOOK: Duration = Duration::from_millis(50);

/// What a run did.
#[derive(Debug)]
pub struct AgentReport {
    /// The pipeline's part.
    pub pipeline: PipelineReport,
    /// The publisher's part.
    pub publisher: PublisherReport,
    /// What the next life of the daemon takes over; nothing when there is to be none.
    pub state: Option<State>,
}

/// How one life of the daemon follows another in the same process.
#[derive(Debug, Default)]
pub struct Succession {
    /// The life before left the broker with our `online`; see [`PublisherReport::left_online`].
    pub announced: bool,
    /// How this one takes its leave.
    pub parting: Parting,
}

/// Why the agent stopped before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The pipeline failed.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The store did not close.
    #[error("closing the store: {0}")]
    Close(StoreError),
    /// The publisher could not be made.
    #[error(transparent)]
    Publisher(#[from] PublisherError),
    /// A task of ours panicked.
    #[error("the publisher died: {0}")]
    Died(#[from] tokio::task::JoinError),
}

/// Runs until `cancel`, or until the source has ended and everything is with the broker.
pub async fn serve(
    pipeline: Pipeline,
    status: Status,
    mqtt: MqttConfig,
    who: Identity,
    cancel: CancellationToken,
    succession: Succession,
) -> Result<AgentReport, AgentError> {
    let Succession { announced, parting } = succession;
    let store = pipeline.store.clone();
    let stop_publishing = CancellationToken::new();
    let publisher = Publisher::new(mqtt, who)?.taking_over(announced, parting.clone());
    let supervisor = Supervisor::from_env()
        .part("pipeline", pipeline.beat.clone())
        .asked("store", store.beat(), {
            let store = store.clone();
            move || store.nudge()
        })
        .part("publisher", publisher.beat());
    let line = status_line(&store, publisher.stats(), status.pulse());
    let (report, counters) = (status.report(), publisher.stats());
    let keeper = tokio::spawn(status.keep(store.clone(), counters, stop_publishing.clone()));
    let publisher = tokio::spawn(publisher.run(store.clone(), report, stop_publishing.clone()));
    let watch = supervisor.ready(line);
    let done = pipeline.run_and_hand_over(&cancel, &parting).await;
    match &done {
        Ok((report, _)) if report.ended => {
            info!(events = report.events, "the source has ended; publishing what is queued");
            drained(&store, &cancel).await;
        }
        Ok(_) if parting.goes_on() => {}
        Ok(_) => info!("stopping"),
        Err(why) => warn!("stopping: {why}"),
    }
    if !parting.goes_on() {
        watch.stopping();
    }
    stop_publishing.cancel();
    let publisher = publisher.await?;
    // It holds the store open, and only looks.
    let _ = keeper.await;
    let closed = store.close().await;
    // What stopped the pipeline is the cause; a store that then does not close is its consequence.
    let (pipeline, state) = done?;
    closed.map_err(AgentError::Close)?;
    Ok(AgentReport { pipeline, publisher, state })
}

/// How we are, in a line for `systemctl status`.
fn status_line(
    store: &Store,
    publisher: Arc<PublishStats>,
    pulse: Pulse,
) -> impl Fn() -> String + Send + use<> {
    let store = store.clone();
    move || {
        let stats = store.stats();
        let devices = pulse.last().map_or(0, |pipeline| pipeline.devices);
        let broker = if publisher.is_connected() { "connected" } else { "away" };
        let full = if stats.low_space { ", the disk is full" } else { "" };
        format!("{devices} devices, {} events waiting, broker {broker}{full}", stats.depth.total())
    }
}

/// Waits until the broker has everything.
async fn drained(store: &Store, cancel: &CancellationToken) {
    while store.stats().depth.total() > 0 {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = cancel.cancelled() => return,
        }
    }
}

/// A token that is cancelled by ctrl-c or SIGTERM; a second signal ends the process at once.
pub fn stop_signal() -> std::io::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    tokio::spawn(async move {
        let mut signals = 0;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            signals += 1;
            stop.cancel();
            if signals > 1 {
                // The store is safe at any moment: a kill at every point is tested.
                std::process::exit(130);
            }
        }
    });
    Ok(cancel)
}
