//! The board, shared: told by the pipelines, looked at by everybody else.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::board::Board;
use super::rows::{Agent, Delta, Totals};
use crate::model::time::Clock;

/// A change is told at the latest after so long, so that ages go on and a lost connection is noticed.
const AT_LEAST_EVERY: Duration = Duration::from_secs(5);

/// A shared board. Copies are handles to the same.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    board: Mutex<Board>,
    revision: watch::Sender<u64>,
    totals: Box<dyn Fn() -> Totals + Send + Sync>,
    clock: Clock,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.lock().revision()).finish()
    }
}

impl Handle {
    /// An empty board. `totals` says what was counted; it is asked each time somebody looks.
    pub fn new(agent: Agent, clock: Clock, totals: impl Fn() -> Totals + Send + Sync + 'static) -> Self {
        let board = Board::new(agent, clock.now().wall);
        let (revision, _) = watch::channel(board.revision());
        Self { shared: Arc::new(Shared { board: Mutex::new(board), revision, totals: Box::new(totals), clock }) }
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.shared.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the board something; whoever waits for changes is woken.
    pub fn tell<T>(&self, what: impl FnOnce(&mut Board) -> T) -> T {
        let (told, revision) = {
            let mut board = self.lock();
            (what(&mut board), board.revision())
        };
        self.shared.revision.send_if_modified(|last| newer(last, revision));
        told
    }

    /// Looks at the board.
    pub fn look<T>(&self, what: impl FnOnce(&Board) -> T) -> T {
        what(&self.lock())
    }

    /// What has changed since a revision; everything since 0.
    pub fn since(&self, revision: u64) -> Delta {
        let totals = (self.shared.totals)();
        self.lock().since(revision, totals, self.shared.clock.now().wall)
    }

    /// A reader that has seen nothing yet.
    pub fn reader(&self) -> Reader {
        self.reader_from(0)
    }

    /// A reader that has seen everything up to a revision.
    pub fn reader_from(&self, revision: u64) -> Reader {
        Reader { handle: self.clone(), changes: self.shared.revision.subscribe(), revision, last: None }
    }

    /// Waits until the board, as it is or becomes, lets `what` be something.
    pub async fn until<T>(&self, mut what: impl FnMut(&Board) -> Option<T>) -> T {
        let mut changes = self.shared.revision.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(found) = self.look(&mut what) {
                return found;
            }
            // The sender lives as long as this handle.
            let _ = changes.changed().await;
        }
    }
}

/// Takes a revision that is newer, and says whether it was: who told the board first may come here last.
fn newer(last: &mut u64, revision: u64) -> bool {
    let newer = revision > *last;
    *last = revision.max(*last);
    newer
}

/// Reads on from where it was.
#[derive(Debug)]
pub struct Reader {
    handle: Handle,
    changes: watch::Receiver<u64>,
    revision: u64,
    last: Option<Instant>,
}

impl Reader {
    /// Waits for a change and tells all there are; at most one answer each `pause`, at least one in five seconds. The
    /// first is there at once. Dropping the future loses nothing.
    pub async fn next(&mut self, pause: Duration) -> Delta {
        if let Some(last) = self.last {
            tokio::time::sleep_until(last + pause).await;
            let changed = self.changes.wait_for(|revision| *revision > self.revision);
            // Nothing has changed in so long: that is told, too.
            let _ = tokio::time::timeout_at(last + AT_LEAST_EVERY.max(pause), changed).await;
        }
        let delta = self.handle.since(self.revision);
        self.revision = delta.revision;
        self.last = Some(self.handle.shared.clock.instant(self.handle.shared.clock.now().mono));
        delta
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_that_is_told_late_does_not_hide_a_newer_one() {
        let mut last = 5;
        assert_eq!([7, 6, 7, 8].map(|revision| newer(&mut last, revision)), [true, false, false, true]);
        assert_eq!(last, 8);
    }
}
