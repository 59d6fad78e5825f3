//! Every fault that the collector's side can have, injected: on real sockets, with the whole way before it, and judged by
//! what a collector took at the end.
//!
//! `agent` is the harness and the judge, `../support/faulty.rs` the collector that fails as it is told, `../support/line.rs`
//! the line to it. The rest is tests by subject; [`FAULTS`] says which inject what.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why")]

mod agent;
mod answers;
mod connections;
#[path = "../support/container.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod container;
mod credentials;
#[path = "../support/faulty.rs"]
mod faulty;
#[path = "../support/line.rs"]
mod line;
mod order;
#[path = "../support/replies.rs"]
mod replies;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/scripted.rs"]
mod scripted;
mod sizes;
