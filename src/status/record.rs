//! What is kept so that a reader can be told what has changed: the last endings, and when each row changed.

use std::collections::VecDeque;

/// So many retractions are kept for who comes later; a reader who missed more is told so.
pub const RETRACTIONS: usize = 512;
/// So many lines of the log are, in the same way.
pub const NOTES: usize = 256;
/// So many containers that are gone are; a reader who missed more is told everything anew.
pub const GONE: usize = 4096;

/// The last of something, each with the revision at which it came.
#[derive(Debug)]
pub(super) struct Recent<T> {
    kept: VecDeque<(u64, T)>,
    most: usize,
    /// Something of this revision or an earlier one is no longer kept.
    forgotten: u64,
}

impl<T: Clone> Recent<T> {
    /// Keeps at most so many.
    pub(super) fn new(most: usize) -> Self {
        Self { kept: VecDeque::new(), most, forgotten: 0 }
    }

    /// Adds one.
    pub(super) fn push(&mut self, revision: u64, item: T) {
        if self.kept.len() >= self.most
            && let Some((revision, _)) = self.kept.pop_front()
        {
            self.forgotten = revision;
        }
        self.kept.push_back((revision, item));
    }

    /// Those that came after a revision, oldest first.
    pub(super) fn since(&self, revision: u64) -> Vec<T> {
        let from = self.kept.partition_point(|(at, _)| *at <= revision);
        self.kept.range(from..).map(|(_, item)| item.clone()).collect()
    }

    /// Whether all that came after a revision is still there.
    pub(super) fn reaches(&self, revision: u64) -> bool {
        revision >= self.forgotten
    }
}
