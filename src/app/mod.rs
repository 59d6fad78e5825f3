//! The root: settings → running parts. The only place, beside `pipeline`, that knows all stages.

mod board;
mod bridge;
mod demo;
mod devices;
mod doctor;
mod engines;
mod explain;
mod names;
mod once;
mod operations;
mod orphans;
mod outbox;
mod reload;
mod run;
mod services;
mod settings;
mod signals;
mod status;
mod top;
mod wiring;

use std::time::Duration;

pub use demo::{DemoOptions, demo, demo_settings};
pub use doctor::{DoctorOptions, doctor};
pub use explain::{ExplainOptions, explain};
pub use once::once;
pub use reload::{Fingerprint, Reload};
pub use run::run;
pub use settings::{goes_without, known, log_level, unsupported};
pub use signals::End;
pub use status::{StatusOptions, control_address, control_flag, status};
pub use top::{TopOptions, top};

use crate::export;
use crate::model::engine::EngineError;
use crate::outbox::durable::InUse;

/// Why a command failed. One line that names the thing, the cause and, where there is one, the mend.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// An engine's endpoint cannot be used.
    #[error("engine {name}: {error}")]
    Engine {
        /// The engine.
        name: String,
        /// Why.
        error: EngineError,
    },
    /// The export settings cannot be used.
    #[error("export: {0}")]
    Export(#[from] export::SettingsError),
    /// The agent's own telemetry cannot be started.
    #[error("the agent's own telemetry: {0}")]
    Telemetry(#[from] crate::telemetry::SetupError),
    /// The page or the control API cannot be served where the settings say.
    #[error("{key}: {what} cannot be served: {cause}")]
    Service {
        /// The key of the settings.
        key: &'static str,
        /// “the status page”.
        what: &'static str,
        /// Why, and the mend.
        cause: String,
    },
    /// Signals cannot be waited for, or the output cannot be written.
    #[error("cannot read signals or write the output: {0}")]
    Io(#[from] std::io::Error),
    /// A part of the agent ended by itself. What it had published is retracted as far as the others know of it.
    #[error("a part of the agent ended by itself, please report it: {0}")]
    Crashed(String),
    /// It was told twice to end.
    #[error("ended at once, as a second signal asked; nothing more was retracted or sent")]
    Aborted,
    /// The time was up before everything was delivered.
    #[error(
        "not everything was delivered within {}: {points} points were lost, {retractions} of them retractions",
        seconds(.within)
    )]
    Undelivered {
        /// How long it was tried.
        within: Duration,
        /// Points, retractions included.
        points: usize,
        /// Retractions.
        retractions: usize,
    },
    /// Another process has the directory of the outbox.
    #[error(transparent)]
    InUse(#[from] InUse),
    /// The demo cannot be shown.
    #[error("demo: {0}")]
    Demo(String),
    /// The embedded collector cannot listen.
    #[error(transparent)]
    Listen(#[from] crate::sink::server::ListenError),
    /// A running agent cannot be asked.
    #[error(transparent)]
    Control(#[from] crate::control::Error),
    /// There is no agent to ask.
    #[error("{0}")]
    Status(String),
    /// A container cannot be explained. Says why, in one line or with a line for each that may be meant.
    #[error("{0}")]
    Explain(String),
    /// `doctor` found something that is not as it has to be. Each was said before, with the mend.
    #[error("{wrong} of {all} checks found something that the agent cannot work with")]
    Doctor {
        /// How many.
        wrong: usize,
        /// Of how many.
        all: usize,
    },
    /// The view of `top` ended though nobody asked for it.
    #[error("top: {0}")]
    Top(#[from] crate::top::TopError),
    /// A probe of `once` failed, or the collector did not take what it found. Each was said before.
    #[error("{0}")]
    Once(String),
}

fn seconds(d: &Duration) -> String {
    format!("{:.1} s", d.as_secs_f64())
}
