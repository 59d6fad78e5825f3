//! dockpulse: Docker container metrics, pushed as OpenTelemetry, with no stale series left behind.

pub mod demo;
pub mod engine;
pub mod model;
pub mod sink;
