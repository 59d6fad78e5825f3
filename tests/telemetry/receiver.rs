//! A collector on a port of its own, over gRPC and over HTTP, that keeps what it is sent.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::CompressionEncoding;

/// What arrived so far. Cheap to clone; ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    metrics: Vec<ExportMetricsServiceRequest>,
    traces: Vec<ExportTraceServiceRequest>,
    logs: Vec<ExportLogsServiceRequest>,
    headers: Vec<HeaderMap>,
    answer: u16,
}

impl Receiver {
    pub(crate) async fn grpc() -> Self {
        let (listener, receiver) = Self::listen().await;
        let metrics = MetricsServiceServer::new(receiver.clone()).accept_compressed(CompressionEncoding::Gzip);
        let traces = TraceServiceServer::new(receiver.clone()).accept_compressed(CompressionEncoding::Gzip);
        let logs = LogsServiceServer::new(receiver.clone()).accept_compressed(CompressionEncoding::Gzip);
        let server = tonic::transport::Server::builder().add_service(metrics).add_service(traces).add_service(logs);
        spawn(async move {
            server.serve_with_incoming(TcpListenerStream::new(listener)).await.expect("the server runs");
        });
        receiver
    }

    pub(crate) async fn http() -> Self {
        let (listener, receiver) = Self::listen().await;
        let served = receiver.clone();
        spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let receiver = served.clone();
                let service = hyper::service::service_fn(move |request| receiver.clone().answer(request));
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                spawn(async move {
                    let _ = connection.await;
                });
            }
        });
        receiver
    }

    async fn listen() -> (TcpListener, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State { answer: 200, ..State::default() }));
        (listener, Self { address, state })
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let (parts, body) = request.into_parts();
        let mut body = body.collect().await?.to_bytes().to_vec();
        if parts.headers.get("content-encoding").is_some_and(|v| v == "gzip") {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut plain).expect("gzip");
            body = plain;
        }
        assert_eq!(parts.headers.get("content-type").map(|v| v.as_bytes()), Some(&b"application/x-protobuf"[..]));
        let mut state = self.state.lock().expect("not poisoned");
        state.headers.push(parts.headers);
        let status = StatusCode::from_u16(state.answer).expect("a status");
        if status.is_success() {
            match parts.uri.path() {
                "/v1/metrics" => state.metrics.push(ExportMetricsServiceRequest::decode(&body[..]).expect("metrics")),
                "/v1/traces" => state.traces.push(ExportTraceServiceRequest::decode(&body[..]).expect("traces")),
                "/v1/logs" => state.logs.push(ExportLogsServiceRequest::decode(&body[..]).expect("logs")),
                path => panic!("nobody asked for {path}"),
            }
        }
        let mut response = Response::new(Full::new(Bytes::new()));
        *response.status_mut() = status;
        Ok(response)
    }

    /// Answers each further request with this HTTP status; over gRPC, 200 or anything else (unavailable).
    pub(crate) fn answer_with(&self, status: u16) {
        self.state.lock().expect("not poisoned").answer = status;
    }

    pub(crate) fn requests(&self) -> usize {
        self.state.lock().expect("not poisoned").headers.len()
    }

    /// Waits until no more requests come for some intervals of those that send.
    pub(crate) async fn wait_for_silence(&self) {
        for _ in 0..120 {
            let before = self.requests();
            tokio::time::sleep(Duration::from_millis(500)).await;
            if self.requests() == before {
                return;
            }
        }
        panic!("requests still come after 60 s");
    }

    pub(crate) fn headers(&self) -> Vec<HeaderMap> {
        self.state.lock().expect("not poisoned").headers.clone()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let state = self.state.lock().expect("not poisoned");
        let of_resources = state.traces.iter().flat_map(|r| &r.resource_spans);
        of_resources.flat_map(|r| &r.scope_spans).flat_map(|s| &s.spans).cloned().collect()
    }

    pub(crate) fn records(&self) -> Vec<LogRecord> {
        let state = self.state.lock().expect("not poisoned");
        let of_resources = state.logs.iter().flat_map(|r| &r.resource_logs);
        of_resources.flat_map(|r| &r.scope_logs).flat_map(|s| &s.log_records).cloned().collect()
    }

    pub(crate) fn span_names(&self) -> BTreeSet<String> {
        self.spans().into_iter().map(|span| span.name).collect()
    }

    pub(crate) fn metric_names(&self) -> BTreeSet<String> {
        let state = self.state.lock().expect("not poisoned");
        let of_resources = state.metrics.iter().flat_map(|r| &r.resource_metrics);
        of_resources.flat_map(|r| &r.scope_metrics).flat_map(|s| &s.metrics).map(|m| m.name.clone()).collect()
    }

    /// The newest state of each metric.
    pub(crate) fn metric(&self, name: &str) -> Option<Metric> {
        let state = self.state.lock().expect("not poisoned");
        let of_resources = state.metrics.iter().rev().flat_map(|r| &r.resource_metrics);
        of_resources.flat_map(|r| &r.scope_metrics).flat_map(|s| &s.metrics).find(|m| m.name == name).cloned()
    }

    pub(crate) fn resources(&self) -> Vec<Resource> {
        let state = self.state.lock().expect("not poisoned");
        let metrics = state.metrics.iter().flat_map(|r| &r.resource_metrics).filter_map(|r| r.resource.clone());
        let traces = state.traces.iter().flat_map(|r| &r.resource_spans).filter_map(|r| r.resource.clone());
        metrics.chain(traces).collect()
    }

    pub(crate) async fn wait_for(&self, what: &str, is_there: impl Fn(&Self) -> bool) {
        for _ in 0..6000 {
            if is_there(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{what} did not arrive within 60 s");
    }

    fn take(&self, metadata: &tonic::metadata::MetadataMap) -> Result<(), tonic::Status> {
        let mut state = self.state.lock().expect("not poisoned");
        state.headers.push(metadata.clone().into_headers());
        if state.answer == 200 { Ok(()) } else { Err(tonic::Status::unavailable("not now")) }
    }
}

#[tonic::async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<ExportMetricsServiceResponse>, tonic::Status> {
        self.take(request.metadata())?;
        self.state.lock().expect("not poisoned").metrics.push(request.into_inner());
        Ok(tonic::Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        self.take(request.metadata())?;
        self.state.lock().expect("not poisoned").traces.push(request.into_inner());
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Receiver {
    async fn export(
        &self,
        request: tonic::Request<ExportLogsServiceRequest>,
    ) -> Result<tonic::Response<ExportLogsServiceResponse>, tonic::Status> {
        self.take(request.metadata())?;
        self.state.lock().expect("not poisoned").logs.push(request.into_inner());
        Ok(tonic::Response::new(ExportLogsServiceResponse::default()))
    }
}

#[expect(clippy::disallowed_methods, reason = "the collector of a test has no pipeline")]
pub(crate) fn spawn(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(work);
}
