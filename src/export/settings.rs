//! How and where to deliver. Configuration maps onto these; nothing else of the program is known here.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use thiserror::Error;

use super::compress::Encoding;
use super::headers::Headers;
use super::proxy::Proxies;
use super::retry::Backoff;
use crate::model::Text;
use crate::tls::{self, ClientTls};

/// How and where to deliver.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The collector's URL. For HTTP the whole one, path included ([`metrics_url`] makes it from a base URL).
    pub endpoint: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// Headers (gRPC: metadata) of every request.
    pub headers: Headers,
    /// How requests are compressed.
    pub compression: Compression,
    /// TLS to an `https://` endpoint; its protocols should be those of [`Protocol::alpn`].
    pub tls: Arc<ClientTls>,
    /// Which proxies are on the way, if any.
    pub proxies: Proxies,
    /// The most that one try takes: connect, request, whole answer.
    pub timeout: Duration,
    /// When to try again, and how long.
    pub retry: Retry,
    /// The most that one request takes before compression, in bytes.
    pub max_request_bytes: usize,
}

/// When to try again, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The pauses.
    pub backoff: Backoff,
    /// A batch that has failed for longer is dropped; zero: never while the outbox has room.
    pub give_up_after: Duration,
}

/// OTLP's transports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP with protobuf.
    HttpProtobuf,
}

/// How requests are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not on the way to this host, else gzip.
    Auto,
    /// Not.
    None,
    /// With gzip.
    Gzip,
    /// With zstd.
    Zstd,
}

/// What is wrong with export settings. Never shows a header's value or credentials.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// Not a URL of a collector.
    #[error(
        "export.endpoint {endpoint:?} is not an http:// or https:// URL with a host; write it like http://collector:4317"
    )]
    Endpoint {
        /// What was given, without credentials.
        endpoint: String,
    },
    /// User name or password in the URL.
    #[error("export.endpoint has credentials before the @; give them in export.headers instead")]
    Credentials,
    /// A header that cannot be sent.
    #[error("export.headers: {name:?} {problem}")]
    Header {
        /// The header's name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint: "http://localhost:4317".to_owned(),
            protocol: Protocol::Grpc,
            headers: Headers::default(),
            compression: Compression::Auto,
            tls: Arc::new(ClientTls::new(
                tls::Options { alpn: Protocol::Grpc.alpn(), ..tls::Options::default() },
                |_| (),
            )),
            proxies: Proxies::default(),
            timeout: Duration::from_secs(10),
            retry: Retry::default(),
            max_request_bytes: 2 << 20,
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            backoff: Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(30) },
            give_up_after: Duration::ZERO,
        }
    }
}

impl Protocol {
    /// What is agreed on with a peer behind TLS.
    pub fn alpn(self) -> &'static [&'static str] {
        match self {
            Self::Grpc => &["h2"],
            Self::HttpProtobuf => &["http/1.1"],
        }
    }
}

/// The URL for metrics of an OTLP/HTTP collector, from the base URL that is common to all signals: `v1/metrics` is
/// appended to its path (OpenTelemetry specification, “OTLP Exporter”, endpoint URLs for OTLP/HTTP).
pub fn metrics_url(base: &str) -> String {
    let (url, query) = base.split_once('?').map_or((base, None), |(url, query)| (url, Some(query)));
    let mut out = format!("{}/v1/metrics", url.trim_end_matches('/'));
    if let Some(query) = query {
        out.push('?');
        out.push_str(query);
    }
    out
}

impl Settings {
    /// Reads the endpoint.
    pub(super) fn uri(&self) -> Result<Uri, SettingsError> {
        let bad = || SettingsError::Endpoint { endpoint: super::classify::shown(&self.endpoint) };
        if self.endpoint.contains('@') {
            return Err(SettingsError::Credentials);
        }
        let uri: Uri = self.endpoint.trim().parse().map_err(|_| bad())?;
        let host = uri.host().unwrap_or_default();
        match uri.scheme_str() {
            Some("http" | "https") if !host.is_empty() => Ok(uri),
            _ => Err(bad()),
        }
    }

    /// How requests are compressed, if they are.
    pub(super) fn encoding(&self, uri: &Uri) -> Option<Encoding> {
        match self.compression {
            Compression::None => None,
            Compression::Gzip => Some(Encoding::Gzip),
            Compression::Zstd => Some(Encoding::Zstd),
            Compression::Auto => (!is_loopback(uri.host().unwrap_or_default())).then_some(Encoding::Gzip),
        }
    }
}

/// How an endpoint is shown: without the query, which can hold a token.
pub(super) fn shown_endpoint(uri: &Uri) -> Text {
    let authority = uri.authority().map_or("", |a| a.as_str());
    let path = if uri.path() == "/" { "" } else { uri.path() };
    format!("{}://{authority}{path}", uri.scheme_str().unwrap_or("http")).into()
}

/// Whether a host is this one, by its name or address.
pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || address.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback())
}

#[cfg(test)]
mod tests;
