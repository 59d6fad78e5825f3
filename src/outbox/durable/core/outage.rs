//! The disk fails, or does not answer: the memory has to do.

use std::time::Duration;

use super::{Core, Doing, FIRST_PAUSE, LONGEST_PAUSE, Mode, Outage, PATIENCE};
use crate::model::time::Monotonic;
use crate::outbox::Outbox;
use crate::outbox::durable::job::Said;
use crate::outbox::durable::notice::{Trouble, TroubleKind};
use crate::outbox::durable::reconcile::Reconcile;
use crate::outbox::durable::{Front, Shelf};

/// A job that takes longer does not end soon: the memory has to do until it does. With the disk's whole backlog of an
/// outage to write it may take longer.
const STALLED: Duration = Duration::from_secs(10);

impl Outage {
    pub(super) fn new(now: Monotonic, is_readable: bool) -> Self {
        let (retry_at, since, reconcile) = (now + FIRST_PAUSE, now, Reconcile::default());
        Self { retry_at, pause: FIRST_PAUSE, is_readable, may_overtake: false, since, reconcile }
    }
}

impl Core {
    /// A job that does not end is given up, and what it was to write is given out from memory. To be asked now and then.
    pub(in crate::outbox::durable) fn give_up(&mut self, now: Monotonic) -> Option<Said> {
        if let (Doing::Stalled, Mode::Memory(outage)) = (self.job, &mut self.mode) {
            outage.may_overtake |= now >= outage.since + PATIENCE;
        }
        let held = match self.job {
            Doing::Writing { held, .. } => held,
            Doing::Looking => false,
            Doing::Nothing | Doing::Stalled | Doing::Other => return None,
        };
        let limit = if self.is_memory() { PATIENCE } else { STALLED };
        if now < self.job_since + limit {
            return None;
        }
        self.job = Doing::Stalled;
        self.not_written(held);
        match &mut self.mode {
            Mode::Memory(outage) => {
                outage.is_readable = false;
                None
            }
            Mode::Durable => {
                self.mode = Mode::Memory(Outage::new(now, false));
                Some(Said::Unusable(Trouble::new(TroubleKind::Device, "the disk does not answer")))
            }
        }
    }

    /// Whether the job that is done was given up.
    pub(in crate::outbox::durable) fn gave_up(&self) -> bool {
        self.job == Doing::Stalled
    }

    /// What was held stays, less what was delivered meanwhile.
    fn not_written(&mut self, held: bool) {
        if held {
            self.waiting.release(false);
        }
        if std::mem::take(&mut self.acked_waiting) {
            self.waiting.acknowledge();
        }
    }

    pub(super) fn failed(
        &mut self,
        trouble: Trouble,
        readable: Option<(Shelf, Option<Front>)>,
        job: Doing,
        now: Monotonic,
    ) -> Vec<Said> {
        self.not_written(matches!(job, Doing::Writing { held: true, .. }));
        let is_readable = readable.is_some();
        if let Some((shelf, front)) = readable {
            // What was acknowledged while the job was done is in it, and is not to be given out again.
            self.shelf = shelf.without(self.acked_shelf.without(self.acked_in_job));
            if self.front.is_none() && !self.is_overtaken() {
                self.front = front.filter(|front| self.acked.is_none_or(|acked| front.seq > acked));
            }
        }
        match &mut self.mode {
            Mode::Memory(outage) => {
                outage.pause = (outage.pause * 2).min(LONGEST_PAUSE);
                outage.retry_at = now + outage.pause;
                outage.is_readable = is_readable;
                outage.may_overtake |= now >= outage.since + PATIENCE;
                Vec::new()
            }
            Mode::Durable => {
                self.mode = Mode::Memory(Outage::new(now, is_readable));
                vec![Said::Unusable(trouble)]
            }
        }
    }

    fn is_overtaken(&self) -> bool {
        matches!(&self.mode, Mode::Memory(outage) if outage.reconcile.overtaken)
    }
}
