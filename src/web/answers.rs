//! What is answered to whom has been let in.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, REFERRER_POLICY,
    RETRY_AFTER, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};

use super::assets::{Asset, Assets};
use super::exposition;
use super::guard::{Guard, Refusal};
use super::measures::Measures;
use super::process::Process;
use super::ready::unready;
use super::stream::Streams;
use crate::status::{Board, Delta, Handle};

/// The body of an answer.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

const TEXT: &str = "text/plain; charset=utf-8";
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Scripts and styles come from here or not at all, nothing is asked of anybody else, and nobody may frame the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// With every answer.
const ALWAYS: [(HeaderName, &str); 7] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Answers requests.
pub(super) struct Answers {
    pub(super) guard: Guard,
    pub(super) assets: Assets,
    pub(super) handle: Handle,
    pub(super) streams: Streams,
    pub(super) measures: Box<dyn Fn() -> Measures + Send + Sync>,
}

impl Answers {
    /// The answer to a request.
    pub(super) fn answer(&self, request: &Parts) -> Response<Body> {
        let mut response = match self.guard.admit(request) {
            Ok(()) => self.read(request),
            Err(refusal) => {
                let (status, words) = refusal.answer();
                let mut response = plain(status, words);
                if refusal == Refusal::Method {
                    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                }
                response
            }
        };
        for (name, value) in ALWAYS {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        response
    }

    fn read(&self, request: &Parts) -> Response<Body> {
        match request.uri.path() {
            "/events" => self.events(request),
            "/status.json" => self.status(),
            "/metrics" => {
                full(StatusCode::OK, EXPOSITION, exposition::text(&self.summary(), &(self.measures)(), &Process::now()))
            }
            "/healthz" => plain(StatusCode::OK, "ok"),
            "/readyz" => match unready(&self.summary().engines) {
                None => plain(StatusCode::OK, "ready"),
                Some(why) => plain(StatusCode::SERVICE_UNAVAILABLE, &why),
            },
            path => match self.assets.at(path) {
                Some(asset) => file(asset, &request.headers),
                None => {
                    plain(StatusCode::NOT_FOUND, "there is /, /status.json, /events, /healthz, /readyz and /metrics")
                }
            },
        }
    }

    /// The agent, its engines, its export and its outbox: nothing that there are many of is copied while the board is
    /// locked.
    fn summary(&self) -> Delta {
        self.handle.since(self.handle.look(Board::revision))
    }

    fn status(&self) -> Response<Body> {
        match serde_json::to_vec(&self.handle.since(0)) {
            Ok(json) => full(StatusCode::OK, "application/json", json),
            Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "the status cannot be written as JSON"),
        }
    }

    fn events(&self, request: &Parts) -> Response<Body> {
        const EVENTS: &str = "text/event-stream";
        if request.method == Method::HEAD {
            return full(StatusCode::OK, EVENTS, "");
        }
        let last = request.headers.get("last-event-id").and_then(|id| id.to_str().ok());
        match self.streams.open(last) {
            Some(stream) => with_type(StatusCode::OK, EVENTS, StreamBody::new(stream).boxed_unsync()),
            None => {
                let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, "too many pages are open");
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
                response
            }
        }
    }
}

fn file(asset: &Asset, headers: &HeaderMap) -> Response<Body> {
    let known = headers.get(IF_NONE_MATCH).is_some_and(|tag| *tag == asset.etag);
    let mut response = if known {
        let mut response = Response::new(Empty::new().boxed_unsync());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        full(StatusCode::OK, asset.content_type, asset.content)
    };
    response.headers_mut().insert(ETAG, asset.etag.clone());
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn plain(status: StatusCode, words: &str) -> Response<Body> {
    full(status, TEXT, format!("{words}\n"))
}

fn full(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    with_type(status, content_type, Full::new(body.into()).boxed_unsync())
}

fn with_type(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests;
