//! A collector of one's own: takes OTLP in, keeps what a store would believe, shows it, checks it.
//!
//! The way of a request: [`server`] → inbox (weighed, bounded) → [`run`](run()), which lets [`belief`] apply it, shows
//! it ([`table`], [`json`]) and checks it ([`expect`]). Read [`belief`] first, which is pure; then [`identity`] and
//! [`rules`].

pub mod belief;
pub mod expect;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod grpc;
mod http;
pub mod identity;
pub(crate) mod inbox;
pub mod json;
#[cfg(test)]
pub(crate) mod made;
mod points;
pub mod rules;
mod run;
pub mod server;
pub mod table;
pub mod text;
mod weight;

pub use inbox::{Arrivals, Received};
pub use points::Value;
pub use run::{Format, Outcome, SinkError, SinkOptions, run};
