//! What the agent serves itself: the page and the control API. They begin with it and end with it; nothing of the pipeline
//! waits for them.

use std::fmt::Display;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::AppError;
use crate::config::Origins;
use crate::telemetry::{Event, Telemetry};

/// Services that are being served.
pub(super) struct Services {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

/// Resolves when the agent ends.
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Waits until then.
    pub(super) async fn asked(mut self) {
        // Without the agent there is nothing to serve either.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

impl Services {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { tasks: JoinSet::new(), stop: watch::channel(false).0 }
    }

    /// Serves one until it is told to stop.
    pub(super) fn serve<F>(&mut self, service: impl FnOnce(Stop) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(service(Stop(self.stop.subscribe())));
    }

    /// Tells all to stop, and waits for so long that answers under way get through.
    pub(super) async fn end(mut self, within: Duration) {
        let _ = self.stop.send(true);
        let _ = tokio::time::timeout(within, async { while self.tasks.join_next().await.is_some() {} }).await;
    }
}

/// What listens at an address of the settings.
pub(super) struct Place<'a> {
    /// Its key in the settings.
    pub(super) key: &'static str,
    /// “the status page”.
    pub(super) what: &'static str,
    /// The address.
    pub(super) address: String,
    /// Where the settings are from.
    pub(super) origins: &'a Origins,
}

/// What could not listen is gone without if its address is the default, which is said; if it was set, it is an error
/// (contract §5).
///
/// # Errors
/// It could not listen at an address that was set.
pub(super) fn unless_set<T>(
    tried: Result<T, impl Display>,
    place: Place<'_>,
    telemetry: &Telemetry,
) -> Result<Option<T>, AppError> {
    match tried {
        Ok(listening) => Ok(Some(listening)),
        Err(error) if place.origins.is_default(place.key) => {
            let (address, cause) = (place.address.into(), error.to_string().into());
            telemetry.record(&Event::ServiceOff { what: place.what, address, cause });
            Ok(None)
        }
        Err(error) => Err(AppError::Service { key: place.key, what: place.what, cause: error.to_string() }),
    }
}
