//! How the collector would take an export that it does not take as the settings say: over the other protocol, with TLS or
//! without, at the other port.
//!
//! Nothing secret is sent on these ways: no headers, no certificate of ours, and no points. That is why nobody has to be
//! verified either.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::Uri;
use tonic::Code;

use super::super::waiting::Budget;
use super::ask::export;
use crate::export::{Failure, Headers, Protocol, Settings, Verdict, metrics_url};
use crate::tls::{ClientTls, Options};

/// How long one way may take.
const EACH: Duration = Duration::from_millis(1400);

/// Another way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Way {
    pub(in super::super) endpoint: String,
    pub(in super::super) protocol: Protocol,
    /// What is not as the settings have it: “this port speaks …”.
    pub(in super::super) speaks: String,
    /// How the settings say so.
    pub(in super::super) mend: String,
}

/// Whether the configured protocol is spoken where it is to be, by what our own try was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    /// It is: there is nothing else to look for.
    Spoken,
    /// It may be, or somebody else answered, such as a proxy.
    Unclear,
    /// It does not seem so.
    Not,
}

impl Own {
    /// By the verdict; `None` if there was no try.
    pub(super) fn of(verdict: Option<&Verdict>) -> Self {
        let cause = match verdict {
            None => return Self::Not,
            Some(Verdict::Acked { .. } | Verdict::Reauthenticate(_)) => return Self::Spoken,
            Some(Verdict::Retry { cause, .. } | Verdict::TooLarge(cause) | Verdict::Drop(cause)) => cause,
        };
        match cause {
            Failure::Grpc { code: Code::Unavailable | Code::ResourceExhausted | Code::InvalidArgument, message } => {
                if is_of_http(message) {
                    Self::Unclear
                } else {
                    Self::Spoken
                }
            }
            Failure::Http { status, .. } => match status.as_u16() {
                429 => Self::Spoken,
                400 | 502..=504 => Self::Unclear,
                _ => Self::Not,
            },
            _ => Self::Not,
        }
    }
}

/// Whether a gRPC status is one that tonic made of an HTTP status: who answered does not speak gRPC.
pub(super) fn is_of_http(message: &str) -> bool {
    message.contains("mapped from HTTP status code")
}

/// Whether the answer on another way says that it is the right one. That credentials are asked for does only if nobody
/// seems to speak the configured protocol: any web server may ask for some.
pub(super) fn proves(answer: &Verdict, own: Own) -> bool {
    match answer {
        Verdict::Acked { message, .. } => message.is_empty(),
        Verdict::Reauthenticate(Failure::Grpc { message, .. }) => own == Own::Not && !is_of_http(message),
        Verdict::Reauthenticate(_) => own == Own::Not,
        _ => false,
    }
}

/// The first way that works. If it is unclear whether our `own` try was right, only the other protocol tells that it was
/// not: the same one, somewhere else, may be another collector. If the collector's TLS is not believed (`is_believed`), another protocol over the same is no
/// mend for that: only ways without are.
pub(super) async fn find(settings: &Settings, is_believed: bool, own: Own, budget: Budget) -> Option<Way> {
    let mut ways = ways(&settings.endpoint, settings.protocol);
    ways.retain(|way| is_believed || way.endpoint.starts_with("http://"));
    ways.retain(|way| own == Own::Not || way.protocol != settings.protocol);
    let tries = ways.iter().map(|way| async {
        let Way { endpoint, protocol, .. } = way.clone();
        let options = Options { insecure_skip_verify: true, alpn: protocol.alpn(), ..Options::default() };
        let tls = Arc::new(ClientTls::new(options, |_| ()));
        let settings = Settings { endpoint, protocol, tls, headers: Headers::default(), ..settings.clone() };
        let answer = export(&settings, EACH, Duration::ZERO, budget).await;
        answer.is_ok_and(|(verdict, _)| proves(&verdict, own))
    });
    let works = join_all(tries).await;
    ways.into_iter().zip(works).find(|(_, works)| *works).map(|(way, _)| way)
}

/// All other ways, the likeliest first.
pub(super) fn ways(endpoint: &str, protocol: Protocol) -> Vec<Way> {
    let Ok(uri) = endpoint.trim().parse::<Uri>() else { return Vec::new() };
    let Some(authority) = uri.authority() else { return Vec::new() };
    let (here, port) = (authority.as_str(), uri.port_u16());
    let (plain, tls) = (Transport::new("http", "plain text", PLAIN), Transport::new("https", "TLS", TLS));
    let (own, other) = if uri.scheme_str() == Some("https") { (tls, plain) } else { (plain, tls) };
    let others = match protocol {
        Protocol::Grpc => Protocol::HttpProtobuf,
        Protocol::HttpProtobuf => Protocol::Grpc,
    };
    let way = |scheme: &str, authority: &str, protocol: Protocol, speaks: String, mend: String| {
        let base = format!("{scheme}://{authority}");
        let endpoint = if protocol == Protocol::HttpProtobuf { metrics_url(&base) } else { base };
        Way { endpoint, protocol, speaks, mend }
    };
    let Transport { scheme, speaks, but } = other;
    let (other_name, set_protocol) = (name(others), format!("export.protocol: {}", word(others)));
    let set_endpoint = format!("set export.endpoint: {scheme}://{here}");
    let mut ways = vec![
        way(own.scheme, here, others, format!("this port speaks {other_name}"), format!("set {set_protocol}")),
        way(scheme, here, protocol, format!("this port speaks {speaks}"), format!("{set_endpoint}{but}")),
        way(
            scheme,
            here,
            others,
            format!("this port speaks {other_name}, and {speaks}"),
            format!("{set_endpoint} and {set_protocol}{but}"),
        ),
    ];
    let Transport { scheme, .. } = own;
    if port != Some(usual(protocol)) {
        let there = format!("{}:{}", authority.host(), usual(protocol));
        let speaks = format!("port {} speaks {}, this one does not", usual(protocol), name(protocol));
        ways.push(way(scheme, &there, protocol, speaks, format!("set export.endpoint: {scheme}://{there}")));
    }
    if protocol == Protocol::HttpProtobuf && !["", "/", "/v1/metrics"].contains(&uri.path()) {
        let speaks = "OTLP is taken here under another path".to_owned();
        ways.push(way(scheme, here, protocol, speaks, format!("set export.endpoint: {scheme}://{here}")));
    }
    ways
}

/// With TLS or without.
struct Transport {
    scheme: &'static str,
    speaks: &'static str,
    /// What is to be thought of when the settings are changed to it.
    but: &'static str,
}

const PLAIN: &str = ", if nobody can listen in or change anything on the way";
const TLS: &str = ", with export.tls.ca_file if its authority is your own";

impl Transport {
    fn new(scheme: &'static str, speaks: &'static str, but: &'static str) -> Self {
        Self { scheme, speaks, but }
    }
}

fn name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Grpc => "OTLP/gRPC",
        Protocol::HttpProtobuf => "OTLP/HTTP",
    }
}

fn word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Grpc => "grpc",
        Protocol::HttpProtobuf => "http/protobuf",
    }
}

fn usual(protocol: Protocol) -> u16 {
    match protocol {
        Protocol::Grpc => 4317,
        Protocol::HttpProtobuf => 4318,
    }
}
