//! dockpulse: Docker container metrics, pushed as OpenTelemetry, with no stale series left behind.

pub mod convert;
pub mod engine;
pub mod ledger;
pub mod model;
pub mod pipeline;
pub mod probe;
pub mod telemetry;
pub mod export;
pub mod model;
pub mod outbox;
