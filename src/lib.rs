//! dockpulse: Docker container metrics, pushed as OpenTelemetry, with no stale series left behind.

pub mod cli;
pub mod config;
pub mod engine;
pub mod filter;
pub mod model;
