//! Whose series they are: identities that move, that stay apart, and what they keep to themselves.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails loudly")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod agent;
#[path = "../support/collector.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod collector;
#[path = "../support/engine.rs"]
#[allow(dead_code, reason = "other tests need more of it")]
mod engine;
mod moves;
mod outside;
#[path = "../support/pace.rs"]
mod pace;
