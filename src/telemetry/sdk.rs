//! The OpenTelemetry SDK: started, fed and ended here and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{MetricExporter, Protocol as OtlpProtocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;
use tonic::transport::Channel;

use super::event::Signal;
use super::gauges::Gauges;
use super::grpc;
use super::http::Sender;
use super::instruments::Instruments;
use super::target::{BoxError, Dial, Protocol, Setup};
use super::watch::{Cause, Tell, Watched};

/// Why the agent's own telemetry cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A transport needs the runtime that this was called without.
    #[error("the agent's own telemetry can only be started on the runtime")]
    NoRuntime,
    /// The SDK needs a thread for each signal.
    #[error("cannot start a thread for the agent's own telemetry: {0}; raise the limit of processes")]
    NoThread(#[source] std::io::Error),
    /// The settings do not make an exporter.
    #[error("cannot export the agent's own telemetry to {endpoint}: {cause}")]
    Exporter {
        /// Where to.
        endpoint: String,
        /// Why not.
        cause: BoxError,
    },
}

/// What runs of the SDK.
#[derive(Debug)]
pub(super) struct Sdk {
    metrics: Option<(SdkMeterProvider, Instruments)>,
    traces: Option<(SdkTracerProvider, SdkTracer)>,
}

impl Sdk {
    /// Starts what `setup` asks for; `None` if that is nothing.
    pub(super) fn start<C: Dial>(
        setup: &Setup,
        connector: C,
        gauges: &Arc<Gauges>,
        tell: &Tell,
    ) -> Result<Option<Self>, SetupError> {
        if !setup.metrics && !setup.traces {
            return Ok(None);
        }
        let runtime = Handle::try_current().map_err(|_| SetupError::NoRuntime)?;
        can_start_a_thread()?;
        let maker = Maker { setup, runtime, tell };
        let started = match setup.target.protocol {
            Protocol::Grpc => maker.over_grpc(connector, gauges),
            Protocol::Http => maker.over_http(connector, gauges),
        };
        let endpoint = || setup.target.endpoint.to_string();
        started.map(Some).map_err(|cause| SetupError::Exporter { endpoint: endpoint(), cause })
    }

    pub(super) fn instruments(&self) -> Option<&Instruments> {
        self.metrics.as_ref().map(|(_, instruments)| instruments)
    }

    pub(super) fn tracer(&self) -> Option<&SdkTracer> {
        self.traces.as_ref().map(|(_, tracer)| tracer)
    }

    /// Sends what is left and ends, each signal on a thread of its own. These threads may outlive `within` by the
    /// timeout of one request; `done` is told when they are through.
    pub(super) fn end(self, within: Duration, done: impl Fn() + Clone + Send + 'static) {
        let Self { metrics, traces } = self;
        let tell_done = done.clone();
        detach(move || {
            if let Some((provider, tracer)) = traces {
                // What becomes of the spans was told by the watched exporter.
                let _ = provider.shutdown_with_timeout(within);
                drop((tracer, provider));
            }
            tell_done();
        });
        detach(move || {
            if let Some((provider, instruments)) = metrics {
                let _ = provider.shutdown_with_timeout(within);
                drop((instruments, provider));
            }
            done();
        });
    }
}

/// How many times [`Sdk::end`] tells that it is done.
pub(super) const PARTS: usize = 2;

/// Makes providers from a setup.
struct Maker<'a> {
    setup: &'a Setup,
    runtime: Handle,
    tell: &'a Tell,
}

impl Maker<'_> {
    fn over_grpc<C: Dial>(&self, connector: C, gauges: &Arc<Gauges>) -> Result<Sdk, BoxError> {
        let target = &self.setup.target;
        let channel: Channel = grpc::channel(target, connector)?;
        let metrics = || {
            let builder = MetricExporter::builder().with_temporality(Temporality::Cumulative).with_tonic();
            Ok(self.meters(grpc::configured(builder, target, channel.clone()).build()?, Cause::default(), gauges))
        };
        let traces = || {
            let builder = SpanExporter::builder().with_tonic();
            Ok(self.tracers(grpc::configured(builder, target, channel.clone()).build()?, Cause::default()))
        };
        self.both(metrics, traces)
    }

    fn over_http<C: Dial>(&self, connector: C, gauges: &Arc<Gauges>) -> Result<Sdk, BoxError> {
        let target = &self.setup.target;
        let sender = |cause: &Cause| Sender::new(target, connector.clone(), self.runtime.clone(), cause.clone());
        let metrics = || {
            let cause = Cause::default();
            let builder = MetricExporter::builder().with_temporality(Temporality::Cumulative).with_http();
            let builder = builder.with_protocol(OtlpProtocol::HttpBinary).with_endpoint(target.url("/v1/metrics"));
            let exporter = builder.with_timeout(target.timeout).with_http_client(sender(&cause)).build()?;
            Ok(self.meters(exporter, cause, gauges))
        };
        let traces = || {
            let cause = Cause::default();
            let builder = SpanExporter::builder().with_http();
            let builder = builder.with_protocol(OtlpProtocol::HttpBinary).with_endpoint(target.url("/v1/traces"));
            let exporter = builder.with_timeout(target.timeout).with_http_client(sender(&cause)).build()?;
            Ok(self.tracers(exporter, cause))
        };
        self.both(metrics, traces)
    }

    fn both(
        &self,
        metrics: impl FnOnce() -> Result<(SdkMeterProvider, Instruments), BoxError>,
        traces: impl FnOnce() -> Result<(SdkTracerProvider, SdkTracer), BoxError>,
    ) -> Result<Sdk, BoxError> {
        Ok(Sdk {
            metrics: self.setup.metrics.then(metrics).transpose()?,
            traces: self.setup.traces.then(traces).transpose()?,
        })
    }

    fn meters(&self, exporter: MetricExporter, cause: Cause, gauges: &Arc<Gauges>) -> (SdkMeterProvider, Instruments) {
        let watched = Watched { exporter, signal: Signal::Metrics, cause, tell: self.tell.clone() };
        let mut reader = PeriodicReader::builder(watched);
        if let Some(interval) = self.setup.metric_interval {
            reader = reader.with_interval(interval);
        }
        let resource = self.setup.identity.resource();
        let provider = SdkMeterProvider::builder().with_resource(resource).with_reader(reader.build()).build();
        let instruments = Instruments::new(&provider.meter_with_scope(scope()), gauges);
        (provider, instruments)
    }

    fn tracers(&self, exporter: SpanExporter, cause: Cause) -> (SdkTracerProvider, SdkTracer) {
        let watched = Watched { exporter, signal: Signal::Traces, cause, tell: self.tell.clone() };
        let mut config = BatchConfigBuilder::default();
        if let Some(delay) = self.setup.span_delay {
            config = config.with_scheduled_delay(delay);
        }
        let processor = BatchSpanProcessor::new(watched, config.build());
        let resource = self.setup.identity.resource();
        let provider = SdkTracerProvider::builder().with_resource(resource).with_span_processor(processor).build();
        let tracer = provider.tracer_with_scope(scope());
        (provider, tracer)
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("dockpulse").with_version(env!("CARGO_PKG_VERSION")).build()
}

/// The SDK panics if it gets no thread, so one is tried first.
fn can_start_a_thread() -> Result<(), SetupError> {
    let thread = std::thread::Builder::new().spawn(|| ()).map_err(SetupError::NoThread)?;
    // A closure that does nothing does not panic.
    let _ = thread.join();
    Ok(())
}

/// Off the runtime's thread, because the SDK blocks while the runtime does its requests.
fn detach(work: impl FnOnce() + Send + 'static) {
    // Without a thread the work is dropped where it stands, and the SDK ends itself without a last flush.
    let _ = std::thread::Builder::new().name("telemetry-end".into()).spawn(work);
}
