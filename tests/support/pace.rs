//! Time that passes only while this process runs. On a busy machine a test takes longer then, and no timeout in it is
//! shorter, no interval is missed: what is measured in it is how the program does, not how the machine does.
//!
//! The runtime's time is paused, and a thread beside it moves it on, step by step, each no larger than [`STEP`] and none
//! before the runtime has come to the one before. Whoever is in this runtime lives in that time, on both sides of a socket.

use std::cell::RefCell;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// The most that passes between two turns of the runtime.
const STEP: Duration = Duration::from_millis(5);
/// Between two steps at least.
const BEAT: Duration = Duration::from_millis(1);

/// Keeps the time of a test's runtime; the usual one is back when the last of them is dropped.
pub(crate) struct Pace(#[expect(dead_code, reason = "ends what it holds")] JoinSet<()>);

thread_local! {
    /// A test has a thread and a runtime of its own.
    static HERE: RefCell<Weak<Pace>> = const { RefCell::new(Weak::new()) };
}

impl Pace {
    /// The one of this runtime.
    pub(crate) fn keep() -> Arc<Self> {
        HERE.with_borrow_mut(|here| {
            here.upgrade().unwrap_or_else(|| {
                let pace = Arc::new(Self::begin());
                *here = Arc::downgrade(&pace);
                pace
            })
        })
    }

    #[expect(clippy::disallowed_methods, reason = "it makes the time that all others have")]
    fn begin() -> Self {
        tokio::time::pause();
        let (beats, mut beat) = mpsc::channel(1);
        let mut tasks = JoinSet::new();
        // While it is there, time does not run ahead by itself.
        tasks.spawn_blocking(move || {
            let mut last = std::time::Instant::now();
            loop {
                std::thread::sleep(BEAT);
                if beats.blocking_send(last.elapsed().min(STEP)).is_err() {
                    return;
                }
                last = std::time::Instant::now();
            }
        });
        tasks.spawn(async move {
            while let Some(step) = beat.recv().await {
                tokio::time::advance(step).await;
            }
        });
        Self(tasks)
    }
}

impl Drop for Pace {
    fn drop(&mut self) {
        if Handle::try_current().is_ok() {
            tokio::time::resume();
        }
    }
}
