//! OTLP/gRPC: metrics and spans are taken in, logs are acknowledged and dropped.

use std::future::{Ready, ready};

use bytes::{Buf, Bytes};
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tonic::body::Body;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::UnaryService;
use tonic::{Code, Status};

use super::inbox::{Format, Inbox, Refusal, Signal};
use super::server::{MAX_REQUEST, WHOLE_REQUEST};

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
            let message = "this is OTLP/gRPC; OTLP/HTTP has a port of its own, 4318 by default";
            return super::http::refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
        }
        let Some(signal) = signal_of(request.uri().path()) else {
            return Status::new(Code::Unimplemented, "only OTLP metrics, traces and logs are taken").into_http();
        };
        let whole = async {
            let _permit = self.inbox.permit().await;
            let mut grpc = tonic::server::Grpc::new(Raw)
                .accept_compressed(CompressionEncoding::Gzip)
                .max_decoding_message_size(MAX_REQUEST);
            grpc.unary(Export { signal, inbox: self.inbox.clone() }, request).await
        };
        match tokio::time::timeout(WHOLE_REQUEST, whole).await {
            Ok(response) => response,
            Err(_) => Status::deadline_exceeded("the request did not arrive in time").into_http(),
        }
    }
}

fn signal_of(path: &str) -> Option<Signal> {
    match path {
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => Some(Signal::Metrics),
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Some(Signal::Traces),
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Some(Signal::Logs),
        _ => None,
    }
}

/// The method `Export` of a signal's service. The response to what was taken is an empty message.
struct Export {
    signal: Signal,
    inbox: Inbox,
}

impl UnaryService<Bytes> for Export {
    type Response = ();
    type Future = Ready<Result<tonic::Response<()>, Status>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let taken = self.inbox.take(self.signal, Format::Protobuf, request.get_ref());
        ready(taken.map(tonic::Response::new).map_err(|refusal| status(&refusal)))
    }
}

fn status(refusal: &Refusal) -> Status {
    let code = match refusal {
        Refusal::Full => Code::Unavailable,
        Refusal::TooLarge => Code::ResourceExhausted,
        Refusal::NotOtlp(_) => Code::InvalidArgument,
    };
    Status::new(code, refusal.message())
}

/// Hands the bytes of a message over as they are: they are weighed before they are decoded.
#[derive(Debug, Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = ();
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = ();
    type Error = Status;

    fn encode(&mut self, (): (), _: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(message.copy_to_bytes(message.remaining())))
    }
}
