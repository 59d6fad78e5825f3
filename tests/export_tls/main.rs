//! The way to a collector: TLS, proxies, headers that follow files; what goes wrong on it, and the words for it.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says where")]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../support/certificates.rs"]
mod certificates;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../support/collector.rs"]
mod collector;
#[path = "../support/engine.rs"]
mod engine;
#[path = "../support/front.rs"]
mod front;
#[path = "../support/pace.rs"]
mod pace;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../support/process.rs"]
mod process;

mod agent;
mod own;
mod proxies;
mod tls;
mod tokens;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dockpulse::export::client::{Client, Transport};
use dockpulse::export::{Failure, Protocol, Settings, Verdict, metrics_url};
use dockpulse::model::time::Clock;
use dockpulse::tls::{ClientTls, Options};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::ResourceMetrics;
use prost::Message;
use rustls::{ServerConfig, SupportedProtocolVersion};

use certificates::{Authority, Pair, server_config};
use collector::Collector;

/// Longer than anything takes that is well, however busy the machine is.
const AMPLE: Duration = Duration::from_secs(60);
const BOTH: [Protocol; 2] = [Protocol::Grpc, Protocol::HttpProtobuf];

/// How to reach `url`, believing what `options` say.
fn settings(url: &str, protocol: Protocol, options: Options) -> Settings {
    let endpoint = if protocol == Protocol::Grpc { url.to_owned() } else { metrics_url(url) };
    let tls = Arc::new(ClientTls::new(Options { alpn: protocol.alpn(), ..options }, |_| ()));
    Settings { endpoint, protocol, tls, timeout: AMPLE, ..Settings::default() }
}

async fn eventually(what: &str, is: impl Fn() -> bool) {
    let waiting = async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(AMPLE, waiting).await.is_ok(), "never: {what}");
}

fn client(settings: &Settings) -> Client {
    Client::new(settings, Clock::start()).unwrap()
}

/// Some request.
fn request() -> Bytes {
    let resource_metrics = vec![ResourceMetrics { schema_url: "x".repeat(1000), ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec().into()
}

#[track_caller]
fn delivered(verdict: &Verdict) {
    assert_eq!(*verdict, Verdict::Acked { rejected: 0, message: String::new() });
}

/// The words for a connection that failed; nothing is lost by it.
#[track_caller]
fn words(verdict: Verdict) -> String {
    match verdict {
        Verdict::Retry { cause: cause @ Failure::Connection { .. }, after: None } => cause.to_string(),
        other => panic!("no failure of a connection: {other:?}"),
    }
}

/// The words for the first request to `settings`.
async fn failure(settings: &Settings) -> String {
    words(client(settings).send(request()).await)
}

/// How a server speaks TLS, to whom, and of what.
fn speaks(own: &Pair, clients: Option<&Authority>, protocols: &[&str]) -> Arc<ServerConfig> {
    speaks_versions(own, clients, protocols, rustls::ALL_VERSIONS)
}

fn speaks_versions(
    own: &Pair,
    clients: Option<&Authority>,
    protocols: &[&str],
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ServerConfig> {
    let mut config = server_config(own, clients.map(Authority::pem).as_deref(), versions);
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

const ALL: &[&str] = &["h2", "http/1.1"];

fn address(collector: &Collector) -> SocketAddr {
    collector.url().strip_prefix("http://").unwrap().parse().unwrap()
}
