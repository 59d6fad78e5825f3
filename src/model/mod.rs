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

/// A number of things in words: `1 probe`, `2 probes`.
pub fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_said_otherwise_than_none_or_many() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "batch", "batches")), ["0 batches", "1 batch", "2 batches"]);
    }
}
