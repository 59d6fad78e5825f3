//! dockpulse: Docker container metrics, pushed as OpenTelemetry, with no stale series left behind.
//!
//! ```text
//!  engine ──▶ probe ──▶ convert ──▶ ledger ──▶ outbox ──▶ export ──▶ collector
//!  asks       decides   numbers     what the   keeps it   splits, encodes,
//!             whom to   become      collector  in order   sends, judges the
//!             believe   series      is told               answer
//! ```
//!
//! Each stage knows [`model`], the words, and none of the others. [`pipeline`] puts the first four together for one
//! engine; [`app`] makes running parts of settings and is the only one that knows them all.
//!
//! # Reading order
//!
//! 1. [`model`]: [`series`](model::series) (what identifies one), [`batch`](model::batch) (points and retractions),
//!    [`observation`](model::observation) (what can be found out), [`time`](model::time) (two clocks).
//! 2. [`ledger`]: what is published, and so what the collector has to be told. The heart.
//! 3. [`pipeline`]: pure, with a shell around it that makes the calls.
//! 4. [`probe`], [`convert`], [`engine`]: whom to believe, what the numbers are, where they come from.
//! 5. [`outbox`], [`export`]: how a batch gets to the collector, whatever happens.
//! 6. [`app`], [`cli`]: how it begins and ends.
//!
//! Beside the way: [`config`] (settings), [`filter`] (which containers), [`telemetry`] (what the agent tells of itself),
//! [`sim`] (an engine without Docker), [`sink`] (a collector of one's own), [`demo`] (what that believes, as a view),
//! [`tls`] (files of certificates to connections), [`control`] (what a running agent tells and is asked), [`doctor`] (is
//! everything there that the agent needs).
//!
//! # What always holds
//!
//! Probe, convert, ledger and filter are synchronous and pure: `now` is an argument, what follows is a return value.
//! Everything is bounded. Nothing but GET goes to an engine. What comes from outside is capped where it is read and
//! escaped where it is shown. `tests/layering.rs` checks who knows whom.
//!
//! # Absent on purpose
//!
//! A scrape endpoint, a cache of points, plugins, a chain of processors, aggregation: a collector does these. Channels
//! between the stages of one engine: they are plain calls. A build script: what is generated from the control API's
//! definition is checked in, and a test sees that it is right.
//! `ARCHITECTURE.md` says why things are as they are.

pub mod app;
pub mod cli;
pub mod config;
pub mod control;
pub mod convert;
pub mod demo;
pub mod doctor;
pub mod engine;
pub mod explain;
pub mod export;
pub mod filter;
pub mod ledger;
pub mod model;
pub mod outbox;
pub mod pipeline;
pub mod probe;
pub mod sim;
pub mod sink;
pub mod status;
pub mod telemetry;
pub mod tls;
pub mod top;
