//! The whole `sink`: what it shows, and when and how it ends.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, DuplexStream, duplex};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::sink::made::{memory, memory_retracted};

/// A sink that runs in the background on a free port.
struct Running {
    grpc: SocketAddr,
    out: DuplexStream,
    err: BufReader<DuplexStream>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<Outcome, SinkError>>,
}

#[expect(clippy::disallowed_methods, reason = "the test is its own pipeline")]
async fn start(options: SinkOptions) -> Running {
    let (mut to_out, out) = duplex(1 << 20);
    let (mut to_err, err) = duplex(1 << 20);
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(async move {
        let stopped = async {
            let _ = stopped.await;
        };
        run(&options, &Clock::start(), &mut to_out, &mut to_err, stopped).await
    });
    let mut err = BufReader::new(err);
    let mut banner = String::new();
    err.read_line(&mut banner).await.unwrap();
    let address = banner.trim().strip_prefix("listening for OTLP/gRPC on ").expect(&banner);
    Running { grpc: address.parse().unwrap(), out, err, stop, task }
}

impl Running {
    async fn send(&self, request: ExportMetricsServiceRequest) {
        let mut client = MetricsServiceClient::connect(format!("http://{}", self.grpc)).await.unwrap();
        client.export(request).await.unwrap();
    }

    /// The outcome, and what was said on the one and the other output.
    async fn end(mut self) -> (Outcome, String, String) {
        let outcome = tokio::time::timeout(Duration::from_secs(60), self.task).await.unwrap().unwrap().unwrap();
        let (mut out, mut err) = (String::new(), String::new());
        self.out.read_to_string(&mut out).await.unwrap();
        self.err.read_to_string(&mut err).await.unwrap();
        (outcome, out, err)
    }
}

fn options() -> SinkOptions {
    let listen = Listen { grpc: Some("127.0.0.1:0".to_owned()), http: None };
    SinkOptions { listen, ..SinkOptions::default() }
}

/// Options with the members of `expect`, each in braces.
fn expecting(items: &[&str]) -> (SinkOptions, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("expect.yaml");
    let text = items.iter().fold("expect:\n".to_owned(), |text, item| text + "- " + item + "\n");
    std::fs::write(&path, text).unwrap();
    (SinkOptions { expect: Some(path), ..options() }, dir)
}

fn words(out: &str) -> Vec<&str> {
    ["published", "updated", "retracted"].into_iter().filter(|word| out.contains(word)).collect()
}

#[tokio::test]
async fn shows_what_arrives_until_it_is_told_to_end() {
    let sink = start(options()).await;
    sink.send(memory("web", 1.0, 10)).await;
    sink.send(memory_retracted("web", 2.0)).await;
    sink.send(memory_retracted("db", 2.0)).await;
    sink.send(memory_retracted("db", 3.0)).await;
    let Running { stop, .. } = sink;
    let sink = Running { stop: oneshot::channel().0, ..sink };
    stop.send(()).unwrap();
    let (outcome, out, err) = sink.end().await;
    assert_eq!(outcome, Outcome::Ended);
    assert_eq!(out.lines().count(), 3, "{out}");
    assert_eq!(words(&out), ["published", "retracted"]);
    let broken = "rule broken: retracted but never published: container.memory.usage of db\n";
    assert_eq!(err, broken.repeat(2));
}

#[tokio::test]
async fn writes_one_request_a_line_as_json() {
    let sink = start(SinkOptions { format: Format::Json, ..options() }).await;
    sink.send(memory("web", 1.0, 10)).await;
    sink.send(memory_retracted("web", 2.0)).await;
    let Running { stop, .. } = sink;
    let sink = Running { stop: oneshot::channel().0, ..sink };
    stop.send(()).unwrap();
    let (_, out, _) = sink.end().await;
    let back: Vec<ExportMetricsServiceRequest> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(back, [memory("web", 1.0, 10), memory_retracted("web", 2.0)]);
}

#[tokio::test]
async fn ends_well_once_all_expectations_are_met() {
    let item = "{ metric: container.memory.usage, resource: { container.name: web }";
    let (options, _dir) = expecting(&[&format!("{item}, points: 2 }}"), &format!("{item}, retracted: true }}")]);
    let sink = start(options).await;
    for request in [memory("web", 1.0, 1), memory("web", 2.0, 1), memory_retracted("web", 3.0)] {
        sink.send(request).await;
    }
    let (outcome, out, _) = sink.end().await;
    assert_eq!(outcome, Outcome::Met);
    let report = "
2 of 2 expectations met
  met      container.memory.usage of container.name=web: 2 points
  met      container.memory.usage of container.name=web: retracted
";
    assert!(out.ends_with(report), "{out}");
}

#[tokio::test]
async fn ends_badly_if_they_are_not_met_in_time() {
    let (options, _dir) =
        expecting(&["{ metric: a }", "{ metric: container.memory.usage }", "{ metric: b, absent: true }"]);
    let sink = start(SinkOptions { within: Duration::from_secs(5), ..options }).await;
    sink.send(memory("web", 1.0, 1)).await;
    let (outcome, out, _) = sink.end().await;
    assert_eq!(outcome, Outcome::Unmet);
    let report = "
2 of 3 expectations met
  NOT MET  a: 1 point
           seen: container.memory.usage of web: another metric
  met      container.memory.usage: 1 point
  met      b: absent
";
    assert!(out.ends_with(report), "{out}");
}

#[tokio::test]
async fn ends_badly_at_once_when_something_comes_that_must_not() {
    let (options, _dir) = expecting(&["{ metric: a }", "{ metric: 'container.*', absent: true }"]);
    let sink = start(SinkOptions { format: Format::Json, ..options }).await;
    sink.send(memory("w\neb", 1.0, 1)).await;
    let (outcome, out, err) = sink.end().await;
    assert_eq!(outcome, Outcome::Unmet);
    assert_eq!(out.lines().count(), 1, "requests and nothing else: {out}");
    assert!(
        err.ends_with(
            "  NOT MET  container.*: absent\n           seen: container.memory.usage of w\\neb came with 1\n"
        ),
        "{err}"
    );
}

#[tokio::test]
async fn what_must_not_come_and_does_not_is_well_at_the_end() {
    let (options, _dir) = expecting(&["{ metric: a, absent: true }"]);
    let sink = start(SinkOptions { within: Duration::from_millis(50), ..options }).await;
    assert_eq!(sink.end().await.0, Outcome::Met);
}

#[tokio::test]
async fn an_early_end_leaves_expectations_unmet() {
    let (options, _dir) = expecting(&["{ metric: a }"]);
    let sink = start(options).await;
    let Running { stop, .. } = sink;
    let sink = Running { stop: oneshot::channel().0, ..sink };
    stop.send(()).unwrap();
    let (outcome, out, _) = sink.end().await;
    assert_eq!(outcome, Outcome::Unmet);
    assert!(out.ends_with("seen: nothing has come\n"), "{out}");
}

#[tokio::test]
async fn ends_quietly_when_nobody_reads_any_more() {
    let Running { grpc, out, task, stop: _stop, err: _err } = start(options()).await;
    drop(out);
    let mut client = MetricsServiceClient::connect(format!("http://{grpc}")).await.unwrap();
    client.export(memory("web", 1.0, 1)).await.unwrap();
    let outcome = tokio::time::timeout(Duration::from_secs(60), task).await.unwrap().unwrap();
    assert_eq!(outcome.unwrap(), Outcome::Ended);
}

#[tokio::test]
async fn expectations_are_checked_although_nobody_reads() {
    let (options, _dir) = expecting(&["{ metric: container.memory.usage, points: 2 }"]);
    let Running { grpc, out, task, stop: _stop, err: _err } = start(options).await;
    drop(out);
    let mut client = MetricsServiceClient::connect(format!("http://{grpc}")).await.unwrap();
    client.export(memory("web", 1.0, 1)).await.unwrap();
    client.export(memory("web", 2.0, 1)).await.unwrap();
    let outcome = tokio::time::timeout(Duration::from_secs(60), task).await.unwrap().unwrap();
    assert_eq!(outcome.unwrap(), Outcome::Met);
}

#[tokio::test]
async fn a_reader_that_is_stuck_does_not_keep_it_from_ending() {
    let (mut to_out, _out) = duplex(16);
    let (mut to_err, _err) = duplex(1 << 20);
    let clock = Clock::start();
    let options = options();
    let stopped = tokio::time::sleep(Duration::from_millis(50));
    let sink = pin!(run(&options, &clock, &mut to_out, &mut to_err, stopped));
    let outcome = tokio::time::timeout(Duration::from_secs(60), sink).await.unwrap();
    assert_eq!(outcome.unwrap(), Outcome::Ended);
}

#[tokio::test]
async fn wrong_usage_is_told_before_anything_is_done() {
    let clock = Clock::start();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let nowhere = SinkOptions { listen: Listen { grpc: None, http: None }, ..SinkOptions::default() };
    let told = run(&nowhere, &clock, &mut out, &mut err, std::future::pending()).await.unwrap_err();
    assert!(matches!(told, SinkError::Nowhere) && told.is_usage(), "{told}");
    let no_file = SinkOptions { expect: Some(Path::new("/nonexistent/e.yaml").to_owned()), ..options() };
    let told = run(&no_file, &clock, &mut out, &mut err, std::future::pending()).await.unwrap_err();
    assert!(told.to_string().starts_with("cannot read /nonexistent/e.yaml: "), "{told}");
    assert!(told.is_usage());
    assert!(out.is_empty() && err.is_empty());
}
