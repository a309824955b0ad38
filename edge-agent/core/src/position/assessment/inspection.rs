//! Everything a walk says about an installation.

use super::air::{Air, Tallies};
use super::one_more::{Foresight, OneMore, one_more};
use super::sensors::{Bench, SensorWorth};
use super::{Assessment, Trial};
use crate::position::Scan;
use crate::site::Site;

/// Everything a walk says about an installation.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// How often each zone is taken for which.
    pub assessment: Assessment,
    /// How signals fade.
    pub air: Air,
    /// What each sensor adds, in the order of the map.
    pub sensors: Vec<SensorWorth>,
    /// What one more sensor would do in each zone where one could hang, best first.
    pub one_more: Vec<OneMore>,
    /// Whether that is to be trusted.
    pub foresight: Foresight,
}

impl Inspection {
    /// Of the scans of one or several walks, in the order they were made.
    pub fn of(site: &Site, scans: &[Scan]) -> Self {
        let mut trial = Trial::new(site, scans);
        let assessment = Assessment::from_trial(site, &mut trial);
        let tallies = Tallies::of(site, scans);
        let (air, excess) = Air::fitted(site, &tallies);
        let bench = Bench::new(site, &mut trial);
        let mut sensors = bench.weigh(site, &mut trial, &tallies, &air);
        sensors.iter_mut().zip(excess).for_each(|(s, excess)| s.excess = excess);
        let foresight = Foresight::of(&sensors);
        let one_more = one_more(site, &bench, &air);
        Self { assessment, air, sensors, one_more, foresight }
    }
}
