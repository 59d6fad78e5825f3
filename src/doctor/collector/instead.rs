//! How the collector would take an export that it does not take as the settings say: over the other protocol, with TLS or
//! without, at the other port.
//!
//! Nothing secret is sent on these ways: no headers, no certificate of ours, and no points. That is why nobody has to be
//! verified either.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::Uri;

use super::super::waiting::Budget;
use super::ask::export;
use crate::export::{Headers, Protocol, Settings, Verdict, metrics_url};
use crate::tls::{ClientTls, Options};

/// How long one way may take.
const EACH: Duration = Duration::from_millis(1400);

/// Another way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) endpoint: String,
    pub(super) protocol: Protocol,
    /// How the settings say so.
    pub(super) mend: String,
}

/// The first way that works, in words.
pub(super) async fn find(settings: &Settings, budget: Budget) -> Option<String> {
    let ways = ways(&settings.endpoint, settings.protocol);
    let tries = ways.iter().map(|way| async {
        let Way { endpoint, protocol, .. } = way.clone();
        let options = Options { insecure_skip_verify: true, alpn: protocol.alpn(), ..Options::default() };
        let tls = Arc::new(ClientTls::new(options, |_| ()));
        let settings = Settings { endpoint, protocol, tls, headers: Headers::default(), ..settings.clone() };
        let answer = export(&settings, EACH, Duration::ZERO, budget).await;
        matches!(&answer, Ok((Verdict::Acked { message, .. }, _)) if message.is_empty())
            || matches!(answer, Ok((Verdict::Reauthenticate(_), _)))
    });
    let works = join_all(tries).await;
    ways.into_iter().zip(works).find(|(_, works)| *works).map(|(way, _)| way.mend)
}

/// All other ways, the likeliest first.
pub(super) fn ways(endpoint: &str, protocol: Protocol) -> Vec<Way> {
    let Ok(uri) = endpoint.trim().parse::<Uri>() else { return Vec::new() };
    let Some(authority) = uri.authority() else { return Vec::new() };
    let (scheme, other_scheme) = if uri.scheme_str() == Some("https") { ("https", "http") } else { ("http", "https") };
    let other = match protocol {
        Protocol::Grpc => Protocol::HttpProtobuf,
        Protocol::HttpProtobuf => Protocol::Grpc,
    };
    let at = |scheme: &str, authority: &str, protocol: Protocol, mend: String| {
        let base = format!("{scheme}://{authority}");
        let endpoint = if protocol == Protocol::HttpProtobuf { metrics_url(&base) } else { base };
        Way { endpoint, protocol, mend }
    };
    let here = authority.as_str();
    let set_protocol = format!("set export.protocol: {}", word(other));
    let set_scheme = format!("set export.endpoint: {other_scheme}://{here}");
    let mut ways = vec![
        at(scheme, here, other, set_protocol.clone()),
        at(other_scheme, here, protocol, set_scheme.clone()),
        at(other_scheme, here, other, format!("{set_scheme}, and export.protocol: {}", word(other))),
    ];
    if uri.port_u16().is_none_or(|port| port != usual(protocol)) {
        let there = format!("{}:{}", authority.host(), usual(protocol));
        ways.push(at(scheme, &there, protocol, format!("set export.endpoint: {scheme}://{there}")));
    }
    if protocol == Protocol::HttpProtobuf && !["", "/", "/v1/metrics"].contains(&uri.path()) {
        ways.push(at(scheme, here, protocol, format!("set export.endpoint: {scheme}://{here}, without the path")));
    }
    ways
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
