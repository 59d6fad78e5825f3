//! What the control API can cause. The agent does it.

use std::time::Duration;

use async_trait::async_trait;
use tracing::Level;

use crate::explain::Report;
use crate::model::Text;
use crate::status::{ContainerRow, ProbeRow, Whom};

/// The agent, as far as it takes wishes. A future that is dropped leaves nothing half done.
#[async_trait]
pub trait Operations: Send + Sync + 'static {
    /// Probes an engine or all of them, or joins the probes that are running, and waits until they have ended.
    ///
    /// # Errors
    /// No engine is called so.
    async fn probe(&self, engine: Option<&str>) -> Result<Vec<Probed>, UnknownEngine>;

    /// Waits until nothing is left to deliver; whether it was so in time, and no point was lost meanwhile.
    async fn flush(&self, within: Duration) -> bool;

    /// Reads the settings again.
    ///
    /// # Errors
    /// The agent ends.
    async fn reload(&self) -> Result<Reloaded, Ending>;

    /// The least important lines of the log are these; tells which were.
    async fn set_log_level(&self, level: Level) -> Level;

    /// All there is to say of one container, by its name, its id, or the beginning of its id.
    ///
    /// # Errors
    /// None is called so, or several are.
    async fn container(&self, text: &str) -> Result<Described, NoContainer>;
}

/// How a probe went.
#[derive(Debug, Clone, PartialEq)]
pub struct Probed {
    /// The engine's name.
    pub engine: Text,
    /// The probe, or why there was none.
    pub outcome: Result<ProbeRow, Text>,
}

/// What became of the settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Whether they are in effect, but for what needs a restart.
    pub applied: bool,
    /// Keys that are set otherwise now.
    pub changed: Vec<String>,
    /// Keys that are set otherwise and need a restart.
    pub needs_restart: Vec<String>,
    /// What is wrong with them.
    pub errors: Vec<String>,
}

/// One container.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// As it is listed, with its numbers.
    pub row: ContainerRow,
    /// All there is to say of it.
    pub report: Report,
}

/// No engine is called so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownEngine {
    /// These there are.
    pub known: Vec<Text>,
}

/// The agent ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending;

/// It is not clear which container is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoContainer {
    /// None that is watched.
    Unknown,
    /// One of these.
    Several(Vec<Whom>),
    /// Its engine's pipeline does not answer: it is being taken out of the settings, or the agent ends.
    Gone,
}
