//! The sink's server on real sockets: both protocols, what is refused, and how it ends.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use super::*;
use crate::sink::Received;
use crate::sink::inbox::QUEUE;
use crate::sink::made::{container, gauge, memory, memory_retracted, of, request};

/// A server on free ports, answering in the background.
struct Running {
    grpc: SocketAddr,
    http: SocketAddr,
    receiver: Arrivals,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

#[expect(clippy::disallowed_methods, reason = "the test is its own pipeline")]
async fn start() -> Running {
    let any = || Some("127.0.0.1:0".to_owned());
    let (server, receiver) = Server::bind(&Listen { grpc: any(), http: any() }).await.unwrap();
    let (grpc, http) = (server.grpc_address().unwrap(), server.http_address().unwrap());
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(server.serve(async move {
        let _ = stopped.await;
    }));
    Running { grpc, http, receiver, stop, task }
}

impl Running {
    async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.grpc)).unwrap().connect().await.unwrap()
    }

    async fn received(&mut self) -> Received {
        tokio::time::timeout(Duration::from_secs(60), self.receiver.next()).await.unwrap().unwrap()
    }

    /// Sends to the HTTP address; gives the status, the headers and the body of the answer.
    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        send(self.http, method, path, headers, body).await
    }

    async fn post(&self, path: &str, content_type: &str, body: Vec<u8>) -> Answer {
        self.send(Method::POST, path, &[("content-type", content_type)], body).await
    }
}

type Answer = (StatusCode, HeaderMap, Bytes);

async fn send(to: SocketAddr, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut request = Request::builder().method(method).uri(format!("http://{to}{path}"));
    for (key, value) in headers {
        request = request.header(*key, *value);
    }
    let response = client.request(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    (head.status, head.headers, body.collect().await.unwrap().to_bytes())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn spans() -> ExportTraceServiceRequest {
    let span = Span { name: "probe".to_owned(), trace_id: vec![1; 16], span_id: vec![2; 8], ..Default::default() };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..Default::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..Default::default() }] }
}

/// A request that is larger than the cap and compresses well.
fn bomb() -> ExportMetricsServiceRequest {
    request(vec![of(container("web"), vec![gauge(&"a".repeat(MAX_REQUEST), "1", vec![])])])
}

const PROTOBUF: &str = "application/x-protobuf";

#[tokio::test]
async fn takes_metrics_over_grpc_plain_and_compressed() {
    let mut server = start().await;
    let client = MetricsServiceClient::new(server.channel().await);
    for mut client in [client.clone(), client.send_compressed(CompressionEncoding::Gzip)] {
        let answer = client.export(memory("web", 1.0, 7)).await.unwrap();
        assert_eq!(answer.into_inner().partial_success, None);
        assert_eq!(server.received().await, Received::Metrics(memory("web", 1.0, 7)));
    }
}

#[tokio::test]
async fn takes_spans_over_grpc_and_acknowledges_logs() {
    let mut server = start().await;
    let channel = server.channel().await;
    TraceServiceClient::new(channel.clone()).export(spans()).await.unwrap();
    assert_eq!(server.received().await, Received::Traces(spans()));
    assert_eq!(unary(channel.clone(), "/opentelemetry.proto.collector.logs.v1.LogsService/Export").await, Ok(()));
    let unknown = unary(channel, "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export").await;
    assert_eq!(unknown, Err(Code::Unimplemented));
    assert!(server.receiver.waiting().is_none());
}

/// Calls a method with a message of unknown fields.
async fn unary(channel: Channel, path: &'static str) -> Result<(), Code> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static(path);
    let codec = ProstCodec::<ExportMetricsServiceRequest, ()>::default();
    let answer = client.unary(tonic::Request::new(memory("web", 1.0, 1)), path, codec).await;
    answer.map(tonic::Response::into_inner).map_err(|status: Status| status.code())
}

#[tokio::test]
async fn a_bomb_is_cut_over_grpc() {
    let mut server = start().await;
    let client = MetricsServiceClient::new(server.channel().await);
    let mut client = client.send_compressed(CompressionEncoding::Gzip);
    let status = client.export(bomb()).await.unwrap_err();
    assert!(status.message().contains("limit"), "{status}");
    assert!(server.receiver.waiting().is_none());
    client.export(memory("web", 1.0, 7)).await.unwrap();
}

#[tokio::test]
async fn senders_are_told_to_come_again_while_nobody_takes_what_arrives() {
    let mut server = start().await;
    let mut client = MetricsServiceClient::new(server.channel().await);
    for i in 0..QUEUE {
        client.export(memory("web", i as f64, 1)).await.unwrap();
    }
    let status = client.export(memory("web", 100.0, 1)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let body = memory("web", 100.0, 1).encode_to_vec();
    let (status, headers, _) = server.post("/v1/metrics", PROTOBUF, body.clone()).await;
    assert_eq!((status, &headers["retry-after"]), (StatusCode::SERVICE_UNAVAILABLE, &"1".parse().unwrap()));
    server.received().await;
    assert_eq!(server.post("/v1/metrics", PROTOBUF, body).await.0, StatusCode::OK);
}

#[tokio::test]
async fn takes_protobuf_and_json_over_http_plain_and_compressed() {
    let mut server = start().await;
    for sent in [memory("web", 1.0, 7), memory_retracted("web", 2.0)] {
        let json = serde_json::to_vec(&sent).unwrap();
        for (content_type, body, answer) in [
            (PROTOBUF, sent.encode_to_vec(), &b""[..]),
            ("application/json", json.clone(), b"{}"),
            ("Application/JSON; charset=utf-8", json, b"{}"),
        ] {
            let plain = [("content-type", content_type)];
            let compressed = [("content-type", content_type), ("content-encoding", "gzip")];
            for (headers, body) in [(&plain[..], body.clone()), (&compressed[..], gzip(&body))] {
                let (status, _, said) = server.send(Method::POST, "/v1/metrics", headers, body).await;
                assert_eq!((status, &*said), (StatusCode::OK, answer));
                assert_eq!(server.received().await, Received::Metrics(sent.clone()));
            }
        }
    }
    let (status, ..) = server.post("/v1/traces", PROTOBUF, spans().encode_to_vec()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(server.received().await, Received::Traces(spans()));
    assert_eq!(server.post("/v1/logs", PROTOBUF, b"whatever".to_vec()).await.0, StatusCode::OK);
    assert!(server.receiver.waiting().is_none());
}

#[tokio::test]
async fn what_is_not_otlp_is_refused_over_http() {
    let mut server = start().await;
    let body = || memory("web", 1.0, 7).encode_to_vec();
    let gzip_says = |encoding| vec![("content-type", PROTOBUF), ("content-encoding", encoding)];
    let plain = || vec![("content-type", PROTOBUF)];
    let json = || vec![("content-type", "application/json")];
    for (method, path, headers, body, expected) in [
        (Method::GET, "/v1/metrics", plain(), vec![], StatusCode::METHOD_NOT_ALLOWED),
        (Method::POST, "/v1/metric", plain(), body(), StatusCode::NOT_FOUND),
        (Method::POST, "/v1/metrics", vec![], body(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Method::POST, "/v1/metrics", vec![("content-type", "text/plain")], body(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Method::POST, "/v1/metrics", gzip_says("br"), body(), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (Method::POST, "/v1/metrics", gzip_says("gzip"), body(), StatusCode::BAD_REQUEST),
        (Method::POST, "/v1/metrics", plain(), b"\xff\xff\xff".to_vec(), StatusCode::BAD_REQUEST),
        (Method::POST, "/v1/metrics", json(), b"{\"resourceMetrics\":".to_vec(), StatusCode::BAD_REQUEST),
        (Method::POST, "/v1/metrics", plain(), vec![0; MAX_REQUEST + 1], StatusCode::PAYLOAD_TOO_LARGE),
        (Method::POST, "/v1/metrics", gzip_says("gzip"), gzip(&bomb().encode_to_vec()), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let (status, _, said) = server.send(method, path, &headers, body).await;
        assert_eq!(status, expected, "{path} {headers:?}");
        if headers == json() {
            assert!(said.starts_with(b"{\"message\":\"the body is not OTLP"), "{said:?}");
        } else {
            assert!(!tonic_types::Status::decode(said).unwrap().message.is_empty());
        }
    }
    assert!(server.receiver.waiting().is_none());
}

#[tokio::test]
async fn whoever_takes_one_port_for_the_other_is_told() {
    let server = start().await;
    let body = memory("web", 1.0, 7).encode_to_vec();
    let (status, _, said) = send(server.grpc, Method::POST, "/v1/metrics", &[("content-type", PROTOBUF)], body).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(&*said, b"this is OTLP/gRPC; OTLP/HTTP has a port of its own, 4318 by default");
    let channel = Channel::from_shared(format!("http://{}", server.http)).unwrap().connect().await.unwrap();
    let status = MetricsServiceClient::new(channel).export(memory("web", 1.0, 7)).await.unwrap_err();
    assert!(status.message().contains("415") || status.message().contains("404"), "{status}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_cause_and_mend() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let listen = Listen { grpc: None, http: Some(address.clone()) };
    let told = Server::bind(&listen).await.unwrap_err().to_string();
    assert!(told.starts_with(&format!("cannot listen on {address} for OTLP/HTTP: ")), "{told}");
    assert!(told.contains("another collector may be running there: stop it, or choose another port"), "{told}");
    assert!(!told.contains('\n'));
    let nonsense = Listen { grpc: Some("nonsense".to_owned()), http: None };
    let told = Server::bind(&nonsense).await.unwrap_err().to_string();
    assert!(told.contains("give HOST:PORT"), "{told}");
}

#[test]
fn off_means_not_at_all() {
    assert_eq!(Listen::address("off"), None);
    assert_eq!(Listen::address("127.0.0.1:0").as_deref(), Some("127.0.0.1:0"));
}

/// What the server says before it closes the connection.
async fn last_words(mut stream: TcpStream) -> String {
    let mut said = Vec::new();
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut said).await;
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_is_closed() {
    let server = start().await;
    for address in [server.grpc, server.http] {
        for begun in ["", "P", "POST /v1/metrics HTTP/1.1\r\nHost: x\r\n"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(begun.as_bytes()).await.unwrap();
            last_words(stream).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.http).await.unwrap();
    let head =
        "POST /v1/metrics HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 9\r\n\r\nabc";
    stream.write_all(head.as_bytes()).await.unwrap();
    let said = last_words(stream).await;
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
}

#[tokio::test]
async fn connections_beyond_the_cap_wait_for_their_turn() {
    let mut server = start().await;
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        held.push(TcpStream::connect(server.http).await.unwrap());
    }
    let http = server.http;
    let body = memory("web", 1.0, 7).encode_to_vec();
    let late = send(http, Method::POST, "/v1/metrics", &[("content-type", PROTOBUF)], body);
    let mut late = std::pin::pin!(late);
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut late).await.is_err());
    held.pop();
    assert_eq!(tokio::time::timeout(Duration::from_secs(60), late).await.unwrap().0, StatusCode::OK);
    server.received().await;
}

#[tokio::test]
async fn it_ends_when_it_is_told_although_senders_are_connected() {
    let Running { stop, task, mut receiver, grpc, .. } = start().await;
    let channel = Channel::from_shared(format!("http://{grpc}")).unwrap().connect().await.unwrap();
    MetricsServiceClient::new(channel).export(memory("web", 1.0, 7)).await.unwrap();
    let _idle = TcpStream::connect(grpc).await.unwrap();
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(60), task).await.unwrap().unwrap();
    assert!(receiver.next().await.is_some(), "what was acknowledged is there");
    assert_eq!(receiver.next().await, None);
}

#[tokio::test]
async fn a_request_that_is_under_way_does_not_keep_it_from_ending() {
    let Running { stop, task, http, .. } = start().await;
    let mut stream = TcpStream::connect(http).await.unwrap();
    let head =
        "POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 9\r\n\r\nabc";
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(60), task).await.unwrap().unwrap();
}
