//! Delivery to a collector over real sockets: what it says decides what is sent again, and nothing overtakes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "support/collector.rs"]
mod collector;
#[path = "support/pace.rs"]
mod pace;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use collector::{Answer, Collector, Place};
use dockpulse::export::retry::Backoff;
use dockpulse::export::{
    Compression, ExportReport, Failure, Headers, Outcome, Protocol, Retry, Settings, Unsent, Worker, metrics_url,
};
use dockpulse::model::batch::{Batch, Group, Mark, Point, Reason};
use dockpulse::model::published::Decision;
use dockpulse::model::series::{AttributeInterner, Kind, Metric, Resource, Value};
use dockpulse::model::time::{Clock, Monotonic, UnixNanos};
use dockpulse::outbox::{MemoryOutbox, Queue};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use tokio::sync::watch;
use tonic::codec::CompressionEncoding;

static METRICS: [Metric; 8] = {
    const fn gauge(name: &'static str) -> Metric {
        Metric { name, unit: "1", kind: Kind::Gauge }
    }
    [gauge("m0"), gauge("m1"), gauge("m2"), gauge("m3"), gauge("m4"), gauge("m5"), gauge("m6"), gauge("m7")]
};

const BOTH: [Protocol; 2] = [Protocol::Grpc, Protocol::HttpProtobuf];

/// A worker that delivers to a collector, and all that it told.
struct Sender {
    queue: Queue,
    clock: Clock,
    shutdown: watch::Sender<Option<Monotonic>>,
    reports: Arc<Mutex<Vec<ExportReport>>>,
    running: tokio::task::JoinSet<Unsent>,
}

fn settings(url: &str, protocol: Protocol) -> Settings {
    let endpoint = if protocol == Protocol::Grpc { url.to_owned() } else { metrics_url(url) };
    let backoff = Backoff { initial: Duration::from_millis(20), max: Duration::from_millis(200) };
    Settings {
        endpoint,
        protocol,
        timeout: Duration::from_secs(5),
        retry: Retry { backoff, give_up_after: Duration::ZERO },
        ..Settings::default()
    }
}

impl Sender {
    fn start(settings: &Settings) -> Self {
        let (queue, clock) = (Queue::new(MemoryOutbox::new(8 << 20)), Clock::start());
        let reports = Arc::new(Mutex::new(Vec::new()));
        let observer = {
            let reports = reports.clone();
            Arc::new(move |report: &ExportReport| reports.lock().unwrap().push(report.clone()))
        };
        let worker = Worker::new(settings, queue.clone(), clock, observer).expect("settings");
        let (shutdown, asked) = watch::channel(None);
        let mut running = tokio::task::JoinSet::new();
        running.spawn(worker.run(asked));
        Self { queue, clock, shutdown, reports, running }
    }

    fn push(&self, batch: Batch) {
        assert_eq!(self.queue.push(Decision { batch, ..Decision::default() }, self.clock.now()).dropped_values, 0);
    }

    /// Asks the worker to end within a time, and waits for it.
    async fn end(&mut self, within: Duration) -> Unsent {
        self.shutdown.send(Some(self.clock.now().mono + within)).expect("the worker runs");
        self.running.join_next().await.expect("a worker").expect("no panic")
    }

    fn reports(&self) -> Vec<ExportReport> {
        self.reports.lock().unwrap().clone()
    }

    fn told(&self) -> String {
        self.reports().iter().map(|report| format!("{report}\n")).collect()
    }
}

fn mark(metric: usize, mark: Mark) -> Batch {
    let point = Point {
        metric: &METRICS[metric],
        attributes: AttributeInterner::default().intern(&[]),
        start: UnixNanos::UNKNOWN,
        mark,
    };
    let resource = Arc::new(Resource::new(vec![("container.id".into(), "c0ffee".into())], &[]));
    Batch { groups: vec![Group { resource, time: UnixNanos(1), points: vec![point] }] }
}

fn value(metric: usize) -> Batch {
    mark(metric, Mark::First(Value::Int(1)))
}

fn retraction(metric: usize) -> Batch {
    mark(metric, Mark::Retracted(Reason::Removed))
}

fn joined(batches: impl IntoIterator<Item = Batch>) -> Batch {
    Batch { groups: batches.into_iter().flat_map(|b| b.groups).collect() }
}

#[tokio::test]
async fn delivers_in_order() {
    for protocol in BOTH {
        let collector = Collector::start().await;
        let mut sender = Sender::start(&settings(&collector.url(), protocol));
        (0..8).for_each(|i| sender.push(value(i)));
        let got = collector.wait_for(8).await;
        let names: Vec<_> = got.iter().flat_map(|r| r.metrics()).collect();
        assert_eq!(names, ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"]);
        assert!(got.iter().all(|r| r.connection == got[0].connection), "over one connection");
        assert_eq!(sender.end(Duration::from_secs(5)).await, Unsent::default());
    }
}

#[tokio::test]
async fn a_request_that_failed_comes_again_with_the_same_bytes_before_any_other() {
    let grpc = [1, 4, 10, 11, 14, 15].map(|code| (Protocol::Grpc, Answer::Grpc(code, "later")));
    let http = [429, 502, 503, 504].map(|status| (Protocol::HttpProtobuf, Answer::Http(status, vec![], vec![])));
    let cut = BOTH.map(|protocol| (protocol, Answer::Cut));
    for (protocol, answer) in grpc.into_iter().chain(http).chain(cut) {
        let collector = Collector::start().await;
        collector.answer([answer.clone(), answer.clone()]);
        let sender = Sender::start(&settings(&collector.url(), protocol));
        (0..3).for_each(|i| sender.push(value(i)));
        let got = collector.wait_for(5).await;
        let names: Vec<_> = got.iter().flat_map(|r| r.metrics()).collect();
        assert_eq!(names, ["m0", "m0", "m0", "m1", "m2"], "{answer:?}");
        assert!(got[0].raw == got[1].raw && got[1].raw == got[2].raw);
        let attempts: Vec<_> = sender.reports().iter().map(|r| attempt(&r.outcome)).collect();
        assert_eq!(attempts[..3], [1, 2, 0], "{answer:?}");
    }
}

fn attempt(outcome: &Outcome) -> u32 {
    match outcome {
        Outcome::Retrying { attempt, .. } => *attempt,
        _ => 0,
    }
}

#[tokio::test]
async fn a_refused_request_is_dropped_and_its_retractions_are_told() {
    let grpc = [2, 3, 5, 6, 7, 8, 9, 12, 13, 16].map(|code| (Protocol::Grpc, Answer::Grpc(code, "no")));
    let http = [301, 400, 401, 403, 404, 413, 500, 501].map(|status| {
        (Protocol::HttpProtobuf, Answer::Http(status, vec![("content-type", "text/plain".into())], b"no".into()))
    });
    for (protocol, answer) in grpc.into_iter().chain(http) {
        let collector = Collector::start().await;
        collector.answer([answer.clone()]);
        let sender = Sender::start(&settings(&collector.url(), protocol));
        sender.push(joined([value(0), retraction(1)]));
        sender.push(value(2));
        let got = collector.wait_for(2).await;
        assert_eq!(got[1].metrics(), ["m2"], "{answer:?}");
        let report = sender.reports().remove(0);
        let Outcome::Dropped { refused, .. } = &report.outcome else { panic!("{answer:?}: {report}") };
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].point.metric.name, "m1");
        assert_eq!((report.points, report.retractions), (2, 1));
        assert!(report.to_string().contains("no"), "{report}");
    }
}

#[tokio::test]
async fn what_the_collector_says_of_a_partial_success_is_told_and_nothing_sent_again() {
    for protocol in BOTH {
        let collector = Collector::start().await;
        collector.answer([Answer::Partial(7, "odd points\u{1b}[2J"), Answer::Partial(0, "please upgrade")]);
        let sender = Sender::start(&settings(&collector.url(), protocol));
        (0..3).for_each(|i| sender.push(value(i)));
        let got = collector.wait_for(3).await;
        assert_eq!(got[2].metrics(), ["m2"]);
        assert!(sender.told().contains("1 of 1 point rejected: odd points\\u{1b}[2J"), "{}", sender.told());
        assert!(sender.told().contains("with a warning: please upgrade"), "{}", sender.told());
    }
}

#[tokio::test]
async fn waits_as_long_as_the_collector_asks() {
    let asked = Duration::from_millis(1000);
    // google.rpc.Status with a RetryInfo of one second.
    let details = "CAgSB25vdCBub3caMAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIECgIIAQ";
    for (protocol, answer) in [
        (Protocol::HttpProtobuf, Answer::Http(503, vec![("retry-after", "1".to_owned())], vec![])),
        (Protocol::Grpc, Answer::GrpcDetails(8, details.to_owned(), Place::Headers)),
        (Protocol::Grpc, Answer::GrpcDetails(8, details.to_owned(), Place::Trailers)),
    ] {
        let collector = Collector::start().await;
        collector.answer([answer]);
        let sender = Sender::start(&settings(&collector.url(), protocol));
        sender.push(value(0));
        let got = collector.wait_for(2).await;
        assert_eq!(got[0].raw, got[1].raw);
        let reports = sender.reports();
        let Outcome::Retrying { pause, .. } = reports[0].outcome else { panic!("{}", reports[0]) };
        assert!(pause >= asked && pause < asked * 2, "{pause:?}");
        collector.wait_for(2).await;
    }
}

#[tokio::test]
async fn status_details_that_are_not_base64_are_left_out_and_harm_nothing() {
    for place in [Place::Headers, Place::Trailers] {
        let collector = Collector::start().await;
        collector.answer([Answer::GrpcDetails(8, "!!! not base64 !!!".to_owned(), place)]);
        let sender = Sender::start(&settings(&collector.url(), Protocol::Grpc));
        (0..2).for_each(|i| sender.push(value(i)));
        assert_eq!(collector.wait_for(2).await[1].metrics(), ["m1"]);
        assert!(sender.told().contains("RESOURCE_EXHAUSTED"), "{}", sender.told());
    }
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_read_and_the_points_count_as_delivered() {
    for protocol in BOTH {
        let collector = Collector::start().await;
        collector.answer([Answer::Flood(1 << 20)]);
        let sender = Sender::start(&settings(&collector.url(), protocol));
        (0..2).for_each(|i| sender.push(value(i)));
        let got = collector.wait_for(2).await;
        assert_eq!(got[1].metrics(), ["m1"]);
        assert!(sender.told().contains("was not read"), "{}", sender.told());
    }
}

#[tokio::test]
async fn a_grpc_status_after_the_message_counts() {
    let collector = Collector::start().await;
    collector.answer([Answer::GrpcLate(14), Answer::GrpcLate(3)]);
    let sender = Sender::start(&settings(&collector.url(), Protocol::Grpc));
    (0..2).for_each(|i| sender.push(value(i)));
    let names: Vec<_> = collector.wait_for(3).await.iter().flat_map(|r| r.metrics()).collect();
    assert_eq!(names, ["m0", "m0", "m1"]);
    assert!(sender.told().contains("INVALID_ARGUMENT"), "{}", sender.told());
}

#[tokio::test]
async fn odd_answers_end_in_a_verdict_and_the_next_batch_goes_out() {
    let html = || ("content-type", "text/html".to_owned());
    let grpc = |name, value: &str| {
        Answer::Http(200, vec![("content-type", "application/grpc".into()), (name, value.into())], vec![])
    };
    let odd = [
        (Protocol::Grpc, grpc("grpc-status", "seventeen")),
        (Protocol::Grpc, grpc("grpc-status", "99")),
        (Protocol::Grpc, grpc("grpc-status", "0")),
        (
            Protocol::Grpc,
            Answer::Http(200, vec![("grpc-status", "3".into()), ("grpc-message", "%ff%zz%".into())], vec![]),
        ),
        (Protocol::Grpc, grpc("grpc-encoding", "snappy")),
        (Protocol::Grpc, Answer::Http(404, vec![html()], b"<html>".into())),
        (Protocol::Grpc, Answer::Http(200, vec![html()], b"<html>".into())),
        (Protocol::Grpc, Answer::Http(200, vec![("grpc-status", "0".into())], vec![1, 0xff, 0xff, 0xff, 0xff, 7])),
        (Protocol::HttpProtobuf, Answer::Http(200, vec![html()], b"<html>".into())),
        (Protocol::HttpProtobuf, Answer::Http(200, vec![], vec![0xff; 9])),
        (Protocol::HttpProtobuf, Answer::Http(204, vec![], vec![])),
        (Protocol::HttpProtobuf, Answer::Http(302, vec![("location", "http://192.0.2.1/".into())], vec![])),
        (
            Protocol::HttpProtobuf,
            Answer::Http(400, vec![("content-type", "application/x-protobuf".into())], vec![0xff; 9]),
        ),
        (
            Protocol::HttpProtobuf,
            Answer::Http(400, vec![("content-type", "text/plain".into())], vec![0xff, 0x1b, 0x5b]),
        ),
        (Protocol::HttpProtobuf, Answer::Http(418, vec![("retry-after", "soon".into())], vec![])),
    ];
    for (protocol, answer) in odd {
        let collector = Collector::start().await;
        collector.answer([answer.clone()]);
        let mut sender = Sender::start(&settings(&collector.url(), protocol));
        (0..2).for_each(|i| sender.push(value(i)));
        assert_eq!(sender.end(Duration::from_secs(5)).await, Unsent::default(), "{answer:?}: {}", sender.told());
        assert!(sender.told().chars().all(|c| c == '\n' || !c.is_control()), "{answer:?}: {}", sender.told());
        assert_eq!(collector.received().last().unwrap().metrics(), ["m1"]);
    }
}

#[tokio::test]
async fn answers_without_end_are_read_up_to_a_bound_only() {
    let collector = Collector::start().await;
    collector.answer([Answer::GrpcEndless]);
    let sender = Sender::start(&settings(&collector.url(), Protocol::Grpc));
    (0..2).for_each(|i| sender.push(value(i)));
    assert_eq!(collector.wait_for(2).await[1].metrics(), ["m1"]);
    assert!(sender.told().contains("was not read"), "{}", sender.told());
}

#[tokio::test]
async fn a_hung_request_ends_with_its_time_and_the_next_try_has_a_connection_of_its_own() {
    for protocol in BOTH {
        let collector = Collector::start().await;
        collector.answer([Answer::Hang]);
        let timeout = Duration::from_millis(200);
        let sender = Sender::start(&Settings { timeout, ..settings(&collector.url(), protocol) });
        sender.push(value(0));
        let got = collector.wait_for(2).await;
        assert_eq!(got[0].raw, got[1].raw);
        assert_ne!(got[0].connection, got[1].connection);
        assert!(!got[0].is_open(), "the collector is told that nobody waits");
        assert!(
            matches!(
                sender.reports()[0].outcome,
                Outcome::Retrying { cause: Failure::Timeout(t), .. } if t == timeout
            ),
            "{}",
            sender.told()
        );
    }
}

#[tokio::test]
async fn ends_by_the_deadline_with_a_hung_collector_and_says_what_is_left() {
    for protocol in BOTH {
        let collector = Collector::start().await;
        collector.always(Answer::Hang);
        let mut sender = Sender::start(&settings(&collector.url(), protocol));
        sender.push(joined([value(0), retraction(1)]));
        sender.push(value(2));
        collector.wait_for(1).await;
        let begin = sender.clock.now().mono;
        let unsent = sender.end(Duration::from_millis(300)).await;
        assert_eq!(unsent, Unsent { batches: 2, points: 3, retractions: 1, ..Unsent::default() });
        let took = sender.clock.now().mono.since(begin);
        assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(3), "{took:?}");
    }
}

#[tokio::test]
async fn the_end_is_not_held_up_by_a_pause_and_what_is_left_goes_out() {
    for protocol in BOTH {
        let collector = Collector::start().await;
        let retry_after = vec![("retry-after", "600".to_owned())];
        collector.answer([match protocol {
            Protocol::Grpc => Answer::Grpc(14, "later"),
            Protocol::HttpProtobuf => Answer::Http(503, retry_after, vec![]),
        }]);
        let backoff = Backoff { initial: Duration::from_secs(60), max: Duration::from_secs(60) };
        let retry = Retry { backoff, ..Retry::default() };
        let mut sender = Sender::start(&Settings { retry, ..settings(&collector.url(), protocol) });
        (0..2).for_each(|i| sender.push(value(i)));
        collector.wait_for(1).await;
        let begin = sender.clock.now().mono;
        assert_eq!(sender.end(Duration::from_secs(8)).await, Unsent::default());
        assert!(sender.clock.now().mono.since(begin) < Duration::from_secs(4));
        assert_eq!(collector.received().len(), 3);
    }
}

#[tokio::test]
async fn a_collector_that_is_away_gets_all_in_order_when_it_is_back() {
    for protocol in BOTH {
        let mut collector = Collector::start().await;
        let mut sender = Sender::start(&settings(&collector.url(), protocol));
        sender.push(value(0));
        collector.wait_for(1).await;
        collector.stop().await;
        (1..4).for_each(|i| sender.push(value(i)));
        while !sender.told().contains("trying again") {
            tokio::task::yield_now().await;
        }
        collector.listen().await;
        let got = collector.wait_for(4).await;
        let names: Vec<_> = got.iter().flat_map(|r| r.metrics()).collect();
        assert_eq!(names, ["m0", "m1", "m2", "m3"], "{}", sender.told());
        assert_eq!(sender.end(Duration::from_secs(5)).await, Unsent::default());
    }
}

#[tokio::test]
async fn a_batch_is_split_into_requests_within_the_limit() {
    for protocol in BOTH {
        let collector = Collector::start().await;
        let max_request_bytes = 250;
        let mut sender = Sender::start(&Settings { max_request_bytes, ..settings(&collector.url(), protocol) });
        collector.answer([Answer::Accept, Answer::Cut]);
        sender.push(joined((0..8).map(value)));
        assert_eq!(sender.end(Duration::from_secs(5)).await, Unsent::default());
        let got = collector.received();
        assert!(got.iter().all(|r| r.raw.len() <= max_request_bytes) && got.len() >= 4);
        assert_eq!(got[1].raw, got[2].raw, "the part that failed comes again");
        let names: Vec<_> = got.iter().enumerate().filter(|(i, _)| *i != 1).flat_map(|(_, r)| r.metrics()).collect();
        assert_eq!(names, ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"]);
    }
}

#[tokio::test]
async fn compresses_only_if_told_to_or_on_the_way_to_another_host() {
    for protocol in BOTH {
        for (compression, expected) in
            [(Compression::Auto, false), (Compression::None, false), (Compression::Gzip, true)]
        {
            let collector = Collector::start().await;
            let sender = Sender::start(&Settings { compression, ..settings(&collector.url(), protocol) });
            sender.push(value(0));
            let got = collector.wait_for(1).await;
            assert_eq!(got[0].gzipped, expected);
            assert_eq!(got[0].metrics(), ["m0"]);
        }
    }
}

#[tokio::test]
async fn sends_headers_and_says_who_it_is() {
    for protocol in BOTH {
        let collector = Collector::start().await;
        let headers = Headers::try_new([("X-Scope-OrgID", "team-a"), ("authorization", "Bearer t0k")]).unwrap();
        let sender = Sender::start(&Settings { headers, ..settings(&collector.url(), protocol) });
        sender.push(value(0));
        let got = &collector.wait_for(1).await[0].headers;
        assert_eq!(
            (&got["x-scope-orgid"], &got["authorization"]),
            (&"team-a".parse().unwrap(), &"Bearer t0k".parse().unwrap())
        );
        assert!(got["user-agent"].to_str().unwrap().starts_with("dockpulse/"), "{:?}", got["user-agent"]);
    }
}

#[tokio::test]
async fn says_so_if_the_other_protocol_is_spoken_there() {
    for (protocol, answers, hint) in [
        (Protocol::Grpc, &b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"[..], "set protocol: http/protobuf"),
        (
            Protocol::HttpProtobuf,
            b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0d\0\x04\0\0\xff\xff\0\x05\0\0@\0",
            "set protocol: grpc",
        ),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let sender = Sender::start(&settings(&url, protocol));
        sender.push(value(0));
        let (mut socket, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut socket, answers).await.unwrap();
        while sender.reports().is_empty() {
            tokio::task::yield_now().await;
        }
        let told = sender.told().to_lowercase();
        assert!(told.contains(hint) && told.contains(&url), "{told}");
    }
}

#[tokio::test]
async fn nobody_listening_is_told_with_the_address_and_the_cause() {
    for protocol in BOTH {
        let mut collector = Collector::start().await;
        collector.stop().await;
        let sender = Sender::start(&settings(&collector.url(), protocol));
        sender.push(value(0));
        while sender.reports().is_empty() {
            tokio::task::yield_now().await;
        }
        assert!(sender.told().contains(&collector.url()) && sender.told().contains("refused"), "{}", sender.told());
    }
}

#[tokio::test]
async fn a_name_that_is_not_known_is_told_with_the_mend() {
    for protocol in BOTH {
        let sender = Sender::start(&settings("http://no-such-host.invalid:4317", protocol));
        sender.push(value(0));
        while sender.reports().is_empty() {
            tokio::task::yield_now().await;
        }
        let told = sender.told();
        assert!(told.contains("lookup address") && told.contains("is the name right?"), "{told}");
    }
}

#[tokio::test]
async fn a_path_in_the_endpoint_is_kept() {
    for (protocol, path) in [
        (Protocol::Grpc, "/prefix/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"),
        (Protocol::HttpProtobuf, "/prefix/v1/metrics"),
    ] {
        let collector = Collector::start().await;
        let sender = Sender::start(&settings(&format!("{}/prefix/", collector.url()), protocol));
        sender.push(value(0));
        assert_eq!(collector.wait_for(1).await[0].path, path);
    }
}

/// The service of opentelemetry-proto, which knows nothing of this crate.
struct Service(watch::Sender<Option<ExportMetricsServiceRequest>>);

#[tonic::async_trait]
impl MetricsService for Service {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<ExportMetricsServiceResponse>, tonic::Status> {
        self.0.send_replace(Some(request.into_inner()));
        Ok(tonic::Response::new(ExportMetricsServiceResponse { partial_success: None }))
    }
}

#[tokio::test]
async fn a_metrics_service_as_others_have_it_takes_it() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (got, mut gets) = watch::channel(None);
    let service = MetricsServiceServer::new(Service(got)).accept_compressed(CompressionEncoding::Gzip);
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
    let mut sender = Sender::start(&Settings { compression: Compression::Gzip, ..settings(&url, Protocol::Grpc) });
    sender.push(value(3));
    let request = gets.wait_for(Option::is_some).await.unwrap().clone().unwrap();
    assert_eq!(request.resource_metrics[0].scope_metrics[0].metrics[0].name, "m3");
    assert_eq!(sender.end(Duration::from_secs(5)).await, Unsent::default());
    assert!(sender.told().contains("1 point delivered"), "{}", sender.told());
}

#[tokio::test]
async fn one_shot_is_push_then_the_deadline_and_the_reports_tell_the_outcome() {
    for protocol in BOTH {
        let collector = Collector::start().await;
        collector.always(match protocol {
            Protocol::Grpc => Answer::Grpc(16, "no token"),
            Protocol::HttpProtobuf => Answer::Http(401, vec![], vec![]),
        });
        let mut sender = Sender::start(&settings(&collector.url(), protocol));
        sender.push(value(0));
        assert_eq!(sender.end(Duration::from_secs(5)).await, Unsent::default());
        let reports = sender.reports();
        assert!(matches!(reports[..], [ExportReport { outcome: Outcome::Dropped { .. }, .. }]), "{}", sender.told());
    }
}
