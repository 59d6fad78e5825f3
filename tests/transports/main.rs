//! How engines are reached: TCP, TLS and ssh, what can go wrong on each way, and the words for it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../support/pace.rs"]
mod pace;
mod server;
mod ssh;
mod tcp;
mod tls;

use dockpulse::engine::docker::DockerEngine;
use dockpulse::engine::{Address, Engine};
use dockpulse::model::engine::EngineError;

/// An engine at `address`, which is called `endpoint`.
fn engine(endpoint: &str, address: Address) -> DockerEngine {
    DockerEngine::new(endpoint, address, None).unwrap()
}

/// The line for a failed ping.
async fn failure(engine: &DockerEngine) -> String {
    match engine.ping().await {
        Ok(()) => panic!("the engine answers"),
        Err(error @ EngineError::Connect { .. }) => error.to_string(),
        Err(other) => panic!("no connection error: {other}"),
    }
}
