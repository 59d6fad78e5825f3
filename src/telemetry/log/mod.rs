//! The log on stderr: one line for each thing, for people or as JSON.
//!
//! Whatever is logged passes one formatter, which escapes it. Other crates are let through from `warn` up at most,
//! because at finer levels they print requests with their headers.

mod line;
mod queue;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;

pub use tracing::level_filters::LevelFilter as Level;

use crate::model::time::Clock;

use self::line::Lines;
use self::queue::Queue;

/// How a line looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// `TIME LEVEL words key=value`.
    #[default]
    Text,
    /// One object.
    Json,
}

/// What the log can be told while it runs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Log {
    level: reload::Handle<Targets, Registry>,
    queue: Arc<Queue>,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It was started before.
    #[error("the log runs already")]
    Twice,
    /// It has a thread of its own, so that a reader of stderr who stands still stops nothing else.
    #[error("cannot start the thread of the log: {0}; raise the limit of processes")]
    NoThread(#[source] std::io::Error),
}

/// Starts the process' log on stderr. `ansi`: with colours.
pub fn init(level: Level, format: Format, ansi: bool, clock: Clock) -> Result<Log, LogError> {
    let (log, subscriber) = build(level, Lines::new(format, ansi, clock), std::io::stderr())?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)?;
    Ok(log)
}

impl Log {
    /// Changes the level.
    pub fn set_level(&self, level: Level) {
        // It fails only if the subscriber is gone, and then there is nothing to filter.
        let _ = self.level.reload(filter(level));
    }

    /// Waits until everything that was logged so far is written, but not longer than `within`. To be called before
    /// the process ends; blocks.
    pub fn flush(&self, within: Duration) {
        self.queue.flush(within);
    }
}

fn build(
    level: Level,
    lines: Lines,
    out: impl Write + Send + 'static,
) -> Result<(Log, impl Subscriber + Send + Sync), LogError> {
    let queue = Arc::new(Queue::default());
    queue::start(queue.clone(), out).map_err(LogError::NoThread)?;
    let (filter, level) = reload::Layer::new(filter(level));
    let subscriber = tracing_subscriber::registry().with(filter).with(lines.into_layer(queue.clone()));
    Ok((Log { level, queue }, subscriber))
}

fn filter(level: Level) -> Targets {
    Targets::new().with_default(level.min(Level::WARN)).with_target(env!("CARGO_CRATE_NAME"), level)
}
