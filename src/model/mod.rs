//! The words that all stages share: containers, samples, series, batches, time. No I/O, no clock.

pub mod batch;
pub mod container;
pub mod engine;
pub mod observation;
pub mod published;
pub mod sample;
pub mod series;
pub mod ssh;
pub mod time;

use std::sync::Arc;

/// A shared, immutable piece of text.
pub type Text = Arc<str>;
