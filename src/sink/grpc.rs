//! OTLP/gRPC: metrics and spans are taken in, logs are acknowledged and dropped.

use http::header::CONTENT_TYPE;
use http::{Request, Response};
use hyper::body::Incoming;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::server::{NamedService, UnaryService};
use tonic::{Code, Status};
use tonic_prost::ProstCodec;
use tower_service::Service;

use super::server::{Inbox, MAX_REQUEST, Received, WHOLE_REQUEST};

const METRICS: &str = <MetricsServiceServer<Grpc> as NamedService>::NAME;
const TRACES: &str = <TraceServiceServer<Grpc> as NamedService>::NAME;
const LOGS: &str = "opentelemetry.proto.collector.logs.v1.LogsService";

/// Answers gRPC calls.
#[derive(Debug, Clone)]
pub(super) struct Grpc {
    inbox: Inbox,
}

impl Grpc {
    pub(super) fn new(inbox: Inbox) -> Self {
        Self { inbox }
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let is_grpc = |value: &http::HeaderValue| value.as_bytes().starts_with(b"application/grpc");
        if !request.headers().get(CONTENT_TYPE).is_some_and(is_grpc) {
            return super::http::refusal(
                http::StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "this is OTLP/gRPC; OTLP/HTTP has a port of its own, 4318 by default",
            );
        }
        let whole = async {
            let _permit = self.inbox.permit().await;
            self.dispatch(request).await
        };
        match tokio::time::timeout(WHOLE_REQUEST, whole).await {
            Ok(response) => response,
            Err(_) => Status::deadline_exceeded("the request did not arrive in time").into_http(),
        }
    }

    async fn dispatch(&self, request: Request<Incoming>) -> Response<Body> {
        let mut path = request.uri().path().split('/');
        let service = path.nth(1).unwrap_or_default();
        match service {
            METRICS => {
                let server = MetricsServiceServer::new(self.clone());
                let server = server.accept_compressed(CompressionEncoding::Gzip).max_decoding_message_size(MAX_REQUEST);
                answer_of(server, request).await
            }
            TRACES => {
                let server = TraceServiceServer::new(self.clone());
                let server = server.accept_compressed(CompressionEncoding::Gzip).max_decoding_message_size(MAX_REQUEST);
                answer_of(server, request).await
            }
            LOGS => {
                // The unit message skips every field it is given.
                let mut grpc = tonic::server::Grpc::new(ProstCodec::<(), ()>::default())
                    .accept_compressed(CompressionEncoding::Gzip)
                    .max_decoding_message_size(MAX_REQUEST);
                grpc.unary(Ignore, request).await
            }
            _ => Status::new(Code::Unimplemented, "only OTLP metrics, traces and logs are taken here").into_http(),
        }
    }

    fn put(&self, received: Received) -> Result<(), Status> {
        if self.inbox.put(received) {
            Ok(())
        } else {
            Err(Status::unavailable("more arrives than can be shown; send it again"))
        }
    }
}

async fn answer_of<S>(mut service: S, request: Request<Incoming>) -> Response<Body>
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = std::convert::Infallible>,
{
    match service.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

#[tonic::async_trait]
impl MetricsService for Grpc {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<ExportMetricsServiceResponse>, Status> {
        self.put(Received::Metrics(request.into_inner()))?;
        Ok(tonic::Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl TraceService for Grpc {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, Status> {
        self.put(Received::Traces(request.into_inner()))?;
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

/// Acknowledges and drops.
struct Ignore;

impl UnaryService<()> for Ignore {
    type Response = ();
    type Future = std::future::Ready<Result<tonic::Response<()>, Status>>;

    fn call(&mut self, _: tonic::Request<()>) -> Self::Future {
        std::future::ready(Ok(tonic::Response::new(())))
    }
}
