//! Delivers batches to a collector over OTLP: splits, encodes, sends, judges the answer, sends again.
//!
//! `worker` runs it; `delivery` decides (pure); `split` and `encode` make requests; `grpc` and `http` send them, over
//! what `connect` opens (TLS, `proxy`), with `headers` and as `compress` makes them; `answer` makes answers over gRPC
//! sound, `classify` says what an answer means; `retry` how long to wait.

mod answer;
#[cfg(test)]
pub(crate) mod arbitrary;
pub mod classify;
pub mod client;
mod compress;
mod connect;
pub mod delivery;
pub mod encode;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod grpc;
mod headers;
mod http;
pub mod part;
mod proxy;
pub mod report;
pub mod retry;
mod settings;
pub mod split;
pub mod worker;

pub use classify::{Failure, Verdict};
pub use connect::Connector;
pub use headers::{HeaderNotice, Headers, ReadAgain, is_own_header};
pub use proxy::Proxies;
pub use report::{ExportReport, Outcome, Refused};
pub use settings::{Compression, Protocol, Retry, Settings, SettingsError, metrics_url};
pub use worker::{Observer, Unsent, Worker};
