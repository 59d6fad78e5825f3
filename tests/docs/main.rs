//! The pages under `docs/` are right: what is generated is as it would be generated now, what can be looked up is there.
//! `UPDATE=1 cargo test --test docs` writes the generated parts anew.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod commands;
mod links;
mod messages;
mod metrics;
mod pages;
mod settings;

#[path = "../support/everything.rs"]
mod everything;
