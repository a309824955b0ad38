//! The daemon, as a library so that its parts can be tested: `main.rs` only joins them.
//!
//! Data flows one way: source → observation → [`privacy`] → engine → [`store`] → [`publish`] → MQTT. Nothing
//! flows back but acknowledgements. [`pipeline`] is the one loop that moves it.

pub mod agent;
pub mod calendar;
pub mod calibration;
pub mod cli;
pub mod config;
pub mod demo;
pub mod ears;
pub mod feeds;
pub mod init;
pub mod lines;
pub mod pipeline;
pub mod privacy;
pub mod publish;
pub mod record;
pub mod reload;
pub mod status;
pub mod store;
pub mod story;
pub mod supervise;
pub mod survey;
pub mod watch;
