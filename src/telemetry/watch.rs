//! Around the SDK's exporters: what becomes of each request is told as an event, because the SDK itself keeps still.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::runtime::Handle;

use crate::model::Text;

use super::event::{Event, Signal};
use super::target::Ask;

/// Takes what happened to the agent's own telemetry; called on the SDK's threads.
pub(super) type Tell = Arc<dyn Fn(&Event) + Send + Sync>;

/// Why the last request failed, where the transport knows better than the exporter on top of it.
#[derive(Debug, Clone)]
pub(super) enum Cause {
    /// It is told.
    Told(Arc<Mutex<Option<String>>>),
    /// It is asked.
    Asked(Ask<Option<String>>),
}

/// Ends an export that hangs. The timers are the runtime's: the SDK's threads have none.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    pub(super) runtime: Handle,
    pub(super) within: Duration,
}

/// An exporter of the SDK, watched.
pub(super) struct Watched<E> {
    exporter: E,
    signal: Signal,
    cause: Cause,
    tell: Tell,
    bound: Bound,
    is_failing: AtomicBool,
}

impl Default for Cause {
    fn default() -> Self {
        Self::Told(Arc::default())
    }
}

impl Cause {
    /// The transport is asked.
    pub(super) fn asked(transport: Ask<Option<String>>) -> Self {
        Self::Asked(transport)
    }

    pub(super) fn set(&self, cause: String) {
        if let Self::Told(told) = self {
            *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(cause);
        }
    }

    fn take(&self) -> Option<String> {
        match self {
            Self::Told(told) => told.lock().unwrap_or_else(PoisonError::into_inner).take(),
            Self::Asked(transport) => transport.now(),
        }
    }
}

impl Bound {
    /// A hostile answer makes tonic panic, which must not end the SDK's thread: no other would take its place.
    async fn run(&self, export: impl Future<Output = OTelSdkResult> + Send) -> OTelSdkResult {
        let limited = async {
            let limited = {
                let _inside = self.runtime.enter();
                tokio::time::timeout(self.within, export)
            };
            limited.await.unwrap_or(Err(OTelSdkError::Timeout(self.within)))
        };
        let panicked = |_| Err(OTelSdkError::InternalFailure("the answer is none of OTLP's".into()));
        AssertUnwindSafe(limited).catch_unwind().await.unwrap_or_else(panicked)
    }
}

impl<E> Watched<E> {
    /// Tells `tell` of each failure and of the success after it.
    pub(super) fn new(exporter: E, signal: Signal, cause: Cause, tell: Tell, bound: Bound) -> Self {
        Self { exporter, signal, cause, tell, bound, is_failing: AtomicBool::new(false) }
    }

    async fn watched(&self, export: impl Future<Output = OTelSdkResult> + Send) -> OTelSdkResult {
        self.told(self.bound.run(export).await)
    }

    fn told(&self, result: OTelSdkResult) -> OTelSdkResult {
        let better = self.cause.take();
        let event = match &result {
            Ok(()) if !self.is_failing.load(Ordering::Relaxed) => return result,
            Ok(()) => Event::OwnTelemetryRecovered { signal: self.signal },
            Err(OTelSdkError::AlreadyShutdown) => return result,
            Err(OTelSdkError::InternalFailure(text)) => self.failed(better.as_deref().unwrap_or(text)),
            Err(error @ OTelSdkError::Timeout(_)) => self.failed(&error.to_string()),
        };
        self.is_failing.store(result.is_err(), Ordering::Relaxed);
        (self.tell)(&event);
        result
    }

    fn failed(&self, cause: &str) -> Event {
        Event::OwnTelemetryFailed { signal: self.signal, cause: Text::from(plain(cause)) }
    }
}

/// An exporter's error without the names of its parts, and each cause once.
fn plain(text: &str) -> String {
    let text = text.split_once(" export failed with gRPC code: ").map_or(text, |(_, text)| text);
    let text = text.split_once("transport error: ").map_or(text, |(_, text)| text);
    let mut causes: Vec<&str> = text.split(": ").collect();
    causes.dedup();
    causes.join(": ").replace("tcp connect error", "cannot connect")
}

impl<E> fmt::Debug for Watched<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("signal", &self.signal).finish_non_exhaustive()
    }
}

impl<E: SpanExporter> SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.watched(self.exporter.export(batch)).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Watched<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.watched(self.exporter.export(metrics)).await
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

impl<E: LogExporter> LogExporter for Watched<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.watched(self.exporter.export(batch)).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once_and_in_words_of_the_trade_alone() {
        let raw = "TonicTracesClient export failed with gRPC code: Unavailable: transport error: tcp connect error: tcp \
                   connect error: Connection refused (os error 111)";
        assert_eq!(plain(raw), "cannot connect: Connection refused (os error 111)");
        let raw = "TonicMetricsClient export failed with gRPC code: PermissionDenied: no, thanks";
        assert_eq!(plain(raw), "PermissionDenied: no, thanks");
        assert_eq!(plain("answered 404"), "answered 404");
    }

    #[tokio::test(start_paused = true)]
    async fn an_export_that_panics_or_hangs_is_one_that_failed() {
        let bound = Bound { runtime: Handle::current(), within: Duration::from_secs(20) };
        let panicked = bound.run(async { panic!("not base64") }).await;
        assert!(matches!(panicked, Err(OTelSdkError::InternalFailure(_))), "{panicked:?}");
        let hung = bound.run(std::future::pending()).await;
        assert!(matches!(hung, Err(OTelSdkError::Timeout(within)) if within.as_secs() == 20), "{hung:?}");
        assert!(bound.run(async { Ok(()) }).await.is_ok());
    }
}
