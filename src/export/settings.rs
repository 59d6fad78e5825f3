//! How and where to deliver. Configuration maps onto these; nothing else of the program is known here.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use thiserror::Error;

use super::retry::Backoff;
use crate::model::Text;

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
}

/// Headers of every request. Their values are secret and are never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(HeaderMap);

/// What is wrong with export settings. Never shows a header's value or credentials.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SettingsError {
    /// Not a URL of a collector.
    #[error("export.endpoint {endpoint:?} is not an http:// URL with a host; write it like http://collector:4317")]
    Endpoint {
        /// What was given, without credentials.
        endpoint: String,
    },
    /// User name or password in the URL.
    #[error("export.endpoint has credentials before the @; give them in export.headers instead")]
    Credentials,
    /// TLS.
    #[error("export.endpoint {endpoint:?}: TLS to the collector is not supported; use http:// to a collector nearby")]
    Tls {
        /// What was given.
        endpoint: String,
    },
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

impl Headers {
    /// Takes names with values.
    ///
    /// # Errors
    /// A name or value that HTTP does not allow, or a header that the protocol itself sets.
    pub fn try_new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, SettingsError> {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            let problem = |problem| SettingsError::Header { name: super::classify::shown(name), problem };
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| problem("is not a header name"))?;
            if is_reserved(&key) {
                return Err(problem("is set by the protocol; remove it"));
            }
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| problem("has a value with characters that a header cannot have"))?;
            value.set_sensitive(true);
            map.insert(key, value);
        }
        Ok(Self(map))
    }

    /// The headers, marked as sensitive.
    pub fn map(&self) -> &HeaderMap {
        &self.0
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.keys().map(|name| (name.as_str(), "***"))).finish()
    }
}

/// Headers that would break a request, and gRPC's binary ones, whose values would have to be base64.
fn is_reserved(name: &HeaderName) -> bool {
    let name = name.as_str();
    let fixed = [
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "te",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    ];
    fixed.contains(&name) || name.starts_with("grpc-") || name.ends_with("-bin")
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
            Some("http") if !host.is_empty() => Ok(uri),
            Some("https") if !host.is_empty() => {
                Err(SettingsError::Tls { endpoint: super::classify::shown(&self.endpoint) })
            }
            _ => Err(bad()),
        }
    }

    /// Whether requests are compressed.
    pub(super) fn gzip(&self, uri: &Uri) -> bool {
        match self.compression {
            Compression::None => false,
            Compression::Gzip => true,
            Compression::Auto => !is_loopback(uri.host().unwrap_or_default()),
        }
    }
}

/// How an endpoint is shown: without the query, which can hold a token.
pub(super) fn shown_endpoint(uri: &Uri) -> Text {
    let authority = uri.authority().map_or("", |a| a.as_str());
    let path = if uri.path() == "/" { "" } else { uri.path() };
    format!("{}://{authority}{path}", uri.scheme_str().unwrap_or("http")).into()
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || address.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback())
}

#[cfg(test)]
mod tests;
