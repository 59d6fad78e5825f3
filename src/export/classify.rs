//! What an answer of the collector means for the data: delivered, to be sent again, or lost.
//!
//! The rules are those of the OTLP specification (“Failures”, “OTLP/HTTP Response”); everything that it does not allow
//! to be sent again is dropped and said. One exception, which [`super::delivery`] explains: a request that was refused for
//! its credentials is sent again if these are in files, because others may follow.

use std::fmt::Write as _;
use std::time::Duration;

use http::StatusCode;
use thiserror::Error;
use tonic::Code;

use super::retry::LONGEST_ASKED;
use crate::model::time::UnixNanos;

/// The most that is kept of a text that the collector sent, in characters.
const LONGEST_TEXT: usize = 300;

/// What becomes of a request's points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The collector has them. Never sent again, also if it rejected some.
    Acked {
        /// How many points it says it rejected.
        rejected: u64,
        /// What it says about that, or a warning; usually empty. Safe to show.
        message: String,
    },
    /// The same bytes are to be sent again.
    Retry {
        /// How long the collector asked to wait.
        after: Option<Duration>,
        /// Why.
        cause: Failure,
    },
    /// The request is over the collector's limit; smaller ones may not be.
    TooLarge(Failure),
    /// The request was refused for who sent it; with other credentials the same bytes may be taken.
    Reauthenticate(Failure),
    /// They are lost.
    Drop(Failure),
}

/// Why a request was not delivered. Safe to show: what the collector wrote is cut and escaped, and no header is in it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Failure {
    /// A gRPC status other than OK.
    #[error("the collector answered {} ({}){}{}", grpc_name(*.code), *.code as i32, after_colon(.message), mend_of_code(*.code, .message))]
    Grpc {
        /// The code.
        code: Code,
        /// The collector's words.
        message: String,
    },
    /// An HTTP status other than 2xx.
    #[error("the collector answered {status}{}{}", after_colon(.message), mend_of_status(*.status))]
    Http {
        /// The status.
        status: StatusCode,
        /// The collector's words.
        message: String,
    },
    /// No connection, or one that broke before the answer was there.
    #[error("{text}{}", after_semicolon(.mend))]
    Connection {
        /// What happened.
        text: String,
        /// What may help; may be empty.
        mend: &'static str,
    },
    /// No whole answer in time.
    #[error("no answer within {0:?}; export.timeout sets the time")]
    Timeout(Duration),
    /// It failed for longer than `export.retry.give_up_after`.
    #[error("given up after {after:?} (export.retry.give_up_after); at last {last}")]
    GivenUp {
        /// How long it had failed.
        after: Duration,
        /// The last failure.
        last: Box<Failure>,
    },
    /// Its credentials were refused for longer than others are waited for.
    #[error("the credentials have been refused for {after:?}; at last {last}")]
    Unauthorized {
        /// How long they had been refused.
        after: Duration,
        /// The last refusal.
        last: Box<Failure>,
    },
    /// A single point does not fit into a request.
    #[error("a point of {metric} alone takes more than {limit} bytes; raise export.max_request_bytes")]
    PointTooLarge {
        /// The point's metric.
        metric: &'static str,
        /// `export.max_request_bytes`.
        limit: usize,
    },
}

impl Failure {
    /// What the user can do, as it stands at the end of the message; may be empty.
    pub fn mend(&self) -> &'static str {
        let mend = match self {
            Self::Grpc { code, message } => mend_of_code(*code, message),
            Self::Http { status, .. } => mend_of_status(*status),
            Self::Connection { mend, .. } => mend,
            Self::GivenUp { last, .. } | Self::Unauthorized { last, .. } => last.mend(),
            Self::Timeout(_) | Self::PointTooLarge { .. } => "",
        };
        mend.trim_start_matches("; ")
    }

    /// One word for counters.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Grpc { code, .. } => grpc_label(*code),
            Self::Http { status, .. } if status.is_server_error() => "http_5xx",
            Self::Http { .. } => "http_4xx",
            Self::Connection { .. } => "connection",
            Self::Timeout(_) => "timeout",
            Self::GivenUp { .. } => "given_up",
            Self::Unauthorized { last, .. } => last.label(),
            Self::PointTooLarge { .. } => "point_too_large",
        }
    }
}

/// The verdict on a gRPC status other than OK. `retry_info` is the wait of a `google.rpc.RetryInfo`, if one came along.
pub fn grpc(code: Code, message: &str, retry_info: Option<Duration>) -> Verdict {
    let cause = Failure::Grpc { code, message: shown(message) };
    if is_about_size(code) && says_too_large(message) {
        return Verdict::TooLarge(cause);
    }
    let after = retry_info.map(|wait| wait.min(LONGEST_ASKED));
    match code {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Verdict::Retry { after, cause },
        Code::ResourceExhausted if after.is_some() => Verdict::Retry { after, cause },
        Code::Unauthenticated | Code::PermissionDenied => Verdict::Reauthenticate(cause),
        // OK is no failure and does not come here; it says nothing that would allow to send again.
        Code::Ok
        | Code::ResourceExhausted
        | Code::Unknown
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Unimplemented
        | Code::Internal => Verdict::Drop(cause),
    }
}

/// The verdict on an HTTP status other than 2xx.
pub fn http(status: StatusCode, message: &str, retry_after: Option<Duration>) -> Verdict {
    let cause = Failure::Http { status, message: shown(message) };
    match status.as_u16() {
        429 | 502 | 503 | 504 => Verdict::Retry { after: retry_after.map(|wait| wait.min(LONGEST_ASKED)), cause },
        413 => Verdict::TooLarge(cause),
        // The Collector's receiver has 400 for a body over its `max_request_body_size`.
        400 if says_too_large(message) => Verdict::TooLarge(cause),
        401 | 403 => Verdict::Reauthenticate(cause),
        _ => Verdict::Drop(cause),
    }
}

/// The verdict on a partial success, which includes a full one.
pub fn acked(rejected: i64, message: &str) -> Verdict {
    Verdict::Acked { rejected: u64::try_from(rejected).unwrap_or(0), message: shown(message) }
}

/// Reads a `Retry-After` header: seconds or an HTTP date. Up to [`LONGEST_ASKED`]; `None` for anything else.
pub fn retry_after(header: &str, now: UnixNanos) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|b| b.is_ascii_digit()) {
        let seconds = header.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(LONGEST_ASKED));
    }
    let at = httpdate::parse_http_date(header).ok()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Some(at.saturating_sub(Duration::from_nanos(now.0)).min(LONGEST_ASKED))
}

/// The codes with which servers refuse a message for its size; there is none for it alone.
fn is_about_size(code: Code) -> bool {
    matches!(code, Code::ResourceExhausted | Code::OutOfRange | Code::InvalidArgument | Code::Unknown)
}

/// Whether these are the words with which a server or a proxy before it refuses the size of a message: gRPC in Go, C++
/// and Python; in Rust, as it came and decompressed; in Java; in .NET; in JavaScript, decompressed; tonic's own for an
/// HTTP status of a proxy; Go's net/http.
fn says_too_large(message: &str) -> bool {
    [
        "larger than max",
        "length too large",
        "exceeded while decompressing",
        "exceeds maximum size",
        "exceeds the maximum configured message size",
        "decompresses to a size larger than",
        "HTTP status code 413",
        "request body too large",
    ]
    .iter()
    .any(|words| message.contains(words))
}

/// Makes a text from outside safe to show: cut, and with control characters and text direction marks escaped.
pub fn shown(text: &str) -> String {
    let mut out = String::new();
    for (i, c) in text.trim().chars().enumerate() {
        if i == LONGEST_TEXT {
            out.push('…');
            break;
        }
        let hidden =
            matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        // Writing to a string cannot fail.
        let _ = if c.is_control() || hidden { write!(out, "{}", c.escape_default()) } else { write!(out, "{c}") };
    }
    out
}

fn after_colon(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

fn after_semicolon(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("; {text}") }
}

fn mend_of_code(code: Code, message: &str) -> &'static str {
    match code {
        _ if says_too_large(message) => "; lower export.max_request_bytes",
        // What tonic makes of a page from a server that speaks HTTP/2 but not gRPC.
        Code::Internal if message.contains("invalid compression flag") => {
            "; that is not gRPC: if it is the port for OTLP over HTTP (usually 4318), set protocol: http/protobuf"
        }
        Code::Unauthenticated | Code::PermissionDenied => "; check export.headers",
        Code::Unimplemented => {
            "; check that it has an OTLP/gRPC receiver with metrics in a pipeline here; else set protocol: http/protobuf, \
             or compression: none if it knows none"
        }
        _ => "",
    }
}

fn mend_of_status(status: StatusCode) -> &'static str {
    match status.as_u16() {
        301 | 302 | 303 | 307 | 308 => "; set export.endpoint to where it redirects",
        401 | 403 => "; check export.headers",
        404 | 405 => "; check the path of export.endpoint, usually /v1/metrics",
        413 => "; lower export.max_request_bytes",
        415 => "; check that it takes protobuf, or set compression: none if it knows none",
        _ => "",
    }
}

fn grpc_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

fn grpc_label(code: Code) -> &'static str {
    match code {
        Code::Unauthenticated | Code::PermissionDenied => "grpc_refused",
        Code::InvalidArgument => "grpc_invalid_argument",
        Code::Unimplemented => "grpc_unimplemented",
        Code::ResourceExhausted => "grpc_resource_exhausted",
        Code::Unavailable => "grpc_unavailable",
        _ => "grpc_other",
    }
}

#[cfg(test)]
mod tests;
