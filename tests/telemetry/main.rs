//! The agent's own metrics and traces, from the call to the collector.
#![expect(clippy::expect_used, reason = "a test that cannot be set up has to fail")]

#[path = "../support/pace.rs"]
mod pace;

mod documented;
mod receiver;
mod sampling;

use std::net::SocketAddr;
use std::process::Command;
use std::task::{Context, Poll};
use std::time::Duration;

use dockpulse::model::batch::Reason;
use dockpulse::model::container::ContainerId;
use dockpulse::model::engine::{ApiVersion, EngineError};
use dockpulse::model::time::{Clock, Monotonic, Now, UnixNanos};
use dockpulse::telemetry::event::{DropReason, EngineCall, Failure, Named};
use dockpulse::telemetry::log::{self, Format, Level};
use dockpulse::telemetry::{
    Ask, Compression, Event, ExportSpan, Identity, Outcome, Phase, ProbeFailure, ProbeReport, Protocol, Setup, Target,
    Telemetry,
};
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue};
use hyper_util::client::legacy::connect::HttpConnector;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tokio::net::TcpListener;

use pace::Pace;
use receiver::{Receiver, spawn};

const SECRET: &str = "Bearer canary-4711";
/// Of a request: longer than anything takes that is well.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How long an end may take; a collector that is there needs far less.
const AMPLE: Duration = Duration::from_secs(60);
const START: u64 = 1_795_315_523_000_000_000;

fn setup(address: SocketAddr, protocol: Protocol) -> Setup {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static(SECRET));
    let endpoint = format!("http://{address}").parse().expect("an address");
    Setup {
        metrics: true,
        traces: true,
        sampling: 1.0,
        logs: None,
        target: Target {
            protocol,
            endpoint,
            headers: Ask::always(headers),
            failure: Ask::always(None),
            timeout: TIMEOUT,
            compression: Compression::None,
        },
        identity: Identity { instance_id: "agent-1".into(), host_name: Some("host-1".into()), ..Identity::default() },
        metric_interval: Some(Duration::from_millis(50)),
        span_delay: Some(Duration::from_millis(20)),
    }
}

fn ms(millis: u64) -> Monotonic {
    Monotonic(Duration::from_millis(millis))
}

fn phase(started: u64, ended: u64, error: Option<&str>) -> Option<Phase> {
    Some(Phase { started: ms(started), ended: ms(ended), error: error.map(Into::into) })
}

fn probe() -> ProbeReport {
    let failure =
        ProbeFailure { container: "web".into(), failure: Failure::Stats, text: "GET /stats answered 500".into() };
    ProbeReport {
        engine: "local".into(),
        started: Now { mono: ms(1000), wall: UnixNanos(START) },
        ended: ms(1100),
        list: phase(1000, 1010, None),
        sample: phase(1010, 1080, None),
        convert: phase(1080, 1090, None),
        commit: phase(1090, 1100, None),
        containers: 3,
        sampled: 2,
        failed: 1,
        failures: vec![failure],
    }
}

fn export(outcome: Outcome, error: Option<&str>) -> ExportSpan {
    ExportSpan {
        started: Now { mono: ms(1100), wall: UnixNanos(START + 100_000_000) },
        ended: ms(1150),
        bytes: 1234,
        points: 40,
        retractions: 3,
        attempt: 1,
        outcome,
        error: error.map(Into::into),
    }
}

fn text(value: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(value.into())) }
}

fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|kv| kv.key == key).and_then(|kv| kv.value.as_ref()).and_then(|v| v.value.as_ref())
}

fn span<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|s| s.name == name).unwrap_or_else(|| panic!("no span {name}"))
}

/// How often something was measured.
fn count(metric: Option<Metric>) -> Option<u64> {
    let Data::Histogram(histogram) = metric?.data? else { return None };
    Some(histogram.data_points.iter().map(|point| point.count).sum())
}

/// The value of a counter or gauge at an attribute; the only one without.
fn number(metric: Option<Metric>, with: Option<(&str, &str)>) -> Option<f64> {
    let points = match metric?.data? {
        Data::Sum(sum) => sum.data_points,
        Data::Gauge(gauge) => gauge.data_points,
        _ => return None,
    };
    let matches = |attributes: &[KeyValue]| {
        with.is_none_or(|(key, value)| attribute(attributes, key) == text(value).value.as_ref())
    };
    match points.into_iter().find(|p| matches(&p.attributes))?.value? {
        number_data_point::Value::AsInt(n) => Some(f64::from(i32::try_from(n).expect("small"))),
        number_data_point::Value::AsDouble(n) => Some(n),
    }
}

async fn everything_arrives(receiver: Receiver, setup: Setup) {
    let telemetry = Telemetry::silent();
    telemetry.send_to(&setup, HttpConnector::new()).expect("it starts");
    telemetry.gauges().set_series_live(17);
    telemetry.gauges().set_over_cap(3);
    telemetry.gauges().set_outbox(2, 300, |_| None);
    telemetry.record_probe(&probe());
    telemetry.record_export(&export(Outcome::Delivered, None));
    telemetry.record(&Event::OutboxDropped { values: 5, setting: "outbox.max_bytes" });
    telemetry.record(&Event::SamplesDropped { engine: "local".into(), samples: 3 });
    assert_eq!(telemetry.counters().samples_dropped(), 3);
    let names = ["commit", "convert", "export", "list", "probe", "sample"].map(String::from);
    receiver.wait_for("the spans", |r| r.span_names() == names.clone().into()).await;
    receiver.wait_for("the metrics", |r| r.metric("dockpulse.probe.duration").is_some()).await;
    for name in ["dockpulse.probe.list.duration", "dockpulse.export.duration", "dockpulse.export.rejected_points"] {
        assert!(receiver.metric(name).is_some(), "{name}");
    }
    let value = |name, with| number(receiver.metric(name), with);
    assert_eq!(value("dockpulse.points.dropped", Some(("dockpulse.reason", "outbox_full"))), Some(5.0));
    assert_eq!(value("dockpulse.samples.dropped", Some(("dockpulse.engine.name", "local"))), Some(3.0));
    assert_eq!(value("dockpulse.export.requests", Some(("dockpulse.outcome", "delivered"))), Some(1.0));
    assert_eq!(value("dockpulse.series.live", None), Some(17.0));
    assert_eq!(value("dockpulse.containers.over_cap", None), Some(3.0));
    assert_eq!(value("dockpulse.outbox.batches", None), Some(2.0));
    assert_eq!(value("dockpulse.outbox.bytes", None), Some(300.0));
    assert_eq!(value("dockpulse.outbox.oldest_age", None), Some(0.0));
    for resource in receiver.resources() {
        let value = |key| attribute(&resource.attributes, key).cloned();
        assert_eq!(value("service.name"), text("dockpulse").value);
        assert_eq!(value("service.instance.id"), text("agent-1").value);
        assert_eq!(value("host.name"), text("host-1").value);
        assert_eq!(value("service.version"), text(env!("CARGO_PKG_VERSION")).value);
    }
    for headers in receiver.headers() {
        assert_eq!(headers.get("authorization").map(HeaderValue::as_bytes), Some(SECRET.as_bytes()));
        let agent = headers.get("user-agent").and_then(|v| v.to_str().ok()).unwrap_or_default();
        assert!(agent.starts_with("dockpulse/"), "{agent}");
    }
    telemetry.shutdown(AMPLE).await;
}

#[tokio::test]
async fn spans_and_metrics_arrive_over_grpc() {
    let receiver = Receiver::grpc().await;
    let setup = setup(receiver.address, Protocol::Grpc);
    everything_arrives(receiver, setup).await;
}

#[tokio::test]
async fn spans_and_metrics_arrive_over_http() {
    let receiver = Receiver::http().await;
    let setup = setup(receiver.address, Protocol::Http);
    everything_arrives(receiver, setup).await;
}

/// Stands for a connector with TLS: it has to be asked for `https`, and connects to the receiver.
#[derive(Clone)]
struct Secure(HttpConnector);

impl tower_service::Service<http::Uri> for Secure {
    type Response = <HttpConnector as tower_service::Service<http::Uri>>::Response;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: http::Uri) -> Self::Future {
        assert_eq!(uri.scheme_str(), Some("https"));
        let plain = uri.to_string().replace("https:", "http:").parse().expect("an address");
        let dialled = self.0.call(plain);
        Box::pin(async move { dialled.await.map_err(Into::into) })
    }
}

#[tokio::test]
async fn tls_is_left_to_the_connector() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let receiver = if protocol == Protocol::Grpc { Receiver::grpc().await } else { Receiver::http().await };
        let mut setup = setup(receiver.address, protocol);
        setup.target.endpoint = format!("https://{}", receiver.address).parse().expect("an address");
        let telemetry = Telemetry::silent();
        telemetry.send_to(&setup, Secure(HttpConnector::new())).expect("it starts");
        telemetry.record_probe(&probe());
        receiver.wait_for("the spans", |r| r.span_names().contains("probe")).await;
    }
}

#[tokio::test]
async fn requests_can_be_compressed() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let receiver = if protocol == Protocol::Grpc { Receiver::grpc().await } else { Receiver::http().await };
        let mut setup = setup(receiver.address, protocol);
        setup.target.compression = Compression::Gzip;
        everything_arrives(receiver.clone(), setup).await;
        let key = if protocol == Protocol::Grpc { "grpc-encoding" } else { "content-encoding" };
        assert!(receiver.headers().iter().all(|h| h.get(key).is_some_and(|v| v == "gzip")), "{protocol:?}");
    }
}

#[tokio::test]
async fn a_probe_is_one_trace_with_the_times_at_which_things_happened() {
    let receiver = Receiver::grpc().await;
    let telemetry = Telemetry::silent();
    telemetry.send_to(&setup(receiver.address, Protocol::Grpc), HttpConnector::new()).expect("it starts");
    telemetry.record_probe(&probe());
    receiver.wait_for("the spans", |r| r.spans().len() == 5).await;
    let spans = receiver.spans();
    let root = span(&spans, "probe");
    assert!(root.parent_span_id.is_empty());
    assert_eq!((root.start_time_unix_nano, root.end_time_unix_nano), (START, START + 100_000_000));
    assert_eq!(attribute(&root.attributes, "dockpulse.engine.name"), text("local").value.as_ref());
    assert_eq!(attribute(&root.attributes, "dockpulse.containers.sampled"), Some(&Value::IntValue(2)));
    for (name, from, to) in [("list", 0, 10), ("sample", 10, 80), ("convert", 80, 90), ("commit", 90, 100)] {
        let child = span(&spans, name);
        assert_eq!((&child.parent_span_id, &child.trace_id), (&root.span_id, &root.trace_id), "{name}");
        let times = (child.start_time_unix_nano, child.end_time_unix_nano);
        assert_eq!(times, (START + from * 1_000_000, START + to * 1_000_000), "{name}");
    }
    let status = |name| span(&spans, name).status.as_ref().map_or("", |s| s.message.as_str());
    assert_eq!((status("sample"), status("probe")), ("1 of 3 containers failed", ""));
    let [event] = &span(&spans, "sample").events[..] else { panic!("one failure") };
    assert_eq!(event.name, "failure");
    assert_eq!(attribute(&event.attributes, "container.name"), text("web").value.as_ref());
    assert_eq!(attribute(&event.attributes, "dockpulse.failure"), text("stats").value.as_ref());
}

#[tokio::test]
async fn a_failed_list_and_a_refused_request_are_spans_with_an_error() {
    let receiver = Receiver::grpc().await;
    let telemetry = Telemetry::silent();
    telemetry.send_to(&setup(receiver.address, Protocol::Grpc), HttpConnector::new()).expect("it starts");
    let list = phase(1000, 1005, Some("GET /containers/json answered 500"));
    let failed = ProbeReport { list, sample: None, convert: None, failures: Vec::new(), ..probe() };
    telemetry.record_probe(&failed);
    telemetry.record_export(&export(Outcome::Dropped, Some("400 Bad Request")));
    receiver.wait_for("the spans", |r| r.spans().len() == 4).await;
    let spans = receiver.spans();
    for name in ["probe", "list", "export"] {
        let status = span(&spans, name).status.as_ref().expect("a status");
        assert_eq!(status.code, 2, "{name}: an error");
    }
    assert_eq!(span(&spans, "list").events.len(), 1);
    let sent = span(&spans, "export");
    assert_eq!(sent.kind, SpanKind::Client as i32);
    assert_eq!(attribute(&sent.attributes, "dockpulse.export.bytes"), Some(&Value::IntValue(1234)));
    assert_eq!(attribute(&sent.events[0].attributes, "exception.message"), text("400 Bad Request").value.as_ref());
}

#[tokio::test]
async fn each_failure_is_counted_however_often_it_is_said() {
    let receiver = Receiver::grpc().await;
    let telemetry = Telemetry::silent();
    telemetry.send_to(&setup(receiver.address, Protocol::Grpc), HttpConnector::new()).expect("it starts");
    let error = EngineError::Status { path: "/containers/json", status: 500, message: "".into() };
    let id = ContainerId::try_new(&"ab".repeat(32)).expect("an id");
    for _ in 0..7 {
        telemetry.record(&Event::EngineFailed {
            engine: "local".into(),
            call: EngineCall::List,
            error: error.clone(),
            retry_in: Duration::from_secs(1),
        });
        telemetry.record(&Event::ContainerFailed {
            engine: "local".into(),
            container: Named { name: "web".into(), id: id.clone() },
            failure: Failure::Timeout,
            error: error.clone(),
        });
    }
    telemetry.record(&Event::Retracted {
        engine: "local".into(),
        container: None,
        series: 40,
        reason: Reason::EngineDown,
    });
    telemetry.record(&Event::UnusableNumbers {
        engine: "local".into(),
        container: Named { name: "web".into(), id },
        count: 2,
    });
    let counters = telemetry.counters();
    assert_eq!((counters.failures(Failure::List), counters.failures(Failure::Timeout)), (7, 7));
    assert_eq!((counters.events("engine_failed"), counters.events("container_failed")), (7, 7));
    assert_eq!((counters.retracted(Reason::EngineDown), counters.dropped(DropReason::Unusable)), (40, 2));
    let failures = |what| ("dockpulse.probe.failures", Some(("dockpulse.failure", what)), 7.0);
    let retracted = ("dockpulse.series.retracted", Some(("dockpulse.reason", "engine_down")), 40.0);
    for (name, with, want) in [failures("list"), failures("timeout"), retracted] {
        receiver.wait_for(name, |r| number(r.metric(name), with) == Some(want)).await;
    }
}

#[tokio::test]
async fn what_is_turned_off_is_not_sent() {
    let receiver = Receiver::http().await;
    let (telemetry, mut setup) = (Telemetry::silent(), setup(receiver.address, Protocol::Http));
    setup.traces = false;
    telemetry.send_to(&setup, HttpConnector::new()).expect("it starts");
    telemetry.record_probe(&probe());
    receiver.wait_for("the metrics", |r| r.metric("dockpulse.probe.duration").is_some()).await;
    setup.metrics = false;
    telemetry.send_to(&setup, HttpConnector::new()).expect("nothing starts");
    receiver.wait_for_silence().await;
    telemetry.record_probe(&probe());
    receiver.wait_for_silence().await;
    let probes = count(receiver.metric("dockpulse.probe.duration"));
    assert_eq!(probes, Some(1), "nothing is sent any more");
    assert!(receiver.spans().is_empty());
    assert_eq!(telemetry.counters().probes(), 2, "it counts on");
}

#[tokio::test]
async fn another_collector_can_be_named_while_it_runs() {
    let (old, new) = (Receiver::grpc().await, Receiver::http().await);
    let telemetry = Telemetry::silent();
    telemetry.send_to(&setup(old.address, Protocol::Grpc), HttpConnector::new()).expect("it starts");
    telemetry.record_probe(&probe());
    telemetry.send_to(&setup(new.address, Protocol::Http), HttpConnector::new()).expect("it starts anew");
    telemetry.record_export(&export(Outcome::Delivered, None));
    old.wait_for("what was recorded before", |r| r.span_names().contains("probe")).await;
    new.wait_for("what was recorded after", |r| r.span_names().contains("export")).await;
    assert!(!old.span_names().contains("export"));
}

#[tokio::test]
async fn what_was_recorded_last_is_flushed_at_the_end() {
    let receiver = Receiver::grpc().await;
    let mut setup = setup(receiver.address, Protocol::Grpc);
    (setup.metric_interval, setup.span_delay) = (Some(Duration::from_secs(60)), Some(Duration::from_secs(60)));
    let telemetry = Telemetry::silent();
    telemetry.send_to(&setup, HttpConnector::new()).expect("it starts");
    telemetry.record_probe(&probe());
    telemetry.shutdown(AMPLE).await;
    assert!(receiver.span_names().contains("probe"));
    assert!(receiver.metric("dockpulse.probe.duration").is_some());
}

#[tokio::test]
async fn a_collector_that_hangs_stops_nobody_for_longer_than_allowed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let telemetry = Telemetry::silent();
        telemetry.send_to(&setup(address, protocol), HttpConnector::new()).expect("it starts");
        let clock = Clock::start();
        for _ in 0..5000 {
            telemetry.record_probe(&probe());
        }
        assert!(clock.now().mono.0 < TIMEOUT / 2, "recording waits for nothing: {}", clock.now().mono);
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (_pace, clock) = (Pace::keep(), Clock::start());
        telemetry.shutdown(Duration::from_millis(300)).await;
        assert!(clock.now().mono < ms(600), "{protocol:?}: {}", clock.now().mono);
    }
}

#[tokio::test]
async fn dropping_it_without_an_end_blocks_nobody() {
    let receiver = Receiver::grpc().await;
    // What waits, waits each time; a busy machine is not always busy.
    let quickest = (0..5).map(|_| {
        let clock = Clock::start();
        let telemetry = Telemetry::silent();
        telemetry.send_to(&setup(receiver.address, Protocol::Grpc), HttpConnector::new()).expect("it starts");
        drop(telemetry);
        clock.now().mono
    });
    let quickest = quickest.min().expect("five");
    assert!(quickest < ms(500), "{quickest}");
}

#[tokio::test]
async fn a_dead_collector_and_its_recovery_are_events() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let receiver = if protocol == Protocol::Grpc { Receiver::grpc().await } else { Receiver::http().await };
        let telemetry = Telemetry::silent();
        receiver.answer_with(401);
        telemetry.send_to(&setup(receiver.address, protocol), HttpConnector::new()).expect("it starts");
        let events = |name: &str| telemetry.counters().events(name);
        telemetry.record_probe(&probe());
        receiver.wait_for("failures", |_| events("own_telemetry_failed") >= 2).await;
        receiver.answer_with(200);
        receiver.wait_for("recovery", |_| events("own_telemetry_recovered") >= 1).await;
        telemetry.shutdown(AMPLE).await;
    }
}

#[tokio::test]
async fn the_environment_sets_the_intervals_and_nothing_else() {
    let receiver = Receiver::http().await;
    let this = std::env::current_exe().expect("this test");
    let mut child = Command::new(this)
        .args(["--ignored", "--exact", "sends_one_probe_by_the_environment"])
        .env("TEST_COLLECTOR", receiver.address.to_string())
        .env("OTEL_METRIC_EXPORT_INTERVAL", "100")
        .env("OTEL_BSP_SCHEDULE_DELAY", "50")
        .env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=other,x-env=1")
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        .env("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
        .env("OTEL_SERVICE_NAME", "other")
        .env("OTEL_TRACES_SAMPLER", "always_off")
        .env("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=other,only.there=1")
        .spawn()
        .expect("it starts");
    receiver.wait_for("spans", |r| r.span_names().contains("probe")).await;
    receiver.wait_for("metrics", |r| r.metric("dockpulse.probe.duration").is_some()).await;
    child.kill().expect("it ran");
    child.wait().expect("it ended");
    for headers in receiver.headers() {
        assert_eq!(headers.get("authorization").map(HeaderValue::as_bytes), Some(SECRET.as_bytes()));
        assert!(!headers.contains_key("x-env") && !headers.contains_key("content-encoding"));
    }
    for resource in receiver.resources() {
        assert_eq!(attribute(&resource.attributes, "service.name"), text("dockpulse").value.as_ref());
        assert_eq!(attribute(&resource.attributes, "service.instance.id"), text("agent-1").value.as_ref());
        assert_eq!(attribute(&resource.attributes, "only.there"), None);
    }
}

#[tokio::test]
#[ignore = "runs within the test above, which sets the environment for it"]
async fn sends_one_probe_by_the_environment() {
    #[expect(clippy::disallowed_methods, reason = "the test above speaks to this one by the environment")]
    let address = std::env::var("TEST_COLLECTOR").expect("run by the test above").parse().expect("an address");
    let setup = Setup { metric_interval: None, span_delay: None, ..setup(address, Protocol::Http) };
    let telemetry = Telemetry::silent();
    telemetry.send_to(&setup, HttpConnector::new()).expect("it starts");
    telemetry.record_probe(&probe());
    tokio::time::sleep(AMPLE).await;
}
#[tokio::test]
async fn a_trace_has_bounds_however_much_fails() {
    let receiver = Receiver::grpc().await;
    let telemetry = Telemetry::silent();
    telemetry.send_to(&setup(receiver.address, Protocol::Grpc), HttpConnector::new()).expect("it starts");
    let failure =
        ProbeFailure { container: "é".repeat(5000).into(), failure: Failure::Decode, text: "é".repeat(5000).into() };
    telemetry.record_probe(&ProbeReport { failures: vec![failure; 1000], ..probe() });
    receiver.wait_for("the spans", |r| r.spans().len() == 5).await;
    let spans = receiver.spans();
    let events = &span(&spans, "sample").events;
    assert_eq!(events.len(), ProbeReport::MOST_FAILURES);
    let length = |value: &Value| if let Value::StringValue(text) = value { text.len() } else { 0 };
    let lengths =
        events.iter().flat_map(|e| &e.attributes).filter_map(|kv| kv.value.as_ref()?.value.as_ref()).map(length);
    assert_eq!(lengths.max(), Some(512));
}

#[tokio::test]
async fn the_log_can_be_sent_too() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let receiver = if protocol == Protocol::Grpc { Receiver::grpc().await } else { Receiver::http().await };
        let clock = Clock::start();
        let (log, subscriber) =
            log::with_writer(Level::INFO, Format::Text, false, clock, std::io::sink()).expect("it starts");
        let _here = tracing::subscriber::set_default(subscriber);
        let telemetry = Telemetry::silent();
        let setup = Setup { metrics: false, traces: false, logs: Some(log), ..setup(receiver.address, protocol) };
        telemetry.record(&Event::SecondSignal);
        telemetry.send_to(&setup, HttpConnector::new()).expect("it starts");
        let (id, engine) = (ContainerId::try_new(&"ab".repeat(32)).expect("an id"), "local".into());
        let error = EngineError::Timeout { path: "/containers/{id}/stats", after: Duration::from_secs(10) };
        let container = Named { name: "web\x1b[2J".into(), id };
        telemetry.record(&Event::ContainerFailed { engine, container, failure: Failure::Timeout, error });
        telemetry.shutdown(AMPLE).await;
        telemetry.record(&Event::Stopped { unsent: 0 });
        let records = receiver.records();
        let [record] = &records[..] else { panic!("one record, not what came before and after: {records:?}") };
        assert_eq!((record.severity_number, &*record.severity_text), (13, "WARN"));
        let Some(Value::StringValue(body)) = record.body.as_ref().and_then(|b| b.value.as_ref()) else {
            panic!("words")
        };
        assert!(body.starts_with("engine local: container web\\u{1b}[2J (abababababab): "), "{body}");
        assert_eq!(attribute(&record.attributes, "dockpulse.engine.name"), text("local").value.as_ref());
        assert_eq!(attribute(&record.attributes, "container.id"), text(&"ab".repeat(32)).value.as_ref());
        assert!(record.time_unix_nano > START - 400 * 86_400 * 1_000_000_000);
    }
}

#[test]
fn sources_are_spoken_of_with_what_is_done_instead() {
    let engine = || "local".into();
    assert_eq!(
        Event::NoOneShot { engine: engine(), api: ApiVersion { major: 1, minor: 40 } }.to_string(),
        "engine local: API 1.40 has no one-shot numbers (1.41 has): source: one_shot is taken as two_sample"
    );
    assert_eq!(
        Event::SamplesDropped { engine: engine(), samples: 7 }.to_string(),
        "engine local: 7 samples of streams were dropped: the probe was late for more than an interval; raise interval"
    );
}
