//! How the gateway is: one truth, told in three places.
//!
//! [`Health`] is the truth. Every few seconds `report` puts it together from what the pipeline says of itself ([`Pulse`]),
//! the store, the publisher and the machine; the retained topic `…/gateway/{gateway}/health`, the Prometheus endpoint
//! ([`metrics`]) and the operators' page (`web`) are made from that one value, so they cannot disagree.
//!
//! What the page shows of the mall itself, how many people there are and what happened today, comes from the committed
//! batches ([`today`]): what is not durable is not shown.

pub mod health;
pub mod machine;
pub mod metrics;
pub mod now;
mod rates;
mod report;
mod stamp;
pub mod today;
pub mod web;

pub use health::{Health, PipelineHealth};
pub use report::{Gateway, Pulse, Status};
pub use stamp::Stamp;
