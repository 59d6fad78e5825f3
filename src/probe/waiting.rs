//! What is still waited for: what others can wait for too, and what they cannot.

use super::core::Probe;
use crate::model::time::Monotonic;

impl Probe {
    /// Whether nothing is asked and nothing waits (for sizes, see [`Probe::awaits_sizes`]): all is found out.
    pub fn is_settled(&self) -> bool {
        self.calls.is_empty() && !self.has_queued() && self.list.out.is_none()
    }

    /// Whether something is still waited for that others can wait for too: a few containers that hang are not.
    pub fn is_waiting(&self, now: Monotonic) -> bool {
        self.has_queued() || self.list.out.is_some() || !self.calls.only_hung(now)
    }

    /// Whether many answers are missing: more than of the few containers that may hang.
    pub fn is_busy(&self, now: Monotonic) -> bool {
        self.has_queued() || self.calls.many(now)
    }

    /// Whether a question waits until others are answered.
    pub(super) fn has_queued(&self) -> bool {
        !self.inspect_queue.is_empty() || !self.sample_queue.is_empty()
    }
}
