//! Visits from sightings.
//!
//! A mall's gateways hear phones, tags and tills. This crate turns what they heard into what happened: who
//! approached, arrived, changed floor, dwelt, bought and left. It is pure: no clock, no randomness, no input
//! or output, so the same observations, site map and configuration give the same bytes on every machine.
//!
//! [`observation`] is what goes in, [`event`] what comes out, [`site`] the map both refer to, and [`time`] the
//! only notion of time. [`engine::Engine`] joins them behind four verbs: `observe`, `advance`,
//! `next_deadline`, `poll`.

pub mod calendar;
pub mod engine;
pub mod event;
pub mod explain;
pub mod flow;
pub mod identity;
mod math;
pub mod member;
pub mod observation;
pub mod position;
pub mod purchase;
pub mod site;
pub mod time;
pub mod visit;
