//! Starts the sources that hear radios.

use super::UsualRates;
use super::beacons::Beacons;
use super::node;
use super::path::Ears;
use crate::config::{AgentConfig, SourceSettings};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use visit_core::site::{SensorIx, Site};

/// Starts all of a configuration's; they end with `cancel`.
pub fn start(
    agent: &AgentConfig,
    site: &Site,
    ears: &Ears,
    tasks: &mut JoinSet<()>,
    cancel: &CancellationToken,
) {
    for source in &agent.sources {
        match source {
            SourceSettings::Node(settings) => {
                // The map was checked against the configuration.
                let sensor = site.sensor_named(&settings.sensor).unwrap_or(SensorIx(u16::MAX));
                let ear = ears.ear(&format!("node {}", settings.sensor), "node", site, sensor);
                let wanted = node::wanted(settings, agent.privacy.rssi_floor);
                // What a node usually hears is learnt anew with each start.
                let beacons = Beacons::of(site, ear.name(), &UsualRates::default());
                tasks.spawn(node::listen(settings.device.clone(), wanted, ear, beacons, cancel.clone()));
            }
            SourceSettings::Replay(_) | SourceSettings::Feed(_) | SourceSettings::Radio(_) => {}
        }
    }
}
