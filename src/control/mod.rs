//! The control API: what a running agent tells and what it can be asked, as gRPC.
//!
//! `proto/dockpulse/control/v1/control.proto` is its definition, [`v1`] the code that is generated from it. A [`Server`]
//! answers from the board ([`status`](crate::status)); what it can cause goes through the trait [`Operations`]. A
//! [`Client`] gives the rows of the board again, so that `status`, `top` and `explain` show an agent's as they would show
//! their own. `docs/control.md` is for its users.

mod address;
mod channel;
mod client;
mod events;
mod listing;
mod operations;
mod preface;
mod report;
mod rows;
pub mod screen;
mod server;
mod service;
mod socket;
#[cfg(test)]
mod tests;
#[rustfmt::skip]
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::too_many_lines, clippy::allow_attributes_without_reason, reason = "generated")]
pub mod v1;

pub use address::Address;
pub use client::{Client, Error};
pub use operations::{Described, Ending, NoContainer, Operations, Probed, Reloaded, UnknownEngine};
pub use server::Server;
pub use socket::ListenError;

/// What the definition says, for reflection.
const DESCRIPTORS: &[u8] = include_bytes!("descriptors.bin");
