//! OTLP/gRPC. tonic speaks the protocol; the request is passed through as the bytes that `encode` made.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Uri};
use http_body_util::Full;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, TimeoutExpired};
use tonic_types::StatusExt;
use tower_service::Service;

use super::answer;
use super::classify::{self, Failure, Verdict};
use super::client::{LONGEST_ANSWER, USER_AGENT, broken};
use super::compress::Encoding;
use super::connect::Connector;
use super::settings::{Settings, SettingsError, shown_endpoint};

const METHOD: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// A warning for an answer that was too long or was none; the collector has the points all the same.
pub(super) const UNREADABLE: &str =
    "the answer is not OTLP's and was not read; check that export.endpoint is an OTLP receiver";

/// A gRPC connection to a collector.
#[derive(Debug)]
pub(super) struct GrpcClient {
    endpoint: Endpoint,
    address: Uri,
    connector: Connector,
    path: PathAndQuery,
    encoding: Option<Encoding>,
    timeout: Duration,
    channel: Option<Channel>,
}

impl GrpcClient {
    pub(super) fn new(settings: &Settings, uri: Uri, connector: Connector) -> Result<Self, SettingsError> {
        let bad = |uri: &Uri| SettingsError::Endpoint { endpoint: shown_endpoint(uri).to_string() };
        let path = format!("{}{METHOD}", uri.path().trim_end_matches('/')).parse().map_err(|_| bad(&uri))?;
        let encoding = settings.encoding(&uri);
        let plain = plain(&uri).ok_or_else(|| bad(&uri))?;
        let endpoint = Endpoint::from(plain).origin(uri.clone()).connect_timeout(settings.timeout);
        let endpoint = endpoint.user_agent(USER_AGENT).map_err(|_| bad(&uri))?;
        let timeout = settings.timeout;
        Ok(Self { endpoint, address: uri, connector, path, encoding, timeout, channel: None })
    }

    pub(super) async fn send(&mut self, request: Bytes, headers: &HeaderMap) -> Verdict {
        // Taken out and put back only after an answer: a request that failed, hangs or is aborted takes its connection
        // with it.
        let channel = self.channel.take().unwrap_or_else(|| self.channel());
        let call = self.call(channel.clone(), request, headers);
        let (verdict, sound) = match tokio::time::timeout(self.timeout, call).await {
            Ok(Ok(answer)) => (answer.verdict(), true),
            Ok(Err(status)) if !is_timeout(&status) => (self.verdict(&status), status.source().is_none()),
            Ok(Err(_)) | Err(_) => (Verdict::Retry { after: None, cause: Failure::Timeout(self.timeout) }, false),
        };
        self.channel = sound.then_some(channel);
        verdict
    }

    /// The next request has a connection of its own.
    pub(super) fn disconnect(&mut self) {
        self.channel = None;
    }

    fn channel(&self) -> Channel {
        let dialer = Dialer { connector: self.connector.clone(), address: self.address.clone() };
        self.endpoint.connect_with_connector_lazy(dialer)
    }

    async fn call(&self, channel: Channel, request: Bytes, headers: &HeaderMap) -> Result<Answer, Status> {
        let compressed = self.encoding.and_then(|encoding| Some((encoding, encoding.grpc_message(&request)?)));
        let mut grpc = Grpc::new(Guarded { channel, compressed }).max_decoding_message_size(LONGEST_ANSWER);
        grpc.ready().await.map_err(|e| Status::from_error(e.into()))?;
        let mut request = Request::new(tokio_stream::once(request));
        *request.metadata_mut() = MetadataMap::from_headers(headers.clone());
        request.set_timeout(self.timeout);
        let mut answers = grpc.streaming(request, self.path.clone(), PassThrough).await?.into_inner();
        let answer = answers.message().await?.unwrap_or(Answer::Nothing);
        answers.trailers().await?;
        Ok(answer)
    }

    /// The verdict on a status: the collector's, or one that tonic made of a failed connection, which has a source.
    fn verdict(&self, status: &Status) -> Verdict {
        if let Some(source) = status.source() {
            return broken(&self.connector, source, mend);
        }
        told(status)
    }
}

/// The verdict on a status that the collector sent.
pub(super) fn told(status: &Status) -> Verdict {
    let retry_info = status.get_details_retry_info().and_then(|info| info.retry_delay);
    classify::grpc(status.code(), status.message(), retry_info)
}

/// tonic refuses `https` without its own TLS, which the connector brings along; so tonic is shown `http`.
fn plain(address: &Uri) -> Option<Uri> {
    let mut parts = address.clone().into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    Uri::from_parts(parts).ok()
}

/// Connects to the real address.
#[derive(Debug, Clone)]
struct Dialer {
    connector: Connector,
    address: Uri,
}

impl Service<Uri> for Dialer {
    type Response = <Connector as Service<Uri>>::Response;
    type Error = <Connector as Service<Uri>>::Error;
    type Future = <Connector as Service<Uri>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connector.poll_ready(cx)
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        self.connector.call(self.address.clone())
    }
}

/// Whether tonic's timer, which has the same time, was first.
fn is_timeout(status: &Status) -> bool {
    let mut next = status.source();
    while let Some(error) = next {
        if error.is::<TimeoutExpired>() {
            return true;
        }
        next = error.source();
    }
    false
}

fn mend(text: &str) -> &'static str {
    if ["FRAME_SIZE_ERROR", "frame with invalid size", "PROTOCOL_ERROR"].iter().any(|words| text.contains(words)) {
        "that is not gRPC: if it is the port for OTLP over HTTP (usually 4318), set protocol: http/protobuf"
    } else if ["broken pipe", "reset by peer"].iter().any(|words| text.contains(words)) {
        "it was cut; if that port speaks TLS, use https://; if it is that for OTLP over HTTP (usually 4318), set protocol: http/protobuf"
    } else if text.contains("refused") {
        "check that the collector runs and has an OTLP/gRPC receiver at this address"
    } else {
        ""
    }
}

/// The content of an answer with status OK.
pub(super) enum Answer {
    Read(ExportMetricsServiceResponse),
    Unreadable,
    Nothing,
}

impl Answer {
    /// Reads the message; one that cannot be read is told as such and is no error.
    pub(super) fn read(message: impl Buf) -> Self {
        ExportMetricsServiceResponse::decode(message).map_or(Self::Unreadable, Self::Read)
    }

    pub(super) fn verdict(self) -> Verdict {
        match self {
            Self::Read(ExportMetricsServiceResponse { partial_success: Some(partial) }) => {
                classify::acked(partial.rejected_data_points, &partial.error_message)
            }
            Self::Read(_) | Self::Nothing => classify::acked(0, ""),
            Self::Unreadable => classify::acked(0, UNREADABLE),
        }
    }
}

/// Requests are bytes already.
#[derive(Debug, Clone, Copy)]
struct PassThrough;

impl Codec for PassThrough {
    type Encode = Bytes;
    type Decode = Answer;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for PassThrough {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, request: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.reserve(request.len());
        out.put(request);
        Ok(())
    }
}

impl Decoder for PassThrough {
    type Item = Answer;
    type Error = Status;

    fn decode(&mut self, answer: &mut DecodeBuf<'_>) -> Result<Option<Answer>, Status> {
        Ok(Some(Answer::read(answer)))
    }
}

/// Keeps hostile answers away from tonic. Sends the request compressed, if it is: tonic's own zstd would bring all old
/// formats of it along.
#[derive(Debug)]
struct Guarded {
    channel: Channel,
    compressed: Option<(Encoding, Bytes)>,
}

impl Service<http::Request<Body>> for Guarded {
    type Response = http::Response<Body>;
    type Error = tonic::transport::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.channel.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        if let Some((encoding, message)) = &self.compressed {
            request.headers_mut().insert("grpc-encoding", HeaderValue::from_static(encoding.name()));
            *request.body_mut() = Body::new(Full::new(message.clone()));
        }
        let answer = self.channel.call(request);
        Box::pin(async move { Ok(answer::sound(answer.await?).await) })
    }
}
