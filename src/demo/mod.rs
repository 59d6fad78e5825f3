//! The live view that `dockpulse demo` shows: what the collector believes, and what it was told to forget.
//!
//! [`state`] and [`view`] are pure; [`run`](run_view) is their shell.

pub mod line;
mod numbers;
mod run;
pub mod state;
pub mod terminal;
pub mod view;

pub use numbers::Numbers;
pub use run::{ViewOptions, run_view};
pub use state::{DemoState, Notice};
pub use view::View;

use crate::model::Text;
use crate::model::batch::Reason;
use crate::model::time::Now;

/// What the view says of the demo itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoInfo {
    /// Where the engines are, or what they are.
    pub engines: Vec<Text>,
    /// Whether the engine is simulated.
    pub simulated: bool,
    /// Where the embedded collector listens.
    pub collector: Text,
    /// Where the status page is, if there is one.
    pub page: Option<Text>,
}

/// Why series were retracted, which OTLP does not say: the demo hears it from the agent beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retraction {
    /// The container's name as it was published.
    pub container: Text,
    /// How many of its series.
    pub series: u32,
    /// Why.
    pub reason: Reason,
    /// When it was decided.
    pub at: Now,
}
