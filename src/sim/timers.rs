//! What happens by itself: containers restart by policy, health checks pass, jobs end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::time::Monotonic;

use super::world::{Serial, World};

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// The policy starts the container again.
    Restart,
    /// The health check passes.
    HealthCheck,
    /// The process ends with this status.
    End(i64),
}

/// Something due, in the order of time, then of the containers' age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Timer {
    pub(super) at: Monotonic,
    pub(super) container: Serial,
    /// The turn of the container's life that it was set for; in another it means nothing.
    pub(super) turn: u32,
    pub(super) due: Due,
}

/// Timers that are set. Bounded: those that mean nothing any more are dropped when there are several a container.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<Timer>>,
}

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, containers: usize, is_valid: impl Fn(&Timer) -> bool) {
        /// A container has at most a restart, or a health check and an end, at one time; but a health check can be
        /// put off again and again, so the sweep is what bounds them.
        const PER_CONTAINER: usize = 8;
        if self.heap.len() >= (containers + 8) * PER_CONTAINER {
            self.heap.retain(|Reverse(t)| is_valid(t));
        }
        self.heap.push(Reverse(timer));
    }

    pub(super) fn next_at(&self) -> Option<Monotonic> {
        self.heap.peek().map(|Reverse(t)| t.at)
    }

    pub(super) fn pop_due(&mut self, now: Monotonic) -> Option<Timer> {
        if self.next_at()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(t)| t)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }
}

impl World {
    /// Does what is due, if it still means something.
    pub(super) fn fire(&mut self, timer: Timer) {
        let serial = timer.container;
        if self.containers.get(&serial).is_none_or(|c| c.turn != timer.turn) {
            return;
        }
        match timer.due {
            Due::Restart => self.start_now(serial),
            Due::HealthCheck => self.health_check_passes(serial),
            Due::End(exit_code) => self.die_by_itself(serial, exit_code, false),
        }
    }
}
