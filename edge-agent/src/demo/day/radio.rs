//! What of one frame reaches which sensor.
//!
//! Log-distance path loss with walls counted into the exponent, a fixed loss for each storey between, and
//! shadowing in two parts: one that stays as long as the person does, one that is new with each frame.

use super::journey::Spot;
use super::plan::{Plan, PlanSensor};
use super::rng::{Rng, mix};

/// RSSI at 1 m of a phone without offset, dBm.
const AT_ONE_METRE_DBM: f64 = -38.0;
/// Free space has 2; shop fittings, people and thin walls make it 3 (ITU-R P.1238, 2.4 GHz, commercial: 2.8–3).
const PATH_LOSS_EXPONENT: f64 = 3.0;
const STOREY_LOSS_DB: f64 = 17.0;
const STOREY_METRES: f32 = 5.0;
/// Together 5 dB.
const SHADOWING_OF_PLACE_DB: f64 = 4.0;
const SHADOWING_OF_FRAME_DB: f64 = 3.0;
/// Half of the frames are decoded at this level.
const HALF_DECODED_DBM: f64 = -88.0;
/// Weaker ones are never decoded.
const FLOOR_DBM: f64 = -96.0;
/// At any level some frames are lost: collisions, and a radio that is on another channel.
const HEARD_AT_BEST: f64 = 0.9;
/// A network card tells no difference above.
const SATURATED_DBM: f64 = -22.0;

/// What a sensor hears of one frame: its RSSI in dBm, or nothing.
///
/// `place` names the person and the leg of its journey: shadowing that depends on the place stays the same
/// while it does.
pub(super) fn receive(
    sensor: &PlanSensor,
    level: i16,
    spot: Spot,
    offset_db: f64,
    place: u64,
    rng: &mut Rng,
) -> Option<i8> {
    let storeys = level.abs_diff(spot.level);
    if storeys > 3 {
        return None;
    }
    let plan_m = libm::hypotf(sensor.position[0] - spot.x, sensor.position[1] - spot.y);
    let metres = f64::from(libm::hypotf(plan_m, STOREY_METRES * f32::from(storeys)).max(1.0));
    let mean = AT_ONE_METRE_DBM + offset_db + f64::from(sensor.radio_offset)
        - 10.0 * PATH_LOSS_EXPONENT * libm::log10(metres)
        - STOREY_LOSS_DB * f64::from(storeys);
    if mean < FLOOR_DBM - 15.0 {
        return None;
    }
    let rssi = mean + SHADOWING_OF_PLACE_DB * Rng::new(place).normal() + SHADOWING_OF_FRAME_DB * rng.normal();
    let decoded = HEARD_AT_BEST / (1.0 + libm::exp((HALF_DECODED_DBM - rssi) / 2.0));
    (rssi >= FLOOR_DBM && rng.chance(decoded)).then_some(rssi.min(SATURATED_DBM) as i8)
}

/// Names a place for [`receive`].
pub(super) fn place(person: u32, leg: usize, sensor: usize) -> u64 {
    mix(u64::from(person) << 32 | (leg as u64 & 0xffff) << 16 | sensor as u64 & 0xffff)
}

/// The storey a sensor hangs on.
pub(super) fn level_of(plan: &Plan, sensor: &PlanSensor) -> i16 {
    plan.zones[sensor.zone].level
}
