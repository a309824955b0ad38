//! The radios of a configuration, each with an ear.

use super::{Ears, UsualRates, wifi};
use crate::config::{AgentConfig, RadioSettings, SourceSettings};
use jiff::tz::TimeZone;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use visit_core::site::Site;

/// A radio's task that has not ended by then waits for a bus that does not answer.
const LEAVES: Duration = Duration::from_secs(1);

/// Radios that listen.
#[derive(Default)]
pub struct Radios {
    threads: Vec<JoinHandle<()>>,
    tasks: JoinSet<()>,
}

impl Radios {
    /// Starts all radios; they end with `cancel`. What does not listen says so on the board.
    pub fn start(
        agent: &AgentConfig,
        site: &Site,
        ears: &Ears,
        rates: &UsualRates,
        cancel: &CancellationToken,
    ) -> Self {
        let mut radios = Self::default();
        // The configuration was checked: zone and sensors exist.
        let zone = TimeZone::get(&site.timezone).unwrap_or(TimeZone::UTC);
        for source in &agent.sources {
            let SourceSettings::Radio(settings) = source else { continue };
            let Some(sensor) = site.sensor_named(settings.sensor()) else { continue };
            match settings {
                RadioSettings::Wifi(wifi) => {
                    let ear = ears.ear(&settings.name(), "wifi", site, sensor);
                    ear.down("starting");
                    match wifi::start(wifi.clone(), ear.clone(), rates.clone(), zone.clone(), cancel.clone())
                    {
                        Ok(thread) => radios.threads.push(thread),
                        Err(why) => ear.down(format!("cannot start a thread: {why}")),
                    }
                }
                RadioSettings::Ble(ble) => {
                    let ear = ears.ear(&settings.name(), "ble", site, sensor);
                    #[cfg(feature = "bluetooth")]
                    radios.tasks.spawn(super::ble::listen(
                        super::ble::watch(ble.clone(), ear, rates.clone(), site, zone.clone()),
                        cancel.clone(),
                    ));
                    #[cfg(not(feature = "bluetooth"))]
                    ear.down(format!(
                        "{}: this build has no Bluetooth (cargo feature `bluetooth`)",
                        ble.sensor
                    ));
                }
            }
        }
        radios
    }

    /// Waits until all have put back what they changed; they notice a stop within a moment.
    pub async fn stopped(mut self) {
        let threads = self.threads;
        let waited = tokio::task::spawn_blocking(move || threads.into_iter().for_each(|t| drop(t.join())));
        // A thread that panicked has nothing to put back.
        let _ = waited.await;
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LEAVES, ended).await;
        self.tasks.shutdown().await;
    }
}
