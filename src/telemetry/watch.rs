//! Around the SDK's exporters: what becomes of each request is told as an event, because the SDK itself keeps still.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

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

/// An exporter of the SDK, watched.
pub(super) struct Watched<E> {
    exporter: E,
    signal: Signal,
    cause: Cause,
    tell: Tell,
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

impl<E> Watched<E> {
    /// Tells `tell` of each failure and of the success after it.
    pub(super) fn new(exporter: E, signal: Signal, cause: Cause, tell: Tell) -> Self {
        Self { exporter, signal, cause, tell, is_failing: AtomicBool::new(false) }
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
        Event::OwnTelemetryFailed { signal: self.signal, cause: Text::from(cause) }
    }
}

impl<E> fmt::Debug for Watched<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("signal", &self.signal).finish_non_exhaustive()
    }
}

impl<E: SpanExporter> SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.told(self.exporter.export(batch).await)
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
        self.told(self.exporter.export(metrics).await)
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
        self.told(self.exporter.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
