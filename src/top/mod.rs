//! `dockpulse top`: what the containers do now, on a terminal.
//!
//! A view over a stream of [`Delta`]s, wherever they come from ([`Source`]): the running agent, or pipelines of this
//! process. [`scene`] is what is known, [`state`] is what the user made of it, [`view`] draws that into a buffer; all
//! three are pure. [`run`] is their shell, `screen` and [`input`] its hands. [`plain`] is the same as text, once.

mod canvas;
pub mod column;
pub mod filter;
pub mod history;
pub mod input;
mod keys;
pub mod plain;
mod run;
pub mod scene;
mod screen;
mod sizes;
pub mod state;
#[cfg(test)]
mod tests;
pub mod view;

use async_trait::async_trait;

pub use canvas::Theme;
pub use column::{Column, Order};
pub use filter::Filter;
pub use plain::{Format, once};
pub use run::run;
pub use state::{Origin, Top};

use crate::status::Delta;

/// Where deltas come from.
#[async_trait(?Send)]
pub trait Source {
    /// The next delta. The first one is whole, and so is the first after an error: it begins anew then.
    async fn next(&mut self) -> Result<Delta, SourceError>;
}

/// Why there is no delta.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// There may be one again: it is asked again.
    #[error("{0}")]
    Lost(String),
    /// There will be none.
    #[error("{0}")]
    Over(String),
}

/// Why the view ended though nobody asked for it.
#[derive(Debug, thiserror::Error)]
pub enum TopError {
    /// The source will say nothing more.
    #[error("{0}")]
    Over(String),
    /// Nothing came in time.
    #[error("no numbers came within {0} s: {1}")]
    Nothing(u64, String),
    /// The terminal cannot be used.
    #[error("the terminal cannot be used: {0}")]
    Terminal(#[from] std::io::Error),
}

impl TopError {
    /// A signal came while numbers were waited for.
    pub fn interrupted() -> Self {
        Self::Over("a signal ended it before numbers were there".to_owned())
    }
}
