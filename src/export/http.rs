//! OTLP/HTTP with protobuf.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, PROXY_AUTHORIZATION, RETRY_AFTER, USER_AGENT};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message;

use super::classify::{self, Failure, Verdict};
use super::client::{LONGEST_ANSWER, broken, unconnected};
use super::compress::Encoding;
use super::connect::{Connector, Known, SPEAKS_TLS, WANTS_CREDENTIALS};
use super::grpc::UNREADABLE;
use super::settings::Settings;
use crate::model::time::{Clock, UnixNanos};

const PROTOBUF: &str = "application/x-protobuf";

/// An HTTP/1.1 connection to a collector.
#[derive(Debug)]
pub(super) struct HttpClient {
    client: Client<Connector, Full<Bytes>>,
    connector: Connector,
    uri: Uri,
    encoding: Option<Encoding>,
    timeout: Duration,
    /// For a `Retry-After` that is a date.
    clock: Clock,
}

impl HttpClient {
    pub(super) fn new(settings: &Settings, uri: Uri, connector: Connector, clock: Clock) -> Self {
        let encoding = settings.encoding(&uri);
        let client = pool(connector.clone());
        Self { client, connector, uri, encoding, timeout: settings.timeout, clock }
    }

    pub(super) async fn send(&mut self, request: Bytes, headers: &HeaderMap) -> Verdict {
        let timeout = Verdict::Retry { after: None, cause: Failure::Timeout(self.timeout) };
        tokio::time::timeout(self.timeout, self.call(request, headers.clone())).await.unwrap_or(timeout)
    }

    /// The next request has a connection of its own.
    pub(super) fn disconnect(&mut self) {
        self.client = pool(self.connector.clone());
    }

    async fn call(&self, message: Bytes, mut headers: HeaderMap) -> Verdict {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
        headers.insert(USER_AGENT, HeaderValue::from_static(super::client::USER_AGENT));
        if let Some(value) = self.connector.proxy_authorization(&self.uri) {
            headers.insert(PROXY_AUTHORIZATION, value);
        }
        let compressed = self.encoding.and_then(|encoding| Some((encoding, encoding.compress(&message)?)));
        let body = compressed.map(|(encoding, smaller)| {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
            smaller
        });
        let mut request = Request::new(Full::new(body.unwrap_or(message)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        match self.client.request(request).await {
            Ok(answer) => self.judge(answer).await,
            Err(error) => broken(&self.connector, error.source().unwrap_or(&error), mend),
        }
    }

    async fn judge(&self, answer: Response<Incoming>) -> Verdict {
        let (head, body) = answer.into_parts();
        let (body, is_whole) = read(body).await;
        verdict(&head, &body, is_whole, self.clock.now().wall)
    }
}

fn pool(connector: Connector) -> Client<Connector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).pool_max_idle_per_host(1).build(connector)
}

/// The verdict on an answer, and on as much of its body as came and fitted.
pub(super) fn verdict(head: &Parts, body: &[u8], is_whole: bool, now: UnixNanos) -> Verdict {
    if head.status.is_success() {
        return if is_whole { accepted(&head.headers, body) } else { classify::acked(0, UNREADABLE) };
    }
    if let Some(known) = misdirected(head.status, body) {
        return unconnected(known);
    }
    let message = error_text(&head.headers, body);
    let after = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let after = after.and_then(|value| classify::retry_after(value, now));
    classify::http(head.status, &message, after)
}

/// The body as far as it comes and fits, and whether that is all. What does not fit is not read: dropping the rest ends
/// the connection. Whoever refuses a request without having read it may cut off his own words.
async fn read(body: Incoming) -> (Vec<u8>, bool) {
    let (mut body, mut read) = (Limited::new(body, LONGEST_ANSWER), Vec::new());
    while let Some(frame) = body.frame().await {
        match frame.map(|frame| frame.into_data()) {
            Ok(data) => read.extend_from_slice(&data.unwrap_or_default()),
            Err(_) => return (read, false),
        }
    }
    (read, true)
}

/// What is no answer of a collector, because the request did not get that far.
fn misdirected(status: StatusCode, body: &[u8]) -> Option<Known> {
    let says = |words: &str| body.windows(words.len()).any(|some| some == words.as_bytes());
    match status {
        StatusCode::BAD_REQUEST if HTTP_TO_HTTPS.into_iter().any(says) => Some(SPEAKS_TLS.into()),
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            let (what, mend) = WANTS_CREDENTIALS;
            Some(Known { text: format!("the proxy {what}"), mend })
        }
        _ => None,
    }
}

/// What servers (Go's, nginx, Apache) say when plain HTTP reaches a port for TLS.
const HTTP_TO_HTTPS: [&str; 3] = [
    "HTTP request to an HTTPS server",
    "plain HTTP request was sent to HTTPS port",
    "plain HTTP to an SSL-enabled server",
];

/// The verdict on an answer with status 2xx: the collector has the points, whatever is in the body.
fn accepted(headers: &HeaderMap, body: &[u8]) -> Verdict {
    if body.is_empty() {
        return classify::acked(0, "");
    }
    let answer = is_protobuf(headers).then(|| ExportMetricsServiceResponse::decode(body).ok()).flatten();
    match answer {
        Some(ExportMetricsServiceResponse { partial_success: Some(partial) }) => {
            classify::acked(partial.rejected_data_points, &partial.error_message)
        }
        Some(_) => classify::acked(0, ""),
        None => classify::acked(0, UNREADABLE),
    }
}

/// The words of an error: the message of the `google.rpc.Status` that OTLP asks for, else the text.
fn error_text(headers: &HeaderMap, body: &[u8]) -> String {
    if is_protobuf(headers) {
        return tonic_types::Status::decode(body).map(|status| status.message).unwrap_or_default();
    }
    let is_text =
        content_type(headers).is_some_and(|t| t.starts_with("text/plain") || t.starts_with("application/json"));
    if is_text { String::from_utf8_lossy(body).into_owned() } else { String::new() }
}

fn is_protobuf(headers: &HeaderMap) -> bool {
    content_type(headers).is_none_or(|t| t.starts_with(PROTOBUF))
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE)?.to_str().ok()
}

fn mend(text: &str) -> &'static str {
    if ["invalid HTTP version", "unexpected message"].iter().any(|words| text.contains(words)) {
        "that is not HTTP/1.1: if it is the port for OTLP over gRPC (usually 4317), set protocol: grpc"
    } else if text.contains("closed before message completed") {
        "it was cut; if that is the port for OTLP over gRPC (usually 4317), set protocol: grpc"
    } else if text.contains("refused") {
        "check that the collector runs and has an OTLP/HTTP receiver at this address"
    } else {
        ""
    }
}
