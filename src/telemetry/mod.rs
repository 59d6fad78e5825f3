//! The agent's own telemetry: its log, its counters, and its metrics and traces by the OpenTelemetry SDK.
//!
//! The stages return plain data; the pipeline makes [`Event`]s, [`ProbeReport`]s and [`ExportSpan`]s of it and hands
//! them to one [`Telemetry`]. Nothing here can slow it down or end it: a dead collector costs the agent its own
//! metrics and traces, and a few lines of log.

mod buckets;
mod counters;
pub mod escape;
pub mod event;
mod gauges;
mod grpc;
mod http;
mod instruments;
pub mod log;
mod providers;
mod records;
mod report;
pub mod say;
mod sdk;
mod spans;
mod target;
mod voice;
mod watch;

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak};
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::Level;

use crate::model::time::Clock;

pub use self::buckets::Buckets;
pub use self::counters::Counters;
pub use self::event::Event;
pub use self::gauges::Gauges;
pub use self::report::{ExportSpan, Outcome, Phase, ProbeFailure, ProbeReport};
pub use self::sdk::SetupError;
pub use self::target::{Ask, Compression, Dial, Identity, Protocol, Setup, Target};

use self::sdk::Sdk;
use self::voice::{Line, Voice};
use self::watch::Tell;

/// Hears each line that is said aloud: the event, how grave it is, and its words.
pub type Listener = Arc<dyn Fn(&Event, Level, &str) + Send + Sync>;

/// Takes everything the agent has to tell of itself. Cheap to clone; nothing it does waits for anything.
#[derive(Debug, Clone)]
pub struct Telemetry {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    voice: Mutex<Voice>,
    counters: Counters,
    gauges: Arc<Gauges>,
    sdk: RwLock<Option<Sdk>>,
    listener: OnceLock<Listener>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("counters", &self.counters).field("gauges", &self.gauges).finish_non_exhaustive()
    }
}

impl Telemetry {
    /// Logs and counts; sends nothing until [`Telemetry::send_to`] says where to.
    pub fn new(clock: Clock) -> Self {
        let gauges = Arc::new(Gauges::new(clock));
        let (voice, counters) = (Mutex::default(), Counters::default());
        let (sdk, listener) = Default::default();
        Self { shared: Arc::new(Shared { clock, voice, counters, gauges, sdk, listener }) }
    }

    /// From now on `listener` hears each line that is said aloud, info and graver. Only the first one is heard; it must
    /// not wait, nor tell this of events.
    pub fn listen(&self, listener: Listener) {
        let _ = self.shared.listener.set(listener);
    }

    /// The same with a clock of its own, for tests.
    pub fn silent() -> Self {
        Self::new(Clock::start())
    }

    /// Sends metrics and traces as `setup` says, from now on; what was sent to before is flushed and ended aside.
    /// If `setup` wants neither, nothing of the SDK runs. To be called on the runtime.
    pub fn send_to<C: Dial>(&self, setup: &Setup, connector: C) -> Result<(), SetupError> {
        let tell = self.teller();
        let sdk = Sdk::start(setup, connector, &self.shared.gauges, &tell)?;
        if let Some(old) = self.shared.replace(sdk) {
            old.end(setup.target.timeout, || ());
        }
        Ok(())
    }

    /// Makes the log line and the count of an event.
    pub fn record(&self, event: &Event) {
        let now = self.shared.clock.now().mono;
        let line = self.shared.voice.lock().unwrap_or_else(PoisonError::into_inner).judge(event, now);
        speak(event, line);
        if line.level <= Level::INFO
            && let Some(hear) = self.shared.listener.get()
        {
            hear(event, line.level, &format!("{event}{}", line.tail));
        }
        self.shared.counters.event(event);
        self.with_sdk(|sdk| {
            if let Some(instruments) = sdk.instruments() {
                instruments.event(event);
            }
        });
    }

    /// Measures and traces a finished probe.
    pub fn record_probe(&self, report: &ProbeReport) {
        self.shared.counters.probe(report);
        self.with_sdk(|sdk| {
            if let Some(instruments) = sdk.instruments() {
                instruments.probe(report);
            }
            if let Some(tracing) = sdk.tracing() {
                tracing.probe(report);
            }
        });
    }

    /// Measures, counts and traces a finished request.
    pub fn record_export(&self, span: &ExportSpan) {
        self.shared.counters.request(span);
        self.with_sdk(|sdk| {
            if let Some(instruments) = sdk.instruments() {
                instruments.export(span);
            }
            if let Some(tracing) = sdk.tracing() {
                tracing.export(span);
            }
        });
    }

    /// What the pipeline sets and the status shows.
    pub fn gauges(&self) -> &Arc<Gauges> {
        &self.shared.gauges
    }

    /// What was counted so far.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Flushes metrics and traces and ends the SDK; gives up after `within`. Logs and counters go on.
    pub async fn shutdown(&self, within: Duration) {
        let Some(sdk) = self.shared.replace(None) else { return };
        let (done, mut parts) = mpsc::channel(sdk::PARTS);
        sdk.end(within, move || {
            // Nobody waits any more once the time is up.
            let _ = done.try_send(());
        });
        let all = async { while parts.recv().await.is_some() {} };
        let _ = tokio::time::timeout(within, all).await;
    }

    fn with_sdk(&self, f: impl FnOnce(&Sdk)) {
        if let Some(sdk) = &*self.shared.sdk.read().unwrap_or_else(PoisonError::into_inner) {
            f(sdk);
        }
    }

    /// Lets the SDK's threads report without keeping this alive.
    fn teller(&self) -> Tell {
        let shared: Weak<Shared> = Arc::downgrade(&self.shared);
        Arc::new(move |event| {
            if let Some(shared) = shared.upgrade() {
                Self { shared }.record(event);
            }
        })
    }
}

impl Shared {
    fn replace(&self, sdk: Option<Sdk>) -> Option<Sdk> {
        std::mem::replace(&mut *self.sdk.write().unwrap_or_else(PoisonError::into_inner), sdk)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Left to itself the SDK would block whoever drops it, possibly the runtime that it waits for.
        if let Some(sdk) = self.replace(None) {
            sdk.end(Duration::ZERO, || ());
        }
    }
}

/// Writes the line. Its fields name for machines what the words name for people.
fn speak(event: &Event, line: Line) {
    macro_rules! say {
        ($level:expr) => {
            tracing::event!(
                target: "dockpulse",
                $level,
                event = event.name(),
                engine = event.engine().map(|name| &**name),
                container = event.container().map(|container| &*container.name),
                container_id = event.container().map(|container| container.id.as_str()),
                "{event}{}",
                line.tail
            )
        };
    }
    match line.level {
        Level::ERROR => say!(Level::ERROR),
        Level::WARN => say!(Level::WARN),
        Level::INFO => say!(Level::INFO),
        _ => say!(Level::DEBUG),
    }
}
