//! An OTLP collector on a port of its own, over gRPC and HTTP at once, that keeps what it gets and answers as told.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinSet};

use super::pace::Pace;

/// So long something is waited for that has to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the collector does with a request. It has always been read whole before.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// Takes it.
    Accept,
    /// Takes it in part.
    Partial(i64, &'static str),
    /// Refuses it with a gRPC status.
    Grpc(i32, &'static str),
    /// The same with the value of `grpc-status-details-bin`, as it goes over the wire; in headers or in trailers.
    GrpcDetails(i32, String, Place),
    /// Answers with an HTTP status, headers and a body.
    Http(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Ends the connection without a word.
    Cut,
    /// Never answers.
    Hang,
    /// Takes it, and says otherwise after the message of success.
    GrpcLate(i32),
    /// Takes it and answers with so many bytes, and the end never comes.
    Flood(usize),
    /// Takes it and sends one answer after the other without end.
    GrpcEndless,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    Headers,
    Trailers,
}

#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    /// Uncompressed and without gRPC's frame.
    pub(crate) raw: Bytes,
    pub(crate) gzipped: bool,
    pub(crate) connection: usize,
    open: Weak<()>,
}

impl Received {
    pub(crate) fn message(&self) -> ExportMetricsServiceRequest {
        ExportMetricsServiceRequest::decode(self.raw.clone()).expect("a request")
    }

    /// Whether the collector still has to answer it and the sender still waits.
    pub(crate) fn is_open(&self) -> bool {
        self.open.upgrade().is_some()
    }

    /// The names of the metrics in it.
    pub(crate) fn metrics(&self) -> Vec<String> {
        let groups = self.message().resource_metrics.into_iter();
        groups.flat_map(|r| r.scope_metrics).flat_map(|s| s.metrics).map(|m| m.name).collect()
    }
}

pub(crate) struct Collector {
    state: Arc<State>,
    port: u16,
    listening: Option<JoinSet<()>>,
    _pace: Arc<Pace>,
}

struct State {
    script: Mutex<VecDeque<Answer>>,
    default: Mutex<Answer>,
    received: watch::Sender<Vec<Received>>,
    drop_all: Notify,
}

type Body = StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>;

impl Collector {
    pub(crate) async fn start() -> Self {
        let state = State {
            script: Mutex::default(),
            default: Mutex::new(Answer::Accept),
            received: watch::Sender::default(),
            drop_all: Notify::new(),
        };
        let mut collector = Self { state: Arc::new(state), port: 0, listening: None, _pace: Pace::keep() };
        collector.listen().await;
        collector
    }

    /// Listens (again), on the same port.
    pub(crate) async fn listen(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.expect("a port");
        self.port = listener.local_addr().expect("an address").port();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, self.state.clone()));
        self.listening = Some(tasks);
    }

    /// Ends all connections and takes no more.
    pub(crate) async fn stop(&mut self) {
        if let Some(mut tasks) = self.listening.take() {
            tasks.shutdown().await;
        }
        self.state.drop_all.notify_waiters();
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The next requests get these answers, the rest the usual one.
    pub(crate) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state.script.lock().unwrap().extend(answers);
    }

    /// The usual answer from now on.
    pub(crate) fn always(&self, answer: Answer) {
        *self.state.default.lock().unwrap() = answer;
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.received.borrow().clone()
    }

    /// Waits for the `n`th request.
    pub(crate) async fn wait_for(&self, n: usize) -> Vec<Received> {
        let mut received = self.state.received.subscribe();
        let enough = received.wait_for(|all| all.len() >= n);
        match tokio::time::timeout(PATIENCE, enough).await {
            Ok(all) => all.expect("the collector lives").clone(),
            Err(_) => panic!("{} requests, not {n}", self.received().len()),
        }
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    for number in 0.. {
        let Ok((socket, _)) = listener.accept().await else { return };
        let state = state.clone();
        let cut = Arc::new(Notify::new());
        let service = {
            let (state, cut) = (state.clone(), cut.clone());
            hyper::service::service_fn(move |request| serve(state.clone(), cut.clone(), number, request))
        };
        let _: AbortHandle = connections.spawn(async move {
            let server = auto::Builder::new(TokioExecutor::new());
            let connection = server.serve_connection(TokioIo::new(socket), service);
            tokio::select! {
                _ = connection => {}
                () = cut.notified() => {}
                () = state.drop_all.notified() => {}
            }
        });
    }
}

async fn serve(
    state: Arc<State>,
    cut: Arc<Notify>,
    connection: usize,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Ok(plain(400, vec![], vec![])) };
    let body = body.to_bytes();
    let is_grpc = head.headers.get("content-type").is_some_and(|t| t.as_bytes().starts_with(b"application/grpc"));
    let encoding = head.headers.get(if is_grpc { "grpc-encoding" } else { "content-encoding" }).cloned();
    let (raw, compressed) = if is_grpc { (body.slice(5..), body[0] == 1) } else { (body, encoding.is_some()) };
    let gzipped = compressed && encoding.as_ref().is_some_and(|e| e == "gzip");
    let raw = match compressed {
        false => raw,
        true if gzipped => gunzip(&raw),
        true => unzstd(&raw),
    };
    let open = Arc::new(());
    let answer = state.script.lock().unwrap().pop_front();
    let answer = answer.unwrap_or_else(|| state.default.lock().unwrap().clone());
    let path = head.uri.path().to_owned();
    let received = Received { path, headers: head.headers, raw, gzipped, connection, open: Arc::downgrade(&open) };
    state.received.send_modify(|all| all.push(received));
    let _open = open;
    match answer {
        Answer::Cut => {
            cut.notify_one();
            std::future::pending().await
        }
        Answer::Hang => std::future::pending().await,
        Answer::Http(status, headers, body) => Ok(plain(status, headers, body)),
        Answer::Flood(bytes) if is_grpc => Ok(unended(grpc(Answer::Flood(bytes), None))),
        Answer::GrpcEndless => {
            let messages = Bytes::from_static(&[0; 5 << 10]);
            let body = stream::repeat_with(move || Ok(Frame::data(messages.clone())));
            Ok(grpc(Answer::Accept, encoding).map(|_| StreamBody::new(body.boxed())))
        }
        answer if is_grpc => Ok(grpc(answer, encoding)),
        Answer::Accept => Ok(plain(200, protobuf(), response(0, ""))),
        Answer::Partial(rejected, message) => Ok(plain(200, protobuf(), response(rejected, message))),
        Answer::Flood(bytes) => Ok(unended(plain(200, protobuf(), vec![0; bytes]))),
        answer => panic!("{answer:?} over HTTP"),
    }
}

fn gunzip(bytes: &[u8]) -> Bytes {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).expect("gzip");
    out.into()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).expect("room");
    out.finish().expect("room")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 1).expect("room")
}

fn unzstd(bytes: &[u8]) -> Bytes {
    zstd::bulk::decompress(bytes, 64 << 20).expect("zstd").into()
}

fn protobuf() -> Vec<(&'static str, String)> {
    vec![("content-type", "application/x-protobuf".to_owned())]
}

fn response(rejected: i64, message: &str) -> Vec<u8> {
    let partial = (rejected != 0 || !message.is_empty())
        .then(|| ExportMetricsPartialSuccess { rejected_data_points: rejected, error_message: message.to_owned() });
    ExportMetricsServiceResponse { partial_success: partial }.encode_to_vec()
}

fn plain(status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(frames(vec![Frame::data(Bytes::from(body))]));
    *response.status_mut() = status.try_into().expect("a status");
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_str(&value).expect("a header"));
    }
    response
}

/// Answers compressed as the request was, unless there is nothing to compress: so do servers made with Go.
fn grpc(answer: Answer, encoding: Option<HeaderValue>) -> Response<Body> {
    let (mut headers, mut trailers, mut data) = (HeaderMap::new(), HeaderMap::new(), None);
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    match answer.clone() {
        Answer::Partial(rejected, message) => data = Some(response(rejected, message)),
        Answer::Flood(bytes) => data = Some(vec![0; bytes]),
        Answer::Grpc(code, message) => {
            headers.insert("grpc-status", code.into());
            headers.insert("grpc-message", HeaderValue::from_static(message));
        }
        Answer::GrpcDetails(code, details, place) => {
            let to = if matches!(place, Place::Headers) { &mut headers } else { &mut trailers };
            to.insert("grpc-status", code.into());
            to.insert("grpc-status-details-bin", HeaderValue::from_str(&details).expect("a header"));
        }
        _ => data = Some(response(0, "")),
    }
    let mut out = Vec::new();
    let mut status = 0;
    if let Answer::GrpcLate(code) = answer {
        status = code;
    }
    if let Some(mut message) = data {
        let compressed = encoding.is_some() && !message.is_empty();
        if compressed {
            message = if encoding.as_ref().is_some_and(|e| e == "gzip") { gzip(&message) } else { zstd(&message) };
        }
        headers.extend(encoding.map(|encoding| (http::HeaderName::from_static("grpc-encoding"), encoding)));
        let mut frame = BytesMut::new();
        frame.put_u8(u8::from(compressed));
        frame.put_u32(u32::try_from(message.len()).expect("a short answer"));
        frame.put_slice(&message);
        out.push(Frame::data(frame.freeze()));
        trailers.insert("grpc-status", status.into());
    }
    if !trailers.is_empty() {
        out.push(Frame::trailers(trailers));
    }
    let mut response = Response::new(frames(out));
    *response.headers_mut() = headers;
    response
}

fn frames(frames: Vec<Frame<Bytes>>) -> Body {
    StreamBody::new(stream::iter(frames.into_iter().map(Ok)).boxed())
}

fn unended(response: Response<Body>) -> Response<Body> {
    response.map(|body| StreamBody::new(body.chain(stream::pending()).boxed()))
}
