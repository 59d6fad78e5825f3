//! The status page and what belongs to it: one embedded page that is live by server-sent events, `/status.json`,
//! `/healthz`, `/readyz`, and the agent's own metrics as Prometheus reads them.
//!
//! It only reads the board ([`crate::status`]); nothing that comes in here can change anything. `guard` decides who is
//! answered, `answers` what, both pure; `server` is their shell.

mod answers;
mod assets;
mod exposition;
mod guard;
mod holder;
mod measures;
mod process;
mod progress;
mod ready;
mod server;
mod stream;

pub use measures::{Counts, Histogram, Measures};
pub use server::{ListenError, Options, Server};
