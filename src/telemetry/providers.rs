//! From the settings to the SDK's providers: exporters over gRPC or HTTP, watched, with our resource and intervals.

use std::sync::Arc;

use opentelemetry::InstrumentationScope;
use opentelemetry::logs::LoggerProvider;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{
    LogExporter, MetricExporter, Protocol as Otlp, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::logs::{BatchLogProcessor, SdkLoggerProvider};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};
use tokio::runtime::Handle;

use super::event::Signal;
use super::gauges::Gauges;
use super::grpc;
use super::http::Sender;
use super::instruments::Instruments;
use super::log::Log;
use super::records;
use super::sdk::{Forwarded, Sdk};
use super::spans::Tracing;
use super::target::{BoxError, Dial, Protocol, Setup};
use super::watch::{Bound, Cause, Tell, Watched};

/// Makes providers.
pub(super) struct Maker<'a> {
    pub(super) setup: &'a Setup,
    pub(super) runtime: Handle,
    pub(super) tell: &'a Tell,
    pub(super) gauges: &'a Arc<Gauges>,
}

/// An exporter and why its last request failed.
type Exporter<E> = (E, Cause);

impl Maker<'_> {
    /// Makes those that the settings ask for.
    pub(super) fn make<C: Dial>(&self, connector: C) -> Result<Sdk, BoxError> {
        match self.setup.target.protocol {
            Protocol::Grpc => self.over_grpc(connector),
            Protocol::Http => self.over_http(connector),
        }
    }

    fn over_grpc<C: Dial>(&self, connector: C) -> Result<Sdk, BoxError> {
        let target = &self.setup.target;
        let channel = grpc::channel(target, connector)?;
        let metrics = || {
            let builder = MetricExporter::builder().with_temporality(Temporality::Cumulative).with_tonic();
            Ok((grpc::configured(builder, target, channel.clone()).build()?, self.cause()))
        };
        let spans = || {
            let builder = SpanExporter::builder().with_tonic();
            Ok((grpc::configured(builder, target, channel.clone()).build()?, self.cause()))
        };
        let logs = || {
            let builder = LogExporter::builder().with_tonic();
            Ok((grpc::configured(builder, target, channel.clone()).build()?, self.cause()))
        };
        self.sdk(metrics, spans, logs)
    }

    fn over_http<C: Dial>(&self, connector: C) -> Result<Sdk, BoxError> {
        let metrics = || {
            let builder = MetricExporter::builder().with_temporality(Temporality::Cumulative).with_http();
            let (builder, cause) = self.http_configured(builder, "/v1/metrics", &connector);
            Ok((builder.build()?, cause))
        };
        let spans = || {
            let (builder, cause) = self.http_configured(SpanExporter::builder().with_http(), "/v1/traces", &connector);
            Ok((builder.build()?, cause))
        };
        let logs = || {
            let (builder, cause) = self.http_configured(LogExporter::builder().with_http(), "/v1/logs", &connector);
            Ok((builder.build()?, cause))
        };
        self.sdk(metrics, spans, logs)
    }

    /// gRPC's errors say little of a connection that failed.
    fn cause(&self) -> Cause {
        Cause::asked(self.setup.target.failure.clone())
    }

    /// The SDK bounds the wait for the head of an answer, and over gRPC not that for its end.
    fn bound(&self) -> Bound {
        Bound { runtime: self.runtime.clone(), within: self.setup.target.timeout * 2 }
    }

    fn http_configured<B, C>(&self, builder: B, path: &str, connector: &C) -> (B, Cause)
    where
        B: WithExportConfig + WithHttpConfig,
        C: Dial,
    {
        let (target, cause) = (&self.setup.target, Cause::default());
        let sender = Sender::new(target, connector.clone(), self.runtime.clone(), cause.clone());
        let builder = builder.with_protocol(Otlp::HttpBinary).with_endpoint(target.url(path));
        (builder.with_timeout(target.timeout).with_http_client(sender), cause)
    }

    fn sdk(
        &self,
        metrics: impl FnOnce() -> Result<Exporter<MetricExporter>, BoxError>,
        spans: impl FnOnce() -> Result<Exporter<SpanExporter>, BoxError>,
        logs: impl FnOnce() -> Result<Exporter<LogExporter>, BoxError>,
    ) -> Result<Sdk, BoxError> {
        // All exporters first: a provider starts a thread.
        let metrics = self.setup.metrics.then(metrics).transpose()?;
        let spans = self.setup.traces.then(spans).transpose()?;
        let logs = self.setup.logs.as_ref().map(|log| logs().map(|exporter| (exporter, log))).transpose()?;
        Ok(Sdk {
            metrics: metrics.map(|exporter| self.meters(exporter)),
            traces: spans.map(|exporter| self.tracers(exporter)),
            logs: logs.map(|(exporter, log)| self.forwarded(exporter, log)),
        })
    }

    fn meters(&self, (exporter, cause): Exporter<MetricExporter>) -> (SdkMeterProvider, Instruments) {
        let watched = Watched::new(exporter, Signal::Metrics, cause, self.tell.clone(), self.bound());
        let mut reader = PeriodicReader::builder(watched);
        if let Some(interval) = self.setup.metric_interval {
            reader = reader.with_interval(interval);
        }
        let resource = self.setup.identity.resource();
        let provider = SdkMeterProvider::builder().with_resource(resource).with_reader(reader.build()).build();
        let instruments = Instruments::new(&provider.meter_with_scope(scope()), self.gauges);
        (provider, instruments)
    }

    fn tracers(&self, (exporter, cause): Exporter<SpanExporter>) -> (SdkTracerProvider, Tracing) {
        let watched = Watched::new(exporter, Signal::Traces, cause, self.tell.clone(), self.bound());
        let mut config = BatchConfigBuilder::default();
        if let Some(delay) = self.setup.span_delay {
            config = config.with_scheduled_delay(delay);
        }
        let processor = BatchSpanProcessor::new(watched, config.build());
        let resource = self.setup.identity.resource();
        // Which traces are sent is decided when all is known of them; the SDK's samplers decide at their beginning.
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_span_processor(processor)
            .with_sampler(Sampler::AlwaysOn)
            .build();
        let tracing = Tracing::new(provider.tracer_with_scope(scope()), self.setup.sampling);
        (provider, tracing)
    }

    fn forwarded(&self, (exporter, cause): Exporter<LogExporter>, log: &Log) -> Forwarded {
        let watched = Watched::new(exporter, Signal::Logs, cause, self.tell.clone(), self.bound());
        let processor = BatchLogProcessor::builder(watched).build();
        let resource = self.setup.identity.resource();
        let provider = SdkLoggerProvider::builder().with_resource(resource).with_log_processor(processor).build();
        let listener = records::listener(provider.logger_with_scope(scope()));
        log.tap().open(listener.clone());
        Forwarded { provider, log: log.clone(), listener }
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("dockpulse").with_version(env!("CARGO_PKG_VERSION")).build()
}
