//! The OpenTelemetry SDK: started and ended here and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;

use super::gauges::Gauges;
use super::instruments::Instruments;
use super::log::Log;
use super::log::tap::Listener;
use super::providers::Maker;
use super::spans::Tracing;
use super::target::{BoxError, Dial, Setup};
use super::watch::Tell;

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
    pub(super) metrics: Option<(SdkMeterProvider, Instruments)>,
    pub(super) traces: Option<(SdkTracerProvider, Tracing)>,
    pub(super) logs: Option<Forwarded>,
}

/// A log that is sent, besides being written.
pub(super) struct Forwarded {
    pub(super) provider: SdkLoggerProvider,
    pub(super) log: Log,
    pub(super) listener: Listener,
}

/// How many times [`Sdk::end`] tells that it is done.
pub(super) const PARTS: usize = 3;

impl Sdk {
    /// Starts what `setup` asks for; `None` if that is nothing.
    pub(super) fn start<C: Dial>(
        setup: &Setup,
        connector: C,
        gauges: &Arc<Gauges>,
        tell: &Tell,
    ) -> Result<Option<Self>, SetupError> {
        if !setup.metrics && !setup.traces && setup.logs.is_none() {
            return Ok(None);
        }
        let endpoint = &setup.target.endpoint;
        let failed = |cause| SetupError::Exporter { endpoint: endpoint.to_string(), cause };
        if endpoint.scheme().is_none() || endpoint.authority().is_none() {
            return Err(failed("an address has a scheme and a host".into()));
        }
        let runtime = Handle::try_current().map_err(|_| SetupError::NoRuntime)?;
        can_start_a_thread()?;
        Maker { setup, runtime, tell, gauges }.make(connector).map(Some).map_err(failed)
    }

    pub(super) fn instruments(&self) -> Option<&Instruments> {
        self.metrics.as_ref().map(|(_, instruments)| instruments)
    }

    pub(super) fn tracing(&self) -> Option<&Tracing> {
        self.traces.as_ref().map(|(_, tracing)| tracing)
    }

    /// Sends what is left and ends, each signal on a thread of its own. These threads may outlive `within` by the
    /// timeout of one request; `done` is told when each is through. What becomes of the last requests is told by the
    /// watched exporters, so the SDK's answers say nothing new.
    pub(super) fn end(self, within: Duration, done: impl Fn() + Clone + Send + 'static) {
        let Self { metrics, traces, logs } = self;
        detach(done.clone(), move || {
            if let Some((provider, tracing)) = traces {
                let _ = provider.shutdown_with_timeout(within);
                drop((tracing, provider));
            }
        });
        detach(done.clone(), move || {
            if let Some((provider, instruments)) = metrics {
                let _ = provider.shutdown_with_timeout(within);
                drop((instruments, provider));
            }
        });
        detach(done, move || {
            if let Some(Forwarded { provider, log, listener }) = logs {
                log.tap().close(&listener);
                let _ = provider.shutdown_with_timeout(within);
                drop((listener, provider));
            }
        });
    }
}

impl std::fmt::Debug for Forwarded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forwarded").field("provider", &self.provider).finish_non_exhaustive()
    }
}

/// The SDK panics if it gets no thread, so one is tried first.
fn can_start_a_thread() -> Result<(), SetupError> {
    let thread = std::thread::Builder::new().spawn(|| ()).map_err(SetupError::NoThread)?;
    // A closure that does nothing does not panic.
    let _ = thread.join();
    Ok(())
}

/// Off the runtime's thread, because the SDK blocks while the runtime does its requests.
fn detach(done: impl Fn() + Send + 'static, work: impl FnOnce() + Send + 'static) {
    let run = move || {
        work();
        done();
    };
    // Without a thread the work is dropped where it stands, and the SDK ends itself without a last flush.
    let _ = std::thread::Builder::new().name("telemetry-end".into()).spawn(run);
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use hyper_util::client::legacy::connect::HttpConnector;

    use super::*;
    use crate::model::time::Clock;
    use crate::telemetry::{Ask, Compression, Identity, Protocol, Target};

    fn start(metrics: bool, endpoint: &'static str, protocol: Protocol) -> Result<Option<Sdk>, SetupError> {
        let endpoint = http::Uri::from_static(endpoint);
        let timeout = Duration::from_secs(1);
        let (headers, failure) = (Ask::always(HeaderMap::new()), Ask::always(None));
        let target = Target { protocol, endpoint, headers, failure, timeout, compression: Compression::None };
        let identity = Identity::default();
        let (metric_interval, span_delay) = (None, None);
        let (traces, sampling) = (false, 1.0);
        let setup = Setup { metrics, traces, sampling, logs: None, target, identity, metric_interval, span_delay };
        let tell: Tell = Arc::new(|_| ());
        Sdk::start(&setup, HttpConnector::new(), &Arc::new(Gauges::new(Clock::start())), &tell)
    }

    #[test]
    fn nothing_starts_if_nothing_is_asked_for() {
        assert!(matches!(start(false, "http://127.0.0.1:1", Protocol::Grpc), Ok(None)), "it needs not even a runtime");
    }

    #[test]
    fn without_a_runtime_it_says_so() {
        for protocol in [Protocol::Grpc, Protocol::Http] {
            assert!(matches!(start(true, "http://127.0.0.1:1", protocol), Err(SetupError::NoRuntime)));
        }
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_an_error_that_names_it() {
        for protocol in [Protocol::Grpc, Protocol::Http] {
            let error = start(true, "/only/a/path", protocol).map(|_| ()).expect_err("no host");
            assert!(error.to_string().contains("/only/a/path"), "{error}");
        }
    }
}
