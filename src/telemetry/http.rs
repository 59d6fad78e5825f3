//! The HTTP client of the SDK's exporters: the request itself runs on the agent's runtime, while the SDK's own thread,
//! which has none, waits for it.

use std::fmt;
use std::io::Write;

use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use tokio::runtime::Handle;

use super::target::{BoxError, Compression, Dial, Target};
use super::watch::Cause;

/// An answer to OTLP is a few bytes; more than this is not read.
const MOST_ANSWER: usize = 64 * 1024;

/// What requests say of their sender.
const NAME: &str = concat!("dockpulse/", env!("CARGO_PKG_VERSION"));

/// Sends the requests of one signal.
pub(super) struct Sender<C> {
    client: Client<C, Full<Bytes>>,
    target: Target,
    runtime: Handle,
    cause: Cause,
}

impl<C: Dial> Sender<C> {
    pub(super) fn new(target: &Target, connector: C, runtime: Handle, cause: Cause) -> Self {
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(1).build(connector);
        Self { client, target: target.clone(), runtime, cause }
    }

    /// The exporter's request with the headers of the settings and no others.
    fn dressed(&self, request: Request<Bytes>) -> Result<Request<Full<Bytes>>, BoxError> {
        let (mut parts, mut body) = request.into_parts();
        let content_type = parts.headers.remove(CONTENT_TYPE);
        parts.headers = self.target.secret_headers();
        parts.headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(NAME));
        parts.headers.extend(content_type.map(|value| (CONTENT_TYPE, value)));
        let (encoding, smaller) = match self.target.compression {
            Compression::None => return Ok(Request::from_parts(parts, Full::new(body))),
            Compression::Gzip => ("gzip", gzipped(&body)?),
            Compression::Zstd => ("zstd", zstd::bulk::compress(&body, 1)?.into()),
        };
        body = smaller;
        parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        Ok(Request::from_parts(parts, Full::new(body)))
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, BoxError> {
        let answer = self.client.request(self.dressed(request)?);
        let timeout = self.target.timeout;
        let whole = async move {
            let (parts, body) = answer.await?.into_parts();
            let body = Limited::new(body, MOST_ANSWER).collect().await?.to_bytes();
            Ok(Response::from_parts(parts, body))
        };
        let limited = async move {
            match tokio::time::timeout(timeout, whole).await {
                Ok(result) => result,
                Err(_) => Err(format!("no answer within {:.1} s", timeout.as_secs_f64()).into()),
            }
        };
        self.runtime.spawn(limited).await?
    }
}

#[async_trait::async_trait]
impl<C: Dial> HttpClient for Sender<C> {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let result = self.send(request).await;
        if let Err(error) = &result {
            self.cause.set(self.target.failure.now().unwrap_or_else(|| with_sources(&**error)));
        }
        result
    }
}

impl<C> fmt::Debug for Sender<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("target", &self.target).finish_non_exhaustive()
    }
}

fn gzipped(body: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body)?;
    encoder.finish().map(Bytes::from)
}

/// An error with all that caused it: hyper's own words are only “client error (Connect)”.
fn with_sources(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
