//! dockpulse: Docker container metrics, pushed as OpenTelemetry, with no stale series left behind.

pub mod app;
pub mod cli;
pub mod config;
pub mod convert;
pub mod demo;
pub mod engine;
pub mod export;
pub mod filter;
pub mod ledger;
pub mod model;
pub mod outbox;
pub mod pipeline;
pub mod probe;
pub mod sim;
pub mod sink;
pub mod telemetry;
