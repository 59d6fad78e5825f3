//! The delivery of one batch as a state machine: what to do next, and what an answer leads to. No I/O, no clock.

use std::time::Duration;

use super::classify::{Failure, Verdict};
use super::part::{Part, Position};
use super::report::{Outcome, Refused};
use super::retry::Backoff;
use super::settings::Retry;
use super::split::{self, Next};
use crate::model::batch::Batch;
use crate::model::time::Monotonic;

/// A request that is refused for its size is not split into smaller ones than this: a collector that takes less refuses
/// everything, and would be asked without end.
pub const SMALLEST_SPLIT: usize = 64 << 10;

/// The pauses while the agent ends: short, whatever the collector asks for.
const HURRIED: Backoff = Backoff { initial: Duration::from_millis(100), max: Duration::from_millis(500) };

/// A request that is refused for its credentials, which are in files, is sent again for so long; then it is taken to
/// be its own fault.
///
/// OTLP does not list 401, 403, UNAUTHENTICATED and PERMISSION_DENIED among what may be sent again, and with credentials
/// that cannot change it would be no use: such a request is dropped. Tokens and certificates in files are rotated by
/// somebody else, though (a kubelet, an agent of a vault), and these are late at times by minutes. (A certificate is shown
/// to a connection, so each try after a refusal has a new one.) What is dropped
/// meanwhile is lost for good, while to keep it costs nothing but room in the outbox, and one request a pause. Other
/// credentials are used at once; the bound is for a collector that refuses one request for what is in it, with a
/// status that says otherwise: the next request has its own time, so such a one holds up the others once.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// The credentials after a request was refused for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// Read again, they are others.
    Changed,
    /// They are as they were, in files: others may follow.
    Unchanged,
    /// They are part of the settings.
    Fixed,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action {
    /// Send this part and tell [`Delivery::answered`].
    Send(Part),
    /// Tell of this part that it was lost: a point that fits into no request.
    Lose(Part),
    /// Nothing until then.
    Wait(Monotonic),
    /// The batch is dealt with.
    Done,
}

/// One batch on its way. One request is on its way at a time, and nothing overtakes it.
#[derive(Debug)]
pub struct Delivery {
    retry: Retry,
    limit: usize,
    at: Position,
    attempt: u32,
    failing_since: Option<Monotonic>,
    wait_until: Option<Monotonic>,
    /// Since when it is refused for its credentials.
    refused_since: Option<Monotonic>,
    /// The last try went out at once, because of other credentials.
    renewed: bool,
    hurried: bool,
}

impl Delivery {
    /// The delivery of a batch from some place on, in requests of at most `limit` bytes.
    pub fn new(retry: Retry, limit: usize, from: Position) -> Self {
        Self {
            retry,
            limit,
            at: from,
            attempt: 0,
            failing_since: None,
            wait_until: None,
            refused_since: None,
            renewed: false,
            hurried: false,
        }
    }

    /// Where it stands: what is before is dealt with.
    pub fn position(&self) -> Position {
        self.at
    }

    /// The most that a request takes; lower than at first if the collector refused one for its size.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The agent ends: try at once, and pause shortly from now on.
    pub fn hurry(&mut self) {
        if !self.hurried {
            self.hurried = true;
            self.attempt = 0;
            self.wait_until = None;
        }
    }

    /// What to do next.
    pub fn next(&mut self, batch: &Batch, now: Monotonic) -> Action {
        if let Some(until) = self.wait_until.filter(|until| now < *until) {
            return Action::Wait(until);
        }
        match split::next(batch, self.at, self.limit) {
            Next::Part(part) => Action::Send(part),
            Next::TooLarge(part) => {
                self.go_on(part.to);
                Action::Lose(part)
            }
            Next::End => Action::Done,
        }
    }

    /// Takes the verdict on the part that [`Delivery::next`] gave last. `bytes` is the size it had; `random` is 0 to 1;
    /// `credentials` count if it was refused for these. The outcome is about the returned part, which is the given one,
    /// or all that is left if it is given up.
    pub fn answered(
        &mut self,
        batch: &Batch,
        (part, bytes): (Part, usize),
        (verdict, credentials): (Verdict, Credentials),
        now: Monotonic,
        random: f64,
    ) -> (Part, Outcome) {
        match verdict {
            Verdict::Acked { rejected, message } => {
                self.go_on(part.to);
                let rejected = rejected.min(part.points(batch) as u64);
                let refused = if rejected > 0 { refused(batch, part) } else { Vec::new() };
                (part, Outcome::Delivered { rejected, message, refused })
            }
            Verdict::Reauthenticate(cause) => self.unauthorized(batch, part, cause, credentials, (now, random)),
            Verdict::Drop(cause) => self.lose(batch, part, cause),
            Verdict::TooLarge(cause) if bytes / 2 < SMALLEST_SPLIT => self.lose(batch, part, cause),
            Verdict::TooLarge(cause) => {
                self.limit = bytes / 2;
                self.go_on(part.from);
                (part, Outcome::Splitting { cause, limit: self.limit })
            }
            Verdict::Retry { after, cause } => {
                self.refused_since = None;
                self.failed(batch, part, after, cause, (now, random))
            }
        }
    }

    /// It was refused for its credentials: see [`PATIENCE`].
    fn unauthorized(
        &mut self,
        batch: &Batch,
        part: Part,
        cause: Failure,
        credentials: Credentials,
        (now, random): (Monotonic, f64),
    ) -> (Part, Outcome) {
        let after = now.since(*self.refused_since.get_or_insert(now));
        match credentials {
            Credentials::Fixed => self.lose(batch, part, cause),
            // At once, but not twice in a row: files that change all the time are no reason to hammer a collector.
            Credentials::Changed if !self.renewed => {
                self.renewed = true;
                self.attempt = self.attempt.saturating_add(1);
                self.wait_until = None;
                (part, Outcome::Retrying { cause, attempt: self.attempt, pause: Duration::ZERO })
            }
            _ if after >= PATIENCE => self.lose(batch, part, Failure::Unauthorized { after, last: Box::new(cause) }),
            _ => self.failed(batch, part, None, cause, (now, random)),
        }
    }

    fn failed(
        &mut self,
        batch: &Batch,
        part: Part,
        after: Option<Duration>,
        cause: Failure,
        (now, random): (Monotonic, f64),
    ) -> (Part, Outcome) {
        self.renewed = false;
        self.attempt = self.attempt.saturating_add(1);
        let failing = now.since(*self.failing_since.get_or_insert(now));
        if !self.retry.give_up_after.is_zero() && failing >= self.retry.give_up_after {
            let cause = Failure::GivenUp { after: failing, last: Box::new(cause) };
            return self.lose(batch, Part::rest(batch, part.from), cause);
        }
        let pause = match after {
            _ if self.hurried => HURRIED.pause(self.attempt, random),
            Some(after) => self.retry.backoff.asked(after, random),
            None => self.retry.backoff.pause(self.attempt, random),
        };
        self.wait_until = Some(now + pause);
        (part, Outcome::Retrying { cause, attempt: self.attempt, pause })
    }

    fn lose(&mut self, batch: &Batch, part: Part, cause: Failure) -> (Part, Outcome) {
        self.go_on(part.to);
        (part, Outcome::Dropped { cause, refused: refused(batch, part) })
    }

    fn go_on(&mut self, to: Position) {
        self.at = to;
        self.attempt = 0;
        self.failing_since = None;
        self.wait_until = None;
        self.refused_since = None;
        self.renewed = false;
    }
}

fn refused(batch: &Batch, part: Part) -> Vec<Refused> {
    part.groups(batch)
        .flat_map(|(group, points)| points.iter().map(move |point| (group, point)))
        .filter(|(_, point)| point.mark.is_retraction())
        .map(|(group, point)| Refused { resource: group.resource.clone(), point: point.clone() })
        .collect()
}

#[cfg(test)]
mod tests;
