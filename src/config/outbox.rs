//! `outbox`: where points wait for the collector.

use std::path::PathBuf;

use super::scalar::ByteSize;
use super::setting::section;

section! {
    /// Where points wait for the collector.
    pub struct Outbox {
        /// A directory makes it durable: after a crash, what was published and is no longer there is retracted.
        /// Default: memory only.
        pub directory: Option<PathBuf> = None,
        /// How much of the disk it takes at most.
        pub max_bytes: ByteSize = ByteSize::mebibytes(3 * 1024),
        /// How much memory it takes at most. Beyond it the oldest values are dropped, never retractions.
        pub memory_max_bytes: ByteSize = ByteSize::mebibytes(8),
    }
}
