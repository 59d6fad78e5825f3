//! Lets the log be heard by someone besides stderr: the exporter of the agent's own logs.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use tracing::Level;

use crate::model::time::UnixNanos;

/// One thing that was logged; all its text is escaped and bounded.
#[derive(Debug)]
pub(in crate::telemetry) struct Record<'a> {
    /// When.
    pub(in crate::telemetry) at: UnixNanos,
    /// How loud.
    pub(in crate::telemetry) level: Level,
    /// The words.
    pub(in crate::telemetry) message: &'a str,
    /// Everything else, by name.
    pub(in crate::telemetry) fields: &'a [(&'static str, String)],
}

/// Whoever hears the log. Called on the thread that logs, so it must not wait.
pub(in crate::telemetry) type Listener = Arc<dyn Fn(&Record<'_>) + Send + Sync>;

/// Where one listener can be put.
#[derive(Default)]
pub(in crate::telemetry) struct Tap(RwLock<Option<Listener>>);

impl Tap {
    /// Lets `listener` hear what is logged from now on, instead of whoever did before.
    pub(in crate::telemetry) fn open(&self, listener: Listener) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(listener);
    }

    /// Ends it for `listener`, unless another one has taken its place.
    pub(in crate::telemetry) fn close(&self, listener: &Listener) {
        let mut place = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if place.as_ref().is_some_and(|present| Arc::ptr_eq(present, listener)) {
            *place = None;
        }
    }

    pub(super) fn tell(&self, record: &Record<'_>) {
        // Not called under the lock: a listener may log.
        let listener = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(listener) = listener {
            listener(record);
        }
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").finish_non_exhaustive()
    }
}
