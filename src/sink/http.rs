//! OTLP/HTTP: protobuf or JSON, plain or gzip. Logs are acknowledged and dropped.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::header::{ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use prost::Message;
use tonic::body::Body;

use super::inbox::{Format, Inbox, Refusal, Signal};
use super::server::{MAX_REQUEST, WHOLE_REQUEST};

/// Answers OTLP/HTTP requests.
#[derive(Debug, Clone)]
pub(super) struct Http {
    inbox: Inbox,
}

/// Why a request is not taken: the status, words for people, a header that says more.
pub(super) struct Refused(StatusCode, String, Option<(HeaderName, HeaderValue)>);

impl Http {
    pub(super) fn new(inbox: Inbox) -> Self {
        Self { inbox }
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let format = format_of(request.headers());
        match self.take(request, format).await {
            Ok(()) => accepted(format.unwrap_or(Format::Protobuf)),
            Err(refused) => refused.response(format.unwrap_or(Format::Protobuf)),
        }
    }

    async fn take(&self, request: Request<Incoming>, format: Option<Format>) -> Result<(), Refused> {
        let signal = signal_of(request.uri().path())?;
        if request.method() != Method::POST {
            let allow = Some((ALLOW, HeaderValue::from_static("POST")));
            return Err(Refused(StatusCode::METHOD_NOT_ALLOWED, "only POST".to_owned(), allow));
        }
        let Some(format) = format else {
            return Err(unsupported("send application/x-protobuf or application/json; gRPC has a port of its own"));
        };
        let gzip = is_gzip(request.headers())?;
        let whole = async {
            let permit = self.inbox.permit().await;
            (collect(request.into_body()).await, permit)
        };
        let Ok((body, _permit)) = tokio::time::timeout(WHOLE_REQUEST, whole).await else {
            return Err(Refused(StatusCode::REQUEST_TIMEOUT, "the request did not arrive in time".to_owned(), None));
        };
        let body = if gzip { gunzip(&body?)? } else { body? };
        self.inbox.take(signal, format, &body).map_err(|refusal| Refused::of(&refusal))
    }
}

fn signal_of(path: &str) -> Result<Signal, Refused> {
    match path {
        "/v1/metrics" => Ok(Signal::Metrics),
        "/v1/traces" => Ok(Signal::Traces),
        "/v1/logs" => Ok(Signal::Logs),
        _ => Err(Refused(StatusCode::NOT_FOUND, "OTLP is taken at /v1/metrics, /v1/traces, /v1/logs".to_owned(), None)),
    }
}

fn format_of(headers: &HeaderMap) -> Option<Format> {
    let text = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let media_type = text.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/x-protobuf") {
        Some(Format::Protobuf)
    } else if media_type.eq_ignore_ascii_case("application/json") {
        Some(Format::Json)
    } else {
        None
    }
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, Refused> {
    match headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"" | b"identity") => Ok(false),
        Some(b"gzip") => Ok(true),
        Some(_) => Err(unsupported("the only compression that is understood is gzip")),
    }
}

async fn collect(body: Incoming) -> Result<Bytes, Refused> {
    match Limited::new(body, MAX_REQUEST).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(Refused(StatusCode::BAD_REQUEST, "the body broke off".to_owned(), None)),
    }
}

/// Decompresses until the cap and not a byte further.
pub(super) fn gunzip(body: &[u8]) -> Result<Bytes, Refused> {
    let mut out = Vec::new();
    let mut decoder = MultiGzDecoder::new(body).take(MAX_REQUEST as u64 + 1);
    if decoder.read_to_end(&mut out).is_err() {
        return Err(Refused(StatusCode::BAD_REQUEST, "the body is not gzip".to_owned(), None));
    }
    if out.len() > MAX_REQUEST { Err(too_large()) } else { Ok(out.into()) }
}

fn too_large() -> Refused {
    Refused::of(&Refusal::TooLarge)
}

fn unsupported(message: &str) -> Refused {
    let gzip = Some((ACCEPT_ENCODING, HeaderValue::from_static("gzip")));
    Refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, message.to_owned(), gzip)
}

/// The empty response of the signal's service.
fn accepted(format: Format) -> Response<Body> {
    let body = match format {
        Format::Protobuf => Bytes::new(),
        Format::Json => Bytes::from_static(b"{}"),
    };
    response(StatusCode::OK, content_type(format), body)
}

/// A refusal in plain text, for those who do not speak OTLP/HTTP.
pub(super) fn refusal(status: StatusCode, message: &str) -> Response<Body> {
    response(status, "text/plain; charset=utf-8", message.to_owned().into())
}

impl Refused {
    fn of(refusal: &Refusal) -> Self {
        let (status, header) = match refusal {
            Refusal::Full => (StatusCode::SERVICE_UNAVAILABLE, Some((RETRY_AFTER, HeaderValue::from_static("1")))),
            Refusal::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, None),
            Refusal::NotOtlp(_) => (StatusCode::BAD_REQUEST, None),
        };
        Self(status, refusal.message(), header)
    }

    /// OTLP/HTTP wants a `google.rpc.Status` in the format of the request.
    fn response(self, format: Format) -> Response<Body> {
        let Self(status, message, header) = self;
        let body = match format {
            Format::Protobuf => tonic_types::Status { message, ..Default::default() }.encode_to_vec(),
            Format::Json => serde_json::json!({ "message": message }).to_string().into_bytes(),
        };
        let mut response = response(status, content_type(format), body.into());
        response.headers_mut().extend(header);
        response
    }
}

fn content_type(format: Format) -> &'static str {
    match format {
        Format::Protobuf => "application/x-protobuf",
        Format::Json => "application/json",
    }
}

fn response(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
